/*
 * share.c
 *	  How many of the rows that came last show the same misfit?
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "orient/diagnose.h"
#include "orient/share.h"

/*
 * The record of loads has no index but its key, which is read backwards; a
 * load without rows is none, so that as many loads as rows are enough.
 */
static const char share_sql[] =
"WITH span AS (SELECT min(load) AS first, max(load) AS last FROM selfheal.quarantine"
"   WHERE relid = $1 AND id = ANY (ARRAY[$2, $3]::int8[])),"
" came AS (SELECT l.id, l.stored + l.held + l.already AS rows FROM span s JOIN selfheal.load l"
"   ON l.relid = $1 AND l.id BETWEEN s.first AND s.last"
"   WHERE l.stored + l.held + l.already > 0 ORDER BY l.id DESC LIMIT $4),"
" recent AS (SELECT id, rows FROM"
"   (SELECT id, rows, sum(rows) OVER (ORDER BY id DESC) - rows AS newer FROM came) c WHERE newer < $4)"
" SELECT coalesce((SELECT sum(rows) FROM recent), 0)::int8,"
"  coalesce((SELECT sum(e.rows) FROM selfheal.incident i JOIN selfheal.error e ON e.incident = i.id"
"   WHERE i.relid = $1 AND i.state NOT IN ('healed', 'dismissed')"
"   AND i.class IN ('wrong_type', 'bad_value') AND i.column_name = $5"
"   AND e.load IN (SELECT id FROM recent)), 0)::int8";

/* Held rows from first to last, and all between them, of one column. */
static Share
share_of(Oid relid, const char *column, int64 first, int64 last)
{
	Share		share = {0};
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, first);
	spi_arg_int8(&args, last);
	spi_arg_int8(&args, SHARE_ROWS);
	spi_arg_text(&args, column);
	spi_exec(share_sql, &args);
	share.rows = spi_get_int8(0, 1, NULL);
	share.misfits = spi_get_int8(0, 2, NULL);
	spi_close(&saved);
	return share;
}

static bool
is_counted(const Finding *f)
{
	return f->column != NULL && f->first_id > 0 &&
		(f->class == FIT_WRONG_TYPE || f->class == FIT_BAD_VALUE);
}

/* See the header. */
void
share_findings(Diagnosis *diagnosis)
{
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, diagnosis->findings)
	{
		Finding    *f = lfirst(lc);
		int64		rows = 0;
		int64		first = PG_INT64_MAX;
		int64		last = 0;

		if (!is_counted(f) || f->share.rows > 0)
			continue;
		foreach(lc2, diagnosis->findings)
		{
			const Finding *g = lfirst(lc2);

			if (!is_counted(g) || strcmp(g->column, f->column) != 0)
				continue;
			rows += g->rows;
			first = Min(first, g->first_id);
			last = Max(last, g->last_id);
		}
		if (rows >= guc_convert_rows)
			f->share = share_of(diagnosis->relid, f->column, first, last);
	}
}
