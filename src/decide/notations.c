/*
 * notations.c
 *	  The playbooks of values that are only written in another notation.
 *
 * Nothing is decided here about what a notation means: transform.h does, from
 * all different values that are held. That the steps make the rows fit is
 * proven on the rows themselves before they are used (serve/proving.c).
 */
#include "postgres.h"

#include "base/guc.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/mapsteps.h"
#include "decide/notations.h"
#include "decide/rules.h"
#include "read/nulchars.h"
#include "mb/pg_wchar.h"
#include "read/shown.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* Values of which each is asked alone what it says of a point. */
#define CONTEST_VALUES 1000

/* What is tried on the values of one column. */
typedef struct Reading
{
	Remedy	   *remedy;
	const char *column;
	Oid			basetype;
	TransformSample *samples;	/* that nothing has read so far */
	int			n;
	int			total;
	List	   *steps;			/* PlanStep *, in the order they are applied */
	PlanStep   *main;			/* of them, what reads the rest; or NULL */
} Reading;

/* Can a finding of this class be one of notation, whatever else is held? */
static bool
is_notation(FitClass class)
{
	return class == FIT_WRONG_TYPE || class == FIT_BAD_VALUE;
}

/* The transform that reads values for a type; false: none does. */
static bool
reads_type(Oid basetype, TransformKind *kind, MappingKind *mapping)
{
	char		category;
	bool		preferred;

	get_type_category_preferred(basetype, &category, &preferred);
	if (category == TYPCATEGORY_DATETIME)
	{
		*kind = TRANSFORM_TIMESTAMP;
		*mapping = MAP_PARSE_TIMESTAMP;
		return true;
	}
	if (basetype == INT2OID || basetype == INT4OID || basetype == INT8OID ||
		basetype == NUMERICOID || basetype == FLOAT4OID || basetype == FLOAT8OID)
	{
		*kind = TRANSFORM_NUMBER;
		*mapping = MAP_PARSE_NUMBER;
		return true;
	}
	*kind = TRANSFORM_POINT;
	*mapping = MAP_PARSE_POINT;
	return basetype == POINTOID;
}

static char *
shown(const Jsonb *args)
{
	return JsonbToCString(NULL, &unconstify(Jsonb *, args)->root, VARSIZE(args));
}

/* A text in a variable's place of a JSON object. */
static Jsonb *
with_word(const Jsonb *args, const char *name, const char *word)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"%s\": ", name);
	escape_json(&buf, word);
	appendStringInfoChar(&buf, '}');
	return DatumGetJsonbP(DirectFunctionCall2(jsonb_concat, JsonbPGetDatum(args),
											  DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data))));
}

/* ---- the values ---- */

/*
 * All values of the finding's column that may be of another notation. Digits
 * behind a point are only where other values show that the point is no
 * decimal sign, and only as text: a number in JSON is what it says.
 */
static void
gather(Reading *reading, TransformKind kind)
{
	const Remedy *r = reading->remedy;
	Samples    *all = NULL;
	int			others;
	ListCell   *lc;

	foreach(lc, r->diagnosis->findings)
	{
		const Finding *f = lfirst(lc);

		if (f->column != NULL && strcmp(f->column, reading->column) == 0 && f->samples != NULL &&
			(is_notation(f->class) || f->class == r->finding->class ||
			 (kind == TRANSFORM_NUMBER && (f->class == FIT_FRACTION || f->class == FIT_SCALE))))
			all = samples_join(all, f->samples);
	}
	reading->samples = samples_of(all, kind == TRANSFORM_NUMBER ? JSON_STRING : -1, &reading->n);
	reading->total = reading->n;
	if (kind == TRANSFORM_NUMBER && all != NULL)
	{
		/* what is neither: true, an object */
		(void) samples_of(all, JSON_NUMBER, &others);
		reading->total = all->n - others;
	}
}

/*
 * Take out what this transform reads, or keep what it makes (when keep) in the
 * place of what was sent. Returns how many values it does something to.
 */
