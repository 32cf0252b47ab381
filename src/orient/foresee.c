/*
 * foresee.c
 *	  What will fail before long: sequences that come to their end.
 *
 * Good rows use numbers up and wake nobody, so there is a time of its own for
 * the look, slow enough to be no polling: a sequence of integers that is at 80
 * percent has four hundred million numbers left. Where many tables are watched
 * the looks take about a hundredth of the worker's time.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "read/fit.h"
#include "miscadmin.h"
#include "observe/capture.h"
#include "orient/foresee.h"
#include "utils/builtins.h"

/* Between two looks that nothing else asks for. */
#define LOOK_MS (10 * 60 * 1000)

/* So many sequences are looked at as often as one likes; more of them no more
 * often than once in so many milliseconds each, which is a hundred times what
 * it takes. */
#define FEW 100
#define PAUSE_MS 1

/* Found in one look, at most: the next one finds the others. */
#define MAX_FOUND "100"

/*
 * The last number is that of the sequence or of its column, whichever comes
 * first. first: where its way begins, so that 80 percent of 1000 to 2000 is
 * 1800.
 */
#define ENDS \
	"WITH drawn AS MATERIALIZED (" \
	"  SELECT w.relid, a.attname, a.atttypid, d.objid AS sequence" \
	"  FROM selfheal.tended w JOIN pg_attribute a ON a.attrelid = w.relid AND a.attidentity <> '' AND NOT a.attisdropped" \
	"  JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = w.relid AND d.refobjsubid = a.attnum" \
	"   AND d.classid = 'pg_class'::regclass AND d.deptype = 'i' WHERE NOT w.paused AND w.mode <> 'observe'" \
	"  UNION SELECT w.relid, a.attname, a.atttypid, d.refobjid" \
	"  FROM selfheal.tended w JOIN pg_attrdef f ON f.adrelid = w.relid" \
	"  JOIN pg_attribute a ON a.attrelid = f.adrelid AND a.attnum = f.adnum AND a.attgenerated = '' AND NOT a.attisdropped" \
	"  JOIN pg_depend d ON d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid" \
	"   AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> w.relid WHERE NOT w.paused AND w.mode <> 'observe')," \
	" stands AS (" \
	"  SELECT n.relid, n.attname, n.sequence, pg_sequence_last_value(n.sequence)::numeric AS last," \
	"   CASE WHEN s.seqincrement > 0 THEN s.seqmin ELSE s.seqmax END::numeric AS first," \
	"   CASE WHEN s.seqincrement > 0" \
	"    THEN least(s.seqmax, CASE n.atttypid WHEN 'int2'::regtype THEN 32767 WHEN 'int4'::regtype THEN 2147483647 ELSE 9223372036854775807 END)" \
	"    ELSE greatest(s.seqmin, CASE n.atttypid WHEN 'int2'::regtype THEN -32768 WHEN 'int4'::regtype THEN -2147483648 ELSE -9223372036854775808 END)" \
	"    END::numeric AS ends" \
	"  FROM drawn n JOIN pg_sequence s ON s.seqrelid = n.sequence WHERE NOT s.seqcycle)"

static void
capture_end(Oid relid, const char *column, const char *limit, const char *message)
{
	Misfit		misfit = {0};
	CapturedError error = {0};

	misfit.class = FIT_SEQUENCE;
	misfit.column = unconstify(char *, column);
	misfit.need = unconstify(char *, limit);
	misfit.sqlstate = ERRCODE_SEQUENCE_GENERATOR_LIMIT_EXCEEDED;
	misfit.message = unconstify(char *, message);
	error.relid = relid;
	error.door = "watch";
	error.misfit = &misfit;
	capture_write(capture_next_id(), &error);
}

/* One look. Returns how many sequences there are. */
static int64
look(void)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	SpiRows		rows;
	int64		sequences;
	uint64		n;

	spi_open(&saved);
	spi_exec(ENDS " SELECT count(*) FROM stands", NULL);
	sequences = spi_get_int8(0, 1, NULL);
	spi_args(&args);
	spi_arg_int8(&args, guc_sequence_watch);
	n = sequences == 0 ? 0 :
		spi_exec(ENDS " SELECT t.relid::oid, t.attname::text, t.ends::text,"
				 " format('sequence %s of column %I stands at %s, and the last number that it can give is %s', t.sequence::regclass, t.attname, t.last, t.ends)"
				 " FROM stands t WHERE t.ends <> t.first AND 100 * (t.last - t.first) / (t.ends - t.first) >= $1"
				 " AND NOT EXISTS (SELECT FROM selfheal.incident i WHERE i.relid = t.relid AND i.class = 'sequence'"
				 "  AND coalesce(i.column_name, t.attname) = t.attname AND (i.state NOT IN ('healed', 'dismissed')"
				 "   OR EXISTS (SELECT FROM selfheal.error e WHERE e.incident = i.id AND e.need = t.ends::text)))"
				 " AND NOT EXISTS (SELECT FROM selfheal.error e WHERE e.incident IS NULL AND e.noted IS NOT TRUE AND e.relid = t.relid"
				 "  AND e.class = 'sequence' AND coalesce(e.column_name, t.attname) = t.attname)"
				 " ORDER BY 1, 2 LIMIT " MAX_FOUND, &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		capture_end(spi_get_oid(i, 1, NULL), spi_get_text(i, 2, cxt), spi_get_text(i, 3, cxt),
					spi_get_text(i, 4, cxt));
	}
	spi_close(&saved);
	/* found behind the heals of a pass: the next one sees to it */
	if (n > 0)
		shmem_wake_at_commit();
	return sequences;
}

/* See the header. */
TimestampTz
foresee_sequences(void)
{
	static TimestampTz not_before = 0;
	TimestampTz began = GetCurrentTimestamp();
	int64		sequences;

	if (guc_sequence_watch == 0)
		return 0;
	if (began < not_before)
		return not_before;
	spi_xact_begin();
	sequences = look();
	spi_xact_commit(true);
	not_before = sequences > FEW ? TimestampTzPlusMilliseconds(began, sequences * PAUSE_MS) : 0;
	return sequences == 0 ? 0 : TimestampTzPlusMilliseconds(began, LOOK_MS);
}
