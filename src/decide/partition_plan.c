/*
 * partition_plan.c
 *	  Playbook for rows that no partition takes.
 *
 * The error says the key of one row; the others are taken from their payloads
 * once more, in batches, as who loaded them: the value of the key, or of its
 * expression, at the table where their way ends. A value asks for a slot on
 * the raster of the partitions that are there. Slots that are far from all of
 * them are bad values, not partitions.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/guc.h"
#include "base/spi.h"
#include "base/unseen.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "decide/partition.h"
#include "decide/partition_grid.h"
#include "decide/partition_like.h"
#include "decide/partition_names.h"
#include "decide/partition_plan.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/loader.h"
#include "observe/routing.h"
#include "orient/alike.h"
#include "orient/incident.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

#define BATCH_ROWS 10000

/* One partition that rows ask for. */
typedef struct Fresh
{
	int64		rows;			/* that ask for it */
	bool		isnull;			/* of a list */
	Datum		value;			/* of a list */
	int64		slot;			/* of ranges */
	Datum		lower;
	Datum		upper;
} Fresh;

/* What rows ask of one partitioned table. */
typedef struct Want
{
	PartitionLevel *level;
	PartitionGrid grid;			/* of ranges */
	int64	   *slots;			/* of the finite ranges, in order */
	int			nslots;
	char	   *refusal;		/* nothing is learnt from its partitions */
	Fresh	   *fresh;			/* room for guc_max_new_partitions */
	int			nfresh;
	bool		by_length;		/* the key's values are by reference */
	int16		length;
} Want;

typedef struct Search
{
	Oid			relid;
	Oid			root;			/* of a partition: rows may go through it */
	MemoryContext cxt;			/* of the result */
	char	   *zone;			/* of this process */
	const LoaderRun *run;		/* whose rows are looked at */
	List	   *wants;			/* Want * */
	int			room;			/* partitions that may still be made */
	int64		placed;			/* rows that have a partition by now */
	int64		strange;		/* rows that do not fit otherwise */
	int64		beyond;			/* rows that are for a person */
	char	   *why;			/* the first of them is */
	int64		over;			/* rows beyond selfheal.max_new_partitions */
} Search;

/* ---- what there is ---- */

/* Slots of the ranges that have two ends. */
static void
note_slots(Want *w)
{
	w->slots = palloc(sizeof(int64) * Max(w->level->nranges, 1));
	for (int i = 0; i < w->level->nranges; i++)
	{
		const LevelRange *range = &w->level->ranges[i];

		if (!range->from_min && !range->to_max &&
			partition_grid_slot(&w->grid, range->lower, &w->slots[w->nslots]))
			w->nslots++;
	}
}

/* Has a partition more than one value? Then who belongs together is meaning. */
static bool
mixes_values(const PartitionLevel *level)
{
	for (int i = 0; i < level->nvalues; i++)
		for (int k = i + 1; k < level->nvalues; k++)
			if (level->values[i].relid == level->values[k].relid)
				return true;
	return false;
}

static Want *
want_of(Search *s, Oid parent)
{
	Want	   *w;
	ListCell   *lc;

	foreach(lc, s->wants)
	{
		w = lfirst(lc);
		if (w->level->relid == parent)
			return w;
	}
	w = palloc0(sizeof(Want));
	w->level = partition_level(parent);
	if (w->level == NULL)
		return NULL;
	w->fresh = palloc0(sizeof(Fresh) * Max(guc_max_new_partitions, 1));
	get_typlenbyval(w->level->type, &w->length, &w->by_length);
	w->by_length = !w->by_length;
	if (w->level->strategy == PARTITION_STRATEGY_HASH)
		w->refusal = "it is partitioned by hash, and one of its partitions is missing: a person says which";
	else if (w->level->foreign_code)
		w->refusal = "its key is not of PostgreSQL's own types and operators";
	else if (w->level->strategy == PARTITION_STRATEGY_LIST)
	{
		if (w->level->nvalues == 0)
			w->refusal = "it has no partition to learn from";
		else if (mixes_values(w->level))
			w->refusal = "its partitions have several values each: which one a new value belongs to, only a person can say";
	}
	else
	{
		List	   *zones = list_make1(s->zone);

		if (s->run->settings != NULL)
			zones = lappend(zones, s->run->settings->timezone);
		if (partition_grid(w->level, lappend(zones, "UTC"), &w->grid, &w->refusal))
			note_slots(w);
	}
	s->wants = lappend(s->wants, w);
	return w;
}

