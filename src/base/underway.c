/*
 * underway.c
 *	  Which statement was under way when an error was raised.
 *
 * The frames need no PG_TRY: error_context_stack is put back by whoever
 * catches. They are laid around statements that only read, too: an error in a
 * function that they call must replace the note of an earlier one that the
 * function has caught.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/failscope.h"
#include "base/guc.h"
#include "base/underway.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "mb/pg_wchar.h"
#include "nodes/params.h"
#include "nodes/plannodes.h"
#include "optimizer/planner.h"
#include "parser/parsetree.h"
#include "tcop/tcopprot.h"
#include "tcop/utility.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* Whose length and way to be passed this process knows: types of parameters.
 * When an error is raised no catalog can be asked any more. */
#define SHAPES 256
#define SHAPE_LOOKS 4

typedef struct TypeShape
{
	Oid			type;
	int16		len;
	bool		byval;
} TypeShape;

typedef struct Frame
{
	ErrorContextCallback callback;
	bool		writes;
	const Query *query;			/* one of these three */
	const QueryDesc *desc;
	const PlannedStmt *utility;
	const char *text;
	ParamListInfo params;
} Frame;

static UnderwayNote note;
static uint32 temporary[FAILURE_TEMPORARY];
static TypeShape shapes[SHAPES];

static planner_hook_type prev_planner = NULL;
static ExecutorRun_hook_type prev_run = NULL;
static ExecutorFinish_hook_type prev_finish = NULL;
static ProcessUtility_hook_type prev_utility = NULL;

/* ---- types ---- */

static const TypeShape *
shape_of(Oid type)
{
	for (int i = 0; i < SHAPE_LOOKS; i++)
		if (shapes[(type + i) % SHAPES].type == type)
			return &shapes[(type + i) % SHAPES];
	return NULL;
}

/* Look a type up that is not known yet; nothing if it is not there. */
static void
learn(Oid type)
{
	HeapTuple	tup = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
	TypeShape  *at = &shapes[type % SHAPES];

	if (!HeapTupleIsValid(tup))
		return;
	for (int i = 0; i < SHAPE_LOOKS; i++)
		if (!OidIsValid(shapes[(type + i) % SHAPES].type))
		{
			at = &shapes[(type + i) % SHAPES];
			break;
		}
	at->type = type;
	at->len = ((Form_pg_type) GETSTRUCT(tup))->typlen;
	at->byval = ((Form_pg_type) GETSTRUCT(tup))->typbyval;
	ReleaseSysCache(tup);
}

/* Only lists that lie there as they are; a function's variables are made when
 * they are asked for, by code that is not ours. */
static bool
lies_there(ParamListInfo params)
{
	return params != NULL && params->numParams > 0 && params->paramFetch == NULL;
}

static void
learn_types(ParamListInfo params)
{
	if (!lies_there(params) || !failscope_wanted() || !IsTransactionState())
		return;
	for (int i = 0; i < params->numParams; i++)
		if (OidIsValid(params->params[i].ptype) && shape_of(params->params[i].ptype) == NULL)
			learn(params->params[i].ptype);
}

/* ---- the note ---- */

/*
 * The bytes of a parameter and how many there are, or false: not known. A value
 * that stands elsewhere, in a TOAST table or in somebody's memory, is not.
 */
static bool
bytes_of(const ParamExternData *param, const char **data, int *len)
{
	const TypeShape *shape = shape_of(param->ptype);

	if (shape == NULL)
		return false;
	*data = DatumGetPointer(param->value);
	if (shape->byval)
	{
		*data = (const char *) &param->value;
		*len = sizeof(Datum);
	}
	else if (shape->len > 0)
		*len = shape->len;
	else if (shape->len == -1)
	{
		if (VARATT_IS_EXTERNAL(*data))
			return false;
		*len = VARSIZE_ANY(*data);
	}
	else
		*len = (int) strnlen(*data, guc_capture_bytes) + 1;
	return true;
}

/* What a value that is too long would be if nobody had compressed it; 0: it
 * stands elsewhere. */
static int
whole_length(const ParamExternData *param, const char *data, int len)
{
	const TypeShape *shape = shape_of(param->ptype);

	return len > 0 && shape != NULL && shape->len == -1 && VARATT_IS_4B_C(data) ?
		(int) VARDATA_COMPRESSED_GET_EXTSIZE(data) + (int) VARHDRSZ : len;
}

