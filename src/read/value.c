/*
 * value.c
 *	  One value against one column: the checks behind fit_row.
 *
 * PostgreSQL's input functions refuse what a type cannot hold, but some of
 * them change a value instead: an integer column rounds 34.5 when it is
 * given as a number, numeric(4,2) rounds 1.239, varchar(n) cuts trailing
 * blanks, real keeps six digits. Here such a value is a misfit. The types in
 * this file are judged without calling anything, so that neither the clean
 * row nor the one that drifts costs a function call or a subtransaction; for
 * the rest (opaque.c) the input function has the last word.
 */
#include "postgres.h"

#include "base/guc.h"
#include "read/fills.h"
#include "read/jsonkeys.h"
#include "read/number.h"
#include "read/opaque.h"
#include "read/value.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* What an unconstrained numeric can hold (documented limits). */
#define NUMERIC_INT_MAX		131072
#define NUMERIC_FRAC_MAX	16383

/* What a column can declare. */
#define NUMERIC_TYPMOD_MAX	1000

bool
value_misfit(Misfit *out, FitClass class, int sqlstate, char *need,
			 const char *fmt,...)
{
	char		message[512];
	va_list		args;

	va_start(args, fmt);
	vsnprintf(message, sizeof(message), fmt, args);
	va_end(args);

	memset(out, 0, sizeof(*out));
	out->class = class;
	out->sqlstate = sqlstate;
	out->need = need;
	out->message = pstrdup(message);
	return false;
}

bool
value_wrong_type(const Shape *shape, int col, const JsonField *field, Misfit *out)
{
	static const char *const kinds[] = {
		"JSON null", "JSON boolean", "JSON number", "JSON string", "JSON object", "JSON array"
	};

	return value_misfit(out, FIT_WRONG_TYPE, ERRCODE_INVALID_TEXT_REPRESENTATION,
						NULL, "this %s is not valid for type %s",
						shape->work->doc != NULL && shape->work->doc->input &&
						field->kind == JSON_STRING ? "text" : kinds[field->kind],
						shape_type_name(shape, col));
}

/* Does a domain's check belong to the type of this column? */
static bool
asks_domain(const Shape *shape, int col)
{
	const ShapeColumn *more = &shape->work->cols[col];
	int			i;

	if (more->constrained || more->parts == NULL)
		return more->constrained;
	for (i = 0; i < more->parts->ncols; i++)
	{
		if (asks_domain(more->parts, i))
			return true;
	}
	return false;
}

/*
 * The class is the error's, with three exceptions. A value out of range of a
 * type which has no wider one is no drift: a number in a jsonb, an oid. What
 * an input function cannot parse (a tsquery) or find (a regclass) is the
 * value's fault, not that of the table's code, which would have left its
 * context: only a domain's check is such code. And a null that a domain within
 * the value forbids is no null of the column.
 */
void
value_refused(const Shape *shape, int col, const ErrorData *edata, Misfit *out)
{
	TypeClass	class = shape->cols[col].tclass;

	fit_from_error(edata, out);
	out->error = fit_copy_error(edata);
	switch (out->class)
	{
		case FIT_OUT_OF_RANGE:
			if (class == TYPE_OTHER || class == TYPE_JSONB)
				out->class = FIT_BAD_VALUE;
			break;
		case FIT_TRIGGER:
		case FIT_OTHER:
			if (edata->context != NULL && asks_domain(shape, col))
				break;
			if (edata->sqlerrcode == ERRCODE_SYNTAX_ERROR)
				out->class = FIT_WRONG_TYPE;
			else if (ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
					 ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION ||
					 ERRCODE_TO_CATEGORY(edata->sqlerrcode) ==
					 ERRCODE_FEATURE_NOT_SUPPORTED ||
					 edata->sqlerrcode == ERRCODE_INVALID_SCHEMA_NAME)
				out->class = FIT_BAD_VALUE;
			break;
		case FIT_NULL_VALUE:
			if (shape->work->cols[col].parts != NULL)
				out->class = FIT_CHECK;
			break;
		default:
			break;
	}
}

