/*
 * rules.c
 *	  What people have said of steps and their costs (selfheal.policy).
 *
 * A handful of rows, read whenever policy is asked: what somebody says counts
 * from his commit on, and nothing has to be told that it is out of date.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "decide/forms.h"
#include "decide/rules.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

static const char *const cost_names[RULE_COSTS] = {
	"metadata", "scan", "index", "rewrite", "dependents", "published"
};

static const char *const verdict_names[] = {"auto", "review", "deny"};

/* What a kind of step can cost, and what is built in for that. A new kind of
 * step gets its lines here. */
typedef struct Cell
{
	StepKind	step;
	RuleCost	cost;
	RuleVerdict verdict;
	const char *why;
} Cell;

static const Cell cells[] = {
	{STEP_ADD_COLUMN, COST_METADATA, RULE_AUTO, "only the catalog changes: no row is read or written"},
	{STEP_ADD_COLUMN, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_WIDEN_TYPE, COST_METADATA, RULE_AUTO, "only the catalog changes: no row is read or written"},
	{STEP_WIDEN_TYPE, COST_SCAN, RULE_AUTO, "rows are read within selfheal.auto_rewrite_limit; beyond it a person is asked"},
	{STEP_WIDEN_TYPE, COST_INDEX, RULE_AUTO, "indexes are built anew within selfheal.auto_rewrite_limit; beyond it a person is asked"},
	{STEP_WIDEN_TYPE, COST_REWRITE, RULE_AUTO, "rows are written anew within selfheal.auto_rewrite_limit; beyond it a person is asked"},
	{STEP_WIDEN_TYPE, COST_DEPENDENTS, RULE_REVIEW, "what depends on the column is made anew with it; what cannot be refuses the plan, whatever the policy says"},
	{STEP_WIDEN_TYPE, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_DROP_NOT_NULL, COST_METADATA, RULE_REVIEW, "readers of the table may rely on a value"},
	{STEP_DROP_NOT_NULL, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_ADD_ENUM_LABEL, COST_METADATA, RULE_REVIEW, "a label cannot be taken away again, and every column of the type gets it"},
	{STEP_ADD_ENUM_LABEL, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_SET_DEFAULT, COST_METADATA, RULE_REVIEW, "a value that nobody sent"},
	{STEP_SET_DEFAULT, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_SET_GENERATED_BY_DEFAULT, COST_METADATA, RULE_REVIEW, "whoever writes may choose the key from then on"},
	{STEP_SET_GENERATED_BY_DEFAULT, COST_PUBLISHED, RULE_REVIEW, "whoever writes may choose the key from then on"},
	{STEP_CONVERT_TYPE, COST_METADATA, RULE_REVIEW, "another family of type: what reads the column may mean something else"},
	{STEP_CONVERT_TYPE, COST_SCAN, RULE_REVIEW, "another family of type: what reads the column may mean something else"},
	{STEP_CONVERT_TYPE, COST_INDEX, RULE_REVIEW, "another family of type: what reads the column may mean something else"},
	{STEP_CONVERT_TYPE, COST_REWRITE, RULE_REVIEW, "another family of type: what reads the column may mean something else"},
	{STEP_CONVERT_TYPE, COST_DEPENDENTS, RULE_REVIEW, "what depends on the column is made anew with it; what cannot be refuses the plan, whatever the policy says"},
	{STEP_CONVERT_TYPE, COST_PUBLISHED, RULE_REVIEW, "a subscriber that is not changed first would stop"},
	{STEP_EXTEND_CHECK_LIST, COST_METADATA, RULE_REVIEW, "a constraint is a rule of the business: a person extends its list"},
	{STEP_EXTEND_CHECK_LIST, COST_SCAN, RULE_REVIEW, "a constraint is a rule of the business: a person extends its list"},
	{STEP_EXTEND_CHECK_LIST, COST_PUBLISHED, RULE_REVIEW, "a constraint is a rule of the business: a person extends its list"},
	{STEP_ATTACH_PARTITION, COST_METADATA, RULE_AUTO, "a new partition beside its siblings: no row is read or written"},
	{STEP_ATTACH_PARTITION, COST_SCAN, RULE_REVIEW, "rows of the default partition are read, and may have to move"},
	{STEP_ATTACH_PARTITION, COST_PUBLISHED, RULE_REVIEW, "a subscriber that lacks the partition would stop"},
	{STEP_EXTEND_SEQUENCE, COST_METADATA, RULE_AUTO, "only the catalog changes: no row is read or written"},
	{STEP_EXTEND_SEQUENCE, COST_PUBLISHED, RULE_AUTO, "no subscriber draws from it"},
	{STEP_CREATE_TABLE, COST_METADATA, RULE_REVIEW, "a table that nobody has made"},
	{STEP_CREATE_TABLE, COST_PUBLISHED, RULE_REVIEW, "a table that nobody has made"},
	{STEP_MAP_FIELD, COST_METADATA, RULE_REVIEW, "which key means which column, only the team can say"},
	{STEP_IGNORE_FIELD, COST_METADATA, RULE_REVIEW, "values of the key would be left out"},
	{STEP_STRIP_NUL, COST_METADATA, RULE_REVIEW, "a character that was sent is left out; planned only where a policy names it"},
	{STEP_TRIM, COST_METADATA, RULE_AUTO, "blanks around a value that cannot hold any: what was sent is kept"},
	{STEP_NULL_IF, COST_METADATA, RULE_REVIEW, "a value becomes none"},
	{STEP_MAP_VALUE, COST_METADATA, RULE_REVIEW, "which label a word means, only the team can say"},
	{STEP_PARSE_TIMESTAMP, COST_METADATA, RULE_AUTO, "one reading is proven by all held values: what was sent is kept"},
	{STEP_PARSE_NUMBER, COST_METADATA, RULE_AUTO, "one reading is proven by all held values: what was sent is kept"},
	{STEP_PARSE_POINT, COST_METADATA, RULE_AUTO, "one reading is proven by all held values: what was sent is kept"},
	{STEP_DECODE_TEXT, COST_METADATA, RULE_REVIEW, "bytes may be text in more than one encoding"},
	{STEP_OVERFLOW_TO_JSONB, COST_METADATA, RULE_REVIEW, "new keys share one column from then on"},
};

