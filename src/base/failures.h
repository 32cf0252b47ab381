/*
 * failures.h
 *	  Statements that failed in other sessions, as their error path copied them.
 *
 * A plain INSERT, UPDATE, MERGE or COPY that fails leaves nothing behind but
 * its error. Where the error is logged (emit_log_hook) its fields, the
 * statement and the settings that a replay needs are copied into a bounded
 * ring in shared memory; the database's worker takes them out. On that path
 * nothing is looked up, parsed, allocated or thrown, and nobody waits: when
 * the ring is full the failure is counted as dropped.
 */
#ifndef SELFHEAL_FAILURES_H
#define SELFHEAL_FAILURES_H

#include "postgres.h"

#include "utils/timestamp.h"

/* One bound parameter: the bytes of its datum, which the worker turns into
 * text by the type's output function. */
typedef struct FailureParam
{
	Oid			type;
	bool		known;			/* false: clipped, toasted, or never bound */
	bool		isnull;
	int			len;			/* of data; a by-value datum has
								 * sizeof(Datum). Of one that is too long to
								 * be known what it would have been, else 0 */
	const char *data;			/* a by-value datum as it is, else what it
								 * points to, a varlena with its header */
} FailureParam;

/* Names of a session's temporary tables that are remembered: the newest. */
#define FAILURE_TEMPORARY 16

/*
 * One failed statement. Strings are of the database's encoding, NULL when
 * there was none; those that did not fit are clipped at a character.
 */
typedef struct Failure
{
	uint64		number;			/* grows, over all databases */
	TimestampTz at;
	int			pid;
	Oid			role;			/* current user when it failed, the one of a
								 * SECURITY DEFINER function inside it */
	Oid			outer_role;		/* what the session ran as: SET ROLE's or
								 * session_role. Where role is another, the
								 * settings below may be the function's */
	Oid			session_role;
	int			sqlstate;
	char	   *message;
	char	   *detail;
	char	   *hint;
	char	   *context;
	char	   *schema_name;	/* fields of the error */
	char	   *table_name;
	char	   *column_name;
	char	   *datatype_name;
	char	   *constraint_name;
	char	   *statement;		/* what the client sent */
	bool		statement_clipped;
	bool		alone;			/* it was a transaction of its own, not in a
								 * block nor one of several */
	int			start;			/* where the failing one of several begins in
								 * statement (in inner, if there is one), in
								 * bytes from 0, and its length (0: to the
								 * end); where a hook saw it, else -1 */
	int			length;
	int			position;		/* cursor in statement, in characters from 1;
								 * 0: none */
	char	   *inner;			/* the statement of a function or DO block
								 * that failed, where a hook or the error
								 * knows it */
	bool		inner_clipped;
	int			inner_position;
	char	   *application;
	char	   *search_path;	/* settings of the session when it failed */
	char	   *timezone;
	char	   *datestyle;
	char	   *intervalstyle;
	char	   *client_encoding;
	char	   *bytea_output;
	char	   *xmloption;
	uint32		temporary[FAILURE_TEMPORARY];	/* names of temporary tables
												 * that the session had made;
												 * see failure_temporary */
	bool		escapes;		/* standard_conforming_strings was off: a
								 * backslash in any literal is an escape */
	Oid			target;			/* what the failing statement writes, where
								 * planner, executor or utility hooks saw it;
								 * else InvalidOid */
	int			nparams;		/* $1 to $n; the first ones if there are very
								 * many */
	FailureParam *params;		/* of the failing statement */
} Failure;

/* From _PG_init, behind shmem_init. */
extern void failures_init(void);

/* May this name, without a schema, have been one of a temporary table of the
 * session? Nobody else can see it, and it comes first. */
extern bool failure_temporary(const Failure *failure, const char *name);

/*
 * The oldest failure of this database, taken out of the ring, in the current
 * context; NULL when there is none.
 */
extern Failure *failures_take(void);

/* How many of this database were dropped since the server's start because the
 * ring was full or selfheal.capture_rate exceeded, or because the same session
 * had just reported the same. */
extern void failures_dropped(uint64 *full, uint64 *repeated);

/*
 * Are failures of this database wanted? Says the worker, when it knows whether
 * a table is watched; until then and without it nothing is copied.
 */
extern void failures_want(bool wanted);

/* A database is gone: its place, its failures and its counts go with it. */
extern void failures_forget(Oid dbid);

/*
 * Who fails wakes nobody but the launcher, by its latch, since a wake takes a
 * lock. The launcher wakes the workers of databases that have failures, at once
 * or, while they keep coming, about once a second, and is told when it is to
 * look again (0: when its latch is set); whoever
 * waits for this database's worker asks for that first, so that a failure which
 * its client has heard of is waited for.
 */
extern TimestampTz failures_wake_workers(void);
extern void failures_wake_mine(void);

#endif							/* SELFHEAL_FAILURES_H */
