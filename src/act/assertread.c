/*
 * assertread.c
 *	  What does the text of a check do? Nothing but read, or it is refused.
 *
 * The text is read twice: as it stands, by PostgreSQL's raw parser, for what
 * kind of statement it is; and as PostgreSQL understands it, after analysis
 * and the rewriting of views, for what it reads and calls.
 *
 * A check runs unattended in the name of whoever wrote it, maybe of a
 * superuser, over a search_path of his. Nobody else must come to run code in
 * his name: by a function or an operator that fits better than the one that
 * was meant, a cast that builtin functions look for by themselves, a domain's
 * check, or, where a superuser asks, the expressions of a table's indexes,
 * which planning may evaluate. So what has such code belongs to a role that
 * can act as the one that asks, or the check is refused.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/tupdesc.h"
#include "act/assertread.h"
#include "catalog/pg_cast.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parser.h"
#include "tcop/utility.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/regproc.h"
#include "utils/syscache.h"
#include "utils/typcache.h"

/* ---- the text as it stands ---- */

/* A syntax error's place is one in the check, not in the statement around it. */
static void
syntax_error(void *sql)
{
	int			pos = geterrposition();

	if (pos > 0)
	{
		errposition(0);
		internalerrposition(pos);
		internalerrquery(sql);
	}
}

/* Walker over the raw tree: *arg names the first thing that may not be. */
static bool
find_forbidden(Node *node, void *arg)
{
	const char **what = arg;

	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_SelectStmt:
			if (castNode(SelectStmt, node)->intoClause != NULL)
				*what = "INTO";
			else if (castNode(SelectStmt, node)->lockingClause != NIL)
				*what = "FOR UPDATE or FOR SHARE";
			break;
		case T_InsertStmt:
		case T_UpdateStmt:
		case T_DeleteStmt:
		case T_MergeStmt:
			*what = "a statement that writes";
			break;
		default:
			break;
	}
	return *what != NULL || raw_expression_tree_walker(node, find_forbidden, what);
}

static void
check_text(const char *sql)
{
	ErrorContextCallback callback = {error_context_stack, syntax_error, unconstify(char *, sql)};
	List	   *trees;
	Node	   *stmt;
	const char *forbidden = NULL;

	error_context_stack = &callback;
	trees = raw_parser(sql, RAW_PARSE_DEFAULT);
	error_context_stack = callback.previous;
	if (list_length(trees) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check is one statement, not %d", list_length(trees)),
				 errhint("Give one SELECT that returns one boolean.")));
	stmt = linitial_node(RawStmt, trees)->stmt;
	if (!IsA(stmt, SelectStmt))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check is a SELECT, not %s", CreateCommandName(stmt)),
				 errhint("Give one SELECT that returns one boolean.")));
	if (find_forbidden(stmt, &forbidden))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check must not have %s", forbidden),
				 errhint("It only reads: give one SELECT that returns one boolean.")));
}

/* ---- the text as PostgreSQL understands it ---- */

typedef struct Reading
{
	Oid			role;
	bool		looks;			/* at the rows */
	bool		writes;
} Reading;

/*
 * Whoever owns what is called can make it do anything, in the name of the role
 * that asks: that must be nothing new for him.
 */
static void
require_trusted(const Reading *r, Oid owner, const char *what, const char *name)
{
	if (has_privs_of_role(owner, r->role))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
			 errmsg("%s %s belongs to role \"%s\", which could make it do anything in the name of \"%s\"",
					what, name, GetUserNameFromId(owner, true), GetUserNameFromId(r->role, true)),
			 errhint("Let its owner ask, or call what belongs to the role that asks or to a superuser.")));
}

static bool
check_function(Oid func, void *reading)
{
	HeapTuple	tup = SearchSysCache1(PROCOID, ObjectIdGetDatum(func));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for function %u", func);
	owner = ((Form_pg_proc) GETSTRUCT(tup))->proowner;
	ReleaseSysCache(tup);
	require_trusted(reading, owner, "function", format_procedure_qualified(func));
	return false;
}

/* A domain's checks are its owner's code. */
static void
check_domain(Oid type, const Reading *r)
{
	HeapTuple	tup = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for type %u", type);
	owner = ((Form_pg_type) GETSTRUCT(tup))->typowner;
	ReleaseSysCache(tup);
	require_trusted(r, owner, "domain",
					format_type_extended(type, -1, FORMAT_TYPE_FORCE_QUALIFY));
}

/*
 * to_jsonb() and its like call the cast of a value's type to json, if there is
 * one, though no such call stands in the query: that of the type itself, of an
 * array's elements, or of a row's columns.
 */
