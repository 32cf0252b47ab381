/*
 * mapped.c
 *	  What mappings do to the row at hand.
 *
 * Keys that only go elsewhere are alias.c's. Here are the parts of a key's
 * object, which become fields of their own before anything is checked; the
 * transforms of a column's values, which are asked when the value's turn has
 * come; and the keys of which nobody knows anything, gathered for the column
 * that takes them.
 *
 * A table that has mappings pays for those that do something to a row: the
 * document is copied only for a row with parts, or with a transformed value
 * that still does not fit, so that whoever asks why sees what was checked.
 */
#include "postgres.h"

#include "base/alias.h"
#include "base/mapped.h"
#include "base/value.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* One transform of a column's values. */
typedef struct MappedValue
{
	Transform  *transform;
	int			number;
	struct MappedValue *next;
} MappedValue;

/* A part of a key's object: taken (col is a column or FIT_NOWHERE), or with
 * parts of its own. */
typedef struct MappedPart
{
	char	   *key;
	int			len;
	int			col;
	int			number;
	int			nparts;
	struct MappedPart *parts;

	/* of the row at hand */
	const char *raw;			/* as it was met first; NULL: not yet */
	int			rawlen;
} MappedPart;

#define PART_INNER (-1)			/* col of a part that has parts */

/* A key whose object has parts that are taken. */
typedef struct MappedObject
{
	MappedPart	root;
	FitRest		rest;
	int			number;			/* of the mapping that said so */

	/* of the row at hand */
	JsonText	text;			/* its object */
	StringInfoData untaken;		/* paths of parts that nobody takes, for
								 * people */
	StringInfoData left[FIT_PATH_MAX];	/* of it, and of objects in it */
} MappedObject;

/* What does not fit about a key, found before the row is checked. */
typedef struct MappedFault
{
	const char *key;
	int			len;
	const char *parts;			/* that nobody takes; NULL: there are two
								 * values for it */
	bool		within;			/* of one of its parts */
} MappedFault;

struct Mapped
{
	int			nobjects;
	MappedObject *objects;

	int			rest_col;		/* takes unknown keys; -1: none does */
	int			rest_number;

	int			nencodings;
	int			encodings[TRANSFORM_ENCODINGS_MAX];
	int			bytes_number;

	/* of the row at hand */
	int			nnumbers;		/* room in these two */
	bool	   *is_used;
	int		   *used;
	int			nused;
	JsonDoc		doc;			/* a copy; its fields are ours */
	int			maxfields;
	bool	   *made;			/* by field: of a part */
	int			nfaults;
	int			nshown;			/* of the faults */
	MappedFault *faults;		/* room for one of each object and one more */
	int			nvalues;
	int			maxvalues;
	JsonField  *values;			/* as transforms have made them */
	StringInfoData rest;
	JsonField	rest_field;
};

/* ---- what is to be done ---- */

/* The shape's Mapped, with room for a mapping of this number. */
static Mapped *
mapped_of(Shape *shape, int number)
{
	MemoryContext old = MemoryContextSwitchTo(shape->cxt);
	Mapped	   *m = shape->mapped;

	if (m == NULL)
	{
		m = shape->mapped = palloc0(sizeof(Mapped));
		m->rest_col = -1;
		m->bytes_number = -1;
		m->faults = palloc0(sizeof(MappedFault));
		m->values = palloc0(sizeof(JsonField) * Max(shape->ncols, 1));
		m->maxvalues = Max(shape->ncols, 1);
	}
	if (number >= m->nnumbers)
	{
		int			n = Max(number + 1, m->nnumbers * 2);
		bool	   *is_used = palloc0(sizeof(bool) * n);
		int		   *used = palloc0(sizeof(int) * n);

		m->is_used = is_used;
		m->used = used;
		m->nused = 0;
		m->nnumbers = n;
	}
	MemoryContextSwitchTo(old);
	return m;
}

void
fit_map_key(Shape *shape, const char *key, int len, int col, int number)
{
	(void) mapped_of(shape, number);
	alias_enter(shape, key, len, col, number);
}

