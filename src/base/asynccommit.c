/*
 * asynccommit.c
 *	  Commits that need not wait for the disk.
 *
 * What a transaction has written is known by the end of its last WAL record
 * (XactLastRecEnd): whatever comes after moves it on, be it ours or not.
 */
#include "postgres.h"

#include "access/xact.h"
#include "access/xlog.h"
#include "base/asynccommit.h"
#include "utils/guc.h"

/* The end of what is in no hurry; invalid: nothing was said. */
static XLogRecPtr unhurried = InvalidXLogRecPtr;

static void
decide(XactEvent event, void *arg)
{
	if (event == XACT_EVENT_PRE_COMMIT && unhurried != InvalidXLogRecPtr &&
		XactLastRecEnd == unhurried)
		(void) set_config_option("synchronous_commit", "off", PGC_SUSET,
								 PGC_S_SESSION, GUC_ACTION_LOCAL, true, 0, false);
	if (event == XACT_EVENT_COMMIT || event == XACT_EVENT_ABORT || event == XACT_EVENT_PREPARE)
		unhurried = InvalidXLogRecPtr;
}

/* See the header. Before the first write both are invalid. */
bool
asynccommit_possible(void)
{
	return XactLastRecEnd == unhurried;
}

void
asynccommit_so_far(void)
{
	static bool registered = false;

	if (!registered)
		RegisterXactCallback(decide, NULL);
	registered = true;
	unhurried = XactLastRecEnd;
}
