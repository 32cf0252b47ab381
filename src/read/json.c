/*
 * json.c
 *	  Scanner for one payload: one pass, no copies, no throw.
 *
 * The scanner is called once per loaded row, so it is made for payloads that
 * look like the one before: the keys are compared with the keys of the last
 * document before any hashing is done to find duplicates. The grammar itself
 * is jsontext.c's.
 *
 * Faults come in two kinds. A hard one (not JSON, too deep, a NUL byte) ends
 * the scan. A soft one (\u0000, half a surrogate pair, a character that the
 * server's encoding lacks, a key with two values) is noted and the scan goes
 * on, so that a document which is also broken is called broken.
 */
#include "postgres.h"

#include "read/jsontext.h"
#include "common/hashfn.h"
#include "common/pg_prng.h"
#include "utils/memutils.h"

/* Keys remembered of the last document: beyond this it is not worth it. */
#define LAST_KEYS_MAX	2048
#define LAST_BYTES_MAX	65536

/* One remembered key; bytes stand in last_bytes. */
typedef struct LastKey
{
	int			off;
	int			len;
} LastKey;

/* One slot of the table that finds duplicates; valid for one document. */
typedef struct KeySlot
{
	uint32		round;			/* of the document that filled it */
	uint32		hash;
	int			field;
} KeySlot;

struct JsonScanner
{
	MemoryContext cxt;
	JsonText	text;			/* the document under scan */
	JsonDoc		doc;
	int			maxfields;

	/* keys of the last document without a duplicate */
	LastKey    *last;
	int			nlast;
	char	   *last_bytes;
	bool		as_last;		/* every key so far equals its LastKey */

	KeySlot    *slots;
	uint32		nslots;			/* power of two */
	uint32		round;
	uint64		seed;			/* so that nobody can aim at one chain */
};

JsonScanner *
json_scanner(MemoryContext parent)
{
	MemoryContext cxt;
	JsonScanner *s;

	cxt = AllocSetContextCreate(parent, "selfheal json scanner",
								ALLOCSET_DEFAULT_SIZES);
	s = MemoryContextAllocZero(cxt, sizeof(JsonScanner));
	s->cxt = cxt;
	jsontext_init(&s->text, cxt);
	s->maxfields = 64;
	s->doc.fields = MemoryContextAlloc(cxt, s->maxfields * sizeof(JsonField));
	s->last = MemoryContextAlloc(cxt, LAST_KEYS_MAX * sizeof(LastKey));
	s->last_bytes = MemoryContextAlloc(cxt, LAST_BYTES_MAX);
	s->seed = pg_prng_uint64(&pg_global_prng_state);
	return s;
}

void
json_scanner_free(JsonScanner *s)
{
	MemoryContextDelete(s->cxt);
}

/*
 * Enter field number i into the table of keys unless its key is there: then
 * that field's number is returned, else -1.
 */
static int
enter_key(JsonScanner *s, int i)
{
	const JsonField *f = &s->doc.fields[i];
	uint32		hash;
	uint32		at;

	hash = (uint32) hash_bytes_extended((const unsigned char *) f->key,
										f->keylen, s->seed);
	for (at = hash & (s->nslots - 1);; at = (at + 1) & (s->nslots - 1))
	{
		KeySlot    *slot = &s->slots[at];

		if (slot->round != s->round)
		{
			slot->round = s->round;
			slot->hash = hash;
			slot->field = i;
			return -1;
		}
		if (slot->hash == hash)
		{
			const JsonField *other = &s->doc.fields[slot->field];

			if (other->keylen == f->keylen &&
				memcmp(other->key, f->key, f->keylen) == 0)
				return slot->field;
		}
	}
}

/*
 * Start an empty table of keys that is at most half full with n of them, and
 * enter the first n fields, which are known to be distinct.
 */
