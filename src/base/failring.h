/*
 * failring.h
 *	  The ring of failed statements, as those who write into it see it.
 *
 * A slot goes FREE -> WRITING -> READY -> WRITING (it is read) -> FREE; each
 * step is one atomic operation, nobody waits for anybody. Who dies while a slot
 * is WRITING takes the server's shared memory with him: nothing that is done
 * meanwhile can raise.
 */
#ifndef SELFHEAL_FAILRING_H
#define SELFHEAL_FAILRING_H

#include "postgres.h"

#include "base/failures.h"
#include "common/hashfn.h"
#include "port/atomics.h"
#include "utils/timestamp.h"

/* The texts of a failure, in the order in which they get their place. */
typedef enum FailText
{
	FAIL_SCHEMA_NAME,
	FAIL_TABLE_NAME,
	FAIL_COLUMN_NAME,
	FAIL_DATATYPE_NAME,
	FAIL_CONSTRAINT_NAME,
	FAIL_TIMEZONE,
	FAIL_DATESTYLE,
	FAIL_INTERVALSTYLE,
	FAIL_CLIENT_ENCODING,
	FAIL_BYTEA_OUTPUT,
	FAIL_XMLOPTION,
	FAIL_APPLICATION,
	FAIL_SEARCH_PATH,
	FAIL_MESSAGE,
	FAIL_DETAIL,
	FAIL_HINT,
	FAIL_CONTEXT,
	FAIL_INNER,
	FAIL_STATEMENT
} FailText;
#define FAIL_TEXTS (FAIL_STATEMENT + 1)

/* What stands before the bytes of each parameter; both begin at a multiple of
 * MAXIMUM_ALIGNOF. */
typedef struct FailParam
{
	Oid			type;
	bool		known;
	bool		isnull;
	int			len;			/* none of it is here if it is not known */
} FailParam;

typedef struct FailSlot
{
	pg_atomic_uint32 phase;
	Oid			dbid;
	uint64		number;
	TimestampTz at;
	int			pid;
	Oid			role;
	Oid			outer_role;
	Oid			session_role;
	int			sqlstate;
	int			position;
	int			inner_position;
	int			start;
	int			length;
	bool		alone;
	bool		statement_clipped;
	bool		inner_clipped;
	bool		escapes;
	uint32		temporary[FAILURE_TEMPORARY];	/* hashes of names; 0: none */
	Oid			target;
	int			nparams;
	int			params;			/* where they begin in bytes */
	int			used;			/* of bytes */
	int			texts[FAIL_TEXTS];	/* where each begins; -1: none */
	char		bytes[FLEXIBLE_ARRAY_MEMBER];	/* selfheal.capture_bytes */
} FailSlot;

/* The place of this process's database, from where failures are wanted, else
 * NULL. Values are the ring's own. */
typedef struct FailDatabase
{
	pg_atomic_uint32 dbid;		/* 0: free */
	pg_atomic_uint32 wanted;
	pg_atomic_uint32 held;		/* slots that are not FREE */
	pg_atomic_uint64 seen;		/* failures that came into the ring */
	pg_atomic_uint64 told;		/* of them, those a worker was woken for */
	pg_atomic_uint64 full;
	pg_atomic_uint64 repeated;
	pg_atomic_uint64 due;		/* when the next one is due, at the rate, us */
	TimestampTz woken;			/* the launcher's: when it woke the worker, */
	int			pause_ms;		/* and how long it waits after that */
} FailDatabase;
extern FailDatabase *failring_database(void);

/* A name as the slot remembers it. */
static inline uint32
failring_name(const char *name)
{
	uint32		hash = hash_bytes((const unsigned char *) name, (int) strlen(name));

	return hash == 0 ? 1 : hash;
}

/* A slot to write into, or NULL: the drop is counted then. */
extern FailSlot *failring_reserve(FailDatabase *db, TimestampTz now);

/* It is written: the worker may have it. */
extern void failring_publish(FailDatabase *db, FailSlot *slot);

#endif							/* SELFHEAL_FAILRING_H */
