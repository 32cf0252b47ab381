/*
 * writer.c
 *	  Write formed rows into a table by the executor's own parts.
 *
 * The parts and their order are those of COPY FROM (CopyFrom in copyfrom.c)
 * without its text: rows are gathered and go to the heap many at a time, then
 * into the indexes one by one, their AFTER triggers are queued and fire at the
 * end. A table with BEFORE ROW triggers gets its rows one by one, since such a
 * trigger may look at the table.
 *
 * The executor's state is made anew for each statement of ours. It is cheap,
 * and what it has opened belongs to the subtransaction: after an error nothing
 * of it may be used again.
 */
#include "postgres.h"

#include "access/heapam.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/compat.h"
#include "commands/trigger.h"
#include "executor/execPartition.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "foreign/fdwapi.h"
#include "miscadmin.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "write/writer.h"

/* Rows that go to the heap together: what COPY takes as well. */
#define BATCH_ROWS 1000
#define BATCH_BYTES 65535

/* From so many rows on a statement earns a bulk-insert ring. */
#define BULK_ROWS 100

/* Partitions with rows waiting, at most. */
#define BATCHES_MAX 32

struct Writer
{
	MemoryContext cxt;
	TupleDesc	desc;
	Bitmapset  *filled;			/* attribute numbers as in a range table */
	/* of a table in the heap: kept from statement to statement */
	TupleTableSlot **slots;
	int			nslots;
};

/* Rows on their way to one table or partition. */
typedef struct Batch
{
	ResultRelInfo *target;
	TupleTableSlot **slots;
	bool		lasting;		/* they are the writer's */
	int			nslots;
	int			rows[BATCH_ROWS];
	int			n;
	BulkInsertState bulk;
} Batch;

/* One statement. */
typedef struct Statement
{
	Writer	   *writer;
	Relation	rel;
	const FormedRow *rows;
	int			n;
	bool		by_row;
	Deferred   *deferred;
	volatile int *at;

	EState	   *estate;
	CommandId	cid;
	ResultRelInfo *target;
	ModifyTableState *mtstate;
	PartitionTupleRouting *routing; /* NULL: not partitioned */
	TransitionCaptureState *capture;
	TupleTableSlot *row_slot;	/* of the table's own type */
	bool		single;
	Batch	   *batches[BATCHES_MAX];
	int			nbatches;
	int			waiting;
	Size		bytes;
} Statement;

/* See the header. */
Writer *
writer_open(Relation rel, TupleDesc desc, const Shape *shape,
			const int *columns, int ncolumns)
{
	Writer	   *w = palloc0(sizeof(Writer));

	w->cxt = CurrentMemoryContext;
	w->desc = desc;
	for (int i = 0; i < ncolumns; i++)
		w->filled = bms_add_member(w->filled,
								   shape->cols[columns[i]].attnum -
								   FirstLowInvalidHeapAttributeNumber);
	if (rel->rd_tableam == GetHeapamTableAmRoutine())
		w->slots = palloc(sizeof(TupleTableSlot *) * BATCH_ROWS);
	return w;
}

bool
writer_tells(Relation rel)
{
	return rel->trigdesc == NULL || !rel->trigdesc->trig_insert_new_table;
}

/* The executor's state for one statement on one table. */
static void
begin(Statement *s)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;
	bool		parted = s->rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE;

	/* the filled columns make errors show the row as an INSERT's would */
	nsitem = addRangeTableEntryForRelation(pstate, s->rel, RowExclusiveLock,
										   NULL, false, false);
	compat_inserted_columns(nsitem) = s->writer->filled;

	s->estate = CreateExecutorState();
	compat_init_range_table(s->estate, pstate);
	s->target = makeNode(ResultRelInfo);
	ExecInitResultRelation(s->estate, s->target, 1);
	ExecOpenIndices(s->target, false);

	s->mtstate = makeNode(ModifyTableState);
	s->mtstate->ps.plan = NULL;
	s->mtstate->ps.state = s->estate;
	s->mtstate->operation = CMD_INSERT;
	s->mtstate->mt_nrels = 1;
	s->mtstate->resultRelInfo = s->target;
	s->mtstate->rootResultRelInfo = s->target;

	s->cid = GetCurrentCommandId(true);
	s->estate->es_output_cid = s->cid;
	s->row_slot = table_slot_create(s->rel, &s->estate->es_tupleTable);
	if (parted)
		s->routing = ExecSetupPartitionTupleRouting(s->estate, s->rel);
	s->single = s->by_row ||
		(s->rel->trigdesc &&
		 (s->rel->trigdesc->trig_insert_before_row ||
		  (parted && s->rel->trigdesc->trig_insert_new_table)));
}

