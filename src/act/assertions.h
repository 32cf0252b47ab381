/*
 * assertions.h
 *	  Checks of the team (selfheal.check): what must stay true of a table,
 *	  asked of its clone while a plan is tried.
 *
 * Asked before the change, after it, and after the held rows were put in. The
 * clone has a sample of the table's rows, so a check is of use that holds for
 * any part of them. A plan is refused that makes an answer worse than it was
 * before: true is better than null, null than false. One that was false
 * already cannot judge the plan; one that fails refuses it, at any time.
 */
#ifndef SELFHEAL_ASSERTIONS_H
#define SELFHEAL_ASSERTIONS_H

#include "postgres.h"

#include "act/assertsql.h"
#include "act/clone.h"

typedef enum AssertionStage
{
	ASSERTION_BEFORE,
	ASSERTION_AFTER_STEP,
	ASSERTION_AFTER_ROWS
} AssertionStage;
#define ASSERTION_STAGES (ASSERTION_AFTER_ROWS + 1)

/* All checks of a table with their answers so far. */
typedef struct Assertions Assertions;

/* The table's checks, by name, in the current context; outlives the trial. */
extern Assertions *assertions_of(Oid relid);

/* Ask them of the clone, within the trial; what refuses the plan already is
 * not asked again. Most tables have none, and pay nothing. */
extern void assertions_ask(Assertions *checks, const Clone *clone, AssertionStage stage);

/* Why the plan is refused, with their names; NULL when none refuses it. */
extern char *assertions_refusal(const Assertions *checks);

/*
 * As the dry run shows them: [{"name": text, "role": text,
 * "before" | "after_step" | "after_rows": true | false | "null" | "error",
 * "refuses": bool, "message": text or null}]; a key is absent where the check
 * was not asked.
 */
extern char *assertions_json(const Assertions *checks);

/*
 * Say it, in place of what this check asked before. Like assertion_unset it
 * leaves word for the worker: what waits, or was refused, is tried anew. The
 * table is watched; the question may be asked (assertsql_check).
 */
extern void assertion_set(const char *name, const AssertSql *question);

/* Take it back. */
extern void assertion_unset(Oid relid, const char *name);

/* Who asks it; NULL when there is no such check. */
extern char *assertion_role(Oid relid, const char *name);

#endif							/* SELFHEAL_ASSERTIONS_H */
