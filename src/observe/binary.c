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

static const char signature[] = "PGCOPY\n\377\r\n"; /* and a NUL */

/* The upper half of the flags changes the format. */
#define CRITICAL_FLAGS 0xffff0000

typedef struct BinaryType
{
	FmgrInfo	receive;
	Oid			ioparam;
	FmgrInfo	out;
	const char *refused;		/* the fault of a tuple whose field it refuses */
} BinaryType;

/* A field of a tuple: a place in raw. */
typedef struct BinaryField
{
	int			at;
	int			len;			/* -1: null */
} BinaryField;

/* A tuple of the batch at hand: a place in raw. */
typedef struct BinaryTuple
{
	int			at;
	int			len;
	const char *fault;
	int			sqlstate;
} BinaryTuple;

/*
 * A subtransaction costs more than a narrow tuple does, so values are made of
 * many at a time.
 */
#define BATCH_TUPLES 256
#define BATCH_BYTES (64 * 1024)

struct BinaryReader
{
	LineReader *lines;
	int			ntypes;
	BinaryType *types;
	int64		ngiven;			/* tuples so far */

	StringInfoData raw;			/* the batch */
	BinaryTuple tuples[BATCH_TUPLES];
	int			ntuples;
	int			next;			/* to be given out */
	int			at;				/* whose values are being made */
	int			field;
	BinaryField *places;		/* of its fields: ntypes for each tuple */
	RecordField *fields;		/* the same, as text */
	MemoryContext cxt;			/* of these texts */
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
	r->places = palloc0(sizeof(BinaryField) * BATCH_TUPLES * Max(ntypes, 1));
	r->fields = palloc0(sizeof(RecordField) * BATCH_TUPLES * Max(ntypes, 1));
	for (int i = 0; i < ntypes; i++)
	{
		Oid			base = getBaseType(types[i]);
		Oid			function;
		bool		varlena;

		getTypeBinaryInputInfo(base, &function, &r->types[i].ioparam);
		fmgr_info(function, &r->types[i].receive);
		getTypeOutputInfo(base, &function, &varlena);
		fmgr_info(function, &r->types[i].out);
		r->types[i].refused = psprintf("field %d cannot be received by the type of its column", i + 1);
	}
	r->cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal binary tuples",
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

/* The next tuple into the batch; false at the end. One of another number of
 * fields than there are columns is read as well: what it is, its bytes say. */
static bool
read_tuple(BinaryReader *r)
{
	BinaryTuple *tuple = &r->tuples[r->ntuples];
	BinaryField *places = &r->places[r->ntuples * r->ntypes];
	int			n;

	memset(tuple, 0, sizeof(BinaryTuple));
	tuple->at = r->raw.len;
	n = need_int(r, 2);
	if (n == -1)
	{
		if (!lines_at_end(r->lines))
			broken("Something stands behind its end mark.");
		return false;
	}
	if (n < 0)
		broken("A tuple has a negative number of fields.");
	if (n != r->ntypes)
	{
		tuple->fault = "it has not as many fields as there are columns";
		tuple->sqlstate = ERRCODE_BAD_COPY_FILE_FORMAT;
	}
	for (int i = 0; i < n; i++)
	{
		int			len = need_int(r, 4);

		if (len < -1)
			broken("A field has a negative length.");
		if (i < r->ntypes)
		{
			places[i].at = r->raw.len;
			places[i].len = len;
		}
		if (len > 0)
			appendBinaryStringInfo(&r->raw, need(r, len), len);
	}
	tuple->len = r->raw.len - tuple->at;
	r->ntuples++;
	return true;
}

/* ---- values ---- */

/* The text of one field. */
static void
read_value(const BinaryReader *r, BinaryType *type, const BinaryField *place, RecordField *field)
{
	StringInfoData value;
	Datum		datum;

	field->isnull = place->len < 0;
	field->isdefault = false;
	if (field->isnull)
		return;
	/* a function wants a NUL behind its value */
	value.data = palloc((Size) place->len + 1);
	memcpy(value.data, r->raw.data + place->at, place->len);
	value.data[place->len] = '\0';
	value.len = place->len;
	value.maxlen = place->len + 1;
	value.cursor = 0;
	datum = ReceiveFunctionCall(&type->receive, &value, type->ioparam, -1);
	if (value.cursor != value.len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
				 errmsg("incorrect binary data format")));
	field->val = OutputFunctionCall(&type->out, datum);
	field->len = strlen(field->val);
	pfree(value.data);
}

