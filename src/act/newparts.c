/*
 * newparts.c
 *	  New partitions of a plan, below the clone of their table.
 */
#include "postgres.h"

#include "act/members.h"
#include "act/newparts.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "decide/partition.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/*
 * ATTACH would refuse a partition of which the default has rows. The clone has
 * a sample of them at most, so the table's own are asked, as its owner.
 */
static void
ask_default(const Clone *clone, const NewPartition *spec)
{
	Oid			last_resort = get_default_partition_oid(spec->parent);
	PartitionLevel *level;
	char	   *condition;
	char	   *name;
	char	   *rows;
	int64		found;

	if (!OidIsValid(last_resort) || spec->move)
		return;
	level = partition_level(spec->parent);
	name = plan_relation_name(last_resort);
	if (level == NULL || name == NULL)
		return;
	condition = partition_condition(level, spec);
	clone_past_rls(clone, psprintf("SELECT count(*) FROM (SELECT FROM %s WHERE %s LIMIT 1000) AS rows",
								   name, condition), NULL);
	found = spi_get_int8(0, 1, NULL);
	if (found == 0)
		return;
	rows = found == 1000 ? "1000 rows or more" : psprintf(INT64_FORMAT " row%s", found, found == 1 ? "" : "s");
	ereport(ERROR,
			(errcode(ERRCODE_CHECK_VIOLATION),
			 errmsg("%s of the default partition %s belong to %s: selfheal.propose_partition() moves them",
					rows, name, quote_qualified_identifier(spec->schema, spec->name))));
}

/* Another name where the trial has a relation of this one. */
static char *
free_name(const char *name)
{
	Oid			sandbox = get_namespace_oid(CLONE_SCHEMA, false);
	char	   *candidate = pstrdup(name);

	for (int i = 1; OidIsValid(get_relname_relid(candidate, sandbox)); i++)
		candidate = psprintf("new_part_%d", i);
	return candidate;
}

/* See the header. */
void
newparts_make(Clone *clone, const HealPlan *plan)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		NewPartition spec;
		char	   *reason;
		Clone	   *parent;
		Clone	   *last_resort;

		if (step->kind != STEP_ATTACH_PARTITION)
			continue;
		if (!partition_read(plan->relid, step, &spec, &reason))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_TABLE),
					 errmsg("%s", reason)));
		ask_default(clone, &spec);
		if (clone->flat)
			continue;
		if (clone_member(clone, spec.parent) == NULL)
			(void) members_add(clone, spec.parent, plan);
		parent = clone_member(clone, spec.parent);
		if (parent == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("there is no room for partitions of %s on the clone",
							plan_relation_name(spec.parent))));
		last_resort = spec.move ? clone_member(clone, get_default_partition_oid(spec.parent)) : NULL;
		foreach(lc2, spec.parts)
			((NewPartition *) lfirst(lc2))->name = free_name(((NewPartition *) lfirst(lc2))->name);
		foreach(lc2, partition_statements_on(&spec, parent->name,
											 last_resort ? last_resort->name : NULL,
											 CLONE_SCHEMA, free_name(spec.name)))
			clone_as_owner(clone, lfirst(lc2), NULL);
	}
}
