/*
 * lines.h
 *	  Raw lines of a file, a program's output or the client's COPY data.
 *
 * Lines are found by LF alone; a CR before it is taken off. No byte is
 * interpreted otherwise. Encodings that a client may use never have LF inside
 * a character, so lines can be cut before they are converted.
 */
#ifndef SELFHEAL_LINES_H
#define SELFHEAL_LINES_H

#include "postgres.h"

typedef struct LineReader LineReader;

/* Open the source in the current memory context; raises what core raises when
 * it cannot. The caller has checked privileges. */
extern LineReader *lines_open_file(const char *filename);
extern LineReader *lines_open_program(const char *command);
extern LineReader *lines_open_client(void);

/* The next line; false at the end. Good until the next call. A last line "\."
 * of the client is psql's end mark and no line. */
extern bool lines_next(LineReader *r, const char **line, size_t *len);

/* End; raises when a program has failed. */
extern void lines_close(LineReader *r);

#endif							/* SELFHEAL_LINES_H */
