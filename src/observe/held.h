/*
 * held.h
 *	  Held rows on their way back into their table (selfheal.quarantine).
 *
 *	  held -> replayed (the row leaves the table; selfheal.replayed keeps its
 *	          id range and hash: heldref.h)
 *	  held -> discarded (by a person, with a reason)
 *
 * Whoever stores held rows does it in his turn at the table (held_turn), and
 * deletes the very versions that were fetched (held_delete). A row that a
 * person amends or discards meanwhile makes the delete fail; then nothing of
 * what was stored may be kept, and the rows are locked first (held_lock).
 */
#ifndef SELFHEAL_HELD_H
#define SELFHEAL_HELD_H

#include "postgres.h"

#include "observe/store.h"
#include "storage/itemptr.h"

/* One held row on its way back. A line feed stands behind its bytes, and
 * mostly the next row's bytes behind that. */
typedef struct HeldRow
{
	int64		id;
	int64		load;
	int64		error;
	ItemPointerData tid;		/* the version that was read */
	bool		locked;			/* this transaction has its row lock */
	OrderKey	key;			/* it was held with: text NULL: none, else not
								 * read */
	StoreRow	row;			/* bytes, len, bad_encoding are filled */
} HeldRow;

typedef struct HeldBatch
{
	HeldRow    *rows;			/* in order of id */
	int			n;
	int64		last;			/* go on after this id */
	bool		more;			/* held rows of the table stand behind it */
	int64		busy;			/* passed over, since somebody has them in
								 * hand */
	int64		others;			/* passed over, since they are of other
								 * incidents */
} HeldBatch;

/*
 * Held rows of a table with id > after, in order of id, up to limit rows or
 * 8 MB of payload; only those whose error belongs to one of the incidents
 * when nincidents > 0. When to_store, rows that another transaction has
 * locked or changed are passed over (40001 for a change that committed, under
 * an isolation level that cannot see it). Not every fetch that finds nothing
 * is the last: among many rows of others it stops and says more. Rows and
 * bytes in the current context.
 */
extern void held_fetch(Oid relid, const int64 *incidents, int nincidents,
					   int64 after, int limit, bool to_store, HeldBatch *batch);

/* The same, to store, for those rows of one incident whose errors were not
 * tried in vain. */
extern void held_fetch_untried(Oid relid, int64 incident, int64 after, int limit,
							   HeldBatch *batch);

/*
 * Take the turn at storing held rows of a table; false, at once, when somebody
 * else has it (or we ourselves, further up). It need not be kept longer than
 * from held_fetch to held_delete: rows that are deleted are passed over.
 */
extern bool held_turn(Oid relid);
extern void held_turn_end(Oid relid);

/* Lock the rows against everybody, without waiting; those that are changed or
 * in somebody's hands are taken out of the array. Returns how many are left. */
extern int	held_lock(HeldRow *rows, int n);

/* These versions leave the table. False when one of them could not, because
 * it is changed or in somebody's hands: the caller then rolls back. */
extern bool held_delete(HeldRow *rows, int n);

/* They are held no more, since the WHERE of their load leaves them out; their
 * bytes stay, as of rows that somebody has discarded. False as above. */
extern bool held_exclude(Oid relid, HeldRow *rows, int n);

/* The first held rows of one incident, by its errors: up to limit rows or
 * 8 MB of payload. Cheap however many rows other incidents hold. */
extern HeldRow *held_of_incident(int64 incident, int limit, int *n);

extern int64 held_count(Oid relid, const int64 *incidents, int nincidents);

#endif							/* SELFHEAL_HELD_H */
