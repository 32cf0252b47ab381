/*
 * target.h
 *	  What may be written: kinds of tables, and columns by privilege.
 *
 * The executor's parts, by which rows are stored, ask nobody.
 */
#ifndef SELFHEAL_TARGET_H
#define SELFHEAL_TARGET_H

#include "postgres.h"

#include "observe/store.h"
#include "utils/rel.h"

/* Raises 42809 for what is no table that holds rows, here or elsewhere. */
extern void target_check(Relation rel);

/*
 * Which columns the current user may not fill, by index into shape->cols. A
 * privilege on some columns is enough as long as payloads keep to them; raises
 * 42501 without any.
 */
extern void target_privileges(Relation rel, const Shape *shape, bool *denied);

/* Is a value sent for such a column? Then the row has its misfit, in cxt. */
extern bool target_sends_denied(const Shape *shape, const bool *denied, const FitRow *fit,
								StoreRow *row, MemoryContext cxt);

#endif							/* SELFHEAL_TARGET_H */
