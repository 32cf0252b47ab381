/*
 * chain.c
 *	  The hash chain over selfheal.audit: canonical text, hash, verification.
 *
 * What is hashed must come out the same after a dump and a restore, on
 * another machine, under any session setting, and from a script that knows
 * nothing of PostgreSQL. So the text is made here from the stored values and
 * not through output functions that read settings: times are microseconds
 * since 1970 in UTC, doubles have the shortest digits that give them back,
 * text is UTF-8 whatever the server's encoding. The length before each value
 * makes two different rows two different texts, whatever they contain.
 *
 * Parts go into the digest one by one; the text as a whole is never built.
 */
#include "postgres.h"

#include <limits.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/progress.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "common/shortest_dec.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "record/chain.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/pg_lsn.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(selfheal_verify_audit);
PG_FUNCTION_INFO_V1(selfheal_audit_double);

/* Rows that a cursor hands over at once. */
#define FETCH_ROWS 500

struct Chain
{
	pg_cryptohash_ctx *sha;
	MemoryContext row;			/* values of one row, reset for each */
};

/* What verify_audit has found so far; the fields of its result. */
typedef struct Proof
{
	int64		sealed;			/* rows that have a seq */
	int64		unsealed;
	int64		last;			/* seq of the last row in good order */
	char		head[CHAIN_HEX + 1];	/* its hash */
	int64		bad_seq;		/* 0 = none */
	const char *reason;
} Proof;

/*
 * Make a chain hasher in the current context. The digest belongs to the
 * current resource owner: an ERROR gives it back with the (sub)transaction.
 */
Chain *
chain_begin(void)
{
	Chain	   *chain = palloc(sizeof(Chain));

	chain->sha = pg_cryptohash_create(PG_SHA256);
	if (chain->sha == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OUT_OF_MEMORY),
				 errmsg("could not create a sha256 context")));
	chain->row = AllocSetContextCreate(CurrentMemoryContext,
									   "selfheal audit row",
									   ALLOCSET_DEFAULT_SIZES);
	return chain;
}

void
chain_end(Chain *chain)
{
	pg_cryptohash_free(chain->sha);
	MemoryContextDelete(chain->row);
	pfree(chain);
}

/* Give bytes to the digest; a failure here is OpenSSL's and unexpected. */
static void
absorb(Chain *chain, const char *bytes, size_t len)
{
	if (pg_cryptohash_update(chain->sha, (const uint8 *) bytes, len) < 0)
		elog(ERROR, "could not update sha256: %s",
			 pg_cryptohash_error(chain->sha));
}

/*
 * A stored text in UTF-8: as it is in a UTF8 database, and in SQL_ASCII,
 * where nobody knows what the bytes mean. A text that has no UTF-8 form is
 * taken as it is too: an ERROR would stop the sealing of all later rows.
 */
static const char *
to_utf8(const char *s, size_t *len)
{
	int			encoding = GetDatabaseEncoding();
	Oid			proc;
	size_t		room;
	char	   *utf8;

	if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII ||
		*len > (INT_MAX - 1) / MAX_CONVERSION_GROWTH)
		return s;
	proc = FindDefaultConversionProc(encoding, PG_UTF8);
	if (!OidIsValid(proc))
		return s;
	room = *len * MAX_CONVERSION_GROWTH + 1;
	utf8 = MemoryContextAllocHuge(CurrentMemoryContext, room);
	if (pg_do_encoding_conversion_buf(proc, encoding, PG_UTF8,
									  unconstify(unsigned char *, (const unsigned char *) s),
									  (int) *len, (unsigned char *) utf8,
									  (int) room, true) < (int) *len)
		return s;
	*len = strlen(utf8);
	return utf8;
}

/* Microseconds since 1970. The latest times that PostgreSQL knows are beyond
 * a signed 64-bit count from there, but not beyond an unsigned one. */
