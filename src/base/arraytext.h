/*
 * arraytext.h
 *	  A JSON array as the text that an array column reads.
 *
 * [1, "a b", null, [2]] becomes {1,"a b",NULL,{2}}. Whether the elements fit
 * the element's type, and the dimensions each other, is array_in's to say.
 */
#ifndef SELFHEAL_ARRAYTEXT_H
#define SELFHEAL_ARRAYTEXT_H

#include "postgres.h"

#include "base/jsontext.h"

/*
 * raw is a validated JSON array. documents: the elements are json or jsonb,
 * so strings keep their quotes. The text is allocated in the current context;
 * NULL when it is nested deeper than an array can be.
 */
extern char *arraytext_literal(JsonText *text, const char *raw, int rawlen,
							   char delimiter, bool documents, int *len);

#endif							/* SELFHEAL_ARRAYTEXT_H */
