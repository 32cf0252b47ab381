/*
 * container.c
 *	  Values that are made of values: arrays, composites, ranges.
 *
 * What is made on the way lives in the shape's row context, which the parts'
 * shapes share.
 */
#include "postgres.h"

#include "read/container.h"
#include "read/opaque.h"
#include "read/value.h"
#include "miscadmin.h"
#include "utils/array.h"

/* One value under check. */
typedef struct Container
{
	const Shape *shape;
	int			col;
	const ShapeColumn *more;
	const JsonField *field;
	Misfit	   *misfit;
	int			n;				/* parts so far */
	StringInfoData out;			/* the text, as far as it is made */
} Container;

static bool
wrong_type(Container *c)
{
	return value_wrong_type(c->shape, c->col, c->field, c->misfit);
}

/*
 * Say which part it was. What the part would need is no type for the column,
 * but of an array it tells the array's; and a null that a domain forbids is no
 * null of the column.
 */
static bool
part_misfit(Container *c, int part)
{
	Misfit	   *m = c->misfit;
	const char *message;
	int			n = c->n;

	fit_words(m);
	message = m->message;
	switch (c->more->form)
	{
		case LITERAL_ARRAY:
		case LITERAL_VECTOR:
			m->message = psprintf("element %d: %s", n, message);
			if (m->need && m->class != FIT_ENUM_LABEL)
				m->need = psprintf("%s[]", m->need);
			break;
		case LITERAL_RECORD:
			m->message = psprintf("attribute \"%s\": %s",
								  NameStr(c->more->parts->cols[part].name),
								  message);
			break;
		case LITERAL_RANGE:
			m->message = psprintf("%s bound: %s", n == 1 ? "lower" : "upper",
								  message);
			break;
		case LITERAL_MULTIRANGE:
			m->message = psprintf("range %d: %s", n, message);
			break;
	}
	if (c->more->form != LITERAL_ARRAY && m->class != FIT_ENUM_LABEL)
		m->need = NULL;
	if (m->class == FIT_NULL_VALUE)
		m->class = FIT_CHECK;
	return false;
}

/* The next value against the part that it is for; its cell is filled. */
static bool
part_fits(Container *c, int part, const JsonField *field, FitCell *cell)
{
	const Shape *parts = c->more->parts;

	c->n++;
	memset(cell, 0, sizeof(*cell));
	cell->state = CELL_NULL;
	if (field->kind != JSON_NULL
		? value_fits(parts, part, field, cell, c->misfit)
		: (!parts->work->cols[part].constrained ||
		   opaque_accepts(parts, part, NULL, 0, c->misfit)))
		return true;
	return part_misfit(c, part);
}

/* ---- JSON ---- */

/*
 * A JSON array as the text that an array column reads: [[1, "a b"], [null, 2]]
 * becomes {{"1","a b"},{NULL,"2"}}. Whether the dimensions fit each other is
 * array_in's to say, but that [[]] would become [], and (up to 16) so would an
 * array in which some values stand deeper than others, is for us to see.
 */
static bool
array_from_json(Container *c)
{
	JsonText   *t = &c->shape->work->text;
	const char *p = c->field->raw;
	const char *end = p + c->field->rawlen;
	int			depth = 0;
	int			values_at = 0;	/* depth */
	bool		opened = false; /* just now */

	jsontext_start(t, p, c->field->rawlen);
	do
	{
		JsonField	element;
		FitCell		cell;

		switch (*p)
		{
			case ' ':
			case '\t':
			case '\n':
			case '\r':
				p++;
				continue;
			case '[':
				if (++depth > MAXDIM)
					return wrong_type(c);
				appendStringInfoChar(&c->out, '{');
				opened = true;
				p++;
				continue;
			case ']':
				if (opened && (depth > 1 || c->n > 0))
					return wrong_type(c);
				depth--;
				appendStringInfoChar(&c->out, '}');
				p++;
				continue;
			case ',':
				appendStringInfoChar(&c->out, c->more->delimiter);
				p++;
				continue;
			default:
				break;
		}
		CHECK_FOR_INTERRUPTS();
		opened = false;
		if (c->n > 0 && depth != values_at)
			return wrong_type(c);
		values_at = depth;
		p = jsontext_value(t, p, &element);
		if (p == NULL || !part_fits(c, 0, &element, &cell))
			return false;
		if (cell.state == CELL_NULL)
			appendStringInfoString(&c->out, "NULL");
		else
			literal_put(&c->out, cell.val, cell.len);
	} while (depth > 0 && p < end);
	return true;
}

