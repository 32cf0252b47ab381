/*
 * transformspec.c
 *	  What a transform is told: from the JSON of its arguments and back.
 *
 * A key that is not known is an error: a misspelt argument that is passed over
 * would change what is stored. A null is what is not said, but for "decimal",
 * where it says that there are no fractions.
 */
#include "postgres.h"

#include "read/shown.h"
#include "read/transformspec.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/json.h"

#define MAX_KEYS 6

typedef struct KindArgs
{
	const char *keys[MAX_KEYS];
	const char *hint;
} KindArgs;

static const KindArgs kinds[] = {
	[TRANSFORM_TRIM] = {{NULL}, "trim takes no arguments: {}."},
	[TRANSFORM_NULL_IF] = {{"values", "ignore_case"}, "Arguments are values and ignore_case."},
	[TRANSFORM_VALUE] = {{"words"}, "The argument is words: {\"words\": {\"OK\": \"ok\"}}."},
	[TRANSFORM_TIMESTAMP] = {{"formats", "zone", "century"}, "Arguments are formats, zone and century."},
	[TRANSFORM_NUMBER] = {{"decimal", "group", "strip", "grouping", "parentheses", "trailing_minus"},
	"Arguments are decimal, group, strip, grouping, parentheses and trailing_minus."},
	[TRANSFORM_POINT] = {{"form", "order", "x", "y", "geographic"}, "Arguments are form, order, x, y and geographic."},
	[TRANSFORM_TEXT] = {{"encodings"}, "The argument is encodings."}
};

/* The arguments while they are read. */
typedef struct Args
{
	TransformKind kind;
	const Jsonb *json;			/* or NULL */
} Args;

void
transformspec_throw(TransformKind kind, const TransformFault *fault)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s: %s", transform_name(kind), fault->message),
			 fault->hint ? errhint("%s", fault->hint) : 0));
}

pg_noreturn static void
bad_arg(const Args *args, const char *message, const char *hint)
{
	TransformFault fault = {message, hint};

	transformspec_throw(args->kind, &fault);
}

static void
check_keys(const Args *args)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (args->json == NULL)
		return;
	if (!JB_ROOT_IS_OBJECT(args->json))
		bad_arg(args, "arguments must be a JSON object", kinds[args->kind].hint);
	it = JsonbIteratorInit((JsonbContainer *) &args->json->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		known = false;

		if (token != WJB_KEY)
			continue;
		for (int i = 0; i < MAX_KEYS && kinds[args->kind].keys[i]; i++)
			known |= (int) strlen(kinds[args->kind].keys[i]) == v.val.string.len &&
				memcmp(kinds[args->kind].keys[i], v.val.string.val, v.val.string.len) == 0;
		if (!known)
			bad_arg(args, psprintf("unknown argument %s",
								   shown_value(v.val.string.val, v.val.string.len)),
					kinds[args->kind].hint);
	}
}

/* The value of a key; NULL when it is absent. */
static JsonbValue *
find(const Args *args, const char *key)
{
	if (args->json == NULL)
		return NULL;
	return getKeyJsonValueFromContainer((JsonbContainer *) &args->json->root,
										key, (int) strlen(key), NULL);
}

/* The same, with null for absent. */
static JsonbValue *
find_said(const Args *args, const char *key)
{
	JsonbValue *v = find(args, key);

	return v == NULL || v->type == jbvNull ? NULL : v;
}

static char *
one_text(const Args *args, const char *key, const JsonbValue *v)
{
	if (v->type != jbvString)
		bad_arg(args, psprintf("\"%s\" must be a string", key), kinds[args->kind].hint);
	if (v->val.string.len > SPEC_TEXT_MAX)
		bad_arg(args, psprintf("\"%s\" is longer than %d bytes", key, SPEC_TEXT_MAX), NULL);
	return pnstrdup(v->val.string.val, v->val.string.len);
}

static char *
read_text(const Args *args, const char *key)
{
	JsonbValue *v = find_said(args, key);

	return v == NULL ? NULL : one_text(args, key, v);
}

