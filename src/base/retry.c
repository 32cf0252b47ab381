/*
 * retry.c
 *	  Is a request to be made again, and when?
 */
#include "postgres.h"

#include <math.h>
#include <sys/time.h>

#include "base/retry.h"

/* No server is waited for longer than anybody can mean: ten years. */
#define WAIT_BOUND INT64CONST(315360000000)

#define MS_PER_DAY INT64CONST(86400000)

const RetryPolicy retry_defaults = {
	.max_retries = 2,
	.max_bare_429 = 3,
	.first_ms = 500,
	.longest_ms = 8000,
	.obey_ms = 3600000,
	.breaker_failures = 5,
	.breaker_ms = 30000,
	.breaker_longest_ms = 900000,
};

int64
retry_now_ms(void)
{
	struct timeval now;

	gettimeofday(&now, NULL);
	return (int64) now.tv_sec * 1000 + now.tv_usec / 1000;
}

const char *
retry_verdict_name(RetryVerdict verdict)
{
	switch (verdict)
	{
		case RETRY_SUCCESS:
			return "success";
		case RETRY_AGAIN:
			return "again";
		case RETRY_REFUSED:
			return "refused";
		case RETRY_USED_UP:
			return "used_up";
		case RETRY_BUDGET_SPENT:
			return "budget_spent";
		case RETRY_TOO_LONG:
			return "too_long";
	}
	return "unknown";
}