static int
apply(Reading *reading, TransformKind kind, const Jsonb *args, bool keep)
{
	Transform  *t = transform_make(kind, args, reading->basetype, CurrentMemoryContext);
	int			left = 0;
	int			done = 0;

	for (int i = 0; i < reading->n; i++)
	{
		TransformSample *v = &reading->samples[i];
		const char *out;
		int			len;
		TransformOutcome outcome = transform_apply(t, v->kind, v->val, v->len, &out, &len);

		if (outcome == TRANSFORM_TORN)
			outcome = TRANSFORM_LEFT;
		done += outcome != TRANSFORM_LEFT;
		if (outcome == TRANSFORM_MADE && keep)
		{
			v->kind = JSON_STRING;
			v->val = pnstrdup(out, len);
			v->len = len;
		}
		else if (outcome != TRANSFORM_LEFT)
			continue;
		reading->samples[left++] = *v;
	}
	reading->n = left;
	return done;
}

/* Note a step of this kind. */
static PlanStep *
add_step(Reading *reading, MappingKind kind, const Jsonb *args)
{
	PlanStep   *step = mapsteps_make(kind, reading->column, NULL, args);

	reading->steps = lappend(reading->steps, step);
	return step;
}

/* ---- what they prove ---- */

/* What only a person can say: the arguments as we offer them, and his question
 * in the remedy. The house rule is that nothing is assumed: the answer that is
 * offered runs when he approves it. */
static Jsonb *
ask_person(Reading *reading, TransformKind kind, const Jsonb *args, const char *why)
{
	Remedy	   *r = reading->remedy;

	if (kind == TRANSFORM_POINT)
	{
		r->question = psprintf("%s: approve when x (longitude) comes first; when y (latitude) does, "
							   "reject() and add_mapping() with \"order\": \"yx\"", why);
		remedy_option(r, false, "\"order\": \"yx\"", "the same values read the other way: only the team knows");
		return with_word(args, "order", "xy");
	}
	r->question = psprintf("%s: approve when it is UTC; else reject() and add_mapping() with its \"zone\"", why);
	remedy_option(r, false, "\"zone\" of another place", "only the team knows whose clock the column keeps");
	return with_word(args, "zone", "UTC");
}

/* What reads the values that are left; false with a reason when some have no
 * reading, or two. */
static bool
read_rest(Reading *reading, TransformKind kind, MappingKind mapping, char **why)
{
	Jsonb	   *args = transform_infer(kind, reading->samples, reading->n, reading->basetype, why);

	if (args == NULL)
		return false;
	if (*why != NULL)
		args = ask_person(reading, kind, args, *why);
	reading->main = add_step(reading, mapping, args);
	(void) apply(reading, kind, args, false);
	return true;
}

/* Blanks first, then the words for nothing, then the reading. */
static char *
read_all(Reading *reading, bool reads, TransformKind kind, MappingKind mapping)
{
	char	   *why = NULL;
	char	   *ignored = NULL;
	Jsonb	   *args;

	args = transform_infer(TRANSFORM_TRIM, reading->samples, reading->n, reading->basetype, &ignored);
	if (args != NULL && apply(reading, TRANSFORM_TRIM, args, true) > 0)
		(void) add_step(reading, MAP_TRIM, args);
	args = reading->remedy->finding->target->notnull ? NULL :
		transform_infer(TRANSFORM_NULL_IF, reading->samples, reading->n, reading->basetype, &ignored);
	if (args != NULL && apply(reading, TRANSFORM_NULL_IF, args, false) > 0)
		(void) add_step(reading, MAP_NULL_IF, args);
	if (reads && reading->n > 0 && reading->total > 0)
		(void) read_rest(reading, kind, mapping, &why);
	return reading->main == NULL ? why : NULL;
}

/* ---- what is said of it ---- */

static const char *
why_of(StepKind kind)
{
	switch (kind)
	{
		case STEP_TRIM:
			return "blanks around a value say nothing, and this type cannot hold them";
		case STEP_NULL_IF:
			return "words that stand for no value: whether they do, a person says";
		default:
			return "one reading is proven by all values that are held";
	}
}

/* "parse_number {...}" */
static char *
step_words(const PlanStep *step)
{
	return psprintf("%s %s", plan_step_name(step->kind), shown(step->args));
}

