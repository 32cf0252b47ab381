/*
 * ordering.c
 *	  The ordering key of a watched table: which columns make it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "nodes/parsenodes.h"
#include "observe/capture.h"
#include "observe/intake.h"
#include "observe/orderkey.h"
#include "observe/ordering.h"
#include "record/audit.h"
#include "tcop/deparse_utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* As many columns as an index may have. */
#define ORDERING_COLUMNS INDEX_MAX_KEYS

/* See the header. */
List *
ordering_columns(Datum array)
{
	Datum	   *names;
	bool	   *nulls;
	int			n;
	List	   *result = NIL;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &names, &nulls, &n);
	for (int i = 0; i < n; i++)
		result = lappend(result, TextDatumGetCString(names[i]));
	return result;
}

/* A list of names as people write it. */
static char *
words(const List *columns)
{
	StringInfoData text;
	const ListCell *lc;

	initStringInfo(&text);
	foreach(lc, columns)
		appendStringInfo(&text, "%s%s", text.len ? ", " : "", quote_identifier(lfirst(lc)));
	return text.len ? text.data : pstrdup("none");
}

/* Raise unless a column can be part of a key. */
static void
check_column(Oid relid, const char *name)
{
	HeapTuple	tup = SearchSysCacheAttName(relid, name);
	Form_pg_attribute att;

	if (!HeapTupleIsValid(tup) || ((Form_pg_attribute) GETSTRUCT(tup))->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", name, get_rel_name(relid)),
				 errhint("An ordering key is a column of the table, or several: 'region, customer_id'.")));
	att = (Form_pg_attribute) GETSTRUCT(tup);
	if (att->attgenerated != '\0' || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("column \"%s\" cannot be an ordering key", name),
				 errdetail("The database computes it, so that no payload says it."),
				 errhint("Name a column whose value the producers send.")));
	if (!orderkey_tells(att->atttypid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("column \"%s\" of type %s cannot be an ordering key", name,
						format_type_be(att->atttypid)),
				 errdetail("The type has no equality that hashes."),
				 errhint("Name a column of a number, text, uuid, date or the like.")));
	ReleaseSysCache(tup);
}

/* The columns that a text names, checked. */
static List *
parse(Oid relid, const char *text)
{
	List	   *names = NIL;
	List	   *result = NIL;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(text), ',', &names) ||
		list_length(names) > ORDERING_COLUMNS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("invalid ordering_key \"%s\"", text),
				 errhint("Give a column, or up to %d with commas between: 'region, \"Customer\"'; '' for none.",
						 ORDERING_COLUMNS)));
	foreach(lc, names)
	{
		ListCell   *other;

		check_column(relid, lfirst(lc));
		foreach(other, result)
		{
			if (strcmp(lfirst(other), lfirst(lc)) == 0)
				ereport(ERROR,
						(errcode(ERRCODE_DUPLICATE_COLUMN),
						 errmsg("column \"%s\" stands twice in ordering_key", (char *) lfirst(lc)),
						 errhint("Once is enough.")));
		}
		result = lappend(result, lfirst(lc));
	}
	return result;
}

static Datum
as_array(const List *columns)
{
	Datum	   *names = palloc(sizeof(Datum) * Max(list_length(columns), 1));
	int			n = 0;
	const ListCell *lc;

	foreach(lc, columns)
		names[n++] = CStringGetTextDatum(lfirst(lc));
	return PointerGetDatum(construct_array(names, n, TEXTOID, -1, false, TYPALIGN_INT));
}

/*
 * Held rows of the table have no place any more. Those that waited for others
 * get a reason of their own, and are tried at once; what comes of it tells.
 */
static void
lose_places(Oid relid)
{
	int64		error = capture_next_id();
	CaptureRow	row;
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("UPDATE selfheal.quarantine SET ordering_hash = NULL, ordering_key = NULL"
			 " WHERE relid = $1 AND ordering_hash IS NOT NULL", &args);
	spi_arg_int8(&args, error);
	n = spi_exec("UPDATE selfheal.quarantine SET error = $2, bulk = false WHERE relid = $1 AND error IN"
				 " (SELECT e.id FROM selfheal.error e WHERE e.relid = $1 AND e.class = 'awaiting_order')", &args);
	if (n == 0)
		return;
	capture_row_init(&row);
	capture_set(&row, CAPTURE_ID, Int64GetDatum(error));
	capture_set_who(&row, relid);
	capture_set_text(&row, CAPTURE_DOOR, "replay");
	capture_set_text(&row, CAPTURE_CLASS, fit_class_name(FIT_RETRY));
	capture_set(&row, CAPTURE_ROWS, Int64GetDatum((int64) n));
	capture_set_text(&row, CAPTURE_MESSAGE, "the ordering key of its table was changed");
	capture_append(&row);
}

static void
record(Oid relid, const char *result)
{
	AuditEntry	entry;

	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.result = result;
	audit_write(&entry);
}

