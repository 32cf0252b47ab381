/*
 * rehearse.c
 *	  What would a learnt playbook have done to the payloads of past incidents?
 *
 * The tables of past incidents are healed: a change of the table cannot be
 * made once more, and rows that were stored as they were sent have no bytes of
 * their own any more. What can be told is told, and the rest is said to be
 * unknown.
 */
#include "postgres.h"

#include "act/sandbox.h"
#include "base/spi.h"
#include "decide/learnt.h"
#include "decide/mapsteps.h"
#include "decide/vet.h"
#include "miscadmin.h"
#include "orient/mapproof.h"
#include "serve/rehearse.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* Plans and incidents that are looked at; rows of one plan, and bytes of one
 * row, at most. */
#define MAX_LESSONS 100
#define MAX_LIVE 20
#define MAX_ROWS 1000
#define ROW_BYTES 16384

typedef struct Rehearsal
{
	int64		id;
	int64		kept_rows;
	int64		kept_fit;
	int64		held_rows;
	int64		held_fit;
	StringInfoData missing;
	char	   *failed;
} Rehearsal;

/* Something could not be rehearsed. */
static void
note_missing(Rehearsal *r, const Lesson *lesson, const char *why)
{
	appendStringInfo(&r->missing, "%s{\"%s\": " INT64_FORMAT ", \"why\": ",
					 r->missing.len > 0 ? ", " : "", lesson->plan != 0 ? "plan" : "incident",
					 lesson->plan != 0 ? lesson->plan : lesson->incident);
	escape_json(&r->missing, why);
	appendStringInfoChar(&r->missing, '}');
}

/*
 * What is kept of the rows that came by a plan's mappings, and how many there
 * are: those that are too large, or beyond the limit, are left out.
 * A line feed stands behind each, as behind a held row's bytes.
 */
static HeldRow *
kept_rows(int64 plan, int *n, int64 *all)
{
	MemoryContext cxt = CurrentMemoryContext;
	HeldRow    *rows;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, plan);
	spi_arg_int8(&args, ROW_BYTES);
	spi_arg_int8(&args, MAX_ROWS);
	spi_exec("SELECT coalesce(sum(k.rows), 0)::bigint FROM selfheal.kept k"
			 " WHERE k.at >= (SELECT min(m.added_at) FROM selfheal.mapping m WHERE m.plan = $1)"
			 " AND k.mappings && ARRAY(SELECT m.id FROM selfheal.mapping m WHERE m.plan = $1)", &args);
	*all = spi_get_int8(0, 1, NULL);
	*n = (int) spi_exec("SELECT p.number, k.load, k.raw, p.payload"
						" FROM selfheal.kept k, LATERAL selfheal.kept_rows(k.first_number, k.payloads) p"
						" WHERE k.at >= (SELECT min(m.added_at) FROM selfheal.mapping m WHERE m.plan = $1)"
						" AND k.mappings && ARRAY(SELECT m.id FROM selfheal.mapping m WHERE m.plan = $1)"
						" AND octet_length(p.payload) <= $2 LIMIT $3", &args);
	rows = MemoryContextAllocZero(cxt, sizeof(HeldRow) * Max(*n, 1));
	for (int i = 0; i < *n; i++)
	{
		bool		isnull;
		bytea	   *bytes = DatumGetByteaPP(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 4, &isnull));
		size_t		len = VARSIZE_ANY_EXHDR(bytes);
		char	   *copy = MemoryContextAlloc(cxt, len + 1);

		memcpy(copy, VARDATA_ANY(bytes), len);
		copy[len] = '\n';
		rows[i].id = spi_get_int8(i, 1, NULL);
		rows[i].load = spi_get_int8(i, 2, NULL);
		rows[i].row.bad_encoding = spi_get_bool(i, 3, NULL);
		rows[i].row.bytes = copy;
		rows[i].row.len = len;
	}
	spi_close(&saved);
	return rows;
}

/* The first of the steps that is a mapping, or NULL. */
static PlanStep *
first_mapping(const HealPlan *plan)
{
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		if (mapsteps_is(lfirst(lc)))
			return lfirst(lc);
	}
	return NULL;
}

