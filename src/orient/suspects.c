/*
 * suspects.c
 *	  Which values of one statement may be why it failed.
 *
 * In this order: what parse analysis refuses with the same SQLSTATE, the
 * parameter that Bind refused, the values whose own coercion raises it. Only
 * where none does, what is not known is suspected: the columns whose type may
 * raise it.
 */
#include "postgres.h"

#include "access/relation.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "orient/blame.h"
#include "orient/fitting.h"
#include "orient/suspects.h"
#include "orient/wording.h"
#include "parser/parsetree.h"
#include "read/fills.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

static bool
same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

Suspect *
suspects_add(List **suspects, Oid relid, FitClass class, const char *column, char *need,
			 const char *constraint, char *value)
{
	Suspect    *s;
	ListCell   *lc;

	foreach(lc, *suspects)
	{
		s = lfirst(lc);
		if (s->relid != relid || s->class != class || !same(s->column, column) ||
			!same(s->constraint, constraint) ||
			(class == FIT_ENUM_LABEL && !same(s->need, need)))
			continue;
		if (s->need != NULL && need != NULL && fitting_larger(s->need, need) == need)
			s->value = value;
		s->need = fitting_larger(s->need, need);
		return s;
	}
	s = palloc0(sizeof(Suspect));
	s->relid = relid;
	s->class = class;
	s->column = column ? pstrdup(column) : NULL;
	s->need = need;
	s->constraint = constraint ? pstrdup(constraint) : NULL;
	s->value = value;
	*suspects = lappend(*suspects, s);
	return s;
}

int
suspects_count(const List *suspects)
{
	int			n = 0;

	for (int i = 0; i < list_length(suspects); i++)
	{
		Suspect    *s = list_nth(suspects, i);
		bool		seen = false;

		for (int j = 0; j < i && !seen; j++)
		{
			Suspect    *before = list_nth(suspects, j);

			seen = before->relid == s->relid && before->class == s->class &&
				same(before->column, s->column) && same(before->constraint, s->constraint);
		}
		n += !seen;
	}
	return n;
}

void
suspects_value(List **suspects, const Failure *failure, Oid relid, const char *column,
			   char *value, const char *json)
{
	Misfit		misfit;
	int32		typmod;
	Oid			type = fitting_type(relid, column, &typmod);
	bool		element = json != NULL && value != NULL && *value != '{' && *value != '[' &&
	OidIsValid(get_element_type(getBaseType(type)));
	bool		fitted;

	/* what is to blame may be one element of an array alone */
	if (element)
		json = psprintf("[%s]", json);
	fitted = json != NULL && fitting_value(relid, column, json, failure->sqlstate, &misfit);

	if (fitted && blame_class(failure->sqlstate, misfit.class))
		suspects_add(suspects, relid, misfit.class, column, misfit.need,
					 misfit.class == FIT_CHECK ? failure->constraint_name : NULL, value);
	else if (OidIsValid(type))
		suspects_add(suspects, relid, blame_unknown(failure, type, typmod), column, NULL,
					 failure->constraint_name, value);
}

void
suspects_by_type(List **suspects, const Failure *failure, Oid relid, const List *columns)
{
	bool		named = false;

	/* first for those that the message names; for all, where it names none */
	for (int turn = 0; turn < (blame_silent(failure) ? 2 : 1) && !named; turn++)
	{
		ListCell   *lc;

		foreach(lc, columns)
		{
			int32		typmod;
			Oid			type = fitting_type(relid, lfirst(lc), &typmod);

			if (!OidIsValid(type) || !blame_type(failure->sqlstate, type, typmod) ||
				(turn == 0 && blame_word(failure, type, typmod) != BLAME_NAMED))
				continue;
			named = turn == 0;
			suspects_add(suspects, relid, blame_unknown(failure, type, typmod), lfirst(lc), NULL,
						 failure->constraint_name, NULL);
		}
	}
}

/* Does it say the same as the error of the failed session? In another
 * language it does not; see exact. */
static bool
same_message(const Failure *failure, const ErrorData *error)
{
	return same(failure->message, error->message) &&
		(failure->constraint_name == NULL || same(failure->constraint_name, error->constraint_name)) &&
		(failure->detail == NULL || error->detail == NULL || same(failure->detail, error->detail));
}

static bool
same_code(const Failure *failure, const ErrorData *error)
{
	return failure->sqlstate == error->sqlerrcode &&
		(failure->constraint_name == NULL || error->constraint_name == NULL ||
		 same(failure->constraint_name, error->constraint_name));
}

/* The row that failed is this one, unless another column of another row may
 * be meant as well. */
