/*
 * failing.c
 *	  The error path of a session whose statement fails: a copy of its bytes.
 *
 * Where the settings' values come from is chosen so that they can be read in
 * any state: strings that guc.c keeps, numbers, and names that are constants.
 * pg_mbcliplen and strnlen read and count, no more.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/failing.h"
#include "base/failring.h"
#include "base/failscope.h"
#include "base/guc.h"
#include "base/underway.h"
#include "catalog/namespace.h"
#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "parser/parser.h"
#include "pgtime.h"
#include "port/atomics.h"
#include "tcop/tcopprot.h"
#include "utils/bytea.h"
#include "utils/guc.h"
#include "utils/timestamp.h"
#include "utils/xml.h"

/* The same again from this session within so many milliseconds only counts;
 * so many different ones are remembered. */
#define AGAIN_MS 100
#define REMEMBERED 4

static emit_log_hook_type prev_emit_log = NULL;

/* ---- the brake ---- */

static uint32
hash_more(uint32 hash, const char *bytes, int len)
{
	return hash_combine(hash, hash_bytes((const unsigned char *) bytes, len));
}

/* Has this session just reported the same? What is copied decides, but for
 * texts that follow from the rest. */
static bool
just_reported(const ErrorData *edata, const UnderwayNote *note, TimestampTz now)
{
	static struct
	{
		uint32		hash;
		TimestampTz at;
	}			reported[REMEMBERED];
	static int	oldest = 0;
	const char *texts[] = {debug_query_string, edata->message, edata->detail};
	uint32		hash = (uint32) edata->sqlerrcode;

	for (int i = 0; i < (int) lengthof(texts); i++)
		if (texts[i] != NULL)
			hash = hash_more(hash, texts[i], strnlen(texts[i], guc_capture_bytes));
	if (note != NULL)
		hash = hash_more(hash, note->params, note->used);
	for (int i = 0; i < REMEMBERED; i++)
		if (reported[i].hash == hash && now >= reported[i].at &&
			now < TimestampTzPlusMilliseconds(reported[i].at, AGAIN_MS))
			return true;
	reported[oldest].hash = hash;
	reported[oldest].at = now;
	oldest = (oldest + 1) % REMEMBERED;
	return false;
}

/* ---- texts ---- */

/*
 * Put a text into the slot, of at most limit bytes and of as many as there is
 * room for, clipped at a character; was it clipped? Where there is no room at
 * all it is none.
 */
static bool
put(FailSlot *slot, FailText which, const char *text, int limit)
{
	int			room = Min(limit, guc_capture_bytes - slot->used - 1);
	int			len;
	bool		clipped;

	slot->texts[which] = -1;
	if (text == NULL)
		return false;
	if (room <= 0)
		return true;
	len = (int) strnlen(text, (size_t) room + 1);
	clipped = len > room;
	if (clipped)
		len = pg_mbcliplen(text, len, room);
	slot->texts[which] = slot->used;
	memcpy(slot->bytes + slot->used, text, len);
	slot->bytes[slot->used + len] = '\0';
	slot->used += len + 1;
	return clipped;
}

static const char *
datestyle(void)
{
	static const char *const names[4][3] = {
		{"Postgres, YMD", "Postgres, DMY", "Postgres, MDY"},
		{"ISO, YMD", "ISO, DMY", "ISO, MDY"},
		{"SQL, YMD", "SQL, DMY", "SQL, MDY"},
		{"German, YMD", "German, DMY", "German, MDY"}
	};

	StaticAssertStmt(USE_POSTGRES_DATES == 0 && USE_ISO_DATES == 1 &&
					 USE_SQL_DATES == 2 && USE_GERMAN_DATES == 3 &&
					 DATEORDER_YMD == 0 && DATEORDER_DMY == 1 && DATEORDER_MDY == 2,
					 "names of DateStyle stand by its numbers");
	return DateStyle >= 0 && DateStyle < 4 && DateOrder >= 0 && DateOrder < 3 ?
		names[DateStyle][DateOrder] : NULL;
}

static const char *
intervalstyle(void)
{
	switch (IntervalStyle)
	{
		case INTSTYLE_POSTGRES:
			return "postgres";
		case INTSTYLE_POSTGRES_VERBOSE:
			return "postgres_verbose";
		case INTSTYLE_SQL_STANDARD:
			return "sql_standard";
		case INTSTYLE_ISO_8601:
			return "iso_8601";
		default:
			return NULL;
	}
}

