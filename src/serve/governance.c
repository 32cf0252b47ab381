/*
 * governance.c
 *	  What may run by itself: set_policy(), drop_policy(), policy_effective().
 *
 * A rule that could never count is an error at once and not a surprise at
 * night. What becomes of a rule is recorded by a trigger of its table, so that
 * the record has also what goes with a table or is changed by hand; a new one
 * is recorded here, since a restore brings rules that are no news.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "decide/forms.h"
#include "decide/rules.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "serve/foureyes.h"
#include "serve/governance.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(selfheal_set_policy);
PG_FUNCTION_INFO_V1(selfheal_drop_policy);
PG_FUNCTION_INFO_V1(selfheal_policy_effective);
PG_FUNCTION_INFO_V1(selfheal_policy_changed);

/* Who asks, while a function of ours changes a rule: the trigger runs as the
 * extension's owner. */
static const char *asking = NULL;

/* A rule in words, as errors and the audit have it. */
static char *
rule_text(const char *table, int step, int cost)
{
	return psprintf("policy of %s: %s, %s%s", table ? table : "all tables", rules_step_name(step),
					cost == RULE_ANY ? "" : "cost ", rules_cost_name(cost));
}

/*
 * The table's own rules are its owner's. What holds for all tables holds for
 * those of others as well: it takes who could change the settings.
 */
static void
check_may(Oid relid)
{
	Watch		watch;

	if (OidIsValid(relid))
	{
		watch_check_table(relid, WATCH_NEED_OWNER);
		watch_check_watched(relid, &watch);
	}
	else if (!has_privs_of_role(GetUserId(), spi_extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of extension selfheal to change the policy of all tables"),
				 errhint("Name a table of yours: SELECT selfheal.set_policy('public.orders', ...).")));
}

/* Could the rule ever count? */
static void
check_possible(Oid relid, int step, int cost)
{
	StringInfoData costs;

	if (!rules_possible(step, cost))
	{
		initStringInfo(&costs);
		for (int i = 0; i < RULE_COSTS; i++)
			if (rules_possible(step, i))
				appendStringInfo(&costs, "%s%s", costs.len > 0 ? ", " : "", rules_cost_name(i));
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a rule for %s with cost %s could never apply",
						rules_step_name(step), rules_cost_name(cost)),
				 errhint("Costs of such a step are: %s.", costs.data)));
	}
	if (OidIsValid(relid) && get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is a foreign table", plan_relation_name(relid)),
				 errhint("Foreign tables are changed by a person, on their server first: no rule could apply.")));
}

/* Arguments of a rule: table, step and cost as $1 to $3. */
static void
rule_args(SpiArgs *args, Oid relid, int step, int cost)
{
	spi_args(args);
	spi_arg_relid(args, relid);
	spi_arg_text(args, step == RULE_ANY ? NULL : rules_step_name(step));
	spi_arg_text(args, cost == RULE_ANY ? NULL : rules_cost_name(cost));
}

#define THE_RULE \
	" WHERE relid IS NOT DISTINCT FROM $1 AND step IS NOT DISTINCT FROM $2 AND cost IS NOT DISTINCT FROM $3"

/*
 * The worker may just be planning by the policy as it was: it finds the word
 * when it is done, and looks again at what waits. What it has planned
 * meanwhile does not run (carry.c). Inside spi_open.
 */
static void
leave_word(Oid relid)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	/* in one order, or two who speak of all tables would wait for each other */
	spi_exec("UPDATE selfheal.watched SET rethink = true WHERE relid IN"
			 " (SELECT relid FROM selfheal.watched WHERE ($1 IS NULL OR relid = $1) AND NOT rethink"
			 "  ORDER BY relid FOR NO KEY UPDATE)", &args);
	if (shmem_state != NULL)
		shmem_wake_at_commit();
}

static void
record(Oid relid, const char *schema, const char *table, const char *role, const char *what)
{
	AuditEntry	entry;

	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.schema_name = schema;
	entry.table_name = table;
	entry.actor_role = role;
	entry.result = what;
	audit_write(&entry);
}

/* A rule that is to say this, or (NULL) to go, and what came of it. */
typedef struct Change
{
	Oid			relid;
	int			step;
	int			cost;
	const char *verdict;
	bool		changed;
	bool		is_new;
} Change;

/* Inside spi_open; by is who asks. */
static void
write_rule(Change *change, const char *by)
{
	SpiArgs		args;

	rule_args(&args, change->relid, change->step, change->cost);
	if (change->verdict == NULL)
	{
		change->changed = spi_exec("DELETE FROM selfheal.policy" THE_RULE, &args) > 0;
		return;
	}
	spi_arg_text(&args, change->verdict);
	if (spi_exec("SELECT FROM selfheal.policy" THE_RULE " AND verdict = $4", &args) > 0)
		return;
	spi_arg_text(&args, by);
	spi_arg_text(&args, foureyes_login());
	spi_exec("INSERT INTO selfheal.policy (relid, step, cost, verdict, set_by, set_login) VALUES ($1, $2, $3, $4, $5, $6)"
			 " ON CONFLICT (relid, step, cost) DO UPDATE"
			 " SET verdict = $4, set_by = $5, set_login = $6, set_at = clock_timestamp() RETURNING xmax = 0", &args);
	change->changed = true;
	change->is_new = spi_get_bool(0, 1, NULL);
}

