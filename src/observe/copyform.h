/*
 * copyform.h
 *	  How a file of lines is written: COPY's options, and some of our own.
 *
 * COPY's own options are read and checked by PostgreSQL itself, so that each
 * server takes what its COPY takes and says what it says of the rest. What is
 * to become of rows that do not fit (on_error, reject_limit, log_verbosity) is
 * onmisfit.h's, alike on all versions.
 *
 * Our own: "columns" (which column each field goes to; the column list of the
 * statement), "where" (its WHERE) and "multiline" (false: no quoted field goes over the end of a
 * line, so that one quote too many costs its line alone).
 */
#ifndef SELFHEAL_COPYFORM_H
#define SELFHEAL_COPYFORM_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "observe/onmisfit.h"
#include "utils/jsonb.h"

typedef enum CopyFormat
{
	COPY_TEXT,
	COPY_CSV,
	COPY_BINARY
} CopyFormat;

typedef enum CopyTitle
{
	TITLE_NONE,
	TITLE_TRUE,					/* the first line is one */
	TITLE_MATCH					/* and must say the columns in their order */
} CopyTitle;

typedef struct CopyForm
{
	CopyFormat	format;
	CopyTitle	title;
	int			encoding;
	char		delimiter;
	char		quote;
	char		escape;
	const char *null;
	size_t		nulllen;
	const char *defaults;		/* stands for the column's default; NULL: none */
	size_t		defaultslen;
	List	   *columns;		/* names (char *); NIL: not given */
	bool		not_null_all;
	bool		force_null_all;
	List	   *not_null;		/* String */
	List	   *force_null;
	bool		multiline;
	OnMisfit	on_misfit;
	bool		freeze;			/* freeze.h */
	Node	   *where;			/* condition.h; NULL: none */
} CopyForm;

/* Of the options of a statement, its column list and its WHERE. */
extern CopyForm *copyform_of_statement(const CopyStmt *stmt);

/* Of an object {"format": "csv", "header": true, ...}; NULL: none is given. */
extern CopyForm *copyform_of_json(Jsonb *options);

#endif							/* SELFHEAL_COPYFORM_H */
