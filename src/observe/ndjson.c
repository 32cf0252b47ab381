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
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/defrem.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/inserts.h"
#include "observe/intake.h"
#include "observe/lines.h"
#include "observe/ndjson.h"
#include "observe/watch.h"
#include "storage/lmgr.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* How a line's bytes become text of the server. */
typedef struct Recoder
{
	int			from;
	int			to;
	Oid			proc;			/* InvalidOid: verify only */
	char	   *buf;
	size_t		size;
} Recoder;

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

/* The encoding of the lines: option ENCODING, else the client's. Refuses every
 * other option: it would have no meaning here. */
static int
encoding_option(const CopyStmt *stmt)
{
	int			encoding = -1;
	ListCell   *lc;

	foreach(lc, stmt->options)
	{
		DefElem    *opt = lfirst_node(DefElem, lc);

		if (strcmp(opt->defname, "format") == 0)
			continue;
		if (strcmp(opt->defname, "encoding") != 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("COPY option \"%s\" does not go with FORMAT ndjson",
							opt->defname),
					 errhint("FORMAT ndjson takes one more option: ENCODING.")));
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

/* What COPY asks for before it reads a file or runs a program. */
static void
check_source(const CopyStmt *stmt)
{
	if (stmt->filename == NULL)
		return;
	if (stmt->is_program &&
		!has_privs_of_role(GetUserId(), ROLE_PG_EXECUTE_SERVER_PROGRAM))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to COPY from a program"),
				 errdetail("It takes the privileges of role pg_execute_server_program."),
				 errhint("Anyone can COPY from STDIN, and use psql's \\copy.")));
	if (!stmt->is_program &&
		!has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to COPY from a file"),
				 errdetail("It takes the privileges of role pg_read_server_files."),
				 errhint("Anyone can COPY from STDIN, and use psql's \\copy.")));
}

/* INSERT on the view or on its column, as an INSERT would need. */
static void
check_privilege(Oid viewid)
{
	if (pg_class_aclcheck(viewid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(viewid, GetUserId(), ACL_INSERT,
								  ACLMASK_ALL) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, get_rel_name(viewid));
}

/* Prepare to recode lines from an encoding into the server's. */
static void
recoder_init(Recoder *rec, int encoding)
{
	memset(rec, 0, sizeof(Recoder));
	rec->from = encoding;
	rec->to = GetDatabaseEncoding();
	if (rec->from == rec->to || rec->from == PG_SQL_ASCII ||
		rec->to == PG_SQL_ASCII)
		return;
	rec->proc = FindDefaultConversionProc(rec->from, rec->to);
	if (!OidIsValid(rec->proc))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_FUNCTION),
				 errmsg("there is no conversion from encoding \"%s\" to \"%s\"",
						pg_encoding_to_char(rec->from), pg_encoding_to_char(rec->to)),
				 errhint("Convert the file before the load.")));
}

/*
 * Are the bytes of a line what they claim to be? A server of SQL_ASCII keeps
 * the client's bytes; of an encoding that no server can have (a character's
 * second byte may look like a backslash there) it can keep ASCII alone, as
 * PostgreSQL has it for every other statement.
 */
static bool
valid(const Recoder *rec, const char *line, size_t len)
{
	int			encoding = rec->from == PG_SQL_ASCII ? rec->to : rec->from;

	if (rec->to == PG_SQL_ASCII && !PG_VALID_BE_ENCODING(encoding))
	{
		for (size_t i = 0; i < len; i++)
			if (IS_HIGHBIT_SET(line[i]) || line[i] == '\0')
				return false;
		return true;
	}
	return pg_encoding_verifymbstr(encoding, line, len) == (int) len;
}

/*
 * Turn a line into text of the server, in place where nothing is to be
 * converted. False: it is held as the bytes that came, since they are not what
 * they claim to be, or too many to be converted.
 */
static bool
recode(Recoder *rec, const char **line, size_t *len)
{
	size_t		need;

	if (!valid(rec, *line, *len))
		return false;
	if (!OidIsValid(rec->proc))
		return true;

	need = *len * MAX_CONVERSION_GROWTH + 1;
	if (need > PG_INT32_MAX)
		return false;
	if (need > rec->size)
	{
		rec->size = Max(need, rec->size * 2);
		if (rec->buf)
			rec->buf = repalloc_huge(rec->buf, rec->size);
		else
			rec->buf = MemoryContextAllocHuge(CurrentMemoryContext, rec->size);
	}
	Assert(rec->buf != NULL);
	if (pg_do_encoding_conversion_buf(rec->proc, rec->from, rec->to,
									  (unsigned char *) unconstify(char *, *line),
									  *len, (unsigned char *) rec->buf, need,
									  true) != (int) *len)
		return false;
	*line = rec->buf;
	*len = strlen(rec->buf);
	return true;
}

/* Read all lines into the table's intake; returns how many were taken. */
static uint64
load(Oid relid, const CopyStmt *stmt, int encoding)
{
	Intake	   *in = intake_begin(relid, LOAD_COPY);
	Recoder		rec;
	LineReader *reader;
	const char *line;
	size_t		len;
	LoadCounts	counts;

	recoder_init(&rec, encoding);
	if (stmt->filename == NULL)
		reader = lines_open_client();
	else if (stmt->is_program)
		reader = lines_open_program(stmt->filename);
	else
		reader = lines_open_file(stmt->filename);

	while (lines_next(reader, &line, &len))
	{
		bool		good = recode(&rec, &line, &len);

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
		return false;
	if (strcmp(format, "ndjson") != 0)
		refuse_format(stmt->relation->relname, format);

	encoding = encoding_option(stmt);
	check_statement(stmt);
	check_source(stmt);
	PreventCommandIfReadOnly("COPY FROM");
	LockRelationOid(viewid, RowExclusiveLock);
	check_privilege(viewid);
	lines = load(relid, stmt, encoding);
	if (qc)
		SetQueryCompletion(qc, CMDTAG_COPY, lines);
	return true;
}

/* The utility hook: COPYs into an intake are ours. */
static void
utility(COMPAT_UTILITY_ARGS)
{
	if (IsA(pstmt->utilityStmt, CopyStmt) &&
		ndjson_copy((CopyStmt *) pstmt->utilityStmt, qc))
		return;
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
