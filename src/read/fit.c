/*
 * fit.c
 *	  Does this payload fit this table, and if not, what would it need?
 *
 * fit_row walks the fields of a scanned payload once. Keys come in the same
 * order row after row, so each column remembers which one followed it and is
 * found by one comparison; the hash of shape.c is for the rest. value.c says
 * whether a value fits its column. What is left here is the row: keys that
 * are no column, nulls, columns that are missing, payloads that cannot be
 * taken apart, and the names of all these reasons. What class an error of the
 * insert itself has, fiterror.c knows.
 */
#include "postgres.h"

#include "read/alias.h"
#include "read/fills.h"
#include "read/mapped.h"
#include "read/nulchars.h"
#include "read/opaque.h"
#include "read/shape.h"
#include "read/value.h"
#include "catalog/heap.h"
#include "mb/pg_wchar.h"
#include "utils/memutils.h"

/* Names in the order of FitClass: they stand in tables, so they never change. */
static const char *const class_names[] = {
	"ok", "unknown_key", "too_long", "out_of_range", "precision", "scale",
	"fraction", "null_value", "missing_key", "inexact", "enum_label",
	"wrong_type", "bad_value", "too_wide", "generated", "key_too_long",
	"bad_key", "bad_json", "not_object", "nul_char", "surrogate",
	"duplicate_key", "too_deep", "bad_encoding", "too_large",
	"unique", "foreign_key", "check", "exclusion", "no_partition",
	"permission", "trigger", "retry", "limit", "awaiting_order", "other",
	"sequence", "bad_line"
};

StaticAssertDecl(lengthof(class_names) == FIT_BAD_LINE + 1,
				 "every FitClass has a name");

const char *
fit_class_name(FitClass class)
{
	Assert((int) class >= 0 && class <= FIT_BAD_LINE);
	return class_names[class];
}

FitClass
fit_class_from_name(const char *name)
{
	int			i;

	for (i = 0; i < (int) lengthof(class_names); i++)
	{
		if (strcmp(class_names[i], name) == 0)
			return (FitClass) i;
	}
	return FIT_OTHER;
}

bool
fit_is_drift(FitClass class)
{
	return class >= FIT_UNKNOWN_KEY && class <= FIT_ENUM_LABEL;
}

FitTerm
fit_term(const Shape *shape, const Misfit *misfit)
{
	if (misfit->field == 0 || misfit->hinted)
		return TERM_EVOLVE;
	switch (misfit->class)
	{
		case FIT_UNKNOWN_KEY:
		case FIT_KEY_TOO_LONG:
		case FIT_BAD_KEY:
			return shape->columns;
		case FIT_TOO_LONG:
		case FIT_OUT_OF_RANGE:
		case FIT_PRECISION:
		case FIT_SCALE:
		case FIT_FRACTION:
		case FIT_INEXACT:
		case FIT_ENUM_LABEL:
		case FIT_WRONG_TYPE:
		case FIT_BAD_VALUE:
		case FIT_TOO_WIDE:
		case FIT_GENERATED:
			return shape->types;
		default:
			return TERM_EVOLVE;
	}
}

/* The misfits of one row while they are collected. */
typedef struct Misfits
{
	FitRow	   *row;
	int			max;
} Misfits;

/* Room for the next misfit; it is not counted yet. */
static Misfit *
next_misfit(Misfits *m)
{
	if (m->row->nmisfits >= m->max)
	{
		m->max = m->max == 0 ? 4 : m->max * 2;
		if (m->row->misfits == NULL)
			m->row->misfits = palloc(m->max * sizeof(Misfit));
		else
			m->row->misfits = repalloc(m->row->misfits, m->max * sizeof(Misfit));
	}
	return &m->row->misfits[m->row->nmisfits];
}

/* Count the misfit made in next_misfit's room, for this key. */
static void
add_misfit(Misfits *m, const char *name, int len, int field)
{
	Misfit	   *misfit = &m->row->misfits[m->row->nmisfits++];

	/* No longer than a column's name can be, and no half character. */
	if (name)
		misfit->column = pnstrdup(name, pg_mbcliplen(name, len, NAMEDATALEN - 1));
	misfit->field = field;
}

