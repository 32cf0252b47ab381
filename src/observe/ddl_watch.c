/*
 * ddl_watch.c
 *	  Follows what is done to watched tables.
 *
 * A command on tables that nobody watches costs one look at what it was about.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/xact.h"
#include "base/compat.h"
#include "base/healing.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/ddl_watch.h"
#include "observe/dropped.h"
#include "observe/expected.h"
#include "observe/follow.h"
#include "observe/mapping.h"
#include "observe/ordering.h"
#include "observe/registry.h"
#include "observe/restore.h"
#include "observe/touched.h"
#include "observe/watch.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
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
PG_FUNCTION_INFO_V1(selfheal_table_rewrite);

static bool resting = false;

/* See the header. */
void
ddl_watch_rest(bool rest)
{
	resting = rest;
}

/* What the command that fired us was: its own text where the client sent more
 * than one with it. */
typedef struct Command
{
	const char *text;
	Node	   *tree;
} Command;

/* Body of a subtransaction: whatever does not parse is told whole. */
static void
own_text(void *arg)
{
	Command    *command = arg;
	List	   *all = raw_parser(command->text, RAW_PARSE_DEFAULT);
	ListCell   *lc;

	foreach(lc, list_length(all) > 1 ? all : NIL)
	{
		const RawStmt *raw = lfirst(lc);
		const char *from = command->text + raw->stmt_location;

		if (!equal(raw->stmt, command->tree))
			continue;
		while (isspace((unsigned char) *from))
			from++;
		command->text = raw->stmt_len > 0 ?
			pnstrdup(from, raw->stmt_len - (from - command->text - raw->stmt_location)) : from;
		return;
	}
}

static const char *
command_text(const EventTriggerData *trigger)
{
	Command		command = {debug_query_string ? debug_query_string : "", trigger->parsetree};
	const char *end = strchr(command.text, ';');

	if (end != NULL && end[1 + strspn(end + 1, " \t\r\n;")] != '\0')
		(void) spi_try(own_text, &command);
	return command.text;
}

/*
 * Keep the command with the watched tables it changed. A person's command may
 * be what incidents of the table wait for: the worker is to look at them again,
 * at those too that it has in hand now, since it may have read the table as it
 * was.
 */
static void
remember_ddl(const char *role, const char *text, List *tables)
{
	static SPIPlanPtr plan = NULL;
	ListCell   *lc;
	bool		wake = false;

	foreach(lc, tables)
	{
		TouchedTable *table = lfirst(lc);
		SpiArgs		args;
		bool		isnull;

		if (table->command != 0)
			continue;			/* kept already */
		spi_args(&args);
		spi_arg_relid(&args, table->relid);
		spi_arg_text(&args, role);
		spi_arg_textn(&args, text, pg_mbcliplen(text, strlen(text), 2000));
		spi_arg_bool(&args, table->helps && !healing_process());
		if (spi_exec_kept(&plan, "INSERT INTO selfheal.ddl (relid, schema_name, table_name, role, statement, answered)"
						  " SELECT w.relid, w.schema_name, w.table_name, $2, $3,"
						  "  CASE WHEN $4 THEN NOT EXISTS (SELECT FROM selfheal.incident i"
						  "   WHERE i.relid = w.relid AND i.state NOT IN ('healed', 'dismissed')) END"
						  " FROM selfheal.watched w WHERE w.relid = $1 RETURNING id, answered", &args) == 0)
			continue;
		table->command = spi_get_int8(0, 1, NULL);
		wake |= !spi_get_bool(0, 2, &isnull) && !isnull;
	}
	if (wake)
		shmem_wake_at_commit();
}

/* Keep the shapes that the tables have now; what a person has broken by it is
 * told at once. */
