/*
 * discards.h
 *	  What a contract has taken away from a load: values that rows were stored
 *	  without, and rows that were not stored. Never silent.
 *
 * Counted per class and key; selfheal.discard gets a row for each, the audit
 * one in all. A row that is discarded is kept in selfheal.quarantine, as one
 * that a person gave up.
 */
#ifndef SELFHEAL_DISCARDS_H
#define SELFHEAL_DISCARDS_H

#include "postgres.h"

#include "observe/held.h"
#include "observe/store.h"

/* Collect for one load or replay into a table, below the current memory
 * context. */
extern Discards *discards_begin(Oid relid);

/* The entry that counts values left out (row: rows not stored) for a misfit
 * like this one, made when it is the first. Its shape must still be there. */
extern Discard *discards_find(Discards *d, bool row, const Misfit *misfit);

/* The entry that counts values which the table computes alike, by itself: they
 * are in the record, but nothing was taken away. */
extern Discard *discards_find_alike(Discards *d, const Misfit *misfit);

/* Count what store_rows has left out of rows that are stored. positions are
 * those in the load; NULL: not known. */
extern void discards_count(Discards *d, const StoreRow *rows,
						   const int64 *positions, int n);

/* Keep rows[i] for each i that was discarded, as the extension's owner,
 * without a privilege of the producer's. Returns how many. */
extern int64 discards_keep(Discards *d, const StoreRow *rows,
						   const int64 *positions, int n, int64 load);

/* The same of rows that were held until now: they are held no more. False
 * when one of them was changed, or is in somebody's hands: the caller then
 * rolls back. */
extern bool discards_held(Discards *d, HeldRow *rows, int n);

/* So many values so far, without those that the table computes alike. */
extern int64 discards_values(const Discards *d);

/* The first reasons for which rows were discarded, a line each. */
extern char *discards_reasons(const Discards *d, int max);

/* Write selfheal.discard and the audit's row, if anything was discarded; and a
 * row of the audit for what the table computes alike. */
extern void discards_write(Discards *d, int64 load, const char *door);

/* Tell whoever loads, or replays, by a NOTICE. */
extern void discards_notice(Oid relid, int64 values, int64 rows);

#endif							/* SELFHEAL_DISCARDS_H */
