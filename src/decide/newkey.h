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

#endif							/* SELFHEAL_NEWKEY_H */