static void
keep_shapes(const char *role, const List *tables)
{
	const ListCell *lc;

	foreach(lc, tables)
	{
		const TouchedTable *table = lfirst(lc);
		RegistryCause cause = {.command = table->command,.role = role,.healer = healing_process(),
		.plan = healing_plan(),.renamed = table->renamed};
		RegistryEntry *kept = registry_keep(table->relid, &cause);

		if (kept != NULL && !cause.healer)
			expected_changed(table->relid, kept->version, kept->changes, role, table->command);
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

/* Tables that the sql_drop of a command which is not at its end has named. */
static List *parked = NIL;
static LocalTransactionId parked_lxid = InvalidLocalTransactionId;

/* Leave tables to the end of their command. */
static void
park(const List *tables)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	const ListCell *lc;

	if (parked_lxid != compat_lxid())
		parked = NIL;
	parked_lxid = compat_lxid();
	foreach(lc, tables)
	{
		const TouchedTable *table = lfirst(lc);

		(void) touched_add(&parked, table->relid, table->helps);
	}
	MemoryContextSwitchTo(old);
}

/* And take them up again. */
static void
unpark(List **tables)
{
	ListCell   *lc;

	foreach(lc, parked_lxid == compat_lxid() ? parked : NIL)
	{
		const TouchedTable *table = lfirst(lc);

		(void) touched_add(tables, table->relid, table->helps);
	}
	parked = NIL;
}

/*
 * Is it about a table that nobody watches, nor what that consists of? Nearly
 * every command is, and applications make thousands of them an hour: so this is
 * told from the statement, without SQL. What is not certain is looked at.
 */
static bool
is_nobodys(const Node *stmt)
{
	bool		quiet = !follow_pending() && (parked == NIL || parked_lxid != compat_lxid());
	const RangeVar *name;
	Oid			relid;
	Watch		watch;

	switch (nodeTag(stmt))
	{
		case T_CreateStmt:
			name = ((const CreateStmt *) stmt)->relation;
			return name->relpersistence == RELPERSISTENCE_TEMP ||
				(quiet && ((const CreateStmt *) stmt)->inhRelations == NIL);
		case T_CreateTableAsStmt:
			name = ((const CreateTableAsStmt *) stmt)->into->rel;
			return name->relpersistence == RELPERSISTENCE_TEMP || quiet;
		case T_IndexStmt:
			name = ((const IndexStmt *) stmt)->relation;
			break;
		case T_AlterTableStmt:
			name = ((const AlterTableStmt *) stmt)->relation;
			break;
		default:
			return false;
	}
	relid = quiet ? RangeVarGetRelid(name, NoLock, true) : InvalidOid;
	if (!OidIsValid(relid) || (get_rel_relkind(relid) != RELKIND_RELATION &&
							   get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE))
		return false;
	return get_rel_persistence(relid) == RELPERSISTENCE_TEMP ||
		(!get_rel_relispartition(relid) && !has_subclass(relid) &&
		 relid != get_relname_relid("watched", get_namespace_oid("selfheal", true)) && !watch_get(relid, &watch));
}

/* A schema's name stands in the shapes of tables that are not in it, too. */
static bool
renames_schema(const Node *stmt)
{
	return IsA(stmt, RenameStmt) && ((const RenameStmt *) stmt)->renameType == OBJECT_SCHEMA;
}

static void
after_ddl(void *arg)
{
	const EventTriggerData *trigger = arg;
	char	   *role = GetUserNameFromId(GetUserId(), false);
	Touched		touched;
	SpiUser		saved;

	open_patiently(&saved);
	touched = touched_by_command(renames_schema(trigger->parsetree));
	unpark(&touched.tables);
	restore_see_ddl(&touched);
	if (touched.tables != NIL || follow_pending())
	{
		List	   *oids;

		remember_ddl(role, command_text(trigger), touched.tables);
		follow_renames(touched_oids(touched.tables));
		follow_swaps(&touched.tables);
		remember_ddl(role, command_text(trigger), touched.tables);
		follow_columns();
		oids = touched_oids(touched.tables);
		mapping_follow_tables(oids);
		ordering_follow(oids);
		keep_shapes(role, touched.tables);
	}
	spi_close(&saved);
}

/*
 * A table or its view is gone: forget the watch. Our stored relations become
 * null where it was the table; the names beside them stay, and so do held rows
 * (their table is gone, not they). Inside spi_open.
 */
static void
forget(Oid relid, const char *schema, const char *table, bool table_gone, const RegistryCause *cause)
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
	{
		registry_gone(relid, schema, table, cause);
		follow_repoint(relid, InvalidOid);
	}
	audit_entry(&entry, "unwatched");
	entry.schema_name = schema;
	entry.table_name = table;
	entry.result = table_gone ? "table dropped" : "intake view dropped";
	audit_write(&entry);
}

/* Has the command an end of its own at which it is looked at again? */
static bool
ends_later(CommandTag tag)
{
	return tag == CMDTAG_ALTER_TABLE || tag == CMDTAG_ALTER_FOREIGN_TABLE ||
		tag == CMDTAG_ALTER_DOMAIN || tag == CMDTAG_ALTER_TYPE;
}

/* The command that dropped a watched table: selfheal.ddl names no table then. */
static int64
remember_drop(const char *role, const char *text, const char *schema, const char *table)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, table);
	spi_arg_text(&args, role);
	spi_arg_textn(&args, text, pg_mbcliplen(text, strlen(text), 2000));
	spi_exec("INSERT INTO selfheal.ddl (schema_name, table_name, role, statement) VALUES ($1, $2, $3, $4) RETURNING id", &args);
	return spi_get_int8(0, 1, NULL);
}

/* May a watched table, or an intake view, be among what is gone? */
static bool
may_end_watch(const List *dropped)
{
	const ListCell *lc;
	Watch		watch;

	foreach(lc, dropped)
	{
		const Dropped *d = lfirst(lc);

		if (d->gone && (d->view || watch_get(d->relid, &watch)))
			return true;
	}
	return !dropped_noted();
}

/*
 * The watches that end: relid, names, and whether the table is gone or the view
 * alone. Inside spi_open.
 */
