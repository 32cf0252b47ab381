/*
 * fields.c
 *	  The fields of one record of a text or csv file.
 *
 * A field without quotes and escapes is not copied. The marks of a null and of
 * a default are looked for in what stands in the file, before anything is
 * unescaped; in csv never in a quoted field.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"
#include "observe/fields.h"
#include "utils/memutils.h"

struct FieldSplitter
{
	const CopyForm *form;
	MemoryContext cxt;
	RecordField *fields;
	int			nfields;
	int			maxfields;
	char	   *out;			/* fields that were unescaped */
	size_t		outsize;
	char	   *to;				/* the next one goes there */
	char		stray;
	const char *fault;
	int			sqlstate;
};

/* See the header. */
FieldSplitter *
fields_open(const CopyForm *form)
{
	FieldSplitter *f = palloc0(sizeof(FieldSplitter));

	f->form = form;
	f->cxt = CurrentMemoryContext;
	f->maxfields = 64;
	f->fields = palloc(sizeof(RecordField) * f->maxfields);
	return f;
}

static void
set_fault(FieldSplitter *f, int sqlstate, const char *words)
{
	if (f->fault == NULL)
	{
		f->fault = words;
		f->sqlstate = sqlstate;
	}
}

/* One field more: what stands in the file, and what it says. */
static void
add_field(FieldSplitter *f, const char *raw, size_t rawlen, bool quoted,
		  const char *val, size_t len)
{
	const CopyForm *form = f->form;
	RecordField *field;

	if (f->nfields == f->maxfields)
	{
		f->maxfields *= 2;
		f->fields = repalloc_huge(f->fields, sizeof(RecordField) * (Size) f->maxfields);
	}
	field = &f->fields[f->nfields++];
	field->val = val;
	field->len = (int) len;
	field->isnull = !quoted && rawlen == form->nulllen &&
		memcmp(raw, form->null, rawlen) == 0;
	field->isdefault = form->defaults != NULL && !field->isnull && !quoted &&
		rawlen == form->defaultslen && memcmp(raw, form->defaults, rawlen) == 0;
}

/* Room for what a record of this length may say. */
static void
make_room(FieldSplitter *f, size_t len)
{
	if (len > f->outsize)
	{
		if (f->out)
			pfree(f->out);
		f->out = NULL;
		f->outsize = Max(len, 2 * f->outsize);
		f->out = MemoryContextAllocHuge(f->cxt, f->outsize);
	}
	f->to = f->out;
}

/* ---- text ---- */

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/*
 * What stands behind a backslash at s. A character that is said by its number
 * may make bytes that are no text: *numbered. Returns behind it.
 */
static const char *
unescape(const char *s, const char *end, char *out, bool *numbered)
{
	static const char letters[] = "bfnrtv";
	static const char meant[] = "\b\f\n\r\t\v";
	const char *letter;
	int			value = 0;
	int			n = 0;

	if (*s >= '0' && *s <= '7')
	{
		while (n < 3 && s < end && *s >= '0' && *s <= '7')
		{
			value = value * 8 + (*s++ - '0');
			n++;
		}
	}
	else if (*s == 'x' && s + 1 < end && hex_digit(s[1]) >= 0)
	{
		s++;
		while (n < 2 && s < end && hex_digit(*s) >= 0)
		{
			value = value * 16 + hex_digit(*s++);
			n++;
		}
	}
	if (n > 0)
	{
		*out = (char) (value & 0377);
		*numbered |= *out == '\0' || IS_HIGHBIT_SET(*out);
		return s;
	}
	letter = *s != '\0' ? strchr(letters, *s) : NULL;
	*out = letter ? meant[letter - letters] : *s;
	return s + 1;
}

/* A field that holds backslashes, from s to end. */
static void
unescape_field(FieldSplitter *f, const char *s, const char *end)
{
	const char *raw = s;
	char	   *start = f->to;
	bool		numbered = false;

	while (s < end)
	{
		if (*s == f->stray && f->stray != '\0')
			set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT,
					  "it holds a carriage return or line feed that is not escaped");
		if (*s != '\\')
			*f->to++ = *s++;
		else if (s + 1 == end)
		{
			/* COPY leaves it out without a word */
			set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT, "it ends with a backslash, behind which nothing stands");
			s++;
		}
		else
		{
			if (s[1] == '.')
				set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT,
						  "it holds the end mark \\., which must be alone on its line");
			s = unescape(s + 1, end, f->to++, &numbered);
		}
	}
	add_field(f, raw, end - raw, false, start, f->to - start);
	if (numbered && !f->fields[f->nfields - 1].isnull &&
		!pg_verifymbstr(start, f->to - start, true))
		set_fault(f, ERRCODE_CHARACTER_NOT_IN_REPERTOIRE,
				  "a character that is given by its number is none of the server's encoding");
}

