/*
 * toolargs.c
 *	  Arguments of a tool against its JSON Schema.
 *
 * Both are Jsonb, so keys are unique and numbers are numbers. The arguments
 * are built anew while they are checked: what is not in the schema has no way
 * through.
 */
#include "postgres.h"

#include "base/words.h"
#include "common/string.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "read/json.h"
#include "read/shown.h"
#include "serve/toolargs.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

typedef struct Check
{
	JsonbParseState *state;		/* of what is built */
	JsonbValue *result;
	char	   *fault;			/* NULL: none so far */
} Check;

static void check_value(Check *c, JsonbContainer *schema, const JsonbValue *value,
						const char *path, int depth, JsonbIteratorToken as);

/* A member of an object, or NULL. */
static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* The same where it must be an object or an array of its own. */
static JsonbContainer *
inner(JsonbContainer *object, const char *key)
{
	JsonbValue *v = member(object, key);

	return v && v->type == jbvBinary ? v->val.binary.data : NULL;
}

static bool
is_string(const JsonbValue *v, const char *text)
{
	return v->type == jbvString && v->val.string.len == (int) strlen(text) &&
		memcmp(v->val.string.val, text, v->val.string.len) == 0;
}

/* What a value is, in the words of JSON Schema. */
static const char *
type_of(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return "null";
		case jbvString:
			return "string";
		case jbvBool:
			return "boolean";
		case jbvNumeric:
			return "number";
		case jbvBinary:
			return JsonContainerIsArray(v->val.binary.data) ? "array" : "object";
		default:
			elog(ERROR, "unexpected kind of JSON value %d", (int) v->type);
	}
}

/* Is a number an integer that an int8 holds? */
static bool
is_integer(const JsonbValue *v)
{
	char	   *text;
	char	   *end;

	if (v->type != jbvNumeric || numeric_is_nan(v->val.numeric))
		return false;
	text = DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
	errno = 0;
	(void) strtoll(text, &end, 10);
	return errno == 0 && (*end == '\0' || (*end == '.' && strspn(end + 1, "0") == strlen(end + 1)));
}

static bool
is_type(const JsonbValue *v, const JsonbValue *type)
{
	if (is_string(type, "integer"))
		return is_integer(v);
	return is_string(type, type_of(v));
}

/* Does the value have the type, or one of the types, of this schema? */
static bool
has_type(JsonbContainer *schema, const JsonbValue *v)
{
	JsonbValue *type = member(schema, "type");
	JsonbContainer *list = inner(schema, "type");

	if (type == NULL)
		return true;
	if (list == NULL)
		return is_type(v, type);
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
		if (is_type(v, getIthJsonbValueFromContainer(list, i)))
			return true;
	return false;
}

/* "a string", "string or null": what a schema asks for. */
static char *
types_text(JsonbContainer *schema)
{
	JsonbValue *type = member(schema, "type");
	JsonbContainer *list = inner(schema, "type");
	StringInfoData buf;

	initStringInfo(&buf);
	if (list == NULL)
		return type ? pnstrdup(type->val.string.val, type->val.string.len) : "any value";
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(list, i);

		appendStringInfo(&buf, "%s%.*s", i > 0 ? " or " : "", v->val.string.len, v->val.string.val);
	}
	return buf.data;
}

/* A fault, the first of which counts. */
static void fault(Check *c, const char *fmt,...) pg_attribute_printf(2, 3);

static void
fault(Check *c, const char *fmt,...)
{
	va_list		words;

	if (c->fault)
		return;
	va_start(words, fmt);
	c->fault = words_formatted(fmt, words);
	va_end(words);
}

/* Push a value, as an element, or for the key that was pushed before. */
static void
push(Check *c, JsonbIteratorToken as, const JsonbValue *v)
{
	c->result = pushJsonbValue(&c->state, as, unconstify(JsonbValue *, v));
}

