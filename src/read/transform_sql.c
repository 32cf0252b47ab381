/*
 * transform_sql.c
 *	  transform(), transform_infer(), transform_args(): what a mapping would do.
 */
#include "postgres.h"

#include "base/compat.h"
#include "read/transform.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_transform);
PG_FUNCTION_INFO_V1(selfheal_transform_infer);
PG_FUNCTION_INFO_V1(selfheal_transform_args);

static void
require(FunctionCallInfo fcinfo, int arg, const char *name)
{
	if (PG_ARGISNULL(arg))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be null", name),
				 errhint("\\df+ selfheal.transform* says what each argument is.")));
}

static TransformKind
kind_arg(FunctionCallInfo fcinfo)
{
	TransformKind kind;
	char	   *name;

	require(fcinfo, 0, "kind");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	if (!transform_by_name(name, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown kind \"%s\"", name),
				 errhint("Kinds are trim, null_if, map_value, parse_timestamp, parse_number, parse_point and decode_text.")));
	return kind;
}

static Oid
type_arg(FunctionCallInfo fcinfo, int arg)
{
	require(fcinfo, arg, "type");
	return getBaseType(PG_GETARG_OID(arg));
}

static const Jsonb *
args_arg(FunctionCallInfo fcinfo)
{
	return PG_ARGISNULL(1) ? NULL : PG_GETARG_JSONB_P(1);
}

/* A value as the scanner would give it. */
static void
take_value(JsonbValue *v, TransformSample *out)
{
	switch (v->type)
	{
		case jbvNull:
			out->kind = JSON_NULL;
			out->val = "null";
			break;
		case jbvBool:
			out->kind = JSON_BOOL;
			out->val = v->val.boolean ? "true" : "false";
			break;
		case jbvNumeric:
			out->kind = JSON_NUMBER;
			out->val = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
			break;
		case jbvString:
			out->kind = JSON_STRING;
			out->val = v->val.string.val;
			out->len = v->val.string.len;
			return;
		default:
			out->kind = JsonContainerIsArray(v->val.binary.data) ? JSON_ARRAY : JSON_OBJECT;
			out->val = JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
			break;
	}
	out->len = (int) strlen(out->val);
}

static Datum
as_jsonb(StringInfo text)
{
	return DirectFunctionCall1(jsonb_in, CStringGetDatum(text->data));
}

static void
put_text(StringInfo out, const char *key, const char *text, int len)
{
	appendStringInfo(out, ",\"%s\":", key);
	escape_json(out, pnstrdup(text, len));
}

/* The bytes that hexadecimal digits stand for, by the encodings in turn. */
static void
decode_value(const Jsonb *args, const TransformSample *s, StringInfo out)
{
	int			encodings[TRANSFORM_ENCODINGS_MAX];
	int			n = transform_encodings(args, encodings);
	bytea	   *bytes;

	if (s->kind != JSON_STRING || s->len % 2 != 0 ||
		strspn(pnstrdup(s->val, s->len), "0123456789abcdefABCDEF") != (size_t) s->len)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("decode_text takes bytes as a string of hexadecimal digits"),
				 errhint("to_jsonb(encode(bytes, 'hex')) makes one.")));
	bytes = DatumGetByteaPP(DirectFunctionCall1(byteain,
												CStringGetDatum(psprintf("\\x%.*s", s->len, s->val))));
	for (int i = 0; i < n; i++)
	{
		char	   *text;
		size_t		len;
		bool		printable;

		if (!transform_decode(VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes), encodings[i],
							  &text, &len, &printable))
			continue;
		appendStringInfoString(out, "{\"outcome\":\"made\"");
		put_text(out, "text", text, (int) len);
		put_text(out, "encoding", pg_encoding_to_char(encodings[i]),
				 (int) strlen(pg_encoding_to_char(encodings[i])));
		appendStringInfoChar(out, '}');
		return;
	}
	appendStringInfoString(out, "{\"outcome\":\"left\"}");
}

