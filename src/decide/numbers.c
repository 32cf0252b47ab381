/*
 * numbers.c
 *	  The playbooks of columns that number their rows.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/guc.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/numbering.h"
#include "decide/numbers.h"
#include "observe/contract.h"
#include "utils/builtins.h"
#include "utils/syscache.h"

/* The last number that both the sequence and its column have. */
static int64
end_of(const ColumnSequence *seq)
{
	int64		limit = numbering_limit(seq->column_type, seq->increment);

	return seq->increment > 0 ? Min(seq->max, limit) : Max(seq->min, limit);
}

/* Has the sequence no number left that its column holds? */
static bool
is_used_up(const ColumnSequence *seq)
{
	int64		last;

	if (!numbering_last(seq->oid, &last))
		return false;
	return seq->increment > 0 ? last > end_of(seq) - seq->increment : last < end_of(seq) - seq->increment;
}

/* Has it come so far that it is seen to before a row fails for it? */
static bool
is_near_end(const ColumnSequence *seq)
{
	double		first = seq->increment > 0 ? seq->min : seq->max;
	double		way = (double) end_of(seq) - first;
	int64		last;

	return guc_sequence_watch > 0 && numbering_last(seq->oid, &last) &&
		(way == 0 || 100 * ((double) last - first) / way >= guc_sequence_watch);
}

/*
 * The column whose sequence it is: the finding's own, or where the error named
 * none (PostgreSQL draws by itself for what only it may fill) the first that
 * has no number left.
 */
static char *
find_column(const Remedy *r, ColumnSequence *seq)
{
	if (r->finding->column != NULL)
		return numbering_sequence(r->diagnosis->relid, r->finding->column, seq) ? r->finding->column : NULL;
	for (AttrNumber attnum = 1;; attnum++)
	{
		HeapTuple	tup = SearchSysCacheCopy2(ATTNUM, ObjectIdGetDatum(r->diagnosis->relid), Int16GetDatum(attnum));
		char	   *name;

		if (!HeapTupleIsValid(tup))
			return NULL;
		name = NameStr(((Form_pg_attribute) GETSTRUCT(tup))->attname);
		if (!((Form_pg_attribute) GETSTRUCT(tup))->attisdropped &&
			numbering_sequence(r->diagnosis->relid, name, seq) && is_used_up(seq))
			return name;
	}
}

/* Does the contract forbid another type? What the team has said of the key
 * comes first. */
static bool
types_are_fixed(Oid relid, const char *column)
{
	FitTerm		columns;
	FitTerm		types;

	contract_terms(relid, &columns, &types);
	return types != TERM_EVOLVE && hint_find(hint_list(relid), column) == NULL;
}

/* How many rows wait for it, or that none does yet. */
static char *
who_waits(const Finding *f)
{
	if (f->rows == 0)
		return pstrdup("No row waits for it yet");
	return f->rows == 1 ? pstrdup("1 row waits for it") :
		psprintf(INT64_FORMAT " rows wait for it", f->rows);
}

/* The sequence counts far enough, and its column does not. */
static void
take_bigint(Remedy *r, const char *column, const char *name)
{
	r->step = plan_step(STEP_WIDEN_TYPE, column, INT8OID, -1);
	r->explanation = psprintf("%s: sequence %s gives numbers that column %s does not hold; it becomes bigint.",
							  who_waits(r->finding), name, quote_identifier(column));
	remedy_option(r, true, "bigint", "the type of the sequence");
}

/* See the header. */
void
numbers_extend(Remedy *r, const Evidence *e)
{
	ColumnSequence seq;
	char	   *column = find_column(r, &seq);
	bool		down;
	int64		limit;
	int64		present;
	bool		widen;
	bool		as_bigint;
	char	   *name;

	if (column == NULL || !(r->finding->rows > 0 ? is_used_up(&seq) : is_near_end(&seq)))
	{
		r->replay_only = true;
		r->explanation = pstrdup("The sequence has numbers left by now.");
		return;
	}
	name = plan_relation_name(seq.oid);
	if (seq.cycle)
	{
		r->certain = true;
		r->explanation = psprintf("Sequence %s starts anew at its end (CYCLE): it is not its limit that rows fail for.", name);
		return;
	}
	down = seq.increment < 0;
	present = down ? seq.min : seq.max;
	limit = numbering_limit(seq.column_type, seq.increment);
	widen = (seq.column_type == INT2OID || seq.column_type == INT4OID) &&
		(down ? present <= limit : present >= limit);
	if (widen && types_are_fixed(r->diagnosis->relid, column))
	{
		r->certain = true;
		r->explanation = psprintf("Column %s would have to become bigint, and the table's contract fixes its types.",
								  quote_identifier(column));
		return;
	}
	if (widen)
		limit = numbering_limit(INT8OID, seq.increment);
	if (down ? present <= limit : present >= limit)
	{
		if (widen)
		{
			take_bigint(r, column, name);
			return;
		}
		r->certain = true;
		r->explanation = psprintf("Sequence %s has counted to the end of bigint: there is no wider type for it.", name);
		return;
	}
	as_bigint = down ? limit < numbering_limit(seq.type, -1) : limit > numbering_limit(seq.type, 1);
	r->step = numbering_extend(column, seq.increment, limit, as_bigint);
	if (widen)
		r->also = list_make1(plan_step(STEP_WIDEN_TYPE, column, INT8OID, -1));
	r->explanation = psprintf("%s: sequence %s of column %s ends at " INT64_FORMAT "; it may go on to " INT64_FORMAT "%s.",
							  who_waits(r->finding), name, quote_identifier(column), present, limit,
							  widen ? ", and the column becomes bigint, since integers end there as well" :
							  as_bigint ? ", as a bigint like its column" : "");
	remedy_option(r, true, psprintf("%s " INT64_FORMAT, down ? "MINVALUE" : "MAXVALUE", limit),
				  "as far as the column's type counts");
	remedy_option(r, false, "CYCLE", "numbers that are taken would come again");
	remedy_option(r, false, "RESTART", "numbers that are taken would come again");
}

/* See the header. */
void
numbers_by_default(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;

	if (f->target == NULL)
	{
		r->explanation = pstrdup("The column is not there any more.");
		return;
	}
	if (e->values == 0)
	{
		r->explanation = psprintf("%s a null for the identity column %s, and a null is no key: what leaves the key out gets one.",
								  remedy_rows_bring(f), quote_identifier(f->column));
		return;
	}
	r->step = plan_step(STEP_SET_GENERATED_BY_DEFAULT, f->column, InvalidOid, -1);
	r->explanation = psprintf("%s a value for the identity column %s, which is GENERATED ALWAYS: as GENERATED BY DEFAULT "
							  "it takes them, and its sequence goes on above the largest.",
							  remedy_rows_bring(f), quote_identifier(f->column));
	remedy_option(r, true, "SET GENERATED BY DEFAULT", "the only step that stores the rows as they were sent");
	remedy_option(r, false, "OVERRIDING SYSTEM VALUE for these rows alone",
				  "the next load brings the same: who gives the keys out is to be decided once");
	remedy_option(r, false, "leave the values out", "they would be lost, and other rows may refer to them");
}
