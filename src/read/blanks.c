/*
 * blanks.c
 *	  Blanks around a value, and words that mean that there is no value.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/transam.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "read/blanks.h"
#include "utils/catcache.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* What exports write for nothing. A case that was not seen is not taken: the
 * arguments list what was sent, letter by letter. */
static const char *const known_words[] = {
	"", "-", "--", "n/a", "#n/a", "n.a.", "na", "nan", "nil", "none", "null",
	"(null)", "\\N", "<null>", "0000-00-00", "0000-00-00 00:00:00",
	"00.00.0000", "00/00/0000"
};

struct NullWords
{
	bool		ignore_case;
	int			n;
	char	  **words;
	int		   *lens;
};

static inline bool
ascii_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Is this three-byte sequence of UTF-8 one of the list? */
static inline bool
wide_blank(const unsigned char *p)
{
	switch (p[0])
	{
		case 0xE1:				/* U+1680 */
			return p[1] == 0x9A && p[2] == 0x80;
		case 0xE2:				/* U+2000 - 200B, 2028, 2029, 202F, 205F */
			return (p[1] == 0x80 && ((p[2] >= 0x80 && p[2] <= 0x8B) ||
									 p[2] == 0xA8 || p[2] == 0xA9 || p[2] == 0xAF)) ||
				(p[1] == 0x81 && p[2] == 0x9F);
		case 0xE3:				/* U+3000 */
			return p[1] == 0x80 && p[2] == 0x80;
		case 0xEF:				/* U+FEFF */
			return p[1] == 0xBB && p[2] == 0xBF;
		default:
			return false;
	}
}

int
blanks_first(const char *s, const char *end)
{
	if (s < end && ascii_blank(*s))
		return 1;
	if (s < end && IS_HIGHBIT_SET(*s) && GetDatabaseEncoding() == PG_UTF8)
	{
		const unsigned char *p = (const unsigned char *) s;

		if (end - s >= 2 && p[0] == 0xC2 && p[1] == 0xA0)
			return 2;
		if (end - s >= 3 && wide_blank(p))
			return 3;
	}
	return 0;
}

int
blanks_last(const char *s, const char *end)
{
	if (s < end && ascii_blank(end[-1]))
		return 1;
	if (s < end && IS_HIGHBIT_SET(end[-1]) && GetDatabaseEncoding() == PG_UTF8)
	{
		const unsigned char *p = (const unsigned char *) end;

		if (end - s >= 2 && p[-2] == 0xC2 && p[-1] == 0xA0)
			return 2;
		if (end - s >= 3 && wide_blank(p - 3))
			return 3;
	}
	return 0;
}

bool
blanks_trim(const char *val, int len, const char **out, int *outlen)
{
	const char *s = val;
	const char *end = val + len;
	int			step;

	while ((step = blanks_first(s, end)) > 0)
		s += step;
	while ((step = blanks_last(s, end)) > 0)
		end -= step;
	*out = s;
	*outlen = (int) (end - s);
	return *outlen != len;
}

static inline char
ascii_lower(char c)
{
	return c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c;
}

static bool
same_word(const char *a, const char *b, int len, bool ignore_case)
{
	if (!ignore_case)
		return memcmp(a, b, len) == 0;
	for (int i = 0; i < len; i++)
		if (ascii_lower(a[i]) != ascii_lower(b[i]))
			return false;
	return true;
}

NullWords *
nullwords_make(const NullIfSpec *spec, MemoryContext cxt, TransformFault *fault)
{
	NullWords  *w;

	if (spec->values.n == 0)
	{
		fault_is(fault, "\"values\" names no word",
				 "List the strings that mean that there is no value: {\"values\": [\"\", \"N/A\"]}.");
		return NULL;
	}
	w = MemoryContextAllocZero(cxt, sizeof(NullWords));
	w->ignore_case = spec->ignore_case;
	w->n = spec->values.n;
	w->words = MemoryContextAllocZero(cxt, w->n * sizeof(char *));
	w->lens = MemoryContextAllocZero(cxt, w->n * sizeof(int));
	for (int i = 0; i < w->n; i++)
	{
		w->words[i] = MemoryContextStrdup(cxt, spec->values.texts[i]);
		w->lens[i] = (int) strlen(w->words[i]);
	}
	return w;
}

