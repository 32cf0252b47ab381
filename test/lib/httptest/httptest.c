/*
 * httptest.c
 *	  A background worker that makes the HTTP requests of a test.
 */
#include "postgres.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "fmgr.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/http.h"
#include "base/retry.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/latch.h"
#include "tcop/tcopprot.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

PG_MODULE_MAGIC;

PG_FUNCTION_INFO_V1(httptest_start);
extern PGDLLEXPORT void httptest_main(Datum arg);

/* What a worker is told, by bgw_extra. */
typedef struct Told
{
	Oid			database;
	int			run;
	int			statement_timeout;
	int			wait;
	bool		busy_latch;
	bool		keep;
	bool		transaction;
	int			repeat;
} Told;

typedef struct Job
{
	int			id;
	HttpRequest request;
	bool		made_secret;
	HttpTransfer *transfer;
	bool		done;
	HttpReply	reply;
} Job;

/* What was seen in a phase. */
typedef struct Phase
{
	char	   *sqlstate;
	int64		took_ms;
	int64		cleaned_ms;
	int			latches;
	int			timeouts;
	int			slots;
	int			traces;
	int			open_threads;
	int64		grown_kb;
} Phase;

/* ---- a secret that is nowhere in memory but where http.c has it ---- */

#define MADE_LEN 40

static char
made(int i)
{
	return 'a' + (i * i * 7 + i * 3 + 5) % 26;
}

/*
 * How often does it stand in this process's own memory? Linux's /proc; -1:
 * nothing was seen, not even what is there. It is read as a file: a page may be
 * closed to us (the guard of a thread's stack) or gone with its thread, and
 * then a pointer would end the process.
 */
static int
traces(void)
{
	FILE	   *maps = fopen("/proc/self/maps", "r");
	int			memory = open("/proc/self/mem", O_RDONLY);
	char		line[1024];
	char		piece[8192];	/* on the stack, which is left out */
	char	   *planted = palloc(MADE_LEN); /* one that must be found */
	int			found = -1;

	for (int i = 0; i < MADE_LEN; i++)
		planted[i] = made(i);
	while (maps && memory >= 0 && fgets(line, sizeof(line), maps))
	{
		unsigned long at,
					to;
		char		rights[5];

		if (sscanf(line, "%lx-%lx %4s", &at, &to, rights) != 3 ||
			strcmp(rights, "rw-p") != 0 || strstr(line, "[stack]"))
			continue;
		while (at < to)
		{
			ssize_t		got = pread(memory, piece, Min(sizeof(piece), to - at), (off_t) at);

			if (got < MADE_LEN)
			{
				at = (at / 4096 + 1) * 4096;
				continue;
			}
			for (int first = 0; first + MADE_LEN <= got; first++)
			{
				int			i = 0;

				while (i < MADE_LEN && piece[first + i] == made(i))
					i++;
				if (i == MADE_LEN)
					found++;
			}
			at += got - (MADE_LEN - 1);
		}
	}
	if (maps)
		fclose(maps);
	if (memory >= 0)
		close(memory);
	explicit_bzero(planted, MADE_LEN);
	return found;
}

/* ---- the process, as Linux's /proc tells ---- */

/* A number of a status file, hexadecimal or not; -1: it is not there. */
static int64
status_of(const char *path, const char *name, int base)
{
	FILE	   *status = fopen(path, "r");
	char		line[256];
	int64		value = -1;

	while (status && fgets(line, sizeof(line), status))
		if (strncmp(line, name, strlen(name)) == 0)
			value = (int64) strtoull(line + strlen(name), NULL, base);
	if (status)
		fclose(status);
	return value;
}

/* Threads beside this one that do not block SIGTERM, SIGUSR1 or SIGURG. */
static int
open_threads(void)
{
	DIR		   *tasks = opendir("/proc/self/task");
	struct dirent *task;
	int			found = 0;

	while (tasks && (task = readdir(tasks)) != NULL)
	{
		const int	signals[] = {SIGTERM, SIGUSR1, SIGURG};
		int64		blocked;

		if (task->d_name[0] == '.' || atoi(task->d_name) == MyProcPid)
			continue;
		blocked = status_of(psprintf("/proc/self/task/%s/status", task->d_name), "SigBlk:", 16);
		for (int i = 0; i < 3; i++)
			if ((blocked & (INT64CONST(1) << (signals[i] - 1))) == 0)
			{
				found++;
				break;
			}
	}
	if (tasks)
		closedir(tasks);
	return found;
}

