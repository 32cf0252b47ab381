/*
 * coverage.c
 *	  What a trial on a clone does not show.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "act/coverage.h"
#include "base/spi.h"
#include "catalog/dependency.h"
#include "catalog/pg_am.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "decide/rebuild.h"
#include "observe/watch.h"
#include "tcop/cmdtag.h"
#include "utils/evtcache.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "write/route.h"

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
	{COVERAGE_LABELS, "new enum labels: one that is there stood in their place"},
	{COVERAGE_STORAGE, "storage by another access method or extension"},
	{COVERAGE_ROW_SECURITY, "row security"},
	{COVERAGE_FUNCTIONS, "lasting effects of functions in defaults and checks"},
	{COVERAGE_RULES, "rules"},
	{COVERAGE_EVENT_TRIGGERS, "event triggers"},
	{COVERAGE_DEPENDENTS, "views and other dependents: made again in the transaction of the change, compared before commit"},
	{COVERAGE_HELD, "held rows that were not tried"}
};

/* The question, and what pg_class alone says of the table and its partitions. */
typedef struct Look
{
	const HealPlan *plan;
	bool		altering;		/* the plan has an ALTER TABLE */
	bool		update;			/* a held row may take a stored one's place */
	List	   *tree;			/* Oid: the table, and its partitions */
	bool		triggers;		/* of any: a foreign key has some, on both
								 * sides */
	bool		indexes;
	bool		rules;			/* of the table alone, as the rest */
	bool		row_security;
	bool		parted;
} Look;

static void
look(Look *l, const HealPlan *plan)
{
	ListCell   *lc;

	memset(l, 0, sizeof(Look));
	l->plan = plan;
	l->update = watch_replay_conflict(plan->relid) == ROW_CONFLICT_UPDATE;
	l->parted = get_rel_relkind(plan->relid) == RELKIND_PARTITIONED_TABLE;
	l->tree = l->parted ? find_all_inheritors(plan->relid, NoLock, NULL) :
		list_make1_oid(plan->relid);
	foreach(lc, l->tree)
	{
		HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));
		Form_pg_class class;

		if (!HeapTupleIsValid(tup))
			continue;
		class = (Form_pg_class) GETSTRUCT(tup);
		l->triggers |= class->relhastriggers;
		l->indexes |= class->relhasindex;
		if (lfirst_oid(lc) == plan->relid)
		{
			l->rules = class->relhasrules;
			l->row_security = class->relrowsecurity;
		}
		ReleaseSysCache(tup);
	}
}

/* The tree as a parameter. */
static void
add_tree(SpiArgs *args, const Look *l)
{
	int64	   *relids = palloc(sizeof(int64) * list_length(l->tree));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, l->tree)
		relids[n++] = lfirst_oid(lc);
	spi_arg_int8_array(args, relids, n);
}

/* The columns whose type the plan changes. */
static void
add_changed(SpiArgs *args, const Look *l)
{
	int64	   *columns = palloc(sizeof(int64) * Max(list_length(l->plan->steps), 1));
	int			n = 0;
	ListCell   *lc;

	foreach(lc, l->plan->steps)
	{
		PlanStep   *step = lfirst(lc);

		if (plan_changes_type(step))
			columns[n++] = get_attnum(l->plan->relid, step->column);
	}
	spi_arg_int8_array(args, columns, n);
}

/* Triggers that the held rows fire, foreign keys that they must satisfy, and
 * those of others that the ALTER or an update comes upon. */
static uint32
missing_triggers(const Look *l)
{
	SpiArgs		args;

	if (!l->triggers)
		return 0;
	spi_args(&args);
	spi_arg_relid(&args, l->plan->relid);
	add_tree(&args, l);
	add_changed(&args, l);
	spi_arg_bool(&args, l->update);
	spi_exec("SELECT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = ANY ($2::oid[]) AND NOT tgisinternal"
			 "   AND tgenabled IN ('O', 'A') AND (tgtype & 4 <> 0 OR tgtype & 16 <> 0 AND $4)),"
			 " EXISTS (SELECT FROM pg_constraint WHERE conrelid = ANY ($2::oid[]) AND contype = 'f'),"
			 " EXISTS (SELECT FROM pg_constraint WHERE confrelid = $1 AND contype = 'f'"
			 "   AND conrelid <> ALL ($2::oid[]) AND ($4 OR confkey::int8[] && $3))", &args);
	return (spi_get_bool(0, 1, NULL) ? COVERAGE_TRIGGERS : 0) |
		(spi_get_bool(0, 2, NULL) ? COVERAGE_FOREIGN_KEYS : 0) |
		(spi_get_bool(0, 3, NULL) ? COVERAGE_REFERENCED : 0);
}

/* Constraints that compare a row with others. */
static uint32
missing_keys(const Look *l)
{
	SpiArgs		args;

	if (!l->indexes)
		return 0;
	spi_args(&args);
	add_tree(&args, l);
	return spi_exec("SELECT FROM pg_index WHERE indrelid = ANY ($1::oid[]) AND indisready"
					" AND (indisunique OR indisexclusion) LIMIT 1", &args) > 0 ? COVERAGE_KEYS : 0;
}

