/*
 * discards.c
 *	  What a contract has taken away from a load.
 *
 * A load in which every row has a key too many comes here for each, so entries
 * are found by the one that followed last time; the hash is for the rest. As
 * with the reasons of held rows, keys past a limit are not told apart.
 */
#include "postgres.h"

#include "base/spi.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/capture.h"
#include "observe/contract.h"
#include "observe/discards.h"
#include "observe/quarantine.h"
#include "record/audit.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Entries of one load that are kept apart; those that the audit lists. */
#define DISCARDS_MAX 1000
#define DISCARDS_TOLD 100

/* Ranges of ids that the audit lists. */
#define DISCARDS_RANGES 100

struct Discard
{
	int64		id;				/* 0: not taken yet */
	bool		row;
	bool		alike;			/* the table computes it by itself */
	FitClass	class;
	char	   *column;
	char	   *message;
	int64		rows;
	int64		first;			/* positions; 0 = not known */
	int64		last;
	struct Discard *follow;		/* was asked for next, last time */
	struct Discard *same_hash;
	struct Discard *next;		/* in order of first sight */
};

typedef struct DiscardSlot
{
	uint64		hash;			/* key */
	Discard    *first;
} DiscardSlot;

struct Discards
{
	MemoryContext cxt;
	Oid			relid;
	HTAB	   *slots;
	int			n;
	Discard    *head;
	Discard    *tail;
	Discard    *last;			/* that was asked for */
	int64		values;
	int64		rows;
	int64		alike;
	int			nranges;		/* of ids in selfheal.quarantine */
	int64		ranges[DISCARDS_RANGES][2];
};

