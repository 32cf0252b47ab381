/*
 * httprequest.h
 *	  A request in libcurl's terms: for http.c and httpcurl.c.
 */
#ifndef SELFHEAL_HTTPREQUEST_H
#define SELFHEAL_HTTPREQUEST_H

#include "postgres.h"

#include "base/httpcurl.h"

/* Raises 22023 for a header that could become two. */
extern void httprequest_check(const HttpRequest *request);

/* Header lines, body, and the handle with all options of the request. False:
 * out of memory, and httprequest_free has to be called all the same. */
extern bool httprequest_make(HttpExchange *x, const HttpRequest *request);

/* Overwrite header lines and body: they are not needed any more, or never will
 * be. */
extern void httprequest_wipe(HttpExchange *x);

/* After the handle is gone. Wipes too. */
extern void httprequest_free(HttpExchange *x);

#endif							/* SELFHEAL_HTTPREQUEST_H */
