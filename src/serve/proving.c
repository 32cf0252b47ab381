/*
 * proving.c
 *	  A remedy that says how payloads are read, before it is used: proven on all
 *	  held rows of the table.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "decide/caution.h"
#include "decide/mapsteps.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "orient/mapproof.h"
#include "read/json.h"
#include "serve/proving.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Held rows that are searched for the key of a new column, and those of one
 * fetch. */
#define STRANGE_ROWS 100000
#define STEP_ROWS 1000

/* Of day and month, both numbers, which comes first? 'D', 'M', or 0: the year
 * does, or it has not both. */
static char
first_of(const char *format)
{
	const char *year = strstr(format, "YYYY");
	const char *month = strstr(format, "MM");
	const char *day = strstr(format, "DD");

	if (month == NULL || day == NULL || (year != NULL && year < month && year < day))
		return 0;
	return day < month ? 'D' : 'M';
}

/* The formats of a parse_timestamp (char *). */
static List *
formats_of(const Mapping *m)
{
	List	   *formats = NIL;
	JsonbValue	v;
	JsonbIterator *it;
	JsonbIteratorToken token;

	if (getKeyJsonValueFromContainer(&m->args->root, "formats", 7, &v) == NULL ||
		v.type != jbvBinary)
		return NIL;
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_ELEM && v.type == jbvString)
			formats = lappend(formats, pnstrdup(v.val.string.val, v.val.string.len));
	}
	return formats;
}

/*
 * A date that is written day first, 03.04.2026, is one that the type reads by
 * itself, the other way round, under a DateStyle with the month first: only
 * those from the 13th on were held. What was stored of the same loads may be
 * another day than was meant, which a person should know before the rest is
 * read rightly beside it.
 */
static char *
ask_of_stored_dates(Oid relid, const char *column, const Mapping *m)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *question = NULL;
	ListCell   *lc;

	foreach(lc, m->kind == MAP_PARSE_TIMESTAMP ? formats_of(m) : NIL)
	{
		char		first = first_of(lfirst(lc));
		SpiUser		saved;
		SpiArgs		args;

		if (first == 0)
			continue;
		spi_open(&saved);
		spi_args(&args);
		spi_arg_relid(&args, relid);
		spi_arg_text(&args, column);
		spi_arg_text(&args, first == 'D' ? "%DMY%" : "%MDY%");
		if (spi_exec("SELECT sum(l.stored)::bigint, min(l.datestyle) FROM selfheal.load l WHERE l.stored > 0"
					 " AND l.datestyle NOT LIKE $3 AND l.id IN"
					 " (SELECT e.load FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
					 "  WHERE i.relid = $1 AND i.column_name = $2 AND i.state NOT IN ('healed', 'dismissed'))"
					 " HAVING count(*) > 0", &args) > 0)
		{
			int64		stored = spi_get_int8(0, 1, NULL);
			char	   *style = spi_get_text(0, 2, cxt);
			MemoryContext old = MemoryContextSwitchTo(cxt);

			question = psprintf("these values are written with the %s first, and DateStyle (%s) reads the other "
								"way round what has a day up to 12: " INT64_FORMAT " rows of the same loads "
								"were stored, some perhaps with another day than was meant",
								first == 'D' ? "day" : "month", style, stored);
			MemoryContextSwitchTo(old);
		}
		spi_close(&saved);
		if (question != NULL)
			break;
	}
	return question;
}

/*
 * A number whose groups have points, "1.500", is one that the type reads by
 * itself, as a fraction, and only "1.234,50" beside it was held: the same
 * question. An integer takes no such text.
 */