static const Cell *
find_cell(int step, int cost)
{
	for (int i = 0; i < (int) lengthof(cells); i++)
	{
		if ((step == RULE_ANY || (int) cells[i].step == step) &&
			(cost == RULE_ANY || (int) cells[i].cost == cost))
			return &cells[i];
	}
	return NULL;
}

bool
rules_possible(int step, int cost)
{
	return find_cell(step, cost) != NULL;
}

RuleVerdict
rules_built_in(int step, int cost, const char **why)
{
	const Cell *cell = find_cell(step, cost);

	/* what nobody has thought of is not done */
	*why = cell ? cell->why : "no step of this kind costs that";
	return cell ? cell->verdict : RULE_DENY;
}

const char *
rules_step_name(int step)
{
	return step == RULE_ANY ? "any step" : plan_step_name((StepKind) step);
}

const char *
rules_cost_name(int cost)
{
	return cost == RULE_ANY ? "any cost" : cost_names[cost];
}

const char *
rules_verdict_name(RuleVerdict verdict)
{
	return verdict_names[verdict];
}

int
rules_step(const char *word)
{
	StringInfoData all;

	if (word == NULL)
		return RULE_ANY;
	for (int i = 0; i < RULE_STEPS; i++)
		if (strcmp(plan_step_name((StepKind) i), word) == 0)
			return i;
	initStringInfo(&all);
	for (int i = 0; i < RULE_STEPS; i++)
		appendStringInfo(&all, "%s%s", i > 0 ? ", " : "", plan_step_name((StepKind) i));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown kind of step \"%s\"", word),
			 errhint("Kinds are %s; null means any.", all.data)));
}

