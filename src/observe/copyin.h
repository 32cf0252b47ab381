/*
 * copyin.h
 *	  One attempt to write some rows into a table: by COPY's machinery, or by
 *	  an INSERT where COPY would pass over row security or rules.
 *
 * store.c decides which rows to try together and what an error means; this
 * room only writes, in a subtransaction, and tells which line was to blame.
 */
#ifndef SELFHEAL_COPYIN_H
#define SELFHEAL_COPYIN_H

#include "postgres.h"

#include "base/fit.h"
#include "utils/rel.h"

/*
 * Rows in COPY's text form, one after the other. A line ends with LF and holds
 * one field for each listed column.
 */
typedef struct CopyLine
{
	size_t		start;			/* into data */
	size_t		len;
	int			row;			/* the caller's number for it */
} CopyLine;

typedef struct CopyLines
{
	MemoryContext cxt;
	char	   *data;
	size_t		used;
	size_t		size;
	CopyLine   *lines;
	int			n;
	int			nalloc;
} CopyLines;

extern void copyin_lines_init(CopyLines *lines, MemoryContext cxt);
extern void copyin_lines_reset(CopyLines *lines);

/* A line is begun, filled with fields and ended; cancel takes the unfinished
 * line back. */
extern void copyin_line_begin(CopyLines *lines, int row);
extern void copyin_field(CopyLines *lines, const char *val, size_t len);
extern void copyin_field_null(CopyLines *lines);
extern void copyin_line_end(CopyLines *lines);
extern void copyin_line_cancel(CopyLines *lines);

/* Field number i (from 0) of a line, un-escaped, in the current context; NULL
 * when it is null. */
extern char *copyin_get_field(const CopyLines *lines, const CopyLine *line, int i);

typedef struct CopyIn CopyIn;

/*
 * Prepare to write into an open relation, for the lifetime of the current
 * memory context. columns: indexes into shape->cols of the listed columns.
 */
extern CopyIn *copyin_open(Relation rel, const Shape *shape,
						   const int *columns, int ncolumns);

/*
 * Before the rows of a flush: choose the way, and fire what is pending of the
 * session's own earlier statements, so that it is not blamed on these rows.
 */
extern void copyin_begin(CopyIn *ci, Relation rel);

/* Are rows written by SQL (row security, rules)? Good after copyin_begin. */
extern bool copyin_by_sql(const CopyIn *ci);

/*
 * Write n lines (none: the statement triggers fire alone) in a subtransaction,
 * deferred constraints of the table fired before it ends. NULL when they are
 * written; else the error, in the current context, and in *culprit the index
 * of the line to blame, or -1 when the error does not tell.
 */
extern ErrorData *copyin_write(CopyIn *ci, Relation rel, const CopyLines *data,
							   const CopyLine *lines, int n, int *culprit);

#endif							/* SELFHEAL_COPYIN_H */
