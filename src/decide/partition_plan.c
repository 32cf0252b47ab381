/*
 * partition_plan.c
 *	  Playbooks for rows that no partition takes, or not the one they were
 *	  sent to.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/guc.h"
#include "base/spi.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "decide/partition.h"
#include "decide/partition_below.h"
#include "decide/partition_like.h"
#include "decide/partition_names.h"
#include "decide/partition_plan.h"
#include "decide/partition_search.h"
#include "miscadmin.h"
#include "orient/incident.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* ---- what is said of it ---- */

/* Partitions that the table may still get today by itself. */
static int
quota(Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		made;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT count(*) FROM selfheal.plan p, jsonb_array_elements(p.steps -> 'steps') s"
			 " WHERE p.relid = $1 AND p.state = 'applied' AND p.applied_at > clock_timestamp() - interval '24 hours'"
			 " AND p.verdict = 'auto' AND s ->> 'kind' = 'attach_partition'", &args);
	made = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return (int) Max(guc_max_new_partitions - made, 0);
}

static char *
bound_text(const Want *w, Datum value)
{
	return partition_level_text(w->level, value);
}

/* The bounds of one that rows ask for. */
static void
bounds_of(const Want *w, const Fresh *fresh, NewPartition *spec)
{
	if (w->level->strategy == PARTITION_STRATEGY_LIST)
	{
		spec->by_list = true;
		spec->values = lappend(NIL, fresh->isnull ? NULL : bound_text(w, fresh->value));
		return;
	}
	spec->from = list_make1(bound_text(w, fresh->lower));
	spec->to = list_make1(bound_text(w, fresh->upper));
	for (int i = 1; i < w->level->nkeys; i++)
	{
		spec->from = lappend(spec->from, NULL);
		spec->to = lappend(spec->to, NULL);
	}
}

/* How its siblings are called. */
static char *
name_of(const Want *w, const Fresh *fresh)
{
	if (w->level->strategy == PARTITION_STRATEGY_LIST)
		return partition_names_value(w->level, fresh->isnull ? NULL : bound_text(w, fresh->value));
	return partition_names_range(w->level, &w->grid, fresh->lower, fresh->upper);
}

/* The partitions of the new one: those of the sibling that rows go to, and
 * new ones beside these. False with a reason. */
static bool
add_parts(const Fresh *fresh, NewPartition *spec, Oid schema, List **taken, char **reason)
{
	const PartitionLevel *sibling = fresh->below ? fresh->below->level : partition_level(fresh->like);
	char	   *like = get_rel_name(fresh->like);
	ListCell   *lc;

	spec->like = fresh->like;
	spec->by = partition_below_key(fresh->like);
	if (sibling == NULL || like == NULL || spec->by == NULL)
		return plan_refuse(reason, "the sibling is partitioned no more");
	foreach(lc, fresh->copies)
	{
		NewPartition *part = partition_below_copy(sibling, lfirst_oid(lc), reason);

		if (part == NULL)
			return false;
		spec->parts = lappend(spec->parts, part);
	}
	for (int i = 0; fresh->below != NULL && i < fresh->below->nfresh; i++)
	{
		NewPartition *part = palloc0(sizeof(NewPartition));

		bounds_of(fresh->below, &fresh->below->fresh[i], part);
		part->name = name_of(fresh->below, &fresh->below->fresh[i]);
		spec->parts = lappend(spec->parts, part);
	}
	if (spec->parts == NIL)
		return plan_refuse(reason, "no partition of its own is known that the rows could go to");
	foreach(lc, spec->parts)
	{
		NewPartition *part = lfirst(lc);

		part->name = partition_names_free(partition_below_name(part->name, like, spec->name), schema, *taken);
		if (part->name == NULL)
			return plan_refuse(reason, "every name for it is taken");
		*taken = lappend(*taken, part->name);
	}
	return true;
}

