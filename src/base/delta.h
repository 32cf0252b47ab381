/*
 * delta.h
 *	  Byte strings by what they have in common with the one before.
 *
 * Documents of one producer have the same keys in the same places: what is
 * alike is a length, what is not stands there. Made to cost little more than a
 * copy; it depends on nothing but the bytes, and what is read is what was
 * written, byte for byte.
 *
 * A string of len bytes is, until they are there:
 *	alike	how many bytes are those of the one before, from where it stands
 *	token	high four bits: bytes that follow here; low four: bytes that are
 *			passed in the one before. 15: so many more follow, as a number
 *	bytes
 * Numbers are of seven bits a byte, the least first, the eighth: more follow.
 */
#ifndef SELFHEAL_DELTA_H
#define SELFHEAL_DELTA_H

#include "postgres.h"

/* Room that a string of len bytes needs at most. */
#define DELTA_ROOM(len) (2 * (Size) (len) + 64)

/* Room for a number. */
#define DELTA_NUMBER 10

/* Write a string; before is "" where there is none. Returns how many bytes. */
extern Size delta_write(char *to, const char *before, Size beforelen, const char *bytes, Size len);

/* Read one of len bytes into out; p is where it starts, end where the input
 * ends. Returns where it ended; NULL: it is none of delta_write's. */
extern const char *delta_read(const char *p, const char *end, const char *before, Size beforelen,
							  char *out, Size len);

/* A number of the same form. Both return where it ends; NULL: it is none. */
extern char *delta_put_number(char *to, uint64 value);
extern const char *delta_get_number(const char *p, const char *end, uint64 *value);

#endif							/* SELFHEAL_DELTA_H */
