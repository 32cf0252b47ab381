/*
 * vet.h
 *	  Turns a proposal into a vetted plan, or refuses with a reason.
 *
 * Deny by default over every AlterTableType, every constraint of a column
 * definition and every type. Only this room makes a VettedPlan; sandbox and
 * apply accept nothing else.
 */
#ifndef SELFHEAL_VET_H
#define SELFHEAL_VET_H

#include "postgres.h"

#include "decide/plan.h"

typedef struct VettedPlan VettedPlan;

typedef struct Vetting
{
	VettedPlan *plan;			/* NULL when refused */
	char	   *reason;			/* of a refusal, for people */
} Vetting;

/* One statement, on this relation, through PostgreSQL's raw parser. Never
 * throws for what the text says: a syntax error is a refusal. */
extern Vetting vet_sql(Oid relid, const char *sql);

/* The same for steps: each is checked against the table as it is now. A step
 * that is already true (column there with that type) is dropped. */
extern Vetting vet_plan(const HealPlan *plan);

extern const HealPlan *vetted_plan(const VettedPlan *v);

#endif							/* SELFHEAL_VET_H */
