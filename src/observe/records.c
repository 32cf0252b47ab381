/*
 * records.c
 *	  Records of a text or csv file, one at a time.
 *
 * A piece is what stands between two ends of lines: no encoding that a client
 * may use has LF or CR inside a character, so that pieces are cut from the raw
 * bytes and converted one by one. A record is a piece, or several where a
 * quote (csv) or a backslash (text) stands before the end. fields.c takes it
 * apart.
 *
 * How lines end is said by the first one, as in COPY: LF, CR LF or CR. What
 * could be the end of a line, but is not theirs, is a fault where it is not
 * quoted.
 */
#include "postgres.h"

#include "base/guc.h"
#include "lib/stringinfo.h"
#include "observe/fields.h"
#include "observe/records.h"
#include "observe/recode.h"

#define RECORD_MAX ((size_t) 128 * 1024 * 1024)

typedef enum LineEnd
{
	END_UNKNOWN,
	END_LF,
	END_CRLF,
	END_CR
} LineEnd;

/* Where the record at hand stands between two pieces. */
typedef struct Quoting
{
	bool		open;			/* the end of the line belongs to a field */
	bool		escaped;		/* an escape stands before the next character */
	int64		line;			/* where it was opened last */
} Quoting;

struct RecordReader
{
	LineReader *lines;
	const CopyForm *form;
	Recoder		recoder;
	bool		converts;		/* what is read is not what came */
	FieldSplitter *splitter;
	LineEnd		end;
	int64		nlines;			/* read so far */

	/* a record of several pieces */
	StringInfoData raw;
	StringInfoData text;		/* the same, converted (where it is) */
	bool		invalid;		/* a piece is not in its encoding */

	/* lines of which nobody knows what they are */
	bool		telling;		/* those in raw, from at on */
	size_t		at;
	int64		line;
	bool		lost;			/* and those that follow, as long as: */
	Quoting		quoting;
	const char *why;			/* their fault, */
	int			why_state;		/* and its SQLSTATE */

	bool		over;
	bool		cut_off;
};

/* See the header. */
RecordReader *
records_open(LineReader *lines, const CopyForm *form)
{
	RecordReader *r = palloc0(sizeof(RecordReader));

	r->lines = lines;
	r->form = form;
	recode_init(&r->recoder, form->encoding);
	r->converts = OidIsValid(r->recoder.proc);
	r->splitter = fields_open(form);
	initStringInfo(&r->raw);
	initStringInfo(&r->text);
	return r;
}

/* See the header. Each byte of a field may become six of the payload. */
size_t
records_limit(void)
{
	return Min((size_t) guc_max_payload * 1024, RECORD_MAX);
}

bool
records_cut_off(const RecordReader *r)
{
	return r->cut_off;
}

/* ---- pieces ---- */

/* How many bytes at the end of a piece are the end of its line? Of lines that
 * do not end as the first one, a lone LF or CR as well. */
static size_t
end_of(const char *bytes, size_t len)
{
	if (len > 0 && bytes[len - 1] == '\n')
		return len > 1 && bytes[len - 2] == '\r' ? 2 : 1;
	return len > 0 && bytes[len - 1] == '\r' ? 1 : 0;
}

/*
 * Does a field go on behind the end of this piece? In csv, when a quote is
 * open: an escape keeps a quote from ending it, where the two are different
 * characters. Two quotes in a row open and close, which comes to the same.
 */
static void
follow_quotes(const CopyForm *form, Quoting *q, const char *s, size_t len, int64 line)
{
	const char *begin = s;
	const char *end = s + len;

	if (form->quote == form->escape)
	{
		while ((s = memchr(s, form->quote, end - s)) != NULL)
		{
			q->open = !q->open;
			if (q->open && (s == begin || s[-1] != form->quote))
				q->line = line;
			s++;
		}
		return;
	}
	for (; s < end; s++)
	{
		if (q->open && *s == form->escape)
			q->escaped = !q->escaped;
		else
		{
			if (*s == form->quote && !q->escaped)
			{
				q->open = !q->open;
				if (q->open)
					q->line = line;
			}
			q->escaped = false;
		}
	}
}

