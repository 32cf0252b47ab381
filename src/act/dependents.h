/*
 * dependents.h
 *	  Takes away what stands in the way of a change of type, and makes it again.
 *
 * Everything here runs in the subtransaction of the ALTER (apply.c), between
 * the locks and its end: an ERROR brings all of it back. Each statement runs
 * as the owner of what it is about (a grant: as the grantor) in a restricted
 * operation, with the search_path pinned, and was deparsed from the catalog.
 */
#ifndef SELFHEAL_DEPENDENTS_H
#define SELFHEAL_DEPENDENTS_H

#include "postgres.h"

#include "decide/rebuild.h"
#include "lib/stringinfo.h"

/*
 * Before the ALTER: take it all away, from above, without CASCADE: what nobody
 * knew of makes PostgreSQL refuse. *doing says in words what is being done,
 * for the message of an error.
 */
extern void dependents_drop(const Rebuild *rebuild, const char **doing);

/*
 * After it: make it all again, from below, fill materialized views that had
 * rows, and compare with what it was. Raises 55000 with the difference.
 * Returns the record of it: a newline and a comment for the digest of each
 * object that was made again (both, where casts follow a type), and for each
 * column of a view whose type changed.
 */
extern char *dependents_restore(const Rebuild *rebuild, const HealPlan *plan,
								const char **doing, Rebuild **after);

/* What these two would run, each statement ended, for whoever repeats a change
 * elsewhere; of items alone that are named (char *, on one line), NIL: of all. */
extern void dependents_text(const Rebuild *rebuild, const List *names, StringInfo take, StringInfo make);

/* An item's name as the record has it. */
extern char *dependents_name(const RebuildItem *item);

/* Keep others from what needs no lock on a relation, to change privileges or
 * replace a function, until the transaction ends; waits as locks do. */
extern void dependents_hold(const Rebuild *rebuild);

#endif							/* SELFHEAL_DEPENDENTS_H */
