/*
 * playbook.c
 *	  What we know by heart: from findings to steps.
 *
 * The table below is the documentation: which class of misfit has a playbook,
 * and which has none and why. A builder is given all that was learnt about a
 * column, not one finding alone, so that a column which is too small in two
 * ways is changed once, to the type that ends both.
 *
 * A step is the smallest that makes every value fit; "smallest" counts what
 * the next value would cost as well, hence bigint for a new key. What a builder did not choose it says, with the reason: a
 * person who reads the audit should not have to guess.
 */
#include "postgres.h"

#include "catalog/heap.h"
#include "catalog/pg_type.h"
#include "decide/labels.h"
#include "decide/lattice.h"
#include "decide/playbook.h"
#include "decide/widen.h"
#include "observe/contract.h"
#include "utils/builtins.h"

/* A builder: fills step, explanation and options, or leaves the step NULL. */
typedef void (*Builder) (Remedy *r, const Evidence *e);

static void add_column(Remedy *r, const Evidence *e);
static void drop_not_null(Remedy *r, const Evidence *e);

/*
 * class, playbook, builder; or class and the reason why there is none. A
 * class that is not listed has the reason of the last row.
 */
static const struct
{
	FitClass	class;
	const char *name;
	Builder		build;
	const char *reason;
}			playbooks[] =

{
	{FIT_UNKNOWN_KEY, "add_column", add_column, NULL},
	{FIT_TOO_LONG, "widen_type", widen_type, NULL},
	{FIT_OUT_OF_RANGE, "widen_type", widen_type, NULL},
	{FIT_PRECISION, "widen_type", widen_type, NULL},
	{FIT_SCALE, "widen_type", widen_type, NULL},
	{FIT_FRACTION, "widen_type", widen_type, NULL},
	{FIT_INEXACT, "widen_type", widen_type, NULL},
	{FIT_NULL_VALUE, "drop_not_null", drop_not_null, NULL},
	{FIT_MISSING_KEY, "drop_not_null", drop_not_null, NULL},
	{FIT_ENUM_LABEL, "add_enum_label", labels_add, NULL},
	{FIT_WRONG_TYPE, NULL, NULL,
	"a bad value changes no table: it is of another type than its column"},
	{FIT_BAD_VALUE, NULL, NULL,
	"a bad value changes no table: no type of this family could hold it"},
	{FIT_TOO_WIDE, NULL, NULL,
	"a bad value changes no table: it is wider than selfheal.max_width"},
	{FIT_GENERATED, NULL, NULL,
	"the database computes this column, and a load cannot set it"},
	{FIT_KEY_TOO_LONG, NULL, NULL,
	"no column can have a name of more than 63 bytes"},
	{FIT_BAD_KEY, NULL, NULL,
		"no column can have this name: it is empty, or PostgreSQL keeps it for "
	"itself"},
	{FIT_BAD_JSON, NULL, NULL,
	"a bad row changes no table: it is not JSON"},
	{FIT_NOT_OBJECT, NULL, NULL,
	"a bad row changes no table: it is no JSON object, so it has no columns"},
	{FIT_NUL, NULL, NULL,
	"a bad value changes no table: no text can hold the character NUL"},
	{FIT_SURROGATE, NULL, NULL,
	"a bad value changes no table: half a surrogate pair is no character"},
	{FIT_DUPLICATE_KEY, NULL, NULL,
	"a bad row changes no table: one key has two different values"},
	{FIT_TOO_DEEP, NULL, NULL,
	"a bad row changes no table: it is nested too deeply"},
	{FIT_BAD_ENCODING, NULL, NULL,
	"a bad row changes no table: its bytes are not text in this encoding"},
	{FIT_TOO_LARGE, NULL, NULL,
	"a bad row changes no table: it is larger than selfheal.max_payload"},
	{FIT_UNIQUE, NULL, NULL,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_FOREIGN_KEY, NULL, NULL,
	"the row it refers to is missing: no step weakens a foreign key"},
	{FIT_CHECK, NULL, NULL,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_EXCLUSION, NULL, NULL,
	"a constraint is a rule of the business: no step weakens one"},
	{FIT_PARTITION, NULL, NULL,
	"no partition takes the row, and no built-in playbook makes one"},
	{FIT_PERMISSION, NULL, NULL,
	"the loading role lacks a privilege: nothing here grants one"},
	{FIT_TRIGGER, NULL, NULL,
	"the table's own code refused the row: that is its owner's word"},
	{FIT_RETRY, NULL, NULL,
	"nothing is wrong with the table: the row is tried again"},
	{FIT_LIMIT, NULL, NULL,
	"the row is beyond a limit of PostgreSQL that no column type lifts"},
	{FIT_OTHER, NULL, NULL,
	"no playbook knows this: the row is held and the table stays as it is"},
};

