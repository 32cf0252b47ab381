/*
 * settools.c
 *	  Tools with which a team says what is to be: set_policy, add_mapping.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "serve/settools.h"
#include "serve/telling.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"

/* Cells of the policy that are told back. */
#define MAX_CELLS 30

/* A boolean argument; absent: null. */
static void
arg_bool(SpiArgs *sql, Jsonb *args, const char *name)
{
	JsonbValue *v = getKeyJsonValueFromContainer(&args->root, name, strlen(name), NULL);

	if (v == NULL || v->type != jbvBool)
		spi_arg_null(sql, BOOLOID);
	else
		spi_arg_bool(sql, v->val.boolean);
}

/* The table that is named; null is all of them. */
static Oid
table_or_all(Jsonb *args, ToolResult **fault)
{
	char	   *table = toolargs_text(args, "table");

	*fault = NULL;
	return table ? telling_table(table, fault) : InvalidOid;
}

/* ---- set_policy ---- */

/* What counts now, of the cells that were spoken of. */
static void
add_effective(StringInfo buf, Oid relid, Jsonb *args)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *cost = toolargs_text(args, "cost");
	SpiArgs		sql;
	uint64		n;

	if (cost == NULL && getKeyJsonValueFromContainer(&args->root, "subscribers_heal", 16, NULL) != NULL)
		cost = "published";
	spi_open_caller();
	spi_args(&sql);
	spi_arg_relid(&sql, relid);
	spi_arg_text(&sql, toolargs_text(args, "step"));
	spi_arg_text(&sql, cost);
	spi_arg_int8(&sql, MAX_CELLS);
	n = spi_exec("SELECT p.step, p.cost, p.verdict, p.source, p.set_by, p.set_login,"
				 " pg_catalog.to_char(pg_catalog.timezone('UTC', p.set_at), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') FROM selfheal.policy_effective($1) p"
				 " WHERE ($2 IS NULL OR p.step OPERATOR(pg_catalog.=) $2) AND ($3 IS NULL OR p.cost OPERATOR(pg_catalog.=) $3) LIMIT $4", &sql);
	toolpage_key(buf, "effective");
	appendStringInfoChar(buf, '[');
	for (uint64 i = 0; i < n; i++)
	{
		appendStringInfoString(buf, i > 0 ? ",{" : "{");
		toolpage_text(buf, "step", spi_get_text(i, 1, cxt));
		toolpage_text(buf, "cost", spi_get_text(i, 2, cxt));
		toolpage_text(buf, "verdict", spi_get_text(i, 3, cxt));
		toolpage_text(buf, "source", spi_get_text(i, 4, cxt));
		toolpage_cut(buf, "set_by", spi_get_text(i, 5, cxt), 100);
		toolpage_cut(buf, "set_login", spi_get_text(i, 6, cxt), 100);
		toolpage_text(buf, "set_at", spi_get_text(i, 7, cxt));
		appendStringInfoChar(buf, '}');
	}
	appendStringInfoChar(buf, ']');
	spi_close_caller();
}

static ToolResult *
run_set_policy(const ToolContext *ctx, Jsonb *args)
{
	ToolResult *fault;
	Oid			relid = table_or_all(args, &fault);
	StringInfoData buf;
	SpiArgs		sql;

	if (fault)
		return fault;
	tools_about(relid);
	spi_open_caller();
	spi_args(&sql);
	spi_arg_relid(&sql, relid);
	spi_arg_text(&sql, toolargs_text(args, "step"));
	spi_arg_text(&sql, toolargs_text(args, "cost"));
	spi_arg_text(&sql, toolargs_text(args, "verdict"));
	arg_bool(&sql, args, "subscribers_heal");
	spi_exec("SELECT selfheal.set_policy($1, $2, $3, $4, $5)", &sql);
	spi_close_caller();
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_text(&buf, "table", OidIsValid(relid) ? telling_name(relid) : "all tables");
	add_effective(&buf, relid, args);
	toolpage_text(&buf, "next_step", "The healer looks again at what waits. What you propose yourself is not applied by a rule that you have set.");
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* ---- add_mapping ---- */

/* The arguments of a mapping, a JSON object as text. Errors: 22P02. */
static Jsonb *
mapping_args(Jsonb *args)
{
	char	   *text = toolargs_text(args, "args");

	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(text && text[strspn(text, " \t\r\n")] ? text : "{}")));
}

/* On how many held rows it was proven. */
static int64
proven_rows(int64 mapping)
{
	SpiUser		saved;
	SpiArgs		sql;
	int64		n = 0;

	spi_open(&saved);
	spi_args(&sql);
	spi_arg_int8(&sql, mapping);
	if (spi_exec("SELECT coalesce(proven_rows, 0)::bigint FROM selfheal.mapping WHERE id = $1", &sql) > 0)
		n = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return n;
}

