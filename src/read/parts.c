/*
 * parts.c
 *	  Parts of a key's object that become fields of their own.
 *
 * The text of the object is gone through once more, member by member; what
 * nobody takes of it is gathered as it was written. A part that is there twice
 * with different values, or for whose column the row has another value, is no
 * part that could be taken without losing one.
 */
#include "postgres.h"

#include "read/alias.h"
#include "read/mapped.h"
#include "read/parts.h"
#include "read/value.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* A part of a key's object: taken (col is a column or FIT_NOWHERE), or with
 * parts of its own. */
typedef struct Part
{
	char	   *key;
	int			len;
	int			col;
	int			number;
	int			nparts;
	struct Part *parts;

	/* of the row at hand */
	const char *raw;			/* as it was met first; NULL: not yet */
	int			rawlen;
} Part;

#define PART_INNER (-1)			/* col of a part that has parts */

/* A key whose object has parts that are taken. */
typedef struct PartObject
{
	Part		root;
	FitRest		rest;
	int			number;			/* of the mapping that said so */

	/* of the row at hand */
	JsonText	text;			/* its object */
	StringInfoData untaken;		/* paths of parts that nobody takes, for
								 * people */
	StringInfoData left[FIT_PATH_MAX];	/* of it, and of objects in it */
} PartObject;

/* What does not fit about a key, found before the row is checked. */
typedef struct PartFault
{
	const char *key;
	int			len;
	const char *parts;			/* that nobody takes; NULL: there are two
								 * values for it */
	bool		within;			/* of one of its parts */
} PartFault;

struct Parts
{
	int			nobjects;
	PartObject *objects;

	/* of the row at hand */
	JsonDoc		doc;			/* a copy; its fields are ours */
	int			maxfields;
	bool	   *made;			/* by field: of a part */
	int			first_made;		/* no field before it is */
	int			nfaults;
	PartFault  *faults;			/* room for one of each object and one more */
};

Parts *
parts_make(void)
{
	Parts	   *p = palloc0(sizeof(Parts));

	p->faults = palloc0(sizeof(PartFault));
	return p;
}

/* ---- which ---- */

