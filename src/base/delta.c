/*
 * delta.c
 *	  Byte strings by what they have in common with the one before.
 *
 * Both are read side by side. Where they differ, what differs is mostly one
 * value: both are passed up to the next byte that ends one. When what follows
 * is not alike then, one of the two may have a key that the other has not.
 */
#include "postgres.h"

#include "base/delta.h"
#include "port/pg_bitutils.h"

/* Bytes that must be alike behind a difference, so that to say so is shorter. */
#define MIN_ALIKE 4

/* Keys that are looked for in one string, and how far. */
#define MAX_SEARCHES 4
#define SEARCH_BYTES 256

#define NIBBLE 15

static inline char *
put_number(char *to, uint64 value)
{
	for (; value >= 0x80; value >>= 7)
		*to++ = (char) (value | 0x80);
	*to++ = (char) value;
	return to;
}

char *
delta_put_number(char *to, uint64 value)
{
	return put_number(to, value);
}

const char *
delta_get_number(const char *p, const char *end, uint64 *value)
{
	*value = 0;
	for (int shift = 0; shift < 64 && p < end; shift += 7)
	{
		uint64		byte = (unsigned char) *p++;

		*value |= (byte & 0x7F) << shift;
		if (byte < 0x80)
			return p;
	}
	return NULL;
}

/* How many of the first n bytes are the same. */
static inline Size
alike(const char *a, const char *b, Size n)
{
	Size		i = 0;

	for (; i + sizeof(uint64) <= n; i += sizeof(uint64))
	{
		uint64		x;
		uint64		y;

		memcpy(&x, a + i, sizeof(x));
		memcpy(&y, b + i, sizeof(y));
		if (x != y)
		{
#ifndef WORDS_BIGENDIAN
			return i + pg_rightmost_one_pos64(x ^ y) / BITS_PER_BYTE;
#else
			break;
#endif
		}
	}
	while (i < n && a[i] == b[i])
		i++;
	return i;
}

/* Bytes that end a value. */
static const bool ends[256] = {
	['"'] = true,[','] = true,['}'] = true,[']'] = true
};

/* Where the next value ends, or the string. */
static inline Size
value_end(const char *s, Size at, Size len)
{
	while (at < len && !ends[(unsigned char) s[at]])
		at++;
	return at;
}

/* Where a few bytes stand, in the first SEARCH_BYTES; n: not there. */
static Size
search(const char *s, Size n, const char *word, Size len)
{
	Size		most = Min(n, SEARCH_BYTES);

	for (Size at = 0; at + len <= most; at++)
	{
		const char *found = memchr(s + at, word[0], most - len - at + 1);

		if (found == NULL)
			return n;
		at = found - s;
		if (memcmp(found, word, len) == 0)
			return at;
	}
	return n;
}

/* The two strings, and how far they were read. */
typedef struct Pair
{
	const char *bytes;
	Size		len;
	Size		at;
	const char *before;
	Size		beforelen;
	Size		beforeat;
	int			searches;
} Pair;

/* Is it worth while to go on with what is alike from here? */
static inline bool
worth(const Pair *p, Size at, Size beforeat)
{
	Size		left = p->len - at;

	return p->beforelen - beforeat >= Min(left, MIN_ALIKE) &&
		(likely(left >= MIN_ALIKE) ? memcmp(p->bytes + at, p->before + beforeat, MIN_ALIKE) == 0
		 : memcmp(p->bytes + at, p->before + beforeat, left) == 0);
}

/* A word of each of the two, from one place to another: has the other string
 * it further on? Then that is where they go on. */
static bool
find_word(Pair *p, Size from, Size at, Size beforefrom, Size beforeat)
{
	Size		len = at + 1 - from;
	Size		beforelen = beforeat + 1 - beforefrom;
	Size		found;

	if (p->searches++ >= MAX_SEARCHES)
		return false;
	if (len >= MIN_ALIKE && len <= SEARCH_BYTES)
	{
		found = search(p->before + beforefrom, p->beforelen - beforefrom, p->bytes + from, len);
		if (found < p->beforelen - beforefrom)
		{
			p->at = from;
			p->beforeat = beforefrom + found;
			return true;
		}
	}
	if (beforelen >= MIN_ALIKE && beforelen <= SEARCH_BYTES)
	{
		found = search(p->bytes + from, p->len - from, p->before + beforefrom, beforelen);
		if (found < p->len - from)
		{
			p->at = from + found;
			p->beforeat = beforefrom;
			return true;
		}
	}
	return false;
}

