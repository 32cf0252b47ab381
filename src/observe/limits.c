/*
 * limits.c
 *	  How much a load may hold.
 *
 * The bytes of a table are not kept anywhere: loads would wait for each other
 * at a counter. The size of selfheal.quarantine, which the system knows,
 * bounds those of every table; only when that is past the limit the table's
 * share of it is looked for, in blocks spread over it (all, when it is small):
 * the more of them, the less of it all a table may have. Whatever the relation has grown by since, whoever it was, counts as
 * this table's until the next look. So the files cannot grow past the limit
 * unseen, and a table that holds little beside one that holds much is let go
 * on.
 */
#include "postgres.h"

#include "access/detoast.h"
#include "access/relscan.h"
#include "access/table.h"
#include "access/tableam.h"
#include "base/guc.h"
#include "common/pg_prng.h"
#include "executor/tuptable.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/limits.h"
#include "observe/sharing.h"
#include "storage/bufmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

/* Blocks of a table at its limit that are looked into: a few per cent exact.
 * The blocks of others between them cost some milliseconds, at most MOST. */
#define SAMPLE 256
#define MOST 16384

/* How long a look may serve: rows of others may take the place of dead ones,
 * and no file grows by it. */
#define SERVES_MS 10000

/* Columns of selfheal.quarantine that are wide, and the one that says whose. */
enum
{
	HELD_RELID = 2,
	HELD_PAYLOAD = 3,
	HELD_PAYLOAD_RAW = 4,
	HELD_ORIGINAL = 9
};

/* The last look. Bytes of ours that are rolled back make the next one come
 * earlier, nothing else. */
static struct
{
	Oid			relid;
	TimestampTz when;
	uint64		found;			/* the table's bytes then */
	uint64		all;			/* of all tables then */
	uint64		added;			/* by us since */
}			look;

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* See the header. */
void
limits_reject(const RejectLimit *limit, Oid relid, const QuarantineWriter *w,
			  const Discards *d, int64 misfits, int64 rows, bool ended)
{
	const char *held;
	const char *discarded;

	if (misfits == 0 ||
		(limit->kind == REJECT_ROWS ? misfits <= limit->rows
		 : limit->kind != REJECT_PERCENT || !ended ||
		 misfits * 100.0 <= rows * limit->percent))
		return;
	held = w ? quarantine_reasons(w, 3) : "";
	discarded = d ? discards_reasons(d, 3) : "";
	ereport(ERROR,
			(errcode(ERRCODE_DATA_EXCEPTION),
			 ended ? errmsg("load into %s is rejected: " INT64_FORMAT " of " INT64_FORMAT " rows do not fit",
							table_name(relid), misfits, rows)
			 : errmsg("load into %s is rejected: " INT64_FORMAT " of its first " INT64_FORMAT " rows do not fit",
					  table_name(relid), misfits, rows),
			 errdetail("%s%s%s", held, held[0] && discarded[0] ? "\n" : "", discarded),
			 errdetail_log("%s%s%s", sharing_message(relid, held), held[0] && discarded[0] ? "\n" : "",
						   sharing_message(relid, discarded)),
			 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid)),
			 errhint("Its reject_limit is %s, so nothing of the load was stored or held. Correct the rows, or choose another limit with selfheal.watch().",
					 options_reject_text(limit))));
}

/* ---- bytes ---- */

/* What a tuple takes on disk, with what stands beside it. */
static uint64
tuple_bytes(TupleTableSlot *slot)
{
	static const AttrNumber wide[] = {HELD_PAYLOAD, HELD_PAYLOAD_RAW, HELD_ORIGINAL};
	bool		free_it;
	HeapTuple	tup = ExecFetchSlotHeapTuple(slot, false, &free_it);
	uint64		bytes = tup->t_len;

	for (int i = 0; i < (int) lengthof(wide); i++)
	{
		bool		isnull;
		Datum		value = slot_getattr(slot, wide[i], &isnull);

		if (!isnull && VARATT_IS_EXTERNAL(DatumGetPointer(value)))
			bytes += toast_datum_size(value);
	}
	if (free_it)
		heap_freetuple(tup);
	return bytes;
}

/* Bytes of a table's rows in some blocks; also of those that are not
 * committed yet, whoever writes them. */