static bool
read_bool(const Args *args, const char *key)
{
	JsonbValue *v = find_said(args, key);

	if (v == NULL)
		return false;
	if (v->type != jbvBool)
		bad_arg(args, psprintf("\"%s\" must be true or false", key), kinds[args->kind].hint);
	return v->val.boolean;
}

/* A list of strings, or one of them for a list of one; each once. */
static void
read_list(const Args *args, const char *key, int max, SpecList *list)
{
	JsonbValue *v = find_said(args, key);
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;

	list->n = 0;
	list->texts = palloc(max * sizeof(char *));
	if (v == NULL)
		return;
	if (v->type != jbvBinary)
	{
		list->texts[list->n++] = one_text(args, key, v);
		return;
	}
	if (!JsonContainerIsArray(v->val.binary.data))
		bad_arg(args, psprintf("\"%s\" must be a list of strings", key), kinds[args->kind].hint);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		char	   *text;
		bool		twice = false;

		if (token != WJB_ELEM)
			continue;
		text = one_text(args, key, &item);
		for (int i = 0; i < list->n; i++)
			twice |= strcmp(list->texts[i], text) == 0;
		if (twice)
			continue;
		if (list->n == max)
			bad_arg(args, psprintf("\"%s\" has more than %d entries", key, max), NULL);
		list->texts[list->n++] = text;
	}
}

/* One of the words, by its place; the first is what is not said. */
static int
read_word(const Args *args, const char *key, const char *const *words, int n,
		  const char *hint)
{
	char	   *text = read_text(args, key);

	if (text == NULL)
		return 0;
	for (int i = 0; i < n; i++)
		if (words[i] && strcmp(words[i], text) == 0)
			return i;
	bad_arg(args, psprintf("unknown \"%s\" %s", key,
						   shown_value(text, (int) strlen(text))), hint);
}

static int
read_century(const Args *args)
{
	JsonbValue *v = find_said(args, "century");
	int32		century = 0;

	if (v == NULL)
		return 0;
	if (v->type == jbvNumeric)
	{
		char	   *text = numeric_normalize(v->val.numeric);

		if (strlen(text) == 4)
			century = atoi(text);
	}
	if (century < 1000 || century % 100 != 0)
		bad_arg(args, "\"century\" must be a year that ends in 00",
				"It is added to the two digits of YY: {\"century\": 2000} reads 24 as 2024.");
	return century;
}

static void
read_number(const Args *args, NumeralSpec *spec)
{
	static const char *const groupings[] = {"thousands", "indian"};
	JsonbValue *v = find(args, "decimal");

	spec->decimal = '.';
	if (v != NULL && v->type == jbvNull)
		spec->decimal = '\0';
	else if (v != NULL)
	{
		char	   *text = one_text(args, "decimal", v);

		if (strcmp(text, ".") != 0 && strcmp(text, ",") != 0)
			bad_arg(args, "\"decimal\" must be \".\", \",\" or null",
					"null says that the numbers have no fractions.");
		spec->decimal = text[0];
	}
	read_list(args, "group", SPEC_SHORT_LIST_MAX, &spec->groups);
	read_list(args, "strip", SPEC_SHORT_LIST_MAX, &spec->strip);
	spec->indian = read_word(args, "grouping", groupings, lengthof(groupings),
							 "Say \"thousands\" or \"indian\".") == 1;
	spec->parentheses = read_bool(args, "parentheses");
	spec->trailing_minus = read_bool(args, "trailing_minus");
}

static const char *const point_forms[] = {
	[POINT_ARRAY] = "array",[POINT_OBJECT] = "object",[POINT_TEXT] = "text",
	[POINT_DMS] = "dms"
};
static const char *const point_orders[] = {
	[POINT_OPEN] = NULL,[POINT_XY] = "xy",[POINT_YX] = "yx",
	[POINT_LETTERS] = "letters"
};

