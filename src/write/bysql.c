/*
 * bysql.c
 *	  Write formed rows by an INSERT of SQL, as the current user.
 *
 * Values travel in the columns' own types (tuples_register), so nothing is
 * cast: what the check of the fit has seen is what is assigned. The statement
 * is ours; its names are quoted.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "write/bysql.h"
#include "write/route.h"

/* INSERT INTO table (columns), all of them or the present ones. */
static void
append_target(StringInfo sql, const BySql *by, Relation rel, const bool *present)
{
	int			n = 0;

	appendStringInfo(sql, "INSERT INTO %s",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	for (int i = 0; i < by->ncolumns; i++)
	{
		if (present == NULL || present[by->columns[i]])
			appendStringInfo(sql, "%s%s", n++ ? ", " : " (",
							 quote_identifier(NameStr(by->shape->cols[by->columns[i]].name)));
	}
	if (n > 0)
		appendStringInfoChar(sql, ')');
}

/* The rows as one array of the table's row type. */
static Datum
row_array(Relation rel, const FormedRow *rows, int n)
{
	Oid			type = rel->rd_rel->reltype;
	Datum	   *elems = palloc(sizeof(Datum) * Max(n, 1));

	for (int i = 0; i < n; i++)
		elems[i] = heap_copy_tuple_as_datum(rows[i].tuple, RelationGetDescr(rel));
	return PointerGetDatum(construct_array(elems, n, type, -1, false, TYPALIGN_DOUBLE));
}

/* For whoever looks for relations in the catalog alone (route.h). */
static int
insert_from_parameter(const BySql *by, Relation rel, const FormedRow *rows, int n)
{
	Oid			type = get_array_type(rel->rd_rel->reltype);
	Datum		array = row_array(rel, rows, n);
	StringInfoData sql;

	initStringInfo(&sql);
	append_target(&sql, by, rel, NULL);
	appendStringInfoString(&sql, " SELECT ");
	for (int i = 0; i < by->ncolumns; i++)
		appendStringInfo(&sql, "%sr.%s", i ? ", " : "",
						 quote_identifier(NameStr(by->shape->cols[by->columns[i]].name)));
	appendStringInfoString(&sql, " FROM pg_catalog.unnest($1) AS r");
	return SPI_execute_with_args(sql.data, 1, &type, &array, NULL, false, 0);
}

/* From the rows as a relation: nothing is copied into one value. */
static int
insert_from_relation(const BySql *by, Relation rel, const FormedRow *rows, int n)
{
	StringInfoData sql;

	initStringInfo(&sql);
	append_target(&sql, by, rel, NULL);
	appendStringInfoString(&sql, " SELECT ");
	for (int i = 0; i < by->ncolumns; i++)
		appendStringInfo(&sql, "%sr.c%d", i ? ", " : "", i + 1);
	appendStringInfoString(&sql, " FROM " TUPLES_NAME " AS r");
	tuples_register(rows, n, by->desc, by->shape, by->columns, by->ncolumns);
	return SPI_execute(sql.data, false, 0);
}

/* See the header. */
void
bysql_insert(const BySql *by, Relation rel, const FormedRow *rows, int n)
{
	int			rc;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	rc = route_by_parameter(rel) ? insert_from_parameter(by, rel, rows, n) :
		insert_from_relation(by, rel, rows, n);
	/* a rule may turn the INSERT into something else: any success will do */
	if (rc < 0)
		elog(ERROR, "could not insert: %s", SPI_result_code_string(rc));
	SPI_finish();
}

/* One way to upsert: for rows with the same present keys. */
typedef struct Upsert
{
	const bool *present;
	SPIPlanPtr	plan;
	int			n;				/* parameters */
	int		   *atts;			/* of each: index into the row's values */
	struct Upsert *next;
} Upsert;

/* Is the column part of the primary key? */
static bool
in_primary_key(Relation rel, AttrNumber attnum)
{
	Bitmapset  *key = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_PRIMARY_KEY);
	bool		found = bms_is_member(attnum - FirstLowInvalidHeapAttributeNumber, key);

	bms_free(key);
	return found;
}

