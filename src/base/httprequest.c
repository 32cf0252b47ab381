/*
 * httprequest.c
 *	  A request in libcurl's terms.
 */
#include "postgres.h"

#include "base/httprequest.h"

/* See the notes in httpcurl.c: a timeout of libcurl's own must not strike while
 * it looks a name up. */
#define LIBCURL_NEVER_MS 86400000L

/* A name is a token (RFC 9110, 5.6.2), and a value stays on its line: who can
 * choose one must not be able to add another. */
void
httprequest_check(const HttpRequest *request)
{
	for (int i = 0; i < request->nheaders; i++)
	{
		const char *name = request->headers[i].name;
		bool		good = name[0] != '\0';

		for (const char *p = name; *p; p++)
			good = good && ((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
							(*p >= '0' && *p <= '9') || strchr("!#$%&'*+-.^_`|~", *p));
		for (const char *p = request->headers[i].value; *p; p++)
			good = good && ((unsigned char) *p >= ' ' || *p == '\t') && *p != '\x7f';
		if (!good)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("header line %d of an HTTP request is malformed", i + 1),
					 errhint("Look for line ends in what it is made of, such as the file of a key.")));
	}
}

static void
wipe(char *bytes, size_t len)
{
	if (bytes)
		explicit_bzero(bytes, len);
}

void
httprequest_wipe(HttpExchange *x)
{
	for (struct curl_slist *l = x->lines; l; l = l->next)
		wipe(l->data, strlen(l->data));
	for (struct curl_slist *s = x->secrets; s; s = s->next)
		wipe(s->data, strlen(s->data));
	wipe(x->body, x->body_len);
}

static bool
append(struct curl_slist **list, const char *text)
{
	struct curl_slist *more = curl_slist_append(*list, text);

	if (more != NULL)
		*list = more;
	return more != NULL;
}

/* One more header line; false: out of memory. */
static bool
add_line(HttpExchange *x, const char *name, const char *value)
{
	size_t		len = strlen(name) + strlen(value) + 3;
	char	   *line = malloc(len);
	bool		added;

	if (line == NULL)
		return false;
	/* "name:" alone would mean: not this header */
	if (value[0] != '\0')
		snprintf(line, len, "%s: %s", name, value);
	else
		snprintf(line, len, "%s;", name);
	added = append(&x->lines, line);
	wipe(line, len);
	free(line);
	return added;
}

static bool
add_secret(HttpExchange *x, const char *value)
{
	const char *blank = strrchr(value, ' ');

	return append(&x->secrets, value) && (blank == NULL || append(&x->secrets, blank + 1));
}

static bool
add_lines(HttpExchange *x, const HttpRequest *request)
{
	bool		typed = false;

	for (int i = 0; i < request->nheaders; i++)
	{
		const HttpHeader *h = &request->headers[i];

		if (!add_line(x, h->name, h->value) || (h->secret && !add_secret(x, h->value)))
			return false;
		if (pg_strcasecmp(h->name, "content-type") == 0)
			typed = true;
	}

	/*
	 * Two that libcurl would add: a body of more than 1 MB would wait a
	 * second for leave to be sent; and it is no form.
	 */
	return append(&x->lines, "Expect:") && (typed || append(&x->lines, "Content-Type:"));
}

#define SET(option, value) \
	(good = good && curl_easy_setopt(x->easy, (option), (value)) == CURLE_OK)

static bool
set_options(HttpExchange *x, const HttpRequest *request)
{
	bool		good = true;

	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);

	/* where to, and no further */
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	if (request->ca_file)
	{
		SET(CURLOPT_CAINFO, request->ca_file);
		SET(CURLOPT_CAPATH, NULL);
		SET(CURLOPT_PROXY_CAINFO, request->ca_file);
		SET(CURLOPT_PROXY_CAPATH, NULL);
	}

	if (request->direct)
		SET(CURLOPT_NOPROXY, "*");

	/* how long, how much */
	SET(CURLOPT_CONNECTTIMEOUT_MS, LIBCURL_NEVER_MS);
	SET(CURLOPT_MAXFILESIZE_LARGE, (curl_off_t) request->max_body);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, 30L);
	SET(CURLOPT_TCP_KEEPINTVL, 30L);

	/* what */
	SET(CURLOPT_ACCEPT_ENCODING, "gzip, deflate");
	SET(CURLOPT_USERAGENT, "selfheal/" SELFHEAL_VERSION);
	SET(CURLOPT_HTTPHEADER, x->lines);
	SET(CURLOPT_HEADEROPT, (long) CURLHEADER_SEPARATE); /* none for a proxy */
	if (request->method == HTTP_POST)
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) x->body_len);
		SET(CURLOPT_POSTFIELDS, x->body);
	}
	return good;
}

bool
httprequest_make(HttpExchange *x, const HttpRequest *request)
{
	x->body = malloc(request->body_len + 1);
	if (x->body == NULL)
		return false;
	x->body_len = request->body_len;
	if (request->body_len > 0)
		memcpy(x->body, request->body, request->body_len);
	x->body[request->body_len] = '\0';
	x->easy = curl_easy_init();
	return x->easy != NULL && add_lines(x, request) && set_options(x, request);
}

void
httprequest_free(HttpExchange *x)
{
	httprequest_wipe(x);
	curl_slist_free_all(x->lines);
	curl_slist_free_all(x->secrets);
	free(x->body);
}
