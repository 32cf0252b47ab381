/*
 * remote.h
 *	  What the other side of a foreign table says: of rows, and of its columns.
 *
 * A payload is held against what a foreign table says of itself here. Where
 * its server says otherwise, a value that fits here may be rounded or cut
 * there, and neither side calls that an error.
 */
#ifndef SELFHEAL_REMOTE_H
#define SELFHEAL_REMOTE_H

#include "postgres.h"

/*
 * May this table be watched, as far as other servers go? Raises 42809 for a
 * foreign table that takes no rows. Warns of each column of it, or of a
 * foreign partition, that its server declares so that it may not keep every
 * value which fits here; and of a server that could not be asked. Asks as the
 * current user, by IMPORT FOREIGN SCHEMA into the sandbox, rolled back. Knows
 * postgres_fdw alone: how other wrappers translate types is theirs to say.
 */
extern void remote_check(Oid relid);

#endif							/* SELFHEAL_REMOTE_H */