static void
read_point(const Args *args, PointSpec *spec)
{
	if (find_said(args, "form") == NULL)
		bad_arg(args, "\"form\" is missing", "Say \"array\", \"object\", \"text\" or \"dms\".");
	spec->form = read_word(args, "form", point_forms, lengthof(point_forms),
						   "Say \"array\", \"object\", \"text\" or \"dms\".");
	spec->order = read_word(args, "order", point_orders, lengthof(point_orders),
							"Say \"xy\" (longitude first), \"yx\" (latitude first) or, where each value names it, \"letters\".");
	spec->x = read_text(args, "x");
	spec->y = read_text(args, "y");
	spec->geographic = read_bool(args, "geographic");
}

static void
read_encodings(const Args *args, TextSpec *spec)
{
	SpecList	names;

	read_list(args, "encodings", TRANSFORM_ENCODINGS_MAX, &names);
	if (names.n == 0)
		bad_arg(args, "\"encodings\" names no encoding",
				"Name what the producer writes, the likeliest first: {\"encodings\": [\"WIN1252\"]}.");
	for (int i = 0; i < names.n; i++)
	{
		int			encoding = pg_char_to_encoding(names.texts[i]);
		bool		twice = false;

		for (int k = 0; k < spec->n; k++)
			twice |= spec->encodings[k] == encoding;
		if (!twice)
			spec->encodings[spec->n++] = encoding;
		if (encoding < 0 || encoding == PG_SQL_ASCII)
			bad_arg(args, psprintf("%s is no encoding that text can be read in",
								   shown_value(names.texts[i], (int) strlen(names.texts[i]))),
					"Take a name from the manual's chapter on character set support, as WIN1252 or LATIN1.");
	}
}

/* Words and what they mean: an object of strings. */
static void
read_words(const Args *args, SpellingSpec *spec)
{
	JsonbValue *words = find_said(args, "words");
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (words == NULL || words->type != jbvBinary || !JsonContainerIsObject(words->val.binary.data) ||
		JsonContainerSize(words->val.binary.data) == 0)
		bad_arg(args, "\"words\" must be an object of strings", kinds[args->kind].hint);
	if (JsonContainerSize(words->val.binary.data) > SPEC_LIST_MAX)
		bad_arg(args, psprintf("more than %d words", SPEC_LIST_MAX), NULL);
	spec->words.texts = palloc(sizeof(char *) * SPEC_LIST_MAX);
	spec->labels.texts = palloc(sizeof(char *) * SPEC_LIST_MAX);
	it = JsonbIteratorInit(words->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token == WJB_KEY)
			spec->words.texts[spec->words.n++] = one_text(args, "words", &v);
		else if (token == WJB_VALUE)
			spec->labels.texts[spec->labels.n++] = one_text(args, "words", &v);
	}
}

void
transformspec_read(TransformKind kind, const Jsonb *json, TransformSpec *spec)
{
	Args		args = {kind, json};

	memset(spec, 0, sizeof(*spec));
	spec->kind = kind;
	check_keys(&args);
	switch (kind)
	{
		case TRANSFORM_TRIM:
			break;
		case TRANSFORM_NULL_IF:
			read_list(&args, "values", SPEC_LIST_MAX, &spec->u.null_if.values);
			spec->u.null_if.ignore_case = read_bool(&args, "ignore_case");
			break;
		case TRANSFORM_VALUE:
			read_words(&args, &spec->u.spelling);
			break;
		case TRANSFORM_TIMESTAMP:
			read_list(&args, "formats", SPEC_SHORT_LIST_MAX, &spec->u.timestamp.formats);
			spec->u.timestamp.zone = read_text(&args, "zone");
			spec->u.timestamp.century = read_century(&args);
			break;
		case TRANSFORM_NUMBER:
			read_number(&args, &spec->u.number);
			break;
		case TRANSFORM_POINT:
			read_point(&args, &spec->u.point);
			break;
		case TRANSFORM_TEXT:
			read_encodings(&args, &spec->u.text);
			break;
	}
}

/* ---- and back ---- */

static void
put_key(StringInfo out, const char *key)
{
	if (out->data[out->len - 1] != '{')
		appendStringInfoChar(out, ',');
	escape_json(out, key);
	appendStringInfoChar(out, ':');
}