/* The key's object, made when it is not there. */
static MappedObject *
object_of(Shape *shape, Mapped *m, const char *key)
{
	int			len = (int) strlen(key);
	int			at;
	MappedObject *object;

	if (alias_column(shape, key, len, &at) == ALIAS_PARTS)
		return &m->objects[at];
	at = m->nobjects++;
	if (m->objects == NULL)
		m->objects = palloc0(sizeof(MappedObject));
	else
		m->objects = repalloc(m->objects, sizeof(MappedObject) * m->nobjects);
	m->faults = repalloc(m->faults, sizeof(MappedFault) * (m->nobjects + 1));
	object = &m->objects[at];
	memset(object, 0, sizeof(MappedObject));
	object->root.key = pstrdup(key);
	object->root.len = len;
	object->root.col = PART_INNER;
	jsontext_init(&object->text, shape->cxt);
	initStringInfo(&object->untaken);
	for (int i = 0; i < FIT_PATH_MAX; i++)
		initStringInfo(&object->left[i]);
	alias_enter(shape, key, len, ALIAS_PARTS, at);
	return object;
}

/* The part with this key, or NULL. */
static MappedPart *
find_part(const MappedPart *of, const char *key, int len)
{
	for (int i = 0; i < of->nparts; i++)
		if (of->parts[i].len == len && memcmp(of->parts[i].key, key, len) == 0)
			return &of->parts[i];
	return NULL;
}

static MappedPart *
add_part(MappedPart *of, const char *key)
{
	MappedPart *part;

	of->nparts++;
	if (of->parts == NULL)
		of->parts = palloc(sizeof(MappedPart));
	else
		of->parts = repalloc(of->parts, sizeof(MappedPart) * of->nparts);
	part = &of->parts[of->nparts - 1];
	memset(part, 0, sizeof(MappedPart));
	part->key = pstrdup(key);
	part->len = (int) strlen(key);
	part->col = PART_INNER;
	return part;
}

bool
fit_map_part(Shape *shape, char *const *path, int depth, FitRest rest, int col,
			 int number)
{
	Mapped	   *m = mapped_of(shape, number);
	MemoryContext old = MemoryContextSwitchTo(shape->cxt);
	MappedObject *object;
	MappedPart *part;
	bool		whole = false;

	Assert(depth > 1 && depth <= FIT_PATH_MAX);
	object = object_of(shape, m, path[0]);
	object->rest = rest;
	object->number = number;
	part = &object->root;
	for (int i = 1; i < depth && !whole; i++)
	{
		MappedPart *next = find_part(part, path[i], (int) strlen(path[i]));

		if (next == NULL)
			next = add_part(part, path[i]);
		else if (next->col != PART_INNER || i == depth - 1)
			whole = true;
		part = next;
	}
	if (!whole)
	{
		part->col = col;
		part->number = number;
	}
	MemoryContextSwitchTo(old);
	return !whole;
}

void
fit_map_rest(Shape *shape, int col, int number)
{
	Mapped	   *m = mapped_of(shape, number);
	MemoryContext old = MemoryContextSwitchTo(shape->cxt);

	if (m->rest_col < 0)
		initStringInfo(&m->rest);
	m->rest_col = col;
	m->rest_number = number;
	MemoryContextSwitchTo(old);
}

void
fit_map_value(Shape *shape, int col, Transform *transform, int number)
{
	MappedValue **link = &shape->work->cols[col].transforms;
	MappedValue *value = MemoryContextAllocZero(shape->cxt, sizeof(MappedValue));

	(void) mapped_of(shape, number);
	value->transform = transform;
	value->number = number;
	while (*link != NULL)
		link = &(*link)->next;
	*link = value;
	shape->cols[col].unusual = true;
}

void
fit_map_bytes(Shape *shape, const int *encodings, int n, int number)
{
	Mapped	   *m = mapped_of(shape, number);

	m->nencodings = Min(n, TRANSFORM_ENCODINGS_MAX);
	memcpy(m->encodings, encodings, sizeof(int) * m->nencodings);
	m->bytes_number = number;
}

/* ---- the parts of an object ---- */

/* Room for one field more in the row's own document. */
static JsonField *
add_field(const Shape *shape, Mapped *m)
{
	if (m->doc.nfields == m->maxfields)
	{
		m->maxfields = Max(32, m->maxfields * 2);
		if (m->doc.fields == NULL)
		{
			m->doc.fields = MemoryContextAlloc(shape->cxt, sizeof(JsonField) * m->maxfields);
			m->made = MemoryContextAlloc(shape->cxt, sizeof(bool) * m->maxfields);
		}
		else
		{
			m->doc.fields = repalloc_huge(m->doc.fields, sizeof(JsonField) * (Size) m->maxfields);
			m->made = repalloc_huge(m->made, sizeof(bool) * (Size) m->maxfields);
		}
	}
	m->made[m->doc.nfields] = false;
	return &m->doc.fields[m->doc.nfields++];
}

static MappedFault *
add_fault(Mapped *m, const char *key, int len)
{
	MappedFault *fault = &m->faults[m->nfaults++];

	memset(fault, 0, sizeof(MappedFault));
	fault->key = key;
	fault->len = len;
	return fault;
}

