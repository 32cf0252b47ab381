/*
 * ddl_watch.c
 *	  Follows DROP, RENAME and SET SCHEMA of watched tables.
 *
 * After each ALTER the names we keep are compared with the catalog's: that
 * covers RENAME, SET SCHEMA and ALTER SCHEMA RENAME in one way and needs no
 * reading of the command. The intake view goes along with its table.
 *
 * Swap loads (rename t to backup, rename or create new as t, in one
 * transaction) mean "this name is the table": a name that a watched table
 * left in this transaction and another table took moves the watch, the view
 * with its grants, and the held rows to that table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "commands/event_trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/ddl_watch.h"
#include "observe/mapping.h"
#include "observe/ordering.h"
#include "observe/watch.h"
#include "postmaster/bgworker.h"
#include "record/audit.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/deparse_utility.h"
#include "tcop/tcopprot.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "write/route.h"

PG_FUNCTION_INFO_V1(selfheal_ddl_end);
PG_FUNCTION_INFO_V1(selfheal_ddl_drop);

/* A name that a watched table had at the start of this transaction. */
typedef struct LeftName
{
	char	   *schema;
	char	   *table;
	char	   *intake;
	Oid			relid;			/* who left it */
} LeftName;

/* In TopTransactionContext; valid while its virtual transaction lives. */
static List *left_names = NIL;
static LocalTransactionId left_names_lxid = InvalidLocalTransactionId;

static bool resting = false;

/* See the header. */
void
ddl_watch_rest(bool rest)
{
	resting = rest;
}

/* Remember a name that is left; the first leaver of a name counts. */
static void
remember_left(Oid relid, const char *schema, const char *table, const char *intake)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	LeftName   *left = palloc(sizeof(LeftName));

	if (left_names_lxid != compat_lxid())
	{
		left_names = NIL;
		left_names_lxid = compat_lxid();
	}
	left->relid = relid;
	left->schema = pstrdup(schema);
	left->table = pstrdup(table);
	left->intake = intake ? pstrdup(intake) : NULL;
	left_names = lappend(left_names, left);
	MemoryContextSwitchTo(old);
}

/* Rename and move the view so that it stands beside its table again. A name
 * that is taken is said, not fought over. */
static void
follow_view(Oid viewid, const char *schema, const char *intake)
{
	char	   *have_schema = get_namespace_name(get_rel_namespace(viewid));
	char	   *have = get_rel_name(viewid);

	if (have == NULL)
		return;
	if (OidIsValid(get_relname_relid(intake, get_namespace_oid(schema, false))) &&
		get_relname_relid(intake, get_namespace_oid(schema, false)) != viewid)
	{
		ereport(WARNING,
				(errmsg("intake view %s could not follow its table",
						quote_qualified_identifier(have_schema, have)),
				 errdetail("Relation %s exists already.",
						   quote_qualified_identifier(schema, intake))));
		return;
	}
	if (strcmp(have_schema, schema) != 0)
		spi_exec(psprintf("ALTER VIEW %s SET SCHEMA %s",
						  quote_qualified_identifier(have_schema, have),
						  quote_identifier(schema)), NULL);
	if (strcmp(have, intake) != 0)
		spi_exec(psprintf("ALTER VIEW %s RENAME TO %s",
						  quote_qualified_identifier(schema, have),
						  quote_identifier(intake)), NULL);
}

/* Names of watched tables against the catalog; inside spi_open. */
static void
follow_renames(void)
{
	uint64		n = spi_exec("SELECT w.relid::oid, w.intake::oid, n.nspname, c.relname, w.schema_name, w.table_name"
							 " FROM selfheal.watched w JOIN pg_class c ON c.oid = w.relid"
							 " JOIN pg_namespace n ON n.oid = c.relnamespace"
							 " WHERE (w.schema_name, w.table_name) IS DISTINCT FROM (n.nspname::text, c.relname::text)",
							 NULL);
	SpiRows		rows = spi_keep();

	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid;
		Oid			viewid;
		char	   *schema;
		char	   *table;
		char	   *old_view;
		SpiArgs		args;

		spi_use(&rows);
		relid = spi_get_oid(i, 1, NULL);
		viewid = spi_get_oid(i, 2, NULL);
		schema = spi_get_text(i, 3, CurrentMemoryContext);
		table = spi_get_text(i, 4, CurrentMemoryContext);
		old_view = get_rel_name(viewid);
		remember_left(relid, spi_get_text(i, 5, CurrentMemoryContext),
					  spi_get_text(i, 6, CurrentMemoryContext), old_view);
		spi_args(&args);
		spi_arg_relid(&args, relid);
		spi_arg_text(&args, schema);
		spi_arg_text(&args, table);
		spi_exec("UPDATE selfheal.watched SET schema_name = $2, table_name = $3 WHERE relid = $1", &args);
		follow_view(viewid, schema, watch_intake_name(table));
	}
}

