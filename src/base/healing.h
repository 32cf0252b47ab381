/*
 * healing.h
 *	  What the transaction at work has announced that it will do to a table.
 *
 * Who applies a plan says so before; event triggers, which see what really
 * happens, ask. It ends with the transaction, however that ends.
 */
#ifndef SELFHEAL_HEALING_H
#define SELFHEAL_HEALING_H

#include "postgres.h"

/* Is this process a worker of ours, whose ALTER is a heal? */
extern bool healing_process(void);

/* This plan is applied now; rewrites: its forecast says that a heap gets new
 * files, and that was weighed. */
extern void healing_begin(int64 plan, bool rewrites);
extern void healing_end(void);

/* The plan at work, or 0; was a rewrite announced? */
extern int64 healing_plan(void);
extern bool healing_rewrites(void);

#endif							/* SELFHEAL_HEALING_H */
