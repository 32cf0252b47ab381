/*
 * guc.c
 *	  Settings of selfheal.
 *
 * All are defined in one place so that this list and the table of
 * docs/REFERENCE.md can be compared line by line. What a producer could use to weaken the healer
 * (lock budget, limits) is for superusers; load_id alone is a producer's.
 */
#include "postgres.h"

#include <limits.h>

#include "base/compat.h"
#include "base/guc.h"
#include "base/guc_claude.h"
#include "catalog/heap.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/guc.h"
#include "utils/varlena.h"

bool		guc_enabled = true;
int			guc_max_databases = 64;
int			guc_capture_slots = 256;
int			guc_capture_bytes = 16384;
int			guc_capture_rate = 20;
char	   *guc_worker_role = NULL;
int			guc_worker_linger = 30000;
int			guc_lock_timeout = 500;
int			guc_gate_timeout = 5000;
int			guc_publisher_timeout = 10000;
int			guc_statement_timeout = 600000;
int			guc_check_timeout = 5000;
int			guc_max_attempts = 8;
int			guc_auto_rewrite_limit = 65536;
char	   *guc_allowed_schemas = NULL;
bool		guc_four_eyes = false;
bool		guc_mcp_read_only = false;
int			guc_max_width = 10000;
int			guc_max_new_columns = 1000;
double		guc_convert_share = 0.5;
int			guc_convert_rows = 20;
int			guc_list_rows = 1;
int			guc_max_partitions_ahead = 12;
int			guc_max_new_partitions = 32;
int			guc_sequence_watch = 80;
int			guc_max_payload = 131072;
int			guc_max_line = 262144;
int			guc_dry_run_rows = 10000;
int			guc_dry_run_history = 1000;
int			guc_replay_chunk = 10000;
int			guc_quarantine_max = 10485760;
int			guc_max_waiting = 10000;
int			guc_parent_retry_interval = 300;
int			guc_max_wait = 86400;
int			guc_replay_window = 3600;
int			guc_trial_interval = 300;
int			guc_load_retention = 43200;
int			guc_schema_retention = 525600;
int			guc_kept_max = 10485760;
char	   *guc_encodings = NULL;
char	   *guc_overflow_column = NULL;
int			guc_share_values = SHARE_MASKED;
char	   *guc_load_id = NULL;
GucLoadIdSet *guc_load_id_set = NULL;

static const struct config_enum_entry share_values[] = {
	{"none", SHARE_NONE, false},
	{"masked", SHARE_MASKED, false},
	{"full", SHARE_FULL, false},
	{NULL, 0, false}
};

/*
 * selfheal.load_id becomes a column's text and part of an index key. guc.c
 * keeps what we hang onto the value with it, through every SET LOCAL and
 * ROLLBACK, so it tells one SET from another. A name that many sessions get
 * by default would make one load of theirs.
 */
static bool
check_load_id(char **newval, void **extra, GucSource source)
{
	static uint64 serial = 0;
	GucLoadIdSet *set;

	if (**newval != '\0' && source < PGC_S_CLIENT)
	{
		GUC_check_errdetail("It names one load, and is set by the session that brings it.");
		return false;
	}
	if (strlen(*newval) > GUC_LOAD_ID_BYTES)
	{
		GUC_check_errdetail("It may have %d bytes.", GUC_LOAD_ID_BYTES);
		return false;
	}
	if (!pg_verifymbstr(*newval, strlen(*newval), true))
	{
		GUC_check_errdetail("It is not valid text in this database's encoding.");
		return false;
	}
	set = compat_guc_malloc(sizeof(GucLoadIdSet));
	if (set == NULL)
		return false;
	set->serial = ++serial;
	set->used = false;
	*extra = set;
	return true;
}

static void
assign_load_id(const char *newval, void *extra)
{
	guc_load_id_set = extra;
}

/* Does the setting say "every schema"? */
static bool
is_every_schema(const char *value)
{
	while (*value == ' ' || *value == '\t' || *value == '\n' || *value == '\r')
		value++;
	return *value == '*' && strspn(value + 1, " \t\n\r") == strlen(value + 1);
}