/* Characters of a valid text. In UTF-8 each has one byte that does not go on
 * another; the general way asks for the length of each. */
static int
count_chars(const char *s, int len)
{
	int			chars = 0;

	if (GetDatabaseEncoding() != PG_UTF8)
		return pg_mbstrlen_with_len(s, len);
	for (int i = 0; i < len; i++)
		chars += (s[i] & 0xC0) != 0x80;
	return chars;
}

/* A character column: all characters count, trailing blanks too. */
static bool
check_limited(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	int			limit = shape->cols[col].basetypmod - VARHDRSZ;
	int			chars;

	if (field->len <= limit)
		return value_take(cell, field->val, field->len);
	chars = count_chars(field->val, field->len);
	if (chars <= limit)
		return value_take(cell, field->val, field->len);
	if (chars > guc_max_width)
		return value_misfit(out, FIT_TOO_WIDE,
							ERRCODE_STRING_DATA_RIGHT_TRUNCATION, NULL,
							"%d characters are more than selfheal.max_width (%d) allows for type %s",
							chars, guc_max_width, shape_type_name(shape, col));
	memset(out, 0, sizeof(*out));
	out->class = FIT_TOO_LONG;
	out->sqlstate = ERRCODE_STRING_DATA_RIGHT_TRUNCATION;
	out->chars = chars;
	out->type = shape_type_name(shape, col);
	return false;
}

/* Up to 18 digits with perhaps a minus, as nearly every integer comes. */
static inline bool
plain_integer(const char *s, int len, int64 *value)
{
	bool		minus = (len > 0 && *s == '-');
	int64		v = 0;
	int			i;

	i = minus ? 1 : 0;
	if (len - i < 1 || len - i > 18)
		return false;
	for (; i < len; i++)
	{
		unsigned	digit = (unsigned char) s[i] - '0';

		if (digit > 9)
			return false;
		v = v * 10 + digit;
	}
	*value = minus ? -v : v;
	return true;
}

/* Notations of newer versions (0x1F, 1_000) are the input function's. */
static bool
maybe_literal(const JsonField *field)
{
	const char *s = field->val;
	int			i;

	if (field->kind != JSON_STRING || field->len > 1000)
		return false;
	for (i = 1; i < field->len; i++)
	{
		if (s[i] == '_' ||
			(s[i - 1] == '0' && strchr("xXoObB", s[i]) && s[i] != '\0'))
			return true;
	}
	return false;
}

/*
 * An integer column. A JSON number may be written in any way as long as it is
 * integral (34.0, 1e3); the text in a JSON string must be what the input
 * function takes, since "1E3" may just as well be a code as a number.
 */
