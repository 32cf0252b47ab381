/*
 * reasons.h
 *	  The reasons of one load: one row of selfheal.error per class, column
 *	  and constraint, with count, first position and sample, however many rows there are.
 */
#ifndef SELFHEAL_REASONS_H
#define SELFHEAL_REASONS_H

#include "postgres.h"

#include "observe/store.h"

typedef struct Reasons Reasons;

/* Collect for one load (0: of several) below the current memory context. */
extern Reasons *reasons_begin(Oid relid, int64 load, const char *door);

/*
 * Count the misfits of a held row. Returns the id of the first one's error
 * row, which is allocated at first sight. position 0: not known.
 */
extern int64 reasons_note(Reasons *r, const StoreRow *row, int64 position);

/*
 * The constraint that refused the row, NULL when none did. Two constraints of
 * one table are two reasons; what a trigger names as one is its own affair.
 */
extern const char *reasons_constraint(const Misfit *misfit, const StoreRow *row);

/* Message of the first reason noted, and its position; NULL when none was. */
extern const char *reasons_first(const Reasons *r, int64 *position);

/* The first ones noted, a line each: message, first position, rows. */
extern char *reasons_list(const Reasons *r, int max);

/* Ids of the first and the last one; 0 when none was noted. */
extern void reasons_ids(const Reasons *r, int64 *first, int64 *last);

/* Rows of this reason with ids from first to last were held in bulk: the error
 * row is to say so. */
extern void reasons_bulk(Reasons *r, int64 error, int64 first, int64 last);

/* Write the error rows, in order of id. */
extern void reasons_write(Reasons *r);

#endif							/* SELFHEAL_REASONS_H */
