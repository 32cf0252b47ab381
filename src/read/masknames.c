/*
 * masknames.c
 *	  Names that are metadata, and the other keys that payloads have.
 */
#include "postgres.h"

#include "read/masknames.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

/* Bytes of a name, and of a key that is looked at as one. */
#define NAME_BYTES NAMEDATALEN

typedef struct NameEntry
{
	char		name[NAME_BYTES];	/* the key */
	bool		known;
} NameEntry;

struct MaskNames
{
	HTAB	   *table;			/* NameEntry */
	int			unknown;		/* entries that are not known */
};

/* See the header. */
MaskNames *
mask_names(MemoryContext cxt)
{
	MaskNames  *names = MemoryContextAllocZero(cxt, sizeof(MaskNames));
	HASHCTL		ctl = {0};

	ctl.keysize = NAME_BYTES;
	ctl.entrysize = sizeof(NameEntry);
	ctl.hcxt = cxt;
	names->table = hash_create("selfheal names", 64, &ctl, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
	return names;
}

/* As a key of the table; false: too long for one. */
static bool
as_name(const char *text, int len, char *out)
{
	if (len <= 0 || len >= NAME_BYTES || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(out, text, len);
	out[len] = '\0';
	return true;
}

/* See the header. */
void
mask_name(MaskNames *names, const char *name)
{
	char		key[NAME_BYTES];
	bool		found;
	NameEntry  *e;

	if (name == NULL || !as_name(name, strlen(name), key))
		return;
	e = hash_search(names->table, key, HASH_ENTER, &found);
	if (found && !e->known)
		names->unknown--;
	e->known = true;
}

/* See the header. */
bool
mask_is_name(const MaskNames *names, const char *name, int len)
{
	char		key[NAME_BYTES];
	NameEntry  *e;

	if (names == NULL || !as_name(name, len, key))
		return false;
	e = hash_search(names->table, key, HASH_FIND, NULL);
	return e != NULL && e->known;
}

/* See the header. Not many more than MASK_KEYS are kept. */
void
mask_note_name(MaskNames *names, const char *key, int len)
{
	char		name[NAME_BYTES];
	bool		found;
	NameEntry  *e;

	if (names->unknown > MASK_KEYS || !as_name(key, len, name))
		return;
	e = hash_search(names->table, name, HASH_ENTER, &found);
	if (!found)
	{
		e->known = false;
		names->unknown++;
	}
}

/* See the header. */
bool
mask_names_crowd(const MaskNames *names)
{
	return names != NULL && names->unknown > MASK_KEYS;
}
