/*
 * newtable.h
 *	  A table for rows of which there is none: in the landing schema.
 *
 * Args of the step, whose "column" is the table's bare name: {"columns":
 * [["id", "bigint"], ...]}, all nullable, of types that a new column may have.
 * The schema is none of it: it is the landing schema's, now.
 */
#ifndef SELFHEAL_NEWTABLE_H
#define SELFHEAL_NEWTABLE_H

#include "postgres.h"

#include "decide/forms.h"

typedef struct NewColumn
{
	char	   *name;
	Oid			type;
} NewColumn;

/* The step with these columns (NewColumn *). */
extern PlanStep *newtable_step(const char *table, const List *columns);

/* May such a table be made in this schema? Must be asked again right before. */
extern bool newtable_vet(const char *schema, const PlanStep *step, char **reason);

/* Its CREATE TABLE. */
extern char *newtable_sql(const char *schema, const PlanStep *step);

/* The step on a table that exists: always refused. */
extern bool newtable_check(const StepSite *site, const PlanStep *step, bool *true_already,
						   char **reason);

#endif							/* SELFHEAL_NEWTABLE_H */
