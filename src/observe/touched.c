/*
 * touched.c
 *	  Which watched tables a command was about (touched.h).
 */
#include "postgres.h"

#include "access/genam.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/index.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_policy.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "observe/append.h"
#include "observe/dropped.h"
#include "observe/touched.h"
#include "observe/watch.h"
#include "tcop/deparse_utility.h"
#include "utils/aclchk_internal.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "write/route.h"

/* Tables that have a column of type $1, or of a type that is made of it: a
 * domain, an array, a composite, a range. */
#define OF_TYPE \
	"WITH RECURSIVE types (type) AS (SELECT $1::oid UNION SELECT o.type FROM types y, LATERAL (" \
	"   SELECT t.oid AS type FROM pg_type t WHERE t.typbasetype = y.type OR (t.typelem = y.type AND t.typlen = -1)" \
	"   UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'c'" \
	"    WHERE a.atttypid = y.type AND NOT a.attisdropped" \
	"   UNION ALL SELECT r.rngtypid FROM pg_range r WHERE r.rngsubtype = y.type" \
	"   UNION ALL SELECT r.rngmultitypid FROM pg_range r WHERE r.rngtypid = y.type) o)" \
	" SELECT DISTINCT a.attrelid FROM types y JOIN pg_attribute a ON a.atttypid = y.type AND NOT a.attisdropped"

/* Tables with a column that draws from sequence $1. */
#define DRAWS_FROM \
	"SELECT f.adrelid FROM pg_depend d JOIN pg_attrdef f ON f.oid = d.objid" \
	" WHERE d.classid = 'pg_attrdef'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = $1::oid" \
	" UNION SELECT d.refobjid FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = $1::oid" \
	"  AND d.refclassid = 'pg_class'::regclass AND d.deptype = 'i'"

/* Does a statement of this form let values in that were refused before? A
 * restore gives sequences their owner and their column. */
static bool
statement_may_help(Node *stmt)
{
	ListCell   *lc;

	if (IsA(stmt, AlterDomainStmt))
		return strchr("TNX", castNode(AlterDomainStmt, stmt)->subtype) != NULL;
	if (IsA(stmt, AlterOwnerStmt) || IsA(stmt, IndexStmt) || IsA(stmt, CreateTrigStmt))
		return false;
	if (IsA(stmt, RenameStmt))
		return castNode(RenameStmt, stmt)->renameType != OBJECT_INDEX &&
			castNode(RenameStmt, stmt)->renameType != OBJECT_TRIGGER &&
			castNode(RenameStmt, stmt)->renameType != OBJECT_TABCONSTRAINT &&
			castNode(RenameStmt, stmt)->renameType != OBJECT_DOMCONSTRAINT;
	if (!IsA(stmt, AlterSeqStmt))
		return true;
	foreach(lc, castNode(AlterSeqStmt, stmt)->options)
	{
		if (strcmp(castNode(DefElem, lfirst(lc))->defname, "owned_by") != 0)
			return true;
	}
	return false;
}

/*
 * May rows be stored now that were refused before? Not for an ALTER TABLE that
 * only asks for more, or is about other things: a restore ends with such ones.
 * Nor for a column that goes: rows that wait here would have it made anew, but
 * where a foreign table lacks it on its own side.
 */
static bool
may_help(const CollectedCommand *command)
{
	ListCell   *lc;

	if (command->type == SCT_Simple)
		return statement_may_help(command->parsetree);
	if (command->type == SCT_Grant)
		return command->d.grant.istmt->is_grant;
	if (command->type != SCT_AlterTable)
		return true;
	foreach(lc, command->d.alterTable.subcmds)
	{
		const Node *node = ((const CollectedATSubcmd *) lfirst(lc))->parsetree;
		AlterTableType subtype;

		if (!IsA(node, AlterTableCmd))
			return true;
		subtype = ((const AlterTableCmd *) node)->subtype;
		if (compat_adds_constraint(subtype) ||
			(compat_drops_column(subtype) &&
			 !OidIsValid(route_foreign(command->d.alterTable.objectId, false))))
			continue;
		switch (subtype)
		{
			case AT_AddIndex:
			case AT_AddIndexConstraint:
			case AT_ValidateConstraint:
			case AT_SetNotNull:
			case AT_EnableRowSecurity:
			case AT_ForceRowSecurity:
			case AT_EnableTrig:
			case AT_EnableAlwaysTrig:
			case AT_EnableReplicaTrig:
			case AT_ReplicaIdentity:
			case AT_ClusterOn:
			case AT_SetStatistics:
			case AT_SetStorage:
			case AT_ChangeOwner:
				continue;
			default:
				return true;
		}
	}
	return false;
}

