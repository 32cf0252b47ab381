/*
 * httpcurl.c
 *	  libcurl's side of a transfer.
 *
 * NOTES
 *
 * All signals are blocked around each call of libcurl: it looks names up in a
 * thread of its own, which inherits the mask. PostgreSQL's handlers must not
 * run in there (they touch this process's state), and SIGURG must not end
 * there, or the latch would not wake us. The same goes for exceptions: a
 * callback never raises, and no interrupt is served within libcurl.
 *
 * libcurl joins that thread when a transfer is removed, or when one of its own
 * timeouts ends it, while the name is looked up: with a dead name service the
 * process would stand still for as long as the system's resolver tries. So
 * libcurl's own timeouts are out of the way (httprequest.c), the limits are
 * ours, and an exchange that is given up in that state is put aside: it stays
 * with libcurl without an owner, cannot open a socket any more, and is cleaned
 * away when its lookup ends. Nothing is cleaned at process exit, where the
 * same thread would be waited for; the system does that.
 */
#include "postgres.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "base/httpcurl.h"
#include "base/httpfault.h"
#include "base/httprequest.h"

#if LIBCURL_VERSION_NUM < 0x075500
#error "selfheal needs libcurl 7.85 or later"
#endif

/* Connections that are kept for the next request. */
#define KEPT_CONNECTIONS 8

/* All of one process, to its end; malloc'ed like everything of libcurl. */
static CURLM *multi = NULL;
static HttpExchange *exchanges = NULL;
static HttpWatched *watched = NULL;
static int	nwatched = 0;
static int	watched_room = 0;
static struct pollfd *ready = NULL;
static int	ready_room = 0;
static int64 timer_at = -1;		/* when libcurl wants to be called; -1: not */

int64
httpcurl_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64) now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* ---- around libcurl ---- */

static void
enter_curl(sigset_t *saved)
{
	sigset_t	all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, saved);
}

static void
leave_curl(const sigset_t *saved)
{
	pthread_sigmask(SIG_SETMASK, saved, NULL);
}

/* ---- callbacks: nothing is raised or palloc'ed in them ---- */

/* CURLMOPT_SOCKETFUNCTION: what is to be watched changed. */
static int
watch(CURL *easy, curl_socket_t fd, int what, void *unused, void *unused_too)
{
	int			i;

	for (i = 0; i < nwatched; i++)
		if (watched[i].fd == fd)
			break;
	if (what == CURL_POLL_REMOVE)
	{
		if (i < nwatched)
			watched[i] = watched[--nwatched];
		return 0;
	}
	if (i == nwatched)
	{
		if (nwatched == watched_room)
		{
			int			room = Max(16, watched_room * 2);
			HttpWatched *more = realloc(watched, room * sizeof(HttpWatched));

			if (more == NULL)
				return -1;
			watched = more;
			watched_room = room;
		}
		nwatched++;
	}
	watched[i].fd = fd;
	watched[i].readable = (what & CURL_POLL_IN) != 0;
	watched[i].writable = (what & CURL_POLL_OUT) != 0;
	return 0;
}