static void
note_row(Scene *scene, Oid relid, Oid named, int row, int write)
{
	if (OidIsValid(scene->relid) && (scene->row != row || scene->named != named || scene->write != write))
	{
		/* rows fail in order: the first is the one */
		scene->row = Min(scene->row, row);
		return;
	}
	scene->relid = relid;
	scene->named = named;
	scene->row = row;
	scene->write = write;
}

static void
add_cell_value(Scene *scene, Cell *cell)
{
	Oid			relid = cell->behind->relid;
	char	   *column = cells_column(cell);

	if (column == NULL)
		return;
	note_row(scene, relid, cell->named, cell->every ? -1 : cell->row, cell->write);
	suspects_value(&scene->suspects, scene->failure, relid, column, cell->text,
				   cell->known ? given_json(cell->text, cell->isnull, cell->type) : NULL);
}

/* What parse analysis refuses as the session's did. */
static void
by_fault(Scene *scene)
{
	const Failure *failure = scene->failure;
	int			offset = writes_offset(scene->text, scene->position);

	/* 0: where the error was; 1: same message; 2: same SQLSTATE */
	for (int turn = 0; turn < 3 && scene->suspects == NIL; turn++)
	{
		ListCell   *lc;

		foreach(lc, scene->analysed->faults)
		{
			Fault	   *fault = lfirst(lc);
			Behind	   *behind;
			AttrNumber	attnum;
			char	   *text;
			bool		isnull;
			Oid			type;
			bool		known;

			if (!same_code(failure, fault->error) ||
				(turn == 0 && (offset < 0 || offset != fault->offset)) ||
				(turn == 1 && !same_message(failure, fault->error)))
				continue;
			if (!fault->placed || fault->at.row < 0)
			{
				ListCell   *other;

				foreach(other, scene->cells)
				{
					Cell	   *cell = lfirst(other);

					if (cell->offset != fault->offset || fault->offset < 0)
						continue;
					cell->known = given_literal(fault->value, failure, &cell->text,
												&cell->isnull, &cell->type);
					add_cell_value(scene, cell);
				}
				continue;
			}
			if (fault->column == NULL || !OidIsValid(fault->at.write->relid))
				continue;
			behind = behind_name(fault->at.write->relid);
			attnum = get_attnum(fault->at.write->relid, fault->column);
			if (!OidIsValid(behind->relid) || attnum <= 0 || behind->columns[attnum - 1] == NULL)
				continue;
			known = given_literal(fault->value, failure, &text, &isnull, &type);
			note_row(scene, behind->relid, fault->at.write->relid, fault->at.row, -1);
			suspects_value(&scene->suspects, failure, behind->relid, behind->columns[attnum - 1],
						   known ? text : NULL, known ? given_json(text, isnull, type) : NULL);
		}
	}
}

/* Does the message of this error quote the value, and that alone? */
static bool
quotes_value(int sqlstate)
{
	return sqlstate == ERRCODE_INVALID_TEXT_REPRESENTATION ||
		sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE ||
		sqlstate == ERRCODE_INVALID_DATETIME_FORMAT ||
		sqlstate == ERRCODE_DATETIME_FIELD_OVERFLOW;
}

/* What Bind refused: the values never came to be. */
static void
by_parameter(Scene *scene)
{
	char	   *value = scene->refusal;
	ListCell   *lc;

	if (scene->refused == 0)
		return;
	if (value == NULL && quotes_value(scene->failure->sqlstate))
		value = wording_quoted(scene->failure->message);
	foreach(lc, scene->cells)
	{
		Cell	   *cell = lfirst(lc);

		if (cell->param != scene->refused)
			continue;
		cell->known = value != NULL;
		cell->text = value;
		cell->isnull = false;
		cell->type = TEXTOID;
		add_cell_value(scene, cell);
	}
}

/* Values whose coercion raises it. */
static void
by_value(Scene *scene)
{
	for (int turn = 0; turn < 2 && scene->suspects == NIL; turn++)
	{
		ListCell   *lc;

		foreach(lc, scene->cells)
		{
			Cell	   *cell = lfirst(lc);

			if (cell->error == NULL || !same_code(scene->failure, cell->error) ||
				(turn == 0 && !same_message(scene->failure, cell->error)))
				continue;
			add_cell_value(scene, cell);
		}
	}
}

