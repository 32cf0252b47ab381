/*
 * transform_fuzz.c
 *	  libFuzzer's target for the rooms that read values by declared notations
 *	  (src/base: blanks, timeformat, timestamps, timeproof, numerals, points,
 *	  pointproof).
 *
 * The input is a choice of arguments, a line with a format or sign, and lines
 * that are values, some of them not text at all. What must hold: nothing is
 * read or written out of bounds and nothing is thrown; what is made has the
 * form that the type's input function reads; it is the same at the second time
 * and after other values; and what some values are said to prove reads all of
 * them, whatever their order.
 */
#include "postgres.h"

#include "read/blanks.h"
#include "read/numerals.h"
#include "read/points.h"
#include "read/timestamps.h"
#include "catalog/pg_type.h"
#include "documents.h"
#include "mb/pg_wchar.h"
#include "stubs.h"
#include "utils/memutils.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
extern size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
									  unsigned int seed);

#define MAX_SAMPLES 16
#define HEAD_BYTES 3

static void
fail(const char *what, const char *bytes, int len)
{
	fprintf(stderr, "broken promise: %s\nof: %.*s\n", what, len, bytes);
	abort();
}

#define CHECK(condition, what, bytes, len) \
	do { if (!(condition)) fail((what), (bytes), (len)); } while (0)

/* ---- what is made ---- */

static const char *
digits(const char *p, const char *end, int least, int most)
{
	const char *start = p;

	while (p < end && *p >= '0' && *p <= '9' && p - start < most)
		p++;
	return p - start >= least ? p : NULL;
}

/* By a pattern: 9 is a digit, all else itself. */
static const char *
like(const char *p, const char *end, const char *pattern)
{
	for (; *pattern; pattern++, p++)
		if (p == end || (*pattern == '9' ? *p < '0' || *p > '9' : *p != *pattern))
			return NULL;
	return p;
}

static bool
is_iso(const char *p, int len, Oid type)
{
	const char *end = p + len;

	if (type != TIMEOID)
	{
		if ((p = like(p, end, "9999-99-99")) == NULL)
			return false;
		if (p == end)
			return true;
		if (type == DATEOID || *p++ != 'T')
			return false;
	}
	if ((p = like(p, end, "99:99:99")) == NULL)
		return false;
	if (p < end && *p == '.' && ((p = digits(p + 1, end, 1, 6)) == NULL || p[-1] == '0'))
		return false;
	if (type == TIMESTAMPTZOID && p < end && (*p == '+' || *p == '-'))
		return like(p + 1, end, "99:99") == end;
	return p == end;
}

/* [-]digits[.digits], and of a coordinate an exponent. */
static bool
is_number(const char *p, int len, bool exponent)
{
	const char *end = p + len;

	if (p < end && *p == '-')
		p++;
	if ((p = digits(p, end, 1, INT_MAX)) == NULL)
		return false;
	if (p < end && *p == '.' && (p = digits(p + 1, end, 1, INT_MAX)) == NULL)
		return false;
	if (exponent && p < end && (*p == 'e' || *p == 'E'))
	{
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		p = digits(p, end, 1, INT_MAX);
	}
	return p == end;
}

static bool
is_point(const char *p, int len)
{
	const char *comma = memchr(p, ',', len);

	return comma && p[0] == '(' && p[len - 1] == ')' &&
		is_number(p + 1, (int) (comma - p) - 1, true) &&
		is_number(comma + 1, (int) (p + len - comma) - 2, true);
}

/* ---- reading all values ---- */

typedef bool (*Reader) (void *t, JsonKind kind, const char *val, int len,
						const char **out, int *outlen);

/* Each value twice, the second time with all others between. */
static void
read_all(void *t, Reader reader, const TransformSample *samples, int n,
		 Oid type, bool all)
{
	for (int round = 0; round < 2; round++)
	{
		static char first[MAX_SAMPLES][NUMERAL_BYTES + 8];
		static int	lens[MAX_SAMPLES];

		for (int i = 0; i < n; i++)
		{
			const TransformSample *s = &samples[i];
			const char *out = NULL;
			int			len = -1;
			bool		made = reader(t, s->kind, s->val, s->len, &out, &len);

			if (all && s->kind != JSON_NULL &&
				!(type == NUMERICOID && s->kind == JSON_NUMBER))
				CHECK(made, "what values prove reads them", s->val, s->len);
			if (made)
				CHECK(type == POINTOID ? is_point(out, len) :
					  type == NUMERICOID || type == INT4OID ? is_number(out, len, false) :
					  is_iso(out, len, type), "the form of what is made", out, len);
			else
				len = -1;
			if (round > 0)
				CHECK(len == lens[i] && (len < 0 || memcmp(out, first[i], len) == 0),
					  "the same at the second time", s->val, s->len);
			lens[i] = len;
			if (len >= 0)
				memcpy(first[i], out, len);
		}
	}
}

