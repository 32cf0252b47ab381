/*
 * coverage.h
 *	  What a trial on a clone does not show.
 *
 * Whoever reads the result must know what it does not rest on. The catalog
 * tells what may be missing; whoever proves a part of it takes its bit away.
 * So what was not reached, because the trial ended early, stays.
 */
#ifndef SELFHEAL_COVERAGE_H
#define SELFHEAL_COVERAGE_H

#include "postgres.h"

#include "decide/plan.h"

#define COVERAGE_TRIGGERS		0x0001
#define COVERAGE_FOREIGN_KEYS	0x0002
#define COVERAGE_REFERENCED		0x0004	/* foreign keys of other tables */
#define COVERAGE_KEYS			0x0008	/* unique and exclusion constraints */
#define COVERAGE_ROUTING		0x0010	/* the way to a row's partition */
#define COVERAGE_PARTITIONS		0x0020	/* some partitions, not all */
#define COVERAGE_CHILDREN		0x0040	/* tables that inherit */
#define COVERAGE_FOREIGN_TABLES 0x0080
#define COVERAGE_STORAGE		0x0100	/* another access method or extension */
#define COVERAGE_ROW_SECURITY	0x0200
#define COVERAGE_FUNCTIONS		0x0400	/* lasting effects of defaults, checks */
#define COVERAGE_RULES			0x0800
#define COVERAGE_EVENT_TRIGGERS 0x1000
#define COVERAGE_HELD			0x2000	/* held rows that were not tried */
#define COVERAGE_LABELS			0x4000	/* new ones of an enum */
#define COVERAGE_DEPENDENTS		0x8000	/* views and such, made again */

/*
 * The bits that the catalog gives a trial of this plan, whatever is proven
 * later. altering: it has an ALTER TABLE. SPI connected, as the extension's owner; the table is locked.
 */
extern uint32 coverage_missing(const HealPlan *plan, bool altering);

/* The bits as a JSON array of words for people, in the current context. */
extern char *coverage_json(uint32 gaps);

#endif							/* SELFHEAL_COVERAGE_H */
