/*
 * convert.c
 *	  A column that gets a type of another family, since what comes is no
 *	  longer of the one it has.
 *
 * What stands on the column is read from the catalog alone, and what is not
 * known to mean the same of text is a reason to refuse: a CHECK (a > 0) or an
 * index on (a + 1) has no operator for text, a key would let 1 and 01 be two
 * rows, and a foreign key would compare text with a number. Views and the like
 * are made again around it as around a widening (rebuild.h).
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "base/guc.h"
#include "base/spi.h"
#include "catalog/indexing.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_index.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "decide/columns.h"
#include "decide/convert.h"
#include "decide/lattice.h"
#include "decide/widen.h"
#include "optimizer/optimizer.h"
#include "orient/taught.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

/* One table of the tree under the check. */
typedef struct Place
{
	Relation	rel;
	AttrNumber	attnum;
	const PlanStep *step;
	Oid			old_type;
} Place;

static bool
is_time(Oid type)
{
	return type == DATEOID || type == TIMEOID || type == TIMESTAMPOID || type == TIMESTAMPTZOID;
}

/* See the header. */
bool
convert_due(const Finding *f)
{
	if (f->target == NULL || f->target->is_domain || f->contract != NULL)
		return false;
	if (f->class == FIT_TOO_LONG)
		return f->target->tclass == TYPE_BPCHAR;
	if (f->class != FIT_WRONG_TYPE && f->class != FIT_BAD_VALUE)
		return false;
	if (f->taught > 0)
		return true;
	return f->share.misfits >= guc_convert_rows &&
		(double) f->share.misfits >= guc_convert_share * (double) f->share.rows;
}

/* "30 of the last 50 rows" */
static char *
share_words(const Share *share)
{
	return psprintf(INT64_FORMAT " of the " INT64_FORMAT " rows that came last",
					share->misfits, share->rows);
}

/* character(n) whose words are longer now. */
static void
convert_padded(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	int32		typmod = widen_rung(e->max_chars);
	Oid			type = typmod < 0 ? TEXTOID : VARCHAROID;
	char	   *name = lattice_name(type, typmod);

	r->step = plan_step(STEP_CONVERT_TYPE, f->column, type, typmod);
	r->explanation = psprintf("%s up to %d characters for column %s, %s; it becomes %s, which "
							  "stores and compares them without the blanks that character(n) "
							  "is padded with.",
							  remedy_rows_bring(f), e->max_chars, quote_identifier(f->column),
							  lattice_name(f->target->type, f->target->typmod), name);
	remedy_option(r, true, name, "every word keeps its letters");
	remedy_option(r, false, "a longer character(n)", "it would be padded further, and all rows "
				  "are written anew as well");
	remedy_option(r, false, "cut the value", "never: what was sent would be lost");
}

/* A type that too few values taught us, and others contradict now. */
static void
convert_taught(Remedy *r, const char *from, const char *to)
{
	const Finding *f = r->finding;
	const char *column = quote_identifier(f->column);

	r->explanation = psprintf("%s values for column %s that are no %s, and %s: %s takes them, and "
							  "every stored value as it is written. Who counts with the column, or "
							  "sorts by it, must be told.",
							  remedy_rows_bring(f), column, from, taught_words(f), to);
	remedy_option(r, true, to, "a built-in cast that takes every stored value");
	remedy_option(r, false, "hold the rows", psprintf("%s, too few to say what it is", taught_words(f)));
	remedy_option(r, false, "jsonb", "it would say no more of one value than text does");
}

