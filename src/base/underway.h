/*
 * underway.h
 *	  Which statement was under way when an error was raised: what it writes,
 *	  its text and its parameters.
 *
 * Planner, executor and utility hooks lay a frame around their work, a few
 * words on the stack that error_context_stack leads to. PostgreSQL calls it
 * when an error is raised, with everything still alive; then the innermost
 * statement that writes is copied into memory of this process, set aside at the
 * server's start. That is not much, and nothing at all while no error is
 * raised: no memory, no lock, no place to jump to.
 *
 * Every error replaces the note of the one before, those too that somebody
 * catches, and a statement that ends well leaves none.
 */
#ifndef SELFHEAL_UNDERWAY_H
#define SELFHEAL_UNDERWAY_H

#include "postgres.h"

#include "base/failring.h"
#include "utils/timestamp.h"

typedef struct UnderwayNote
{
	bool		valid;
	int			sqlstate;		/* which error it is of: this one */
	TimestampTz sent;			/* in this message of the client */
	Oid			target;			/* what the statement writes, if it is one
								 * relation */
	int			start;			/* the statement's place in its text, as in
								 * Failure */
	int			length;
	bool		is_inner;		/* its text is not what the client sent: */
	bool		clipped;
	char	   *inner;
	int			nparams;		/* as in a FailSlot */
	int			used;			/* of params */
	char	   *params;
} UnderwayNote;

/* From _PG_init. */
extern void underway_init(void);

/*
 * The note of an error that is being logged, or NULL: no statement that writes
 * was under way, or none that failed by itself. Each is given once.
 */
extern const UnderwayNote *underway_take(const ErrorData *edata);

/* Names of temporary tables that this session has made since it began or
 * discarded them (failring_name; 0: none): FAILURE_TEMPORARY, the newest. */
extern const uint32 *underway_temporary(void);

#endif							/* SELFHEAL_UNDERWAY_H */
