/*
 * held.c
 *	  Held rows on their way back.
 *
 * This is the worker's side of the quarantine, plain SQL in its transaction.
 * A row that is stored leaves the table: a DELETE costs a tenth of an UPDATE,
 * and what was stored stands in selfheal.replayed as id ranges and a hash.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/spi.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/reasons.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define FETCH_BYTES (8 * 1024 * 1024)
#define FETCH_AT_ONCE 200
#define REF_RANGES 100

/* The query of held_fetch. */
static const char *
fetch_sql(bool of_incidents, bool lock)
{
	if (of_incidents)
		return lock ?
			"SELECT q.id, q.load, q.error, q.payload, q.payload_raw"
			" FROM selfheal.quarantine q"
			" WHERE q.relid = $1 AND q.state = 'held' AND q.id > $2"
			" AND EXISTS (SELECT 1 FROM selfheal.error e"
			" WHERE e.id = q.error AND e.incident = ANY ($4))"
			" ORDER BY q.id LIMIT $3 FOR UPDATE OF q SKIP LOCKED" :
			"SELECT q.id, q.load, q.error, q.payload, q.payload_raw"
			" FROM selfheal.quarantine q"
			" WHERE q.relid = $1 AND q.state = 'held' AND q.id > $2"
			" AND EXISTS (SELECT 1 FROM selfheal.error e"
			" WHERE e.id = q.error AND e.incident = ANY ($4))"
			" ORDER BY q.id LIMIT $3";
	return lock ?
		"SELECT q.id, q.load, q.error, q.payload, q.payload_raw"
		" FROM selfheal.quarantine q"
		" WHERE q.relid = $1 AND q.state = 'held' AND q.id > $2"
		" ORDER BY q.id LIMIT $3 FOR UPDATE OF q SKIP LOCKED" :
		"SELECT q.id, q.load, q.error, q.payload, q.payload_raw"
		" FROM selfheal.quarantine q"
		" WHERE q.relid = $1 AND q.state = 'held' AND q.id > $2"
		" ORDER BY q.id LIMIT $3";
}

/* One row of the fetch, its bytes copied to cxt. */
static void
read_held(HeldRow *out, uint64 row, MemoryContext cxt)
{
	bool		isnull;
	Datum		payload;
	struct varlena *bytes;
	char	   *copy;

	memset(out, 0, sizeof(HeldRow));
	out->id = spi_get_int8(row, 1, NULL);
	out->load = spi_get_int8(row, 2, NULL);
	out->error = spi_get_int8(row, 3, NULL);
	payload = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 4, &isnull);
	if (isnull)
	{
		payload = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, 5, &isnull);
		out->row.bad_encoding = true;
	}
	if (isnull)
		elog(ERROR, "held row " INT64_FORMAT " has no payload", out->id);
	bytes = PG_DETOAST_DATUM_PACKED(payload);
	out->row.len = VARSIZE_ANY_EXHDR(bytes);
	copy = MemoryContextAlloc(cxt, out->row.len + 1);
	memcpy(copy, VARDATA_ANY(bytes), out->row.len);
	copy[out->row.len] = '\0';
	out->row.bytes = copy;
	if ((Pointer) bytes != DatumGetPointer(payload))
		pfree(bytes);
}

/*
 * See the header. Rows come through a cursor, and large payloads are read from
 * their TOAST table one at a time, so that the limit of bytes holds whatever
 * the limit of rows is.
 */
HeldRow *
held_fetch(Oid relid, const int64 *incidents, int nincidents, int64 after,
		   int limit, bool lock, int *n)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Portal		portal;
	HeldRow    *rows = NULL;
	int			max = 0;
	Size		bytes = 0;

	*n = 0;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, after);
	spi_arg_int8(&args, limit);
	if (nincidents > 0)
		spi_arg_int8_array(&args, incidents, nincidents);
	portal = SPI_cursor_open_with_args(NULL, fetch_sql(nincidents > 0, lock),
									   args.n, args.types, args.values, args.nulls,
									   false, 0);
	for (;;)
	{
		SPI_cursor_fetch(portal, true, FETCH_AT_ONCE);
		if (SPI_processed == 0)
			break;
		for (uint64 i = 0; i < SPI_processed && bytes < FETCH_BYTES; i++)
		{
			if (*n == max)
			{
				max = Max(FETCH_AT_ONCE, max * 2);
				if (rows)
					rows = repalloc_huge(rows, sizeof(HeldRow) * max);
				else
					rows = MemoryContextAllocHuge(cxt, sizeof(HeldRow) * max);
			}
			read_held(&rows[*n], i, cxt);
			bytes += rows[*n].row.len;
			(*n)++;
		}
		SPI_freetuptable(SPI_tuptable);
		if (bytes >= FETCH_BYTES)
			break;
	}
	SPI_cursor_close(portal);
	spi_close(&saved);
	if (rows == NULL)
		rows = MemoryContextAlloc(cxt, sizeof(HeldRow));
	return rows;
}