int
rules_cost(const char *word)
{
	if (word == NULL)
		return RULE_ANY;
	for (int i = 0; i < RULE_COSTS; i++)
		if (strcmp(cost_names[i], word) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown cost \"%s\"", word),
			 errhint("Costs are metadata, scan, index, rewrite, dependents and published; null means any.")));
}

RuleVerdict
rules_verdict(const char *word)
{
	for (int i = 0; word != NULL && i < (int) lengthof(verdict_names); i++)
		if (strcmp(verdict_names[i], word) == 0)
			return (RuleVerdict) i;
	if (word == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("verdict must not be null"),
				 errhint("A verdict is auto, review or deny.")));
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("unknown verdict \"%s\"", word),
			 errhint("A verdict is auto, review or deny.")));
}

List *
rules_read(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT relid IS NOT NULL, step, cost, verdict, set_by, set_at,"
				 " to_char(set_at AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS UTC'), set_login"
				 " FROM selfheal.policy WHERE relid IS NULL OR relid = $1", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);
		PolicyRule *rule = palloc(sizeof(PolicyRule));

		rule->of_table = spi_get_bool(i, 1, NULL);
		rule->step = rules_step(spi_get_text(i, 2, cxt));
		rule->cost = rules_cost(spi_get_text(i, 3, cxt));
		rule->verdict = rules_verdict(spi_get_text(i, 4, cxt));
		rule->set_by = spi_get_text(i, 5, cxt);
		rule->set_at = spi_get_int8(i, 6, NULL);
		rule->when = spi_get_text(i, 7, cxt);
		rule->set_login = spi_get_text(i, 8, cxt);
		result = lappend(result, rule);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

const PolicyRule *
rules_find(const List *rules, int step, int cost)
{
	const PolicyRule *best = NULL;
	int			best_weight = -1;
	ListCell   *lc;

	foreach(lc, rules)
	{
		const PolicyRule *rule = lfirst(lc);
		int			weight = 4 * rule->of_table + 2 * (rule->step != RULE_ANY) +
		(rule->cost != RULE_ANY);

		/* what only a person approves no rule lets run */
		if (rule->verdict == RULE_AUTO && step != RULE_ANY && form_of(step)->approval_only)
			continue;
		if ((rule->step == RULE_ANY || rule->step == step) &&
			(rule->cost == RULE_ANY || rule->cost == cost) &&
			weight > best_weight)
		{
			best = rule;
			best_weight = weight;
		}
	}
	return best;
}

/*
 * A cost of the whole plan that stands at none of its steps (the trial on a
 * clone showed it) is a cost of each that changes a type, or where none does
 * of each that alters the table: nothing is let through because it was not
 * known where it belongs.
 */
Said
rules_said(Oid relid, const List *rules, const Forecast *cost)
{
	Said		said = {0};
	bool		rewrite = false;
	bool		scan = false;
	bool		index = false;
	bool		any_widens = false;
	ListCell   *lc;

	said.relid = relid;
	foreach(lc, cost->steps)
	{
		const ForecastStep *step = lfirst(lc);

		rewrite |= step->rewrite;
		scan |= step->scan;
		index |= step->indexes != NIL;
		any_widens |= plan_changes_type(step->step);
	}
	foreach(lc, cost->steps)
	{
		const ForecastStep *step = lfirst(lc);
		bool	   *arises = said.arises[step->step->kind];
		StepPlace	place = plan_step_place(step->step->kind);
		bool		widens = plan_changes_type(step->step);
		bool		causes = any_widens ? widens : place == STEP_IN_ALTER;
		bool		has[RULE_COSTS] = {false};

		has[COST_REWRITE] = step->rewrite || (causes && cost->rewrite && !rewrite);
		has[COST_SCAN] = step->scan || (causes && cost->scan && !scan);
		has[COST_INDEX] = step->indexes != NIL || (causes && cost->indexes != NIL && !index);
		has[COST_DEPENDENTS] = widens && (cost->dependents != NIL || cost->rebuilt != NIL);
		has[COST_METADATA] = !has[COST_REWRITE] && !has[COST_SCAN] &&
			!has[COST_INDEX] && !has[COST_DEPENDENTS];
		has[COST_PUBLISHED] = cost->publications != NIL && place != STEP_IN_MAPPING;
		for (int i = 0; i < RULE_COSTS; i++)
			arises[i] |= has[i];
	}
	for (int i = 0; i < RULE_STEPS; i++)
	{
		for (int j = 0; j < RULE_COSTS; j++)
			if (said.arises[i][j])
				said.rule[i][j] = rules_find(rules, i, j);
	}
	return said;
}

