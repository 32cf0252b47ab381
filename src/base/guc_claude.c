/*
 * guc_claude.c
 *	  Settings of how Claude is asked.
 *
 * Where requests go and which key they carry is for the configuration of the
 * server (SIGHUP): a database's own setting could send a key to somebody
 * else's server. What a request costs may be set for a database.
 */
#include "postgres.h"

#include <limits.h>
#include <math.h>

#include "base/compat.h"
#include "base/guc_claude.h"
#include "utils/guc.h"

bool		guc_claude = true;
char	   *guc_api_url = NULL;
int			guc_api_auth = API_AUTH_X_API_KEY;
char	   *guc_api_version = NULL;
char	   *guc_api_key_file = NULL;
char	   *guc_api_ca_file = NULL;
int			guc_api_connect_timeout = 10000;
int			guc_api_timeout = 600000;
int			guc_api_retries = 4;
char	   *guc_model = NULL;
int			guc_effort = API_EFFORT_DEFAULT;
int			guc_max_tokens = 8192;
int			guc_max_turns = 12;
int			guc_max_incident_tokens = 200000;
int			guc_max_conversations = 4;
int			guc_max_calls_per_hour = 120;
int			guc_max_calls_per_day = 1000;
double		guc_max_cost_per_hour = 5;
double		guc_max_cost_per_day = 20;
double		guc_auto_confidence = 0.8;
int			guc_promote_after = 3;

static char *api_omit = NULL;
static char *prices = NULL;

static const struct config_enum_entry auths[] = {
	{"x-api-key", API_AUTH_X_API_KEY, false},
	{"bearer", API_AUTH_BEARER, false},
	{"none", API_AUTH_NONE, false},
	{NULL, 0, false}
};

static const struct config_enum_entry efforts[] = {
	{"default", API_EFFORT_DEFAULT, false},
	{"low", API_EFFORT_LOW, false},
	{"medium", API_EFFORT_MEDIUM, false},
	{"high", API_EFFORT_HIGH, false},
	{"xhigh", API_EFFORT_XHIGH, false},
	{"max", API_EFFORT_MAX, false},
	{NULL, 0, false}
};

static const struct config_enum_entry omits[] = {
	{"strict", API_OMIT_STRICT, false},
	{"cache_control", API_OMIT_CACHE_CONTROL, false},
	{"output_config", API_OMIT_OUTPUT_CONFIG, false},
	{NULL, 0, false}
};

/* The next word of a list with commas; NULL at its end. *len without the
 * blanks around it. */
static const char *
next_word(const char **at, int *len)
{
	const char *start = *at + strspn(*at, " \t\n\r,");
	const char *end = start + strcspn(start, ",");

	if (*start == '\0')
		return NULL;
	*at = end;
	while (end > start && strchr(" \t\n\r", end[-1]) != NULL)
		end--;
	*len = (int) (end - start);
	return start;
}

/* Bits of a list of words; -1 when one is none. */
static int
read_omits(const char *value)
{
	const char *at = value;
	const char *word;
	int			bits = 0;
	int			len;

	while ((word = next_word(&at, &len)) != NULL)
	{
		int			bit = 0;

		for (int i = 0; omits[i].name != NULL; i++)
			if ((int) strlen(omits[i].name) == len && strncmp(omits[i].name, word, len) == 0)
				bit = omits[i].val;
		if (bit == 0)
			return -1;
		bits |= bit;
	}
	return bits;
}

static bool
check_omit(char **newval, void **extra, GucSource source)
{
	if (read_omits(*newval) >= 0)
		return true;
	GUC_check_errdetail("It is a list of strict, cache_control and output_config.");
	return false;
}

/*
 * One word of the price table: model=input/output/cache_read, dollars for a
 * million tokens; a write to the cache costs a quarter more than input, as the
 * API has it. False when it is none.
 */
static bool
read_price(const char *word, int len, int *name_len, ApiPrice *price)
{
	const char *eq = memchr(word, '=', len);
	double		v[3];
	char	   *end;

	if (eq == NULL || eq == word)
		return false;
	*name_len = (int) (eq - word);
	end = unconstify(char *, eq);
	for (int i = 0; i < 3; i++)
	{
		const char *number = end + 1;

		if (*number < '0' || *number > '9')
			return false;
		v[i] = strtod(number, &end);
		if (!isfinite(v[i]) || v[i] > 1e6 || (i < 2 ? *end != '/' : end != word + len))
			return false;
	}
	price->input = v[0];
	price->output = v[1];
	price->cache_read = v[2];
	price->cache_write = v[0] * 1.25;
	return true;
}

