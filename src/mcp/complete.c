/*
 * complete.c
 *	  Values that an argument of a prompt or of a resource's template may have.
 *
 * By their beginning, and only what the role may read: what is completed is
 * what the lists would show him.
 */
#include "postgres.h"

#include "mcp/answer.h"
#include "mcp/complete.h"
#include "mcp/facts.h"
#include "mcp/migration.h"
#include "mcp/uri.h"
#include "utils/builtins.h"
#include "utils/json.h"

/* Values of one answer, by the specification. */
#define MAX_VALUES 100

/* What an argument is. */
typedef enum Completes
{
	COMPLETES_INCIDENT,
	COMPLETES_PLAN,				/* one that waits for approval */
	COMPLETES_MIGRATION,		/* a plan that was applied */
	COMPLETES_TABLE,
	COMPLETES_HOURS
} Completes;

typedef struct Completion
{
	const char *of;				/* a prompt's name, or a template's URI */
	const char *argument;
	Completes	what;
	bool		prompt;			/* else a resource's template */
} Completion;

static const Completion completions[] = {
	{"diagnose_incident", "incident", COMPLETES_INCIDENT, true},
	{"morning_triage", "hours", COMPLETES_HOURS, true},
	{"review_pending_plan", "plan", COMPLETES_PLAN, true},
	{"write_permanent_fix", "incident", COMPLETES_INCIDENT, true},
	{"write_permanent_fix", "table", COMPLETES_TABLE, true},
	{"selfheal://table/{table}", "table", COMPLETES_TABLE, false},
	{"selfheal://table/{table}/history", "table", COMPLETES_TABLE, false},
	{"selfheal://errors/{table}", "table", COMPLETES_TABLE, false},
	{"selfheal://incident/{id}", "id", COMPLETES_INCIDENT, false},
	{"selfheal://migration/{id}", "id", COMPLETES_MIGRATION, false},
};

static const char *const hours[] = {"1", "4", "8", "12", "24", "48", "72", "168", "720"};

/* ---- the values ---- */

static char *
answer(StringInfo values, int n, int64 total)
{
	return psprintf("{\"completion\":{\"values\":[%s],\"total\":" INT64_FORMAT ",\"hasMore\":%s}}",
					values->data, total, total > n ? "true" : "false");
}

/* Column 1 is the value, column 2 how many there are in all. */
static char *
asked(McpReader *reader, const char *sql, const char *value, Oid relid)
{
	StringInfoData values;
	SpiUser		saved;
	SpiArgs		args;
	int64		total = 0;
	uint64		n;

	initStringInfo(&values);
	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_text(&args, value);
	spi_arg_int8(&args, MAX_VALUES);
	spi_arg_int8(&args, relid);
	n = spi_exec(sql, &args);
	for (uint64 i = 0; i < n; i++)
	{
		if (i > 0)
			appendStringInfoChar(&values, ',');
		escape_json(&values, spi_get_text(i, 1, CurrentMemoryContext));
		total = spi_get_int8(i, 2, NULL);
	}
	spi_close(&saved);
	return answer(&values, (int) n, total);
}

static char *
hours_by(const char *value)
{
	StringInfoData values;
	int			n = 0;

	initStringInfo(&values);
	for (int i = 0; i < (int) lengthof(hours); i++)
		if (strncmp(hours[i], value, strlen(value)) == 0)
			appendStringInfo(&values, "%s\"%s\"", n++ > 0 ? "," : "", hours[i]);
	return answer(&values, n, n);
}

/* relid: of this table alone; InvalidOid: of all. */
static char *
values_of(Completes what, const char *value, Oid relid)
{
	McpReader  *reader = mcp_reader();

	switch (what)
	{
		case COMPLETES_INCIDENT:
			return asked(reader, "SELECT i.id::text, count(*) OVER () FROM selfheal.incident i"
						 " WHERE starts_with(i.id::text, $3) AND " MCP_MAY_READ("i.relid") " AND ($5 = 0 OR i.relid = $5::oid)"
						 " ORDER BY i.state IN ('healed', 'dismissed'), i.id DESC LIMIT $4", value, relid);
		case COMPLETES_PLAN:
			return asked(reader, "SELECT p.id::text, count(*) OVER () FROM selfheal.plan p"
						 " WHERE p.state = 'awaiting_approval' AND starts_with(p.id::text, $3) AND " MCP_MAY_READ("p.relid")
						 " AND $5 IS NOT NULL ORDER BY p.id LIMIT $4", value, relid);
		case COMPLETES_MIGRATION:
			return asked(reader, "SELECT p.id::text, count(*) OVER () FROM selfheal.plan p"
						 " WHERE " MIGRATION_IS " AND starts_with(p.id::text, $3) AND " MCP_MAY_READ(MIGRATION_TABLE)
						 " AND $5 IS NOT NULL ORDER BY p.applied_at DESC, p.id DESC LIMIT $4", value, relid);
		case COMPLETES_TABLE:
			return asked(reader, "SELECT w.name, count(*) OVER () FROM (SELECT format('%I.%I', w.schema_name, w.table_name) AS name, w.relid"
						 "  FROM selfheal.watched w) w WHERE starts_with(w.name, $3) AND " MCP_MAY_READ("w.relid")
						 " AND ($5 = 0 OR w.relid = $5::oid) ORDER BY w.name COLLATE \"C\" LIMIT $4", value, relid);
		case COMPLETES_HOURS:
			break;
	}
	return hours_by(value);
}

