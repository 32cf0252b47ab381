/*
 * guc.h
 *	  Settings of selfheal. Every one is documented in docs/REFERENCE.md.
 */
#ifndef SELFHEAL_GUC_H
#define SELFHEAL_GUC_H

#include "postgres.h"

/*
 * What may be told of a payload's values to whom they are not at home with: a
 * model, the server log, a notification. Ordered: a smaller one tells less.
 */
typedef enum ShareValues
{
	SHARE_NONE,					/* class, length and type of each value */
	SHARE_MASKED,				/* letters and digits replaced, see
								 * read/mask.h */
	SHARE_FULL
} ShareValues;

extern bool guc_enabled;		/* selfheal.enabled: off = workers sleep */
extern int	guc_max_databases;	/* selfheal.max_databases (postmaster) */
extern int	guc_capture_slots;	/* selfheal.capture_slots (postmaster) */
extern int	guc_capture_bytes;	/* selfheal.capture_bytes of one (postmaster) */
extern int	guc_capture_rate;	/* selfheal.capture_rate a database and second */
extern char *guc_worker_role;	/* selfheal.worker_role: '' = bootstrap user */
extern int	guc_worker_linger;	/* selfheal.worker_linger, ms */
extern int	guc_lock_timeout;	/* selfheal.lock_timeout, ms */
extern int	guc_gate_timeout;	/* selfheal.gate_timeout, ms */
extern int	guc_publisher_timeout;	/* selfheal.publisher_timeout, ms */
extern int	guc_statement_timeout;	/* selfheal.statement_timeout of one heal
									 * step, ms */
extern int	guc_check_timeout;	/* selfheal.check_timeout of one check of the
								 * team, ms */
extern int	guc_max_attempts;	/* selfheal.max_attempts of one incident */
extern int	guc_auto_rewrite_limit; /* selfheal.auto_rewrite_limit, kB */
extern char *guc_allowed_schemas;	/* selfheal.allowed_schemas: see below */
extern bool guc_four_eyes;		/* selfheal.four_eyes */
extern bool guc_mcp_read_only;	/* selfheal.mcp_read_only */
extern int	guc_max_width;		/* selfheal.max_width, characters */
extern int	guc_sequence_watch; /* selfheal.sequence_watch percent; 0 = off */
extern int	guc_max_new_columns;	/* selfheal.max_new_columns a table and
									 * day */
extern double guc_convert_share;	/* selfheal.convert_share of the rows that
									 * came last */
extern int	guc_convert_rows;	/* selfheal.convert_rows, at least */
extern int	guc_list_rows;		/* selfheal.list_rows that bring a new literal */
extern int	guc_max_partitions_ahead;	/* selfheal.max_partitions_ahead */
extern int	guc_max_new_partitions; /* selfheal.max_new_partitions a table and
									 * day */
extern int	guc_max_payload;	/* selfheal.max_payload, kB */
extern int	guc_max_line;		/* selfheal.max_line, kB */
extern int	guc_dry_run_rows;	/* selfheal.dry_run_rows: held rows tried */
extern int	guc_dry_run_history;	/* selfheal.dry_run_history: stored rows
									 * tried */
extern int	guc_replay_chunk;	/* selfheal.replay_chunk: rows a
								 * subtransaction */
extern int	guc_quarantine_max; /* selfheal.quarantine_max, kB a table; 0 = no
								 * limit */
extern int	guc_max_waiting;	/* selfheal.max_waiting: rows behind a held
								 * one of their ordering key */
extern int	guc_parent_retry_interval;	/* selfheal.parent_retry_interval, s;
										 * 0 = only when a parent is written */
extern int	guc_replay_window;	/* selfheal.replay_window, s */
extern int	guc_max_wait;		/* selfheal.max_wait, s; 0 = for ever */
extern int	guc_trial_interval; /* selfheal.trial_interval, s; 0 = no trial */
extern int	guc_schema_retention;	/* selfheal.schema_retention, minutes; -1
									 * = none is too old */
extern int	guc_load_retention; /* selfheal.load_retention, minutes; -1 = for
								 * ever */
extern int	guc_kept_max;		/* selfheal.kept_max, kB; 0 = no limit */
extern char *guc_overflow_column;	/* selfheal.overflow_column */
extern char *guc_encodings;		/* selfheal.encodings: a list of names */
extern int	guc_share_values;	/* selfheal.share_values: a ShareValues, for
								 * tables that say none of their own */
extern char *guc_load_id;		/* selfheal.load_id: '' = none; the only one
								 * that is the producer's */

/* May tables of this schema be changed? By selfheal.allowed_schemas as this
 * process has it. Allocates a little in the current context. */
extern bool guc_schema_allowed(const char *schema);

/*
 * One SET of selfheal.load_id. A value that comes back, after SET LOCAL or
 * ROLLBACK, comes with the SET that had made it; setting the same value again
 * is another SET. NULL before the first.
 */
typedef struct GucLoadIdSet
{
	uint64		serial;			/* grows with each SET in this process */
	bool		used;			/* for whoever keeps something by serial */
} GucLoadIdSet;
extern GucLoadIdSet *guc_load_id_set;

/* Longest load_id in bytes. */
#define GUC_LOAD_ID_BYTES 256

/*
 * Define all settings and reserve the prefix. Called once from _PG_init,
 * also without preload (then the postmaster-level ones keep their default).
 */
extern void guc_init(void);

#endif							/* SELFHEAL_GUC_H */
