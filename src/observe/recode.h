/*
 * recode.h
 *	  Lines of a load, from the encoding they claim to have into the server's.
 *
 * A line that is not what it claims to be does not end the load: it is told
 * of, and held as the bytes that came.
 */
#ifndef SELFHEAL_RECODE_H
#define SELFHEAL_RECODE_H

#include "postgres.h"

/* How a line's bytes become text of the server. */
typedef struct Recoder
{
	int			from;
	int			to;
	Oid			proc;			/* InvalidOid: verify only */
	char	   *buf;
	size_t		size;
} Recoder;

/* Prepare; raises 42883 when the server has no way between the two. */
extern void recode_init(Recoder *rec, int encoding);

/*
 * Turn a line into text of the server, in place where nothing is to be
 * converted, else good until the next call. False: it is as it was, since its
 * bytes are not what they claim to be, or too many to be converted.
 */
extern bool recode_line(Recoder *rec, const char **line, size_t *len);

#endif							/* SELFHEAL_RECODE_H */