/* Scalars of a JSON array with nothing but a byte between them. */
static bool
list_from_json(Container *c, char between)
{
	JsonText   *t = &c->shape->work->text;
	const char *p = c->field->raw;
	const char *end = p + c->field->rawlen - 1;

	jsontext_start(t, p, c->field->rawlen);
	for (p = jsontext_blank(p + 1, end); p < end; p = jsontext_blank(p, end))
	{
		JsonField	element;
		FitCell		cell;

		if (*p == ',')
		{
			appendStringInfoChar(&c->out, between);
			p++;
			continue;
		}
		p = jsontext_value(t, p, &element);
		if (p == NULL || element.kind == JSON_NULL ||
			element.kind == JSON_OBJECT || element.kind == JSON_ARRAY)
			return wrong_type(c);
		if (!part_fits(c, 0, &element, &cell))
			return false;
		if (c->more->form == LITERAL_VECTOR)
			appendBinaryStringInfo(&c->out, cell.val, cell.len);
		else
			literal_put(&c->out, cell.val, cell.len);
	}
	return true;
}

/* [lower, upper], as range_in would read this text. A bound that is null would
 * be one without limit to some and an error to others, so it is none. */
static bool
range_from_json(Container *c)
{
	appendStringInfoChar(&c->out, '[');
	if (!list_from_json(c, ','))
		return false;
	appendStringInfoChar(&c->out, ']');
	return c->n == 2 || wrong_type(c);
}

/* One pair of an object that is a composite: its value goes to fields. */
static bool
take_attribute(Container *c, JsonField *fields, JsonField *field)
{
	int			part = fit_column(c->more->parts, field->key, field->keylen);
	JsonField  *known;

	if (part < 0)
	{
		/* as for a column: null teaches nothing and loses nothing */
		if (field->kind == JSON_NULL)
			return true;
		return value_misfit(c->misfit, FIT_BAD_VALUE, ERRCODE_UNDEFINED_COLUMN,
							NULL, "type %s has no attribute \"%.*s\"",
							shape_type_name(c->shape, c->col),
							Min(field->keylen, 2 * NAMEDATALEN), field->key);
	}
	known = &fields[part];
	if (known->key != NULL && (known->kind != field->kind ||
							   known->len != field->len ||
							   memcmp(known->val, field->val, field->len) != 0))
		return value_misfit(c->misfit, FIT_DUPLICATE_KEY,
							ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE, NULL,
							"the same attribute \"%s\" twice with different values",
							NameStr(c->more->parts->cols[part].name));
	*known = *field;
	return true;
}

/* A JSON object as the text that a composite column reads. */
static bool
record_from_json(Container *c)
{
	JsonText   *t = &c->shape->work->text;
	const Shape *parts = c->more->parts;
	const char *p = c->field->raw;
	const char *end = p + c->field->rawlen - 1;
	JsonField  *fields = MemoryContextAllocZero(c->shape->work->row,
												sizeof(JsonField) * (parts->ncols + 1));

	jsontext_start(t, p, c->field->rawlen);
	for (p = jsontext_blank(p + 1, end); p < end; p = jsontext_blank(p, end))
	{
		JsonField	field;

		if (*p == ',')
			p = jsontext_blank(p + 1, end);
		p = jsontext_string(t, p + 1, &field.key, &field.keylen);
		if (p != NULL)
			p = jsontext_blank(p, end);
		if (p != NULL)
			p = jsontext_value(t, jsontext_blank(p + 1, end), &field);
		if (p == NULL || !take_attribute(c, fields, &field))
			return false;
	}

	appendStringInfoChar(&c->out, '(');
	for (int i = 0; i < parts->ncols; i++)
	{
		FitCell		cell;

		if (i > 0)
			appendStringInfoChar(&c->out, ',');
		if (fields[i].key == NULL)
			fields[i].kind = JSON_NULL;
		if (!part_fits(c, i, &fields[i], &cell))
			return false;
		if (cell.state != CELL_NULL)
			literal_put(&c->out, cell.val, cell.len);
	}
	appendStringInfoChar(&c->out, ')');
	return true;
}