static bool
check_prices(char **newval, void **extra, GucSource source)
{
	const char *at = *newval;
	const char *word;
	int			len;
	int			name_len;
	ApiPrice	price;

	while ((word = next_word(&at, &len)) != NULL)
	{
		if (!read_price(word, len, &name_len, &price))
		{
			GUC_check_errdetail("It is a list of model=input/output/cache_read in dollars for a million tokens, such as claude-opus-5-5=4/20/0.2.");
			return false;
		}
	}
	return true;
}

/* http or https, with a host, without user, query or blank. The slash at the
 * end that people like to write is taken off. */
static bool
check_url(char **newval, void **extra, GucSource source)
{
	size_t		len = strlen(*newval);
	const char *host = strncmp(*newval, "https://", 8) == 0 ? *newval + 8 :
	strncmp(*newval, "http://", 7) == 0 ? *newval + 7 : NULL;

	while (len > 0 && (*newval)[len - 1] == '/')
		(*newval)[--len] = '\0';
	if (host != NULL && *host != '\0' && *host != '/' && strpbrk(host, "@?# \t\r\n\\\"") == NULL)
		return true;
	GUC_check_errdetail("It is http:// or https://, a host, and perhaps a port and a path to which /v1/messages is added; a user and a password do not belong there.");
	return false;
}

/* What becomes a header or a part of a request's JSON. */
static bool
check_plain(char **newval, void **extra, GucSource source)
{
	for (const char *c = *newval; *c != '\0'; c++)
	{
		if (*c <= ' ' || *c > '~' || *c == '"' || *c == '\\' || c - *newval >= 200)
		{
			GUC_check_errdetail("It is up to 200 printable ASCII characters without blanks, quotes and backslashes.");
			return false;
		}
	}
	return true;
}

int
guc_api_omitted(void)
{
	int			bits = api_omit ? read_omits(api_omit) : 0;

	return Max(bits, 0);
}

const char *
guc_effort_name(int effort)
{
	return effort == API_EFFORT_DEFAULT ? NULL : efforts[effort].name;
}

bool
guc_price(const char *model, ApiPrice *price)
{
	const char *at = prices ? prices : "";
	const char *word;
	int			len;
	int			name_len;
	ApiPrice	p;

	memset(price, 0, sizeof(*price));
	while ((word = next_word(&at, &len)) != NULL)
	{
		if (!read_price(word, len, &name_len, &p))
			continue;
		if ((int) strlen(model) == name_len && strncmp(model, word, name_len) == 0)
		{
			*price = p;
			return true;
		}
		price->input = Max(price->input, p.input);
		price->output = Max(price->output, p.output);
		price->cache_read = Max(price->cache_read, p.cache_read);
		price->cache_write = Max(price->cache_write, p.cache_write);
	}
	return false;
}