/* Is there something in the expression that may have raised it by itself? */
static bool
raises(Node *node, void *arg)
{
	const Failure *failure = arg;

	if (node == NULL)
		return false;
	if ((IsA(node, CoerceViaIO) || IsA(node, FuncExpr) || IsA(node, OpExpr) ||
		 IsA(node, ArrayCoerceExpr) || IsA(node, CoerceToDomain)) &&
		blame_type(failure->sqlstate, exprType(node), exprTypmod(node)) &&
		(blame_silent(failure) || blame_word(failure, exprType(node), exprTypmod(node)) == BLAME_NAMED) &&
		(!IsA(node, OpExpr) || failure->sqlstate == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE))
		return true;
	return expression_tree_walker(node, raises, arg);
}

/*
 * May this cell, whose value is not known, be why? Its expression, by itself,
 * or its coercion into the column; named: of a type that the message names.
 */
static bool
cell_may(const Cell *cell, const Failure *failure, Oid type, int32 typmod, bool named)
{
	Node	   *source = cell->source;

	if (cell->known || cell->isdefault)
		return false;
	if (!IsA(source, Var) && raises(source, unconstify(Failure *, failure)))
		return true;
	return (!named || blame_word(failure, type, typmod) == BLAME_NAMED) &&
		blame_coercion(failure->sqlstate, IsA(source, Param) ? InvalidOid : exprType(source),
					   exprTypmod(source), type, typmod);
}

/*
 * What a parameter that was too long to be copied needs of this column, at
 * most: its characters are not more than its bytes. NULL: nobody knows.
 */
static char *
need_of_length(const Cell *cell, const Failure *failure, Oid type, int32 typmod)
{
	const FailureParam *param = cell->param >= 1 && cell->param <= failure->nparams ?
	&failure->params[cell->param - 1] : NULL;
	int			bytes = param != NULL && !param->known ? param->len - (int) VARHDRSZ : 0;

	if (bytes <= 0 || (param->type != TEXTOID && param->type != VARCHAROID) ||
		getBaseType(type) != VARCHAROID || typmod < 0 ||
		failure->sqlstate != ERRCODE_STRING_DATA_RIGHT_TRUNCATION)
		return NULL;
	return psprintf("varchar(%d)", bytes);
}

/* What is not known, by types. */
static void
by_elimination(Scene *scene)
{
	const Failure *failure = scene->failure;

	scene->guessed = true;
	for (int turn = 0; turn < (blame_silent(failure) ? 2 : 1) && scene->suspects == NIL; turn++)
	{
		ListCell   *lc;

		foreach(lc, scene->cells)
		{
			Cell	   *cell = lfirst(lc);
			Oid			relid = cell->behind->relid;
			char	   *column = cells_column(cell);
			int32		typmod;
			Oid			type = column ? fitting_type(relid, column, &typmod) : InvalidOid;

			if (!OidIsValid(type) || !cell_may(cell, failure, type, typmod, turn == 0))
				continue;
			note_row(scene, relid, cell->named, cell->every ? -1 : cell->row, cell->write);
			suspects_add(&scene->suspects, relid, blame_unknown(failure, type, typmod), column,
						 need_of_length(cell, failure, type, typmod), failure->constraint_name, NULL);
		}
	}
}

/* Is there anything beside what is written that may have raised it: a filter,
 * a join? */
static bool
raises_beside(Query *query, const Failure *failure)
{
	ListCell   *lc;

	check_stack_depth();
	if (raises((Node *) query->jointree, unconstify(Failure *, failure)) ||
		raises(query->havingQual, unconstify(Failure *, failure)))
		return true;
	foreach(lc, query->rtable)
	{
		RangeTblEntry *rte = lfirst_node(RangeTblEntry, lc);

		if ((rte->subquery != NULL && raises_beside(rte->subquery, failure)) ||
			raises((Node *) rte->functions, unconstify(Failure *, failure)))
			return true;
	}
	foreach(lc, query->cteList)
	{
		Node	   *inner = lfirst_node(CommonTableExpr, lc)->ctequery;

		if (IsA(inner, Query) && raises_beside((Query *) inner, failure))
			return true;
	}
	return false;
}

/* What the statement does not give, but the table: defaults, what it computes
 * from the row, and where its triggers may change a row, any column. */
