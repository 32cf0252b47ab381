/*
 * typechange.h
 *	  Does what fitted one type fit another?
 *
 * Both are given as the server writes them (format_type), so that types which
 * are gone can be asked about as well.
 */
#ifndef SELFHEAL_TYPECHANGE_H
#define SELFHEAL_TYPECHANGE_H

#include "postgres.h"

typedef enum TypeChange
{
	TYPE_SAME,
	TYPE_WIDENED,				/* all that fitted fits, and means the same */
	TYPE_NARROWED,				/* some of it does not, or loses digits */
	TYPE_OTHER					/* neither can be said */
} TypeChange;

/* Of the server's own types; anything else that differs is TYPE_OTHER. */
extern TypeChange type_change(const char *was, const char *now);

/* A type whose values are words: text, or a length of it. */
extern bool type_is_word(const char *type);

#endif							/* SELFHEAL_TYPECHANGE_H */
