/*
 * contract.h
 *	  What a table's owner lets payloads do to it: its contract.
 *
 * One word (FitTerm of fit.h) for keys that are no column, one for values that
 * do not fit their column's type; those of the database count for tables that
 * say nothing. A row that is held for something else stays held whatever they
 * are, and what the team has said of a key (hint.h) comes before them.
 */
#ifndef SELFHEAL_CONTRACT_H
#define SELFHEAL_CONTRACT_H

#include "postgres.h"

#include "read/fit.h"

/* Tell the shape of a table, or of a clone of it, the table's terms. In a
 * transaction; needs no privilege. */
extern void contract_apply(Oid relid, Shape *shape);

/* The same as values. */
extern void contract_terms(Oid relid, FitTerm *columns, FitTerm *types);

/* "evolve", "freeze", "discard_value", "discard_row" */
extern const char *contract_word(FitTerm term);

/* The terms of a shape, for people: "columns freeze, types evolve". */
extern char *contract_words(const Shape *shape);

#endif							/* SELFHEAL_CONTRACT_H */
