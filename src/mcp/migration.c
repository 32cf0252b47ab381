/*
 * migration.c
 *	  What an applied heal ran, as a file for a team's repository.
 */
#include "postgres.h"

#include "act/dependents.h"
#include "decide/docket.h"
#include "mb/pg_wchar.h"
#include "mcp/answer.h"
#include "mcp/migration.h"
#include "mcp/uri.h"
#include "utils/builtins.h"

/* Characters of schema and of table in the file's name. */
#define NAME_CHARS 40

/* Bytes of one comment. */
#define COMMENT_BYTES 1000

/* Incidents that are named. */
#define INCIDENTS "20"

static char *
get(uint64 row, int col)
{
	return spi_get_text(row, col, CurrentMemoryContext);
}

/* ---- the file's name ---- */

/* A name as part of a file's on every system: small letters, digits, _. */
static void
add_part(StringInfo buf, const char *name)
{
	int			told = 0;

	for (const char *p = name; *p && told < NAME_CHARS; p++)
	{
		char		c = *p >= 'A' && *p <= 'Z' ? *p - 'A' + 'a' : *p;
		bool		plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';

		/* one sign for a character of several bytes */
		if (IS_HIGHBIT_SET(*p) && p > name && IS_HIGHBIT_SET(p[-1]))
			continue;
		appendStringInfoChar(buf, plain ? c : '_');
		told++;
	}
}

/* See the header. */
char *
migration_name(uint64 row)
{
	StringInfoData buf;
	char	   *schema = get(row, 3);
	char	   *table = get(row, 4);

	initStringInfo(&buf);
	appendStringInfo(&buf, "%s_selfheal_%s", get(row, 2), get(row, 1));
	if (schema != NULL)
	{
		appendStringInfoChar(&buf, '_');
		add_part(&buf, schema);
	}
	if (table != NULL)
	{
		appendStringInfoChar(&buf, '_');
		add_part(&buf, table);
	}
	appendStringInfoString(&buf, ".sql");
	return buf.data;
}

/* ---- its comments ---- */

/* Up to the end of a line; what could end a line for anybody is a blank. */
static void
add_line(StringInfo buf, const char *text, int len)
{
	int			told = len > COMMENT_BYTES ? pg_mbcliplen(text, len, COMMENT_BYTES) : len;

	for (int i = 0; i < told; i++)
		appendStringInfoChar(buf, (unsigned char) text[i] < 0x20 || text[i] == 0x7f ? ' ' : text[i]);
	if (told < len)
		appendStringInfoString(buf, " ...");
	appendStringInfoChar(buf, '\n');
}

/* A line "-- Label: text"; none where there is no text. */
static void
comment(StringInfo buf, const char *label, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	appendStringInfo(buf, "-- %s: ", label);
	add_line(buf, text, (int) strlen(text));
}

/* A text of several lines, each behind a sign that no tool takes for an
 * order of its own ("-- +goose Down", "--rollback"). */
static void
comment_lines(StringInfo buf, const char *text)
{
	while (*text)
	{
		size_t		len = strcspn(text, "\r\n");

		appendStringInfoString(buf, "-- | ");
		add_line(buf, text, (int) len);
		text += len;
		while (*text == '\r' || *text == '\n')
			text++;
	}
}

/* Who let it run. */
static char *
decision(uint64 row)
{
	char	   *by = get(row, 8);
	char	   *at = get(row, 9);
	char	   *rule = get(row, 7);

	if (by != NULL)
		return psprintf("approved by %s%s%s (rule %s)", by, at ? " at " : "", at ? at : "", rule ? rule : "none");
	return psprintf("by policy, rule %s", rule ? rule : "none");
}