static char *
epoch_text(TimestampTz at)
{
	int64		offset = (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

	if (at > 0)
		return psprintf(UINT64_FORMAT, (uint64) at + (uint64) offset);
	return psprintf(INT64_FORMAT, at + offset);
}

/* The shortest digits that read back as the same double; what a setting of
 * extra_float_digits above 0 gives. */
static char *
double_text(double value)
{
	char	   *s = palloc(DOUBLE_SHORTEST_DECIMAL_LEN);

	double_to_shortest_decimal_buf(value, s);
	return s;
}

/* Canonical form of one value that is not null; its length goes to len. */
static const char *
value_text(Oid type, Datum value, size_t *len)
{
	const char *s;

	switch (type)
	{
		case INT8OID:
			s = psprintf(INT64_FORMAT, DatumGetInt64(value));
			break;
		case FLOAT8OID:
			s = double_text(DatumGetFloat8(value));
			break;
		case TIMESTAMPTZOID:
			s = epoch_text(DatumGetTimestampTz(value));
			break;
		case PG_LSNOID:
			s = psprintf("%X/%X", LSN_FORMAT_ARGS(DatumGetLSN(value)));
			break;
		case TEXTOID:
			{
				text	   *t = DatumGetTextPP(value);

				*len = VARSIZE_ANY_EXHDR(t);
				return to_utf8(VARDATA_ANY(t), len);
			}
		case JSONBOID:
			{
				Jsonb	   *jb = DatumGetJsonbP(value);

				s = JsonbToCString(NULL, &jb->root, VARSIZE(jb));
				*len = strlen(s);
				return to_utf8(s, len);
			}
		default:
			/* a domain, as event is */
			if (getBaseType(type) != type)
				return value_text(getBaseType(type), value, len);
			elog(ERROR, "selfheal.audit has a column of type %u", type);
	}
	*len = strlen(s);
	return s;
}

/* One column's part of the canonical text. */
static void
absorb_column(Chain *chain, const char *name, Oid type, Datum value, bool isnull)
{
	char		start[NAMEDATALEN + 32];
	const char *s;
	size_t		len;

	if (isnull)
	{
		snprintf(start, sizeof(start), "%s\t-\n", name);
		absorb(chain, start, strlen(start));
		return;
	}
	s = value_text(type, value, &len);
	snprintf(start, sizeof(start), "%s\t%zu\t", name, len);
	absorb(chain, start, strlen(start));
	absorb(chain, s, len);
	absorb(chain, "\n", 1);
}

void
chain_hash(Chain *chain, HeapTuple row, TupleDesc desc, int64 seq,
		   const char *prev, char *out)
{
	MemoryContext old;
	uint8		digest[PG_SHA256_DIGEST_LENGTH];
	char		start[CHAIN_HEX + 64];

	Assert(desc->natts >= CHAIN_NCOLUMNS);
	MemoryContextReset(chain->row);
	old = MemoryContextSwitchTo(chain->row);

	if (pg_cryptohash_init(chain->sha) < 0)
		elog(ERROR, "could not start sha256: %s",
			 pg_cryptohash_error(chain->sha));
	snprintf(start, sizeof(start), CHAIN_VERSION INT64_FORMAT "\n%s\n", seq, prev);
	absorb(chain, start, strlen(start));
	for (int i = 0; i < CHAIN_NCOLUMNS; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		isnull;
		Datum		value = heap_getattr(row, i + 1, desc, &isnull);

		absorb_column(chain, NameStr(att->attname), att->atttypid, value, isnull);
	}
	if (pg_cryptohash_final(chain->sha, digest, sizeof(digest)) < 0)
		elog(ERROR, "could not finish sha256: %s",
			 pg_cryptohash_error(chain->sha));
	hex_encode((const char *) digest, sizeof(digest), out);
	out[CHAIN_HEX] = '\0';

	MemoryContextSwitchTo(old);
}

/*
 * audit_double(double precision): the canonical form of a double, for the
 * export view; a cast to text would obey the reader's extra_float_digits.
 */
Datum
selfheal_audit_double(PG_FUNCTION_ARGS)
{
	PG_RETURN_TEXT_P(cstring_to_text(double_text(PG_GETARG_FLOAT8(0))));
}

/* Does a link column hold this hash? Looks at the bytes in the tuple, so that
 * a walk over any number of rows needs no memory for it. */
static bool
link_is(HeapTuple row, TupleDesc desc, int col, const char *expected)
{
	bool		isnull;
	Datum		d = heap_getattr(row, col, desc, &isnull);
	text	   *stored = isnull ? NULL : DatumGetTextPP(d);

	return stored != NULL && VARSIZE_ANY_EXHDR(stored) == CHAIN_HEX &&
		memcmp(VARDATA_ANY(stored), expected, CHAIN_HEX) == 0;
}

/*
 * Check one row against the chain up to the row before it. Returns false and
 * says why when it breaks the chain. The links are looked at before the
 * content: a row that was moved then says so, and is not called altered.
 */
static bool
check_row(Chain *chain, HeapTuple row, TupleDesc desc, Proof *f)
{
	bool		isnull;
	int64		seq = DatumGetInt64(heap_getattr(row, CHAIN_SEQ, desc, &isnull));
	int64		expected = f->last + 1;
	char		computed[CHAIN_HEX + 1];

	if (seq != expected)
	{
		f->bad_seq = Min(seq, expected);
		f->reason = seq > expected ? "row is missing" :
			"seq stands twice, or below 1";
		return false;
	}
	if (!link_is(row, desc, CHAIN_PREV, f->head))
	{
		f->bad_seq = seq;
		f->reason = "prev_hash is not the hash of the row before: a row was moved, replaced or put in";
		return false;
	}
	chain_hash(chain, row, desc, seq, f->head, computed);
	if (!link_is(row, desc, CHAIN_HASH, computed))
	{
		f->bad_seq = seq;
		f->reason = "content does not match its hash: the row was altered or put in by hand";
		return false;
	}
	f->last = seq;
	strlcpy(f->head, computed, sizeof(f->head));
	return true;
}

/*
 * Walk the chain from its first row, FETCH_ROWS at a time, up to its end or
 * to the first row that breaks it. The row with the number known_seq (0 =
 * none) must have the hash known_head: its own links prove nothing against
 * somebody who computed the whole chain anew.
 */
static void
walk(Proof *f, int64 known_seq, const char *known_head)
{
	Portal		cursor;
	Chain	   *chain = chain_begin();
	bool		good = true;

	cursor = SPI_cursor_open_with_args(NULL,
									   "SELECT " CHAIN_COLUMNS ", " CHAIN_LINKS
									   " FROM selfheal.audit"
									   " WHERE seq IS NOT NULL ORDER BY seq",
									   0, NULL, NULL, NULL, true, 0);
	while (good)
	{
		SPI_cursor_fetch(cursor, true, FETCH_ROWS);
		if (SPI_processed == 0)
			break;
		progress_count("verifying the audit", f->last, 0);
		for (uint64 i = 0; good && i < SPI_processed; i++)
		{
			CHECK_FOR_INTERRUPTS();
			good = check_row(chain, SPI_tuptable->vals[i],
							 SPI_tuptable->tupdesc, f);
			if (good && f->last == known_seq && strcmp(f->head, known_head) != 0)
			{
				good = false;
				f->bad_seq = known_seq;
				f->reason = "row has another hash than the one given: the chain was written anew";
			}
		}
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(cursor);
	chain_end(chain);

	if (good && f->last < known_seq)
	{
		f->bad_seq = f->last + 1;
		f->reason = "chain ends before the seq given: its tail was cut";
	}
}

/*
 * Read the seq and the head that the caller kept. The head may be in either
 * case. Raises 22023 for null and for what no chain can have.
 */
static int64
known_point(FunctionCallInfo fcinfo, char *head)
{
	const char *hint = "Give them as the server log or verify_audit() said them: a number from 1, and 64 hex digits.";
	int64		seq;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "seq" : "head"),
				 errhint("%s", hint)));
	seq = PG_GETARG_INT64(0);
	if (seq < 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("seq must be at least 1"),
				 errhint("%s", hint)));
	text_to_cstring_buffer(PG_GETARG_TEXT_PP(1), head, CHAIN_HEX + 2);
	if (strlen(head) != CHAIN_HEX ||
		strspn(head, "0123456789abcdefABCDEF") != CHAIN_HEX)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("head must be a sha256 in hex"),
				 errhint("%s", hint)));
	for (char *c = head; *c; c++)
		*c = (char) pg_tolower((unsigned char) *c);
	return seq;
}