/* One of a list of values; words in any letters. Pushes the list's own. */
static void
check_enum(Check *c, JsonbContainer *list, const JsonbValue *v, const char *path,
		   JsonbIteratorToken as)
{
	StringInfoData names;

	initStringInfo(&names);
	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbValue *one = getIthJsonbValueFromContainer(list, i);

		if (one->type != jbvString)
			continue;
		if (v->type == jbvString && v->val.string.len == one->val.string.len &&
			pg_strncasecmp(v->val.string.val, one->val.string.val, one->val.string.len) == 0)
		{
			push(c, as, one);
			return;
		}
		appendStringInfo(&names, "%s%.*s", names.len > 0 ? ", " : "",
						 one->val.string.len, one->val.string.val);
	}
	if (v->type == jbvNull)
		push(c, as, v);			/* its type has said that it may be */
	else
		fault(c, "argument \"%s\" is %s. Use one of: %s.", path,
			  v->type == jbvString ? shown_value(v->val.string.val, v->val.string.len) : type_of(v), names.data);
}

/* Is this name in "required"? */
static bool
is_required(JsonbContainer *schema, const JsonbValue *key)
{
	JsonbContainer *list = inner(schema, "required");

	for (uint32 i = 0; list && i < JsonContainerSize(list); i++)
	{
		JsonbValue *one = getIthJsonbValueFromContainer(list, i);

		if (one->type == jbvString && one->val.string.len == key->val.string.len &&
			memcmp(one->val.string.val, key->val.string.val, one->val.string.len) == 0)
			return true;
	}
	return false;
}

static char *
path_to(const char *path, const JsonbValue *key)
{
	return psprintf("%s%s%s", path, path[0] ? "." : "",
					pnstrdup(key->val.string.val, pg_mbcliplen(key->val.string.val, key->val.string.len, 64)));
}

/* May the schema of a property be null? Then absent and null are the same. */
static bool
may_be_null(JsonbContainer *schema)
{
	JsonbValue	null = {.type = jbvNull};

	return has_type(schema, &null);
}

