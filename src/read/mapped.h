/*
 * mapped.h
 *	  What mappings do to the row at hand.
 *
 * Private to the fit rooms; fit_map_key and its sisters (fit.h) are how a
 * shape learns of mappings. A shape without any has no Mapped, and none of
 * this is called but mapped_value for columns that the database computes.
 */
#ifndef SELFHEAL_MAPPED_H
#define SELFHEAL_MAPPED_H

#include "postgres.h"

#include "read/shape.h"

typedef struct Mapped Mapped;

/* A row begins: its document with taken parts as fields of their columns.
 * *nfaults: how many things about its keys do not fit. */
extern const JsonDoc *mapped_begin(const Shape *shape, const JsonDoc *doc, int *nfaults);

/* One of these, from 0, in the current context. */
extern void mapped_fault(const Shape *shape, int at, Misfit *out, const char **key, int *len);

/* The value as the column's transforms leave it: the field itself when they
 * leave it alone, else one that is good until the next row; NULL: it is
 * torn between two readings. */
extern const JsonField *mapped_value(const Shape *shape, int col, const JsonField *field);

/* Show this value, and not the one that was sent, in the row's document. */
extern void mapped_show(const Shape *shape, int number, const JsonField *field);

/* A key of which nothing is known: does a column take it with all of these? */
extern bool mapped_rest(const Shape *shape, const JsonField *field);

/* The column that takes such keys, or -1. */
extern int	mapped_rest_column(const Shape *shape);

/* All of these as one value, and the column that takes it; NULL: none. */
extern const JsonField *mapped_rest_value(const Shape *shape, int *col);

/* The mapping with this number has done something to the row. */
extern void mapped_use(const Shape *shape, int number);

/* How many have, and which. */
extern int	mapped_used(const Shape *shape, const int **numbers);

#endif							/* SELFHEAL_MAPPED_H */
