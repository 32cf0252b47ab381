/*
 * load.h
 *	  One row per load: who sent it, when, under which settings.
 *
 * Replay and dry run set the same role and settings again, since the same
 * text means another instant under another TimeZone.
 */
#ifndef SELFHEAL_LOAD_H
#define SELFHEAL_LOAD_H

#include "postgres.h"

#include "utils/timestamp.h"

typedef enum LoadSource
{
	LOAD_INSERT,
	LOAD_COPY,
	LOAD_INGEST,
	LOAD_REPORT,
	LOAD_STATEMENT
} LoadSource;

/* Settings under which a load's rows mean what they mean. */
typedef struct LoadSettings
{
	char	   *role;
	char	   *timezone;
	char	   *datestyle;
	char	   *intervalstyle;
	char	   *search_path;
	char	   *client_encoding;	/* of a statement; else NULL, as the next
									 * two: the server's own count */
	char	   *bytea_output;
	char	   *xmloption;
	char	   *condition;		/* its WHERE; NULL: none */
	bool		statement;		/* of a plain one that failed: its client has
								 * had the error */
	bool		expired;		/* a statement's, longer ago than
								 * selfheal.replay_window: its row is not
								 * stored any more */
} LoadSettings;

/* What became of a load's lines, and why. */
typedef struct LoadCounts
{
	int64		stored;
	int64		held;
	int64		skipped;		/* blank and null */
	int64		already;		/* there before: by selfheal.load_id, or an
								 * equal row was stored */
	int64		excluded;		/* left out by WHERE */
	const char *condition;		/* that WHERE, or NULL */
	int64		discarded_rows; /* by contract */
	int64		discarded_values;	/* that rows were stored without */
	int64		first_error;	/* ids of selfheal.error that its reasons have */
	int64		last_error;		/* are between these; 0 = none */
} LoadCounts;

/* The next load id; used by the rows that are held before the load ends. */
extern int64 load_next_id(void);

/*
 * Write the row of a load that has ended, in the producer's transaction. A
 * load through an intake is then the session's last one, unless it is rolled
 * back. Every thousandth load wakes the worker: what is old is to go.
 */
extern void load_write(int64 id, Oid relid, LoadSource source,
					   const LoadCounts *counts);

/*
 * The load of a statement that failed in another session, which stored
 * nothing, by the settings of that session; one row of it is held. Nobody's
 * last load.
 */
extern void load_write_statement(int64 id, Oid relid, const LoadSettings *settings,
								 const char *application, TimestampTz at);

/*
 * Read the settings of many loads with one query (current context): an entry
 * for each id, NULL when it is not there. Loads with equal settings share an
 * entry.
 */
extern const LoadSettings **load_settings_of(const int64 *ids, int n);

/* Set them until the spi_resume of the innermost spi_become (role aside). */
extern void load_apply_settings(const LoadSettings *settings);

/* From _PG_init: (sub)transaction callbacks. */
extern void load_init(void);

#endif							/* SELFHEAL_LOAD_H */
