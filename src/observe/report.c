/*
 * report.c
 *	  The door for everyone else's failures.
 *
 * A script, an orchestrator's callback or a plpgsql EXCEPTION block reports a
 * row of its own that failed: by report_failure(), or by an INSERT into
 * selfheal.error where that was granted. Both come together in fill, which
 * puts in what a reporter may not choose (who, when, class) and holds the
 * payload, as a load of one row by the reporter's role.
 *
 * With a payload the class and column are what its own check finds, since an
 * error alone mostly names no column; the SQLSTATE decides when the payload
 * would fit.
 *
 * Rows that pg_restore brings back must pass as they are. They have a class,
 * which a fresh report has not, and come from a superuser or the extension's
 * owner; for anyone else such fields are overwritten.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "read/json.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/append.h"
#include "observe/capture.h"
#include "observe/hint.h"
#include "observe/limits.h"
#include "observe/load.h"
#include "observe/mapping.h"
#include "observe/quarantine.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/memutils.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(selfheal_error_fill);
PG_FUNCTION_INFO_V1(selfheal_report_failure);

/* The check of a payload, as spi_try's argument. */
typedef struct PayloadCheck
{
	Oid			relid;
	const char *bytes;
	size_t		len;
	MemoryContext cxt;
	Shape	   *shape;
	bool		fits;
	Misfit		misfit;			/* the first */
} PayloadCheck;

/* A field as C string, or NULL. */
static char *
get_text(const CaptureRow *row, CaptureColumn column)
{
	return row->nulls[column] ? NULL : TextDatumGetCString(row->values[column]);
}

/* Five characters, digits or capitals; raises 22023. */
static int
parse_sqlstate(const char *sqlstate)
{
	if (strlen(sqlstate) != 5 ||
		strspn(sqlstate, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" is no SQLSTATE", sqlstate),
				 errhint("A SQLSTATE has five characters, each a digit or a capital letter, as 22001.")));
	return MAKE_SQLSTATE(sqlstate[0], sqlstate[1], sqlstate[2], sqlstate[3],
						 sqlstate[4]);
}

/* The table of a report: by relid, or by name where only that was inserted. */
static Oid
reported_table(const CaptureRow *row)
{
	char	   *table = get_text(row, CAPTURE_TABLE_NAME);
	RangeVar   *name;

	if (!row->nulls[CAPTURE_RELID])
		return DatumGetObjectId(row->values[CAPTURE_RELID]);
	if (table == NULL)
		return InvalidOid;
	name = makeRangeVar(get_text(row, CAPTURE_SCHEMA_NAME), table, -1);
	return RangeVarGetRelid(name, NoLock, false);
}

/* Fit one payload against its table; body of a subtransaction. */
static void
check_body(void *arg)
{
	PayloadCheck *check = arg;
	Relation	rel = table_open(check->relid, AccessShareLock);
	FitRow		fit;

	MemoryContextSwitchTo(check->cxt);
	check->shape = fit_shape(rel, check->cxt);
	hint_apply(hint_list(check->relid), check->shape);
	mapping_apply(mapping_list(check->relid), check->shape);
	check->fits = fit_row(check->shape,
						  json_scan(json_scanner(check->cxt), check->bytes, check->len),
						  &fit);
	if (!check->fits)
	{
		check->misfit = fit.misfits[0];
		fit_words(&check->misfit);
	}
	table_close(rel, NoLock);
}

/* Why does the payload not fit? False when it does. The misfit is allocated
 * in the current context. */
static bool
check_payload(Oid relid, text *payload, Misfit *out)
{
	PayloadCheck check = {0};
	ErrorData  *edata;

	check.relid = relid;
	check.bytes = VARDATA_ANY(payload);
	check.len = VARSIZE_ANY_EXHDR(payload);
	check.cxt = AllocSetContextCreate(CurrentMemoryContext, "selfheal report",
									  ALLOCSET_DEFAULT_SIZES);
	edata = spi_try(check_body, &check);
	if (edata && check.shape == NULL)
		ReThrowError(edata);
	if (edata)
		fit_culprit(check.shape, edata, out);
	else if (!check.fits)
		*out = check.misfit;
	return edata != NULL || !check.fits;
}

/* A string member of the reporter's context, or NULL. */
static char *
context_member(const CaptureRow *row, const char *key)
{
	Jsonb	   *context;
	JsonbValue *v;

	if (row->nulls[CAPTURE_CONTEXT])
		return NULL;
	context = DatumGetJsonbP(row->values[CAPTURE_CONTEXT]);
	if (!JB_ROOT_IS_OBJECT(context))
		return NULL;
	v = getKeyJsonValueFromContainer(&context->root, key, strlen(key), NULL);
	if (v == NULL || v->type != jbvString)
		return NULL;
	return pnstrdup(v->val.string.val, v->val.string.len);
}

/* Class, column, need, SQLSTATE and message of a report. */
static void
classify(CaptureRow *row, Oid relid, text *payload)
{
	char	   *sqlstate = get_text(row, CAPTURE_SQLSTATE);
	char	   *message = get_text(row, CAPTURE_MESSAGE);
	Misfit		misfit = {0};
	int			code = sqlstate ? parse_sqlstate(sqlstate) : 0;

	if (sqlstate == NULL && message == NULL && payload == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a report needs a payload, a SQLSTATE or a message"),
				 errhint("Give at least one of them, better all.")));

	if (payload == NULL || !check_payload(relid, payload, &misfit))
	{
		ErrorData	edata = {0};

		edata.sqlerrcode = code;
		edata.message = message;
		edata.column_name = get_text(row, CAPTURE_COLUMN_NAME);
		if (edata.column_name == NULL)
			edata.column_name = context_member(row, "column");
		edata.constraint_name = context_member(row, "constraint");
		fit_from_error(&edata, &misfit);
		if (misfit.column == NULL)
			misfit.column = edata.column_name;
	}
	capture_set_text(row, CAPTURE_CLASS, fit_class_name(misfit.class));
	capture_set_text(row, CAPTURE_COLUMN_NAME, misfit.column);
	capture_set_text(row, CAPTURE_NEED, misfit.need);
	if (sqlstate == NULL && misfit.sqlstate)
		capture_set_text(row, CAPTURE_SQLSTATE, unpack_sql_state(misfit.sqlstate));
	if (message == NULL)
		capture_set_text(row, CAPTURE_MESSAGE, misfit.message);
}

