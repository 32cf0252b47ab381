/*
 * freeze.c
 *	  COPY's FREEZE: the rows that a load has stored need no VACUUM any more.
 *
 * A page is changed through a generic WAL record, which logs the bits that
 * have changed and nothing else, and under wal_level = minimal, where a new
 * file needs no log, nothing at all. Rows that an aborted subtransaction of
 * the load has left keep what they have, and so does a row that a trigger has
 * updated, locked or deleted since, with the one that came in its place (whose
 * xmin must go on naming who updated): such a page waits for VACUUM.
 */
#include "postgres.h"

#include "access/generic_xlog.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "base/compat.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "utils/portal.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "write/freeze.h"

/* Was its file made in this very subtransaction? */
static bool
made_here(Relation rel)
{
	return rel->rd_createSubid == GetCurrentSubTransactionId() ||
		compat_new_file_subid(rel) == GetCurrentSubTransactionId();
}

static void
check_kind(Relation rel)
{
	if (rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot perform COPY FREEZE on a partitioned table"),
				 errhint("Load without it, and run VACUUM (FREEZE) afterwards.")));
	if (rel->rd_rel->relkind == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot perform COPY FREEZE on a foreign table")));
	if (rel->rd_tableam != GetHeapamTableAmRoutine())
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("cannot perform COPY FREEZE on a table with another access method than heap")));
}

/* COPY's own conditions, in its order. */
static void
check(Relation rel)
{
	check_kind(rel);
	InvalidateCatalogSnapshot();
	if (!ThereAreNoPriorRegisteredSnapshots() || !ThereAreNoReadyPortals())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_TRANSACTION_STATE),
				 errmsg("cannot perform COPY FREEZE because of prior transaction activity"),
				 errdetail("A cursor, or a statement around this one, could see rows that it must not."),
				 errhint("Close cursors. Call selfheal.copy_from() by itself, not from a function, and at isolation level READ COMMITTED; or use COPY into the intake.")));
	if (!made_here(rel))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction"),
				 errhint("TRUNCATE it before, in the same transaction.")));

	/* COPY is a statement by itself; a SELECT of ours may read the table */
	if (rel->rd_refcnt != 1)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_IN_USE),
				 errmsg("cannot perform COPY FREEZE because the table is being used by this statement"),
				 errhint("Call selfheal.copy_from() by itself.")));
}

/* See the header. */
void
freeze_check(Oid relid)
{
	Relation	rel = table_open(relid, RowExclusiveLock);

	check(rel);
	table_close(rel, NoLock);
}

/*
 * Freeze the rows of a page; *changed: any was. Returns whether all that stand
 * on it are visible to all, now and ever.
 */
static bool
freeze_tuples(Page page, bool *changed)
{
	OffsetNumber max = PageGetMaxOffsetNumber(page);
	bool		all = true;

	*changed = false;
	for (OffsetNumber at = FirstOffsetNumber; at <= max; at++)
	{
		ItemId		item = PageGetItemId(page, at);
		HeapTupleHeader tup;

		if (!ItemIdIsUsed(item))
			continue;
		if (!ItemIdIsNormal(item))
		{
			all = false;
			continue;
		}
		tup = (HeapTupleHeader) PageGetItem(page, item);
		if (!(tup->t_infomask & HEAP_XMAX_INVALID))
			all = false;
		else if (HeapTupleHeaderXminFrozen(tup))
			continue;
		else if ((tup->t_infomask & HEAP_UPDATED) || HeapTupleHeaderXminInvalid(tup) ||
				 HeapTupleHeaderIsSpeculative(tup) ||
				 !TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetRawXmin(tup)))
			all = false;
		else
		{
			HeapTupleHeaderSetXminFrozen(tup);
			*changed = true;
		}
	}
	return all;
}

static void
freeze_page(Relation rel, BlockNumber block, Buffer *map, BufferAccessStrategy strategy)
{
	Buffer		buffer;
	GenericXLogState *record;
	Page		page;
	bool		changed;
	bool		all;

	visibilitymap_pin(rel, block, map);
	if (VM_ALL_FROZEN(rel, block, map))
		return;
	buffer = ReadBufferExtended(rel, MAIN_FORKNUM, block, RBM_NORMAL, strategy);
	LockBuffer(buffer, BUFFER_LOCK_EXCLUSIVE);
	if (PageIsNew(BufferGetPage(buffer)) || PageIsEmpty(BufferGetPage(buffer)))
	{
		UnlockReleaseBuffer(buffer);
		return;
	}
	record = GenericXLogStart(rel);
	page = GenericXLogRegisterBuffer(record, buffer, 0);
	all = freeze_tuples(page, &changed);
	if (all)
		PageSetAllVisible(page);
	if (changed || all)
		(void) GenericXLogFinish(record);
	else
		GenericXLogAbort(record);
	if (all)
		(void) visibilitymap_set(rel, block, buffer, InvalidXLogRecPtr, *map, InvalidTransactionId,
								 VISIBILITYMAP_ALL_VISIBLE | VISIBILITYMAP_ALL_FROZEN);
	UnlockReleaseBuffer(buffer);
}

static void
freeze_relation(Relation rel)
{
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	BufferAccessStrategy strategy = GetAccessStrategy(BAS_BULKREAD);
	Buffer		map = InvalidBuffer;

	for (BlockNumber block = 0; block < blocks; block++)
	{
		CHECK_FOR_INTERRUPTS();
		freeze_page(rel, block, &map, strategy);
	}
	if (BufferIsValid(map))
		ReleaseBuffer(map);
	FreeAccessStrategy(strategy);
}

/* See the header. */
void
freeze_rows(Oid relid)
{
	Relation	rel = table_open(relid, RowExclusiveLock);

	check(rel);
	freeze_relation(rel);
	if (OidIsValid(rel->rd_rel->reltoastrelid))
	{
		Relation	toast = table_open(rel->rd_rel->reltoastrelid, RowExclusiveLock);

		if (made_here(toast))
			freeze_relation(toast);
		table_close(toast, NoLock);
	}
	table_close(rel, NoLock);
}