/* See the header. */
Discards *
discards_begin(Oid relid)
{
	MemoryContext cxt = AllocSetContextCreate(CurrentMemoryContext,
											  "selfheal discards",
											  ALLOCSET_DEFAULT_SIZES);
	Discards   *d = MemoryContextAllocZero(cxt, sizeof(Discards));
	HASHCTL		ctl = {0};

	d->cxt = cxt;
	d->relid = relid;
	ctl.keysize = sizeof(uint64);
	ctl.entrysize = sizeof(DiscardSlot);
	ctl.hcxt = cxt;
	d->slots = hash_create("selfheal discards", 64, &ctl,
						   HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	return d;
}

static bool
is_entry(const Discard *e, bool row, bool alike, FitClass class, const char *column)
{
	return e->row == row && e->alike == alike && e->class == class &&
		(e->column == column ||
		 (e->column && column && strcmp(e->column, column) == 0));
}

static Discard *
add_entry(Discards *d, bool row, bool alike, const Misfit *misfit, const char *column)
{
	MemoryContext old = MemoryContextSwitchTo(d->cxt);
	Discard    *e = palloc0(sizeof(Discard));
	Misfit		words = *misfit;

	if (!alike)
		fit_words(&words);		/* what the table computes alike is no misfit */
	e->row = row;
	e->alike = alike;
	e->class = misfit->class;
	e->column = column ? pstrdup(column) : NULL;
	e->message = words.message ? pstrdup(words.message) : NULL;
	if (d->tail)
		d->tail->next = e;
	else
		d->head = e;
	d->tail = e;
	d->n++;
	MemoryContextSwitchTo(old);
	return e;
}

/* By the hash, made when it is not there. */
static Discard *
look_up(Discards *d, bool row, bool alike, const Misfit *misfit)
{
	const char *column = misfit->column;
	uint64		hash;
	DiscardSlot *slot;
	Discard    *e;
	bool		found;

	for (;;)
	{
		hash = column ? hash_bytes_extended((const unsigned char *) column,
											strlen(column), misfit->class)
			: (uint64) misfit->class;
		hash ^= row + 2 * alike;
		slot = hash_search(d->slots, &hash, HASH_FIND, NULL);
		for (e = slot ? slot->first : NULL; e; e = e->same_hash)
			if (is_entry(e, row, alike, misfit->class, column))
				return e;
		if (column == NULL || d->n < DISCARDS_MAX)
			break;
		column = NULL;
	}
	e = add_entry(d, row, alike, misfit, column);
	slot = hash_search(d->slots, &hash, HASH_ENTER, &found);
	e->same_hash = found ? slot->first : NULL;
	slot->first = e;
	return e;
}

/* The entry, which mostly is the one that followed last time. */
static Discard *
find(Discards *d, bool row, bool alike, const Misfit *misfit)
{
	Discard    *e = d->last ? d->last->follow : NULL;

	if (e == NULL || !is_entry(e, row, alike, misfit->class, misfit->column))
	{
		e = look_up(d, row, alike, misfit);
		if (d->last)
			d->last->follow = e;
	}
	d->last = e;
	return e;
}

/* See the header. */
Discard *
discards_find(Discards *d, bool row, const Misfit *misfit)
{
	return find(d, row, false, misfit);
}

/* See the header. */
Discard *
discards_find_alike(Discards *d, const Misfit *misfit)
{
	return find(d, false, true, misfit);
}

/* One row more of an entry. */
static void
count(Discard *e, int64 position)
{
	e->rows++;
	if (position == 0)
		return;
	if (e->first == 0)
		e->first = position;
	e->last = position;
}

/* See the header. */
void
discards_count(Discards *d, const StoreRow *rows, const int64 *positions, int n)
{
	for (int i = 0; i < n; i++)
	{
		if (!rows[i].stored)
			continue;
		for (int j = 0; j < rows[i].nleft; j++)
		{
			count(rows[i].left[j], positions ? positions[i] : 0);
			if (rows[i].left[j]->alike)
				d->alike++;
			else
				d->values++;
		}
	}
}

/* The entry of a row that was discarded, with its number. */
static Discard *
entry_of(Discards *d, const StoreRow *row)
{
	Discard    *e = discards_find(d, true, &row->misfits[0]);

	if (e->id == 0)
		e->id = capture_next_id();
	return e;
}

/* These ids of selfheal.quarantine are of discarded rows. */
static void
note_ids(Discards *d, int64 first, int64 last)
{
	if (d->nranges > 0 && d->ranges[d->nranges - 1][1] + 1 == first)
		d->ranges[d->nranges - 1][1] = last;
	else if (d->nranges < DISCARDS_RANGES)
	{
		d->ranges[d->nranges][0] = first;
		d->ranges[d->nranges++][1] = last;
	}
}

/* See the header. */
int64
discards_keep(Discards *d, const StoreRow *rows, const int64 *positions, int n,
			  int64 load)
{
	int64		kept = 0;
	int64		id;
	Appender   *a;

	for (int i = 0; i < n; i++)
		kept += rows[i].discarded;
	if (kept == 0)
		return 0;
	id = append_take_ids("quarantine_id_seq", kept);
	note_ids(d, id, id + kept - 1);
	a = append_open("quarantine");
	for (int i = 0; i < n; i++)
	{
		Discard    *e;

		CHECK_FOR_INTERRUPTS();
		if (!rows[i].discarded)
			continue;
		e = entry_of(d, &rows[i]);
		count(e, positions[i]);
		quarantine_append_discarded(a, id++, &rows[i], load, e->id, positions[i]);
	}
	append_close(a);
	d->rows += kept;
	return kept;
}

/* See the header. */
bool
discards_held(Discards *d, HeldRow *rows, int n)
{
	int64	   *ids;
	int64	   *entries;
	SpiUser		saved;
	SpiArgs		args;

	if (held_lock(rows, n) < n)
		return false;
	ids = palloc(sizeof(int64) * n);
	entries = palloc(sizeof(int64) * n);
	for (int i = 0; i < n; i++)
	{
		Discard    *e = entry_of(d, &rows[i].row);

		count(e, 0);
		ids[i] = rows[i].id;
		entries[i] = e->id;
		note_ids(d, ids[i], ids[i]);
	}
	d->rows += n;
	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_relid(&args, d->relid);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_int8_array(&args, entries, n);
	spi_arg_text(&args, QUARANTINE_BY_CONTRACT);
	if (spi_exec("UPDATE selfheal.quarantine q SET state = 'discarded', relid = 0, error = c.entry, bulk = false,"
				 " changed_by = $4, changed_at = clock_timestamp(), why = 'the contract of its table'"
				 " FROM unnest($2, $3) AS c(id, entry) WHERE q.relid = $1 AND q.id = c.id AND q.state = 'held'",
				 &args) != (uint64) n)
		elog(ERROR, "held rows vanished under their locks");
	spi_close(&saved);
	return true;
}

int64
discards_values(const Discards *d)
{
	return d ? d->values : 0;
}

/* See the header. */
char *
discards_reasons(const Discards *d, int max)
{
	StringInfoData list;

	initStringInfo(&list);
	for (const Discard *e = d->head; e && max > 0; e = e->next)
	{
		if (!e->row || e->rows == 0)
			continue;
		appendStringInfo(&list, "%sRow " INT64_FORMAT ": %s, discarded by contract (rows with it: " INT64_FORMAT ").",
						 list.len > 0 ? "\n" : "", e->first, e->message, e->rows);
		max--;
	}
	return list.data;
}

/* ---- telling ---- */

/* "3 values and 2 rows", or one of them. */
static char *
counts(int64 values, int64 rows)
{
	char	   *v = psprintf(INT64_FORMAT " value%s", values, values == 1 ? "" : "s");
	char	   *r = psprintf(INT64_FORMAT " row%s", rows, rows == 1 ? "" : "s");

	return values == 0 ? r : rows == 0 ? v : psprintf("%s and %s", v, r);
}

/* See the header. */
void
discards_notice(Oid relid, int64 values, int64 rows)
{
	if (values + rows == 0)
		return;
	ereport(NOTICE,
			(errmsg("selfheal: %s discarded by the contract of %s", counts(values, rows),
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
											   get_rel_name(relid))),
			 errhint("See the view selfheal.discarded%s.",
					 rows > 0 ? ", and for the rows themselves selfheal.quarantined" : "")));
}

