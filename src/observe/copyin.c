/*
 * copyin.c
 *	  One attempt to write some rows into a table.
 *
 * The rows stand in COPY's text form. Most tables take them through
 * BeginCopyFrom and CopyFrom with a callback that hands over the bytes: that
 * is the fastest writer PostgreSQL has, with triggers, partitions, checks and
 * indexes done as for an INSERT. CopyFrom looks neither at row security nor at
 * rules; tables that have either take an INSERT from arrays, as the current
 * user, and so does a table without a column to list.
 *
 * Which line an error belongs to is read from COPY's own line counter. It can
 * be trusted in two cases: while a line is being read and formed (line_buf is
 * valid then), and for unique and exclusion errors while buffered rows enter
 * the indexes (COPY sets the counter per row there). All other errors (foreign
 * keys, AFTER triggers, statement triggers, deferred constraints, a tuple too
 * big for a page) come without a line.
 */
#include "postgres.h"

#include "access/xact.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "commands/copyfrom_internal.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/copyin.h"
#include "observe/deferred.h"
#include "parser/parse_node.h"
#include "parser/parse_relation.h"
#include "rewrite/prs2lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rls.h"
#include "utils/syscache.h"

/* What the callback is reading: COPY gives it no argument. */
typedef struct Source
{
	const char *data;
	const CopyLine *lines;
	int			n;
	int			next;			/* line */
	size_t		at;				/* byte in it */
} Source;

static Source *source = NULL;	/* of the innermost CopyFrom of ours */

struct CopyIn
{
	const Shape *shape;
	const int  *columns;
	int			ncolumns;
	List	   *names;			/* of String, for BeginCopyFrom */
	List	   *options;
	MemoryContext trial;		/* of one attempt */
	Deferred   *deferred;		/* NULL: no deferrable constraint */
	bool		by_sql;
};

/* One attempt, as spi_try's argument. */
typedef struct Attempt
{
	CopyIn	   *ci;
	Relation	rel;
	const CopyLines *data;
	const CopyLine *lines;
	int			n;
	CopyFromState cstate;		/* read after an error; lives in ci->trial */
} Attempt;

/* ---- lines ---- */

void
copyin_lines_init(CopyLines *lines, MemoryContext cxt)
{
	memset(lines, 0, sizeof(CopyLines));
	lines->cxt = cxt;
}

/* Forget all lines; a buffer that one giant row left behind is given back. */
void
copyin_lines_reset(CopyLines *lines)
{
	if (lines->size > (size_t) 32 * 1024 * 1024)
	{
		pfree(lines->data);
		lines->data = NULL;
		lines->size = 0;
	}
	lines->used = 0;
	lines->n = 0;
}

/* Room for more bytes. */
static inline void
reserve(CopyLines *lines, size_t more)
{
	size_t		size;

	if (likely(lines->used + more <= lines->size))
		return;
	size = Max(lines->size * 2, lines->used + more);
	size = Max(size, 8192);
	if (lines->data == NULL)
		lines->data = MemoryContextAllocHuge(lines->cxt, size);
	else
		lines->data = repalloc_huge(lines->data, size);
	lines->size = size;
}

void
copyin_line_begin(CopyLines *lines, int row)
{
	CopyLine   *line;

	if (lines->n == lines->nalloc)
	{
		lines->nalloc = Max(64, lines->nalloc * 2);
		if (lines->lines == NULL)
			lines->lines = MemoryContextAllocHuge(lines->cxt,
												  sizeof(CopyLine) * lines->nalloc);
		else
			lines->lines = repalloc_huge(lines->lines,
										 sizeof(CopyLine) * lines->nalloc);
	}
	line = &lines->lines[lines->n];
	line->start = lines->used;
	line->row = row;
}

void
copyin_line_end(CopyLines *lines)
{
	CopyLine   *line = &lines->lines[lines->n];

	if (lines->used == line->start)
	{
		reserve(lines, 1);
		lines->data[lines->used++] = '\n';
	}
	else
		lines->data[lines->used - 1] = '\n';	/* the last field's tab */
	line->len = lines->used - line->start;
	lines->n++;
}

void
copyin_line_cancel(CopyLines *lines)
{
	lines->used = lines->lines[lines->n].start;
}

void
copyin_field_null(CopyLines *lines)
{
	reserve(lines, 3);
	memcpy(lines->data + lines->used, "\\N\t", 3);
	lines->used += 3;
}

/* Must COPY's text form escape this byte? */
static inline bool
special(char c)
{
	return c == '\\' || c == '\n' || c == '\r' || c == '\t';
}

/*
 * Append a field and the tab behind it. Server encodings never use these four
 * bytes inside a character, so bytes can be looked at one by one.
 */
void
copyin_field(CopyLines *lines, const char *val, size_t len)
{
	char	   *out;

	reserve(lines, 2 * len + 1);
	out = lines->data + lines->used;
	for (size_t i = 0; i < len; i++)
	{
		char		c = val[i];

		if (unlikely(special(c)))
		{
			*out++ = '\\';
			c = c == '\\' ? '\\' : c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
		}
		*out++ = c;
	}
	*out++ = '\t';
	lines->used = out - lines->data;
}