static int
by_id(const void *a, const void *b)
{
	const HeldRow *x = *(HeldRow *const *) a;
	const HeldRow *y = *(HeldRow *const *) b;

	return x->id < y->id ? -1 : x->id > y->id ? 1 : 0;
}

/* Pointers to the rows, in order of id. */
static const HeldRow **
sorted(const HeldRow *rows, int n)
{
	const HeldRow **order = palloc(sizeof(HeldRow *) * Max(n, 1));

	for (int i = 0; i < n; i++)
		order[i] = &rows[i];
	qsort(order, n, sizeof(HeldRow *), by_id);
	return order;
}

static int64 *
ids_of(const HeldRow *rows, int n)
{
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));

	for (int i = 0; i < n; i++)
		ids[i] = rows[i].id;
	return ids;
}

/* sha256 in hex over the payloads in order, each followed by a line feed. */
static char *
payload_hash(const HeldRow **order, int n)
{
	pg_cryptohash_ctx *ctx = pg_cryptohash_create(PG_SHA256);
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char	   *hex = palloc(PG_SHA256_DIGEST_LENGTH * 2 + 1);
	bool		ok = ctx != NULL && pg_cryptohash_init(ctx) >= 0;

	for (int i = 0; ok && i < n; i++)
		ok = pg_cryptohash_update(ctx, (const uint8 *) order[i]->row.bytes,
								  order[i]->row.len) >= 0 &&
			pg_cryptohash_update(ctx, (const uint8 *) "\n", 1) >= 0;
	if (!ok || pg_cryptohash_final(ctx, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not compute sha256");
	pg_cryptohash_free(ctx);
	hex_encode((const char *) digest, sizeof(digest), hex);
	hex[PG_SHA256_DIGEST_LENGTH * 2] = '\0';
	return hex;
}

/* See the header. That every row was there is checked: exactly once means
 * that a row somebody else has taken may not be stored by us as well. */
void
held_replayed(Oid relid, const HeldRow *rows, int n, int64 plan,
			  const char *role)
{
	SpiUser		saved;
	SpiArgs		args;
	int64	   *ids = ids_of(rows, n);
	int64		first = PG_INT64_MAX;
	int64		last = PG_INT64_MIN;

	if (n == 0)
		return;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8_array(&args, ids, n);
	for (int i = 0; i < n; i++)
	{
		first = Min(first, ids[i]);
		last = Max(last, ids[i]);
	}
	spi_arg_int8(&args, first);
	spi_arg_int8(&args, last);

	/* the range gives the planner an index to go by, analyzed or not */
	spi_arg_relid(&args, relid);
	if (spi_exec("DELETE FROM selfheal.quarantine WHERE relid = $4"
				 " AND id BETWEEN $2 AND $3 AND id = ANY ($1) AND state = 'held'",
				 &args) != (uint64) n)
		elog(ERROR, "held rows vanished while they were replayed");

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, get_namespace_name(get_rel_namespace(relid)));
	spi_arg_text(&args, get_rel_name(relid));
	if (plan)
		spi_arg_int8(&args, plan);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_text(&args, role);
	spi_arg_int8(&args, n);
	spi_arg_int8_array(&args, ids, n);
	spi_arg_text(&args, payload_hash(sorted(rows, n), n));
	spi_exec("INSERT INTO selfheal.replayed"
			 " (relid, schema_name, table_name, plan, role, rows, ids, sha256)"
			 " SELECT $1, $2, $3, $4, $5, $6, range_agg(int8range(i, i, '[]')), $8"
			 " FROM unnest($7) AS i", &args);
	spi_close(&saved);
}

/* Class and column of the errors that rows point at, by row. */
typedef struct OldReason
{
	FitClass	class;
	char	   *column;
	bool		known;
} OldReason;

static OldReason *
old_reasons(const HeldRow *rows, int n)
{
	MemoryContext cxt = CurrentMemoryContext;
	OldReason  *old = palloc0(sizeof(OldReason) * n);
	int64	   *errors = palloc(sizeof(int64) * n);
	SpiArgs		args;

	for (int i = 0; i < n; i++)
		errors[i] = rows[i].error;
	spi_args(&args);
	spi_arg_int8_array(&args, errors, n);
	spi_exec("SELECT w.n, e.class, e.column_name"
			 " FROM unnest($1) WITH ORDINALITY AS w(id, n)"
			 " JOIN selfheal.error e ON e.id = w.id", &args);
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		OldReason  *o = &old[spi_get_int8(i, 1, NULL) - 1];
		char	   *class = spi_get_text(i, 2, cxt);

		o->known = class != NULL;
		o->class = class ? fit_class_from_name(class) : FIT_OTHER;
		o->column = spi_get_text(i, 3, cxt);
	}
	return old;
}

/* See the header. Error rows are made anew: an incident that was healed does
 * not get more rows behind its back. */
