/*
 * arraytext.c
 *	  A JSON array as the text that an array column reads.
 *
 * Every string becomes a quoted element with quotes and backslashes escaped,
 * as the manual's "Array Input and Output Syntax" asks, so that no text can be
 * taken for NULL or for the end of an element. Objects are elements as they
 * are written: jsonb[] and text[] take them, other types refuse them.
 */
#include "postgres.h"

#include "base/arraytext.h"
#include "lib/stringinfo.h"
#include "utils/array.h"

static void
put_quoted(StringInfo out, const char *s, int len)
{
	int			i;

	appendStringInfoChar(out, '"');
	for (i = 0; i < len; i++)
	{
		if (s[i] == '"' || s[i] == '\\')
			appendStringInfoChar(out, '\\');
		appendStringInfoChar(out, s[i]);
	}
	appendStringInfoChar(out, '"');
}

char *
arraytext_literal(JsonText *text, const char *raw, int rawlen,
				  char delimiter, bool documents, int *len)
{
	StringInfoData out;
	const char *p = raw;
	const char *end = raw + rawlen;
	int			depth = 0;

	jsontext_start(text, raw, rawlen);
	initStringInfo(&out);
	do
	{
		const char *start = p;
		const char *val = NULL;
		int			vallen = 0;

		switch (*p)
		{
			case ' ':
			case '\t':
			case '\n':
			case '\r':
				p++;
				break;
			case '[':
				if (++depth > MAXDIM)
					return NULL;
				appendStringInfoChar(&out, '{');
				p++;
				break;
			case ']':
				depth--;
				appendStringInfoChar(&out, '}');
				p++;
				break;
			case ',':
				appendStringInfoChar(&out, delimiter);
				p++;
				break;
			case '"':
				p = jsontext_string(text, p + 1, &val, &vallen);
				if (p == NULL)
					return NULL;
				if (documents)
					put_quoted(&out, start, (int) (p - start));
				else
					put_quoted(&out, val, vallen);
				break;
			case '{':
				p = jsontext_container(text, p);
				if (p == NULL)
					return NULL;
				put_quoted(&out, start, (int) (p - start));
				break;
			case 'n':
				appendStringInfoString(&out, "NULL");
				p += 4;
				break;
			default:
				/* a number, true or false: nothing in them needs quotes */
				while (p < end && strchr(",] \t\r\n", *p) == NULL)
					p++;
				appendBinaryStringInfo(&out, start, (int) (p - start));
				break;
		}
	} while (depth > 0 && p < end);

	*len = out.len;
	return out.data;
}
