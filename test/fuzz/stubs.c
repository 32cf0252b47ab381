/*
 * stubs.c
 *	  The little of the server that the JSON scanner calls.
 *
 * Every allocation is a malloc of its own, so that a sanitizer sees each read
 * and write beyond one.
 *
 * What some versions of PostgreSQL declare in another way, or have in a
 * header, is given by its name for the linker alone.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "common/pg_prng.h"
#include "mb/pg_wchar.h"
#include "stubs.h"
#include "utils/memutils.h"

extern unsigned char *stub_unicode_to_utf8(pg_wchar c, unsigned char *out) __asm__("unicode_to_utf8");
extern int	stub_utf_mblen(const unsigned char *s) __asm__("pg_utf_mblen");
extern void stub_assertion_failed(const char *condition) __asm__("ExceptionalCondition");

typedef struct Chunk
{
	struct Chunk *next;
	struct Chunk *prev;
} Chunk;

typedef struct Context
{
	MemoryContextData head;		/* never looked into */
	Chunk		chunks;			/* ring */
} Context;

int			stub_encoding = PG_UTF8;
pg_prng_state pg_global_prng_state;

static void
out_of_memory(Size size)
{
	fprintf(stderr, "no memory for %zu bytes\n", size);
	abort();
}

MemoryContext
stub_context(void)
{
	Context    *cxt = calloc(1, sizeof(Context));

	if (cxt == NULL)
		out_of_memory(sizeof(Context));
	cxt->chunks.next = cxt->chunks.prev = &cxt->chunks;
	return (MemoryContext) cxt;
}

MemoryContext
AllocSetContextCreateInternal(MemoryContext parent, const char *name,
							  Size minContextSize, Size initBlockSize,
							  Size maxBlockSize)
{
	return stub_context();
}

void *
MemoryContextAllocExtended(MemoryContext context, Size size, int flags)
{
	Chunk	   *ring = &((Context *) context)->chunks;
	Chunk	   *chunk = malloc(sizeof(Chunk) + size);

	if (chunk == NULL)
		out_of_memory(size);
	else
	{
		if (flags & MCXT_ALLOC_ZERO)
			memset(chunk + 1, 0, size);
		chunk->next = ring->next;
		chunk->prev = ring;
		ring->next->prev = chunk;
		ring->next = chunk;
	}
	return chunk + 1;
}

void *
MemoryContextAlloc(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, 0);
}

void *
MemoryContextAllocZero(MemoryContext context, Size size)
{
	return MemoryContextAllocExtended(context, size, MCXT_ALLOC_ZERO);
}

MemoryContext CurrentMemoryContext = NULL;

/* Where nobody has set a context, one that is never deleted. */
void *
palloc(Size size)
{
	if (CurrentMemoryContext == NULL)
		CurrentMemoryContext = stub_context();
	return MemoryContextAlloc(CurrentMemoryContext, size);
}

void *
repalloc(void *pointer, Size size)
{
	return repalloc_huge(pointer, size);
}

void *
repalloc_huge(void *pointer, Size size)
{
	Chunk	   *chunk = realloc((Chunk *) pointer - 1, sizeof(Chunk) + size);

	if (chunk == NULL)
		out_of_memory(size);
	else
		chunk->next->prev = chunk->prev->next = chunk;
	return chunk + 1;
}

void
pfree(void *pointer)
{
	Chunk	   *chunk = (Chunk *) pointer - 1;

	chunk->next->prev = chunk->prev;
	chunk->prev->next = chunk->next;
	free(chunk);
}

void
MemoryContextDelete(MemoryContext context)
{
	Chunk	   *ring = &((Context *) context)->chunks;
	Chunk	   *chunk = ring->next;

	while (chunk != ring)
	{
		Chunk	   *next = chunk->next;

		free(chunk);
		chunk = next;
	}
	free(context);
}

/* The same at each run, so that what was found can be found again. */
uint64
pg_prng_uint64(pg_prng_state *state)
{
	return UINT64CONST(0x9E3779B97F4A7C15);
}

#undef qsort
void
pg_qsort(void *base, size_t nel, size_t elsize,
		 int (*cmp) (const void *, const void *))
{
	qsort(base, nel, elsize, cmp);
}

int
GetDatabaseEncoding(void)
{
	return stub_encoding;
}

Oid
FindDefaultConversionProc(int32 for_encoding, int32 to_encoding)
{
	return to_encoding == PG_LATIN1 ? 1 : InvalidOid;
}

unsigned char *
stub_unicode_to_utf8(pg_wchar c, unsigned char *out)
{
	if (c < 0x80)
		out[0] = (unsigned char) c;
	else if (c < 0x800)
	{
		out[0] = (unsigned char) (0xC0 | (c >> 6));
		out[1] = (unsigned char) (0x80 | (c & 0x3F));
	}
	else if (c < 0x10000)
	{
		out[0] = (unsigned char) (0xE0 | (c >> 12));
		out[1] = (unsigned char) (0x80 | ((c >> 6) & 0x3F));
		out[2] = (unsigned char) (0x80 | (c & 0x3F));
	}
	else
	{
		out[0] = (unsigned char) (0xF0 | (c >> 18));
		out[1] = (unsigned char) (0x80 | ((c >> 12) & 0x3F));
		out[2] = (unsigned char) (0x80 | ((c >> 6) & 0x3F));
		out[3] = (unsigned char) (0x80 | (c & 0x3F));
	}
	return out;
}

int
stub_utf_mblen(const unsigned char *s)
{
	if (*s < 0x80)
		return 1;
	if (*s < 0xE0)
		return 2;
	return *s < 0xF0 ? 3 : 4;
}

/* From UTF-8 to LATIN1, one character at a time as the scanner asks for it. */
int
pg_do_encoding_conversion_buf(Oid proc, int src_encoding, int dest_encoding,
							  unsigned char *src, int srclen,
							  unsigned char *dest, int destlen, bool noError)
{
	dest[0] = '\0';
	if (srclen != 2 || src[0] > 0xC3)
		return 0;
	dest[0] = (unsigned char) ((src[0] << 6) | (src[1] & 0x3F));
	dest[1] = '\0';
	return srclen;
}

/* It has more arguments, which differ between versions. */
void
stub_assertion_failed(const char *condition)
{
	fprintf(stderr, "assertion failed: %s\n", condition);
	abort();
}