/* See the header. A load that runs still knows the old key, and would hold
 * rows by it. */
void
ordering_set(Oid relid, const char *text, const List *before)
{
	List	   *columns = parse(relid, text);
	char	   *was = words(before);
	char	   *now = words(columns);
	SpiUser		saved;
	SpiArgs		args;

	if (strcmp(was, now) == 0)
		return;
	intake_gate(relid, true);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (columns != NIL)
	{
		args.types[args.n] = TEXTARRAYOID;
		args.values[args.n] = as_array(columns);
		args.nulls[args.n++] = ' ';
	}
	else
		spi_arg_null(&args, TEXTARRAYOID);
	spi_exec("UPDATE selfheal.watched SET ordering_key = $2 WHERE relid = $1", &args);
	lose_places(relid);
	spi_close(&saved);
	record(relid, psprintf("ordering_key %s, was %s", now, was));
	shmem_wake_at_commit();
}

/* Columns of tables that the command renamed. */
typedef struct Renamed
{
	List	   *relids;			/* with those below them */
	char	   *from;
	char	   *to;
} Renamed;

/* Read them; inside spi_open. */
static List *
read_renamed(void)
{
	uint64		n = spi_exec("SELECT d.objid, d.command FROM pg_event_trigger_ddl_commands() d"
							 " WHERE d.classid = 'pg_class'::regclass AND d.objsubid > 0", NULL);
	List	   *result = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		const CollectedCommand *command =
		(const CollectedCommand *) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i],
																 SPI_tuptable->tupdesc, 2, &isnull));
		const RenameStmt *stmt;
		Renamed    *renamed;

		if (isnull || command->type != SCT_Simple || !IsA(command->parsetree, RenameStmt))
			continue;
		stmt = (const RenameStmt *) command->parsetree;
		if (stmt->renameType != OBJECT_COLUMN)
			continue;
		renamed = palloc(sizeof(Renamed));
		renamed->relids = find_all_inheritors(spi_get_oid(i, 1, NULL), NoLock, NULL);
		renamed->from = pstrdup(stmt->subname);
		renamed->to = pstrdup(stmt->newname);
		result = lappend(result, renamed);
	}
	return result;
}

/* Follow columns that were renamed. */
static void
follow_names(void)
{
	ListCell   *lc;

	foreach(lc, read_renamed())
	{
		const Renamed *renamed = lfirst(lc);
		SpiArgs		args;

		spi_args(&args);
		spi_arg_oids(&args, renamed->relids);
		spi_arg_text(&args, renamed->from);
		spi_arg_text(&args, renamed->to);
		spi_exec("UPDATE selfheal.watched SET ordering_key = array_replace(ordering_key, $2, $3)"
				 " WHERE relid::oid = ANY ($1) AND $2 = ANY (ordering_key)", &args);
	}
}

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/*
 * A type that tells no equality any more ends the order of its table: nobody
 * could say which rows belong to one key. Whoever did that is told at once.
 */
static void
end_untold(const List *relids)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		given;
	SpiRows		rows;
	uint64		n;
	Oid			last = InvalidOid;

	spi_args(&given);
	spi_arg_oids(&given, relids);
	n = spi_exec_kept(&plan, "SELECT w.relid::oid, a.attname, a.atttypid, format_type(a.atttypid, NULL) FROM selfheal.watched w"
					  " JOIN pg_attribute a ON a.attrelid = w.relid AND a.attname = ANY (w.ordering_key)"
					  " WHERE w.relid::oid = ANY ($1) AND w.ordering_key IS NOT NULL ORDER BY a.attrelid, a.attnum", &given);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		SpiArgs		args;
		Oid			relid;
		char	   *name;
		char	   *type;

		spi_use(&rows);
		relid = spi_get_oid(i, 1, NULL);
		if (relid == last || orderkey_tells(spi_get_oid(i, 3, NULL)))
			continue;
		last = relid;
		name = spi_get_text(i, 2, CurrentMemoryContext);
		type = spi_get_text(i, 4, CurrentMemoryContext);
		spi_args(&args);
		spi_arg_relid(&args, relid);
		spi_exec("UPDATE selfheal.watched SET ordering_key = NULL WHERE relid = $1", &args);
		lose_places(relid);
		record(relid, psprintf("ordering_key none: type %s of column %s has no equality that hashes",
							   type, quote_identifier(name)));
		ereport(WARNING,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("rows of table %s are stored in no order any more", table_name(relid)),
				 errdetail("Column \"%s\" of its ordering key is of type %s now, which has no equality that hashes.",
						   name, type),
				 errhint("Name another key with selfheal.watch(%s, ordering_key => ...).",
						 quote_literal_cstr(table_name(relid)))));
		shmem_wake_at_commit();
	}
}

/* Tables of which the command has given columns another type: oids as text
 * with the names of these columns. */
