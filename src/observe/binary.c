/*
 * binary.c
 *	  Tuples of a binary COPY file, as records of texts.
 *
 * The texts are written as every session reads them, whatever DateStyle and
 * IntervalStyle the load has: as pg_dump has them.
 */
#include "postgres.h"

#include "base/spi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "observe/binary.h"
#include "port/pg_bswap.h"
#include "utils/float.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

static const char signature[11] = "PGCOPY\n\377\r\n\0";

/* The upper half of the flags changes the format. */
#define CRITICAL_FLAGS 0xffff0000

typedef struct BinaryType
{
	FmgrInfo	receive;
	Oid			ioparam;
	FmgrInfo	out;
} BinaryType;

/* A field of the tuple at hand: a place in raw. */
typedef struct BinaryField
{
	int			at;
	int			len;			/* -1: null */
} BinaryField;

struct BinaryReader
{
	LineReader *lines;
	int			ntypes;
	BinaryType *types;
	int64		ntuples;
	StringInfoData raw;
	BinaryField *places;
	int			nplaces;
	RecordField *fields;
	MemoryContext row_cxt;		/* texts of the tuple at hand */
	bool		over;
};

/* ---- bytes ---- */

static void
broken(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("the binary COPY data is broken"),
			 errdetail_internal("%s", what),
			 errhint("Nothing of it is stored or held. Write it once more, or use FORMAT csv, in which each line stands for itself.")));
}

/* n bytes; not fewer. */
static const char *
need(BinaryReader *r, size_t n)
{
	const char *bytes;

	if (lines_bytes(r->lines, n, &bytes) < n)
		broken("It ends before its end mark.");
	return bytes;
}

/* The next number, which goes into raw as it is. */
static int32
need_int(BinaryReader *r, int size)
{
	const char *bytes = need(r, size);
	uint16		small;
	uint32		large;

	appendBinaryStringInfo(&r->raw, bytes, size);
	if (size == 2)
	{
		memcpy(&small, bytes, 2);
		return (int16) pg_ntoh16(small);
	}
	memcpy(&large, bytes, 4);
	return (int32) pg_ntoh32(large);
}

/* See the header. */
BinaryReader *
binary_open(LineReader *lines, const Oid *types, int ntypes)
{
	BinaryReader *r = palloc0(sizeof(BinaryReader));
	int32		flags;
	int32		more;

	r->lines = lines;
	r->ntypes = ntypes;
	r->types = palloc0(sizeof(BinaryType) * Max(ntypes, 1));
	r->fields = palloc0(sizeof(RecordField) * Max(ntypes, 1));
	for (int i = 0; i < ntypes; i++)
	{
		Oid			base = getBaseType(types[i]);
		Oid			function;
		bool		varlena;

		getTypeBinaryInputInfo(base, &function, &r->types[i].ioparam);
		fmgr_info(function, &r->types[i].receive);
		getTypeOutputInfo(base, &function, &varlena);
		fmgr_info(function, &r->types[i].out);
	}
	r->row_cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal binary tuple",
									   ALLOCSET_DEFAULT_SIZES);
	initStringInfo(&r->raw);
	if (memcmp(need(r, sizeof(signature)), signature, sizeof(signature)) != 0)
		broken("It does not begin as a file of COPY (FORMAT binary) does.");
	flags = need_int(r, 4);
	if ((uint32) flags & CRITICAL_FLAGS)
		broken("It is of a format that is not known: its header has critical flags.");
	more = need_int(r, 4);
	if (more < 0)
		broken("Its header has no length.");
	for (; more > 0; more -= Min(more, 65536))
		(void) need(r, Min(more, 65536));
	return r;
}

/* The places of the next tuple's fields; its number of fields, or -1 at the
 * end. */
static int
read_tuple(BinaryReader *r)
{
	int			n;

	resetStringInfo(&r->raw);
	n = need_int(r, 2);
	if (n == -1)
	{
		if (!lines_at_end(r->lines))
			broken("Something stands behind its end mark.");
		return -1;
	}
	if (n < 0)
		broken("A tuple has a negative number of fields.");
	if (n > r->nplaces)
	{
		r->places = r->places ? repalloc(r->places, sizeof(BinaryField) * n) :
			palloc(sizeof(BinaryField) * n);
		r->nplaces = n;
	}
	for (int i = 0; i < n; i++)
	{
		int			len = need_int(r, 4);

		if (len < -1)
			broken("A field has a negative length.");
		r->places[i].at = r->raw.len;
		r->places[i].len = len;
		if (len > 0)
			appendBinaryStringInfo(&r->raw, need(r, len), len);
	}
	return n;
}

/* ---- values ---- */

/* The texts of the tuple at hand: the body of a subtransaction. */
static void
read_values(void *arg)
{
	BinaryReader *r = arg;
	MemoryContext old = MemoryContextSwitchTo(r->row_cxt);

	for (int i = 0; i < r->ntypes; i++)
	{
		BinaryField *place = &r->places[i];
		RecordField *field = &r->fields[i];
		StringInfoData value;
		Datum		datum;

		field->isnull = place->len < 0;
		if (field->isnull)
			continue;
		/* a function may write behind the value, and wants a NUL there */
		initStringInfo(&value);
		appendBinaryStringInfo(&value, r->raw.data + place->at, place->len);
		datum = ReceiveFunctionCall(&r->types[i].receive, &value, r->types[i].ioparam, -1);
		if (value.cursor != value.len)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
					 errmsg("incorrect binary data format")));
		field->val = OutputFunctionCall(&r->types[i].out, datum);
		field->len = strlen(field->val);
	}
	MemoryContextSwitchTo(old);
}

/* See the header. */
bool
binary_next(BinaryReader *r, Record *record)
{
	int			date_style = DateStyle;
	int			interval_style = IntervalStyle;
	int			float_digits = extra_float_digits;
	ErrorData  *edata;
	int			n;

	memset(record, 0, sizeof(Record));
	if (r->over)
		return false;
	CHECK_FOR_INTERRUPTS();
	n = read_tuple(r);
	if (n < 0)
	{
		r->over = true;
		return false;
	}
	record->line = ++r->ntuples;
	record->raw = r->raw.data;
	record->rawlen = r->raw.len;
	record->sqlstate = ERRCODE_BAD_COPY_FILE_FORMAT;
	if (n != r->ntypes)
	{
		record->fault = "it has not as many fields as there are columns";
		return true;
	}
	MemoryContextReset(r->row_cxt);
	DateStyle = USE_ISO_DATES;
	IntervalStyle = INTSTYLE_POSTGRES;
	extra_float_digits = 3;
	/* no abort puts back what was not set as a setting */
	PG_TRY();
	{
		edata = spi_try(read_values, r);
	}
	PG_FINALLY();
	{
		DateStyle = date_style;
		IntervalStyle = interval_style;
		extra_float_digits = float_digits;
	}
	PG_END_TRY();
	record->fields = r->fields;
	record->nfields = n;
	if (edata != NULL)
	{
		record->fault = "a field cannot be received by its column's type";
		record->sqlstate = edata->sqlerrcode;
		record->nfields = 0;
		FreeErrorData(edata);
	}
	return true;
}