/*
 * What we keep about one table is about another now, or (InvalidOid) about a
 * table that is gone: the names beside it stay. States are not touched here;
 * the worker dismisses incidents without a table and plans anew for a table
 * that is not the one a plan was made for.
 */
static void
repoint(Oid from, Oid to)
{
	/* the order in which the worker locks rows */
	static const char *const tables[] = {
		"plan", "incident", "error", "quarantine", "load", "replayed", "ddl", "discard"
	};
	SpiArgs		args;

	for (int i = 0; i < (int) lengthof(tables); i++)
	{
		spi_args(&args);
		spi_arg_relid(&args, from);
		spi_arg_relid(&args, to);
		/* what is held stands in its table's place of the key: 0 when gone */
		spi_exec(psprintf("UPDATE selfheal.%s SET relid = %s WHERE relid = $1", tables[i],
						  strcmp(tables[i], "quarantine") == 0 ?
						  "coalesce($2, 0::regclass)" : "$2"), &args);
	}

	/* lines of a table that is gone are nobody's */
	spi_args(&args);
	spi_arg_relid(&args, from);
	spi_arg_relid(&args, to);
	spi_exec(OidIsValid(to)
			 ? "UPDATE selfheal.load_line SET relid = $2 WHERE relid = $1"
			 : "DELETE FROM selfheal.load_line WHERE relid = $1", &args);
}

static void
move_watch(const LeftName *left, Oid to)
{
	Watch		watch;
	AuditEntry	entry;
	SpiArgs		args;

	if (!watch_get(left->relid, &watch) || left->intake == NULL ||
		get_rel_relkind(watch.intake) != RELKIND_VIEW)
		return;
	spi_exec(psprintf("CREATE OR REPLACE VIEW %s AS SELECT NULL::pg_catalog.text AS payload FROM ONLY %s WHERE false",
					  quote_qualified_identifier(get_namespace_name(get_rel_namespace(watch.intake)),
												 get_rel_name(watch.intake)),
					  quote_qualified_identifier(left->schema, left->table)), NULL);
	watch_unlink(watch.intake, left->relid);
	spi_args(&args);
	spi_arg_relid(&args, left->relid);
	spi_arg_relid(&args, to);
	spi_arg_text(&args, left->schema);
	spi_arg_text(&args, left->table);
	spi_exec("UPDATE selfheal.watched SET relid = $2, schema_name = $3, table_name = $4 WHERE relid = $1", &args);
	repoint(left->relid, to);
	watch_relink();
	follow_view(watch.intake, left->schema, left->intake);
	audit_entry(&entry, "watched");
	entry.relid = to;
	entry.result = "moved to the table that took the watched name";
	audit_write(&entry);
}

/* Did a table take a name that a watched one left in this transaction? */
static void
follow_swaps(void)
{
	ListCell   *lc;

	if (left_names_lxid != compat_lxid())
		return;
	foreach(lc, left_names)
	{
		LeftName   *left = lfirst(lc);
		Oid			nsp = get_namespace_oid(left->schema, true);
		Oid			now = OidIsValid(nsp) ? get_relname_relid(left->table, nsp) : InvalidOid;
		char		kind = OidIsValid(now) ? get_rel_relkind(now) : '\0';
		Watch		watch;

		if (now == left->relid ||
			(kind != RELKIND_RELATION && kind != RELKIND_PARTITIONED_TABLE &&
			 kind != RELKIND_FOREIGN_TABLE) ||
			watch_get(now, &watch))
			continue;
		move_watch(left, now);
	}
}

/* Is this process a worker of ours, whose ALTER is a heal? */
static bool
is_healer(void)
{
	return MyBgworkerEntry != NULL &&
		strcmp(MyBgworkerEntry->bgw_library_name, "selfheal") == 0;
}

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

/* What a command was about. */
typedef struct Touched
{
	List	   *all;			/* Oid of relations */
	List	   *helped;			/* of them: rows may be stored now */
} Touched;

/* Does a statement of this form let values in that were refused before? A
 * restore gives sequences their owner and their column. */
