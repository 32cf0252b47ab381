/*
 * history.c
 *	  What was done to watched tables goes when it is old (history.h).
 *
 * Whoever switches a trigger off and on for each of his loads makes two
 * versions each time: an age alone would let them come to millions.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "observe/history.h"
#include "utils/timestamp.h"

/* Rows of one step. */
#define STEP_ROWS 1000

#define LOOK_EVERY USECS_PER_HOUR

static TimestampTz next_look = 0;
static int	looked_with = -1;	/* the setting then */

static uint64
remove_versions(TimestampTz before)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, HISTORY_MOST);
	spi_arg_int8(&args, STEP_ROWS);
	return spi_exec("WITH bound AS (SELECT r.relid, least(r.newest, e.version) AS stays, r.newest - $2 AS many, e.version AS expected, i.since"
					"  FROM (SELECT relid, max(version) AS newest FROM selfheal.schema_snapshot GROUP BY relid) r"
					"  LEFT JOIN selfheal.expectation e ON e.relid = r.relid"
					"  LEFT JOIN (SELECT relid, min(first_seen) - interval '1 day' AS since FROM selfheal.incident"
					"   WHERE state NOT IN ('healed', 'dismissed') GROUP BY relid) i ON i.relid = r.relid)"
					" DELETE FROM selfheal.schema_snapshot WHERE ctid = ANY (ARRAY(SELECT s.ctid FROM selfheal.schema_snapshot s"
					"  LEFT JOIN bound b ON b.relid = s.relid"
					"  WHERE (s.at < $1 AND (s.relid IS NULL OR s.version < b.stays) AND (b.since IS NULL OR s.at < b.since))"
					"   OR (s.version <= b.many AND s.version IS DISTINCT FROM b.expected) ORDER BY s.id LIMIT $3))", &args);
}

static uint64
remove_commands(TimestampTz before)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	spi_arg_int8(&args, HISTORY_MOST);
	spi_arg_int8(&args, STEP_ROWS);
	return spi_exec("DELETE FROM selfheal.ddl WHERE ctid = ANY (ARRAY(SELECT d.ctid FROM ("
					"  SELECT id, ctid, at, answered, relid, row_number() OVER (PARTITION BY relid ORDER BY id DESC) AS n FROM selfheal.ddl) d"
					"  WHERE d.answered IS DISTINCT FROM false AND NOT EXISTS (SELECT FROM selfheal.schema_snapshot s WHERE s.command = d.id)"
					"   AND ((d.n > $2 AND d.relid IS NOT NULL) OR (d.at < $1 AND NOT EXISTS (SELECT FROM selfheal.incident i WHERE i.relid = d.relid"
					"    AND i.state NOT IN ('healed', 'dismissed') AND i.first_seen - interval '1 day' <= d.at)))"
					"  ORDER BY d.id LIMIT $3))", &args);
}

/* See the header. */
bool
history_remove(void)
{
	TimestampTz now = GetCurrentTimestamp();
	TimestampTz before = guc_schema_retention < 0 ? DT_NOBEGIN :
	now - guc_schema_retention * USECS_PER_MINUTE;
	bool		more;

	if (now < next_look && looked_with == guc_schema_retention)
		return false;
	/* first the versions: each names a command */
	more = remove_versions(before) == STEP_ROWS;
	more |= remove_commands(before) == STEP_ROWS;
	if (!more)
		next_look = now + LOOK_EVERY;
	looked_with = guc_schema_retention;
	return more;
}
