/*
 * partition.c
 *	  The step attach_partition: one partition more, beside its siblings.
 *
 * Nothing in its args reaches the executor as it is: names are quoted, and a
 * bound is a literal only after the key's type has read it and printed it
 * again in the same words.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/spi.h"
#include "read/unseen.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_tablespace.h"
#include "commands/tablespace.h"
#include "decide/partition.h"
#include "decide/partition_below.h"
#include "decide/partition_like.h"
#include "decide/partition_move.h"
#include "decide/partition_names.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* The name of our CHECK, which goes when the partition is attached. */
#define BOUND_CHECK "selfheal_bound"

/* ---- bounds ---- */

/* What the parent has of the spec's rows already. */
typedef enum Presence
{
	PRESENT_NOT,
	PRESENT_ALL,				/* one partition takes them all */
	PRESENT_SOME
} Presence;

/* A range's bounds as values. */
static bool
read_range(const PartitionLevel *level, const NewPartition *spec, Datum *lower, Datum *upper,
		   char **reason)
{
	ListCell   *lc;

	if (list_length(spec->from) != level->nkeys || list_length(spec->to) != level->nkeys)
		return plan_refuse(reason, "the key of %s has %d parts, and so must its bounds",
						   plan_relation_name(level->relid), level->nkeys);
	for_each_from(lc, list_concat(list_copy_tail(spec->from, 1), list_copy_tail(spec->to, 1)), 0)
		if (lfirst(lc) != NULL)
		return plan_refuse(reason, "only the first part of a key may have a bound");
	if (linitial(spec->from) == NULL || linitial(spec->to) == NULL)
		return plan_refuse(reason, "a partition without an end is not made");
	if (!partition_level_read(level, linitial(spec->from), lower, reason) ||
		!partition_level_read(level, linitial(spec->to), upper, reason))
		return false;
	if (partition_level_compare(level, *lower, *upper) >= 0)
		return plan_refuse(reason, "from %s to %s is an empty range",
						   (char *) linitial(spec->from), (char *) linitial(spec->to));
	return true;
}

static bool
look_for_range(const PartitionLevel *level, const NewPartition *spec, Presence *present,
			   Oid *other, char **reason)
{
	Datum		lower = (Datum) 0;
	Datum		upper = (Datum) 0;

	if (!read_range(level, spec, &lower, &upper, reason))
		return false;
	for (int i = 0; i < level->nranges; i++)
	{
		const LevelRange *range = &level->ranges[i];
		bool		covers = true;

		if ((!range->to_max && partition_level_compare(level, range->upper, lower) <= 0) ||
			(!range->from_min && partition_level_compare(level, range->lower, upper) >= 0))
			continue;
		if (!range->from_min && partition_level_compare(level, range->lower, lower) > 0)
			covers = false;
		if (!range->to_max && partition_level_compare(level, range->upper, upper) < 0)
			covers = false;
		*other = range->relid;
		*present = covers ? PRESENT_ALL : PRESENT_SOME;
		return true;
	}
	return true;
}

/* The partition that takes one value, or InvalidOid. */
static Oid
taker_of(const PartitionLevel *level, bool isnull, Datum value)
{
	for (int i = 0; i < level->nvalues; i++)
		if (level->values[i].isnull == isnull &&
			(isnull || partition_level_compare(level, level->values[i].value, value) == 0))
			return level->values[i].relid;
	return InvalidOid;
}

static bool
look_for_values(const PartitionLevel *level, const NewPartition *spec, Presence *present,
				Oid *other, char **reason)
{
	int			found = 0;
	ListCell   *lc;

	foreach(lc, spec->values)
	{
		Datum		value = (Datum) 0;
		Oid			taker;

		if (lfirst(lc) != NULL && !partition_level_read(level, lfirst(lc), &value, reason))
			return false;
		taker = taker_of(level, lfirst(lc) == NULL, value);
		if (!OidIsValid(taker))
			continue;
		found += !OidIsValid(*other) || *other == taker;
		*other = taker;
	}
	if (found > 0)
		*present = found == list_length(spec->values) ? PRESENT_ALL : PRESENT_SOME;
	return true;
}

/* Has the parent what the spec says? *other: the partition that has it. */
static bool
look_for(const PartitionLevel *level, const NewPartition *spec, Presence *present, Oid *other,
		 char **reason)
{
	*present = PRESENT_NOT;
	*other = InvalidOid;
	return spec->by_list ? look_for_values(level, spec, present, other, reason) :
		look_for_range(level, spec, present, other, reason);
}

/* ---- checking ---- */

