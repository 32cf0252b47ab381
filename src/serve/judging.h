/*
 * judging.h
 *	  A change that somebody asks for by a tool: vetted, costed, tried, and what
 *	  policy says of it. Nothing is stored and nothing changed.
 */
#ifndef SELFHEAL_JUDGING_H
#define SELFHEAL_JUDGING_H

#include "postgres.h"

#include "act/sandbox.h"
#include "decide/forecast.h"
#include "decide/policy.h"
#include "decide/vet.h"
#include "observe/watch.h"
#include "serve/toolpage.h"
#include "serve/tools.h"

/* Steps, and options, of one proposal. */
#define JUDGING_STEPS 100

/* The arguments "ddl" and "steps" as properties of a schema, and what
 * judging_answer gives. */
#define JUDGING_STEP_SCHEMA \
	"{\"type\": \"object\", \"additionalProperties\": false," \
	" \"required\": [\"kind\", \"column\", \"type\", \"labels\", \"args\"], \"properties\": {" \
	"\"kind\": {\"type\": \"string\", \"enum\": [\"add_column\", \"widen_type\", \"convert_type\", \"drop_not_null\"," \
	" \"set_default\", \"add_enum_label\", \"extend_check_list\", \"map_field\", \"ignore_field\", \"trim\", \"null_if\"," \
	" \"map_value\", \"parse_timestamp\", \"parse_number\", \"parse_point\", \"decode_text\", \"overflow_to_jsonb\"]}," \
	"\"column\": {\"type\": \"string\", \"description\": \"column of the table, or key of the payload\"}," \
	"\"type\": {\"type\": \"string\", \"description\": \"SQL type of add_column, widen_type, convert_type; else empty\"}," \
	"\"labels\": {\"type\": \"array\", \"items\": {\"type\": \"string\"}, \"description\": \"of add_enum_label; else empty\"}," \
	"\"args\": {\"type\": \"string\", \"description\": \"a JSON object with what the kind takes, such as {\\\"formats\\\": [\\\"DD.MM.YYYY\\\"]}; {} for nothing\"}}}"

#define JUDGING_CHANGE \
	"\"ddl\": {\"type\": \"string\", \"description\": \"one ALTER TABLE on the incident's table, or ALTER TYPE ... ADD VALUE; empty when steps are given\"}," \
	"\"steps\": {\"type\": \"array\", \"items\": " JUDGING_STEP_SCHEMA ", \"description\": \"typed steps; empty when ddl is given\"}"

/*
 * What is told of a forecast and of a dry run in numbers, as text of an object
 * (in SQL, of the expression that is their jsonb), and the properties of its
 * schema. What they say in words is to be masked.
 */
#define JUDGING_FORECAST(json) \
	"jsonb_strip_nulls(jsonb_build_object('lock', " json " -> 'lock', 'rewrite', " json " -> 'rewrite', 'scan', " json " -> 'scan'," \
	" 'bytes', " json " -> 'bytes', 'estimated_ms', " json " -> 'estimated_ms', 'indexes', jsonb_array_length(" json " -> 'indexes')," \
	" 'dependents', jsonb_array_length(" json " -> 'dependents')))::text"
#define JUDGING_DRY_RUN(json) \
	"jsonb_strip_nulls(jsonb_build_object('ok', " json " -> 'ok', 'held_tried', " json " -> 'held_tried', 'held_stored', " json " -> 'held_stored'," \
	" 'history_tried', " json " -> 'history_tried', 'history_broken', " json " -> 'history_broken'))::text"
#define JUDGING_FORECAST_PROPERTIES \
	TOOLPAGE_STRING("lock") "," TOOLPAGE_BOOLEAN("rewrite") "," TOOLPAGE_BOOLEAN("scan") "," TOOLPAGE_NUMBER("bytes") "," \
	TOOLPAGE_NUMBER("estimated_ms") "," TOOLPAGE_INTEGER("indexes") "," TOOLPAGE_INTEGER("dependents")
#define JUDGING_DRY_RUN_PROPERTIES \
	TOOLPAGE_BOOLEAN("ok") "," TOOLPAGE_INTEGER("held_tried") "," TOOLPAGE_INTEGER("held_stored") "," \
	TOOLPAGE_INTEGER("history_tried") "," TOOLPAGE_INTEGER("history_broken")

