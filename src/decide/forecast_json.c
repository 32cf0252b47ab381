/*
 * forecast_json.c
 *	  A forecast told as JSON, with what is true of this moment alone: how
 *	  fast the server is, and who holds the table.
 */
#include "postgres.h"

#include <math.h>

#include "base/holders.h"
#include "decide/forecast.h"
#include "decide/forms.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

/* A change of the catalog alone: 0.2 to 1 ms wherever it was measured. */
#define CATALOG_MS 1.0

/*
 * The time that an ALTER took on the clone says more of this table than any
 * other table's, if it is longer than what every ALTER takes, and the rows
 * are enough.
 */
#define ANY_ALTER_MS 2.0
#define CLONE_MS 25.0
#define CLONE_ROWS 500

/* What the time is estimated by. */
typedef struct Clock
{
	const char *source;
	double		factor;			/* on the server's rates */
	TimestampTz measured;
} Clock;

/* Rows of the tables that are rewritten, read or indexed anew. */
static double
rows_at_work(const Forecast *f)
{
	double		rows = 0;
	ListCell   *lc;

	foreach(lc, f->members)
	{
		const ForecastMember *m = lfirst(lc);

		if (m->extent != NULL && (m->rewrite || m->scan || m->indexes != NIL))
			rows += m->extent->rows;
	}
	return rows;
}

/* The same work on a sample of so many of its rows. */
static RatesWork
sample_of(const RatesWork *work, double rows, double of)
{
	double		share = rows / of;
	double		deep = share * log2(Max(rows, 2)) / log2(Max(of, 2));
	RatesWork	sample = *work;

	sample.rewritten_rows *= share;
	sample.rewritten_pages *= share;
	sample.written_pages *= share;
	sample.read_rows *= share;
	sample.read_pages *= share;
	sample.sorted_plain *= deep;
	sample.sorted_computed *= deep;
	return sample;
}

/* Estimate the plan, and say by what. Negative: not known. */
static double
estimate(const Forecast *f, Clock *clock)
{
	double		ms = rates_estimate(&f->work, &clock->measured);
	const Traced *seen = f->seen;

	clock->factor = 1;
	if (ms == 0)
	{
		clock->source = seen ? "clone" : "catalog";
		return seen ? seen->ms : CATALOG_MS;
	}
	clock->source = ms < 0 ? "none" : "server";
	if (ms > 0 && seen != NULL && seen->rows >= CLONE_ROWS && seen->ms - ANY_ALTER_MS >= CLONE_MS)
	{
		RatesWork	sample = sample_of(&f->work, seen->rows, Max(rows_at_work(f), seen->rows));
		TimestampTz measured;

		clock->source = "clone";
		clock->factor = (seen->ms - ANY_ALTER_MS) / rates_estimate(&sample, &measured);
	}
	return ms < 0 ? ms : ms * clock->factor + CATALOG_MS;
}

static double
estimate_step(const ForecastStep *step, const Clock *clock)
{
	TimestampTz measured;
	double		ms = rates_estimate(&step->work, &measured);

	return ms < 0 ? ms : ms * clock->factor + CATALOG_MS;
}

/* "name": [texts] */
static void
append_list(StringInfo buf, const char *name, const List *texts)
{
	ListCell   *lc;

	appendStringInfo(buf, "\"%s\": [", name);
	foreach(lc, texts)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(buf, ", ");
		escape_json(buf, lfirst(lc));
	}
	appendStringInfoString(buf, "], ");
}

static void
append_flag(StringInfo buf, const char *name, bool flag)
{
	appendStringInfo(buf, "\"%s\": %s, ", name, flag ? "true" : "false");
}

/* "name": number, or null where it is negative */
static void
append_number(StringInfo buf, const char *name, double number, int digits)
{
	if (number < 0)
		appendStringInfo(buf, "\"%s\": null, ", name);
	else
		appendStringInfo(buf, "\"%s\": %.*f, ", name, digits, number);
}

/* Take back the last comma and close. */
static void
close_object(StringInfo buf)
{
	buf->len -= 2;
	buf->data[buf->len] = '\0';
	appendStringInfoChar(buf, '}');
}

static void
append_index_bytes(StringInfo buf, const Forecast *f)
{
	bool		first = true;
	ListCell   *lc;
	ListCell   *lc2;

	appendStringInfoString(buf, "\"index_bytes\": {");
	foreach(lc, f->members)
	{
		const ForecastMember *m = lfirst(lc);

		if (m->extent == NULL)
			continue;
		foreach(lc2, m->extent->indexes)
		{
			const ExtentIndex *index = lfirst(lc2);

			if (!m->rewrite && !forecast_has(m->indexes, index->name))
				continue;
			if (!first)
				appendStringInfoString(buf, ", ");
			first = false;
			escape_json(buf, index->name);
			appendStringInfo(buf, ": " INT64_FORMAT, index->bytes);
		}
	}
	appendStringInfoString(buf, "}, ");
}

