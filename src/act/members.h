/*
 * members.h
 *	  What stands below a table, below its clone: partitions with the same
 *	  bounds, tables that inherit.
 *
 * Each is made like its own table, so that what a partition has for itself
 * (checks, NOT NULL, unique indexes) counts on the clone as well.
 *
 * A table with many members is not copied as a whole: the clone then gets
 * some that hold rows, and the partitions that held rows go to are added when
 * it is known which they are.
 */
#ifndef SELFHEAL_MEMBERS_H
#define SELFHEAL_MEMBERS_H

#include "postgres.h"

#include "act/clone.h"
#include "decide/plan.h"

/* So many members are copied whatever is in them, and at most. */
#define MEMBERS_EAGER 16
#define MEMBERS_MAX 64

/*
 * See what stands below the table (AccessShareLock) and choose what is copied:
 * fills clone->members, flat and partial. altering: the trial runs an ALTER
 * TABLE, which goes on to members; 42501 for one that the owner of the table
 * may not alter, as the ALTER would.
 */
extern void members_choose(Clone *clone, bool altering);

/* Make the chosen ones below the clone, which is made and empty. */
extern void members_make(Clone *clone);

/*
 * Add the partition for rows that belong there, as the plan leaves it; false
 * when the clone has as many as it may. Raises what the plan's ALTER raises.
 */
extern bool members_add(Clone *clone, Oid leaf, const HealPlan *plan);

#endif							/* SELFHEAL_MEMBERS_H */
