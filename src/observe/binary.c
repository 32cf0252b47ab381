/*
 * binary.c
 *	  Tuples of a binary COPY file, as records of texts.
 *
 * The texts are written as every session reads them, whatever DateStyle and
 * IntervalStyle the load has: as pg_dump has them.
 *
 * Where nobody knows the next tuple's beginning, and of a tuple that is too
 * long to be in memory, bytes are given out as they come, in parts.
 */
#include "postgres.h"

#include "base/guc.h"
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

/* At a time so many bytes are asked for; a part has so many. */
#define CHUNK_BYTES (64 * 1024)
#define PART_BYTES (8 * 1024 * 1024)

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

	/* what is given out in parts; of it nothing but bytes is known */
	const char *why;			/* NULL: nothing */
	int			why_state;
	int			part;			/* its first part begins here in raw */
	int			fields_left;	/* of a tuple that is too long, and bytes of */
	uint64		bytes_left;		/* the field at hand; of a broken file all */
	bool		in_parts;		/* its first part was given out */

	bool		over;
	bool		unended;
};

/* ---- bytes ---- */

static void
refuse_header(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("this is no binary COPY data"),
			 errdetail_internal("%s", what),
			 errhint("Name the format in which the file is written.")));
}

/* The next n bytes into raw; false when there are fewer, which are there then. */
static bool
take(BinaryReader *r, size_t n)
{
	while (n > 0)
	{
		const char *bytes;
		size_t		want = Min(n, CHUNK_BYTES);
		size_t		got = lines_bytes(r->lines, want, &bytes);

		appendBinaryStringInfo(&r->raw, bytes, got);
		if (got < want)
			return false;
		n -= got;
	}
	return true;
}

/* The next number, which goes into raw as it is. */
static bool
take_int(BinaryReader *r, int size, int32 *value)
{
	uint16		small;
	uint32		large;

	if (!take(r, size))
		return false;
	if (size == 2)
	{
		memcpy(&small, r->raw.data + r->raw.len - 2, 2);
		*value = (int16) pg_ntoh16(small);
	}
	else
	{
		memcpy(&large, r->raw.data + r->raw.len - 4, 4);
		*value = (int32) pg_ntoh32(large);
	}
	return true;
}

static void
read_header(BinaryReader *r)
{
	int32		flags = 0;
	int32		more = 0;

	if (!take(r, sizeof(signature)) || memcmp(r->raw.data, signature, sizeof(signature)) != 0)
		refuse_header("It does not begin as a file of COPY (FORMAT binary) does.");
	if (!take_int(r, 4, &flags) || !take_int(r, 4, &more))
		refuse_header("It ends in its header.");
	if ((uint32) flags & CRITICAL_FLAGS)
		refuse_header("Its header has flags that are not known.");
	if (more < 0)
		refuse_header("Its header has no length.");
	for (; more > 0; more -= Min(more, CHUNK_BYTES))
	{
		resetStringInfo(&r->raw);
		if (!take(r, Min(more, CHUNK_BYTES)))
			refuse_header("It ends in its header.");
	}
}

/* See the header. */
BinaryReader *
binary_open(LineReader *lines, const Oid *types, int ntypes)
{
	BinaryReader *r = palloc0(sizeof(BinaryReader));

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
	read_header(r);
	return r;
}

bool
binary_cut_off(const BinaryReader *r)
{
	return r->unended;
}

/* From this place in raw on nobody knows what the bytes are. */
static bool
break_off(BinaryReader *r, int at, const char *why)
{
	r->why = why;
	r->why_state = ERRCODE_BAD_COPY_FILE_FORMAT;
	r->part = at;
	r->fields_left = 0;
	r->bytes_left = PG_UINT64_MAX;
	return false;
}

/* The tuple at this place is too long: what is left of it, from a field of this
 * length on, is not to be in memory together. */
static bool
leave_tuple(BinaryReader *r, int at, int fields, int len)
{
	r->why = "it is part of a tuple that is longer than selfheal.max_line";
	r->why_state = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	r->part = at;
	r->fields_left = fields;
	r->bytes_left = len;
	return false;
}

#define ENDS_IN_TUPLE "the binary data is broken here: it ends within a tuple"
#define STRANGE_LENGTH "the binary data is broken here: a field has a length that no value has"

static bool
no_length(int32 len)
{
	return len < -1 || len > (int32) MaxAllocSize;
}

/*
 * The next tuple into the batch; false when none follows in it: at the end, and
 * where why says so. One of another number of fields than there are columns is
 * read as well: what it is, its bytes say.
 *
 * As COPY has it, data may end behind a tuple without its end mark.
 */
