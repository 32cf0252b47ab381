/*
 * intake.c
 *	  The front door: <table>_intake takes any payload and answers at once.
 *
 * Payloads are gathered and flushed many at a time: store.c writes those that
 * fit, discards.c keeps what the table's contract takes away, quarantine.c
 * holds the others. A batch ends at a number of bytes or of
 * rows; batches of 100 or of many thousand rows cost least (store.c).
 */
#include "postgres.h"

#include "access/table.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/locks.h"
#include "base/shmem.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "observe/dedupe.h"
#include "observe/discards.h"
#include "observe/intake.h"
#include "observe/kept.h"
#include "observe/limits.h"
#include "observe/lines.h"
#include "observe/order.h"
#include "observe/quarantine.h"
#include "observe/sharing.h"
#include "observe/store.h"
#include "observe/watch.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "write/condition.h"

/* A batch ends at either. */
#define INTAKE_BYTES ((Size) 8 * 1024 * 1024)
#define INTAKE_ROWS 65536

struct Intake
{
	Oid			relid;
	LoadSource	source;
	MemoryContext cxt;
	Watch		watch;			/* what its owner asked for */
	OnMisfit	on_misfit;		/* what its statement does */
	int64		load;
	Store	   *store;
	QuarantineWriter *writer;	/* made when the first row is held */
	Dedupe	   *dedupe;			/* under selfheal.load_id, else NULL */

	/* the batch: payloads one after the other in bytes */
	char	   *bytes;
	Size		used;
	Size		size;
	StoreRow   *rows;			/* rows[i].bytes is set at the flush */
	int64	   *positions;
	int64	   *numbers;		/* with dedupe */
	int			n;
	int			max;

	int64		position;		/* lines seen, skipped ones too */
	int64		known;			/* by selfheal.load_id: not taken */
	int64		present;		/* of those stored: an equal row stood there */
	LoadCounts	counts;
};

static bool flushing = false;	/* what is loaded now is set off by a load */

PG_FUNCTION_INFO_V1(selfheal_ingest);

/* Has this transaction locked the table already, in any mode? */
static bool
table_locked(Oid relid)
{
	LOCKTAG		tag;

	SET_LOCKTAG_RELATION(tag, MyDatabaseId, relid);
	for (LOCKMODE mode = AccessShareLock; mode <= AccessExclusiveLock; mode++)
	{
		if (compat_lock_held(&tag, mode))
			return true;
	}
	return false;
}

/*
 * See the header. A load whose transaction holds the table already does not wait: behind the
 * gate stands a healer that waits for just that lock, and neither would get
 * on. It goes in, and the healer waits for it as for any reader.
 */
void
intake_gate(Oid relid, bool exclusive)
{
	bool		go_on = !exclusive && table_locked(relid);
	LOCKTAG		tag = locks_tag(LOCKS_GATE, relid, 0);

	(void) LockAcquire(&tag, exclusive ? ExclusiveLock : ShareLock, false, go_on);
}

/* See the header. */
Intake *
intake_begin(Oid relid, LoadSource source)
{
	MemoryContext cxt;
	MemoryContext old;
	Intake	   *in;

	shmem_require();
	PreventCommandIfReadOnly("a load into an intake");

	cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal intake",
								ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(cxt);
	in = palloc0(sizeof(Intake));
	in->relid = relid;
	in->source = source;
	in->cxt = cxt;
	in->load = load_next_id();

	/*
	 * Whoever waits for another load of its name does so before the gate, so
	 * that no heal waits for him. What a flush sets off comes and goes with
	 * the rows that set it off, and is nothing that the producer sends again.
	 */
	if (!flushing)
		in->dedupe = dedupe_begin(relid, in->load);
	intake_gate(relid, false);
	(void) watch_get(relid, &in->watch);
	in->store = store_open(relid, in->watch.on_conflict);
	store_in_order(in->store, order_begin(relid, in->watch.ordering_key));
	MemoryContextSwitchTo(old);
	return in;
}

/* See the header. */
void
intake_on_misfit(Intake *in, const OnMisfit *on)
{
	in->on_misfit = *on;
}

/* See the header. Held rows keep it: it is asked of them when they fit. */
void
intake_where(Intake *in, Node *condition)
{
	Relation	rel = table_open(in->relid, NoLock);
	MemoryContext old = MemoryContextSwitchTo(in->cxt);
	char	   *text = condition_text(rel, condition);

	in->counts.condition = text;
	MemoryContextSwitchTo(old);
	table_close(rel, NoLock);
	store_where(in->store, text, InvalidOid);
}

