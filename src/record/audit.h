/*
 * audit.h
 *	  The append-only record of every decision (selfheal.audit).
 *
 * Whoever acts writes a row without chain fields inside his own transaction;
 * the worker seals committed rows (seq, prev_hash, hash) in a short
 * transaction of its own, so that an open approve() blocks nobody. Only
 * audit_seal may fill those three columns, once; every other UPDATE, DELETE
 * and TRUNCATE is refused by triggers that are ENABLE ALWAYS.
 */
#ifndef SELFHEAL_AUDIT_H
#define SELFHEAL_AUDIT_H

#include "postgres.h"

#include "record/chain.h"
#include "utils/jsonb.h"

/*
 * One event. Everything but event may be left zero: NULL pointers and
 * negative counts (AUDIT_UNKNOWN) are stored as SQL null. Names, never oids:
 * hashes must verify after dump and restore.
 */
#define AUDIT_UNKNOWN (-1)
typedef struct AuditEntry
{
	const char *event;			/* see audit.sql for the closed list */
	int64		incident;		/* 0 = none */
	int64		plan;			/* 0 = none */
	Oid			relid;			/* InvalidOid = none; names are looked up */
	const char *schema_name;	/* used instead of relid when set */
	const char *table_name;
	const char *actor_role;		/* NULL = current role */
	const char *actor_client;	/* NULL = application_name and address */
	const char *sqlstate;
	Jsonb	   *error;			/* all error fields */
	Jsonb	   *payload_ref;	/* {"ids": [[first,last],...], "rows": n,
								 * "sha256": hex} */
	Jsonb	   *packet;
	Jsonb	   *options;		/* [{"option","taken","why"}] */
	const char *explanation;
	double		confidence;		/* < 0 = null: playbooks have none */
	const char *playbook;
	Jsonb	   *tools;
	const char *sql_run;
	const char *inverse;
	const char *verdict;
	const char *policy;
	Jsonb	   *forecast;
	Jsonb	   *dry_run;
	Jsonb	   *approval;
	const char *result;
	int64		rows_held;
	int64		rows_replayed;
	int64		rows_left;
	int64		estimate_before;	/* row estimate of the table */
	int64		estimate_after;
	const char *schema_hash_before;
	const char *schema_hash_after;
	double		ms_since_capture;	/* < 0 = null */
	bool		no_hurry;		/* to seal it: within SHMEM_LATER_MS */
} AuditEntry;

/* All fields unknown, event set. */
extern void audit_entry(AuditEntry *entry, const char *event);

/* Append one row in the current transaction and arm a wake (for the seal).
 * Returns its id. */
extern int64 audit_write(const AuditEntry *entry);

/* The last sealed row. */
typedef struct AuditHead
{
	int64		seq;
	char		hash[CHAIN_HEX + 1];
} AuditHead;

/*
 * Seal committed rows that have no seq yet, in order of id, up to max rows; the
 * new head goes into the WAL as a logical message. Opens no transaction: the
 * worker calls it in one of its own, and when that has committed and rows were
 * sealed, audit_say. Returns rows sealed.
 */
extern int64 audit_seal(int64 max, AuditHead *head);

/* Say the head in the server log, where a superuser of this database cannot
 * take it back. Right behind the commit of the seal, which is on disk first. */
extern void audit_say(const AuditHead *head);

#endif							/* SELFHEAL_AUDIT_H */