/*
 * verify_audit() and verify_audit(seq, head): compute the whole chain anew.
 * Row: ok, sealed, unsealed, head, bad_seq, reason; head is the hash of the
 * last row in good order. Both statements read with the caller's snapshot,
 * so that the counts and the walk see the same rows while others write.
 * Errors: 22023, 55000 (extension missing).
 */
Datum
selfheal_verify_audit(PG_FUNCTION_ARGS)
{
	Proof		f = {.head = CHAIN_ORIGIN};
	char		known_head[CHAIN_HEX + 2] = "";
	int64		known_seq = PG_NARGS() == 2 ? known_point(fcinfo, known_head) : 0;
	TupleDesc	desc;
	SpiUser		saved;
	Datum		values[6];
	bool		nulls[6] = {false};

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "verify_audit must return a row");

	spi_open(&saved);
	if (SPI_execute("SELECT count(seq), count(*) - count(seq) FROM selfheal.audit",
					true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not count the rows of selfheal.audit");
	f.sealed = spi_get_int8(0, 1, NULL);
	f.unsealed = spi_get_int8(0, 2, NULL);
	walk(&f, known_seq, known_head);
	spi_close(&saved);

	values[0] = BoolGetDatum(f.reason == NULL);
	values[1] = Int64GetDatum(f.sealed);
	values[2] = Int64GetDatum(f.unsealed);
	values[3] = CStringGetTextDatum(f.head);
	values[4] = Int64GetDatum(f.bad_seq);
	nulls[4] = f.reason == NULL;
	nulls[5] = f.reason == NULL;
	values[5] = f.reason ? CStringGetTextDatum(f.reason) : (Datum) 0;
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
