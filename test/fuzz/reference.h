/*
 * reference.h
 *	  What the scanner should say of a document, read in another way: one
 *	  recursive function per rule of RFC 8259, byte by byte, copying all it
 *	  finds. Slow and plain.
 */
#ifndef SELFHEAL_TEST_REFERENCE_H
#define SELFHEAL_TEST_REFERENCE_H

#include "postgres.h"

#include "read/json.h"

/* Bytes of our own. */
typedef struct RefText
{
	char	   *data;
	size_t		len;
} RefText;

typedef struct RefField
{
	RefText		key;
	JsonKind	kind;
	RefText		val;			/* as JsonField's val */
	size_t		raw;			/* offset of the value as written */
	size_t		rawlen;
	bool		wild;
	bool		differs;		/* an object in it has one key twice with
								 * different values */
} RefField;

typedef struct RefDoc
{
	JsonFault	fault;
	RefField   *fields;			/* without repeated ones */
	int			nfields;
} RefDoc;

/* encoding: the server's, as in stubs.h. Free the result with reference_free. */
extern RefDoc *reference_read(const char *bytes, size_t len, int encoding);
extern void reference_free(RefDoc *doc);

#endif							/* SELFHEAL_TEST_REFERENCE_H */