/* Take the rows out of the batch that the condition leaves out. */
static void
drop_excluded(Intake *in)
{
	int			left = 0;

	for (int i = 0; i < in->n; i++)
	{
		if (in->rows[i].excluded)
			continue;
		in->rows[left] = in->rows[i];
		in->positions[left++] = in->positions[i];
	}
	in->counts.excluded += in->n - left;
	in->n = left;
}

/* Take the rows out of the batch that an earlier load of the name brought. */
static void
drop_known(Intake *in)
{
	bool	   *known = palloc(sizeof(bool) * in->n);
	int			left = 0;

	in->known += dedupe_batch(in->dedupe, in->rows, in->numbers, in->n, known);
	for (int i = 0; i < in->n; i++)
	{
		if (known[i])
			continue;
		in->rows[left] = in->rows[i];
		in->positions[left++] = in->positions[i];
	}
	in->n = left;
	pfree(known);
}

/* Rows so far, blank lines aside. */
static int64
rows_brought(const Intake *in)
{
	return in->known + in->counts.stored + in->counts.held + in->counts.discarded_rows;
}

/* Is that too much for the table's owner, or for the statement? */
static void
check_rejected(Intake *in, bool ended)
{
	limits_reject(&in->watch.reject_limit, in->relid, in->writer, store_discards(in->store),
				  in->counts.held + in->counts.discarded_rows, rows_brought(in), ended);
	onmisfit_count(&in->on_misfit, in->relid, in->writer, store_discards(in->store),
				   in->counts.held + in->counts.discarded_rows);
}

/* Note what the contract takes away of the batch, unless that is too much. */
static void
discard(Intake *in, Discards *discards)
{
	Size		bytes = 0;

	discards_count(discards, in->rows, in->positions, in->n);
	for (int i = 0; i < in->n; i++)
		if (in->rows[i].discarded)
			bytes += in->rows[i].len + in->rows[i].linelen;
	if (bytes > 0)
		limits_hold(InvalidOid, bytes);
	in->counts.discarded_rows += discards_keep(discards, in->rows, in->positions, in->n, in->load);
	in->counts.discarded_values = discards_values(discards);
}

/* Hold what of the batch is neither stored nor discarded, unless that is too
 * much. */
static void
hold(Intake *in)
{
	Size		bytes = 0;

	for (int i = 0; i < in->n; i++)
		if (!in->rows[i].stored && !in->rows[i].discarded)
			bytes += in->rows[i].len + in->rows[i].linelen;
	limits_hold(in->relid, bytes);
	if (in->writer == NULL)
		in->writer = quarantine_begin(in->relid, in->load, "intake");
	in->counts.held += quarantine_hold(in->writer, in->rows, in->positions, in->n);
}

/* Store what fits of the batch, discard what the contract says, hold the
 * others. */
static void
write_batch(Intake *in)
{
	int64		stored = store_rows(in->store, in->rows, in->n);
	int64		discarded = in->counts.discarded_rows;

	in->counts.stored += stored;
	if (stored < in->n && in->counts.condition)
		drop_excluded(in);
	if (stored < in->n)
		onmisfit_see(&in->on_misfit, in->relid, in->rows, in->positions, in->n);
	if (in->watch.on_conflict == ROW_CONFLICT_SKIP)
		for (int i = 0; i < in->n; i++)
			in->present += in->rows[i].already;
	if (unlikely(store_has_mapped(in->store)) || unlikely(in->watch.keep_payload == KEEP_ALL))
		kept_load(in->relid, in->watch.keep_payload, in->rows, in->positions, in->n, in->load);
	if (unlikely(store_discards(in->store) != NULL))
		discard(in, store_discards(in->store));
	if (stored + (in->counts.discarded_rows - discarded) < in->n)
		hold(in);
	if (stored < in->n)
		check_rejected(in, false);
	store_reset(in->store);
}

