/*
 * claude.c
 *	  Can Claude be asked?
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "base/retry.h"
#include "base/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "serve/claude.h"
#include "serve/conversation.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(selfheal_claude_state);

/* How long nobody is asked after a key or a model was refused. */
#define UNAVAILABLE_MS (10 * 60 * 1000)

/* The longest reply that is taken: max_tokens at most is a tenth of it. */
#define REPLY_BYTES (4 * 1024 * 1024)

static RetryBreaker breaker;
static bool known = false;		/* breaker says what the table says */

bool
claude_configured(void)
{
	return guc_claude && (guc_api_auth == API_AUTH_NONE || secret_configured());
}

/*
 * Is the server one of this machine, spoken to in clear? localhost is libcurl's
 * own word for the loopback, whatever a name service says.
 */
static bool
in_clear_here(void)
{
	static const char *const here[] = {"localhost", "127.0.0.1", "[::1]"};
	const char *host = guc_api_url + strlen("http://");

	if (strncmp(guc_api_url, "http://", strlen("http://")) != 0)
		return false;
	for (int i = 0; i < (int) lengthof(here); i++)
	{
		size_t		len = strlen(here[i]);

		if (pg_strncasecmp(host, here[i], len) == 0 &&
			(host[len] == '\0' || host[len] == ':' || host[len] == '/'))
			return true;
	}
	return false;
}

/* May the key be sent there? Not where everybody on the way could read it. */
static bool
may_have_key(const char **why)
{
	if (strncmp(guc_api_url, "https://", strlen("https://")) == 0 || in_clear_here())
		return true;
	*why = "the key is not sent in clear to another machine: selfheal.api_url must begin with https://, "
		"or selfheal.api_auth be none";
	return false;
}

/* claude_state(): by the settings and the key's file alone. */
Datum
selfheal_claude_state(PG_FUNCTION_ARGS)
{
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, true};
	const char *state = "ready";
	const char *why = NULL;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "claude_state() must return a row");
	if (!guc_claude)
		state = "off";
	else if (!claude_configured())
		state = "no key";
	else if (guc_api_auth != API_AUTH_NONE)
	{
		Secret		key;

		if (!may_have_key(&why) || !secret_read(&key, &why))
			state = "unavailable";
		secret_forget(&key);
	}
	values[0] = CStringGetTextDatum(state);
	if (why != NULL)
	{
		values[1] = CStringGetTextDatum(why);
		nulls[1] = false;
	}
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

static TimestampTz
time_of(int64 ms)
{
	return TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms - retry_now_ms());
}

/* What an earlier process has found. */
static void
learn(void)
{
	SpiUser		saved;

	if (known)
		return;
	memset(&breaker, 0, sizeof(breaker));
	spi_open(&saved);
	if (spi_exec("SELECT (extract(epoch FROM try_at) * 1000)::bigint FROM selfheal.claude_down", NULL) > 0)
	{
		breaker.failures = retry_defaults.breaker_failures;
		breaker.open_until = spi_get_int8(0, 1, NULL);
	}
	spi_close(&saved);
	known = true;
}

/* Nobody is asked until then. */
static void
write_down(const char *why)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, why);
	spi_arg_timestamptz(&args, time_of(breaker.open_until));
	spi_exec("INSERT INTO selfheal.claude_down (reason, try_at) VALUES ($1, $2) ON CONFLICT (one) DO UPDATE"
			 " SET reason = $1, try_at = $2, checked_at = clock_timestamp()", &args);
	spi_close(&saved);
}