/* See the header. */
void
convert_type(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Oid			to = TEXTOID;
	int32		typmod = -1;
	const char *column = quote_identifier(f->column);
	char	   *type;
	char	   *why;

	if (f->target == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	type = lattice_name(f->target->type, f->target->typmod);
	if (f->class == FIT_TOO_LONG && r->hint == NULL)
	{
		convert_padded(r, e);
		return;
	}
	if (r->hint != NULL)
		lattice_parse(r->hint->type, &to, &typmod);
	if (f->class == FIT_TOO_WIDE || f->target->is_domain ||
		!lattice_conversion(f->target->type, f->target->typmod, to, typmod, &why))
		return;
	if (!convert_due(f))
	{
		if (f->share.misfits >= guc_convert_rows)
			r->explanation = psprintf("A bad value changes no table: no %s for column %s came in %s, "
									  "which is below selfheal.convert_share.",
									  type, column, share_words(&f->share));
		return;
	}
	r->step = plan_step(STEP_CONVERT_TYPE, f->column, to, typmod);
	if (f->taught > 0)
	{
		convert_taught(r, type, lattice_name(to, typmod));
		return;
	}
	r->explanation = psprintf("%s bring values for column %s that are no %s: %s takes them, and "
							  "every stored value as it is written. Who counts with the column, or "
							  "sorts by it, must be told.",
							  share_words(&f->share), column, type, lattice_name(to, typmod));
	remedy_option(r, true, lattice_name(to, typmod), "a built-in cast that takes every stored value");
	remedy_option(r, false, "hold the rows", psprintf("they are %s", share_words(&f->share)));
	remedy_option(r, false, "jsonb", "it would say no more of one value than text does");
}

/* Says no, in one form. */
static bool
stands_in_the_way(const Place *p, const char *kind, const char *name, const char *why,
				  char **reason)
{
	return plan_refuse(reason, "column \"%s\" is named by %s %s of %s: %s", p->step->column, kind,
					   quote_identifier(name), plan_relation_name(RelationGetRelid(p->rel)), why);
}

/* Does an expression of the table, as the catalog has it, name the column? */
static bool
names_column(const char *expr, AttrNumber attnum)
{
	Bitmapset  *attrs = NULL;

	pull_varattnos(stringToNode(expr), 1, &attrs);
	return bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, attrs) ||
		bms_is_member(0 - FirstLowInvalidHeapAttributeNumber, attrs);
}

/* The same of a column of the catalog that may be null. */
static bool
text_names_column(HeapTuple tup, int column, Relation catalog, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, column, RelationGetDescr(catalog), &isnull);

	return !isnull && names_column(TextDatumGetCString(value), attnum);
}

/* Is the column among those of the constraint? */
static bool
is_key_of(HeapTuple tup, Relation catalog, AttrNumber attnum)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, Anum_pg_constraint_conkey, RelationGetDescr(catalog),
									 &isnull);
	Datum	   *keys;
	int			n;

	if (isnull)
		return false;
	deconstruct_array(DatumGetArrayTypeP(value), INT2OID, sizeof(int16), true, TYPALIGN_SHORT,
					  &keys, NULL, &n);
	for (int i = 0; i < n; i++)
		if (DatumGetInt16(keys[i]) == attnum)
			return true;
	return false;
}

/* Constraints that rest on what the values are. */
static bool
check_constraints(const Place *p, char **reason)
{
	Relation	catalog = table_open(ConstraintRelationId, AccessShareLock);
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		good = true;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationGetRelid(p->rel)));
	scan = systable_beginscan(catalog, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (good && HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_constraint con = (Form_pg_constraint) GETSTRUCT(tup);
		const char *name = NameStr(con->conname);

		switch (con->contype)
		{
			case CONSTRAINT_CHECK:
				if (text_names_column(tup, Anum_pg_constraint_conbin, catalog, p->attnum))
					good = stands_in_the_way(p, "CHECK", name, "it is about the type that "
											 "the column has", reason);
				break;
			case CONSTRAINT_PRIMARY:
			case CONSTRAINT_UNIQUE:
			case CONSTRAINT_FOREIGN:
			case CONSTRAINT_EXCLUSION:
				if (is_key_of(tup, catalog, p->attnum))
					good = stands_in_the_way(p, "constraint", name, "what is equal as text is "
											 "another thing", reason);
				break;
			default:			/* NOT NULL is of every type */
				break;
		}
	}
	systable_endscan(scan);
	table_close(catalog, AccessShareLock);
	return good;
}

/* One index: may it be built on text? */
static bool
check_index(const Place *p, Relation catalog, HeapTuple tup, Oid access_method, char **reason)
{
	Form_pg_index index = (Form_pg_index) GETSTRUCT(tup);
	char	   *name = get_rel_name(index->indexrelid);
	bool		isnull;
	oidvector  *opclasses = (oidvector *)
	DatumGetPointer(heap_getattr(tup, Anum_pg_index_indclass, RelationGetDescr(catalog),
								 &isnull));

	if (opclasses == NULL)
		elog(ERROR, "index %u has no operator classes", index->indexrelid);
	if (name == NULL)
		return true;
	if (text_names_column(tup, Anum_pg_index_indexprs, catalog, p->attnum) ||
		text_names_column(tup, Anum_pg_index_indpred, catalog, p->attnum))
		return stands_in_the_way(p, "index", name, "its expression or predicate is about the "
								 "type that the column has", reason);
	for (int i = 0; i < index->indnkeyatts; i++)
	{
		if (index->indkey.values[i] != p->attnum)
			continue;
		if (index->indisunique || index->indisexclusion)
			return stands_in_the_way(p, "index", name, "what is equal as text is another thing",
									 reason);
		if (opclasses->values[i] != GetDefaultOpClass(p->old_type, access_method) ||
			!OidIsValid(GetDefaultOpClass(p->step->type, access_method)))
			return stands_in_the_way(p, "index", name, "its kind of index has no rule of its own "
									 "for text", reason);
	}
	return true;
}

