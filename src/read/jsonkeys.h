/*
 * jsonkeys.h
 *	  One key twice in a nested object: does a value get lost?
 *
 * jsonb keeps the last value of a key, so an object with one key twice would
 * be changed in silence. To look for that costs something per key, and nearly
 * all objects come with keys in an order that was seen before. So the reader
 * of nested values (jsontext_container) takes a print of each object's keys as
 * it passes over them, and only an object whose print is not known to belong
 * to distinct keys is looked at here. What is found distinct is remembered.
 */
#ifndef SELFHEAL_JSONKEYS_H
#define SELFHEAL_JSONKEYS_H

#include "postgres.h"

#include "read/jsontext.h"

/* The print of an object's keys as they are written, in their order. */
typedef struct KeyPrint
{
	uint64		hash;
	int			n;				/* keys */
} KeyPrint;

/* A seed that nobody outside knows, and prints of distinct keys: of this
 * process, each in the row that its lowest bits say, the newest first. */
#define KEYPRINT_ROWS 1024
#define KEYPRINT_WAYS 4
extern uint64 keyprint_seed;
extern uint64 keyprints_known[KEYPRINT_ROWS][KEYPRINT_WAYS];

/*
 * Is there, anywhere in this object or array, an object that has one key twice
 * with different values? raw is validated JSON. Equal values are the same text,
 * strings after their escapes. Uses t; allocates in the current context.
 */
extern bool jsonkeys_differ(JsonText *t, const char *raw, int rawlen);

static inline void
keyprint_start(KeyPrint *print)
{
	print->hash = keyprint_seed;
	print->n = 0;
}

static inline uint64
keyprint_mix(uint64 hash, uint64 word)
{
	hash = (hash ^ word) * UINT64CONST(0x9E3779B97F4A7C15);
	return hash ^ (hash >> 32);
}

/* One more key: its bytes between the quotes. */
static inline void
keyprint_add(KeyPrint *print, const char *key, size_t len)
{
	uint64		hash = keyprint_mix(print->hash, len);
	uint64		word = 0;

	for (; len > 8; key += 8, len -= 8)
	{
		memcpy(&word, key, 8);
		hash = keyprint_mix(hash, word);
	}
	if (len >= 4)
	{
		uint32		low;
		uint32		high;

		memcpy(&low, key, 4);
		memcpy(&high, key + len - 4, 4);
		word = ((uint64) high << 32) | low;
	}
	else if (len > 0)
		word = (uint64) (unsigned char) key[0] |
			(uint64) (unsigned char) key[len / 2] << 8 |
			(uint64) (unsigned char) key[len - 1] << 16;
	print->hash = keyprint_mix(hash, word);
	print->n++;
}

/* Are these keys known to be distinct? */
static inline bool
keyprint_known(const KeyPrint *print)
{
	const uint64 *row = keyprints_known[print->hash % KEYPRINT_ROWS];

	return print->n < 2 || row[0] == print->hash || row[1] == print->hash ||
		row[2] == print->hash || row[3] == print->hash;
}

#endif							/* SELFHEAL_JSONKEYS_H */
