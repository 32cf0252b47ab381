/*
 * memory.c
 *	  What the C library does with memory that a worker has freed.
 */
#include "postgres.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/memory.h"

#define KEPT_BYTES (64 * 1024 * 1024)

/* Pieces larger than this are the system's again as soon as they are freed:
 * the most that the library allows. A batch's are 8 MB, a document's may be
 * larger. */
#define LARGE_BYTES (32 * 1024 * 1024)

/* See the header. Setting one limit ends the library's own choice of the
 * other. */
void
memory_keep(void)
{
#ifdef __GLIBC__
	(void) mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
	(void) mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
#endif
}

void
memory_give_back(void)
{
#ifdef __GLIBC__
	(void) malloc_trim(0);
#endif
}