/* One row of selfheal.discard. */
static void
write_entry(Appender *a, Oid relid, const Discard *e, int64 load, const char *door)
{
	Datum		values[15] = {0};
	bool		nulls[15] = {0};

	values[0] = Int64GetDatum(e->id);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	values[2] = ObjectIdGetDatum(relid);
	values[3] = CStringGetTextDatum(get_namespace_name(get_rel_namespace(relid)));
	values[4] = CStringGetTextDatum(get_rel_name(relid));
	values[5] = CStringGetTextDatum(door);
	values[6] = Int64GetDatum(load);
	values[7] = CStringGetTextDatum(e->row ? "row" : "value");
	values[8] = CStringGetTextDatum(fit_class_name(e->class));
	nulls[9] = e->column == NULL;
	if (e->column)
		values[9] = CStringGetTextDatum(e->column);
	nulls[10] = e->message == NULL;
	if (e->message)
		values[10] = CStringGetTextDatum(e->message);
	values[11] = Int64GetDatum(e->rows);
	values[12] = Int64GetDatum(e->first);
	values[13] = Int64GetDatum(e->last);
	nulls[12] = nulls[13] = e->first == 0;
	values[14] = CStringGetTextDatum(GetUserNameFromId(GetUserId(), false));
	append_row(a, 15, values, nulls);
}

static Jsonb *
parsed(const StringInfoData *json)
{
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(json->data)));
}

/*
 * What was discarded, as the audit's packet:
 * {"load", "discarded": [{"what": "value" | "row", "class", "column", "rows",
 *  "first", "last"}]}, at most DISCARDS_TOLD of them; of what the table computes
 * alike {"load", "computed": [...]}.
 */
static Jsonb *
packet(const Discards *d, int64 load, bool alike)
{
	StringInfoData json;
	int			n = 0;

	initStringInfo(&json);
	appendStringInfo(&json, "{\"load\": " INT64_FORMAT ", \"%s\": [", load,
					 alike ? "computed" : "discarded");
	for (const Discard *e = d->head; e && n < DISCARDS_TOLD; e = e->next)
	{
		if (e->rows == 0 || e->alike != alike)
			continue;
		appendStringInfo(&json, "%s{\"what\": \"%s\", \"class\": \"%s\", \"column\": ",
						 n++ > 0 ? ", " : "", e->row ? "row" : "value",
						 fit_class_name(e->class));
		if (e->column)
			escape_json(&json, e->column);
		else
			appendStringInfoString(&json, "null");
		appendStringInfo(&json, ", \"rows\": " INT64_FORMAT, e->rows);
		if (e->first > 0)
			appendStringInfo(&json, ", \"first\": " INT64_FORMAT ", \"last\": " INT64_FORMAT,
							 e->first, e->last);
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoString(&json, "]}");
	return parsed(&json);
}

/* The discarded rows: {"ids": [[first,last],...], "rows"}. Their bytes stay
 * in selfheal.quarantine. */
static Jsonb *
payload_ref(const Discards *d)
{
	StringInfoData json;

	if (d->rows == 0)
		return NULL;
	initStringInfo(&json);
	appendStringInfoString(&json, "{\"ids\": [");
	for (int i = 0; i < d->nranges; i++)
		appendStringInfo(&json, "%s[" INT64_FORMAT ", " INT64_FORMAT "]", i ? ", " : "",
						 d->ranges[i][0], d->ranges[i][1]);
	appendStringInfo(&json, "], \"rows\": " INT64_FORMAT "}", d->rows);
	return parsed(&json);
}

/* See the header. */
void
discards_write(Discards *d, int64 load, const char *door)
{
	AuditEntry	entry;
	Appender   *a;

	if (d != NULL && d->alike > 0)
	{
		audit_entry(&entry, "discarded");
		entry.relid = d->relid;
		entry.policy = "computed";
		entry.packet = packet(d, load, true);
		entry.result = psprintf(INT64_FORMAT " value%s that the table computes alike", d->alike,
								d->alike == 1 ? "" : "s");
		audit_write(&entry);
	}
	if (d == NULL || d->values + d->rows == 0)
		return;
	a = append_open("discard");
	for (Discard *e = d->head; e; e = e->next)
	{
		if (e->rows == 0 || e->alike)
			continue;
		if (e->id == 0)
			e->id = capture_next_id();
		write_entry(a, d->relid, e, load, door);
	}
	append_close(a);
	audit_entry(&entry, "discarded");
	entry.relid = d->relid;
	entry.policy = "contract";
	entry.payload_ref = payload_ref(d);
	entry.packet = packet(d, load, false);
	entry.result = psprintf("%s discarded by contract", counts(d->values, d->rows));
	audit_write(&entry);
}