static void
check_object(Check *c, JsonbContainer *schema, JsonbContainer *object,
			 const char *path, int depth)
{
	JsonbContainer *properties = inner(schema, "properties");
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	JsonbValue	key;
	StringInfoData known;

	c->result = pushJsonbValue(&c->state, WJB_BEGIN_OBJECT, NULL);
	initStringInfo(&known);
	if (properties)
	{
		/* what must be there, in the order of the schema */
		it = JsonbIteratorInit(properties);
		while (c->fault == NULL && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		{
			JsonbValue *given;
			JsonbContainer *sub;

			if (token != WJB_KEY)
				continue;
			key = v;
			appendStringInfo(&known, "%s%.*s", known.len > 0 ? ", " : "", key.val.string.len, key.val.string.val);
			(void) JsonbIteratorNext(&it, &v, true);
			sub = v.val.binary.data;
			given = getKeyJsonValueFromContainer(object, key.val.string.val, key.val.string.len, NULL);
			if (given == NULL || (given->type == jbvNull && !may_be_null(sub)))
			{
				/* null for what may be absent is how some models leave it out */
				if (is_required(schema, &key) && given == NULL)
				{
					JsonbValue *what = member(sub, "description");

					fault(c, "argument \"%s\" is missing. Give %s%s%.*s", path_to(path, &key), types_text(sub),
						  what ? ": " : ".", what ? what->val.string.len : 0, what ? what->val.string.val : "");
				}
				else if (given != NULL && is_required(schema, &key))
					fault(c, "argument \"%s\" is null. Give %s.", path_to(path, &key), types_text(sub));
				continue;
			}
			c->result = pushJsonbValue(&c->state, WJB_KEY, &key);
			check_value(c, sub, given, path_to(path, &key), depth + 1, WJB_VALUE);
		}
	}
	/* and nothing else */
	it = JsonbIteratorInit(object);
	while (c->fault == NULL && (token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		if (token == WJB_KEY &&
			(properties == NULL ||
			 getKeyJsonValueFromContainer(properties, v.val.string.val, v.val.string.len, NULL) == NULL))
			fault(c, "argument \"%s\" is not known. %s%s.", path_to(path, &v),
				  known.len > 0 ? "Known are: " : "Give none", known.data);
	if (c->fault == NULL)
		c->result = pushJsonbValue(&c->state, WJB_END_OBJECT, NULL);
}

static void
check_array(Check *c, JsonbContainer *schema, JsonbContainer *array, const char *path, int depth)
{
	JsonbContainer *items = inner(schema, "items");

	c->result = pushJsonbValue(&c->state, WJB_BEGIN_ARRAY, NULL);
	for (uint32 i = 0; c->fault == NULL && i < JsonContainerSize(array); i++)
	{
		JsonbValue *one = getIthJsonbValueFromContainer(array, i);

		if (items)
			check_value(c, items, one, psprintf("%s[%u]", path, i), depth + 1, WJB_ELEM);
		else
			push(c, WJB_ELEM, one);
	}
	if (c->fault == NULL)
		c->result = pushJsonbValue(&c->state, WJB_END_ARRAY, NULL);
}

/* The first alternative that fits; the fault is that of the last. Each is
 * tried on a throwaway state, then once more in earnest. */
static void
check_any(Check *c, JsonbContainer *list, const JsonbValue *v, const char *path, int depth,
		  JsonbIteratorToken as)
{
	char	   *last = NULL;

	for (uint32 i = 0; i < JsonContainerSize(list); i++)
	{
		JsonbContainer *one = getIthJsonbValueFromContainer(list, i)->val.binary.data;
		Check		trial = {0};

		trial.result = pushJsonbValue(&trial.state, WJB_BEGIN_ARRAY, NULL);
		check_value(&trial, one, v, path, depth, WJB_ELEM);
		if (trial.fault == NULL)
		{
			check_value(c, one, v, path, depth, as);
			return;
		}
		last = trial.fault;
	}
	fault(c, "%s", last ? last : psprintf("argument \"%s\" fits none of the alternatives.", path));
}

static void
check_value(Check *c, JsonbContainer *schema, const JsonbValue *v, const char *path, int depth,
			JsonbIteratorToken as)
{
	JsonbContainer *list;

	if (depth > TOOLARGS_DEPTH)
	{
		fault(c, "argument \"%s\" is nested too deep. Use %d levels at most.", path, TOOLARGS_DEPTH);
		return;
	}
	if ((list = inner(schema, "anyOf")) != NULL)
	{
		check_any(c, list, v, path, depth, as);
		return;
	}
	if (!has_type(schema, v))
		fault(c, "%s%s%s is %s%s. Give %s.", path[0] ? "argument \"" : "", path[0] ? path : "the input",
			  path[0] ? "\"" : "", strchr("aeiou", type_of(v)[0]) ? "an " : v->type == jbvNull ? "" : "a ",
			  type_of(v), types_text(schema));
	else if (v->type == jbvString && v->val.string.len > TOOLARGS_STRING)
		fault(c, "argument \"%s\" has %d bytes. Give %d at most.", path, v->val.string.len, TOOLARGS_STRING);
	else if ((list = inner(schema, "enum")) != NULL)
		check_enum(c, list, v, path, as);
	else if (v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data))
	{
		/* without properties of its own, an object is anything */
		if (member(schema, "properties") == NULL && path[0])
			push(c, as, v);
		else
			check_object(c, schema, v->val.binary.data, path, depth);
	}
	else if (v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data))
		check_array(c, schema, v->val.binary.data, path, depth);
	else
		push(c, as, v);
}

/* See the header. */
char *
toolargs_check(Jsonb *schema, Jsonb *args, Jsonb **out)
{
	Check		c = {0};
	JsonbValue	root;

	*out = NULL;
	if (VARSIZE(args) > TOOLARGS_BYTES)
		return psprintf("the input has %d bytes. Give %d at most.", (int) VARSIZE(args), TOOLARGS_BYTES);
	if (!JB_ROOT_IS_OBJECT(args))
		return pstrdup("the input is no object. Give the arguments as members of one JSON object.");
	root.type = jbvBinary;
	root.val.binary.data = &args->root;
	root.val.binary.len = VARSIZE(args) - VARHDRSZ;
	check_value(&c, &schema->root, &root, "", 0, WJB_VALUE);
	if (c.fault)
		return c.fault;
	*out = JsonbValueToJsonb(c.result);
	return NULL;
}

/* ---- schemas ---- */

static char *
schema_fault(JsonbContainer *schema, const char *path, int depth)
{
	static const char *const known[] = {"type", "properties", "required", "additionalProperties",
	"items", "enum", "anyOf", "description", "title"};
	JsonbIterator *it = JsonbIteratorInit(schema);
	JsonbIteratorToken token;
	JsonbValue	v;
	JsonbContainer *sub;

	if (depth > TOOLARGS_DEPTH || !JsonContainerIsObject(schema))
		return psprintf("%s: no schema", path);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		found = false;

		for (int i = 0; token == WJB_KEY && i < (int) lengthof(known); i++)
			found |= is_string(&v, known[i]);
		if (token == WJB_KEY && !found)
			return psprintf("%s: keyword %.*s", path, v.val.string.len, v.val.string.val);
	}
	if (member(schema, "type") == NULL && member(schema, "anyOf") == NULL)
		return psprintf("%s: no type", path);
	if (member(schema, "type") && is_string(member(schema, "type"), "object"))
	{
		JsonbValue *more = member(schema, "additionalProperties");

		if (more == NULL || more->type != jbvBool || more->val.boolean)
			return psprintf("%s: additionalProperties is not false", path);
		if (inner(schema, "properties") == NULL)
			return psprintf("%s: no properties", path);
		it = JsonbIteratorInit(inner(schema, "properties"));
		while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
		{
			char	   *name;
			char	   *fault;

			if (token != WJB_KEY)
				continue;
			name = pnstrdup(v.val.string.val, v.val.string.len);
			(void) JsonbIteratorNext(&it, &v, true);
			fault = v.type != jbvBinary ? psprintf("%s: no schema", name) :
				schema_fault(v.val.binary.data, psprintf("%s.%s", path, name), depth + 1);
			if (fault)
				return fault;
		}
	}
	if ((sub = inner(schema, "items")) != NULL)
		return schema_fault(sub, psprintf("%s[]", path), depth + 1);
	if ((sub = inner(schema, "anyOf")) != NULL)
		for (uint32 i = 0; i < JsonContainerSize(sub); i++)
		{
			char	   *fault = schema_fault(getIthJsonbValueFromContainer(sub, i)->val.binary.data,
											 psprintf("%s|%u", path, i), depth + 1);

			if (fault)
				return fault;
		}
	return NULL;
}