/* ---- what rows ask for ---- */

static void
refuse_row(Search *s, const char *why)
{
	if (s->beyond++ == 0)
		s->why = pstrdup(why);
}

/* A partition more, if there is room. */
static Fresh *
add_fresh(Search *s, Want *w)
{
	if (s->room == 0)
	{
		s->over++;
		return NULL;
	}
	s->room--;
	w->fresh[w->nfresh].rows = 1;
	return &w->fresh[w->nfresh++];
}

/* How many steps from the nearest partition; positive. */
static uint64
distance(const Want *w, int64 slot)
{
	int			low = 0;
	int			high = w->nslots;
	uint64		nearest = PG_UINT64_MAX;

	while (low < high)
	{
		int			middle = (low + high) / 2;

		if (w->slots[middle] < slot)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < w->nslots)
		nearest = (uint64) w->slots[low] - (uint64) slot;
	if (low > 0)
		nearest = Min(nearest, (uint64) slot - (uint64) w->slots[low - 1]);
	return nearest;
}

/* Would it share rows with a partition that is there? */
static bool
overlaps(const PartitionLevel *level, Datum lower, Datum upper)
{
	for (int i = 0; i < level->nranges; i++)
	{
		const LevelRange *range = &level->ranges[i];

		if ((range->to_max || partition_level_compare(level, range->upper, lower) > 0) &&
			(range->from_min || partition_level_compare(level, range->lower, upper) < 0))
			return true;
	}
	return false;
}

static void
ask_range(Search *s, Want *w, Datum value)
{
	Fresh	   *fresh;
	int64		slot;
	Datum		lower;
	Datum		upper;

	if (!partition_grid_slot(&w->grid, value, &slot))
	{
		refuse_row(s, psprintf("%s is no value that a partition of %s is for",
							   partition_level_text(w->level, value), partition_grid_width(&w->grid)));
		return;
	}
	for (int i = 0; i < w->nfresh; i++)
		if (w->fresh[i].slot == slot)
		{
			w->fresh[i].rows++;
			return;
		}
	if (distance(w, slot) > (uint64) guc_max_partitions_ahead)
	{
		refuse_row(s, psprintf("%s is more than the %d steps of selfheal.max_partitions_ahead from the nearest partition of %s: a bad value, or a partition that a person makes",
							   partition_level_text(w->level, value), guc_max_partitions_ahead,
							   plan_relation_name(w->level->relid)));
		return;
	}
	if (!partition_grid_bounds(&w->grid, slot, &lower, &upper))
	{
		refuse_row(s, psprintf("a partition for %s would end beyond what type %s holds",
							   partition_level_text(w->level, value), format_type_be(w->level->type)));
		return;
	}
	if (overlaps(w->level, lower, upper))
	{
		refuse_row(s, psprintf("%s is in a gap of %s that is narrower than a partition of %s: a person says its bounds",
							   partition_level_text(w->level, value),
							   plan_relation_name(w->level->relid), partition_grid_width(&w->grid)));
		return;
	}
	fresh = add_fresh(s, w);
	if (fresh == NULL)
		return;
	fresh->slot = slot;
	fresh->lower = lower;
	fresh->upper = upper;
}

