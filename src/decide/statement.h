/*
 * statement.h
 *	  From the text of a proposal to steps.
 *
 * One ALTER TABLE on one table becomes the steps that it says, or nothing.
 * The steps are not vetted: only vet.c, which calls this, does that.
 */
#ifndef SELFHEAL_STATEMENT_H
#define SELFHEAL_STATEMENT_H

#include "postgres.h"

#include "decide/plan.h"

/* NULL with a reason when refused. Never throws for what the text says. */
extern HealPlan *statement_read(Oid relid, const char *sql, char **reason);

#endif							/* SELFHEAL_STATEMENT_H */
