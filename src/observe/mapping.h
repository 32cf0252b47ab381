/*
 * mapping.h
 *	  What becomes of payloads on their way into a table: its mappings.
 *
 * A mapping changes no table and no stored row. It tells where a key's value
 * goes (map_field, ignore_field, overflow_to_jsonb), how a value is to be read
 * (strip_nul, trim, null_if, map_value, parse_timestamp, parse_number, parse_point), or in which
 * encodings a payload may be that is no text (decode_text). It is read anew
 * whenever a table's shape is built, so it counts for loads, dry runs, replays
 * and diagnoses alike, from the commit of mapping_add on until that of
 * mapping_remove. A mapping is never changed: another one takes its place and
 * has the next version.
 *
 * Which args there are:
 *	 map_field			{} the key is the column's other name; {"path": [key,
 *						key, ...], "rest": "hold" | "drop" | "column"} a part
 *						of the key's object, path[0] being the key itself.
 *						rest: what becomes of parts that no mapping takes:
 *						the row is held; they are left out; what is left of the
 *						object is the key's value, as if it had been sent so.
 *						All mappings of a key's parts say the same of the rest.
 *						An object of which nothing is left is no key any more;
 *						a value that is no object is not touched.
 *	 ignore_field		{}, or {"path", "rest"} as above: left out
 *	 overflow_to_jsonb	{} keys that are no column, that nothing else was said
 *						of, go into the (jsonb) column as one object, a null
 *						too. A row that has a value for the column itself and
 *						such keys is held.
 *	 strip_nul			{} the character \u0000 is left out of the column's
 *						values, where these are texts or JSON (nulchars.h)
 *	 the others			what transform.h takes
 */
#ifndef SELFHEAL_MAPPING_H
#define SELFHEAL_MAPPING_H

#include "postgres.h"

#include "read/fit.h"
#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* In the order of application. */
typedef enum MappingKind
{
	MAP_DECODE_TEXT,			/* decode_text */
	MAP_FIELD,					/* map_field */
	MAP_IGNORE_FIELD,			/* ignore_field */
	MAP_OVERFLOW,				/* overflow_to_jsonb */
	MAP_STRIP_NUL,				/* strip_nul */
	MAP_TRIM,					/* trim */
	MAP_NULL_IF,				/* null_if */
	MAP_VALUE,					/* map_value */
	MAP_PARSE_TIMESTAMP,		/* parse_timestamp */
	MAP_PARSE_NUMBER,			/* parse_number */
	MAP_PARSE_POINT				/* parse_point */
} MappingKind;

#define MAPPING_KINDS (MAP_PARSE_POINT + 1)

typedef struct Mapping
{
	int64		id;				/* 0: not stored (a candidate) */
	Oid			relid;
	int			version;		/* of this table, kind and field; from 1 */
	MappingKind kind;
	char	   *field;			/* key of the payload, byte for byte; NULL:
								 * decode_text, overflow_to_jsonb */
	char	   *column;			/* that takes the value; NULL: decode_text,
								 * ignore_field */
	Jsonb	   *args;			/* an object; canonical once mapping_check has
								 * seen it */
	int64		proven_rows;	/* held rows that it was found to make fit;
								 * for mapping_add */
	char	   *why;			/* for mapping_add; or NULL */
	char	   *by;				/* role; NULL: the current user */
} Mapping;

/* "map_field", ...; false when there is no such kind. */
extern const char *mapping_kind_name(MappingKind kind);
extern bool mapping_kind_by_name(const char *name, MappingKind *kind);

/*
 * The way to a part of the key's object, path[0] being the key: how many keys
 * it has, 0 for a mapping of a whole key. rest may be NULL. Strings in the
 * current context.
 */
extern int	mapping_path(const Mapping *m, char *path[FIT_PATH_MAX], FitRest *rest);

/* Which transform it is of a column's values; false: none. */
extern bool mapping_transform(MappingKind kind, TransformKind *transform);

/* One line for people: parse_timestamp of key "at" for column "at": {...} */
extern char *mapping_words(const Mapping *m);

/* The active mappings of a table (Mapping *), in order of application, in the
 * current context; NIL for most tables. In a transaction; needs no privilege. */
extern List *mapping_list(Oid relid);

/*
 * Tell the shape of a table, or of a clone of it, the table's mappings (and
 * candidates among them): fit_row knows them from now on. To be called after
 * hint_apply and contract_apply; again, with a longer list, only on a new
 * shape. A mapping whose column is gone does nothing. FitRow.used are indexes
 * into this list.
 */
extern void mapping_apply(const List *mappings, Shape *shape);

/*
 * May this mapping be added beside those that are present (others of the same
 * plan among them)? Deny by default: false with a reason (no full stop) and
 * maybe a hint (a full sentence, or NULL) in the current context. On success
 * column and args are complete and canonical: a mapping of values without a
 * column gets the one that its key goes to. One that is present with the same
 * kind and field (and path) is replaced, which is no reason to refuse, unless
 * it is just the same.
 *
 * Values that are stored and would have been stored otherwise under it are
 * looked for in a bounded read, as the table's owner, restricted. The caller
 * has checked rights. Locks the table ACCESS SHARE.
 */
extern bool mapping_check(Oid relid, const List *present, Mapping *m,
						  char **reason, char **hint);

/* The one of the list whose place m would take, or NULL. */
extern const Mapping *mapping_replaces(const List *present, const Mapping *m);

/* The list that there would be with more mappings, some of which take the
 * place of others: a new list of the same mappings, in order of application. */
extern List *mapping_with(const List *present, const List *more);

/* Nobody else adds a mapping to the table until the end of the transaction: to
 * be called before what is present is read for a check. */
extern void mapping_lock(Oid relid);

/*
 * Write a mapping that was checked, end the one that it replaces, and leave an
 * audit row (mapping_added). Returns its id. Wakes nobody and does not have
 * the waiting rows tried again (hint_leave_word): that is the caller's.
 */
extern int64 mapping_add(const Mapping *m, int64 incident, int64 plan);

/* End it, with an audit row (mapping_removed); false when no active mapping
 * has this id. what was stored through it stays as it is. */
extern bool mapping_remove(int64 id, const char *why);

/* A column was renamed; these tables (Oid) may have been. Inside spi_open. */
extern void mapping_follow_column(Oid relid, const char *from, const char *to);
extern void mapping_follow_tables(const List *relids);

/* By id, active or not, in the current context; NULL: there is none. */
extern Mapping *mapping_get(int64 id, bool *active);

#endif							/* SELFHEAL_MAPPING_H */
