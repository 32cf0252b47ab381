/*
 * documents.h
 *	  JSON documents, nearly right or nearly wrong, by a seed.
 */
#ifndef SELFHEAL_TEST_DOCUMENTS_H
#define SELFHEAL_TEST_DOCUMENTS_H

#include <stddef.h>
#include <stdint.h>

/* Bytes being made; what does not fit any more is left out. */
typedef struct Out
{
	uint8_t    *data;
	size_t		len;
	size_t		size;
} Out;

/* Numbers from a seed. */
typedef struct Dice
{
	uint64_t	state;
} Dice;

extern uint32_t dice(Dice *d, uint32_t n);	/* 0 .. n - 1 */

extern void document_put(Out *out, const void *bytes, size_t len);

/* A whole document; a value; a field with its key. */
extern void document_make(Dice *d, Out *out);
extern void document_value(Dice *d, Out *out, int depth);
extern void document_field(Dice *d, Out *out, int depth);

/*
 * The tokens and containers of a text that may be broken: where a value could
 * be exchanged for another. At most max; returns how many.
 */
typedef struct Span
{
	size_t		start;
	size_t		end;
} Span;

extern int	document_spans(const uint8_t *data, size_t len, Span *spans, int max);

#endif							/* SELFHEAL_TEST_DOCUMENTS_H */
