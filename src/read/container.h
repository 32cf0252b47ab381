/*
 * container.h
 *	  Values that are made of values: arrays, composites, ranges.
 *
 * Each part is judged as if it stood in a column of its own, so that what is
 * never changed in a column is never changed within one either.
 */
#ifndef SELFHEAL_CONTAINER_H
#define SELFHEAL_CONTAINER_H

#include "postgres.h"

#include "read/shape.h"

/*
 * value_fits for a column whose type has parts. If all of them fit, the cell
 * holds a text for the type's input function, which still has to say whether
 * they fit together.
 *
 * A JSON array is an array, its elements' arrays are dimensions; an object is
 * a composite, its keys are attributes by exact name, an absent one is null;
 * an array of two is a range that includes both; a string is PostgreSQL's own
 * text of the value.
 */
extern bool container_fits(const Shape *shape, int col, const JsonField *field,
						   FitCell *cell, Misfit *out);

#endif							/* SELFHEAL_CONTAINER_H */