/* The same, for this column. */
static void
add_column_misfit(Misfits *m, const FitColumn *column, int field)
{
	Misfit	   *misfit = &m->row->misfits[m->row->nmisfits++];

	misfit->column = NameStr(unconstify(FitColumn *, column)->name);
	misfit->field = field;
}

/*
 * The misfit that was just added: do the table's terms leave its value out?
 * Then it is none.
 */
static bool
left_out(const Shape *shape, Misfits *m)
{
	FitRow	   *row = m->row;
	const Misfit *last = &row->misfits[row->nmisfits - 1];

	if (fit_term(shape, last) != TERM_DISCARD_VALUE)
		return false;
	/* room is made at 0, 4, 8, 16, ... */
	if (row->left == NULL)
		row->left = palloc(4 * sizeof(Misfit));
	else if (row->nleft >= 4 && (row->nleft & (row->nleft - 1)) == 0)
		row->left = repalloc(row->left, 2 * row->nleft * sizeof(Misfit));
	row->left[row->nleft++] = *last;
	row->nmisfits--;
	return true;
}

/* What a new column for this one value would be; the diagnosis, which has
 * seen all values of the key, may know better. */
static const char *
new_column_type(const JsonDoc *doc, const JsonField *field)
{
	NumberShape n;

	switch (json_kind(doc, field))
	{
		case JSON_NULL:
			return NULL;
		case JSON_BOOL:
			return "boolean";
		case JSON_NUMBER:
			return fit_number(field->val, field->len, &n) && n.fits_int8 ?
				"bigint" : "numeric";
		case JSON_STRING:
			return "text";
		case JSON_OBJECT:
		case JSON_ARRAY:
			return "jsonb";
	}
	return NULL;
}

/*
 * A key that is no column. With a null it teaches nothing and loses nothing:
 * the column that a later value brings will be null in this row.
 */
static void
check_unknown(const Shape *shape, Misfits *m, const JsonField *field, int number,
			  bool hinted)
{
	Misfit	   *misfit;
	char		name[NAMEDATALEN];
	const char *type = new_column_type(shape->work->doc, field);

	if (field->kind == JSON_NULL)
		return;
	misfit = next_misfit(m);
	if (field->keylen == 0)
		value_misfit(misfit, FIT_BAD_KEY, ERRCODE_INVALID_NAME, NULL,
					 "no column can have an empty name");
	else if (field->keylen >= NAMEDATALEN)
		value_misfit(misfit, FIT_KEY_TOO_LONG, ERRCODE_NAME_TOO_LONG, NULL,
					 "a key of %d bytes is longer than a column's name can be (%d)",
					 field->keylen, NAMEDATALEN - 1);
	else
	{
		memcpy(name, field->key, field->keylen);
		name[field->keylen] = '\0';
		if (SystemAttributeByName(name) != NULL)
			value_misfit(misfit, FIT_BAD_KEY, ERRCODE_DUPLICATE_COLUMN, NULL,
						 "the name \"%s\" belongs to a system column", name);
		else
		{
			memset(misfit, 0, sizeof(Misfit));
			misfit->class = FIT_UNKNOWN_KEY;
			misfit->sqlstate = ERRCODE_UNDEFINED_COLUMN;
			misfit->need = unconstify(char *, type);
		}
	}
	misfit->hinted = hinted;
	add_misfit(m, field->key, field->keylen, number);
	if (shape->columns == TERM_DISCARD_VALUE)
		(void) left_out(shape, m);
}

/*
 * Must the row itself bring a value for the column? Not where the table's own
 * code may still put one there: then only the insert can tell, and where it
 * has told for this row, that counts.
 */
static bool
needs_value(const Shape *shape, int col)
{
	FitWork    *work = shape->work;

	if (!shape->cols[col].notnull || shape->insisted == col)
		return shape->cols[col].notnull;
	if (work->fills < 0)
		work->fills = fills_nulls(shape->relid);
	return !work->fills;
}

