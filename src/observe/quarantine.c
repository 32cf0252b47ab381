/*
 * quarantine.c
 *	  Rows that did not fit, kept with their reason.
 *
 * Holding is on the producer's path and appends tuples without SQL; it costs
 * him no privilege and about what storing the row would have cost. The way
 * back is held.c's.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "observe/append.h"
#include "observe/quarantine.h"
#include "observe/reasons.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Columns of selfheal.quarantine by position, from 0. */
typedef enum QuarantineColumn
{
	HELD_ID,
	HELD_RELID,
	HELD_PAYLOAD,
	HELD_PAYLOAD_RAW,
	HELD_STATE,
	HELD_LOAD,
	HELD_ERROR,
	HELD_POSITION,
	HELD_ORIGINAL,
	HELD_CHANGED_BY,
	HELD_CHANGED_AT,
	HELD_WHY,
	HELD_BULK,
	HELD_ORDERING_HASH,
	HELD_ORDERING_KEY,
	HELD_LINE,
	HELD_WITNESS,
	QUARANTINE_COLUMNS			/* how many there are */
} QuarantineColumn;

/*
 * Rows of one reason in one batch from which on they are held in bulk: without
 * an entry in the index of reasons, between ids that the reason's row keeps.
 * One reason of a load only, and only where most rows of the batch have it:
 * so the reading of a range costs no more than twice its rows, and of all a
 * load's reasons together no more than its held rows once.
 */
#define BULK_ROWS 1000

struct QuarantineWriter
{
	MemoryContext cxt;
	Oid			relid;
	int64		load;
	Reasons    *reasons;

	int64		bulk_error;		/* the reason whose rows are held in bulk */
	int64		first_bulk;		/* ids */
	int64		last_bulk;
};

/* See the header. */
QuarantineWriter *
quarantine_begin(Oid relid, int64 load, const char *door)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal quarantine",
											  ALLOCSET_DEFAULT_SIZES);
	MemoryContext old = MemoryContextSwitchTo(cxt);
	QuarantineWriter *w = palloc0(sizeof(QuarantineWriter));

	w->cxt = cxt;
	w->relid = relid;
	w->load = load;
	w->reasons = reasons_begin(relid, load, door);
	MemoryContextSwitchTo(old);
	return w;
}

/* The columns that every row has. */
static void
append(Appender *a, int64 id, Oid relid, const StoreRow *row, bool discarded,
	   int64 load, int64 error, int64 position, bool bulk)
{
	Datum		values[QUARANTINE_COLUMNS] = {0};
	bool		nulls[QUARANTINE_COLUMNS];
	Datum		payload = PointerGetDatum(cstring_to_text_with_len(row->bytes, row->len));
	int			at = row->torn ? HELD_LINE : row->bad_encoding ? HELD_PAYLOAD_RAW : HELD_PAYLOAD;
	Datum		state = CStringGetTextDatum(discarded ? "discarded" : "held");

	memset(nulls, true, sizeof(nulls));
	if (discarded)
	{
		values[HELD_CHANGED_BY] = CStringGetTextDatum(QUARANTINE_BY_CONTRACT);
		values[HELD_CHANGED_AT] = TimestampTzGetDatum(GetCurrentTimestamp());
		values[HELD_WHY] = CStringGetTextDatum("the contract of its table");
		nulls[HELD_CHANGED_BY] = nulls[HELD_CHANGED_AT] = nulls[HELD_WHY] = false;
	}
	values[HELD_ID] = Int64GetDatum(id);
	values[HELD_RELID] = ObjectIdGetDatum(relid);
	/* text and bytea look alike in storage */
	values[HELD_STATE] = state;
	values[HELD_LOAD] = Int64GetDatum(load);
	values[HELD_ERROR] = Int64GetDatum(error);
	values[HELD_POSITION] = Int64GetDatum(position);
	values[HELD_BULK] = BoolGetDatum(bulk);
	nulls[HELD_ID] = nulls[HELD_RELID] = nulls[HELD_STATE] = nulls[HELD_LOAD] = false;
	nulls[HELD_ERROR] = nulls[HELD_POSITION] = nulls[HELD_BULK] = false;
	values[at] = payload;
	nulls[at] = false;
	if (row->line)
	{
		values[HELD_LINE] = PointerGetDatum(cstring_to_text_with_len(row->line, row->linelen));
		nulls[HELD_LINE] = false;
	}
	if (row->key && !discarded)
	{
		values[HELD_ORDERING_HASH] = Int64GetDatum(row->key->hash);
		values[HELD_ORDERING_KEY] = CStringGetTextDatum(row->key->text);
		nulls[HELD_ORDERING_HASH] = nulls[HELD_ORDERING_KEY] = false;
	}
	if (row->witness != WITNESS_NONE)
	{
		values[HELD_WITNESS] = CStringGetTextDatum(row->witness == WITNESS_PART ? QUARANTINE_PART : QUARANTINE_WHOLE);
		nulls[HELD_WITNESS] = false;
	}
	append_row(a, QUARANTINE_COLUMNS, values, nulls);
	pfree(DatumGetPointer(payload));
	if (row->line)
		pfree(DatumGetPointer(values[HELD_LINE]));
	pfree(DatumGetPointer(state));
	if (discarded)
	{
		pfree(DatumGetPointer(values[HELD_CHANGED_BY]));
		pfree(DatumGetPointer(values[HELD_WHY]));
	}
}

