/*
 * wire.c
 *	  stdin and stdout: whole lines in, whole lines out, never waiting.
 *
 * Both descriptors may be shared with our parent, so they are left blocking:
 * what poll() found writable takes PIPE_BUF bytes without waiting.
 */
#include "bridge/wire.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "bridge/buffer.h"
#include "bridge/limits.h"

static WireTake give_line;
static Buffer in;
static bool overlong;			/* the rest of this line is read away */
static Buffer out;
static size_t sent;				/* of out */

void
wire_init(WireTake take)
{
	give_line = take;
	buffer_init(&in);
	buffer_init(&out);
}

/* A line is whole. */
static void
end_line(void)
{
	if (overlong)
		give_line(NULL, 0);
	else
		give_line(in.data, in.len);
	overlong = false;
	buffer_reset(&in);
}

static void
take_bytes(const char *bytes, size_t len)
{
	if (overlong)
		return;
	if (in.len + len > LINE_LIMIT)
	{
		overlong = true;
		buffer_reset(&in);
		return;
	}
	buffer_append(&in, bytes, len);
}

bool
wire_read(void)
{
	static char chunk[64 * 1024];
	ssize_t		got = read(STDIN_FILENO, chunk, sizeof(chunk));
	const char *at = chunk,
			   *end;

	if (got < 0 && (errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK))
		return true;
	if (got <= 0)
	{
		if (in.len > 0 || overlong)
			end_line();
		return false;
	}
	end = chunk + got;
	while (at < end)
	{
		const char *newline = memchr(at, '\n', end - at);

		take_bytes(at, (newline != NULL ? newline : end) - at);
		if (newline == NULL)
			break;
		end_line();
		at = newline + 1;
	}
	return true;
}

void
wire_give(const char *line, size_t len)
{
	buffer_append(&out, line, len);
	buffer_append(&out, "\n", 1);
}

size_t
wire_waiting(void)
{
	return out.len - sent;
}

bool
wire_write(void)
{
	size_t		len = wire_waiting();
	ssize_t		gone;

	if (len == 0)
		return true;
	gone = write(STDOUT_FILENO, out.data + sent, len < PIPE_BUF ? len : PIPE_BUF);
	if (gone < 0)
		return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
	sent += gone;
	if (sent == out.len || sent > MEGABYTE)
	{
		buffer_take(&out, sent);
		sent = 0;
	}
	return true;
}

void
wire_end(void)
{
	buffer_free(&in);
	buffer_free(&out);
}