/* One field of the payload against its column. */
static pg_attribute_always_inline void
check_field(const Shape *shape, int col, const JsonField *field, int number,
			Misfits *m)
{
	const FitColumn *column = &shape->cols[col];
	FitCell    *cell = &shape->work->cells[col];
	const JsonField *sent = field;
	bool		computed = false;
	bool		torn = false;
	Misfit		misfit;

	/* whatever comes of it, the key is there */
	cell->state = CELL_NULL;
	if (unlikely(column->unusual))
	{
		computed = column->computed;
		field = computed ? field : mapped_value(shape, col, field);
		torn = field == NULL;
	}
	if (unlikely(torn))
	{
		field = sent;
		value_misfit(&misfit, FIT_BAD_VALUE, ERRCODE_INVALID_TEXT_REPRESENTATION, NULL,
					 "the notation that a mapping declares for column \"%s\" does not say what this value is, and the type may not guess",
					 NameStr(column->name));
	}
	else if (likely(!computed && field->kind != JSON_NULL))
	{
		if (likely(value_fits(shape, col, field, cell, &misfit)))
			return;
	}
	else if (computed)
	{
		if (value_computed(shape, col, field, cell, &misfit))
			return;
	}
	else
	{
		if (needs_value(shape, col))
			value_misfit(&misfit, FIT_NULL_VALUE, ERRCODE_NOT_NULL_VIOLATION,
						 NULL, "null in column \"%s\", which is NOT NULL",
						 NameStr(column->name));
		else if (!shape->work->cols[col].constrained ||
				 opaque_accepts(shape, col, NULL, 0, &misfit))
			return;
	}
	if (unlikely(field != sent))
		mapped_show(shape, number, field);
	misfit.hinted = shape->work->cols[col].hinted;
	*next_misfit(m) = misfit;
	add_column_misfit(m, column, number);
	if (shape->types == TERM_DISCARD_VALUE && left_out(shape, m))
		cell->state = CELL_ABSENT;
}

/* Had the row a value for the column that is left out? */
static bool
had_value(const Shape *shape, int col, const FitRow *row)
{
	const char *name = NameStr(shape->cols[col].name);

	for (int i = 0; i < row->nleft; i++)
		if (row->left[i].column == name)
			return true;
	return shape->work->threw[col];
}

/* A column that needs a value and has no key in the payload, or one whose
 * value is left out. */
static void
check_missing(const Shape *shape, int col, Misfits *m)
{
	const FitColumn *column = &shape->cols[col];
	Misfit		misfit;

	if (shape->partial)
		return;
	if (needs_value(shape, col) && had_value(shape, col, m->row))
		value_misfit(&misfit, FIT_MISSING_KEY, ERRCODE_NOT_NULL_VIOLATION, NULL,
					 "the value of key \"%s\" is left out by contract, and the column is NOT NULL without a default",
					 NameStr(column->name));
	else if (needs_value(shape, col))
		value_misfit(&misfit, shape->insisted == col ? FIT_NULL_VALUE : FIT_MISSING_KEY,
					 ERRCODE_NOT_NULL_VIOLATION, NULL, "no key \"%s\", and the column is NOT NULL without a default",
					 NameStr(column->name));
	else if (!shape->work->cols[col].constrained ||
			 opaque_accepts(shape, col, NULL, 0, &misfit))
		return;
	*next_misfit(m) = misfit;
	add_column_misfit(m, column, 0);
}

/* See the header. */
void
fit_words(Misfit *misfit)
{
	if (misfit->message != NULL)
		return;
	if (misfit->class == FIT_TOO_LONG)
	{
		misfit->need = psprintf("varchar(%d)", misfit->chars);
		misfit->message = psprintf("%d characters are too many for type %s",
								   misfit->chars, misfit->type);
	}
	else
	{
		Assert(misfit->class == FIT_UNKNOWN_KEY);
		misfit->message = psprintf("the table has no column \"%s\"", misfit->column);
	}
}

