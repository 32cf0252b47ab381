/*
 * nulchars.c
 *	  \u0000 in a payload, left out where a mapping says so.
 *
 * The scanner has found the document to be JSON but for these characters. So
 * a backslash stands in a string, and its escapes can be taken out of the bytes
 * as they are written; the rest is scanned anew and keeps its spelling. Where
 * each of them stood tells to which key it belongs. This is a slow path: it is
 * for payloads that were held until somebody had said so.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "read/alias.h"
#include "read/mapped.h"
#include "read/nulchars.h"
#include "utils/lsyscache.h"

/* Bytes of an escape \uXXXX */
#define ESCAPE_BYTES 6

struct NulChars
{
	JsonScanner *scanner;		/* of stripped documents */
	bool	   *used;			/* by column: its mapping was, in this row */
};

/* A payload without its escapes. */
typedef struct Stripped
{
	char	   *bytes;
	size_t		len;
	int			n;
	size_t	   *at;				/* places in bytes where one stood */
} Stripped;

/* See the header. */
bool
nulchars_takes(Oid basetype)
{
	Oid			element = get_element_type(basetype);
	Oid			type = OidIsValid(element) ? element : basetype;

	if (type == TEXTOID || type == VARCHAROID || type == BPCHAROID)
		return true;
	return !OidIsValid(element) && (type == JSONOID || type == JSONBOID);
}

/* The code of the escape \uXXXX at p, which is well-formed, or -1. */
static int
escape_code(const char *p, const char *end)
{
	char		digits[5];

	if (end - p < ESCAPE_BYTES || p[1] != 'u')
		return -1;
	memcpy(digits, p + 2, 4);
	digits[4] = '\0';
	return (int) strtol(digits, NULL, 16);
}

/*
 * Take the escapes out, in the current context. False: there are none, or one
 * stands behind the half of a pair, which would find another half.
 */
static bool
strip(const char *bytes, size_t len, Stripped *out)
{
	const char *end = bytes + len;
	bool		half = false;

	out->bytes = palloc(len + 1);
	out->len = 0;
	out->n = 0;
	out->at = palloc(sizeof(size_t) * (len / ESCAPE_BYTES + 1));
	for (const char *p = bytes; p < end;)
	{
		int			code;
		int			n = 1;

		if (*p != '\\' || end - p < 2)
			half = false;
		else
		{
			code = escape_code(p, end);
			n = code < 0 ? 2 : ESCAPE_BYTES;
			if (code == 0)
			{
				if (half)
					return false;
				out->at[out->n++] = out->len;
				p += n;
				continue;
			}
			half = code >= 0xD800 && code <= 0xDBFF;
		}
		memcpy(out->bytes + out->len, p, n);
		out->len += n;
		p += n;
	}
	out->bytes[out->len] = '\0';
	return out->n > 0;
}

/* May the character be left out of this field? Notes the mapping that says
 * so. */
static bool
may_strip(const Shape *shape, const JsonField *field)
{
	int			col = fit_column(shape, field->key, field->keylen);

	if (col < 0)
		col = alias_column(shape, field->key, field->keylen, NULL);
	if (col == ALIAS_UNKNOWN)
		col = mapped_rest_column(shape);
	if (col < 0)
		return col == FIT_NOWHERE;
	if (shape->work->cols[col].strip_nul == 0)
		return false;
	shape->work->nuls->used[col] = true;
	return true;
}

/* Whose characters were they? False: some stood in a key, or in a value that
 * was there twice. In the row's context. */
static bool
find_stay(const Shape *shape, const JsonDoc *doc, const Stripped *stripped, List **stay)
{
	int			i = 0;

	for (int f = 0; f < doc->nfields && i < stripped->n; f++)
	{
		const JsonField *field = &doc->fields[f];
		size_t		from = field->raw - stripped->bytes;
		int			first = i;

		while (i < stripped->n && stripped->at[i] > from && stripped->at[i] < from + field->rawlen)
			i++;
		if (i == first && stripped->at[i] <= from)
			return false;
		if (i > first && !may_strip(shape, field))
			*stay = lappend(*stay, unconstify(JsonField *, field));
	}
	return i == stripped->n;
}

/* See the header. */
const JsonDoc *
nulchars_strip(const Shape *shape, const JsonDoc *doc, List **stay)
{
	NulChars   *nuls = shape->work->nuls;
	MemoryContext old;
	Stripped	stripped;

	*stay = NIL;
	if (nuls == NULL || doc->fault != JSON_NUL)
		return NULL;
	memset(nuls->used, 0, sizeof(bool) * shape->ncols);
	old = MemoryContextSwitchTo(shape->work->row);
	if (!strip(doc->bytes, doc->len, &stripped))
		doc = NULL;
	else
	{
		doc = json_scan(nuls->scanner, stripped.bytes, stripped.len);
		if (doc->fault != JSON_FINE || !find_stay(shape, doc, &stripped, stay))
			doc = NULL;
	}
	MemoryContextSwitchTo(old);
	return doc;
}

/* See the header. */
void
nulchars_use(const Shape *shape)
{
	for (int i = 0; i < shape->ncols; i++)
		if (shape->work->nuls->used[i])
			mapped_use(shape, shape->work->cols[i].strip_nul - 1);
}

/* See the header. */
void
nulchars_open(Shape *shape)
{
	MemoryContext old;

	if (shape->work->nuls != NULL)
		return;
	old = MemoryContextSwitchTo(shape->cxt);
	shape->work->nuls = palloc0(sizeof(NulChars));
	shape->work->nuls->used = palloc0(sizeof(bool) * Max(shape->ncols, 1));
	shape->work->nuls->scanner = json_scanner(shape->cxt);
	MemoryContextSwitchTo(old);
}
