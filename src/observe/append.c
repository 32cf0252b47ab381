/*
 * append.c
 *	  Rows straight into one of our own tables, without SQL.
 *
 * Tuples are gathered in slots and written by table_multi_insert, then put
 * into the indexes one by one, as COPY does. Limits of a batch are COPY's as
 * well: many rows, but not so many bytes that they leave the cache.
 *
 * An ERROR in between needs no cleanup: everything hangs below the caller's
 * memory context and resource owner.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/append.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

#define APPEND_ROWS 1000
#define APPEND_BYTES 65536

struct Appender
{
	Relation	rel;
	MemoryContext cxt;
	EState	   *estate;
	ResultRelInfo *target;
	BulkInsertState bulk;
	TupleTableSlot **slots;		/* made as needed, kept until the end */
	int			nslots;
	int			nused;
	Size		bytes;			/* in the slots used */
};

/* See the header. Syscache lookups only. */
Oid
append_relation(const char *name)
{
	Oid			relid = get_relname_relid(name, get_namespace_oid("selfheal", true));

	if (!OidIsValid(relid))
	{
		(void) spi_extension_oid(false);	/* says that it is not installed */
		elog(ERROR, "selfheal.%s is missing", name);
	}
	return relid;
}

/*
 * See the header. The producer needs no privilege on the sequence; the ids
 * are ours.
 */
int64
append_next_id(const char *sequence)
{
	return nextval_internal(append_relation(sequence), false);
}

/*
 * See the header. nextval and setval are two steps; a lock keeps others from
 * coming between. It is no lock that a transaction holds: lock_timeout is not
 * for it, and many small loads would stand in line. Whatever could be waited
 * for is taken before. What an abort loses is a gap, as with every sequence.
 */
int64
append_take_ids(const char *sequence, int64 n)
{
	Relation	rel = relation_open(append_relation(sequence), RowExclusiveLock);
	Oid			relid = RelationGetRelid(rel);
	SpiUser		saved;
	int64		first;

	shmem_require();
	spi_become(&saved, spi_extension_owner(), SECURITY_LOCAL_USERID_CHANGE, false);
	LWLockAcquire(shmem_state->ids, LW_EXCLUSIVE);
	first = nextval_internal(relid, false);
	if (n > 1)
		DirectFunctionCall2(setval_oid, ObjectIdGetDatum(relid),
							Int64GetDatum(first + n - 1));
	LWLockRelease(shmem_state->ids);
	spi_resume(&saved);
	relation_close(rel, NoLock);
	return first;
}

/* See the header. */
Appender *
append_open(const char *table)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal append",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	Appender   *a = palloc0(sizeof(Appender));

	a->cxt = cxt;
	a->rel = table_open(append_relation(table), RowExclusiveLock);
	a->estate = CreateExecutorState();
	a->target = makeNode(ResultRelInfo);
	InitResultRelInfo(a->target, a->rel, 1, NULL, 0);
	ExecOpenIndices(a->target, false);
	MemoryContextSwitchTo(old);
	return a;
}

/* Write the rows in the slots, then their index entries. */
static void
flush(Appender *a)
{
	MemoryContext old;

	if (a->nused == 0)
		return;
	/* a single row does not earn a bulk-insert ring */
	if (a->bulk == NULL && a->nused > 1)
		a->bulk = GetBulkInsertState();

	old = MemoryContextSwitchTo(GetPerTupleMemoryContext(a->estate));
	table_multi_insert(a->rel, a->slots, a->nused, GetCurrentCommandId(true),
					   0, a->bulk);
	for (int i = 0; i < a->nused; i++)
	{
		if (a->target->ri_NumIndices > 0)
			list_free(compat_insert_index_tuples(a->target, a->slots[i],
												 a->estate));
		ResetPerTupleExprContext(a->estate);
		ExecClearTuple(a->slots[i]);
	}
	MemoryContextSwitchTo(old);
	a->nused = 0;
	a->bytes = 0;
}

/* See the header. Copying into the slot forms the tuple, so that the caller
 * may free or reuse what he gave. */
void
append_row(Appender *a, int natts, Datum *values, bool *nulls)
{
	TupleDesc	desc = RelationGetDescr(a->rel);
	TupleTableSlot *slot;
	MemoryContext old;
	HeapTuple	tup;
	bool		free_it;

	if (natts > desc->natts)
		elog(ERROR, "selfheal.%s has %d columns, %d expected",
			 RelationGetRelationName(a->rel), desc->natts, natts);

	old = MemoryContextSwitchTo(a->cxt);
	if (a->slots == NULL)
		a->slots = palloc(sizeof(TupleTableSlot *) * APPEND_ROWS);
	if (a->nused == a->nslots)
		a->slots[a->nslots++] = table_slot_create(a->rel, NULL);
	MemoryContextSwitchTo(old);

	slot = a->slots[a->nused];
	for (int i = 0; i < desc->natts; i++)
	{
		slot->tts_values[i] = i < natts ? values[i] : (Datum) 0;
		slot->tts_isnull[i] = i < natts ? nulls[i] : true;
	}
	ExecStoreVirtualTuple(slot);
	ExecMaterializeSlot(slot);
	tup = ExecFetchSlotHeapTuple(slot, false, &free_it);
	a->nused++;
	a->bytes += tup->t_len;
	if (free_it)
		heap_freetuple(tup);

	if (a->nused == APPEND_ROWS || a->bytes >= APPEND_BYTES)
		flush(a);
}

/* See the header. */
void
append_close(Appender *a)
{
	flush(a);
	if (a->bulk)
		FreeBulkInsertState(a->bulk);
	for (int i = 0; i < a->nslots; i++)
		ExecDropSingleTupleTableSlot(a->slots[i]);
	ExecCloseIndices(a->target);
	FreeExecutorState(a->estate);
	table_close(a->rel, NoLock);
	MemoryContextDelete(a->cxt);
	CommandCounterIncrement();
}
