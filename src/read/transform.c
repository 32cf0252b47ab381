/*
 * transform.c
 *	  One face for all kinds of transforms: each is a room of its own.
 *
 * What a list of values is said to prove is tried on all of them before it is
 * said: an inference that the reader does not bear out is no inference.
 */
#include "postgres.h"

#include "read/blanks.h"
#include "read/numerals.h"
#include "read/points.h"
#include "read/shown.h"
#include "read/spellings.h"
#include "read/timestamps.h"
#include "read/transform.h"
#include "read/transformspec.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

struct Transform
{
	TransformKind kind;
	union
	{
		NullWords  *words;
		Spellings  *spellings;
		Timestamps *timestamps;
		Numerals   *numerals;
		Points	   *points;
	}			u;
};

static const char *const names[] = {
	[TRANSFORM_TRIM] = "trim",
	[TRANSFORM_NULL_IF] = "null_if",
	[TRANSFORM_VALUE] = "map_value",
	[TRANSFORM_TIMESTAMP] = "parse_timestamp",
	[TRANSFORM_NUMBER] = "parse_number",
	[TRANSFORM_POINT] = "parse_point",
	[TRANSFORM_TEXT] = "decode_text"
};

const char *
transform_name(TransformKind kind)
{
	return names[kind];
}

bool
transform_by_name(const char *name, TransformKind *kind)
{
	for (int i = 0; i < (int) lengthof(names); i++)
		if (strcmp(names[i], name) == 0)
		{
			*kind = (TransformKind) i;
			return true;
		}
	return false;
}

/* A transform of a spec, in cxt; NULL with a fault. */
static Transform *
make(const TransformSpec *spec, Oid basetype, MemoryContext cxt,
	 TransformFault *fault)
{
	Transform  *t = MemoryContextAllocZero(cxt, sizeof(Transform));
	bool		fine = true;

	t->kind = spec->kind;
	switch (spec->kind)
	{
		case TRANSFORM_TRIM:
		case TRANSFORM_TEXT:
			break;
		case TRANSFORM_NULL_IF:
			fine = (t->u.words = nullwords_make(&spec->u.null_if, cxt, fault)) != NULL;
			break;
		case TRANSFORM_VALUE:
			fine = (t->u.spellings = spellings_make(&spec->u.spelling, basetype, cxt, fault)) != NULL;
			break;
		case TRANSFORM_TIMESTAMP:
			fine = (t->u.timestamps = timestamps_make(&spec->u.timestamp, basetype, cxt, fault)) != NULL;
			break;
		case TRANSFORM_NUMBER:
			fine = (t->u.numerals = numerals_make(&spec->u.number, basetype, cxt, fault)) != NULL;
			break;
		case TRANSFORM_POINT:
			fine = (t->u.points = points_make(&spec->u.point, basetype, cxt, fault)) != NULL;
			break;
	}
	return fine ? t : NULL;
}

Transform *
transform_make(TransformKind kind, const Jsonb *args, Oid basetype,
			   MemoryContext cxt)
{
	TransformSpec spec;
	TransformFault fault = {NULL, NULL};
	Transform  *t;

	transformspec_read(kind, args, &spec);
	t = make(&spec, basetype, cxt, &fault);
	if (t == NULL)
		transformspec_throw(kind, &fault);
	return t;
}

/* See the header. */
bool
transform_allow(Transform *t, const List *values)
{
	return t->kind != TRANSFORM_VALUE || spellings_allow(t->u.spellings, values);
}

/* Read a value by a parse kind; true also when nothing had to be changed. */
static bool
read_value(Transform *t, JsonKind kind, const char *val, int len,
		   const char **out, int *outlen, bool *torn)
{
	*torn = false;
	switch (t->kind)
	{
		case TRANSFORM_TIMESTAMP:
			return timestamps_read(t->u.timestamps, kind, val, len, out, outlen, torn);
		case TRANSFORM_NUMBER:
			if (numerals_read(t->u.numerals, kind, val, len, out, outlen))
				return true;
			*torn = numerals_torn(t->u.numerals, kind, val, len);
			return false;
		case TRANSFORM_POINT:
			return points_read(t->u.points, kind, val, len, out, outlen);
		default:
			return false;
	}
}

/* See the header. */
TransformOutcome
transform_apply(Transform *t, JsonKind kind, const char *val, int len,
				const char **out, int *outlen)
{
	bool		torn;

	if (t->kind == TRANSFORM_TRIM)
		return kind == JSON_STRING && blanks_trim(val, len, out, outlen) ?
			TRANSFORM_MADE : TRANSFORM_LEFT;
	if (t->kind == TRANSFORM_NULL_IF)
		return kind == JSON_STRING && nullwords_match(t->u.words, val, len) ?
			TRANSFORM_NULLED : TRANSFORM_LEFT;
	if (t->kind == TRANSFORM_VALUE)
		return kind == JSON_STRING && spellings_read(t->u.spellings, val, len, out, outlen) ?
			TRANSFORM_MADE : TRANSFORM_LEFT;
	if (!read_value(t, kind, val, len, out, outlen, &torn))
		return torn ? TRANSFORM_TORN : TRANSFORM_LEFT;
	if (*outlen == len && memcmp(*out, val, len) == 0)
		return TRANSFORM_LEFT;
	return TRANSFORM_MADE;
}

