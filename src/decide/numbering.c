/*
 * numbering.c
 *	  Steps on what numbers a table's rows.
 *
 * A sequence is extended by its limit alone: where it stands, its step and
 * its owner stay. One that starts anew at its end (CYCLE) is not ours to
 * change: who made it so wants numbers to come again.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/dependency.h"
#include "catalog/indexing.h"
#include "catalog/objectaddress.h"
#include "catalog/pg_attrdef.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_sequence.h"
#include "catalog/pg_type.h"
#include "commands/extension.h"
#include "decide/columns.h"
#include "decide/lattice.h"
#include "decide/numbering.h"
#include "nodes/nodeFuncs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

/* What the args of extend_sequence say. */
typedef struct ExtendArgs
{
	bool		down;			/* "min", not "max" */
	int64		limit;
	bool		as_bigint;
} ExtendArgs;

/* ---- reading the catalog ---- */

/* See the header. */
Node *
numbering_default(Oid relid, AttrNumber attnum)
{
	Relation	rel = table_open(AttrDefaultRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tup;
	Node	   *result = NULL;

	ScanKeyInit(&key[0], Anum_pg_attrdef_adrelid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	ScanKeyInit(&key[1], Anum_pg_attrdef_adnum, BTEqualStrategyNumber, F_INT2EQ,
				Int16GetDatum(attnum));
	scan = systable_beginscan(rel, AttrDefaultIndexId, true, NULL, 2, key);
	tup = systable_getnext(scan);
	if (HeapTupleIsValid(tup))
	{
		bool		isnull;
		Datum		bin = heap_getattr(tup, Anum_pg_attrdef_adbin, RelationGetDescr(rel), &isnull);

		if (!isnull)
			result = stringToNode(TextDatumGetCString(bin));
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* Walker: the sequence of the first nextval() on a constant. */
static bool
find_nextval(Node *node, void *arg)
{
	Oid		   *sequence = arg;

	if (node == NULL)
		return false;
	if (IsA(node, FuncExpr) && castNode(FuncExpr, node)->funcid == F_NEXTVAL)
	{
		Node	   *first = linitial(castNode(FuncExpr, node)->args);

		if (IsA(first, Const) && !castNode(Const, first)->constisnull)
		{
			*sequence = DatumGetObjectId(castNode(Const, first)->constvalue);
			return true;
		}
	}
	return expression_tree_walker(node, find_nextval, arg);
}

/* See the header. */
bool
numbering_sequence(Oid relid, const char *column, ColumnSequence *out)
{
	Form_pg_attribute att = columns_get(relid, column);
	HeapTuple	tup;
	Form_pg_sequence form;

	memset(out, 0, sizeof(*out));
	if (att == NULL || att->attnum <= 0 || att->attgenerated != '\0')
		return false;
	out->identity = att->attidentity != '\0';
	out->column_type = att->atttypid;
	if (out->identity)
	{
		Relation	rel = try_relation_open(relid, AccessShareLock);

		out->oid = rel ? compat_identity_sequence(rel, att->attnum) : InvalidOid;
		if (rel)
			relation_close(rel, AccessShareLock);
	}
	else if (att->atthasdef)
	{
		Node	   *def = numbering_default(relid, att->attnum);

		if (def != NULL)
			(void) find_nextval(def, &out->oid);
	}
	tup = OidIsValid(out->oid) ? SearchSysCache1(SEQRELID, ObjectIdGetDatum(out->oid)) : NULL;
	if (!HeapTupleIsValid(tup))
		return false;
	form = (Form_pg_sequence) GETSTRUCT(tup);
	out->type = form->seqtypid;
	out->increment = form->seqincrement;
	out->min = form->seqmin;
	out->max = form->seqmax;
	out->cycle = form->seqcycle;
	ReleaseSysCache(tup);
	return true;
}

/* See the header. */
int64
numbering_limit(Oid type, int64 increment)
{
	bool		down = increment < 0;

	switch (type)
	{
		case INT2OID:
			return down ? PG_INT16_MIN : PG_INT16_MAX;
		case INT4OID:
			return down ? PG_INT32_MIN : PG_INT32_MAX;
		default:
			return down ? PG_INT64_MIN : PG_INT64_MAX;
	}
}

/* See the header. */
bool
numbering_last(Oid sequence, int64 *last)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		none = true;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, sequence);
	if (spi_exec("SELECT pg_sequence_last_value($1)", &args) > 0)
		*last = spi_get_int8(0, 1, &none);
	spi_close(&saved);
	return !none;
}

/* ---- extend_sequence ---- */

/* See the header. */
PlanStep *
numbering_extend(const char *column, int64 increment, int64 limit, bool as_bigint)
{
	PlanStep   *step = plan_step(STEP_EXTEND_SEQUENCE, column, InvalidOid, -1);
	char	   *json = psprintf("{\"%s\": " INT64_FORMAT "%s}", increment < 0 ? "min" : "max", limit,
								as_bigint ? ", \"as\": \"bigint\"" : "");

	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json)));
	return step;
}

