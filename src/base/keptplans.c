/*
 * keptplans.c
 *	  Plans of our own statements, kept in a process that runs the same ones
 *	  again and again (keptplans.h).
 *
 * Rests on SPI_prepare and SPI_keepplan (manual, "Server Programming Interface")
 * and on CachedPlanSource (utils/plancache.h): what a plan rests on, and how
 * it is made invalid as plancache.c does.
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/keptplans.h"
#include "catalog/pg_class.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "port/pg_bitutils.h"
#include "storage/bufmgr.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/rel.h"

/* Plans at most: some ten megabytes, and twice what our own statements are. */
#define PLANS_MAX 300

/* Texts that came at most, with a plan or without. */
#define KNOWN_MAX 5000

typedef struct KeptPlan
{
	uint64		hash;			/* key: of text and types */
	SPIPlanPtr	plan;			/* NULL: it came once */
	char	   *sql;			/* of the plan */
	uint32		sizes;			/* of its tables, when it was planned */
} KeptPlan;

static HTAB *known = NULL;
static int	plans = 0;

/* See the header. A plan that runs must not be freed, so it is done here. */
void
keptplans_begin(void)
{
	HASHCTL		ctl = {.keysize = sizeof(uint64),.entrysize = sizeof(KeptPlan),.hcxt = TopMemoryContext};
	HASH_SEQ_STATUS all;
	KeptPlan   *kept;

	if (known != NULL)
	{
		if (plans < PLANS_MAX && hash_get_num_entries(known) < KNOWN_MAX)
			return;
		hash_seq_init(&all, known);
		while ((kept = hash_seq_search(&all)) != NULL)
		{
			if (kept->plan == NULL)
				continue;
			SPI_freeplan(kept->plan);
			pfree(kept->sql);
		}
		hash_destroy(known);
	}
	known = hash_create("selfheal kept plans", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	plans = 0;
}

/* How large its tables are, by powers of two, as one number. */
static uint32
sizes_of(SPIPlanPtr plan)
{
	uint32		sizes = 0;
	ListCell   *source;
	ListCell   *lc;

	foreach(source, SPI_plan_get_plan_sources(plan))
	{
		foreach(lc, ((CachedPlanSource *) lfirst(source))->relationOids)
		{
			Relation	rel = try_relation_open(lfirst_oid(lc), AccessShareLock);

			if (rel == NULL)
				continue;
			if (rel->rd_rel->relkind == RELKIND_RELATION && !RELATION_IS_OTHER_TEMP(rel))
				sizes = hash_combine(sizes, pg_leftmost_one_pos32(RelationGetNumberOfBlocks(rel) + 1));
			relation_close(rel, AccessShareLock);
		}
	}
	return sizes;
}

/* Plan for any values anew; for these values it is planned at each call. */
static void
plan_anew(SPIPlanPtr plan)
{
	ListCell   *lc;

	foreach(lc, SPI_plan_get_plan_sources(plan))
	{
		CachedPlanSource *source = lfirst(lc);

		if (source->gplan != NULL)
			source->gplan->is_valid = false;
	}
}

/* Is it to be planned, and not a command? */
static bool
is_query(const char *sql)
{
	static const char *const words[] = {"SELECT ", "WITH ", "INSERT ", "UPDATE ", "DELETE "};

	for (int i = 0; i < (int) lengthof(words); i++)
		if (strncmp(sql, words[i], strlen(words[i])) == 0)
			return true;
	return false;
}

/*
 * Under a table's owner or a loading role nothing is kept: such a text holds names
 * and literals that mean what this role, its settings and the rows put beside the
 * query (parents.c) make of them, and all that is decided when it is read. A plan
 * is not read anew when one of these is another, as it is for a table.
 */
static bool
is_ours(void)
{
	return !InSecurityRestrictedOperation();
}

/* Two texts with one hash are not mistaken for each other. */
static bool
is_of(const KeptPlan *kept, const char *sql, int nargs, const Oid *types)
{
	if (strcmp(kept->sql, sql) != 0 || SPI_getargcount(kept->plan) != nargs)
		return false;
	for (int i = 0; i < nargs; i++)
		if (SPI_getargtypeid(kept->plan, i) != types[i])
			return false;
	return true;
}

static void
prepare(KeptPlan *kept, const char *sql, int nargs, const Oid *types)
{
	/* as SPI_execute would: several processes may read */
	SPIPlanPtr	plan = SPI_prepare_cursor(sql, nargs, unconstify(Oid *, types), CURSOR_OPT_PARALLEL_OK);

	if (plan == NULL || SPI_keepplan(plan) != 0)
		elog(ERROR, "own statement could not be prepared (%s): %s", SPI_result_code_string(SPI_result), sql);
	kept->sql = MemoryContextStrdup(TopMemoryContext, sql);
	kept->plan = plan;
	plans++;
	kept->sizes = 0;			/* should asking raise an error */
	kept->sizes = sizes_of(plan);
}

/* See the header. */
SPIPlanPtr
keptplans_get(const char *sql, int nargs, const Oid *types)
{
	KeptPlan   *kept;
	uint64		hash;
	uint32		sizes;
	bool		found;

	if (known == NULL || !is_ours() || !is_query(sql))
		return NULL;
	hash = hash_bytes_extended((const unsigned char *) sql, (int) strlen(sql),
							   hash_bytes_extended((const unsigned char *) types, nargs * (int) sizeof(Oid), 0));
	kept = hash_search(known, &hash, HASH_ENTER, &found);
	if (!found)
		kept->plan = NULL;
	if (!found || (kept->plan == NULL && plans >= PLANS_MAX))
		return NULL;
	if (kept->plan == NULL)
		prepare(kept, sql, nargs, types);
	else if (!is_of(kept, sql, nargs, types))
		return NULL;
	else if ((sizes = sizes_of(kept->plan)) != kept->sizes)
	{
		plan_anew(kept->plan);
		kept->sizes = sizes;
	}
	return kept->plan;
}