static void
put_text(StringInfo out, const char *key, const char *text)
{
	put_key(out, key);
	if (text)
		escape_json(out, text);
	else
		appendStringInfoString(out, "null");
}

static void
put_bool(StringInfo out, const char *key, bool value)
{
	put_key(out, key);
	appendStringInfoString(out, value ? "true" : "false");
}

static int
text_order(const void *a, const void *b)
{
	return strcmp(*(char *const *) a, *(char *const *) b);
}

/* Signs and words mean the same in any order, formats are kept in theirs: they
 * must agree, but people read them. */
static void
put_list(StringInfo out, const char *key, const SpecList *list, bool sort)
{
	if (sort && list->n > 1)
		qsort(list->texts, list->n, sizeof(char *), text_order);
	put_key(out, key);
	appendStringInfoChar(out, '[');
	for (int i = 0; i < list->n; i++)
	{
		if (i > 0)
			appendStringInfoChar(out, ',');
		escape_json(out, list->texts[i]);
	}
	appendStringInfoChar(out, ']');
}

static void
put_timestamp(StringInfo out, const TimestampSpec *spec)
{
	put_list(out, "formats", &spec->formats, false);
	put_text(out, "zone", spec->zone);
	put_key(out, "century");
	if (spec->century)
		appendStringInfo(out, "%d", spec->century);
	else
		appendStringInfoString(out, "null");
}

static void
put_number(StringInfo out, const NumeralSpec *spec)
{
	char		decimal[2] = {spec->decimal, '\0'};

	put_text(out, "decimal", spec->decimal ? decimal : NULL);
	put_list(out, "group", &spec->groups, true);
	put_list(out, "strip", &spec->strip, true);
	put_text(out, "grouping", spec->indian ? "indian" : "thousands");
	put_bool(out, "parentheses", spec->parentheses);
	put_bool(out, "trailing_minus", spec->trailing_minus);
}

static void
put_point(StringInfo out, const PointSpec *spec)
{
	put_text(out, "form", point_forms[spec->form]);
	if (spec->form == POINT_OBJECT)
	{
		put_text(out, "x", spec->x);
		put_text(out, "y", spec->y);
	}
	else
		put_text(out, "order", point_orders[spec->order]);
	put_bool(out, "geographic", spec->geographic);
}

Jsonb *
transformspec_write(const TransformSpec *spec)
{
	StringInfoData out;
	Datum		result;

	initStringInfo(&out);
	appendStringInfoChar(&out, '{');
	switch (spec->kind)
	{
		case TRANSFORM_TRIM:
			break;
		case TRANSFORM_NULL_IF:
			put_list(&out, "values", &spec->u.null_if.values, true);
			put_bool(&out, "ignore_case", spec->u.null_if.ignore_case);
			break;
		case TRANSFORM_VALUE:
			put_key(&out, "words");
			appendStringInfoChar(&out, '{');
			for (int i = 0; i < spec->u.spelling.words.n; i++)
				put_text(&out, spec->u.spelling.words.texts[i], spec->u.spelling.labels.texts[i]);
			appendStringInfoChar(&out, '}');
			break;
		case TRANSFORM_TIMESTAMP:
			put_timestamp(&out, &spec->u.timestamp);
			break;
		case TRANSFORM_NUMBER:
			put_number(&out, &spec->u.number);
			break;
		case TRANSFORM_POINT:
			put_point(&out, &spec->u.point);
			break;
		case TRANSFORM_TEXT:
			put_key(&out, "encodings");
			for (int i = 0; i < spec->u.text.n; i++)
			{
				appendStringInfoChar(&out, i == 0 ? '[' : ',');
				escape_json(&out, pg_encoding_to_char(spec->u.text.encodings[i]));
			}
			appendStringInfoChar(&out, ']');
			break;
	}
	appendStringInfoChar(&out, '}');
	result = DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data));
	pfree(out.data);
	return DatumGetJsonbP(result);
}