/* CURLMOPT_TIMERFUNCTION */
static int
set_timer(CURLM *unused, long timeout_ms, void *unused_too)
{
	timer_at = timeout_ms < 0 ? -1 : httpcurl_now() + timeout_ms;
	return 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: the name is resolved, if there was one. One that
 * was put aside meanwhile ends here. */
static curl_socket_t
open_socket(void *exchange, curlsocktype purpose, struct curl_sockaddr *address)
{
	HttpExchange *x = exchange;
	curl_socket_t fd;

	x->resolved = true;
	if (x->owner == NULL)
		return CURL_SOCKET_BAD;
	fd = socket(address->family, address->socktype, address->protocol);

	/*
	 * Programs that this process starts (COPY ... PROGRAM) have no use for
	 * it.
	 */
	if (fd != CURL_SOCKET_BAD)
		(void) fcntl(fd, F_SETFD, FD_CLOEXEC);
	return fd;
}

/* CURLOPT_PREREQFUNCTION: connected, in TLS too, maybe by an older connection. */
static int
before_request(void *exchange, char *ip, char *local_ip, int port, int local_port)
{
	HttpExchange *x = exchange;

	x->resolved = x->connected = true;
	return x->owner ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
}

/* CURLOPT_HEADERFUNCTION, CURLOPT_WRITEFUNCTION: another count than was given
 * ends the transfer. */
static size_t
take_line(char *bytes, size_t one, size_t len, void *exchange)
{
	HttpExchange *x = exchange;

	return x->owner && httpreply_line(&x->owner->in, bytes, len) ? len : 0;
}

static size_t
take_body(char *bytes, size_t one, size_t len, void *exchange)
{
	HttpExchange *x = exchange;

	return x->owner && httpreply_body(&x->owner->in, bytes, len) ? len : len + 1;
}

/* ---- libcurl's side ---- */

void
httpcurl_start(void)
{
	sigset_t	saved;
	const curl_version_info_data *version;
	CURLM	   *made = NULL;

	if (multi != NULL)
		return;
	enter_curl(&saved);
	version = curl_version_info(CURLVERSION_NOW);
	if (version->version_num >= 0x075500 && (version->features & CURL_VERSION_ASYNCHDNS) &&
		curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK)
		made = curl_multi_init();
	if (made != NULL &&
		(curl_multi_setopt(made, CURLMOPT_SOCKETFUNCTION, watch) != CURLM_OK ||
		 curl_multi_setopt(made, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
		 curl_multi_setopt(made, CURLMOPT_MAXCONNECTS, (long) KEPT_CONNECTIONS) != CURLM_OK))
	{
		curl_multi_cleanup(made);
		made = NULL;
	}
	leave_curl(&saved);
	if (made == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("could not use this server's libcurl"),
				 errdetail("It is version %s.", version->version),
				 errhint("Version 7.85 or later is needed, with an asynchronous resolver.")));
	multi = made;
}

/* Within enter_curl. */
static void
free_exchange(HttpExchange *x)
{
	for (HttpExchange **p = &exchanges; *p; p = &(*p)->next)
		if (*p == x)
		{
			*p = x->next;
			break;
		}
	if (x->easy)
	{
		curl_multi_remove_handle(multi, x->easy);
		curl_easy_cleanup(x->easy);
	}
	httprequest_free(x);
	free(x);
}

/* Done: the transfer has no more to do with libcurl. Within enter_curl. */
static void
let_go(HttpTransfer *t)
{
	HttpExchange *x = t->exchange;

	t->exchange = NULL;
	t->ended = httpcurl_now();
	x->owner = NULL;
	if (x->resolved)
		free_exchange(x);
	else
		httprequest_wipe(x);	/* put aside */
}

/* ---- a new exchange ---- */

#define SET(option, value) \
	(good = good && curl_easy_setopt(x->easy, (option), (value)) == CURLE_OK)

/* Within enter_curl. */
static bool
make_exchange(HttpExchange *x, const HttpRequest *request)
{
	bool		good = httprequest_make(x, request);

	SET(CURLOPT_PRIVATE, x);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_socket);
	SET(CURLOPT_OPENSOCKETDATA, x);
	SET(CURLOPT_PREREQFUNCTION, before_request);
	SET(CURLOPT_PREREQDATA, x);
	SET(CURLOPT_HEADERFUNCTION, take_line);
	SET(CURLOPT_HEADERDATA, x);
	SET(CURLOPT_WRITEFUNCTION, take_body);
	SET(CURLOPT_WRITEDATA, x);
	return good && curl_multi_add_handle(multi, x->easy) == CURLM_OK;
}

bool
httpcurl_begin(HttpTransfer *t, const HttpRequest *request)
{
	HttpExchange *x = calloc(1, sizeof(HttpExchange));
	sigset_t	saved;
	bool		made;

	if (x == NULL)
		return false;
	x->owner = t;
	x->next = exchanges;
	exchanges = x;
	t->exchange = x;
	enter_curl(&saved);
	made = make_exchange(x, request);
	if (!made)
	{
		t->exchange = NULL;
		free_exchange(x);
	}
	leave_curl(&saved);
	return made;
}

/* What was sent and received, as long as libcurl knows it. */
static void
account(HttpTransfer *t)
{
	CURL	   *easy = t->exchange->easy;
	curl_off_t	sent = 0,
				received = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &t->status);
	curl_easy_getinfo(easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	curl_easy_getinfo(easy, CURLINFO_SIZE_DOWNLOAD_T, &received);
	t->sent = sent;
	t->received = received;
}

static void
hide_secrets(HttpTransfer *t)
{
	for (const struct curl_slist *s = t->exchange->secrets; s; s = s->next)
		httpreply_hide(&t->in, s->data);
}

