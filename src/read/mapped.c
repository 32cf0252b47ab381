/*
 * mapped.c
 *	  What mappings do to the row at hand.
 *
 * Keys that only go elsewhere are alias.c's, parts of a key's object are
 * parts.c's. Here are the transforms of a column's values, which are asked when
 * the value's turn has come, and the keys of which nobody knows anything,
 * gathered for the column that takes them.
 */
#include "postgres.h"

#include "read/alias.h"
#include "read/mapped.h"
#include "read/nulchars.h"
#include "read/parts.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/memutils.h"

/* One transform of a column's values. */
typedef struct MappedValue
{
	Transform  *transform;
	int			number;
	struct MappedValue *next;
} MappedValue;

struct Mapped
{
	Parts	   *parts;			/* of keys' objects; they have the row's own
								 * document */

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
		m->parts = parts_make();
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

bool
fit_map_part(Shape *shape, char *const *path, int depth, FitRest rest, int col,
			 int number)
{
	Mapped	   *m = mapped_of(shape, number);
	MemoryContext old = MemoryContextSwitchTo(shape->cxt);
	bool		free_way = parts_add(m->parts, shape, path, depth, rest, col, number);

	MemoryContextSwitchTo(old);
	return free_way;
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
fit_map_nul(Shape *shape, int col, int number)
{
	(void) mapped_of(shape, number);
	shape->work->cols[col].strip_nul = number + 1;
	nulchars_open(shape);
}

void
fit_each_nul(Shape *shape)
{
	nulchars_open(shape);
}

void
fit_map_bytes(Shape *shape, const int *encodings, int n, int number)
{
	Mapped	   *m = mapped_of(shape, number);

	m->nencodings = Min(n, TRANSFORM_ENCODINGS_MAX);
	memcpy(m->encodings, encodings, sizeof(int) * m->nencodings);
	m->bytes_number = number;
}

/* ---- a row ---- */

const JsonDoc *
mapped_begin(const Shape *shape, const JsonDoc *doc, int *nfaults)
{
	Mapped	   *m = shape->mapped;

	for (int i = 0; i < m->nused; i++)
		m->is_used[m->used[i]] = false;
	m->nused = m->nvalues = 0;
	if (m->rest_col >= 0)
		resetStringInfo(&m->rest);
	return parts_take(m->parts, shape, doc, nfaults);
}

void
mapped_fault(const Shape *shape, int at, Misfit *out, const char **key, int *len)
{
	parts_fault(shape->mapped->parts, at, out, key, len);
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
		if (outcome == TRANSFORM_TORN)
			return NULL;
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
	if (number > 0)
		shape->work->doc = parts_show(shape->mapped->parts, shape, shape->work->doc,
									  number, field);
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

int
mapped_rest_column(const Shape *shape)
{
	return shape->mapped ? shape->mapped->rest_col : -1;
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