static bool
statement_may_help(Node *stmt)
{
	ListCell   *lc;

	if (IsA(stmt, AlterDomainStmt))
		return strchr("TNX", castNode(AlterDomainStmt, stmt)->subtype) != NULL;
	if (IsA(stmt, AlterOwnerStmt))
		return false;
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

static void
touch(Touched *touched, Oid relid, bool helps)
{
	touched->all = list_append_unique_oid(touched->all, relid);
	if (helps)
		touched->helped = list_append_unique_oid(touched->helped, relid);
}

/* The same of what depends on an object, by one of the queries above. */
static void
touch_users(Touched *touched, const char *query, Oid object, bool helps)
{
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_int8(&args, object);
	n = spi_exec(query, &args);
	for (uint64 i = 0; i < n; i++)
		touch(touched, spi_get_oid(i, 1, NULL), helps);
}

/* The relations that the command changed, by themselves, by a type that a
 * column of theirs is made of, or by a sequence that one draws from. */
static void
touched_relations(Touched *touched)
{
	uint64		n = spi_exec("SELECT d.objid, d.command, d.classid = 'pg_type'::regclass, c.relkind::text, c.reltype"
							 " FROM pg_event_trigger_ddl_commands() d LEFT JOIN pg_class c"
							 "  ON d.classid = 'pg_class'::regclass AND c.oid = d.objid"
							 " WHERE d.classid IN ('pg_class'::regclass, 'pg_type'::regclass)", NULL);
	SpiRows		rows = spi_keep();

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		Datum		command;
		bool		helps;
		Oid			object;
		char	   *kind;

		spi_use(&rows);
		object = spi_get_oid(i, 1, NULL);
		command = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);
		helps = !isnull && may_help((const CollectedCommand *) DatumGetPointer(command));
		kind = spi_get_text(i, 4, CurrentMemoryContext);
		if (spi_get_bool(i, 3, NULL))
			touch_users(touched, OF_TYPE, object, helps);
		else if (kind != NULL && kind[0] == RELKIND_COMPOSITE_TYPE)
			touch_users(touched, OF_TYPE, spi_get_oid(i, 5, NULL), helps);
		else if (kind != NULL && kind[0] == RELKIND_SEQUENCE)
			touch_users(touched, DRAWS_FROM, object, helps);
		else
			touch(touched, object, helps);
	}
}

/* As an argument of a query. */
static int64 *
relids_of(const List *list)
{
	int64	   *relids = palloc(sizeof(int64) * Max(list_length(list), 1));
	ListCell   *lc;
	int			n = 0;

	foreach(lc, list)
		relids[n++] = lfirst_oid(lc);
	return relids;
}

/*
 * Keep the command with the watched tables it changed; a partition stands for
 * its root. A person's command may be what incidents of the table wait for:
 * the worker is to look at them again, at those too that it has in hand now,
 * since it may have read the table as it was.
 */
static void
remember_ddl(const char *role)
{
	const char *text = debug_query_string ? debug_query_string : "";
	Touched		touched = {NIL, NIL};
	SpiArgs		args;
	uint64		n;
	bool		wake = false;

	touched_relations(&touched);
	spi_args(&args);
	spi_arg_text(&args, role);
	spi_arg_textn(&args, text, pg_mbcliplen(text, strlen(text), 2000));
	spi_arg_int8_array(&args, relids_of(touched.all), list_length(touched.all));
	spi_arg_int8_array(&args, relids_of(touched.helped), is_healer() ? 0 : list_length(touched.helped));
	n = spi_exec("INSERT INTO selfheal.ddl (relid, schema_name, table_name, role, statement, answered)"
				 " SELECT w.relid, w.schema_name, w.table_name, $1, $2,"
				 "  CASE WHEN bool_or(d.relid::int8 = ANY ($4)) THEN NOT EXISTS (SELECT FROM selfheal.incident i"
				 "   WHERE i.relid = w.relid AND i.state NOT IN ('healed', 'dismissed')) END"
				 " FROM (SELECT r::oid AS relid FROM unnest($3) r) d"
				 " JOIN selfheal.watched w ON w.relid IN (d.relid, pg_partition_root(d.relid))"
				 " GROUP BY w.relid, w.schema_name, w.table_name RETURNING answered", &args);
	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;

		wake |= !spi_get_bool(i, 1, &isnull) && !isnull;
	}
	if (wake)
		shmem_wake_at_commit();
}

/* Columns that were renamed are still the ones that mappings mean. Inside
 * spi_open. */