/* What broke, one line an incident. */
static void
add_incidents(StringInfo buf, McpReader *reader, int64 plan)
{
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_int8(&args, plan);
	n = spi_exec("SELECT i.id::text, coalesce(i.relid::oid, 0), i.class, i.column_name, i.rows || CASE WHEN i.rows = 1 THEN ' row' ELSE ' rows' END, " SPI_UTC("i.first_seen") ","
				 " (SELECT e.sqlstate FROM selfheal.error e WHERE e.incident = i.id AND e.sqlstate IS NOT NULL ORDER BY e.id DESC LIMIT 1),"
				 " (SELECT e.message FROM selfheal.error e WHERE e.incident = i.id AND e.message IS NOT NULL ORDER BY e.id DESC LIMIT 1)"
				 " FROM selfheal.plan p JOIN selfheal.incident i ON i.id = ANY (p.incidents) WHERE p.id = $1"
				 " ORDER BY i.id LIMIT " INCIDENTS, &args);
	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid = spi_get_oid(i, 2, NULL);
		char	   *column = mcp_told_name(reader, relid, get(i, 4));
		char	   *state = get(i, 7);
		char	   *message = telling_message(mcp_telling(reader, relid), get(i, 8));

		comment(buf, "Broke", psprintf("incident %s, %s%s%s, %s since %s%s%s%s%s",
									   get(i, 1), get(i, 3), column ? " of " : "", column ? column : "",
									   get(i, 5), get(i, 6), state ? ", SQLSTATE " : "", state ? state : "",
									   message ? ": " : "", message ? message : ""));
	}
}

/* ---- what was made again around it ---- */

/* The record has their names and digests; their definitions are read from the
 * catalog of now, where they stand again. */
#define MADE_AGAIN "\n-- made again: "

typedef struct Around
{
	int64		plan;
	const char *sql;			/* with the record behind it */
	StringInfoData take;		/* statements before it, and what to say */
	StringInfoData make;		/* and behind it */
} Around;

/* The name and the last digest of a line of the record. */
static char *
recorded_name(const char *line, char **digest)
{
	char	   *text = pnstrdup(line, strcspn(line, "\n"));
	char	   *at = NULL;
	char	   *next = text;

	/* a name may have anything in it: the last of these words is ours */
	while ((next = strstr(next, ", sha256 ")) != NULL)
		at = next++;
	if (at == NULL)
		return NULL;
	*at = '\0';
	next = strstr(at + 1, " -> ");
	*digest = pnstrdup(next ? next + 4 : at + 9, 64);
	return text;
}

/* Body of a subtransaction: a plan of a table that was changed since may not
 * be readable any more. */
static void
read_around(void *arg)
{
	Around	   *around = arg;
	PlanRow    *row = docket_get(around->plan, false);
	Rebuild    *rebuild = row->plan ? rebuild_find(row->plan) : NULL;
	List	   *names = NIL;

	for (const char *p = around->sql; (p = strstr(p, MADE_AGAIN)) != NULL; p++)
	{
		char	   *digest = NULL;
		char	   *name = recorded_name(p + strlen(MADE_AGAIN), &digest);
		const RebuildItem *found = NULL;
		ListCell   *lc;

		if (name == NULL)
			continue;
		foreach(lc, rebuild ? rebuild->items : NIL)
			if (strcmp(dependents_name(lfirst(lc)), name) == 0)
			found = lfirst(lc);
		if (found == NULL)
			comment(&around->take, "Made again then, and not there any more: take it away before and make it again behind", name);
		else
		{
			names = lappend(names, name);
			if (strcmp(found->digest, digest) != 0)
				comment(&around->take, "Changed since, and given as it is now", name);
		}
	}
	if (names != NIL)
		dependents_text(rebuild, names, &around->take, &around->make);
}

/* ---- its statements ---- */