/* A number of a plan's JSON that a bigint holds. */
static bool
whole_number(const JsonbValue *v, int64 *out)
{
	bool		fits;

	if (v == NULL || v->type != jbvNumeric)
		return false;
	*out = strtoi64(DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric))),
					NULL, 10);
	/* back again: a fraction, or what is beyond a bigint, comes back changed */
	fits = DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(v->val.numeric),
											NumericGetDatum(int64_to_numeric(*out))));
	return fits;
}

/* Nothing but what is documented, each once. */
static bool
read_args(const PlanStep *step, ExtendArgs *out, char **reason)
{
	JsonbContainer *object = step->args ? &step->args->root : NULL;
	JsonbValue	max;
	JsonbValue	min;
	JsonbValue	as;
	bool		has_max;
	bool		has_as;

	memset(out, 0, sizeof(*out));
	if (object == NULL)
		return plan_refuse(reason, "column \"%s\": \"args\" say to which number: {\"max\": n}", step->column);
	has_max = getKeyJsonValueFromContainer(object, "max", 3, &max) != NULL;
	out->down = getKeyJsonValueFromContainer(object, "min", 3, &min) != NULL;
	has_as = getKeyJsonValueFromContainer(object, "as", 2, &as) != NULL;
	if (has_max == out->down || (int) JsonContainerSize(object) != 1 + has_as ||
		!whole_number(out->down ? &min : &max, &out->limit))
		return plan_refuse(reason, "column \"%s\": \"args\" are {\"max\": n} or {\"min\": n}, and perhaps \"as\"",
						   step->column);
	if (has_as && (as.type != jbvString || as.val.string.len != 6 ||
				   memcmp(as.val.string.val, "bigint", 6) != 0))
		return plan_refuse(reason, "column \"%s\": a sequence becomes bigint or keeps its type", step->column);
	out->as_bigint = has_as;
	return true;
}

/* The type that the column has once the plan's other steps are made. */
static Oid
type_then(const StepSite *site, const ColumnSequence *seq, const char *column)
{
	const ListCell *lc;

	foreach(lc, site->plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_WIDEN_TYPE && strcmp(step->column, column) == 0)
			return step->type;
	}
	return seq->column_type;
}

/* See the header. */
bool
numbering_check_extend(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	ColumnSequence seq;
	ExtendArgs	args;
	Oid			extension;
	Oid			column_type;
	char	   *name;
	bool		wider;

	if (!read_args(step, &args, reason))
		return false;
	if (!numbering_sequence(site->relid, step->column, &seq))
		return plan_refuse(reason, "column \"%s\" does not draw from a sequence of its own", step->column);
	name = plan_relation_name(seq.oid);
	extension = getExtensionOfObject(RelationRelationId, seq.oid);
	if (name == NULL || OidIsValid(extension))
		return plan_refuse(reason, "the sequence of column \"%s\" belongs to an extension, and a dump "
						   "would lose the change", step->column);
	if (!compat_class_ownercheck(seq.oid, site->owner))
		return plan_refuse(reason, "sequence %s belongs to another role, as which the owner of "
						   "the table may not act", name);
	if (seq.cycle)
		return plan_refuse(reason, "sequence %s starts anew at its end (CYCLE): numbers are meant to "
						   "come again", name);
	if (args.down != (seq.increment < 0))
		return plan_refuse(reason, "sequence %s counts %s, so its limit is %s", name,
						   args.down ? "up" : "down", args.down ? "max" : "min");
	wider = args.as_bigint && seq.type != INT8OID;
	if (args.down ? args.limit > seq.min : args.limit < seq.max)
		return plan_refuse(reason, "sequence %s counts further already", name);
	if (args.limit == (args.down ? seq.min : seq.max) && !wider)
	{
		*true_already = true;
		return true;
	}
	column_type = type_then(site, &seq, step->column);
	if ((column_type == INT2OID || column_type == INT4OID) &&
		(args.down ? args.limit < numbering_limit(column_type, -1) :
		 args.limit > numbering_limit(column_type, 1)))
		return plan_refuse(reason, "column \"%s\" is of type %s, which does not hold " INT64_FORMAT,
						   step->column, lattice_name(column_type, -1), args.limit);
	if (!wider && seq.type != INT8OID &&
		(args.down ? args.limit < numbering_limit(seq.type, -1) :
		 args.limit > numbering_limit(seq.type, 1)))
		return plan_refuse(reason, "sequence %s is of type %s, which does not hold " INT64_FORMAT
						   ": \"as\" gives it another", name, lattice_name(seq.type, -1), args.limit);
	return true;
}

/* See the header. An identity of which the plan changes the type has taken its
 * sequence along; to say it again does no harm. */
List *
numbering_extend_statements(Oid relid, const PlanStep *step)
{
	ColumnSequence seq;
	ExtendArgs	args;
	char	   *reason;
	bool		wider;

	if (!read_args(step, &args, &reason) || !numbering_sequence(relid, step->column, &seq))
		elog(ERROR, "column \"%s\" of relation %u has no sequence to extend", step->column, relid);
	wider = args.as_bigint && seq.type != INT8OID;
	if (!wider && (args.down ? args.limit >= seq.min : args.limit <= seq.max))
		return NIL;
	/* a person may have given it more, meanwhile */
	if (args.down)
		args.limit = Min(args.limit, seq.min);
	else
		args.limit = Max(args.limit, seq.max);
	return list_make1(psprintf("ALTER SEQUENCE %s%s %s " INT64_FORMAT, plan_relation_name(seq.oid),
							   wider ? " AS bigint" : "", args.down ? "MINVALUE" : "MAXVALUE",
							   args.limit));
}

