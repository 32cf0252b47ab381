/*
 * sampling.c
 *	  A few held payloads that show what the others look like.
 *
 * Two passes: which keys there are is known before the first payload is
 * masked (mask.h).
 */
#include "postgres.h"

#include "common/hashfn.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "orient/sampling.h"
#include "read/json.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

typedef struct ShapeEntry
{
	uint64		hash;			/* the key */
	SampledPayload *payload;	/* NULL: there were max before it */
} ShapeEntry;

/* The bytes that are told of a row; false: it lacks the key. */
static bool
part_of(JsonScanner *scanner, const HeldRow *row, const char *key, const char **bytes, int *len)
{
	const JsonDoc *doc;

	*bytes = row->row.bytes;
	*len = row->row.len;
	if (key == NULL)
		return true;
	doc = json_scan(scanner, row->row.bytes, row->row.len);
	for (int i = 0; i < doc->nfields; i++)
		if (doc->fields[i].keylen == (int) strlen(key) &&
			memcmp(doc->fields[i].key, key, doc->fields[i].keylen) == 0)
		{
			*bytes = doc->fields[i].raw;
			*len = doc->fields[i].rawlen;
			return true;
		}
	return false;
}

/* See the header. */
Sampling *
sampling_read(Oid relid, int64 incident, ShareValues share, MaskNames *names,
			  const char *key, int64 after, int max, int max_bytes)
{
	Sampling   *s = palloc0(sizeof(Sampling));
	MemoryContext cxt = CurrentMemoryContext;
	MemoryContext tmp = AllocSetContextCreate(cxt, "selfheal sampling", ALLOCSET_DEFAULT_SIZES);
	MemoryContext row = AllocSetContextCreate(cxt, "selfheal sampled row", ALLOCSET_DEFAULT_SIZES);
	HASHCTL		ctl = {.keysize = sizeof(uint64),.entrysize = sizeof(ShapeEntry),.hcxt = tmp};
	HTAB	   *shapes = hash_create("selfheal shapes", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	JsonScanner *scanner;
	HeldRow    *rows;
	const char *bytes;
	int			len;
	int			n;

	MemoryContextSwitchTo(tmp);
	scanner = json_scanner(tmp);
	rows = held_of_incident(incident, SAMPLING_ROWS, &n);
	/* of a table that is gone there are no others: those of all such tables */
	if (n == 0 && OidIsValid(relid))
	{
		HeldBatch	batch;

		held_fetch(relid, NULL, 0, 0, SAMPLING_ROWS, false, &batch);
		rows = batch.rows;
		n = batch.n;
	}
	for (int i = 0; i < n; i++)
		if (!rows[i].row.bad_encoding && part_of(scanner, &rows[i], key, &bytes, &len))
			mask_note_keys(names, bytes, len);
	for (int i = 0; i < n; i++)
	{
		uint64		hash;
		bool		found;
		ShapeEntry *e;
		char	   *shape;

		CHECK_FOR_INTERRUPTS();
		if (rows[i].id <= after || !part_of(scanner, &rows[i], key, &bytes, &len))
			continue;
		s->looked_at++;
		MemoryContextReset(row);
		MemoryContextSwitchTo(row);
		shape = mask_shape(names, bytes, len);
		hash = hash_bytes_extended((const unsigned char *) shape, strlen(shape), 0);
		MemoryContextSwitchTo(cxt);
		e = hash_search(shapes, &hash, HASH_ENTER, &found);
		if (!found)
		{
			e->payload = NULL;
			s->shapes++;
			if (list_length(s->payloads) < max)
			{
				e->payload = palloc0(sizeof(SampledPayload));
				e->payload->id = rows[i].id;
				e->payload->text = mask_payload(share, names, bytes, len, max_bytes);
				s->payloads = lappend(s->payloads, e->payload);
			}
		}
		if (e->payload)
			e->payload->rows++;
	}
	MemoryContextSwitchTo(cxt);
	json_scanner_free(scanner);
	MemoryContextDelete(row);
	MemoryContextDelete(tmp);
	return s;
}
