/*
 * condition.h
 *	  COPY's WHERE: rows for which it is not true are left out.
 *
 * A condition is an expression over a row of the table, with what COPY allows
 * in it: no subquery, aggregate, window function or set, no system column and
 * no generated one. PostgreSQL's own parser reads it, as an expression and
 * never as part of a statement of ours.
 */
#ifndef SELFHEAL_CONDITION_H
#define SELFHEAL_CONDITION_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "nodes/bitmapset.h"
#include "nodes/nodes.h"
#include "utils/rel.h"

typedef struct Condition Condition;

/* The parse tree of a text; raises 42601 when it is not one expression. */
extern Node *condition_parse(const char *text);

/*
 * The condition as text, with every name qualified, so that it means the same
 * under any search_path and role: what a load keeps of it. Raises what COPY
 * raises when it is none.
 */
extern char *condition_text(Relation rel, Node *raw);

/*
 * Prepare one (a text as condition_text makes it) for the rows of an open
 * relation, for the lifetime of the current memory context. desc: a copy of
 * its row type with that lifetime. role: as whom its functions run, restricted;
 * InvalidOid: as the current user. Raises as condition_text does: the table may
 * have changed since.
 */
extern Condition *condition_open(Relation rel, TupleDesc desc, const char *text, Oid role);

/* Attribute numbers that it looks at, 0 for the whole row. */
extern const Bitmapset *condition_columns(const Condition *c);

/* Is it true for these values (by attribute)? Throws what its functions throw. */
extern bool condition_holds(Condition *c, Datum *values, bool *nulls);

/* Before its memory context goes. */
extern void condition_close(Condition *c);

#endif							/* SELFHEAL_CONDITION_H */
