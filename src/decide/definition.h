/*
 * definition.h
 *	  What one dependent object is, and the statements that make it again.
 */
#ifndef SELFHEAL_DEFINITION_H
#define SELFHEAL_DEFINITION_H

#include "postgres.h"

#include "decide/rebuild.h"

/*
 * Fill drop, make, lines and types of those items that are of this kind. To be
 * called inside spi_open, under canon_pin_settings: all names are then written
 * with their schema, and constants read the same for everybody. Results are
 * allocated in cxt.
 */
extern void definition_read(RebuildKind kind, List *items, MemoryContext cxt);

/* The same but for casts and brackets, of which the parser puts in and leaves
 * out as types ask for them? */
extern bool definition_alike(const char *a, const char *b);

#endif							/* SELFHEAL_DEFINITION_H */