static void
put_settings(FailSlot *slot)
{
	int			all = guc_capture_bytes;

	put(slot, FAIL_TIMEZONE,
		session_timezone ? pg_get_timezone_name(session_timezone) : NULL, TZ_STRLEN_MAX);
	put(slot, FAIL_DATESTYLE, datestyle(), NAMEDATALEN);
	put(slot, FAIL_INTERVALSTYLE, intervalstyle(), NAMEDATALEN);
	put(slot, FAIL_CLIENT_ENCODING, pg_get_client_encoding_name(), NAMEDATALEN);
	put(slot, FAIL_BYTEA_OUTPUT,
		bytea_output == BYTEA_OUTPUT_HEX ? "hex" : "escape", NAMEDATALEN);
	put(slot, FAIL_XMLOPTION,
		xmloption == XMLOPTION_DOCUMENT ? "document" : "content", NAMEDATALEN);
	put(slot, FAIL_APPLICATION, application_name, NAMEDATALEN);
	put(slot, FAIL_SEARCH_PATH, namespace_search_path, all / 32);
}

/* What the error says: names as long as they can be, the rest within shares
 * that leave the statement a quarter at least. */
static void
put_error(FailSlot *slot, const ErrorData *edata)
{
	int			all = guc_capture_bytes;

	put(slot, FAIL_SCHEMA_NAME, edata->schema_name, NAMEDATALEN - 1);
	put(slot, FAIL_TABLE_NAME, edata->table_name, NAMEDATALEN - 1);
	put(slot, FAIL_COLUMN_NAME, edata->column_name, NAMEDATALEN - 1);
	put(slot, FAIL_DATATYPE_NAME, edata->datatype_name, NAMEDATALEN - 1);
	put(slot, FAIL_CONSTRAINT_NAME, edata->constraint_name, NAMEDATALEN - 1);
	put_settings(slot);
	put(slot, FAIL_MESSAGE, edata->message, all / 16);
	put(slot, FAIL_DETAIL, edata->detail, all / 16);
	put(slot, FAIL_HINT, edata->hint, all / 32);
	put(slot, FAIL_CONTEXT, edata->context, all / 16);
}

/* The parameters lie as they are to lie here; they leave a quarter, too. */
static void
put_params(FailSlot *slot, const UnderwayNote *note)
{
	slot->nparams = 0;
	slot->params = MAXALIGN(offsetof(FailSlot, bytes) + slot->used) - offsetof(FailSlot, bytes);
	if (note == NULL || note->nparams == 0 ||
		slot->params + note->used > guc_capture_bytes)
		return;
	memcpy(slot->bytes + slot->params, note->params, note->used);
	slot->nparams = note->nparams;
	slot->used = slot->params + note->used;
}

/* The statement, and the one inside it, share what is left. */
static void
put_statements(FailSlot *slot, const char *statement, const char *inner)
{
	int			left = Max(guc_capture_bytes - slot->used - 2, 0);
	int			needed = statement ? strnlen(statement, left) : 0;

	slot->inner_clipped = put(slot, FAIL_INNER, inner,
							  Max(left / 2, left - needed));
	slot->statement_clipped = put(slot, FAIL_STATEMENT, statement, left);
}

/* ---- the hook ---- */

static void
copy(const ErrorData *edata, FailDatabase *db)
{
	const UnderwayNote *note = underway_take(edata);
	TimestampTz now = GetCurrentTimestamp();
	const char *inner = edata->internalquery;
	FailSlot   *slot;

	if (just_reported(edata, note, now))
	{
		pg_atomic_fetch_add_u64(&db->repeated, 1);
		return;
	}
	slot = failring_reserve(db, now);
	if (slot == NULL)
		return;
	if (inner == NULL && note != NULL && note->is_inner)
		inner = note->inner;
	slot->pid = MyProcPid;
	slot->role = GetUserId();
	slot->outer_role = GetOuterUserId();
	slot->session_role = GetSessionUserId();
	slot->sqlstate = edata->sqlerrcode;
	slot->position = edata->cursorpos;
	slot->inner_position = edata->internalpos;
	slot->target = note ? note->target : InvalidOid;
	slot->start = note ? note->start : -1;
	slot->length = note ? note->length : 0;
	slot->escapes = !standard_conforming_strings;
	memcpy(slot->temporary, underway_temporary(), sizeof(slot->temporary));
	slot->used = 0;
	put_error(slot, edata);
	put_params(slot, note);
	put_statements(slot, debug_query_string, inner);
	/* what came before it in a pipeline is rolled back with it */
	slot->alone = !IsTransactionBlock() && !compat_pipelining();
	failring_publish(db, slot);
}

static void
emit_log(ErrorData *edata)
{
	if (unlikely(edata->elevel == ERROR) && failscope_of_a_statement(edata->sqlerrcode))
	{
		FailDatabase *db = failscope_database();

		if (db != NULL)
			copy(edata, db);
	}
	if (prev_emit_log)
		prev_emit_log(edata);
}

void
failing_init(void)
{
	prev_emit_log = emit_log_hook;
	emit_log_hook = emit_log;
}
