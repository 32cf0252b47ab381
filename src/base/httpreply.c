/*
 * httpreply.c
 *	  What comes in of an HTTP reply.
 */
#include "postgres.h"

#include "base/httpreply.h"

/* The first piece of a body that is asked of malloc. */
#define FIRST_ROOM 16384

static const char *const kept_names[HTTP_KEPT_COUNT] = {
	[HTTP_KEPT_CONTENT_TYPE] = "content-type",
	[HTTP_KEPT_REQUEST_ID] = "request-id",
	[HTTP_KEPT_RETRY_AFTER] = "retry-after",
	[HTTP_KEPT_RETRY_AFTER_MS] = "retry-after-ms",
	[HTTP_KEPT_SHOULD_RETRY] = "x-should-retry",
};

void
httpreply_begin(HttpIncoming *in, size_t max_headers, size_t max_body)
{
	memset(in, 0, sizeof(*in));
	in->max_headers = max_headers;
	in->max_body = max_body;
}

/* A value without the blanks around it. These go into tables and logs: a byte
 * that is no printable ASCII becomes a question mark. */
static void
keep(HttpIncoming *in, HttpKept which, const char *value, size_t len)
{
	char	   *to = in->value[which];

	while (len > 0 && (*value == ' ' || *value == '\t'))
		value++, len--;
	while (len > 0 && (value[len - 1] == ' ' || value[len - 1] == '\t' ||
					   value[len - 1] == '\r' || value[len - 1] == '\n'))
		len--;
	len = Min(len, HTTP_KEPT_BYTES);
	for (size_t i = 0; i < len; i++)
		to[i] = (value[i] >= ' ' && value[i] <= '~') ? value[i] : '?';
	to[len] = '\0';
	in->kept[which] = true;
}

bool
httpreply_line(HttpIncoming *in, const char *line, size_t len)
{
	const char *colon;

	in->header_bytes += len;
	if (in->header_bytes > in->max_headers)
	{
		in->too_large = true;
		return false;
	}
	/* A status line: what was said before it was of a provisional answer. */
	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
	{
		memset(in->kept, 0, sizeof(in->kept));
		in->headers_over = false;
		return true;
	}
	if (len <= 2 && (len == 0 || line[0] == '\r' || line[0] == '\n'))
	{
		in->headers_over = true;
		return true;
	}
	/* A trailer comes after the decisions that it could change. */
	if (in->headers_over)
		return true;
	colon = memchr(line, ':', len);
	if (colon == NULL)
		return true;
	for (int i = 0; i < HTTP_KEPT_COUNT; i++)
	{
		size_t		name_len = strlen(kept_names[i]);

		if ((size_t) (colon - line) == name_len && !in->kept[i] &&
			pg_strncasecmp(line, kept_names[i], name_len) == 0)
			keep(in, i, colon + 1, len - name_len - 1);
	}
	return true;
}

bool
httpreply_body(HttpIncoming *in, const char *bytes, size_t len)
{
	if (len > in->max_body - in->body_len)
	{
		in->too_large = true;
		return false;
	}
	if (len > in->body_room - in->body_len)
	{
		size_t		room = Max(in->body_room, FIRST_ROOM);
		char	   *body;

		while (room < in->body_len + len)
			room *= 2;
		room = Min(room, in->max_body);
		body = realloc(in->body, room);
		if (body == NULL)
		{
			in->no_memory = true;
			return false;
		}
		in->body = body;
		in->body_room = room;
	}
	if (len > 0)
		memcpy(in->body + in->body_len, bytes, len);
	in->body_len += len;
	return true;
}

/* Shorter ones are no secrets, and would make holes in words. */
#define SHORTEST_SECRET 6

static void
hide(char *bytes, size_t len, const char *secret, size_t secret_len)
{
	size_t		i = 0;

	while (i + secret_len <= len)
	{
		const char *at = memchr(bytes + i, secret[0], len - i - secret_len + 1);

		if (at == NULL)
			break;
		i = at - bytes;
		if (memcmp(at, secret, secret_len) != 0)
			i++;
		else
		{
			memset(bytes + i, '*', secret_len);
			i += secret_len;
		}
	}
}

void
httpreply_hide(HttpIncoming *in, const char *secret)
{
	size_t		len = strlen(secret);

	if (len < SHORTEST_SECRET)
		return;
	hide(in->body, in->body_len, secret, len);
	for (int i = 0; i < HTTP_KEPT_COUNT; i++)
		if (in->kept[i])
			hide(in->value[i], strlen(in->value[i]), secret, len);
}

static char *
given(const HttpIncoming *in, HttpKept which)
{
	return in->kept[which] ? pstrdup(in->value[which]) : NULL;
}

void
httpreply_give(const HttpIncoming *in, bool with_body, HttpReply *reply)
{
	size_t		len = with_body ? in->body_len : 0;

	reply->content_type = given(in, HTTP_KEPT_CONTENT_TYPE);
	reply->request_id = given(in, HTTP_KEPT_REQUEST_ID);
	reply->retry_after = given(in, HTTP_KEPT_RETRY_AFTER);
	reply->retry_after_ms = given(in, HTTP_KEPT_RETRY_AFTER_MS);
	reply->should_retry = given(in, HTTP_KEPT_SHOULD_RETRY);
	reply->body = palloc(len + 1);
	if (len > 0)
		memcpy(reply->body, in->body, len);
	reply->body[len] = '\0';
	reply->body_len = len;
}

void
httpreply_free(HttpIncoming *in)
{
	free(in->body);
	in->body = NULL;
	in->body_len = in->body_room = 0;
}