/* ---- PostgreSQL's own text ---- */

/*
 * One part of such a text as the field that value_fits expects: a string, but
 * for json and jsonb a document. One that is no JSON is the input function's
 * to refuse; wild makes it be asked.
 */
static void
field_of_part(Container *c, int part, const Literal *l, JsonField *field)
{
	TypeClass	class = c->more->parts->cols[part].tclass;
	JsonText   *t = &c->shape->work->text;
	const char *p;
	const char *end = l->val + l->len;

	memset(field, 0, sizeof(*field));
	if (class == TYPE_JSON || class == TYPE_JSONB)
	{
		jsontext_start(t, l->val, l->len);
		p = jsontext_blank(l->val, end);
		if (p < end)
			p = jsontext_value(t, p, field);
		if (p != NULL && t->fault == JSON_FINE && jsontext_blank(p, end) == end)
			return;
		memset(field, 0, sizeof(*field));
		field->wild = true;
	}
	field->kind = JSON_STRING;
	field->val = field->raw = l->val;
	field->len = field->rawlen = l->len;
}

/*
 * A text that we cannot take apart is one that the input function refuses, and
 * its word is the better one. Up to 16 it takes {{1},{{2}},{3}} for an empty
 * array: that is held all the same.
 */
static bool
unreadable(Container *c, const char *val, int len)
{
	return opaque_accepts(c->shape, c->col, val, len, c->misfit) ?
		wrong_type(c) : false;
}

static bool
text_fits(Container *c, const char *val, int len, FitCell *cell)
{
	const ShapeColumn *more = c->more;
	Literal		l;
	LiteralPart part = LITERAL_BROKEN;
	int			values_at = 0;	/* depth in an array */

	if (literal_start(&l, c->shape->work->row, more->form, more->delimiter,
					  val, len))
	{
		while ((part = literal_next(&l)) < LITERAL_END)
		{
			JsonField	field = {.kind = JSON_NULL};
			FitCell		ignored;
			int			at = more->form == LITERAL_RECORD ? c->n : 0;

			CHECK_FOR_INTERRUPTS();
			if (at >= more->parts->ncols || (c->n > 0 && l.depth != values_at))
			{
				part = LITERAL_BROKEN;
				break;
			}
			values_at = l.depth;
			if (part == LITERAL_VALUE)
				field_of_part(c, at, &l, &field);
			/* a range without a bound is no null of the bound's type */
			if (part == LITERAL_NULL && more->form == LITERAL_RANGE)
				c->n++;
			else if (!part_fits(c, at, &field, &ignored))
				return false;
		}
	}
	if (part == LITERAL_BROKEN)
		return unreadable(c, val, len);
	return value_take(cell, val, len);
}

/* See the header. */
bool
container_fits(const Shape *shape, int col, const JsonField *field,
			   FitCell *cell, Misfit *out)
{
	Container	c = {shape, col, &shape->work->cols[col], field, out, 0, {0}};
	LiteralForm form = c.more->form;
	MemoryContext old;
	bool		fits;

	check_stack_depth();
	if (field->kind == JSON_STRING ||
		(field->kind == JSON_OBJECT && form == LITERAL_MULTIRANGE))
		return text_fits(&c, field->val, field->len, cell);

	old = MemoryContextSwitchTo(shape->work->row);
	initStringInfo(&c.out);
	MemoryContextSwitchTo(old);
	if (field->kind == JSON_OBJECT && form == LITERAL_RECORD)
		fits = record_from_json(&c);
	else if (field->kind == JSON_ARRAY && form == LITERAL_ARRAY)
		fits = array_from_json(&c);
	else if (field->kind == JSON_ARRAY && form == LITERAL_VECTOR)
		fits = list_from_json(&c, ' ');
	else if (field->kind == JSON_ARRAY && form == LITERAL_RANGE)
		fits = range_from_json(&c);
	else
		return wrong_type(&c);
	return fits && value_take(cell, c.out.data, c.out.len);
}
