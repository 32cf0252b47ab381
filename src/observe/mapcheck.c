/*
 * mapcheck.c
 *	  May this mapping be added?
 *
 * Deny by default. A mapping that could never count, or that would count for
 * more than it says, is refused before anybody relies on it: a column that is
 * not there or that the database computes, a key that has a column of its own,
 * a way that ends on another one, a format that cannot be, words that stored
 * values have.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/spi.h"
#include "base/words.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/mapstored.h"
#include "observe/mapwords.h"
#include "read/nulchars.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Longest key that something can be said of: it stands in an index. */
#define MAX_KEY 1024

typedef struct Check
{
	Oid			relid;
	const List *present;
	const List *hints;
	Mapping    *m;
	Form_pg_attribute att;		/* of m->column, when it has one */
	char	  **reason;
	char	  **hint;
} Check;

/* Always false. hint may be NULL. */
static bool refuse(Check *c, const char *hint, const char *fmt,...) pg_attribute_printf(3, 4);

static bool
refuse(Check *c, const char *hint, const char *fmt,...)
{
	va_list		args;

	va_start(args, fmt);
	*c->reason = words_formatted(fmt, args);
	va_end(args);
	*c->hint = hint ? pstrdup(hint) : NULL;
	return false;
}

/* A column by name, copied; NULL when the table lacks it. */
static Form_pg_attribute
find_column(Oid relid, const char *name)
{
	HeapTuple	tup = strlen(name) < NAMEDATALEN ?
	SearchSysCacheCopyAttName(relid, name) : NULL;
	Form_pg_attribute att = HeapTupleIsValid(tup) ? (Form_pg_attribute) GETSTRUCT(tup) : NULL;

	return att && att->attnum > 0 ? att : NULL;
}

/* ---- which one it is ---- */

static bool
same_path(const Mapping *a, const Mapping *b)
{
	char	   *x[FIT_PATH_MAX];
	char	   *y[FIT_PATH_MAX];
	int			n = mapping_path(a, x, NULL);

	if (mapping_path(b, y, NULL) != n)
		return false;
	for (int i = 0; i < n; i++)
		if (strcmp(x[i], y[i]) != 0)
			return false;
	return true;
}

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* Does a mapping say where a key goes? */
static bool
is_about_key(const Mapping *m)
{
	return m->kind == MAP_FIELD || m->kind == MAP_IGNORE_FIELD;
}

const Mapping *
mapping_replaces(const List *present, const Mapping *m)
{
	ListCell   *lc;

	foreach(lc, present)
	{
		const Mapping *other = lfirst(lc);

		if (is_about_key(m) ? is_about_key(other) && same_text(other->field, m->field) && same_path(other, m) :
			other->kind == m->kind && (m->kind == MAP_OVERFLOW || same_text(other->column, m->column)))
			return other;
	}
	return NULL;
}

/* ---- arguments ---- */

/* Is there a key in args beside these? */
static char *
unknown_arg(const Jsonb *args, const char *const *known, int n)
{
	JsonbIterator *it = JsonbIteratorInit(&unconstify(Jsonb *, args)->root);
	JsonbIteratorToken token;
	JsonbValue	v;

	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		bool		found = token != WJB_KEY;

		for (int i = 0; i < n && !found; i++)
			found = v.val.string.len == (int) strlen(known[i]) &&
				memcmp(v.val.string.val, known[i], v.val.string.len) == 0;
		if (!found)
			return pnstrdup(v.val.string.val, v.val.string.len);
	}
	return NULL;
}

static void
push_word(JsonbParseState **state, JsonbIteratorToken token, const char *word)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, word);
	v.val.string.len = (int) strlen(word);
	(void) pushJsonbValue(state, token, &v);
}

/* An empty object, or one with a path and its rest. */
static Jsonb *
path_args(char *const *path, int depth, FitRest rest)
{
	static const char *const rests[] = {"hold", "drop", "column"};
	JsonbParseState *state = NULL;
	JsonbValue *result;

	(void) pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	if (depth > 1)
	{
		push_word(&state, WJB_KEY, "path");
		(void) pushJsonbValue(&state, WJB_BEGIN_ARRAY, NULL);
		for (int i = 0; i < depth; i++)
			push_word(&state, WJB_ELEM, path[i]);
		(void) pushJsonbValue(&state, WJB_END_ARRAY, NULL);
		push_word(&state, WJB_KEY, "rest");
		push_word(&state, WJB_VALUE, rests[rest]);
	}
	result = pushJsonbValue(&state, WJB_END_OBJECT, NULL);
	return JsonbValueToJsonb(result);
}

