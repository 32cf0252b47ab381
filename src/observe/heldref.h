/*
 * heldref.h
 *	  References to held rows: ranges of ids and a hash of their bytes.
 *
 * The audit and selfheal.replayed name rows this way: the rows themselves
 * leave the quarantine, and whoever kept the bytes can prove which they were.
 */
#ifndef SELFHEAL_HELDREF_H
#define SELFHEAL_HELDREF_H

#include "postgres.h"

#include "observe/held.h"
#include "utils/jsonb.h"

/* Rows given here stand in order of id, as held_fetch gives them. */

/* sha256 in hex over the payloads, each followed by a line feed. */
extern char *heldref_hash(const HeldRow *rows, int n);

/* {"ids": [[first,last],...], "rows": n, "sha256": hash}. At most 100 ranges
 * are listed. hash may be NULL: then it is computed. */
extern Jsonb *heldref_json(const HeldRow *rows, int n, const char *hash);

/*
 * selfheal.replayed gets its row: these rows were stored in the table by that
 * role, for that plan (0: by a person). Returns their hash.
 */
extern char *heldref_replayed(Oid relid, const HeldRow *rows, int n, int64 plan,
							  const char *role);

#endif							/* SELFHEAL_HELDREF_H */
