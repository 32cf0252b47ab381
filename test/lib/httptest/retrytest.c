/*
 * retrytest.c
 *	  The retry policy as SQL functions of a test.
 */
#include "postgres.h"

#include "fmgr.h"

#include "base/compat.h"
#include "base/retry.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(httptest_decide);
PG_FUNCTION_INFO_V1(httptest_after);
PG_FUNCTION_INFO_V1(httptest_breaker);
PG_FUNCTION_INFO_V1(httptest_breaker_failure);

static HttpFault
fault_of(const char *name)
{
	for (int f = HTTP_FAULT_NONE; f <= HTTP_FAULT_OTHER; f++)
		if (strcmp(http_fault_name(f), name) == 0)
			return f;
	elog(ERROR, "there is no fault %s", name);
}

static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

Datum
httptest_decide(PG_FUNCTION_ARGS)
{
	HttpReply	reply = {0};
	RetryState	state = {0};
	RetryAnswer answer;
	TupleDesc	desc;
	Datum		values[5];
	bool		nulls[5] = {0};

	reply.fault = fault_of(text_arg(fcinfo, 0));
	reply.status = PG_GETARG_INT32(1);
	reply.retry_after = text_arg(fcinfo, 2);
	reply.retry_after_ms = text_arg(fcinfo, 3);
	reply.should_retry = text_arg(fcinfo, 4);
	state.retries = PG_GETARG_INT32(5);
	state.bare_429 = PG_GETARG_INT32(6);
	answer = retry_decide(&retry_defaults, &state, &reply, PG_GETARG_FLOAT8(7), PG_GETARG_INT64(8));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "no row is wanted");
	values[0] = CStringGetTextDatum(retry_verdict_name(answer.verdict));
	values[1] = Int64GetDatum(answer.wait_ms);
	values[2] = BoolGetDatum(answer.asked);
	values[3] = Int32GetDatum(state.retries);
	values[4] = Int32GetDatum(state.bare_429);
	return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls));
}

Datum
httptest_after(PG_FUNCTION_ARGS)
{
	int64		wait;

	if (!retry_after_ms(text_arg(fcinfo, 0), PG_GETARG_INT64(1), &wait))
		PG_RETURN_NULL();
	PG_RETURN_INT64(wait);
}

Datum
httptest_breaker(PG_FUNCTION_ARGS)
{
	RetryBreaker breaker = {0};
	Datum	   *events;
	Datum	   *answers;
	int			n;

	deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT,
					  &events, NULL, &n);
	answers = palloc((n + 1) * sizeof(Datum));
	for (int i = 0; i < n; i++)
	{
		char	   *event = TextDatumGetCString(events[i]);
		char	   *at = strchr(event, '@');
		int64		now = at ? strtoll(at + 1, NULL, 10) : 0;
		int64		wait = 0;
		char	   *answer;

		if (strncmp(event, "may@", 4) == 0)
		{
			bool		may = retry_breaker_may(&retry_defaults, &breaker, now, &wait);

			answer = may ? "yes" : psprintf("no, " INT64_FORMAT, wait);
		}
		else
		{
			if (strncmp(event, "ok@", 3) == 0)
				retry_breaker_report(&retry_defaults, &breaker, false, now);
			else if (strncmp(event, "fail@", 5) == 0)
				retry_breaker_report(&retry_defaults, &breaker, true, now);
			else if (strcmp(event, "release") == 0)
				retry_breaker_release(&breaker);
			else
				elog(ERROR, "there is no event %s", event);
			answer = psprintf("%d %d " INT64_FORMAT, breaker.failures, breaker.reopened, breaker.open_until);
		}
		answers[i] = CStringGetTextDatum(answer);
	}
	PG_RETURN_ARRAYTYPE_P(construct_array(answers, n, TEXTOID, -1, false, TYPALIGN_INT));
}

Datum
httptest_breaker_failure(PG_FUNCTION_ARGS)
{
	HttpReply	reply = {0};

	reply.fault = fault_of(text_arg(fcinfo, 0));
	reply.status = PG_GETARG_INT32(1);
	PG_RETURN_BOOL(retry_breaker_failure(&reply));
}