static void
check_type(Oid type, Reading *r)
{
	HeapTuple	tup;
	Oid			cast = InvalidOid;
	Oid			element;

	check_stack_depth();
	if (type < FirstNormalObjectId)
		return;
	tup = SearchSysCache2(CASTSOURCETARGET, ObjectIdGetDatum(type), ObjectIdGetDatum(JSONOID));
	if (HeapTupleIsValid(tup))
	{
		cast = ((Form_pg_cast) GETSTRUCT(tup))->castfunc;
		ReleaseSysCache(tup);
	}
	if (OidIsValid(cast))
		check_function(cast, r);
	element = get_element_type(type);
	if (OidIsValid(element))
		check_type(element, r);
	else if (get_typtype(type) == TYPTYPE_DOMAIN)
		check_type(getBaseType(type), r);
	else if (type_is_rowtype(type))
	{
		TupleDesc	desc = lookup_rowtype_tupdesc(type, -1);

		for (int i = 0; i < desc->natts; i++)
			if (!TupleDescAttr(desc, i)->attisdropped)
				check_type(TupleDescAttr(desc, i)->atttypid, r);
		ReleaseTupleDesc(desc);
	}
}

/* Columns of what a query reads, whose rows may be taken whole. */
static void
check_columns(const RangeTblEntry *rte, Reading *r)
{
	ListCell   *lc;

	foreach(lc, rte->coltypes)
		check_type(lfirst_oid(lc), r);
	if (rte->rtekind == RTE_RELATION)
		check_type(get_rel_type_id(rte->relid), r);
}

/* Walker over the query, its subqueries, CTEs and what views stand for. */
static bool
read_query(Node *node, void *arg)
{
	Reading    *r = arg;
	ListCell   *lc;

	if (node == NULL)
		return false;
	if (IsA(node, Query))
	{
		Query	   *query = castNode(Query, node);

		foreach(lc, query->rtable)
		{
			RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

			r->looks |= rte->rtekind == RTE_NAMEDTUPLESTORE;
			check_columns(rte, r);
		}
		r->writes |= query->commandType != CMD_SELECT || query->rowMarks != NIL;
		return query_tree_walker(query, read_query, r, 0);
	}
	switch (nodeTag(node))
	{
		case T_CoerceToDomain:
			check_domain(castNode(CoerceToDomain, node)->resulttype, r);
			break;
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_Aggref:
		case T_WindowFunc:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
			/* whence values come; other nodes pass them on */
			check_type(exprType(node), r);
			break;
		default:
			break;
	}
	check_functions_in_node(node, check_function, r);
	return expression_tree_walker(node, read_query, r);
}

static Oid
relation_owner(Oid relid)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);
	return owner;
}

/* What it reads besides: not the table itself, nor part of it. */
static void
check_relations(Oid relid, const List *relations, const Reading *r)
{
	List	   *tree = find_all_inheritors(relid, NoLock, NULL);
	const ListCell *lc;

	foreach(lc, relations)
	{
		Oid			other = lfirst_oid(lc);

		if (list_member_oid(tree, other))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the check reads table %s itself, which no trial changes", get_rel_name(relid)),
					 errhint("Name the table without its schema, and not a view or a partition of it: the name then means the rows of the trial.")));
		if (get_rel_persistence(other) == RELPERSISTENCE_TEMP)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("the check reads temporary table %s", get_rel_name(other)),
					 errhint("No other session can see it, the healer's neither.")));
		if (superuser_arg(r->role))
			require_trusted(r, relation_owner(other), "table", get_rel_name(other));
	}
}

/* See the header. */
SPIPlanPtr
assertread_prepare(Oid relid, const char *known_as, const char *sql)
{
	Reading		reading = {GetUserId(), false, false};
	SPIPlanPtr	plan;
	CachedPlanSource *source;

	check_text(sql);
	plan = SPI_prepare(sql, 0, NULL);
	if (plan == NULL)
		elog(ERROR, "check could not be prepared: %s", SPI_result_code_string(SPI_result));
	source = linitial(SPI_plan_get_plan_sources(plan));
	if (source->resultDesc == NULL || source->resultDesc->natts != 1 ||
		TupleDescAttr(source->resultDesc, 0)->atttypid != BOOLOID)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check returns one column, a boolean"),
				 errhint("For example: SELECT count(*) = 0 FROM %s WHERE amount < 0",
						 quote_identifier(known_as))));
	read_query((Node *) source->query_list, &reading);
	if (reading.writes || list_length(source->query_list) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check must not write or lock"),
				 errhint("A view of it may have a rule.")));
	check_relations(relid, source->relationOids, &reading);
	if (!reading.looks)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the check does not look at table %s", known_as),
				 errhint("Name the table, without its schema: the name means the rows of the trial.")));
	if (contain_volatile_functions((Node *) source->query_list))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a check must not call a volatile function"),
				 errhint("Use now() for the time; declare functions of your own STABLE.")));
	return plan;
}
