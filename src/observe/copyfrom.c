/*
 * copyfrom.c
 *	  Files that are not JSON: each line's fields become a payload.
 *
 * Reading is records.c's and binary.c's, the rest of the way the intake's.
 * Here the fields get their names, and what COPY's options say of single
 * columns is done.
 */
#include "postgres.h"

#include "access/table.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "catalog/pg_authid.h"
#include "catalog/pg_class.h"
#include "commands/progress.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/value.h"
#include "observe/binary.h"
#include "observe/copyform.h"
#include "observe/copyfrom.h"
#include "observe/intake.h"
#include "observe/lines.h"
#include "observe/records.h"
#include "observe/watch.h"
#include "storage/lmgr.h"
#include "utils/acl.h"
#include "utils/backend_progress.h"
#include "utils/backend_status.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "write/freeze.h"

PG_FUNCTION_INFO_V1(selfheal_copy_from);

/* So many lines, and the progress is shown. */
#define SHOW_EVERY 1000

/* Where the data comes from. */
typedef struct Source
{
	const char *name;			/* NULL: the client */
	bool		program;
} Source;

/* One column of the file. */
typedef struct Target
{
	char	   *name;
	char	   *key;			/* as it stands in the payload, with colon */
	int			keylen;
	Oid			type;			/* InvalidOid: no column of the table */
	bool		has_default;
	bool		not_null;		/* FORCE_NOT_NULL */
	bool		force_null;		/* FORCE_NULL */
	const char *missing;		/* the fault of a line that ends before it */
} Target;

typedef struct CopyLoad
{
	Oid			relid;
	const CopyForm *form;
	Intake	   *in;
	LineReader *lines;
	RecordReader *records;		/* text and csv */
	BinaryReader *binary;
	bool		payloads;		/* the file has one column, of payloads */
	Target	   *targets;
	int			ntargets;
	StringInfoData payload;
	int64		nrecords;
	bool		client;
} CopyLoad;

/* ---- what is allowed ---- */

/* See the header. */
void
copyfrom_check_source(bool program)
{
	if (program && !has_privs_of_role(GetUserId(), ROLE_PG_EXECUTE_SERVER_PROGRAM))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to COPY from a program"),
				 errdetail("It takes the privileges of role pg_execute_server_program."),
				 errhint("Anyone can COPY from STDIN, and use psql's \\copy.")));
	if (!program && !has_privs_of_role(GetUserId(), ROLE_PG_READ_SERVER_FILES))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied to COPY from a file"),
				 errdetail("It takes the privileges of role pg_read_server_files."),
				 errhint("Anyone can COPY from STDIN, and use psql's \\copy.")));
}

/* See the header. */
void
copyfrom_check_view(Oid viewid)
{
	if (pg_class_aclcheck(viewid, GetUserId(), ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(viewid, GetUserId(), ACL_INSERT,
								  ACLMASK_ALL) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_VIEW, get_rel_name(viewid));
}

/* ---- columns ---- */

/* The table's columns, as COPY without a list has them. */
static List *
table_columns(Oid relid)
{
	Relation	rel = table_open(relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *names = NIL;

	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (!att->attisdropped && att->attgenerated == '\0')
			names = lappend(names, pstrdup(NameStr(att->attname)));
	}
	table_close(rel, NoLock);
	return names;
}

/* Is the column in this list of an option? */
static bool
listed(const List *names, const char *name)
{
	ListCell   *lc;

	foreach(lc, names)
		if (strcmp(strVal(lfirst(lc)), name) == 0)
		return true;
	return false;
}

/* Whatever an option names is in the file. */
static void
check_listed(const CopyLoad *load, const char *option, const List *names)
{
	ListCell   *lc;

	foreach(lc, names)
	{
		const char *name = strVal(lfirst(lc));
		bool		found = false;

		for (int i = 0; i < load->ntargets; i++)
			found |= strcmp(load->targets[i].name, name) == 0;
		if (!found)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("%s column \"%s\" not referenced by COPY", option, name),
					 errhint("Name columns that the file has.")));
	}
}

