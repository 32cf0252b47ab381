/*
 * jsonwalk.h
 *	  An object's members or an array's elements one after the other, each as it
 *	  is written.
 *
 * For texts that are to be passed on as they came: a character that no text of
 * this database can hold is left out of a string's val, and the walk goes on
 * (PostgreSQL's own json operators raise for it, wherever it stands).
 *
 *	  jsonwalk_init -> jsonwalk_start, jsonwalk_next ..., jsonwalk_whole -> ...
 */
#ifndef SELFHEAL_JSONWALK_H
#define SELFHEAL_JSONWALK_H

#include "postgres.h"

#include "read/jsontext.h"

typedef struct JsonWalk
{
	JsonText	text;
	const char *p;				/* NULL after a fault that ends it */
	char		close;			/* the bracket that ends it */
	bool		first;
	bool		whole;
} JsonWalk;

/* What it makes goes to cxt. In a transaction, unless the database is in UTF-8
 * or SQL_ASCII. */
extern void jsonwalk_init(JsonWalk *w, MemoryContext cxt);

/* Begin with a text; false: it is neither object nor array. What came of the
 * one before is gone. */
extern bool jsonwalk_start(JsonWalk *w, const char *bytes, size_t len);

/* The next one; of an array's key is NULL. False: there is none, or none can be
 * read. A key that stands twice is given twice. */
extern bool jsonwalk_next(JsonWalk *w, JsonField *field);

/* After the last: was it read to the end, and nothing stands behind it? */
extern bool jsonwalk_whole(const JsonWalk *w);

/* Is a member of this name, or a string of this text? */
extern bool jsonwalk_named(const JsonField *field, const char *name);
extern bool jsonwalk_says(const JsonField *field, const char *text);

/* The text of a string, cut at so many bytes; NULL when it is none. */
extern char *jsonwalk_text(const JsonField *field, int most);

#endif							/* SELFHEAL_JSONWALK_H */
