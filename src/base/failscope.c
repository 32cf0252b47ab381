/*
 * failscope.c
 *	  Which errors of which processes are copied.
 */
#include "postgres.h"

#include "access/parallel.h"
#include "base/failscope.h"
#include "base/guc.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "replication/logicalworker.h"

/* One of our own processes: what fails there is ours to handle. */
static bool
our_process(void)
{
	return MyBgworkerEntry != NULL &&
		strcmp(MyBgworkerEntry->bgw_library_name, "selfheal") == 0;
}

/*
 * A process that runs statements for somebody. The leader of a parallel worker
 * raises its error again, and an apply worker's is seen by stalls.c. On a
 * standby, in a single user's server and before the worker has come nothing is
 * wanted.
 */
static bool
runs_statements(void)
{
	return (MyBackendType == B_BACKEND || MyBackendType == B_BG_WORKER) &&
		!IsParallelWorker() && !IsLogicalWorker() && !our_process();
}

/*
 * Errors that say something of a statement and its data. Those of an aborted
 * transaction, of the server, the connection or somebody's interruption, and
 * those that pass when it is tried again, do not.
 */
bool
failscope_of_a_statement(int sqlerrcode)
{
	switch (ERRCODE_TO_CATEGORY(sqlerrcode))
	{
		case ERRCODE_CONNECTION_EXCEPTION:
		case ERRCODE_INVALID_TRANSACTION_STATE:
		case ERRCODE_INVALID_AUTHORIZATION_SPECIFICATION:
		case ERRCODE_TRANSACTION_ROLLBACK:
		case ERRCODE_INSUFFICIENT_RESOURCES:
		case ERRCODE_OPERATOR_INTERVENTION:
		case ERRCODE_SYSTEM_ERROR:
		case ERRCODE_INTERNAL_ERROR:
			return false;
		default:
			return sqlerrcode != ERRCODE_LOCK_NOT_AVAILABLE;
	}
}

/* See the header. */
FailDatabase *
failscope_database(void)
{
	return guc_enabled && runs_statements() ? failring_database() : NULL;
}

/* See the header. */
bool
failscope_wanted(void)
{
	return failscope_database() != NULL;
}
