/*
 * watch.h
 *	  Which tables we look after, and their intake views.
 */
#ifndef SELFHEAL_WATCH_H
#define SELFHEAL_WATCH_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "observe/options.h"

typedef struct Watch
{
	Oid			relid;
	Oid			intake;			/* the view */
	WatchMode	mode;			/* that counts now: a table past its tolerance
								 * may be in mode propose */
	WatchMode	said_mode;		/* of watch() */
	bool		paused;
	char	   *owner;			/* team, or NULL */
	RowConflict on_conflict;
	RejectLimit reject_limit;
	KeepPayload keep_payload;
	int			share_values;	/* a ShareValues, or SHARE_BY_SETTING */
	bool		replay_statements;	/* rows of plain INSERTs that failed are
									 * stored (statements.c) */
	List	   *ordering_key;	/* columns (char *); NIL: none */
} Watch;

/*
 * False when the table is not watched; then out has relid and the options of
 * a table that is watched with none given, for a load that comes by a view
 * whose entry is gone or not restored yet. Strings in the current context.
 * Every load asks: one index lookup, no SQL.
 */
extern bool watch_get(Oid relid, Watch *out);

/*
 * What becomes of a held row of this table that meets a stored one: what its
 * loads do, but a row that equals the stored one is not held any longer.
 */
extern RowConflict watch_replay_conflict(Oid relid);

/* The table whose watch names this view as its intake, or InvalidOid: also one
 * that is half restored. One index lookup, no SQL, and no lock is left. */
extern Oid	watch_naming_intake(Oid viewid);

/* The watched table behind an intake view, or InvalidOid. Reads the catalog
 * alone (the view's triggers are ours): right also before a restore's relink. */
extern Oid	watch_table_of_intake(Oid viewid);

/* What the caller of a SQL function must be allowed on its table argument. */
typedef enum WatchNeed
{
	WATCH_NEED_OWNER,			/* change how it is looked after */
	WATCH_NEED_READ,			/* see or decide about its payloads */
	WATCH_NEED_WRITE			/* bring rows */
} WatchNeed;

/*
 * The checks every SQL function makes of a table argument, one message each:
 * null 22023, missing 42P01, a system table, one of ours, no table, a
 * partition or a temporary table 42809, no privilege 42501.
 */
extern void watch_check_table(Oid relid, WatchNeed need);

/* Raises 42704 when the table, checked already, is not watched. */
extern void watch_check_watched(Oid relid, Watch *out);

/* Name of the intake view of a table: <table>_intake, clipped to 63 bytes. */
extern char *watch_intake_name(const char *table);

/* Take the link to a table away that the view no longer stands for. */
extern void watch_unlink(Oid viewid, Oid relid);

/* Put the dependencies of all intake views back after a restore. */
extern void watch_relink(void);

#endif							/* SELFHEAL_WATCH_H */
