/*
 * analysed.c
 *	  What parse analysis makes of a statement that failed, and what it does
 *	  not like about it.
 */
#include "postgres.h"

#include "base/spi.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "orient/analysed.h"
#include "parser/analyze.h"
#include "parser/parse_node.h"
#include "parser/parse_param.h"

/* Faults of one statement that are looked for. */
#define FAULTS_MAX 16

/* Numbers of parameters that stand for names begin behind all real ones. */
#define NAMES_BEGIN 65536

/* One analysis, as spi_trial's argument. */
typedef struct Attempt
{
	const char *text;
	Node	   *stmt;
	const Oid  *types;
	int			ntypes;
	bool		names;
	MemoryContext cxt;
	Query	   *query;
} Attempt;

/* A name that is no column: a variable, of the type that its place asks for.
 * Each place is one of its own. */
static Node *
take_name(ParseState *pstate, ColumnRef *ref, Node *found)
{
	ParamRef   *param;

	if (found != NULL || IsA(llast(ref->fields), A_Star))
		return found;
	param = makeNode(ParamRef);
	param->number = NAMES_BEGIN + Max(ref->location, 0);
	param->location = ref->location;
	return pstate->p_paramref_hook(pstate, param);
}

/*
 * Body of spi_trial. Where we are called from is no part of the error: SPI
 * would take the position for one in its own query.
 */
static void
analyse(void *arg)
{
	Attempt    *a = arg;
	ErrorContextCallback *around = error_context_stack;
	ParseState *pstate;
	RawStmt    *raw = makeNode(RawStmt);
	int			ntypes = a->ntypes;
	Oid		   *types;

	MemoryContextSwitchTo(a->cxt);
	types = palloc0(sizeof(Oid) * Max(ntypes, 1));
	if (ntypes > 0)
		memcpy(types, a->types, sizeof(Oid) * ntypes);
	raw->stmt = copyObject(a->stmt);
	pstate = make_parsestate(NULL);
	pstate->p_sourcetext = a->text;
	setup_parse_variable_parameters(pstate, &types, &ntypes);
	if (a->names)
		pstate->p_post_columnref_hook = take_name;
	error_context_stack = NULL;
	a->query = transformTopLevelStmt(pstate, raw);
	error_context_stack = around;
	free_parsestate(pstate);
}

/* The value that stands for the column in this place, in the first row. */
static Node *
first_value(const WritePlace *at)
{
	List	   *row = at->write->rows ? linitial(at->write->rows) : NIL;

	return row != NIL && at->place < list_length(row) ? writes_value(list_nth(row, at->place)) : NULL;
}

/*
 * Take what was refused out of the tree. False: it is nothing that a value or
 * a column of what is written could be to blame for.
 */
static bool
take_out(Written *written, Fault *fault)
{
	A_Const    *literal = fault->offset >= 0 ? writes_literal(written->stmt, fault->offset) : NULL;

	fault->placed = writes_place(written->writes, fault->offset, &fault->at);
	if (fault->placed)
		fault->column = writes_column(fault->at.write, fault->at.place);
	if (fault->placed && fault->at.row < 0)
	{
		fault->value = copyObject(first_value(&fault->at));
		return fault->error->sqlerrcode == ERRCODE_UNDEFINED_COLUMN && writes_drop(&fault->at);
	}
	if (literal != NULL && !literal->isnull && ERRCODE_TO_CATEGORY(fault->error->sqlerrcode) ==
		ERRCODE_DATA_EXCEPTION)
	{
		fault->value = (Node *) copyObject(literal);
		literal->isnull = true;
		return true;
	}
	if (!fault->placed || fault->error->sqlerrcode != ERRCODE_DATATYPE_MISMATCH ||
		fault->at.write->rows == NIL)
		return false;
	fault->value = copyObject(writes_value(list_nth(list_nth(fault->at.write->rows, fault->at.row),
													fault->at.place)));
	writes_blank(&fault->at);
	return true;
}

Analysed *
analysed(const char *text, Written *written, const Oid *types, int ntypes, bool names)
{
	Analysed   *out = palloc0(sizeof(Analysed));
	Attempt		a = {.text = text,.stmt = written->stmt,.types = types,.ntypes = ntypes,
	.names = names,.cxt = CurrentMemoryContext};

	while (list_length(out->faults) < FAULTS_MAX)
	{
		Fault	   *fault = palloc0(sizeof(Fault));

		fault->error = spi_trial(analyse, &a);
		if (fault->error == NULL)
			break;
		a.query = NULL;
		fault->offset = writes_offset(text, fault->error->cursorpos);
		out->faults = lappend(out->faults, fault);
		if (!take_out(written, fault))
			break;
	}
	out->query = a.query;
	return out;
}

Oid
analysed_type(const char *text, const Write *write, Node *value, const Oid *types, int ntypes)
{
	SelectStmt *select = makeNode(SelectStmt);
	ResTarget  *output = makeNode(ResTarget);
	Attempt		a = {.text = text,.types = types,.ntypes = ntypes,.cxt = CurrentMemoryContext};

	if (write->insert != NULL && write->insert->selectStmt != NULL)
	{
		SelectStmt *source = (SelectStmt *) write->insert->selectStmt;

		select->fromClause = copyObject(source->fromClause);
		select->withClause = copyObject(write->insert->withClause ? write->insert->withClause :
										source->withClause);
	}
	else if (write->command == CMD_UPDATE)
		select->fromClause = list_make1(copyObject(write->relation));
	output->val = copyObject(value);
	output->location = -1;
	select->targetList = list_make1(output);
	a.stmt = (Node *) select;
	if (spi_trial(analyse, &a) != NULL || a.query == NULL)
		return InvalidOid;
	return exprType((Node *) linitial_node(TargetEntry, a.query->targetList)->expr);
}
