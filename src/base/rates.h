/*
 * rates.h
 *	  How fast does this server write a table anew, read one, build an index?
 *
 * Measured on two small tables (one of many short rows, one of few long ones)
 * that are made and rolled back, a few MB and about 50 ms in all, when the
 * first estimate of a process asks for it, and again after an hour. Two tables,
 * since a row and a page each have their price, and what a page of a table
 * costs depends on how many rows are on it.
 */
#ifndef SELFHEAL_RATES_H
#define SELFHEAL_RATES_H

#include "postgres.h"

#include "utils/timestamp.h"

/* What is to be done: sums over all the tables of a tree. */
typedef struct RatesWork
{
	double		rewritten_rows;
	double		rewritten_pages;
	double		read_rows;
	double		read_pages;
	double		written_pages;	/* of new heaps and indexes */
	double		sorted_plain;	/* rows x log2(rows), each index over plain
								 * columns */
	double		sorted_computed;	/* the same, of indexes whose keys are
									 * texts or are computed */
} RatesWork;

/* Add the building of one index over so many rows. */
extern void rates_add_index(RatesWork *work, double rows, bool computed);

/*
 * Milliseconds that the work takes on this server when it is idle and the
 * table is in memory. Negative when that is not known, since nothing can be
 * measured here (a read-only transaction, a standby). *measured: when it was,
 * 0 for work that is none.
 */
extern double rates_estimate(const RatesWork *work, TimestampTz *measured);

#endif							/* SELFHEAL_RATES_H */
