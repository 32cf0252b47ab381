/*
 * json.h
 *	  JSON as far as the bridge reads it: is a line JSON, and which bytes of it
 *	  are the value of a key.
 *
 * Nothing here recurses, copies or allocates, and nothing looks beyond the
 * bytes given. A value stays what it is in the line, a Span of its bytes, so
 * that an id goes back exactly as it came.
 */
#ifndef SELFHEAL_BRIDGE_JSON_H
#define SELFHEAL_BRIDGE_JSON_H

#include <stdbool.h>
#include <stddef.h>

typedef struct Span
{
	const char *at;				/* NULL: there is none */
	size_t		len;
} Span;

/* What there is to say of a text. That jsonb can not hold it (\u0000, half of a
 * surrogate pair, a number without bounds) is for the database to say. */
typedef enum JsonVerdict
{
	JSON_FINE,
	JSON_BROKEN,				/* no JSON (RFC 8259), or no UTF-8 */
	JSON_TOO_DEEP				/* deeper than DEPTH_LIMIT */
} JsonVerdict;

/*
 * Look at a whole text. JSON_TOO_DEEP is said of a text whose brackets and
 * strings are whole; of all but a broken one members may be asked for.
 */
extern JsonVerdict json_check(const char *text, size_t len);

/* The value of a text without the blanks around it; none when empty. */
extern Span json_value(const char *text, size_t len);

/*
 * The value of a key in a checked object, the last one where there are more,
 * as in jsonb. None where there is no such key or no object.
 */
extern Span json_member(Span object, const char *key);

/*
 * The elements of a checked array, one by one: *at is 0 at first. False at the
 * end, or where there is no array.
 */
extern bool json_next(Span array, size_t *at, Span *element);

/* Is this a string, and which; escapes are understood. */
extern bool json_is_string(Span value);
extern bool json_string_is(Span value, const char *text);

/* A number without fraction and exponent. */
extern bool json_is_integer(Span value);
extern bool json_is_number(Span value);

/* Are two ids the same: a string is never a number. */
extern bool json_same(Span one, Span other);

/* Bytes of the character that stands first, 0 when it is no UTF-8. */
extern size_t json_utf8(const char *text, size_t len);

#endif