/* Is this a kind of partitioned table that gets partitions from us? */
static bool
check_level(const PartitionLevel *level, const NewPartition *spec, char **reason)
{
	char	   *name = plan_relation_name(level->relid);
	ListCell   *lc;

	if (level->strategy == PARTITION_STRATEGY_HASH)
		return plan_refuse(reason, "%s is partitioned by hash, whose partitions are all there", name);
	if ((level->strategy == PARTITION_STRATEGY_LIST) != spec->by_list)
		return plan_refuse(reason, "%s is partitioned by %s", name, spec->by_list ? "range" : "list");
	if (level->foreign_code)
		return plan_refuse(reason, "the key of %s is not of PostgreSQL's own types and operators", name);
	foreach(lc, level->children)
	{
		Oid			child = lfirst_oid(lc);
		char		relkind = get_rel_relkind(child);

		if (relkind == RELKIND_FOREIGN_TABLE)
			return plan_refuse(reason, "%s is a foreign table: a person says where its new sibling is",
							   plan_relation_name(child));
		if (relkind == RELKIND_PARTITIONED_TABLE && child != level->default_relid && !OidIsValid(spec->like))
			return plan_refuse(reason, "%s is partitioned itself: a person makes a sibling of it with partitions of its own",
							   plan_relation_name(child));
		if (get_rel_persistence(child) == RELPERSISTENCE_TEMP)
			return plan_refuse(reason, "%s is temporary", plan_relation_name(child));
	}
	return true;
}

/* A literal that may become part of a table's definition. */
static bool
check_texts(const List *texts, char **reason)
{
	const ListCell *lc;

	foreach(lc, texts)
	{
		const char *text = lfirst(lc);

		if (text == NULL)
			continue;
		if (strlen(text) >= NAMEDATALEN)
			return plan_refuse(reason, "the value \"%.*s...\" is longer than %d bytes: no name of a part of the table",
							   pg_mbcliplen(text, (int) strlen(text), 20), text, NAMEDATALEN - 1);
		if (text[0] == '\0')
			return plan_refuse(reason, "an empty value names no part of the table");
		if (unseen_in(text))
			return plan_refuse(reason, "the value \"%s\" holds a character that is not seen, or that turns what is read",
							   text);
	}
	return true;
}

/* The table's name and place. */
static bool
check_place(const StepSite *site, const NewPartition *spec, char **reason)
{
	Oid			schema = get_namespace_oid(spec->schema, true);
	Oid			tablespace = partition_like_tablespace(spec->parent);
	char	   *owner = GetUserNameFromId(site->owner, false);

	if (!OidIsValid(schema))
		return plan_refuse(reason, "there is no schema \"%s\"", spec->schema);
	if (!guc_schema_allowed(spec->schema))
		return plan_refuse(reason, "schema %s is not among selfheal.allowed_schemas",
						   quote_identifier(spec->schema));
	if (spec->name[0] == '\0' || strlen(spec->name) >= NAMEDATALEN)
		return plan_refuse(reason, "the name of a partition has from 1 to %d bytes", NAMEDATALEN - 1);
	if (unseen_in(spec->name))
		return plan_refuse(reason, "the name \"%s\" holds a character that is not seen, or that turns what is read",
						   spec->name);
	if (partition_names_taken(spec->name, schema))
		return plan_refuse(reason, "%s exists already",
						   quote_qualified_identifier(spec->schema, spec->name));
	if (compat_namespace_aclcheck(schema, site->owner, ACL_CREATE) != ACLCHECK_OK)
		return plan_refuse(reason, "the table's owner may not create tables there: GRANT CREATE ON SCHEMA %s TO %s",
						   quote_identifier(spec->schema), quote_identifier(owner));
	if (OidIsValid(tablespace) &&
		compat_tablespace_aclcheck(tablespace, site->owner, ACL_CREATE) != ACLCHECK_OK)
		return plan_refuse(reason, "the table's owner may not create tables there: GRANT CREATE ON TABLESPACE %s TO %s",
						   quote_identifier(get_tablespace_name(tablespace)), quote_identifier(owner));
	return true;
}

/* See the header. */
bool
partition_check_bounds(const PartitionLevel *level, const NewPartition *spec, char **reason)
{
	Datum		lower;
	Datum		upper;
	ListCell   *lc;

	if (!spec->by_list)
		return read_range(level, spec, &lower, &upper, reason);
	foreach(lc, spec->values)
	{
		if (lfirst(lc) != NULL && !partition_level_read(level, lfirst(lc), &lower, reason))
			return false;
	}
	return check_texts(spec->values, reason);
}

