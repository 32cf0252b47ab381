/*
 * toolargs.h
 *	  Arguments of a tool against its JSON Schema.
 *
 * A model that promises to keep to a schema may still not: a reply that is cut
 * off, a server that ignores "strict", letters of an enum in another case. So
 * each call is checked here before a tool sees it.
 *
 * What a schema of ours may use: type (one word, or a list such as ["string",
 * "null"]), properties, required, additionalProperties: false, items, enum,
 * anyOf, description, and title. That is within what the Messages API takes
 * for strict tools, which toolargs_check_schema makes sure of.
 */
#ifndef SELFHEAL_TOOLARGS_H
#define SELFHEAL_TOOLARGS_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Arguments beyond these are refused before anything is read of them. */
#define TOOLARGS_BYTES 65536
#define TOOLARGS_DEPTH 16
#define TOOLARGS_STRING 32768

/*
 * NULL when args follow the schema, else what is wrong, with the argument's
 * name and what to do next, in the current context. *out: the arguments with
 * the enums in the schema's own letters; optional ones that are null are left
 * out.
 */
extern char *toolargs_check(Jsonb *schema, Jsonb *args, Jsonb **out);

/*
 * Is there a number of more than TOOLARGS_DIGITS digits in them, before or
 * behind the point? A few bytes of JSON make as many kilobytes of digits, and
 * such arguments are not to be printed.
 */
#define TOOLARGS_DIGITS 1000
extern bool toolargs_outsized(Jsonb *args);

/* Why this text is no jsonb of this database, and what to do, in words. */
extern const char *toolargs_unfit(const char *json);

/* NULL when a schema keeps within the subset above, else what does not: for
 * tests of the registry. */
extern char *toolargs_check_schema(Jsonb *schema);

/* Arguments by name, for a tool; NULL or 0 when it is not there. */
extern char *toolargs_text(Jsonb *args, const char *name);
extern int64 toolargs_int8(Jsonb *args, const char *name);

#endif							/* SELFHEAL_TOOLARGS_H */