/* One object on its way apart. */
typedef struct Taking
{
	const Shape *shape;
	Mapped	   *m;
	MappedObject *object;
	const char *way[FIT_PATH_MAX];	/* keys to the object within it */
	bool		taken;			/* some part was */
	bool		twice;			/* one is there twice */
	bool		wild;			/* of what is left */
} Taking;

/* Parts that a message names. */
#define UNTAKEN_SHOWN 200

static void
note_untaken(Taking *t, int depth, const JsonField *member)
{
	StringInfo	untaken = &t->object->untaken;

	if (member->kind == JSON_NULL || untaken->len > UNTAKEN_SHOWN)
		return;
	if (untaken->len > 0)
		appendStringInfoString(untaken, ", ");
	for (int i = 0; i < depth; i++)
		appendStringInfo(untaken, "%s.", t->way[i]);
	appendBinaryStringInfo(untaken, member->key,
						   pg_mbcliplen(member->key, member->keylen, NAMEDATALEN));
	if (untaken->len > UNTAKEN_SHOWN)
		appendStringInfoString(untaken, ", ...");
}

/* A member that is left: as it was written. */
static void
leave_member(StringInfo left, const char *bytes, Size len)
{
	if (left->len > 0)
		appendStringInfoChar(left, ',');
	appendBinaryStringInfo(left, bytes, (int) len);
}

/* The member of the row's object that a part stands for: as a field of its
 * column. */
static void
take_part(Taking *t, const MappedPart *part, const JsonField *member)
{
	JsonField  *field;

	t->taken = true;
	mapped_use(t->shape, part->number);
	if (part->col == FIT_NOWHERE)
		return;
	field = add_field(t->shape, t->m);
	t->m->made[t->m->doc.nfields - 1] = true;
	*field = *member;
	field->key = NameStr(t->shape->cols[part->col].name);
	field->keylen = t->shape->work->cols[part->col].namelen;
}

/* Was this part met before in the row's object? Notes it; false, and a fault,
 * when it was, with another value. */
static bool
met_first(Taking *t, MappedPart *part, const JsonField *member)
{
	if (part->raw == NULL)
	{
		part->raw = member->raw;
		part->rawlen = member->rawlen;
		return true;
	}
	if (part->rawlen != member->rawlen || memcmp(part->raw, member->raw, part->rawlen) != 0)
		t->twice = true;
	return false;
}

static void
forget_row(MappedPart *part)
{
	part->raw = NULL;
	for (int i = 0; i < part->nparts; i++)
		forget_row(&part->parts[i]);
}

/*
 * Take an object apart; p stands behind its opening brace. What is left of it
 * is gathered as it was written, without the braces. The text has been read
 * before, so it is right.
 */
static void
take_object(Taking *t, MappedPart *of, const char *p, int depth)
{
	JsonText   *text = &t->object->text;
	StringInfo	left = &t->object->left[depth];

	resetStringInfo(left);
	p = jsontext_blank(p, text->end);
	while (*p != '}')
	{
		const char *start = p;
		JsonField	member;
		MappedPart *part;

		p = jsontext_string(text, p + 1, &member.key, &member.keylen);
		if (p != NULL)
			p = jsontext_blank(jsontext_blank(p, text->end) + 1, text->end);
		if (p != NULL)
			p = jsontext_value(text, p, &member);
		if (p == NULL)
			elog(ERROR, "a part of a payload is not JSON any more");

		part = find_part(of, member.key, member.keylen);
		if (part != NULL && !met_first(t, part, &member))
			;
		else if (part != NULL && part->col != PART_INNER)
			take_part(t, part, &member);
		else if (part != NULL && member.kind == JSON_OBJECT)
		{
			StringInfo	inner = &t->object->left[depth + 1];

			t->way[depth] = part->key;
			take_object(t, part, member.raw + 1, depth + 1);
			if (inner->len > 0)
			{
				leave_member(left, start, member.raw + 1 - start);
				appendBinaryStringInfo(left, inner->data, inner->len);
				appendStringInfoChar(left, '}');
			}
		}
		else
		{
			note_untaken(t, depth, &member);
			t->wild |= member.wild;
			leave_member(left, start, p - start);
		}
		p = jsontext_blank(p, text->end);
		if (*p == ',')
			p = jsontext_blank(p + 1, text->end);
	}
}

