/*
 * audittools.c
 *	  Tools about the record: get_audit_trail, verify_audit.
 */
#include "postgres.h"

#include "base/spi.h"
#include "miscadmin.h"
#include "orient/incident.h"
#include "record/chain.h"
#include "serve/audittools.h"
#include "serve/inspect.h"
#include "serve/telling.h"
#include "serve/toolargs.h"
#include "serve/toolpage.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* ---- get_audit_trail ---- */

/* Looked up row by row: a join would read all of pg_class. */
#define RELID "selfheal.named_table(a.schema_name, a.table_name)"

/* What of the audit is told. Each operator and function that a statement has is
 * looked up at the first call of a connection: what C can do is done there. */
#define EVENT_COLUMNS \
	"SELECT a.id, " RELID ", a.seq, a.at, a.event, a.schema_name, a.table_name, a.incident, a.plan," \
	" a.actor_role, a.actor_client, a.verdict, a.policy, a.explanation, a.sql_run, a.result," \
	" a.rows_held, a.rows_replayed, a.rows_left, a.approval, a.prev_hash, a.hash, a.sqlstate, a.tools FROM "

/* What may be asked for, of which one is given. $1: of which incident or plan;
 * a table is known by its names ($2, $3), as they were then. */
enum
{
	OF_ALL, OF_INCIDENT, OF_PLAN, OF_TABLE
};

static const char *const wholes[] = {
	[OF_ALL] = "true",
	[OF_INCIDENT] = "(a.incident = $1 OR a.plan = ANY (ARRAY(SELECT p.id FROM selfheal.plan p WHERE p.incidents @> ARRAY[$1])))",
	[OF_PLAN] = "a.plan = $1",
	[OF_TABLE] = "a.schema_name = $2 AND a.table_name = $3"
};

/* Few, and perhaps old: not in the index's own order, they are found by theirs
 * and not by reading back from the newest event of all. */
static const char *const orders[] = {
	[OF_ALL] = "a.id",
	[OF_INCIDENT] = "a.id + 0",
	[OF_PLAN] = "a.id + 0",
	[OF_TABLE] = "a.id"
};

/* And those of them alone; a table that is gone is told of to who sees all. */
enum
{
	PART_BELOW, PART_EVENT, PART_SINCE, PART_SEEN
};

static const char *const parts[] = {
	[PART_BELOW] = " AND a.id < $4",
	[PART_EVENT] = " AND a.event = $5",
	[PART_SINCE] = " AND a.at >= $6",
	[PART_SEEN] = " AND (a.table_name IS NULL OR has_table_privilege($7, " RELID "::oid, 'SELECT'))"
};

/* The newest of the whole that are in each part whose bit is set. */
static uint64
read_events(int whole, int bits, SpiArgs *args)
{
	static SPIPlanPtr plans[lengthof(wholes)][1 << lengthof(parts)];
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, EVENT_COLUMNS "selfheal.audit a WHERE %s", wholes[whole]);
	for (int i = 0; i < (int) lengthof(parts); i++)
		if (bits & (1 << i))
			appendStringInfoString(&sql, parts[i]);
	appendStringInfo(&sql, " ORDER BY %s DESC LIMIT $8", orders[whole]);
	return spi_exec_kept(&plans[whole][bits], sql.data, args);
}

/* An instant as JSON writes it, with milliseconds. */
static char *
instant(TimestampTz at)
{
	struct pg_tm tm;
	fsec_t		fsec;

	/* without a zone it is UTC */
	if (timestamp2tm(at, NULL, &tm, &fsec, NULL, NULL) != 0)
		return NULL;
	return psprintf("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year, tm.tm_mon, tm.tm_mday,
					tm.tm_hour, tm.tm_min, tm.tm_sec, (int) (fsec / 1000));
}

/* The members that may be null. */
static void
add_count(StringInfo entry, const char *key, uint64 row, int col)
{
	bool		isnull;
	int64		value = spi_get_int8(row, col, &isnull);

	if (!isnull)
		toolpage_int8(entry, key, value);
}