/* Write the batch. */
static void
flush(Intake *in)
{
	MemoryContext old;
	Size		at = 0;
	bool		outer = flushing;

	if (in->n == 0)
		return;
	old = MemoryContextSwitchTo(in->cxt);
	for (int i = 0; i < in->n; i++)
	{
		StoreRow   *row = &in->rows[i];

		row->bytes = in->bytes + at;
		at += row->len + 1;
		if (row->fields)
		{
			row->line = in->bytes + at;
			at += row->linelen + 1;
		}
	}
	if (in->dedupe)
		drop_known(in);
	if (in->n > 0)
	{
		flushing = true;
		PG_TRY();
		{
			write_batch(in);
		}
		PG_FINALLY();
		{
			flushing = outer;
		}
		PG_END_TRY();
	}
	in->n = 0;
	in->used = 0;
	/* what one giant payload has made is given back */
	if (in->size > 2 * INTAKE_BYTES)
	{
		pfree(in->bytes);
		in->bytes = NULL;
		in->size = 0;
	}
	MemoryContextSwitchTo(old);
}

/* Room for one more row of this length. */
static void
make_room(Intake *in, Size len)
{
	if (in->n == in->max)
	{
		in->max = Max(32, in->max * 2);
		if (in->rows == NULL)
		{
			in->rows = MemoryContextAlloc(in->cxt, sizeof(StoreRow) * in->max);
			in->positions = MemoryContextAlloc(in->cxt, sizeof(int64) * in->max);
			in->numbers = MemoryContextAlloc(in->cxt, sizeof(int64) * in->max);
		}
		else
		{
			in->rows = repalloc(in->rows, sizeof(StoreRow) * in->max);
			in->positions = repalloc(in->positions, sizeof(int64) * in->max);
			in->numbers = repalloc(in->numbers, sizeof(int64) * in->max);
		}
	}
	if (in->used + len > in->size)
	{
		in->size = Max(Max(in->size * 2, in->used + len), 2048);
		if (in->bytes == NULL)
			in->bytes = MemoryContextAllocHuge(in->cxt, in->size);
		else
			in->bytes = repalloc_huge(in->bytes, in->size);
	}
}

/* Nothing but JSON's white space? */
static bool
blank(const char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] != ' ' && bytes[i] != '\t' && bytes[i] != '\r' && bytes[i] != '\n')
			return false;
	return true;
}

/* The next row of the batch, with room for its bytes, which may be more than
 * one payload: each gets a NUL behind it, which is not its own. */
static StoreRow *
next_row(Intake *in, Size len, int64 position, int64 number)
{
	StoreRow   *row;

	if (in->n == INTAKE_ROWS || (in->n > 0 && in->used + len > INTAKE_BYTES))
		flush(in);
	make_room(in, len);
	row = &in->rows[in->n];
	memset(row, 0, sizeof(StoreRow));
	in->numbers[in->n] = number;
	in->positions[in->n++] = position;
	return row;
}

/* Lay bytes down for the row at hand. */
static void
lay_down(Intake *in, const char *bytes, size_t len)
{
	Assert(in->bytes != NULL);
	memcpy(in->bytes + in->used, bytes, len);
	in->bytes[in->used + len] = '\0';
	in->used += len + 1;
}

/* See the header. */
void
intake_row(Intake *in, const char *bytes, size_t len, bool bad_encoding)
{
	StoreRow   *row;
	int64		number = in->dedupe ? dedupe_number(in->dedupe) : 0;

	in->position++;
	if (bytes == NULL || blank(bytes, len))
	{
		in->counts.skipped++;
		return;
	}
	row = next_row(in, len + 1, in->position, number);
	row->len = len;
	row->bad_encoding = bad_encoding;
	lay_down(in, bytes, len);
}

/* See the header. */
void
intake_line(Intake *in, const IntakeLine *line)
{
	int64		number = in->dedupe ? dedupe_number(in->dedupe) : 0;
	bool		torn = line->payload == NULL;
	StoreRow   *row;

	if (line->whole && !torn && blank(line->payload, line->len))
	{
		in->counts.skipped++;
		return;
	}
	row = next_row(in, (line->whole ? 0 : line->rawlen + 1) + (torn ? 0 : line->len + 1),
				   line->position, number);
	row->len = torn ? line->rawlen : line->len;
	row->bad_encoding = row->torn = torn;
	row->fields = !torn && !line->whole;
	row->fault = line->fault;
	row->fault_state = line->fault_state;
	lay_down(in, torn ? line->raw : line->payload, row->len);
	if (!row->fields)
		return;
	row->linelen = line->rawlen;
	lay_down(in, line->raw, line->rawlen);
}

void
intake_part(Intake *in, const char *bytes, size_t len, bool first)
{
	IntakeLine	line = {0};

	in->position += first;
	line.raw = bytes;
	line.rawlen = len;
	line.position = in->position;
	line.fault = LINES_TOO_LONG;
	line.fault_state = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	/* of the last one there may be no more than the end of the line */
	if (first || len > 0)
		intake_line(in, &line);
}