/* Steps, explanation and options of a reading that came to something. */
static void
conclude(Reading *reading, const char *why_not)
{
	Remedy	   *r = reading->remedy;
	const char *type = lattice_name(r->finding->target->type, r->finding->target->typmod);
	StringInfoData buf;
	ListCell   *lc;

	r->step = reading->main ? reading->main : llast(reading->steps);
	foreach(lc, reading->steps)
	{
		if (lfirst(lc) != r->step)
			r->also = lappend(r->also, lfirst(lc));
		remedy_option(r, true, step_words(lfirst(lc)), why_of(((PlanStep *) lfirst(lc))->kind));
	}
	initStringInfo(&buf);
	appendStringInfo(&buf, "%s values for column %s that type %s does not read as they are sent: ",
					 remedy_rows_bring(r->finding), quote_identifier(reading->column), type);
	foreach(lc, reading->steps)
		appendStringInfo(&buf, "%s%s", lc == list_head(reading->steps) ? "" : ", ",
						 step_words(lfirst(lc)));
	appendStringInfo(&buf, " %s ", list_length(reading->steps) > 1 ? "read" : "reads");
	if (reading->n > 0)
		appendStringInfo(&buf, "%d of ", reading->total - reading->n);
	appendStringInfo(&buf, "%d different %s. What was sent is kept.", reading->total,
					 reading->total == 1 ? "one" : "ones");
	if (why_not != NULL)
		appendStringInfo(&buf, " The others stay held: %s.", why_not);
	if (r->question != NULL)
		appendStringInfo(&buf, " A person must say one thing: %s.", r->question);
	r->explanation = buf.data;
	remedy_option(r, false, psprintf("text instead of %s", type),
				  "what reads the column relies on its type");
	remedy_option(r, false, "amend the rows", "the next ones would be written the same way");
}

/* Is any value of this finding read by one of the steps? */
static bool
reads_any(const Reading *reading, const Finding *f)
{
	ListCell   *lc;

	foreach(lc, mapsteps_mappings(reading->remedy->diagnosis->relid, reading->steps))
	{
		const Mapping *m = lfirst(lc);
		TransformKind kind;
		Transform  *t;

		if (!mapping_transform(m->kind, &kind))
			continue;
		t = transform_make(kind, m->args, reading->basetype, CurrentMemoryContext);
		for (int i = 0; i < f->samples->n; i++)
		{
			const TransformSample *v = &f->samples->values[i];
			const char *out;
			int			len;
			TransformOutcome outcome = transform_apply(t, v->kind, v->val, v->len, &out, &len);

			if (outcome == TRANSFORM_MADE || outcome == TRANSFORM_NULLED)
				return true;
		}
	}
	return false;
}

/* Note which findings of the column the steps are for. */
static void
note_reads(Reading *reading)
{
	ListCell   *lc;

	foreach(lc, reading->remedy->diagnosis->findings)
	{
		const Finding *f = lfirst(lc);

		if (f->column != NULL && strcmp(f->column, reading->column) == 0 && f->samples != NULL &&
			f->class < FIT_UNIQUE && reads_any(reading, f))
			reading->remedy->reads |= UINT64CONST(1) << f->class;
	}
}

/* A reading of the same kind that the column has already: what was read by it
 * must be read in future, too. Not to be guessed. */
static bool
has_reading(Reading *reading)
{
	const List *present = mapping_list(reading->remedy->diagnosis->relid);
	ListCell   *lc;

	foreach(lc, mapsteps_mappings(reading->remedy->diagnosis->relid, reading->steps))
	{
		const Mapping *there = mapping_replaces(present, lfirst(lc));

		if (there == NULL)
			continue;
		reading->remedy->explanation =
			psprintf("%s values for column %s that mapping " INT64_FORMAT " (%s) does not read. Another "
					 "one would take its place, and what it reads now would be held: add_mapping() with "
					 "all notations says how both are read. These alone would be read by %s.",
					 remedy_rows_bring(reading->remedy->finding), quote_identifier(reading->column),
					 there->id, mapping_words(there), step_words(llast(reading->steps)));
		return true;
	}
	return false;
}