/* One past plan: its rows as they were sent, read by the template. */
static void
rehearse_plan(Rehearsal *r, const Lesson *lesson)
{
	HealPlan   *plan = OidIsValid(lesson->relid) ? learnt_plan(r->id, lesson->relid, lesson->column) : NULL;
	PlanStep   *step = plan != NULL ? first_mapping(plan) : NULL;
	ListCell   *lc;
	HeldRow    *rows;
	List	   *others;
	Mapping    *m;
	MapProof   *proof;
	int64		all;
	int			n;

	if (step == NULL)
	{
		note_missing(r, lesson, plan == NULL ? "its table is gone" :
					 "it changed the table, which cannot be done once more, and its rows were stored as they were sent");
		return;
	}
	foreach(lc, plan->steps)
	{
		char	   *removed = mapsteps_is(lfirst(lc)) ? mapsteps_removed(lesson->relid, lfirst(lc)) : NULL;

		if (removed != NULL && r->failed == NULL)
			r->failed = removed;
	}
	rows = kept_rows(lesson->plan, &n, &all);
	if (n < all)
		note_missing(r, lesson, psprintf(INT64_FORMAT " of its " INT64_FORMAT " rows: too many, or too large", all - n, all));
	if (n == 0)
	{
		if (all == 0)
			note_missing(r, lesson, "no bytes of its rows are kept");
		return;
	}
	m = mapsteps_mapping(lesson->relid, step);
	others = mapsteps_mappings(lesson->relid, list_delete_ptr(list_copy(plan->steps), step));
	proof = mapproof_rows(lesson->relid, mapping_with(mapping_list(lesson->relid), others), m, rows, n);
	r->kept_rows += proof->about;
	r->kept_fit += proof->fits;
	if (proof->fits < proof->about && r->failed == NULL)
		r->failed = psprintf(INT64_FORMAT " of " INT64_FORMAT " rows of plan " INT64_FORMAT " do not fit by it",
							 proof->about - proof->fits, proof->about, lesson->plan);
}

/* A live incident that it is for: a dry run. */
static void
rehearse_live(Rehearsal *r, const Lesson *lesson)
{
	Incident   *inc = incident_get(lesson->incident);
	HealPlan   *plan;
	Vetting		vetting = {NULL, NULL};
	DryRun	   *trial;

	if (learnt_for(inc, r->id) == NIL)
		return;
	plan = learnt_plan(r->id, inc->relid, inc->column);
	if (plan != NULL)
		vetting = vet_plan(plan);
	if (vetting.plan == NULL || vetted_plan(vetting.plan)->steps == NIL)
	{
		note_missing(r, lesson, vetting.reason ? vetting.reason : "the table is like this already");
		return;
	}
	trial = sandbox_try(vetting.plan, &inc->id, 1);
	r->held_rows += trial->held_tried;
	r->held_fit += trial->held_stored;
	if ((trial->history_broken > 0 || trial->refused_by_check) && r->failed == NULL)
		r->failed = psprintf("the dry run for incident " INT64_FORMAT " failed: %s", inc->id,
							 trial->refused_by_check ? "a check of the team's says no" : "rows that are stored would break");
}

/* See the header. */
Jsonb *
rehearse_learnt(int64 id, bool *failed)
{
	Rehearsal	r = {.id = id};
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&r.missing);
	foreach(lc, learnt_lessons(id, MAX_LESSONS))
	{
		CHECK_FOR_INTERRUPTS();
		rehearse_plan(&r, lfirst(lc));
	}
	foreach(lc, learnt_live(id, MAX_LIVE))
	{
		CHECK_FOR_INTERRUPTS();
		rehearse_live(&r, lfirst(lc));
	}
	*failed = r.failed != NULL;
	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"kept\": {\"rows\": " INT64_FORMAT ", \"fit\": " INT64_FORMAT "},"
					 " \"held\": {\"rows\": " INT64_FORMAT ", \"fit\": " INT64_FORMAT "},"
					 " \"not_rehearsed\": [%s], \"failed\": ",
					 r.kept_rows, r.kept_fit, r.held_rows, r.held_fit, r.missing.data);
	if (r.failed)
		escape_json(&buf, r.failed);
	else
		appendStringInfoString(&buf, "null");
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
}
