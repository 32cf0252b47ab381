/*
 * mentions.h
 *	  Which functions name a column? Best effort.
 *
 * The body of a SQL or PL/pgSQL function is a text to PostgreSQL until it
 * runs: nothing in the catalog says what it reads. So the text is searched
 * for words. What is built from pieces at run time, other languages, and
 * names that a %ROWTYPE or a * hides are not found; a word that means
 * something else is found for nothing.
 */
#ifndef SELFHEAL_MENTIONS_H
#define SELFHEAL_MENTIONS_H

#include "postgres.h"

#include "nodes/pg_list.h"

/* What one question reads, at most. */
#define MENTIONS_MAX_FUNCTIONS 2000
#define MENTIONS_MAX_BYTES (16 * 1024 * 1024)

/* What it answers, at most. */
#define MENTIONS_MAX_FOUND 20

typedef struct Mention
{
	char	   *function;		/* schema.name(arguments), quoted */
	List	   *columns;		/* char *, those that it names */
} Mention;

/*
 * Functions in SQL and PL/pgSQL whose text has the table's name and one of
 * these columns' (char *) as words, and trigger functions of the table that
 * have one of the columns'. PostgreSQL's own and ours are passed over. By
 * name, in the current context. *cut: there were more than are read.
 */
extern List *mentions_in_functions(Oid relid, const List *columns, int *more,
								   bool *cut);

/* Is this name a word of that text? In any case of letters when the name needs
 * no quotes, else as it is quoted; a keyword also as it may stand without. */
extern bool mentions_word(const char *text, const char *name);

#endif							/* SELFHEAL_MENTIONS_H */
