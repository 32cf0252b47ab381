/*
 * retention.c
 *	  What was kept about loads goes when it is old.
 *
 * A producer of single rows makes a million loads a day, so nothing here may
 * cost what all of them do: loads are looked at in the order of their numbers,
 * which is nearly that of their age, a thousand at a time from the front.
 * Those that have rows in quarantine stay and are noted in selfheal.load_kept:
 * the next step goes on behind them, and they are looked at again a day later.
 * Which those are only a scan of selfheal.quarantine tells, hence many of them
 * in one statement, and none when no load of the step ever held a row.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "observe/retention.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows that one step looks at or removes. */
#define STEP_LOADS 1000
#define STEP_LINES 5000
#define STEP_KEPT 20000

/* Loads at the front that are old enough, now locked; returns how many. What
 * a DROP TABLE that is not decided has locked is for another time. */
static int
old_loads(TimestampTz before, int64 *ids)
{
	SpiArgs		args;
	int			n;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, STEP_LOADS);
	n = (int) spi_exec("SELECT l.id FROM selfheal.load l WHERE l.at < $1 AND l.id = ANY (ARRAY("
					   " SELECT id FROM selfheal.load"
					   " WHERE id > coalesce((SELECT max(load) FROM selfheal.load_kept), 0)"
					   " ORDER BY id LIMIT $2)) FOR UPDATE SKIP LOCKED", &args);
	for (int i = 0; i < n; i++)
		ids[i] = spi_get_int8(i, 1, NULL);
	return n;
}

/* Their lines, some of them; false when none is left. */
static bool
remove_lines(const int64 *ids, int n)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_int8(&args, STEP_LINES);
	return spi_exec("DELETE FROM selfheal.load_line WHERE ctid = ANY (ARRAY("
					" SELECT x.ctid FROM selfheal.load l JOIN selfheal.load_line x"
					"  ON x.relid = l.relid AND x.load_id = l.load_id COLLATE \"C\" AND x.load = l.id"
					" WHERE l.id = ANY ($1) LIMIT $2))", &args) == STEP_LINES;
}

/* Loads that never held a row. */
static void
remove_clean(const int64 *ids, int n)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_exec("DELETE FROM selfheal.load WHERE id = ANY ($1) AND held = 0", &args);
}

/* Loads that held some: those that are left of these, and those that were
 * kept a day ago. True when there were too many for once. */
static bool
remove_released(const int64 *ids, int n)
{
	TimestampTz now = GetCurrentTimestamp();
	SpiArgs		args;
	int64	   *due;
	int			ndue;

	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_timestamptz(&args, now - USECS_PER_DAY);
	spi_arg_int8(&args, STEP_KEPT);
	ndue = (int) spi_exec("SELECT id FROM selfheal.load WHERE id = ANY ($1)"
						  " OR id = ANY (ARRAY(SELECT load FROM selfheal.load_kept WHERE at < $2 ORDER BY at LIMIT $3))"
						  " FOR UPDATE SKIP LOCKED", &args);
	if (ndue == 0)
		return false;
	due = palloc(sizeof(int64) * ndue);
	for (int i = 0; i < ndue; i++)
		due[i] = spi_get_int8(i, 1, NULL);

	spi_args(&args);
	spi_arg_int8_array(&args, due, ndue);
	spi_arg_timestamptz(&args, now);
	spi_exec("WITH due AS MATERIALIZED (SELECT unnest($1) AS id),"
			 " used AS MATERIALIZED (SELECT DISTINCT q.load AS id FROM selfheal.quarantine q"
			 "  JOIN due d ON d.id = q.load),"
			 " stay AS (INSERT INTO selfheal.load_kept SELECT u.id, $2 FROM used u"
			 "  ON CONFLICT (load) DO UPDATE SET at = $2),"
			 " go AS (DELETE FROM selfheal.load_kept k USING due d WHERE k.load = d.id"
			 "  AND NOT EXISTS (SELECT FROM used u WHERE u.id = k.load))"
			 " DELETE FROM selfheal.load l USING due d WHERE l.id = d.id"
			 "  AND NOT EXISTS (SELECT FROM used u WHERE u.id = l.id)", &args);
	return ndue >= STEP_KEPT;
}

/* See the header. */
bool
retention_step(void)
{
	SpiUser		saved;
	int64		ids[STEP_LOADS];
	int			n;
	bool		more;

	if (guc_load_retention < 0)
		return false;
	spi_open(&saved);
	n = old_loads(GetCurrentTimestamp() - guc_load_retention * USECS_PER_MINUTE, ids);
	more = n > 0 && remove_lines(ids, n);
	if (!more)
	{
		if (n > 0)
			remove_clean(ids, n);
		more = remove_released(ids, n) || n == STEP_LOADS;
	}
	spi_close(&saved);
	return more;
}
