/*
 * widen.c
 *	  The playbook of a column that is too small for its values.
 *
 * "Smallest" counts what the next value would cost as well, hence the ladder
 * for varchar.
 */
#include "postgres.h"

#include "base/guc.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/notations.h"
#include "decide/widen.h"
#include "orient/refused.h"
#include "orient/taught.h"
#include "utils/builtins.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

/* Digits that a double precision always gives back as they were written. */
#define FLOAT8_SAFE_DIGITS 15

/* Sizes of varchar that we give; above the last there is text. */
static const int ladder[] = {32, 64, 128, 256, 512, 1024, 2048, 4096};

/*
 * Numbers that came as strings are not counted digit by digit. Where all of
 * them did, only a type without limits is known to hold them.
 */
static bool
digits_known(const Evidence *e)
{
	return e->kinds[JSON_STRING] == 0 ||
		e->max_int_digits > 0 || e->max_frac_digits > 0;
}

/* The step of a column whose values are too big for its type. */
static void
take_type(Remedy *r, Oid type, int32 typmod, const char *why)
{
	const Finding *f = r->finding;

	r->step = plan_step(STEP_WIDEN_TYPE, f->column, type, typmod);
	r->explanation = psprintf("%s values that column %s, %s, cannot hold (%s); "
							  "it becomes %s, %s.",
							  remedy_rows_bring(f), quote_identifier(f->column),
							  lattice_name(f->target->type, f->target->typmod),
							  fit_class_name(f->class),
							  lattice_name(type, typmod), why);
	if (f->taught > 0 && r->hint == NULL)
		r->explanation = psprintf("%s It had that type since %s.", r->explanation, taught_words(f));
	remedy_option(r, true, lattice_name(type, typmod), why);
}

/* No step; a person is needed. */
static void
no_step(Remedy *r, const char *why)
{
	r->explanation = psprintf("%s values that column %s, %s, cannot hold (%s), "
							  "and no playbook widens it: %s.",
							  remedy_rows_bring(r->finding),
							  quote_identifier(r->finding->column),
							  lattice_name(r->finding->target->type,
										   r->finding->target->typmod),
							  fit_class_name(r->finding->class), why);
}

/* A column whose type the team has said: that one or none. */
static void
widen_hinted(Remedy *r)
{
	const FitColumn *col = r->finding->target;
	Oid			type;
	int32		typmod;

	lattice_parse(r->hint->type, &type, &typmod);
	if (type == col->type && typmod == col->typmod)
	{
		no_step(r, "that is its type by a hint");
		return;
	}
	take_type(r, type, typmod, "since the team has said so");
	remedy_option(r, false, "the type that the values need",
				  "the team's word comes before what is inferred");
}

/* See the header. */
int32
widen_rung(int chars)
{
	for (int i = 0; i < (int) lengthof(ladder); i++)
		if (ladder[i] >= chars)
			return ladder[i] + VARHDRSZ;
	return -1;
}

/* varchar(n): the next rung of the ladder that holds the longest value. */
static void
widen_varchar(Remedy *r, const Evidence *e)
{
	int			n = r->finding->target->typmod - (int) VARHDRSZ;
	int			need = e->max_chars;
	int32		rung = widen_rung(need);

	if (need <= n)
	{
		no_step(r, "its length was not seen");
		return;
	}
	if (need > guc_max_width)
	{
		no_step(r, psprintf("%d characters are more than selfheal.max_width",
							need));
		return;
	}
	if (rung >= 0)
	{
		take_type(r, VARCHAROID, rung,
				  psprintf("the first rung of the ladder with room for %d "
						   "characters", need));
		if (rung != need + (int32) VARHDRSZ)
			remedy_option(r, false, psprintf("varchar(%d)", need),
						  "too tight: the next value may be a little longer");
		remedy_option(r, false, "text", "the team's limit would be gone altogether");
	}
	else
	{
		take_type(r, TEXTOID, -1,
				  psprintf("since %d characters are beyond the ladder", need));
		remedy_option(r, false, psprintf("varchar(%d)", need),
					  "a limit of this size protects nothing");
	}
	remedy_option(r, false, "cut the value", "never: what was sent would be lost");
}

/*
 * An identity: PostgreSQL has none that is no integer. What no integer holds is
 * not in the way of what one does.
 */