/* The watched table that a relation is, or is a partition of. */
static Oid
watched_of(Oid relid)
{
	Watch		watch;

	if (get_rel_relispartition(relid))
	{
		List	   *above = get_partition_ancestors(relid);

		if (above != NIL && watch_get(llast_oid(above), &watch))
			return watch.relid;
	}
	return watch_get(relid, &watch) ? relid : InvalidOid;
}

/* See the header. */
TouchedTable *
touched_add(List **tables, Oid watched, bool helps)
{
	TouchedTable *table;
	ListCell   *lc;

	foreach(lc, *tables)
	{
		table = lfirst(lc);
		if (table->relid == watched)
		{
			table->helps |= helps;
			return table;
		}
	}
	table = palloc0(sizeof(TouchedTable));
	table->relid = watched;
	table->helps = helps;
	*tables = lappend(*tables, table);
	return table;
}

/* See the header. */
void
touched_moved(List **tables, Oid from, Oid to)
{
	ListCell   *lc;

	foreach(lc, *tables)
	{
		TouchedTable *table = lfirst(lc);

		if (table->relid == from)
		{
			table->relid = to;
			return;
		}
	}
	(void) touched_add(tables, to, false);
}

/* See the header. */
List *
touched_oids(const List *tables)
{
	List	   *oids = NIL;
	const ListCell *lc;

	foreach(lc, tables)
		oids = lappend_oid(oids, ((const TouchedTable *) lfirst(lc))->relid);
	return oids;
}

/* A relation that the command changed, and with a table what inherits from it. */
static void
touch(Touched *touched, Oid relid, bool helps)
{
	char		kind = get_rel_relkind(relid);
	List	   *all = list_make1_oid(relid);
	ListCell   *lc;

	if (kind == RELKIND_VIEW)
	{
		Oid			table = watch_naming_intake(relid);

		if (OidIsValid(table))
			touched->intakes = list_append_unique_oid(touched->intakes, table);
		return;
	}
	if (has_subclass(relid) && kind != RELKIND_INDEX && kind != RELKIND_PARTITIONED_INDEX)
		all = find_all_inheritors(relid, NoLock, NULL);
	foreach(lc, all)
	{
		Oid			watched = watched_of(lfirst_oid(lc));

		if (OidIsValid(watched))
			(void) touched_add(&touched->tables, watched, helps);
	}
}

/* The same of what depends on an object, by one of the queries above. */
static void
touch_users(Touched *touched, SPIPlanPtr *plan, const char *query, Oid object, bool helps)
{
	SpiArgs		args;
	SpiRows		rows;
	uint64		n;

	spi_args(&args);
	spi_arg_int8(&args, object);
	n = spi_exec_kept(plan, query, &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		touch(touched, spi_get_oid(i, 1, NULL), helps);
	}
}

static void
touch_type(Touched *touched, Oid type, bool helps)
{
	static SPIPlanPtr plan = NULL;

	touch_users(touched, &plan, OF_TYPE, type, helps);
}

static void
touch_relation(Touched *touched, Oid relid, bool helps)
{
	static SPIPlanPtr plan = NULL;

	switch (get_rel_relkind(relid))
	{
		case RELKIND_COMPOSITE_TYPE:
			touch_type(touched, get_rel_type_id(relid), helps);
			break;
		case RELKIND_SEQUENCE:
			touch_users(touched, &plan, DRAWS_FROM, relid, helps);
			break;
		case RELKIND_INDEX:
		case RELKIND_PARTITIONED_INDEX:
			touch(touched, IndexGetRelation(relid, true), helps);
			break;
		default:
			touch(touched, relid, helps);
	}
}

/* The name of what privileges were given on, as errors write it. */
static char *
granted_name(ObjectType type, Oid object)
{
	switch (type)
	{
		case OBJECT_TABLE:
		case OBJECT_SEQUENCE:
			return get_rel_name(object);
		case OBJECT_SCHEMA:
			return get_namespace_name(object);
		case OBJECT_FUNCTION:
		case OBJECT_PROCEDURE:
		case OBJECT_ROUTINE:
			return get_func_name(object);
		default:
			return NULL;
	}
}

/*
 * Somebody was given privileges: tables whose rows wait because that object
 * was denied. What else may be missing nobody can tell from here.
 */
