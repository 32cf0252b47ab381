/*
 * witness.h
 *	  Would the table take this row? Of rows that are looked at and never
 *	  stored.
 *
 * A plain statement that fails leaves its client with an error, and mostly the
 * client sends it again. So its row is no row of ours to store: it is held as a
 * witness (selfheal.quarantine.witness) of what the table lacks. Plans are
 * made from it and tried with it, and when the table would take it, it goes.
 *
 * The look is by fit and, of a partitioned table, by the bounds of its
 * partitions. Nothing is written, no trigger of the table runs, and no
 * constraint is asked: a witness is about shape.
 */
#ifndef SELFHEAL_WITNESS_H
#define SELFHEAL_WITNESS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "observe/store.h"
#include "read/fit.h"

/* At most so many of one table, class and column are kept while an incident
 * lives. */
#define WITNESSES_MAX 100

/* Against what rows are looked at. */
typedef struct WitnessLook
{
	Oid			relid;			/* a table, or a clone of it */
	Oid			said;			/* whose hints, contract and mappings count:
								 * the table */
	List	   *mappings;		/* Mapping * that count as well */
	void		(*prepare) (void *arg, Shape *shape);	/* or NULL */
	void	   *arg;
} WitnessLook;

/*
 * Look at rows as the current user, in subtransactions. Those that the table
 * would take are stored by their flag, the others have their misfits, with
 * words, in the current memory context. Returns how many it would take.
 */
extern int64 witness_look(const WitnessLook *look, StoreRow *rows, int n);

/*
 * May a step of ours end a failure of this class, of a plain statement? Wider
 * types, new columns, labels, partitions, numbers and keys for an identity do.
 * A bad word, a null or a broken rule of a statement is its client's own affair:
 * a mapping, which could read it another way, reads payloads of an intake.
 */
extern bool witness_curable(FitClass class);

/* The misfit of a row that was looked at which no step ends, or NULL. */
extern const Misfit *witness_hopeless(const StoreRow *row);

#endif							/* SELFHEAL_WITNESS_H */