bool
rules_unsaid(const Said *said, int step, int cost)
{
	for (int i = 0; i < RULE_STEPS; i++)
	{
		if ((step == RULE_ANY || step == i) && said->arises[i][cost] && said->rule[i][cost] == NULL)
			return true;
	}
	return false;
}

List *
rules_counting(const Said *said, RuleVerdict verdict)
{
	List	   *found = NIL;

	for (int i = 0; i < RULE_STEPS; i++)
	{
		for (int j = 0; j < RULE_COSTS; j++)
		{
			const PolicyRule *rule = said->rule[i][j];

			if (rule != NULL && rule->verdict == verdict)
				found = list_append_unique_ptr(found, unconstify(PolicyRule *, rule));
		}
	}
	return found;
}

List *
rules_saying(const Said *said, RuleVerdict verdict)
{
	List	   *texts = NIL;
	ListCell   *lc;

	foreach(lc, rules_counting(said, verdict))
		texts = lappend(texts, rules_text(lfirst(lc), said->relid));
	return texts;
}

char *
rules_text(const PolicyRule *rule, Oid relid)
{
	return psprintf("%s: %s, %s%s: %s (set by %s at %s)",
					rule->of_table ? psprintf("policy of %s", plan_relation_name(relid)) : "default policy",
					rules_step_name(rule->step), rule->cost == RULE_ANY ? "" : "cost ",
					rules_cost_name(rule->cost), rules_verdict_name(rule->verdict),
					rule->set_by, rule->when);
}

/*
 * See the header. The limit is the one that a session begins with: what a
 * superuser has SET in his own is not what the worker goes by. Who said a
 * thing, and when, does not change what is said.
 */
char *
rules_state(const List *rules, WatchMode mode)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "selfheal policy 1\nmode %s\nlimit %s\n", options_mode_name(mode),
					 GetConfigOptionResetString("selfheal.auto_rewrite_limit"));
	for (int i = 0; i < (int) lengthof(cells); i++)
	{
		const Cell *cell = &cells[i];
		const PolicyRule *rule = rules_find(rules, cell->step, cell->cost);

		appendStringInfo(&buf, "%s %s %s %s\n", rules_step_name(cell->step),
						 rules_cost_name(cell->cost),
						 rule == NULL ? "built-in" : rule->of_table ? "table" : "default",
						 rules_verdict_name(rule ? rule->verdict : cell->verdict));
	}
	return buf.data;
}

char *
rules_state_now(Oid relid)
{
	Watch		watch;

	(void) watch_get(relid, &watch);
	return rules_state(rules_read(relid), watch.mode);
}

char *
rules_outside(Oid relid)
{
	char	   *schema = get_namespace_name(get_rel_namespace(relid));

	if (schema == NULL || guc_schema_allowed(schema))
		return NULL;
	return psprintf("schema \"%s\" is not in selfheal.allowed_schemas: rows of its tables are held, and no table is changed",
					schema);
}
