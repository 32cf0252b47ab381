/*
 * quarantine.c
 *	  Rows that did not fit, kept with their reason.
 *
 * Holding is on the producer's path and appends tuples without SQL; it costs
 * him no privilege and about what storing the row would have cost. The way
 * back is held.c's.
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/quarantine.h"
#include "observe/reasons.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define QUARANTINE_COLUMNS 12

struct QuarantineWriter
{
	MemoryContext cxt;
	Oid			relid;
	int64		load;
	Reasons    *reasons;
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

/* Write one held row. */
void
quarantine_append(Appender *a, Oid sequence, Oid relid, const StoreRow *row,
				  int64 load, int64 error, int64 position)
{
	Datum		values[QUARANTINE_COLUMNS] = {0};
	bool		nulls[QUARANTINE_COLUMNS];
	Datum		payload = PointerGetDatum(cstring_to_text_with_len(row->bytes, row->len));
	Datum		state = CStringGetTextDatum("held");

	memset(nulls, true, sizeof(nulls));
	values[0] = Int64GetDatum(nextval_internal(sequence, false));
	values[1] = ObjectIdGetDatum(relid);
	/* text and bytea look alike in storage */
	values[row->bad_encoding ? 3 : 2] = payload;
	values[4] = state;
	values[5] = Int64GetDatum(load);
	values[6] = Int64GetDatum(error);
	values[7] = Int64GetDatum(position);
	nulls[0] = nulls[1] = nulls[4] = nulls[5] = nulls[6] = nulls[7] = false;
	nulls[row->bad_encoding ? 3 : 2] = false;
	append_row(a, QUARANTINE_COLUMNS, values, nulls);
	pfree(DatumGetPointer(payload));
	pfree(DatumGetPointer(state));
}

/* See the header. */
int64
quarantine_hold(QuarantineWriter *w, const StoreRow *rows, const int64 *positions,
				int n)
{
	MemoryContext old = MemoryContextSwitchTo(w->cxt);
	Oid			sequence = append_relation("quarantine_id_seq");
	Appender   *a = append_open("quarantine");
	int64		held = 0;

	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (rows[i].stored)
			continue;
		quarantine_append(a, sequence, w->relid, &rows[i], w->load,
						  reasons_note(w->reasons, &rows[i], positions[i]),
						  positions[i]);
		held++;
	}
	append_close(a);
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

	reasons_write(w->reasons);
	MemoryContextSwitchTo(old);
	MemoryContextDelete(w->cxt);
}