/* The columns of the file, in its order. */
static void
set_targets(CopyLoad *load, const List *names)
{
	const CopyForm *form = load->form;
	Relation	rel = table_open(load->relid, NoLock);
	TupleDesc	desc = RelationGetDescr(rel);

	load->ntargets = list_length(names);
	load->targets = palloc0(sizeof(Target) * Max(load->ntargets, 1));
	for (int i = 0; i < load->ntargets; i++)
	{
		Target	   *t = &load->targets[i];
		StringInfoData key;

		t->name = list_nth(names, i);
		initStringInfo(&key);
		escape_json(&key, t->name);
		appendStringInfoChar(&key, ':');
		t->key = key.data;
		t->keylen = key.len;
		t->not_null = form->not_null_all || listed(form->not_null, t->name);
		t->force_null = form->force_null_all || listed(form->force_null, t->name);
		t->missing = psprintf("it has no field for column \"%s\"", t->name);
		for (int k = 0; k < desc->natts; k++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, k);

			if (att->attisdropped || strcmp(NameStr(att->attname), t->name) != 0)
				continue;
			t->type = att->atttypid;
			t->has_default = att->atthasdef || att->attidentity != '\0';
		}
	}
	table_close(rel, NoLock);
	check_listed(load, "FORCE_NOT_NULL", form->not_null);
	check_listed(load, "FORCE_NULL", form->force_null);
}

/* ---- the header ---- */

static void
refuse_header(const char *detail)
{
	ereport(ERROR,
			(errcode(ERRCODE_BAD_COPY_FILE_FORMAT),
			 errmsg("the header of the file does not name its columns"),
			 errdetail_internal("%s", detail),
			 errhint("Give the columns by name, and COPY's options as the file is written.")));
}

/* The names that the first line says. */
static List *
read_header(CopyLoad *load)
{
	Record		record;
	List	   *names = NIL;

	if (!records_next(load->records, &record))
		return NIL;
	if (record.fault)
		refuse_header(psprintf("Of its line %s.", record.fault));
	for (int i = 0; i < record.nfields; i++)
	{
		const RecordField *field = &record.fields[i];
		const char *val = field->val;
		int			len = field->len;

		/* the mark that editors put before UTF-8 is no part of a name */
		if (i == 0 && load->form->encoding == PG_UTF8 &&
			GetDatabaseEncoding() == PG_UTF8 && len >= 3 && memcmp(val, "\xef\xbb\xbf", 3) == 0)
		{
			val += 3;
			len -= 3;
			/* before a quote it has kept the quote from being one */
			if (len >= 2 && val[0] == '"' && val[len - 1] == '"')
			{
				val++;
				len -= 2;
			}
		}
		names = lappend(names, field->isnull ? pstrdup("") : pnstrdup(val, len));
	}
	return names;
}

/* HEADER MATCH: the header must say what the columns are. */
static void
match_header(const List *names, const List *header)
{
	if (list_length(header) != list_length(names))
		refuse_header(psprintf("It has %d fields, expected are %d.",
							   list_length(header), list_length(names)));
	for (int i = 0; i < list_length(names); i++)
		if (strcmp(list_nth(names, i), list_nth(header, i)) != 0)
			refuse_header(psprintf("Field %d is \"%s\", expected is \"%s\".", i + 1,
								   (char *) list_nth(header, i), (char *) list_nth(names, i)));
}