static void
widen_identity(Remedy *r, const Evidence *e)
{
	const FitColumn *col = r->finding->target;
	int64		never = e->fractions + e->beyond_bigint;

	if (col->tclass == TYPE_INT8 || !digits_known(e) || e->values <= never)
	{
		no_step(r, "it is an identity, which is an integer, and no wider one holds them");
		return;
	}
	take_type(r, INT8OID, -1, never == 0 ? "the widest type of an identity, which holds them all" :
			  "the widest type of an identity; what no integer holds stays held");
	remedy_option(r, false, "numeric", "PostgreSQL has no identity of it");
}

/* An integer type: the next one up that holds what was seen. */
static void
widen_integer(Remedy *r, const Evidence *e)
{
	const FitColumn *col = r->finding->target;

	if (col->identity && (e->fractions > 0 || e->beyond_bigint > 0 || !digits_known(e)))
	{
		widen_identity(r, e);
		return;
	}
	if (e->fractions > 0 || !digits_known(e))
	{
		take_type(r, NUMERICOID, -1, e->fractions > 0 ?
				  "since values have a fraction" :
				  "since numbers came as strings, of any size");
		remedy_option(r, false, "numeric(p,s)",
					  "the digits of the next fraction are not known");
		remedy_option(r, false, "double precision", "it does not keep every digit");
		remedy_option(r, false, "round", "never: what was sent would be lost");
	}
	else if (e->beyond_bigint > 0)
	{
		take_type(r, NUMERICOID, -1, "since values are beyond bigint");
		remedy_option(r, false, "double precision", "it does not keep every digit");
	}
	else if (col->tclass == TYPE_INT2 && e->fits_int4)
	{
		take_type(r, INT4OID, -1, "the next type up, which holds them all");
		remedy_option(r, false, "bigint", "nothing seen needs it");
	}
	else if (col->tclass != TYPE_INT8)
	{
		take_type(r, INT8OID, -1, "the next type up that holds them all");
		remedy_option(r, false, "numeric", "nothing seen needs it");
	}
	else
	{
		/* a value that bigint holds did not fit bigint: written 1e3 or so */
		take_type(r, NUMERICOID, -1, "which takes them as they were written");
	}
}

/* numeric(p,s): as many digits more as were seen, on neither side fewer. */
static void
widen_numeric(Remedy *r, const Evidence *e)
{
	const FitColumn *col = r->finding->target;
	int			precision;
	int			scale;
	int			digits;
	int			fraction;

	if (!lattice_numeric(col->typmod, &precision, &scale))
	{
		no_step(r, "numeric has no limit that could be raised");
		return;
	}
	if (!digits_known(e))
	{
		take_type(r, NUMERICOID, -1,
				  "since numbers came as strings, of any size");
		return;
	}
	digits = Max(precision - scale, e->max_int_digits);
	fraction = Max(scale, e->max_frac_digits);
	if (digits + fraction > NUMERIC_MAX_PRECISION)
	{
		take_type(r, NUMERICOID, -1,
				  "since more digits are needed than a limit can say");
		return;
	}
	if (digits == precision - scale && fraction == scale)
	{
		no_step(r, "no number of digits would hold them (infinity?)");
		return;
	}
	take_type(r, NUMERICOID, lattice_numeric_typmod(digits + fraction, fraction),
			  psprintf("with %d digits before and %d after the point", digits,
					   fraction));
	remedy_option(r, false, "numeric", "the team's limits would be gone altogether");
	if (fraction > scale)
		remedy_option(r, false, "round", "never: what was sent would be lost");
}

/* real: double precision, if that surely gives back what was written. */
static void
widen_real(Remedy *r, const Evidence *e)
{
	if (!digits_known(e) ||
		e->max_int_digits + e->max_frac_digits > FLOAT8_SAFE_DIGITS)
	{
		no_step(r, "double precision would change them as well, and what is "
				"stored as real would be rounded on its way to numeric");
		return;
	}
	take_type(r, FLOAT8OID, -1, "which gives all digits seen back");
	remedy_option(r, false, "numeric",
				  "what is stored as real would be rounded on its way there");
	remedy_option(r, false, "round", "never: what was sent would be lost");
}

/*
 * A time that keeps fewer digits of a second than came: three, as most clocks
 * of programs have, or all six. More than six no type keeps: those are bad
 * values.
 */