/* ---- inferring ---- */

static bool
infer_trim(const TransformSample *samples, int n, Oid basetype, char **why_not)
{
	const char *out;
	int			len;

	if (!blanks_mean_nothing(basetype))
	{
		*why_not = pstrdup("a value of this type may have blanks around it that mean something");
		return false;
	}
	for (int i = 0; i < n; i++)
		if (samples[i].kind == JSON_STRING && blanks_trim(samples[i].val, samples[i].len, &out, &len))
			return true;
	*why_not = pstrdup("no value has blanks around it");
	return false;
}

/* Does what was inferred read all samples? */
static bool
bears_out(const TransformSpec *spec, const TransformSample *samples, int n,
		  Oid basetype, char **why_not)
{
	TransformFault fault;
	Transform  *t = make(spec, basetype, CurrentMemoryContext, &fault);

	if (t == NULL)
	{
		*why_not = pstrdup(fault.message);
		return false;
	}
	for (int i = 0; i < n; i++)
	{
		const TransformSample *s = &samples[i];
		const char *out;
		int			len;
		bool		torn;

		CHECK_FOR_INTERRUPTS();
		if (s->kind == JSON_NULL || (s->kind == JSON_NUMBER && spec->kind == TRANSFORM_NUMBER) ||
			read_value(t, s->kind, s->val, s->len, &out, &len, &torn))
			continue;
		*why_not = psprintf("value %s says more than a column of type %s keeps, or is impossible there",
							shown_value(s->val, s->len), format_type_be(basetype));
		return false;
	}
	return true;
}

/* The spec that the samples prove. True and *why_not: one choice is open. */
static bool
infer(const TransformSample *samples, int n, Oid basetype,
	  TransformSpec *spec, char **why_not)
{
	TransformSpec tried;
	bool		open = false;

	switch (spec->kind)
	{
		case TRANSFORM_TRIM:
			return infer_trim(samples, n, basetype, why_not);
		case TRANSFORM_NULL_IF:
			return nullwords_infer(samples, n, basetype, &spec->u.null_if, why_not);
		case TRANSFORM_VALUE:
			*why_not = pstrdup("which label a word means is for a person to say");
			return false;
		case TRANSFORM_TEXT:
			*why_not = pstrdup("an encoding is declared by whoever knows the producer: bytes do not prove it");
			return false;
		case TRANSFORM_TIMESTAMP:
			if (!timestamps_infer(samples, n, basetype, &spec->u.timestamp, &open, why_not))
				return false;
			tried = *spec;
			if (open)
				tried.u.timestamp.zone = "UTC";
			return bears_out(&tried, samples, n, basetype, why_not);
		case TRANSFORM_NUMBER:
			return numerals_infer(samples, n, basetype, &spec->u.number, why_not) &&
				bears_out(spec, samples, n, basetype, why_not);
		case TRANSFORM_POINT:
			if (!points_infer(samples, n, basetype, &spec->u.point, why_not))
				return false;
			tried = *spec;
			if (spec->u.point.form != POINT_OBJECT && spec->u.point.order == POINT_OPEN)
			{
				/* one of the two must at least be possible */
				char	   *ignored = NULL;

				tried.u.point.order = POINT_XY;
				if (bears_out(&tried, samples, n, basetype, &ignored))
					return true;
				tried.u.point.order = POINT_YX;
			}
			return bears_out(&tried, samples, n, basetype, why_not);
	}
	return false;
}

Jsonb *
transform_infer(TransformKind kind, const TransformSample *samples, int n,
				Oid basetype, char **why_not)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(caller, "selfheal transform inference",
											   ALLOCSET_DEFAULT_SIZES);
	TransformSpec spec = {0};
	Jsonb	   *result = NULL;
	char	   *reason = NULL;
	bool		proven;

	MemoryContextSwitchTo(work);
	spec.kind = kind;
	proven = infer(samples, n, basetype, &spec, &reason);
	MemoryContextSwitchTo(caller);
	if (proven)
		result = transformspec_write(&spec);
	*why_not = reason ? pstrdup(reason) : NULL;
	MemoryContextDelete(work);
	return result;
}

Jsonb *
transform_canonical(TransformKind kind, const Jsonb *args, Oid basetype)
{
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext work = AllocSetContextCreate(caller, "selfheal transform arguments",
											   ALLOCSET_DEFAULT_SIZES);
	TransformSpec spec;
	TransformFault fault = {NULL, NULL};
	Transform  *t;
	Jsonb	   *result;

	MemoryContextSwitchTo(work);
	transformspec_read(kind, args, &spec);
	t = make(&spec, basetype, work, &fault);
	if (t == NULL)
		transformspec_throw(kind, &fault);
	if (kind == TRANSFORM_TIMESTAMP)
		timestamps_canonical(t->u.timestamps, &spec.u.timestamp);
	if (kind == TRANSFORM_POINT)
		points_canonical(&spec.u.point);
	MemoryContextSwitchTo(caller);
	result = transformspec_write(&spec);
	MemoryContextDelete(work);
	return result;
}