/* Has a table of this shape no code that a stored row runs? */
static bool
runs_nothing(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	if (desc->constr && (desc->constr->num_defval > 0 || desc->constr->num_check > 0))
		return false;
	for (int i = 0; i < desc->natts; i++)
		if (!TupleDescAttr(desc, i)->attisdropped &&
			get_typtype(TupleDescAttr(desc, i)->atttypid) == TYPTYPE_DOMAIN)
			return false;
	return true;
}

/*
 * Volatile functions of the user's own in defaults and checks, those of
 * domains included: what they do beside giving a value is not all undone by a
 * rollback. (Builtin ones are pinned: they have no entry in pg_depend. A
 * sequence that a check draws from has; a default's is swapped.)
 */
static uint32
missing_functions(const Look *l)
{
	Relation	rel = table_open(l->plan->relid, NoLock);
	bool		none = !l->parted && runs_nothing(rel);
	SpiArgs		args;

	table_close(rel, NoLock);
	if (none)
		return 0;
	spi_args(&args);
	spi_arg_relid(&args, l->plan->relid);
	add_tree(&args, l);
	return spi_exec("WITH RECURSIVE types AS ("
					"  SELECT t.oid, typbasetype FROM pg_attribute JOIN pg_type t ON t.oid = atttypid"
					"    WHERE attrelid = $1 AND typtype = 'd' UNION"
					"  SELECT t.oid, t.typbasetype FROM types y JOIN pg_type t ON t.oid = y.typbasetype WHERE typtype = 'd'),"
					" code AS ("
					"  SELECT 'pg_attrdef'::regclass AS class, oid FROM pg_attrdef WHERE adrelid = $1 UNION ALL"
					"  SELECT 'pg_type'::regclass, oid FROM types UNION ALL"
					"  SELECT 'pg_constraint'::regclass, oid FROM pg_constraint WHERE contype = 'c'"
					"    AND (conrelid = ANY ($2::oid[]) OR contypid IN (SELECT oid FROM types)))"
					" SELECT FROM code JOIN pg_depend x ON x.classid = class AND x.objid = code.oid"
					" LEFT JOIN pg_proc f ON x.refclassid = 'pg_proc'::regclass AND f.oid = x.refobjid"
					" LEFT JOIN pg_class s ON x.refclassid = 'pg_class'::regclass AND s.oid = x.refobjid"
					" WHERE f.provolatile = 'v' OR s.relkind = 'S' AND class = 'pg_constraint'::regclass LIMIT 1",
					&args) > 0 ? COVERAGE_FUNCTIONS : 0;
}

/* Rules that stand in the held rows' way. */
static uint32
missing_rules(const Look *l)
{
	SpiArgs		args;

	if (!l->rules)
		return 0;
	spi_args(&args);
	spi_arg_relid(&args, l->plan->relid);
	spi_arg_bool(&args, l->update);
	return spi_exec("SELECT FROM pg_rewrite WHERE ev_class = $1"
					" AND (ev_type = '3' OR ev_type = '2' AND $2) LIMIT 1",
					&args) > 0 ? COVERAGE_RULES : 0;
}

/* Event triggers of others that an ALTER TABLE fires: they are told of the
 * clone, by another name than the table's. */
static uint32
missing_event_triggers(const Look *l)
{
	static const EventTriggerEvent events[] = {EVT_DDLCommandStart, EVT_DDLCommandEnd, EVT_TableRewrite};
	Oid			us = spi_extension_oid(true);
	ListCell   *lc;

	if (!l->altering)
		return 0;
	for (int i = 0; i < (int) lengthof(events); i++)
		foreach(lc, EventCacheLookup(events[i]))
	{
		EventTriggerCacheItem *item = lfirst(lc);

		if (item->enabled != TRIGGER_FIRES_ON_REPLICA &&
			(item->tagset == NULL || bms_is_member(CMDTAG_ALTER_TABLE, item->tagset)) &&
			getExtensionOfObject(ProcedureRelationId, item->fnoid) != us)
			return COVERAGE_EVENT_TRIGGERS;
	}
	return 0;
}

/* Is the table, or part of it, stored by somebody else than PostgreSQL's heap,
 * here? */
static uint32
missing_storage(const Look *l)
{
	Relation	rel;
	bool		otherwise;

	if (OidIsValid(route_foreign(l->plan->relid, true)))
		return COVERAGE_FOREIGN_TABLES;
	rel = table_open(l->plan->relid, NoLock);
	otherwise = route_by_sql(rel) ||
		(!l->parted && rel->rd_rel->relam != HEAP_TABLE_AM_OID);
	table_close(rel, NoLock);
	return otherwise ? COVERAGE_STORAGE : 0;
}

/* See the header. */
uint32
coverage_missing(const HealPlan *plan, bool altering)
{
	Look		l;
	uint32		gaps;

	look(&l, plan);
	l.altering = altering;
	gaps = missing_triggers(&l) | missing_keys(&l) | missing_functions(&l) |
		missing_rules(&l) | missing_event_triggers(&l) | missing_storage(&l);
	if (l.parted)
		gaps |= COVERAGE_ROUTING;
	else if (altering && find_inheritance_children(plan->relid, NoLock) != NIL)
		gaps |= COVERAGE_CHILDREN;
	if (plan_has(plan, STEP_BEFORE))
		gaps |= COVERAGE_LABELS;
	if (rebuild_outline(plan)->items != NIL)
		gaps |= COVERAGE_DEPENDENTS;
	if (l.row_security)
		gaps |= COVERAGE_ROW_SECURITY;
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
