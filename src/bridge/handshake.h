/*
 * handshake.h
 *	  What client and database agreed on, so that a new connection can be told.
 *
 * The revisions with a handshake keep their state in the server's session. A
 * connection that is new gets the client's own lines again before it is used.
 */
#ifndef SELFHEAL_BRIDGE_HANDSHAKE_H
#define SELFHEAL_BRIDGE_HANDSHAKE_H

#include "bridge/calls.h"

/* A call was answered so: is it a handshake to be kept? */
extern void handshake_remember(const Call *call, const char *answer, size_t len);

/* The line that is to be sent as step 0, 1...: *step goes on beyond those that
 * there are not. NULL when there is no more. */
extern const char *handshake_line(int *step);

/* Has the revision agreed on batches? */
extern bool handshake_has_batches(void);

extern void handshake_forget(void);

#endif
