/*
 * httpfault.h
 *	  What became of a transfer, in our words: for http.c and httpcurl.c.
 *
 * Nothing here raises or allocates, and no text of request or reply gets into
 * a fault's words: libcurl's own messages (CURLOPT_ERRORBUFFER) may quote them.
 */
#ifndef SELFHEAL_HTTPFAULT_H
#define SELFHEAL_HTTPFAULT_H

#include "postgres.h"

#include "base/httpcurl.h"

/* errnum: 0, or what the system says of it. */
extern void httpfault_set(HttpTransfer *t, HttpFault fault, const char *what, int errnum);

/* From libcurl's code for an exchange that ended. */
extern void httpfault_judge(HttpTransfer *t, CURLcode code);

#endif							/* SELFHEAL_HTTPFAULT_H */