/* In text, when an odd number of backslashes stands before the end. */
static bool
ends_escaped(const char *s, size_t len)
{
	size_t		n = 0;

	while (n < len && s[len - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/* The piece, converted, with the end of its line, which has lenend bytes. */
static void
follow(RecordReader *r, Quoting *q, const char *s, size_t len, size_t lenend)
{
	if (r->form->format == COPY_CSV)
	{
		if (r->form->multiline)
			follow_quotes(r->form, q, s, len, r->nlines);
	}
	else
	{
		/* before CR LF it is the CR that is escaped, and the line ends */
		q->open = lenend == 1 && ends_escaped(s, len - lenend);
	}
}

/* The next piece with its end, which has lenend bytes. */
static bool
next_piece(RecordReader *r, const char **bytes, size_t *len, size_t *lenend)
{
	static const char ends[] = {'\0', '\n', '\n', '\r'};
	bool		goes_on = lines_goes_on(r->lines);

	if (!lines_cut(r->lines, ends[r->end], bytes, len))
		return false;
	if (!goes_on)
		r->nlines++;
	*lenend = lines_goes_on(r->lines) ? 0 : end_of(*bytes, *len);
	return true;
}

/* The first line has ended so: all do. */
static void
learn_end(RecordReader *r, const char *bytes, size_t len)
{
	size_t		n = end_of(bytes, len);

	if (r->end == END_UNKNOWN && n > 0)
		r->end = n == 2 ? END_CRLF : bytes[len - 1] == '\n' ? END_LF : END_CR;
}

/* How many bytes of a piece's end are no part of its line: where it does not
 * end as the others, what it has more is kept. */
static size_t
own_end(const RecordReader *r, size_t lenend)
{
	return Min(lenend, r->end == END_CRLF ? 2 : 1);
}

/* ---- faults ---- */

static bool
fault(Record *record, int sqlstate, const char *words)
{
	record->fault = words;
	record->sqlstate = sqlstate;
	record->nfields = 0;
	return true;
}

/* Is the line the end mark of a client of csv? Nothing may stand behind it;
 * looking moves the buffer. */
static bool
is_last_mark(RecordReader *r, const char *line, size_t len)
{
	return len == 2 && memcmp(line, "\\.", 2) == 0 &&
		lines_of_client(r->lines) && lines_at_end(r->lines);
}

/* The next line of those that nobody knows, in raw. */
static bool
tell_next(RecordReader *r, Record *record)
{
	char		stop = r->end == END_CR ? '\r' : '\n';
	char	   *from = r->raw.data + r->at;
	size_t		left = r->raw.len - r->at;
	char	   *end = memchr(from, stop, left);
	size_t		len = end ? (size_t) (end + 1 - from) : left;
	bool		goes_on = end == NULL && lines_goes_on(r->lines);

	record->line = r->line++;
	record->raw = from;
	record->rawlen = goes_on ? len : len - own_end(r, end_of(from, len));
	r->at += len;
	if (r->at >= (size_t) r->raw.len)
	{
		r->telling = false;
		if (!r->lost && is_last_mark(r, record->raw, record->rawlen))
			return false;
	}
	return fault(record, r->why_state, r->why);
}

/* From here on nobody knows what the lines are, as long as a quote is open or
 * a line goes on. */
static void
lose(RecordReader *r, const Quoting *q)
{
	r->quoting = *q;
	r->why_state = q->open ? ERRCODE_BAD_COPY_FILE_FORMAT : ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	r->why = q->open ? psprintf("the quoted field that begins in line " INT64_FORMAT " is not ended", q->line)
		: LINES_TOO_LONG;
}

/* The record that is in raw has no end that could be found: tell of its
 * lines. */
static bool
tell_all(RecordReader *r, Record *record, const Quoting *q)
{
	lose(r, q);
	r->telling = true;
	r->at = 0;
	r->line = record->line;
	return tell_next(r, record);
}

/* A line behind those, or a part of one. */
static bool
tell_lost(RecordReader *r, Record *record)
{
	const char *bytes;
	size_t		len;
	size_t		lenend;

	if (!next_piece(r, &bytes, &len, &lenend))
		return false;
	record->line = r->nlines;
	record->raw = bytes;
	record->rawlen = len - own_end(r, lenend);
	follow(r, &r->quoting, bytes, len, lenend);
	r->lost = r->quoting.open || lines_goes_on(r->lines);
	if (record->rawlen == 2 && memcmp(bytes, "\\.", 2) == 0 && !lines_part(r->lines))
	{
		record->raw = "\\.";
		if (is_last_mark(r, record->raw, 2))
			return false;
	}
	(void) fault(record, r->why_state, r->why);
	/* the lines behind one that was too long are unknown for its quote alone */
	if (r->lost && r->why_state == ERRCODE_PROGRAM_LIMIT_EXCEEDED && !lines_goes_on(r->lines))
		lose(r, &r->quoting);
	return true;
}

/* ---- records ---- */

/*
 * Does the "\." that was just read end the data? Whoever sends more of it, a
 * client or a program, is heard to the end, or he would fail.
 */
static bool
is_end_mark(RecordReader *r)
{
	const char *rest;

	if (r->form->format == COPY_CSV)
		return lines_of_client(r->lines) && lines_at_end(r->lines);
	r->over = true;
	r->cut_off = !lines_at_end(r->lines);
	while (lines_bytes(r->lines, 65536, &rest) > 0)
		;
	return true;
}

/* One piece more of the record in raw. */
static void
add_piece(RecordReader *r, const char *bytes, size_t len, const char *text, size_t textlen)
{
	appendBinaryStringInfo(&r->raw, bytes, len);
	/* what is larger is not taken apart */
	if (r->converts && (size_t) r->raw.len <= records_limit())
		appendBinaryStringInfo(&r->text, text, textlen);
}

/* Take a record apart. lenend bytes of its text are the end of its line. */
static bool
split(RecordReader *r, Record *record, const char *text, size_t len, size_t lenend)
{
	char		bad;

	if (r->invalid)
		return fault(record, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
					 "its bytes are not valid in the encoding of the file");
	/* an end of another kind is a part of the line, and stands there unquoted */
	if (lenend > 0 && lenend != (size_t) (r->end == END_CRLF ? 2 : 1))
		return fault(record, ERRCODE_BAD_COPY_FILE_FORMAT,
					 "it does not end as the first line of the file does");
	bad = r->end == END_CR ? '\n' : '\r';
	if (memchr(text, bad, len - lenend) == NULL)
		bad = '\0';
	record->fault = fields_split(r->splitter, text, len - lenend, bad,
								 &record->fields, &record->nfields, &record->sqlstate);
	return true;
}

/* Read on, until the record that is in raw ends. */
static bool
read_rest(RecordReader *r, Record *record, Quoting *q)
{
	const char *bytes;
	const char *text;
	size_t		len;
	size_t		textlen;
	size_t		lenend = 0;

	while (q->open)
	{
		if ((size_t) r->raw.len > records_limit())
		{
			r->lost = true;
			return tell_all(r, record, q);
		}
		if (!next_piece(r, &bytes, &len, &lenend))
		{
			if (r->form->format == COPY_CSV)
				return tell_all(r, record, q);
			lenend = 0;			/* the escaped end of the last line */
			break;
		}
		text = bytes;
		textlen = len;
		r->invalid |= !recode_line(&r->recoder, &text, &textlen);
		follow(r, q, text, textlen, lenend);
		add_piece(r, bytes, len, text, textlen);
		if (unlikely(lines_goes_on(r->lines)))
		{
			r->lost = true;
			return tell_all(r, record, q);
		}
		if (!q->open)
			learn_end(r, bytes, len);
	}
	record->raw = r->raw.data;
	record->rawlen = r->raw.len - own_end(r, lenend);
	if (r->converts && (size_t) r->raw.len > records_limit())
		return fault(record, ERRCODE_PROGRAM_LIMIT_EXCEEDED, RECORDS_TOO_LARGE);
	if (r->converts)
		return split(r, record, r->text.data, r->text.len, lenend);
	return split(r, record, r->raw.data, r->raw.len, lenend);
}

/* A line that is too long: each of its parts is told of. */
static bool
tell_part(RecordReader *r, Record *record, const char *bytes, size_t len)
{
	Quoting		q = {0};

	lose(r, &q);
	r->lost = true;
	follow(r, &r->quoting, bytes, len, 0);
	record->line = r->nlines;
	record->raw = bytes;
	record->rawlen = len;
	return fault(record, r->why_state, r->why);
}

/* See the header. */
bool
records_next(RecordReader *r, Record *record)
{
	Quoting		q = {0};
	const char *bytes;
	const char *text;
	size_t		len;
	size_t		textlen;
	size_t		lenend;

	memset(record, 0, sizeof(Record));
	if (unlikely(r->over))
		return false;
	if (r->telling)
		return tell_next(r, record);
	if (r->lost)
		return tell_lost(r, record);
	if (!next_piece(r, &bytes, &len, &lenend))
		return false;
	if (unlikely(lines_goes_on(r->lines)))
		return tell_part(r, record, bytes, len);

	record->line = r->nlines;
	text = bytes;
	textlen = len;
	r->invalid = !recode_line(&r->recoder, &text, &textlen);
	follow(r, &q, text, textlen, lenend);
	if (unlikely(q.open))
	{
		resetStringInfo(&r->raw);
		resetStringInfo(&r->text);
		add_piece(r, bytes, len, text, textlen);
		return read_rest(r, record, &q);
	}
	learn_end(r, bytes, len);
	record->raw = bytes;
	record->rawlen = len - own_end(r, lenend);
	if (unlikely(*bytes == '\\') && record->rawlen == 2 && bytes[1] == '.')
	{
		if (is_end_mark(r))
			return false;
		/* looking on has moved the buffer */
		record->raw = text = "\\.";
		textlen = 2;
		lenend = 0;
	}
	return split(r, record, text, textlen, lenend);
}
