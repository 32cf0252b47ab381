/*
 * numerals.c
 *	  Numbers in declared notations, made into plain digits.
 */
#include "postgres.h"

#include "read/blanks.h"
#include "read/numerals.h"
#include "read/shown.h"
#include "catalog/pg_type.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"

/* All signs that may stand between groups. Those beyond ASCII are UTF-8. */
static const char *const group_signs[] = {
	".", ",", "'", " ", "\xE2\x80\x99", "\xC2\xA0", "\xE2\x80\x89", "\xE2\x80\xAF"
};

#define GROUP_SIGNS ((int) lengthof(group_signs))
#define UNICODE_MINUS "\xE2\x88\x92"

typedef struct Sign
{
	const char *text;
	int			len;
} Sign;

struct Numerals
{
	bool		integer;		/* the column's type has no fractions */
	char		decimal;
	bool		indian;
	bool		parentheses;
	bool		trailing_minus;
	int			ngroups;
	Sign		groups[SPEC_SHORT_LIST_MAX];
	int			nstrip;
	Sign		strip[SPEC_SHORT_LIST_MAX];
	/* what the last number that was read had */
	int			group;			/* which sign, -1: none */
	bool		fraction;
	char		out[NUMERAL_BYTES + 4];
};

static inline bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ---- making ---- */

static bool
check_type(Oid type, TransformFault *fault)
{
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			return true;
		default:
			return fault_is(fault, psprintf("cannot feed a column of type %s", format_type_be(type)),
							"It makes values for smallint, integer, bigint, numeric, real and double precision.");
	}
}

static bool
check_groups(const NumeralSpec *spec, TransformFault *fault)
{
	for (int i = 0; i < spec->groups.n; i++)
	{
		const char *sign = spec->groups.texts[i];
		bool		known = false;

		for (int k = 0; k < GROUP_SIGNS; k++)
			known |= strcmp(sign, group_signs[k]) == 0 &&
				(!IS_HIGHBIT_SET(*sign) || GetDatabaseEncoding() == PG_UTF8);
		if (!known)
			return fault_is(fault, psprintf("unknown \"group\" sign %s", shown_value(sign, (int) strlen(sign))),
							"Signs between groups are . , ' a space, and in a UTF8 database U+2019, U+00A0, U+2009 and U+202F.");
		if (spec->decimal && sign[0] == spec->decimal)
			return fault_is(fault, psprintf("%s is the decimal sign and stands between groups too",
											shown_value(sign, 1)),
							"Say \"decimal\": \",\" where \"group\" is \".\"; \"decimal\": null where the numbers have no fractions.");
	}
	if (spec->indian && spec->groups.n == 0)
		return fault_is(fault, "\"grouping\" is indian, but there is no \"group\" sign", "Say which sign: {\"group\": \",\"}.");
	return true;
}

/* A sign that could be a part of a number would hide one. */
static bool
check_strip(const NumeralSpec *spec, TransformFault *fault)
{
	for (int i = 0; i < spec->strip.n; i++)
	{
		const char *sign = spec->strip.texts[i];
		int			len = (int) strlen(sign);

		if (len == 0 || sign[strcspn(sign, "0123456789+-()")] != '\0' ||
			strspn(sign, ".,'") == (size_t) len || strncmp(sign, UNICODE_MINUS, 3) == 0 ||
			blanks_first(sign, sign + len) > 0 || blanks_last(sign, sign + len) > 0)
			return fault_is(fault, psprintf("cannot strip %s", shown_value(sign, len)),
							"Signs to strip are words or symbols, as \"EUR\" or \"%\", without digits, signs of numbers and blanks around them.");
	}
	return true;
}

static void
keep_signs(const SpecList *list, Sign *signs, int *n, MemoryContext cxt)
{
	*n = list->n;
	for (int i = 0; i < list->n; i++)
	{
		signs[i].text = MemoryContextStrdup(cxt, list->texts[i]);
		signs[i].len = (int) strlen(signs[i].text);
	}
}

Numerals *
numerals_make(const NumeralSpec *spec, Oid basetype, MemoryContext cxt,
			  TransformFault *fault)
{
	Numerals   *t;

	if (!check_type(basetype, fault) || !check_groups(spec, fault) || !check_strip(spec, fault))
		return NULL;
	t = MemoryContextAllocZero(cxt, sizeof(Numerals));
	t->integer = basetype == INT2OID || basetype == INT4OID || basetype == INT8OID;
	t->decimal = spec->decimal;
	t->indian = spec->indian;
	t->parentheses = spec->parentheses;
	t->trailing_minus = spec->trailing_minus;
	keep_signs(&spec->groups, t->groups, &t->ngroups, cxt);
	keep_signs(&spec->strip, t->strip, &t->nstrip, cxt);
	return t;
}

/* ---- reading ---- */

typedef struct Span
{
	const char *p;
	const char *end;
	bool		negative;
	bool		has_sign;
	bool		stripped;
} Span;

