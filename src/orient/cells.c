/*
 * cells.c
 *	  What an analysed statement puts into which column, and which of it fails.
 */
#include "postgres.h"

#include "access/transam.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "orient/cells.h"
#include "parser/parse_relation.h"
#include "parser/parsetree.h"
#include "optimizer/tlist.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"

/* Cells and failing cells of one statement that are looked at. */
#define CELLS_MAX 20000
#define ERRORS_MAX 200

/* Queries within queries that are followed to a value. */
#define DEPTH_MAX 16

/* A query and those around it. */
typedef struct Level
{
	Query	   *query;
	struct Level *up;
	int			depth;
} Level;

typedef struct Gathering
{
	const Failure *failure;
	List	   *cells;
	int			writes;
} Gathering;

static List *leaves(Level *level, Var *var);

/* The expression below the coercions that PostgreSQL adds by itself. */
static Node *
below(Node *node)
{
	for (;;)
	{
		if (IsA(node, FuncExpr) && ((FuncExpr *) node)->funcformat == COERCE_IMPLICIT_CAST)
			node = linitial(((FuncExpr *) node)->args);
		else if (IsA(node, RelabelType) && ((RelabelType *) node)->relabelformat == COERCE_IMPLICIT_CAST)
			node = (Node *) ((RelabelType *) node)->arg;
		else if (IsA(node, CoerceViaIO) && ((CoerceViaIO *) node)->coerceformat == COERCE_IMPLICIT_CAST)
			node = (Node *) ((CoerceViaIO *) node)->arg;
		else if (IsA(node, ArrayCoerceExpr) &&
				 ((ArrayCoerceExpr *) node)->coerceformat == COERCE_IMPLICIT_CAST)
			node = (Node *) ((ArrayCoerceExpr *) node)->arg;
		else if (IsA(node, CoerceToDomain) &&
				 ((CoerceToDomain *) node)->coercionformat == COERCE_IMPLICIT_CAST)
			node = (Node *) ((CoerceToDomain *) node)->arg;
		else
			return node;
	}
}

/* What this output of a query may be: one expression for each leg. */
static List *
outputs(Level *level, AttrNumber resno, Node *setop)
{
	Query	   *query = level->query;
	TargetEntry *entry;
	Level		leg = {.up = level,.depth = level->depth + 1};

	if (level->depth > DEPTH_MAX)
		return NIL;
	if (setop != NULL && IsA(setop, SetOperationStmt))
		return list_concat(outputs(level, resno, ((SetOperationStmt *) setop)->larg),
						   outputs(level, resno, ((SetOperationStmt *) setop)->rarg));
	if (setop != NULL)
	{
		leg.query = rt_fetch(((RangeTblRef *) setop)->rtindex, query->rtable)->subquery;
		return leg.query ? outputs(&leg, resno, leg.query->setOperations) : NIL;
	}
	entry = query->commandType == CMD_SELECT ? get_tle_by_resno(query->targetList, resno) : NULL;
	if (entry == NULL)
		return NIL;
	if (IsA(entry->expr, Var))
	{
		List	   *found = leaves(level, (Var *) entry->expr);

		if (found != NIL)
			return found;
	}
	return list_make1(entry->expr);
}

/* The expressions that a column of the range table may be; NIL: of a table. */
static List *
leaves(Level *level, Var *var)
{
	RangeTblEntry *rte;
	Level		inner = {.up = level,.depth = level->depth + 1};
	List	   *found = NIL;
	ListCell   *lc;

	for (Index i = 0; i < var->varlevelsup && level; i++)
		level = level->up;
	if (level == NULL || var->varno <= 0 || var->varno > list_length(level->query->rtable) ||
		var->varattno <= 0)
		return NIL;
	rte = rt_fetch(var->varno, level->query->rtable);
	inner.up = level;
	switch (rte->rtekind)
	{
		case RTE_VALUES:
			foreach(lc, rte->values_lists)
			{
				found = lappend(found, list_nth(lfirst(lc), var->varattno - 1));
			}
			return found;
		case RTE_SUBQUERY:
			inner.query = rte->subquery;
			return outputs(&inner, var->varattno, inner.query->setOperations);
		case RTE_CTE:
			for (Index i = 0; i < rte->ctelevelsup && level; i++)
				level = level->up;
			foreach(lc, level ? level->query->cteList : NIL)
			{
				CommonTableExpr *cte = lfirst_node(CommonTableExpr, lc);

				if (strcmp(cte->ctename, rte->ctename) != 0 || cte->cterecursive ||
					!IsA(cte->ctequery, Query))
					continue;
				inner.query = (Query *) cte->ctequery;
				inner.up = level;
				return outputs(&inner, var->varattno, inner.query->setOperations);
			}
			return NIL;
		default:
			return NIL;
	}
}

