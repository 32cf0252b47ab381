/*
 * scanner_fuzz.c
 *	  libFuzzer's target for the JSON scanner (src/read/json*.c).
 *
 * What must hold for every document, in every server encoding that we try:
 * the verdict and all fields are those of an independent reading
 * (reference.c); fields lie in the document in order; a value scanned again
 * by itself is the same; a scanner that has seen other documents says what a
 * new one says. The sanitizers see the rest.
 */
#include "postgres.h"

#include "read/jsonkeys.h"
#include "common/hashfn.h"
#include "documents.h"
#include "mb/pg_wchar.h"
#include "reference.h"
#include "stubs.h"

extern int	LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
extern size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max);
extern size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
									  unsigned int seed);
extern size_t LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
										const uint8_t *data2, size_t size2,
										uint8_t *out, size_t max,
										unsigned int seed);

#define MAX_SPANS 512

/* So few values that different keys often meet in the table of keys. */
uint64
hash_bytes_extended(const unsigned char *k, int keylen, uint64 seed)
{
	uint64		hash = seed;

	for (int i = 0; i < keylen; i++)
		hash = hash * 31 + k[i];
	return hash & 0x1F;
}

static void
fail(const char *what, int encoding)
{
	fprintf(stderr, "broken promise (encoding %d): %s\n", encoding, what);
	abort();
}

#define CHECK(condition, what) \
	do { if (!(condition)) fail((what), encoding); } while (0)

static bool
same(const char *a, size_t alen, const char *b, size_t blen)
{
	return alen == blen && (alen == 0 || memcmp(a, b, alen) == 0);
}

/* One field against the reference's, and its bytes against the document. */
static void
check_field(const JsonField *f, const RefField *ref, const char *bytes,
			size_t len, int encoding)
{
	CHECK(same(f->key, f->keylen, ref->key.data, ref->key.len), "key");
	CHECK(f->kind == ref->kind, "kind");
	CHECK(f->raw == bytes + ref->raw, "start of the raw value");
	CHECK((size_t) f->rawlen == ref->rawlen, "length of the raw value");
	CHECK(ref->raw + ref->rawlen < len, "the raw value lies in the document");
	CHECK(same(f->val, f->len, ref->val.data, ref->val.len), "value");
	CHECK(f->wild == ref->wild, "wild");
	if (f->kind != JSON_STRING)
		CHECK(f->val == f->raw && f->len == f->rawlen, "a value that is no string is its raw bytes");
	else if (memchr(f->raw, '\\', f->rawlen) == NULL)
		CHECK(f->val == f->raw + 1 && f->len == f->rawlen - 2, "a string without escapes is not copied");
}

/* Is an object with one key twice and two values found out, and no other? */
static void
check_keys(const JsonField *f, const RefField *ref, int encoding)
{
	static JsonText text;
	static MemoryContext cxt = NULL;

	if (f->kind != JSON_OBJECT && f->kind != JSON_ARRAY)
		return;
	if (cxt == NULL)
		cxt = stub_context();
	if (text.cxt == NULL || text.encoding != encoding)
		jsontext_init(&text, cxt);
	if (!f->unsure)
		CHECK(!ref->differs, "keys that are sure to be distinct are");
	CHECK(jsonkeys_differ(&text, f->raw, f->rawlen) == ref->differs,
		  "one key twice with two values");
}

/* A field's raw value as a document of its own gives the same field. */
static void
check_again(const JsonField *f, JsonScanner *again, int encoding)
{
	static const char head[] = {'{', '"', 'k', '"', ':'};
	size_t		len = sizeof(head) + f->rawlen + 1;
	char	   *bytes = malloc(len);
	const JsonDoc *doc;

	if (bytes == NULL)
		abort();
	memcpy(bytes, head, sizeof(head));
	memcpy(bytes + sizeof(head), f->raw, f->rawlen);
	bytes[len - 1] = '}';
	doc = json_scan(again, bytes, len);
	CHECK(doc->fault == JSON_FINE && doc->nfields == 1, "a raw value scans again");
	CHECK(doc->fields[0].kind == f->kind && doc->fields[0].rawlen == f->rawlen &&
		  doc->fields[0].wild == f->wild &&
		  same(doc->fields[0].val, doc->fields[0].len, f->val, f->len),
		  "and is the same value");
	free(bytes);
}

