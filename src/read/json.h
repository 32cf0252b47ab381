/*
 * json.h
 *	  Scanner for one payload: a JSON object whose top-level keys are columns.
 *
 * The scanner validates the whole document (RFC 8259, a field's value nested
 * up to JSON_MAX_DEPTH) in one pass and yields its top-level fields in order.
 * Strings without escapes and all other values point into the payload and
 * are not copied; unescaped strings live in the scanner's arena, which
 * json_scan resets: a document is good until the next json_scan.
 */
#ifndef SELFHEAL_JSON_H
#define SELFHEAL_JSON_H

#include "postgres.h"

#define JSON_MAX_DEPTH 1000

typedef enum JsonKind
{
	JSON_NULL,
	JSON_BOOL,
	JSON_NUMBER,
	JSON_STRING,
	JSON_OBJECT,
	JSON_ARRAY
} JsonKind;

/* Why a payload is no document we can take apart. */
typedef enum JsonFault
{
	JSON_FINE,
	JSON_BROKEN,				/* not JSON */
	JSON_NOT_OBJECT,			/* JSON, but not an object */
	JSON_NUL,					/* \u0000 or a NUL byte: no text can hold it */
	JSON_SURROGATE,				/* half of a surrogate pair */
	JSON_DUPLICATE,				/* one key twice with different values */
	JSON_DEEP,					/* nested deeper than JSON_MAX_DEPTH */
	JSON_UNTRANSLATABLE			/* \uXXXX that the server's encoding lacks */
} JsonFault;

typedef struct JsonField
{
	const char *key;			/* unescaped, not NUL-terminated */
	int			keylen;
	JsonKind	kind;
	const char *val;			/* strings: unescaped, without quotes; else
								 * the bytes as written; not NUL-terminated */
	int			len;
	const char *raw;			/* the value as written, strings with quotes */
	int			rawlen;
	bool		wild;			/* holds a number with an exponent or very
								 * many digits: only numeric's input function
								 * can tell whether a jsonb takes it */
	bool		unsure;			/* holds an object whose keys were not found
								 * to be distinct yet: ask jsonkeys_differ */
} JsonField;

typedef struct JsonDoc
{
	JsonFault	fault;
	const char *fault_key;		/* top-level key in which it lies, or NULL */
	int			fault_keylen;
	size_t		fault_at;		/* byte offset */
	const char *bytes;			/* the payload */
	size_t		len;
	bool		input;			/* its strings are what the input functions of
								 * their columns' types are to read, as the
								 * fields of a COPY are: one for a json column
								 * holds JSON */
	JsonField  *fields;
	int			nfields;
} JsonDoc;

typedef struct JsonScanner JsonScanner;

/* A scanner in a context of its own below parent; json_scanner_free or the
 * parent's deletion ends it. */
extern JsonScanner *json_scanner(MemoryContext parent);
extern void json_scanner_free(JsonScanner *s);

/*
 * Scan one payload. Never throws for what the payload holds (out of memory
 * aside): doc->fault tells. Duplicate keys with equal values are yielded once.
 */
extern const JsonDoc *json_scan(JsonScanner *s, const char *bytes, size_t len);

/* The same for a payload that was made of a line's fields (doc->input). */
extern const JsonDoc *json_scan_fields(JsonScanner *s, const char *bytes, size_t len);

/*
 * The kind that a field's value has for whoever makes a column for it. A file
 * of lines has texts alone: one that is a number or a truth value as JSON
 * writes it is taken for one. What a number would not give back as it stands
 * (007, +1, 1e5) is a text.
 */
extern JsonKind json_kind(const JsonDoc *doc, const JsonField *field);

/* Fault in words for people, e.g. "\u0000 in key "a"": no full stop. */
extern const char *json_fault_text(JsonFault fault);

#endif							/* SELFHEAL_JSON_H */