/* Where requests go, and as whom. */
static void
define_server(void)
{
	DefineCustomBoolVariable("selfheal.claude",
							 "Asks Claude about what no playbook knows, when there is a key.",
							 "Off: such incidents wait for a person, as they do without a key.",
							 &guc_claude, true, PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.api_url",
							   "Where Claude is asked: /v1/messages is added.",
							   "Any server that speaks the Messages API, of Anthropic, of a gateway or of your own.",
							   &guc_api_url, "https://api.anthropic.com", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_url, NULL, NULL);
	DefineCustomEnumVariable("selfheal.api_auth",
							 "How the key is sent: x-api-key, bearer, or none where none is needed.",
							 NULL,
							 &guc_api_auth, API_AUTH_X_API_KEY, auths, PGC_SIGHUP,
							 GUC_SUPERUSER_ONLY, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.api_version",
							   "Value of the header anthropic-version.",
							   NULL,
							   &guc_api_version, "2026-10-21", PGC_SIGHUP,
							   GUC_SUPERUSER_ONLY, check_plain, NULL, NULL);
	DefineCustomStringVariable("selfheal.api_omit",
							   "What the server refuses of a request: strict, cache_control, output_config.",
							   "Needed with some servers that are not Anthropic's.",
							   &api_omit, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   check_omit, NULL, NULL);
	DefineCustomStringVariable("selfheal.api_key_file",
							   "File with the key for the API, and nothing else in it.",
							   "Readable by the server's user alone. Empty: ANTHROPIC_API_KEY in the server's environment.",
							   &guc_api_key_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.api_ca_file",
							   "PEM file of the certificates that the server's is to come from.",
							   "Empty: those that the system trusts.",
							   &guc_api_ca_file, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.api_connect_timeout",
							"How long a connection to the API may take.",
							NULL,
							&guc_api_connect_timeout, 10000, 100, 600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.api_timeout",
							"How long one request to the API may take.",
							"Nothing waits for it but its own incident.",
							&guc_api_timeout, 600000, 1000, 3600000,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.api_retries",
							"How often a request is made again that failed for a passing reason.",
							NULL,
							&guc_api_retries, 4, 0, 20,
							PGC_SIGHUP, 0, NULL, NULL, NULL);
}

/* Which model, and what it may cost. */
static void
define_limits(void)
{
	DefineCustomStringVariable("selfheal.model",
							   "Model that is asked.",
							   NULL,
							   &guc_model, "claude-opus-5-5", PGC_SUSET, 0,
							   check_plain, NULL, NULL);
	DefineCustomEnumVariable("selfheal.effort",
							 "How hard the model thinks: low, medium, high, xhigh, max; default leaves it to the model.",
							 NULL,
							 &guc_effort, API_EFFORT_DEFAULT, efforts, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_tokens",
							"Tokens that one reply may have, thinking included.",
							NULL,
							&guc_max_tokens, 8192, 256, 21333,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_turns",
							"Requests that one incident may take.",
							NULL,
							&guc_max_turns, 12, 1, 100,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_incident_tokens",
							"Tokens that one incident may take, of all its requests and replies.",
							NULL,
							&guc_max_incident_tokens, 200000, 1000, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_conversations",
							"Incidents of a database that Claude is asked about at a time.",
							NULL,
							&guc_max_conversations, 4, 1, 50,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_calls_per_hour",
							"Requests of a database in an hour.",
							NULL,
							&guc_max_calls_per_hour, 120, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_calls_per_day",
							"Requests of a database in a day.",
							NULL,
							&guc_max_calls_per_day, 1000, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("selfheal.max_cost_per_hour",
							 "Dollars that the requests of a database may cost in an hour.",
							 "By selfheal.prices; what is under way is not known yet.",
							 &guc_max_cost_per_hour, 5, 0, 1e6,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomRealVariable("selfheal.max_cost_per_day",
							 "Dollars that the requests of a database may cost in a day.",
							 NULL,
							 &guc_max_cost_per_day, 20, 0, 1e6,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.prices",
							   "What models cost: model=input/output/cache_read in dollars for a million tokens, with commas between.",
							   "A model that is not there counts as the dearest that is.",
							   &prices,
							   "claude-fable-5-2=8/40/0.2, claude-fable-5-1=10/50/0.25, claude-opus-5-5=4/20/0.2, "
							   "claude-sonnet-5-5=2/10/0.1, claude-haiku-5-5=0.5/2.5/0.05, claude-opus-5=5/25/0.5, "
							   "claude-sonnet-5=2/10/0.2, claude-haiku-4-5=1/5/0.1",
							   PGC_SUSET, 0, check_prices, NULL, NULL);
	DefineCustomRealVariable("selfheal.auto_confidence",
							 "How sure Claude must be of a plan that is to run without approval, from 0 to 1.",
							 "Policy has to allow it besides. Above 1 every plan of Claude's waits for approval.",
							 &guc_auto_confidence, 0.8, 0, 2,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.promote_after",
							"How often the same plan of Claude's must have been applied before a playbook is made of it.",
							"The playbook is offered; selfheal.promote() puts it to use. 0: never.",
							&guc_promote_after, 3, 0, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
}

void
guc_claude_init(void)
{
	define_server();
	define_limits();
}
