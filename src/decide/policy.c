/*
 * policy.c
 *	  Verdict = kind of step x cost on this table x the table's mode x what
 *	  people have said of both.
 *
 * The rules stand in one list, gravest first; the first that applies gives
 * the verdict and its name, which plans and the audit keep. Who is asked to
 * approve reads the reasons of all rules that ask for it. No rule can make a
 * plan run that vet.c refused, and none looks at who proposed it.
 *
 * What people have said (rules.c) of a kind of step and its cost takes the
 * place of what is built in for the two, and of nothing else: a rule of the
 * list that is built in for a step and cost looks whether it is unsaid; the
 * others apply in any case, the limit of size among them.
 *
 * What runs by itself is what an owner of the table would not want to be
 * woken for: it changes no stored value, keeps every promise that readers of
 * the table rely on, and holds the table for no longer than it takes to work
 * through selfheal.auto_rewrite_limit of it.
 */
#include "postgres.h"

#include "base/guc.h"
#include "decide/caution.h"
#include "decide/effect.h"
#include "decide/policy.h"
#include "decide/rules.h"
#include "orient/drift.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* What the rules look at. */
typedef struct Case
{
	const HealPlan *plan;
	const Forecast *cost;
	WatchMode	mode;
	const List *cautions;		/* Caution * */
	bool		large;			/* bytes above the limit */
	Said		said;			/* what people have said of its costs */
} Case;

typedef struct Rule
{
	const char *name;
	Verdict		verdict;
	bool		(*applies) (const Case *c);
	char	   *(*reason) (const Case *c);
} Rule;

/* "a, b and 3 more" */
static char *
some_of(const List *names)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, names)
	{
		int			i = foreach_current_index(lc);

		if (i == 5)
		{
			appendStringInfo(&buf, " and %d more", list_length(names) - 5);
			break;
		}
		appendStringInfo(&buf, "%s%s", i > 0 ? ", " : "",
						 (const char *) lfirst(lc));
	}
	return buf.data;
}

/* Bytes for people, as pg_size_pretty says them. */
static char *
pretty(int64 bytes)
{
	return text_to_cstring(DatumGetTextPP(DirectFunctionCall1(pg_size_pretty,
															  Int64GetDatum(bytes))));
}

static char *
limit(void)
{
	return pretty((int64) guc_auto_rewrite_limit * 1024);
}

static bool
is_outside(const Case *c)
{
	return c->plan->steps != NIL && rules_outside(c->plan->relid) != NULL;
}

static char *
outside_reason(const Case *c)
{
	return rules_outside(c->plan->relid);
}

static bool
is_denied(const Case *c)
{
	return rules_saying(&c->said, RULE_DENY) != NIL;
}

static char *
denied_reason(const Case *c)
{
	return psprintf("denied by %s", some_of(rules_saying(&c->said, RULE_DENY)));
}

static bool
is_reviewed(const Case *c)
{
	return rules_saying(&c->said, RULE_REVIEW) != NIL;
}

static char *
reviewed_reason(const Case *c)
{
	return psprintf("approval is asked for by %s", some_of(rules_saying(&c->said, RULE_REVIEW)));
}

static bool
is_allowed(const Case *c)
{
	return rules_saying(&c->said, RULE_AUTO) != NIL;
}

static char *
allowed_reason(const Case *c)
{
	return psprintf("allowed by %s", some_of(rules_saying(&c->said, RULE_AUTO)));
}

/* Columns that lose their NOT NULL. */
static List *
nullable_columns(const HealPlan *plan)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);

		if (step->kind == STEP_DROP_NOT_NULL)
			result = lappend(result, step->column);
	}
	return result;
}

static bool
cannot_rebuild(const Case *c)
{
	return c->cost->cannot_rebuild != NULL;
}

static char *
cannot_rebuild_reason(const Case *c)
{
	return psprintf("PostgreSQL would refuse the change, and what depends on "
					"the column's type cannot be made again exactly: %s",
					c->cost->cannot_rebuild);
}

static bool
has_dependents(const Case *c)
{
	return c->cost->rebuilt != NIL && rules_unsaid(&c->said, RULE_ANY, COST_DEPENDENTS);
}

static char *
dependents_reason(const Case *c)
{
	return psprintf("what depends on the column's type is taken away and made "
					"again in the same transaction: %s",
					some_of(c->cost->rebuilt));
}

