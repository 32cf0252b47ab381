/*
 * spellings.c
 *	  Other spellings of an enum's labels, made into the labels.
 */
#include "postgres.h"

#include "read/inlist.h"
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
	bool		is_enum = type_is_enum(basetype);

	if (!is_enum && !inlist_is_word(basetype))
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

		if (is_enum && !is_label(basetype, label))
		{
			fault_is(fault, psprintf("%s is no label of the type", shown_value(label, (int) strlen(label))),
					 "Give each word a label that the type has.");
			return NULL;
		}
		if (is_enum ? is_label(basetype, word) : strcmp(word, label) == 0)
			continue;
		s->words.texts[s->words.n++] = MemoryContextStrdup(cxt, word);
		s->labels.texts[s->labels.n++] = MemoryContextStrdup(cxt, label);
	}
	if (s->words.n == 0)
	{
		fault_is(fault, is_enum ? "all words are labels of the type" : "each word means itself",
				 "Such values are stored as they are.");
		return NULL;
	}
	return s;
}

/* See the header. */
bool
spellings_allow(Spellings *s, const List *values)
{
	int			n = 0;

	for (int i = 0; i < s->words.n; i++)
	{
		if (inlist_has(values, s->words.texts[i]) || !inlist_has(values, s->labels.texts[i]))
			continue;
		s->words.texts[n] = s->words.texts[i];
		s->labels.texts[n++] = s->labels.texts[i];
	}
	s->words.n = s->labels.n = n;
	return n > 0;
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