static void
restart_keys(JsonScanner *s, int n)
{
	uint32		size = Max(s->nslots, 128);
	int			i;

	while (size / 2 <= (uint32) n)
		size *= 2;
	if (size != s->nslots)
	{
		if (s->slots)
			pfree(s->slots);
		s->slots = NULL;
		s->nslots = 0;
		s->slots = MemoryContextAllocExtended(s->cxt, size * sizeof(KeySlot),
											  MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
		s->nslots = size;
		s->round = 0;
	}
	if (++s->round == 0)
	{
		memset(s->slots, 0, s->nslots * sizeof(KeySlot));
		s->round = 1;
	}
	for (i = 0; i < n; i++)
		(void) enter_key(s, i);
}

/*
 * Is the key of field number i new? As long as the keys come as they came in
 * the last document, whose keys were distinct, one comparison answers it.
 * A key that is there already with an equal value is simply not yielded
 * again; with another value it is a fault, noted here.
 */
static inline bool
key_is_new(JsonScanner *s, int i)
{
	const JsonField *f = &s->doc.fields[i];
	int			other;

	if (s->as_last)
	{
		if (i < s->nlast && s->last[i].len == f->keylen &&
			memcmp(s->last_bytes + s->last[i].off, f->key, f->keylen) == 0)
			return true;
		s->as_last = false;
		restart_keys(s, i);
	}
	if (s->nslots / 2 <= (uint32) i)
		restart_keys(s, i);
	other = enter_key(s, i);
	if (other < 0)
		return true;
	if (s->doc.fields[other].kind != f->kind ||
		s->doc.fields[other].len != f->len ||
		memcmp(s->doc.fields[other].val, f->val, f->len) != 0)
		jsontext_note(&s->text, f->raw, JSON_DUPLICATE);
	return false;
}

/* Remember the keys of this document for the next one. */
static void
remember_keys(JsonScanner *s)
{
	int			used = 0;
	int			i;

	s->nlast = 0;
	for (i = 0; i < s->doc.nfields && i < LAST_KEYS_MAX; i++)
	{
		const JsonField *f = &s->doc.fields[i];

		if (f->keylen > LAST_BYTES_MAX - used)
			break;
		memcpy(s->last_bytes + used, f->key, f->keylen);
		s->last[i].off = used;
		s->last[i].len = f->keylen;
		used += f->keylen;
		s->nlast = i + 1;
	}
}

/* The fields of the payload; p stands behind the opening brace. */
static const char *
scan_fields(JsonScanner *s, const char *p)
{
	p = jsontext_blank(p, s->text.end);
	if (p < s->text.end && *p == '}')
		return p + 1;
	for (;;)
	{
		JsonField  *f;

		if (s->doc.nfields >= s->maxfields)
		{
			s->doc.fields = repalloc_huge(s->doc.fields, 2 * sizeof(JsonField) *
										  (Size) s->maxfields);
			s->maxfields *= 2;
		}
		f = &s->doc.fields[s->doc.nfields];

		s->text.key = NULL;
		s->text.keylen = 0;
		p = jsontext_blank(p, s->text.end);
		if (p >= s->text.end || *p != '"')
			return jsontext_unexpected(&s->text, p);
		p = jsontext_string(&s->text, p + 1, &f->key, &f->keylen);
		if (p == NULL)
			return NULL;
		s->text.key = f->key;
		s->text.keylen = f->keylen;

		p = jsontext_blank(p, s->text.end);
		if (p >= s->text.end || *p != ':')
			return jsontext_unexpected(&s->text, p);
		p = jsontext_blank(p + 1, s->text.end);
		if (p >= s->text.end)
			return jsontext_unexpected(&s->text, p);
		p = jsontext_value(&s->text, p, f);
		if (p == NULL)
			return NULL;
		if (key_is_new(s, s->doc.nfields))
			s->doc.nfields++;

		p = jsontext_blank(p, s->text.end);
		if (p < s->text.end && *p == '}')
			return p + 1;
		if (p >= s->text.end || *p != ',')
			return jsontext_unexpected(&s->text, p);
		p++;
	}
}

/* The whole document. Faults are left in s->text. */
static void
scan_document(JsonScanner *s)
{
	const char *p = jsontext_blank(s->text.base, s->text.end);
	bool		object;

	if (p >= s->text.end)
	{
		(void) jsontext_unexpected(&s->text, p);
		return;
	}
	object = (*p == '{');
	if (object)
		p = scan_fields(s, p + 1);
	else
	{
		JsonField	whole;

		p = jsontext_value(&s->text, p, &whole);
	}
	if (p == NULL)
		return;
	s->text.key = NULL;
	s->text.keylen = 0;
	p = jsontext_blank(p, s->text.end);
	if (p < s->text.end)
		(void) jsontext_unexpected(&s->text, p);
	else if (!object)
		(void) jsontext_fault(&s->text, s->text.base, JSON_NOT_OBJECT);
}

/*
 * Scan one payload. The document belongs to the scanner and is good until the
 * next call; with a fault it has no fields.
 */
const JsonDoc *
json_scan(JsonScanner *s, const char *bytes, size_t len)
{
	jsontext_start(&s->text, bytes, len);
	s->doc.bytes = bytes;
	s->doc.len = len;
	s->doc.input = false;
	s->doc.nfields = 0;
	s->as_last = true;

	/*
	 * Nothing this long can be a text; callers hold it back before (rows
	 * beyond selfheal.max_payload are never scanned).
	 */
	if (len >= MaxAllocSize - 1024)
		(void) jsontext_fault(&s->text, bytes, JSON_BROKEN);
	else
		scan_document(s);

	s->doc.fault = s->text.fault;
	s->doc.fault_key = s->text.fault_key;
	s->doc.fault_keylen = s->text.fault_keylen;
	s->doc.fault_at = s->text.fault_at;
	if (s->doc.fault != JSON_FINE)
		s->doc.nfields = 0;
	else if (!s->as_last)
		remember_keys(s);
	return &s->doc;
}

/* Digits with a minus and a fraction perhaps, and no zero before them. */
static bool
plain_number(const char *s, int len)
{
	const char *end = s + len;
	const char *digits;
	bool		zero = true;

	if (s < end && *s == '-')
		s++;
	digits = s;
	while (s < end && *s >= '0' && *s <= '9')
		zero &= *s++ == '0';
	if (s == digits || (*digits == '0' && s > digits + 1))
		return false;
	if (s < end && *s == '.')
	{
		digits = ++s;
		while (s < end && *s >= '0' && *s <= '9')
			zero &= *s++ == '0';
		if (s == digits)
			return false;
	}
	/* no number is minus nothing */
	return s == end && !(zero && end[-len] == '-');
}

/* See the header. */
JsonKind
json_kind(const JsonDoc *doc, const JsonField *field)
{
	if (!doc->input || field->kind != JSON_STRING)
		return field->kind;
	if (plain_number(field->val, field->len))
		return JSON_NUMBER;
	if ((field->len == 4 && memcmp(field->val, "true", 4) == 0) ||
		(field->len == 5 && memcmp(field->val, "false", 5) == 0))
		return JSON_BOOL;
	return JSON_STRING;
}

/* See the header. */
const JsonDoc *
json_scan_fields(JsonScanner *s, const char *bytes, size_t len)
{
	(void) json_scan(s, bytes, len);
	s->doc.input = true;
	return &s->doc;
}

const char *
json_fault_text(JsonFault fault)
{
	switch (fault)
	{
		case JSON_FINE:
			return "no fault";
		case JSON_BROKEN:
			return "not valid JSON";
		case JSON_NOT_OBJECT:
			return "JSON, but not an object";
		case JSON_NUL:
			return "the character \\u0000, which no text can hold";
		case JSON_SURROGATE:
			return "half of a surrogate pair";
		case JSON_DUPLICATE:
			return "the same key twice with different values";
		case JSON_DEEP:
			return "nested deeper than 1000 levels";
		case JSON_UNTRANSLATABLE:
			return "a \\u escape that the server's encoding cannot express";
	}
	return "unknown fault";
}