/* A field whose object has parts that are taken. */
static void
take_apart(const Shape *shape, Mapped *m, MappedObject *object, const JsonField *field)
{
	MemoryContext old = MemoryContextSwitchTo(shape->work->row);
	Taking		t = {.shape = shape,.m = m,.object = object};
	StringInfo	left = &object->left[0];
	StringInfo	untaken = &object->untaken;
	int			before = m->doc.nfields;

	resetStringInfo(untaken);
	forget_row(&object->root);
	jsontext_start(&object->text, field->raw, field->rawlen);
	take_object(&t, &object->root, field->raw + 1, 0);
	if (t.twice)
	{
		m->doc.nfields = before;
		add_fault(m, field->key, field->keylen)->within = true;
	}
	else if (object->rest == REST_HOLD && untaken->len > 0)
		add_fault(m, field->key, field->keylen)->parts = untaken->data;
	else if (object->rest == REST_DROP && left->len > 0)
		mapped_use(shape, object->number);
	else if (object->rest == REST_COLUMN && !t.taken)
		*add_field(shape, m) = *field;
	else if (object->rest == REST_COLUMN && left->len > 0)
	{
		JsonField  *rest = add_field(shape, m);

		*rest = *field;
		rest->raw = rest->val = psprintf("{%s}", left->data);
		rest->rawlen = rest->len = left->len + 2;
		rest->wild = t.wild;
		rest->unsure = true;
	}
	MemoryContextSwitchTo(old);
}

/*
 * Fields that parts have made may have the name of others: one of them is
 * enough when they say the same, and the row is held when they do not.
 */
static void
settle_twins(Mapped *m)
{
	for (int i = 0; i < m->doc.nfields; i++)
	{
		const JsonField *field = &m->doc.fields[i];
		int			twin = 0;

		if (!m->made[i])
			continue;
		for (; twin < m->doc.nfields; twin++)
		{
			const JsonField *other = &m->doc.fields[twin];

			if (twin != i && other->keylen == field->keylen &&
				memcmp(other->key, field->key, field->keylen) == 0)
				break;
		}
		if (twin == m->doc.nfields)
			continue;
		if ((m->doc.fields[twin].kind != field->kind || m->doc.fields[twin].len != field->len ||
			 memcmp(m->doc.fields[twin].val, field->val, field->len) != 0) &&
			m->nfaults <= m->nobjects)
			(void) add_fault(m, field->key, field->keylen);
		m->doc.nfields--;
		memmove(&m->doc.fields[i], &m->doc.fields[i + 1], sizeof(JsonField) * (m->doc.nfields - i));
		memmove(&m->made[i], &m->made[i + 1], sizeof(bool) * (m->doc.nfields - i));
		i--;
	}
}

/* ---- a row ---- */

/* Has the document a key with parts that are taken? */
static bool
has_parts(const Shape *shape, const JsonDoc *doc)
{
	for (int i = 0; i < doc->nfields; i++)
		if (doc->fields[i].kind == JSON_OBJECT &&
			alias_column(shape, doc->fields[i].key, doc->fields[i].keylen, NULL) == ALIAS_PARTS)
			return true;
	return false;
}

const JsonDoc *
mapped_begin(const Shape *shape, const JsonDoc *doc)
{
	Mapped	   *m = shape->mapped;

	for (int i = 0; i < m->nused; i++)
		m->is_used[m->used[i]] = false;
	m->nused = m->nfaults = m->nshown = m->nvalues = 0;
	if (m->rest_col >= 0)
		resetStringInfo(&m->rest);
	if (m->nobjects == 0 || !has_parts(shape, doc))
		return doc;

	m->doc.fault = JSON_FINE;
	m->doc.nfields = 0;
	for (int i = 0; i < doc->nfields; i++)
	{
		const JsonField *field = &doc->fields[i];
		int			at;

		if (field->kind == JSON_OBJECT &&
			alias_column(shape, field->key, field->keylen, &at) == ALIAS_PARTS)
			take_apart(shape, m, &m->objects[at], field);
		else
			*add_field(shape, m) = *field;
	}
	settle_twins(m);
	return &m->doc;
}

bool
mapped_fault(const Shape *shape, Misfit *out, const char **key, int *len)
{
	Mapped	   *m = shape->mapped;
	const MappedFault *fault;
	int			shown;

	if (m->nshown == m->nfaults)
		return false;
	fault = &m->faults[m->nshown++];
	*key = fault->key;
	*len = fault->len;
	shown = pg_mbcliplen(fault->key, fault->len, NAMEDATALEN);
	if (fault->parts != NULL)
		value_misfit(out, FIT_BAD_VALUE, ERRCODE_INVALID_PARAMETER_VALUE, NULL,
					 "parts of key \"%.*s\" that no mapping takes: %s", shown, fault->key,
					 fault->parts);
	else
		value_misfit(out, FIT_DUPLICATE_KEY, ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE, NULL,
					 fault->within ? "a part of key \"%.*s\" is there twice, with different values" :
					 "two different values go to column \"%.*s\"", shown, fault->key);
	return true;
}