static bool
lacks_disk(const Case *c)
{
	return c->cost->disk_short;
}

static char *
disk_reason(const Case *c)
{
	return psprintf("new files need %s on disk beside the old ones, with a margin, "
					"and %s are free",
					pretty(c->cost->disk_needed), pretty(c->cost->disk_free));
}

static bool
has_no_steps(const Case *c)
{
	return c->plan->steps == NIL;
}

static char *
no_steps_reason(const Case *c)
{
	return "the table fits already: nothing is changed";
}

static bool
is_observe(const Case *c)
{
	return c->mode == WATCH_OBSERVE;
}

static char *
observe_reason(const Case *c)
{
	return "the table is only observed: nothing is changed without approval";
}

static bool
is_propose(const Case *c)
{
	return c->mode == WATCH_PROPOSE;
}

static char *
propose_reason(const Case *c)
{
	return "the table's mode asks for approval of every change";
}

static bool
drops_not_null(const Case *c)
{
	return rules_unsaid(&c->said, STEP_DROP_NOT_NULL, COST_METADATA);
}

static char *
not_null_reason(const Case *c)
{
	return psprintf("readers of the table may rely on a value in %s, and "
					"once a null is stored NOT NULL cannot be put back",
					some_of(nullable_columns(c->plan)));
}

static bool
adds_label(const Case *c)
{
	return rules_unsaid(&c->said, STEP_ADD_ENUM_LABEL, COST_METADATA);
}

static char *
label_reason(const Case *c)
{
	return "a label cannot be taken away from an enum again, and every column of the type gets it";
}

/* Steps that wait for a person whatever they cost, by what is built in; those
 * that have a rule of their own below are not among them. */
static List *
built_in_reviews(const Case *c)
{
	List	   *result = NIL;

	for (int i = STEP_ADD_ENUM_LABEL + 1; i < RULE_STEPS; i++)
	{
		const char *why;

		for (int j = 0; j < COST_DEPENDENTS; j++)
			if (rules_unsaid(&c->said, i, j) &&
				rules_built_in(i, j, &why) != RULE_AUTO)
			{
				result = lappend(result, psprintf("%s: %s", plan_step_name((StepKind) i), why));
				break;
			}
	}
	return result;
}

static bool
has_built_in_review(const Case *c)
{
	return built_in_reviews(c) != NIL;
}

static char *
built_in_review_reason(const Case *c)
{
	return some_of(built_in_reviews(c));
}

static bool
has_suspects(const Case *c)
{
	return caution_renames(c->plan, c->cautions) != NIL;
}

static char *
suspects_reason(const Case *c)
{
	return some_of(caution_renames(c->plan, c->cautions));
}

static bool
is_open(const Case *c)
{
	return caution_questions(c->plan, c->cautions) != NIL;
}

static char *
open_reason(const Case *c)
{
	return some_of(caution_questions(c->plan, c->cautions));
}

static bool
is_beyond_limit(const Case *c)
{
	return caution_beyond(c->plan, c->cautions) != NIL;
}

/* Columns of the plan that a person has dropped, renamed, narrowed or made NOT
 * NULL: it would undo what he meant. */
static List *
undone_columns(const Case *c)
{
	List	   *meant = drift_columns(c->plan->relid);
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, meant)
	{
		foreach(lc2, c->plan->steps)
		{
			const PlanStep *step = lfirst(lc2);

			if (plan_step_place(step->kind) != STEP_IN_MAPPING && step->column != NULL &&
				strcmp(step->column, lfirst(lc)) == 0)
			{
				result = lappend(result, lfirst(lc));
				break;
			}
		}
	}
	return result;
}

static bool
undoes_person(const Case *c)
{
	return undone_columns(c) != NIL;
}

static char *
undoes_reason(const Case *c)
{
	return psprintf("a person has changed %s, and this would undo it (see selfheal.drift)",
					some_of(undone_columns(c)));
}

static char *
beyond_limit_reason(const Case *c)
{
	return psprintf("beyond the %d new columns a day of selfheal.max_new_columns: %s",
					guc_max_new_columns, some_of(caution_beyond(c->plan, c->cautions)));
}

static bool
has_strange(const Case *c)
{
	return caution_strange(c->plan, c->cautions) != NIL;
}