/* Indexes that could not be built again. */
static bool
check_indexes(const Place *p, char **reason)
{
	Relation	catalog = table_open(IndexRelationId, AccessShareLock);
	bool		good = true;
	ListCell   *lc;

	foreach(lc, RelationGetIndexList(p->rel))
	{
		HeapTuple	tup = SearchSysCache1(INDEXRELID, ObjectIdGetDatum(lfirst_oid(lc)));
		HeapTuple	class = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (good && HeapTupleIsValid(tup) && HeapTupleIsValid(class))
			good = check_index(p, catalog, tup, ((Form_pg_class) GETSTRUCT(class))->relam, reason);
		if (HeapTupleIsValid(tup))
			ReleaseSysCache(tup);
		if (HeapTupleIsValid(class))
			ReleaseSysCache(class);
	}
	table_close(catalog, AccessShareLock);
	return good;
}

/*
 * PostgreSQL puts the cast into the default, and there it says a date as the
 * settings of whoever inserts have it.
 */
static bool
check_default(const Place *p, char **reason)
{
	TupleConstr *constr = RelationGetDescr(p->rel)->constr;

	for (int i = 0; is_time(p->old_type) && constr != NULL && i < constr->num_defval; i++)
		if (constr->defval[i].adnum == p->attnum)
			return plan_refuse(reason, "column \"%s\" of %s has a default, which as text would say "
							   "what the settings of whoever inserts make of it", p->step->column,
							   plan_relation_name(RelationGetRelid(p->rel)));
	return true;
}

/* See the header. */
bool
convert_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	Form_pg_attribute att = site->att;
	char	   *why;
	bool		good = true;
	ListCell   *lc;

	if (att->atttypid == step->type && att->atttypmod == step->typmod)
	{
		*true_already = true;
		return true;
	}
	if (get_typtype(att->atttypid) == TYPTYPE_DOMAIN)
		return plan_refuse(reason, "column \"%s\" is of the domain %s, which other columns may "
						   "share", step->column, lattice_name(att->atttypid, att->atttypmod));
	if (att->attgenerated != '\0')
		return plan_refuse(reason, "column \"%s\" is computed by the database", step->column);
	if (att->attidentity != '\0')
		return plan_refuse(reason, "column \"%s\" is an identity, and PostgreSQL has none of type "
						   "%s", step->column, lattice_name(step->type, step->typmod));
	if (!lattice_conversion(att->atttypid, att->atttypmod, step->type, step->typmod, &why))
		return plan_refuse(reason, "column \"%s\": %s", step->column, why);
	if (!columns_check_partition_key(site->tree, step->column, reason))
		return false;
	foreach(lc, site->tree)
	{
		Place		p = {.rel = try_relation_open(lfirst_oid(lc), AccessShareLock),.step = step,
		.old_type = att->atttypid};

		if (p.rel == NULL)
			continue;
		p.attnum = get_attnum(RelationGetRelid(p.rel), step->column);
		if (good && p.attnum != InvalidAttrNumber)
			good = check_constraints(&p, reason) && check_indexes(&p, reason) &&
				check_default(&p, reason);
		relation_close(p.rel, AccessShareLock);
	}
	return good;
}

/* See the header. */
void
convert_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	Form_pg_attribute att = columns_get(plan->relid, step->column);

	if (att == NULL)
		elog(ERROR, "column \"%s\" of relation %u is gone", step->column, plan->relid);
	appendStringInfo(&undo->notes, "-- %s: fails while a value is no %s\n", undo->shown,
					 lattice_name(att->atttypid, att->atttypmod));
	appendStringInfo(&undo->clause, "ALTER COLUMN %s ", quote_identifier(step->column));
	columns_say_type(&undo->clause, plan->relid, step->column, att->atttypid, att->atttypmod);
	appendStringInfo(&undo->clause, " USING %s::%s", quote_identifier(step->column),
					 plan_type_sql(att->atttypid, att->atttypmod));
}

/* See the header. */
void
convert_pin(const HealPlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		if (((const PlanStep *) lfirst(lc))->kind != STEP_CONVERT_TYPE)
			continue;
		spi_set_local("TimeZone", "UTC");
		spi_set_local("DateStyle", "ISO, YMD");
		spi_set_local("extra_float_digits", "1");
		return;
	}
}