/* Hold the payload, as a load of one row; sets load, position and sample. */
static void
hold_payload(CaptureRow *row, Oid relid, text *payload)
{
	int64		load = load_next_id();
	LoadCounts	counts = {.held = 1};
	StoreRow	held = {0};
	Appender   *a = append_open("quarantine");

	held.bytes = VARDATA_ANY(payload);
	held.len = VARSIZE_ANY_EXHDR(payload);
	limits_hold(relid, held.len);
	load_write(load, relid, LOAD_REPORT, &counts);
	quarantine_append(a, append_take_ids("quarantine_id_seq", 1), relid, &held, load,
					  DatumGetInt64(row->values[CAPTURE_ID]), 1, false);
	append_close(a);

	capture_set(row, CAPTURE_LOAD, Int64GetDatum(load));
	capture_set(row, CAPTURE_POSITION, Int64GetDatum(1));
	capture_set(row, CAPTURE_SAMPLE,
				PointerGetDatum(capture_sample(held.bytes, held.len)));
}

/*
 * Complete a report. What a reporter gave of table, payload, sqlstate,
 * message, detail, hint, context and column is kept; the rest is ours.
 */
static void
fill(CaptureRow *row)
{
	Oid			relid;
	Watch		watch;
	text	   *payload = NULL;

	shmem_require();
	relid = reported_table(row);
	watch_check_table(relid, WATCH_NEED_WRITE);
	watch_check_watched(relid, &watch);
	if (!row->nulls[CAPTURE_PAYLOAD])
		payload = DatumGetTextPP(row->values[CAPTURE_PAYLOAD]);

	capture_set(row, CAPTURE_ID, Int64GetDatum(capture_next_id()));
	capture_set_who(row, relid);
	capture_set_text(row, CAPTURE_DOOR, "report");
	classify(row, relid, payload);
	row->nulls[CAPTURE_LOAD] = row->nulls[CAPTURE_INCIDENT] = true;
	row->nulls[CAPTURE_POSITION] = row->nulls[CAPTURE_SAMPLE] = true;
	row->nulls[CAPTURE_FIRST_BULK] = row->nulls[CAPTURE_LAST_BULK] = true;
	row->nulls[CAPTURE_TRIED] = row->nulls[CAPTURE_NOTED] = true;
	capture_set(row, CAPTURE_ROWS, Int64GetDatum(1));
	if (payload)
		hold_payload(row, relid, payload);
	shmem_wake_at_commit();
}

/*
 * Is this a row that was filled before: of a restore? Only those who could
 * write what they like anyway are believed.
 */
static bool
restored(const CaptureRow *row)
{
	return (!row->nulls[CAPTURE_CLASS] || !row->nulls[CAPTURE_LOAD] ||
			!row->nulls[CAPTURE_INCIDENT]) &&
		(superuser() || GetUserId() == spi_extension_owner());
}

/* BEFORE INSERT trigger of selfheal.error; see the head of this file. */
Datum
selfheal_error_fill(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	TupleDesc	desc;
	CaptureRow	row;
	int			cols[CAPTURE_COLUMNS];

	if (!CALLED_AS_TRIGGER(fcinfo) ||
		!TRIGGER_FIRED_BEFORE(trigdata->tg_event) ||
		!TRIGGER_FIRED_FOR_ROW(trigdata->tg_event) ||
		!TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) ||
		RelationGetRelid(trigdata->tg_relation) != append_relation("error"))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("this function serves the trigger of selfheal.error only"),
				 errhint("Use selfheal.report_failure() to report a failure.")));

	desc = RelationGetDescr(trigdata->tg_relation);
	for (int i = 0; i < CAPTURE_COLUMNS; i++)
	{
		cols[i] = i + 1;
		row.values[i] = heap_getattr(trigdata->tg_trigtuple, i + 1, desc, &row.nulls[i]);
	}
	if (restored(&row))
		return PointerGetDatum(trigdata->tg_trigtuple);
	fill(&row);
	return PointerGetDatum(heap_modify_tuple_by_cols(trigdata->tg_trigtuple, desc,
													 CAPTURE_COLUMNS, cols,
													 row.values, row.nulls));
}

/* selfheal.report_failure(relation, payload, sqlstate, message, context) */
Datum
selfheal_report_failure(PG_FUNCTION_ARGS)
{
	static const CaptureColumn columns[] = {
		CAPTURE_RELID, CAPTURE_PAYLOAD, CAPTURE_SQLSTATE, CAPTURE_MESSAGE,
		CAPTURE_CONTEXT
	};
	CaptureRow	row;

	capture_row_init(&row);
	for (int i = 0; i < (int) lengthof(columns); i++)
		if (!PG_ARGISNULL(i))
			capture_set(&row, columns[i], PG_GETARG_DATUM(i));
	fill(&row);
	capture_append(&row);
	return row.values[CAPTURE_ID];
}