static void
touch_granted(Touched *touched, const InternalGrant *grant)
{
	static SPIPlanPtr plan = NULL;
	ListCell   *lc;

	foreach(lc, grant->objects)
	{
		char	   *name = granted_name(grant->objtype, lfirst_oid(lc));
		SpiArgs		args;
		uint64		n;

		if (name == NULL)
			continue;
		spi_args(&args);
		spi_arg_text(&args, name);
		n = spi_exec_kept(&plan, "SELECT DISTINCT w.relid::oid FROM selfheal.incident i JOIN selfheal.watched w USING (relid)"
						  " WHERE i.class = 'permission' AND i.state NOT IN ('healed', 'dismissed') AND EXISTS (SELECT FROM selfheal.error e"
						  "  WHERE e.incident = i.id AND e.sqlstate = '42501' AND strpos(e.message, $1) > 0)", &args);
		for (uint64 i = 0; i < n; i++)
			(void) touched_add(&touched->tables, spi_get_oid(i, 1, NULL), true);
	}
}

/* A column that was renamed, for who compares the shapes. */
static void
note_rename(List *tables, const CollectedCommand *command)
{
	const RenameStmt *stmt = (const RenameStmt *) command->parsetree;
	StringInfoData out;
	ListCell   *lc;

	if (command->type != SCT_Simple || !IsA(stmt, RenameStmt) || stmt->renameType != OBJECT_COLUMN)
		return;
	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	escape_json(&out, stmt->subname);
	appendStringInfoChar(&out, ':');
	escape_json(&out, stmt->newname);
	appendStringInfoChar(&out, '}');
	foreach(lc, tables)
		((TouchedTable *) lfirst(lc))->renamed = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}

/* A trigger, policy or constraint is its table's, or its domain's. */
static void
touch_part(Touched *touched, Oid class, Oid object, bool helps)
{
	SpiArgs		args;
	SpiRows		rows;

	spi_args(&args);
	spi_arg_int8(&args, object);
	if (spi_exec(class == TriggerRelationId ? "SELECT tgrelid, 0::oid FROM pg_trigger WHERE oid = $1::oid" :
				 class == PolicyRelationId ? "SELECT polrelid, 0::oid FROM pg_policy WHERE oid = $1::oid" :
				 "SELECT conrelid, contypid FROM pg_constraint WHERE oid = $1::oid", &args) == 0)
		return;
	rows = spi_keep();
	if (OidIsValid(spi_get_oid(0, 1, NULL)))
		touch(touched, spi_get_oid(0, 1, NULL), helps);
	spi_use(&rows);
	if (OidIsValid(spi_get_oid(0, 2, NULL)))
		touch_type(touched, spi_get_oid(0, 2, NULL), helps);
}

/* See the header. */
Touched
touched_by_command(bool all)
{
	static SPIPlanPtr plan = NULL;
	static SPIPlanPtr every = NULL;
	Touched		touched = {.tables = NIL};
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;

	spi_args(&args);
	n = spi_exec_kept(&plan, "SELECT objid, classid, command FROM pg_event_trigger_ddl_commands()", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Oid			object;
		Oid			class;
		const CollectedCommand *command;
		bool		helps;

		spi_use(&rows);
		object = spi_get_oid(i, 1, NULL);
		class = spi_get_oid(i, 2, NULL);
		command = (const CollectedCommand *)
			DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 3, &isnull));
		if (isnull)
			continue;
		helps = may_help(command);
		if (command->type == SCT_Grant)
		{
			if (helps)
				touch_granted(&touched, command->d.grant.istmt);
		}
		else if (class == TypeRelationId)
			touch_type(&touched, object, helps);
		else if (class == TriggerRelationId || class == PolicyRelationId || class == ConstraintRelationId)
			touch_part(&touched, class, object, helps);
		else if (class == RelationRelationId)
		{
			touched.watches |= object == append_relation("watched");
			touch_relation(&touched, object, helps);
		}
		note_rename(touched.tables, command);
	}
	n = all ? spi_exec_kept(&every, "SELECT relid::oid FROM selfheal.watched", &args) : 0;
	for (uint64 i = 0; i < n; i++)
		(void) touched_add(&touched.tables, spi_get_oid(i, 1, NULL), false);
	return touched;
}

/* See the header. */
List *
touched_by_drop(const List *dropped)
{
	List	   *tables = NIL;
	const ListCell *lc;

	foreach(lc, dropped)
	{
		const Dropped *d = lfirst(lc);
		Oid			watched = watched_of(d->relid);

		if (OidIsValid(watched) && get_rel_relkind(watched) != '\0')
			(void) touched_add(&tables, watched, d->helps);
	}
	return tables;
}
