/*
 * rates.c
 *	  How fast does this server write a table anew, read one, build an index?
 *
 * The statements that are timed are those that a plan's ALTER TABLE comes
 * down to, on tables of our own in schema selfheal_sandbox, made as the
 * extension's owner in a subtransaction that is rolled back. What is common
 * to every statement of a kind is measured on a table of one row, and taken
 * off. Each is timed a few times by the processor's clock and the shortest
 * counts: how busy the server is now is not how busy it will be.
 *
 * It is a small sample: a table that must be read from the disk, a full disk
 * queue or an index on a slow function take longer. An estimate says the
 * order of magnitude; where a trial on a clone took long enough to be
 * measured, its own time stands in for this one (forecast_json.c).
 */
#include "postgres.h"

#include <math.h>
#include <time.h>

#include "access/parallel.h"
#include "access/xact.h"
#include "access/xlog.h"
#include "base/disk.h"
#include "base/rates.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "portability/instr_time.h"
#include "storage/fd.h"
#include "tcop/dest.h"
#include "tcop/utility.h"
#include "utils/guc.h"
#include "utils/snapmgr.h"
#include "utils/wait_event.h"

#define SHORT_ROWS 2500
#define LONG_ROWS 250
#define ROUNDS 2
#define WRITTEN_PAGES 128
#define ROOM (64 * 1024 * 1024)
#define EXPIRES_MS (60 * 60 * 1000)
#define RETRY_MS (60 * 1000)

/* Milliseconds of one row, and of one page, whatever is on it. */
typedef struct Price
{
	double		row;
	double		page;
} Price;

/* Process memory: one measurement for all plans of an hour. */
static Price rewriting;
static Price reading;
static double sorting_plain;	/* of a row x log2(rows) */
static double sorting_computed;
static double writing;			/* of a page to the disk */
static bool known = false;
static TimestampTz looked_at = 0;

/* The tables, and what is done to each of them. */
enum
{
	ONE_ROW,					/* what every such statement takes */
	MANY_SHORT,
	FEW_LONG,
	TABLES
};

/* What the body brings out of the subtransaction: shortest times, pages. */
typedef struct Calibration
{
	double		rewrite[TABLES];
	double		read[TABLES];
	double		plain[TABLES];	/* an index on an integer */
	double		computed[TABLES];	/* an index on a function of a text */
	double		pages[TABLES];
	double		written;		/* pages written to a file and made safe */
} Calibration;

/* Processor time of this process so far, in milliseconds. */
static double
processor_ms(void)
{
	struct timespec now;

	if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) != 0)
		elog(ERROR, "could not read the processor's clock: %m");
	return (double) now.tv_sec * 1000 + (double) now.tv_nsec / 1000000;
}

/*
 * Write some pages to a file and wait for the disk. The tables above are too
 * small for it: a large rewrite hands its pages on as it goes, and waits for
 * the write-ahead log that belongs to them. By the wall's clock, since the
 * disk is not the processor.
 */
static double
write_pages(void)
{
	File		file = OpenTemporaryFile(false);
	char	   *page = palloc(BLCKSZ);
	instr_time	start;
	instr_time	end;

	memset(page, 'x', BLCKSZ);
	INSTR_TIME_SET_CURRENT(start);
	for (int i = 0; i < WRITTEN_PAGES; i++)
		if (FileWrite(file, page, BLCKSZ, (off_t) i * BLCKSZ, WAIT_EVENT_BUFFILE_WRITE) != BLCKSZ)
			elog(ERROR, "could not write a temporary file: %m");
	if (FileSync(file, WAIT_EVENT_DATA_FILE_SYNC) != 0)
		elog(ERROR, "could not fsync a temporary file: %m");
	INSTR_TIME_SET_CURRENT(end);
	INSTR_TIME_SUBTRACT(end, start);
	FileClose(file);
	pfree(page);
	return INSTR_TIME_GET_MILLISEC(end);
}

/*
 * Run one utility statement of ours as a part of the one at work. Event
 * triggers are not fired for a part: somebody who asks what a change would
 * cost does no DDL, and no code of theirs is to run as us.
 */
static void
run(const char *sql)
{
	PlannedStmt *stmt = makeNode(PlannedStmt);

	stmt->commandType = CMD_UTILITY;
	stmt->utilityStmt = linitial_node(RawStmt, raw_parser(sql, RAW_PARSE_DEFAULT))->stmt;
	PushActiveSnapshot(GetTransactionSnapshot());
	ProcessUtility(stmt, sql, false, PROCESS_UTILITY_SUBCOMMAND, NULL, NULL,
				   None_Receiver, NULL);
	PopActiveSnapshot();
	CommandCounterIncrement();
}

/* Time it; the shortest so far stands in *shortest (0: none yet). */
static void
shorter(double *shortest, const char *sql)
{
	double		ms = processor_ms();

	run(sql);
	ms = processor_ms() - ms;
	if (*shortest == 0 || ms < *shortest)
		*shortest = ms;
}

static char *
make_table(int which, int rows, const char *note)
{
	/* named by the process: two need not wait for each other */
	char	   *name = psprintf("selfheal_sandbox.rates_%d_%d", MyProcPid, which);

	run(psprintf("CREATE TABLE %s (id integer, note text)", name));
	spi_exec(psprintf("INSERT INTO %s SELECT i, %s FROM generate_series(1, %d) AS i",
					  name, note, rows), NULL);
	return name;
}

/*
 * Body of the measurement. A session's own choice of tablespace or access
 * method is not the table's that is asked about.
 */
