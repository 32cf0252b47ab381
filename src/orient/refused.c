/*
 * refused.c
 *	  What inserts have refused held rows for.
 */
#include "postgres.h"

#include "base/spi.h"
#include "orient/refused.h"

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
				 " CASE WHEN e.door = 'apply' THEN e.need END, e.door = 'watch'"
				 " FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
				 " WHERE i.relid = $1 AND i.state NOT IN ('healed', 'dismissed')"
				 " GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 12, 13 ORDER BY max(e.id) LIMIT 1000", &args);
	for (uint64 i = 0; i < n; i++)
	{
		FitClass	class = fit_class_from_name(spi_get_text(i, 2, CurrentMemoryContext));
		MemoryContext old;
		Refused    *refused;
		char	   *need = spi_get_text(i, 12, cxt);

		if (class < FIT_UNIQUE && need == NULL)
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
		refused->foreseen = spi_get_bool(i, 13, NULL);
		old = MemoryContextSwitchTo(cxt);
		result = lappend(result, refused);
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	return result;
}