/* A member of a call as the audit has it, or nothing. */
static void
add_member(StringInfo buf, JsonbContainer *call, const char *key)
{
	JsonbValue	v;

	if (getKeyJsonValueFromContainer(call, key, strlen(key), &v) != NULL && v.type == jbvString)
		appendStringInfo(buf, "%s%.*s", strcmp(key, "name") == 0 ? "" : " ", v.val.string.len, v.val.string.val);
}

/* Calls of tools by name and outcome, or NULL. */
static char *
calls_text(Jsonb *calls)
{
	StringInfoData buf;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (calls == NULL)
		return NULL;
	initStringInfo(&buf);
	it = JsonbIteratorInit(&calls->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM || v.type != jbvBinary)
			continue;
		appendStringInfoString(&buf, buf.len > 0 ? ", " : "");
		add_member(&buf, v.val.binary.data, "name");
		add_member(&buf, v.val.binary.data, "outcome");
	}
	return buf.data;
}

/* general: what is told of an event about no table. */
static void
add_event(StringInfo entry, uint64 row, Telling *t, void *general)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *event = spi_get_text(row, 5, cxt);
	char	   *table = spi_get_text(row, 7, cxt);
	Jsonb	   *approval = spi_get_jsonb(row, 20, cxt);

	if (table == NULL)
		t = general;
	else
		table = quote_qualified_identifier(spi_get_text(row, 6, cxt), table);
	appendStringInfoChar(entry, '{');
	toolpage_int8(entry, "id", spi_get_int8(row, 1, NULL));
	add_count(entry, "seq", row, 3);
	toolpage_text(entry, "at", instant(spi_get_timestamptz(row, 4, NULL)));
	toolpage_text(entry, "event", event);
	toolpage_cut(entry, "table", table, 300);
	add_count(entry, "incident", row, 8);
	add_count(entry, "plan", row, 9);
	toolpage_cut(entry, "by", spi_get_text(row, 10, cxt), 100);
	toolpage_cut(entry, "client", spi_get_text(row, 11, cxt), 200);
	toolpage_text(entry, "verdict", spi_get_text(row, 12, cxt));
	toolpage_cut(entry, "policy", spi_get_text(row, 13, cxt), 100);
	if (strcmp(event, "tool_called") == 0)
		toolpage_cut(entry, "tool", calls_text(spi_get_jsonb(row, 24, cxt)), 300);
	telling_text(entry, t, "explanation", spi_get_text(row, 14, cxt), 300);
	telling_sql(entry, t, "sql", spi_get_text(row, 15, cxt), 500);
	telling_text(entry, t, "result", spi_get_text(row, 16, cxt), 300);
	toolpage_text(entry, "sqlstate", spi_get_text(row, 23, cxt));
	add_count(entry, "rows_held", row, 17);
	add_count(entry, strcmp(event, "dry_run") == 0 ? "rows_that_fit" : "rows_stored", row, 18);
	add_count(entry, "rows_left", row, 19);
	toolpage_text(entry, "approved_hash", approval ? toolargs_text(approval, "hash") : NULL);
	toolpage_text(entry, "prev_hash", spi_get_text(row, 21, cxt));
	toolpage_text(entry, "hash", spi_get_text(row, 22, cxt));
	appendStringInfoChar(entry, '}');
}

/* Is one of the n events about a table? */
static bool
tells_of_table(uint64 n)
{
	for (uint64 i = 0; i < n; i++)
		if (spi_get_text(i, 7, CurrentMemoryContext) != NULL)
			return true;
	return false;
}