int64
held_rehold(Oid relid, HeldRow *rows, int n)
{
	SpiUser		saved;
	SpiArgs		args;
	OldReason  *old;
	Reasons    *reasons;
	int64	   *ids = palloc(sizeof(int64) * Max(n, 1));
	int64	   *errors = palloc(sizeof(int64) * Max(n, 1));
	int64		load = n > 0 ? rows[0].load : 0;
	int			changed = 0;

	if (n == 0)
		return 0;
	for (int i = 1; i < n; i++)
		if (rows[i].load != load)
			load = 0;
	reasons = reasons_begin(relid, load, "replay");

	spi_open(&saved);
	old = old_reasons(rows, n);
	for (int i = 0; i < n; i++)
	{
		const Misfit *now = rows[i].row.misfits;

		if (rows[i].row.stored || rows[i].row.nmisfits == 0 ||
			(old[i].known && old[i].class == now->class &&
			 (old[i].column == now->column ||
			  (old[i].column && now->column &&
			   strcmp(old[i].column, now->column) == 0))))
			continue;
		ids[changed] = rows[i].id;
		rows[i].error = errors[changed] = reasons_note(reasons, &rows[i].row, 0);
		changed++;
	}
	if (changed > 0)
	{
		spi_args(&args);
		spi_arg_int8_array(&args, ids, changed);
		spi_arg_int8_array(&args, errors, changed);
		spi_arg_relid(&args, relid);
		spi_exec("UPDATE selfheal.quarantine q SET error = c.error, bulk = false"
				 " FROM unnest($1, $2) AS c(id, error)"
				 " WHERE q.relid = $3 AND q.id = c.id AND q.state = 'held'", &args);
	}
	spi_close(&saved);
	reasons_write(reasons);
	return changed;
}

/* See the header. */
HeldRow *
held_of_incident(int64 incident, int limit, int *n)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	HeldRow    *rows;
	Size		bytes = 0;

	spi_open(&saved);
	spi_set_local("enable_seqscan", "off");
	spi_args(&args);
	spi_arg_int8(&args, incident);
	spi_arg_int8(&args, limit);
	/* sizes first: a thousand documents may be more than memory */
	spi_exec("SELECT q.id, q.load, q.error, q.payload, q.payload_raw FROM"
			 " (SELECT h.*, sum(octet_length(coalesce(h.payload, '')) + octet_length(coalesce(h.payload_raw, '')))"
			 "   OVER (ORDER BY h.id) AS bytes"
			 "  FROM (SELECT * FROM selfheal.held WHERE incident = $1 LIMIT $2) h) q"
			 " WHERE q.bytes < 8388608 ORDER BY q.id", &args);
	*n = (int) SPI_processed;
	rows = MemoryContextAllocHuge(cxt, sizeof(HeldRow) * Max(*n, 1));
	for (int i = 0; i < *n && bytes < FETCH_BYTES; i++)
	{
		read_held(&rows[i], i, cxt);
		bytes += rows[i].row.len;
	}
	spi_close(&saved);
	return rows;
}

int64
held_count(Oid relid, const int64 *incidents, int nincidents)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		count;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (nincidents > 0)
	{
		/* by the incidents' errors: what others hold is not looked at */
		spi_set_local("enable_seqscan", "off");
		spi_arg_int8_array(&args, incidents, nincidents);
		/* OFFSET: not by way of all that the table holds */
		spi_exec("SELECT count(*) FROM (SELECT relid FROM selfheal.held"
				 " WHERE incident = ANY ($2) OFFSET 0) h WHERE h.relid = $1", &args);
	}
	else
		/* a row that was discarded belongs to no table any more */
		spi_exec("SELECT count(*) FROM selfheal.quarantine WHERE relid = $1", &args);
	count = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return count;
}

/* One number of the reference. */
static void
push_int8(JsonbParseState **state, JsonbIteratorToken token, int64 value)
{
	JsonbValue	v;

	v.type = jbvNumeric;
	v.val.numeric = int64_to_numeric(value);
	pushJsonbValue(state, token, &v);
}

static void
push_key(JsonbParseState **state, const char *key)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
}

/* See the header. */
Jsonb *
held_ref(const HeldRow *rows, int n)
{
	const HeldRow **order = sorted(rows, n);
	char	   *hash = payload_hash(order, n);
	JsonbParseState *state = NULL;
	JsonbValue	v;
	int			ranges = 0;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	push_key(&state, "ids");
	pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
	for (int i = 0; i < n && ranges < REF_RANGES; ranges++)
	{
		int			last = i;

		while (last + 1 < n && order[last + 1]->id == order[last]->id + 1)
			last++;
		pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		push_int8(&state, WJB_ELEM, order[i]->id);
		push_int8(&state, WJB_ELEM, order[last]->id);
		pushJsonbValue(&state, WJB_END_ARRAY, NULL);
		i = last + 1;
	}
	pushJsonbValue(&state, WJB_END_ARRAY, NULL);
	push_key(&state, "rows");
	push_int8(&state, WJB_VALUE, n);
	push_key(&state, "sha256");
	v.type = jbvString;
	v.val.string.val = hash;
	v.val.string.len = strlen(hash);
	pushJsonbValue(&state, WJB_VALUE, &v);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}
