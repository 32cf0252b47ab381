/*
 * unfilled.h
 *	  Which columns that must have a value did a statement leave without one?
 *
 * Private to locate.c and its rooms.
 */
#ifndef SELFHEAL_UNFILLED_H
#define SELFHEAL_UNFILLED_H

#include "postgres.h"

#include "orient/suspects.h"

/* Does an INSERT give no value for this column? Then it was the table that
 * put the null there. The scene is prepared. */
extern bool unfilled_left_out(const Scene *scene, const char *column);

/*
 * Suspect the columns that are NOT NULL of what the statement writes: those to
 * which it gives a null or nothing, though they have no default; where it has
 * none of these, those whose value is not known. The scene is prepared.
 */
extern void unfilled_find(Scene *scene);

#endif							/* SELFHEAL_UNFILLED_H */
