/*
 * store.h
 *	  Put payload rows into a table: scan, check the fit, write by the
 *	  executor's parts or by SQL; tell for each row whether it is stored.
 *
 * Used by the intake (as the producer), by the dry run (into the clone) and
 * by the replay (as the loading role): it runs as whoever is the current user
 * and never switches. It writes to the target table only.
 *
 * A flush is one or more internal subtransactions. Deferred constraints of
 * the target are fired before each ends. After it a row is stored, or has its
 * misfits, or is discarded since the table's contract says so, or is left out
 * by the load's own condition; store_rows throws only what says that the server or the
 * session is in trouble (cancel, shutdown, disk full, corruption).
 */
#ifndef SELFHEAL_STORE_H
#define SELFHEAL_STORE_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"
#include "observe/options.h"
#include "write/fkmiss.h"

/* What the table's contract has taken away (discards.h). */
typedef struct Discards Discards;
typedef struct Discard Discard;

/* Mappings that did something to a row, in no order; many rows share one. */
typedef struct StoreMapped
{
	int			n;
	int64	   *ids;			/* 0: a candidate */
	int		   *versions;
} StoreMapped;

/* Which rows must wait for others (order.h), and the ordering key of one. */
typedef struct Order Order;
typedef struct OrderKey
{
	int64		hash;			/* equal keys have one */
	const char *text;			/* for people, clipped */
} OrderKey;

/* A row that is looked at and never stored: that of a statement whose client
 * has had its error (witness.h). */
typedef enum Witness
{
	WITNESS_NONE,				/* it is to be stored */
	WITNESS_WHOLE,				/* all that the statement gave is known */
	WITNESS_PART				/* some of it: an absent key says nothing */
} Witness;

typedef struct StoreRow
{
	const char *bytes;			/* payload */
	size_t		len;
	bool		bad_encoding;	/* bytes are not text: held as they are */
	bool		fields;			/* the payload was made of a line's fields
								 * (JsonDoc.input) */
	bool		torn;			/* bad_encoding, and no payload could be made
								 * of the line: bytes are its own */
	int			fault_state;	/* of a torn line: SQLSTATE, 0 = not known */
	const char *fault;			/* what is wrong with it, or NULL */
	const char *line;			/* with fields: the line, which is held with
								 * the payload; NULL: not at hand */
	size_t		linelen;
	Witness		witness;		/* not for store_rows */
	/* filled by store_rows: */
	int			place;			/* among the rows of the flush */
	bool		stored;			/* it is in the table now */
	bool		already;		/* and was before: an equal row stood there */
	bool		discarded;		/* it is not, by contract; then nmisfits is 1 */
	bool		excluded;		/* nor is it held: the condition leaves it
								 * out; then nmisfits is 0 */
	bool		keyed;			/* in an order: it is known to have a key */
	int			nleft;			/* values that it is stored without, or would */
	Discard   **left;			/* have been; in store->cxt */
	const StoreMapped *mapped;	/* it came, or would, by mappings; NULL: as it
								 * was sent. Until store_reset */
	int			nmisfits;
	Misfit	   *misfits;		/* in store->cxt */
	ErrorData  *edata;			/* the insert's own error, or NULL */
	OrderKey   *key;			/* of a row that is held in an order, if it is
								 * known; in store->cxt */
} StoreRow;

typedef struct Store Store;

/* The document of a row that has one: its text is bytes, or what a mapping has
 * made of them. */
extern const JsonDoc *store_scan(JsonScanner *scanner, const StoreRow *row,
								 const char *bytes, size_t len);

/*
 * Open a target (lock: RowExclusiveLock, kept to the end of the transaction)
 * below the current memory context. Checks INSERT privilege of the current
 * user on the table; raises 42501 as an INSERT would, and 55000 when conflict
 * is "update" and the table has no primary key.
 *
 * conflict: what becomes of a row whose key is stored. "update" writes it over
 * the stored one: the columns that it has keys for, the others stay.
 */
extern Store *store_open(Oid relid, RowConflict conflict);

/* The target is a clone of this table: what the team has said of the table's
 * keys (hint.h), and its contract, count for it. */
extern void store_stands_for(Store *store, Oid relid);

/*
 * Mappings (Mapping * of mapping.h) that are to count beside those of the
 * table, as if they were stored: a dry run and the proof of them. Those that
 * they replace do not count. The list must live as long as the store. Makes
 * the shape anew: to be called before its shape is told anything else.
 */
extern void store_try_mappings(Store *store, List *candidates);

/*
 * Rows for which a condition (condition_text) is not true are left out: they
 * are excluded instead of stored. It runs as this role, restricted; InvalidOid:
 * as whoever is the current user. Raises what condition_open raises.
 */
extern void store_where(Store *store, const char *condition, Oid role);

/* Rows are stored in this order (NULL: as they come), which stands for store. */
extern void store_in_order(Store *store, Order *order);

/* The rows wait for their parents: before any is written, ask which of them
 * still do. What they miss is added to *orphans (Orphans *, in cxt). */
extern void store_ask_parents(Store *store, ParentsAsk ask, List **orphans, MemoryContext cxt);

/* Write n rows. Misfits live until store_reset or store_close. Returns how
 * many are in the table now. */
extern int64 store_rows(Store *store, StoreRow *rows, int n);

/* Forget misfits of earlier rows. */
extern void store_reset(Store *store);
extern void store_close(Store *store);

extern Shape *store_shape(Store *store);

/* Has any row come by a mapping so far? */
extern bool store_has_mapped(const Store *store);

/* What the contract has left out and discarded so far; NULL: nothing. The
 * rows are the caller's to count (discards_count). Until store_close. */
extern Discards *store_discards(Store *store);

#endif							/* SELFHEAL_STORE_H */
