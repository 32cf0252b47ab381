/*
 * condition.c
 *	  COPY's WHERE: rows for which it is not true are left out.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/guc.h"
#include "utils/ruleutils.h"
#include "write/condition.h"

struct Condition
{
	EState	   *estate;
	ExprState  *expr;
	TupleTableSlot *slot;
	TupleDesc	desc;
	Bitmapset  *columns;		/* attribute numbers */
	Oid			role;
};

/* The user before a switch; nest: of settings. */
typedef struct Before
{
	Oid			user;
	int			context;
	int			nest;
} Before;

/* More than an expression stands there. */
static void
refuse(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_SYNTAX_ERROR),
			 errmsg("where must be one condition"),
			 errhint("Give what stands behind WHERE in COPY, as 'amount > 0 AND currency = ''EUR'''.")));
}

/*
 * See the header. The parser takes an expression by what PL/pgSQL allows as
 * one, which may go on like a SELECT: no such part may be there.
 */
Node *
condition_parse(const char *text)
{
	List	   *trees = raw_parser(text, RAW_PARSE_PLPGSQL_EXPR);
	SelectStmt *s;
	ResTarget  *target;

	if (list_length(trees) != 1)
		refuse();
	s = castNode(SelectStmt, linitial_node(RawStmt, trees)->stmt);
	if (list_length(s->targetList) != 1 || s->distinctClause || s->intoClause ||
		s->fromClause || s->whereClause || s->groupClause || s->havingClause ||
		s->windowClause || s->valuesLists || s->sortClause || s->limitOffset ||
		s->limitCount || s->lockingClause || s->withClause || s->op != SETOP_NONE)
		refuse();
	target = linitial_node(ResTarget, s->targetList);
	if (target->name != NULL || target->indirection != NIL)
		refuse();
	return target->val;
}

/* As COPY has it: what WHERE looks at must be in the file, or have a default. */
static void
check_columns(Relation rel, const Bitmapset *columns)
{
	TupleDesc	desc = RelationGetDescr(rel);
	int			at = -1;

	while ((at = bms_next_member(columns, at)) >= 0)
	{
		AttrNumber	attnum = at + FirstLowInvalidHeapAttributeNumber;

		if (attnum < 0)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
					 errmsg("system columns are not supported in COPY FROM WHERE conditions")));
		if (attnum == 0 && desc->constr == NULL)
			continue;
		for (int i = 0; i < desc->natts; i++)
			if (TupleDescAttr(desc, i)->attgenerated != '\0' && (attnum == 0 || attnum == i + 1))
				ereport(ERROR,
						(errcode(ERRCODE_INVALID_COLUMN_REFERENCE),
						 errmsg("generated columns are not supported in COPY FROM WHERE conditions"),
						 errdetail("Column \"%s\" is a generated column.",
								   NameStr(TupleDescAttr(desc, i)->attname))));
	}
}

/* Analyse it against the table's row, as COPY does. */
static Node *
analyse(Relation rel, Node *raw, Bitmapset **columns)
{
	ParseState *pstate = make_parsestate(NULL);
	ParseNamespaceItem *item = addRangeTableEntryForRelation(pstate, rel, RowExclusiveLock,
															 NULL, false, false);
	Node	   *expr;

	addNSItemToQuery(pstate, item, false, true, true);
	expr = transformExpr(pstate, raw, EXPR_KIND_COPY_WHERE);
	expr = coerce_to_boolean(pstate, expr, "WHERE");
	assign_expr_collations(pstate, expr);
	*columns = NULL;
	pull_varattnos(expr, 1, columns);
	check_columns(rel, *columns);
	return expr;
}

/* The search_path under which a condition is written down, and read again:
 * whatever is not of pg_catalog has its schema. */
static int
pin_path(void)
{
	int			nest = NewGUCNestLevel();

	(void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
	return nest;
}

/* See the header. */
char *
condition_text(Relation rel, Node *raw)
{
	Bitmapset  *columns;
	Node	   *expr = analyse(rel, raw, &columns);
	List	   *names = deparse_context_for(RelationGetRelationName(rel), RelationGetRelid(rel));
	int			nest = pin_path();
	char	   *text = deparse_expression(expr, names, false, false);

	AtEOXact_GUC(true, nest);
	return text;
}

/*
 * Become the role whose condition it is, if it is another's; what its
 * functions set is undone with it. After an error the subtransaction's end
 * undoes both.
 */
static void
become(Oid role, Before *before)
{
	before->nest = -1;
	if (!OidIsValid(role) || role == GetUserId())
		return;
	GetUserIdAndSecContext(&before->user, &before->context);
	before->nest = NewGUCNestLevel();
	SetUserIdAndSecContext(role, before->context | SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_RESTRICTED_OPERATION);
}

static void
resume(const Before *before)
{
	if (before->nest < 0)
		return;
	AtEOXact_GUC(false, before->nest);
	SetUserIdAndSecContext(before->user, before->context);
}

/* See the header. */
Condition *
condition_open(Relation rel, TupleDesc desc, const char *text, Oid role)
{
	Condition  *c = palloc0(sizeof(Condition));
	Bitmapset  *columns;
	Node	   *expr;
	Before		before;
	int			nest;
	int			at = -1;

	become(role, &before);
	nest = pin_path();
	expr = analyse(rel, condition_parse(text), &columns);
	AtEOXact_GUC(true, nest);
	c->role = role;
	while ((at = bms_next_member(columns, at)) >= 0)
		c->columns = bms_add_member(c->columns, at + FirstLowInvalidHeapAttributeNumber);
	c->desc = desc;
	c->slot = MakeTupleTableSlot(desc, &TTSOpsVirtual);
	c->estate = CreateExecutorState();
	c->expr = ExecPrepareQual(make_ands_implicit((Expr *) expr), c->estate);
	resume(&before);
	return c;
}

const Bitmapset *
condition_columns(const Condition *c)
{
	return c->columns;
}

/* See the header. */
bool
condition_holds(Condition *c, Datum *values, bool *nulls)
{
	ExprContext *econtext = GetPerTupleExprContext(c->estate);
	bool		holds;
	Before		before;

	ExecClearTuple(c->slot);
	memcpy(c->slot->tts_values, values, sizeof(Datum) * c->desc->natts);
	memcpy(c->slot->tts_isnull, nulls, sizeof(bool) * c->desc->natts);
	ExecStoreVirtualTuple(c->slot);
	econtext->ecxt_scantuple = c->slot;
	become(c->role, &before);
	holds = ExecQual(c->expr, econtext);
	resume(&before);
	ResetExprContext(econtext);
	return holds;
}

void
condition_close(Condition *c)
{
	FreeExecutorState(c->estate);
}
