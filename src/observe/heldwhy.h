/*
 * heldwhy.h
 *	  Why held rows are held: their incidents, and reasons that have changed.
 */
#ifndef SELFHEAL_HELDWHY_H
#define SELFHEAL_HELDWHY_H

#include "postgres.h"

#include "observe/held.h"

/* How many of these rows each incident has (0: joined to none yet). */
typedef struct HeldTally
{
	int64		incident;
	int64		rows;
} HeldTally;
extern HeldTally *heldwhy_tally(const HeldRow *rows, int n, int *ntallies);

/*
 * Whose held rows a plan is to be made for, as held_fetch takes it: NULL (*n is
 * 0), all of the table; where a person has dismissed an incident and rows of it
 * are held, the incidents of the others (0: of none yet).
 */
extern int64 *heldwhy_wanted(Oid relid, int *n);

/*
 * These held rows still do not fit: point them at (new or existing) error
 * rows of door 'replay' made from their misfits, so that the incident of the
 * reason that is left takes them over. Returns how many changed reason; rows
 * in somebody's hands do not.
 */
extern int64 heldwhy_renew(Oid relid, const HeldRow *rows, int n);

#endif							/* SELFHEAL_HELDWHY_H */