static uint64
ended_watches(const List *dropped)
{
	static SPIPlanPtr plan = NULL;
	List	   *oids = NIL;
	const ListCell *lc;
	SpiArgs		args;

	foreach(lc, dropped)
	{
		const Dropped *d = lfirst(lc);

		if (d->gone && get_rel_relkind(d->relid) == '\0')
			oids = lappend_oid(oids, d->relid);
	}
	spi_args(&args);
	if (dropped_noted())
		spi_arg_oids(&args, oids);
	else
		spi_arg_null(&args, OIDARRAYOID);
	return spi_exec_kept(&plan, "WITH gone (oid) AS MATERIALIZED (SELECT unnest(coalesce($1, ARRAY("
						 "  SELECT d.objid FROM pg_event_trigger_dropped_objects() d WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0))))"
						 " SELECT w.relid::oid, w.schema_name, w.table_name, true FROM gone g JOIN selfheal.watched w ON w.relid = g.oid"
						 " UNION ALL SELECT w.relid::oid, w.schema_name, w.table_name, false FROM gone g JOIN selfheal.watched w ON w.intake = g.oid"
						 "  WHERE NOT EXISTS (SELECT FROM gone o WHERE o.oid = w.relid)", &args);
}

/*
 * Forget what was dropped, and keep the shapes of what lost something. Where
 * that is nothing that is watched, no SQL is run to find it out: applications
 * make and drop tables all day.
 */
static void
after_drop(void *arg)
{
	const EventTriggerData *trigger = arg;
	RegistryCause cause = {.role = GetUserNameFromId(GetUserId(), false),.healer = healing_process(),
	.plan = healing_plan()};
	List	   *dropped = dropped_take();
	List	   *tables = touched_by_drop(dropped);
	SpiUser		saved;
	uint64		n;
	SpiRows		rows;

	if (tables == NIL && !may_end_watch(dropped))
		return;
	open_patiently(&saved);
	n = ended_watches(dropped);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid;
		char	   *schema;
		char	   *table;
		bool		gone;

		spi_use(&rows);
		relid = spi_get_oid(i, 1, NULL);
		schema = spi_get_text(i, 2, CurrentMemoryContext);
		table = spi_get_text(i, 3, CurrentMemoryContext);
		gone = spi_get_bool(i, 4, NULL);
		if (gone)
			cause.command = remember_drop(cause.role, command_text(trigger), schema, table);
		forget(relid, schema, table, gone, &cause);
	}
	if (tables != NIL || n > 0)
		ordering_forget(touched_oids(tables));
	if (ends_later(trigger->tag))
		park(tables);
	else if (tables != NIL)
	{
		remember_ddl(cause.role, command_text(trigger), tables);
		keep_shapes(cause.role, tables);
	}
	spi_close(&saved);
}

/* See the header. */
void
ddl_watch_catch_up(void)
{
	RegistryCause unseen = {0};
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
			   spi_get_text(i, 3, CurrentMemoryContext), true, &unseen);
	}
	spi_close(&saved);
}

/* Run one of the above so that its failure cannot fail the user's DDL. */
static void
guarded(SpiBody body, FunctionCallInfo fcinfo, const char *what)
{
	ErrorData  *edata;

	if (resting || IsBinaryUpgrade)
		return;
	/* during our own install script, or DROP EXTENSION, there is no schema */
	if (!OidIsValid(spi_extension_oid(true)) ||
		!OidIsValid(get_relname_relid("watched", get_namespace_oid("selfheal", true))))
		return;
	if (body == after_ddl && is_nobodys(((const EventTriggerData *) fcinfo->context)->parsetree))
		return;
	edata = spi_try(body, fcinfo->context);
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
	guarded(after_ddl, fcinfo, "change");
	PG_RETURN_NULL();
}

Datum
selfheal_ddl_drop(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.ddl_drop can only be called as an event trigger")));
	guarded(after_drop, fcinfo, "drop");
	PG_RETURN_NULL();
}

/*
 * A table gets new files. What a person does is his; what we do was foreseen,
 * weighed and, where policy says so, approved as what it is: nothing else runs.
 */
Datum
selfheal_table_rewrite(PG_FUNCTION_ARGS)
{
	Oid			relid = InvalidOid;
	SpiUser		saved;

	if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("selfheal.table_rewrite can only be called as an event trigger")));
	if (resting || !healing_process() || healing_rewrites())
		PG_RETURN_NULL();
	spi_open(&saved);
	if (spi_exec("SELECT pg_event_trigger_table_rewrite_oid()", NULL) > 0)
		relid = spi_get_oid(0, 1, NULL);
	spi_close(&saved);
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("table %s would be rewritten, which plan " INT64_FORMAT " did not announce",
					quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)), get_rel_name(relid)),
					healing_plan()),
			 errhint("Nothing was changed. Look at what else runs with an ALTER TABLE: other event triggers, for one.")));
	PG_RETURN_NULL();
}