static void
check_document(JsonScanner *used, JsonScanner *again, const char *bytes,
			   size_t len, int encoding)
{
	RefDoc	   *ref = reference_read(bytes, len, encoding);
	JsonScanner *fresh;
	const JsonDoc *doc = json_scan(used, bytes, len);
	const JsonDoc *other;

	CHECK(doc->fault == ref->fault, json_fault_text(ref->fault));
	CHECK(doc->fault_at <= len, "place of the fault");
	if (doc->fault != JSON_FINE)
		CHECK(doc->nfields == 0, "a document with a fault has no fields");
	else
	{
		CHECK(doc->nfields == ref->nfields, "number of fields");
		for (int i = 0; i < doc->nfields; i++)
		{
			check_field(&doc->fields[i], &ref->fields[i], bytes, len, encoding);
			check_keys(&doc->fields[i], &ref->fields[i], encoding);
			/* all of the first few and some of the others: it is quadratic */
			if (i < 8 || i % 16 == 0)
				check_again(&doc->fields[i], again, encoding);
		}
	}

	fresh = json_scanner(NULL);
	other = json_scan(fresh, bytes, len);
	CHECK(other->fault == doc->fault && other->nfields == doc->nfields &&
		  other->fault_at == doc->fault_at &&
		  same(other->fault_key, other->fault_keylen, doc->fault_key, doc->fault_keylen),
		  "a new scanner says the same");
	for (int i = 0; i < other->nfields; i++)
		CHECK(same(other->fields[i].key, other->fields[i].keylen,
				   doc->fields[i].key, doc->fields[i].keylen) &&
			  other->fields[i].raw == doc->fields[i].raw,
			  "a new scanner gives the same fields");
	json_scanner_free(fresh);
	reference_free(ref);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const int encodings[] = {PG_UTF8, PG_LATIN1, PG_SQL_ASCII};
	static JsonScanner *used[lengthof(encodings)];
	static JsonScanner *again[lengthof(encodings)];
	static unsigned round = 0;
	int			which = round++ % 4 ? 0 : 1 + round / 4 % 2;
	char	   *bytes = malloc(Max(size, 1));

	if (bytes == NULL)
		abort();
	/* bytes of exactly this size: a read beyond them is seen */
	if (size > 0)
		memcpy(bytes, data, size);
	/* a process has one encoding: what it knows of keys holds in that one */
	stub_encoding = encodings[which];
	keyprint_seed = UINT64CONST(0x9E3779B97F4A7C15) + stub_encoding;
	if (used[which] == NULL)
	{
		used[which] = json_scanner(NULL);
		again[which] = json_scanner(NULL);
	}
	check_document(used[which], again[which], bytes, size, encodings[which]);
	free(bytes);
	return 0;
}

/* data[0 .. size) with the bytes from start to end replaced. */
static size_t
splice(uint8_t *data, size_t size, size_t max, Span span, const uint8_t *with,
	   size_t len)
{
	size_t		rest = size - span.end;

	if (span.start + len + rest > max)
		return size;
	memmove(data + span.start + len, data + span.end, rest);
	if (len > 0)
		memcpy(data + span.start, with, len);
	return span.start + len + rest;
}

size_t
LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max,
						unsigned int seed)
{
	static uint8_t room[16384];
	Dice		d = {seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
	Out			out = {room, 0, Min(max, sizeof(room))};
	Span		spans[MAX_SPANS];
	Span		one;
	Span		two;
	int			n;

	if (dice(&d, 3) == 0 || size < 2)
	{
		document_make(&d, &out);
		memcpy(data, room, out.len);
		return out.len;
	}
	n = document_spans(data, size, spans, MAX_SPANS);
	if (n == 0 || dice(&d, 5) == 0)
		return LLVMFuzzerMutate(data, size, max);
	one = spans[dice(&d, n)];
	two = spans[dice(&d, n)];
	switch (dice(&d, 7))
	{
		case 0:					/* another value */
			document_value(&d, &out, 3);
			break;
		case 1:					/* another one of its values */
			document_put(&out, data + two.start, two.end - two.start);
			break;
		case 2:					/* nothing */
			break;
		case 3:					/* the same twice */
			document_put(&out, data + one.start, one.end - one.start);
			document_put(&out, ",", dice(&d, 2));
			document_put(&out, data + one.start, one.end - one.start);
			break;
		case 4:					/* in brackets */
			document_put(&out, "[", 1);
			document_put(&out, data + one.start, one.end - one.start);
			document_put(&out, "]", 1);
			break;
		case 5:					/* a field before it */
			document_field(&d, &out, 3);
			document_put(&out, ",", 1);
			document_put(&out, data + one.start, one.end - one.start);
			break;
		case 6:					/* cut off */
			return one.start + dice(&d, (uint32_t) (one.end - one.start) + 1);
	}
	return splice(data, size, max, one, room, out.len);
}

/* A piece of the second document in the place of one of the first. */
size_t
LLVMFuzzerCustomCrossOver(const uint8_t *data1, size_t size1,
						  const uint8_t *data2, size_t size2, uint8_t *out,
						  size_t max, unsigned int seed)
{
	Dice		d = {seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
	Span		spans[MAX_SPANS];
	Span		to = {0, 0};
	Span		from = {0, size2};
	int			n;

	size1 = Min(size1, max);
	memcpy(out, data1, size1);
	if ((n = document_spans(data1, size1, spans, MAX_SPANS)) > 0)
		to = spans[dice(&d, n)];
	if ((n = document_spans(data2, size2, spans, MAX_SPANS)) > 0)
		from = spans[dice(&d, n)];
	return splice(out, size1, max, to, data2 + from.start, from.end - from.start);
}