static ToolResult *
run_get_audit_trail(const ToolContext *ctx, Jsonb *args)
{
	char	   *table = toolargs_text(args, "table");
	int64		incident = toolargs_int8(args, "incident");
	int64		plan = toolargs_int8(args, "plan");
	char	   *event = toolargs_text(args, "event");
	int64		hours = toolpage_hours(args);
	int			whole = incident != 0 ? OF_INCIDENT : plan != 0 ? OF_PLAN : table ? OF_TABLE : OF_ALL;
	char	   *schema_name = NULL;
	char	   *table_name = NULL;
	TellingPage page;
	ToolResult *fault = NULL;
	StringInfoData buf;
	SpiUser		saved;
	SpiArgs		sql;
	bool		seen;
	uint64		n;

	if ((incident != 0) + (plan != 0) + (table != NULL) > 1)
		return tools_error("get_audit_trail: give one of \"incident\", \"plan\" and \"table\".");
	if (!telling_page_asked(&page, ctx, args, "audit", &fault))
		return fault;
	if (table)
	{
		Oid			relid = telling_table(table, &fault);

		if (fault)
			return fault;
		/* events are kept by names */
		schema_name = get_namespace_name(get_rel_namespace(relid));
		table_name = get_rel_name(relid);
	}
	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"events\":[");
	/* who may see an event about its table may see the incident */
	for (seen = incident == 0;; seen = true)
	{
		spi_open(&saved);
		spi_args(&sql);
		spi_arg_int8(&sql, incident != 0 ? incident : plan);
		spi_arg_text(&sql, schema_name);
		spi_arg_text(&sql, table_name);
		spi_arg_int8(&sql, page.cursor);
		spi_arg_text(&sql, event);
		spi_arg_timestamptz(&sql, GetCurrentTimestamp() - hours * USECS_PER_HOUR);
		spi_arg_oid(&sql, page.caller);
		spi_arg_int8(&sql, page.limit + 1);
		n = read_events(whole, (page.cursor != 0) << PART_BELOW | (event != NULL) << PART_EVENT | (hours > 0) << PART_SINCE | !page.all << PART_SEEN, &sql);
		if (seen || tells_of_table(n))
			break;
		spi_close(&saved);
		if (inspect_incident(incident, &fault) == NULL)
			return fault;
	}
	return telling_page(&page, &buf, n, &saved, add_event, telling_general(ctx->share));
}

/* ---- verify_audit ---- */

static ToolResult *
run_verify_audit(const ToolContext *ctx, Jsonb *args)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64		seq = toolargs_int8(args, "seq");
	char	   *head = toolargs_text(args, "head");
	StringInfoData buf;
	SpiArgs		sql;
	bool		isnull;
	int64		bad;

	if ((seq != 0) != (head != NULL))
		return tools_error("verify_audit: give \"seq\" and \"head\" together, as the server log has them, or neither.");
	/* what the function says of these would be masked: it has numbers */
	if (seq < 0)
		return tools_error("argument \"seq\" is a number from 1. Give it as the server log or verify_audit had it.");
	if (head && (strlen(head) != CHAIN_HEX || strspn(head, "0123456789abcdefABCDEF") != CHAIN_HEX))
		return tools_error("argument \"head\" has %d hexadecimal digits. Give it as the server log or verify_audit had it.", CHAIN_HEX);
	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	spi_open_caller();
	spi_args(&sql);
	if (head)
	{
		spi_arg_int8(&sql, seq);
		spi_arg_text(&sql, head);
		spi_exec("SELECT v.ok, v.sealed, v.unsealed, v.head, v.bad_seq, v.reason FROM selfheal.verify_audit($1, $2) v", &sql);
	}
	else
		spi_exec("SELECT v.ok, v.sealed, v.unsealed, v.head, v.bad_seq, v.reason FROM selfheal.verify_audit() v", &sql);
	toolpage_bool(&buf, "ok", spi_get_bool(0, 1, NULL));
	toolpage_int8(&buf, "sealed", spi_get_int8(0, 2, NULL));
	toolpage_int8(&buf, "unsealed", spi_get_int8(0, 3, NULL));
	toolpage_text(&buf, "head", spi_get_text(0, 4, cxt));
	bad = spi_get_int8(0, 5, &isnull);
	if (!isnull)
		toolpage_int8(&buf, "bad_seq", bad);
	toolpage_cut(&buf, "reason", spi_get_text(0, 6, cxt), 500);
	spi_close_caller();
	appendStringInfoChar(&buf, '}');
	return toolpage_answer(&buf);
}

/* ---- the tools ---- */