char *
copyin_get_field(const CopyLines *lines, const CopyLine *line, int i)
{
	const char *p = lines->data + line->start;
	const char *end = p + line->len - 1;	/* the LF */
	const char *stop;
	char	   *out;
	char	   *o;

	for (; i > 0; i--)
		p = (const char *) memchr(p, '\t', end - p) + 1;
	stop = memchr(p, '\t', end - p);
	if (stop == NULL)
		stop = end;
	if (stop - p == 2 && p[0] == '\\' && p[1] == 'N')
		return NULL;
	out = o = palloc(stop - p + 1);
	for (; p < stop; p++)
	{
		if (*p == '\\')
		{
			p++;
			*o++ = *p == 'n' ? '\n' : *p == 'r' ? '\r' : *p == 't' ? '\t' : *p;
		}
		else
			*o++ = *p;
	}
	*o = '\0';
	return out;
}

/* ---- writing ---- */

/* COPY's data source: bytes of the lines, in order. Never throws. */
static int
read_source(void *outbuf, int minread, int maxread)
{
	char	   *out = outbuf;
	int			done = 0;

	while (source->next < source->n && done < maxread)
	{
		const CopyLine *line = &source->lines[source->next];
		size_t		bytes = Min(line->len - source->at, (size_t) (maxread - done));

		memcpy(out + done, source->data + line->start + source->at, bytes);
		done += bytes;
		source->at += bytes;
		if (source->at == line->len)
		{
			source->next++;
			source->at = 0;
		}
	}
	return done;
}

/* See the header. */
CopyIn *
copyin_open(Relation rel, const Shape *shape, const int *columns, int ncolumns)
{
	CopyIn	   *ci = palloc0(sizeof(CopyIn));

	ci->shape = shape;
	ci->columns = columns;
	ci->ncolumns = ncolumns;
	for (int i = 0; i < ncolumns; i++)
		ci->names = lappend(ci->names,
							makeString(pstrdup(NameStr(shape->cols[columns[i]].name))));
	/* without it COPY would take the bytes to be in the client's encoding */
	ci->options = list_make1(makeDefElem("encoding",
										 (Node *) makeString(pstrdup(GetDatabaseEncodingName())),
										 -1));
	ci->trial = AllocSetContextCreate(CurrentMemoryContext,
									  "selfheal copy", ALLOCSET_DEFAULT_SIZES);
	ci->deferred = deferred_open(rel);
	return ci;
}

/* Has the table an ON INSERT rule? */
static bool
has_insert_rule(Relation rel)
{
	RuleLock   *rules = rel->rd_rules;

	for (int i = 0; rules && i < rules->numLocks; i++)
		if (rules->rules[i]->event == CMD_INSERT)
			return true;
	return false;
}

/* See the header. Row security is asked for anew at each flush: it may have
 * been enabled since the table was watched. */
void
copyin_begin(CopyIn *ci, Relation rel)
{
	ci->by_sql = ci->ncolumns == 0 || has_insert_rule(rel) ||
		check_enable_rls(RelationGetRelid(rel), InvalidOid, true) == RLS_ENABLED;
	if (ci->deferred)
		deferred_begin(ci->deferred);
}

bool
copyin_by_sql(const CopyIn *ci)
{
	return ci->by_sql;
}

/*
 * COPY the lines. The parse state carries the one range table entry that
 * CopyFrom wants; the inserted columns in it make its error messages show the
 * failing row as an INSERT's would.
 */
static void
write_by_copy(Attempt *at)
{
	CopyIn	   *ci = at->ci;
	Source		mine = {at->data->data, at->lines, at->n, 0, 0};
	Source	   *outer = source;
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *nsitem;

	nsitem = addRangeTableEntryForRelation(pstate, at->rel, RowExclusiveLock,
										   NULL, false, false);
	for (int i = 0; i < ci->ncolumns; i++)
	{
		int			attno = ci->shape->cols[ci->columns[i]].attnum;

		compat_inserted_columns(nsitem) =
			bms_add_member(compat_inserted_columns(nsitem),
						   attno - FirstLowInvalidHeapAttributeNumber);
	}
	at->cstate = BeginCopyFrom(pstate, at->rel, NULL, NULL, false, read_source,
							   ci->names, ci->options);

	/* a trigger of the table may load into another intake while we read */
	PG_TRY();
	{
		source = &mine;
		(void) CopyFrom(at->cstate);
	}
	PG_FINALLY();
	{
		source = outer;
	}
	PG_END_TRY();
	EndCopyFrom(at->cstate);
	at->cstate = NULL;
	free_parsestate(pstate);
}

/*
 * The INSERT for tables that COPY must not write. A value goes from text to
 * the column's base type without a length, so that the assignment to the
 * column checks it; a cast to varchar(n) would cut in silence.
 */