bool
partition_check(const StepSite *site, const PlanStep *step, bool *true_already, char **reason)
{
	NewPartition spec;
	PartitionLevel *level;
	Presence	present;
	Oid			other;

	if (!partition_read(site->relid, step, &spec, reason))
		return false;
	level = partition_level(spec.parent);
	if (level == NULL)
		return plan_refuse(reason, "the partitioned table is gone");
	if (strcmp(step->column, level->column) != 0)
		return plan_refuse(reason, "the key of %s begins with \"%s\"",
						   plan_relation_name(spec.parent), level->column);
	if (!check_level(level, &spec, reason) || !check_texts(spec.values, reason) ||
		!look_for(level, &spec, &present, &other, reason))
		return false;
	if (present == PRESENT_ALL)
	{
		*true_already = true;
		return true;
	}
	if (present == PRESENT_SOME)
		return plan_refuse(reason, "%s has a part of it already", plan_relation_name(other));
	if (OidIsValid(spec.like) && !partition_below_check(level, &spec, site->owner, reason))
		return false;
	if (spec.move && !partition_move_check(spec.parent, reason))
		return false;
	return check_place(site, &spec, reason);
}

/* See the header. */
bool
partition_check_pair(Oid relid, const PlanStep *a, const PlanStep *b, char **reason)
{
	NewPartition x;
	NewPartition y;
	PartitionLevel *level;
	PartitionLevel alone = {0};
	LevelRange	range = {0};
	LevelValue *values;
	Presence	present;
	Oid			other;
	ListCell   *lc;

	if (!partition_read(relid, a, &x, reason) || !partition_read(relid, b, &y, reason))
		return false;
	if (strcmp(x.schema, y.schema) == 0 && strcmp(x.name, y.name) == 0)
		return plan_refuse(reason, "%s is made twice", quote_qualified_identifier(x.schema, x.name));
	if (x.parent != y.parent)
		return true;

	/* a level that has but the first of the two */
	level = partition_level(x.parent);
	if (level == NULL || level->foreign_code || x.by_list != y.by_list)
		return true;			/* refused by the check of each */
	alone = *level;
	alone.nranges = alone.nvalues = 0;
	values = palloc0(sizeof(LevelValue) * Max(list_length(x.values), 1));
	if (x.by_list)
	{
		foreach(lc, x.values)
		{
			LevelValue *value = &values[alone.nvalues++];

			value->relid = x.parent;
			value->isnull = lfirst(lc) == NULL;
			if (!value->isnull && !partition_level_read(level, lfirst(lc), &value->value, reason))
				return false;
		}
		alone.values = values;
	}
	else
	{
		if (!read_range(level, &x, &range.lower, &range.upper, reason))
			return false;
		range.relid = x.parent;
		alone.ranges = &range;
		alone.nranges = 1;
	}
	if (!look_for(&alone, &y, &present, &other, reason))
		return false;
	if (present != PRESENT_NOT)
		return plan_refuse(reason, "%s and %s would share rows",
						   quote_identifier(x.name), quote_identifier(y.name));
	return true;
}

bool
partition_current(const HealPlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		NewPartition spec;
		PartitionLevel *level;
		Presence	present;
		Oid			other;
		char	   *reason;

		if (step->kind != STEP_ATTACH_PARTITION)
			continue;
		if (!partition_read(plan->relid, step, &spec, &reason) ||
			(level = partition_level(spec.parent)) == NULL ||
			!look_for(level, &spec, &present, &other, &reason) || present != PRESENT_NOT ||
			!partition_below_current(level, &spec, &reason) ||
			partition_names_taken(spec.name, get_namespace_oid(spec.schema, true)))
			return false;
	}
	return true;
}

/* ---- rendering ---- */

/* 'x'::type; the literal means the same under every setting. */
static char *
constant(const PartitionLevel *level, const char *text)
{
	return psprintf("%s::%s", quote_literal_cstr(text), plan_type_sql(level->type, -1));
}

/* See the header. Written so that PostgreSQL sees that it implies the bound. */
char *
partition_condition(const PartitionLevel *level, const NewPartition *spec)
{
	StringInfoData list;
	bool		nulls = false;
	ListCell   *lc;

	if (!spec->by_list)
		return psprintf("%s IS NOT NULL AND %s >= %s AND %s < %s", level->expression,
						level->expression, constant(level, linitial(spec->from)),
						level->expression, constant(level, linitial(spec->to)));
	initStringInfo(&list);
	foreach(lc, spec->values)
	{
		if (lfirst(lc) == NULL)
			nulls = true;
		else
			appendStringInfo(&list, "%s%s", list.len ? ", " : "", constant(level, lfirst(lc)));
	}
	if (list.len == 0)
		return psprintf("%s IS NULL", level->expression);
	return psprintf(nulls ? "%s IS NULL OR %s = ANY (ARRAY[%s])" :
					"%s IS NOT NULL AND %s = ANY (ARRAY[%s])",
					level->expression, level->expression, list.data);
}

