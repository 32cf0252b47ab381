/*
 * spellings.h
 *	  Other spellings of an enum's labels, made into the labels.
 *
 *	{"words": {"OK": "ok", "cancled": "cancelled"}}
 *
 * Only for a column whose type is an enum: what is stored in it is a label, so
 * that no stored value can be one that would be read otherwise. A word that is
 * a label itself, since the type has got it meanwhile, is read as it is sent;
 * there is no spelling of what is no label.
 */
#ifndef SELFHEAL_SPELLINGS_H
#define SELFHEAL_SPELLINGS_H

#include "postgres.h"

#include "read/transformspec.h"

typedef struct Spellings Spellings;

/* In cxt; NULL with a fault. */
extern Spellings *spellings_make(const SpellingSpec *spec, Oid basetype,
								 MemoryContext cxt, TransformFault *fault);

/* The label of a word; false: it is none of them. Good as long as s. */
extern bool spellings_read(const Spellings *s, const char *val, int len,
						   const char **out, int *outlen);

#endif							/* SELFHEAL_SPELLINGS_H */