/* Make the change with the trigger told who asks, record it if the trigger
 * does not, and have the worker look again. False when nothing changed. */
static bool
change_rule(Change *change)
{
	const char *by = GetUserNameFromId(GetUserId(), false);
	SpiUser		saved;

	spi_open(&saved);
	PG_TRY();
	{
		asking = by;
		write_rule(change, by);
	}
	PG_FINALLY();
	{
		asking = NULL;
	}
	PG_END_TRY();
	if (change->changed)
		leave_word(change->relid);
	spi_close(&saved);
	if (change->is_new)
		record(change->relid, NULL, NULL, by,
			   psprintf("%s: %s, was not set",
						rule_text(OidIsValid(change->relid) ? plan_relation_name(change->relid) : NULL,
								  change->step, change->cost), change->verdict));
	return change->changed;
}

/* An argument as a string, NULL when it is null. */
static char *
text_arg(FunctionCallInfo fcinfo, int n)
{
	return PG_ARGISNULL(n) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(n));
}

/*
 * set_policy(relation, step, cost, verdict) or (relation, subscribers_heal):
 * errors 22023, 42501, 42704 and those of a table argument. To say what is
 * said already changes nothing.
 */
Datum
selfheal_set_policy(PG_FUNCTION_ARGS)
{
	Change		change = {0};
	char	   *verdict = text_arg(fcinfo, 3);

	change.relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	change.step = rules_step(text_arg(fcinfo, 1));
	change.cost = rules_cost(text_arg(fcinfo, 2));
	if (PG_ARGISNULL(4))
		change.verdict = rules_verdict_name(rules_verdict(verdict));
	else
	{
		if (change.step != RULE_ANY || change.cost != RULE_ANY || verdict != NULL)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("subscribers_heal stands alone"),
					 errhint("It is short for cost => 'published', verdict => 'auto': give one of the two.")));
		change.cost = COST_PUBLISHED;
		change.verdict = PG_GETARG_BOOL(4) ? "auto" : NULL;
	}
	check_possible(change.relid, change.step, change.cost);
	if (change.verdict != NULL && rules_verdict(change.verdict) == RULE_AUTO && change.step != RULE_ANY &&
		form_of(change.step)->approval_only)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s cannot run by itself", rules_step_name(change.step)),
				 errdetail("It changes what a column or a rule of the table means, which is for a person to say."),
				 errhint("Set review or deny.")));
	check_may(change.relid);
	(void) change_rule(&change);
	PG_RETURN_VOID();
}

/* drop_policy(relation, step, cost): 42704 when there is no such rule, which
 * comes before the privilege: what is said of all tables is no secret. */
Datum
selfheal_drop_policy(PG_FUNCTION_ARGS)
{
	Change		change = {0};
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	change.relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	change.step = rules_step(text_arg(fcinfo, 1));
	change.cost = rules_cost(text_arg(fcinfo, 2));
	if (OidIsValid(change.relid))
		check_may(change.relid);
	spi_open(&saved);
	rule_args(&args, change.relid, change.step, change.cost);
	found = spi_exec("SELECT FROM selfheal.policy" THE_RULE, &args) > 0;
	spi_close(&saved);
	if (found && !OidIsValid(change.relid))
		check_may(change.relid);
	if (!found || !change_rule(&change))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no rule \"%s\"",
						rule_text(OidIsValid(change.relid) ? plan_relation_name(change.relid) : NULL,
								  change.step, change.cost)),
				 errhint("selfheal.policy_effective('...') shows what counts and where it comes from.")));
	PG_RETURN_VOID();
}

/* Columns of selfheal.policy, in the order of policy.sql. */
#define POLICY_RELID 1
#define POLICY_STEP 2
#define POLICY_COST 3
#define POLICY_VERDICT 4

/* A text column of a row, or NULL. */
static char *
column_text(HeapTuple tup, TupleDesc desc, int column)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* The rule of a row in words, without its verdict. */
static char *
row_text(HeapTuple tup, TupleDesc desc, const char *table)
{
	return rule_text(table, rules_step(column_text(tup, desc, POLICY_STEP)),
					 rules_cost(column_text(tup, desc, POLICY_COST)));
}

/* Names of a table that may be gone: its watch, which goes last, has them. */
static void
watched_names(Oid relid, char **schema, char **table)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT schema_name, table_name FROM selfheal.watched WHERE relid = $1", &args) > 0)
	{
		*schema = spi_get_text(0, 1, cxt);
		*table = spi_get_text(0, 2, cxt);
	}
	spi_close(&saved);
}

