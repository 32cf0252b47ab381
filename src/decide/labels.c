/*
 * labels.c
 *	  New labels of an enum: the playbook, and what may be one.
 *
 * New labels go to the end of the order: where else they belong is meaning,
 * and only the team knows it. Labels are read with a plain scan of the
 * catalog: no code of anybody runs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "read/inlist.h"
#include "read/unseen.h"
#include "catalog/dependency.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "decide/labels.h"
#include "decide/lattice.h"
#include "decide/respell.h"
#include "nodes/makefuncs.h"
#include "parser/parse_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The labels of an enum (char *), in the order of their names. */
static List *
labels_of(Oid type)
{
	Relation	pg_enum = table_open(EnumRelationId, AccessShareLock);
	List	   *labels = NIL;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, Anum_pg_enum_enumtypid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(type));
	scan = systable_beginscan(pg_enum, EnumTypIdLabelIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		labels = lappend(labels, pstrdup(NameStr(((Form_pg_enum) GETSTRUCT(tup))->enumlabel)));
	systable_endscan(scan);
	table_close(pg_enum, AccessShareLock);
	return labels;
}

/* 'a', 'b' and 'c' */
static char *
quoted(const List *labels)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, labels)
	{
		if (lc != list_head(labels))
			appendStringInfoString(&buf, lnext(labels, lc) ? ", " : " and ");
		appendStringInfo(&buf, "\"%s\"", (const char *) lfirst(lc));
	}
	return buf.data;
}

