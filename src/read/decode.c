/*
 * decode.c
 *	  Bytes in another encoding, as text of the database.
 *
 * That bytes can be converted says little: every byte is a character of
 * LATIN1. What tells a wrong encoding is what comes out: control characters
 * that no producer writes into JSON.
 */
#include "postgres.h"

#include "read/transform.h"
#include "read/transformspec.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* A character that nobody writes into a document. */
static inline bool
unprintable_ascii(unsigned char c)
{
	return (c < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

/* Of an encoding that is not UTF8 we know the ASCII characters, and what the
 * ISO ones have between 0x80 and 0x9F. */
static bool
all_printable(const char *text, size_t len)
{
	int			encoding = GetDatabaseEncoding();
	bool		utf8 = encoding == PG_UTF8;
	bool		iso = (encoding >= PG_LATIN1 && encoding <= PG_LATIN10) ||
	(encoding >= PG_ISO_8859_5 && encoding <= PG_ISO_8859_8);
	const unsigned char *p = (const unsigned char *) text;
	const unsigned char *end = p + len;

	for (; p < end; p++)
	{
		if (*p < 0x80)
		{
			if (unprintable_ascii(*p))
				return false;
		}
		else if (iso && *p < 0xA0)
			return false;
		else if (utf8 && end - p >= 2 && p[0] == 0xC2 && p[1] < 0xA0)
			return false;		/* C1 controls */
		else if (utf8 && end - p >= 3 && p[0] == 0xEF && p[1] == 0xBF && p[2] == 0xBD)
			return false;		/* U+FFFD: lost by somebody else */
	}
	return true;
}

/* The bytes converted, NUL-terminated, or NULL. */
static char *
convert(const char *bytes, size_t len, int encoding, size_t *outlen)
{
	int			to = GetDatabaseEncoding();
	Size		room = len * MAX_CONVERSION_GROWTH + 1;
	Oid			proc;
	char	   *out;

	/* bytes of no encoding are nothing that others could be converted to */
	if (to == PG_SQL_ASCII)
		return NULL;
	if (encoding == to)
	{
		if (!pg_verify_mbstr(encoding, bytes, (int) len, true))
			return NULL;
		*outlen = len;
		return pnstrdup(bytes, len);
	}
	proc = FindDefaultConversionProc(encoding, to);
	if (!OidIsValid(proc) || !AllocSizeIsValid(room))
		return NULL;
	out = palloc(room);
	if (pg_do_encoding_conversion_buf(proc, encoding, to,
									  (unsigned char *) unconstify(char *, bytes), (int) len,
									  (unsigned char *) out, (int) room, true) != (int) len)
	{
		pfree(out);
		return NULL;
	}
	*outlen = strlen(out);
	return repalloc(out, *outlen + 1);
}

/* See transform.h. */
bool
transform_decode(const char *bytes, size_t len, int encoding, char **out,
				 size_t *outlen, bool *printable)
{
	*out = NULL;
	*outlen = 0;
	*printable = true;
	/* no text holds a NUL */
	if (len > MaxAllocSize / 2 || memchr(bytes, '\0', len) != NULL ||
		(*out = convert(bytes, len, encoding, outlen)) == NULL)
		return false;
	*printable = all_printable(*out, *outlen);
	if (*printable)
		return true;
	pfree(*out);
	*out = NULL;
	return false;
}

int
transform_encodings(const Jsonb *args, int encodings[TRANSFORM_ENCODINGS_MAX])
{
	TransformSpec spec;

	transformspec_read(TRANSFORM_TEXT, args, &spec);
	memcpy(encodings, spec.u.text.encodings, sizeof(spec.u.text.encodings));
	return spec.u.text.n;
}