/*
 * Trigger of selfheal.policy after UPDATE or DELETE of a row: records what it
 * said, and what it says now. A rule that only went along with its watch to
 * another table (ddl_watch.c) says what it said.
 */
Datum
selfheal_policy_changed(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	char	   *schema = NULL;
	char	   *table = NULL;
	char	   *name = NULL;
	char	   *was;
	char	   *was_verdict;
	char	   *is = NULL;
	char	   *is_verdict = NULL;
	TupleDesc	desc;
	Datum		value;
	bool		isnull;

	if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
		TRIGGER_FIRED_BY_INSERT(data->tg_event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.policy_changed can only be called as a row trigger of UPDATE or DELETE")));
	desc = RelationGetDescr(data->tg_relation);
	value = heap_getattr(data->tg_trigtuple, POLICY_RELID, desc, &isnull);
	if (!isnull)
	{
		watched_names(DatumGetObjectId(value), &schema, &table);
		name = table ? quote_qualified_identifier(schema, table) :
			psprintf("table %u", DatumGetObjectId(value));
	}
	was = row_text(data->tg_trigtuple, desc, name);
	was_verdict = column_text(data->tg_trigtuple, desc, POLICY_VERDICT);
	if (TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		is = row_text(data->tg_newtuple, desc, name);
		is_verdict = column_text(data->tg_newtuple, desc, POLICY_VERDICT);
		if (strcmp(is, was) == 0 && strcmp(is_verdict, was_verdict) == 0)
			return PointerGetDatum(NULL);
	}
	record(InvalidOid, schema, table,
		   asking ? asking : GetUserNameFromId(GetOuterUserId(), false),
		   is == NULL || strcmp(is, was) == 0 ?
		   psprintf("%s: %s, was %s", was, is ? is_verdict : "not set", was_verdict) :
		   psprintf("%s: %s, was %s: %s", is, is_verdict, was, was_verdict));
	return PointerGetDatum(NULL);
}

/* One row of policy_effective(). */
static void
put_cell(ReturnSetInfo *rsinfo, Oid relid, const Watch *watch, const char *outside,
		 const List *rules, int step, int cost)
{
	const PolicyRule *rule = rules_find(rules, step, cost);
	Datum		values[9];
	bool		nulls[9] = {false};
	const char *source = rule == NULL ? "built-in" : rule->of_table ? "table" : "default";
	const char *reason;
	RuleVerdict verdict = rules_built_in(step, cost, &reason);

	if (rule)
	{
		verdict = rule->verdict;
		reason = rules_text(rule, relid);
	}
	nulls[5] = nulls[6] = nulls[8] = rule == NULL;
	if (rule)
	{
		values[5] = CStringGetTextDatum(rule->set_by);
		values[6] = TimestampTzGetDatum(rule->set_at);
		values[8] = CStringGetTextDatum(rule->set_login);
	}
	/* what stands above all rules */
	if (verdict != RULE_DENY && outside != NULL)
	{
		verdict = RULE_DENY;
		source = "setting";
		reason = outside;
	}
	else if (verdict == RULE_AUTO && watch->mode != WATCH_AUTO)
	{
		verdict = RULE_REVIEW;
		source = "mode";
		reason = psprintf("the table is watched in mode %s; else %s: %s", options_mode_name(watch->mode),
						  rules_verdict_name(RULE_AUTO), reason);
	}
	values[0] = CStringGetTextDatum(rules_step_name(step));
	values[1] = CStringGetTextDatum(rules_cost_name(cost));
	values[2] = CStringGetTextDatum(rules_verdict_name(verdict));
	values[3] = CStringGetTextDatum(source);
	nulls[4] = verdict != RULE_AUTO || (cost != COST_SCAN && cost != COST_INDEX && cost != COST_REWRITE);
	values[4] = Int64GetDatum((int64) guc_auto_rewrite_limit * 1024);
	values[7] = CStringGetTextDatum(reason);
	tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
}

/*
 * policy_effective(relation): what counts for each kind of step and cost, and
 * where it comes from. Of null: what counts for tables without a word of
 * their own.
 */
Datum
selfheal_policy_effective(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch = {.mode = WATCH_AUTO};
	char	   *outside = NULL;
	List	   *rules;

	if (OidIsValid(relid))
	{
		watch_check_table(relid, WATCH_NEED_READ);
		(void) watch_get(relid, &watch);
		outside = rules_outside(relid);
	}
	InitMaterializedSRF(fcinfo, 0);
	rules = rules_read(relid);
	for (int step = 0; step < RULE_STEPS; step++)
	{
		for (int cost = 0; cost < RULE_COSTS; cost++)
			if (rules_possible(step, cost))
				put_cell(rsinfo, relid, &watch, outside, rules, step, cost);
	}
	return (Datum) 0;
}
