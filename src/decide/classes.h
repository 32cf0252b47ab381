/*
 * classes.h
 *	  The classes of misfit: forty-two rows, each with what is done about it.
 *
 * The table of docs/CLASSES.md, in its order. What does not fit is of the
 * first row that takes its FitClass and whose matcher, if there is one, says
 * yes. Playbooks are tried in order until one gives a step.
 */
#ifndef SELFHEAL_CLASSES_H
#define SELFHEAL_CLASSES_H

#include "postgres.h"

#include "decide/remedy.h"

#define CLASS_FITS 8			/* FitClasses of one row, at most */
#define CLASS_PLAYBOOKS 4		/* and one less of these */

typedef enum ClassVerdict
{
	CLASS_CHANGE,				/* the table changes */
	CLASS_MAP,					/* the row is read otherwise; what was sent is
								 * kept */
	CLASS_RETRY,				/* the same row, later */
	CLASS_HOLD,					/* the row is held and a person is told */
	CLASS_OPERATOR				/* the server's operator is told */
} ClassVerdict;

/* A builder: fills step, explanation and options; or leaves the step NULL,
 * with an explanation why, or without when it has nothing to say. */
typedef void (*PlaybookBuilder) (Remedy *r, const Evidence *e);

typedef struct Playbook
{
	const char *name;
	PlaybookBuilder build;
} Playbook;

typedef struct MisfitClass
{
	int			number;
	const char *sqlstates;		/* separated by blanks */
	const char *title;
	ClassVerdict verdict;
	FitClass	fits[CLASS_FITS];	/* ends with FIT_OK */
	bool		of_row;			/* playbooks look at the row, not at a column */
	bool		(*matches) (const Finding *f);	/* NULL: all of these */
	Playbook	playbooks[CLASS_PLAYBOOKS]; /* ends with a NULL builder */
	const char *done;			/* what happens by default, for people */
} MisfitClass;

/* The row of a finding; never NULL: what no row takes has one of its own. */
extern const MisfitClass *class_of(const Finding *f);

/* Why nothing is done about such rows, as a clause. */
extern const char *class_reason(FitClass class);

#endif							/* SELFHEAL_CLASSES_H */
