/*
 * mapwords.h
 *	  map_value of a text column: only under a list that a CHECK has.
 *
 * Where CHECK (column IN (...)) says what a column takes, another spelling of
 * one of these can be read as it, and no stored value can be one that would be
 * read otherwise. The list that counts is that of the table at hand, and of
 * now: a word that it has got meanwhile is stored as it is sent, and without a
 * list nothing is read otherwise than it is sent.
 */
#ifndef SELFHEAL_MAPWORDS_H
#define SELFHEAL_MAPWORDS_H

#include "postgres.h"

#include "observe/mapping.h"

/* Tell the transform of a column what its table's lists allow. False: it has
 * nothing to do there. An enum's is as it was. */
extern bool mapwords_allow(Transform *transform, Oid relid, AttrNumber attnum, Oid basetype);

/*
 * May words of this column, of this type below domains, be read so? Args were read by
 * transform.h. False with a reason and a hint, as mapping_check says them.
 */
extern bool mapwords_check(Oid relid, AttrNumber attnum, Oid basetype, const Mapping *m,
						   char **reason, char **hint);

#endif							/* SELFHEAL_MAPWORDS_H */
