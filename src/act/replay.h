/*
 * replay.h
 *	  Held rows back into their table, exactly once.
 *
 * Each chunk is a subtransaction as the role that loaded the rows, with the
 * load's settings, restricted and local. A row that is stored leaves the
 * quarantine in the same transaction; a row that is not stays held and says
 * why. A witness (witness.h) is looked at instead, and leaves when the table
 * would take it.
 */
#ifndef SELFHEAL_REPLAY_H
#define SELFHEAL_REPLAY_H

#include "postgres.h"

#include "utils/jsonb.h"
#include "write/fkmiss.h"

typedef struct ReplayResult
{
	int64		last_id;		/* continue after this one */
	int64		replayed;
	int64		discarded;		/* rows that the table's contract gives up */
	int64		released;		/* rows of plain statements that leave without
								 * being stored: witnesses that the table
								 * would take, and what only their clients can
								 * mend; and the excluded */
	int64		excluded;		/* rows that the WHERE of their load leaves
								 * out */
	int64		left_out;		/* values that rows were stored without, by it */
	int64		rerouted;		/* of the replayed: through the root of their
								 * partition, by whose name they are stored */
	char	   *root;			/* its name, when some were */
	int64		left;			/* tried and still held */
	int64		moved;			/* of them for another reason than before */
	int64		busy;			/* rows passed over, since somebody has them
								 * in hand; -1: he stores rows of the table
								 * just now, nothing was tried */
	bool		more;			/* rows after last_id may be left: call again */
	char	   *refusal;		/* a restricted operation refused what the
								 * table's triggers need: needs_human */
	Jsonb	   *payload_ref;	/* of the rows stored; NULL when none was */
} ReplayResult;

/*
 * One chunk of the table's held rows (of these incidents when nincidents > 0)
 * after the id given: up to limit rows or 8 MB of payload. as_caller: in the session's own name and under its own
 * search_path, unrestricted (selfheal.replay by a DBA). Else nothing deferred
 * is pending on the table afterwards.
 */
extern ReplayResult *replay_chunk(Oid relid, const int64 *incidents, int nincidents,
								  int64 after, int limit, int64 plan,
								  bool as_caller);

/* What rows that wait for a parent are asked, and what the answers come to. */
typedef struct ReplayWait
{
	ParentsAsk	ask;
	MemoryContext cxt;			/* of the list */
	List	   *orphans;		/* Orphans *, of all chunks so far */
	int64		oldest_load;	/* of the first row that waits on; 0: none */
} ReplayWait;

/* The same for rows that wait for a parent (nobody's plan): only those whose
 * parents are there, as far as that can be asked, are tried. */
extern ReplayResult *replay_waiting(Oid relid, const int64 *incidents, int nincidents,
									int64 after, int limit, ReplayWait *wait);

/* The same for those rows of one incident that were not tried in vain yet. */
extern ReplayResult *replay_untried(Oid relid, int64 incident, int64 after, int limit);

#endif							/* SELFHEAL_REPLAY_H */
