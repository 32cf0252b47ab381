/*
 * coverage.c
 *	  What a trial on a clone does not show.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/coverage.h"
#include "base/spi.h"
#include "catalog/pg_am.h"
#include "catalog/pg_inherits.h"
#include "observe/route.h"
#include "observe/watch.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* The words, in the order of the result. */
static const struct
{
	uint32		gap;
	const char *words;
}			WORDS[] = {
	{COVERAGE_TRIGGERS, "triggers"},
	{COVERAGE_FOREIGN_KEYS, "foreign keys"},
	{COVERAGE_REFERENCED, "foreign keys of other tables"},
	{COVERAGE_KEYS, "unique and exclusion constraints against rows outside the sample"},
	{COVERAGE_ROUTING, "partition routing"},
	{COVERAGE_PARTITIONS, "partitions that no row of the trial belongs to"},
	{COVERAGE_CHILDREN, "inheriting tables"},
	{COVERAGE_FOREIGN_TABLES, "foreign tables: their rows, and what their servers refuse"},
	{COVERAGE_STORAGE, "storage by another access method or extension"},
	{COVERAGE_ROW_SECURITY, "row security"},
	{COVERAGE_DEFAULTS, "lasting effects of default functions"},
	{COVERAGE_RULES, "rules"},
	{COVERAGE_EVENT_TRIGGERS, "event triggers"},
	{COVERAGE_HELD, "held rows that were not tried"}
};

/* Columns whose type the plan changes, and the tables that an INSERT or the
 * ALTER may come to, as parameters. */
static void
add_lists(SpiArgs *args, const HealPlan *plan)
{
	List	   *tree = get_rel_relkind(plan->relid) == RELKIND_PARTITIONED_TABLE ?
	find_all_inheritors(plan->relid, NoLock, NULL) :
	list_make1_oid(plan->relid);
	int64	   *relids = palloc(sizeof(int64) * list_length(tree));
	int64	   *columns = palloc(sizeof(int64) * Max(list_length(plan->steps), 1));
	int			ncolumns = 0;
	int			n = 0;
	ListCell   *lc;

	foreach(lc, tree)
		relids[n++] = lfirst_oid(lc);
	foreach(lc, plan->steps)
	{
		PlanStep   *step = lfirst(lc);

		if (step->kind == STEP_WIDEN_TYPE)
			columns[ncolumns++] = get_attnum(plan->relid, step->column);
	}
	spi_arg_int8_array(args, relids, n);
	spi_arg_int8_array(args, columns, ncolumns);
}

/* Is the table, or part of it, stored by somebody else than PostgreSQL's heap,
 * here? */
static bool
stored_otherwise(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	bool		otherwise = route_by_sql(rel);

	if (rel->rd_rel->relkind == RELKIND_RELATION)
		otherwise |= rel->rd_rel->relam != HEAP_TABLE_AM_OID;
	table_close(rel, NoLock);
	return otherwise;
}

/*
 * See the header. Of a default's functions only the user's have an entry in
 * pg_depend; builtin ones are pinned. Triggers and rules of UPDATE count where
 * a held row may take the place of a stored one.
 */
uint32
coverage_missing(const HealPlan *plan)
{
	SpiArgs		args;
	uint32		gaps = 0;
	bool		foreign = OidIsValid(route_foreign(plan->relid, true));
	static const uint32 asked[] = {
		COVERAGE_TRIGGERS, COVERAGE_FOREIGN_KEYS, COVERAGE_REFERENCED,
		COVERAGE_KEYS, COVERAGE_ROUTING, COVERAGE_CHILDREN,
		COVERAGE_ROW_SECURITY, COVERAGE_DEFAULTS, COVERAGE_RULES,
		COVERAGE_EVENT_TRIGGERS
	};

	spi_args(&args);
	spi_arg_relid(&args, plan->relid);
	add_lists(&args, plan);
	spi_arg_bool(&args, watch_replay_conflict(plan->relid) == WATCH_CONFLICT_UPDATE);
	spi_arg_bool(&args, plan->steps != NIL);
	spi_exec("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY ($2::oid[]) AND NOT tgisinternal"
			 "   AND tgenabled IN ('O', 'A') AND (tgtype & 4 <> 0 OR tgtype & 16 <> 0 AND $4)),"
			 " EXISTS (SELECT FROM pg_constraint WHERE conrelid = ANY ($2::oid[]) AND contype = 'f'),"
			 " EXISTS (SELECT FROM pg_constraint WHERE confrelid = $1 AND contype = 'f'"
			 "   AND conrelid <> ALL ($2::oid[]) AND ($4 OR confkey::int8[] && $3)),"
			 " EXISTS (SELECT FROM pg_index WHERE indrelid = ANY ($2::oid[])"
			 "   AND (indisunique OR indisexclusion) AND indisready),"
			 " c.relkind = 'p',"
			 " c.relkind <> 'p' AND $5 AND EXISTS (SELECT FROM pg_inherits WHERE inhparent = $1),"
			 " c.relrowsecurity,"
			 " EXISTS (SELECT FROM pg_attrdef d"
			 "   JOIN pg_depend x ON x.classid = 'pg_attrdef'::regclass AND x.objid = d.oid"
			 "     AND x.refclassid = 'pg_proc'::regclass"
			 "   JOIN pg_proc f ON f.oid = x.refobjid AND f.provolatile = 'v' WHERE d.adrelid = $1),"
			 " c.relhasrules AND EXISTS (SELECT FROM pg_rewrite WHERE ev_class = $1"
			 "   AND (ev_type = '3' OR ev_type = '2' AND $4)),"
			 " $5 AND EXISTS (SELECT FROM pg_event_trigger e WHERE evtenabled IN ('O', 'A')"
			 "   AND NOT EXISTS (SELECT FROM pg_depend x JOIN pg_extension o ON o.oid = x.refobjid"
			 "     WHERE x.classid = 'pg_event_trigger'::regclass AND x.objid = e.oid"
			 "     AND x.refclassid = 'pg_extension'::regclass AND x.deptype = 'e' AND extname = 'selfheal'))"
			 " FROM pg_class c WHERE oid = $1", &args);
	for (int i = 0; i < (int) lengthof(asked); i++)
		if (spi_get_bool(0, i + 1, NULL))
			gaps |= asked[i];
	if (foreign)
		gaps |= COVERAGE_FOREIGN_TABLES;
	else if (stored_otherwise(plan->relid))
		gaps |= COVERAGE_STORAGE;
	return gaps;
}

char *
coverage_json(uint32 gaps)
{
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < (int) lengthof(WORDS); i++)
		if (gaps & WORDS[i].gap)
		{
			if (json.len > 1)
				appendStringInfoString(&json, ", ");
			escape_json(&json, WORDS[i].words);
		}
	appendStringInfoChar(&json, ']');
	return json.data;
}
