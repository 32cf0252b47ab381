/*
 * spellings.c
 *	  Other spellings of an enum's labels, made into the labels.
 */
#include "postgres.h"

#include "read/shown.h"
#include "read/spellings.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

struct Spellings
{
	SpecList	words;
	SpecList	labels;
};

static bool
is_label(Oid type, const char *text)
{
	return strlen(text) < NAMEDATALEN &&
		SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type), CStringGetDatum(text));
}

/* See the header. */
Spellings *
spellings_make(const SpellingSpec *spec, Oid basetype, MemoryContext cxt, TransformFault *fault)
{
	Spellings  *s;

	if (!type_is_enum(basetype))
	{
		fault_is(fault, "the column's type is no enum", "Words of another type are for amend(), or for the producer.");
		return NULL;
	}
	s = MemoryContextAllocZero(cxt, sizeof(Spellings));
	s->words.texts = MemoryContextAlloc(cxt, sizeof(char *) * (spec->words.n + 1));
	s->labels.texts = MemoryContextAlloc(cxt, sizeof(char *) * (spec->words.n + 1));
	for (int i = 0; i < spec->words.n; i++)
	{
		const char *word = spec->words.texts[i];
		const char *label = spec->labels.texts[i];

		if (!is_label(basetype, label))
		{
			fault_is(fault, psprintf("%s is no label of the type", shown_value(label, (int) strlen(label))),
					 "Give each word a label that the type has.");
			return NULL;
		}
		if (is_label(basetype, word))
			continue;
		s->words.texts[s->words.n++] = MemoryContextStrdup(cxt, word);
		s->labels.texts[s->labels.n++] = MemoryContextStrdup(cxt, label);
	}
	if (s->words.n == 0)
	{
		fault_is(fault, "all words are labels of the type", "Such values are stored as they are.");
		return NULL;
	}
	return s;
}

/* See the header. */
bool
spellings_read(const Spellings *s, const char *val, int len, const char **out, int *outlen)
{
	for (int i = 0; i < s->words.n; i++)
	{
		const char *word = s->words.texts[i];

		if ((int) strlen(word) != len || memcmp(word, val, len) != 0)
			continue;
		*out = s->labels.texts[i];
		*outlen = (int) strlen(*out);
		return true;
	}
	return false;
}