/* Another value, there or new, that this one may be a spelling of. */
static char *
spelling_of(const Want *w, const char *text)
{
	for (int i = 0; i < w->level->nvalues + w->nfresh; i++)
	{
		bool		there = i < w->level->nvalues;
		const Fresh *fresh = &w->fresh[there ? 0 : i - w->level->nvalues];
		char	   *other;

		if (there ? w->level->values[i].isnull : fresh->isnull)
			continue;
		other = partition_level_text(w->level, there ? w->level->values[i].value : fresh->value);
		if (alike_names(other, text))
			return other;
	}
	return NULL;
}

static void
ask_value(Search *s, Want *w, bool isnull, Datum value)
{
	Fresh	   *fresh;
	char	   *text = isnull ? NULL : partition_level_text(w->level, value);
	bool		words = get_typtype(w->level->type) != TYPTYPE_ENUM &&
	(w->level->type == TEXTOID || w->level->type == VARCHAROID || w->level->type == BPCHAROID);

	for (int i = 0; i < w->nfresh; i++)
		if (w->fresh[i].isnull == isnull &&
			(isnull || partition_level_compare(w->level, w->fresh[i].value, value) == 0))
		{
			w->fresh[i].rows++;
			return;
		}
	if (words && text != NULL)
	{
		char	   *other = spelling_of(w, text);

		if (other != NULL)
		{
			refuse_row(s, psprintf("\"%s\" may be another spelling of \"%s\": amend() the rows, or a person makes the partition",
								   text, other));
			return;
		}
	}
	if (text != NULL && (text[0] == '\0' || strlen(text) >= NAMEDATALEN || unseen_in(text)))
	{
		refuse_row(s, "the value is empty, longer than a name, or holds a character that is not seen");
		return;
	}
	fresh = add_fresh(s, w);
	if (fresh == NULL)
		return;
	fresh->isnull = isnull;
	if (!isnull)
		fresh->value = datumCopy(value, !w->by_length, w->length);
}

static bool
has_null(const PartitionLevel *level, const bool *nulls)
{
	for (int i = 0; i < level->nkeys; i++)
		if (nulls[i])
			return true;
	return false;
}

/* One row's way; see routing.h. Called as who loaded the row: nothing here
 * runs code of anybody. */
static void
note_route(void *arg, int row, const Route *route)
{
	Search	   *s = arg;
	MemoryContext old;
	Want	   *w;

	if (OidIsValid(route->leaf))
	{
		s->placed++;
		return;
	}
	if (!OidIsValid(route->parent))
	{
		s->strange++;
		return;
	}
	old = MemoryContextSwitchTo(s->cxt);
	w = want_of(s, route->parent);
	if (w == NULL)
		s->strange++;
	else if (w->refusal != NULL)
		refuse_row(s, psprintf("%s: %s", plan_relation_name(w->level->relid), w->refusal));
	else if (w->level->strategy == PARTITION_STRATEGY_LIST)
		ask_value(s, w, route->nulls[0], route->values[0]);
	else if (has_null(w->level, route->nulls))
		refuse_row(s, psprintf("the key of %s is null, and no range takes a null",
							   plan_relation_name(w->level->relid)));
	else
		ask_range(s, w, route->values[0]);
	MemoryContextSwitchTo(old);
}

static void
refuse_row_in(Search *s, const char *why)
{
	MemoryContext old = MemoryContextSwitchTo(s->cxt);

	refuse_row(s, why);
	MemoryContextSwitchTo(old);
}

/* The same of rows whose table is a partition: has the root one for them, and
 * may who loaded them go there? */