/* Which column each field goes to. The first line is read, if it is a header. */
static void
read_columns(CopyLoad *load, bool intake)
{
	const CopyForm *form = load->form;
	List	   *names = form->columns;
	List	   *header;

	if (form->title == TITLE_NONE)
	{
		set_targets(load, names != NIL ? names : table_columns(load->relid));
		return;
	}
	header = read_header(load);
	load->payloads = intake && names == NIL && list_length(header) == 1 &&
		strcmp(linitial(header), "payload") == 0;
	if (load->payloads)
		return;
	if (form->title == TITLE_MATCH)
	{
		if (names == NIL)
			names = table_columns(load->relid);
		match_header(names, header);
	}
	set_targets(load, names != NIL ? names : header);
}

/* ---- a line ---- */

/* A text as a JSON string. */
static void
append_string(StringInfo out, const char *s, int len)
{
	const char *end = s + len;

	/* room for what stands there as it is, which most texts do */
	enlargeStringInfo(out, len + 3);
	out->data[out->len++] = '"';
	while (s < end)
	{
		const char *plain = s;
		unsigned char c;

		while (s < end && (unsigned char) *s >= ' ' && *s != '"' && *s != '\\')
			s++;
		appendBinaryStringInfo(out, plain, s - plain);
		if (s == end)
			break;
		c = (unsigned char) *s++;
		if (c == '"' || c == '\\')
		{
			appendStringInfoCharMacro(out, '\\');
			appendStringInfoCharMacro(out, c);
		}
		else if (c == '\n')
			appendBinaryStringInfo(out, "\\n", 2);
		else if (c == '\t')
			appendBinaryStringInfo(out, "\\t", 2);
		else if (c == '\r')
			appendBinaryStringInfo(out, "\\r", 2);
		else
			appendStringInfo(out, "\\u%04x", c);
	}
	appendStringInfoChar(out, '"');
}

/* Is the field a null, by the options of its column? */
static bool
is_null(const CopyForm *form, const Target *t, RecordField *field)
{
	if (form->format != COPY_CSV)
		return field->isnull;
	if (field->isnull)
	{
		if (!t->not_null)
			return true;
		field->val = form->null;
		field->len = (int) form->nulllen;
	}
	else if (t->force_null)
		return (size_t) field->len == form->nulllen &&
			memcmp(field->val, form->null, form->nulllen) == 0;
	return false;
}

/* Make the payload of a record; returns what is wrong with it, or NULL. */
static const char *
make_payload(CopyLoad *load, Record *record)
{
	StringInfo	out = &load->payload;

	if (record->nfields > load->ntargets)
		return "it has more fields than there are columns";
	if (record->nfields < load->ntargets)
		return load->targets[record->nfields].missing;
	resetStringInfo(out);
	appendStringInfoChar(out, '{');
	for (int i = 0; i < load->ntargets; i++)
	{
		const Target *t = &load->targets[i];
		RecordField *field = &record->fields[i];

		if (unlikely(field->isdefault))
		{
			if (!t->has_default)
				return "it has the marker of a default for a column that has none";
			continue;
		}
		if (out->len > 1)
			appendStringInfoCharMacro(out, ',');
		appendBinaryStringInfo(out, t->key, t->keylen);
		if (is_null(load->form, t, field))
			appendBinaryStringInfo(out, "null", 4);
		else
			append_string(out, field->val, field->len);
	}
	appendStringInfoChar(out, '}');
	return NULL;
}

/* A line of a file of payloads. */
static void
take_payload(CopyLoad *load, const Record *record, IntakeLine *line)
{
	if (record->fault || record->nfields != 1)
	{
		line->fault = record->fault ? record->fault : "it has more fields than one";
		intake_line(load->in, line);
	}
	else if (record->fields[0].isnull)
		intake_skip(load->in);
	else
	{
		line->payload = record->fields[0].val;
		line->len = record->fields[0].len;
		line->whole = true;
		intake_line(load->in, line);
	}
}