static void
follow_columns(void)
{
	uint64		n = spi_exec("SELECT objid, command FROM pg_event_trigger_ddl_commands()"
							 " WHERE classid = 'pg_class'::regclass AND objsubid > 0", NULL);
	SpiRows		rows = spi_keep();

	for (uint64 i = 0; i < n; i++)
	{
		const CollectedCommand *command;
		const RenameStmt *rename;
		bool		isnull;

		spi_use(&rows);
		command = (const CollectedCommand *)
			DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull));
		if (isnull || command->type != SCT_Simple || !IsA(command->parsetree, RenameStmt))
			continue;
		rename = (const RenameStmt *) command->parsetree;
		if (rename->renameType == OBJECT_COLUMN)
			mapping_follow_column(spi_get_oid(i, 1, NULL), rename->subname, rename->newname);
	}
}

/*
 * Open SPI for what follows a command. The command holds its table, a load or
 * the healer may hold rows of ours and want the table: whoever's check for a
 * deadlock comes first has to give way, and that had better not be this, which
 * comes only once. They try again. (Compiling what reads the catalog would take
 * longer than to read it, under the command's locks.)
 */
static void
open_patiently(SpiUser *saved)
{
	spi_open(saved);
	spi_set_local("deadlock_timeout", "10s");
	spi_set_local("jit", "off");
}

static void
after_ddl(void *arg)
{
	char	   *role = GetUserNameFromId(GetUserId(), false);
	SpiUser		saved;

	open_patiently(&saved);
	remember_ddl(role);
	follow_renames();
	follow_swaps();
	follow_columns();
	mapping_follow_tables();
	ordering_follow();
	spi_close(&saved);
}

/*
 * A table or its view is gone: forget the watch. Our stored relations become
 * null where it was the table; the names beside them stay, and so do held rows
 * (their table is gone, not they). Inside spi_open.
 */
static void
forget(Oid relid, const char *schema, const char *table, bool table_gone)
{
	AuditEntry	entry;
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	/* first: the record of them has the table's name from the watch */
	spi_exec("DELETE FROM selfheal.policy WHERE relid = $1", &args);
	if (spi_exec("DELETE FROM selfheal.watched WHERE relid = $1", &args) == 0)
		return;					/* table and view in one command: once */
	if (table_gone)
		repoint(relid, InvalidOid);
	audit_entry(&entry, "unwatched");
	entry.schema_name = schema;
	entry.table_name = table;
	entry.result = table_gone ? "table dropped" : "intake view dropped";
	audit_write(&entry);
}

/* Forget what was dropped. */
static void
after_drop(void *arg)
{
	SpiUser		saved;
	uint64		n;
	SpiRows		rows;

	open_patiently(&saved);
	n = spi_exec("SELECT w.relid::oid, w.schema_name, w.table_name, d.objid = w.relid"
				 " FROM pg_event_trigger_dropped_objects() d"
				 " JOIN selfheal.watched w ON d.objid IN (w.relid, w.intake)"
				 " WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		forget(spi_get_oid(i, 1, NULL),
			   spi_get_text(i, 2, CurrentMemoryContext),
			   spi_get_text(i, 3, CurrentMemoryContext),
			   spi_get_bool(i, 4, NULL));
	}
	ordering_forget();
	spi_close(&saved);
}

/* See the header. */
void
ddl_watch_catch_up(void)
{
	SpiUser		saved;
	uint64		n;
	SpiRows		rows;

	spi_open(&saved);
	n = spi_exec("SELECT w.relid::oid, w.schema_name, w.table_name FROM selfheal.watched w"
				 " WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = w.relid)"
				 " FOR UPDATE SKIP LOCKED", NULL);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		forget(spi_get_oid(i, 1, NULL),
			   spi_get_text(i, 2, CurrentMemoryContext),
			   spi_get_text(i, 3, CurrentMemoryContext), true);
	}
	spi_close(&saved);
}

/* Run one of the above so that its failure cannot fail the user's DDL. */
static void
guarded(SpiBody body, const char *what)
{
	ErrorData  *edata;

	if (resting)
		return;
	/* during our own install script, or DROP EXTENSION, there is no schema */
	if (!OidIsValid(spi_extension_oid(true)) ||
		!OidIsValid(get_relname_relid("watched", get_namespace_oid("selfheal", true))))
		return;
	edata = spi_try(body, NULL);
	if (edata)
		ereport(WARNING,
				(errcode(edata->sqlerrcode),
				 errmsg("selfheal could not follow this %s", what),
				 errdetail("%s", edata->message),
				 errhint("The command itself is not affected. SELECT selfheal.watch('...') again where the intake view is missing.")));
}

Datum
selfheal_ddl_end(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.ddl_end can only be called as an event trigger")));
	guarded(after_ddl, "change");
	PG_RETURN_NULL();
}

Datum
selfheal_ddl_drop(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.ddl_drop can only be called as an event trigger")));
	guarded(after_drop, "drop");
	PG_RETURN_NULL();
}