static ToolResult *
run_add_mapping(const ToolContext *ctx, Jsonb *args)
{
	ToolResult *fault;
	Oid			relid = table_or_all(args, &fault);
	StringInfoData buf;
	SpiArgs		sql;
	int64		id;

	if (fault)
		return fault;
	tools_about(relid);
	spi_open_caller();
	spi_args(&sql);
	spi_arg_relid(&sql, relid);
	spi_arg_text(&sql, toolargs_text(args, "kind"));
	spi_arg_text(&sql, toolargs_text(args, "field"));
	spi_arg_jsonb(&sql, mapping_args(args));
	spi_arg_text(&sql, toolargs_text(args, "column"));
	spi_arg_text(&sql, toolargs_text(args, "why"));
	arg_bool(&sql, args, "force");
	spi_exec("SELECT selfheal.add_mapping($1, $2, $3, $4, $5::pg_catalog.name, $6, $7)", &sql);
	id = spi_get_int8(0, 1, NULL);
	spi_close_caller();
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	toolpage_int8(&buf, "mapping", id);
	toolpage_text(&buf, "table", telling_name(relid));
	toolpage_int8(&buf, "held_rows_that_fit", proven_rows(id));
	toolpage_text(&buf, "next_step", "The healer stores the held rows that fit now. selfheal.remove_mapping() takes it back.");
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* ---- the tools ---- */

#define STEPS \
	"\"add_column\",\"widen_type\",\"drop_not_null\",\"add_enum_label\",\"set_default\",\"set_generated_by_default\",\"convert_type\"," \
	"\"extend_check_list\",\"attach_partition\",\"extend_sequence\",\"create_table\"," MAPPINGS
#define MAPPINGS \
	"\"map_field\",\"ignore_field\",\"strip_nul\",\"trim\",\"null_if\",\"map_value\",\"parse_timestamp\",\"parse_number\",\"parse_point\",\"decode_text\",\"overflow_to_jsonb\""
#define COSTS "\"metadata\",\"scan\",\"index\",\"rewrite\",\"dependents\",\"published\""

const Tool	set_policy_tool = {
	.name = "set_policy",
	.title = "Set the policy",
	.description = "Say which changes of a watched table run by themselves (auto), wait for approval (review), or are never planned (deny): by kind of step (add_column, widen_type,"
	" drop_not_null, ...), by what it costs (metadata, scan, index, rewrite, dependents, published), or both; left out means any. table null: all tables. A rule replaces"
	" the one with the same step and cost; the most specific counts. Nothing runs by it that docs/SAFETY.md refuses, nor beyond selfheal.auto_rewrite_limit, and what you"
	" propose yourself is not applied by a rule that you have set. Needs the table's owner. Answers with what counts now.",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"table\":{\"type\":[\"string\",\"null\"],\"description\":\"Schema and name, as in public.orders; null: all tables\"},"
	"\"step\":{\"type\":\"string\",\"enum\":[" STEPS "]},\"cost\":{\"type\":\"string\",\"enum\":[" COSTS "]},"
	"\"verdict\":{\"type\":\"string\",\"enum\":[\"auto\",\"review\",\"deny\"]},"
	"\"subscribers_heal\":{\"type\":\"boolean\",\"description\":\"instead of the others: true: a publication of the table is no reason to wait\"}},"
	"\"required\":[\"table\"],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{\"table\":{\"type\":\"string\"},\"effective\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	"\"step\":{\"type\":\"string\"},\"cost\":{\"type\":\"string\"},\"verdict\":{\"type\":\"string\",\"enum\":[\"auto\",\"review\",\"deny\"]},\"source\":{\"type\":\"string\"}," TOOLPAGE_STRING("set_by") "," TOOLPAGE_STRING("set_login") "," TOOLPAGE_STRING("set_at") "},"
	"\"required\":[\"step\",\"cost\",\"verdict\",\"source\"],\"additionalProperties\":false}},\"next_step\":{\"type\":\"string\"}},"
	"\"required\":[\"table\",\"effective\",\"next_step\"],\"additionalProperties\":false}",
	.destructive = true,
	.idempotent = true,
	.same_right = "selfheal.set_policy(regclass,text,text,text,boolean)",
	.for_mcp = true,
	.run = run_set_policy
};

const Tool	add_mapping_tool = {
	.name = "add_mapping",
	.title = "Add a payload mapping",
	.description = "Say how incoming payloads of a table are to be read, without changing the table: a renamed or nested key (map_field), a key to leave out (ignore_field), a date,"
	" number or point in another notation (parse_timestamp, parse_number, parse_point), a word that means null or another value (null_if, map_value), blanks (trim), bytes"
	" in another encoding (decode_text). It is proven on the rejected rows that are held: one that makes none of them fit is refused, unless forced. What was sent is kept."
	" Needs the table's owner.",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"table\":{\"type\":\"string\",\"description\":\"Schema and name, as in public.orders\"},"
	"\"kind\":{\"type\":\"string\",\"enum\":[" MAPPINGS "]},"
	"\"field\":{\"type\":\"string\",\"description\":\"key of the payload\"},"
	"\"args\":{\"type\":\"string\",\"description\":\"a JSON object with what the kind takes, such as {\\\"formats\\\": [\\\"DD.MM.YYYY\\\"]}; left out for nothing\"},"
	"\"column\":{\"type\":\"string\",\"description\":\"column that it goes to, where that is not the key's own name\"},"
	"\"why\":{\"type\":\"string\",\"description\":\"what it is for, in a sentence\"},"
	"\"force\":{\"type\":\"boolean\",\"description\":\"also when it makes no held row fit\"}},"
	"\"required\":[\"table\",\"kind\"],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{\"mapping\":{\"type\":\"integer\"},\"table\":{\"type\":\"string\"},\"held_rows_that_fit\":{\"type\":\"integer\"},"
	"\"next_step\":{\"type\":\"string\"}},\"required\":[\"mapping\",\"table\",\"held_rows_that_fit\",\"next_step\"],\"additionalProperties\":false}",
	.same_right = "selfheal.add_mapping(regclass,text,text,jsonb,name,text,boolean)",
	.for_mcp = true,
	.run = run_add_mapping
};
