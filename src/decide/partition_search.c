/*
 * partition_search.c
 *	  Which partitions do held rows lack?
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/guc.h"
#include "base/spi.h"
#include "read/unseen.h"
#include "catalog/pg_type.h"
#include "decide/partition_below.h"
#include "decide/partition_search.h"
#include "decide/plan.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/routing.h"
#include "orient/alike.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define BATCH_ROWS 10000

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

/* What a partitioned table teaches; NULL when it is partitioned no more. */
static Want *
learn(PartitionSearch *s, Oid parent)
{
	Want	   *w = palloc0(sizeof(Want));

	w->level = partition_level(parent);
	if (w->level == NULL)
		return NULL;
	w->fresh = palloc0(sizeof(Fresh) * Max(s->room, 1));
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

		if (s->run != NULL && s->run->settings != NULL)
			zones = lappend(zones, s->run->settings->timezone);
		if (partition_grid(w->level, lappend(zones, "UTC"), &w->grid, &w->refusal))
			note_slots(w);
	}
	if (w->refusal == NULL && partition_below_nesting(w->level) == NESTED_SOME)
		w->refusal = "some of its partitions are partitioned themselves and others are not: a person says which kind the next one is";
	w->nested = partition_below_nesting(w->level) == NESTED_ALL;
	return w;
}

/* See the header. */
Want *
partition_search_level(PartitionSearch *s, Oid parent)
{
	Want	   *w;
	ListCell   *lc;

	foreach(lc, s->wants)
	{
		w = lfirst(lc);
		if (w->level->relid == parent)
			return w;
	}
	w = learn(s, parent);
	if (w != NULL)
		s->wants = lappend(s->wants, w);
	return w;
}

/* ---- what rows ask for ---- */

static void
refuse_row(PartitionSearch *s, const char *why)
{
	if (s->beyond++ == 0)
		s->why = pstrdup(why);
}

/* A partition more, if there is room. */
static Fresh *
add_fresh(PartitionSearch *s, Want *w)
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

/* The partition next to a new one, when all are partitioned themselves: of a
 * list the newest; else InvalidOid. */
static Oid
model_of(const Want *w, int64 slot)
{
	Oid			model = InvalidOid;
	uint64		nearest = PG_UINT64_MAX;

	if (!w->nested)
		return InvalidOid;
	for (int i = 0; i < w->level->nvalues; i++)
		model = Max(model, w->level->values[i].relid);
	for (int i = 0; i < w->level->nranges; i++)
	{
		const LevelRange *range = &w->level->ranges[i];
		int64		other;
		uint64		far;

		if (range->from_min || range->to_max || !partition_grid_slot(&w->grid, range->lower, &other))
			continue;
		far = other > slot ? (uint64) other - (uint64) slot : (uint64) slot - (uint64) other;
		if (far < nearest)
		{
			nearest = far;
			model = range->relid;
		}
	}
	return model;
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

static Fresh *
ask_range(PartitionSearch *s, Want *w, Datum value)
{
	Fresh	   *fresh;
	int64		slot;
	Datum		lower;
	Datum		upper;

	if (!partition_grid_slot(&w->grid, value, &slot))
	{
		refuse_row(s, psprintf("%s is no value that a partition of %s is for",
							   partition_level_text(w->level, value), partition_grid_width(&w->grid)));
		return NULL;
	}
	for (int i = 0; i < w->nfresh; i++)
		if (w->fresh[i].slot == slot)
		{
			w->fresh[i].rows++;
			return &w->fresh[i];
		}
	if (!s->asked && distance(w, slot) > (uint64) guc_max_partitions_ahead)
	{
		refuse_row(s, psprintf("%s is more than the %d steps of selfheal.max_partitions_ahead from the nearest partition of %s: a bad value, or a partition that a person makes",
							   partition_level_text(w->level, value), guc_max_partitions_ahead,
							   plan_relation_name(w->level->relid)));
		return NULL;
	}
	if (!partition_grid_bounds(&w->grid, slot, &lower, &upper))
	{
		refuse_row(s, psprintf("a partition for %s would end beyond what type %s holds",
							   partition_level_text(w->level, value), format_type_be(w->level->type)));
		return NULL;
	}
	if (overlaps(w->level, lower, upper))
	{
		refuse_row(s, psprintf("%s is in a gap of %s that is narrower than a partition of %s: a person says its bounds",
							   partition_level_text(w->level, value),
							   plan_relation_name(w->level->relid), partition_grid_width(&w->grid)));
		return NULL;
	}
	fresh = add_fresh(s, w);
	if (fresh == NULL)
		return NULL;
	fresh->slot = slot;
	fresh->lower = lower;
	fresh->upper = upper;
	fresh->like = model_of(w, slot);
	return fresh;
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

static Fresh *
ask_value(PartitionSearch *s, Want *w, bool isnull, Datum value)
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
			return &w->fresh[i];
		}
	if (words && text != NULL)
	{
		char	   *other = spelling_of(w, text);

		if (other != NULL)
		{
			refuse_row(s, psprintf("\"%s\" may be another spelling of \"%s\": amend() the rows, or a person makes the partition",
								   text, other));
			return NULL;
		}
	}
	if (text != NULL && (text[0] == '\0' || strlen(text) >= NAMEDATALEN || unseen_in(text)))
	{
		refuse_row(s, "the value is empty, longer than a name, or holds a character that is not seen");
		return NULL;
	}
	fresh = add_fresh(s, w);
	if (fresh == NULL)
		return NULL;
	fresh->isnull = isnull;
	if (!isnull)
		fresh->value = datumCopy(value, !w->by_length, w->length);
	fresh->like = model_of(w, 0);
	return fresh;
}

