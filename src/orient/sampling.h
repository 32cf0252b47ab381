/*
 * sampling.h
 *	  A few held payloads that show what the others look like, told by
 *	  share_values.
 */
#ifndef SELFHEAL_SAMPLING_H
#define SELFHEAL_SAMPLING_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "read/mask.h"

/* Held rows of an incident that are looked at for different shapes. */
#define SAMPLING_ROWS 1000

typedef struct SampledPayload
{
	int64		id;				/* selfheal.quarantine.id of the first of them */
	int64		rows;			/* that look like it, of those looked at */
	char	   *text;			/* by share_values */
} SampledPayload;

typedef struct Sampling
{
	List	   *payloads;		/* SampledPayload *, in order of id */
	int64		looked_at;
	int			shapes;			/* different ones that were found, at most
								 * SAMPLING_ROWS */
} Sampling;

/*
 * The first held rows of an incident with id > after, one for each shape (two
 * that differ only in the lengths of words and numbers have the same), max of
 * them. key: only the value of this top-level key, of rows that have it; NULL:
 * the whole payload. A row stands with the first reason only: when an incident
 * has none of its own, the table's first held rows are looked at. names of the
 * table (sharing.h) get the payloads' keys.
 */
extern Sampling *sampling_read(Oid relid, int64 incident, ShareValues share, MaskNames *names,
							   const char *key, int64 after, int max, int max_bytes);

#endif							/* SELFHEAL_SAMPLING_H */