/*
 * transform(kind, args, value, type): {"outcome": "left"|"made"|"nulled"|"torn",
 * "text": of "made"}. Errors: 22023.
 */
Datum
selfheal_transform(PG_FUNCTION_ARGS)
{
	TransformKind kind = kind_arg(fcinfo);
	const Jsonb *args = args_arg(fcinfo);
	Oid			type = type_arg(fcinfo, 3);
	Transform  *t = transform_make(kind, args, type, CurrentMemoryContext);
	JsonbValue	v;
	TransformSample s;
	StringInfoData out;
	const char *made;
	int			len;

	require(fcinfo, 2, "value");
	if (JB_ROOT_IS_SCALAR(PG_GETARG_JSONB_P(2)))
		(void) JsonbExtractScalar(&PG_GETARG_JSONB_P(2)->root, &v);
	else
	{
		v.type = jbvBinary;
		v.val.binary.data = &PG_GETARG_JSONB_P(2)->root;
		v.val.binary.len = VARSIZE(PG_GETARG_JSONB_P(2)) - VARHDRSZ;
	}
	take_value(&v, &s);
	initStringInfo(&out);
	if (kind == TRANSFORM_TEXT)
	{
		decode_value(args, &s, &out);
		PG_RETURN_DATUM(as_jsonb(&out));
	}
	switch (transform_apply(t, s.kind, s.val, s.len, &made, &len))
	{
		case TRANSFORM_LEFT:
			appendStringInfoString(&out, "{\"outcome\":\"left\"}");
			break;
		case TRANSFORM_NULLED:
			appendStringInfoString(&out, "{\"outcome\":\"nulled\"}");
			break;
		case TRANSFORM_TORN:
			appendStringInfoString(&out, "{\"outcome\":\"torn\"}");
			break;
		case TRANSFORM_MADE:
			appendStringInfoString(&out, "{\"outcome\":\"made\"");
			put_text(&out, "text", made, len);
			appendStringInfoChar(&out, '}');
			break;
	}
	PG_RETURN_DATUM(as_jsonb(&out));
}

/* The elements of the list; how many. */
static int
take_values(Jsonb *list, TransformSample **samples)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	int			n = 0;

	if (!JB_ROOT_IS_ARRAY(list) || JB_ROOT_IS_SCALAR(list))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("samples must be a JSON array"),
				 errhint("List the values as they were sent: '[\"31.12.2024\", \"01.02.2025\"]'.")));
	*samples = palloc(Max(JB_ROOT_COUNT(list), 1) * sizeof(TransformSample));
	it = JsonbIteratorInit(&list->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_ELEM)
			take_value(&v, &(*samples)[n++]);
	return n;
}

/* transform_infer(kind, samples, type): {"args", "why_not"}. Errors: 22023. */
Datum
selfheal_transform_infer(PG_FUNCTION_ARGS)
{
	TransformKind kind = kind_arg(fcinfo);
	Oid			type = type_arg(fcinfo, 2);
	TransformSample *samples;
	StringInfoData out;
	Jsonb	   *args;
	char	   *why_not;
	int			n;

	require(fcinfo, 1, "samples");
	n = take_values(PG_GETARG_JSONB_P(1), &samples);
	args = transform_infer(kind, samples, n, type, &why_not);
	initStringInfo(&out);
	appendStringInfo(&out, "{\"args\":%s",
					 args ? JsonbToCString(NULL, &args->root, VARSIZE(args)) : "null");
	if (why_not)
		put_text(&out, "why_not", why_not, (int) strlen(why_not));
	else
		appendStringInfoString(&out, ",\"why_not\":null");
	appendStringInfoChar(&out, '}');
	PG_RETURN_DATUM(as_jsonb(&out));
}

/* transform_args(kind, args, type): as they are stored. Errors: 22023. */
Datum
selfheal_transform_args(PG_FUNCTION_ARGS)
{
	TransformKind kind = kind_arg(fcinfo);

	PG_RETURN_JSONB_P(transform_canonical(kind, args_arg(fcinfo), type_arg(fcinfo, 2)));
}