static char *
strange_reason(const Case *c)
{
	return psprintf("no held payload has a key for the new column: %s",
					some_of(caution_strange(c->plan, c->cautions)));
}

static bool
is_published(const Case *c)
{
	const char *why;

	for (int i = 0; i < RULE_STEPS; i++)
		if (rules_unsaid(&c->said, i, COST_PUBLISHED) &&
			rules_built_in(i, COST_PUBLISHED, &why) == RULE_REVIEW)
			return true;
	return false;
}

static char *
published_reason(const Case *c)
{
	return psprintf("the table is published (%s): a subscriber that is not "
					"changed first would stop",
					some_of(c->cost->publications));
}

static bool
has_foreign_keys(const Case *c)
{
	return c->cost->foreign_keys != NIL;
}

static char *
foreign_keys_reason(const Case *c)
{
	if (c->cost->also_locks == NIL)
		return psprintf("a foreign key is made anew: %s",
						some_of(c->cost->foreign_keys));
	return psprintf("a foreign key is made anew (%s), which locks %s as well",
					some_of(c->cost->foreign_keys),
					some_of(c->cost->also_locks));
}

/* What stands on the table and would show something else: what the rules above
 * do not speak of. */
static List *
felt_downstream(const Case *c)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, c->cost->impact)
	{
		const ImpactLine *line = lfirst(lc);

		if (line->level == IMPACT_REVIEW &&
			strcmp(line->kind, "publication") != 0 &&
			strcmp(line->kind, "foreign key") != 0)
			result = lappend(result, effect_text(line));
	}
	return result;
}

static bool
is_felt_downstream(const Case *c)
{
	return felt_downstream(c) != NIL;
}

static char *
downstream_reason(const Case *c)
{
	return psprintf("what stands on the table changes with it: %s",
					some_of(felt_downstream(c)));
}

static bool
reads_otherwise(const Case *c)
{
	return c->cost->reads_otherwise;
}

static char *
otherwise_reason(const Case *c)
{
	return "stored values keep their value but print with more digits: 0.1 "
		"as real is 0.10000000149011612 as double precision";
}

static bool
rewrites_much(const Case *c)
{
	return c->cost->rewrite && c->large;
}

static bool
scans_much(const Case *c)
{
	return c->cost->scan && !c->cost->rewrite && c->large;
}

static bool
indexes_much(const Case *c)
{
	return c->cost->indexes != NIL && !c->cost->rewrite && c->large;
}

