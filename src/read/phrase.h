/*
 * phrase.h
 *	  A message without the values that it tells.
 *
 * PostgreSQL's messages carry values ("invalid input syntax for type integer:
 * \"12,5\"", "Key (id)=(5) already exists."), a trigger's say anything, and so
 * do the reasons that are built upon them. So a message is read word by word.
 * What stays: words that PostgreSQL's messages and ours are made of, in small
 * letters, capitals, or at the start of a sentence; names that are metadata
 * (mask.h); signs; the numbers in a type (varchar(8)) and before what they count (12 rows). In quotes, those
 * of other languages too, only names stay. What is no name there may have quotes
 * of its own, so it lasts to the last one that could close it; what "=(",
 * "contains (" or a bracket behind a masked word begins, to the last bracket;
 * JSON and XML, to the end. An apostrophe in or behind a word is no quote. All
 * else is masked, or with SHARE_NONE left out ("..."). In a language that we
 * have no words of little but names and signs is left: class, column and
 * SQLSTATE say the rest.
 */
#ifndef SELFHEAL_PHRASE_H
#define SELFHEAL_PHRASE_H

#include "postgres.h"

#include "read/mask.h"

/* At most so many bytes of one message. */
#define PHRASE_BYTES 1000

/*
 * The text of a DDL command without its data: the first statement alone, if it
 * is one (else its first word); strings and numbers are masked, but for the
 * sizes of types, and comments left out. Names that look like data are masked
 * as keys of payloads are, unless they are among names: a column may have been
 * named by such a key. "..." behind what is told of a longer text. NULL stays
 * NULL; names may be NULL. With full all of it is told, whatever its length.
 */
extern char *phrase_sql(ShareValues share, const MaskNames *names, const char *sql);

/* NULL stays NULL. names may be NULL: none. In the current context. */
extern char *phrase_mask(ShareValues share, const MaskNames *names, const char *message);

#endif							/* SELFHEAL_PHRASE_H */