/* A string of args, or NULL. */
static char *
word_arg(const Jsonb *args, const char *name)
{
	JsonbValue	v;

	if (args == NULL ||
		getKeyJsonValueFromContainer(&unconstify(Jsonb *, args)->root, name,
									 (int) strlen(name), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

static bool
has_arg(const Jsonb *args, const char *name)
{
	JsonbValue	v;

	return args != NULL &&
		getKeyJsonValueFromContainer(&unconstify(Jsonb *, args)->root, name,
									 (int) strlen(name), &v) != NULL;
}

/* path and rest of a mapping of a key, made canonical. */
static bool
check_path(Check *c)
{
	static const char *const known[] = {"path", "rest"};
	Mapping    *m = c->m;
	char	   *path[FIT_PATH_MAX];
	FitRest		rest = REST_HOLD;
	int			depth = mapping_path(m, path, &rest);
	char	   *word = word_arg(m->args, "rest");
	char	   *other = m->args ? unknown_arg(m->args, known, lengthof(known)) : NULL;
	int			bytes = 0;

	if (other)
		return refuse(c, "A key's mapping takes path and rest.", "unknown argument \"%s\"", other);
	if (has_arg(m->args, "path"))
	{
		JsonbValue	list;

		(void) getKeyJsonValueFromContainer(&m->args->root, "path", 4, &list);
		if (depth == 0 || JsonContainerSize(list.val.binary.data) > FIT_PATH_MAX)
			return refuse(c, "For example: {\"path\": [\"address\", \"city\"]}.",
						  "path must be a list of one to %d keys", FIT_PATH_MAX);
	}
	if (has_arg(m->args, "rest") && (depth < 2 || word == NULL ||
									 (strcmp(word, "hold") != 0 && strcmp(word, "drop") != 0 &&
									  strcmp(word, "column") != 0)))
		return refuse(c, "rest stands beside a path of several keys: hold, drop or column.",
					  "rest cannot be understood");
	if (depth > 0 && m->field == NULL)
		m->field = path[0];
	if (depth > 0 && strcmp(m->field, path[0]) != 0)
		return refuse(c, "The key that the mapping is about comes first in its path.",
					  "the path begins with \"%s\", not with key \"%s\"", path[0], m->field);
	for (int i = 0; i < depth; i++)
		bytes += (int) strlen(path[i]);
	if (bytes > MAX_KEY)
		return refuse(c, "Rows with such keys are held; amend or discard them.",
					  "the path is longer than %d bytes", MAX_KEY);
	m->args = path_args(path, depth, rest);
	return true;
}

/* ---- keys ---- */

/* Does a way to a part end on that of another mapping, or go on behind it? */
static bool
check_ways(Check *c)
{
	char	   *path[FIT_PATH_MAX];
	FitRest		rest = REST_HOLD;
	int			depth = mapping_path(c->m, path, &rest);
	ListCell   *lc;

	foreach(lc, c->present)
	{
		const Mapping *p = lfirst(lc);
		char	   *other[FIT_PATH_MAX];
		FitRest		other_rest = REST_HOLD;
		int			other_depth;
		int			same = 0;

		if (!is_about_key(p) || !same_text(p->field, c->m->field))
			continue;
		other_depth = mapping_path(p, other, &other_rest);
		while (same < depth && same < other_depth && strcmp(path[same], other[same]) == 0)
			same++;
		if (same == depth && same == other_depth)
			continue;			/* one takes the other's place */
		if (same == Min(depth, other_depth))
			return refuse(c, "Remove that mapping first.",
						  "mapping " INT64_FORMAT " takes %s of key \"%s\"", p->id,
						  other_depth < depth ? "all of what it is a part" : "a part of what it would take",
						  c->m->field);
		if (rest != other_rest)
			return refuse(c, "All mappings of a key's parts say the same of the rest.",
						  "mapping " INT64_FORMAT " says otherwise what becomes of the rest of key \"%s\"",
						  p->id, c->m->field);
	}
	return true;
}

/* The key of a mapping that leads its value elsewhere. */
static bool
check_key(Check *c)
{
	Mapping    *m = c->m;
	bool		part;
	const Hint *hint;
	ListCell   *lc;
	char	   *differs;

	if (!check_path(c))
		return false;
	if (m->field == NULL)
		return refuse(c, "Give a key as payloads have it, byte for byte.", "field must not be null");
	if (strlen(m->field) > MAX_KEY)
		return refuse(c, "Rows with such keys are held; amend or discard them.",
					  "the key is longer than %d bytes", MAX_KEY);
	part = JB_ROOT_COUNT(m->args) > 0;
	if (same_text(m->field, m->column))
		return refuse(c, part ? "Give the part a column of another name." :
					  "A key goes to the column of its name by itself.",
					  "key \"%s\" would be mapped to the column of its own name", m->field);
	foreach(lc, c->present)
	{
		const Mapping *p = lfirst(lc);

		if (is_about_key(p) && m->column && same_text(p->field, m->column))
			return refuse(c, "Remove that mapping first, or name another column.",
						  "mapping " INT64_FORMAT " leads key \"%s\" away in turn%s", p->id, m->column,
						  same_text(p->column, m->field) ? ": a cycle" : "");
	}
	if (find_column(c->relid, m->field) != NULL)
	{
		if (!part)
			return refuse(c, "A key always goes to the column of its name: drop or rename the column first.",
						  "column \"%s\" exists", m->field);
		differs = mapstored_differs(c->relid, m);
		if (differs)
			return refuse(c, "A mapping never changes what is stored: move the stored values first.",
						  "%s", differs);
	}
	hint = hint_find(c->hints, m->field);
	if (hint)
		return refuse(c, "Take the hint back first: SELECT selfheal.unhint(...).",
					  "a hint says what becomes of key \"%s\"", m->field);
	return check_ways(c);
}

/* ---- columns ---- */

/* The column that takes the value. */
static bool
check_target(Check *c)
{
	Mapping    *m = c->m;
	const char *name;

	if (m->column == NULL)
		return refuse(c, "Name a column of the table in its exact spelling.",
					  "column_name must not be null");
	name = m->column;
	c->att = find_column(c->relid, name);
	if (c->att == NULL)
		return refuse(c, "Name a column of the table in its exact spelling.",
					  "column \"%s\" does not exist", name);
	if (c->att->attgenerated != '\0' || c->att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		return refuse(c, "Name a column that loads may fill.",
					  "column \"%s\" is computed by the database", name);
	return true;
}

/* The column that a key's value goes to, as the table and the team have it. */
static char *
column_of_key(const Check *c, const char *key)
{
	const Hint *hint = hint_find(c->hints, key);
	char	   *path[FIT_PATH_MAX];
	ListCell   *lc;

	if (find_column(c->relid, key) != NULL)
		return pstrdup(key);
	foreach(lc, c->present)
	{
		const Mapping *p = lfirst(lc);

		if (p->kind == MAP_FIELD && same_text(p->field, key) && mapping_path(p, path, NULL) == 0)
			return p->column;
	}
	return hint ? hint->rename_to : NULL;
}

/* Does a part of the key's object go to this column? */
static bool
part_goes_to(const Check *c, const char *key, const char *column)
{
	ListCell   *lc;

	foreach(lc, c->present)
	{
		const Mapping *p = lfirst(lc);

		if (p->kind == MAP_FIELD && same_text(p->field, key) && same_text(p->column, column))
			return true;
	}
	return false;
}

/* transform_canonical, as spi_try's argument. */
typedef struct Canon
{
	TransformKind kind;
	const Mapping *m;
	Oid			basetype;
	MemoryContext cxt;
	Jsonb	   *args;
} Canon;

static void
make_canonical(void *arg)
{
	Canon	   *canon = arg;
	MemoryContext old = MemoryContextSwitchTo(canon->cxt);

	canon->args = transform_canonical(canon->kind, canon->m->args, canon->basetype);
	MemoryContextSwitchTo(old);
}

/* The arguments of a transform, for a type. */
static bool
check_args(Check *c, Oid basetype)
{
	Canon		canon = {.m = c->m,.basetype = basetype,.cxt = CurrentMemoryContext};
	ErrorData  *edata;

	if (!transform_by_name(mapping_kind_name(c->m->kind), &canon.kind))
		return refuse(c, NULL, "there is no transform %s", mapping_kind_name(c->m->kind));
	edata = spi_try(make_canonical, &canon);
	if (edata != NULL)
		return refuse(c, edata->hint, "%s", edata->message);
	c->m->args = canon.args;
	return true;
}

/* Values of this type without a character. */
static bool
check_strip(Check *c, Oid basetype)
{
	if (c->m->args && JB_ROOT_COUNT(c->m->args) > 0)
		return refuse(c, "It takes no arguments: {}.", "strip_nul takes no arguments");
	if (!nulchars_takes(basetype))
		return refuse(c, "It is for texts, JSON and arrays of texts: another value would be another one without it.",
					  "column \"%s\" is of type %s", c->m->column, format_type_be(basetype));
	c->m->args = path_args(NULL, 0, REST_HOLD);
	return true;
}

/* How a column's values are read. */
static bool
check_value(Check *c)
{
	Mapping    *m = c->m;
	char	   *goes_to;
	char	   *differs;
	Oid			basetype;

	if (m->field == NULL)
		m->field = m->column ? pstrdup(m->column) : NULL;
	if (m->field == NULL)
		return refuse(c, "Give a key as payloads have it, byte for byte.", "field must not be null");
	if (strlen(m->field) > MAX_KEY)
		return refuse(c, "Rows with such keys are held; amend or discard them.",
					  "the key is longer than %d bytes", MAX_KEY);
	goes_to = column_of_key(c, m->field);
	if (m->column == NULL)
		m->column = goes_to;
	if (m->column == NULL)
		return refuse(c, "Map the key to a column first (map_field), or name the column.",
					  "key \"%s\" goes to no column", m->field);
	if (!check_target(c))
		return false;
	if (!same_text(goes_to, m->column) && !part_goes_to(c, m->field, m->column))
		return refuse(c, "Map the key to the column first (map_field).",
					  "key \"%s\" does not go to column \"%s\"", m->field, m->column);
	basetype = getBaseType(c->att->atttypid);
	if (m->kind == MAP_TRIM && (basetype == JSONOID || basetype == JSONBOID))
		return refuse(c, "Blanks in JSON have no meaning.", "column \"%s\" is of type %s",
					  m->column, format_type_be(basetype));
	if (m->kind == MAP_STRIP_NUL ? !check_strip(c, basetype) : !check_args(c, basetype))
		return false;
	if (m->kind == MAP_VALUE &&
		!mapwords_check(c->relid, c->att->attnum, basetype, m, c->reason, c->hint))
		return false;
	if (m->kind == MAP_NULL_IF && c->att->attnotnull)
		return refuse(c, "Rows with such values stay held: drop NOT NULL first, or amend them.",
					  "column \"%s\" is NOT NULL", m->column);
	differs = mapstored_differs(c->relid, m);
	if (differs)
		return refuse(c, "A mapping never changes what is stored: correct the stored values first, or say less.",
					  "%s", differs);
	return true;
}

/* A column for keys that nobody knows. */
static bool
check_overflow(Check *c)
{
	static const char *const known[] = {"column"};
	Mapping    *m = c->m;
	char	   *other = m->args ? unknown_arg(m->args, known, lengthof(known)) : NULL;
	char	   *named = word_arg(m->args, "column");

	if (other)
		return refuse(c, "overflow_to_jsonb takes no argument but column.", "unknown argument \"%s\"", other);
	if (m->field != NULL)
		return refuse(c, "Leave field null: it is about all keys that are no column.",
					  "overflow_to_jsonb is about no single key");
	if (named && m->column && strcmp(named, m->column) != 0)
		return refuse(c, "Name one column.", "two columns are named: \"%s\" and \"%s\"", m->column, named);
	if (m->column == NULL)
		m->column = named;
	if (!check_target(c))
		return false;
	if (getBaseType(c->att->atttypid) != JSONBOID)
		return refuse(c, "Add a column of type jsonb for it.", "column \"%s\" is not of type jsonb", m->column);
	m->args = path_args(NULL, 0, REST_HOLD);
	return true;
}

static bool
check_bytes(Check *c)
{
	if (c->m->field != NULL || c->m->column != NULL)
		return refuse(c, "Leave field and column_name null: it is about whole payloads.",
					  "decode_text is about no single key");
	return check_args(c, TEXTOID);
}

/* See the header. */
bool
mapping_check(Oid relid, const List *present, Mapping *m, char **reason, char **hint)
{
	Check		c = {.relid = relid,.present = present,.m = m,.reason = reason,.hint = hint};
	const Mapping *replaced;
	bool		good = false;

	LockRelationOid(relid, AccessShareLock);
	c.hints = hint_list(relid);
	m->relid = relid;
	if (m->args && !JB_ROOT_IS_OBJECT(m->args))
		return refuse(&c, "For example: {\"formats\": [\"DD.MM.YYYY\"]}.", "args must be a JSON object");
	switch (m->kind)
	{
		case MAP_DECODE_TEXT:
			good = check_bytes(&c);
			break;
		case MAP_FIELD:
			good = check_key(&c) && check_target(&c);
			break;
		case MAP_IGNORE_FIELD:
			if (m->column != NULL)
				return refuse(&c, "Leave column_name null.", "a key that is ignored goes to no column");
			good = check_key(&c);
			break;
		case MAP_OVERFLOW:
			good = check_overflow(&c);
			break;
		case MAP_STRIP_NUL:
		case MAP_TRIM:
		case MAP_NULL_IF:
		case MAP_VALUE:
		case MAP_PARSE_TIMESTAMP:
		case MAP_PARSE_NUMBER:
		case MAP_PARSE_POINT:
			good = check_value(&c);
			break;
	}
	if (!good)
		return false;
	replaced = mapping_replaces(present, m);
	if (replaced && replaced->kind == m->kind && same_text(replaced->column, m->column) &&
		same_text(replaced->field, m->field) && replaced->args &&
		compareJsonbContainers(&replaced->args->root, &m->args->root) == 0)
		return refuse(&c, "See the view selfheal.mappings.",
					  "mapping " INT64_FORMAT " says just this", replaced->id);
	return true;
}
