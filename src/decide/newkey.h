/*
 * newkey.h
 *	  The playbook of a key that is no column.
 */
#ifndef SELFHEAL_NEWKEY_H
#define SELFHEAL_NEWKEY_H

#include "postgres.h"

#include "decide/remedy.h"

/*
 * A new key becomes a nullable column of the type that all its values prove,
 * or that the team has said. Asks no catalog.
 */
extern void newkey_add(Remedy *r, const Evidence *e);

/*
 * Of a key that is longer than a column's name can be: a column of a shorter
 * name, and a mapping of the key to it. Its name is the key's beginning, cut
 * at a word where there is one, with an underscore and six hexadecimal digits
 * of the key's sha256 behind it, so that two keys which begin alike differ.
 */
extern void newkey_shorten(Remedy *r, const Evidence *e);

#endif							/* SELFHEAL_NEWKEY_H */