static int64
memory_kb(void)
{
	return status_of("/proc/self/status", "VmRSS:", 10);
}

/* ---- jobs ---- */

static char *
text_of(HeapTuple row, TupleDesc desc, const char *column)
{
	return SPI_getvalue(row, desc, SPI_fnumber(desc, column));
}

static int
int_of(HeapTuple row, TupleDesc desc, const char *column)
{
	return atoi(text_of(row, desc, column));
}

static int
strings_of(HeapTuple row, TupleDesc desc, const char *column, char ***strings)
{
	bool		isnull;
	Datum		array = SPI_getbinval(row, desc, SPI_fnumber(desc, column), &isnull);
	Datum	   *elems;
	int			n;

	deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT,
					  &elems, NULL, &n);
	*strings = palloc((n + 1) * sizeof(char *));
	for (int i = 0; i < n; i++)
		(*strings)[i] = TextDatumGetCString(elems[i]);
	return n;
}

static void
read_job(Job *job, HeapTuple row, TupleDesc desc)
{
	HttpRequest *r = &job->request;
	char	  **names;
	char	  **values;
	HttpHeader *headers;

	http_request_init(r);
	job->id = int_of(row, desc, "id");
	r->url = text_of(row, desc, "url");
	r->body = text_of(row, desc, "body");
	r->method = r->body ? HTTP_POST : HTTP_GET;
	r->body_len = r->body ? strlen(r->body) : 0;
	r->nheaders = strings_of(row, desc, "header_names", &names);
	(void) strings_of(row, desc, "header_values", &values);
	r->headers = headers = palloc0((r->nheaders + 1) * sizeof(HttpHeader));
	for (int i = 0; i < r->nheaders; i++)
	{
		headers[i].name = names[i];
		headers[i].value = values[i];
		headers[i].secret = strcmp(names[i], "x-api-key") == 0 ||
			strcmp(names[i], "authorization") == 0;
		if (strcmp(values[i], "@made") == 0)
		{
			headers[i].value = palloc0(MADE_LEN + 1);
			job->made_secret = true;
		}
	}
	r->ca_file = text_of(row, desc, "ca_file");
	r->connect_ms = int_of(row, desc, "connect_ms");
	r->total_ms = int_of(row, desc, "total_ms");
	r->stall_ms = int_of(row, desc, "stall_ms");
	r->stall_bytes = int_of(row, desc, "stall_bytes");
	r->max_headers = int_of(row, desc, "max_headers");
	r->max_body = int_of(row, desc, "max_body");
}

static void
open_sql(void)
{
	SetCurrentStatementStartTimestamp();
	StartTransactionCommand();
	SPI_connect();
	PushActiveSnapshot(GetTransactionSnapshot());
}

static void
close_sql(void)
{
	PopActiveSnapshot();
	SPI_finish();
	CommitTransactionCommand();
}