/* The slot for the next row of a batch. */
static TupleTableSlot *
next_slot(Statement *s, Batch *b)
{
	if (b->n == b->nslots)
	{
		if (b->lasting)
		{
			MemoryContext old = MemoryContextSwitchTo(s->writer->cxt);

			/* the descriptor is our own copy: it pins nothing */
			b->slots[b->nslots++] = MakeTupleTableSlot(s->writer->desc,
													   &TTSOpsHeapTuple);
			s->writer->nslots = b->nslots;
			MemoryContextSwitchTo(old);
		}
		else
			b->slots[b->nslots++] = table_slot_create(b->target->ri_RelationDesc,
													  &s->estate->es_tupleTable);
	}
	return b->slots[b->n];
}

/* Index entries of a row that is in the heap, and its AFTER triggers. */
static void
finish_row(Statement *s, ResultRelInfo *target, TupleTableSlot *slot)
{
	List	   *recheck = NIL;

	if (target->ri_NumIndices > 0)
		recheck = compat_insert_index_tuples(target, slot, s->estate);
	ExecARInsertTriggers(s->estate, target, slot, recheck, s->capture);
	list_free(recheck);
}

/* Write what has gathered. */
static void
flush(Statement *s)
{
	for (int k = 0; k < s->nbatches; k++)
	{
		Batch	   *b = s->batches[k];
		MemoryContext old;

		if (b->n == 0)
			continue;
		*s->at = -1;
		old = MemoryContextSwitchTo(GetPerTupleMemoryContext(s->estate));
		table_multi_insert(b->target->ri_RelationDesc, b->slots, b->n, s->cid,
						   0, b->bulk);
		MemoryContextSwitchTo(old);
		for (int i = 0; i < b->n; i++)
		{
			*s->at = b->rows[i];
			finish_row(s, b->target, b->slots[i]);
			ExecClearTuple(b->slots[i]);
			ResetPerTupleExprContext(s->estate);
		}
		b->n = 0;
	}
	*s->at = -1;
	s->waiting = 0;
	s->bytes = 0;
}

/* Forget the batches, which are empty. */
static void
drop_batches(Statement *s)
{
	for (int k = 0; k < s->nbatches; k++)
	{
		if (s->batches[k]->bulk)
			FreeBulkInsertState(s->batches[k]->bulk);
		pfree(s->batches[k]);
	}
	s->nbatches = 0;
}

/* The batch of a table or partition, made if need be. */
static Batch *
batch_of(Statement *s, ResultRelInfo *target)
{
	Batch	   *b;

	for (int i = s->nbatches - 1; i >= 0; i--)
		if (s->batches[i]->target == target)
			return s->batches[i];
	if (s->nbatches == BATCHES_MAX)
	{
		flush(s);
		drop_batches(s);
	}
	b = palloc0(sizeof(Batch));
	b->target = target;
	if (target == s->target && s->writer->slots)
	{
		b->lasting = true;
		b->slots = s->writer->slots;
		b->nslots = s->writer->nslots;
	}
	else
		b->slots = palloc(sizeof(TupleTableSlot *) * BATCH_ROWS);
	if (s->n >= BULK_ROWS)
		b->bulk = GetBulkInsertState();
	s->batches[s->nbatches++] = b;
	return b;
}

/* One row into the heap at once; its triggers now or at the end. */
static void
insert_now(Statement *s, ResultRelInfo *target, TupleTableSlot *slot)
{
	if (target->ri_FdwRoutine)
	{
		/* a foreign partition that was attached since the way was chosen */
		slot = target->ri_FdwRoutine->ExecForeignInsert(s->estate, target, slot, NULL);
		if (slot == NULL)
			return;
	}
	else
		table_tuple_insert(target->ri_RelationDesc, slot, s->cid, 0, NULL);
	if (!s->by_row)
	{
		finish_row(s, target, slot);
		return;
	}
	AfterTriggerBeginQuery();
	finish_row(s, target, slot);
	AfterTriggerEndQuery(s->estate);
	if (s->deferred)
		deferred_fire(s->deferred);
}

