/*
 * remote.c
 *	  What the other side of a foreign table says of its columns.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "foreign/foreign.h"
#include "miscadmin.h"
#include "observe/remote.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

#define REMOTE_SCHEMA "selfheal_sandbox"

/* One comparison, as spi_trial's argument. */
typedef struct Comparison
{
	Oid			relid;
	Oid			userid;			/* who asks */
	MemoryContext cxt;			/* of the result */
	char	   *differences;	/* NULL: none */
} Comparison;

/* Digits before and after the point; no limit is more than any. */
static void
numeric_digits(int32 typmod, int *whole, int *fraction)
{
	int32		bits = typmod - (int32) VARHDRSZ;

	*whole = *fraction = INT_MAX;
	if (typmod < 0)
		return;
	/* 11 bits for the scale, signed (numeric.c) */
	*fraction = ((bits & 0x7ff) ^ 1024) - 1024;
	*whole = ((bits >> 16) & 0xffff) - *fraction;
}

/* Does the type there keep every value that the type here takes? */
static bool
keeps(Oid here, int32 heremod, Oid there, int32 theremod)
{
	int			whole[2];
	int			fraction[2];

	if (here != there)
		return (here == INT2OID && (there == INT4OID || there == INT8OID)) ||
			(here == INT4OID && there == INT8OID) ||
			(here == FLOAT4OID && there == FLOAT8OID) ||
			(here == VARCHAROID && there == TEXTOID) ||
			(here == TEXTOID && there == VARCHAROID && theremod < 0);
	if (heremod == theremod || theremod < 0)
		return true;
	switch (here)
	{
		case NUMERICOID:
			numeric_digits(heremod, &whole[0], &fraction[0]);
			numeric_digits(theremod, &whole[1], &fraction[1]);
			return whole[1] >= whole[0] && fraction[1] >= fraction[0];
		case VARCHAROID:
			return heremod >= 0 && theremod >= heremod;
		case TIMEOID:
		case TIMETZOID:
		case TIMESTAMPOID:
		case TIMESTAMPTZOID:
			return theremod >= (heremod < 0 ? 6 : heremod);
		default:
			return false;
	}
}

/* A text option of a foreign table, or what stands for it when not given. */
static char *
option(const ForeignTable *table, const char *name, char *otherwise)
{
	ListCell   *lc;

	foreach(lc, table->options)
	{
		DefElem    *def = lfirst(lc);

		if (strcmp(def->defname, name) == 0)
			return defGetString(def);
	}
	return otherwise;
}

/* Note a column that differs. */
static void
note_difference(Comparison *c, const char *column, const char *here, const char *there)
{
	MemoryContext old = MemoryContextSwitchTo(c->cxt);

	c->differences = psprintf("%s%s%s is %s here and %s there",
							  c->differences ? c->differences : "",
							  c->differences ? "; " : "",
							  quote_identifier(column), here, there);
	MemoryContextSwitchTo(old);
}

/* Compare what was imported with what is declared; inside SPI. A column that
 * the other side alone has is its own business. */
static void
compare_columns(Comparison *c, const char *imported)
{
	SpiArgs		args;
	uint64		n;

	spi_args(&args);
	spi_arg_relid(&args, c->relid);
	spi_arg_text(&args, imported);
	n = spi_exec("SELECT h.attname, h.atttypid, h.atttypmod::bigint, t.atttypid, t.atttypmod::bigint,"
				 " format_type(h.atttypid, h.atttypmod), format_type(t.atttypid, t.atttypmod)"
				 " FROM pg_attribute h LEFT JOIN pg_attribute t"
				 " ON t.attrelid = $2::regclass AND t.attnum > 0 AND NOT t.attisdropped AND t.attname = coalesce("
				 "  (SELECT option_value FROM pg_options_to_table(h.attfdwoptions) WHERE option_name = 'column_name'), h.attname)"
				 " WHERE h.attrelid = $1 AND h.attnum > 0 AND NOT h.attisdropped AND h.attgenerated = ''"
				 " ORDER BY h.attnum", &args);
	for (uint64 i = 0; i < n; i++)
	{
		bool		missing;
		Oid			there = spi_get_oid(i, 4, &missing);

		if (missing || !keeps(spi_get_oid(i, 2, NULL), (int32) spi_get_int8(i, 3, NULL),
							  there, (int32) spi_get_int8(i, 5, NULL)))
			note_difference(c, spi_get_text(i, 1, CurrentMemoryContext),
							spi_get_text(i, 6, CurrentMemoryContext),
							missing ? "missing" : spi_get_text(i, 7, CurrentMemoryContext));
	}
}

