/*
 * http.c
 *	  HTTP requests of a background process.
 *
 * NOTES
 *
 * libcurl (httpcurl.c) says which sockets it wants watched and when it wants
 * to be called; http_wait sleeps on them, the latch and the postmaster in one
 * WaitEventSet. What woke it does not matter: httpcurl_drive asks poll() which
 * sockets are ready, so that a latch that is always set starves no transfer.
 * The set is made anew for each sleep: sockets come and go within libcurl, and
 * a model's answer takes seconds.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/http.h"
#include "base/httpcurl.h"
#include "base/httpfault.h"
#include "base/httprequest.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "storage/fd.h"
#include "storage/latch.h"
#include "utils/memutils.h"

/* Descriptors of one exchange: two addresses tried at once, the pair by which
 * the resolver's thread reports. They are set apart when first needed and stay
 * so, since connections are kept. */
#define FDS_PER_EXCHANGE 4

static HttpTransfer *transfers = NULL;
static int	fds_reserved = 0;

void
http_request_init(HttpRequest *request)
{
	memset(request, 0, sizeof(*request));
	request->connect_ms = 10000;
	request->total_ms = 600000;
	request->stall_ms = 60000;
	request->stall_bytes = 1;
	request->max_headers = 64 * 1024;
	request->max_body = 8 * 1024 * 1024;
}

int
http_free_slots(void)
{
	int			used = httpcurl_count();

	/* Done ones have given their exchange back, and not yet their memory. */
	for (const HttpTransfer *t = transfers; t; t = t->next)
		if (t->exchange == NULL)
			used++;
	return Max(HTTP_MAX_TRANSFERS - used, 0);
}

static void
reserve_descriptors(void)
{
	int			needed = (httpcurl_count() + 1) * FDS_PER_EXCHANGE;

	while (fds_reserved < needed)
	{
		if (!AcquireExternalFD())
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_RESOURCES),
					 errmsg("could not set file descriptors apart for an HTTP request"),
					 errhint("Raise max_files_per_process, or have fewer requests at a time.")));
		fds_reserved++;
	}
}

HttpTransfer *
http_begin(const HttpRequest *request)
{
	HttpTransfer *t;

	httprequest_check(request);
	httpcurl_start();
	if (http_free_slots() == 0)
	{
		/* Some that were put aside may have ended meanwhile. */
		httpcurl_drive(transfers);
		if (http_free_slots() == 0)
			ereport(ERROR,
					(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
					 errmsg("%d HTTP requests are under way in this process", HTTP_MAX_TRANSFERS)));
	}
	reserve_descriptors();
	t = calloc(1, sizeof(HttpTransfer));
	if (t != NULL)
	{
		t->connect_ms = request->connect_ms;
		t->total_ms = request->total_ms;
		t->stall_ms = request->stall_ms;
		t->stall_bytes = request->stall_bytes;
		t->began = t->ended = httpcurl_now();
		httpreply_begin(&t->in, request->max_headers, request->max_body);
		/* libcurl would take anything else for http, in clear. */
		if (pg_strncasecmp(request->url, "http://", 7) != 0 &&
			pg_strncasecmp(request->url, "https://", 8) != 0)
			httpfault_set(t, HTTP_FAULT_REQUEST, "the URL is neither of http nor of https", 0);
		else if (!httpcurl_begin(t, request))
		{
			free(t);
			t = NULL;
		}
	}
	if (t == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("out of memory"),
				 errdetail("An HTTP request could not be made.")));
	t->next = transfers;
	transfers = t;
	httpcurl_drive(transfers);
	return t;
}

/* Is one done that its owner has not ended? */
static bool
any_done(void)
{
	for (const HttpTransfer *t = transfers; t; t = t->next)
		if (t->exchange == NULL)
			return true;
	return false;
}

/* Sleep for so long at most (-1: no limit), or until something happens. True:
 * it was the latch. A socket that is ready too may be told in its place; then
 * it is the latch's turn at the next sleep, which looks at it first. */
static bool
sleep_on_all(long timeout_ms)
{
	int			n;
	const HttpWatched *watched = httpcurl_watched(&n);
	WaitEventSet *set = compat_create_wait_event_set(n + 2);
	WaitEvent	event = {0};
	volatile int happened = 0;

	PG_TRY();
	{
		AddWaitEventToSet(set, WL_LATCH_SET, PGINVALID_SOCKET, MyLatch, NULL);
		AddWaitEventToSet(set, WL_EXIT_ON_PM_DEATH, PGINVALID_SOCKET, NULL, NULL);
		for (int i = 0; i < n; i++)
		{
			uint32		events = (watched[i].readable ? WL_SOCKET_READABLE : 0) |
			(watched[i].writable ? WL_SOCKET_WRITEABLE : 0);

			if (events != 0)
				AddWaitEventToSet(set, events, watched[i].fd, NULL, NULL);
		}
		happened = WaitEventSetWait(set, timeout_ms, &event, 1, PG_WAIT_EXTENSION);
	}
	PG_FINALLY();
	{
		FreeWaitEventSet(set);
	}
	PG_END_TRY();
	return happened > 0 && (event.events & WL_LATCH_SET) != 0;
}

HttpWait
http_wait(int timeout_ms)
{
	int64		give_up = timeout_ms < 0 ? PG_INT64_MAX : httpcurl_now() + timeout_ms;

	if (IsTransactionState())
		elog(ERROR, "http_wait was called in a transaction");
	for (;;)
	{
		int64		until,
					now;
		bool		latch;

		CHECK_FOR_INTERRUPTS();
		httpcurl_drive(transfers);
		if (any_done())
			return HTTP_WAIT_DONE;

		until = Min(give_up, httpcurl_until(transfers));
		now = httpcurl_now();
		latch = sleep_on_all(until == PG_INT64_MAX ? -1 : (long) Min(Max(until - now, 0), INT_MAX));
		if (latch || httpcurl_now() >= give_up)
		{
			CHECK_FOR_INTERRUPTS();
			httpcurl_drive(transfers);
			if (any_done())
				return HTTP_WAIT_DONE;
			return latch ? HTTP_WAIT_LATCH : HTTP_WAIT_TIMEOUT;
		}
	}
}

bool
http_done(HttpTransfer *transfer, HttpReply *reply)
{
	const HttpTransfer *t = transfer;

	if (t->exchange != NULL)
		return false;
	if (reply != NULL)
	{
		memset(reply, 0, sizeof(*reply));
		reply->fault = t->fault;
		reply->why = pstrdup(t->why);
		reply->status = (int) t->status;
		reply->latency_ms = t->ended - t->began;
		reply->bytes_sent = t->sent;
		reply->bytes_received = t->received;
		httpreply_give(&t->in, t->fault == HTTP_FAULT_NONE, reply);
	}
	return true;
}

void
http_end(HttpTransfer *transfer)
{
	for (HttpTransfer **p = &transfers; *p; p = &(*p)->next)
		if (*p == transfer)
		{
			*p = transfer->next;
			break;
		}
	if (transfer->exchange)
		httpcurl_end(transfer);
	httpreply_free(&transfer->in);
	free(transfer);
}

void
http_end_all(void)
{
	while (transfers)
		http_end(transfers);
}
