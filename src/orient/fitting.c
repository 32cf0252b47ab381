/*
 * fitting.c
 *	  One value of a failed statement against its column.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/spi.h"
#include "orient/blame.h"
#include "orient/fitting.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct Fitting
{
	Oid			relid;
	const char *column;
	const char *document;
	int			sqlstate;
	MemoryContext cxt;
	Shape	   *shape;
	Misfit		misfit;
	bool		found;
} Fitting;

static void
fit_one(void *arg)
{
	Fitting    *f = arg;
	Relation	rel = table_open(f->relid, AccessShareLock);
	FitRow		row;

	MemoryContextSwitchTo(f->cxt);
	f->shape = fit_shape(rel, f->cxt);
	(void) fit_row(f->shape, json_scan(json_scanner(f->cxt), f->document, strlen(f->document)),
				   &row);
	for (int i = 0; i < row.nmisfits; i++)
	{
		Misfit	   *misfit = &row.misfits[i];
		bool		better = !f->found || (blame_class(f->sqlstate, misfit->class) &&
										   !blame_class(f->sqlstate, f->misfit.class));

		if (misfit->column == NULL || strcmp(misfit->column, f->column) != 0 || !better ||
			misfit->class == FIT_MISSING_KEY)
			continue;
		fit_words(misfit);
		f->misfit = *misfit;
		f->found = true;
	}
	table_close(rel, NoLock);
}

static char *
document_of(const char *column, const char *json)
{
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	escape_json(&buf, column);
	appendStringInfo(&buf, ":%s}", json);
	return buf.data;
}

/* A number without its fraction: of a bare one that SQL rounds, but that is
 * out of range as well. NULL: it has none. */
static char *
without_fraction(const char *json)
{
	const char *point = strchr(json, '.');

	return point && *json != '"' && strpbrk(json, "eE") == NULL ?
		pnstrdup(json, point - json) : NULL;
}

bool
fitting_value(Oid relid, const char *column, const char *json, int sqlstate, Misfit *out)
{
	Fitting		f = {.relid = relid,.column = column,.sqlstate = sqlstate,
	.cxt = CurrentMemoryContext};
	ErrorData  *error;

	f.document = document_of(column, json);
	error = spi_trial(fit_one, &f);
	if (error != NULL)
		f.found = f.shape != NULL && fit_culprit(f.shape, error, &f.misfit);
	if (f.found && f.misfit.class == FIT_FRACTION &&
		sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE && without_fraction(json) != NULL)
		return fitting_value(relid, column, without_fraction(json), sqlstate, out);
	*out = f.misfit;
	return f.found;
}

Oid
fitting_type(Oid relid, const char *column, int32 *typmod)
{
	AttrNumber	attnum = get_attnum(relid, column);
	Oid			type;
	Oid			collation;

	if (attnum <= 0)
		return InvalidOid;
	get_atttypetypmodcoll(relid, attnum, &type, typmod, &collation);
	return type;
}

/* "varchar(9)" as 9, and the kinds of whole numbers in order; -1: neither. */
static int
rank(const char *need)
{
	static const char *const kinds[] = {"smallint", "integer", "bigint", "numeric"};
	int			n;

	if (sscanf(need, "varchar(%d)", &n) == 1)
		return n;
	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(need, kinds[i]) == 0)
			return i;
	return -1;
}

char *
fitting_larger(char *a, char *b)
{
	int			pa,
				sa,
				pb,
				sb;

	if (a == NULL || b == NULL)
		return a ? a : b;
	if (sscanf(a, "numeric(%d,%d)", &pa, &sa) == 2 && sscanf(b, "numeric(%d,%d)", &pb, &sb) == 2)
	{
		int			scale = Max(sa, sb);

		return psprintf("numeric(%d,%d)", Max(pa - sa, pb - sb) + scale, scale);
	}
	return rank(b) > rank(a) ? b : a;
}