/* Put another expression in the place of one. */
typedef struct Swap
{
	Node	   *from;
	Node	   *to;
} Swap;

static Node *
swap(Node *node, void *arg)
{
	Swap	   *s = arg;

	if (node == s->from)
		return copyObject(s->to);
	return expression_tree_mutator(node, swap, arg);
}

/* A text of which Bind would have made a value of the parameter's type. */
static Node *
read_param(Param *param, Const *value)
{
	CoerceViaIO *reading = makeNode(CoerceViaIO);

	if (!value->constisnull)
		value->constvalue = CStringGetTextDatum(DatumGetCString(value->constvalue));
	value->consttype = TEXTOID;
	value->constlen = -1;
	value->constcollid = get_typcollation(TEXTOID);
	reading->arg = (Expr *) value;
	reading->resulttype = param->paramtype;
	reading->resultcollid = param->paramcollid;
	reading->coerceformat = COERCE_EXPLICIT_CAST;
	reading->location = param->location;
	return (Node *) reading;
}

/* Known parameters become constants. */
static Node *
put_params(Node *node, void *arg)
{
	const Failure *failure = arg;
	Param	   *param = (Param *) node;

	if (node == NULL)
		return NULL;
	if (IsA(node, Param) && param->paramkind == PARAM_EXTERN &&
		given_known(failure, param->paramid))
	{
		Oid			type = failure->params[param->paramid - 1].type;
		Const	   *value = given_const(failure, param->paramid);

		value->location = param->location;
		if (type == param->paramtype)
			return (Node *) value;
		if (type == UNKNOWNOID)
			return read_param(param, value);
	}
	return expression_tree_mutator(node, put_params, arg);
}

/* A minus before a number. */
static bool
is_minus(Oid function)
{
	return function == F_INT4UM || function == F_INT8UM || function == F_NUMERIC_UMINUS ||
		function == F_FLOAT8UM || function == F_INT2UM || function == F_FLOAT4UM;
}

/*
 * Is there anything but literals, their casts, and what PostgreSQL makes of
 * them by itself? A cast that is somebody's own function counts as such.
 */
static bool
has_more(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Const:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_ArrayCoerceExpr:
		case T_CoerceToDomain:
		case T_CoerceToDomainValue:
		case T_CaseTestExpr:
		case T_ArrayExpr:
		case T_RowExpr:
		case T_CollateExpr:
		case T_List:
			break;
		case T_FuncExpr:
			if (((FuncExpr *) node)->funcid >= FirstNormalObjectId ||
				((FuncExpr *) node)->funcformat == COERCE_EXPLICIT_CALL)
				return true;
			break;
		case T_OpExpr:
			set_opfuncid((OpExpr *) node);
			if (!is_minus(((OpExpr *) node)->opfuncid))
				return true;
			break;
		default:
			return true;
	}
	return expression_tree_walker(node, has_more, arg);
}

static void
add_cell(Gathering *g, const Behind *behind, Oid named, CmdType command, AttrNumber attnum, Node *expr, Node *source,
		 int row, bool every)
{
	Cell	   *cell;

	if (list_length(g->cells) >= CELLS_MAX)
		return;
	cell = palloc0(sizeof(Cell));
	cell->write = g->writes;
	cell->command = command;
	cell->named = named;
	cell->behind = behind;
	cell->attnum = attnum;
	cell->row = row;
	cell->every = every;
	cell->expr = expr;
	cell->source = source;
	cell->offset = exprLocation(source);
	cell->isdefault = IsA(source, SetToDefault);
	if (IsA(source, Param) && ((Param *) source)->paramkind == PARAM_EXTERN)
		cell->param = ((Param *) source)->paramid;
	g->cells = lappend(g->cells, cell);
}

/* Cells of one list of targets. */
static void
add_cells(Gathering *g, Level *level, Oid named, CmdType command, List *targets)
{
	bool		single = list_length(level->query->jointree ?
									 level->query->jointree->fromlist : NIL) <= 1;
	const Behind *behind = behind_name(named);
	ListCell   *lc;

	foreach(lc, targets)
	{
		TargetEntry *entry = lfirst_node(TargetEntry, lc);
		Node	   *source;
		List	   *found = NIL;
		ListCell   *leaf;

		CHECK_FOR_INTERRUPTS();
		if (entry->resjunk || entry->resno <= 0)
			continue;
		source = below((Node *) entry->expr);
		if (IsA(source, Var))
			found = leaves(level, (Var *) source);
		if (found == NIL)
			add_cell(g, behind, named, command, entry->resno, (Node *) entry->expr, source, 0,
					 IsA(source, Var));
		foreach(leaf, found)
		{
			Swap		s = {source, lfirst(leaf)};

			add_cell(g, behind, named, command, entry->resno, swap((Node *) entry->expr, &s),
					 below(lfirst(leaf)), foreach_current_index(leaf), !single);
		}
	}
	g->writes++;
}