/* ---- the request ---- */

/* What is said of other arguments: a table bounds its incidents. False: it is
 * none of this role's. */
static McpAnswer *
read_context(const McpRequest *req, const Completion *c, Oid *relid, bool *none)
{
	bool		wrong;
	Jsonb	   *context = mcp_object(req->params, "context", &wrong);
	Jsonb	   *given = context ? mcp_object(context, "arguments", &wrong) : NULL;
	char	   *table;
	char	   *schema;
	char	   *name;

	*relid = InvalidOid;
	*none = false;
	if (wrong)
		return mcp_fault(MCP_INVALID_PARAMS, "params.context%s is not an object", context ? ".arguments" : "");
	if (given == NULL || c->what != COMPLETES_INCIDENT)
		return NULL;
	table = mcp_text(given, "table", &wrong);
	if (wrong)
		return mcp_fault(MCP_INVALID_PARAMS, "params.context.arguments.table is not a string");
	if (table == NULL || table[0] == '\0')
		return NULL;
	if (mcp_table_name(table, &schema, &name))
		*relid = mcp_watched_table(mcp_reader(), schema, name);
	*none = !OidIsValid(*relid);
	return NULL;
}

/* Which of ours is meant; else what is wrong with the reference. */
static McpAnswer *
find(Jsonb *ref, const char *argument, const Completion **found)
{
	bool		wrong;
	char	   *type = mcp_text(ref, "type", &wrong);
	bool		prompt = type != NULL && strcmp(type, "ref/prompt") == 0;
	const char *key = prompt ? "name" : "uri";
	bool		known = false;
	char	   *of;

	if (type == NULL || (!prompt && strcmp(type, "ref/resource") != 0))
		return mcp_fault(MCP_INVALID_PARAMS, "params.ref.type is neither ref/prompt nor ref/resource");
	of = mcp_text(ref, key, &wrong);
	if (of == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.ref.%s %s", key, wrong ? "is not a string" : "is missing");
	*found = NULL;
	for (int i = 0; i < (int) lengthof(completions); i++)
	{
		const Completion *c = &completions[i];

		if (c->prompt != prompt || strcmp(c->of, of) != 0)
			continue;
		known = true;
		if (strcmp(c->argument, argument) == 0)
			*found = c;
	}
	if (!known)
		return mcp_fault(MCP_INVALID_PARAMS, prompt ? "params.ref.name is of no prompt; prompts/list has those that there are" :
						 "params.ref.uri is of no template; resources/templates/list has those that there are");
	if (*found == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.argument.name is no argument of it");
	return NULL;
}

/* See the header. */
McpAnswer *
mcp_complete(const McpRequest *req)
{
	bool		wrong;
	Jsonb	   *ref = mcp_object(req->params, "ref", &wrong);
	Jsonb	   *argument;
	char	   *name;
	char	   *value;
	const Completion *c = NULL;
	McpAnswer  *fault;
	Oid			relid;
	bool		none;

	if (ref == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.ref %s", wrong ? "is not an object" : "is missing");
	argument = mcp_object(req->params, "argument", &wrong);
	if (argument == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.argument %s", wrong ? "is not an object" : "is missing");
	name = mcp_text(argument, "name", &wrong);
	if (name == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.argument.name %s", wrong ? "is not a string" : "is missing");
	value = mcp_text(argument, "value", &wrong);
	if (value == NULL)
		return mcp_fault(MCP_INVALID_PARAMS, "params.argument.value %s", wrong ? "is not a string" : "is missing");
	fault = find(ref, name, &c);
	if (fault != NULL)
		return fault;
	Assert(c != NULL);
	fault = read_context(req, c, &relid, &none);
	if (fault != NULL)
		return fault;
	if (none)
		return mcp_result(pstrdup("{\"completion\":{\"values\":[],\"total\":0,\"hasMore\":false}}"));
	return mcp_result(values_of(c->what, value, relid));
}