static void
take_record(CopyLoad *load, Record *record)
{
	IntakeLine	line = {0};

	line.raw = record->raw;
	line.rawlen = record->rawlen;
	line.position = record->line;
	line.fault_state = record->sqlstate;
	if (unlikely(load->payloads))
	{
		take_payload(load, record, &line);
		return;
	}
	/* an empty line is a field in a file of one column, else nothing */
	if (record->rawlen == 0 && load->ntargets != 1)
	{
		intake_skip(load->in);
		return;
	}
	line.fault = record->fault;
	if (likely(line.fault == NULL) && unlikely(record->rawlen > records_limit()))
	{
		line.fault = RECORDS_TOO_LARGE;
		line.fault_state = ERRCODE_PROGRAM_LIMIT_EXCEEDED;
	}
	if (likely(line.fault == NULL))
	{
		line.fault = make_payload(load, record);
		line.fault_state = ERRCODE_BAD_COPY_FILE_FORMAT;
	}
	if (likely(line.fault == NULL))
	{
		line.payload = load->payload.data;
		line.len = load->payload.len;
	}
	intake_line(load->in, &line);
}

/* ---- a load ---- */

/* Show in pg_stat_progress_copy how far we are. A subtransaction that was
 * rolled back has ended what it showed. */
static void
show_progress(CopyLoad *load, const Source *source)
{
	static const int index[] = {
		PROGRESS_COPY_COMMAND, PROGRESS_COPY_TYPE, PROGRESS_COPY_BYTES_TOTAL,
		PROGRESS_COPY_BYTES_PROCESSED, PROGRESS_COPY_TUPLES_PROCESSED
	};
	int64		values[lengthof(index)];
	uint64		total;

	if (!pgstat_track_activities || MyBEEntry == NULL)
		return;
	if (MyBEEntry->st_progress_command != PROGRESS_COMMAND_COPY)
		pgstat_progress_start_command(PROGRESS_COMMAND_COPY, load->relid);
	values[0] = PROGRESS_COPY_COMMAND_FROM;
	values[1] = source->name == NULL ? PROGRESS_COPY_TYPE_PIPE :
		source->program ? PROGRESS_COPY_TYPE_PROGRAM : PROGRESS_COPY_TYPE_FILE;
	values[3] = (int64) lines_given(load->lines, &total);
	values[2] = (int64) total;
	values[4] = load->nrecords;
	pgstat_progress_update_multi_param(lengthof(index), index, values);
}

/* Types of the fields of a binary file: nothing else says what they are. */
static Oid *
field_types(const CopyLoad *load)
{
	Oid		   *types = palloc(sizeof(Oid) * Max(load->ntargets, 1));

	for (int i = 0; i < load->ntargets; i++)
	{
		types[i] = load->targets[i].type;
		if (!OidIsValid(types[i]))
			ereport(ERROR,
					(errcode(ERRCODE_UNDEFINED_COLUMN),
					 errmsg("column \"%s\" of relation \"%s\" does not exist",
							load->targets[i].name, get_rel_name(load->relid)),
					 errhint("A binary file does not say of what type its fields are: the columns must be there.")));
	}
	return types;
}

/* How many columns the client is to send, as far as it is known. */
static int
columns_to_send(const CopyLoad *load)
{
	return list_length(load->form->columns != NIL ? load->form->columns :
					   table_columns(load->relid));
}

static void
open_source(CopyLoad *load, const Source *source)
{
	bool		binary = load->form->format == COPY_BINARY;

	if (source->name == NULL)
		load->lines = lines_open_client(columns_to_send(load), binary);
	else if (source->program)
		load->lines = lines_open_program(source->name);
	else
		load->lines = lines_open_file(source->name);
	if (!binary)
		load->records = records_open(load->lines, load->form);
}

