/*
 * attempt.c
 *	  One attempt to write some rows into a table, in a subtransaction.
 *
 * Most tables are written by the executor's parts (writer.c), the fastest way
 * there is. It looks neither at row security nor at rules; tables that have
 * either take an INSERT by SQL (bysql.c), and so do tables whose rows somebody
 * else routes, rows that may take the place of others, and a table without a
 * column to fill. Which it is, is asked for anew at each flush: row security may have
 * been enabled since the table was watched.
 */
#include "postgres.h"

#include "base/spi.h"
#include "miscadmin.h"
#include "rewrite/prs2lock.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/rls.h"
#include "write/attempt.h"
#include "write/bysql.h"
#include "write/deferred.h"
#include "write/route.h"
#include "write/writer.h"

struct Attempts
{
	BySql		by;
	Writer	   *writer;
	Deferred   *deferred;		/* NULL: no deferrable constraint */
	MemoryContext trial;		/* of one attempt */
	bool		upsert;			/* always */
	bool		by_sql;			/* this flush */
};

/* One attempt, as spi_try's argument. */
typedef struct Attempt
{
	Attempts   *a;
	Relation	rel;
	const FormedRow *rows;
	int			n;
	bool		by_row;
	volatile int at;			/* row at hand */
} Attempt;

/* See the header. */
Attempts *
attempts_open(Relation rel, TupleDesc desc, const Shape *shape,
			  const int *columns, int ncolumns, RowConflict conflict)
{
	Attempts   *a = palloc0(sizeof(Attempts));

	a->upsert = conflict == ROW_CONFLICT_UPDATE;
	a->by.desc = desc;
	a->by.shape = shape;
	a->by.columns = columns;
	a->by.ncolumns = ncolumns;
	a->writer = writer_open(rel, desc, shape, columns, ncolumns);
	a->deferred = deferred_open(rel);
	a->trial = AllocSetContextCreate(CurrentMemoryContext, "selfheal attempt",
									 ALLOCSET_DEFAULT_SIZES);
	return a;
}

/* Has the table an ON INSERT rule? */
static bool
has_insert_rule(Relation rel)
{
	RuleLock   *rules = rel->rd_rules;

	for (int i = 0; rules && i < rules->numLocks; i++)
		if (rules->rules[i]->event == CMD_INSERT)
			return true;
	return false;
}

/* See the header. */
bool
attempts_by_sql(Attempts *a, Relation rel)
{
	a->by_sql = a->upsert || a->by.ncolumns == 0 || has_insert_rule(rel) ||
		route_by_sql(rel) ||
		check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED;
	return a->by_sql;
}

/* See the header. */
void
attempts_begin(Attempts *a)
{
	if (a->deferred)
		deferred_begin(a->deferred);
}

/* See the header. */
bool
attempts_tell(const Attempts *a, Relation rel)
{
	return a->upsert || (!a->by_sql && writer_tells(rel));
}

/* Body of the subtransaction. */
static void
write_body(void *arg)
{
	Attempt    *at = arg;
	Attempts   *a = at->a;

	MemoryContextSwitchTo(a->trial);
	at->at = -1;
	if (a->upsert && at->n > 0)
		bysql_upsert(&a->by, at->rel, at->rows, at->n, at->by_row, a->deferred,
					 &at->at);
	else if (a->by_sql)
		bysql_insert(&a->by, at->rel, at->rows, at->n);
	else
		writer_write(a->writer, at->rel, at->rows, at->n, at->by_row,
					 a->deferred, &at->at);
	at->at = -1;
	if (a->deferred)
		deferred_fire(a->deferred);
}

/* See the header. */
ErrorData *
attempts_write(Attempts *a, Relation rel, const FormedRow *rows, int n,
			   bool by_row, int *culprit)
{
	Attempt		at = {a, rel, rows, n, by_row, -1};
	ErrorData  *edata = spi_try(write_body, &at);

	*culprit = edata ? at.at : -1;
	MemoryContextReset(a->trial);
	if (edata && (edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
				  edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
				  edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE))
		ReThrowError(edata);
	return edata;
}