static char *
large_rewrite_reason(const Case *c)
{
	return psprintf("%s are written anew under ACCESS EXCLUSIVE, more than "
					"the %s of selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), limit());
}

static char *
large_scan_reason(const Case *c)
{
	return psprintf("%s are read under ACCESS EXCLUSIVE to check constraints, "
					"more than the %s of selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), limit());
}

static char *
large_index_reason(const Case *c)
{
	return psprintf("indexes over %s are built anew under ACCESS EXCLUSIVE "
					"(%s), more than the %s of selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), some_of(c->cost->indexes),
					limit());
}

static bool
rewrites(const Case *c)
{
	return c->cost->rewrite;
}

static bool
scans(const Case *c)
{
	return c->cost->scan;
}

static bool
indexes(const Case *c)
{
	return c->cost->indexes != NIL;
}

static char *
small_rewrite_reason(const Case *c)
{
	return psprintf("%s are written anew, within the %s of "
					"selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), limit());
}

static char *
small_scan_reason(const Case *c)
{
	return psprintf("%s are read to check constraints, within the %s of "
					"selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), limit());
}

static char *
small_index_reason(const Case *c)
{
	return psprintf("indexes over %s are built anew, within the %s of "
					"selfheal.auto_rewrite_limit",
					pretty(c->cost->bytes), limit());
}

static bool
always(const Case *c)
{
	return true;
}

static char *
metadata_reason(const Case *c)
{
	return plan_changes_table(c->plan) ?
		"only the catalog changes: no row is read or written" :
		"the table stays as it is: payloads are read otherwise from now on, and what was sent is kept";
}

static const Rule rules[] = {
	{"dependents", VERDICT_REFUSE, cannot_rebuild, cannot_rebuild_reason},
	{"allowed-schemas", VERDICT_REFUSE, is_outside, outside_reason},
	{"policy-deny", VERDICT_REFUSE, is_denied, denied_reason},
	{"no-disk", VERDICT_REFUSE, lacks_disk, disk_reason},
	{"mode-observe", VERDICT_REVIEW, is_observe, observe_reason},
	{"replay-only", VERDICT_AUTO, has_no_steps, no_steps_reason},
	{"mode-propose", VERDICT_REVIEW, is_propose, propose_reason},
	{"policy-review", VERDICT_REVIEW, is_reviewed, reviewed_reason},
	{"drift", VERDICT_REVIEW, undoes_person, undoes_reason},
	{"suspected-rename", VERDICT_REVIEW, has_suspects, suspects_reason},
	{"open-question", VERDICT_REVIEW, is_open, open_reason},
	{"strange-column", VERDICT_REVIEW, has_strange, strange_reason},
	{"max-new-columns", VERDICT_REVIEW, is_beyond_limit, beyond_limit_reason},
	{"dependents", VERDICT_REVIEW, has_dependents, dependents_reason},
	{"drop-not-null", VERDICT_REVIEW, drops_not_null, not_null_reason},
	{"enum-label", VERDICT_REVIEW, adds_label, label_reason},
	{"step-review", VERDICT_REVIEW, has_built_in_review, built_in_review_reason},
	{"published", VERDICT_REVIEW, is_published, published_reason},
	{"foreign-key", VERDICT_REVIEW, has_foreign_keys, foreign_keys_reason},
	{"downstream", VERDICT_REVIEW, is_felt_downstream, downstream_reason},
	{"reads-otherwise", VERDICT_REVIEW, reads_otherwise, otherwise_reason},
	{"large-rewrite", VERDICT_REVIEW, rewrites_much, large_rewrite_reason},
	{"large-scan", VERDICT_REVIEW, scans_much, large_scan_reason},
	{"large-index-rebuild", VERDICT_REVIEW, indexes_much, large_index_reason},
	{"policy-auto", VERDICT_AUTO, is_allowed, allowed_reason},
	{"small-rewrite", VERDICT_AUTO, rewrites, small_rewrite_reason},
	{"small-scan", VERDICT_AUTO, scans, small_scan_reason},
	{"small-index-rebuild", VERDICT_AUTO, indexes, small_index_reason},
	{"metadata-only", VERDICT_AUTO, always, metadata_reason},
};

/* The word of a verdict, as in selfheal.plan. */
const char *
policy_verdict_name(Verdict verdict)
{
	switch (verdict)
	{
		case VERDICT_AUTO:
			return "auto";
		case VERDICT_REVIEW:
			return "review";
		case VERDICT_REFUSE:
			break;
	}
	return "refuse";
}

/* See the header. The reason is in the current context; the rule's name is
 * static. */
Ruling
policy_rule(const VettedPlan *plan, const Forecast *cost, WatchMode mode,
			const List *cautions)
{
	Case		c = {0};
	Ruling		ruling = {VERDICT_REFUSE, NULL, NULL, NULL, NIL};
	List	   *spoken;
	int			i;

	c.plan = vetted_plan(plan);
	c.cost = cost;
	c.mode = mode;
	c.cautions = cautions;
	c.large = cost->bytes > (int64) guc_auto_rewrite_limit * 1024;
	spoken = rules_read(c.plan->relid);
	c.said = rules_said(c.plan->relid, spoken, cost);
	ruling.state = rules_state(spoken, mode);

	for (i = 0; i < (int) lengthof(rules); i++)
	{
		if (!rules[i].applies(&c))
			continue;
		if (ruling.policy == NULL)
		{
			ruling.verdict = rules[i].verdict;
			ruling.reason = rules[i].reason(&c);
			ruling.policy = rules[i].name;
			if (ruling.verdict != VERDICT_REVIEW)
				break;
		}
		else if (rules[i].verdict == VERDICT_REVIEW)
			ruling.reason = psprintf("%s; %s", ruling.reason,
									 rules[i].reason(&c));
	}
	ruling.rules = rules_counting(&c.said, ruling.verdict == VERDICT_AUTO ? RULE_AUTO :
								  ruling.verdict == VERDICT_REVIEW ? RULE_REVIEW : RULE_DENY);
	return ruling;
}
