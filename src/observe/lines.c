/*
 * lines.c
 *	  Raw lines of a file, a program's output or the client's COPY data.
 *
 * Bytes are read in large chunks into one buffer and lines are cut by memchr;
 * what is left of a chunk moves to the front before the next one. Files and
 * pipes are fd.c's, so that an error closes them at the end of the
 * (sub)transaction; the client speaks the COPY sub-protocol.
 */
#include "postgres.h"

#include <sys/stat.h>

#include "base/guc.h"
#include "libpq/libpq.h"
#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "observe/lines.h"
#include "storage/fd.h"
#include "tcop/dest.h"
#include "tcop/tcopprot.h"
#include "utils/memutils.h"

#define LINES_CHUNK (256 * 1024)

typedef enum LineSource
{
	LINES_FILE,
	LINES_PROGRAM,
	LINES_CLIENT
} LineSource;

struct LineReader
{
	LineSource	source;
	const char *name;
	FILE	   *file;
	StringInfoData message;		/* of the client */
	bool		at_end;			/* the source has no more */

	char	   *buf;
	size_t		size;
	size_t		start;			/* of what is not given out yet */
	size_t		end;
	size_t		searched;		/* no end of a line before this */
	bool		part;			/* of a line was given out, */
	bool		goes_on;		/* and not its last one */
	uint64		given;			/* bytes that were given out */
	uint64		total;			/* bytes of the file; 0: not known */
};

static LineReader *
open_reader(LineSource source, const char *name)
{
	LineReader *r = palloc0(sizeof(LineReader));

	r->source = source;
	r->name = name;
	r->size = LINES_CHUNK;
	r->buf = palloc(r->size);
	return r;
}

LineReader *
lines_open_file(const char *filename)
{
	LineReader *r = open_reader(LINES_FILE, filename);
	struct stat st;

	r->file = AllocateFile(filename, PG_BINARY_R);
	if (r->file == NULL)
	{
		bool		elsewhere = errno == ENOENT || errno == EACCES;

		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not open file \"%s\" for reading: %m", filename),
				 elsewhere ?
				 errhint("The server reads this file; for one on the client use psql's \\copy, or COPY ... FROM STDIN.") : 0));
	}
	if (fstat(fileno(r->file), &st) != 0)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not stat file \"%s\": %m", filename)));
	if (S_ISDIR(st.st_mode))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s\" is a directory", filename)));
	r->total = st.st_size;
	return r;
}

LineReader *
lines_open_program(const char *command)
{
	LineReader *r = open_reader(LINES_PROGRAM, command);

	r->file = OpenPipeStream(command, PG_BINARY_R);
	if (r->file == NULL)
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not run program \"%s\": %m", command)));
	return r;
}

/* See the header. */
LineReader *
lines_open_client(int natts, bool binary)
{
	LineReader *r;
	StringInfoData buf;

	if (whereToSendOutput != DestRemote)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("there is no client to read from"),
				 errhint("COPY from a file or a program instead.")));
	r = open_reader(LINES_CLIENT, NULL);
	initStringInfo(&r->message);
	pq_beginmessage(&buf, 'G');
	pq_sendbyte(&buf, binary);
	pq_sendint16(&buf, natts);
	for (int i = 0; i < natts; i++)
		pq_sendint16(&buf, binary);
	pq_endmessage(&buf);
	pq_flush();
	return r;
}

/* Room for more bytes behind what is not given out yet. */
static void
make_room(LineReader *r, size_t more)
{
	if (r->start > 0)
	{
		memmove(r->buf, r->buf + r->start, r->end - r->start);
		r->end -= r->start;
		r->searched -= r->start;
		r->start = 0;
	}
	if (r->end + more <= r->size)
		return;
	r->size = Max(r->size * 2, r->end + more);
	r->buf = repalloc_huge(r->buf, r->size);
}

/* Read a chunk of a file or pipe. */
static void
read_stream(LineReader *r)
{
	size_t		got;

	make_room(r, LINES_CHUNK / 2);
	got = fread(r->buf + r->end, 1, r->size - r->end, r->file);
	if (ferror(r->file))
		ereport(ERROR,
				(errcode_for_file_access(),
				 errmsg("could not read from \"%s\": %m", r->name)));
	r->end += got;
	if (got == 0)
		r->at_end = true;
}

/* One protocol message of the client; returns its type. */
static int
read_message(LineReader *r)
{
	int			type;
	int			limit = PQ_SMALL_MESSAGE_LIMIT;

	/* a cancel in the middle of a message would leave the protocol in pieces */
	HOLD_CANCEL_INTERRUPTS();
	pq_startmsgread();
	type = pq_getbyte();
	switch (type)
	{
		case 'd':				/* CopyData */
			limit = PQ_LARGE_MESSAGE_LIMIT;
			break;
		case 'c':				/* CopyDone */
		case 'f':				/* CopyFail */
		case 'H':				/* Flush */
		case 'S':				/* Sync */
			break;
		case EOF:
			ereport(ERROR,
					(errcode(ERRCODE_CONNECTION_FAILURE),
					 errmsg("unexpected EOF on client connection during COPY")));
			break;
		default:
			ereport(ERROR,
					(errcode(ERRCODE_PROTOCOL_VIOLATION),
					 errmsg("unexpected message type 0x%02X during COPY from stdin",
							type)));
	}
	resetStringInfo(&r->message);
	if (pq_getmessage(&r->message, limit))
		ereport(ERROR,
				(errcode(ERRCODE_CONNECTION_FAILURE),
				 errmsg("unexpected EOF on client connection during COPY")));
	RESUME_CANCEL_INTERRUPTS();
	return type;
}

