/*
 * writes.c
 *	  What a statement writes, as its text says: tables, columns, rows.
 */
#include "postgres.h"

#include "access/relation.h"
#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "orient/writes.h"
#include "parser/parser.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static void collect(Node *stmt, List **writes);

static Write *
add_write(List **writes, CmdType command, RangeVar *relation, List **columns)
{
	Write	   *write = palloc0(sizeof(Write));

	write->command = command;
	write->relation = relation;
	write->relid = RangeVarGetRelid(relation, NoLock, true);
	write->columns = columns;
	*writes = lappend(*writes, write);
	return write;
}

static void
collect_with(WithClause *with, List **writes)
{
	ListCell   *lc;

	if (with == NULL)
		return;
	foreach(lc, with->ctes)
		collect(lfirst_node(CommonTableExpr, lc)->ctequery, writes);
}

/* Rows of the source of an INSERT, of all legs of a UNION. */
static List *
rows_of(SelectStmt *select)
{
	if (select == NULL)
		return NIL;
	if (select->valuesLists != NIL)
		return select->valuesLists;
	if (select->op != SETOP_NONE)
		return list_concat(list_copy(rows_of(select->larg)), rows_of(select->rarg));
	return list_make1(select->targetList);
}

static void
collect_insert(InsertStmt *stmt, List **writes)
{
	SelectStmt *select = castNode(SelectStmt, stmt->selectStmt);
	Write	   *write;

	collect_with(stmt->withClause, writes);
	if (select != NULL)
		collect_with(select->withClause, writes);
	write = add_write(writes, CMD_INSERT, stmt->relation, &stmt->cols);
	write->rows = rows_of(select);
	write->insert = stmt;
	if (stmt->onConflictClause != NULL && stmt->onConflictClause->targetList != NIL)
	{
		write = add_write(writes, CMD_UPDATE, stmt->relation, &stmt->onConflictClause->targetList);
		write->rows = list_make1(stmt->onConflictClause->targetList);
	}
}

static void
collect_merge(MergeStmt *stmt, List **writes)
{
	ListCell   *lc;

	collect_with(stmt->withClause, writes);
	foreach(lc, stmt->mergeWhenClauses)
	{
		MergeWhenClause *when = lfirst_node(MergeWhenClause, lc);
		Write	   *write;

		if (when->commandType != CMD_INSERT && when->commandType != CMD_UPDATE)
			continue;
		write = add_write(writes, CMD_MERGE, stmt->relation, &when->targetList);
		write->action = when;
		write->rows = list_make1(when->commandType == CMD_INSERT ? when->values :
								 when->targetList);
	}
}

/* What this statement and those within it write. */
static void
collect(Node *stmt, List **writes)
{
	check_stack_depth();
	switch (stmt ? nodeTag(stmt) : T_Invalid)
	{
		case T_InsertStmt:
			collect_insert((InsertStmt *) stmt, writes);
			break;
		case T_UpdateStmt:
			{
				UpdateStmt *update = (UpdateStmt *) stmt;
				Write	   *write;

				collect_with(update->withClause, writes);
				write = add_write(writes, CMD_UPDATE, update->relation, &update->targetList);
				write->rows = list_make1(update->targetList);
				break;
			}
		case T_MergeStmt:
			collect_merge((MergeStmt *) stmt, writes);
			break;
		case T_DeleteStmt:
			collect_with(((DeleteStmt *) stmt)->withClause, writes);
			break;
		case T_SelectStmt:
			collect_with(((SelectStmt *) stmt)->withClause, writes);
			break;
		case T_CopyStmt:
			if (((CopyStmt *) stmt)->is_from)
				(void) add_write(writes, CMD_UTILITY, ((CopyStmt *) stmt)->relation,
								 &((CopyStmt *) stmt)->attlist);
			break;
		default:
			break;
	}
}

/* What parse analysis takes: the statement within another. */
static Node *
core_of(Node *stmt)
{
	for (;;)
	{
		switch (stmt ? nodeTag(stmt) : T_Invalid)
		{
			case T_ExplainStmt:
				stmt = ((ExplainStmt *) stmt)->query;
				break;
			case T_PrepareStmt:
				stmt = ((PrepareStmt *) stmt)->query;
				break;
			case T_DeclareCursorStmt:
				stmt = ((DeclareCursorStmt *) stmt)->query;
				break;
			case T_CreateTableAsStmt:
				stmt = ((CreateTableAsStmt *) stmt)->query;
				break;
			case T_CopyStmt:
				if (((CopyStmt *) stmt)->is_from || ((CopyStmt *) stmt)->query == NULL)
					return stmt;
				stmt = ((CopyStmt *) stmt)->query;
				break;
			default:
				return stmt;
		}
	}
}

List *
writes_read(const char *text)
{
	List	   *all = NIL;
	ListCell   *lc;

	foreach(lc, raw_parser(text, RAW_PARSE_DEFAULT))
	{
		RawStmt    *raw = lfirst_node(RawStmt, lc);
		Written    *written = palloc0(sizeof(Written));

		written->stmt = core_of(raw->stmt);
		written->within = written->stmt != raw->stmt;
		collect(written->stmt, &written->writes);
		written->begin = raw->stmt_location;
		written->end = raw->stmt_len > 0 ? raw->stmt_location + raw->stmt_len : (int) strlen(text);
		if (written->writes != NIL)
			all = lappend(all, written);
	}
	return all;
}

