/*
 * suspects.h
 *	  Which values of one statement may be why it failed.
 *
 * Private to locate.c and its rooms.
 */
#ifndef SELFHEAL_SUSPECTS_H
#define SELFHEAL_SUSPECTS_H

#include "postgres.h"

#include "orient/analysed.h"
#include "orient/behind.h"
#include "orient/cells.h"
#include "orient/locate.h"

/* One statement that may be the one that failed, and what is known of it. */
typedef struct Scene
{
	const Failure *failure;
	const char *text;
	int			position;		/* of the error in text, from 1; 0: none */
	bool		names;			/* it stands in a function */
	int			refused;		/* the parameter that Bind refused, or 0 */
	char	   *refusal;		/* its text, or NULL */
	bool		several;		/* text has other statements */
	Written    *written;
	Analysed   *analysed;
	List	   *cells;			/* Cell * */
	List	   *suspects;		/* Suspect * */
	bool		guessed;		/* no value was seen to raise the error */
	bool		beside;			/* a filter or join may have raised it as well */
	Oid			relid;			/* of the row that failed, or InvalidOid */
	Oid			named;			/* the relation, as the statement names it */
	int			row;			/* which one failed, from 0; -1: not known */
	int			write;			/* which of what the statement writes, as Cell
								 * counts; -1: not known */
} Scene;

/* Fill in analysed and cells. Throws nothing of the statement. */
extern void suspects_prepare(Scene *scene);

/* Find the suspects of this statement; the classes that error fields name are
 * locate.c's. */
extern void suspects_find(Scene *scene);

/* One more, or the larger need of one that is there. Strings are kept. */
extern Suspect *suspects_add(List **suspects, Oid relid, FitClass class, const char *column,
							 char *need, const char *constraint, char *value);

/* How many different tables, classes and columns. */
extern int	suspects_count(const List *suspects);

/* For a value of this column: class and need by fit, where that explains the
 * SQLSTATE, else by the type. json NULL: not known. */
extern void suspects_value(List **suspects, const Failure *failure, Oid relid, const char *column,
						   char *value, const char *json);

/* The columns of a table that may be to blame, by type alone. */
extern void suspects_by_type(List **suspects, const Failure *failure, Oid relid,
							 const List *columns);

#endif							/* SELFHEAL_SUSPECTS_H */
