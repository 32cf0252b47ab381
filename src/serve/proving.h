/*
 * proving.h
 *	  A remedy that says how payloads are read, before it is used: proven on all
 *	  held rows of the table.
 */
#ifndef SELFHEAL_PROVING_H
#define SELFHEAL_PROVING_H

#include "postgres.h"

#include "decide/remedy.h"

/*
 * Why a remedy with mappings is not taken, or NULL: a person has taken such a
 * mapping away, or no held row would fit by it. How many rows would still not
 * fit is added to its explanation; what a person should know of rows that are
 * stored already becomes its question. To be called of steps that were vetted.
 * What goes to a column that is not there yet is proven by the dry run alone.
 */
extern char *proving_refuses(Oid relid, Remedy *remedy);

/*
 * Why the step of a remedy would help no row, or NULL: all rows that show what
 * it is for have bad values besides, and there is no step for any of those. A
 * row that cannot be stored anyhow changes no table. Remedies: of all findings.
 * What the team has asked for by a hint is not refused.
 */
extern char *proving_hopeless(const List *remedies, const Remedy *remedy);

/*
 * The part of these steps that could run by itself where all of them together
 * wait for a person: the reading and the trimming, each allowed alone. NIL:
 * none that would do without the rest.
 */
extern List *proving_part(const Remedy *remedy, bool (*runs) (void *arg, PlanStep *step),
						  void *arg);

/*
 * Of a plan that somebody else than a playbook made, and that was vetted: what a
 * person must say of its mappings before they are used (Caution *). A playbook
 * proposes a reading when all held values prove it; of another's it is asked
 * here whether they can be read the other way round as well. A new column that
 * none of the held rows has a key for is strange.
 */
extern List *proving_cautions(const HealPlan *plan);

#endif							/* SELFHEAL_PROVING_H */