static inline bool
starts_with(const Span *s, const Sign *sign)
{
	return s->end - s->p >= sign->len && memcmp(s->p, sign->text, sign->len) == 0;
}

static inline bool
ends_with(const Span *s, const Sign *sign)
{
	return s->end - s->p >= sign->len && memcmp(s->end - sign->len, sign->text, sign->len) == 0;
}

/* One of the signs to strip, at the front or at the end, and a blank. */
static bool
strip_one(const Numerals *t, Span *s, bool front)
{
	if (s->stripped)
		return false;
	for (int i = 0; i < t->nstrip; i++)
	{
		const Sign *sign = &t->strip[i];

		if (front ? starts_with(s, sign) : ends_with(s, sign))
		{
			if (front)
			{
				s->p += sign->len;
				s->p += blanks_first(s->p, s->end);
			}
			else
			{
				s->end -= sign->len;
				s->end -= blanks_last(s->p, s->end);
			}
			return s->stripped = true;
		}
	}
	return false;
}

static bool
leading_sign(Span *s)
{
	static const Sign minus = {UNICODE_MINUS, 3};

	if (s->has_sign || s->p == s->end)
		return false;
	if (*s->p == '-' || *s->p == '+')
		s->negative = *s->p++ == '-';
	else if (starts_with(s, &minus) && GetDatabaseEncoding() == PG_UTF8)
	{
		s->negative = true;
		s->p += minus.len;
	}
	else
		return false;
	return s->has_sign = true;
}

/* Take off what stands around the digits. */
static bool
take_off(const Numerals *t, Span *s)
{
	/* a sign before the currency or behind it */
	while (leading_sign(s) || strip_one(t, s, true))
		;
	(void) strip_one(t, s, false);
	if (t->parentheses && s->p < s->end && *s->p == '(')
	{
		if (s->has_sign || s->end[-1] != ')' || s->end - s->p < 3)
			return false;
		s->p++;
		s->end--;
		s->has_sign = s->negative = true;
		(void) (strip_one(t, s, true) || strip_one(t, s, false));
	}
	else if (t->trailing_minus && s->p < s->end && s->end[-1] == '-')
	{
		if (s->has_sign)
			return false;
		s->end--;
		s->has_sign = s->negative = true;
		(void) strip_one(t, s, false);
	}
	return s->p < s->end;
}

static int
digits_at(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && is_digit(*p))
		p++;
	return (int) (p - start);
}

/* The digits before the decimal sign go to *out; false: a group is broken. */
static bool
read_whole(Numerals *t, Span *s, char **out)
{
	int			n = digits_at(s->p, s->end);
	int			first = n;
	bool		zero = n > 0 && *s->p == '0';
	const Sign *sign = NULL;

	for (int i = 0; i < t->ngroups && n > 0 && sign == NULL; i++)
	{
		Span		rest = {s->p + n, s->end, false, false, false};

		if (starts_with(&rest, &t->groups[i]))
		{
			sign = &t->groups[i];
			t->group = i;
		}
	}
	memcpy(*out, s->p, n);
	*out += n;
	s->p += n;
	if (sign == NULL)
		return true;

	if (zero || first > (t->indian ? 2 : 3))
		return false;
	while (starts_with(s, sign))
	{
		s->p += sign->len;
		n = digits_at(s->p, s->end);
		memcpy(*out, s->p, n);
		*out += n;
		s->p += n;
		/* all but the last */
		if (n != (t->indian && starts_with(s, sign) ? 2 : 3))
			return false;
	}
	return true;
}

static bool
all_zeros(const char *p, int n)
{
	for (int i = 0; i < n; i++)
		if (p[i] != '0')
			return false;
	return true;
}

static bool
read_fraction(Numerals *t, Span *s, char **out, bool whole)
{
	int			n;

	if (s->p == s->end)
		return whole;
	if (!t->decimal || *s->p != t->decimal)
		return false;
	s->p++;
	n = digits_at(s->p, s->end);
	if (n == 0 || s->p + n != s->end)
		return false;
	t->fraction = true;
	if (!whole)
		*(*out)++ = '0';
	if (t->integer && all_zeros(s->p, n))
		return true;
	*(*out)++ = '.';
	memcpy(*out, s->p, n);
	*out += n;
	return true;
}

bool
numerals_read(Numerals *t, JsonKind kind, const char *val, int len,
			  const char **out, int *outlen)
{
	Span		s = {val, val + len, false, false, false};
	char	   *to = t->out;
	char	   *start;

	t->group = -1;
	t->fraction = false;
	if (kind != JSON_STRING || len == 0 || len > NUMERAL_BYTES || !take_off(t, &s))
		return false;
	if (s.negative)
		*to++ = '-';
	start = to;
	if (!read_whole(t, &s, &to) || !read_fraction(t, &s, &to, to > start))
		return false;
	*out = t->out;
	*outlen = (int) (to - t->out);
	return true;
}

