/*
 * progress.c
 *	  How far a long call is, for a client that has asked to be told.
 */
#include "postgres.h"

#include "base/progress.h"
#include "lib/stringinfo.h"
#include "utils/json.h"
#include "utils/timestamp.h"

/* Between two messages of one stage, in milliseconds. */
#define PAUSE 1000

static bool asked_for = false;
static int64 step = 0;
static TimestampTz told_at = 0;

void
progress_ask(bool asked)
{
	asked_for = asked;
	step = 0;
	told_at = 0;
}

static void
send(const char *stage, int64 done, int64 total)
{
	StringInfoData buf;
	char	   *words = total > 0 ? psprintf("%s (" INT64_FORMAT " of " INT64_FORMAT ")", stage, done, total) :
	done > 0 ? psprintf("%s (" INT64_FORMAT ")", stage, done) : pstrdup(stage);

	initStringInfo(&buf);
	appendStringInfo(&buf, "{\"progress\":" INT64_FORMAT ",\"message\":", ++step);
	escape_json(&buf, words);
	appendStringInfoChar(&buf, '}');
	pfree(words);
	told_at = GetCurrentTimestamp();
	ereport(INFO, (errcode(PROGRESS_SQLSTATE), errmsg_internal("%s", buf.data)));
	pfree(buf.data);
}

void
progress_tell(const char *stage)
{
	if (asked_for)
		send(stage, 0, 0);
}

void
progress_count(const char *stage, int64 done, int64 total)
{
	if (asked_for && TimestampDifferenceExceeds(told_at, GetCurrentTimestamp(), PAUSE))
		send(stage, done, total);
}
