/*
 * awaiting.c
 *	  Incidents whose rows wait for a parent.
 */
#include "postgres.h"

#include "base/spi.h"
#include "orient/awaiting.h"

/* See the header. */
List *
awaiting_due(TimestampTz *next)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	uint64		n;
	bool		isnull;

	spi_open(&saved);
	n = spi_exec("SELECT i.relid::oid, i.next_try <= clock_timestamp(), i.next_try FROM selfheal.incident i"
				 " JOIN selfheal.tended w USING (relid)"
				 " WHERE i.state = 'awaiting_parent' AND NOT w.paused AND w.mode <> 'observe'"
				 " ORDER BY i.next_try, i.id", NULL);
	*next = 0;
	for (uint64 i = 0; i < n && *next == 0; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		if (spi_get_bool(i, 2, NULL))
			result = list_append_unique_oid(result, spi_get_oid(i, 1, NULL));
		else
			*next = spi_get_int8(i, 3, &isnull);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/*
 * See the header. Which incidents have rows that miss a row of these tables
 * is asked of the catalog. One that an open transaction of a person holds is
 * not waited for: what he does wakes us.
 */
int64
awaiting_parents_came(List *parents)
{
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_oids(&args, parents);
	spi_arg_bool(&args, parents == NIL);
	n = spi_exec("UPDATE selfheal.incident i SET state = 'awaiting_parent', reason_kind = NULL, next_try = clock_timestamp(), " AWAITING_CAME_IF("true")
				 " FROM (SELECT w.id FROM selfheal.incident w"
				 "  WHERE w.class = 'foreign_key' AND (w.state = 'awaiting_parent' OR w.state = 'needs_human' AND w.reason_kind = 'waited_too_long')"
				 "  AND ($2 OR EXISTS (SELECT FROM selfheal.awaited a WHERE a.incident = w.id AND a.parent::oid = ANY ($1)))"
				 "  FOR UPDATE SKIP LOCKED) w WHERE i.id = w.id", &args);
	spi_close(&saved);
	return (int64) n;
}
