/*
 * httpcurl.h
 *	  libcurl's side of a transfer: for http.c alone.
 *
 * A HttpTransfer is the caller's and outlives its exchange (the reply is in
 * it); a HttpExchange is libcurl's and may outlive its transfer (put aside).
 * Nothing here raises or serves interrupts but httpcurl_start.
 */
#ifndef SELFHEAL_HTTPCURL_H
#define SELFHEAL_HTTPCURL_H

#include "postgres.h"

#include <curl/curl.h>

#include "base/http.h"
#include "base/httpreply.h"

typedef struct HttpExchange
{
	CURL	   *easy;
	struct curl_slist *lines;	/* header lines, secret ones too */
	struct curl_slist *secrets; /* values that the reply must not show */
	char	   *body;
	size_t		body_len;
	bool		resolved;		/* a socket was asked for, or one was there */
	bool		connected;		/* the request is going out */
	HttpTransfer *owner;		/* NULL: put aside */
	struct HttpExchange *next;
} HttpExchange;

struct HttpTransfer
{
	HttpExchange *exchange;		/* NULL: done */
	HttpIncoming in;
	int			connect_ms;
	int			total_ms;
	int			stall_ms;
	int			stall_bytes;
	int64		began;			/* httpcurl_now() */
	int64		ended;
	int64		window;			/* when the stall window began; 0: no reply
								 * yet */
	int64		window_bytes;	/* of the reply, at its begin */
	HttpFault	fault;
	char		why[160];
	long		status;
	int64		sent;
	int64		received;
	HttpTransfer *next;
};

/* A socket that libcurl wants watched. */
typedef struct HttpWatched
{
	int			fd;
	bool		readable;
	bool		writable;
} HttpWatched;

/* Milliseconds of a clock that is never set. */
extern int64 httpcurl_now(void);

/* libcurl in this process, at its first request; never in the postmaster.
 * Raises 0A000 when it is not fit for this. */
extern void httpcurl_start(void);

/* Give the transfer an exchange, and libcurl that. False: out of memory. */
extern bool httpcurl_begin(HttpTransfer *t, const HttpRequest *request);

/* Let libcurl do what can be done without waiting; transfers is the list of
 * them, whose limits are looked after. */
extern void httpcurl_drive(HttpTransfer *transfers);

/* The transfer is done with; without a fault of its own if it was not done. */
extern void httpcurl_end(HttpTransfer *t);

/* What is to be slept on, and until when (httpcurl_now(); PG_INT64_MAX: no
 * matter). */
extern const HttpWatched *httpcurl_watched(int *n);
extern int64 httpcurl_until(const HttpTransfer *transfers);

/* Exchanges that libcurl has, those put aside included. */
extern int	httpcurl_count(void);

#endif							/* SELFHEAL_HTTPCURL_H */
