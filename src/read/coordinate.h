/*
 * coordinate.h
 *	  One coordinate as it is written: a number, or degrees, minutes, seconds.
 */
#ifndef SELFHEAL_COORDINATE_H
#define SELFHEAL_COORDINATE_H

#include "postgres.h"

#define COORDINATE_BYTES 40		/* of one number; longer ones are left */

typedef struct Coordinate
{
	char		text[COORDINATE_BYTES]; /* decimal, with its NUL */
	int			len;
	char		letter;			/* N, S, E, W or 0 */
} Coordinate;

/* A place in a text. What is taken is behind it. */
typedef struct TextCursor
{
	const char *p;
	const char *end;
} TextCursor;

extern void cursor_blanks(TextCursor *c);
extern bool cursor_take(TextCursor *c, const char *what);
extern bool cursor_take_any(TextCursor *c, const char *const *what, int n);

/* A number that a double precision keeps as it is written. */
extern bool coordinate_number(TextCursor *c, Coordinate *out);

/* 52°31'12"N, N 52° 31.2', -52.5°: a sign of degrees or a letter must be there.
 * Blanks behind it are taken as well. */
extern bool coordinate_angle(TextCursor *c, Coordinate *out);

extern double coordinate_value(const Coordinate *c);

#endif							/* SELFHEAL_COORDINATE_H */
