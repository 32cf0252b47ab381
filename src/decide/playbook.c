/*
 * playbook.c
 *	  What we know by heart: from findings to steps.
 *
 * Which class of misfit has a playbook, and which has none and why, stands in
 * classes.c. A builder is given all that was learnt about a column, not one
 * finding alone, so that a column which is too small in two ways is changed
 * once, to the type that ends both.
 *
 * A step is the smallest that makes every value fit; "smallest" counts what
 * the next value would cost as well, hence bigint for a new key. What a builder did not choose it says, with the reason: a
 * person who reads the audit should not have to guess.
 */
#include "postgres.h"

#include "decide/classes.h"
#include "decide/convert.h"
#include "decide/mapsteps.h"
#include "decide/overflow.h"
#include "decide/playbook.h"
#include "observe/contract.h"
#include "read/inlist.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

/* A misfit of the column's type? These share one step. */
static bool
is_about_type(const Finding *f)
{
	FitClass	class = f->class;

	return convert_due(f) || class == FIT_TOO_LONG || class == FIT_OUT_OF_RANGE ||
		class == FIT_PRECISION || class == FIT_SCALE ||
		class == FIT_FRACTION || class == FIT_INEXACT;
}

/* Two findings that one step ends. */
static bool
same_subject(const Finding *a, const Finding *b)
{
	if (a->column == NULL || b->column == NULL ||
		strcmp(a->column, b->column) != 0)
		return false;
	if (is_about_type(a))
		return is_about_type(b);
	if (a->class == FIT_NULL_VALUE || a->class == FIT_MISSING_KEY)
		return b->class == FIT_NULL_VALUE || b->class == FIT_MISSING_KEY;
	return a->class == b->class;
}

/* A default is for rows without the key: a null that was sent takes another
 * step. */
static bool
shares_step(const Finding *a, const Finding *b, const Hint *hint)
{
	return same_subject(a, b) &&
		(a->class == b->class || hint == NULL || hint->default_value == NULL);
}

/*
 * Does an earlier remedy end this finding as well? A notation is one of all of
 * a column's values, whichever class they are of; where it reads none of a
 * class, that has its own playbooks.
 */
static bool
ends(const Remedy *first, const Finding *f, const Hint *hint)
{
	const Finding *a = first->finding;
	FitClass	class = f->class;

	if (first->settled_by != NULL && mapsteps_is(first->settled_by) &&
		a->column != NULL && f->column != NULL && strcmp(a->column, f->column) == 0)
		return (first->reads & (UINT64CONST(1) << class)) != 0;
	return shares_step(a, f, hint);
}

/* What is known of all values that share a step with this finding. */
static Evidence
merged_evidence(const Diagnosis *d, const Finding *f)
{
	Evidence	sum = f->evidence;
	ListCell   *lc;

	foreach(lc, d->findings)
	{
		const Finding *other = lfirst(lc);
		const Evidence *e = &other->evidence;
		int			i;

		if (other == f || !same_subject(f, other))
			continue;
		for (i = 0; i < (int) lengthof(sum.kinds); i++)
			sum.kinds[i] += e->kinds[i];
		sum.values += e->values;
		sum.nulls += e->nulls;
		sum.words += e->words;
		sum.dates += e->dates;
		sum.timestamps += e->timestamps;
		sum.uuids += e->uuids;
		sum.beyond_bigint += e->beyond_bigint;
		sum.fractions += e->fractions;
		sum.max_chars = Max(sum.max_chars, e->max_chars);
		sum.max_int_digits = Max(sum.max_int_digits, e->max_int_digits);
		sum.max_frac_digits = Max(sum.max_frac_digits, e->max_frac_digits);
		sum.max_second_digits = Max(sum.max_second_digits, e->max_second_digits);
		sum.fits_int2 &= e->fits_int2;
		sum.fits_int4 &= e->fits_int4;
	}
	return sum;
}

/*
 * What the team has said that bears on this finding. Where its key goes says
 * nothing of a column that came to have the key's name since.
 */
static const Hint *
word_about(const Diagnosis *d, const Finding *f)
{
	const Hint *hint = f->column ? hint_find(d->hints, f->column) : NULL;

	if (hint == NULL || f->class == FIT_UNKNOWN_KEY)
		return hint;
	if (f->class == FIT_MISSING_KEY)
		return hint->default_value != NULL ? hint : NULL;
	return is_about_type(f) && hint->type != NULL ? hint : NULL;
}

