/*
 * unseen.c
 *	  Changes of watched tables that no event trigger saw (unseen.h).
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/expected.h"
#include "observe/follow.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/registry.h"
#include "observe/unseen.h"
#include "storage/lmgr.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* What CONCURRENTLY has left between two steps for longer has failed. */
#define STEPS_MS 10000

/* Tables that one call of unseen_others looks at: somebody may wait for a heal
 * meanwhile. */
#define AT_ONCE 100

/* A table as this process knows it. */
typedef struct Known
{
	Oid			relid;			/* key */
	bool		looked;			/* and it has not changed since */
	bool		typed;			/* a column of it is of a type of people's */
	TimestampTz between;		/* when it was seen to be between two steps;
								 * 0: it is not */
} Known;

static HTAB *known = NULL;

/* Where unseen_others has come to: tables that somebody locks are not to keep it
 * from the others. */
static Oid	last = InvalidOid;

/* ---- what PostgreSQL tells of changes ---- */

static void
forget(Oid relid, bool typed_only)
{
	HASH_SEQ_STATUS all;
	Known	   *entry;

	if (OidIsValid(relid))
	{
		entry = hash_search(known, &relid, HASH_FIND, NULL);
		if (entry != NULL)
			entry->looked = false;
		return;
	}
	hash_seq_init(&all, known);
	while ((entry = hash_seq_search(&all)) != NULL)
		if (!typed_only || entry->typed)
			entry->looked = false;
}

static void
relation_changed(Datum arg, Oid relid)
{
	forget(relid, false);
}

/* Which type it was is not told. */
static void
type_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	forget(InvalidOid, true);
}

static void
listen(void)
{
	HASHCTL		ctl = {.keysize = sizeof(Oid),.entrysize = sizeof(Known),.hcxt = TopMemoryContext};

	if (known != NULL)
		return;
	known = hash_create("selfheal tables looked at", 256, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_changed, (Datum) 0);
	CacheRegisterSyscacheCallback(ENUMOID, type_changed, (Datum) 0);
}

/* ---- looking ---- */

/*
 * A column that nobody knows, between two that everybody does, was not added:
 * those come last. It is called otherwise, where as many are missing there.
 * $1: table, $2: its newest version; {"old": "new"}, or NULL.
 */
#define RENAMED \
	"WITH was AS (SELECT c ->> 'name' AS name, n FROM selfheal.schema_snapshot s, jsonb_array_elements(s.snapshot -> 'columns') WITH ORDINALITY x(c, n)" \
	"  WHERE s.relid = $1 AND s.version = $2)," \
	" now AS (SELECT a.attname::text AS name, a.attnum AS n FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped)," \
	" stays AS (SELECT w.n AS was_n, i.n AS is_n FROM was w JOIN now i USING (name))," \
	" gone AS (SELECT w.name, g.gap, row_number() OVER (PARTITION BY g.gap ORDER BY w.n) AS k, count(*) OVER (PARTITION BY g.gap) AS many" \
	"  FROM was w, LATERAL (SELECT count(*) AS gap FROM stays y WHERE y.was_n < w.n) g WHERE w.name NOT IN (SELECT name FROM now))," \
	" come AS (SELECT i.name, g.gap, row_number() OVER (PARTITION BY g.gap ORDER BY i.n) AS k, count(*) OVER (PARTITION BY g.gap) AS many" \
	"  FROM now i, LATERAL (SELECT count(*) AS gap FROM stays y WHERE y.is_n < i.n) g WHERE i.name NOT IN (SELECT name FROM was))" \
	" SELECT jsonb_object_agg(g.name, c.name) FROM gone g JOIN come c USING (gap, k, many) WHERE gap < (SELECT count(*) FROM stays)"

static Jsonb *
guess_renamed(Oid relid)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Jsonb	   *result;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, registry_newest(relid));
	spi_exec_kept(&plan, RENAMED, &args);
	result = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return result;
}

/* Mappings and keys mean the columns that they meant. */
static void
follow_guessed(Oid relid, const List *changes)
{
	const ListCell *lc;
	SpiUser		saved;

	spi_open(&saved);
	foreach(lc, changes)
	{
		const SnapshotChange *change = lfirst(lc);

		SpiArgs		args;

		if (strcmp(change->kind, "column_renamed") != 0)
			continue;
		mapping_follow_column(relid, change->name, change->now);
		spi_args(&args);
		spi_arg_relid(&args, relid);
		spi_arg_text(&args, change->name);
		spi_arg_text(&args, change->now);
		spi_exec("UPDATE selfheal.watched SET ordering_key = array_replace(ordering_key, $2, $3)"
				 " WHERE relid = $1 AND $2 = ANY (ordering_key)", &args);
	}
	spi_close(&saved);
}

/*
 * Is the table between two steps of a command with CONCURRENTLY? Its event
 * trigger comes with the last. One that failed leaves the same behind, and an
 * index of a partitioned table alone looks so for ever.
 */