int
writes_offset(const char *text, int position)
{
	const char *s = text;

	if (position <= 0)
		return -1;
	for (int i = 1; i < position && *s; i++)
		s += strnlen(s, pg_mblen(s));
	return (int) (s - text);
}

typedef struct Search
{
	int			offset;
	A_Const    *literal;
} Search;

static bool
find_literal(Node *node, void *arg)
{
	Search	   *search = arg;

	if (node == NULL)
		return false;
	if (IsA(node, A_Const) && ((A_Const *) node)->location == search->offset)
	{
		search->literal = (A_Const *) node;
		return true;
	}
	return raw_expression_tree_walker(node, find_literal, search);
}

A_Const *
writes_literal(Node *stmt, int offset)
{
	Search		search = {offset, NULL};

	(void) find_literal(stmt, &search);
	return search.literal;
}

/* Of what the raw parser makes, what has no location of its own (a list of
 * expressions) has that of none of its members either. */
static bool
find_at(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (exprLocation(node) == *(int *) arg)
		return true;
	if (IsA(node, SetToDefault))
		return false;
	return raw_expression_tree_walker(node, find_at, arg);
}

Node *
writes_value(Node *member)
{
	return IsA(member, ResTarget) ? ((ResTarget *) member)->val : member;
}

/* A "*", which is as many expressions as there are columns. */
static bool
is_star(Node *value)
{
	ColumnRef  *ref = (ColumnRef *) value;

	if (value == NULL || !IsA(value, ColumnRef))
		return value != NULL && IsA(value, A_Indirection);
	return IsA(llast(ref->fields), A_Star);
}

/* Which of the columns is named there, or -1. */
static int
column_at(const Write *write, int offset)
{
	ListCell   *lc;

	if (write->columns == NULL)
		return -1;
	foreach(lc, *write->columns)
	{
		if (IsA(lfirst(lc), ResTarget) && lfirst_node(ResTarget, lc)->location == offset)
			return foreach_current_index(lc);
	}
	return -1;
}

/* Which expression of the row is written there, or -1. */
static int
member_at(List *row, int offset)
{
	ListCell   *lc;

	foreach(lc, row)
	{
		Node	   *value = writes_value(lfirst(lc));

		if (is_star(value))
			return -1;
		if (find_at(value, &offset))
			return foreach_current_index(lc);
	}
	return -1;
}

bool
writes_place(List *writes, int offset, WritePlace *out)
{
	ListCell   *lc;
	ListCell   *row;

	if (offset < 0)
		return false;
	foreach(lc, writes)
	{
		out->write = lfirst(lc);
		out->row = -1;
		out->place = column_at(out->write, offset);
		if (out->place >= 0)
			return true;
		foreach(row, out->write->rows)
		{
			out->row = foreach_current_index(row);
			out->place = member_at(lfirst(row), offset);
			if (out->place >= 0)
				return true;
		}
	}
	return false;
}

void
writes_blank(const WritePlace *at)
{
	List	   *row = list_nth(at->write->rows, at->row);
	Node	   *member = list_nth(row, at->place);
	A_Const    *blank = makeNode(A_Const);

	blank->isnull = true;
	blank->location = exprLocation(writes_value(member));
	if (IsA(member, ResTarget))
		((ResTarget *) member)->val = (Node *) blank;
	else
		lfirst(list_nth_cell(row, at->place)) = blank;
}

bool
writes_drop(const WritePlace *at)
{
	List	   *columns = *at->write->columns;
	ListCell   *lc;

	if (list_length(columns) < 2)
		return false;
	foreach(lc, at->write->rows)
	{
		List	   *row = lfirst(lc);

		for (int i = 0; i <= at->place && i < list_length(row); i++)
			if (is_star(writes_value(list_nth(row, i))))
				return false;
		if (row != columns && at->place < list_length(row) && list_length(row) > 1)
			lfirst(lc) = list_delete_nth_cell(row, at->place);
	}
	*at->write->columns = list_delete_nth_cell(columns, at->place);
	return true;
}

/* The column of a table in this place, of those that are there. */
static char *
column_in_place(Oid relid, int place)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	char	   *name = NULL;

	if (rel == NULL)
		return NULL;
	for (int i = 0; i < RelationGetNumberOfAttributes(rel) && name == NULL; i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);

		if (!att->attisdropped && place-- == 0)
			name = pstrdup(NameStr(att->attname));
	}
	relation_close(rel, NoLock);
	return name;
}

char *
writes_column(const Write *write, int place)
{
	Node	   *column;

	if (write->columns == NULL || *write->columns == NIL)
		return OidIsValid(write->relid) ? column_in_place(write->relid, place) : NULL;
	if (place >= list_length(*write->columns))
		return NULL;
	column = list_nth(*write->columns, place);
	return IsA(column, String) ? strVal(column) : ((ResTarget *) column)->name;
}
