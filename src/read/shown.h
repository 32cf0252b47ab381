/*
 * shown.h
 *	  A value in a sentence for people.
 */
#ifndef SELFHEAL_SHOWN_H
#define SELFHEAL_SHOWN_H

#include "postgres.h"

/* In quotes, its first 60 bytes, controls as "?"; in the current context. The
 * text is in the server's encoding. */
extern char *shown_value(const char *val, int len);

#endif							/* SELFHEAL_SHOWN_H */
