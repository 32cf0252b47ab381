/*
 * retention.c
 *	  What was kept about loads goes when it is old.
 *
 * A producer of single rows makes a million loads a day, so nothing here may
 * cost what all of them do. Loads are looked at in the order of their numbers,
 * a thousand at a time from the front, up to the first that is young: a long
 * load, whose number is old and which is not, holds up those behind it for a
 * while, and is not passed over.
 *
 * A load that held rows is put aside in selfheal.load_kept, and the next step
 * goes on behind it. Which of those have rows in quarantine still, only a scan
 * of it tells; so they are let gather, and looked at together once a day.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "observe/history.h"
#include "observe/kept.h"
#include "observe/retention.h"
#include "observe/stated.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Rows that one step looks at or removes. */
#define STEP_LOADS 1000
#define STEP_LINES 5000
#define STEP_KEPT 20000

/* Take the first n loads as long as nobody else has one of them locked, as a
 * DROP TABLE may that is not decided. Returns how many. */
static int
lock_loads(const int64 *ids, int n)
{
	SpiArgs		args;
	int			got;
	int			i = 0;

	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	got = (int) spi_exec("SELECT id FROM selfheal.load WHERE id = ANY ($1) ORDER BY id"
						 " FOR UPDATE SKIP LOCKED", &args);
	while (i < got && i < n && spi_get_int8(i, 1, NULL) == ids[i])
		i++;
	return i;
}

/* The loads at the front that are old enough, locked; returns how many. */
static int
old_loads(TimestampTz before, int64 *ids)
{
	SpiArgs		args;
	int			n;
	int			old = 0;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, STEP_LOADS);
	n = (int) spi_exec("SELECT id, at < $1 FROM selfheal.load"
					   " WHERE id > coalesce((SELECT max(load) FROM selfheal.load_kept), 0)"
					   " ORDER BY id LIMIT $2", &args);
	while (old < n && spi_get_bool(old, 2, NULL))
	{
		ids[old] = spi_get_int8(old, 1, NULL);
		old++;
	}
	return old > 0 ? lock_loads(ids, old) : 0;
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

/* Remove those that never held a row, put the others aside. */
static void
remove_loads(const int64 *ids, int n)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_timestamptz(&args, GetCurrentTimestamp());
	spi_exec("INSERT INTO selfheal.load_kept SELECT id, $2 FROM selfheal.load"
			 " WHERE id = ANY ($1) AND (held > 0 OR discarded_rows > 0)", &args);
	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	spi_set_local("enable_seqscan", "off");
	spi_exec("WITH gone AS (DELETE FROM selfheal.load WHERE id = ANY ($1) AND held = 0 AND discarded_rows = 0"
			 "  RETURNING id, discarded_values)"
			 " DELETE FROM selfheal.discard d USING gone g WHERE d.load = g.id AND g.discarded_values > 0", &args);
}

/*
 * Remove loads that were put aside and have no row in quarantine any more. Not
 * before one has waited two days; then all that have waited for one. True:
 * there were too many for once.
 */
static bool
remove_released(void)
{
	TimestampTz now = GetCurrentTimestamp();
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_timestamptz(&args, now - 2 * USECS_PER_DAY);
	if (spi_exec("SELECT FROM selfheal.load_kept WHERE at < $1 LIMIT 1", &args) == 0)
		return false;

	spi_args(&args);
	spi_arg_timestamptz(&args, now);
	spi_arg_timestamptz(&args, now - USECS_PER_DAY);
	spi_arg_int8(&args, STEP_KEPT);
	n = spi_exec("WITH due AS MATERIALIZED (SELECT l.id FROM selfheal.load l WHERE l.id = ANY (ARRAY("
				 "  SELECT load FROM selfheal.load_kept WHERE at < $2 ORDER BY at LIMIT $3))"
				 "  FOR UPDATE SKIP LOCKED),"
				 " used AS MATERIALIZED (SELECT DISTINCT q.load AS id FROM selfheal.quarantine q"
				 "  JOIN due d ON d.id = q.load),"
				 " gone AS (DELETE FROM selfheal.load l USING due d WHERE l.id = d.id"
				 "  AND NOT EXISTS (SELECT FROM used u WHERE u.id = l.id)),"
				 " taken AS (DELETE FROM selfheal.discard t USING due d WHERE t.load = d.id"
				 "  AND NOT EXISTS (SELECT FROM used u WHERE u.id = t.load)),"
				 " away AS (DELETE FROM selfheal.load_kept k USING due d WHERE k.load = d.id"
				 "  AND NOT EXISTS (SELECT FROM used u WHERE u.id = k.load)),"
				 " stay AS (UPDATE selfheal.load_kept k SET at = $1 FROM used u WHERE u.id = k.load)"
				 " SELECT FROM due", &args);
	return n >= STEP_KEPT;
}

/* See the header. */
bool
retention_step(void)
{
	SpiUser		saved;
	int64		ids[STEP_LOADS];
	TimestampTz before;
	int			n;
	bool		history;
	bool		more;

	spi_open(&saved);
	history = history_remove();
	if (guc_load_retention < 0)
	{
		more = history;
		more |= kept_remove(DT_NOBEGIN);
		more |= stated_remove(DT_NOBEGIN);
		spi_close(&saved);
		return more;
	}
	before = GetCurrentTimestamp() - guc_load_retention * USECS_PER_MINUTE;
	n = old_loads(before, ids);
	if (n == 0)
		more = remove_released();
	else
	{
		if (!remove_lines(ids, n))
			remove_loads(ids, n);
		more = true;
	}
	more |= kept_remove(before);
	more |= stated_remove(before);
	spi_close(&saved);
	return more || history;
}
