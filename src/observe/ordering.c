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
#include "observe/ordering.h"
#include "record/audit.h"
#include "tcop/deparse_utility.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/typcache.h"
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
	TypeCacheEntry *type;

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
	type = lookup_type_cache(getBaseType(att->atttypid),
							 TYPECACHE_HASH_EXTENDED_PROC | TYPECACHE_EQ_OPR);
	if (!OidIsValid(type->hash_extended_proc) || !OidIsValid(type->eq_opr))
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

/* See the header. */
void
ordering_follow(void)
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

/* See the header. */
void
ordering_forget(void)
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
}