static bool
read_time(void *t, JsonKind kind, const char *val, int len, const char **out, int *outlen)
{
	bool		torn = false;
	bool		made = timestamps_read(t, kind, val, len, out, outlen, &torn);

	CHECK(!(made && torn), "what is open is not read", val, len);
	return made;
}

static bool
read_numeral(void *t, JsonKind kind, const char *val, int len, const char **out, int *outlen)
{
	return numerals_read(t, kind, val, len, out, outlen);
}

static bool
read_point(void *t, JsonKind kind, const char *val, int len, const char **out, int *outlen)
{
	return points_read(t, kind, val, len, out, outlen);
}

/* ---- the kinds ---- */

static void
reverse(const TransformSample *samples, int n, TransformSample *out)
{
	for (int i = 0; i < n; i++)
		out[i] = samples[n - 1 - i];
}

static void
try_blanks(char *line, const TransformSample *samples, int n, uint8_t flags)
{
	NullIfSpec	spec = {{1, &line}, flags & 1};
	TransformFault fault;
	NullWords  *words = nullwords_make(&spec, CurrentMemoryContext, &fault);
	char	   *why_not = NULL;

	for (int i = 0; i < n; i++)
	{
		const char *out;
		int			len;

		if (!blanks_trim(samples[i].val, samples[i].len, &out, &len))
			CHECK(len == samples[i].len, "nothing to trim", samples[i].val, samples[i].len);
		CHECK(out >= samples[i].val && out + len <= samples[i].val + samples[i].len && len >= 0,
			  "a part of the value", samples[i].val, samples[i].len);
		CHECK(!blanks_trim(out, len, &out, &len), "trimmed is trimmed", samples[i].val, samples[i].len);
		(void) nullwords_match(words, samples[i].val, samples[i].len);
	}
	if (nullwords_infer(samples, n, INT4OID, &spec, &why_not))
	{
		words = nullwords_make(&spec, CurrentMemoryContext, &fault);
		CHECK(words != NULL, "words that are known", line, (int) strlen(line));
	}
}

static void
try_times(char *line, const TransformSample *samples, int n, uint8_t choice, uint8_t flags)
{
	static const Oid types[] = {DATEOID, TIMEOID, TIMESTAMPOID, TIMESTAMPTZOID};
	Oid			type = types[choice % lengthof(types)];
	char	   *formats[2] = {line, NULL};
	TimestampSpec spec = {{1, formats}, NULL, flags & 1 ? 2000 : 0};
	TransformFault fault = {NULL, NULL};
	Timestamps *t;
	TransformSample *backwards = palloc(MAX_SAMPLES * sizeof(TransformSample));
	char	   *why_not = NULL;
	bool		open;
	bool		proven;

	if (flags & 2)
		spec.zone = pstrdup("Fuzz/Summer");
	if (flags & 4)
		formats[spec.formats.n++] = pstrdup("MM/DD/YYYY");
	t = timestamps_make(&spec, type, CurrentMemoryContext, &fault);
	if (t == NULL)
		CHECK(fault.message != NULL, "a reason", line, (int) strlen(line));
	else
	{
		/* one spelling, which says the same */
		TimestampSpec canonical;

		read_all(t, read_time, samples, n, type, false);
		timestamps_canonical(t, &canonical);
		t = timestamps_make(&canonical, type, CurrentMemoryContext, &fault);
		CHECK(t != NULL, "a canonical spelling", line, (int) strlen(line));
		if (t != NULL)
			read_all(t, read_time, samples, n, type, false);
	}

	proven = timestamps_infer(samples, n, type, &spec, &open, &why_not);
	CHECK(proven ? open == (why_not != NULL) : why_not != NULL, "args or a reason", line, (int) strlen(line));
	if (proven && type != DATEOID && (type != TIMEOID || !(flags & 8)))
	{
		if (open)
			spec.zone = pstrdup("Fuzz/Summer");
		t = timestamps_make(&spec, type, CurrentMemoryContext, &fault);
		CHECK(t != NULL || type == TIMEOID, "what is proven is a transform", line, (int) strlen(line));
		/* at the ends of time a zone leads beyond them */
		if (t != NULL)
			read_all(t, read_time, samples, n, type, !open);
	}
	reverse(samples, n, backwards);
	why_not = NULL;
	CHECK(timestamps_infer(backwards, n, type, &spec, &open, &why_not) == proven,
		  "the order of values", line, (int) strlen(line));
}

