/*
 * words.c
 *	  The words of a function that takes its message as printf does.
 */
#include "postgres.h"

#include "base/words.h"
#include "lib/stringinfo.h"

/* See the header. errno stays for %m, as in psprintf. */
char *
words_formatted(const char *fmt, va_list args)
{
	int			saved_errno = errno;
	StringInfoData buf;

	initStringInfo(&buf);
	for (;;)
	{
		va_list		once;
		int			needed;

		errno = saved_errno;
		va_copy(once, args);
		needed = appendStringInfoVA(&buf, fmt, once);
		va_end(once);
		if (needed == 0)
			return buf.data;
		enlargeStringInfo(&buf, needed);
	}
}