/* Pass what differs, in both; to the end of the string when nothing is alike
 * any more. */
static void
pass(Pair *p)
{
	Size		at = p->at;
	Size		beforeat = p->beforeat;

	for (;;)
	{
		Size		from = at;
		Size		beforefrom = beforeat;

		at = value_end(p->bytes, at, p->len);
		beforeat = value_end(p->before, beforeat, p->beforelen);
		if (at == p->len || beforeat == p->beforelen)
		{
			p->at = p->len;
			return;
		}
		if (worth(p, at, beforeat))
			break;
		if (find_word(p, from, at, beforefrom, beforeat))
			return;
		at++;
		beforeat++;
	}
	p->at = at;
	p->beforeat = beforeat;
}

static inline char *
put_literal(char *to, const char *bytes, Size len, Size passed)
{
	*to++ = (char) (Min(len, NIBBLE) << 4 | Min(passed, NIBBLE));
	if (len >= NIBBLE)
		to = put_number(to, len - NIBBLE);
	if (passed >= NIBBLE)
		to = put_number(to, passed - NIBBLE);
	/* mostly a few */
	if (unlikely(len > NIBBLE))
		memcpy(to, bytes, len);
	else
		for (Size i = 0; i < len; i++)
			to[i] = bytes[i];
	return to + len;
}

/* See the header. What is longer than the string itself is not worth it. */
Size
delta_write(char *to, const char *before, Size beforelen, const char *bytes, Size len)
{
	Pair		p = {bytes, len, 0, before, beforelen, 0, 0};
	char	   *out = to;

	Assert(before != NULL && bytes != NULL);
	for (;;)
	{
		Size		n = alike(bytes + p.at, before + p.beforeat, Min(len - p.at, beforelen - p.beforeat));
		Size		at;
		Size		beforeat;

		out = put_number(out, n);
		p.at += n;
		p.beforeat += n;
		if (p.at == len)
			break;
		at = p.at;
		beforeat = p.beforeat;
		pass(&p);
		out = put_literal(out, bytes + at, p.at - at, p.beforeat - beforeat);
		if (p.at == len)
			break;
	}
	Assert((Size) (out - to) <= DELTA_ROOM(len));
	if (beforelen > 0 && (Size) (out - to) > len)
		return delta_write(to, "", 0, bytes, len);
	return out - to;
}

/* Four bits of a token, or more. */
static inline const char *
get_length(const char *p, const char *end, int nibble, Size *len)
{
	uint64		more;

	*len = nibble;
	if (nibble < NIBBLE)
		return p;
	p = delta_get_number(p, end, &more);
	if (p == NULL || more > PG_UINT32_MAX)
		return NULL;
	*len += more;
	return p;
}

const char *
delta_read(const char *p, const char *end, const char *before, Size beforelen, char *out, Size len)
{
	Size		at = 0;
	Size		beforeat = 0;

	for (;;)
	{
		uint64		n;
		int			token;
		Size		here;
		Size		passed;

		p = delta_get_number(p, end, &n);
		if (p == NULL || n > len - at || n > beforelen - beforeat)
			return NULL;
		if (n > 0)
			memcpy(out + at, before + beforeat, n);
		at += n;
		beforeat += n;
		if (at == len)
			return p;

		if (p == end)
			return NULL;
		token = (unsigned char) *p++;
		p = get_length(p, end, token >> 4, &here);
		if (p == NULL)
			return NULL;
		p = get_length(p, end, token & NIBBLE, &passed);
		if (p == NULL || here > len - at || here > (Size) (end - p) || passed > beforelen - beforeat)
			return NULL;
		memcpy(out + at, p, here);
		p += here;
		at += here;
		beforeat += passed;
		if (at == len)
			return p;
	}
}
