/*
 * ndjson.c
 *	  COPY <intake> FROM file | PROGRAM | STDIN (FORMAT ndjson).
 *
 * COPY's own text format removes backslashes before any trigger sees the line,
 * and csv stops or cuts at bytes that JSON may well hold: both change a
 * payload in silence or fail for a row's sake. Hence a format of our own, in
 * which a line is a payload, byte for byte. Without a FORMAT we do not guess.
 *
 * A line that is not valid in the encoding it claims is held as raw bytes;
 * the load goes on.
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/copyfrom.h"
#include "observe/inserts.h"
#include "observe/intake.h"
#include "observe/lines.h"
#include "observe/ndjson.h"
#include "observe/recode.h"
#include "observe/restore.h"
#include "observe/watch.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

static ProcessUtility_hook_type prev_utility = NULL;

/* Raise 22023 for an intake that is named without a format we know. */
static void
refuse_format(const char *view, const char *format)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 format ? errmsg("COPY format \"%s\" not recognized", format)
			 : errmsg("COPY into the intake \"%s\" needs a FORMAT", view),
			 format ? 0 : errdetail("COPY's default text format would take backslashes out of the payloads."),
			 errhint("Use (FORMAT ndjson) for one JSON object per line, byte for byte, or (FORMAT text), (FORMAT csv), (FORMAT binary) with a client that escapes by COPY's rules.")));
}

/* The value of the FORMAT option, or NULL. A second one raises 42601. */
static const char *
format_option(const CopyStmt *stmt)
{
	const char *format = NULL;
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (strcmp(opt->defname, "format") != 0)
			continue;
		if (format)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("conflicting or redundant options")));
		format = defGetString(opt);
	}
	return format;
}

/* The encoding of the lines: option ENCODING, else the client's; and what is
 * said of lines that do not fit. Refuses every other option: it would have no
 * meaning here. */
static int
read_options(const CopyStmt *stmt, OnMisfit *on)
{
	int			encoding = -1;
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (strcmp(opt->defname, "format") == 0 || onmisfit_option(on, opt))
			continue;
		if (strcmp(opt->defname, "encoding") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("COPY option \"%s\" does not go with FORMAT ndjson",
							opt->defname),
					 errhint("FORMAT ndjson takes ENCODING, ON_ERROR, REJECT_LIMIT and LOG_VERBOSITY besides.")));
		if (encoding >= 0)
			ereport(ERROR,
					(errcode(ERRCODE_SYNTAX_ERROR),
					 errmsg("conflicting or redundant options")));
		encoding = pg_char_to_encoding(defGetString(opt));
		if (encoding < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("unknown encoding \"%s\"", defGetString(opt)),
					 errhint("Name one that PostgreSQL knows, as UTF8 or LATIN1.")));
	}
	onmisfit_check(on);
	return encoding >= 0 ? encoding : pg_get_client_encoding();
}

/* The rest of the statement: column list and WHERE. */
static void
check_statement(const CopyStmt *stmt)
{
	if (stmt->whereClause)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("WHERE does not go with FORMAT ndjson"),
				 errhint("Filter before the load, or in a BEFORE INSERT trigger of the table.")));
	if (stmt->attlist != NIL &&
		(list_length(stmt->attlist) != 1 ||
		 strcmp(strVal(linitial(stmt->attlist)), "payload") != 0))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("an intake has one column, \"payload\""),
				 errhint("Leave out the column list.")));
}

/* Read all lines into the table's intake; returns how many were taken. */
static uint64
load(Oid relid, const CopyStmt *stmt, int encoding, const OnMisfit *on)
{
	Intake	   *in = intake_begin(relid, LOAD_COPY);
	Recoder		rec;
	LineReader *reader;
	const char *line;
	size_t		len;
	bool		goes_on = false;
	LoadCounts	counts;

	intake_on_misfit(in, on);
	recode_init(&rec, encoding);
	if (stmt->filename == NULL)
		reader = lines_open_client(1, false);
	else if (stmt->is_program)
		reader = lines_open_program(stmt->filename);
	else
		reader = lines_open_file(stmt->filename);

	while (lines_next(reader, &line, &len))
	{
		bool		good;

		if (unlikely(lines_part(reader)))
		{
			intake_part(in, line, len, !goes_on);
			goes_on = lines_goes_on(reader);
			continue;
		}
		good = recode_line(&rec, &line, &len);
		intake_row(in, line, len, !good);
	}
	lines_close(reader);
	intake_end(in, &counts);
	return counts.stored + counts.held + counts.already;
}

/* See the header. */
bool
ndjson_copy(const CopyStmt *stmt, QueryCompletion *qc)
{
	Oid			viewid;
	Oid			relid;
	const char *format;
	OnMisfit	on = {0};
	int			encoding;
	uint64		lines;

	if (!stmt->is_from || stmt->relation == NULL)
		return false;
	viewid = RangeVarGetRelid(stmt->relation, NoLock, true);
	if (!OidIsValid(viewid) || get_rel_relkind(viewid) != RELKIND_VIEW)
		return false;
	relid = watch_table_of_intake(viewid);
	if (!OidIsValid(relid))
		return false;

	inserts_refuse_replica(viewid);
	format = format_option(stmt);
	if (format == NULL)
		refuse_format(stmt->relation->relname, NULL);
	if (strcmp(format, "text") == 0 || strcmp(format, "csv") == 0 ||
		strcmp(format, "binary") == 0)
		return copyfrom_statement(stmt, viewid, relid, qc);
	if (strcmp(format, "ndjson") != 0)
		refuse_format(stmt->relation->relname, format);

	encoding = read_options(stmt, &on);
	check_statement(stmt);
	if (stmt->filename)
		copyfrom_check_source(stmt->is_program);
	PreventCommandIfReadOnly("COPY FROM");
	LockRelationOid(viewid, RowExclusiveLock);
	copyfrom_check_view(viewid);
	lines = load(relid, stmt, encoding, &on);
	if (qc)
		SetQueryCompletion(qc, CMDTAG_COPY, lines);
	return true;
}

/* The utility hook: COPYs into an intake are ours. */
static void
utility(COMPAT_UTILITY_ARGS)
{
	if (IsA(pstmt->utilityStmt, CopyStmt))
	{
		if (ndjson_copy((CopyStmt *) pstmt->utilityStmt, qc))
			return;
		restore_see_copy((CopyStmt *) pstmt->utilityStmt);
	}
	if (prev_utility)
		prev_utility(COMPAT_UTILITY_PASS);
	else
		standard_ProcessUtility(COMPAT_UTILITY_PASS);
}

/* See the header. */
void
ndjson_init(void)
{
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}
