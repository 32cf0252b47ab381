/*
 * nulchars.h
 *	  \u0000 in a payload, left out where a mapping says so.
 *
 * JSON can say U+0000 and no text of PostgreSQL can hold it, so that a payload
 * with it cannot be stored as it was sent. Where a mapping says so of a column
 * (fit_map_nul), the character is left out of what goes there, in nested values
 * too; in a key, on its way to a column of which nobody has said so, or to none
 * that is there yet, it makes the payload unfit as ever. Private to the fit rooms but for
 * nulchars_takes.
 */
#ifndef SELFHEAL_NULCHARS_H
#define SELFHEAL_NULCHARS_H

#include "postgres.h"

#include "read/shape.h"

typedef struct NulChars NulChars;

/* Can values of this type (below domains) do without the character? Texts, JSON
 * and arrays of texts: a number would be another one. */
extern bool nulchars_takes(Oid basetype);

/* nulchars_strip will be asked. */
extern void nulchars_open(Shape *shape);

/*
 * A document with the fault JSON_NUL, without the characters; NULL: there is
 * none, or nobody asked (nulchars_open). *stay: fields (const JsonField *) of
 * which nobody has said that they may do without. Good until the shape's next
 * fit_row.
 */
extern const JsonDoc *nulchars_strip(const Shape *shape, const JsonDoc *doc, List **stay);

/* Note the mappings that the document came by: mapped_use, once a row has
 * begun. */
extern void nulchars_use(const Shape *shape);

#endif							/* SELFHEAL_NULCHARS_H */
