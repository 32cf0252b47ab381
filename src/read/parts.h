/*
 * parts.h
 *	  Parts of a key's object that become fields of their own.
 *
 * Private to mapped.c. Keys whose objects have parts stand among the aliases
 * (alias.h, ALIAS_PARTS). The document of a row is copied only where a part is
 * taken, or where it is to show a value that was made of the one that was
 * sent: whoever asks why a row does not fit sees what was checked.
 */
#ifndef SELFHEAL_PARTS_H
#define SELFHEAL_PARTS_H

#include "postgres.h"

#include "read/shape.h"

typedef struct Parts Parts;

/* None yet, in the current context, which must be the shape's. */
extern Parts *parts_make(void);

/* See fit_map_part. In the shape's context. */
extern bool parts_add(Parts *p, Shape *shape, char *const *path, int depth, FitRest rest,
					  int col, int number);

/* A row begins: its document, or a copy in which parts are fields of their
 * columns. *nfaults: how many things about its keys do not fit. */
extern const JsonDoc *parts_take(Parts *p, const Shape *shape, const JsonDoc *doc,
								 int *nfaults);

/* One of these, from 0, in the current context. */
extern void parts_fault(Parts *p, int at, Misfit *out, const char **key, int *len);

/* The row's document with this field in place of one (from 1). */
extern const JsonDoc *parts_show(Parts *p, const Shape *shape, const JsonDoc *doc,
								 int number, const JsonField *field);

#endif							/* SELFHEAL_PARTS_H */