static bool
check_integer(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	TypeClass	class = shape->cols[col].tclass;
	Number		n;
	int64		value;
	bool		fits;

	if (field->kind != JSON_NUMBER && field->kind != JSON_STRING)
		return value_wrong_type(shape, col, field, out);
	if (plain_integer(field->val, field->len, &value) &&
		(class == TYPE_INT8 ||
		 (class == TYPE_INT4 && value >= PG_INT32_MIN && value <= PG_INT32_MAX) ||
		 (value >= PG_INT16_MIN && value <= PG_INT16_MAX)))
		return value_take_ready(cell, field->val, field->len,
								class == TYPE_INT8 ? Int64GetDatum(value) :
								class == TYPE_INT4 ? Int32GetDatum(value) :
								Int16GetDatum(value));

	if (!number_parse(field->val, field->len, &n))
	{
		if (maybe_literal(field) &&
			opaque_accepts(shape, col, field->val, field->len, out))
			return value_take(cell, field->val, field->len);
		return value_wrong_type(shape, col, field, out);
	}
	if (n.shape.special)
		return value_wrong_type(shape, col, field, out);
	if (field->kind == JSON_STRING && !n.plain &&
		(memchr(field->val, 'e', field->len) || memchr(field->val, 'E', field->len)))
		return value_wrong_type(shape, col, field, out);
	if (n.magnitude > NUMERIC_INT_MAX || -n.lowest > NUMERIC_FRAC_MAX)
		return value_misfit(out, FIT_BAD_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							NULL, "no numeric can hold a number of this size");
	if (n.lowest < 0 || (field->kind == JSON_STRING && !n.plain))
		return value_misfit(out, FIT_FRACTION,
							ERRCODE_INVALID_TEXT_REPRESENTATION, pstrdup("numeric"),
							"a number with a fraction does not fit type %s",
							shape_type_name(shape, col));

	fits = class == TYPE_INT2 ? n.shape.fits_int2 :
		class == TYPE_INT4 ? n.shape.fits_int4 : n.shape.fits_int8;
	if (!fits)
		return value_misfit(out, FIT_OUT_OF_RANGE,
							ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							pstrdup(n.shape.fits_int4 ? "integer" :
									n.shape.fits_int8 ? "bigint" : "numeric"),
							"a number of %d digits is out of range for type %s",
							n.shape.int_digits, shape_type_name(shape, col));
	if (n.plain)
		return value_take(cell, field->val, field->len);
	else
	{
		char	   *text = MemoryContextAlloc(shape->work->row, 32);
		int			len;

		len = snprintf(text, 32, "%s" UINT64_FORMAT,
					   n.shape.negative && n.value != 0 ? "-" : "", n.value);
		return value_take(cell, text, len);
	}
}

/* The smallest numeric(p,s) that holds both what the column does and n. */
static char *
numeric_need(int precision, int scale, const Number *n)
{
	int64		need_scale = Max((int64) scale, n->lowest < 0 ? -n->lowest : 0);
	int64		need_int = Max((int64) precision - scale, n->magnitude);
	int64		need_precision;

	/* A negative scale gives way only as far as it has to. */
	if (scale < 0 && n->lowest >= 0)
		need_scale = Max((int64) scale, -n->lowest);
	need_precision = Max(need_int + need_scale, 1);
	if (need_precision > NUMERIC_TYPMOD_MAX || need_scale > NUMERIC_TYPMOD_MAX)
		return pstrdup("numeric");
	return psprintf("numeric(%d,%d)", (int) need_precision, (int) need_scale);
}

