/*
 * shown.c
 *	  A value in a sentence for people.
 */
#include "postgres.h"

#include "read/shown.h"
#include "mb/pg_wchar.h"

#define SHOWN_BYTES 60

/* See the header. */
char *
shown_value(const char *val, int len)
{
	int			shown = len > SHOWN_BYTES ? pg_mbcliplen(val, len, SHOWN_BYTES) : len;
	char	   *out = psprintf("\"%.*s%s\"", shown, val, shown < len ? "..." : "");

	for (char *p = out; *p; p++)
		if ((unsigned char) *p < 0x20 || *p == 0x7F)
			*p = '?';
	return out;
}
