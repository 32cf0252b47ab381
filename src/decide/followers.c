/*
 * followers.c
 *	  What those feel of a plan who follow the table by logical replication.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "decide/followers.h"
#include "decide/partition.h"
#include "decide/partition_like.h"
#include "decide/rules.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* Has somebody said that a publication is no reason to wait with such a step?
 */
static bool
subscribers_heal(const Survey *s, const PlanStep *step)
{
	const PolicyRule *rule = rules_find(s->rules, step->kind, COST_PUBLISHED);

	return rule != NULL && rule->verdict == RULE_AUTO;
}

static bool
ends_with(const char *text, const char *end)
{
	size_t		len = strlen(text);

	return len >= strlen(end) && strcmp(text + len - strlen(end), end) == 0;
}

/* Is the change refused for what this publication says of the table? */
static bool
publication_refuses(const Survey *s, const PublishedBy *pub)
{
	ListCell   *lc;

	foreach(lc, s->cost->refused)
	{
		const char *name = lfirst(lc);

		/* PostgreSQL says the publication's name as it is */
		if (strncmp(name, "publication relation ", 21) == 0 &&
			(ends_with(name, psprintf(" in publication %s", pub->bare)) ||
			 ends_with(name, psprintf(" in publication %s", pub->name))))
			return true;
	}
	return false;
}

/* What a new partition is to those who follow its siblings, and what it lacks
 * of them. */
void
followers_of_partition(Survey *s, const PlanStep *step, bool notes)
{
	ImpactLevel level = subscribers_heal(s, step) ? IMPACT_NOTE : IMPACT_REVIEW;
	NewPartition spec;
	PartitionLikeness *model;
	char	   *name;
	char	   *reason;
	ListCell   *lc;

	if (!partition_read(s->plan->relid, step, &spec, &reason))
		return;
	model = partition_like(spec.parent);
	name = quote_qualified_identifier(spec.schema, spec.name);
	foreach(lc, s->cost->published ?
			subscribers_of_partition(spec.parent, get_namespace_oid(spec.schema, true)) : NIL)
	{
		const PublishesNew *pub = lfirst(lc);

		if (!pub->sends)
			survey_add(s, "publication", pub->name, NULL, level,
					   psprintf("lists partitions one by one: rows of %s are not sent until a person adds it", name), NULL);
		else if (pub->as_root)
			survey_add(s, "publication", pub->name, NULL, IMPACT_NOTE,
					   "sends rows of new partitions as the root's: a subscriber needs nothing for them", NULL);
		else
			survey_add(s, "publication", pub->name, NULL, level,
					   psprintf("a subscriber without %s stops at the first row of it", name), NULL);
	}
	if (spec.move && OidIsValid(get_default_partition_oid(spec.parent)))
		survey_add(s, "partitions", plan_relation_name(get_default_partition_oid(spec.parent)), NULL, IMPACT_REVIEW,
				   psprintf("its rows that belong to %s move there; whoever reads the table waits as long", name), NULL);
	foreach(lc, notes ? model->lacks : NIL)
		survey_add(s, "partitions", name, NULL, IMPACT_NOTE, lfirst(lc), NULL);
}

/* What a subscriber meets. */
void
followers_of_column(Survey *s, const PlanStep *step, const List *published)
{
	bool		partitioned = get_rel_relkind(s->plan->relid) == RELKIND_PARTITIONED_TABLE;
	ListCell   *lc;

	foreach(lc, published)
	{
		const PublishedBy *pub = lfirst(lc);
		ImpactLevel level = subscribers_heal(s, step) ? IMPACT_NOTE : IMPACT_REVIEW;
		const char *where = !partitioned ? "" : pub->as_root ?
		" (published as the root)" : " (published partition by partition)";

		if (!pub->carries)
			survey_add(s, "publication", pub->name, step, IMPACT_NOTE,
					   "its column list leaves out ",
					   ": subscribers do not see the change");
		else if (step->kind == STEP_ADD_COLUMN)
			survey_add(s, "publication", pub->name, step, level,
					   "a subscriber without ",
					   psprintf(" stops at the first change of the table after it%s", where));
		else if (plan_changes_type(step))
			survey_add(s, "publication", pub->name, step, level,
					   "a subscriber that keeps the old type of ",
					   psprintf(" stops at the first value that does not fit there%s", where));
		else if (step->kind == STEP_ADD_ENUM_LABEL)
			survey_add(s, "publication", pub->name, step, level,
					   "a subscriber without the new labels of ",
					   psprintf(" stops at the first row that has one%s", where));
		else if (step->kind == STEP_EXTEND_CHECK_LIST)
			survey_add(s, "publication", pub->name, step, level,
					   "a subscriber with the old list of ",
					   psprintf(" stops at the first row that has a new value%s", where));
		else
			survey_add(s, "publication", pub->name, step, level,
					   "a subscriber that asks for a value in ",
					   psprintf(" stops at the first null%s", where));

		if (plan_changes_type(step) && (pub->lists || pub->filters))
			survey_add(s, "publication", pub->name, step,
					   publication_refuses(s, pub) ? IMPACT_REFUSE : IMPACT_NOTE,
					   pub->filters ? "its row filter names " : "its column list names ",
					   "");
		else if (step->kind == STEP_DROP_NOT_NULL && pub->filters)
			survey_add(s, "publication", pub->name, step, IMPACT_NOTE,
					   "its row filter names ",
					   ": a row for which the filter is null is not published");
	}
}

/* What identifies a row to those who follow the table. */
void
followers_identity(Survey *s, const PlanStep *step, RowIdentity identity)
{
	char	   *table = plan_relation_name(s->plan->relid);

	if (table == NULL || identity == IDENTITY_OTHER)
		return;
	if (identity == IDENTITY_FULL)
		survey_add(s, "replica identity", table, step, IMPACT_NOTE,
				   "the whole row: each UPDATE and DELETE sends ", " as it was");
	else
		survey_add(s, "replica identity", table, step, IMPACT_NOTE,
				   "tells rows apart for subscribers by ", "");
}