/* ('2026-12-01', MINVALUE) */
static char *
bound_list(const List *texts, const char *null_word)
{
	StringInfoData buf;
	const ListCell *lc;

	initStringInfo(&buf);
	foreach(lc, texts)
		appendStringInfo(&buf, "%s%s", buf.len ? ", " : "",
						 lfirst(lc) ? quote_literal_cstr(lfirst(lc)) : null_word);
	return buf.data;
}

/* See the header. */
char *
partition_bound_sql(const NewPartition *spec)
{
	if (spec->is_default)
		return pstrdup("DEFAULT");
	if (spec->modulus > 0)
		return psprintf("FOR VALUES WITH (modulus %d, remainder %d)", spec->modulus, spec->remainder);
	if (spec->by_list)
		return psprintf("FOR VALUES IN (%s)", bound_list(spec->values, "NULL"));
	return psprintf("FOR VALUES FROM (%s) TO (%s)", bound_list(spec->from, "MINVALUE"),
					bound_list(spec->to, "MINVALUE"));
}

/* See the header. */
List *
partition_statements_on(const NewPartition *spec, const char *parent, const char *from,
						const char *schema, const char *name)
{
	PartitionLevel *level = partition_level(spec->parent);
	char	   *table = quote_qualified_identifier(schema, name);
	const PartitionLikeness *model = partition_like(spec->parent);
	List	   *result = NIL;
	ListCell   *lc;

	if (level == NULL)
		elog(ERROR, "partitioned table %u is gone", spec->parent);

	/*
	 * An identity column of a partition is its root's; indexes come with
	 * ATTACH, below those of the parent
	 */
	result = lappend(result,
					 psprintf("CREATE %sTABLE %s (LIKE %s INCLUDING ALL EXCLUDING IDENTITY EXCLUDING INDEXES"
							  " EXCLUDING STATISTICS EXCLUDING COMMENTS, CONSTRAINT " BOUND_CHECK " CHECK (%s))%s",
							  model->unlogged ? "UNLOGGED " : "", table, parent,
							  partition_condition(level, spec),
							  OidIsValid(spec->like) ? psprintf(" PARTITION BY %s", spec->by) : model->storage));
	if (OidIsValid(spec->like))
		result = list_concat(result, partition_below_statements(spec, schema, table));
	if (from != NULL)
		result = lappend(result, partition_move_sql(level->default_relid, from, table,
													partition_condition(level, spec)));
	result = lappend(result, psprintf("ALTER TABLE %s ATTACH PARTITION %s %s", parent, table,
									  partition_bound_sql(spec)));
	result = lappend(result, psprintf("ALTER TABLE %s DROP CONSTRAINT " BOUND_CHECK, table));
	foreach(lc, model->after)
		result = lappend(result, psprintf("ALTER TABLE %s %s", table, (char *) lfirst(lc)));
	if (OidIsValid(spec->like))
		result = list_concat(result, partition_below_after(spec, schema));
	return result;
}

List *
partition_statements(Oid relid, const PlanStep *step)
{
	NewPartition spec;
	PartitionLevel *level;
	Presence	present;
	Oid			other;
	char	   *reason;
	char	   *parent;

	if (!partition_read(relid, step, &spec, &reason) ||
		(level = partition_level(spec.parent)) == NULL ||
		!look_for(level, &spec, &present, &other, &reason) || present == PRESENT_ALL)
		return NIL;
	parent = plan_relation_name(spec.parent);
	return partition_statements_on(&spec, parent,
								   spec.move && OidIsValid(level->default_relid) ?
								   plan_relation_name(level->default_relid) : NULL,
								   spec.schema, spec.name);
}

void
partition_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo)
{
	NewPartition spec;
	char	   *reason;

	if (!partition_read(plan->relid, step, &spec, &reason))
		return;
	appendStringInfo(&undo->notes, "-- %s: the rows stored in it leave the table with it\n",
					 quote_identifier(spec.name));
	appendStringInfo(&undo->after, "ALTER TABLE %s DETACH PARTITION %s;\n",
					 plan_relation_name(spec.parent),
					 quote_qualified_identifier(spec.schema, spec.name));
}