/* See the header. A jsonb knows neither NaN nor infinity. */
bool
toolargs_outsized(Jsonb *args)
{
	static Datum most = 0;
	JsonbIterator *it = JsonbIteratorInit(&args->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	if (most == 0)
	{
		MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

		most = DirectFunctionCall3(numeric_in, CStringGetDatum("1e" CppAsString2(TOOLARGS_DIGITS)),
								   ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
		MemoryContextSwitchTo(old);
	}
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		Datum		number;

		if ((token != WJB_ELEM && token != WJB_VALUE) || v.type != jbvNumeric)
			continue;
		number = NumericGetDatum(v.val.numeric);
		if (DatumGetInt32(DirectFunctionCall1(numeric_scale, number)) > TOOLARGS_DIGITS ||
			DatumGetBool(DirectFunctionCall2(numeric_ge, DirectFunctionCall1(numeric_abs, number), most)))
			return true;
	}
	return false;
}

/* See the header. */
const char *
toolargs_unfit(const char *json)
{
	JsonScanner *scanner = json_scanner(CurrentMemoryContext);
	JsonFault	fault = json_scan(scanner, json, strlen(json))->fault;

	json_scanner_free(scanner);
	switch (fault)
	{
		case JSON_UNTRANSLATABLE:
			return psprintf("its encoding is %s, which lacks one of their characters. Say it without.",
							GetDatabaseEncodingName());
		case JSON_NUL:
			return "no text can hold \\u0000. Say it without.";
		case JSON_SURROGATE:
			return "they have half of a surrogate pair. Say it without.";
		case JSON_DEEP:
			return "they are nested too deep. Say it in fewer levels.";
		default:
			return "a number in them may be too large. Write what the tool's schema says.";
	}
}

/* See the header. */
char *
toolargs_check_schema(Jsonb *schema)
{
	if (!JB_ROOT_IS_OBJECT(schema) || member(&schema->root, "type") == NULL ||
		!is_string(member(&schema->root, "type"), "object"))
		return pstrdup("$: type is not object");
	return schema_fault(&schema->root, "$", 0);
}

/* ---- for tools ---- */

/* See the header. */
char *
toolargs_text(Jsonb *args, const char *name)
{
	JsonbValue *v = member(&args->root, name);

	return v && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* See the header. */
int64
toolargs_int8(Jsonb *args, const char *name)
{
	JsonbValue *v = member(&args->root, name);

	if (v == NULL || v->type != jbvNumeric)
		return 0;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
}