/* A numeric column: the digits that count decide, none is rounded away. */
static bool
check_numeric(const Shape *shape, int col, const JsonField *field,
			  FitCell *cell, Misfit *out)
{
	int32		typmod = shape->cols[col].basetypmod;
	int			precision = 0;
	int			scale = 0;
	Number		n;

	if (field->kind != JSON_NUMBER && field->kind != JSON_STRING)
		return value_wrong_type(shape, col, field, out);
	if (!number_parse(field->val, field->len, &n))
	{
		if (typmod < 0 && maybe_literal(field) &&
			opaque_accepts(shape, col, field->val, field->len, out))
			return value_take(cell, field->val, field->len);
		return value_wrong_type(shape, col, field, out);
	}
	if (n.magnitude > NUMERIC_INT_MAX || -n.lowest > NUMERIC_FRAC_MAX)
		return value_misfit(out, FIT_BAD_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							NULL, "no numeric can hold a number of this size");
	if (typmod < VARHDRSZ)
		return value_take(cell, field->val, field->len);

	/* precision in the upper half, scale in eleven bits with sign below */
	precision = ((typmod - VARHDRSZ) >> 16) & 0xffff;
	scale = (((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024;
	if (n.shape.special)
	{
		const char *s = field->val;
		int			i;

		/* of the special values, one with a limit takes NaN alone */
		for (i = 0; i < field->len; i++)
		{
			if (s[i] == 'n' || s[i] == 'N')
				break;
		}
		if (i + 1 < field->len && (s[i + 1] == 'a' || s[i + 1] == 'A'))
			return value_take(cell, field->val, field->len);

		/*
		 * not drift: no number of digits would hold it, and for the sake of
		 * one such value the column would lose its limit
		 */
		return value_misfit(out, FIT_BAD_VALUE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							pstrdup("numeric"),
							"an infinite number does not fit type %s",
							shape_type_name(shape, col));
	}
	if (n.shape.significant == 0)
		return value_take(cell, field->val, field->len);
	if (n.magnitude > precision - scale)
		return value_misfit(out, FIT_PRECISION, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							numeric_need(precision, scale, &n),
							"a number of %d digits before the point does not fit type %s",
							n.shape.int_digits, shape_type_name(shape, col));
	if (-n.lowest > scale)
		return value_misfit(out, FIT_SCALE, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
							numeric_need(precision, scale, &n),
							"a number of %d digits behind the point does not fit type %s without rounding",
							n.shape.frac_digits, shape_type_name(shape, col));
	return value_take(cell, field->val, field->len);
}

/* Real and double precision: the number must come back as it was written. */
static bool
check_float(const Shape *shape, int col, const JsonField *field,
			FitCell *cell, Misfit *out)
{
	bool		single = (shape->cols[col].tclass == TYPE_FLOAT4);
	Number		n;
	FloatFit	fit;
	char	   *need = "numeric";

	if ((field->kind != JSON_NUMBER && field->kind != JSON_STRING) ||
		!number_parse(field->val, field->len, &n))
		return value_wrong_type(shape, col, field, out);
	fit = number_float(&n, field->val, field->len, single);
	if (fit == FLOAT_EXACT)
		return value_take(cell, field->val, field->len);
	if (single &&
		number_float(&n, field->val, field->len, false) == FLOAT_EXACT)
		need = "double precision";
	if (fit == FLOAT_OVERFLOW)
		return value_misfit(out, FIT_OUT_OF_RANGE,
							ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE, pstrdup(need),
							"a number is out of range for type %s",
							shape_type_name(shape, col));
	return value_misfit(out, FIT_INEXACT, ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE,
						pstrdup(need),
						"a number of %d digits would be changed by type %s",
						n.shape.significant, shape_type_name(shape, col));
}

/* true and false, and the words that boolin knows. */
static bool
check_bool(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	const char *s = field->val;
	const char *end = s + field->len;
	bool		ignored;

	if (field->kind == JSON_BOOL)
		return value_take_ready(cell, field->val, field->len,
								BoolGetDatum(*field->val == 't'));
	if (field->kind != JSON_STRING && field->kind != JSON_NUMBER)
		return value_wrong_type(shape, col, field, out);
	while (s < end && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
		s++;
	while (end > s && (end[-1] == ' ' || (end[-1] >= '\t' && end[-1] <= '\r')))
		end--;
	if (!parse_bool_with_len(s, end - s, &ignored))
		return value_wrong_type(shape, col, field, out);
	return value_take(cell, field->val, field->len);
}

/*
 * Thirty-two hexadecimal digits, in braces or not, with hyphens after any
 * group of four: what the manual's "UUID Type" promises to take.
 */
static bool
is_uuid(const char *s, int len)
{
	int			ndigits = 0;
	int			i;

	if (len > 2 && s[0] == '{' && s[len - 1] == '}')
	{
		s++;
		len -= 2;
	}
	for (i = 0; i < len; i++)
	{
		if (s[i] == '-')
		{
			if (ndigits % 4 != 0 || ndigits == 0 || ndigits == 32 || s[i - 1] == '-')
				return false;
		}
		else if (isxdigit((unsigned char) s[i]))
			ndigits++;
		else
			return false;
	}
	return ndigits == 32;
}

/* The label that stands in for one that is not there, or NULL. */
static const char *
stand_in(const ShapeColumn *more, const char *label)
{
	for (int i = 0; i < list_length(more->stand_ins); i += 2)
	{
		if (strcmp(list_nth(more->stand_ins, i), label) == 0)
			return list_nth(more->stand_ins, i + 1);
	}
	return NULL;
}

/*
 * Labels that were seen are remembered. An unknown one is looked up each
 * time: no lock of ours keeps ALTER TYPE from adding it.
 */
static bool
check_enum(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	const char *existing;
	NameData	label;
	int			i;

	if (field->kind == JSON_OBJECT || field->kind == JSON_ARRAY)
		return value_wrong_type(shape, col, field, out);
	if (field->len < NAMEDATALEN)
	{
		memset(&label, 0, sizeof(label));
		memcpy(NameStr(label), field->val, field->len);
		for (i = 0; i < more->nlabels; i++)
		{
			if (memcmp(&more->labels[i], &label, sizeof(label)) == 0)
				return value_take(cell, field->val, field->len);
		}
		if (SearchSysCacheExists2(ENUMTYPOIDNAME,
								  ObjectIdGetDatum(shape->cols[col].basetype),
								  CStringGetDatum(NameStr(label))))
		{
			if (more->nlabels < LABELS_MAX)
				more->labels[more->nlabels++] = label;
			return value_take(cell, field->val, field->len);
		}
		existing = stand_in(more, NameStr(label));
		if (existing != NULL)
			return value_take(cell, existing, (int) strlen(existing));
	}
	if (field->kind != JSON_STRING)
		return value_wrong_type(shape, col, field, out);
	if (field->len == 0 || field->len >= NAMEDATALEN)
		return value_misfit(out, FIT_BAD_VALUE,
							ERRCODE_INVALID_TEXT_REPRESENTATION, NULL,
							"no label of type %s can be a text of %d bytes",
							shape_type_name(shape, col), field->len);
	return value_misfit(out, FIT_ENUM_LABEL, ERRCODE_INVALID_TEXT_REPRESENTATION,
						pnstrdup(field->val, field->len),
						"type %s has no label \"%s\"",
						shape_type_name(shape, col), NameStr(label));
}

/* Two values for one key, of which a jsonb would keep one. */
static bool
twice_a_key(const Shape *shape, int col, Misfit *out)
{
	return value_misfit(out, FIT_DUPLICATE_KEY,
						ERRCODE_DUPLICATE_JSON_OBJECT_KEY_VALUE, NULL,
						"the same key twice with different values in one object, of which type %s would keep the last",
						shape_type_name(shape, col));
}

/*
 * A text that is to be read as JSON. What our own scanner does not take is the
 * input function's to refuse, or to take after all (nested deeper than we look).
 */
static bool
check_json_text(const Shape *shape, int col, const JsonField *field,
				FitCell *cell, Misfit *out)
{
	ShapeColumn *more = &shape->work->cols[col];
	JsonText   *t = &shape->work->text;
	const char *end = field->val + field->len;
	JsonField	made;
	const char *p;

	memset(&made, 0, sizeof(made));
	jsontext_start(t, field->val, field->len);
	p = jsontext_blank(field->val, end);
	if (p < end)
		p = jsontext_value(t, p, &made);
	if (p == NULL || t->fault != JSON_FINE || jsontext_blank(p, end) != end ||
		made.rawlen == 0)
		made.wild = true;
	else if (shape->cols[col].tclass == TYPE_JSONB && made.unsure &&
			 jsonkeys_differ(t, made.raw, made.rawlen))
		return twice_a_key(shape, col, out);
	if ((made.wild || more->constrained) &&
		!opaque_accepts(shape, col, field->val, field->len, out))
		return false;
	return value_take(cell, field->val, field->len);
}

bool
value_fits(const Shape *shape, int col, const JsonField *field,
		   FitCell *cell, Misfit *out)
{
	bool		fits = false;

	switch (shape->cols[col].tclass)
	{
		case TYPE_TEXT:
			fits = value_take(cell, field->val, field->len);
			break;
		case TYPE_VARCHAR:
		case TYPE_BPCHAR:
			fits = check_limited(shape, col, field, cell, out);
			break;
		case TYPE_INT2:
		case TYPE_INT4:
		case TYPE_INT8:
			fits = check_integer(shape, col, field, cell, out);
			break;
		case TYPE_NUMERIC:
			fits = check_numeric(shape, col, field, cell, out);
			break;
		case TYPE_FLOAT4:
		case TYPE_FLOAT8:
			fits = check_float(shape, col, field, cell, out);
			break;
		case TYPE_BOOL:
			fits = check_bool(shape, col, field, cell, out);
			break;
		case TYPE_UUID:
			if (field->kind == JSON_STRING && is_uuid(field->val, field->len))
				fits = value_take(cell, field->val, field->len);
			else
				fits = value_wrong_type(shape, col, field, out);
			break;
		case TYPE_JSON:
		case TYPE_JSONB:
			if (field->kind == JSON_STRING && shape->work->doc != NULL && shape->work->doc->input)
				return check_json_text(shape, col, field, cell, out);
			fits = value_take(cell, field->raw, field->rawlen);
			if (shape->cols[col].tclass == TYPE_JSON)
				break;
			if (unlikely(field->unsure) &&
				jsonkeys_differ(&shape->work->text, field->raw, field->rawlen))
				return twice_a_key(shape, col, out);
			fits = value_take(cell, field->raw, field->rawlen);
			if (field->wild && !shape->work->cols[col].constrained)
				fits = opaque_accepts(shape, col, cell->val, cell->len, out);
			break;
		case TYPE_ENUM:
			fits = check_enum(shape, col, field, cell, out);
			break;
		case TYPE_OTHER:
			return opaque_fits(shape, col, field, cell, out);
	}
	if (fits && shape->work->cols[col].constrained)
		fits = opaque_accepts(shape, col, cell->val, cell->len, out);
	return fits;
}

/* See fit.h. What the check has proved to be a text is taken as it is. */
Datum
fit_value(const Shape *shape, int col, const FitCell *cell)
{
	FitColumn  *column = &shape->cols[col];

	if (cell->ready)
		return cell->value;
	if (!column->is_domain &&
		(column->tclass == TYPE_TEXT || column->tclass == TYPE_VARCHAR ||
		 column->tclass == TYPE_JSON))
		return PointerGetDatum(cstring_to_text_with_len(cell->val, cell->len));
	return InputFunctionCall(&column->in,
							 shape_cstring(shape, cell->val, cell->len),
							 column->ioparam, column->typmod);
}

/*
 * Can what is sent for a generated column be compared with what the table
 * computes? Not where a trigger or a rule may change the row first, nor where
 * partitions compute each for itself.
 */
static bool
is_comparable(const Shape *shape)
{
	FitWork    *work = shape->work;

	if (!shape->comparable)
		return false;
	if (work->fills < 0)
		work->fills = fills_nulls(shape->relid);
	return !work->fills;
}

/* See the header. */
bool
value_computed(const Shape *shape, int col, const JsonField *field, FitCell *cell, Misfit *out)
{
	const FitColumn *column = &shape->cols[col];

	if (column->generated && is_comparable(shape))
	{
		if (field->kind == JSON_NULL || value_fits(shape, col, field, cell, out))
			return true;
		cell->state = CELL_NULL;
		fit_words(out);
		return value_misfit(out, FIT_GENERATED, ERRCODE_GENERATED_ALWAYS, NULL,
							"the database computes column \"%s\" by itself, and no such value: %s",
							NameStr(column->name), out->message);
	}
	return value_misfit(out, FIT_GENERATED, ERRCODE_GENERATED_ALWAYS, NULL,
						"the database computes column \"%s\" by itself",
						NameStr(column->name));
}
