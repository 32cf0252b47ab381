/*
 * tuples.c
 *	  Rows of a flush, formed and waiting to be written.
 *
 * A query that needs the rows (an INSERT where the executor's own way is
 * closed, a look for missing parents) reads them from a tuplestore by an
 * ephemeral name, as a trigger reads its transition table: in the columns' own
 * types, without a parameter's size limit.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/tuplestore.h"
#include "write/tuples.h"

void
tuples_init(Tuples *t, MemoryContext cxt)
{
	memset(t, 0, sizeof(Tuples));
	t->cxt = cxt;
	/* tuples are only ever freed together */
	t->tuple_cxt = AllocSetContextCreate(cxt, "selfheal tuples",
										 ALLOCSET_DEFAULT_INITSIZE,
										 ALLOCSET_DEFAULT_INITSIZE,
										 1024 * 1024);
}

void
tuples_reset(Tuples *t)
{
	MemoryContextReset(t->tuple_cxt);
	t->sets = NULL;
	t->n = 0;
}

/* The one copy of a set of present keys. Most rows have the keys of the row
 * before. */
static const bool *
one_set(Tuples *t, const bool *present, int ncols)
{
	bool		found;

	if (t->n > 0 && memcmp(t->rows[t->n - 1].present, present, ncols) == 0)
		return t->rows[t->n - 1].present;
	if (t->sets == NULL)
	{
		HASHCTL		ctl = {0};

		ctl.keysize = ctl.entrysize = Max(ncols, 1);
		ctl.hcxt = t->tuple_cxt;
		t->sets = hash_create("selfheal present keys", 16, &ctl,
							  HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	}
	return hash_search(t->sets, present, HASH_ENTER, &found);
}

void
tuples_add(Tuples *t, TupleDesc desc, Datum *values, bool *nulls, int row,
		   const bool *present, int ncols)
{
	MemoryContext old;

	if (t->n == t->max)
	{
		t->max = Max(64, t->max * 2);
		if (t->rows == NULL)
			t->rows = MemoryContextAllocHuge(t->cxt, sizeof(FormedRow) * t->max);
		else
			t->rows = repalloc_huge(t->rows, sizeof(FormedRow) * t->max);
	}
	old = MemoryContextSwitchTo(t->tuple_cxt);
	t->rows[t->n].tuple = heap_form_tuple(desc, values, nulls);
	MemoryContextSwitchTo(old);
	t->rows[t->n].present = present ? one_set(t, present, ncols) : NULL;
	t->rows[t->n++].row = row;
}

/* See the header. */
void
tuples_register(const FormedRow *rows, int n, TupleDesc desc,
				const Shape *shape, const int *columns, int ncolumns)
{
	TupleDesc	own = CreateTemplateTupleDesc(ncolumns + 1);
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	Datum	   *values = palloc(sizeof(Datum) * desc->natts);
	bool	   *nulls = palloc(sizeof(bool) * desc->natts);
	Datum	   *own_values = palloc(sizeof(Datum) * (ncolumns + 1));
	bool	   *own_nulls = palloc(sizeof(bool) * (ncolumns + 1));

	for (int i = 0; i < ncolumns; i++)
	{
		const FitColumn *col = &shape->cols[columns[i]];
		Form_pg_attribute att = TupleDescAttr(desc, col->attnum - 1);

		TupleDescInitEntry(own, i + 1, psprintf("c%d", i + 1), col->type,
						   col->typmod, att->attndims);
		TupleDescInitEntryCollation(own, i + 1, att->attcollation);
	}
	TupleDescInitEntry(own, ncolumns + 1, "n", INT4OID, -1, 0);

	for (int r = 0; r < n; r++)
	{
		heap_deform_tuple(rows[r].tuple, desc, values, nulls);
		for (int i = 0; i < ncolumns; i++)
		{
			int			at = shape->cols[columns[i]].attnum - 1;

			own_values[i] = values[at];
			own_nulls[i] = nulls[at];
		}
		own_values[ncolumns] = Int32GetDatum(r);
		own_nulls[ncolumns] = false;
		tuplestore_putvalues(store, own, own_values, own_nulls);
	}

	enr->md.name = TUPLES_NAME;
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = own;
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = n;
	enr->reldata = store;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register the rows of a flush");
}

/* See the header. */
int
tuples_mark(const char *sql, Oid role, const FormedRow *rows, int n,
			TupleDesc desc, const Shape *shape, const int *columns,
			int ncolumns, bool *mark)
{
	SpiUser		saved;
	int			marked;

	spi_become(&saved, role,
			   SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION |
			   SECURITY_NOFORCE_RLS, true);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	tuples_register(rows, n, desc, shape, columns, ncolumns);
	if (SPI_execute(sql, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look through the rows of a flush");
	marked = (int) SPI_processed;
	for (int i = 0; i < marked; i++)
	{
		bool		isnull;
		Datum		at = SPI_getbinval(SPI_tuptable->vals[i],
									   SPI_tuptable->tupdesc, 1, &isnull);

		mark[DatumGetInt32(at)] = true;
	}
	SPI_finish();
	spi_resume(&saved);
	return marked;
}