/* As many of them as there is room for; of one that is too long its length is. */
static void
note_params(ParamListInfo params)
{
	int			room = guc_capture_bytes / 2;

	note.nparams = 0;
	note.used = 0;
	if (!lies_there(params))
		return;
	for (int i = 0; i < params->numParams; i++)
	{
		const ParamExternData *param = &params->params[i];
		FailParam  *p = (FailParam *) (note.params + note.used);
		const char *data = NULL;
		int			len = 0;

		if (note.used + (int) MAXALIGN(sizeof(FailParam)) > room)
			break;
		note.used += MAXALIGN(sizeof(FailParam));
		note.nparams++;
		memset(p, 0, sizeof(FailParam));
		p->type = param->ptype;
		p->isnull = OidIsValid(param->ptype) && param->isnull;
		p->known = p->isnull ||
			(OidIsValid(param->ptype) && bytes_of(param, &data, &len) &&
			 len <= room - note.used);
		p->len = p->known ? len : whole_length(param, data, len);
		if (!p->known || p->isnull)
			continue;
		memcpy(note.params + note.used, data, len);
		note.used += MAXALIGN(len);
	}
}

/* The text, if it is not what the client has sent. */
static void
note_text(const char *text)
{
	int			room = guc_capture_bytes - 1;
	int			len;

	note.clipped = false;
	note.is_inner = text != NULL && text != debug_query_string &&
		(debug_query_string == NULL || strcmp(text, debug_query_string) != 0);
	if (!note.is_inner)
		return;
	len = (int) strnlen(text, (size_t) room + 1);
	note.clipped = len > room;
	if (note.clipped)
		len = pg_mbcliplen(text, len, room);
	memcpy(note.inner, text, len);
	note.inner[len] = '\0';
}

static Oid
relation_at(Index rti, List *rtable)
{
	if (rti == 0 || rti > (Index) list_length(rtable))
		return InvalidOid;
	return rt_fetch(rti, rtable)->relid;
}

/* What a statement writes. With other statements in its WITH it is not said
 * which of them fails, and the relation of a COPY is only named yet. */
static void
note_target(const Frame *f)
{
	note.target = InvalidOid;
	if (f->query != NULL)
	{
		if (!f->query->hasModifyingCTE)
			note.target = relation_at(f->query->resultRelation, f->query->rtable);
		note.start = f->query->stmt_location;
		note.length = f->query->stmt_len;
	}
	else if (f->desc != NULL)
	{
		PlannedStmt *stmt = f->desc->plannedstmt;

		if (!stmt->hasModifyingCTE && IsA(stmt->planTree, ModifyTable))
			note.target = relation_at(((ModifyTable *) stmt->planTree)->nominalRelation,
									  stmt->rtable);
		note.start = stmt->stmt_location;
		note.length = stmt->stmt_len;
	}
	else
	{
		note.start = f->utility->stmt_location;
		note.length = f->utility->stmt_len;
	}
}

/* An error is raised (or a warning, which is nothing) while frames are there:
 * called for each, innermost first. */
static void
raised(void *arg)
{
	ErrorContextCallback *c = error_context_stack;
	const Frame *f;
	int			sqlstate = geterrcode();
	int			category = ERRCODE_TO_CATEGORY(sqlstate);

	if (category == ERRCODE_SUCCESSFUL_COMPLETION || category == ERRCODE_WARNING ||
		category == ERRCODE_NO_DATA)
		return;
	while (c != NULL && c->callback != raised)
		c = c->previous;
	if (c != NULL && c->arg != arg)
		return;					/* the innermost one has seen to it */

	/* In an error within an error PostgreSQL lets go of the stack: c is NULL */
	note.valid = false;
	if (c == NULL || !failscope_of_a_statement(sqlstate) || !failscope_wanted())
		return;
	while (c != NULL && (c->callback != raised || !((const Frame *) c->arg)->writes))
		c = c->previous;
	if (c == NULL)
		return;
	f = c->arg;
	note.sqlstate = sqlstate;
	note.sent = GetCurrentStatementStartTimestamp();
	note_target(f);
	note_text(f->text);
	note_params(f->params);
	note.valid = true;
}

/* ---- temporary tables ---- */

static void
remember(const char *name)
{
	static int	oldest = 0;
	uint32		hash = failring_name(name);

	for (int i = 0; i < FAILURE_TEMPORARY; i++)
		if (temporary[i] == hash)
			return;
	temporary[oldest] = hash;
	oldest = (oldest + 1) % FAILURE_TEMPORARY;
}

/*
 * The name of a new temporary table, or another one for one that is there: it
 * comes before any other of that name, and the worker cannot see it, nor that
 * it was ever there when its transaction has ended. Too many are remembered,
 * never too few: of one that was not made after all, or is gone again.
 */
