/*
 * spi.h
 *	  Transactions, subtransactions, the switch of user, and our own SQL.
 *
 * Ownership: nothing here keeps memory of its own; results are allocated in
 * the caller's context unless said otherwise.
 *
 * An ERROR that leaves between spi_become and spi_resume needs no cleanup:
 * the abort of the (sub)transaction puts user, security context and settings
 * back (xact.c, AbortTransaction and AbortSubTransaction).
 */
#ifndef SELFHEAL_SPI_H
#define SELFHEAL_SPI_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* What spi_resume needs to undo spi_become. */
typedef struct SpiUser
{
	Oid			userid;
	int			sec_context;
	int			guc_nest;
} SpiUser;

/* Arguments of one statement of ours: typed parameters, never text in SQL. */
#define SPI_MAX_ARGS 48
typedef struct SpiArgs
{
	int			n;
	Oid			types[SPI_MAX_ARGS];
	Datum		values[SPI_MAX_ARGS];
	char		nulls[SPI_MAX_ARGS];
} SpiArgs;

/*
 * Become another role until spi_resume. flags are SECURITY_* of miscadmin.h.
 * search_path is pinned to "pg_catalog, pg_temp" when pin_path.
 */
extern void spi_become(SpiUser *saved, Oid userid, int flags, bool pin_path);
extern void spi_resume(const SpiUser *saved);

/* Set a setting until the spi_resume of the innermost spi_become. */
extern void spi_set_local(const char *name, const char *value);

/* Oid and owner of the extension. Raises 55000 when it is not installed. */
extern Oid	spi_extension_oid(bool missing_ok);
extern Oid	spi_extension_owner(void);

/*
 * Is the extension there, and does it stay to the end of this transaction?
 * Takes AccessShareLock on it, never waits for it.
 */
typedef enum SpiExtension
{
	SPI_EXTENSION_HELD,			/* and locked until the transaction ends */
	SPI_EXTENSION_BUSY,			/* somebody is dropping it; not decided yet */
	SPI_EXTENSION_ABSENT
} SpiExtension;
extern SpiExtension spi_hold_extension(void);

/*
 * Our own SQL: spi_open connects SPI and becomes the extension's owner with a
 * pinned search_path, so that producers and DBAs need no right on our tables;
 * spi_close undoes both. The SQL text given to spi_exec is always a literal
 * of this code, or rendered by plan.c; values are parameters.
 */
extern void spi_open(SpiUser *saved);
extern void spi_close(const SpiUser *saved);

/*
 * One of our functions as the current user would call it, with his privileges
 * and his search_path: between the two nothing but SELECT selfheal.f($1, ...).
 */
extern void spi_open_caller(void);
extern void spi_close_caller(void);

extern void spi_args(SpiArgs *args);	/* reset to no arguments */
extern void spi_arg_int8(SpiArgs *args, int64 value);
extern void spi_arg_float8(SpiArgs *args, double value);
extern void spi_arg_timestamptz(SpiArgs *args, TimestampTz value);
extern void spi_arg_bool(SpiArgs *args, bool value);
extern void spi_arg_text(SpiArgs *args, const char *value); /* NULL = SQL null */
extern void spi_arg_textn(SpiArgs *args, const char *value, int len);
extern void spi_arg_jsonb(SpiArgs *args, const Jsonb *value);	/* NULL = null */
extern void spi_arg_relid(SpiArgs *args, Oid relid);	/* as regclass */
extern void spi_arg_oid(SpiArgs *args, Oid value);
extern void spi_arg_int8_array(SpiArgs *args, const int64 *values, int n);
extern void spi_arg_oids(SpiArgs *args, const List *oids);	/* as oid[] */
extern void spi_arg_null(SpiArgs *args, Oid type);

/*
 * Run one statement; args may be NULL. Returns SPI_processed; the rows stand
 * in SPI_tuptable. Anything but success is elog(ERROR): our own SQL failed.
 */
extern uint64 spi_exec(const char *sql, SpiArgs *args);

/*
 * The same for a statement that a load, or each step of a conversation, may
 * run: it is planned once in a
 * process, and *plan (static, NULL at first) kept. The types of the arguments
 * are always the same.
 */
extern uint64 spi_exec_kept(SPIPlanPtr *plan, const char *sql, SpiArgs *args);

/* The same for a query that has to see what is committed now, also under
 * REPEATABLE READ: a change of the catalog rests on that. */
extern uint64 spi_read_newest(SPIPlanPtr *plan, const char *sql, SpiArgs *args);

/* An instant as JSON writes it, of a timestamptz in SQL. */
#define SPI_UTC(at) "to_char(" at " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"

/* Fields of SPI_tuptable, copied to the given context (text) or by value. */
extern int64 spi_get_int8(uint64 row, int col, bool *isnull);
extern bool spi_get_bool(uint64 row, int col, bool *isnull);
extern Oid	spi_get_oid(uint64 row, int col, bool *isnull);
extern TimestampTz spi_get_timestamptz(uint64 row, int col, bool *isnull);
extern char *spi_get_text(uint64 row, int col, MemoryContext cxt);	/* NULL if null */
extern Jsonb *spi_get_jsonb(uint64 row, int col, MemoryContext cxt);	/* NULL if null */

/* An array of int8 without nulls, of which there are *n; never NULL. */
extern int64 *spi_get_int8_array(uint64 row, int col, int *n, MemoryContext cxt);

/* A result kept while other statements run: good until spi_close. */
typedef struct SpiRows
{
	SPITupleTable *table;
	uint64		n;
} SpiRows;
extern SpiRows spi_keep(void);
extern void spi_use(const SpiRows *rows);

/*
 * Run body(arg) in an internal subtransaction. On ERROR it is rolled back and
 * a copy of the error is returned in the caller's context; NULL on success.
 * Query cancel, admin shutdown and what says that a server is unwell or out of
 * reach (57xxx, XX001, XX002, 53xxx, 08xxx) are re-thrown. Memory context and resource owner are
 * the caller's again afterwards.
 */
typedef void (*SpiBody) (void *arg);
extern ErrorData *spi_try(SpiBody body, void *arg);

/* The same, but a query cancel (57014) is returned, too, and *cancelled says that it
 * was one. */
extern ErrorData *spi_try_cancelled(SpiBody body, void *arg, bool *cancelled);

/* The same as spi_try, but rolled back when it succeeds as well: for trials. */
extern ErrorData *spi_trial(SpiBody body, void *arg);

/*
 * While this is on, as in a round of the healer, the two throw on as well what
 * says that somebody else has a lock (giveway_was): nothing may be concluded
 * from it. spi_try_locked is spi_try for who knows what to do with it.
 */
extern void spi_locks_throw(bool on);
extern ErrorData *spi_try_locked(SpiBody body, void *arg);

/*
 * Transactions of a background worker: begin sets the statement's start time,
 * holds the extension (55000 when it is being dropped), keeps restores from
 * beginning (55006 when one is under way, observe/restore.h) and pushes a snapshot;
 * its waits for locks give way (giveway.h); without a postmaster the process ends;
 * commit pops it and reports statistics. async means
 * synchronous_commit = off for this transaction alone.
 */
extern void spi_xact_begin(void);
extern void spi_xact_commit(bool async);
extern void spi_flush(void);	/* the last commit, async or not, is on disk */
extern void spi_xact_abort(void);	/* whatever state we are in */

#endif							/* SELFHEAL_SPI_H */
