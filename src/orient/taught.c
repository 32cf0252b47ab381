/*
 * taught.c
 *	  Which columns has selfheal itself added, by how few values?
 */
#include "postgres.h"

#include "base/spi.h"
#include "observe/hint.h"
#include "orient/diagnose.h"
#include "orient/taught.h"

/*
 * The newest plan that added the column counts, and the type that it has is
 * the one of the newest plan that said one. In the record of DDL the healer's
 * commands stand with the text of their plan; what a person has proposed is
 * his own word.
 */
static const char taught_sql[] =
"WITH said AS (SELECT p.id, p.at, p.proposed_by, s.step FROM selfheal.plan p"
"   CROSS JOIN jsonb_array_elements(p.steps -> 'steps') s (step)"
"   WHERE p.relid = $1 AND p.state = 'applied' AND s.step ->> 'column' = $2"
"   AND s.step ->> 'kind' IN ('add_column', 'widen_type', 'convert_type')),"
" added AS (SELECT * FROM said WHERE step ->> 'kind' = 'add_column' ORDER BY id DESC LIMIT 1)"
" SELECT (b.step ->> 'evidence')::int8 FROM added b JOIN pg_attribute a"
"   ON a.attrelid = $1 AND a.attname = $2 AND a.attnum > 0 AND NOT a.attisdropped"
" WHERE b.proposed_by = 'selfheal' AND b.step ? 'evidence'"
"  AND NOT a.attnotnull AND NOT a.atthasdef AND a.attidentity = '' AND a.attgenerated = ''"
"  AND format_type(a.atttypid, a.atttypmod) ="
"   (SELECT n.step ->> 'type' FROM said n WHERE n.id >= b.id ORDER BY n.id DESC LIMIT 1)"
"  AND NOT EXISTS (SELECT FROM selfheal.ddl d WHERE d.relid = $1 AND d.at >= b.at"
"   AND (strpos(lower(d.statement), lower($2)) > 0"
"    OR strpos(lower(d.statement), lower(replace($2, '\"', '\"\"'))) > 0"
"    OR d.statement !~* '^\\s*(alter|create)\\s' OR d.statement ~* 'u&\"' OR d.statement ~ ';\\s*\\S'"
"    OR octet_length(d.statement) > 1990)"
"   AND NOT EXISTS (SELECT FROM selfheal.plan q WHERE q.relid = $1 AND q.proposed_by = 'selfheal'"
"    AND q.state = 'applied' AND q.at <= d.at AND starts_with(q.sql, d.statement)))";

/* By how few values the column was added; 0: not by selfheal, or by enough. */
static int64
taught_by(Oid relid, const char *column)
{
	int64		values = 0;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, column);
	if (spi_exec(taught_sql, &args) > 0)
		values = spi_get_int8(0, 1, NULL);
	spi_close(&saved);
	return values < TAUGHT_ENOUGH ? values : 0;
}

/* See the header. */
void
taught_findings(Diagnosis *diagnosis)
{
	ListCell   *lc;

	foreach(lc, diagnosis->findings)
	{
		Finding    *f = lfirst(lc);

		/* what the column must be is not about its type */
		if (f->column == NULL || f->target == NULL || f->refused != NIL ||
			f->class == FIT_NULL_VALUE || f->class == FIT_MISSING_KEY ||
			hint_find(diagnosis->hints, f->column) != NULL)
			continue;
		f->taught = taught_by(diagnosis->relid, f->column);
	}
}

/* See the header. */
char *
taught_words(const Finding *f)
{
	return psprintf("selfheal itself added the column by " INT64_FORMAT " value%s (evidence: " INT64_FORMAT ")",
					f->taught, f->taught == 1 ? "" : "s", f->taught);
}
