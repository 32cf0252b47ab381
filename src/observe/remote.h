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

#include "nodes/pg_list.h"

/*
 * May this table be watched, as far as other servers go? Raises 42809 for a
 * foreign table that takes no rows. Warns of each column of it, or of a
 * foreign partition, that its server declares so that it may not keep every
 * value which fits here; and of a server that could not be asked. Asks as the
 * current user, by IMPORT FOREIGN SCHEMA into the sandbox, rolled back. Knows
 * postgres_fdw alone: how other wrappers translate types is theirs to say.
 */
extern void remote_check(Oid relid);

/* One difference between a foreign table and the table that it stands for. */
typedef struct RemoteDifference
{
	const char *kind;			/* column_missing: there; column_there: not
								 * here; type; not_null: there; unreachable:
								 * could not be asked, there says why */
	char	   *name;			/* column here, or there when it is only
								 * there; for a partition behind its name */
	char	   *here;			/* or NULL */
	char	   *there;			/* or NULL */
	bool		breaks;			/* rows that fit here may fail, or be changed,
								 * there */
} RemoteDifference;

/*
 * How a foreign table, and the foreign partitions of a table, differ from what
 * their servers have (RemoteDifference), in the current context. Asked as the
 * current user, with no right but his, as remote_check does; all servers
 * together have selfheal.publisher_timeout. Other wrappers than postgres_fdw are
 * not asked.
 */
extern List *remote_differences(Oid relid);

#endif							/* SELFHEAL_REMOTE_H */