/* What was seen on the clone, and whether the catalog says the same. */
static void
append_seen(StringInfo buf, const Forecast *f)
{
	if (f->seen == NULL)
	{
		appendStringInfoString(buf, "\"traced\": null, \"agreed\": null, ");
		return;
	}
	appendStringInfoString(buf, "\"traced\": {");
	append_flag(buf, "rewrite", f->seen->rewrite);
	append_flag(buf, "scan", f->seen->scan);
	append_list(buf, "indexes", list_concat_copy(f->seen_indexes, f->seen->made));
	append_number(buf, "ms", f->seen->ms, 2);
	close_object(buf);
	appendStringInfoString(buf, ", ");
	append_flag(buf, "agreed", f->agreed);
}

/* The lock that the step takes on the table: a new label is its type's, and
 * a mapping is nobody's. */
static const char *
lock_of(const ForecastStep *step)
{
	return form_of(step->step->kind)->lock;
}

static void
append_lock(StringInfo buf, const char *lock)
{
	if (lock != NULL)
		appendStringInfo(buf, "\"lock\": \"%s\", ", lock);
	else
		appendStringInfoString(buf, "\"lock\": null, ");
}

static void
append_step(StringInfo buf, const ForecastStep *step, const Clock *clock)
{
	appendStringInfo(buf, "{\"kind\": \"%s\", \"column\": ", plan_step_name(step->step->kind));
	escape_json(buf, step->step->column);
	appendStringInfoString(buf, ", ");
	append_lock(buf, lock_of(step));
	append_flag(buf, "rewrite", step->rewrite);
	append_flag(buf, "scan", step->scan);
	append_list(buf, "indexes", step->indexes);
	append_number(buf, "bytes_read", (double) step->bytes_read, 0);
	append_number(buf, "bytes_written", (double) step->bytes_written, 0);
	append_number(buf, "estimated_ms", estimate_step(step, clock), 1);
	appendStringInfoString(buf, "\"why\": ");
	escape_json(buf, step->why);
	appendStringInfoChar(buf, '}');
}

/* Who holds now what the plan would lock. */
static char *
holders_text(const Forecast *f)
{
	Jsonb	   *holders = holders_now(f->relid, f->also_locks == NIL ?
									  HOLDERS_TREE : HOLDERS_TREE_AND_KEYS,
									  f->rebuilt_relations, NIL);

	return DatumGetCString(DirectFunctionCall1(jsonb_out, JsonbPGetDatum(holders)));
}

/* The documented JSON, in the current context. */
void
forecast_tell(Forecast *f)
{
	StringInfoData buf;
	Clock		clock = {0};
	double		ms = f->steps == NIL ? 0 : estimate(f, &clock);
	List	   *lost = NIL;
	const char *lock = NULL;
	ListCell   *lc;

	foreach(lc, f->steps)
	{
		const ForecastStep *step = lfirst(lc);

		/* the strongest of all is that of an ALTER TABLE */
		if (lock == NULL || plan_step_place(step->step->kind) == STEP_IN_ALTER)
			lock = lock_of(step);

		/* ALTER COLUMN TYPE removes what ANALYZE knew of the column */
		if (plan_changes_type(step->step))
			lost = lappend(lost, step->step->column);
	}

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	append_lock(&buf, lock);
	append_flag(&buf, "rewrite", f->rewrite);
	append_flag(&buf, "scan", f->scan);
	append_list(&buf, "indexes", f->indexes);
	append_index_bytes(&buf, f);
	append_list(&buf, "dependents", f->dependents);
	append_list(&buf, "rebuilt", f->rebuilt);
	appendStringInfoString(&buf, "\"cannot_rebuild\": ");
	if (f->cannot_rebuild)
		escape_json(&buf, f->cannot_rebuild);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoString(&buf, ", ");
	append_list(&buf, "publications", f->publications);
	append_list(&buf, "foreign_keys", f->foreign_keys);
	append_list(&buf, "also_locks", f->also_locks);
	append_number(&buf, "bytes", (double) f->bytes, 0);
	append_number(&buf, "bytes_read", (double) f->bytes_read, 0);
	append_number(&buf, "bytes_written", (double) f->bytes_written, 0);
	append_number(&buf, "estimated_rows", f->estimated_rows, 0);
	append_list(&buf, "statistics_lost", lost);
	append_number(&buf, "estimated_ms", ms, 1);
	appendStringInfo(&buf, "\"rate\": {\"source\": \"%s\", ", clock.source ? clock.source : "none");
	append_number(&buf, "pages_per_s",
				  f->bytes_read > 0 && ms > 0 ? (double) f->bytes_read / BLCKSZ / ms * 1000 : -1, 0);
	append_number(&buf, "age_s", clock.measured == 0 ? -1 :
				  (double) TimestampDifferenceMilliseconds(clock.measured, GetCurrentTimestamp()) / 1000, 0);
	close_object(&buf);
	appendStringInfo(&buf, ", \"conflicting\": %s, ", lock ? holders_text(f) : "[]");
	append_number(&buf, "free_disk", (double) f->disk_free, 0);
	append_number(&buf, "disk_needed", (double) f->disk_needed, 0);
	append_seen(&buf, f);
	appendStringInfoString(&buf, "\"steps\": [");
	foreach(lc, f->steps)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(&buf, ", ");
		append_step(&buf, lfirst(lc), &clock);
	}
	appendStringInfoString(&buf, "]}");
	f->json = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