/* A payload that cannot be taken apart: one misfit, of the row or its key. */
static void
check_fault(const JsonDoc *doc, Misfits *m)
{
	FitClass	class = FIT_BAD_JSON;
	int			sqlstate = ERRCODE_INVALID_TEXT_REPRESENTATION;

	switch (doc->fault)
	{
		case JSON_FINE:
		case JSON_BROKEN:
			break;
		case JSON_NOT_OBJECT:
			class = FIT_NOT_OBJECT;
			sqlstate = ERRCODE_INVALID_PARAMETER_VALUE;
			break;
		case JSON_NUL:
			class = FIT_NUL;
			sqlstate = ERRCODE_UNTRANSLATABLE_CHARACTER;
			break;
		case JSON_SURROGATE:
			class = FIT_SURROGATE;
			break;
		case JSON_DUPLICATE:
			class = FIT_DUPLICATE_KEY;
			sqlstate = ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE;
			break;
		case JSON_DEEP:
			class = FIT_TOO_DEEP;
			sqlstate = ERRCODE_STATEMENT_TOO_COMPLEX;
			break;
		case JSON_UNTRANSLATABLE:
			class = FIT_BAD_VALUE;
			sqlstate = ERRCODE_UNTRANSLATABLE_CHARACTER;
			break;
	}
	value_misfit(next_misfit(m), class, sqlstate, NULL,
				 "%s (at byte %zu of the payload)",
				 json_fault_text(doc->fault), doc->fault_at + 1);
	add_misfit(m, doc->fault_key, doc->fault_keylen, 0);
}

/* Fields with a character that no text can hold. What else is wrong with the
 * row is seen when it is without. */
static void
check_nuls(const List *fields, Misfits *m)
{
	ListCell   *lc;

	m->row->nmisfits = 0;
	foreach(lc, fields)
	{
		const JsonField *field = lfirst(lc);

		value_misfit(next_misfit(m), FIT_NUL, ERRCODE_UNTRANSLATABLE_CHARACTER, NULL,
					 "%s", json_fault_text(JSON_NUL));
		add_misfit(m, field->key, field->keylen, 0);
	}
}

/* The column of a key, or -1. *guess: the column that came next last time. */
static inline int
find_column(const Shape *shape, const JsonField *field, int at, int *guess)
{
	int			i = *guess;

	if (likely(i < shape->ncols &&
			   shape->work->cols[i].namelen == field->keylen &&
			   memcmp(NameStr(shape->cols[i].name), field->key,
					  field->keylen) == 0))
		return i;
	if (alias_expected(shape, field, at))
		return -1;
	i = fit_column(shape, field->key, field->keylen);
	if (i >= 0)
		*guess = i;
	return i;
}

/*
 * The column that takes the value of a key which is none itself, or -1: there
 * is nothing more to do with this field. Two keys may go to one column as
 * long as they say the same.
 */
static int
column_elsewhere(const Shape *shape, const JsonDoc *doc, int at, Misfits *m)
{
	const JsonField *field = &doc->fields[at];
	int			number;
	int			col = alias_field(shape, field, at, &number);
	const JsonField *other;
	int			rival;

	if (col == ALIAS_UNKNOWN || col == ALIAS_HINTED || col == ALIAS_PARTS)
	{
		if (col == ALIAS_HINTED || !mapped_rest(shape, field))
			check_unknown(shape, m, field, at + 1, col == ALIAS_HINTED);
		return -1;
	}
	if (number >= 0)
		mapped_use(shape, number);
	if (col == FIT_NOWHERE)
		return -1;
	rival = alias_rival(shape, doc, at, col);
	if (rival < 0)
		return col;
	other = &doc->fields[rival];
	if (other->kind != field->kind || other->len != field->len ||
		memcmp(other->val, field->val, field->len) != 0)
	{
		const char *name = NameStr(shape->cols[col].name);

		value_misfit(next_misfit(m), FIT_DUPLICATE_KEY,
					 ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE, NULL,
					 "keys \"%.*s\" and \"%.*s\" have different values for column \"%s\"",
					 pg_mbcliplen(other->key, other->keylen, NAMEDATALEN), other->key,
					 pg_mbcliplen(field->key, field->keylen, NAMEDATALEN), field->key,
					 name);
		add_misfit(m, name, shape->work->cols[col].namelen, at + 1);
	}
	return -1;
}

/* What the mappings make of the payload, and what they cannot make of it. */
static const JsonDoc *
map_row(const Shape *shape, const JsonDoc *doc, Misfits *m)
{
	const char *key;
	int			len;
	int			nfaults;

	doc = mapped_begin(shape, doc, &nfaults);
	for (int i = 0; i < nfaults; i++)
	{
		mapped_fault(shape, i, next_misfit(m), &key, &len);
		add_misfit(m, key, len, 0);
	}
	return doc;
}

