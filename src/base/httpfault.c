/*
 * httpfault.c
 *	  What became of a transfer, in our words.
 */
#include "postgres.h"

#include "base/httpfault.h"

const char *
http_fault_name(HttpFault fault)
{
	static const char *const names[] = {
		[HTTP_FAULT_NONE] = "none",
		[HTTP_FAULT_REQUEST] = "request",
		[HTTP_FAULT_RESOLVE] = "resolve",
		[HTTP_FAULT_CONNECT] = "connect",
		[HTTP_FAULT_TLS] = "tls",
		[HTTP_FAULT_TIMEOUT] = "timeout",
		[HTTP_FAULT_BROKEN] = "broken",
		[HTTP_FAULT_MALFORMED] = "malformed",
		[HTTP_FAULT_TOO_LARGE] = "too_large",
		[HTTP_FAULT_OTHER] = "other",
	};

	return names[fault];
}

void
httpfault_set(HttpTransfer *t, HttpFault fault, const char *what, int errnum)
{
	t->fault = fault;
	if (errnum != 0)
		snprintf(t->why, sizeof(t->why), "%s: %s", what, strerror(errnum));
	else
		strlcpy(t->why, what, sizeof(t->why));
}

/* CURLE_TOO_LARGE of libcurl 8.6 and later, which ours may be though we were
 * built with an older one: a header line that it takes in no buffer. */
#define LINE_TOO_LONG 100

void
httpfault_judge(HttpTransfer *t, CURLcode code)
{
	const HttpExchange *x = t->exchange;
	long		errnum = 0;

	if (t->in.too_large || code == CURLE_FILESIZE_EXCEEDED || (int) code == LINE_TOO_LONG)
	{
		httpfault_set(t, HTTP_FAULT_TOO_LARGE,
					  t->in.header_bytes > t->in.max_headers || (int) code == LINE_TOO_LONG ?
					  "the reply's header lines are longer than the limit" :
					  "the reply is longer than the limit", 0);
		return;
	}
	curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &errnum);
	switch (code)
	{
		case CURLE_OK:
			break;
		case CURLE_URL_MALFORMAT:
			httpfault_set(t, HTTP_FAULT_REQUEST, "the URL is malformed", 0);
			break;
		case CURLE_LOGIN_DENIED:
			httpfault_set(t, HTTP_FAULT_REQUEST, "the URL has a user name or password in it", 0);
			break;
		case CURLE_SSL_CACERT_BADFILE:
			httpfault_set(t, HTTP_FAULT_REQUEST, "the file of trusted certificates could not be read", 0);
			break;
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
			httpfault_set(t, HTTP_FAULT_RESOLVE, "the name of the server or proxy has no address", 0);
			break;
		case CURLE_COULDNT_CONNECT:
			httpfault_set(t, HTTP_FAULT_CONNECT, "could not connect", (int) errnum);
			break;
		case CURLE_PROXY:
			httpfault_set(t, HTTP_FAULT_CONNECT, "the proxy did not connect us", 0);
			break;
		case CURLE_SSL_CONNECT_ERROR:
			httpfault_set(t, HTTP_FAULT_CONNECT, "could not agree on a TLS connection", 0);
			break;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_INVALIDCERTSTATUS:
			httpfault_set(t, HTTP_FAULT_TLS, "the server's certificate is not trusted, or is not for this name", 0);
			break;
		case CURLE_OPERATION_TIMEDOUT:
			httpfault_set(t, HTTP_FAULT_TIMEOUT, "the connection timed out", 0);
			break;
		case CURLE_PARTIAL_FILE:
			httpfault_set(t, HTTP_FAULT_BROKEN, "the reply is shorter than announced", 0);
			break;
		case CURLE_GOT_NOTHING:
			httpfault_set(t, HTTP_FAULT_BROKEN, "the server ended the connection without a reply", 0);
			break;
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
		case CURLE_SEND_FAIL_REWIND:
			httpfault_set(t, HTTP_FAULT_BROKEN, "the connection broke", (int) errnum);
			break;
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_BAD_CONTENT_ENCODING:
			httpfault_set(t, HTTP_FAULT_MALFORMED, "the reply is malformed", 0);
			break;
		case CURLE_UNSUPPORTED_PROTOCOL:
			/* of the URL, or a reply without a status line (HTTP/0.9) */
			if (x->connected)
				httpfault_set(t, HTTP_FAULT_MALFORMED, "the reply is malformed", 0);
			else
				httpfault_set(t, HTTP_FAULT_REQUEST, "the URL is neither of http nor of https", 0);
			break;
		case CURLE_OUT_OF_MEMORY:
			/* libcurl's word, too, for a header line above its own limit */
			if (x->connected && t->in.body_len == 0)
				httpfault_set(t, HTTP_FAULT_TOO_LARGE, "the reply's header lines are longer than the limit", 0);
			else
				httpfault_set(t, HTTP_FAULT_OTHER, "out of memory", 0);
			break;
		default:
			httpfault_set(t, HTTP_FAULT_OTHER, t->in.no_memory ? "out of memory" : curl_easy_strerror(code), 0);
			break;
	}
}