/*
 * The names of a list of schemas, in the current context; false when it is no
 * list of names. A "*" among others would be read as a name, and is none.
 */
static bool
read_schemas(const char *value, List **names)
{
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(value), ',', names))
		return false;
	foreach(lc, *names)
	{
		if (strcmp(lfirst(lc), "*") == 0)
			return false;
	}
	return true;
}

static bool
check_schemas(char **newval, void **extra, GucSource source)
{
	List	   *names = NIL;

	if (is_every_schema(*newval) || read_schemas(*newval, &names))
		return true;
	GUC_check_errdetail("It is a list of schemas as in search_path, or * alone for every schema.");
	return false;
}

static bool
check_encodings(char **newval, void **extra, GucSource source)
{
	List	   *names;
	ListCell   *lc;

	if (!SplitIdentifierString(pstrdup(*newval), ',', &names))
	{
		GUC_check_errdetail("It is a list of encodings, or empty.");
		return false;
	}
	foreach(lc, names)
	{
		if (pg_char_to_encoding(lfirst(lc)) < 0)
		{
			GUC_check_errdetail("PostgreSQL knows no encoding \"%s\".", (char *) lfirst(lc));
			return false;
		}
	}
	return true;
}

/* A name that a column can have as it stands. */
static bool
check_column(char **newval, void **extra, GucSource source)
{
	if (**newval == '\0' || strlen(*newval) >= NAMEDATALEN ||
		SystemAttributeByName(*newval) != NULL)
	{
		GUC_check_errdetail("It is the name of a column, of at most %d bytes, and none of PostgreSQL's own.",
							NAMEDATALEN - 1);
		return false;
	}
	if (!pg_verifymbstr(*newval, strlen(*newval), true))
	{
		GUC_check_errdetail("It is not valid text in this database's encoding.");
		return false;
	}
	return true;
}

bool
guc_schema_allowed(const char *schema)
{
	List	   *names = NIL;
	ListCell   *lc;

	if (is_every_schema(guc_allowed_schemas))
		return true;
	if (!read_schemas(guc_allowed_schemas, &names))
		return false;
	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), schema) == 0)
			return true;
	}
	return false;
}

/*
 * Define every setting. Runs in the postmaster when preloaded, else in the
 * first backend that loads the library (then PGC_POSTMASTER ones would be
 * refused by guc.c, and nothing could use them: they are left out).
 */