static void
by_table(Scene *scene)
{
	ListCell   *lc;

	scene->guessed = true;
	foreach(lc, scene->written->writes)
	{
		Write	   *write = lfirst(lc);
		Behind	   *behind = behind_name(write->relid);
		Relation	rel = OidIsValid(behind->relid) && !behind->elsewhere ?
		relation_open(behind->relid, AccessShareLock) : NULL;
		bool		changes = rel != NULL && scene->failure->context != NULL &&
		fills_nulls(behind->relid);
		List	   *columns = NIL;

		for (int i = 0; rel != NULL && i < RelationGetNumberOfAttributes(rel); i++)
		{
			Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
			bool		given = false;
			ListCell   *cell;

			foreach(cell, scene->cells)
			{
				given |= !((Cell *) lfirst(cell))->isdefault && cells_column(lfirst(cell)) != NULL &&
					strcmp(cells_column(lfirst(cell)), NameStr(att->attname)) == 0;
			}
			if (!att->attisdropped &&
				(changes || (att->atthasdef && !given &&
							 (att->attgenerated != '\0' || write->command == CMD_INSERT))))
				columns = lappend(columns, pstrdup(NameStr(att->attname)));
		}
		if (rel != NULL)
			relation_close(rel, NoLock);
		suspects_by_type(&scene->suspects, scene->failure, behind->relid, columns);
	}
}

/* Analysis did not come to an end: literals by fit alone, then types. */
static void
by_text(Scene *scene)
{
	ListCell   *lc;

	scene->guessed = true;
	foreach(lc, scene->written->writes)
	{
		Write	   *write = lfirst(lc);
		Behind	   *behind = behind_name(write->relid);
		List	   *columns = NIL;
		List	   *found = NIL;
		ListCell   *row;

		if (!OidIsValid(behind->relid))
			continue;
		foreach(row, write->rows)
		{
			for (int place = 0; place < list_length(lfirst(row)); place++)
			{
				char	   *name = writes_column(write, place);
				AttrNumber	attnum = name ? get_attnum(write->relid, name) : 0;
				char	   *column = attnum > 0 ? behind->columns[attnum - 1] : NULL;
				char	   *text;
				bool		isnull;
				Oid			type;
				Misfit		misfit;

				if (column == NULL)
					continue;
				if (!given_literal(writes_value(list_nth(lfirst(row), place)), scene->failure,
								   &text, &isnull, &type))
					columns = list_append_unique_ptr(columns, column);
				else if (!isnull && fitting_value(behind->relid, column, given_json(text, false, type),
												  scene->failure->sqlstate, &misfit) &&
						 blame_class(scene->failure->sqlstate, misfit.class))
					suspects_add(&found, behind->relid, misfit.class, column, misfit.need, NULL, text);
			}
		}
		if (found == NIL)
			suspects_by_type(&found, scene->failure, behind->relid, columns);
		scene->suspects = list_concat(scene->suspects, found);
	}
}

/* What the query writes by the rules of its table; without any, itself. */
static List *
written_by(Query *query)
{
	Oid			named = query->resultRelation > 0 ?
	rt_fetch(query->resultRelation, query->rtable)->relid : InvalidOid;

	if ((query->commandType == CMD_INSERT || query->commandType == CMD_UPDATE) &&
		behind_rules(named))
		return QueryRewrite(copyObject(query));
	return list_make1(query);
}

/* Body of spi_trial: the cells of the query, in the context that it was
 * called in. */
typedef struct CellsCall
{
	Scene	   *scene;
	MemoryContext cxt;
} CellsCall;

static void
take_cells(void *arg)
{
	CellsCall  *call = arg;
	List	   *cells = NIL;
	ListCell   *lc;

	MemoryContextSwitchTo(call->cxt);
	foreach(lc, written_by(call->scene->analysed->query))
	{
		cells = list_concat(cells, cells_of(lfirst(lc), call->scene->failure));
	}
	call->scene->cells = cells;
}

void
suspects_prepare(Scene *scene)
{
	const Failure *failure = scene->failure;
	Oid		   *types = palloc0(sizeof(Oid) * Max(failure->nparams, 1));
	CellsCall	call = {scene, CurrentMemoryContext};

	for (int i = 0; i < failure->nparams; i++)
		types[i] = failure->params[i].type;
	if (IsA(scene->written->stmt, CopyStmt))
		scene->analysed = palloc0(sizeof(Analysed));
	else
		scene->analysed = analysed(scene->text, scene->written, types, failure->nparams,
								   scene->names);
	if (scene->analysed->query != NULL && spi_trial(take_cells, &call) != NULL)
		scene->cells = NIL;
}

void
suspects_find(Scene *scene)
{
	scene->row = -1;
	scene->write = -1;
	by_parameter(scene);
	if (scene->suspects == NIL)
		by_fault(scene);
	if (scene->suspects == NIL)
		by_value(scene);
	if (scene->suspects == NIL && scene->analysed->query != NULL)
	{
		by_elimination(scene);
		if (scene->suspects == NIL)
			by_table(scene);
		scene->beside = raises_beside(scene->analysed->query, scene->failure);
	}
	if (scene->suspects == NIL && scene->analysed->query == NULL)
		by_text(scene);
}