/* Where the field that begins at s ends: before a delimiter that is not
 * escaped. */
static const char *
end_of_field(FieldSplitter *f, const char *s, const char *end, bool *escapes)
{
	char		delimiter = f->form->delimiter;

	*escapes = false;
	for (; s < end && *s != delimiter; s++)
	{
		if (*s == '\\')
		{
			*escapes = true;
			s += s + 1 < end;
		}
		else if (*s == f->stray && f->stray != '\0')
			set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT,
					  "it holds a carriage return or line feed that is not escaped");
	}
	return s;
}

static void
split_text(FieldSplitter *f, const char *s, const char *end)
{
	for (;;)
	{
		bool		escapes;
		const char *stop = end_of_field(f, s, end, &escapes);

		if (unlikely(escapes))
			unescape_field(f, s, stop);
		else
			add_field(f, s, stop - s, false, s, stop - s);
		if (stop == end)
			break;
		s = stop + 1;
	}
}

/* ---- csv ---- */

/* A quoted part of a field, from behind its quote: into out. Returns where it
 * ends, behind the other quote; NULL when there is none. */
static const char *
unquote(FieldSplitter *f, const char *s, const char *end)
{
	char		quote = f->form->quote;
	char		escape = f->form->escape;

	while (s < end)
	{
		char		c = *s++;

		if (c == escape && s < end && (*s == escape || *s == quote))
			c = *s++;
		else if (c == quote)
			return s;
		*f->to++ = c;
	}
	return NULL;
}

/* A field that holds a quote at s, which begins at raw. Returns its end. */
static const char *
quoted_field(FieldSplitter *f, const char *raw, const char *s, const char *end)
{
	const char *stop = memchr(s + 1, f->form->quote, end - s - 1);
	char	   *start = f->to;

	/* mostly it is quoted from end to end, and holds no quote */
	if (s == raw && stop != NULL && (stop + 1 == end || stop[1] == f->form->delimiter) &&
		(f->form->escape == f->form->quote ||
		 memchr(s + 1, f->form->escape, stop - s - 1) == NULL))
	{
		add_field(f, raw, stop + 1 - raw, true, s + 1, stop - s - 1);
		return stop + 1;
	}
	memcpy(f->to, raw, s - raw);
	f->to += s - raw;
	while (s < end && *s != f->form->delimiter)
	{
		if (*s != f->form->quote)
		{
			if (*s == f->stray && f->stray != '\0')
				set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT,
						  "it holds a carriage return or line feed that is not quoted");
			*f->to++ = *s++;
			continue;
		}
		s = unquote(f, s + 1, end);
		if (s == NULL)
		{
			set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT, "a quoted field is not ended");
			return end;
		}
	}
	add_field(f, raw, s - raw, true, start, f->to - start);
	return s;
}

static void
split_csv(FieldSplitter *f, const char *s, const char *end)
{
	char		delimiter = f->form->delimiter;
	char		quote = f->form->quote;

	for (;;)
	{
		const char *raw = s;

		for (; s < end && *s != delimiter && *s != quote; s++)
			if (*s == f->stray && f->stray != '\0')
				set_fault(f, ERRCODE_BAD_COPY_FILE_FORMAT,
						  "it holds a carriage return or line feed that is not quoted");
		if (s < end && *s == quote)
			s = quoted_field(f, raw, s, end);
		else
			add_field(f, raw, s - raw, false, raw, s - raw);
		if (s == end || f->fault)
			break;
		s++;
	}
}

/* See the header. */
const char *
fields_split(FieldSplitter *f, const char *text, size_t len, char stray,
			 RecordField **fields, int *nfields, int *sqlstate)
{
	f->nfields = 0;
	f->stray = stray;
	f->fault = NULL;
	make_room(f, len + 1);
	if (f->form->format == COPY_CSV)
		split_csv(f, text, text + len);
	else
		split_text(f, text, text + len);
	*fields = f->fields;
	*nfields = f->fault ? 0 : f->nfields;
	*sqlstate = f->sqlstate;
	return f->fault;
}
