/*
 * giveway.c
 *	  Where one of our processes and a person wait for each other, ours gives
 *	  way.
 *
 * The repeated look is a timer of the transaction that says to whoever waits
 * what the timer of deadlock_timeout says (proc.c): a wait takes it as its own
 * and looks; outside of a wait it is forgotten when the next one begins.
 */
#include "postgres.h"

#include "base/giveway.h"
#include "base/guc.h"
#include "base/trouble.h"
#include "storage/proc.h"
#include "utils/guc.h"
#include "utils/timeout.h"
#include "utils/timestamp.h"

/* Looks within the time that a person's first look takes to come. A look takes
 * some microseconds, in which nobody else gets or gives a lock. */
#define LOOKS 4

/* Where we close the circle a person may have waited for long already: our
 * first look comes in this part of the time. */
#define FIRST_LOOK 100

static TimeoutId look_again = MAX_TIMEOUTS;

/* What deadlock_timeout is for others here, in ms. */
static int
deadlock_timeout(void)
{
	const char *value = GetConfigOptionResetString("deadlock_timeout");
	int			ms = 0;

	if (value == NULL || !parse_int(value, &ms, GUC_UNIT_MS, NULL))
		ms = DeadlockTimeout;
	return Max(ms, 1);
}

int
giveway_limit(void)
{
	return Max(Min(guc_lock_timeout, deadlock_timeout() / 4 * 3), 1);
}

int
giveway_first_look(int lock_ms)
{
	return Max(Min(lock_ms / 4, deadlock_timeout() / 10), 1);
}

/* A setting of the session, in ms. What is said of it elsewhere stays in its
 * reset value. */
static void
set_ms(const char *name, int ms)
{
	char		value[16];

	snprintf(value, sizeof(value), "%d", ms);
	SetConfigOption(name, value, PGC_SUSET, PGC_S_SESSION);
}

/* The configuration may have been read anew since. */
static void
set_limits(void)
{
	set_ms("lock_timeout", giveway_limit());
	set_ms("deadlock_timeout", Max(deadlock_timeout() / FIRST_LOOK, 1));
}

void
giveway_process(void)
{
	look_again = RegisterTimeout(USER_TIMEOUT, CheckDeadLockAlert);
	set_limits();
	/* who waits for whom stands with the incident */
	SetConfigOption("log_lock_waits", "off", PGC_SUSET, PGC_S_SESSION);
}

void
giveway_begin(void)
{
	int			ms = Max(deadlock_timeout() / LOOKS, 1);

	if (look_again == MAX_TIMEOUTS)
		return;
	set_limits();
	enable_timeout_every(look_again, TimestampTzPlusMilliseconds(GetCurrentTimestamp(), ms), ms);
}

void
giveway_end(void)
{
	if (look_again != MAX_TIMEOUTS)
		disable_timeout(look_again, false);
}

bool
giveway_was(const ErrorData *edata)
{
	return !trouble_raised_by_code(edata) && !trouble_elsewhere(edata) &&
		(edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		 edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED);
}