static Job *
read_jobs(const Told *told, int phase, MemoryContext context, int *n)
{
	Job		   *jobs;
	MemoryContext before;

	open_sql();
	if (SPI_execute(psprintf("SELECT * FROM httptest.job WHERE run = %d AND phase = %d ORDER BY id",
							 told->run, phase), true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the jobs");
	*n = (int) SPI_processed;
	before = MemoryContextSwitchTo(context);
	jobs = palloc0((*n + 1) * sizeof(Job));
	for (int i = 0; i < *n; i++)
		read_job(&jobs[i], SPI_tuptable->vals[i], SPI_tuptable->tupdesc);
	MemoryContextSwitchTo(before);
	close_sql();
	return jobs;
}

static void
begin_job(Job *job)
{
	char	   *value = NULL;

	if (job->made_secret)
	{
		value = unconstify(char *, job->request.headers[job->request.nheaders - 1].value);
		for (int i = 0; i < MADE_LEN; i++)
			value[i] = made(i);
	}
	job->transfer = http_begin(&job->request);
	if (value)
		explicit_bzero(value, MADE_LEN);
}

/* All jobs to their end, or an ERROR. */
static void
run_jobs(const Told *told, Job *jobs, int n, Phase *seen)
{
	int			left = n;

	for (int i = 0; i < n; i++)
		begin_job(&jobs[i]);
	while (left > 0)
	{
		if (told->busy_latch)
			SetLatch(MyLatch);
		switch (http_wait(told->wait))
		{
			case HTTP_WAIT_LATCH:
				seen->latches++;
				ResetLatch(MyLatch);
				break;
			case HTTP_WAIT_TIMEOUT:
				seen->timeouts++;
				break;
			case HTTP_WAIT_DONE:
				for (int i = 0; i < n; i++)
					if (jobs[i].transfer && http_done(jobs[i].transfer, &jobs[i].reply))
					{
						http_end(jobs[i].transfer);
						jobs[i].transfer = NULL;
						jobs[i].done = true;
						left--;
					}
				break;
		}
	}
}

/* All jobs many times over; does memory grow when it should not any more? */
static void
run_rounds(const Told *told, Job *jobs, int n, Phase *seen)
{
	MemoryContext round = AllocSetContextCreate(CurrentMemoryContext, "round", ALLOCSET_DEFAULT_SIZES);
	MemoryContext before = MemoryContextSwitchTo(round);
	int64		then = 0;

	for (int i = 0; i < told->repeat; i++)
	{
		if (i == told->repeat / 3)
			then = memory_kb();
		run_jobs(told, jobs, n, seen);
		for (int j = 0; j < n; j++)
			jobs[j].done = false;
		MemoryContextReset(round);
	}
	seen->grown_kb = memory_kb() - then;
	MemoryContextSwitchTo(before);
}

/* ---- results ---- */

static void
store(const char *sql, int n, char **values)
{
	Oid			types[16];
	Datum		datums[16];
	char		nulls[16];

	for (int i = 0; i < n; i++)
	{
		types[i] = TEXTOID;
		nulls[i] = values[i] ? ' ' : 'n';
		datums[i] = values[i] ? CStringGetTextDatum(values[i]) : (Datum) 0;
	}
	if (SPI_execute_with_args(sql, n, types, datums, nulls, false, 0) != SPI_OK_INSERT)
		elog(ERROR, "could not store");
}

static char *
number(int64 value)
{
	return psprintf(INT64_FORMAT, value);
}

static void
store_results(const Told *told, int phase, Job *jobs, int n, const Phase *seen)
{
	char	   *run = number(told->run);
	char	   *which = number(phase);
	char	   *ended[12] = {
		run, which, number(MyProcPid), seen->sqlstate, number(seen->took_ms),
		number(seen->cleaned_ms), number(seen->latches), number(seen->timeouts),
		number(seen->slots), number(seen->traces),
		number(seen->open_threads), number(seen->grown_kb),
	};

	open_sql();
	for (int i = 0; i < n; i++)
	{
		HttpReply  *r = &jobs[i].reply;
		char	   *values[16] = {
			run, which, number(jobs[i].id), pstrdup(http_fault_name(r->fault)),
			jobs[i].done ? pstrdup(r->why) : NULL, number(r->status), r->body,
			number(r->body_len), r->content_type, r->request_id, r->retry_after,
			r->retry_after_ms, r->should_retry, number(r->latency_ms),
			number(r->bytes_sent), number(r->bytes_received),
		};

		if (!jobs[i].done)
			continue;
		if (r->body_len > 4000 || strlen(r->body) != r->body_len)
			values[6] = NULL;
		store("INSERT INTO httptest.result VALUES ($1::int, $2::int, $3::int, $4, $5, $6::int, $7,"
			  " $8::int8, $9, $10, $11, $12, $13, $14::int8, $15::int8, $16::int8)", 16, values);
	}
	store("INSERT INTO httptest.phase VALUES ($1::int, $2::int, $3::int, $4, $5::int8, $6::int8,"
		  " $7::int, $8::int, $9::int, $10::int, $11::int, $12::int8)", 12, ended);
	close_sql();
}

/* ---- the worker ---- */

static void
run_phase(const Told *told, int phase, MemoryContext context)
{
	int			n;
	Job		   *jobs = read_jobs(told, phase, context, &n);
	Phase	   *seen = MemoryContextAllocZero(context, sizeof(Phase));
	int64		began = retry_now_ms();

	PG_TRY();
	{
		MemoryContextSwitchTo(context);
		if (phase == 1 && told->statement_timeout > 0)
			enable_timeout_after(STATEMENT_TIMEOUT, told->statement_timeout);
		if (phase == 1 && told->transaction)
			StartTransactionCommand();
		if (phase == 1 && told->repeat > 0)
			run_rounds(told, jobs, n, seen);
		else
			run_jobs(told, jobs, n, seen);
	}
	PG_CATCH();
	{
		ErrorData  *edata;

		seen->took_ms = retry_now_ms() - began;
		HOLD_INTERRUPTS();
		MemoryContextSwitchTo(context);
		edata = CopyErrorData();
		seen->sqlstate = pstrdup(unpack_sql_state(edata->sqlerrcode));
		EmitErrorReport();
		FlushErrorState();
		disable_all_timeouts(false);
		AbortOutOfAnyTransaction();
		http_end_all();
		seen->cleaned_ms = retry_now_ms() - began - seen->took_ms;
		RESUME_INTERRUPTS();
	}
	PG_END_TRY();
	if (seen->sqlstate == NULL)
		seen->took_ms = retry_now_ms() - began;
	disable_all_timeouts(false);
	MemoryContextSwitchTo(context);
	seen->slots = http_free_slots();
	seen->traces = traces();
	seen->open_threads = open_threads();
	store_results(told, phase, jobs, n, seen);
}

void
httptest_main(Datum arg)
{
	Told		told;
	MemoryContext context;

	memcpy(&told, MyBgworkerEntry->bgw_extra, sizeof(told));
	pqsignal(SIGTERM, die);
	pqsignal(SIGINT, StatementCancelHandler);
	BackgroundWorkerUnblockSignals();
	BackgroundWorkerInitializeConnectionByOid(told.database, InvalidOid, 0);
	pgstat_report_appname("httptest");
	context = AllocSetContextCreate(TopMemoryContext, "httptest", ALLOCSET_DEFAULT_SIZES);
	run_phase(&told, 1, context);
	run_phase(&told, 2, context);

	/*
	 * with nothing under way http_wait is WaitLatch; and what was put aside
	 * is cleaned away in it
	 */
	while (told.keep)
	{
		if (http_wait(-1) == HTTP_WAIT_LATCH)
			ResetLatch(MyLatch);
	}
	proc_exit(0);
}

static int
option(const char *options, const char *name)
{
	const char *at = strstr(options, name);

	if (at == NULL)
		return -1;
	at += strlen(name);
	return *at == '=' ? atoi(at + 1) : 1;
}

Datum
httptest_start(PG_FUNCTION_ARGS)
{
	char	   *options = text_to_cstring(PG_GETARG_TEXT_PP(1));
	BackgroundWorker worker = {0};
	BackgroundWorkerHandle *handle;
	Told		told = {0};
	pid_t		pid;

	told.database = MyDatabaseId;
	told.run = PG_GETARG_INT32(0);
	told.statement_timeout = Max(option(options, "statement_timeout"), 0);
	told.wait = option(options, "wait");
	told.busy_latch = option(options, "busy_latch") > 0;
	told.keep = option(options, "keep") > 0;
	told.transaction = option(options, "transaction") > 0;
	told.repeat = Max(option(options, "repeat"), 0);
	worker.bgw_flags = BGWORKER_SHMEM_ACCESS | BGWORKER_BACKEND_DATABASE_CONNECTION;
	worker.bgw_start_time = BgWorkerStart_RecoveryFinished;
	worker.bgw_restart_time = BGW_NEVER_RESTART;
	worker.bgw_notify_pid = MyProcPid;
	strlcpy(worker.bgw_library_name, "httptest", sizeof(worker.bgw_library_name));
	strlcpy(worker.bgw_function_name, "httptest_main", sizeof(worker.bgw_function_name));
	strlcpy(worker.bgw_name, "httptest", sizeof(worker.bgw_name));
	strlcpy(worker.bgw_type, "httptest", sizeof(worker.bgw_type));
	StaticAssertStmt(sizeof(told) <= BGW_EXTRALEN, "bgw_extra is too small");
	memcpy(worker.bgw_extra, &told, sizeof(told));
	if (!RegisterDynamicBackgroundWorker(&worker, &handle) ||
		WaitForBackgroundWorkerStartup(handle, &pid) != BGWH_STARTED)
		elog(ERROR, "could not start the worker");
	PG_RETURN_INT32(pid);
}