/* See the header. */
void
labels_add(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	List	   *present;
	List	   *fresh = NIL;
	ListCell   *lc;
	const char *spelling = NULL;
	const char *spelled = NULL;
	bool		hidden = false;
	char	   *type;

	if (f->target == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	type = lattice_name(f->target->type, f->target->typmod);
	if (f->target->tclass != TYPE_ENUM || f->target->is_domain)
	{
		r->explanation = psprintf("Column %s is of type %s, which is not the enum itself: a person "
								  "adds the label.", quote_identifier(f->column), type);
		return;
	}
	if (f->many_labels)
	{
		r->explanation = psprintf("%s more than %d different words that type %s of column %s lacks: "
								  "that is no list of labels.",
								  remedy_rows_bring(f), FINDING_LABELS, type,
								  quote_identifier(f->column));
		return;
	}
	present = labels_of(f->target->basetype);
	foreach(lc, f->labels)
	{
		const char *label = lfirst(lc);
		const char *other = respell_of(present, label);

		if (other == NULL)
			other = respell_of(f->labels, label);
		if (other == NULL && unseen_in(label))
		{
			/* one such word does not keep the others from being labels */
			hidden = true;
			remedy_option(r, false, psprintf("label \"%s\"", label),
						  "it holds a character that is not seen, or that turns what is read");
		}
		else if (other == NULL)
			fresh = lappend(fresh, unconstify(char *, label));
		else
		{
			spelling = label;
			spelled = other;
			remedy_option(r, false, psprintf("label \"%s\"", label),
						  psprintf("it may be another spelling of \"%s\"", other));
		}
	}
	if (fresh == NIL)
	{
		r->explanation = spelling ?
			psprintf("\"%s\" may be another spelling of the label \"%s\" of type %s, and a label "
					 "cannot be taken away again: amend() the rows, or ALTER TYPE where it is one "
					 "of its own.", spelling, spelled, type) :
			hidden ? psprintf("%s only words for column %s with a character that is not seen, or that turns what "
							  "is read: no label is made of them. amend() or discard() the rows.",
							  remedy_rows_bring(f), quote_identifier(f->column)) :
			psprintf("The labels that column %s needed are there now.",
					 quote_identifier(f->column));
		return;
	}
	r->step = plan_step(STEP_ADD_ENUM_LABEL, f->column, InvalidOid, -1);
	r->step->labels = fresh;
	r->explanation = psprintf("%s %s for column %s, which type %s lacks: added at the end of its "
							  "order, for every table that uses it.",
							  remedy_rows_bring(f), quoted(fresh),
							  quote_identifier(f->column), type);
	remedy_option(r, true, psprintf("ADD VALUE %s", quoted(fresh)),
				  "the only step that stores the rows as they were sent");
	remedy_option(r, false, "text instead of the enum", "readers may rely on its order and its list");
	remedy_option(r, false, "BEFORE or AFTER another label", "the order is the team's to say");
}

/* See the header. */
void
labels_respell(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	List	   *present;
	List	   *pairs = NIL;
	ListCell   *lc;

	if (f->target == NULL || f->target->tclass != TYPE_ENUM || f->target->is_domain || f->many_labels)
		return;
	present = labels_of(f->target->basetype);
	foreach(lc, f->labels)
	{
		char	   *word = lfirst(lc);
		const char *label = inlist_has(present, word) ? NULL : respell_of(present, word);

		if (label != NULL)
			pairs = lappend(lappend(pairs, word), unconstify(char *, label));
	}
	if (pairs == NIL)
		return;
	r->step = respell_step(r, f->column, pairs);
	r->reads = UINT64CONST(1) << f->class;
	r->explanation = psprintf("%s for column %s what may be another spelling of a label of type %s: "
							  "read as that label if a person says so: %s. What was sent is kept.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  lattice_name(f->target->type, f->target->typmod), respell_words(pairs));
}

/* See the header. */
PlanStep *
labels_read(Oid relid, const AlterEnumStmt *stmt, char **reason)
{
	Oid			type;
	PlanStep   *step = NULL;

	if (stmt->oldVal != NULL)
	{
		plan_refuse(reason, "RENAME VALUE changes what stored rows say");
		return NULL;
	}
	if (stmt->newValNeighbor != NULL)
	{
		plan_refuse(reason, "a new label goes to the end: BEFORE and AFTER are not a step");
		return NULL;
	}
	type = typenameTypeId(NULL, makeTypeNameFromNameList(stmt->typeName));
	for (AttrNumber attnum = 1; step == NULL; attnum++)
	{
		HeapTuple	tup = SearchSysCache2(ATTNUM, ObjectIdGetDatum(relid),
										  Int16GetDatum(attnum));
		Form_pg_attribute att;

		if (!HeapTupleIsValid(tup))
			break;
		att = (Form_pg_attribute) GETSTRUCT(tup);
		if (!att->attisdropped && att->atttypid == type)
			step = plan_step(STEP_ADD_ENUM_LABEL, NameStr(att->attname), InvalidOid, -1);
		ReleaseSysCache(tup);
	}
	if (step == NULL)
		plan_refuse(reason, "the table has no column of type %s", format_type_be(type));
	else
		step->labels = list_make1(pstrdup(stmt->newVal));
	return step;
}

/* See the header. */
bool
labels_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	Form_pg_attribute att = site->att;
	Oid			extension;
	List	   *present;
	ListCell   *lc;
	char	   *type = lattice_name(att->atttypid, att->atttypmod);

	if (get_typtype(att->atttypid) != TYPTYPE_ENUM)
		return plan_refuse(reason, "column \"%s\" is of type %s, which is no enum",
						   step->column, type);
	extension = getExtensionOfObject(TypeRelationId, att->atttypid);
	if (OidIsValid(extension))
		return plan_refuse(reason, "type %s belongs to the extension %s, and a dump would "
						   "lose the label", type,
						   quote_identifier(get_extension_name(extension)));
	if (!compat_type_ownercheck(att->atttypid, site->owner))
		return plan_refuse(reason, "type %s belongs to another role, as which the owner of "
						   "the table may not act", type);
	if (step->labels == NIL)
		return plan_refuse(reason, "column \"%s\": a label is missing", step->column);
	if (list_length(step->labels) > FINDING_LABELS)
		return plan_refuse(reason, "column \"%s\": more than %d labels", step->column,
						   FINDING_LABELS);
	present = labels_of(att->atttypid);
	*true_already = true;
	foreach(lc, step->labels)
	{
		const char *label = lfirst(lc);
		const char *other;

		if (label[0] == '\0' || strlen(label) >= NAMEDATALEN)
			return plan_refuse(reason, "column \"%s\": a label has from 1 to %d bytes",
							   step->column, NAMEDATALEN - 1);
		if (inlist_has(present, label))
			continue;
		if (unseen_in(label))
			return plan_refuse(reason, "\"%s\": the label holds a character that is not "
							   "seen, or that turns what is read", label);
		other = respell_of(present, label);
		if (other == NULL)
			other = respell_of(step->labels, label);
		if (other != NULL)
			return plan_refuse(reason, "\"%s\" may be another spelling of \"%s\", and a label "
							   "cannot be taken away again", label, other);
		*true_already = false;
	}
	return true;
}

/* The type of the step's column, or InvalidOid. */
static Oid
type_of(Oid relid, const PlanStep *step)
{
	AttrNumber	attnum = get_attnum(relid, step->column);

	return attnum > 0 ? get_atttype(relid, attnum) : InvalidOid;
}

/* See the header. */
List *
labels_statements(Oid relid, const PlanStep *step)
{
	List	   *result = NIL;
	Oid			type = type_of(relid, step);
	ListCell   *lc;

	if (!OidIsValid(type))
		elog(ERROR, "column \"%s\" of relation %u is gone", step->column, relid);
	foreach(lc, step->labels)
		result = lappend(result,
						 psprintf("ALTER TYPE %s ADD VALUE IF NOT EXISTS %s",
								  plan_type_sql(type, -1),
								  quote_literal_cstr(lfirst(lc))));
	return result;
}

/* See the header. */
void
labels_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	appendStringInfo(&undo->notes, "-- %s: a label cannot be taken away from its type again\n",
					 undo->shown);
}

/* See the header. */
char *
labels_stand_in(Oid relid, const PlanStep *step)
{
	List	   *present = labels_of(type_of(relid, step));

	return present ? linitial(present) : NULL;
}