/* A misfit of the column's type? These share one step. */
static bool
is_about_type(FitClass class)
{
	return class == FIT_TOO_LONG || class == FIT_OUT_OF_RANGE ||
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
	if (is_about_type(a->class))
		return is_about_type(b->class);
	if (a->class == FIT_NULL_VALUE || a->class == FIT_MISSING_KEY)
		return b->class == FIT_NULL_VALUE || b->class == FIT_MISSING_KEY;
	return a->class == b->class;
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
		sum.fits_int2 &= e->fits_int2;
		sum.fits_int4 &= e->fits_int4;
	}
	return sum;
}

/*
 * A new key of which the team has said something: the type of its column, or
 * a column that is not there any more.
 */
static void
add_hinted(Remedy *r)
{
	const Finding *f = r->finding;
	Oid			type;
	int32		typmod;

	if (r->hint->type == NULL && r->hint->rename_to != NULL)
	{
		r->explanation = psprintf("The key %s goes to column %s by a hint, and the table has "
								  "no such column: it takes another hint, or unhint().",
								  quote_identifier(f->column),
								  quote_identifier(r->hint->rename_to));
		return;
	}
	if (r->hint->type == NULL)
		elog(ERROR, "key \"%s\" is not left out", f->column);
	lattice_parse(r->hint->type, &type, &typmod);
	r->step = plan_step(STEP_ADD_COLUMN, f->column, type, typmod);
	r->explanation = psprintf("%s the new key %s, whose column is of type %s by a hint.",
							  remedy_rows_bring(f), quote_identifier(f->column), r->hint->type);
	remedy_option(r, true, psprintf("new column of type %s", r->hint->type),
				  "the team has said so");
	remedy_option(r, false, "the type that its values prove",
				  "the team's word comes before what is inferred");
}

/*
 * A new key becomes a nullable column of the type that all its values prove.
 */
static void
add_column(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	Oid			type = infer_type(e);
	char	   *name;

	if (SystemAttributeByName(f->column) != NULL)
	{
		r->explanation = psprintf("PostgreSQL keeps the name %s for itself: no "
								  "column can have it.",
								  quote_identifier(f->column));
		return;
	}
	if (r->hint != NULL)
	{
		add_hinted(r);
		return;
	}
	if (!OidIsValid(type))
	{
		r->replay_only = true;
		r->explanation = psprintf("The new key %s was always null, which tells "
								  "no type and needs no column.",
								  quote_identifier(f->column));
		remedy_option(r, true, "no column", "only nulls were seen");
		return;
	}

	name = lattice_name(type, -1);
	r->step = plan_step(STEP_ADD_COLUMN, f->column, type, -1);
	r->explanation = psprintf("%s the new key %s, and %s %s.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  e->values == 1 ? "its value fits" :
							  psprintf("all " INT64_FORMAT " values seen fit",
									   e->values), name);
	remedy_option(r, true, psprintf("new column of type %s", name),
				  "the smallest type that every value seen proves and the next one "
				  "will not outgrow");
	switch (type)
	{
		case TEXTOID:
			remedy_option(r, false, "varchar(n)",
						  "a guessed limit is the next failure");
			break;
		case INT8OID:
			remedy_option(r, false, "integer",
						  "it may be outgrown, and to widen it rewrites the table");
			break;
		case NUMERICOID:
			remedy_option(r, false, "double precision",
						  "it does not keep every digit");
			break;
		case JSONBOID:
			remedy_option(r, false, "a table of its own",
						  "what the parts mean is for a person to say");
			break;
		default:
			remedy_option(r, false, "text", "every value proves more than that");
			break;
	}
	r->alike = f->alike;
	if (r->alike != NULL)
	{
		r->explanation = psprintf("%s It may be another spelling of %s, with which no "
								  "payload brings it together: hint() says where it goes, "
								  "approval makes it a column of its own.",
								  r->explanation, quote_identifier(r->alike));
		remedy_option(r, false, psprintf("the same as %s", r->alike),
					  "whether it is, only the team can say: hint()");
	}
	remedy_option(r, false, "leave the key out", "its values would be lost");
	remedy_option(r, false, "NOT NULL or a default",
				  "rows that are stored already never had a value");
}