/* See the header. */
Fresh *
partition_search_value(PartitionSearch *s, Want *w, bool isnull, Datum value)
{
	if (w->level->strategy == PARTITION_STRATEGY_LIST)
		return ask_value(s, w, isnull, value);
	if (!isnull)
		return ask_range(s, w, value);
	refuse_row(s, psprintf("the key of %s is null, and no range takes a null",
						   plan_relation_name(w->level->relid)));
	return NULL;
}

/* ---- partitions of new ones ---- */

/* The partition of a level that takes a value, or the default, or
 * InvalidOid. */
static Oid
taker_of(const PartitionLevel *level, bool isnull, Datum value)
{
	for (int i = 0; i < level->nvalues; i++)
		if (level->values[i].isnull == isnull &&
			(isnull || partition_level_compare(level, level->values[i].value, value) == 0))
			return level->values[i].relid;
	for (int i = 0; i < level->nranges && !isnull && level->decided; i++)
	{
		const LevelRange *range = &level->ranges[i];

		if ((range->from_min || partition_level_compare(level, range->lower, value) <= 0) &&
			(range->to_max || partition_level_compare(level, range->upper, value) > 0))
			return range->relid;
	}
	return level->default_relid;
}

/* What the sibling teaches, when the first row asks for the new one. */
static Want *
below_of(PartitionSearch *s, Fresh *fresh)
{
	if (fresh->below == NULL)
		fresh->below = learn(s, fresh->like);
	return fresh->below;
}

/* See the header. */
bool
partition_search_copy_all(Want *w, Fresh *fresh, char **reason)
{
	PartitionLevel *level = partition_level(fresh->like);

	if (level == NULL)
		return plan_refuse(reason, "the sibling is partitioned no more");
	if (level->strategy != PARTITION_STRATEGY_HASH &&
		(level->column[0] == '\0' || strcmp(level->column, w->level->column) == 0))
		return plan_refuse(reason, "%s has partitions of its own whose bounds are not those of another: rows say which are needed",
						   plan_relation_name(fresh->like));
	fresh->copies = list_copy(level->children);
	return true;
}

/*
 * A row that a new partition is for, and its key there. By hash the partition
 * needs all that its sibling has; else the one that the row goes to: one like
 * the sibling's, or another on the raster of those. Where both are by one
 * column, the new one's bounds say how far that may be.
 */
static void
ask_below(PartitionSearch *s, Want *w, Fresh *fresh, bool isnull, bool any_null, Datum value)
{
	Want	   *below = below_of(s, fresh);
	bool		asked = s->asked;
	Oid			taker;

	if (below == NULL || below->level->strategy == PARTITION_STRATEGY_HASH)
	{
		if (below != NULL && fresh->copies == NIL)
			fresh->copies = list_copy(below->level->children);
		return;
	}
	taker = below->level->foreign_code ? InvalidOid :
		taker_of(below->level, below->level->strategy == PARTITION_STRATEGY_LIST ? isnull : any_null, value);
	if (OidIsValid(taker))
	{
		fresh->copies = list_append_unique_oid(fresh->copies, taker);
		return;
	}
	if (below->refusal != NULL || below->nested)
	{
		refuse_row(s, psprintf("%s: %s", plan_relation_name(fresh->like), below->refusal ? below->refusal :
							   "its partitions are partitioned again: a person makes a sibling of it"));
		fresh->refused++;
		return;
	}
	s->asked |= below->level->column[0] != '\0' && strcmp(below->level->column, w->level->column) == 0;
	if (partition_search_value(s, below, below->level->strategy == PARTITION_STRATEGY_LIST ? isnull : any_null, value) == NULL)
		fresh->refused++;
	s->asked = asked;
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
	PartitionSearch *s = arg;
	MemoryContext old;
	Want	   *w;
	Fresh	   *fresh = NULL;

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
	w = partition_search_level(s, route->parent);
	if (w == NULL)
		s->strange++;
	else if (w->refusal != NULL)
		refuse_row(s, psprintf("%s: %s", plan_relation_name(w->level->relid), w->refusal));
	else
		fresh = partition_search_value(s, w, w->level->strategy == PARTITION_STRATEGY_LIST ?
									   route->nulls[0] : has_null(w->level, route->nulls),
									   route->values[0]);
	if (fresh != NULL && OidIsValid(fresh->like))
	{
		bool		isnull;
		bool		any_null;
		Datum		key;

		MemoryContextSwitchTo(old);
		key = routing_key_at(route, fresh->like, &isnull, &any_null);
		MemoryContextSwitchTo(s->cxt);
		ask_below(s, w, fresh, isnull, any_null, key);
	}
	MemoryContextSwitchTo(old);
}

static void
refuse_row_in(PartitionSearch *s, const char *why)
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
	PartitionSearch *s = arg;

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

/* See the header. */
void
partition_search(PartitionSearch *s, Oid root, const int64 *incidents, int n)
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
