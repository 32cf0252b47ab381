/*
 * unseen.h
 *	  Characters that a person who reads a name does not see.
 */
#ifndef SELFHEAL_UNSEEN_H
#define SELFHEAL_UNSEEN_H

#include "postgres.h"

/*
 * Has a name, in the database's encoding, characters that whoever is asked
 * about it cannot see or that make him read something else: controls, marks
 * of the writing's direction, blanks without width? Joiners are letters'
 * business in some scripts and pass.
 */
extern bool unseen_in(const char *name);

#endif							/* SELFHEAL_UNSEEN_H */
