/*
 * stated.c
 *	  What a plain statement that failed leaves.
 */
#include "postgres.h"

#include "base/spi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/capture.h"
#include "observe/load.h"
#include "observe/quarantine.h"
#include "observe/stated.h"
#include "observe/witness.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* Characters of a statement that are kept; values stand in it. */
#define STATEMENT_BYTES 1000

/* Rows that one step of retention removes. */
#define STEP_ROWS "5000"

/* ---- what is like it ---- */

/* Arguments $1 to $4: table, class, column, role. */
static void
key_args(SpiArgs *args, const Stated *s, const char *role)
{
	spi_args(args);
	spi_arg_relid(args, s->relid);
	spi_arg_text(args, fit_class_name(s->misfit->class));
	spi_arg_text(args, s->misfit->column);
	spi_arg_text(args, role);
}

/* The row of the hour that notes this, or 0. */
static int64
find_noted(const Stated *s, const char *role)
{
	SpiUser		saved;
	SpiArgs		args;
	int64		id = 0;

	spi_open(&saved);
	key_args(&args, s, role);
	spi_arg_text(&args, s->constraint);
	if (spi_exec("SELECT e.id FROM selfheal.error e WHERE e.noted AND e.relid = $1 AND e.class = $2"
				 " AND e.column_name IS NOT DISTINCT FROM $3 AND e.role = $4"
				 " AND e.context ->> 'constraint' IS NOT DISTINCT FROM $5"
				 " AND e.at > clock_timestamp() - interval '1 hour' LIMIT 1", &args) > 0)
		id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return id;
}

/*
 * The row that this is counted in: one that says the same of the same payload,
 * by the same role, or, when there are many, the newest. 0: it gets its own.
 */
static int64
find_live(const Stated *s, const char *role)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		none;
	int64		id;

	spi_open(&saved);
	key_args(&args, s, role);
	spi_arg_text(&args, s->misfit->need);
	spi_arg_text(&args, s->payload ?
				 text_to_cstring(capture_sample(s->payload, (int) strlen(s->payload))) : NULL);
	spi_arg_int8(&args, WITNESSES_MAX);
	spi_exec("WITH live AS (SELECT e.id, e.need, e.sample, e.role FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
			 "  WHERE i.relid = $1 AND i.class = $2 AND coalesce(i.column_name, '') = coalesce($3, '')"
			 "  AND i.state NOT IN ('healed', 'dismissed') AND e.door = 'statement' AND e.noted IS NOT TRUE"
			 "  UNION ALL SELECT e.id, e.need, e.sample, e.role FROM selfheal.error e"
			 "  WHERE e.incident IS NULL AND e.noted IS NOT TRUE AND e.door = 'statement' AND e.relid = $1 AND e.class = $2"
			 "  AND e.column_name IS NOT DISTINCT FROM $3)"
			 " SELECT coalesce(max(id) FILTER (WHERE need IS NOT DISTINCT FROM $5 AND sample IS NOT DISTINCT FROM $6 AND role = $4),"
			 "  CASE WHEN count(*) >= $7 THEN max(id) END) FROM live", &args);
	id = spi_get_int8(0, 1, &none);
	spi_close(&saved);
	return none ? 0 : id;
}

/* See the header. */
void
stated_count(int64 error, int64 rows, TimestampTz at)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, error);
	spi_arg_int8(&args, rows);
	spi_arg_timestamptz(&args, at);
	spi_exec("WITH counted AS (UPDATE selfheal.error SET rows = rows + $2 WHERE id = $1 RETURNING incident)"
			 " UPDATE selfheal.incident i SET rows = i.rows + $2, last_seen = greatest(i.last_seen, $3)"
			 " FROM counted c WHERE i.id = c.incident", &args);
	spi_close(&saved);
}

/* ---- writing ---- */

static void
member(StringInfo buf, const char *key, const char *value, int max)
{
	int			clip;

	if (value == NULL)
		return;
	clip = max > 0 ? pg_mbcliplen(value, (int) strlen(value), max) : (int) strlen(value);
	appendStringInfo(buf, "%s\"%s\": ", buf->len > 1 ? ", " : "", key);
	escape_json(buf, psprintf("%.*s%s", clip, value, value[clip] ? "..." : ""));
}

