/*
 * budget.c
 *	  What asking Claude may cost.
 */
#include "postgres.h"

#include "base/guc_claude.h"
#include "base/spi.h"
#include "serve/budget.h"

/* A limit may be raised for the database: processes that start see it. */
#define LOOK_AGAIN_MS (10 * 60 * 1000)

/* A limit of the last so many hours. When it is reached, when will the oldest
 * of what it counts be out of it? 0: it is not reached. Inside spi_open. */
static TimestampTz
reached(int hours, int calls, double cost)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		args;
	bool		isnull;
	TimestampTz again;

	spi_args(&args);
	spi_arg_int8(&args, hours);
	spi_arg_int8(&args, calls);
	spi_arg_float8(&args, cost);
	spi_arg_timestamptz(&args, GetCurrentTimestamp() - hours * USECS_PER_HOUR);
	spi_exec_kept(&plan, "SELECT greatest(min(at) FILTER (WHERE kind = 'request'), min(at) FILTER (WHERE cost > 0)) + make_interval(hours => $1::int)"
				  " FROM selfheal.agent_turn WHERE (kind = 'request' OR cost IS NOT NULL)"
				  " AND at > $4"
				  " HAVING count(*) FILTER (WHERE kind = 'request') >= $2 OR coalesce(sum(cost), 0) >= $3", &args);
	if (SPI_processed == 0)
		return 0;
	again = spi_get_int8(0, 1, &isnull);
	/* a limit of nothing: it will not be better in an hour, but may be raised */
	return isnull ? TimestampTzPlusMilliseconds(GetCurrentTimestamp(), hours * 3600000L) : again;
}

bool
budget_allows(const Conversation *c, char **reason, TimestampTz *again)
{
	SpiUser		saved;

	*again = 0;
	*reason = NULL;
	if (c->calls >= guc_max_turns)
		*reason = psprintf("selfheal.max_turns (%d requests) of one incident are used up; selfheal.retry(" INT64_FORMAT ") begins anew",
						   guc_max_turns, c->incident);
	else if (c->tokens >= guc_max_incident_tokens)
		*reason = psprintf("selfheal.max_incident_tokens (%d) of one incident are used up; selfheal.retry(" INT64_FORMAT ") begins anew",
						   guc_max_incident_tokens, c->incident);
	if (*reason != NULL)
		return false;
	spi_open(&saved);
	*again = reached(1, guc_max_calls_per_hour, guc_max_cost_per_hour);
	if (*again != 0)
		*reason = "selfheal.max_calls_per_hour or max_cost_per_hour is reached";
	else
	{
		*again = reached(24, guc_max_calls_per_day, guc_max_cost_per_day);
		if (*again != 0)
			*reason = "selfheal.max_calls_per_day or max_cost_per_day is reached";
	}
	spi_close(&saved);
	if (*reason == NULL)
		return true;
	*again = Min(*again, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), LOOK_AGAIN_MS));
	*reason = pstrdup(*reason);
	return false;
}
