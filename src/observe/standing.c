/*
 * standing.c
 *	  What a person has changed of a table against what is expected of it, and
 *	  what is not settled yet.
 */
#include "postgres.h"

#include "base/spi.h"
#include "observe/expected.h"
#include "observe/standing.h"

/* See the header. */
bool
standing_any(Oid relid)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	return spi_exec("SELECT FROM selfheal.incident i WHERE i.relid = $1 AND i.class = '" EXPECTED_CLASS "'"
					" AND i.state NOT IN ('healed', 'dismissed')"
					" UNION ALL SELECT FROM selfheal.error e WHERE e.incident IS NULL AND e.relid = $1"
					"  AND e.class = '" EXPECTED_CLASS "' LIMIT 1", &args) > 0;
}

/* See the header. */
bool
standing_known(Oid relid, const SnapshotChange *change)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, change->name);
	return spi_exec("SELECT FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
					" WHERE i.relid = $1 AND i.class = '" EXPECTED_CLASS "' AND i.state NOT IN ('healed', 'dismissed')"
					" AND (i.column_name = $2 OR e.context ->> 'kind' = 'column_renamed' AND e.context ->> 'now' = $2)"
					" UNION ALL SELECT FROM selfheal.error e WHERE e.incident IS NULL AND e.relid = $1 AND e.class = '" EXPECTED_CLASS "'"
					" AND (e.column_name = $2 OR e.context ->> 'kind' = 'column_renamed' AND e.context ->> 'now' = $2) LIMIT 1", &args) > 0;
}

/* What stands of one type gets its new name. */
static void
follow_type(Oid relid, const SnapshotChange *change)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, change->was);
	spi_arg_text(&args, change->now);
	/* of an array, the element's */
	spi_exec("WITH t (was, now) AS (SELECT regexp_replace($2, '(\\[\\])+$', ''), regexp_replace($3, '(\\[\\])+$', '')),"
			 " standing AS (UPDATE selfheal.incident i SET column_name = t.now FROM t"
			 "  WHERE i.relid = $1 AND i.class = '" EXPECTED_CLASS "' AND i.state NOT IN ('healed', 'dismissed') AND i.column_name = t.was"
			 "  AND EXISTS (SELECT FROM selfheal.error e WHERE e.incident = i.id AND e.context -> 'expected' -> 'types' ? t.was) RETURNING i.id)"
			 " UPDATE selfheal.error e SET column_name = t.now, context = jsonb_set(e.context, '{expected,types}',"
			 "  jsonb_build_object(t.now, e.context -> 'expected' -> 'types' -> t.was)) FROM t"
			 " WHERE e.relid = $1 AND e.class = '" EXPECTED_CLASS "' AND e.context -> 'expected' -> 'types' ? t.was"
			 " AND (e.incident IS NULL OR e.incident IN (SELECT id FROM standing))", &args);
}

/* A column that stands because it was renamed is renamed once more. */
static void
follow_column(Oid relid, const SnapshotChange *change)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, change->name);
	spi_arg_text(&args, change->now);
	spi_exec("UPDATE selfheal.error e SET context = jsonb_set(e.context, '{now}', to_jsonb($3))"
			 " WHERE e.relid = $1 AND e.class = '" EXPECTED_CLASS "' AND e.context ->> 'kind' = 'column_renamed' AND e.context ->> 'now' = $2"
			 " AND (e.incident IS NULL OR EXISTS (SELECT FROM selfheal.incident i WHERE i.id = e.incident AND i.state NOT IN ('healed', 'dismissed')))",
			 &args);
}

/* Call one of the two for each change of a kind. */
static void
follow(Oid relid, const List *changes, const char *kind, void (*one) (Oid, const SnapshotChange *))
{
	const ListCell *lc;

	foreach(lc, changes)
	{
		const SnapshotChange *change = lfirst(lc);

		if (strcmp(change->kind, kind) == 0)
			one(relid, change);
	}
}

/* See the header. */
void
standing_follow_types(Oid relid, const List *changes)
{
	follow(relid, changes, "type_renamed", follow_type);
}

/* See the header. */
void
standing_follow_columns(Oid relid, const List *changes)
{
	follow(relid, changes, "column_renamed", follow_column);
}
