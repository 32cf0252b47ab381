/*
 * refused.c
 *	  What inserts have refused held rows for.
 */
#include "postgres.h"

#include "base/spi.h"
#include "mb/pg_wchar.h"
#include "orient/refused.h"

/* A message is as long as who raises it likes. */
#define SAID_MAX 300

/* Columns of a domain that are named. */
#define SAID_COLUMNS "10"

static int
sqlstate_of(const char *text)
{
	if (text == NULL || strlen(text) != 5)
		return 0;
	return MAKE_SQLSTATE(text[0], text[1], text[2], text[3], text[4]);
}

/* See the header. */
List *
refused_read(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	List	   *result = NIL;
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	n = spi_exec("SELECT i.id, i.class, i.column_name, e.sqlstate, e.context ->> 'schema', e.context ->> 'table',"
				 " e.context ->> 'constraint', e.context ->> 'datatype',"
				 " (array_agg(e.message ORDER BY e.id DESC))[1], (array_agg(e.detail ORDER BY e.id DESC))[1], sum(e.rows)::int8,"
				 " CASE WHEN e.door = 'apply' THEN e.need END, e.door = 'watch' OR (e.door = 'statement' AND e.load IS NULL),"
				 " coalesce(max(substring(e.need from '^varchar\\(([0-9]{1,9})\\)$')::int8) FILTER (WHERE e.door = 'statement' AND e.load IS NULL), 0)"
				 " FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
				 " WHERE i.relid = $1 AND i.state NOT IN ('healed', 'dismissed')"
				 " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 12, 13 ORDER BY max(e.id) LIMIT 1000", &args);
	for (uint64 i = 0; i < n; i++)
	{
		FitClass	class = fit_class_from_name(spi_get_text(i, 2, CurrentMemoryContext));
		MemoryContext old;
		Refused    *refused;
		char	   *need = spi_get_text(i, 12, cxt);
		bool		foreseen;

		foreseen = spi_get_bool(i, 13, NULL);
		if (class < FIT_UNIQUE && need == NULL && !foreseen)
			continue;
		refused = MemoryContextAllocZero(cxt, sizeof(Refused));
		refused->need = need;
		refused->incident = spi_get_int8(i, 1, NULL);
		refused->class = class;
		refused->column = spi_get_text(i, 3, cxt);
		refused->sqlstate = sqlstate_of(spi_get_text(i, 4, CurrentMemoryContext));
		refused->schema = spi_get_text(i, 5, cxt);
		refused->table = spi_get_text(i, 6, cxt);
		refused->constraint = spi_get_text(i, 7, cxt);
		refused->datatype = spi_get_text(i, 8, cxt);
		refused->message = spi_get_text(i, 9, cxt);
		refused->detail = spi_get_text(i, 10, cxt);
		refused->seen = spi_get_int8(i, 11, NULL);
		refused->foreseen = foreseen;
		refused->longest = (int) spi_get_int8(i, 14, NULL);
		old = MemoryContextSwitchTo(cxt);
		result = lappend(result, refused);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}

/*
 * Which columns are of a domain, or of a type that is made of it? Partitions
 * are their root's. NULL when it is gone.
 */
static char *
domain_columns(const char *schema, const char *name)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, name);
	spi_exec("WITH RECURSIVE types (type) AS ("
			 "  SELECT t.oid FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace"
			 "   WHERE n.nspname = $1 AND t.typname = $2"
			 "  UNION SELECT o.type FROM types y, LATERAL ("
			 "   SELECT t.oid AS type FROM pg_type t WHERE t.typbasetype = y.type OR (t.typelem = y.type AND t.typlen = -1)"
			 "   UNION ALL SELECT c.reltype FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'c'"
			 "    WHERE a.atttypid = y.type AND NOT a.attisdropped) o),"
			 " columns AS ("
			 "  SELECT format('%I.%I.%I', n.nspname, c.relname, a.attname) AS name FROM types y"
			 "  JOIN pg_attribute a ON a.atttypid = y.type AND a.attnum > 0 AND NOT a.attisdropped"
			 "  JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition"
			 "  JOIN pg_namespace n ON n.oid = c.relnamespace)"
			 " SELECT string_agg(name, ', ' ORDER BY name) FILTER (WHERE at <= " SAID_COLUMNS ")"
			 "  || CASE WHEN count(*) > " SAID_COLUMNS " THEN format(' and %s more', count(*) - " SAID_COLUMNS ") ELSE '' END"
			 " FROM (SELECT name, row_number() OVER (ORDER BY name) AS at FROM columns) c", &args);
	return spi_get_text(0, 1, CurrentMemoryContext);
}

/* See the header. */
char *
refused_said(int64 incident)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *said = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, incident);
	if (spi_exec("SELECT message, context ->> 'schema', context ->> 'datatype' FROM selfheal.error"
				 " WHERE incident = $1 AND message <> '' ORDER BY id DESC LIMIT 1", &args) > 0)
	{
		char	   *message = spi_get_text(0, 1, CurrentMemoryContext);
		char	   *schema = spi_get_text(0, 2, CurrentMemoryContext);
		char	   *datatype = spi_get_text(0, 3, CurrentMemoryContext);
		char	   *columns = schema && datatype ? domain_columns(schema, datatype) : NULL;
		int			clipped = pg_mbcliplen(message, strlen(message), SAID_MAX);
		char	   *text = psprintf("%.*s%s%s%s", clipped, message,
									message[clipped] != '\0' ? "..." : "",
									columns ? "; columns of this domain: " : "", columns ? columns : "");

		said = MemoryContextStrdup(cxt, text);
	}
	spi_close(&saved);
	return said;
}