static bool
between_steps(Known *table)
{
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;
	bool		between;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, table->relid);
	(void) spi_read_newest(&plan, "SELECT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = $1 AND NOT (x.indisvalid AND x.indisready AND x.indislive))"
						   " OR EXISTS (SELECT FROM pg_inherits h WHERE h.inhparent = $1 AND h.inhdetachpending)", &args);
	between = spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	if (!between)
		table->between = 0;
	else if (table->between == 0)
		table->between = GetCurrentTimestamp();
	return between &&
		(!ConditionalLockRelationOid(table->relid, ShareUpdateExclusiveLock) ||
		 !TimestampDifferenceExceeds(table->between, GetCurrentTimestamp(), STEPS_MS));
}

/* Body of a subtransaction. Rows that wait may fit by now. */
static void
look_at(void *arg)
{
	Known	   *table = arg;
	Oid			relid = table->relid;
	RegistryCause unseen = {0};
	RegistryEntry *kept;
	SpiUser		saved;

	if (between_steps(table))
	{
		table->looked = false;
		return;
	}
	unseen.renamed = guess_renamed(relid);
	kept = registry_keep(relid, &unseen);
	/* the first step may have come since; the last waits for our snapshot */
	if (kept != NULL && between_steps(table))
		ereport(ERROR,
				(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
				 errmsg("table \"%s\" is between two steps of a command", get_rel_name(relid))));

	follow_renamed(relid);
	if (kept == NULL || kept->version == 1)
		return;
	expected_changed(relid, kept->version, kept->changes, NULL, 0);
	follow_guessed(relid, kept->changes);
	spi_open(&saved);
	hint_leave_word(relid);
	spi_close(&saved);
	shmem_wake_at_commit();
}

/* Has it a column of a type that is not built in? Of a table that is locked. */
static bool
is_typed(Oid relid)
{
	Relation	rel = try_relation_open(relid, NoLock);
	bool		typed = false;

	if (rel == NULL)
		return false;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel) && !typed; i++)
	{
		Form_pg_attribute a = TupleDescAttr(RelationGetDescr(rel), i);

		typed = !a->attisdropped && a->atttypid >= FirstNormalObjectId;
	}
	relation_close(rel, NoLock);
	return typed;
}

/* First the table is locked: who changes it now keeps its shape himself. False:
 * he does. */
static bool
look(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	bool		found;
	Known	   *entry = hash_search(known, &relid, HASH_ENTER, &found);
	ErrorData  *edata;
	bool		locked;

	CHECK_FOR_INTERRUPTS();
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	if (!found)
		entry->between = 0;
	entry->looked = entry->typed = true;	/* what changes from here on is
											 * looked at again */
	locked = ConditionalLockRelationOid(relid, AccessShareLock);
	if (locked)
		entry->typed = is_typed(relid);
	if (!locked)
		entry->looked = false;
	else if ((edata = spi_try_locked(look_at, entry)) != NULL)
	{
		entry->looked = edata->sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE && edata->sqlerrcode != ERRCODE_T_R_DEADLOCK_DETECTED;
		if (entry->looked)
			ereport(WARNING,
					(errcode(edata->sqlerrcode),
					 errmsg("selfheal could not look at what a table has become"),
					 errdetail("%s", edata->message)));
	}
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	return entry->looked;
}

/* Watched tables of a query that were not looked at, and how many: at most
 * AT_ONCE. $1 is the last one that was. */
static int
not_looked(SPIPlanPtr *plan, const char *query, Oid *relids, bool *more)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;
	int			found = 0;

	listen();
	*more = false;
	spi_xact_begin();
	MemoryContextSwitchTo(cxt);
	spi_open(&saved);
	spi_set_local("jit", "off");
	spi_args(&args);
	spi_arg_int8(&args, last);
	n = spi_exec_kept(plan, query, &args);
	for (uint64 i = 0; i < n && !*more; i++)
	{
		Oid			relid = spi_get_oid(i, 1, NULL);
		const Known *entry = hash_search(known, &relid, HASH_FIND, NULL);

		if (entry != NULL && entry->looked)
			continue;
		if (found == AT_ONCE)
		{
			*more = true;
			continue;
		}
		relids[found++] = relid;
	}
	spi_close(&saved);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	return found;
}

/* See the header. A drift is no trouble: what was found is not looked for
 * again. */
void
unseen_troubled(void)
{
	static SPIPlanPtr plan = NULL;
	Oid			relids[AT_ONCE];
	bool		more;
	int			n = not_looked(&plan, "SELECT w.relid::oid FROM selfheal.tended w WHERE $1 IS NOT NULL AND w.relid IN ("
							   "  SELECT e.relid FROM selfheal.error e WHERE e.incident IS NULL AND e.noted IS NOT TRUE"
							   "  UNION SELECT i.relid FROM selfheal.incident i WHERE i.state NOT IN ('healed', 'dismissed')"
							   "   AND i.class <> '" EXPECTED_CLASS "')",
							   relids, &more);

	for (int i = 0; i < n; i++)
		(void) look(relids[i]);
}

/* See the header. */
bool
unseen_others(void)
{
	static SPIPlanPtr plan = NULL;
	Oid			relids[AT_ONCE];
	bool		more;
	bool		any = false;
	int			n = not_looked(&plan, "SELECT w.relid::oid FROM selfheal.tended w"
							   " ORDER BY w.relid::oid::int8 <= $1, w.relid", relids, &more);

	for (int i = 0; i < n; i++)
	{
		any |= look(relids[i]);
		last = relids[i];
	}
	return more && any;
}