static char *
ask_of_stored_numbers(Oid relid, const char *column, const Mapping *m)
{
	AttrNumber	attnum = column ? get_attnum(relid, column) : InvalidAttrNumber;
	Oid			type = attnum > 0 ? getBaseType(get_atttype(relid, attnum)) : InvalidOid;
	MemoryContext cxt = CurrentMemoryContext;
	char	   *question = NULL;
	SpiUser		saved;
	SpiArgs		args;

	if (m->kind != MAP_PARSE_NUMBER ||
		(type != NUMERICOID && type != FLOAT4OID && type != FLOAT8OID))
		return NULL;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, column);
	spi_arg_text(&args, JsonbToCString(NULL, &m->args->root, VARSIZE(m->args)));
	if (spi_exec("SELECT sum(l.stored)::bigint FROM selfheal.load l WHERE l.stored > 0"
				 " AND ($3::jsonb -> 'group' ? '.' OR $3::jsonb ->> 'decimal' = ',') AND l.id IN"
				 " (SELECT e.load FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
				 "  WHERE i.relid = $1 AND i.column_name = $2 AND i.state NOT IN ('healed', 'dismissed'))"
				 " HAVING count(*) > 0", &args) > 0)
	{
		int64		stored = spi_get_int8(0, 1, NULL);
		MemoryContext old = MemoryContextSwitchTo(cxt);

		question = psprintf("in these values a point is no decimal sign, and the type reads it as one: of the same loads "
							INT64_FORMAT " row%s stored, perhaps with another number than was meant (1.500 as 1.5)",
							stored, stored == 1 ? " was" : "s were");
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return question;
}

/* What a person should know of rows that were stored already, or NULL. */
static char *
ask_of_stored(Oid relid, const char *column, const Mapping *m)
{
	char	   *question = ask_of_stored_dates(relid, column, m);

	return question ? question : ask_of_stored_numbers(relid, column, m);
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
	if (!mapsteps_is(remedy->step) || remedy_adds_column(remedy))
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
	if (remedy->question == NULL)
		remedy->question = ask_of_stored(relid, remedy->finding->column, m);
	return NULL;
}

/* Is there a step by which this bad value could be read or stored? */
static bool
has_step(const List *remedies, const Finding *bad)
{
	ListCell   *lc;

	foreach(lc, remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->finding == bad && (r->settled_by != NULL || r->replay_only))
			return true;
	}
	return false;
}

/* See the header. */
char *
proving_hopeless(const List *remedies, const Remedy *remedy)
{
	const Finding *bad = NULL;
	ListCell   *lc;

	if (remedy->hint != NULL || mapsteps_is(remedy->step))
		return NULL;
	foreach(lc, remedies)
	{
		const Remedy *r = lfirst(lc);
		ListCell   *lc2;

		if (r != remedy && r->settled_by != remedy->step)
			continue;
		if (r->finding->alone || r->finding->beside == NIL)
			return NULL;
		foreach(lc2, r->finding->beside)
		{
			bad = lfirst(lc2);
			if (has_step(remedies, bad))
				return NULL;
		}
	}
	return psprintf("every row that needs it has another value that nothing is done about (%s%s%s): "
					"amend() or discard() those rows",
					fit_class_name(bad->class), bad->column ? " in " : "", bad->column ? bad->column : "");
}