/* A null, or no value at all, where one must be. */
static void
drop_not_null(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;

	if (f->target == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	if (f->target->is_domain && !f->target->notnull)
	{
		r->explanation = psprintf("NOT NULL of %s comes from its domain, which "
								  "other columns may share.",
								  quote_identifier(f->column));
		return;
	}
	r->step = plan_step(STEP_DROP_NOT_NULL, f->column, InvalidOid, -1);
	r->explanation = psprintf("%s no value for column %s, which is NOT NULL with "
							  "%s: without NOT NULL they could be stored.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  f->target->has_default ?
							  "a default that an explicit null does not use" :
							  "no default");
	remedy_option(r, true, "DROP NOT NULL",
				  "the only step that stores the rows as they were sent");
	remedy_option(r, false, "SET DEFAULT", "a value that nobody sent");
	remedy_option(r, false, "hold the rows",
				  "that is what happens until somebody approves");
}

/* The sentence of a class that has no playbook. */
static const char *
reason_without(FitClass class)
{
	int			i;

	for (i = 0; i < (int) lengthof(playbooks) - 1; i++)
		if (playbooks[i].class == class)
			break;
	return playbooks[i].reason;
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
	return is_about_type(f->class) && hint->type != NULL ? hint : NULL;
}

/* The remedy of one finding; done are those of the findings before it. */
static Remedy *
remedy_of(const Diagnosis *d, const Finding *f, const List *done)
{
	Remedy	   *r = palloc0(sizeof(Remedy));
	Evidence	e;
	ListCell   *lc;
	int			i;

	r->finding = f;
	r->hint = word_about(d, f);
	for (i = 0; i < (int) lengthof(playbooks); i++)
		if (playbooks[i].class == f->class && playbooks[i].build != NULL)
			break;
	if (i == (int) lengthof(playbooks) || f->column == NULL || f->contract != NULL)
	{
		char	   *text = pstrdup(f->contract ? f->contract : reason_without(f->class));

		text[0] = pg_toupper((unsigned char) text[0]);
		r->explanation = psprintf("%s.", text);
		return r;
	}

	foreach(lc, done)
	{
		const Remedy *first = lfirst(lc);

		if (!same_subject(first->finding, f))
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
	playbooks[i].build(r, &e);
	r->settled_by = r->step;
	if (r->step != NULL || r->replay_only)
		r->playbook = playbooks[i].name;
	return r;
}

/*
 * One remedy per finding, in the same order and in the current context. They
 * point into the diagnosis. Asks no catalog: whether a step may be made is
 * for vet.c to say.
 */
List *
playbook_remedies(const Diagnosis *d)
{
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, d->findings)
		result = lappend(result, remedy_of(d, lfirst(lc), result));
	return result;
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

		if (step->kind == STEP_ADD_COLUMN)
			term = columns;
		else if (step->kind == STEP_DROP_NOT_NULL)
			term = TERM_EVOLVE;
		if (term != TERM_EVOLVE && hint_find(hints, step->column) == NULL)
			return true;
	}
	return false;
}
