/*
 * healing.c
 *	  What the transaction at work has announced that it will do to a table.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/healing.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/lock.h"
#include "storage/proc.h"

static int64 plan_at_work = 0;
static bool rewrite_announced = false;
static LocalTransactionId announced_in = InvalidLocalTransactionId;

/* See the header. */
bool
healing_process(void)
{
	return MyBgworkerEntry != NULL &&
		strcmp(MyBgworkerEntry->bgw_library_name, "selfheal") == 0;
}

/* See the header. */
void
healing_begin(int64 plan, bool rewrites)
{
	plan_at_work = plan;
	rewrite_announced = rewrites;
	announced_in = compat_lxid();
}

/* See the header. */
void
healing_end(void)
{
	announced_in = InvalidLocalTransactionId;
}

/* See the header. */
int64
healing_plan(void)
{
	return announced_in != InvalidLocalTransactionId && announced_in == compat_lxid() ? plan_at_work : 0;
}

/* See the header. */
bool
healing_rewrites(void)
{
	return healing_plan() != 0 && rewrite_announced;
}