/* The texts of the tuples from r->at on. */
static void
read_tuples(BinaryReader *r)
{
	for (; r->at < r->ntuples; r->at++)
	{
		int			first = r->at * r->ntypes;

		CHECK_FOR_INTERRUPTS();
		for (int i = 0; i < r->ntypes && r->tuples[r->at].fault == NULL; i++)
		{
			r->field = i;
			read_value(r, &r->types[i], &r->places[first + i], &r->fields[first + i]);
		}
	}
}

/*
 * The body of a subtransaction. A field that is too short for its type is a
 * broken message to its receive function (pqformat.c): the connection has
 * nothing to do with it here.
 */
static void
read_values(void *arg)
{
	MemoryContext old = MemoryContextSwitchTo(((BinaryReader *) arg)->cxt);

	PG_TRY();
	{
		read_tuples(arg);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		if (geterrcode() != ERRCODE_PROTOCOL_VIOLATION)
			PG_RE_THROW();
		MemoryContextSwitchTo(((BinaryReader *) arg)->cxt);
		edata = CopyErrorData();
		FlushErrorState();
		edata->sqlerrcode = ERRCODE_INVALID_BINARY_REPRESENTATION;
		ReThrowError(edata);
	}
	PG_END_TRY();
	MemoryContextSwitchTo(old);
}

/* The texts of the batch, as they are written under settings of our own. */
static void
make_values(BinaryReader *r)
{
	int			date_style = DateStyle;
	int			interval_style = IntervalStyle;
	int			float_digits = extra_float_digits;

	DateStyle = USE_ISO_DATES;
	IntervalStyle = INTSTYLE_POSTGRES;
	extra_float_digits = 3;
	/* no abort puts back what was not set as a setting */
	PG_TRY();
	{
		for (r->at = 0; r->at < r->ntuples; r->at++)
		{
			ErrorData  *edata = spi_try(read_values, r);

			if (edata == NULL)
				break;
			r->tuples[r->at].fault = r->types[r->field].refused;
			r->tuples[r->at].sqlstate = edata->sqlerrcode;
			FreeErrorData(edata);
		}
	}
	PG_FINALLY();
	{
		DateStyle = date_style;
		IntervalStyle = interval_style;
		extra_float_digits = float_digits;
	}
	PG_END_TRY();
}

/* The next tuples. */
static void
read_batch(BinaryReader *r)
{
	resetStringInfo(&r->raw);
	MemoryContextReset(r->cxt);
	r->ntuples = r->next = 0;
	while (!r->over && r->ntuples < BATCH_TUPLES && r->raw.len < BATCH_BYTES)
		r->over = !read_tuple(r);
	if (r->ntuples > 0)
		make_values(r);
}

/* See the header. */
bool
binary_next(BinaryReader *r, Record *record)
{
	BinaryTuple *tuple;

	memset(record, 0, sizeof(Record));
	if (r->next == r->ntuples && !r->over)
		read_batch(r);
	if (r->next == r->ntuples)
		return false;
	tuple = &r->tuples[r->next];
	record->line = ++r->ngiven;
	record->raw = r->raw.data + tuple->at;
	record->rawlen = tuple->len;
	record->fault = tuple->fault;
	record->sqlstate = tuple->sqlstate;
	record->fields = &r->fields[r->next * r->ntypes];
	record->nfields = tuple->fault ? 0 : r->ntypes;
	r->next++;
	return true;
}
