/*
 * follow.c
 *	  What is kept of a watched table goes where the table goes (follow.h).
 *
 * After each ALTER the names we keep are compared with the catalog's: that
 * covers RENAME, SET SCHEMA and ALTER SCHEMA RENAME in one way and needs no
 * reading of the command. The intake view goes along with its table.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/event_trigger.h"
#include "nodes/parsenodes.h"
#include "observe/follow.h"
#include "observe/mapping.h"
#include "observe/registry.h"
#include "observe/touched.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "storage/lock.h"
#include "storage/proc.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

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

/* See the header. */
bool
follow_pending(void)
{
	return left_names_lxid == compat_lxid();
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

/* See the header. */
void
follow_renames(const List *relids)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		given;
	uint64		n;
	SpiRows		rows;

	spi_args(&given);
	spi_arg_oids(&given, relids);
	n = spi_exec_kept(&plan, "SELECT w.relid::oid, w.intake::oid, n.nspname, c.relname, w.schema_name, w.table_name"
					  " FROM selfheal.watched w JOIN pg_class c ON c.oid = w.relid"
					  " JOIN pg_namespace n ON n.oid = c.relnamespace"
					  " WHERE w.relid::oid = ANY ($1)"
					  " AND (w.schema_name, w.table_name) IS DISTINCT FROM (n.nspname::text, c.relname::text)", &given);
	rows = spi_keep();
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

/* See the header. States are not touched here; the worker dismisses incidents
 * without a table and plans anew for a table that is not the one a plan was made
 * for. */
void
follow_repoint(Oid from, Oid to)
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

	registry_repoint(from, to);

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
	follow_repoint(left->relid, to);
	watch_relink();
	follow_view(watch.intake, left->schema, left->intake);
	audit_entry(&entry, "watched");
	entry.relid = to;
	entry.result = "moved to the table that took the watched name";
	audit_write(&entry);
}

/* See the header. */
void
follow_swaps(List **tables)
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
		touched_moved(tables, left->relid, now);
	}
}

/* See the header. */
void
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

/* See the header. */
void
follow_renamed(Oid relid)
{
	static SPIPlanPtr plan = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec_kept(&plan, "SELECT FROM selfheal.watched w JOIN pg_class c ON c.oid = w.relid JOIN pg_namespace n ON n.oid = c.relnamespace"
					  " WHERE w.relid = $1 AND (w.schema_name, w.table_name) IS DISTINCT FROM (n.nspname::text, c.relname::text)", &args) > 0)
	{
		spi_set_local("lock_timeout", "500ms");
		follow_renames(list_make1_oid(relid));
		mapping_follow_tables(list_make1_oid(relid));
	}
	spi_close(&saved);
}
