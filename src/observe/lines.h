/*
 * lines.h
 *	  Raw lines of a file, a program's output or the client's COPY data.
 *
 * Lines are found by LF alone; a CR before it is taken off. No byte is
 * interpreted otherwise. Encodings that a client may use never have LF inside
 * a character, so lines can be cut before they are converted.
 *
 * However long a line is, no more than selfheal.max_line of it is in memory: a
 * longer one is given out in parts of that size.
 */
#ifndef SELFHEAL_LINES_H
#define SELFHEAL_LINES_H

#include "postgres.h"

typedef struct LineReader LineReader;

/* Open the source in the current memory context; raises what core raises when
 * it cannot. The caller has checked privileges. */
extern LineReader *lines_open_file(const char *filename);
extern LineReader *lines_open_program(const char *command);

/* The client's own COPY data: asks it for lines of natts columns, all text or
 * all binary. */
extern LineReader *lines_open_client(int natts, bool binary);

/* The next line; false at the end. Good until the next call. A last line "\."
 * of the client is psql's end mark and no line. */
extern bool lines_next(LineReader *r, const char **line, size_t *len);

/*
 * For formats in which a line may end otherwise. lines_cut: the bytes up to and
 * with the next end, which the last line may lack; end '\0' stands for LF, CR
 * or both together, whichever comes first. lines_bytes: n bytes, fewer at the
 * end of the data. Both are good until the next call.
 */
extern bool lines_cut(LineReader *r, char end, const char **bytes, size_t *len);
extern size_t lines_bytes(LineReader *r, size_t n, const char **bytes);

/*
 * Is what lines_next or lines_cut gave out last a part of a line that is longer
 * than selfheal.max_line; and does more of that line follow? The parts together
 * are the line, with its end in the last one.
 */
extern bool lines_part(const LineReader *r);
extern bool lines_goes_on(const LineReader *r);

/* What is wrong with such a line. */
#define LINES_TOO_LONG "it is part of a line that is longer than selfheal.max_line"

/* Is there no more? May read on, which makes void what was given out. */
extern bool lines_at_end(LineReader *r);

/* How many bytes were given out, of how many (0: nobody knows). */
extern uint64 lines_given(const LineReader *r, uint64 *total);
extern bool lines_of_client(const LineReader *r);

/* End; raises when a program has failed. */
extern void lines_close(LineReader *r);

#endif							/* SELFHEAL_LINES_H */
