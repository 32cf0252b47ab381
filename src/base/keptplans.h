/*
 * keptplans.h
 *	  Plans of our own statements, kept in a process that runs the same ones
 *	  again and again, as the healer does: reading and planning them took longer
 *	  than running them.
 *
 * A statement is known by its text, and its plan kept when it comes for the
 * second time: what is made up for one case comes once. Whether its plan is for
 * these values or for any, PostgreSQL decides (plancache.c), and it plans again
 * when what a plan rests on was altered or analyzed. So do we when a table of it
 * has grown to double or shrunk to half: a burst of rows is there before anybody
 * analyzes.
 *
 * Only what runs under our own name is kept, not what runs under a table's owner
 * or a loading role.
 */
#ifndef SELFHEAL_KEPTPLANS_H
#define SELFHEAL_KEPTPLANS_H

#include "postgres.h"

#include "executor/spi.h"

/* From here on, in this process; where nothing of ours runs, and again between
 * two passes: gives back what has become too many. */
extern void keptplans_begin(void);

/* The plan of a statement with parameters of these types, for SPI_execute_plan;
 * NULL: it is run without. Connected to SPI. Raises what preparing it raises. */
extern SPIPlanPtr keptplans_get(const char *sql, int nargs, const Oid *types);

#endif							/* SELFHEAL_KEPTPLANS_H */
