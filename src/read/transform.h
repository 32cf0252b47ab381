/*
 * transform.h
 *	  Values that a column's type does not read as they are sent, and what a
 *	  list of values proves about how to read them.
 *
 * A transform is a closed kind with checked arguments, made for one column's
 * type. It turns the text of one value into text that the type's input function
 * takes, or leaves it alone: it never guesses, rounds, cuts or drops. It knows
 * nothing of tables or mappings.
 *
 * Arguments, a JSON object each; a key that is not listed is an error:
 *
 *	trim             {}
 *	null_if          {"values": ["", "N/A"], "ignore_case": false}
 *	map_value        {"words": {"OK": "ok"}}				   (spellings.h)
 *	parse_timestamp  {"formats": ["DD.MM.YYYY", "unix"], "zone": null,
 *					  "century": null}            (timeformat.h, timestamps.h)
 *	parse_number     {"decimal": ",", "group": ".", "strip": [],
 *					  "grouping": "thousands"|"indian",
 *					  "parentheses": false, "trailing_minus": false}
 *														   (numerals.h)
 *	parse_point      {"form": "array"|"object"|"text"|"dms",
 *					  "order": "xy"|"yx"|"letters", "x": key, "y": key,
 *					  "geographic": false}				   (points.h)
 *	decode_text      {"encodings": ["WIN1252", "LATIN1"]}  (decode.h)
 *
 * Several transforms of one column go in the order of the kinds below: blanks
 * first, then the words for nothing, then the reading. After TRANSFORM_MADE
 * the next one gets the text as a JSON_STRING.
 *
 * They are for every value of a column, before its type is asked, and not only
 * for those that do not fit: "1.234" is a number to numeric as well, and
 * "03/04/2024" a date under some DateStyle, each another one than the
 * producer's. What is left goes to the type, which may read it in its own way;
 * what is torn does not.
 */
#ifndef SELFHEAL_TRANSFORM_H
#define SELFHEAL_TRANSFORM_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "read/json.h"
#include "utils/jsonb.h"

typedef enum TransformKind
{
	TRANSFORM_TRIM,
	TRANSFORM_NULL_IF,
	TRANSFORM_VALUE,
	TRANSFORM_TIMESTAMP,
	TRANSFORM_NUMBER,
	TRANSFORM_POINT,
	TRANSFORM_TEXT				/* of whole payloads, not of values */
} TransformKind;

typedef enum TransformOutcome
{
	TRANSFORM_LEFT,				/* does not apply: the value goes on as it was
								 * sent, and fit judges it */
	TRANSFORM_MADE,				/* *out, *outlen */
	TRANSFORM_NULLED,			/* the value means that there is none */
	TRANSFORM_TORN				/* what was declared does not settle it (two
								 * readings, an hour that the zone has twice,
								 * a point that is no decimal sign), and the
								 * type is not to read it in its own way */
} TransformOutcome;

typedef struct TransformSample
{
	JsonKind	kind;
	const char *val;			/* as the scanner gives it (json.h) */
	int			len;
} TransformSample;

typedef struct Transform Transform;

/* "parse_timestamp" and so on; false: no kind has this name. */
extern const char *transform_name(TransformKind kind);
extern bool transform_by_name(const char *name, TransformKind *kind);

/*
 * A transform for a column of this type (a domain's base type), in cxt, with
 * all that transform_apply needs. Throws 22023 with a hint for arguments that
 * it does not know, that contradict each other or are impossible, and for a
 * type that the kind cannot feed. TRANSFORM_TEXT is checked and applies to
 * nothing. Args may be NULL for none.
 */
extern Transform *transform_make(TransformKind kind, const Jsonb *args,
								 Oid basetype, MemoryContext cxt);

/*
 * The column takes only these values (char *), as a CHECK of its table says:
 * map_value of a text column leaves them as they are, and makes nothing else.
 * False: there is nothing left that it reads. Other kinds are as they were.
 */
extern bool transform_allow(Transform *t, const List *values);

/*
 * One value, as the scanner gives it; not NUL-terminated. *out is text for the
 * type's input function, in the server's encoding and not NUL-terminated: good
 * until the next call with this transform and as long as val is, since it may
 * point into val. Never throws, never allocates. JSON null is always left.
 */
extern TransformOutcome transform_apply(Transform *t, JsonKind kind,
										const char *val, int len,
										const char **out, int *outlen);

/*
 * The canonical arguments that these values prove, in the current context, or
 * NULL with a reason for people in *why_not (no full stop; values in it are
 * shortened; it is data of the table, not for a prompt's instructions).
 *
 * The parse kinds: every sample that is not null must be read, all agree, and
 * no sample may have a second reading. trim and null_if look for samples that
 * they would change and say nothing about the others: take out what they make
 * or null before a parse kind is asked.
 *
 * Both results at once are a question for a person: the arguments lack one
 * choice, which stands in them as null, and *why_not says why it is open. They
 * are not good for transform_make until the null is replaced by one of:
 *	parse_point      "order": null     "xy" or "yx"
 *	parse_timestamp  "zone": null      a zone's name: instants (unix seconds, a
 *									   zone in the value) for a timestamp
 *									   column. Where no choice is open, "zone"
 *									   is null with *why_not NULL.
 * Throws only for out of memory and a cancel.
 */
extern Jsonb *transform_infer(TransformKind kind,
							  const TransformSample *samples, int n,
							  Oid basetype, char **why_not);

/*
 * Checked arguments (as transform_make checks them) with defaults spelled out,
 * the same for all ways to say the same: for storing and hashing.
 */
extern Jsonb *transform_canonical(TransformKind kind, const Jsonb *args,
								  Oid basetype);

/*
 * Bytes of a payload in a declared encoding, as text of the database. True: all
 * of it has been converted and nothing in it is unprintable; *out is in the
 * current context. False and *printable: they are not of this encoding. False
 * and not *printable: they are converted, but a control character (other than
 * tab, line feed and carriage return) or U+FFFD is left: another encoding, most
 * likely. Never throws for what the bytes hold.
 */
extern bool transform_decode(const char *bytes, size_t len, int encoding,
							 char **out, size_t *outlen, bool *printable);

/*
 * The encodings of decode_text's arguments, in their order; how many there are.
 * Throws as transform_make does.
 */
#define TRANSFORM_ENCODINGS_MAX 8
extern int	transform_encodings(const Jsonb *args,
								int encodings[TRANSFORM_ENCODINGS_MAX]);

#endif							/* SELFHEAL_TRANSFORM_H */