bool
claude_may(char **why, TimestampTz *again)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		none = {0};
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	int64		wait_ms = 0;
	int64		now = retry_now_ms();

	*why = NULL;
	*again = 0;
	if (!claude_configured())
	{
		*why = pstrdup(guc_claude ? "there is no key for the API any more" : "selfheal.claude is off");
		*again = time_of(now + UNAVAILABLE_MS);
		return false;
	}
	learn();
	spi_open(&saved);
	if (spi_exec_kept(&plan, "SELECT reason, checked_at FROM selfheal.claude_down", &none) > 0)
	{
		*why = spi_get_text(0, 1, cxt);
		/* somebody may have mended it */
		if (PgReloadTime > (TimestampTz) spi_get_int8(0, 2, NULL))
			breaker.open_until = Min(breaker.open_until, now);
	}
	spi_close(&saved);
	if (retry_breaker_may(&retry_defaults, &breaker, now, &wait_ms))
		return true;
	if (*why == NULL)
		*why = pstrdup("the last requests failed");
	*again = time_of(now + Max(wait_ms, 100));
	return false;
}

bool
claude_down_until(TimestampTz *again)
{
	*again = time_of(breaker.open_until);
	return breaker.open_until > retry_now_ms();
}

void
claude_not_asked(void)
{
	retry_breaker_release(&breaker);
}

void
claude_went_well(void)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		none = {0};
	SpiUser		saved;
	bool		was_down;

	retry_breaker_report(&retry_defaults, &breaker, false, retry_now_ms());
	spi_open(&saved);
	spi_exec_kept(&plan, "DELETE FROM selfheal.claude_down", &none);
	was_down = SPI_processed > 0;
	spi_close(&saved);
	if (was_down)
		conversation_look_again(GetCurrentTimestamp());
}

void
claude_failed(const char *why, bool last)
{
	if (last)
		breaker.failures = Max(breaker.failures, retry_defaults.breaker_failures - 1);
	retry_breaker_report(&retry_defaults, &breaker, true, retry_now_ms());
	if (breaker.open_until != 0)
		write_down(why);
}

void
claude_unavailable(const char *why)
{
	retry_breaker_report(&retry_defaults, &breaker, true, retry_now_ms());
	breaker.failures = Max(breaker.failures, retry_defaults.breaker_failures);
	breaker.open_until = Max(breaker.open_until, retry_now_ms() + UNAVAILABLE_MS);
	write_down(why);
}

static void
add_header(HttpHeader *headers, int *n, const char *name, const char *value, bool secret)
{
	HttpHeader *header = &headers[(*n)++];

	header->name = name;
	header->value = value;
	header->secret = secret;
}

HttpTransfer *
claude_post(const char *body, const char **why)
{
	HttpRequest request;
	HttpHeader	headers[5];
	HttpTransfer *volatile transfer = NULL;
	Secret		key;
	Secret		bearer;
	int			n = 0;

	memset(&key, 0, sizeof(key));
	memset(&bearer, 0, sizeof(bearer));
	*why = NULL;
	add_header(headers, &n, "content-type", "application/json", false);
	add_header(headers, &n, "anthropic-version", guc_api_version, false);
	add_header(headers, &n, "user-agent", "selfheal/" SELFHEAL_VERSION, false);
	if (guc_api_auth != API_AUTH_NONE)
	{
		if (!may_have_key(why) || !secret_read(&key, why))
			return NULL;
		if (guc_api_auth == API_AUTH_X_API_KEY)
			add_header(headers, &n, "x-api-key", key.bytes, true);
		else
		{
			strlcpy(bearer.bytes, "Bearer ", sizeof(bearer.bytes));
			strlcat(bearer.bytes, key.bytes, sizeof(bearer.bytes));
			add_header(headers, &n, "authorization", bearer.bytes, true);
		}
	}
	http_request_init(&request);
	request.url = psprintf("%s/v1/messages", guc_api_url);
	request.method = HTTP_POST;
	request.headers = headers;
	request.nheaders = n;
	request.body = body;
	request.body_len = strlen(body);
	request.ca_file = guc_api_ca_file[0] != '\0' ? guc_api_ca_file : NULL;
	request.direct = in_clear_here();
	request.connect_ms = guc_api_connect_timeout;
	request.total_ms = guc_api_timeout;
	request.max_body = REPLY_BYTES;
	PG_TRY();
	{
		transfer = http_begin(&request);
	}
	PG_FINALLY();
	{
		secret_forget(&key);
		secret_forget(&bearer);
	}
	PG_END_TRY();
	return transfer;
}
