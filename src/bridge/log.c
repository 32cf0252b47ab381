/*
 * log.c
 *	  A word on stderr.
 */
#include "bridge/log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void
log_line(const char *format,...)
{
	char		line[480] = "selfheal-mcp: ";
	size_t		len = strlen(line),
				i;
	struct pollfd out = {STDERR_FILENO, POLLOUT, 0};
	va_list		args;

	va_start(args, format);
	vsnprintf(line + len, sizeof(line) - len - 1, format, args);
	va_end(args);
	len = strlen(line);
	while (line[len - 1] == '\n')
		len--;
	for (i = 0; i < len; i++)
	{
		if (line[i] == '\n')
			line[i] = ' ';
	}
	line[len++] = '\n';
	if (poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) && write(STDERR_FILENO, line, len) < 0)
		return;
}