/* See the header. */
void
quarantine_append(Appender *a, int64 id, Oid relid, const StoreRow *row,
				  int64 load, int64 error, int64 position, bool bulk)
{
	append(a, id, relid, row, false, load, error, position, bulk);
}

/* See the header. Like every discarded row it belongs to no table. */
void
quarantine_append_discarded(Appender *a, int64 id, const StoreRow *row,
							int64 load, int64 entry, int64 position)
{
	append(a, id, InvalidOid, row, true, load, entry, position, false);
}

/* Does the row stay held? */
static inline bool
is_held(const StoreRow *row)
{
	return !row->stored && !row->discarded;
}

/*
 * The reason whose rows of this batch are held in bulk, 0 when there is none:
 * the one that more than half of them have. If there is one, it is what is
 * left when each cancels one of another.
 */
static int64
bulk_of_batch(const QuarantineWriter *w, const int64 *errors, int64 n)
{
	int64		most = 0;
	int64		left = 0;
	int64		count = 0;

	if (n < BULK_ROWS)
		return 0;
	for (int64 i = 0; i < n; i++)
	{
		if (left == 0)
			most = errors[i];
		left += errors[i] == most ? 1 : -1;
	}
	for (int64 i = 0; i < n; i++)
		count += errors[i] == most;
	return count >= BULK_ROWS && count > n / 2 &&
		(w->bulk_error == 0 || w->bulk_error == most) ? most : 0;
}

/* See the header. The ids of a batch are taken together. */
int64
quarantine_hold(QuarantineWriter *w, const StoreRow *rows, const int64 *positions,
				int n)
{
	MemoryContext old = MemoryContextSwitchTo(w->cxt);
	int64	   *errors = palloc(sizeof(int64) * n);
	int64		held = 0;
	int64		bulk;
	int64		id;
	Appender   *a;

	for (int i = 0; i < n; i++)
		if (is_held(&rows[i]))
			errors[held++] = reasons_note(w->reasons, &rows[i], positions[i]);
	if (held == 0)
	{
		MemoryContextSwitchTo(old);
		return 0;
	}
	bulk = bulk_of_batch(w, errors, held);
	id = append_take_ids("quarantine_id_seq", held);
	a = append_open("quarantine");
	held = 0;
	for (int i = 0; i < n; i++)
	{
		int64		error;

		CHECK_FOR_INTERRUPTS();
		if (!is_held(&rows[i]))
			continue;
		error = errors[held++];
		if (error == bulk)
		{
			if (w->bulk_error == 0)
				w->first_bulk = id;
			w->bulk_error = error;
			w->last_bulk = id;
		}
		quarantine_append(a, id++, w->relid, &rows[i], w->load, error,
						  positions[i], error == bulk);
	}
	append_close(a);
	pfree(errors);
	MemoryContextSwitchTo(old);
	return held;
}

const char *
quarantine_first_reason(const QuarantineWriter *w, int64 *position)
{
	return reasons_first(w->reasons, position);
}

char *
quarantine_reasons(const QuarantineWriter *w, int max)
{
	return reasons_list(w->reasons, max);
}

void
quarantine_errors(const QuarantineWriter *w, int64 *first, int64 *last)
{
	reasons_ids(w->reasons, first, last);
}

/* See the header. */
void
quarantine_end(QuarantineWriter *w)
{
	MemoryContext old = MemoryContextSwitchTo(w->cxt);

	if (w->bulk_error)
		reasons_bulk(w->reasons, w->bulk_error, w->first_bulk, w->last_bulk);
	reasons_write(w->reasons);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(w->cxt);
}