static void
try_numbers(char *line, const TransformSample *samples, int n, uint8_t choice, uint8_t flags)
{
	static const char decimals[] = {'.', ',', '\0'};
	static char *const groups[] = {".", ",", "'", " ", "\xC2\xA0", "\xE2\x80\xAF", "\xE2\x80\x99"};
	char	   *chosen[2] = {groups[choice % 7], groups[choice / 7 % 7]};
	NumeralSpec spec = {0};
	TransformFault fault = {NULL, NULL};
	Oid			type = flags & 1 ? INT4OID : NUMERICOID;
	Numerals   *t;
	TransformSample *backwards = palloc(MAX_SAMPLES * sizeof(TransformSample));
	char	   *why_not = NULL;
	bool		proven;

	spec.decimal = decimals[choice % 3];
	spec.groups.n = flags >> 1 & 1 ? 1 + (chosen[0] != chosen[1]) : 0;
	spec.groups.texts = chosen;
	spec.strip.n = flags >> 2 & 1;
	spec.strip.texts = &line;
	spec.indian = flags >> 3 & 1;
	spec.parentheses = flags >> 4 & 1;
	spec.trailing_minus = flags >> 5 & 1;
	t = numerals_make(&spec, type, CurrentMemoryContext, &fault);
	CHECK(t != NULL || fault.message != NULL, "a reason", line, (int) strlen(line));
	if (t != NULL)
		read_all(t, read_numeral, samples, n, type, false);

	proven = numerals_infer(samples, n, NUMERICOID, &spec, &why_not);
	CHECK(proven == (why_not == NULL), "args or a reason", line, (int) strlen(line));
	if (proven)
	{
		t = numerals_make(&spec, NUMERICOID, CurrentMemoryContext, &fault);
		CHECK(t != NULL, "what is proven is a transform", line, (int) strlen(line));
		read_all(t, read_numeral, samples, n, NUMERICOID, true);
	}
	reverse(samples, n, backwards);
	why_not = NULL;
	CHECK(numerals_infer(backwards, n, NUMERICOID, &spec, &why_not) == proven,
		  "the order of values", line, (int) strlen(line));
}

static void
try_points(char *line, const TransformSample *samples, int n, uint8_t choice, uint8_t flags)
{
	PointSpec	spec = {(PointForm) (choice % 4), (PointOrder) (choice / 4 % 4), NULL, NULL, flags & 1};
	TransformFault fault = {NULL, NULL};
	Points	   *t;
	char	   *why_not = NULL;
	bool		proven;

	if (spec.form == POINT_OBJECT)
	{
		spec.order = POINT_OPEN;
		spec.x = pstrdup("lon");
		spec.y = flags & 2 ? line : pstrdup("lat");
	}
	t = points_make(&spec, POINTOID, CurrentMemoryContext, &fault);
	CHECK(t != NULL || fault.message != NULL, "a reason", line, (int) strlen(line));
	if (t != NULL)
		read_all(t, read_point, samples, n, POINTOID, false);

	proven = points_infer(samples, n, POINTOID, &spec, &why_not);
	CHECK(proven || why_not != NULL, "args or a reason", line, (int) strlen(line));
	if (proven)
	{
		bool		open = spec.form != POINT_OBJECT && spec.order == POINT_OPEN;

		CHECK(open == (why_not != NULL), "a question where something is open", line, (int) strlen(line));
		if (open)
			spec.order = flags & 4 ? POINT_XY : POINT_YX;
		t = points_make(&spec, POINTOID, CurrentMemoryContext, &fault);
		CHECK(t != NULL, "what is proven is a transform", line, (int) strlen(line));
		/* degrees beyond 90 are left, and transform.c says so */
		if (t != NULL)
			read_all(t, read_point, samples, n, POINTOID, spec.form != POINT_DMS);
	}
}

/* ---- the input ---- */