static List *
read_retyped(void)
{
	uint64		n = spi_exec("SELECT d.objid, d.command FROM pg_event_trigger_ddl_commands() d"
							 " WHERE d.classid = 'pg_class'::regclass", NULL);
	List	   *result = NIL;

	for (uint64 i = 0; i < n; i++)
	{
		bool		isnull;
		const CollectedCommand *command =
		(const CollectedCommand *) DatumGetPointer(SPI_getbinval(SPI_tuptable->vals[i],
																 SPI_tuptable->tupdesc, 2, &isnull));
		ListCell   *lc;

		if (isnull || command->type != SCT_AlterTable)
			continue;
		foreach(lc, command->d.alterTable.subcmds)
		{
			const AlterTableCmd *sub = (const AlterTableCmd *) ((const CollectedATSubcmd *) lfirst(lc))->parsetree;
			Renamed    *retyped;

			if (!IsA(sub, AlterTableCmd) || sub->subtype != AT_AlterColumnType)
				continue;
			retyped = palloc0(sizeof(Renamed));
			retyped->relids = find_all_inheritors(command->d.alterTable.objectId, NoLock, NULL);
			retyped->from = pstrdup(sub->name);
			result = lappend(result, retyped);
		}
	}
	return result;
}

/* Does the table hold rows whose keys are hashed in another way than those of
 * rows to come? Of keys of several columns we cannot tell. */
static bool
holds_others(Oid relid, bool single, bool as_written)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_bool(&args, single && as_written);
	return spi_exec("SELECT FROM (SELECT q.ordering_key, q.ordering_hash FROM selfheal.quarantine q"
					"  WHERE q.relid = $1 AND q.ordering_hash IS NOT NULL LIMIT 1000) q"
					" WHERE NOT $2 OR hashtextextended(q.ordering_key COLLATE \"C\", 0) <> q.ordering_hash LIMIT 1",
					&args) > 0;
}

/* Held rows have their places by the keys that they were held with. When these
 * are told in another way now, rows to come do not find them: say so. */
static void
tell_retyped(void)
{
	ListCell   *lc;

	foreach(lc, read_retyped())
	{
		const Renamed *retyped = lfirst(lc);
		SpiArgs		args;
		SpiRows		rows;
		uint64		n;

		spi_args(&args);
		spi_arg_oids(&args, retyped->relids);
		spi_arg_text(&args, retyped->from);
		n = spi_exec("SELECT w.relid::oid, cardinality(w.ordering_key) = 1, a.atttypid, a.attcollation FROM selfheal.watched w"
					 " JOIN pg_attribute a ON a.attrelid = w.relid AND a.attname = $2"
					 " WHERE w.relid::oid = ANY ($1) AND $2 = ANY (w.ordering_key)", &args);
		rows = spi_keep();
		for (uint64 i = 0; i < n; i++)
		{
			Oid			relid;

			spi_use(&rows);
			relid = spi_get_oid(i, 1, NULL);
			if (!holds_others(relid, spi_get_bool(i, 2, NULL),
							  orderkey_as_written(spi_get_oid(i, 3, NULL), spi_get_oid(i, 4, NULL))))
				continue;
			record(relid, psprintf("type of column %s of ordering_key changed: held rows have old places",
								   quote_identifier(retyped->from)));
			ereport(WARNING,
					(errmsg("held rows of table %s have their places by the old type of its ordering key",
							table_name(relid)),
					 errdetail("Until they are tried again, rows of their keys may pass them."),
					 errhint("The healer tries them when this is committed, unless it may not; selfheal.replay(%s) does at once.",
							 quote_literal_cstr(table_name(relid)))));
		}
	}
}

/* See the header. */
void
ordering_follow(const List *relids)
{
	follow_names();
	end_untold(relids);
	tell_retyped();
}

/* See the header. */
void
ordering_forget(const List *relids)
{
	uint64		n = spi_exec("UPDATE selfheal.watched w SET ordering_key = NULL"
							 " FROM (SELECT d.objid, min(d.address_names[3]) AS name FROM pg_event_trigger_dropped_objects() d"
							 "  JOIN selfheal.watched v ON d.objid = v.relid AND d.objsubid > 0"
							 "   AND d.classid = 'pg_class'::regclass AND d.address_names[3] = ANY (v.ordering_key)"
							 "  GROUP BY d.objid) x"
							 " WHERE w.relid = x.objid RETURNING w.relid::oid, x.name", NULL);
	SpiRows		rows = spi_keep();

	for (uint64 i = 0; i < n; i++)
	{
		Oid			relid;
		char	   *name;

		spi_use(&rows);
		relid = spi_get_oid(i, 1, NULL);
		name = spi_get_text(i, 2, CurrentMemoryContext);
		lose_places(relid);
		record(relid, psprintf("ordering_key none: column %s was dropped", quote_identifier(name)));
	}
	if (n > 0)
		shmem_wake_at_commit();
	end_untold(relids);
}