/* Room for a value of this row that a transform has made. Those that others
 * point to stay where they are. */
static JsonField *
add_value(const Shape *shape, Mapped *m)
{
	if (m->nvalues < m->maxvalues)
		return &m->values[m->nvalues++];
	return MemoryContextAlloc(shape->work->row, sizeof(JsonField));
}

const JsonField *
mapped_value(const Shape *shape, int col, const JsonField *field)
{
	JsonField  *made = NULL;
	const char *out;
	int			len;

	for (MappedValue *v = shape->work->cols[col].transforms; v != NULL; v = v->next)
	{
		TransformOutcome outcome;

		if (field->kind == JSON_NULL)
			break;
		outcome = transform_apply(v->transform, field->kind, field->val, field->len,
								  &out, &len);
		if (outcome == TRANSFORM_LEFT)
			continue;
		mapped_use(shape, v->number);
		if (made == NULL)
		{
			made = add_value(shape, shape->mapped);
			*made = *field;
			field = made;
		}
		made->kind = outcome == TRANSFORM_NULLED ? JSON_NULL : JSON_STRING;
		made->val = made->raw = outcome == TRANSFORM_NULLED ? "null" : out;
		made->len = made->rawlen = outcome == TRANSFORM_NULLED ? 4 : len;
		made->wild = made->unsure = false;
	}
	return field;
}

void
mapped_show(const Shape *shape, int number, const JsonField *field)
{
	Mapped	   *m = shape->mapped;
	const JsonDoc *doc = shape->work->doc;

	if (number == 0)
		return;
	if (doc != &m->doc)
	{
		m->doc.fault = JSON_FINE;
		m->doc.nfields = 0;
		for (int i = 0; i < doc->nfields; i++)
			*add_field(shape, m) = doc->fields[i];
		shape->work->doc = &m->doc;
	}
	m->doc.fields[number - 1] = *field;
}

bool
mapped_rest(const Shape *shape, const JsonField *field)
{
	Mapped	   *m = shape->mapped;
	MemoryContext old;
	char	   *key;

	if (m == NULL || m->rest_col < 0)
		return false;
	old = MemoryContextSwitchTo(shape->work->row);
	key = pnstrdup(field->key, field->keylen);
	if (m->rest.len == 0)
		m->rest_field.wild = m->rest_field.unsure = false;
	appendStringInfoChar(&m->rest, m->rest.len == 0 ? '{' : ',');
	escape_json(&m->rest, key);
	appendStringInfoChar(&m->rest, ':');
	appendBinaryStringInfo(&m->rest, field->raw, field->rawlen);
	m->rest_field.wild |= field->wild;
	m->rest_field.unsure |= field->unsure;
	MemoryContextSwitchTo(old);
	return true;
}

const JsonField *
mapped_rest_value(const Shape *shape, int *col)
{
	Mapped	   *m = shape->mapped;
	JsonField  *field = &m->rest_field;

	if (m->rest_col < 0 || m->rest.len == 0)
		return NULL;
	appendStringInfoChar(&m->rest, '}');
	mapped_use(shape, m->rest_number);
	field->kind = JSON_OBJECT;
	field->key = NameStr(shape->cols[m->rest_col].name);
	field->keylen = shape->work->cols[m->rest_col].namelen;
	field->val = field->raw = m->rest.data;
	field->len = field->rawlen = m->rest.len;
	*col = m->rest_col;
	return field;
}

void
mapped_use(const Shape *shape, int number)
{
	Mapped	   *m = shape->mapped;

	if (m->is_used[number])
		return;
	m->is_used[number] = true;
	m->used[m->nused++] = number;
}

int
mapped_used(const Shape *shape, const int **numbers)
{
	*numbers = shape->mapped->used;
	return shape->mapped->nused;
}

const JsonDoc *
fit_doc(const Shape *shape)
{
	return shape->work->doc;
}

/* ---- bytes ---- */

int
fit_decode(const Shape *shape, const char *bytes, size_t len, const char **out,
		   size_t *outlen)
{
	const Mapped *m = shape->mapped;
	char	   *text;
	bool		printable;

	if (m == NULL)
		return -1;
	for (int i = 0; i < m->nencodings; i++)
		if (transform_decode(bytes, len, m->encodings[i], &text, outlen, &printable))
		{
			*out = text;
			return m->bytes_number;
		}
	return -1;
}