/* The key's object, made when it is not there. */
static PartObject *
object_of(Shape *shape, Parts *p, const char *key)
{
	int			len = (int) strlen(key);
	int			at;
	PartObject *object;

	if (alias_column(shape, key, len, &at) == ALIAS_PARTS)
		return &p->objects[at];
	at = p->nobjects++;
	if (p->objects == NULL)
		p->objects = palloc0(sizeof(PartObject));
	else
		p->objects = repalloc(p->objects, sizeof(PartObject) * p->nobjects);
	p->faults = repalloc(p->faults, sizeof(PartFault) * (p->nobjects + 1));
	object = &p->objects[at];
	memset(object, 0, sizeof(PartObject));
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
static Part *
find_part(const Part *of, const char *key, int len)
{
	for (int i = 0; i < of->nparts; i++)
		if (of->parts[i].len == len && memcmp(of->parts[i].key, key, len) == 0)
			return &of->parts[i];
	return NULL;
}

static Part *
add_part(Part *of, const char *key)
{
	Part	   *part;

	of->nparts++;
	if (of->parts == NULL)
		of->parts = palloc(sizeof(Part));
	else
		of->parts = repalloc(of->parts, sizeof(Part) * of->nparts);
	part = &of->parts[of->nparts - 1];
	memset(part, 0, sizeof(Part));
	part->key = pstrdup(key);
	part->len = (int) strlen(key);
	part->col = PART_INNER;
	return part;
}

bool
parts_add(Parts *p, Shape *shape, char *const *path, int depth, FitRest rest, int col,
		  int number)
{
	PartObject *object;
	Part	   *part;
	bool		whole = false;

	Assert(depth > 1 && depth <= FIT_PATH_MAX);
	object = object_of(shape, p, path[0]);
	object->rest = rest;
	object->number = number;
	part = &object->root;
	for (int i = 1; i < depth && !whole; i++)
	{
		Part	   *next = find_part(part, path[i], (int) strlen(path[i]));

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
	return !whole;
}

/* ---- taking an object apart ---- */

/* Room for so many fields more in the row's own document. */
static inline void
make_room(const Shape *shape, Parts *p, int n)
{
	if (likely(p->doc.nfields + n <= p->maxfields))
		return;
	p->maxfields = Max(Max(32, p->maxfields * 2), p->doc.nfields + n);
	if (p->doc.fields == NULL)
	{
		p->doc.fields = MemoryContextAllocHuge(shape->cxt, sizeof(JsonField) * (Size) p->maxfields);
		p->made = MemoryContextAllocHuge(shape->cxt, sizeof(bool) * (Size) p->maxfields);
	}
	else
	{
		p->doc.fields = repalloc_huge(p->doc.fields, sizeof(JsonField) * (Size) p->maxfields);
		p->made = repalloc_huge(p->made, sizeof(bool) * (Size) p->maxfields);
	}
}

/* One field more in it. */
static JsonField *
add_field(const Shape *shape, Parts *p)
{
	make_room(shape, p, 1);
	p->made[p->doc.nfields] = false;
	return &p->doc.fields[p->doc.nfields++];
}

static PartFault *
add_fault(Parts *p, const char *key, int len)
{
	PartFault  *fault = &p->faults[p->nfaults++];

	memset(fault, 0, sizeof(PartFault));
	fault->key = key;
	fault->len = len;
	return fault;
}

/* One object on its way apart. */
typedef struct Taking
{
	const Shape *shape;
	Parts	   *in;
	PartObject *object;
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
take_part(Taking *t, const Part *part, const JsonField *member)
{
	JsonField  *field;

	t->taken = true;
	mapped_use(t->shape, part->number);
	if (part->col == FIT_NOWHERE)
		return;
	field = add_field(t->shape, t->in);
	t->in->made[t->in->doc.nfields - 1] = true;
	*field = *member;
	field->key = NameStr(t->shape->cols[part->col].name);
	field->keylen = t->shape->work->cols[part->col].namelen;
}

/* Was this part met before in the row's object? Notes it; false, and a fault,
 * when it was, with another value. */
static bool
met_first(Taking *t, Part *part, const JsonField *member)
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
forget_row(Part *part)
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
take_object(Taking *t, Part *of, const char *p, int depth)
{
	JsonText   *text = &t->object->text;
	StringInfo	left = &t->object->left[depth];

	resetStringInfo(left);
	p = jsontext_blank(p, text->end);
	while (*p != '}')
	{
		const char *start = p;
		JsonField	member;
		Part	   *part;

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
take_apart(const Shape *shape, Parts *p, PartObject *object, const JsonField *field)
{
	MemoryContext old = MemoryContextSwitchTo(shape->work->row);
	Taking		t = {.shape = shape,.in = p,.object = object};
	StringInfo	left = &object->left[0];
	StringInfo	untaken = &object->untaken;
	int			before = p->doc.nfields;

	resetStringInfo(untaken);
	forget_row(&object->root);
	jsontext_start(&object->text, field->raw, field->rawlen);
	take_object(&t, &object->root, field->raw + 1, 0);
	if (t.twice)
	{
		p->doc.nfields = before;
		add_fault(p, field->key, field->keylen)->within = true;
	}
	else if (object->rest == REST_HOLD && untaken->len > 0)
		add_fault(p, field->key, field->keylen)->parts = untaken->data;
	else if (object->rest == REST_DROP && left->len > 0)
		mapped_use(shape, object->number);
	else if (object->rest == REST_COLUMN && !t.taken)
		*add_field(shape, p) = *field;
	else if (object->rest == REST_COLUMN && left->len > 0)
	{
		JsonField  *rest = add_field(shape, p);

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
settle_twins(Parts *p)
{
	for (int i = p->first_made; i < p->doc.nfields; i++)
	{
		const JsonField *field = &p->doc.fields[i];
		int			twin = 0;

		if (!p->made[i])
			continue;
		for (; twin < p->doc.nfields; twin++)
		{
			const JsonField *other = &p->doc.fields[twin];

			if (twin != i && other->keylen == field->keylen &&
				memcmp(other->key, field->key, field->keylen) == 0)
				break;
		}
		if (twin == p->doc.nfields)
			continue;
		if ((p->doc.fields[twin].kind != field->kind || p->doc.fields[twin].len != field->len ||
			 memcmp(p->doc.fields[twin].val, field->val, field->len) != 0) &&
			p->nfaults <= p->nobjects)
			(void) add_fault(p, field->key, field->keylen);
		p->doc.nfields--;
		memmove(&p->doc.fields[i], &p->doc.fields[i + 1], sizeof(JsonField) * (p->doc.nfields - i));
		memmove(&p->made[i], &p->made[i + 1], sizeof(bool) * (p->doc.nfields - i));
		i--;
	}
}

/* ---- a row ---- */

/* Fields of the document from one place to before another, as they are. */
static void
copy_fields(const Shape *shape, Parts *p, const JsonDoc *doc, int from, int before)
{
	int			n = before - from;

	if (n <= 0)
		return;
	make_room(shape, p, n);
	memcpy(&p->doc.fields[p->doc.nfields], &doc->fields[from], sizeof(JsonField) * n);
	memset(&p->made[p->doc.nfields], false, sizeof(bool) * n);
	p->doc.nfields += n;
}

/* The document is copied when the first object is met that is taken apart. */
const JsonDoc *
parts_take(Parts *p, const Shape *shape, const JsonDoc *doc, int *nfaults)
{
	int			copied = 0;
	bool		apart = false;

	p->nfaults = 0;
	*nfaults = 0;
	if (p->nobjects == 0)
		return doc;

	for (int i = 0; i < doc->nfields; i++)
	{
		const JsonField *field = &doc->fields[i];
		int			at;

		if (field->kind != JSON_OBJECT ||
			alias_column(shape, field->key, field->keylen, &at) != ALIAS_PARTS)
			continue;
		if (!apart)
		{
			p->doc.fault = JSON_FINE;
			p->doc.input = doc->input;
			p->doc.nfields = 0;
			p->first_made = i;
			apart = true;
		}
		copy_fields(shape, p, doc, copied, i);
		copied = i + 1;
		take_apart(shape, p, &p->objects[at], field);
	}
	if (!apart)
		return doc;
	copy_fields(shape, p, doc, copied, doc->nfields);
	settle_twins(p);
	*nfaults = p->nfaults;
	return &p->doc;
}

void
parts_fault(Parts *p, int at, Misfit *out, const char **key, int *len)
{
	const PartFault *fault = &p->faults[at];
	int			shown;

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
}

const JsonDoc *
parts_show(Parts *p, const Shape *shape, const JsonDoc *doc, int number,
		   const JsonField *field)
{
	if (doc != &p->doc)
	{
		p->doc.fault = JSON_FINE;
		p->doc.input = doc->input;
		p->doc.nfields = 0;
		copy_fields(shape, p, doc, 0, doc->nfields);
	}
	p->doc.fields[number - 1] = *field;
	return &p->doc;
}