/* See the header. */
bool
numerals_torn(const Numerals *t, JsonKind kind, const char *val, int len)
{
	int			points = 0;
	bool		otherwise = t->decimal == ',';

	for (int i = 0; i < t->ngroups; i++)
		otherwise |= t->groups[i].text[0] == '.';
	if (!otherwise || kind != JSON_STRING)
		return false;
	for (int i = 0; i < len; i++)
	{
		if (!is_digit(val[i]) && strchr("+-.eE \t\r\n", val[i]) == NULL)
			return false;
		points += val[i] == '.';
	}
	return points == 1;
}

/* ---- inferring ---- */

/* One sign for fractions, and what the samples say about it. */
typedef struct Theory
{
	Numerals   *reader;
	const TransformSample *proof;	/* a sample that only this one reads */
	bool		groups[GROUP_SIGNS];	/* that the samples had */
	bool		fractions;
} Theory;

/* A reader that knows every sign but its own decimal sign. */
static Numerals *
theory_reader(char decimal, Oid basetype, TransformFault *fault)
{
	NumeralSpec spec = {0};

	spec.decimal = decimal;
	spec.groups.texts = palloc(GROUP_SIGNS * sizeof(char *));
	for (int i = 0; i < GROUP_SIGNS; i++)
		if (group_signs[i][0] != decimal &&
			(!IS_HIGHBIT_SET(group_signs[i][0]) || GetDatabaseEncoding() == PG_UTF8))
			spec.groups.texts[spec.groups.n++] = unconstify(char *, group_signs[i]);
	return numerals_make(&spec, basetype, CurrentMemoryContext, fault);
}

static void
note_signs(Theory *theory)
{
	const Numerals *r = theory->reader;

	theory->fractions |= r->fraction;
	for (int i = 0; i < GROUP_SIGNS && r->group >= 0; i++)
		theory->groups[i] |= strcmp(group_signs[i], r->groups[r->group].text) == 0;
}

/* Why neither theory reads it. */
static char *
unreadable(const TransformSample *s)
{
	char	   *shown = shown_value(s->val, s->len);

	for (int i = 0; i < s->len; i++)
		if (is_digit(s->val[i]))
			return psprintf("value %s is no number in one notation; signs beside a number are stripped only when strip lists them", shown);
	return psprintf("value %s is no number", shown);
}

/* Try both theories on one sample. */
static bool
weigh(Theory *dot, Theory *comma, const TransformSample *s,
	  const TransformSample **open, bool *changed, char **why_not)
{
	const char *a;
	const char *b;
	int			alen;
	int			blen;
	bool		by_dot = numerals_read(dot->reader, s->kind, s->val, s->len, &a, &alen);
	bool		by_comma = numerals_read(comma->reader, s->kind, s->val, s->len, &b, &blen);

	if (!by_dot && !by_comma)
	{
		*why_not = unreadable(s);
		return false;
	}
	if (by_dot && by_comma && (alen != blen || memcmp(a, b, alen) != 0))
		*open = s;
	if (by_dot)
		note_signs(dot);
	else
		comma->proof = s;
	if (by_comma)
		note_signs(comma);
	else
		dot->proof = s;
	*changed |= !(by_dot && alen == s->len && memcmp(a, s->val, alen) == 0);
	return true;
}

/* See the header. */
bool
numerals_infer(const TransformSample *samples, int n, Oid basetype,
			   NumeralSpec *spec, char **why_not)
{
	TransformFault fault;
	Theory		dot = {0};
	Theory		comma = {0};
	const TransformSample *open = NULL;
	const Theory *winner;
	bool		changed = false;

	memset(spec, 0, sizeof(*spec));
	dot.reader = theory_reader('.', basetype, &fault);
	comma.reader = theory_reader(',', basetype, &fault);
	if (dot.reader == NULL || comma.reader == NULL)
	{
		*why_not = pstrdup(fault.message);
		return false;
	}
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (samples[i].kind == JSON_NULL || samples[i].kind == JSON_NUMBER)
			continue;
		if (samples[i].kind != JSON_STRING)
		{
			*why_not = psprintf("value %s is no string", shown_value(samples[i].val, samples[i].len));
			return false;
		}
		if (!weigh(&dot, &comma, &samples[i], &open, &changed, why_not))
			return false;
	}
	if (dot.proof && comma.proof)
		*why_not = psprintf("values %s and %s are written in two notations",
							shown_value(dot.proof->val, dot.proof->len),
							shown_value(comma.proof->val, comma.proof->len));
	else if (!dot.proof && !comma.proof && open)
		*why_not = psprintf("value %s can be read in two ways, and no other value decides between them",
							shown_value(open->val, open->len));
	else if (!changed)
		*why_not = pstrdup("the type reads all values as they are");
	if (*why_not)
		return false;

	winner = comma.proof ? &comma : &dot;
	spec->decimal = winner->fractions ? winner->reader->decimal : '\0';
	spec->groups.texts = palloc(GROUP_SIGNS * sizeof(char *));
	for (int i = 0; i < GROUP_SIGNS; i++)
		if (winner->groups[i])
			spec->groups.texts[spec->groups.n++] = unconstify(char *, group_signs[i]);
	return true;
}