/* See the header. */
void
numbering_undo_extend(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	ColumnSequence seq;

	if (!numbering_sequence(plan->relid, step->column, &seq))
		return;
	appendStringInfo(&undo->notes, "-- the sequence of %s: fails once it has counted past its old limit\n",
					 undo->shown);
	appendStringInfo(&undo->after, "ALTER SEQUENCE %s AS %s MINVALUE " INT64_FORMAT " MAXVALUE " INT64_FORMAT ";\n",
					 plan_relation_name(seq.oid), lattice_name(seq.type, -1), seq.min, seq.max);
}

/* Is it where a sequence ends that nobody has given a limit? */
static bool
is_type_limit(int64 n)
{
	return n == PG_INT16_MAX || n == PG_INT32_MAX || n == PG_INT64_MAX ||
		n == PG_INT16_MIN || n == PG_INT32_MIN || n == PG_INT64_MIN ||
		n == -PG_INT16_MAX || n == -PG_INT32_MAX || n == -PG_INT64_MAX;
}

/* Is the object the default of this column, of the table or of one below? */
static bool
is_own_default(const ObjectAddress *object, const List *tree, const char *column)
{
	ObjectAddress owner;
	char	   *name;

	if (object->classId != AttrDefaultRelationId)
		return false;
	owner = GetAttrDefaultColumnAddress(object->objectId);
	name = OidIsValid(owner.objectId) ? get_attname(owner.objectId, owner.objectSubId, true) : NULL;
	return name != NULL && list_member_oid(tree, owner.objectId) && strcmp(name, column) == 0;
}

/* Who else draws from the sequence, as far as the catalog knows. */
static List *
others(Oid sequence, const List *tree, const char *column)
{
	Relation	depend = table_open(DependRelationId, AccessShareLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tup;
	List	   *result = NIL;

	ScanKeyInit(&key[0], Anum_pg_depend_refclassid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_refobjid, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(sequence));
	scan = systable_beginscan(depend, DependReferenceIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);
		ObjectAddress object;
		char	   *identity;

		ObjectAddressSubSet(object, dep->classid, dep->objid, dep->objsubid);
		if (is_own_default(&object, tree, column))
			continue;
		identity = getObjectIdentity(&object, true);
		if (identity != NULL)
			result = lappend(result, psprintf("%s draws from it as well", identity));
	}
	systable_endscan(scan);
	table_close(depend, AccessShareLock);
	return result;
}

/* See the header. */
List *
numbering_concerns(Oid relid, const char *column)
{
	ColumnSequence seq;
	List	   *result;
	List	   *tree;
	Oid			table;
	int32		attnum;

	if (!numbering_sequence(relid, column, &seq))
		return NIL;
	tree = find_all_inheritors(relid, NoLock, NULL);
	result = others(seq.oid, tree, column);
	if (sequenceIsOwned(seq.oid, DEPENDENCY_AUTO, &table, &attnum) &&
		(!list_member_oid(tree, table) || strcmp(get_attname(table, attnum, false), column) != 0))
		result = lappend(result, psprintf("it belongs to column %s of %s", quote_identifier(get_attname(table, attnum, false)),
										  plan_relation_name(table)));
	if (!is_type_limit(seq.increment < 0 ? seq.min : seq.max))
		result = lappend(result, psprintf("its limit of " INT64_FORMAT " is no type's: somebody has set it",
										  seq.increment < 0 ? seq.min : seq.max));
	return result;
}

/* ---- set_generated_by_default ---- */

/* See the header. */
bool
numbering_check_by_default(const StepSite *site, const PlanStep *step, bool *true_already,
						   char **reason)
{
	if (step->args != NULL)
		return plan_refuse(reason, "column \"%s\": the step has no \"args\"", step->column);
	if (site->att->attidentity == ATTRIBUTE_IDENTITY_BY_DEFAULT)
	{
		*true_already = true;
		return true;
	}
	if (site->att->attidentity != ATTRIBUTE_IDENTITY_ALWAYS)
		return plan_refuse(reason, "column \"%s\" is no identity", step->column);
	return true;
}

/* See the header. */
void
numbering_by_default(StringInfo buf, Oid target, const PlanStep *step)
{
	appendStringInfo(buf, "ALTER COLUMN %s SET GENERATED BY DEFAULT", quote_identifier(step->column));
}

/* See the header. */
void
numbering_undo_by_default(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	appendStringInfo(&undo->notes, "-- %s: keys that were sent stay, and the sequence stands above them\n",
					 undo->shown);
	appendStringInfo(&undo->clause, "ALTER COLUMN %s SET GENERATED ALWAYS", quote_identifier(step->column));
}
