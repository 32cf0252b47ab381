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
	int			clip = Min(len, CAPTURE_SAMPLE);
	StringInfoData buf;

	if (pg_verifymbstr(bytes, len > clip ?
					   (clip = pg_mbcliplen(bytes, len, CAPTURE_SAMPLE)) : len,
					   true))
		return cstring_to_text_with_len(bytes, clip);

	initStringInfo(&buf);
	appendStringInfoString(&buf, "\\x");
	for (int i = 0; i < Min(len, CAPTURE_SAMPLE / 2 - 1); i++)
		appendStringInfo(&buf, "%02x", (unsigned char) bytes[i]);
	return cstring_to_text_with_len(buf.data, buf.len);
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

/* A text field that may be missing. */
static void
text_field(Datum *values, bool *nulls, int i, const char *value)
{
	nulls[i] = value == NULL;
	values[i] = value ? CStringGetTextDatum(value) : (Datum) 0;
}

/*
 * See the header. Takes the error's own words where there is one, else the
 * misfit's. The role is the current user: the producer, or the loading role
 * during a replay.
 */
void
capture_write(int64 id, const CapturedError *err)
{
	Appender   *a = append_open("error");
	Datum		values[CAPTURE_COLUMNS] = {0};
	bool		nulls[CAPTURE_COLUMNS];
	const Misfit *misfit = err->misfit;
	const ErrorData *edata = err->edata;
	int			sqlstate = edata ? edata->sqlerrcode : misfit ? misfit->sqlstate : 0;

	memset(nulls, true, sizeof(nulls));
	values[0] = Int64GetDatum(id);
	values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
	nulls[0] = nulls[1] = false;
	if (OidIsValid(err->relid))
	{
		values[2] = ObjectIdGetDatum(err->relid);
		nulls[2] = false;
		text_field(values, nulls, 3, get_namespace_name(get_rel_namespace(err->relid)));
		text_field(values, nulls, 4, get_rel_name(err->relid));
	}
	text_field(values, nulls, 5, err->door);
	values[6] = Int64GetDatum(err->load);
	nulls[6] = err->load == 0;
	if (misfit)
	{
		text_field(values, nulls, 7, fit_class_name(misfit->class));
		text_field(values, nulls, 8, misfit->column);
		text_field(values, nulls, 9, misfit->need);
	}
	values[10] = Int64GetDatum(err->rows);
	nulls[10] = false;
	values[11] = Int64GetDatum(err->position);
	nulls[11] = err->position == 0;
	if (err->sample)
	{
		values[12] = PointerGetDatum(capture_sample(err->sample, err->sample_len));
		nulls[12] = false;
	}
	text_field(values, nulls, 13, sqlstate ? unpack_sql_state(sqlstate) : NULL);
	text_field(values, nulls, 14, edata ? edata->message : misfit ? misfit->message : NULL);
	if (edata)
	{
		text_field(values, nulls, 15, edata->detail);
		text_field(values, nulls, 16, edata->hint);
		values[17] = JsonbPGetDatum(error_fields(edata));
		nulls[17] = false;
	}
	/* 18, the payload, is for reports */
	text_field(values, nulls, 19, GetUserNameFromId(GetUserId(), true));
	if (application_name && application_name[0])
		text_field(values, nulls, 20, application_name);
	/* 21, the incident, is the worker's */
	append_row(a, CAPTURE_COLUMNS, values, nulls);
	append_close(a);
}
