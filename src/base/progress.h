/*
 * progress.h
 *	  How far a long call is, for a client that has asked to be told.
 *
 * Rooms tell their stages wherever they are; nothing is sent unless the call
 * under way has asked (an MCP request with a progressToken). A stage goes out
 * at once as a message of level INFO with SQLSTATE SH001, whose text is
 *	{"progress": n, "message": "..."}
 * with progress rising by 1 from message to message; total is never sent, since
 * nobody knows how many stages there will be.
 */
#ifndef SELFHEAL_PROGRESS_H
#define SELFHEAL_PROGRESS_H

#include "postgres.h"

#define PROGRESS_SQLSTATE MAKE_SQLSTATE('S', 'H', '0', '0', '1')

/* From here on, or not any more. */
extern void progress_ask(bool asked);

/*
 * A stage begins: a few words, no values of anybody's rows. Does not throw but
 * for what ends a session.
 */
extern void progress_tell(const char *stage);

/* Within a stage: so many of so many (total 0: nobody knows); at most one
 * message a second. */
extern void progress_count(const char *stage, int64 done, int64 total);

#endif							/* SELFHEAL_PROGRESS_H */
