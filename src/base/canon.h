/*
 * canon.h
 *	  Text that reads the same in every session, and its hash.
 */
#ifndef SELFHEAL_CANON_H
#define SELFHEAL_CANON_H

#include "postgres.h"

/* sha256 of a text as lower-case hex, in the current context. */
extern char *canon_sha256(const char *text);

/* Pin the settings that change how expressions and constants are written, the
 * search_path among them; the level to end with AtEOXact_GUC. */
extern int	canon_pin_settings(void);

#endif							/* SELFHEAL_CANON_H */