/*
 * What set_policy() has said for the verdict of a plan, and who: in a reason,
 * whose words are masked, his name would be gone. In SQL, of the rules that were
 * there when the plan p was made and speak of its kinds of step; as a property
 * of a schema.
 */
#define JUDGING_RULE "jsonb_build_object('of', CASE WHEN r.relid IS NULL THEN 'all tables' ELSE 'table' END, 'step', coalesce(r.step, 'any step')," \
	" 'cost', coalesce(r.cost, 'any cost'), 'verdict', r.verdict, 'set_by', left(r.set_by, 100), 'set_login', left(r.set_login, 100), 'set_at', " SPI_UTC("r.set_at") ")"
#define JUDGING_RULES \
	"(SELECT jsonb_agg(" JUDGING_RULE " ORDER BY r.relid IS NULL, r.step, r.cost)::text FROM (SELECT * FROM selfheal.policy r" \
	"  WHERE (r.relid = p.relid OR r.relid IS NULL) AND r.set_at <= p.at" \
	"  AND r.verdict = CASE p.policy WHEN 'policy-auto' THEN 'auto' WHEN 'policy-review' THEN 'review' WHEN 'policy-deny' THEN 'deny' END" \
	"  AND (r.step IS NULL OR p.steps @> jsonb_build_object('steps', jsonb_build_array(jsonb_build_object('kind', r.step))))" \
	"  ORDER BY r.relid IS NULL, r.step, r.cost LIMIT 10) r)"
#define JUDGING_RULES_SCHEMA \
	"\"rules\":{\"type\":\"array\",\"description\":\"what set_policy has said for this verdict, and who\",\"items\":{\"type\":\"object\",\"properties\":{" \
	TOOLPAGE_STRING("of") "," TOOLPAGE_STRING("step") "," TOOLPAGE_STRING("cost") "," TOOLPAGE_STRING("verdict") "," TOOLPAGE_STRING("set_by") "," \
	TOOLPAGE_STRING("set_login") "," TOOLPAGE_STRING("set_at") "},\"required\":[\"of\",\"step\",\"cost\",\"verdict\",\"set_by\",\"set_login\",\"set_at\"]," \
	"\"additionalProperties\":false}}"

#define JUDGING_RESULT \
	"{\"type\": \"object\", \"additionalProperties\": true, \"properties\": {" \
	"\"verdict\": {\"type\": \"string\", \"enum\": [\"auto\", \"review\"]}," \
	"\"sql\": {\"type\": [\"string\", \"null\"]}," \
	"\"policy\": {\"type\": \"string\"}, \"reason\": {\"type\": \"string\"}," \
	"\"forecast\": {\"type\": \"object\"}, \"dry_run\": {\"type\": \"object\"}}}"

/* A change that was vetted, with what it costs and what policy says of it. */
typedef struct Judged
{
	VettedPlan *plan;
	Forecast   *cost;
	Ruling		ruling;
	WatchMode	mode;
	List	   *cautions;
	char	   *reason;			/* refused: why */
} Judged;

extern bool judging_is_blank(const char *text);

/* How many steps there are in "steps". */
extern int	judging_step_count(Jsonb *args);

/* A change by its ddl or its steps through the vetter. What is no plan at all
 * is a refusal too, with words that help to mend it. */
extern Vetting judging_vet(Oid relid, Jsonb *args);

/* What it costs and what policy says; without a reason against it there is a
 * plan and a forecast. */
extern Judged judging_of(Oid relid, Vetting vetting);

/* Tried with the held rows of these incidents (n 0: all of the table's), and
 * judged once more by what that has shown. */
extern DryRun *judging_try(Judged *j, const int64 *incidents, int n);

/* Add "rules", where somebody has said something for this verdict. */
extern void judging_rules(StringInfo buf, const Ruling *ruling);

/* Of a change that set_policy() refuses: a sentence that says who has set it, to
 * stand behind the reason, whose words are masked. Else "". */
extern char *judging_denied_by(const Ruling *ruling);

/* {"verdict", "sql", "policy", "reason", "forecast", "dry_run"}: dry_run as in
 * sandbox.h, its reason as far as values may be told. */
extern ToolResult *judging_answer(Oid relid, const Judged *j, const DryRun *trial);

#endif							/* SELFHEAL_JUDGING_H */
