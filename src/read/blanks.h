/*
 * blanks.h
 *	  Blanks around a value, and words that mean that there is no value.
 *
 * Stripped by trim, and nothing else:
 *	ASCII	tab, line feed, vertical tab, form feed, carriage return, space
 *	U+00A0	no-break space			U+1680	ogham space
 *	U+2000 - U+200A  typographic spaces
 *	U+200B	zero width space		U+2028, U+2029  line, paragraph separator
 *	U+202F	narrow no-break space	U+205F	mathematical space
 *	U+3000	ideographic space		U+FEFF	byte order mark
 * Joiners (U+200C, U+200D), marks of direction and private-use characters mean
 * something in some script, or are damage that somebody must see. In a
 * database that is not UTF8 only the ASCII ones are known.
 */
#ifndef SELFHEAL_BLANKS_H
#define SELFHEAL_BLANKS_H

#include "postgres.h"

#include "read/transformspec.h"

typedef struct NullWords NullWords;

/* The string without the blanks around it: a part of val. False: it has none. */
extern bool blanks_trim(const char *val, int len, const char **out, int *outlen);

/*
 * Is it certain that no text of this type begins or ends with what trim strips
 * and means it? Enums without such a label, and the built-in types whose
 * input passes over blanks or refuses them. Everything else may keep them, as
 * text does, and bytea, whose escape format reads a blank as a byte.
 */
extern bool blanks_mean_nothing(Oid basetype);

/* Length of the blank that s starts with, or 0; and of the one it ends with. */
extern int	blanks_first(const char *s, const char *end);
extern int	blanks_last(const char *s, const char *end);

/* Words for nothing, in cxt; NULL with a fault. */
extern NullWords *nullwords_make(const NullIfSpec *spec, MemoryContext cxt,
								 TransformFault *fault);
extern bool nullwords_match(const NullWords *w, const char *val, int len);

/* The words among the samples that are known to mean nothing in exports: in
 * the current context. False with a reason: there are none, or the type
 * takes any text. */
extern bool nullwords_infer(const TransformSample *samples, int n, Oid basetype,
							NullIfSpec *spec, char **why_not);

#endif							/* SELFHEAL_BLANKS_H */