bool
nullwords_match(const NullWords *w, const char *val, int len)
{
	for (int i = 0; i < w->n; i++)
		if (w->lens[i] == len && same_word(w->words[i], val, len, w->ignore_case))
			return true;
	return false;
}

/* No label of an enum has a blank at either end. */
static bool
labels_are_bare(Oid enumtype)
{
	CatCList   *list = SearchSysCacheList1(ENUMTYPOIDNAME, ObjectIdGetDatum(enumtype));
	bool		bare = true;

	for (int i = 0; i < list->n_members && bare; i++)
	{
		Form_pg_enum label = (Form_pg_enum) GETSTRUCT(&list->members[i]->tuple);
		const char *out;
		int			len;

		bare = !blanks_trim(NameStr(label->enumlabel), (int) strlen(NameStr(label->enumlabel)), &out, &len);
	}
	ReleaseCatCacheList(list);
	return bare;
}

/* See the header. */
bool
blanks_mean_nothing(Oid basetype)
{
	char		category;
	bool		preferred;

	if (type_is_enum(basetype))
		return labels_are_bare(basetype);
	if (basetype >= FirstGenbkiObjectId)
		return false;			/* who knows what its input takes */
	get_type_category_preferred(basetype, &category, &preferred);
	switch (category)
	{
		case TYPCATEGORY_BOOLEAN:
		case TYPCATEGORY_DATETIME:
		case TYPCATEGORY_GEOMETRIC:
		case TYPCATEGORY_NETWORK:
		case TYPCATEGORY_NUMERIC:
		case TYPCATEGORY_RANGE:
		case TYPCATEGORY_TIMESPAN:
		case TYPCATEGORY_BITSTRING:
			return true;
		default:
			return basetype == UUIDOID || basetype == MACADDROID || basetype == MACADDR8OID || basetype == PG_LSNOID;
	}
}

static bool
is_known(const char *val, int len)
{
	for (int i = 0; i < (int) lengthof(known_words); i++)
		if (len == (int) strlen(known_words[i]) &&
			same_word(known_words[i], val, len, true))
			return true;
	return false;
}

static bool
has_word(const SpecList *list, const char *val, int len)
{
	for (int i = 0; i < list->n; i++)
		if ((int) strlen(list->texts[i]) == len && memcmp(list->texts[i], val, len) == 0)
			return true;
	return false;
}

/* See the header. */
bool
nullwords_infer(const TransformSample *samples, int n, Oid basetype,
				NullIfSpec *spec, char **why_not)
{
	memset(spec, 0, sizeof(*spec));
	switch (basetype)
	{
		case TEXTOID:
		case VARCHAROID:
		case BPCHAROID:
		case JSONOID:
		case JSONBOID:
			*why_not = pstrdup("the column takes any text, so that no word in it is known to mean nothing");
			return false;
		default:
			break;
	}
	spec->values.texts = palloc(SPEC_LIST_MAX * sizeof(char *));
	for (int i = 0; i < n; i++)
	{
		const TransformSample *s = &samples[i];

		CHECK_FOR_INTERRUPTS();
		if (s->kind != JSON_STRING || !is_known(s->val, s->len) ||
			has_word(&spec->values, s->val, s->len))
			continue;
		if (spec->values.n == SPEC_LIST_MAX)
		{
			*why_not = psprintf("there are more than %d words that mean nothing", SPEC_LIST_MAX);
			return false;
		}
		spec->values.texts[spec->values.n++] = pnstrdup(s->val, s->len);
	}
	if (spec->values.n > 0)
		return true;
	*why_not = pstrdup("no value is a word that is known to mean nothing");
	return false;
}
