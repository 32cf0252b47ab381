/*
 * http.h
 *	  HTTP requests of a background process: several at a time, none of which
 *	  keeps the process from its latch.
 *
 *	  http_begin -> http_wait ... http_wait -> http_done -> http_end
 *
 * Whatever the network, the server or the name service does is a value: the
 * reply's fault. An ERROR is raised only for a wrong call, for memory, and for
 * a cancel or termination that arrives within http_wait; transfers outlive it
 * (and any transaction), so that an error path ends them: http_end_all.
 *
 * No function here waits for the network but http_wait, and none ever waits for
 * the name service: a transfer that is ended while its name is looked up is
 * put aside, and is cleaned away by a later call.
 *
 * Certificates are checked, redirects are not followed (the key would travel),
 * only http and https are spoken, names and passwords in a URL are refused,
 * proxies are those of the environment (https_proxy, http_proxy, all_proxy,
 * no_proxy). No text of a request or reply ever stands in a message.
 *
 * Memory: a transfer is the room's own (not palloc'ed) until http_end; strings
 * of a request are copied by http_begin; a reply is allocated in the context
 * that http_done is called in.
 */
#ifndef SELFHEAL_HTTP_H
#define SELFHEAL_HTTP_H

#include "postgres.h"

/* Transfers of one process that are not ended, those put aside included. */
#define HTTP_MAX_TRANSFERS 64

typedef struct HttpTransfer HttpTransfer;

typedef enum HttpMethod
{
	HTTP_GET,
	HTTP_POST
} HttpMethod;

/*
 * A header line. All of them are overwritten when the transfer is ended
 * (libcurl's own copies, made for sending, are out of reach). A server or proxy
 * that gives a secret one's value back does not get it into a table: in the
 * reply it is stars, and so is what follows its last blank ("Bearer KEY").
 */
typedef struct HttpHeader
{
	const char *name;
	const char *value;
	bool		secret;
} HttpHeader;

typedef struct HttpRequest
{
	const char *url;			/* http:// or https:// */
	HttpMethod	method;
	const HttpHeader *headers;
	int			nheaders;
	const char *body;			/* of a POST; bytes, any */
	size_t		body_len;
	const char *ca_file;		/* PEM file of those to be trusted, and of no
								 * others; NULL: the system's */
	bool		direct;			/* past any proxy */

	/* All in ms, 0 = no limit. */
	int			connect_ms;		/* name, TCP, proxy, TLS */
	int			total_ms;		/* from http_begin to the reply's last byte */
	int			stall_ms;		/* once the reply has begun: at least
								 * stall_bytes in each stall_ms */
	int			stall_bytes;

	size_t		max_headers;	/* bytes of header lines that are taken */
	size_t		max_body;		/* bytes of the body, as unpacked */
} HttpRequest;

/* What became of it, where it was not a whole reply. */
typedef enum HttpFault
{
	HTTP_FAULT_NONE,			/* a whole reply, of whatever status */
	HTTP_FAULT_REQUEST,			/* a URL that is none, a CA file that cannot
								 * be read, ... */
	HTTP_FAULT_RESOLVE,			/* no address for the name */
	HTTP_FAULT_CONNECT,			/* refused, no route, proxy */
	HTTP_FAULT_TLS,				/* a certificate that is not trusted, or no
								 * common language */
	HTTP_FAULT_TIMEOUT,			/* connect_ms, total_ms or stall_ms */
	HTTP_FAULT_BROKEN,			/* the connection ended in the middle */
	HTTP_FAULT_MALFORMED,		/* what came is not HTTP */
	HTTP_FAULT_TOO_LARGE,		/* above max_headers or max_body */
	HTTP_FAULT_OTHER
} HttpFault;

/* Header values are NULL when absent; cut at 200 bytes, printable ASCII only. */
typedef struct HttpReply
{
	HttpFault	fault;
	const char *why;			/* of a fault: half a sentence, such as "could
								 * not connect: Connection refused"; never
								 * text of request or reply */
	int			status;			/* 0: none came */
	char	   *body;			/* NUL behind it; "" with a fault */
	size_t		body_len;
	char	   *content_type;
	char	   *request_id;
	char	   *retry_after;
	char	   *retry_after_ms;
	char	   *should_retry;	/* x-should-retry */
	int64		latency_ms;		/* from http_begin to the end */
	int64		bytes_sent;
	int64		bytes_received; /* of the body, as they came */
} HttpReply;

/* Why http_wait came back. */
typedef enum HttpWait
{
	HTTP_WAIT_DONE,				/* a transfer is done and not yet ended */
	HTTP_WAIT_LATCH,			/* MyLatch is set; the caller resets it */
	HTTP_WAIT_TIMEOUT
} HttpWait;

/* The room's word for a fault: "none", "request", "resolve", ... */
extern const char *http_fault_name(HttpFault fault);

/* Everything zero but the limits: connect 10 s, total 600 s, 60 s for the next
 * 1 byte, 64 kB of header lines, 8 MB of body. */
extern void http_request_init(HttpRequest *request);

/*
 * Begin a transfer; it goes on within http_wait. Raises 54000 when
 * HTTP_MAX_TRANSFERS are under way, 22023 for a header with a line end in it
 * (without saying what), 0A000 when libcurl is not fit for this.
 */
extern HttpTransfer *http_begin(const HttpRequest *request);

/*
 * Sleep until a transfer is done, MyLatch is set, or timeout_ms (-1: no limit)
 * are over; ends the process with the postmaster. Serves interrupts. In place
 * of WaitLatch wherever a process with transfers sleeps; never in a
 * transaction (elog(ERROR)): no snapshot or lock is held while waiting for the
 * network. Comes back at once as long as a done transfer is not ended.
 */
extern HttpWait http_wait(int timeout_ms);

/* Is it done? Then *reply (may be NULL) is made. May be asked again. */
extern bool http_done(HttpTransfer *transfer, HttpReply *reply);

/* Forget it, done or not, and what it held; secrets are overwritten. */
extern void http_end(HttpTransfer *transfer);

/* Each transfer that is not ended: for an error path. Handles are void. */
extern void http_end_all(void);

/* How many may be begun now. */
extern int	http_free_slots(void);

#endif							/* SELFHEAL_HTTP_H */