/*
 * The finding that decides for all that share a step with this one: where the
 * family of the column's type is given up, no member of it is any use.
 */
static const Finding *
family_given_up(const Diagnosis *d, const Finding *f)
{
	ListCell   *lc;

	foreach(lc, d->findings)
	{
		if (same_subject(f, lfirst(lc)) && convert_due(lfirst(lc)))
			return lfirst(lc);
	}
	return f;
}

/* A clause as a sentence of its own. */
static char *
sentence(const char *clause)
{
	char	   *text = psprintf("%s.", clause);

	text[0] = pg_toupper((unsigned char) text[0]);
	return text;
}

/* The remedy of one finding; done are those of the findings before it. */
static Remedy *
remedy_of(const Diagnosis *d, const Finding *f, const List *done)
{
	Remedy	   *r = palloc0(sizeof(Remedy));
	Evidence	e;
	ListCell   *lc;
	const MisfitClass *class = class_of(f);

	r->diagnosis = d;
	r->finding = f;
	r->hint = word_about(d, f);
	if (class->playbooks[0].build == NULL || f->contract != NULL ||
		(f->column == NULL && f->refused == NIL && !class->of_row))
	{
		r->explanation = sentence(f->contract ? f->contract : class_reason(f->class));
		return r;
	}

	foreach(lc, done)
	{
		const Remedy *first = lfirst(lc);

		if (!ends(first, f, f->column ? hint_find(d->hints, f->column) : NULL))
			continue;
		r->playbook = first->playbook;
		r->settled_by = first->settled_by;
		r->replay_only = (first->settled_by != NULL);
		r->explanation = r->replay_only ?
			psprintf("The step for column %s that ends %s ends this as well.",
					 quote_identifier(f->column),
					 fit_class_name(first->finding->class)) :
			pstrdup(first->explanation);
		return r;
	}

	e = merged_evidence(d, f);
	r->finding = family_given_up(d, f);
	class = class_of(r->finding);
	for (int i = 0; i < CLASS_PLAYBOOKS && class->playbooks[i].build != NULL; i++)
	{
		class->playbooks[i].build(r, &e);
		if (r->step == NULL && !r->replay_only)
			continue;
		r->playbook = class->playbooks[i].name;
		break;
	}
	r->finding = f;
	r->settled_by = r->step;
	if (r->explanation == NULL)
		r->explanation = sentence(class_reason(f->class));
	return r;
}

/*
 * One remedy per finding, in the same order and in the current context. They
 * point into the diagnosis. Whether a step may be made is for vet.c to say;
 * the catalog is asked only how many columns there may still be, since what
 * goes beyond that shares one.
 */
List *
playbook_remedies(const Diagnosis *d)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, d->findings)
		result = lappend(result, remedy_of(d, lfirst(lc), result));
	overflow_share(d, result);
	return result;
}

/* Words for a list of a CHECK are no matter of the column's type. */
static bool
is_of_list(Oid relid, const PlanStep *step)
{
	AttrNumber	attnum = step->kind == STEP_MAP_VALUE ? get_attnum(relid, step->column) : 0;

	return attnum > 0 && inlist_is_word(get_atttype(relid, attnum));
}

/* See the header. What the team has said of a key comes first, as ever. */
bool
playbook_frozen(const HealPlan *plan)
{
	List	   *hints = hint_list(plan->relid);
	FitTerm		columns;
	FitTerm		types;
	ListCell   *lc;

	contract_terms(plan->relid, &columns, &types);
	foreach(lc, plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		FitTerm		term = types;

		if (step->kind == STEP_ADD_COLUMN || step->kind == STEP_MAP_FIELD ||
			step->kind == STEP_IGNORE_FIELD || step->kind == STEP_OVERFLOW_TO_JSONB)
			term = columns;
		else if (step->kind == STEP_DROP_NOT_NULL || step->kind == STEP_DECODE_TEXT ||
				 step->kind == STEP_STRIP_NUL ||
				 step->kind == STEP_SET_DEFAULT || step->kind == STEP_EXTEND_SEQUENCE ||
				 step->kind == STEP_EXTEND_CHECK_LIST || is_of_list(plan->relid, step))
			term = TERM_EVOLVE;
		if (term != TERM_EVOLVE && hint_find(hints, step->column) == NULL)
			return true;
	}
	return false;
}
