/*
 * assertsql.c
 *	  One yes-or-no question about a table's rows, in SQL of the team's own.
 *
 * It is asked in a subtransaction that is rolled back, as the role that wrote
 * it, restricted and read-only, with a time limit of its own. What it may be
 * is assertread.c's.
 */
#include "postgres.h"

#include "access/xact.h"
#include "act/assertread.h"
#include "act/assertsql.h"
#include "base/guc.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "executor/tstoreReceiver.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/queryenvironment.h"
#include "utils/rls.h"
#include "utils/snapmgr.h"
#include "utils/timeout.h"

/* Of an error in a check this much is told, in bytes. */
#define MAX_MESSAGE 1000

AssertRows *
assertsql_rows(const char *relation, bool fill)
{
	AssertRows *rows = palloc0(sizeof(AssertRows));
	SPIPlanPtr	plan = SPI_prepare(psprintf("SELECT * FROM %s", relation), 0, NULL);
	SPIExecuteOptions options = {0};
	CachedPlanSource *source;

	if (plan == NULL)
		elog(ERROR, "own statement could not be prepared: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	rows->desc = CreateTupleDescCopy(source->resultDesc);
	if (fill)
	{
		/* each scan of a query reads them from the start */
		rows->store = tuplestore_begin_heap(true, false, work_mem);
		options.dest = CreateTuplestoreDestReceiver();
		SetTuplestoreDestReceiverParams(options.dest, rows->store, CurrentMemoryContext,
										false, NULL, NULL);
		if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
			elog(ERROR, "own statement failed: %s", SPI_result_code_string(SPI_result));
		rows->n = tuplestore_tuple_count(rows->store);
		options.dest->rDestroy(options.dest);
	}
	SPI_freeplan(plan);
	return rows;
}

/*
 * May this role ask about the table? Its own policies would show it a part of
 * the rows; the rows that it is asked about here are all.
 */
static void
require_right(Oid relid, Oid role)
{
	const char *name = GetUserNameFromId(role, false);

	if (pg_class_aclcheck(relid, role, ACL_SELECT) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\", who asks, may not read table %s", name, get_rel_name(relid)),
				 errhint("A check needs SELECT on the table, not only on some of its columns.")));
	if (check_enable_rls(relid, role, true) == RLS_ENABLED)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("row security of table %s applies to role \"%s\", who asks", get_rel_name(relid), name),
				 errhint("A check is asked about all rows: let a role ask that may see them.")));
}

/* The rows by the name that the text knows them by. Within SPI. */
static void
name_rows(const AssertSql *question, TupleDesc desc, Tuplestorestate *store, int64 n)
{
	EphemeralNamedRelation rows = palloc0(sizeof(EphemeralNamedRelationData));

	rows->md.name = pstrdup(question->known_as);
	rows->md.reliddesc = InvalidOid;
	rows->md.tupdesc = desc;
	rows->md.enrtype = ENR_NAMED_TUPLESTORE;
	rows->md.enrtuples = n;
	rows->reldata = store;
	if (SPI_register_relation(rows) != SPI_OK_REL_REGISTER)
		elog(ERROR, "rows could not be named: %s", SPI_result_code_string(SPI_result));
}

/*
 * Become the role that asks, under its settings, until spi_resume. Policies of
 * row security are their tables' owners' code: a query that one applies to is
 * refused by PostgreSQL.
 */
static void
become(SpiUser *saved, const AssertSql *question)
{
	Oid			role = get_role_oid(question->as.role, true);

	if (!OidIsValid(role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", who asked, does not exist", question->as.role),
				 errhint("Ask anew with selfheal.check(), or take the check back with selfheal.uncheck().")));
	require_right(question->relid, role);
	spi_become(saved, role,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, false);
	load_apply_settings(&question->as);
	spi_set_local("row_security", "off");
	/* else a quote could end elsewhere than where it was checked to end */
	spi_set_local("standard_conforming_strings", "on");
}

/* ---- asking ---- */

typedef struct Asking
{
	const AssertSql *question;
	const AssertRows *rows;
	bool		rehearsal;		/* by who asks, over no rows: any answer will
								 * do */
	AssertAnswer answer;
} Asking;