/* The further fields; see the comment of selfheal.error.context. */
static Jsonb *
context_json(const Stated *s)
{
	const Failure *f = s->failure;
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	member(&buf, "pg_context", f->context, STATEMENT_BYTES);
	member(&buf, "schema", f->schema_name, 0);
	member(&buf, "table", f->table_name, 0);
	member(&buf, "column", f->column_name, 0);
	member(&buf, "datatype", f->datatype_name, 0);
	member(&buf, "constraint", s->constraint ? s->constraint : f->constraint_name, 0);
	member(&buf, "statement", f->statement, STATEMENT_BYTES);
	member(&buf, "inner", f->inner, STATEMENT_BYTES);
	member(&buf, "opaque", s->opaque, 0);
	if (f->position > 0)
		appendStringInfo(&buf, ", \"cursor\": %d", f->position);
	if (s->candidates)
		appendStringInfo(&buf, "%s\"candidates\": %s", buf.len > 1 ? ", " : "", s->candidates);
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}

/*
 * The row itself, under a load of its own. selfheal.quarantine_max does not
 * count: there are few of them, and none is larger than what is copied of a
 * failure.
 */
static int64
hold(const Stated *s, int64 error, const char *role)
{
	const Failure *f = s->failure;
	LoadSettings settings = {
		.role = unconstify(char *, role),.timezone = f->timezone,.datestyle = f->datestyle,
		.intervalstyle = f->intervalstyle,.search_path = f->search_path,
		.client_encoding = f->client_encoding,.bytea_output = f->bytea_output,.xmloption = f->xmloption
	};
	int64		load = load_next_id();
	StoreRow	row = {.bytes = s->payload,.len = strlen(s->payload),.witness = s->witness};
	Appender   *a;

	load_write_statement(load, s->relid, &settings, f->application, f->at);
	a = append_open("quarantine");
	quarantine_append(a, append_take_ids("quarantine_id_seq", 1), s->relid, &row, load, error, 1, false);
	append_close(a);
	return load;
}

/* See the header. A role that is gone by now has nobody who could retry. */
int64
stated_write(const Stated *s)
{
	const Failure *f = s->failure;
	const char *role = GetUserNameFromId(f->role, true);
	CapturedError error = {0};
	ErrorData	edata = {0};
	int64		id;

	if (role == NULL)
		role = "";
	id = s->noted ? find_noted(s, role) : find_live(s, role);
	if (id != 0)
	{
		stated_count(id, 1, f->at);
		return id;
	}
	id = capture_next_id();
	edata.sqlerrcode = f->sqlstate;
	edata.message = f->message;
	edata.detail = f->detail;
	edata.hint = f->hint;
	error.relid = s->relid;
	error.door = "statement";
	error.misfit = s->misfit;
	error.edata = &edata;
	error.rows = 1;
	error.role = role;
	error.application = f->application;
	error.at = f->at;
	error.context = context_json(s);
	error.noted = s->noted;
	if (s->payload)
	{
		error.sample = s->payload;
		error.sample_len = (int) strlen(s->payload);
	}
	if (s->payload && !s->noted && role[0] != '\0' && f->timezone && f->datestyle &&
		f->intervalstyle && f->search_path)
	{
		error.load = hold(s, id, role);
		error.position = 1;
	}
	capture_write(id, &error);
	return id;
}

/* ---- retention ---- */

/* See the header. A witness whose incident a person has dismissed, or that is
 * as old, tells nobody anything any more. */
bool
stated_remove(TimestampTz before)
{
	SpiArgs		args;
	uint64		noted;

	spi_args(&args);
	spi_arg_timestamptz(&args, before);
	noted = spi_exec("DELETE FROM selfheal.error WHERE ctid = ANY (ARRAY("
					 "SELECT ctid FROM selfheal.error WHERE noted AND at < $1 LIMIT " STEP_ROWS "))", &args);
	spi_exec("DELETE FROM selfheal.quarantine q USING selfheal.error e LEFT JOIN selfheal.incident i ON i.id = e.incident"
			 " WHERE q.witness IS NOT NULL AND e.id = q.error AND (e.at < $1 OR i.state = 'dismissed')", &args);
	return noted >= 5000;
}