static void
calibrate(void *arg)
{
	Calibration *c = arg;
	SpiUser		saved;
	SpiArgs		args;
	char	   *tables[TABLES];

	spi_open(&saved);
	spi_set_local("default_tablespace", "");
	spi_set_local("default_table_access_method", "heap");
	tables[ONE_ROW] = make_table(ONE_ROW, 1, "md5(i::text)");
	tables[MANY_SHORT] = make_table(MANY_SHORT, SHORT_ROWS, "md5(i::text)");
	/* short of what would be compressed or moved to a TOAST table */
	tables[FEW_LONG] = make_table(FEW_LONG, LONG_ROWS, "repeat('x', 1800)");

	for (int round = 0; round < ROUNDS; round++)
	{
		for (int i = 0; i < TABLES; i++)
			shorter(&c->rewrite[i], psprintf("ALTER TABLE %s ALTER id TYPE %s", tables[i],
											 round % 2 == 0 ? "bigint" : "integer"));
		for (int i = 0; i < TABLES; i++)
		{
			shorter(&c->read[i], psprintf("ALTER TABLE %s ADD CONSTRAINT c CHECK (length(note) > 0)", tables[i]));
			run(psprintf("ALTER TABLE %s DROP CONSTRAINT c", tables[i]));
		}
		for (int i = 0; i < FEW_LONG; i++)
		{
			char	   *index = psprintf("rates_%d_index", MyProcPid);

			shorter(&c->plain[i], psprintf("CREATE INDEX %s ON %s (id)", index, tables[i]));
			run(psprintf("DROP INDEX selfheal_sandbox.%s", index));
			shorter(&c->computed[i], psprintf("CREATE INDEX %s ON %s (lower(note))", index, tables[i]));
			run(psprintf("DROP INDEX selfheal_sandbox.%s", index));
		}
	}

	/* who may have no temporary files is not measured with them */
	for (int round = 0; round < ROUNDS && temp_file_limit < 0; round++)
	{
		double		ms = write_pages();

		if (round == 0 || ms < c->written)
			c->written = ms;
	}
	for (int i = 0; i < TABLES; i++)
	{
		spi_args(&args);
		spi_arg_text(&args, tables[i]);
		spi_exec("SELECT pg_relation_size($1::regclass) / current_setting('block_size')::bigint", &args);
		c->pages[i] = Max((double) spi_get_int8(0, 1, NULL), 1);
	}
	spi_close(&saved);
}

/* What the rows of a table took, without what every statement takes; noise
 * does not make it nothing. */
static double
of_rows(const double *times, int table)
{
	return Max(times[table] - times[ONE_ROW], times[table] / 10);
}

/*
 * Two measurements, of many rows on few pages and of few rows on many, give
 * the price of a row and of a page.
 */
static Price
price_of(const Calibration *c, const double *times)
{
	Price		p;
	double		many = of_rows(times, MANY_SHORT);
	double		wide = of_rows(times, FEW_LONG);
	double		det = SHORT_ROWS * c->pages[FEW_LONG] - LONG_ROWS * c->pages[MANY_SHORT];

	p.page = Max((SHORT_ROWS * wide - LONG_ROWS * many) / det, 0);
	p.row = (many - p.page * c->pages[MANY_SHORT]) / SHORT_ROWS;
	if (p.row <= 0)
	{
		/* the pages took all of it */
		p.row = 0;
		p.page = wide / c->pages[FEW_LONG];
	}
	return p;
}

/* Measure if it was not done within the hour. Where nothing can be made it
 * is not tried again for a minute. */
static void
measure(void)
{
	TimestampTz now = GetCurrentTimestamp();
	Calibration c = {0};
	Disk		disk;
	double		n;

	if (looked_at != 0 &&
		!TimestampDifferenceExceeds(looked_at, now, known ? EXPIRES_MS : RETRY_MS))
		return;
	if (XactReadOnly || RecoveryInProgress() || IsInParallelMode())
		return;
	/* to ask what a change would cost must not be what fills the disk */
	if (disk_of_tablespace(InvalidOid, &disk) && disk.free < ROOM)
		return;
	looked_at = now;
	known = spi_trial(calibrate, &c) == NULL;
	if (!known)
		return;
	rewriting = price_of(&c, c.rewrite);
	reading = price_of(&c, c.read);
	n = SHORT_ROWS * log2(SHORT_ROWS);
	sorting_plain = of_rows(c.plain, MANY_SHORT) / n;
	sorting_computed = of_rows(c.computed, MANY_SHORT) / n;
	writing = c.written / WRITTEN_PAGES;
}

/* See the header. */
void
rates_add_index(RatesWork *work, double rows, bool computed)
{
	double		n = rows * log2(Max(rows, 2));

	if (computed)
		work->sorted_computed += n;
	else
		work->sorted_plain += n;
}

/* See the header. */
double
rates_estimate(const RatesWork *work, TimestampTz *measured)
{
	*measured = 0;
	if (work->rewritten_pages <= 0 && work->read_pages <= 0 &&
		work->sorted_plain <= 0 && work->sorted_computed <= 0)
		return 0;
	measure();
	if (!known)
		return -1;
	*measured = looked_at;
	return work->rewritten_rows * rewriting.row + work->rewritten_pages * rewriting.page +
		work->read_rows * reading.row + work->read_pages * reading.page +
		work->sorted_plain * sorting_plain + work->sorted_computed * sorting_computed +
		work->written_pages * writing;
}
