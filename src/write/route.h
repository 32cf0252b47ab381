/*
 * route.h
 *	  Does somebody else than PostgreSQL's own writer decide where rows of
 *	  this table are stored?
 *
 * Foreign data wrappers, Citus and TimescaleDB see an INSERT statement, and
 * take its rows where they belong. Written past the planner, a row would lie
 * in the local shell of a distributed table, or in the root of a hypertable,
 * where no query looks for it.
 */
#ifndef SELFHEAL_ROUTE_H
#define SELFHEAL_ROUTE_H

#include "postgres.h"

#include "utils/rel.h"

/*
 * Must rows go into this table by an INSERT statement? True of a foreign
 * table, of a table with a partition that is foreign or is stored by another
 * access method than heap, and of what Citus or TimescaleDB have in their
 * catalogs. Asked at the start of each flush: remembered until any relation
 * changes its definition. Runs no user code, needs no privilege.
 *
 * The caller holds a lock on rel. A partition may still be attached while he
 * writes: a writer of tuples that meets a foreign one must leave it to the
 * wrapper (ri_FdwRoutine).
 */
extern bool route_by_sql(Relation rel);

/*
 * Of a table that goes by SQL: must the rows come as a parameter of the
 * statement? Citus runs the SELECT of an INSERT ... SELECT by itself, in a
 * portal that knows no relation but those of the catalog. As above.
 */
extern bool route_by_parameter(Relation rel);

/*
 * The table itself, or the first below it, that is foreign; InvalidOid when
 * none is. An ALTER TABLE goes on to partitions and to what inherits alike, an
 * INSERT only to partitions: with inserts, only those count.
 */
extern Oid	route_foreign(Oid relid, bool inserts);

#endif							/* SELFHEAL_ROUTE_H */