/* The step of one new partition, or NULL with a reason. */
static PlanStep *
step_of(const Want *w, const Fresh *fresh, bool move, List **taken, char **reason)
{
	NewPartition spec = {.parent = w->level->relid,.move = move};
	PartitionLikeness *model = partition_like(spec.parent);
	char	   *name;

	spec.schema = get_namespace_name(model->schema);
	bounds_of(w, fresh, &spec);
	name = partition_names_free(name_of(w, fresh), model->schema, *taken);
	if (name == NULL)
	{
		plan_refuse(reason, "every name for it is taken");
		return NULL;
	}
	*taken = lappend(*taken, name);
	spec.name = name;
	if (OidIsValid(fresh->like) && !add_parts(fresh, &spec, model->schema, taken, reason))
		return NULL;
	return partition_step(&spec);
}

static Oid
owner_of(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
		ReleaseSysCache(tup);
	}
	return owner;
}

static char *
rows_text(int64 n)
{
	return n == 1 ? pstrdup("1 row") : psprintf(INT64_FORMAT " rows", n);
}

/* The steps; and what they are, for people. */
static void
make_steps(Remedy *r, PartitionSearch *s)
{
	List	   *taken = NIL;
	StringInfoData names;
	const Want *first = NULL;
	int64		rows = 0;
	int			made = 0;
	StepSite	site = {.relid = s->relid};
	ListCell   *lc;

	site.owner = owner_of(s->relid);
	site.tree = find_all_inheritors(s->relid, NoLock, NULL);
	initStringInfo(&names);
	foreach(lc, s->wants)
	{
		const Want *w = lfirst(lc);

		for (int i = 0; i < w->nfresh; i++)
		{
			bool		already = false;
			char	   *reason = NULL;
			int64		rows_left = w->fresh[i].rows - w->fresh[i].refused;
			PlanStep   *step = step_of(w, &w->fresh[i], false, &taken, &reason);
			NewPartition spec;

			if (step == NULL || !partition_check(&site, step, &already, &reason))
			{
				/* what one lacks must not be the others' loss */
				if (s->beyond == 0)
					s->why = reason;
				s->beyond += rows_left;
				continue;
			}
			rows += rows_left;
			made++;
			if (r->step == NULL)
				r->step = step;
			else
				r->also = lappend(r->also, step);
			first = first ? first : w;
			(void) partition_read(s->relid, step, &spec, &reason);
			appendStringInfo(&names, "%s%s", names.len ? ", " : "", quote_identifier(spec.name));
			if (spec.parts != NIL)
				appendStringInfo(&names, " (with %d of its own)", list_length(spec.parts));
		}
	}
	if (r->step == NULL || first == NULL)
		return;
	r->explanation = psprintf("No partition takes %s: %s made, %s.", rows_text(rows), made == 1 ?
							  psprintf("partition %s is", names.data) :
							  psprintf("partitions %s are", names.data),
							  first->level->strategy == PARTITION_STRATEGY_LIST ?
							  "of one value as its siblings" :
							  psprintf("%s wide as its siblings", partition_grid_width(&first->grid)));
	remedy_option(r, true, "a new partition beside its siblings",
				  "made as a table of its own and attached: nobody who reads or loads the table waits for it");
	remedy_option(r, false, "CREATE TABLE ... PARTITION OF",
				  "it locks the table against everybody");
	remedy_option(r, false, "a default partition",
				  "rows of all kinds would come to it, and each later partition would have to read it");
	remedy_option(r, false, "the partitions in between", "no row needs them");
}

/* The finding's incidents, each once. */
static int64 *
incidents_of(const Finding *f, int *n)
{
	int64	   *ids = palloc(sizeof(int64) * list_length(f->refused));
	ListCell   *lc;

	*n = 0;
	foreach(lc, f->refused)
	{
		int64		id = ((const Refused *) lfirst(lc))->incident;
		int			i;

		for (i = 0; i < *n; i++)
			if (ids[i] == id)
				break;
		if (i == *n)
			ids[(*n)++] = id;
	}
	return ids;
}

