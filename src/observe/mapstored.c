/*
 * mapstored.c
 *	  Would values that are stored have been stored otherwise under a mapping?
 *
 * A text that stands in a column was sent as it stands there. So the transform
 * itself is asked of stored texts: one that it would change is a value for
 * which the mapping means another thing than loads meant until now. Numbers
 * and instants do not tell how they were written, and are asked for words of
 * null_if alone.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/mapstored.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Rows of one step through the table. */
#define STEP_ROWS 1000

typedef struct Reading
{
	Oid			relid;
	Oid			owner;
	const char *column;
	const Mapping *m;
	bool		any;			/* any value is one too many */
	TransformKind kind;
	MemoryContext cxt;			/* of the result */
	char	   *found;
} Reading;

/* Would this stored text be another one? */
static bool
changes(Transform *transform, const char *text)
{
	const char *out;
	int			len = (int) strlen(text);
	int			outlen;

	switch (transform_apply(transform, JSON_STRING, text, len, &out, &outlen))
	{
		case TRANSFORM_LEFT:
		case TRANSFORM_TORN:
			return false;
		case TRANSFORM_NULLED:
			return true;
		case TRANSFORM_MADE:
			return outlen != len || memcmp(out, text, len) != 0;
	}
	return false;
}

/* Body of the reading's subtransaction. */
static void
read_stored(void *arg)
{
	Reading    *r = arg;
	Transform  *transform = NULL;
	SPIPlanPtr	plan;
	Portal		portal;
	SpiUser		saved;
	int64		seen = 0;
	char	   *sql = psprintf("SELECT %s::pg_catalog.text FROM %s WHERE %s IS NOT NULL",
							   quote_identifier(r->column),
							   quote_qualified_identifier(get_namespace_name(get_rel_namespace(r->relid)),
														  get_rel_name(r->relid)),
							   quote_identifier(r->column));

	if (!r->any)
		transform = transform_make(r->kind, r->m->args,
								   getBaseType(get_atttype(r->relid, get_attnum(r->relid, r->column))),
								   CurrentMemoryContext);
	spi_become(&saved, r->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	portal = SPI_cursor_open(NULL, plan, NULL, NULL, true);
	while (seen < MAPSTORED_ROWS && r->found == NULL)
	{
		SPI_cursor_fetch(portal, true, r->any ? 1 : STEP_ROWS);
		for (uint64 i = 0; i < SPI_processed && r->found == NULL; i++)
		{
			char	   *text = SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1);

			CHECK_FOR_INTERRUPTS();
			if (r->any || changes(transform, text))
				r->found = MemoryContextStrdup(r->cxt, text);
			pfree(text);
		}
		seen += SPI_processed;
		if (SPI_processed == 0)
			break;
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_cursor_close(portal);
	SPI_finish();
	spi_resume(&saved);
}

/* A column of the table with the name of the mapped key. */
static bool
is_column(Oid relid, const char *key)
{
	return key != NULL && strlen(key) < NAMEDATALEN && get_attnum(relid, key) > 0;
}

/* See the header. */
char *
mapstored_differs(Oid relid, const Mapping *m)
{
	Reading		r = {.relid = relid,.m = m,.column = m->column,.cxt = CurrentMemoryContext};
	HeapTuple	tup;
	ErrorData  *edata;
	char	   *shown;

	if (get_rel_relkind(relid) == RELKIND_FOREIGN_TABLE)
		return NULL;
	if ((m->kind == MAP_FIELD || m->kind == MAP_IGNORE_FIELD) && is_column(relid, m->field))
	{
		r.any = true;
		r.column = m->field;
	}
	else if ((m->kind != MAP_TRIM && m->kind != MAP_NULL_IF) ||
			 !mapping_transform(m->kind, &r.kind))
		return NULL;

	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tup))
		return pstrdup("the table is gone");
	r.owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);
	edata = spi_try(read_stored, &r);
	if (edata != NULL)
		return psprintf("stored values could not be read: %s", edata->message);
	if (r.found == NULL)
		return NULL;
	shown = pnstrdup(r.found, pg_mbcliplen(r.found, (int) strlen(r.found), 60));
	return r.any ?
		psprintf("key \"%s\" is a column in which values are stored", m->field) :
		psprintf("\"%s\" is stored in column \"%s\" as it was sent", shown, m->column);
}