void
guc_init(void)
{
	DefineCustomBoolVariable("selfheal.enabled",
							 "Lets workers run.",
							 "When off, loads still hold what does not fit; nothing is planned or changed, and no failed statement is looked at.",
							 &guc_enabled, true, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.worker_role",
							   "Role the workers connect as.",
							   "Empty means the bootstrap superuser. It must be a superuser.",
							   &guc_worker_role, "", PGC_SIGHUP, 0,
							   NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.worker_linger",
							"How long a worker without work stays.",
							NULL,
							&guc_worker_linger, 30000, 0, INT_MAX / 2,
							PGC_SIGHUP, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.lock_timeout",
							"How long a heal waits for its lock on a table.",
							"Readers never queue behind a heal for longer than this.",
							&guc_lock_timeout, 500, 1, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.publisher_timeout",
							"Longest wait for the publisher of a subscription that stalls.",
							"It is asked which types its columns have.",
							&guc_publisher_timeout, 10000, 100, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.gate_timeout",
							"How long a heal waits for running loads of its table to end.",
							"New loads, not readers, wait behind it for so long.",
							&guc_gate_timeout, 5000, 1, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.statement_timeout",
							"Longest time of one heal of one table.",
							NULL,
							&guc_statement_timeout, 600000, 0, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.check_timeout",
							"Longest time that a check of the team may take in a dry run.",
							"A check that takes longer refuses the plan.",
							&guc_check_timeout, 5000, 1, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_MS, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_attempts",
							"Attempts before an incident, or an approved plan that the server dies of, is left to a person.",
							"A missed lock is not an attempt.",
							&guc_max_attempts, 8, 1, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.auto_rewrite_limit",
							"Largest table that a heal rewrites or scans without approval.",
							NULL,
							&guc_auto_rewrite_limit, 65536, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.allowed_schemas",
							   "Schemas whose watched tables a heal may change.",
							   "A list as in search_path; * means every schema. Rows of other watched tables are held, and nothing is changed.",
							   &guc_allowed_schemas, "*", PGC_SUSET, GUC_LIST_INPUT,
							   check_schemas, NULL, NULL);
	DefineCustomBoolVariable("selfheal.four_eyes",
							 "A person's plan is approved by somebody else.",
							 "Who has proposed it cannot approve it, superusers neither, whatever role he takes.",
							 &guc_four_eyes, false, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomBoolVariable("selfheal.mcp_read_only",
							 "Tools that change something are not offered over MCP.",
							 "In this session: no right is given or taken by it.",
							 &guc_mcp_read_only, false, PGC_USERSET, 0,
							 NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_width",
							"Longest text that widens a column, in characters.",
							"A longer value in a column with a limit is a bad value.",
							&guc_max_width, 10000, 1, 10485760,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_new_columns",
							"New columns that a table gets in a day without approval.",
							"Those beyond it wait for approval.",
							&guc_max_new_columns, 1000, 0, 1600,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.overflow_column",
							   "Column for the new keys of a table that is near PostgreSQL's limit of columns.",
							   "Of type jsonb; a person approves it. Where a column of another type has the name, a number is put behind it.",
							   &guc_overflow_column, "overflow", PGC_SUSET, 0,
							   check_column, NULL, NULL);
	DefineCustomRealVariable("selfheal.convert_share",
							 "Share of the rows that came last from which another type is proposed for their column.",
							 "Below it a value of another type is a bad value, which changes no table.",
							 &guc_convert_share, 0.5, 0, 1,
							 PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.convert_rows",
							"Rows of another type from which another type is proposed for their column.",
							"If they are selfheal.convert_share of what came.",
							&guc_convert_rows, 20, 1, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.list_rows",
							"Rows with one new value from which it is proposed for a CHECK's list.",
							"For a CHECK (column IN (...)); a person approves it.",
							&guc_list_rows, 1, 1, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_partitions_ahead",
							"How far from the nearest partition a new one may be, in partitions.",
							"A row beyond it is held for a person: its key is likely a bad value.",
							&guc_max_partitions_ahead, 12, 0, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_new_partitions",
							"New partitions that a table gets in a day without approval.",
							"Rows beyond it are held for a person.",
							&guc_max_new_partitions, 32, 0, 1000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.sequence_watch",
							"How far on its way a watched table's sequence is when it is seen to, in percent.",
							"0 waits until it is used up.",
							&guc_sequence_watch, 80, 0, 99,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_payload",
							"Largest payload that is taken apart.",
							"A larger one is held as it is.",
							&guc_max_payload, 131072, 1, 1000000,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_line",
							"Longest line of a file that is read as a whole.",
							"A longer one is held in parts of this size.",
							&guc_max_line, 262144, 1, 524288,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.dry_run_rows",
							"Held rows that a dry run tries, at most.",
							NULL,
							&guc_dry_run_rows, 10000, 1, 10000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.dry_run_history",
							"Stored rows that a dry run tries, at least (all, if the table has fewer).",
							NULL,
							&guc_dry_run_history, 1000, 1, 10000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.replay_chunk",
							"Rows that are replayed in one transaction, at most.",
							"The payloads of one come to about 8 MB at most.",
							&guc_replay_chunk, 10000, 1, 1000000,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.quarantine_max",
							"Most bytes that are held for one table.",
							"A load that would hold more fails. 0 means no limit.",
							&guc_quarantine_max, 10485760, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_waiting",
							"Rows that wait behind a held row of their ordering key, at most, before a person is told.",
							"More of them are held all the same: they could not be stored in order.",
							&guc_max_waiting, 10000, 1, INT_MAX,
							PGC_SUSET, 0, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.parent_retry_interval",
							"How often rows that wait for a parent are looked at though none was seen to come.",
							"What logical replication stores is not seen. 0 means never.",
							&guc_parent_retry_interval, 300, 0, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.max_wait",
							"How long a row waits for its parent, or for a failure to pass, before a person is told.",
							"It is stored all the same when the parent comes after that. 0 means for ever.",
							&guc_max_wait, 86400, 0, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.replay_window",
							"How long after it failed the row of a plain INSERT may still be stored, for tables that are watched with replay_statements.",
							"Later its row only tells what the table lacked. 0: never.",
							&guc_replay_window, 3600, 0, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.trial_interval",
							"When a healer that has stopped since disk, memory or connections were used up tries one heal.",
							"Each trial that fails doubles it, up to an hour. 0 means never: resume() ends the stop.",
							&guc_trial_interval, 300, 0, INT_MAX / 2,
							PGC_SUSET, GUC_UNIT_S, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.load_retention",
							"How long the record of a load is kept.",
							"And with it what recognises its lines by selfheal.load_id. Longer while rows of it are held; -1 means for ever.",
							&guc_load_retention, 43200, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.schema_retention",
							"How long the versions of watched tables, and the commands that made them, are kept.",
							"Longer the newest of each, what expect() names, and what an open incident may be about; at most 1,000 of one table. -1 means that none is too old.",
							&guc_schema_retention, 525600, -1, INT_MAX,
							PGC_SUSET, GUC_UNIT_MIN, NULL, NULL, NULL);
	DefineCustomIntVariable("selfheal.kept_max",
							"Most bytes of what was sent that are kept of stored rows, of all tables together.",
							"The oldest go first, some time after a load. 0 means no limit.",
							&guc_kept_max, 10485760, 0, INT_MAX,
							PGC_SUSET, GUC_UNIT_KB, NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.encodings",
							   "Encodings that payloads which are no text may be in.",
							   "The first in which all held ones are printable text is proposed; a person approves it. Empty: none is.",
							   &guc_encodings, "WIN1252, LATIN1", PGC_SUSET, GUC_LIST_INPUT,
							   check_encodings, NULL, NULL);
	DefineCustomEnumVariable("selfheal.share_values",
							 "What is told of held values to a model, in the server log and in notifications.",
							 "Of tables that watch(..., share_values) says nothing of: none (class, length and type), masked (letters and digits replaced) or full.",
							 &guc_share_values, SHARE_MASKED, share_values, PGC_SUSET, 0,
							 NULL, NULL, NULL);
	DefineCustomStringVariable("selfheal.load_id",
							   "Name of the load that begins here.",
							   "A line that a load of this name has brought already, at the same place, is not taken again.",
							   &guc_load_id, "", PGC_USERSET, 0,
							   check_load_id, assign_load_id, NULL);

	guc_claude_init();

	DefineCustomIntVariable("selfheal.capture_rate",
							"Failed statements of one database that are copied in a second, at most.",
							"After a burst of half of selfheal.capture_slots. The rest is counted as dropped.",
							&guc_capture_rate, 20, 1, 1000000,
							PGC_SIGHUP, 0, NULL, NULL, NULL);

	if (process_shared_preload_libraries_in_progress)
	{
		DefineCustomIntVariable("selfheal.max_databases",
								"Databases in which selfheal may have a worker.",
								NULL,
								&guc_max_databases, 64, 1, 10000,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
		DefineCustomIntVariable("selfheal.capture_slots",
								"Failed statements of all databases that wait in shared memory, at most.",
								"One database takes three quarters of them at most. The rest is counted as dropped.",
								&guc_capture_slots, 256, 4, 65536,
								PGC_POSTMASTER, 0, NULL, NULL, NULL);
		DefineCustomIntVariable("selfheal.capture_bytes",
								"Bytes that are copied of one failed statement, its error and its parameters, at most.",
								"What is longer is clipped.",
								&guc_capture_bytes, 16384, 4096, 1048576,
								PGC_POSTMASTER, GUC_UNIT_BYTE, NULL, NULL, NULL);
	}

	MarkGUCPrefixReserved("selfheal");
}