static void
gather(Gathering *g, Level *level)
{
	Query	   *query = level->query;
	Oid			named;
	ListCell   *lc;

	check_stack_depth();
	foreach(lc, query->cteList)
	{
		Level		inner = {.up = level,.depth = level->depth + 1};

		inner.query = (Query *) lfirst_node(CommonTableExpr, lc)->ctequery;
		if (IsA(inner.query, Query))
			gather(g, &inner);
	}
	if (query->resultRelation == 0 || query->commandType == CMD_DELETE)
		return;
	named = rt_fetch(query->resultRelation, query->rtable)->relid;
	foreach(lc, query->mergeActionList)
	{
		MergeAction *action = lfirst_node(MergeAction, lc);

		if (action->commandType == CMD_INSERT || action->commandType == CMD_UPDATE)
			add_cells(g, level, named, action->commandType, action->targetList);
	}
	if (query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE)
		add_cells(g, level, named, query->commandType, query->targetList);
	if (query->onConflict != NULL && query->onConflict->onConflictSet != NIL)
		add_cells(g, level, named, CMD_UPDATE, query->onConflict->onConflictSet);
}

/* The cells from one on, as spi_trial's argument. */
typedef struct Trying
{
	List	   *cells;
	int			at;
	const Failure *failure;
	MemoryContext cxt;
} Trying;

/* The one literal at the ground of it, if any. */
static bool
find_const(Node *node, void *arg)
{
	if (node == NULL)
		return false;
	if (IsA(node, Const) && !((Const *) node)->constisnull && *(Const **) arg == NULL)
		*(Const **) arg = (Const *) node;
	return expression_tree_walker(node, find_const, arg);
}

static void
try_cells(void *arg)
{
	Trying	   *t = arg;

	MemoryContextSwitchTo(t->cxt);
	for (; t->at < list_length(t->cells); t->at++)
	{
		Cell	   *cell = list_nth(t->cells, t->at);
		Node	   *expr;

		CHECK_FOR_INTERRUPTS();
		if (cell->known || cell->isdefault)
			continue;
		expr = put_params(cell->expr, unconstify(Failure *, t->failure));
		if (has_more(expr, NULL))
			continue;
		cell->expr = expr;
		cell->source = below(expr);
		cell->known = true;
		given_evaluate(expr, t->cxt, &cell->text, &cell->isnull);
		cell->type = getBaseType(exprType(expr));
	}
}

/* What was given where the coercion fails. */
static void
try_source(void *arg)
{
	Trying	   *t = arg;
	Cell	   *cell = list_nth(t->cells, t->at);

	MemoryContextSwitchTo(t->cxt);
	given_evaluate(cell->source, t->cxt, &cell->text, &cell->isnull);
	cell->type = getBaseType(exprType(cell->source));
}

List *
cells_of(Query *query, const Failure *failure)
{
	Gathering	g = {.failure = failure};
	Level		top = {.query = query};
	Trying		t = {.failure = failure,.cxt = CurrentMemoryContext};
	int			errors = 0;

	gather(&g, &top);
	t.cells = g.cells;
	while (t.at < list_length(t.cells) && errors < ERRORS_MAX)
	{
		ErrorData  *error = spi_trial(try_cells, &t);
		Cell	   *cell;
		Const	   *ground = NULL;

		if (error == NULL)
			break;
		cell = list_nth(t.cells, t.at);
		errors++;
		if (!cell->known)
		{
			/* a parameter that is none: it stays unknown */
			t.at++;
			continue;
		}
		cell->error = error;
		if (spi_trial(try_source, &t) != NULL)
		{
			/* one attribute of a composite is not what it was given */
			if (!IsA(cell->source, RowExpr))
				(void) find_const(cell->source, &ground);
			if (ground != NULL)
				cell->source = (Node *) ground;
			if (ground == NULL || spi_trial(try_source, &t) != NULL)
				cell->known = false;
		}
		t.at++;
	}
	return g.cells;
}

char *
cells_column(const Cell *cell)
{
	return OidIsValid(cell->behind->relid) && cell->attnum <= cell->behind->natts ?
		cell->behind->columns[cell->attnum - 1] : NULL;
}