static char *
insert_sql(const CopyIn *ci, Relation rel)
{
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "INSERT INTO %s",
					 quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
												RelationGetRelationName(rel)));
	if (ci->ncolumns == 0)
	{
		appendStringInfoString(&sql, " SELECT FROM pg_catalog.generate_series(1, $1)");
		return sql.data;
	}
	for (int i = 0; i < ci->ncolumns; i++)
		appendStringInfo(&sql, "%s%s", i ? ", " : " (",
						 quote_identifier(NameStr(ci->shape->cols[ci->columns[i]].name)));
	for (int i = 0; i < ci->ncolumns; i++)
	{
		Oid			type = ci->shape->cols[ci->columns[i]].basetype;
		HeapTuple	tup = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
		Form_pg_type form;

		if (!HeapTupleIsValid(tup))
			elog(ERROR, "cache lookup failed for type %u", type);
		form = (Form_pg_type) GETSTRUCT(tup);
		/* not format_type: its "character" would mean character(1) here */
		appendStringInfo(&sql, "%su.c%d::%s", i ? ", " : ") SELECT ", i + 1,
						 quote_qualified_identifier(get_namespace_name(form->typnamespace),
													NameStr(form->typname)));
		ReleaseSysCache(tup);
	}
	appendStringInfoString(&sql, " FROM ROWS FROM (");
	for (int i = 0; i < ci->ncolumns; i++)
		appendStringInfo(&sql, "%spg_catalog.unnest($%d)", i ? ", " : "", i + 1);
	appendStringInfoString(&sql, ") AS u(");
	for (int i = 0; i < ci->ncolumns; i++)
		appendStringInfo(&sql, "%sc%d", i ? ", " : "", i + 1);
	appendStringInfoString(&sql, ")");
	return sql.data;
}

/* One column of the lines as text[]. */
static Datum
column_array(const Attempt *at, int column)
{
	Datum	   *elems = palloc(sizeof(Datum) * Max(at->n, 1));
	bool	   *nulls = palloc(sizeof(bool) * Max(at->n, 1));
	int			dims[1] = {at->n};
	int			lbs[1] = {1};

	for (int i = 0; i < at->n; i++)
	{
		char	   *val = copyin_get_field(at->data, &at->lines[i], column);

		nulls[i] = val == NULL;
		elems[i] = val ? CStringGetTextDatum(val) : (Datum) 0;
	}
	return PointerGetDatum(construct_md_array(elems, nulls, 1, dims, lbs, TEXTOID,
											  -1, false, TYPALIGN_INT));
}

/* INSERT the lines, as the current user, by his own rights and policies. */
static void
write_by_sql(Attempt *at)
{
	CopyIn	   *ci = at->ci;
	int			nargs = Max(ci->ncolumns, 1);
	Oid		   *types = palloc(sizeof(Oid) * nargs);
	Datum	   *values = palloc(sizeof(Datum) * nargs);
	char	   *sql = insert_sql(ci, at->rel);
	int			rc;

	if (ci->ncolumns == 0)
	{
		types[0] = INT4OID;
		values[0] = Int32GetDatum(at->n);
	}
	for (int i = 0; i < ci->ncolumns; i++)
	{
		types[i] = TEXTARRAYOID;
		values[i] = column_array(at, i);
	}
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	rc = SPI_execute_with_args(sql, nargs, types, values, NULL, false, 0);
	/* a rule may turn the INSERT into something else: any success will do */
	if (rc < 0)
		elog(ERROR, "could not insert: %s", SPI_result_code_string(rc));
	SPI_finish();
}

/* Body of the subtransaction. */
static void
write_body(void *arg)
{
	Attempt    *at = arg;

	MemoryContextSwitchTo(at->ci->trial);
	if (at->ci->by_sql)
		write_by_sql(at);
	else
		write_by_copy(at);
	if (at->ci->deferred)
		deferred_fire(at->ci->deferred);
}

/* The line that COPY blames, or -1; see the head of this file. */
static int
blamed(const Attempt *at, const ErrorData *edata)
{
	CopyFromState cstate = at->cstate;
	bool		row_known;

	if (cstate == NULL || cstate->cur_lineno < 1 ||
		cstate->cur_lineno > (uint64) at->n)
		return -1;
	row_known = cstate->line_buf_valid ||
		edata->sqlerrcode == ERRCODE_UNIQUE_VIOLATION ||
		edata->sqlerrcode == ERRCODE_EXCLUSION_VIOLATION;
	return row_known ? (int) cstate->cur_lineno - 1 : -1;
}

/* See the header. */
ErrorData *
copyin_write(CopyIn *ci, Relation rel, const CopyLines *data,
			 const CopyLine *lines, int n, int *culprit)
{
	Attempt		at = {ci, rel, data, lines, n, NULL};
	ErrorData  *edata = spi_try(write_body, &at);

	*culprit = edata ? blamed(&at, edata) : -1;
	MemoryContextReset(ci->trial);

	/*
	 * a serialization failure, a deadlock or the session's own lock_timeout
	 * is not about a row: the producer is to hear of it and retry
	 */
	if (edata && (edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
				  edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
				  edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE))
		ReThrowError(edata);
	return edata;
}
