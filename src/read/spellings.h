/*
 * spellings.h
 *	  Other spellings of an enum's labels, or of the values that a CHECK
 *	  (column IN (...)) allows, made into these.
 *
 *	{"words": {"OK": "ok", "cancled": "cancelled"}}
 *
 * Only for a column whose type is an enum, or a text under such a list: what is
 * stored in it is a label, so that no stored value can be one that would be
 * read otherwise. A word that is a label itself, since the type or the list has
 * got it meanwhile, is read as it is sent; there is no spelling of what is no
 * label. The type knows the labels of an enum; those of a list are told by
 * spellings_allow, without which all words of a text column are read.
 */
#ifndef SELFHEAL_SPELLINGS_H
#define SELFHEAL_SPELLINGS_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "read/transformspec.h"

typedef struct Spellings Spellings;

/* In cxt; NULL with a fault. */
extern Spellings *spellings_make(const SpellingSpec *spec, Oid basetype,
								 MemoryContext cxt, TransformFault *fault);

/* The column takes only these values (char *): words that are one of them, or
 * that mean none of them, are not read any more. False: none is left. */
extern bool spellings_allow(Spellings *s, const List *values);

/* The label of a word; false: it is none of them. Good as long as s. */
extern bool spellings_read(const Spellings *s, const char *val, int len,
						   const char **out, int *outlen);

#endif							/* SELFHEAL_SPELLINGS_H */