/* A value's kind by what it starts with, as a scanner would see it. */
static JsonKind
kind_of(const char *val, int len)
{
	if (len == 0)
		return JSON_STRING;
	switch (*val)
	{
		case '[':
			return JSON_ARRAY;
		case '{':
			return JSON_OBJECT;
		case '#':
			return JSON_NUMBER;
		case '~':
			return JSON_NULL;
		default:
			return JSON_STRING;
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	TransformSample *samples;
	char	   *held[MAX_SAMPLES];
	int			n = 0;
	const char *p;
	const char *end = (const char *) data + size;
	const char *newline;
	MemoryContext cxt;
	char	   *line;

	if (size < HEAD_BYTES)
		return 0;
	cxt = CurrentMemoryContext = stub_context();
	samples = palloc(MAX_SAMPLES * sizeof(TransformSample));
	stub_encoding = data[0] & 0x80 ? PG_LATIN1 : PG_UTF8;
	p = (const char *) data + HEAD_BYTES;
	newline = memchr(p, '\n', end - p);
	line = pnstrdup(p, (newline ? newline : end) - p);
	while (newline && n < MAX_SAMPLES)
	{
		int			len;

		p = newline + 1;
		newline = memchr(p, '\n', end - p);
		len = (int) ((newline ? newline : end) - p);
		samples[n].kind = kind_of(p, len);
		if (samples[n].kind == JSON_NUMBER)
		{
			p++;
			len--;
		}
		/* bytes of exactly this size: a read beyond them is seen */
		if ((held[n] = malloc(Max(len, 1))) == NULL)
			abort();
		memcpy(held[n], p, len);
		samples[n].val = held[n];
		samples[n].len = len;
		n++;
	}
	switch (data[0] % 4)
	{
		case 0:
			try_blanks(line, samples, n, data[2]);
			break;
		case 1:
			try_times(line, samples, n, data[1], data[2]);
			break;
		case 2:
			try_numbers(line, samples, n, data[1], data[2]);
			break;
		case 3:
			try_points(line, samples, n, data[1], data[2]);
			break;
	}
	for (int i = 0; i < n; i++)
		free(held[i]);
	CurrentMemoryContext = NULL;
	MemoryContextDelete(cxt);
	return 0;
}

/* Pieces that values and formats are made of. */
static const char *const pieces[] = {
	"31.12.2024", "01/02/2024", "13/02/2024", "02/13/2024", "5/6/2024", "2024-12-31", "2024/1/2",
	"20241231", "31122024", "20241231235959", "31 Dec 2024", "3 February 2024", "Feb 3, 2024",
	"Tue, 31 Dec 2024", "2024\345\271\2642\346\234\2103\346\227\245", " 10:00", "T23:59:59", ", 7:05 PM",
	" 12:00:00.123456", ":13:55:36 -0700", " 02:30", "31.03.2024 02:30", " +02:00", "Z", " UTC", "31.12.24",
	"#1718000000", "1718000000123", "#20241231", "0001-01-01", "31.12.9999", "29.02.2023",
	"YYYY", "YY", "MM", "DD", "FMDD", "FMMM", "Mon", "Month", "Dy", "Day", "HH24", "HH12", "AM", "MI", "SS", "MS", "US",
	"FF", "TZ", "\"T\"", "unix", "unix_ms", "DD.MM.YYYY", "FMMM/FMDD/YYYY HH24:MI:SS.FF TZ", "YYYYMMDDHH24MISS", ".", "/", "-", ":",
	"1.234,56", "1,234.56", "1.234", "12,5", "1.234.567", "12,34,567.5", "1 234", "1'234", "(5)", "5-", "-1", "\342\210\2225",
	"1\302\240234", "1\342\200\257234", "1\342\200\231234", "\342\202\254", "EUR", "%", "0", "99999999999999999999", "e5", "+",
	"[13.4, 52.5]", "[52.52, 113.405]", "[\"1\", \"2\"]", "{\"lat\": 52.5, \"lon\": 13.4}", "{\"lng\":1,\"lat\":2}", "{\"x\":1,\"y\":2}",
	"52.5, 13.4", "(52.5 13.4)", "52.52, 113.405", "52\302\26031'12\"N 13\302\26024'18\"E", "N 52\302\260 E 13\302\260",
	"52\302\26031\342\200\26212.5\342\200\263S, 113\302\26024.5\342\200\262W", "\302\260", "'", "\"", "''", "N", "W", "[", "]", "{", "}", "(", ")",
	" ", "\t", "\302\240", "\342\200\213", "\357\273\277", "\343\200\200", "\302", "\342\200", "\377", "N/A", "", "null", "0000-00-00", "~"
};

static void
put_piece(Dice *d, Out *out)
{
	const char *piece = pieces[dice(d, lengthof(pieces))];

	/* now and then far too many of them */
	for (uint32_t n = dice(d, 50) == 0 ? 1 + dice(d, 3000) : 1; n > 0; n--)
		document_put(out, piece, strlen(piece));
}

/* An input of pieces; or two thirds of the time, libFuzzer's own change. */
size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	static uint8_t room[8192];
	Dice		d = {seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
	Out			out = {room, 0, Min(max, sizeof(room))};
	uint8_t		head[HEAD_BYTES];
	int			lines;

	if (size >= HEAD_BYTES && dice(&d, 3) > 0)
		return LLVMFuzzerMutate(data, size, max);
	for (int i = 0; i < HEAD_BYTES; i++)
		head[i] = (uint8_t) dice(&d, 256);
	/* mostly UTF-8 */
	if (dice(&d, 4) > 0)
		head[0] &= 0x7F;
	document_put(&out, head, HEAD_BYTES);
	lines = 1 + (int) dice(&d, 5);
	for (int i = 0; i <= lines; i++)
	{
		int			n = 1 + (int) dice(&d, dice(&d, 3) == 0 ? 12 : 2);

		while (n-- > 0)
			put_piece(&d, &out);
		if (i < lines)
			document_put(&out, "\n", 1);
	}
	if (out.len > 0)
		memcpy(data, room, out.len);
	return out.len;
}
