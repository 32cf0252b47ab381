/*
 * recode.c
 *	  Lines of a load, from the encoding they claim to have into the server's.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "observe/recode.h"
#include "utils/memutils.h"

/* See the header. */
void
recode_init(Recoder *rec, int encoding)
{
	memset(rec, 0, sizeof(Recoder));
	rec->from = encoding;
	rec->to = GetDatabaseEncoding();
	if (rec->from == rec->to || rec->from == PG_SQL_ASCII ||
		rec->to == PG_SQL_ASCII)
		return;
	rec->proc = FindDefaultConversionProc(rec->from, rec->to);
	if (!OidIsValid(rec->proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("there is no conversion from encoding \"%s\" to \"%s\"",
						pg_encoding_to_char(rec->from), pg_encoding_to_char(rec->to)),
				 errhint("Convert the file before the load.")));
}

/*
 * Are the bytes of a line what they claim to be? A server of SQL_ASCII keeps
 * the client's bytes; of an encoding that no server can have (a character's
 * second byte may look like a backslash there) it can keep ASCII alone, as
 * PostgreSQL has it for every other statement.
 */
static bool
valid(const Recoder *rec, const char *line, size_t len)
{
	int			encoding = rec->from == PG_SQL_ASCII ? rec->to : rec->from;

	if (rec->to == PG_SQL_ASCII && !PG_VALID_BE_ENCODING(encoding))
	{
		for (size_t i = 0; i < len; i++)
			if (IS_HIGHBIT_SET(line[i]) || line[i] == '\0')
				return false;
		return true;
	}
	return pg_encoding_verifymbstr(encoding, line, len) == (int) len;
}

/* See the header. */
bool
recode_line(Recoder *rec, const char **line, size_t *len)
{
	size_t		need;

	if (!valid(rec, *line, *len))
		return false;
	if (!OidIsValid(rec->proc))
		return true;

	need = *len * MAX_CONVERSION_GROWTH + 1;
	if (need > PG_INT32_MAX)
		return false;
	if (need > rec->size)
	{
		rec->size = Max(need, rec->size * 2);
		if (rec->buf)
			rec->buf = repalloc_huge(rec->buf, rec->size);
		else
			rec->buf = MemoryContextAllocHuge(CurrentMemoryContext, rec->size);
	}
	Assert(rec->buf != NULL);
	if (pg_do_encoding_conversion_buf(rec->proc, rec->from, rec->to,
									  (unsigned char *) unconstify(char *, *line),
									  *len, (unsigned char *) rec->buf, need,
									  true) != (int) *len)
		return false;
	*line = rec->buf;
	*len = strlen(rec->buf);
	return true;
}