/* Body of the trial: whatever the question does is rolled back with it. */
static void
ask(void *arg)
{
	Asking	   *asking = arg;
	SpiUser		saved;
	Oid			temp;
	Oid			temp_toast;
	SPIPlanPtr	plan;
	bool		isnull;
	bool		answer;

	GetTempNamespaceState(&temp, &temp_toast);
	if (OidIsValid(temp) && !asking->rehearsal)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("this session has temporary objects, which could stand in the place of others"),
				 errhint("Try the plan in a session that has none.")));
	become(&saved, asking->question);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	name_rows(asking->question, asking->rows->desc, asking->rows->store, asking->rows->n);

	/*
	 * Also for what the query's functions do, which SPI's read_only does not
	 * reach. A subtransaction cannot become read-write again, and its end
	 * puts the mode back.
	 */
	XactReadOnly = true;
	plan = assertread_prepare(asking->question->relid, asking->question->known_as,
							  asking->question->sql);
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_plan(plan, NULL, NULL, true, 2) != SPI_OK_SELECT)
		elog(ERROR, "check could not be asked: %s", SPI_result_code_string(SPI_result));
	PopActiveSnapshot();
	if (SPI_processed != 1 && !asking->rehearsal)
		ereport(ERROR,
				(errcode(ERRCODE_CARDINALITY_VIOLATION),
				 errmsg(SPI_processed == 0 ? "it returned no row" : "it returned more than one row"),
				 errhint("A check returns one row: use count(*), bool_and() or EXISTS.")));
	if (!asking->rehearsal)
	{
		answer = spi_get_bool(0, 1, &isnull);
		asking->answer = isnull ? ASSERT_NULL : answer ? ASSERT_TRUE : ASSERT_FALSE;
	}
	SPI_finish();
	spi_resume(&saved);
}

/* Our own time limit, since the one around it is for a whole heal. */
static TimeoutId timer = MAX_TIMEOUTS;
static volatile sig_atomic_t out_of_time;

/* In a signal handler: as if somebody had cancelled the query. */
static void
time_is_up(void)
{
	out_of_time = true;
	InterruptPending = true;
	QueryCancelPending = true;
}

static void
start_timer(void)
{
	if (timer == MAX_TIMEOUTS)
		timer = RegisterTimeout(USER_TIMEOUT, time_is_up);
	out_of_time = false;
	enable_timeout_after(timer, guc_check_timeout);
}

/* The cancel may not have been noticed yet: then it is not to hit the next. */
static void
stop_timer(void)
{
	disable_timeout(timer, false);
	if (out_of_time)
		QueryCancelPending = false;
}

/*
 * Ask within the time limit, and roll back. Returns the error that it ended
 * with: a copy in the current context, or NULL.
 */
static ErrorData *
ask_limited(Asking *asking)
{
	MemoryContext cxt = CurrentMemoryContext;
	ErrorData  *volatile edata = NULL;

	start_timer();
	PG_TRY();
	{
		edata = spi_trial(ask, asking);
	}
	PG_CATCH();
	{
		/*
		 * spi_trial throws every cancel on, after its rollback: ours ends
		 * here
		 */
		stop_timer();
		if (!out_of_time || geterrcode() != ERRCODE_QUERY_CANCELED)
			PG_RE_THROW();
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		FlushErrorState();
	}
	PG_END_TRY();
	stop_timer();
	return edata;
}

/* What is said of a question that ran out of time. */
static char *
too_long(void)
{
	return psprintf("it took longer than selfheal.check_timeout (%d ms)", guc_check_timeout);
}

/* See the header. */
void
assertsql_check(const AssertSql *question, TupleDesc desc)
{
	AssertRows	none = {desc, tuplestore_begin_heap(true, false, work_mem), 0};
	Asking		asking = {question, &none, true, ASSERT_UNASKED};
	ErrorData  *edata = ask_limited(&asking);

	tuplestore_end(none.store);
	if (out_of_time)
		ereport(ERROR,
				(errcode(ERRCODE_QUERY_CANCELED),
				 errmsg("a check must be quick: %s", too_long()),
				 errhint("It was asked over no rows of the table: look at what else it reads.")));
	if (edata != NULL)
		ReThrowError(edata);
}

/* Does the error say nothing of the question? */
static bool
is_busy(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_TRANSACTION_ROLLBACK;
}

/* See the header. */
AssertAnswer
assertsql_ask(const AssertSql *question, const AssertRows *rows, char **message)
{
	Asking		asking = {question, rows, false, ASSERT_UNASKED};
	ErrorData  *edata = ask_limited(&asking);

	/* it may have caught the cancel, too, and come to an answer */
	if (out_of_time)
		*message = too_long();
	else if (edata == NULL)
		return asking.answer;
	else if (is_busy(edata))
		ReThrowError(edata);
	else
		*message = pnstrdup(edata->message,
							pg_mbcliplen(edata->message, strlen(edata->message), MAX_MESSAGE));
	return ASSERT_ERROR;
}
