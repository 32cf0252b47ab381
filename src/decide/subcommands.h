/*
 * subcommands.h
 *	  What becomes of every form of ALTER TABLE that this server knows.
 *
 * One list has the verdict of each member of AlterTableType and of each
 * constraint that a new column may carry. A member that the list lacks does
 * not compile; one that came all the same (a newer server's header) is
 * refused. selfheal.verdicts() shows the list.
 */
#ifndef SELFHEAL_SUBCOMMANDS_H
#define SELFHEAL_SUBCOMMANDS_H

#include "postgres.h"

#include "nodes/parsenodes.h"

/* The verdict of all that is no step. Others are a StepKind. */
#define SUBCOMMAND_REFUSED (-1)

typedef struct Subcommand
{
	int			number;			/* the enum's */
	int			verdict;		/* StepKind, or SUBCOMMAND_REFUSED */
	const char *name;			/* the enum's */
	const char *words;			/* as people write it */
	const char *why;			/* a clause, for after a colon */
} Subcommand;

/* Never NULL: what is not in the list is refused. Neither throws. */
extern const Subcommand *subcommand_of(AlterTableType type);

/* The same for a constraint of ADD COLUMN; STEP_ADD_COLUMN when it says
 * nothing that a new column is not anyway. */
extern const Subcommand *subcommand_constraint(ConstrType type);

/* Words for a statement that is no ALTER TABLE with subcommands. */
extern const char *subcommand_statement(Node *stmt);

#endif							/* SELFHEAL_SUBCOMMANDS_H */