/*
 * INSERT ... VALUES ($1, ...) ON CONFLICT (key) DO UPDATE SET what is present
 * and no part of the key. Prepared in the SPI connection at hand.
 */
static Upsert *
prepare_upsert(const BySql *by, Relation rel, const bool *present)
{
	Upsert	   *u = palloc0(sizeof(Upsert));
	Oid		   *types = palloc(sizeof(Oid) * Max(by->ncolumns, 1));
	StringInfoData sql;
	StringInfoData set;
	bool		first = true;

	u->present = present;
	u->atts = palloc(sizeof(int) * Max(by->ncolumns, 1));
	initStringInfo(&sql);
	initStringInfo(&set);
	append_target(&sql, by, rel, present);
	for (int i = 0; i < by->ncolumns; i++)
	{
		const FitColumn *col = &by->shape->cols[by->columns[i]];
		const char *name = quote_identifier(NameStr(col->name));

		if (!present[by->columns[i]])
			continue;
		types[u->n] = col->type;
		u->atts[u->n++] = col->attnum - 1;
		appendStringInfo(&sql, "%s$%d", u->n == 1 ? " VALUES (" : ", ", u->n);
		if (!in_primary_key(rel, col->attnum))
			appendStringInfo(&set, "%s%s = EXCLUDED.%s", set.len ? ", " : "",
							 name, name);
	}
	appendStringInfoString(&sql, u->n ? ")" : " DEFAULT VALUES");
	appendStringInfoString(&sql, " ON CONFLICT (");
	for (int i = 0; i < by->desc->natts; i++)
		if (in_primary_key(rel, i + 1))
		{
			appendStringInfo(&sql, "%s%s", first ? "" : ", ",
							 quote_identifier(NameStr(TupleDescAttr(by->desc, i)->attname)));
			first = false;
		}
	if (set.len)
		appendStringInfo(&sql, ") DO UPDATE SET %s", set.data);
	else
		appendStringInfoString(&sql, ") DO NOTHING");
	u->plan = SPI_prepare(sql.data, u->n, types);
	if (u->plan == NULL)
		elog(ERROR, "could not prepare an upsert: %s", SPI_result_code_string(SPI_result));
	return u;
}

/* See the header. */
void
bysql_upsert(const BySql *by, Relation rel, const FormedRow *rows, int n,
			 bool by_row, Deferred *deferred, volatile int *at)
{
	Datum	   *values = palloc(sizeof(Datum) * Max(by->desc->natts, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(by->desc->natts, 1));
	Datum	   *params = palloc(sizeof(Datum) * Max(by->ncolumns, 1));
	char	   *param_nulls = palloc(Max(by->ncolumns, 1));
	Upsert	   *all = NULL;
	Upsert	   *u = NULL;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	for (int r = 0; r < n; r++)
	{
		int			rc;

		*at = r;
		CHECK_FOR_INTERRUPTS();
		if (u == NULL || u->present != rows[r].present)
		{
			for (u = all; u && u->present != rows[r].present;)
				u = u->next;
			if (u == NULL)
			{
				u = prepare_upsert(by, rel, rows[r].present);
				u->next = all;
				all = u;
			}
		}
		heap_deform_tuple(rows[r].tuple, by->desc, values, nulls);
		for (int i = 0; i < u->n; i++)
		{
			params[i] = values[u->atts[i]];
			param_nulls[i] = nulls[u->atts[i]] ? 'n' : ' ';
		}
		rc = SPI_execute_plan(u->plan, params, param_nulls, false, 0);
		if (rc < 0)
			elog(ERROR, "could not upsert: %s", SPI_result_code_string(rc));
		if (by_row && deferred)
			deferred_fire(deferred);
	}
	*at = -1;
	SPI_finish();
}