static uint64
bytes_in_blocks(Relation rel, TupleTableSlot *slot, Oid relid,
				BlockNumber first, BlockNumber last)
{
	SnapshotData dirty;
	ItemPointerData from;
	ItemPointerData to;
	TableScanDesc scan;
	uint64		bytes = 0;

	InitDirtySnapshot(dirty);
	ItemPointerSet(&from, first, FirstOffsetNumber);
	ItemPointerSet(&to, last, MaxOffsetNumber);
	scan = table_beginscan_tidrange(rel, &dirty, &from, &to);
	while (table_scan_getnextslot_tidrange(scan, ForwardScanDirection, slot))
	{
		bool		isnull;
		Datum		owner = slot_getattr(slot, HELD_RELID, &isnull);

		if (!isnull && DatumGetObjectId(owner) == relid)
			bytes += tuple_bytes(slot);
	}
	table_endscan(scan);
	return bytes;
}

/* The bytes of a table's rows, from some blocks or all; a table at its limit
 * has one byte in "one_in" of all. */
static uint64
bytes_of(Relation rel, Oid relid, uint64 one_in)
{
	TupleTableSlot *slot = table_slot_create(rel, NULL);
	BlockNumber blocks = RelationGetNumberOfBlocks(rel);
	BlockNumber sample = (BlockNumber) Min(SAMPLE * Min(one_in + 1, MOST), MOST);
	uint64		bytes = 0;

	if (blocks <= sample)
		bytes = blocks > 0 ? bytes_in_blocks(rel, slot, relid, 0, blocks - 1) : 0;
	else
	{
		double		step = (double) blocks / sample;

		for (BlockNumber i = 0; i < sample; i++)
		{
			double		where = (i + pg_prng_double(&pg_global_prng_state)) * step;
			BlockNumber block = Min((BlockNumber) where, blocks - 1);

			CHECK_FOR_INTERRUPTS();
			bytes += bytes_in_blocks(rel, slot, relid, block, block);
		}
		bytes = (uint64) (bytes * step);
	}
	ExecDropSingleTupleTableSlot(slot);
	return bytes;
}

/* The size of selfheal.quarantine, its large values included. */
static uint64
bytes_of_all(Relation rel)
{
	uint64		blocks = RelationGetNumberOfBlocks(rel);

	if (OidIsValid(rel->rd_rel->reltoastrelid))
	{
		Relation	toast = table_open(rel->rd_rel->reltoastrelid, AccessShareLock);

		blocks += RelationGetNumberOfBlocks(toast);
		table_close(toast, AccessShareLock);
	}
	return blocks * BLCKSZ;
}

static char *
pretty(uint64 bytes)
{
	return TextDatumGetCString(DirectFunctionCall1(pg_size_pretty,
												   Int64GetDatum((int64) bytes)));
}

/* See the header. */
void
limits_hold(Oid relid, Size bytes)
{
	uint64		max = (uint64) guc_quarantine_max * 1024;
	Relation	rel;
	uint64		all;
	bool		serves;

	if (max == 0)
		return;
	rel = table_open(append_relation("quarantine"), AccessShareLock);
	all = bytes_of_all(rel);
	serves = all + bytes <= max;
	if (!serves && look.relid == relid &&
		!TimestampDifferenceExceeds(look.when, GetCurrentTimestamp(), SERVES_MS))
	{
		uint64		grown = all > look.all ? all - look.all : 0;

		serves = look.found + Max(look.added, grown) + bytes <= max;
	}
	if (!serves)
	{
		look.found = bytes_of(rel, relid, all / max);
		look.relid = relid;
		look.when = GetCurrentTimestamp();
		look.all = all;
		look.added = 0;
		if (look.found + bytes > max && !OidIsValid(relid))
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too many rows are discarded"),
					 errdetail("%s of them are kept, %s more would be; selfheal.quarantine_max is %s.",
							   pretty(look.found), pretty(bytes),
							   GetConfigOptionByName("selfheal.quarantine_max", NULL, false)),
					 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid)),
					 errhint("Nothing of this load was stored or held. DELETE FROM selfheal.quarantine WHERE state = 'discarded', or raise selfheal.quarantine_max.")));
		if (look.found + bytes > max)
			ereport(ERROR,
					(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
					 errmsg("too much is held for table %s", table_name(relid)),
					 errdetail("%s are held for it, %s more would be; selfheal.quarantine_max is %s.",
							   pretty(look.found), pretty(bytes),
							   GetConfigOptionByName("selfheal.quarantine_max", NULL, false)),
					 errhidestmt(sharing_hides(relid)), errhidecontext(sharing_hides(relid)),
					 errhint("Nothing of this load was stored or held. See selfheal.incidents for what the held rows wait for, or raise selfheal.quarantine_max.")));
	}
	look.added += bytes;
	table_close(rel, NoLock);
}