/* See the header. */
void
partition_add(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	PartitionSearch s = {.cxt = CurrentMemoryContext};
	int64	   *ids;
	int			n;

	if (f->refused == NIL)
		return;
	ids = incidents_of(f, &n);
	s.relid = incident_get(ids[0])->relid;
	if (get_rel_relispartition(s.relid))
	{
		partition_reroute(r, e);
		return;
	}
	if (get_rel_relkind(s.relid) != RELKIND_PARTITIONED_TABLE)
		return;
	s.zone = pstrdup(pg_get_timezone_name(session_timezone));
	s.room = quota(s.relid);
	partition_search(&s, s.relid, ids, n);
	make_steps(r, &s);
	if (s.beyond > 0 && r->step != NULL)
		r->explanation = psprintf("%s Left for a person: %s, the first since %s.", r->explanation,
								  rows_text(s.beyond), s.why);
	else if (s.beyond > 0)
		r->explanation = psprintf("No partition takes %s, and none is made: %s.",
								  rows_text(s.beyond), s.why);
	else if (r->step == NULL && s.over > 0)
		r->explanation = psprintf("No partition takes %s, and no more than the %d a day of selfheal.max_new_partitions are made.",
								  rows_text(s.over), guc_max_new_partitions);
	else if (r->step == NULL && s.placed > 0 && s.strange == 0)
		r->replay_only = true;
	r->certain = r->step == NULL && !r->replay_only && s.placed == 0 && s.strange == 0 &&
		s.beyond + s.over > 0;
}

/* See the header. */
void
partition_reroute(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	PartitionSearch s = {.cxt = CurrentMemoryContext};
	int64	   *ids;
	int			n;
	List	   *above;

	if (f->refused == NIL)
		return;
	ids = incidents_of(f, &n);
	s.relid = incident_get(ids[0])->relid;
	above = get_rel_relispartition(s.relid) ? get_partition_ancestors(s.relid) : NIL;
	if (above == NIL)
		return;
	s.root = llast_oid(above);
	partition_search(&s, s.root, ids, n);
	if (s.placed > 0)
	{
		r->replay_only = true;
		r->explanation = psprintf("%s to another partition than %s: stored through %s, where the loading role may insert into it.",
								  s.placed == 1 ? "1 row belongs" : psprintf(INT64_FORMAT " rows belong", s.placed),
								  plan_relation_name(s.relid), plan_relation_name(s.root));
		remedy_option(r, true, psprintf("through %s", plan_relation_name(s.root)), "it knows the partition that the row belongs to");
		remedy_option(r, false, "another bound of the partition", "rows that are stored would be in the wrong one");
		return;
	}
	if (s.strange > 0 || s.beyond == 0)
		return;
	r->certain = true;
	r->explanation = psprintf("%s held, the first since %s.",
							  s.beyond == 1 ? "1 row is" : psprintf(INT64_FORMAT " rows are", s.beyond), s.why);
}

/* See the header. */
HealPlan *
partition_for(Oid relid, const char *value, char **reason)
{
	PartitionSearch s = {.relid = relid,.cxt = CurrentMemoryContext,.room = 1,.asked = true};
	HealPlan   *plan = palloc0(sizeof(HealPlan));
	List	   *taken = NIL;
	Datum		key = (Datum) 0;
	Want	   *w;
	PlanStep   *step;

	plan->relid = relid;
	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
	{
		plan_refuse(reason, "%s is not partitioned", plan_relation_name(relid));
		return NULL;
	}
	s.zone = pstrdup(pg_get_timezone_name(session_timezone));
	w = partition_search_level(&s, relid);
	if (w == NULL || w->refusal != NULL)
	{
		plan_refuse(reason, "%s: %s", plan_relation_name(relid), w ? w->refusal : "it is gone");
		return NULL;
	}
	if (value != NULL && !partition_level_input(w->level, value, &key, reason))
		return NULL;
	if (partition_level_has(w->level, value == NULL, key))
		return plan;
	partition_search_value(&s, w, value == NULL, key);
	if (w->nfresh == 0)
	{
		*reason = s.why;
		return NULL;
	}
	if (OidIsValid(w->fresh[0].like) && !partition_search_copy_all(w, &w->fresh[0], reason))
		return NULL;
	step = step_of(w, &w->fresh[0], true, &taken, reason);
	if (step == NULL)
		return NULL;
	plan->steps = list_make1(step);
	return plan;
}
