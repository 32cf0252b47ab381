/*
 * quotes.h
 *	  Quotation marks in messages of any language: those of ASCII, and in UTF-8
 *	  those of print.
 */
#ifndef SELFHEAL_QUOTES_H
#define SELFHEAL_QUOTES_H

#include "postgres.h"

typedef struct Quotes
{
	const char *opens;
	const char *closes[2];		/* the second may be NULL */
} Quotes;

/* The marks of which the first stands at p, or NULL. An apostrophe is one,
 * whatever is before it. */
extern const Quotes *quotes_at(const char *p, const char *end);

/* Where the next mark is that closes them, from p on, and its length; NULL:
 * nowhere. An apostrophe before a letter closes nothing. */
extern const char *quotes_close(const Quotes *q, const char *p, const char *end, int *len);

/* Leave out blanks at both ends, as French has them within the marks. */
extern void quotes_trim(const char **from, const char **to);

#endif							/* SELFHEAL_QUOTES_H */
