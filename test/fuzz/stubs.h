/*
 * stubs.h
 *	  The little of the server that the JSON scanner calls, so that it can be
 *	  built and run alone: by the fuzzer, and by the bench under callgrind.
 */
#ifndef SELFHEAL_TEST_STUBS_H
#define SELFHEAL_TEST_STUBS_H

#include "postgres.h"

/* The C library's own: the server's stands in a library that is not linked. */
#undef fprintf

/* What GetDatabaseEncoding says: PG_UTF8, PG_SQL_ASCII or PG_LATIN1. */
extern int	stub_encoding;

/* A memory context to hand to json_scanner. */
extern MemoryContext stub_context(void);

#endif							/* SELFHEAL_TEST_STUBS_H */
