/*
 * plan_hash.c
 *	  The hashes of plan.h: of a table's definition, and of a plan.
 *
 * An approval binds both: what was approved runs on the table that was seen,
 * or not at all. The text beneath the hash reads the same in every session
 * and after dump and restore: names, never oids, in an order that does not
 * depend on when things were made, deparsed under pinned settings.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "base/canon.h"
#include "catalog/indexing.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_publication.h"
#include "decide/plan.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/reltrigger.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

static List *schema_lines(Relation rel);

/*
 * What an approval binds: other steps, another table or policy, another hash.
 * In the current context.
 */
char *
plan_hash(const HealPlan *plan, const char *schema_hash, const char *policy)
{
	int			nest = canon_pin_settings();
	HealPlan	bound = {plan->relid, NIL};
	Jsonb	   *json;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		PlanStep   *step = plan_step_copy(lfirst(lc));

		step->evidence = 0;
		bound.steps = lappend(bound.steps, step);
	}
	json = plan_to_jsonb(&bound);

	AtEOXact_GUC(false, nest);
	return canon_sha256(psprintf("selfheal plan 1\n%s\n%s\n%s\n",
								 JsonbToCString(NULL, &json->root, VARSIZE(json)),
								 schema_hash ? schema_hash : "",
								 policy ? policy : ""));
}

/*
 * Hash of a table's definition, in the current context. Takes AccessShareLock
 * for the call; an error of relation_open when it is gone.
 * Left out on purpose: partitions (a new one every night must not void an
 * approval), comments, privileges, statistics targets and dropped columns.
 */
char *
plan_schema_hash(Oid relid)
{
	Relation	rel = relation_open(relid, AccessShareLock);
	StringInfoData buf;
	List	   *lines;
	ListCell   *lc;
	int			nest = canon_pin_settings();

	lines = schema_lines(rel);
	AtEOXact_GUC(false, nest);
	relation_close(rel, AccessShareLock);

	initStringInfo(&buf);
	appendStringInfoString(&buf, "selfheal schema 1\n");
	foreach(lc, lines)
		appendStringInfo(&buf, "%s\n", (const char *) lfirst(lc));
	return canon_sha256(buf.data);
}

/* list_sort comparator of lines, by bytes. */
static int
compare_lines(const ListCell *a, const ListCell *b)
{
	return strcmp(lfirst(a), lfirst(b));
}

/* One line of a column: all that its values depend on. */
static char *
column_line(Relation rel, Form_pg_attribute att)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	const char *def = "";
	int			i;

	for (i = 0; att->atthasdef && constr != NULL && i < constr->num_defval; i++)
		if (constr->defval[i].adnum == att->attnum)
			def = deparse_expression(stringToNode(constr->defval[i].adbin),
									 deparse_context_for(RelationGetRelationName(rel),
														 RelationGetRelid(rel)),
									 false, false);

	return psprintf("column %s %s notnull=%d generated=%d identity=%d "
					"collation=%s inherited=%d default=%s",
					quote_identifier(NameStr(att->attname)),
					plan_type_sql(att->atttypid, att->atttypmod),
					att->attnotnull, att->attgenerated, att->attidentity,
					OidIsValid(att->attcollation) ?
					plan_collation_sql(att->attcollation) : "",
					att->attinhcount, def);
}

/* A constraint of this or of another table that names this one. */
static char *
constraint_line(Oid constraint)
{
	HeapTuple	tup = SearchSysCache1(CONSTROID, ObjectIdGetDatum(constraint));
	Form_pg_constraint form;
	Datum		def;
	char	   *line;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for constraint %u", constraint);
	form = (Form_pg_constraint) GETSTRUCT(tup);
	def = DirectFunctionCall1(pg_get_constraintdef,
							  ObjectIdGetDatum(constraint));
	line = psprintf("constraint %s on %s valid=%d %s",
					quote_identifier(NameStr(form->conname)),
					plan_relation_name(form->conrelid),
					form->convalidated, TextDatumGetCString(def));
	ReleaseSysCache(tup);
	return line;
}

/*
 * The canonical lines: head, columns in their order, then constraints,
 * indexes, triggers and publications sorted. The caller has pinned the settings.
 */
static List *
schema_lines(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	Form_pg_class form = rel->rd_rel;
	List	   *lines = NIL;
	List	   *rest = NIL;
	ListCell   *lc;
	Relation	conrel;
	SysScanDesc scan;
	ScanKeyData key;
	HeapTuple	tup;
	int			i;

	lines = lappend(lines,
					psprintf("table %s kind=%c persistence=%c partition=%d "
							 "rowsecurity=%d force=%d",
							 plan_relation_name(RelationGetRelid(rel)),
							 form->relkind, form->relpersistence,
							 form->relispartition, form->relrowsecurity,
							 form->relforcerowsecurity));
	if (form->relkind == RELKIND_PARTITIONED_TABLE)
		lines = lappend(lines,
						psprintf("partition by %s",
								 TextDatumGetCString(DirectFunctionCall1(pg_get_partkeydef,
																		 ObjectIdGetDatum(RelationGetRelid(rel))))));
	for (i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped)
			lines = lappend(lines, column_line(rel, att));
	}

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationGetRelid(rel)));
	conrel = table_open(ConstraintRelationId, AccessShareLock);
	scan = systable_beginscan(conrel, ConstraintRelidTypidNameIndexId, true,
							  NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
		rest = lappend(rest,
					   constraint_line(((Form_pg_constraint) GETSTRUCT(tup))->oid));
	systable_endscan(scan);
	table_close(conrel, AccessShareLock);

	foreach(lc, RelationGetIndexList(rel))
		rest = lappend(rest,
					   psprintf("index %s",
								pg_get_indexdef_string(lfirst_oid(lc))));

	/*
	 * Triggers of people by name. Foreign keys of other tables that refer to
	 * this one have their triggers here as well, and a change of type is
	 * dearer with them.
	 */
	for (i = 0; rel->trigdesc != NULL && i < rel->trigdesc->numtriggers; i++)
	{
		const Trigger *trig = &rel->trigdesc->triggers[i];

		if (!trig->tgisinternal)
			rest = lappend(rest,
						   psprintf("trigger %s enabled=%c",
									quote_identifier(trig->tgname),
									trig->tgenabled));
		else if (OidIsValid(trig->tgconstraint))
			rest = lappend(rest, constraint_line(trig->tgconstraint));
	}

	/* a subscriber that came meanwhile was not asked about */
	if (form->relpersistence == RELPERSISTENCE_PERMANENT)
	{
		List	   *pubs = GetRelationPublications(RelationGetRelid(rel));

		pubs = list_concat(pubs, GetSchemaPublications(form->relnamespace));
		pubs = list_concat(pubs, GetAllTablesPublications());
		foreach(lc, pubs)
		{
			char	   *name = get_publication_name(lfirst_oid(lc), true);

			if (name != NULL)
				rest = lappend(rest, psprintf("publication %s", quote_identifier(name)));
		}
	}

	list_sort(rest, compare_lines);
	foreach(lc, rest)
	{
		/* a self-referencing key comes by more than one way */
		if (lc == list_head(rest) ||
			strcmp(lfirst(lc), lfirst(list_nth_cell(rest, foreach_current_index(lc) - 1))) != 0)
			lines = lappend(lines, lfirst(lc));
	}
	return lines;
}
