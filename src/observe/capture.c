/*
 * capture.c
 *	  selfheal.error: the capture table.
 *
 * Our own rows are appended without SQL (append.h) and thereby pass by the
 * trigger that fills in what others report (report.c).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/append.h"
#include "observe/capture.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"

/* See the header. */
int64
capture_next_id(void)
{
	return append_next_id("error_id_seq");
}

/*
 * A payload as sample: its first bytes, never half a character. Bytes that
 * are no text in the server's encoding are shown in bytea's hex form.
 */
text *
capture_sample(const char *bytes, int len)
{
	int			clip = len;
	StringInfoData hex;

	if (len > CAPTURE_SAMPLE_BYTES)
		clip = pg_mbcliplen(bytes, len, CAPTURE_SAMPLE_BYTES);
	if (pg_verifymbstr(bytes, clip, true))
		return cstring_to_text_with_len(bytes, clip);

	initStringInfo(&hex);
	appendStringInfoString(&hex, "\\x");
	for (int i = 0; i < len && hex.len + 2 <= CAPTURE_SAMPLE_BYTES; i++)
		appendStringInfo(&hex, "%02x", (unsigned char) bytes[i]);
	return cstring_to_text_with_len(hex.data, hex.len);
}

/* One text member of the context object, when there is something to say. */
static void
member(JsonbParseState **state, const char *key, const char *value)
{
	JsonbValue	v;

	if (value == NULL)
		return;
	v.type = jbvString;
	v.val.string.val = unconstify(char *, key);
	v.val.string.len = strlen(key);
	pushJsonbValue(state, WJB_KEY, &v);
	v.val.string.val = unconstify(char *, value);
	v.val.string.len = strlen(value);
	pushJsonbValue(state, WJB_VALUE, &v);
}

/* The error's further fields as one jsonb object. */
static Jsonb *
error_fields(const ErrorData *edata)
{
	JsonbParseState *state = NULL;

	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	member(&state, "pg_context", edata->context);
	member(&state, "schema", edata->schema_name);
	member(&state, "table", edata->table_name);
	member(&state, "column", edata->column_name);
	member(&state, "datatype", edata->datatype_name);
	member(&state, "constraint", edata->constraint_name);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

void
capture_row_init(CaptureRow *row)
{
	memset(row->values, 0, sizeof(row->values));
	memset(row->nulls, true, sizeof(row->nulls));
}

void
capture_set(CaptureRow *row, CaptureColumn column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
}

void
capture_set_text(CaptureRow *row, CaptureColumn column, const char *value)
{
	row->nulls[column] = value == NULL;
	row->values[column] = value ? CStringGetTextDatum(value) : (Datum) 0;
}

/* See the header. The role is the current user: the producer or reporter, or
 * the loading role during a replay. */
void
capture_set_who(CaptureRow *row, Oid relid)
{
	capture_set(row, CAPTURE_AT, TimestampTzGetDatum(GetCurrentTimestamp()));
	if (OidIsValid(relid))
	{
		capture_set(row, CAPTURE_RELID, ObjectIdGetDatum(relid));
		capture_set_text(row, CAPTURE_SCHEMA_NAME,
						 get_namespace_name(get_rel_namespace(relid)));
		capture_set_text(row, CAPTURE_TABLE_NAME, get_rel_name(relid));
	}
	capture_set_text(row, CAPTURE_ROLE, GetUserNameFromId(GetUserId(), true));
	capture_set_text(row, CAPTURE_APPLICATION,
					 application_name && application_name[0] ? application_name : NULL);
}

void
capture_append(const CaptureRow *row)
{
	Appender   *a = append_open("error");

	append_row(a, CAPTURE_COLUMNS, unconstify(Datum *, &row->values[0]),
			   unconstify(bool *, &row->nulls[0]));
	append_close(a);
}

/*
 * See the header. Takes the error's own words where there is one, else the
 * misfit's. The payload column is for reports, the incident is the worker's.
 */
void
capture_write(int64 id, const CapturedError *err)
{
	CaptureRow	row;
	const Misfit *misfit = err->misfit;
	const ErrorData *edata = err->edata;
	int			sqlstate = edata ? edata->sqlerrcode : misfit ? misfit->sqlstate : 0;

	capture_row_init(&row);
	capture_set(&row, CAPTURE_ID, Int64GetDatum(id));
	capture_set_who(&row, err->relid);
	capture_set_text(&row, CAPTURE_DOOR, err->door);
	if (err->load)
		capture_set(&row, CAPTURE_LOAD, Int64GetDatum(err->load));
	if (misfit)
	{
		capture_set_text(&row, CAPTURE_CLASS, fit_class_name(misfit->class));
		capture_set_text(&row, CAPTURE_COLUMN_NAME, misfit->column);
		capture_set_text(&row, CAPTURE_NEED, misfit->need);
		capture_set_text(&row, CAPTURE_MESSAGE, misfit->message);
	}
	capture_set(&row, CAPTURE_ROWS, Int64GetDatum(err->rows));
	if (err->position)
		capture_set(&row, CAPTURE_POSITION, Int64GetDatum(err->position));
	if (err->sample)
		capture_set(&row, CAPTURE_SAMPLE,
					PointerGetDatum(capture_sample(err->sample, err->sample_len)));
	capture_set_text(&row, CAPTURE_SQLSTATE,
					 sqlstate ? unpack_sql_state(sqlstate) : NULL);
	if (edata)
	{
		capture_set_text(&row, CAPTURE_MESSAGE, edata->message);
		capture_set_text(&row, CAPTURE_DETAIL, edata->detail);
		capture_set_text(&row, CAPTURE_HINT, edata->hint);
		capture_set(&row, CAPTURE_CONTEXT, JsonbPGetDatum(error_fields(edata)));
	}
	if (err->role)
	{
		capture_set_text(&row, CAPTURE_ROLE, err->role);
		capture_set_text(&row, CAPTURE_APPLICATION, err->application);
	}
	if (err->at)
		capture_set(&row, CAPTURE_AT, TimestampTzGetDatum(err->at));
	if (err->context)
		capture_set(&row, CAPTURE_CONTEXT, JsonbPGetDatum(err->context));
	if (err->noted)
		capture_set(&row, CAPTURE_NOTED, BoolGetDatum(true));
	if (err->last_bulk)
	{
		capture_set(&row, CAPTURE_FIRST_BULK, Int64GetDatum(err->first_bulk));
		capture_set(&row, CAPTURE_LAST_BULK, Int64GetDatum(err->last_bulk));
	}
	capture_append(&row);
}
