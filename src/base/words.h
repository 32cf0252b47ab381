/*
 * words.h
 *	  The words of a function that takes its message as printf does.
 */
#ifndef SELFHEAL_WORDS_H
#define SELFHEAL_WORDS_H

#include "postgres.h"

#include <stdarg.h>

/* As psprintf, for who has the arguments as a list already: in the current
 * context. The list is read as often as there is need, and stays the caller's
 * to end. */
extern char *words_formatted(const char *fmt, va_list args) pg_attribute_printf(1, 0);

#endif							/* SELFHEAL_WORDS_H */