static bool
read_tuple(BinaryReader *r)
{
	BinaryTuple *tuple = &r->tuples[r->ntuples];
	BinaryField *places = &r->places[r->ntuples * r->ntypes];
	size_t		limit = (size_t) guc_max_line * 1024;
	int32		n;

	memset(tuple, 0, sizeof(BinaryTuple));
	tuple->at = r->raw.len;
	if (!take_int(r, 2, &n))
	{
		r->unended = r->over = r->raw.len == tuple->at;
		return r->over ? false : break_off(r, tuple->at, ENDS_IN_TUPLE);
	}
	if (n == -1)
	{
		r->over = lines_at_end(r->lines);
		return r->over ? false : break_off(r, r->raw.len, "the binary data goes on behind its end mark");
	}
	if (n < 0)
		return break_off(r, tuple->at, "the binary data is broken here: a tuple has a negative number of fields");
	if (n != r->ntypes)
	{
		tuple->fault = "it has not as many fields as there are columns";
		tuple->sqlstate = ERRCODE_BAD_COPY_FILE_FORMAT;
	}
	for (int i = 0; i < n; i++)
	{
		int32		len;

		if (!take_int(r, 4, &len))
			return break_off(r, tuple->at, ENDS_IN_TUPLE);
		if (no_length(len))
			return break_off(r, tuple->at, STRANGE_LENGTH);
		if (i < r->ntypes)
		{
			places[i].at = r->raw.len;
			places[i].len = len;
		}
		if (len <= 0)
			continue;
		if (unlikely((size_t) (r->raw.len - tuple->at) + len > limit))
			return leave_tuple(r, tuple->at, n - i - 1, len);
		if (!take(r, len))
			return break_off(r, tuple->at, ENDS_IN_TUPLE);
	}
	tuple->len = r->raw.len - tuple->at;
	if (unlikely((size_t) tuple->len > records_limit()) && tuple->fault == NULL)
	{
		tuple->fault = RECORDS_TOO_LARGE;
		tuple->sqlstate = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	}
	r->ntuples++;
	return true;
}

/* The next part into raw, behind what stands there of it; false: there is none. */
static bool
read_part(BinaryReader *r)
{
	while (r->raw.len < PART_BYTES && (r->bytes_left > 0 || r->fields_left > 0))
	{
		size_t		n = (size_t) Min(r->bytes_left, (uint64) (PART_BYTES - r->raw.len));
		bool		all = r->bytes_left == PG_UINT64_MAX;
		int32		len = 0;

		CHECK_FOR_INTERRUPTS();
		if (r->bytes_left == 0)
		{
			r->fields_left--;
			if (!take_int(r, 4, &len))
				(void) break_off(r, 0, ENDS_IN_TUPLE);
			else if (no_length(len))
				(void) break_off(r, 0, STRANGE_LENGTH);
			else
				r->bytes_left = Max(len, 0);
		}
		else if (take(r, n))
			r->bytes_left -= all ? 0 : n;
		else if (all)
		{
			r->over = true;
			r->bytes_left = 0;
		}
		else
			(void) break_off(r, 0, ENDS_IN_TUPLE);
	}
	return r->raw.len > 0;
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

/* The next tuples, as far as they can be read. */
static void
read_batch(BinaryReader *r)
{
	resetStringInfo(&r->raw);
	MemoryContextReset(r->cxt);
	r->ntuples = r->next = 0;
	while (r->ntuples < BATCH_TUPLES && r->raw.len < BATCH_BYTES)
		if (!read_tuple(r))
			break;
	if (r->ntuples > 0)
		make_values(r);
}

/* The next part of what is given out as bytes; false behind the last one. The
 * first one stands in raw behind the tuples that were read. */
static bool
next_part(BinaryReader *r, Record *record)
{
	if (r->in_parts)
		resetStringInfo(&r->raw);
	else
	{
		r->raw.len -= r->part;
		memmove(r->raw.data, r->raw.data + r->part, r->raw.len);
		r->ngiven++;
	}
	r->in_parts = read_part(r);
	if (!r->in_parts)
	{
		r->why = NULL;
		return false;
	}
	record->line = r->ngiven;
	record->raw = r->raw.data;
	record->rawlen = r->raw.len;
	record->fault = r->why;
	record->sqlstate = r->why_state;
	return true;
}

/* See the header. */
bool
binary_next(BinaryReader *r, Record *record)
{
	BinaryTuple *tuple;

	memset(record, 0, sizeof(Record));
	if (r->next == r->ntuples)
	{
		if (r->why && next_part(r, record))
			return true;
		if (r->over)
			return false;
		read_batch(r);
		if (r->ntuples == 0)
			return r->why ? next_part(r, record) : false;
	}
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
