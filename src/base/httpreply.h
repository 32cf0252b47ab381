/*
 * httpreply.h
 *	  What comes in of an HTTP reply: the headers that matter, and the body, no
 *	  further than their limits.
 *
 * Called from libcurl's callbacks: nothing here raises, allocates by palloc or
 * logs. What does not fit, or cannot be stored, is a flag and a false.
 */
#ifndef SELFHEAL_HTTPREPLY_H
#define SELFHEAL_HTTPREPLY_H

#include "postgres.h"

#include "base/http.h"

/* Headers whose values are kept. */
typedef enum HttpKept
{
	HTTP_KEPT_CONTENT_TYPE,
	HTTP_KEPT_REQUEST_ID,
	HTTP_KEPT_RETRY_AFTER,
	HTTP_KEPT_RETRY_AFTER_MS,
	HTTP_KEPT_SHOULD_RETRY,
	HTTP_KEPT_COUNT
} HttpKept;

#define HTTP_KEPT_BYTES 200

typedef struct HttpIncoming
{
	size_t		max_headers;
	size_t		max_body;
	size_t		header_bytes;
	bool		headers_over;	/* what follows are trailers */
	bool		too_large;
	bool		no_memory;
	char	   *body;			/* malloc'ed */
	size_t		body_len;
	size_t		body_room;
	bool		kept[HTTP_KEPT_COUNT];
	char		value[HTTP_KEPT_COUNT][HTTP_KEPT_BYTES + 1];
} HttpIncoming;

/* Nothing came yet. */
extern void httpreply_begin(HttpIncoming *in, size_t max_headers, size_t max_body);

/* One header line with its end, of whichever answer (there may be 1xx ones
 * before the one that counts); false: no more is wanted. */
extern bool httpreply_line(HttpIncoming *in, const char *line, size_t len);

/* Some of the body, unpacked; false: no more is wanted. */
extern bool httpreply_body(HttpIncoming *in, const char *bytes, size_t len);

/* A secret that came back becomes stars, wherever it stands. */
extern void httpreply_hide(HttpIncoming *in, const char *secret);

/* Fill in a reply's headers and, with_body, its body; may raise (memory). */
extern void httpreply_give(const HttpIncoming *in, bool with_body, HttpReply *reply);

extern void httpreply_free(HttpIncoming *in);

#endif							/* SELFHEAL_HTTPREPLY_H */
