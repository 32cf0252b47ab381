/*
 * holders.c
 *	  Who holds a table now?
 *
 * Asked before a plan runs, for its forecast, and after a lock was missed, for
 * the incident: the same question, answered in the same words. A prepared
 * transaction is known by the lock on its own transaction id: its virtual one
 * is that of the session that prepared it, until the server is restarted.
 */
#include "postgres.h"

#include "base/holders.h"
#include "base/locks.h"
#include "base/spi.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_inherits.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/lock.h"
#include "utils/acl.h"
#include "utils/fmgrprotos.h"

static void
arg_oids(SpiArgs *args, const List *oids)
{
	int64	   *values = palloc(sizeof(int64) * Max(list_length(oids), 1));
	ListCell   *lc;

	foreach(lc, oids)
		values[foreach_current_index(lc)] = (int64) lfirst_oid(lc);
	spi_arg_int8_array(args, values, list_length(oids));
}

/*
 * Does anybody else hold a lock on one of these relations? Asked of the lock
 * manager itself: mostly nobody does, and then there is nothing to describe.
 */
static bool
held(const List *rels)
{
	ListCell   *lc;

	foreach(lc, rels)
	{
		LOCKTAG		tag;
		int			n;

		SET_LOCKTAG_RELATION(tag, MyDatabaseId, lfirst_oid(lc));
		(void) GetLockConflicts(&tag, AccessExclusiveLock, &n);
		if (n > 0)
			return true;
	}
	return false;
}

/* See the header. */
Jsonb *
holders_now(Oid relid, HoldersOf what, const List *more, const List *objects)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *rels = list_concat_unique_oid(find_all_inheritors(relid, NoLock, NULL), more);
	SpiUser		saved;
	SpiArgs		args;
	Jsonb	   *holders;
	bool		queries;

	if (what == HOLDERS_TREE && !held(rels))
		return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum("[]")));

	/* the picture of this moment, not of an earlier look in this transaction */
	pgstat_clear_snapshot();
	queries = has_privs_of_role(GetUserId(), ROLE_PG_READ_ALL_STATS);
	spi_open(&saved);
	spi_args(&args);
	arg_oids(&args, rels);
	spi_arg_bool(&args, what == HOLDERS_GATE);
	spi_arg_bool(&args, what == HOLDERS_TREE_AND_KEYS);
	spi_arg_int8(&args, (int64) relid);
	spi_arg_int8(&args, LOCKS_GATE);
	spi_arg_bool(&args, what == HOLDERS_TREE_AND_CATALOG);
	arg_oids(&args, objects);
	spi_arg_bool(&args, queries);
	spi_exec("WITH wanted AS ("
			 "  SELECT unnest($1) AS oid WHERE NOT $2"
			 "  UNION SELECT confrelid::int8 FROM pg_constraint"
			 "    WHERE $3 AND contype = 'f' AND conrelid::int8 = ANY ($1)"
			 "  UNION SELECT conrelid::int8 FROM pg_constraint"
			 "    WHERE $3 AND contype = 'f' AND confrelid::int8 = ANY ($1)),"
			 " held AS ("
			 "  SELECT DISTINCT ON (l.pid, l.virtualtransaction) l.pid, l.mode, l.virtualtransaction"
			 "    FROM pg_locks l"
			 "   WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()"
			 "     AND (l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
			 "       AND (l.locktype = 'relation' AND l.relation::int8 IN (SELECT oid FROM wanted)"
			 "         OR $2 AND l.locktype = 'advisory' AND l.objsubid = $5"
			 "            AND l.classid::int8 = $4)"
			 "       OR $6 AND l.locktype = 'transactionid' AND l.transactionid IN ("
			 "         SELECT xmax FROM pg_class WHERE oid = ANY ($1::oid[])"
			 "         UNION SELECT xmax FROM pg_attribute WHERE attrelid = ANY ($1::oid[])"
			 "         UNION SELECT xmax FROM pg_statistic_ext WHERE stxrelid = ANY ($1::oid[])"
			 "         UNION SELECT xmax FROM pg_proc WHERE oid = ANY ($7::oid[])))"
			 "   ORDER BY l.pid, l.virtualtransaction,"
			 "         array_position(ARRAY['AccessShareLock','RowShareLock','RowExclusiveLock',"
			 "           'ShareUpdateExclusiveLock','ShareLock','ShareRowExclusiveLock',"
			 "           'ExclusiveLock','AccessExclusiveLock'], l.mode) DESC),"
			 " seen AS ("
			 "  SELECT h.pid, h.mode, a.application_name,"
			 "         coalesce(CASE WHEN $8 THEN left(a.query, 500) WHEN a.pid IS NOT NULL THEN '' END, 'prepared transaction ' || p.gid) AS query,"
			 "         round(extract(epoch FROM clock_timestamp() -"
			 "           coalesce(a.xact_start, p.prepared, a.backend_start)), 1) AS age"
			 "    FROM held h"
			 "    LEFT JOIN pg_stat_activity a ON a.pid = h.pid"
			 "    LEFT JOIN pg_prepared_xacts p ON h.pid IS NULL AND EXISTS ("
			 "      SELECT FROM pg_locks x WHERE x.pid IS NULL AND x.locktype = 'transactionid'"
			 "        AND x.transactionid = p.transaction AND x.virtualtransaction = h.virtualtransaction))"
			 " SELECT coalesce(jsonb_agg(jsonb_build_object('pid', pid, 'query', query,"
			 "          'age_s', age, 'mode', mode, 'application', application_name)"
			 "          ORDER BY age DESC NULLS LAST), '[]'::jsonb) FROM seen",
			 &args);
	holders = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return holders;
}
