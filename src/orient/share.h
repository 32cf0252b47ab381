/*
 * share.h
 *	  How many of the rows that came last show the same misfit?
 *
 * One bad word among a million good rows is a bad value; one in two is what
 * the producer sends now. Looked at are the loads of the table up to the one
 * that brought the newest row held for it, back until they had SHARE_ROWS rows
 * together, or to the one that brought the oldest: a bad row of long ago says
 * nothing of today, and a load as large as that is looked at as a whole.
 */
#ifndef SELFHEAL_SHARE_H
#define SELFHEAL_SHARE_H

#include "postgres.h"

#define SHARE_ROWS 1000

typedef struct Share
{
	int64		rows;			/* that came in those loads */
	int64		misfits;		/* of them showed it */
} Share;

struct Diagnosis;

/*
 * Fill in the share of each finding whose values are of another type than its
 * column (wrong_type and bad_value count together), if selfheal.convert_rows
 * are held for it at all. Rows whose incident was healed or dismissed are not
 * counted.
 */
extern void share_findings(struct Diagnosis *diagnosis);

#endif							/* SELFHEAL_SHARE_H */
