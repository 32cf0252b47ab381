/*
 * scan.h
 *	  The first pass of a flush: scan each payload, check its fit, form its
 *	  tuple.
 *
 * Private to store.c; others write rows by store.h. What a store is stands
 * here since both know it: store.c reads the table and fills it, scan.c works
 * with it.
 *
 * The pass writes nothing to the table. After it each row that it has come to
 * has a tuple in store->tuples, or misfits, or is discarded by contract.
 */
#ifndef SELFHEAL_SCAN_H
#define SELFHEAL_SCAN_H

#include "postgres.h"

#include "observe/discards.h"
#include "observe/mapset.h"
#include "observe/order.h"
#include "observe/store.h"
#include "observe/windows.h"
#include "read/json.h"
#include "utils/rel.h"
#include "write/condition.h"
#include "write/defaults.h"
#include "write/generated.h"
#include "write/tuples.h"

struct Store
{
	Oid			relid;
	Oid			hinted;			/* whose hints and contract count: the table,
								 * not its clone */
	MemoryContext cxt;
	MemoryContext shape_cxt;	/* what is built from the table's columns */
	MemoryContext misfit_cxt;	/* until store_reset */
	MemoryContext row_cxt;		/* of one row's check */
	JsonScanner *scanner;
	Tuples		tuples;
	Discards   *discards;		/* made when the contract first takes a value
								 * or a row */
	List	   *candidates;		/* mappings that are tried */
	MapSets		mapsets;		/* by which rows came, until store_reset */
	bool		has_mapped;		/* some row has */
	const char *where;			/* NULL: no row is left out */
	Oid			where_role;
	Order	   *order;			/* NULL: rows are stored as they come */
	bool		ask_order;		/* rows that fit may have to wait */

	/* in shape_cxt, made anew when the table's columns have changed */
	TupleDesc	desc;
	Shape	   *shape;
	List	   *mappings;		/* in the shape, by number */
	int		   *columns;		/* that rows may fill: indexes into
								 * shape->cols */
	int			ncolumns;
	bool	   *denied;			/* by index into shape->cols: no privilege */
	Defaults   *defaults;
	Generated  *generated;
	Condition  *condition;		/* of where */
	bool	   *keys;			/* by index into shape->cols: of a foreign key */
	bool		by_sql;			/* this flush: the statement knows defaults */
	bool		asking;			/* no row is written: defaults are left alone */
	Datum	   *values;			/* of one row, by attribute */
	bool	   *nulls;
	bool	   *present;		/* by index into shape->cols: has a key */
	WindowTarget target;
};

/*
 * Rows from number at on, into store->tuples, which is emptied first. Returns
 * the number of the first row that it has not come to: n, or one whose default
 * may look at the table, before which the rows so far are to be written. Runs
 * in subtransactions of its own; throws only what is not the rows' fault.
 */
extern int	scan_rows(Store *store, Relation rel, StoreRow *rows, int n, int at);

#endif							/* SELFHEAL_SCAN_H */
