/*
 * wording.h
 *	  What the texts of an error say beside its fields.
 *
 * Messages come in the language of the session that failed. So nothing here
 * reads words: only what stands in quotes, numbers, names of types (which are
 * never translated) and names of columns that the caller gives.
 */
#ifndef SELFHEAL_WORDING_H
#define SELFHEAL_WORDING_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What stands between the first opening quote and the last closing one, in
 * whatever marks the language uses; NULL: nothing. */
extern char *wording_quoted(const char *text);

/* Does it stand there as a word, outside of quotes? */
extern bool wording_mentions(const char *text, const char *word);

/* The first two numbers, as "precision 5, scale 2". False: there are none. */
extern bool wording_numbers(const char *text, int *first, int *second);

/*
 * CONTEXT without its last lines about the parameters of a portal, or NULL:
 * nothing is left. *number: the parameter that Bind refused, 0: none, it lists
 * those of a portal that ran. *value: the text of that one, NULL when the
 * server hides it (and mostly it does), clips it, or got it in binary.
 */
extern char *wording_portal(const char *context, int *number, char **value);

/*
 * CONTEXT of a COPY into this table. False: it is none. *line: 0 when it says
 * none. Of the columns (char *) the one it names, or NULL, and that value;
 * without a column the value is the line. Both are clipped by the server:
 * *clipped.
 */
typedef struct CopyWhere
{
	int64		line;
	const char *column;
	char	   *value;			/* NULL: a null, or not said */
	bool		isnull;
	bool		clipped;
} CopyWhere;
extern bool wording_copy(const char *context, const char *table, const List *columns,
						 CopyWhere *out);

/* DETAIL "(column) = (value)" about a key of one column: its value. */
extern char *wording_key(const char *detail, const char *column);

/* The name of a function in SQL that CONTEXT's first line quotes, and which
 * of its statements, from 1; NULL: it is about something else. */
extern char *wording_function(const char *context, int *statement);

/* The statement that CONTEXT quotes: the innermost that writes; or NULL. */
extern char *wording_statement(const char *context);

#endif							/* SELFHEAL_WORDING_H */
