/*
 * rules.h
 *	  What people have said of steps and their costs (selfheal.policy).
 *
 * A rule says auto, review or deny for a kind of step, a kind of cost, or both,
 * on one watched table or on all. Of those that speak of a step and its cost
 * the most specific counts: one of the table before one of all tables, then
 * one that names the step, then one that names the cost. Where none speaks,
 * what is built in does (policy.c, docs/SAFETY.md).
 */
#ifndef SELFHEAL_RULES_H
#define SELFHEAL_RULES_H

#include "postgres.h"

#include "decide/forecast.h"
#include "observe/watch.h"
#include "utils/timestamp.h"

/*
 * What a step may cost. A step that reads no row and depends on nothing is
 * metadata; another has each of scan, index, rewrite and dependents that it
 * comes with (a rewrite builds indexes anew too); either is published when its
 * table is.
 */
typedef enum RuleCost
{
	COST_METADATA,
	COST_SCAN,
	COST_INDEX,
	COST_REWRITE,
	COST_DEPENDENTS,
	COST_PUBLISHED
} RuleCost;

#define RULE_STEPS PLAN_STEP_KINDS
#define RULE_COSTS (COST_PUBLISHED + 1)

typedef enum RuleVerdict
{
	RULE_AUTO,
	RULE_REVIEW,
	RULE_DENY
} RuleVerdict;

#define RULE_ANY (-1)

typedef struct PolicyRule
{
	bool		of_table;		/* else of all tables */
	int			step;			/* StepKind, or RULE_ANY */
	int			cost;			/* RuleCost, or RULE_ANY */
	RuleVerdict verdict;
	char	   *set_by;
	char	   *set_login;		/* whom that had logged in as */
	TimestampTz set_at;
	char	   *when;			/* set_at for people */
} PolicyRule;

/* The rules of this table and of all tables (PolicyRule *), in the current context.
 * InvalidOid: those of all tables alone. Needs no privilege. */
extern List *rules_read(Oid relid);

/* The rule that counts for this step and cost, or NULL when none speaks. */
extern const PolicyRule *rules_find(const List *rules, int step, int cost);

/* Can this kind of step have this cost at all? RULE_ANY: any of them. */
extern bool rules_possible(int step, int cost);

/* What is built in for it, and why. */
extern RuleVerdict rules_built_in(int step, int cost, const char **why);

/*
 * The costs that the steps of a plan come with, by kind of step, and for each
 * the rule that counts, or NULL.
 */
typedef struct Said
{
	Oid			relid;
	bool		arises[RULE_STEPS][RULE_COSTS];
	const PolicyRule *rule[RULE_STEPS][RULE_COSTS];
} Said;

extern Said rules_said(Oid relid, const List *rules, const Forecast *cost);

/* Does a step come with this cost of which nobody has said a thing? Then what
 * is built in counts. RULE_ANY: any kind of step. */
extern bool rules_unsaid(const Said *said, int step, int cost);

/* The rules that count with this verdict (PolicyRule *), each once; the same as
 * texts for people. */
extern List *rules_counting(const Said *said, RuleVerdict verdict);
extern List *rules_saying(const Said *said, RuleVerdict verdict);

/* "policy of public.orders: widen_type, cost rewrite: deny (set by ada at ...)" */
extern char *rules_text(const PolicyRule *rule, Oid relid);

/*
 * All of the policy that a verdict for this table rests on, as text: the rule
 * for each step and cost, the limit of size, the mode. An approval binds it
 * (plan_hash). The same in all sessions, and after dump and restore.
 */
extern char *rules_state(const List *rules, WatchMode mode);

/* The same of a table as it is now, read anew. */
extern char *rules_state_now(Oid relid);

/* Why a change of this table is beyond selfheal.allowed_schemas, or NULL. */
extern char *rules_outside(Oid relid);

extern const char *rules_step_name(int step);	/* "any step" */
extern const char *rules_cost_name(int cost);	/* "any cost" */
extern const char *rules_verdict_name(RuleVerdict verdict);

/* The number of a word, RULE_ANY for NULL. Raise 22023 with the choices. */
extern int	rules_step(const char *word);
extern int	rules_cost(const char *word);
extern RuleVerdict rules_verdict(const char *word);

#endif							/* SELFHEAL_RULES_H */