/* See the header. */
void
notations_read(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Reading		reading = {.remedy = r,.column = f->column};
	TransformKind kind = TRANSFORM_TRIM;
	MappingKind mapping = MAP_TRIM;
	bool		reads;
	char	   *why;

	if (f->target == NULL || f->samples == NULL)
		return;
	reading.basetype = f->target->basetype;
	reads = reads_type(reading.basetype, &kind, &mapping);
	gather(&reading, kind);
	if (reading.n == 0)
		return;
	why = read_all(&reading, reads, kind, mapping);
	note_reads(&reading);
	if ((r->reads & (UINT64CONST(1) << f->class)) == 0)
		reading.steps = NIL;	/* they are for another finding */
	if (reading.steps != NIL && has_reading(&reading))
		return;
	if (reading.steps != NIL)
		conclude(&reading, why);
	else if (why != NULL)
		r->explanation = psprintf("%s values for column %s that are not of type %s, and how to read "
								  "them is not certain: %s.",
								  remedy_rows_bring(f), quote_identifier(f->column),
								  lattice_name(f->target->type, f->target->typmod), why);
}

/* See the header. */
void
notations_beside(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	bool		beside = false;
	ListCell   *lc;

	if ((f->class != FIT_FRACTION && f->class != FIT_SCALE) || f->evidence.kinds[JSON_STRING] == 0)
		return;
	foreach(lc, r->diagnosis->findings)
	{
		const Finding *other = lfirst(lc);

		beside |= other->class == FIT_WRONG_TYPE && other->column != NULL && f->column != NULL &&
			strcmp(other->column, f->column) == 0;
	}
	if (beside && r->hint == NULL)
		notations_read(r, e);
	if (r->step == NULL || r->step->kind != STEP_PARSE_NUMBER)
	{
		r->step = NULL;
		r->also = NIL;
		r->options = NIL;
		r->question = NULL;
		r->reads = 0;
		r->explanation = NULL;
	}
}

/* Has this one value a reading, in which a point is no decimal sign? */
static bool
denies_point(const TransformSample *v, Oid basetype)
{
	char	   *ignored = NULL;
	Jsonb	   *args;
	JsonbValue	sign;

	if (v->kind != JSON_STRING)
		return false;
	args = transform_infer(TRANSFORM_NUMBER, v, 1, basetype, &ignored);
	if (args == NULL)
		return false;
	if (getKeyJsonValueFromContainer(&args->root, "decimal", 7, &sign) != NULL &&
		sign.type == jbvString && sign.val.string.val[0] == ',')
		return true;
	return strstr(shown(args), "[\".\"]") != NULL;
}

/* See the header. */
char *
notations_contested(const Remedy *r)
{
	const Finding *f = r->finding;
	ListCell   *lc;

	if (f->target == NULL || (f->class != FIT_FRACTION && f->class != FIT_SCALE) ||
		f->evidence.kinds[JSON_STRING] == 0)
		return NULL;
	foreach(lc, r->diagnosis->findings)
	{
		const Finding *other = lfirst(lc);

		if (other->class != FIT_WRONG_TYPE || other->samples == NULL || other->column == NULL ||
			f->column == NULL || strcmp(other->column, f->column) != 0)
			continue;
		for (int i = 0; i < Min(other->samples->n, CONTEST_VALUES); i++)
		{
			const TransformSample *v = &other->samples->values[i];

			if (denies_point(v, f->target->basetype))
				return shown_value(v->val, v->len);
		}
	}
	return NULL;
}

/* Is this a label of the enum? */
static bool
is_label(Oid type, const TransformSample *v)
{
	return v->len < NAMEDATALEN &&
		SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type),
							  CStringGetDatum(pnstrdup(v->val, v->len)));
}