/* See the header. */
List *
proving_part(const Remedy *remedy, bool (*runs) (void *arg, PlanStep *step), void *arg)
{
	List	   *part;
	ListCell   *lc;

	if (remedy->also == NIL || !mapsteps_is(remedy->step) || remedy_adds_column(remedy) ||
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

/* The same arguments with day and month, or decimal and grouping sign,
 * exchanged; NULL where there is nothing to exchange. */
static Jsonb *
exchanged(const Mapping *m)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *args = NULL;
	SpiUser		saved;
	SpiArgs		a;

	spi_open(&saved);
	spi_args(&a);
	spi_arg_jsonb(&a, m->args);
	if (spi_exec(m->kind == MAP_PARSE_TIMESTAMP ?
				 "SELECT x FROM (SELECT jsonb_set($1, '{formats}', (SELECT jsonb_agg(replace(replace(replace(f, 'DD', E'\\x01'), 'MM', 'DD'),"
				 "  E'\\x01', 'MM') ORDER BY n) FROM jsonb_array_elements_text($1 -> 'formats') WITH ORDINALITY e(f, n))) AS x) y WHERE x <> $1" :
				 "SELECT $1 || jsonb_build_object('decimal', $1 -> 'group', 'group', $1 -> 'decimal')"
				 " WHERE jsonb_typeof($1 -> 'group') = 'string' AND jsonb_typeof($1 -> 'decimal') = 'string'", &a) > 0)
		args = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return args;
}

/* Can the held rows be read the other way round as well? */
static bool
reads_both_ways(Oid relid, const List *present, const Mapping *m)
{
	Mapping		other = *m;
	char	   *reason;
	char	   *hint;

	if (m->kind != MAP_PARSE_TIMESTAMP && m->kind != MAP_PARSE_NUMBER)
		return false;
	other.args = exchanged(m);
	if (other.args == NULL || !mapping_check(relid, present, &other, &reason, &hint))
		return false;
	return mapproof_held(relid, present, &other, PG_INT64_MAX)->fits >=
		mapproof_held(relid, present, m, PG_INT64_MAX)->fits;
}

/* What a person must say of one step before it is used, or NULL. */
static char *
question_of(const HealPlan *plan, const PlanStep *step)
{
	char	   *removed = mapsteps_removed(plan->relid, step);
	Mapping    *m = mapsteps_mapping(plan->relid, step);
	List	   *others = list_delete_ptr(list_copy(plan->steps), unconstify(PlanStep *, step));
	List	   *present = mapping_with(mapping_list(plan->relid), mapsteps_mappings(plan->relid, others));

	if (removed)
		return removed;
	if (m->kind == MAP_PARSE_POINT)
		return pstrdup("which number of a pair is which is never guessed: look at some of the held rows");
	if (plan_changes_table(plan))
		return NULL;			/* proven by the dry run alone */
	if (reads_both_ways(plan->relid, present, m))
		return pstrdup(m->kind == MAP_PARSE_TIMESTAMP ?
					   "the held values can be read with day and month exchanged as well" :
					   "the held values can be read with decimal and grouping sign exchanged as well");
	return ask_of_stored(plan->relid, m->column, m);
}

/* Take the names that this payload has as keys out of the list. */
static List *
without_keys(List *names, const JsonDoc *doc)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		const char *name = lfirst(lc);

		for (int i = 0; i < doc->nfields; i++)
			if (doc->fields[i].keylen == (int) strlen(name) &&
				memcmp(doc->fields[i].key, name, doc->fields[i].keylen) == 0)
			{
				names = foreach_delete_current(names, lc);
				break;
			}
	}
	return names;
}

/* Of these names, those that are no key of a held row (char *). A key that is
 * not among the first STRANGE_ROWS rows is as good as none. */
static List *
strange_names(Oid relid, List *names)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(caller, "selfheal strange names", ALLOCSET_DEFAULT_SIZES);
	MemoryContext step_cxt = AllocSetContextCreate(cxt, "selfheal strange names step", ALLOCSET_DEFAULT_SIZES);
	JsonScanner *scanner = json_scanner(cxt);
	HeldBatch	batch = {.more = true};

	for (int64 rows = 0; names != NIL && batch.more && rows < STRANGE_ROWS; rows += batch.n)
	{
		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(step_cxt);
		MemoryContextSwitchTo(step_cxt);
		held_fetch(relid, NULL, 0, batch.last, STEP_ROWS, false, &batch);
		MemoryContextSwitchTo(caller);
		for (int i = 0; i < batch.n && names != NIL; i++)
			if (!batch.rows[i].row.bad_encoding)
				names = without_keys(names, json_scan(scanner, batch.rows[i].row.bytes, batch.rows[i].row.len));
	}
	json_scanner_free(scanner);
	MemoryContextDelete(cxt);
	return names;
}

/* See the header. */
List *
proving_cautions(const HealPlan *plan)
{
	List	   *cautions = NIL;
	List	   *added = NIL;
	ListCell   *lc;

	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		char	   *question = mapsteps_is(step) ? question_of(plan, step) : NULL;

		if (question != NULL)
		{
			Caution    *caution = palloc0(sizeof(Caution));

			caution->column = step->column;
			caution->question = question;
			cautions = lappend(cautions, caution);
		}
		if (step->kind == STEP_ADD_COLUMN)
			added = lappend(added, step->column);
	}
	foreach(lc, strange_names(plan->relid, added))
	{
		Caution    *caution = palloc0(sizeof(Caution));

		caution->column = lfirst(lc);
		caution->strange = true;
		cautions = lappend(cautions, caution);
	}
	return cautions;
}