static void
note_root_route(void *arg, int row, const Route *route)
{
	Search	   *s = arg;

	if (OidIsValid(route->leaf) && pg_class_aclcheck(s->root, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		refuse_row_in(s, psprintf("it belongs to another partition than %s, and goes there through %s, into which its role may not insert: GRANT INSERT ON %s TO %s",
								  plan_relation_name(s->relid), plan_relation_name(s->root),
								  plan_relation_name(s->root),
								  quote_identifier(GetUserNameFromId(GetUserId(), false))));
	else if (OidIsValid(route->leaf))
		s->placed++;
	else if (OidIsValid(route->parent))
		refuse_row_in(s, psprintf("no partition of %s takes it: watch() that table, whose partitions are made when rows need them, and send the rows there",
								  plan_relation_name(s->root)));
	else
		s->strange++;
}

/* All held rows of the incidents, by the partitions of root. */
static void
ask_rows(Search *s, Oid root, const int64 *incidents, int n)
{
	RouteWalk	way = {
		.relid = root,.shaped = s->relid,.said = s->relid,
		.note = root == s->relid ? note_route : note_root_route,.arg = s
	};
	MemoryContext chunk = AllocSetContextCreate(CurrentMemoryContext, "selfheal partition rows",
												ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(chunk);
	HeldBatch	batch = {.more = true};

	while (batch.more)
	{
		LoaderRun	run = {0};
		Loader	   *loader;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(chunk);
		held_fetch(s->relid, incidents, n, batch.last, BATCH_ROWS, false, &batch);
		loader = loader_open(batch.rows, batch.n);
		while (loader_next(loader, &run))
		{
			StoreRow   *rows;
			SpiUser		saved;

			if (!OidIsValid(run.role))
				continue;		/* nobody can store them any more */
			rows = palloc(sizeof(StoreRow) * run.n);
			for (int i = 0; i < run.n; i++)
				rows[i] = batch.rows[run.first + i].row;
			s->run = &run;
			loader_become(&saved, &run);
			routing_walk(&way, rows, run.n);
			spi_resume(&saved);
		}
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(chunk);
}

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

/* The step of one new partition. */
static PlanStep *
step_of(const Want *w, const Fresh *fresh, List **taken)
{
	NewPartition spec = {.parent = w->level->relid};
	PartitionLikeness *model = partition_like(spec.parent);
	char	   *name;

	spec.schema = get_namespace_name(model->schema);
	if (w->level->strategy == PARTITION_STRATEGY_LIST)
	{
		char	   *text = fresh->isnull ? NULL : bound_text(w, fresh->value);

		spec.by_list = true;
		spec.values = lappend(NIL, text);
		name = partition_names_value(w->level, text);
	}
	else
	{
		spec.from = list_make1(bound_text(w, fresh->lower));
		spec.to = list_make1(bound_text(w, fresh->upper));
		for (int i = 1; i < w->level->nkeys; i++)
		{
			spec.from = lappend(spec.from, NULL);
			spec.to = lappend(spec.to, NULL);
		}
		name = partition_names_range(w->level, &w->grid, fresh->lower, fresh->upper);
	}
	name = partition_names_free(name, model->schema, *taken);
	if (name == NULL)
		return NULL;
	*taken = lappend(*taken, name);
	spec.name = name;
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
make_steps(Remedy *r, Search *s)
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
			PlanStep   *step = step_of(w, &w->fresh[i], &taken);

			bool		already = false;
			char	   *reason = "every name for it is taken";

			if (step == NULL || !partition_check(&site, step, &already, &reason))
			{
				/* what one lacks must not be the others' loss */
				if (s->beyond == 0)
					s->why = reason;
				s->beyond += w->fresh[i].rows;
				continue;
			}
			rows += w->fresh[i].rows;
			made++;
			if (r->step == NULL)
				r->step = step;
			else
				r->also = lappend(r->also, step);
			first = first ? first : w;
			appendStringInfo(&names, "%s%s", names.len ? ", " : "",
							 quote_identifier(llast(taken)));
		}
	}
	if (r->step == NULL)
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
	Search		s = {.cxt = CurrentMemoryContext};
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
	ask_rows(&s, s.relid, ids, n);
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
	Search		s = {.cxt = CurrentMemoryContext};
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
	ask_rows(&s, s.root, ids, n);
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
