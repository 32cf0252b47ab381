/*
 * locks.h
 *	  The locks of ours that are no relation's: one list of them.
 *
 * Each is an advisory lock whose class (the last field of its tag) is out of
 * reach of SQL, where pg_advisory_lock knows 1 and 2, and of Citus, which
 * counts from 4. In pg_locks the class stands as objsubid, the table as
 * classid or objid.
 */
#ifndef SELFHEAL_LOCKS_H
#define SELFHEAL_LOCKS_H

#include "postgres.h"

#include "miscadmin.h"
#include "storage/lock.h"

typedef enum LockSpace
{
	LOCKS_GATE = 0x5341,		/* loads share it, a heal excludes them */
	LOCKS_CHAIN,				/* who seals the audit */
	LOCKS_TURN,					/* who puts a table's held rows in */
	LOCKS_LOAD_ID,				/* key: hash of the load's id */
	LOCKS_SHAPE,				/* who keeps a table's next shape */
	LOCKS_RESTORE				/* the database, or a table: see below. Its
								 * number stands in selfheal.status */
} LockSpace;

/* Who restores has the one, who heals the other: either is shared among its
 * own, and excludes the other. */
#define LOCKS_RESTORES ShareLock
#define LOCKS_HEALS RowExclusiveLock

/* Tag of the lock of this database, table (or InvalidOid) and key. */
static inline LOCKTAG
locks_tag(LockSpace space, Oid relid, uint32 key)
{
	LOCKTAG		tag;

	SET_LOCKTAG_ADVISORY(tag, MyDatabaseId, relid, key, space);
	return tag;
}

#endif							/* SELFHEAL_LOCKS_H */