/* What the table demands of a row before it goes to the heap. */
static void
check_row(Statement *s, ResultRelInfo *target, TupleTableSlot *slot, bool before)
{
	Relation	rel = target->ri_RelationDesc;
	TupleConstr *constr = RelationGetDescr(rel)->constr;

	if (constr && constr->has_generated_stored)
		ExecComputeStoredGenerated(target, s->estate, slot, CMD_INSERT);
	if (constr && target->ri_FdwRoutine == NULL)
		ExecConstraints(target, slot, s->estate);
	/* routing has proved it, but a trigger may have changed the key */
	if (rel->rd_rel->relispartition && (s->routing == NULL || before))
		ExecPartitionCheck(target, slot, s->estate, true);
}

/* One row on its way. */
static void
write_row(Statement *s, int i)
{
	HeapTuple	tuple = s->rows[i].tuple;
	ResultRelInfo *target = s->target;
	TupleConversionMap *map = NULL;
	TupleTableSlot *slot = s->row_slot;
	Batch	   *batch = NULL;
	bool		before;

	*s->at = i;
	if (s->routing)
	{
		ExecForceStoreHeapTuple(tuple, slot, false);
		target = ExecFindPartition(s->mtstate, s->target, s->routing, slot,
								   s->estate);
		map = compat_root_to_child_map(target, s->estate);
	}
	before = target->ri_TrigDesc && target->ri_TrigDesc->trig_insert_before_row;
	if (!s->single && !before && target->ri_FdwRoutine == NULL)
		batch = batch_of(s, target);

	if (map)
		slot = execute_attr_map_slot(map->attrMap, slot,
									 batch ? next_slot(s, batch) :
									 target->ri_PartitionTupleSlot);
	else if (batch)
	{
		slot = next_slot(s, batch);
		if (TTS_IS_HEAPTUPLE(slot))
			ExecStoreHeapTuple(tuple, slot, false);
		else
			ExecForceStoreHeapTuple(tuple, slot, false);
	}
	else if (!s->routing)
		ExecForceStoreHeapTuple(tuple, slot, false);
	slot->tts_tableOid = RelationGetRelid(target->ri_RelationDesc);

	/* a trigger of one partition may look at the rows of another */
	if (before && s->waiting > 0)
	{
		flush(s);
		*s->at = i;
	}
	if (before && !ExecBRInsertTriggers(s->estate, target, slot))
		return;					/* the trigger wants no such row */
	check_row(s, target, slot, before);
	if (batch == NULL)
	{
		insert_now(s, target, slot);
		return;
	}
	batch->rows[batch->n++] = i;
	s->waiting++;
	s->bytes += tuple->t_len;
	if (s->waiting == BATCH_ROWS || s->bytes > BATCH_BYTES)
		flush(s);
}

/* See the header. */
void
writer_write(Writer *w, Relation rel, const FormedRow *rows, int n, bool by_row,
			 Deferred *deferred, volatile int *at)
{
	Statement	s = {.writer = w,.rel = rel,.rows = rows,.n = n,
	.by_row = by_row,.deferred = deferred,.at = at};

	*at = -1;
	begin(&s);
	AfterTriggerBeginQuery();
	s.capture = MakeTransitionCaptureState(rel->trigdesc, RelationGetRelid(rel),
										   CMD_INSERT);
	s.mtstate->mt_transition_capture = s.capture;
	ExecBSInsertTriggers(s.estate, s.target);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ResetPerTupleExprContext(s.estate);
		write_row(&s, i);
	}
	flush(&s);
	ExecASInsertTriggers(s.estate, s.target, s.capture);
	AfterTriggerEndQuery(s.estate);

	drop_batches(&s);
	ExecResetTupleTable(s.estate->es_tupleTable, false);
	if (s.routing)
		ExecCleanupTupleRouting(s.mtstate, s.routing);
	ExecCloseResultRelations(s.estate);
	ExecCloseRangeTableRelations(s.estate);
	FreeExecutorState(s.estate);
}
