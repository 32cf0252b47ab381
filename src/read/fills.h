/*
 * fills.h
 *	  May the table's own code still put a value where a row has none?
 */
#ifndef SELFHEAL_FILLS_H
#define SELFHEAL_FILLS_H

#include "postgres.h"

/*
 * True when an INSERT into the table runs a BEFORE ROW trigger, of its own or
 * of one of its partitions, or a rule: NOT NULL is asked only after them. The
 * caller holds a lock on the table.
 */
extern bool fills_nulls(Oid relid);

#endif							/* SELFHEAL_FILLS_H */
