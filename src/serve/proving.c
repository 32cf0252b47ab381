/*
 * proving.c
 *	  A remedy that says how payloads are read, before it is used: proven on all
 *	  held rows of the table.
 */
#include "postgres.h"

#include "decide/mapsteps.h"
#include "orient/mapproof.h"
#include "serve/proving.h"

/* Does one of the remedy's steps add a column? */
static bool
adds_column(const Remedy *remedy)
{
	ListCell   *lc;

	foreach(lc, remedy->also)
	{
		if (((const PlanStep *) lfirst(lc))->kind == STEP_ADD_COLUMN)
			return true;
	}
	return false;
}

/* See the header. */
char *
proving_refuses(Oid relid, Remedy *remedy)
{
	List	   *steps = list_concat(list_make1(remedy->step), remedy->also);
	List	   *present;
	Mapping    *m;
	MapProof   *proof;
	ListCell   *lc;

	foreach(lc, steps)
	{
		char	   *removed = mapsteps_is(lfirst(lc)) ? mapsteps_removed(relid, lfirst(lc)) : NULL;

		if (removed)
			return removed;
	}
	if (!mapsteps_is(remedy->step) || adds_column(remedy))
		return NULL;
	present = mapping_with(mapping_list(relid), mapsteps_mappings(relid, remedy->also));
	m = mapsteps_mapping(relid, remedy->step);
	proof = mapproof_held(relid, present, m, PG_INT64_MAX);
	if (proof->fits == 0)
		return psprintf("%s would make none of " INT64_FORMAT " held rows fit%s%s",
						mapping_words(m), proof->about,
						proof->left ? "; the first of them: " : "", proof->left ? proof->left : "");
	if (proof->about > proof->fits)
		remedy->explanation = psprintf("%s Of " INT64_FORMAT " held rows that it is about " INT64_FORMAT
									   " would still not fit%s%s.", remedy->explanation,
									   proof->about, proof->about - proof->fits,
									   proof->left ? "; the first of them: " : "",
									   proof->left ? proof->left : "");
	return NULL;
}

/* See the header. */
List *
proving_part(const Remedy *remedy, bool (*runs) (void *arg, PlanStep *step), void *arg)
{
	List	   *part;
	ListCell   *lc;

	if (remedy->also == NIL || !mapsteps_is(remedy->step) || adds_column(remedy) ||
		remedy->step->kind == STEP_NULL_IF || remedy->step->kind == STEP_TRIM ||
		!runs(arg, remedy->step))
		return NIL;
	part = list_make1(remedy->step);
	foreach(lc, remedy->also)
	{
		if (runs(arg, lfirst(lc)))
			part = lappend(part, lfirst(lc));
	}
	return part;
}