/* See the header. Whatever else the words are, playbooks of labels say. */
void
notations_label(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Reading		reading = {.remedy = r,.column = f->column};
	char	   *ignored;
	Jsonb	   *args;
	int			left = 0;

	if (f->target == NULL || f->target->tclass != TYPE_ENUM || f->samples == NULL)
		return;
	reading.basetype = f->target->basetype;
	reading.samples = samples_of(f->samples, JSON_STRING, &reading.n);
	reading.total = reading.n;
	args = transform_infer(TRANSFORM_TRIM, reading.samples, reading.n, reading.basetype, &ignored);
	if (args == NULL || apply(&reading, TRANSFORM_TRIM, args, true) == 0)
		return;
	for (int i = 0; i < reading.n; i++)
		left += !is_label(reading.basetype, &reading.samples[i]);
	if (left == reading.total)
		return;
	reading.n = left;
	(void) add_step(&reading, MAP_TRIM, args);
	r->reads = UINT64CONST(1) << f->class;
	if (!has_reading(&reading))
		conclude(&reading, NULL);
}

/* ---- bytes ---- */

/* Is all of it text in this encoding, and printable? What holds a NUL is text
 * in none, and says nothing of one: *others counts it. */
static bool
decodes(const Samples *samples, int encoding, int *others)
{
	*others = 0;
	for (int i = 0; i < samples->n; i++)
	{
		char	   *out;
		size_t		len;
		bool		printable;

		if (memchr(samples->values[i].val, '\0', samples->values[i].len) != NULL)
		{
			(*others)++;
			continue;
		}
		if (!transform_decode(samples->values[i].val, samples->values[i].len,
							  encoding, &out, &len, &printable))
			return false;
		pfree(out);
	}
	return *others < samples->n;
}

/* See the header. */
void
notations_decode(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	char	   *names = pstrdup(guc_encodings);
	List	   *encodings;
	int			others;
	ListCell   *lc;

	if (f->class != FIT_BAD_ENCODING || f->samples == NULL)
		return;
	if (!SplitIdentifierString(names, ',', &encodings) || encodings == NIL)
		return;
	foreach(lc, encodings)
	{
		const char *name = pg_encoding_to_char(pg_char_to_encoding(lfirst(lc)));

		if (!decodes(f->samples, pg_char_to_encoding(lfirst(lc)), &others))
		{
			remedy_option(r, false, psprintf("encoding %s", name),
						  "not all held rows are printable text in it");
			continue;
		}
		r->step = mapsteps_make(MAP_DECODE_TEXT, NULL, NULL,
								DatumGetJsonbP(DirectFunctionCall1(jsonb_in,
																   CStringGetDatum(psprintf("{\"encodings\": [\"%s\"]}", name)))));
		r->explanation = psprintf("%s bytes that are no text in %s, and all of them %sare printable text in %s: "
								  "from its approval on payloads that are no text are read in it. What was sent is kept.",
								  remedy_rows_bring(f), GetDatabaseEncodingName(),
								  others > 0 ? "but those with a NUL " : "", name);
		remedy_option(r, true, psprintf("encoding %s", name),
					  "the first of selfheal.encodings in which all held rows are printable text");
		return;
	}
	r->explanation = psprintf("%s bytes that are no text in %s, and in none of selfheal.encodings (%s) are all "
							  "of them printable text.",
							  remedy_rows_bring(f), GetDatabaseEncodingName(), guc_encodings);
}

/* See the header. Whoever has said nothing of it keeps what was sent. */
void
notations_strip(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	const PolicyRule *rule;

	if (f->class != FIT_NUL || f->target == NULL || !nulchars_takes(f->target->basetype))
		return;
	rule = rules_find(rules_read(r->diagnosis->relid), STEP_STRIP_NUL, COST_METADATA);
	if (rule == NULL || rule->step != STEP_STRIP_NUL || rule->verdict == RULE_DENY)
		return;
	r->step = mapsteps_make(MAP_STRIP_NUL, f->column, NULL, NULL);
	r->reads = UINT64CONST(1) << f->class;
	r->explanation = psprintf("%s the character \\u0000 in values for column %s, which no text can hold: "
							  "it is left out, as a policy says. What was sent is kept.",
							  remedy_rows_bring(f), quote_identifier(f->column));
	remedy_option(r, true, "strip_nul", "a policy names it");
	remedy_option(r, false, "bytea instead of text", "what reads the column relies on its type");
}