/* The keys that nobody knows, as one value of the column that takes them. */
static void
check_rest(const Shape *shape, Misfits *m)
{
	int			col;
	const JsonField *rest = mapped_rest_value(shape, &col);

	if (rest == NULL || shape->work->threw[col])
		return;
	if (shape->work->cells[col].state == CELL_TEXT)
	{
		value_misfit(next_misfit(m), FIT_DUPLICATE_KEY,
					 ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE, NULL,
					 "column \"%s\" takes unknown keys, which the row has beside a value for it",
					 NameStr(shape->cols[col].name));
		add_column_misfit(m, &shape->cols[col], 0);
		return;
	}
	shape->work->checking = col;
	shape->work->checking_field = 0;
	check_field(shape, col, rest, 0, m);
}

static bool
check_row(const Shape *shape, const JsonDoc *doc, FitRow *out)
{
	FitWork    *work = shape->work;
	int		   *guess = &work->first;
	Misfits		m = {out, 0};
	int			i;

	out->cells = work->cells;
	out->nmisfits = 0;
	out->misfits = NULL;
	out->nleft = 0;
	out->left = NULL;
	out->nused = 0;
	work->doc = doc;
	MemoryContextReset(work->row);
	memset(work->cells, 0, shape->ncols * sizeof(FitCell));

	if (unlikely(doc->fault != JSON_FINE))
	{
		List	   *stay;
		const JsonDoc *without = nulchars_strip(shape, doc, &stay);

		if (without == NULL)
		{
			check_fault(doc, &m);
			return false;
		}
		if (shape->mapped != NULL)
		{
			work->doc = doc = map_row(shape, without, &m);
			nulchars_use(shape);
		}
		if (stay != NIL)
		{
			check_nuls(stay, &m);
			if (shape->mapped != NULL)
				out->nused = mapped_used(shape, &out->used);
			return false;
		}
	}
	else if (unlikely(shape->mapped != NULL))
		work->doc = doc = map_row(shape, doc, &m);
	for (i = 0; i < doc->nfields; i++)
	{
		const JsonField *field = &doc->fields[i];
		int			col = find_column(shape, field, i, guess);

		if (unlikely(col < 0))
		{
			col = column_elsewhere(shape, doc, i, &m);
			if (col < 0)
				continue;
		}
		guess = &work->cols[col].follow;
		if (unlikely(work->threw[col]))
		{
			work->cells[col].state = work->left[col] ? CELL_ABSENT : CELL_NULL;
			continue;
		}
		work->checking = col;
		work->checking_field = i + 1;
		check_field(shape, col, field, i + 1, &m);
	}
	if (unlikely(shape->mapped != NULL))
		check_rest(shape, &m);
	work->checking_field = 0;
	for (i = 0; i < work->nrequired; i++)
	{
		int			col = work->required[i];

		if (likely(work->cells[col].state != CELL_ABSENT) ||
			(work->threw[col] && !work->left[col]))
			continue;
		work->checking = col;
		check_missing(shape, col, &m);
	}
	work->checking = -1;
	if (unlikely(shape->mapped != NULL))
		out->nused = mapped_used(shape, &out->used);
	return out->nmisfits == 0;
}

bool
fit_row(const Shape *shape, const JsonDoc *doc, FitRow *out)
{
	FitWork    *work = shape->work;

	if (unlikely(work->any_threw))
	{
		memset(work->threw, 0, shape->ncols * sizeof(bool));
		work->any_threw = false;
	}
	return check_row(shape, doc, out);
}

bool
fit_row_again(const Shape *shape, const JsonDoc *doc, FitRow *out)
{
	return check_row(shape, doc, out);
}

bool
fit_culprit(const Shape *shape, const ErrorData *edata, Misfit *out)
{
	FitWork    *work = shape->work;
	int			col = work->checking;

	if (col < 0)
	{
		fit_from_error(edata, out);
		return false;
	}
	value_refused(shape, col, edata, out);
	work->checking = -1;
	work->threw[col] = true;
	work->any_threw = true;
	out->column = pstrdup(NameStr(shape->cols[col].name));
	out->field = work->checking_field;
	out->hinted = shape->work->cols[col].hinted;
	work->left[col] = fit_term(shape, out) == TERM_DISCARD_VALUE;
	return true;
}