/*
 * Body of the trial. The import runs as who asks, by his user mapping and with
 * no right but his; only the sandbox is opened for him.
 */
static void
compare(void *arg)
{
	Comparison *c = arg;
	ForeignTable *table = GetForeignTable(c->relid);
	char	   *remote_schema = option(table, "schema_name",
									   get_namespace_name(get_rel_namespace(c->relid)));
	char	   *remote_table = option(table, "table_name", get_rel_name(c->relid));
	SpiUser		saved;
	SpiUser		asks;

	spi_open(&saved);
	if (!superuser_arg(c->userid))
		spi_exec(psprintf("GRANT USAGE, CREATE ON SCHEMA " REMOTE_SCHEMA " TO %s",
						  quote_identifier(GetUserNameFromId(c->userid, false))), NULL);
	spi_become(&asks, c->userid,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	spi_exec(psprintf("IMPORT FOREIGN SCHEMA %s LIMIT TO (%s) FROM SERVER %s INTO " REMOTE_SCHEMA
					  " OPTIONS (import_collate 'false', import_not_null 'false')",
					  quote_identifier(remote_schema), quote_identifier(remote_table),
					  quote_identifier(GetForeignServer(table->serverid)->servername)), NULL);
	spi_resume(&asks);
	if (!OidIsValid(get_relname_relid(remote_table, get_namespace_oid(REMOTE_SCHEMA, false))))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("the server shows no table %s",
						quote_qualified_identifier(remote_schema, remote_table))));
	compare_columns(c, quote_qualified_identifier(REMOTE_SCHEMA, remote_table));
	spi_close(&saved);
}

/* Compare one foreign table with its server; NULL or what went wrong. The
 * trial is over when a server that is out of reach has thrown. */
static char *
try_comparison(Comparison *c)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile edata = NULL;

	PG_TRY();
	{
		edata = spi_trial(compare, c);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) != ERRCODE_CONNECTION_EXCEPTION)
			PG_RE_THROW();
		FlushErrorState();
	}
	PG_END_TRY();
	return edata ? edata->message : NULL;
}

static void
warn_of_one(Oid relid)
{
	Comparison	c = {.relid = relid,.userid = GetUserId(),.cxt = CurrentMemoryContext};
	ForeignServer *server = GetForeignServer(GetForeignTable(relid)->serverid);
	char	   *name = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												  get_rel_name(relid));
	char	   *failure;

	if (strcmp(GetForeignDataWrapper(server->fdwid)->fdwname, "postgres_fdw") != 0)
		return;
	failure = try_comparison(&c);
	if (failure)
		ereport(WARNING,
				(errmsg("the columns of foreign table %s could not be compared with those on its server",
						name),
				 errdetail("%s", failure),
				 errhint("Where the two differ, a value that fits here may be rounded or cut there unseen.")));
	else if (c.differences)
		ereport(WARNING,
				(errmsg("foreign table %s is declared otherwise than on its server", name),
				 errdetail("Column %s.", c.differences),
				 errhint("A value that fits here may be rounded or cut there unseen: declare the types that the server has.")));
}

/*
 * A foreign table takes rows only if its wrapper can write, and is allowed to
 * (postgres_fdw's option updatable). Asking reaches out to no server.
 */
static void
check_insertable(Oid relid)
{
	int			events;

	if (get_rel_relkind(relid) != RELKIND_FOREIGN_TABLE)
		return;
	events = DatumGetInt32(DirectFunctionCall2(pg_relation_is_updatable,
											   ObjectIdGetDatum(relid),
											   BoolGetDatum(false)));
	if ((events & (1 << CMD_INSERT)) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("foreign table %s takes no rows",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid))),
				 errhint("Its foreign-data wrapper cannot insert, or an option (updatable) says that it must not.")));
}

/* See the header. */
void
remote_check(Oid relid)
{
	ListCell   *lc;
	List	   *members = get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE ?
	find_all_inheritors(relid, NoLock, NULL) : list_make1_oid(relid);

	check_insertable(relid);
	foreach(lc, members)
	{
		CHECK_FOR_INTERRUPTS();
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_FOREIGN_TABLE)
			warn_of_one(lfirst_oid(lc));
	}
}
