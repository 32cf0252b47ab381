/*
 * checking.c
 *	  How the team says what must stay true of a table: check() and uncheck().
 *
 * A check that could never be asked is an error at once and not a refused plan
 * at night.
 */
#include "postgres.h"

#include "act/assertions.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "serve/checking.h"
#include "serve/verbs.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_check);
PG_FUNCTION_INFO_V1(selfheal_uncheck);

/* The name stands in an index and in reasons; the text in the audit. */
#define MAX_NAME 128
#define MAX_SQL 20000

/* Table and name, both checked. */
static char *
name_arg(FunctionCallInfo fcinfo, Oid *relid)
{
	Watch		watch;
	char	   *name;

	*relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	watch_check_table(*relid, WATCH_NEED_READ);
	watch_check_watched(*relid, &watch);
	verbs_require_arg(fcinfo, 1, "name", "Say in a few words what the check is for: refusals tell it.");
	name = verbs_text_arg(fcinfo, 1);
	if (name[0] == '\0' || strlen(name) > MAX_NAME)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check's name has 1 to %d bytes", MAX_NAME),
				 errhint("Say in a few words what the check is for: refusals tell it.")));
	return name;
}

/* A check of somebody else is his to change, and the table's owner's. */
static void
require_own(Oid relid, const char *name, const char *role)
{
	Oid			asker = get_role_oid(role, true);

	if ((OidIsValid(asker) && has_privs_of_role(GetUserId(), asker)) ||
		compat_class_ownercheck(relid, GetUserId()))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("check \"%s\" was asked for by role \"%s\"", name, role),
			 errhint("That role or the table's owner may change it; give yours another name.")));
}

/* What was said is a change of policy for this table. */
static void
record(Oid relid, char *what)
{
	AuditEntry	entry;

	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.result = what;
	audit_write(&entry);
	if (shmem_state != NULL)
		shmem_wake_at_commit();
}

/* A setting of the session, as it is now. */
static char *
setting(const char *name)
{
	return pstrdup(GetConfigOption(name, false, false));
}

typedef struct RowType
{
	Oid			relid;
	MemoryContext cxt;
	TupleDesc	desc;
} RowType;

static void
read_row_type(void *arg)
{
	RowType    *t = arg;
	SpiUser		saved;
	AssertRows *rows;

	spi_open(&saved);
	rows = assertsql_rows(quote_qualified_identifier(get_namespace_name(get_rel_namespace(t->relid)),
													 get_rel_name(t->relid)), false);
	MemoryContextSwitchTo(t->cxt);
	t->desc = CreateTupleDescCopy(rows->desc);
	spi_close(&saved);
}

/*
 * Type of the table's rows, as a query sees it. Nothing is read, and the lock
 * is given back at once: a session that stays open after check() is in no
 * heal's way.
 */
static TupleDesc
row_type(Oid relid)
{
	RowType		t = {relid, CurrentMemoryContext, NULL};
	ErrorData  *edata = spi_trial(read_row_type, &t);

	if (edata != NULL)
		ReThrowError(edata);
	return t.desc;
}

/*
 * check(relation, name, sql): what must stay true of the table's rows when a
 * plan is tried; takes the place of the check of this name. Errors: 22023,
 * 42501, 42704, 54000, those of a table argument, and what PostgreSQL says of
 * the text.
 */
Datum
selfheal_check(PG_FUNCTION_ARGS)
{
	AssertSql	question = {0};
	char	   *name = name_arg(fcinfo, &question.relid);
	char	   *asked_by = assertion_role(question.relid, name);

	verbs_require_arg(fcinfo, 2, "sql", "Give one SELECT that returns one boolean.");
	question.sql = verbs_text_arg(fcinfo, 2);
	if (strlen(question.sql) > MAX_SQL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check's text has %d bytes at most", MAX_SQL),
				 errhint("Make several checks of it.")));
	if (asked_by != NULL)
		require_own(question.relid, name, asked_by);
	question.known_as = get_rel_name(question.relid);
	question.as.role = GetUserNameFromId(GetUserId(), false);
	question.as.timezone = setting("TimeZone");
	question.as.datestyle = setting("DateStyle");
	question.as.intervalstyle = setting("IntervalStyle");
	question.as.search_path = setting("search_path");
	assertsql_check(&question, row_type(question.relid));
	assertion_set(name, &question);
	record(question.relid, psprintf("check \"%s\": %s", name, question.sql));
	PG_RETURN_VOID();
}

/* uncheck(relation, name): 42704 when there is no check of this name. */
Datum
selfheal_uncheck(PG_FUNCTION_ARGS)
{
	Oid			relid;
	char	   *name = name_arg(fcinfo, &relid);
	char	   *asked_by = assertion_role(relid, name);

	if (asked_by == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no check \"%s\" of table \"%s\"", name, get_rel_name(relid)),
				 errhint("Checks stand in the view selfheal.checks.")));
	require_own(relid, name, asked_by);
	assertion_unset(relid, name);
	record(relid, psprintf("check \"%s\" is taken back", name));
	PG_RETURN_VOID();
}
