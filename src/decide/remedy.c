/*
 * remedy.c
 *	  What a playbook has to say of one finding: a step, or why there is none.
 */
#include "postgres.h"

#include "decide/remedy.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

void
remedy_option(Remedy *r, bool taken, const char *what, const char *why)
{
	RemedyOption *o = palloc(sizeof(RemedyOption));

	o->option = r->finding->column == NULL ? pstrdup(what) :
		psprintf("%s: %s", r->finding->column, what);
	o->taken = taken;
	o->why = pstrdup(why);
	r->options = lappend(r->options, o);
}

bool
remedy_is_stated(const Finding *f)
{
	return f->rows == 0 && f->refused != NIL && ((const Refused *) llast(f->refused))->foreseen;
}

bool
remedy_adds_column(const Remedy *r)
{
	ListCell   *lc;

	if (r->step != NULL && r->step->kind == STEP_ADD_COLUMN)
		return true;
	foreach(lc, r->also)
	{
		if (((const PlanStep *) lfirst(lc))->kind == STEP_ADD_COLUMN)
			return true;
	}
	return false;
}

char *
remedy_rows_bring(const Finding *f)
{
	return f->rows == 1 ? pstrdup("1 row brings") :
		psprintf(INT64_FORMAT " rows bring", f->rows);
}

/* What a person is to say, and the rows to look at. */
static void
append_question(StringInfo buf, const Remedy *r)
{
	const Samples *samples = r->finding->samples;

	if (buf->len > 1)
		appendStringInfoString(buf, ", ");
	appendStringInfoString(buf, "{\"option\": ");
	escape_json(buf, psprintf("%s: %s", r->finding->column, r->question));
	appendStringInfoString(buf, ", \"taken\": false, \"why\": \"it is never guessed\", \"rows\": [");
	for (int i = 0; samples != NULL && i < Min(samples->n, SAMPLES_ROWS); i++)
		appendStringInfo(buf, "%s" INT64_FORMAT, i > 0 ? ", " : "", samples->rows[i]);
	appendStringInfoString(buf, "]}");
}

/* See the header. In the current context. */
Jsonb *
remedy_options(const List *remedies)
{
	StringInfoData buf;
	ListCell   *lc;
	ListCell   *lc2;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	foreach(lc, remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->question != NULL)
			append_question(&buf, r);
		foreach(lc2, r->options)
		{
			const RemedyOption *o = lfirst(lc2);

			if (buf.len > 1)
				appendStringInfoString(&buf, ", ");
			appendStringInfoString(&buf, "{\"option\": ");
			escape_json(&buf, o->option);
			appendStringInfo(&buf, ", \"taken\": %s, \"why\": ",
							 o->taken ? "true" : "false");
			escape_json(&buf, o->why);
			appendStringInfoChar(&buf, '}');
		}
	}
	appendStringInfoChar(&buf, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
											  CStringGetDatum(buf.data)));
}