/* All of it into the table's intake. */
static void
run(Oid relid, const CopyForm *form, const Source *source, bool intake, LoadCounts *counts)
{
	CopyLoad	load = {0};
	Record		record;

	if (form->freeze)
		freeze_check(relid);
	load.relid = relid;
	load.form = form;
	load.in = intake_begin(relid, LOAD_COPY);
	intake_on_misfit(load.in, &form->on_misfit);
	if (form->where)
		intake_where(load.in, form->where);
	initStringInfo(&load.payload);
	open_source(&load, source);
	show_progress(&load, source);
	read_columns(&load, intake);
	if (form->format == COPY_BINARY)
		load.binary = binary_open(load.lines, field_types(&load), load.ntargets);
	while (load.binary ? binary_next(load.binary, &record) : records_next(load.records, &record))
	{
		take_record(&load, &record);
		if (++load.nrecords % SHOW_EVERY == 0)
			show_progress(&load, source);
	}
	show_progress(&load, source);
	lines_close(load.lines);
	intake_end(load.in, counts);
	if (form->freeze)
		freeze_rows(relid);
	pgstat_progress_end_command();
	if (load.records && records_cut_off(load.records))
		ereport(NOTICE,
				(errmsg("selfheal: what stands behind the end mark \\. was not read")));
	if (load.binary && binary_cut_off(load.binary))
		ereport(NOTICE,
				(errmsg("selfheal: the binary data has no end mark"),
				 errdetail("It ends behind tuple " INT64_FORMAT "; whether more was to follow nobody knows.",
						   load.nrecords)));
}

/* See the header. */
bool
copyfrom_statement(const CopyStmt *stmt, Oid viewid, Oid relid, QueryCompletion *qc)
{
	bool		own_column = list_length(stmt->attlist) == 1 &&
	strcmp(strVal(linitial(stmt->attlist)), "payload") == 0;
	CopyForm   *form;
	Source		source;
	LoadCounts	counts;
	bool		header = false;
	ListCell   *lc;

	foreach(lc, stmt->options)
		header |= strcmp(lfirst_node(DefElem, lc)->defname, "header") == 0;
	if (own_column || (stmt->attlist == NIL && !header))
		return false;
	form = copyform_of_statement(stmt);
	if (stmt->attlist == NIL && form->title == TITLE_NONE)
		return false;

	source.name = stmt->filename;
	source.program = stmt->is_program;
	if (source.name)
		copyfrom_check_source(source.program);
	PreventCommandIfReadOnly("COPY FROM");
	LockRelationOid(viewid, RowExclusiveLock);
	copyfrom_check_view(viewid);
	run(relid, form, &source, true, &counts);
	if (qc)
		SetQueryCompletion(qc, CMDTAG_COPY, counts.stored + counts.held + counts.already);
	return true;
}

/* selfheal.copy_from(table, path, program, options): the same without a view. */
Datum
selfheal_copy_from(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Source		source;
	CopyForm   *form;
	Watch		watch;
	LoadCounts	counts;
	TupleDesc	desc;
	Datum		values[2];
	bool		nulls[2] = {false, false};

	shmem_require();
	watch_check_table(relid, WATCH_NEED_WRITE);
	watch_check_watched(relid, &watch);
	if (PG_ARGISNULL(1) == PG_ARGISNULL(2))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("give either a path or a program"),
				 errhint("selfheal.copy_from('t', '/data/f.csv', options => '{\"format\": \"csv\"}'), or copy_from('t', program => 'zcat /data/f.csv.gz', ...).")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "copy_from must return a record");
	form = copyform_of_json(PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P(3));
	source.program = PG_ARGISNULL(1);
	source.name = text_to_cstring(PG_GETARG_TEXT_PP(source.program ? 2 : 1));
	copyfrom_check_source(source.program);
	/* the server's own directory is no place that a caller means */
	if (!source.program && !is_absolute_path(source.name))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("relative path not allowed for a file on the server"),
				 errhint("Give the whole path.")));

	run(relid, form, &source, false, &counts);

	values[0] = Int64GetDatum(counts.stored);
	values[1] = Int64GetDatum(counts.held);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc),
													  values, nulls)));
}