static void
note_temporary(const Node *stmt)
{
	const RangeVar *name = IsA(stmt, CreateStmt) ? ((const CreateStmt *) stmt)->relation :
	IsA(stmt, CreateTableAsStmt) ? ((const CreateTableAsStmt *) stmt)->into->rel :
	IsA(stmt, ViewStmt) ? ((const ViewStmt *) stmt)->view : NULL;

	if (name != NULL && (name->relpersistence == RELPERSISTENCE_TEMP ||
						 (name->schemaname != NULL && strcmp(name->schemaname, "pg_temp") == 0)))
		remember(name->relname);
	else if (IsA(stmt, RenameStmt) && temporary[0] != 0 && ((const RenameStmt *) stmt)->newname != NULL)
		remember(((const RenameStmt *) stmt)->newname);
}

const uint32 *
underway_temporary(void)
{
	return temporary;
}

/* ---- frames ---- */

static inline void
enter(Frame *f)
{
	f->callback.callback = raised;
	f->callback.arg = f;
	f->callback.previous = error_context_stack;
	error_context_stack = &f->callback;
}

/* What was caught inside the client's statement is over with it. */
static void
forget(void)
{
	for (ErrorContextCallback *c = error_context_stack; c != NULL; c = c->previous)
		if (c->callback == raised)
			return;
	note.valid = false;
}

static inline void
leave(Frame *f)
{
	error_context_stack = f->callback.previous;
	if (unlikely(note.valid))
		forget();
}

static PlannedStmt *
plan(Query *parse, const char *text, int options, ParamListInfo params)
{
	planner_hook_type next = prev_planner ? prev_planner : standard_planner;
	Frame		f = {.writes = true,.query = parse,.text = text,.params = params};
	PlannedStmt *result;

	if (parse->commandType == CMD_SELECT && !parse->hasModifyingCTE)
		return next(parse, text, options, params);
	learn_types(params);
	enter(&f);
	result = next(parse, text, options, params);
	leave(&f);
	return result;
}

static inline bool
writes(const QueryDesc *desc)
{
	return desc->operation != CMD_SELECT || desc->plannedstmt->hasModifyingCTE;
}

static void
run(COMPAT_RUN_ARGS)
{
	Frame		f = {.writes = writes(desc),.desc = desc,.text = desc->sourceText,
	.params = desc->params};

	if (f.writes)
		learn_types(f.params);
	enter(&f);
	if (prev_run)
		prev_run(COMPAT_RUN_PASS);
	else
		standard_ExecutorRun(COMPAT_RUN_PASS);
	leave(&f);
}

/* Here AFTER triggers run, and foreign keys are looked for. */
static void
finish(QueryDesc *desc)
{
	Frame		f = {.writes = writes(desc),.desc = desc,.text = desc->sourceText,
	.params = desc->params};

	enter(&f);
	if (prev_finish)
		prev_finish(desc);
	else
		standard_ExecutorFinish(desc);
	leave(&f);
}

static void
utility(COMPAT_UTILITY_ARGS)
{
	Node	   *stmt = pstmt->utilityStmt;
	Frame		f = {.writes = IsA(stmt, CopyStmt) && ((CopyStmt *) stmt)->is_from,
	.utility = pstmt,.text = queryString};

	note_temporary(stmt);
	enter(&f);
	if (prev_utility)
		prev_utility(COMPAT_UTILITY_PASS);
	else
		standard_ProcessUtility(COMPAT_UTILITY_PASS);
	leave(&f);
	if (IsA(stmt, DiscardStmt) && (((DiscardStmt *) stmt)->target == DISCARD_ALL ||
								   ((DiscardStmt *) stmt)->target == DISCARD_TEMP))
		memset(temporary, 0, sizeof(temporary));
}

void
underway_init(void)
{
	/* TopMemoryContext: every process inherits it from the postmaster */
	note.inner = MemoryContextAlloc(TopMemoryContext, guc_capture_bytes);
	note.params = MemoryContextAlloc(TopMemoryContext, guc_capture_bytes / 2);
	prev_planner = planner_hook;
	planner_hook = plan;
	prev_run = ExecutorRun_hook;
	ExecutorRun_hook = run;
	prev_finish = ExecutorFinish_hook;
	ExecutorFinish_hook = finish;
	prev_utility = ProcessUtility_hook;
	ProcessUtility_hook = utility;
}

/*
 * Does the note tell of the statement that the error names? One that fails
 * before it is planned is not noted: the note is of the one around it.
 */
static bool
same_statement(const char *internal)
{
	if (internal == NULL)
		return true;
	if (!note.is_inner)
		return debug_query_string != NULL && strcmp(internal, debug_query_string) == 0;
	return strncmp(internal, note.inner, note.clipped ? strlen(note.inner) : SIZE_MAX) == 0;
}

/* See the header. */
const UnderwayNote *
underway_take(const ErrorData *edata)
{
	if (!note.valid)
		return NULL;
	note.valid = false;
	if (note.sqlstate != edata->sqlerrcode ||
		note.sent != GetCurrentStatementStartTimestamp() ||
		!same_statement(edata->internalquery))
		return NULL;
	return &note;
}