/* Read what the client sends next. Flush and Sync are allowed in between and
 * mean nothing here. */
static void
read_client(LineReader *r)
{
	for (;;)
	{
		switch (read_message(r))
		{
			case 'd':
				make_room(r, r->message.len);
				memcpy(r->buf + r->end, r->message.data, r->message.len);
				r->end += r->message.len;
				return;
			case 'c':
				r->at_end = true;
				return;
			case 'f':
				ereport(ERROR,
						(errcode(ERRCODE_QUERY_CANCELED),
						 errmsg("COPY from stdin failed: %s",
								pq_getmsgstring(&r->message))));
				break;
			default:
				break;
		}
	}
}

/* Read on. False: there is no more. */
static bool
read_on(LineReader *r)
{
	if (r->at_end)
		return false;
	CHECK_FOR_INTERRUPTS();
	if (r->source == LINES_CLIENT)
		read_client(r);
	else
		read_stream(r);
	return true;
}

/* Give out what stands before stop. */
static void
give(LineReader *r, size_t stop, const char **bytes, size_t *len)
{
	*bytes = r->buf + r->start;
	*len = stop - r->start;
	r->given += *len;
	r->start = r->searched = stop;
}

/* Where the first line end of this kind is, or NULL. */
static char *
find_end(LineReader *r, char end)
{
	char	   *from = r->buf + r->searched;
	size_t		len = r->end - r->searched;
	char	   *lf;
	char	   *cr;

	if (end != '\0')
		return memchr(from, end, len);
	lf = memchr(from, '\n', len);
	cr = memchr(from, '\r', lf ? (size_t) (lf - from) : len);
	return cr ? cr : lf;
}

/* Give out as much of a line as may be in memory. It has no end before
 * searched: there is no need to look for it there once more. */
static void
give_part(LineReader *r, size_t limit, size_t searched, const char **bytes, size_t *len)
{
	give(r, r->start + limit, bytes, len);
	r->searched = searched;
	r->part = r->goes_on = true;
}

/* See the header. */
bool
lines_cut(LineReader *r, char end, const char **bytes, size_t *len)
{
	size_t		limit = (size_t) guc_max_line * 1024;

	r->part = r->goes_on;
	r->goes_on = false;
	for (;;)
	{
		char	   *at = find_end(r, end);
		size_t		offset;

		r->searched = at ? (size_t) (at - r->buf) : r->end;
		if (unlikely(r->searched - r->start > limit))
		{
			give_part(r, limit, r->searched, bytes, len);
			return true;
		}
		if (at == NULL)
		{
			if (read_on(r))
				continue;
			if (r->end == r->start)
				return false;
			give(r, r->end, bytes, len);
			return true;
		}
		offset = at - r->buf - r->start;
		if (end == '\0' && *at == '\r')
		{
			/* is it the first half of an end? reading on moves the buffer */
			while (r->start + offset + 1 == r->end && read_on(r))
				;
			if (r->start + offset + 1 < r->end && r->buf[r->start + offset + 1] == '\n')
				offset++;
		}
		give(r, r->start + offset + 1, bytes, len);
		return true;
	}
}

/* See the header. */
size_t
lines_bytes(LineReader *r, size_t n, const char **bytes)
{
	size_t		len;

	while (r->end - r->start < n && read_on(r))
		;
	give(r, r->start + Min(n, r->end - r->start), bytes, &len);
	return len;
}

/* See the header. */
bool
lines_part(const LineReader *r)
{
	return r->part;
}

bool
lines_goes_on(const LineReader *r)
{
	return r->goes_on;
}

/* See the header. */
bool
lines_at_end(LineReader *r)
{
	while (r->start == r->end && read_on(r))
		;
	return r->start == r->end;
}

uint64
lines_given(const LineReader *r, uint64 *total)
{
	*total = r->total;
	return r->given;
}

bool
lines_of_client(const LineReader *r)
{
	return r->source == LINES_CLIENT;
}

/*
 * See the header. The "\\." that was just cut off is the client's end mark when
 * nothing stands behind it: psql before 18 sends the mark along as the last
 * line of its data. Anywhere else it is a line.
 */
bool
lines_next(LineReader *r, const char **line, size_t *len)
{
	if (!lines_cut(r, '\n', line, len))
		return false;
	if ((*line)[*len - 1] == '\n')
	{
		(*len)--;
		if (*len > 0 && (*line)[*len - 1] == '\r')
			(*len)--;
	}
	if (r->source == LINES_CLIENT && !r->part && *len == 2 && memcmp(*line, "\\.", 2) == 0)
	{
		if (lines_at_end(r))
			return false;
		*line = "\\.";			/* looking on has moved the buffer */
	}
	return true;
}

/* See the header. */
void
lines_close(LineReader *r)
{
	if (r->source == LINES_FILE)
	{
		if (FreeFile(r->file) != 0)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not close file \"%s\": %m", r->name)));
	}
	else if (r->source == LINES_PROGRAM)
	{
		int			rc = ClosePipeStream(r->file);

		/* what cancels us ends the program as well: that is no fault of its */
		CHECK_FOR_INTERRUPTS();
		if (rc == -1)
			ereport(ERROR,
					(errcode_for_file_access(),
					 errmsg("could not end program \"%s\": %m", r->name)));
		if (rc != 0)
			ereport(ERROR,
					(errcode(ERRCODE_EXTERNAL_ROUTINE_EXCEPTION),
					 errmsg("program \"%s\" failed", r->name),
					 errdetail_internal("%s", wait_result_to_str(rc)),
					 errhint("Nothing of its output is stored or held.")));
	}
	pfree(r->buf);
	pfree(r);
}