void
intake_skip(Intake *in)
{
	if (in->dedupe)
		(void) dedupe_number(in->dedupe);
	in->counts.skipped++;
}

/* Tell the producer that rows were held, and where to look. */
static void
notice_held(const Intake *in)
{
	int64		position = 0;
	const char *reason = quarantine_first_reason(in->writer, &position);
	char	   *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(in->relid)),
												   get_rel_name(in->relid));

	ereport(NOTICE,
			(errmsg_plural("selfheal: " INT64_FORMAT " row stored, " INT64_FORMAT " held in %s",
						   "selfheal: " INT64_FORMAT " rows stored, " INT64_FORMAT " held in %s",
						   in->counts.stored, in->counts.stored, in->counts.held, table),
			 errdetail("The first of them is row " INT64_FORMAT ": %s.",
					   position, reason),
			 errdetail_log("The first of them is row " INT64_FORMAT ": %s.",
						   position, sharing_message(in->relid, reason)),
			 errhidestmt(sharing_hides(in->relid)), errhidecontext(sharing_hides(in->relid)),
			 errhint("See the view selfheal.quarantined.")));
}

/* Tell him what his condition has left out. */
static void
notice_excluded(const Intake *in)
{
	ereport(NOTICE,
			(errmsg_plural("selfheal: " INT64_FORMAT " row was left out by WHERE",
						   "selfheal: " INT64_FORMAT " rows were left out by WHERE",
						   in->counts.excluded, in->counts.excluded)));
}

/* Tell him that he has sent lines before. */
static void
notice_known(const Intake *in)
{
	ereport(NOTICE,
			(errmsg("selfheal: " INT64_FORMAT " rows had come with an earlier load \"%s\"",
					in->known, guc_load_id)));
}

/* See the header. */
void
intake_end(Intake *in, LoadCounts *counts)
{
	flush(in);
	check_rejected(in, true);
	if (in->writer)
	{
		quarantine_errors(in->writer, &in->counts.first_error, &in->counts.last_error);
	}
	in->counts.stored -= in->present;
	in->counts.already = in->known + in->present;
	if (counts)
		*counts = in->counts;
	load_write(in->load, in->relid, in->source, &in->counts);
	discards_write(store_discards(in->store), in->load, "intake");
	if (in->on_misfit.tell != TELL_NOTHING)
		discards_notice(in->relid, in->counts.discarded_values, in->counts.discarded_rows);
	if (in->known > 0)
		notice_known(in);
	if (in->counts.excluded > 0 && in->on_misfit.tell != TELL_NOTHING)
		notice_excluded(in);
	if (in->writer)
	{
		if (in->on_misfit.tell != TELL_NOTHING)
			notice_held(in);
		quarantine_end(in->writer);
		shmem_wake_at_commit();
	}
	store_close(in->store);
	MemoryContextDelete(in->cxt);
}

/* See the header. */
void
intake_drop(Intake *in)
{
	MemoryContextDelete(in->cxt);
}

/* See the header. */
void
intake_array(Oid relid, ArrayType *payloads, LoadCounts *counts)
{
	Intake	   *in;
	Datum	   *elems;
	bool	   *elem_nulls;
	int			n;

	deconstruct_array(payloads, TEXTOID, -1, false, TYPALIGN_INT, &elems, &elem_nulls, &n);
	in = intake_begin(relid, LOAD_INGEST);
	for (int i = 0; i < n; i++)
	{
		text	   *t;

		CHECK_FOR_INTERRUPTS();
		if (elem_nulls[i])
		{
			intake_row(in, NULL, 0, false);
			continue;
		}
		t = DatumGetTextPP(elems[i]);
		intake_row(in, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), false);
	}
	intake_end(in, counts);
}

/* selfheal.ingest(table, payloads): the same without a view. */
Datum
selfheal_ingest(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;
	LoadCounts	counts;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	shmem_require();
	watch_check_table(relid, WATCH_NEED_WRITE);
	watch_check_watched(relid, &watch);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("payloads must not be null"),
				 errhint("Give an array of JSON objects as text.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "ingest must return a record");

	intake_array(relid, PG_GETARG_ARRAYTYPE_P(1), &counts);

	values[0] = Int64GetDatum(counts.stored);
	values[1] = Int64GetDatum(counts.held);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