static void
widen_seconds(Remedy *r, const Evidence *e)
{
	const FitColumn *col = r->finding->target;
	int			kept = lattice_second_digits(col->type, col->typmod);
	int			need = Min(e->max_second_digits, MAX_TIMESTAMP_PRECISION);
	int			digits = need <= 3 ? 3 : MAX_TIMESTAMP_PRECISION;

	if (need <= kept)
	{
		no_step(r, "more digits of a second would not hold them, it is something else that would be left out");
		return;
	}
	take_type(r, col->type,
			  col->type == INTERVALOID ? INTERVAL_TYPMOD(digits, INTERVAL_RANGE(col->typmod)) : digits,
			  psprintf("with room for %d digits of a second", need));
	if (digits != need)
		remedy_option(r, false, psprintf("%d digits", need),
					  "too tight: the next value may have one more");
	remedy_option(r, false, "round", "never: what was sent would be lost");
}

/* Characters that the values of statements have at most, where their length is
 * known and nothing else; 0: it is not. */
static int
stated_length(const Finding *f)
{
	int			longest = 0;
	ListCell   *lc;

	foreach(lc, f->refused)
	{
		longest = Max(longest, ((const Refused *) lfirst(lc))->longest);
	}
	return longest;
}

/*
 * A statement has failed at this column with a value that nobody has seen: an
 * integer that fits its statement fits bigint, a string may fit the next rung,
 * and if not, the next failure says so. Anything else would be a guess.
 */
static void
widen_stated(Remedy *r)
{
	const FitColumn *col = r->finding->target;
	const char *before = lattice_name(col->type, col->typmod);
	int			n = col->typmod - (int) VARHDRSZ;
	int			longest = stated_length(r->finding);
	int32		rung = widen_rung(Max(n + 1, longest));

	if (col->tclass == TYPE_INT2 || col->tclass == TYPE_INT4)
		take_type(r, INT8OID, -1, "which holds what any integer of a statement can be");
	else if (col->tclass == TYPE_VARCHAR && n < guc_max_width && longest <= guc_max_width)
		take_type(r, rung >= 0 ? VARCHAROID : TEXTOID, rung, longest > n ?
				  psprintf("with room for the %d characters that the value had at most", longest) :
				  "the next rung of the ladder: how long the value was is not known");
	else if (longest > guc_max_width)
	{
		r->certain = true;
		r->explanation = psprintf("A statement failed since column %s, %s, is too small for a value of %d bytes, "
								  "which is more than selfheal.max_width: a person widens it.",
								  quote_identifier(NameStr(col->name)), before, longest);
		return;
	}
	else
	{
		r->certain = true;
		r->explanation = psprintf("A statement failed since column %s, %s, is too small for a value that is not known: "
								  "a person widens it.", quote_identifier(NameStr(col->name)), before);
		return;
	}
	r->explanation = psprintf("A statement failed since column %s, %s, is too small for one of its values; it becomes %s.",
							  quote_identifier(NameStr(col->name)), before,
							  lattice_name(r->step->type, r->step->typmod));
}

/* See the header. */
void
widen_type(Remedy *r, const Evidence *e)
{
	const FitColumn *col = r->finding->target;
	char	   *contested;

	if (col == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	if (r->hint != NULL)
	{
		widen_hinted(r);
		return;
	}
	contested = notations_contested(r);
	if (contested != NULL)
	{
		no_step(r, psprintf("in %s, which is held for it too, a point is no decimal sign: "
							"add_mapping() says how both are read", contested));
		return;
	}
	if (col->is_domain)
	{
		no_step(r, "it is of a domain, which other columns may share");
		return;
	}
	if (e->values == 0 && remedy_is_stated(r->finding))
	{
		widen_stated(r);
		return;
	}
	switch (col->tclass)
	{
		case TYPE_VARCHAR:
			widen_varchar(r, e);
			break;
		case TYPE_INT2:
		case TYPE_INT4:
		case TYPE_INT8:
			widen_integer(r, e);
			break;
		case TYPE_NUMERIC:
			widen_numeric(r, e);
			break;
		case TYPE_FLOAT4:
			widen_real(r, e);
			break;
		case TYPE_BPCHAR:
			no_step(r, "character(n) is padded with blanks, and a change of "
					"it rewrites the table and changes comparisons");
			break;
		case TYPE_OTHER:
			if (col->type == TIMEOID || col->type == TIMETZOID || col->type == TIMESTAMPOID ||
				col->type == TIMESTAMPTZOID || col->type == INTERVALOID)
			{
				widen_seconds(r, e);
				break;
			}
			/* FALLTHROUGH */
		default:
			no_step(r, "a column of this type is widened by a person, with ALTER TABLE, and the rows follow; "
					"or amend() or discard() them");
			break;
	}
}