/* Our limits. Within enter_curl. */
static void
check_limits(HttpTransfer *t, int64 now)
{
	const HttpExchange *x = t->exchange;
	const char *late = NULL;

	if (t->total_ms > 0 && now - t->began >= t->total_ms)
		late = "the whole reply took longer than the limit";
	else if (!x->connected && t->connect_ms > 0 && now - t->began >= t->connect_ms)
		late = x->resolved ? "connecting took longer than the limit" :
			"looking the name up took longer than the limit";
	else if (t->stall_ms > 0 && t->in.header_bytes > 0)
	{
		curl_off_t	bytes = 0;

		curl_easy_getinfo(x->easy, CURLINFO_SIZE_DOWNLOAD_T, &bytes);
		bytes += t->in.header_bytes;
		if (t->window == 0)
		{
			t->window = now;
			t->window_bytes = bytes;
		}
		else if (now - t->window >= t->stall_ms)
		{
			if (bytes - t->window_bytes < t->stall_bytes)
				late = "the reply came slower than the limit";
			t->window = now;
			t->window_bytes = bytes;
		}
	}
	if (late == NULL)
		return;
	httpfault_set(t, HTTP_FAULT_TIMEOUT, late, 0);
	hide_secrets(t);
	account(t);
	let_go(t);
}

/* Which watched sockets are ready now? */
static int
poll_watched(void)
{
	int			n = nwatched;

	if (ready_room < n)
	{
		struct pollfd *more = realloc(ready, watched_room * sizeof(struct pollfd));

		if (more == NULL)
			n = ready_room;		/* the others have their turn later */
		else
		{
			ready = more;
			ready_room = watched_room;
		}
	}
	for (int i = 0; i < n; i++)
	{
		ready[i].fd = watched[i].fd;
		ready[i].events = (watched[i].readable ? POLLIN : 0) |
			(watched[i].writable ? POLLOUT : 0);
		ready[i].revents = 0;
	}
	return n > 0 && poll(ready, n, 0) > 0 ? n : 0;
}

void
httpcurl_drive(HttpTransfer *transfers)
{
	sigset_t	saved;
	int			n,
				running,
				left;
	CURLMsg    *msg;
	int64		now;

	if (exchanges == NULL)
		return;
	enter_curl(&saved);
	n = poll_watched();
	for (int i = 0; i < n; i++)
	{
		short		got = ready[i].revents;
		int			what = ((got & (POLLIN | POLLHUP)) ? CURL_CSELECT_IN : 0) |
		((got & POLLOUT) ? CURL_CSELECT_OUT : 0) |
		((got & (POLLERR | POLLNVAL)) ? CURL_CSELECT_ERR : 0);

		if (what != 0)
			curl_multi_socket_action(multi, ready[i].fd, what, &running);
	}
	if (timer_at >= 0 && httpcurl_now() >= timer_at)
	{
		timer_at = -1;
		curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &running);
	}
	while ((msg = curl_multi_info_read(multi, &left)) != NULL)
	{
		CURLcode	code = msg->data.result;
		char	   *private = NULL;
		HttpExchange *x;

		if (msg->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, &private);
		x = (HttpExchange *) private;
		x->resolved = true;		/* or will never be: nobody looks it up */
		if (x->owner == NULL)
			free_exchange(x);
		else
		{
			httpfault_judge(x->owner, code);
			hide_secrets(x->owner);
			account(x->owner);
			let_go(x->owner);
		}
	}
	now = httpcurl_now();
	for (HttpTransfer *t = transfers; t; t = t->next)
		if (t->exchange)
			check_limits(t, now);
	leave_curl(&saved);
}

void
httpcurl_end(HttpTransfer *t)
{
	sigset_t	saved;

	enter_curl(&saved);
	let_go(t);
	leave_curl(&saved);
}

const HttpWatched *
httpcurl_watched(int *n)
{
	*n = nwatched;
	return watched;
}

int64
httpcurl_until(const HttpTransfer *transfers)
{
	int64		at = timer_at >= 0 ? timer_at : PG_INT64_MAX;

	for (const HttpTransfer *t = transfers; t; t = t->next)
	{
		if (t->exchange == NULL)
			continue;
		if (t->total_ms > 0)
			at = Min(at, t->began + t->total_ms);
		if (!t->exchange->connected && t->connect_ms > 0)
			at = Min(at, t->began + t->connect_ms);
		if (t->window != 0)
			at = Min(at, t->window + t->stall_ms);
	}
	return at;
}

int
httpcurl_count(void)
{
	int			n = 0;

	for (const HttpExchange *x = exchanges; x; x = x->next)
		n++;
	return n;
}