const Tool	get_audit_trail_tool = {
	.name = "get_audit_trail",
	.title = "Read the audit trail",
	.description = "Read who did what and when, newest first: what changed in the schema and by which statement, who changed this column, who approved or rejected a plan, why a change was"
	" refused, which rows were stored or discarded, which tools agents called. Of one incident, one plan, one table (its whole history of heals), or of all; also by event or since_hours."
	" Each event has its number in the hash chain (seq), prev_hash and hash; without them it is not sealed yet. Changes that people made by hand outside of selfheal stand in the"
	" schema history, not here.",
	.input_schema = "{\"type\":\"object\",\"properties\":{"
	"\"incident\":{\"type\":\"integer\",\"description\":\"of this incident and its plans\"},"
	"\"plan\":{\"type\":\"integer\",\"description\":\"of this plan\"},"
	"\"table\":{\"type\":\"string\",\"description\":\"of this table: schema and name, as in public.orders\"},"
	"\"event\":{\"type\":\"string\",\"enum\":[\"captured\",\"diagnosed\",\"planned\",\"refused\",\"vetted\",\"dry_run\",\"approved\",\"rejected\",\"applied\",\"apply_failed\",\"replayed\","
	"\"discarded\",\"paused\",\"resumed\",\"policy_changed\",\"setting_changed\",\"tool_called\",\"proposed\",\"amended\",\"watched\",\"unwatched\",\"retried\",\"dismissed\","
	"\"mapping_added\",\"mapping_removed\",\"stopped\",\"asked\",\"answered\",\"playbook_offered\",\"playbook_promoted\",\"playbook_demoted\"]},"
	"\"since_hours\":{\"type\":\"integer\",\"description\":\"of the last so many hours\"}," TOOLPAGE_PROPERTIES "},\"required\":[],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{\"events\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{"
	TOOLPAGE_INTEGER("id") "," TOOLPAGE_INTEGER("seq") "," TOOLPAGE_STRING("at") "," TOOLPAGE_STRING("event") "," TOOLPAGE_STRING("table") "," TOOLPAGE_INTEGER("incident") "," TOOLPAGE_INTEGER("plan") "," TOOLPAGE_STRING("by") "," TOOLPAGE_STRING("client") ","
	TOOLPAGE_STRING("verdict") "," TOOLPAGE_STRING("policy") "," TOOLPAGE_STRING("tool") "," TOOLPAGE_STRING("explanation") "," TOOLPAGE_STRING("sql") "," TOOLPAGE_STRING("result") "," TOOLPAGE_STRING("sqlstate") ","
	TOOLPAGE_INTEGER("rows_held") "," TOOLPAGE_INTEGER("rows_stored") "," TOOLPAGE_INTEGER("rows_that_fit") "," TOOLPAGE_INTEGER("rows_left") "," TOOLPAGE_STRING("approved_hash") "," TOOLPAGE_STRING("prev_hash") "," TOOLPAGE_STRING("hash")
	"},\"required\":[\"id\",\"at\",\"event\",\"by\",\"client\"],\"additionalProperties\":false}},"
	TOOLPAGE_END_SCHEMA "},\"required\":[\"events\",\"has_more\"],\"additionalProperties\":false}",
	.read_only = true,
	.idempotent = true,
	.for_mcp = true,
	.run = run_get_audit_trail
};

const Tool	verify_audit_tool = {
	.name = "verify_audit",
	.title = "Verify the audit",
	.description = "Compute the hash chain of the audit trail anew: was a record altered, deleted, moved or added by hand? Answers ok, how many events are sealed and not sealed yet, the hash of"
	" the last one (head), and the first bad one with the reason. With seq and head of an earlier line of the server log it is also found when the end was cut off or the whole chain"
	" written anew. Takes a while on a long trail.",
	.input_schema = "{\"type\":\"object\",\"properties\":{\"seq\":{\"type\":\"integer\",\"description\":\"number of an event whose hash is known\"},"
	"\"head\":{\"type\":\"string\",\"description\":\"its hash\"}},\"required\":[],\"additionalProperties\":false}",
	.output_schema = "{\"type\":\"object\",\"properties\":{" TOOLPAGE_BOOLEAN("ok") "," TOOLPAGE_INTEGER("sealed") "," TOOLPAGE_INTEGER("unsealed") "," TOOLPAGE_STRING("head") "," TOOLPAGE_INTEGER("bad_seq") "," TOOLPAGE_STRING("reason")
	"},\"required\":[\"ok\",\"sealed\",\"unsealed\"],\"additionalProperties\":false}",
	.read_only = true,
	.idempotent = true,
	.same_right = "selfheal.verify_audit()",
	.for_mcp = true,
	.run = run_verify_audit
};