/* As they ran. Keys that were sent for a sequence are data, and no part of it. */
static char *
statements(int64 plan, const char *planned)
{
	StringInfoData buf;
	SpiArgs		args;
	SpiRows		rows;
	Around		around = {.plan = plan};
	char	   *before = NULL;

	initStringInfo(&buf);
	spi_args(&args);
	spi_arg_int8(&args, plan);
	spi_exec("SELECT a.sql_run, (a.result = 'labels added')::text FROM selfheal.audit a"
			 " WHERE a.plan = $1 AND a.event = 'applied' AND a.sql_run IS NOT NULL"
			 " AND (a.result IS NULL OR a.result IN ('applied', 'labels added')) ORDER BY a.id", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < Max(rows.n, 1); i++)
	{
		char	   *sql = pstrdup(planned); /* the record was not carried
											 * along */
		char	   *labels = NULL;

		spi_use(&rows);
		if (rows.n > 0)
		{
			sql = get(i, 1);
			labels = get(i, 2);
		}

		/*
		 * labels that were added once more, after a plan that failed behind
		 * them
		 */
		if (before != NULL && strcmp(before, sql) == 0)
			continue;
		before = sql;
		if (labels != NULL && strcmp(labels, "true") == 0)
			appendStringInfoString(&buf, "-- In a transaction of its own: a new label can be used after its commit alone.\n");
		initStringInfo(&around.take);
		initStringInfo(&around.make);
		around.sql = sql;
		if (strstr(sql, MADE_AGAIN) != NULL && spi_try(read_around, &around) != NULL)
		{
			resetStringInfo(&around.make);
			resetStringInfo(&around.take);
			appendStringInfoString(&around.take, "-- What was made again, as told below, could not be read: take it away before and make it again behind.\n");
		}
		/* its last line may be a comment */
		appendStringInfo(&buf, "%s%s%s;\n%s", around.take.data, sql, strchr(sql, '\n') != NULL ? "\n" : "", around.make.data);
	}
	return buf.data;
}

/* See the header. */
char *
migration_text(McpReader *reader, int64 plan)
{
	StringInfoData buf;
	StringInfoData undo;
	char	   *inverse;
	char	   *sql;
	char	   *proposer;
	Telling    *t;
	SpiUser		saved;
	SpiArgs		args;

	initStringInfo(&buf);
	initStringInfo(&undo);
	spi_open(&saved);
	mcp_reader_args(reader, &args);
	spi_arg_int8(&args, plan);
	if (spi_exec("SELECT " MIGRATION_NAME_COLUMNS ", " SPI_UTC("p.applied_at") ", p.hash, p.policy, p.decided_by, " SPI_UTC("p.decided_at") ","
				 " p.proposed_by, p.inverse, p.explanation, p.why, p.sql, coalesce(" MIGRATION_TABLE ", 0), format('%I.%I', p.schema_name, p.table_name)"
				 " FROM selfheal.plan p WHERE p.id = $3 AND " MIGRATION_IS
				 " AND " MCP_MAY_READ(MIGRATION_TABLE), &args) == 0)
	{
		spi_close(&saved);
		return NULL;
	}
	t = mcp_telling(reader, spi_get_oid(0, 15, NULL));
	inverse = get(0, 11);
	sql = get(0, 14);
	proposer = get(0, 10);
	appendStringInfo(&buf, "-- A heal by selfheal, plan " INT64_FORMAT "; this has run already where it was made.\n", plan);
	comment(&buf, "File", migration_name(0));
	comment(&buf, "Table", get(0, 16));
	comment(&buf, "Applied", get(0, 5));
	comment(&buf, "Decided", decision(0));
	comment(&buf, "Proposed by", proposer);
	comment(&buf, "Plan hash", get(0, 6));
	comment(&buf, "Why", telling_message(t, get(0, 12)));
	if (get(0, 13) != NULL && (get(0, 12) == NULL || strcmp(get(0, 12), get(0, 13)) != 0))
		comment(&buf, "Proposer's words", telling_message(t, get(0, 13)));
	add_incidents(&buf, reader, plan);
	if (inverse != NULL)
	{
		appendStringInfoString(&undo, "-- What would undo it; read it first:\n");
		comment_lines(&undo, inverse);
	}
	sql = statements(plan, sql);
	if (buf.len + undo.len + strlen(sql) <= MCP_ANSWER_BYTES)
		appendStringInfoString(&buf, undo.data);
	if (buf.len + strlen(sql) <= MCP_ANSWER_BYTES)
		appendStringInfo(&buf, "\n%s", sql);
	else
		appendStringInfo(&buf, "-- Cut: its statements are longer than %d bytes and are not given here:\n"
						 "-- SELECT sql_run FROM selfheal.history WHERE plan = " INT64_FORMAT " AND event = 'applied' ORDER BY id;\n",
						 MCP_ANSWER_BYTES, plan);
	spi_close(&saved);
	return buf.data;
}