/* "12" or "0.25", nothing else, times scale and rounded up. */
static bool
read_number(const char *value, int64 scale, int64 *out)
{
	double		whole = 0;
	double		place = 1;
	const char *p = value;

	if (*p < '0' || *p > '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++)
		whole = whole * 10 + (*p - '0');
	if (*p == '.')
		for (p++; *p >= '0' && *p <= '9'; p++)
			whole += (*p - '0') * (place /= 10);
	if (*p != '\0')
		return false;
	whole *= scale;
	*out = whole >= WAIT_BOUND ? WAIT_BOUND : (int64) ceil(whole);
	return true;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64
days_since_1970(int year, int month, int day)
{
	int			y = month <= 2 ? year - 1 : year;
	int			m = month <= 2 ? month + 9 : month - 3;

	return INT64CONST(365) * y + y / 4 - y / 100 + y / 400 +
		(153 * m + 2) / 5 + day - 1 - 719468;
}

static int
month_of(const char *name)
{
	static const char *const names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
	"Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

	for (int i = 0; i < 12; i++)
		if (strcmp(name, names[i]) == 0)
			return i + 1;
	return 0;
}

/*
 * The three notations of a date that HTTP knows (RFC 9110, 5.6.7). The name of
 * the weekday is not looked at.
 */
static bool
read_date(const char *value, int64 *ms)
{
	static const int days_in[] = {31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	char		name[4];
	int			year,
				month,
				day,
				hour,
				minute,
				second;
	int			end = -1;

	if (sscanf(value, "%*3[A-Za-z], %2d %3[A-Za-z] %4d %2d:%2d:%2d GMT%n",
			   &day, name, &year, &hour, &minute, &second, &end) == 6 && end > 0)
		 /* as everybody writes it */ ;
	else if (sscanf(value, "%*9[A-Za-z], %2d-%3[A-Za-z]-%2d %2d:%2d:%2d GMT%n",
					&day, name, &year, &hour, &minute, &second, &end) == 6 && end > 0)
		year += year < 70 ? 2000 : 1900;
	else if (sscanf(value, "%*3[A-Za-z] %3[A-Za-z] %2d %2d:%2d:%2d %4d%n",
					name, &day, &hour, &minute, &second, &year, &end) == 6 && end > 0)
		 /* as C's asctime does */ ;
	else
		return false;
	month = month_of(name);
	if (value[end] != '\0' || month == 0 || year < 1970 || day < 1 ||
		day > days_in[month - 1] || hour < 0 || hour > 23 ||
		minute < 0 || minute > 59 || second < 0 || second > 60)
		return false;
	*ms = days_since_1970(year, month, day) * MS_PER_DAY +
		((hour * 60 + minute) * 60 + second) * INT64CONST(1000);
	return true;
}

bool
retry_after_ms(const char *value, int64 now_ms, int64 *wait_ms)
{
	int64		at;

	if (read_number(value, 1000, wait_ms))
		return true;
	if (!read_date(value, &at))
		return false;
	*wait_ms = Min(Max(at - now_ms, 0), WAIT_BOUND);
	return true;
}

/* May what went wrong on the way go well the next time? */
static bool
fault_may_pass(HttpFault fault)
{
	switch (fault)
	{
		case HTTP_FAULT_RESOLVE:
		case HTTP_FAULT_CONNECT:
		case HTTP_FAULT_TIMEOUT:
		case HTTP_FAULT_BROKEN:
		case HTTP_FAULT_MALFORMED:
		case HTTP_FAULT_OTHER:
			return true;
		case HTTP_FAULT_NONE:
		case HTTP_FAULT_REQUEST:
		case HTTP_FAULT_TLS:
		case HTTP_FAULT_TOO_LARGE:
			break;
	}
	return false;
}

/* Does it make sense to ask the same again? */
static bool
repeatable(const HttpReply *reply)
{
	if (reply->fault != HTTP_FAULT_NONE)
		return fault_may_pass(reply->fault);
	if (reply->status == 400 || reply->status == 401 || reply->status == 403)
		return false;
	if (reply->should_retry && pg_strcasecmp(reply->should_retry, "true") == 0)
		return true;
	if (reply->should_retry && pg_strcasecmp(reply->should_retry, "false") == 0)
		return false;
	return reply->status == 408 || reply->status == 409 ||
		reply->status == 429 || reply->status >= 500;
}

/* How long does the server want us to wait? */
static bool
asked_to_wait(const HttpReply *reply, int64 now_ms, int64 *wait_ms)
{
	if (reply->fault != HTTP_FAULT_NONE)
		return false;
	return (reply->retry_after_ms && read_number(reply->retry_after_ms, 1, wait_ms)) ||
		(reply->retry_after && retry_after_ms(reply->retry_after, now_ms, wait_ms));
}

static int64
backoff(const RetryPolicy *policy, int retries, double dice)
{
	int64		wait = policy->first_ms;

	while (retries-- > 0 && wait < policy->longest_ms)
		wait *= 2;
	wait = Min(wait, policy->longest_ms);
	return wait - (int64) (wait * 0.25 * dice);
}

RetryAnswer
retry_decide(const RetryPolicy *policy, RetryState *state,
			 const HttpReply *reply, double dice, int64 now_ms)
{
	RetryAnswer answer = {0};

	if (reply->fault == HTTP_FAULT_NONE && reply->status >= 200 && reply->status <= 299)
	{
		state->bare_429 = 0;
		answer.verdict = RETRY_SUCCESS;
		return answer;
	}
	answer.asked = asked_to_wait(reply, now_ms, &answer.wait_ms);
	if (reply->fault == HTTP_FAULT_NONE && reply->status == 429 && !answer.asked)
		state->bare_429++;
	else
		state->bare_429 = 0;
	if (!answer.asked)
		answer.wait_ms = backoff(policy, state->retries, dice);

	if (!repeatable(reply))
		answer.verdict = RETRY_REFUSED;
	else if (state->bare_429 >= policy->max_bare_429)
		answer.verdict = RETRY_BUDGET_SPENT;
	else if (state->retries >= policy->max_retries)
		answer.verdict = RETRY_USED_UP;
	else if (answer.asked && answer.wait_ms > policy->obey_ms)
		answer.verdict = RETRY_TOO_LONG;
	else
	{
		answer.verdict = RETRY_AGAIN;
		state->retries++;
	}
	if (answer.verdict != RETRY_AGAIN && answer.verdict != RETRY_TOO_LONG)
		answer.wait_ms = 0;
	return answer;
}

bool
retry_breaker_may(const RetryPolicy *policy, RetryBreaker *breaker,
				  int64 now_ms, int64 *wait_ms)
{
	int64		until = breaker->open_until;

	if (wait_ms)
		*wait_ms = 0;
	if (until == 0)
		return true;
	if (breaker->trial_since != 0)
		until = Max(until, breaker->trial_since + policy->breaker_longest_ms);
	if (now_ms < until)
	{
		/* A trial may end at any time: ask again after the shortest pause. */
		if (wait_ms)
			*wait_ms = breaker->trial_since != 0 ?
				Min(until - now_ms, policy->breaker_ms) : until - now_ms;
		return false;
	}
	breaker->trial_since = now_ms;
	return true;
}

void
retry_breaker_report(const RetryPolicy *policy, RetryBreaker *breaker,
					 bool failed, int64 now_ms)
{
	int64		pause = policy->breaker_ms;

	if (!failed)
	{
		memset(breaker, 0, sizeof(*breaker));
		return;
	}
	if (breaker->failures < PG_INT32_MAX)
		breaker->failures++;
	if (breaker->trial_since != 0)
		breaker->reopened = Min(breaker->reopened + 1, 60);
	else if (breaker->open_until != 0 || breaker->failures < policy->breaker_failures)
		return;					/* one that was under way when it opened, or
								 * not yet enough of them */
	for (int i = 0; i < breaker->reopened && pause < policy->breaker_longest_ms; i++)
		pause *= 2;
	breaker->open_until = now_ms + Min(pause, policy->breaker_longest_ms);
	breaker->trial_since = 0;
}

bool
retry_breaker_failure(const HttpReply *reply)
{
	if (reply->fault != HTTP_FAULT_NONE)
		return reply->fault != HTTP_FAULT_TOO_LARGE;
	return reply->status == 401 || reply->status == 403 ||
		reply->status == 429 || reply->status >= 500;
}

void
retry_breaker_release(RetryBreaker *breaker)
{
	breaker->trial_since = 0;
}
