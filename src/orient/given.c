/*
 * given.c
 *	  The values that a failed statement was given: literals and parameters.
 */
#include "postgres.h"

#include "base/spi.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "orient/given.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"

bool
given_known(const Failure *failure, int number)
{
	return number >= 1 && number <= failure->nparams && failure->params[number - 1].known &&
		OidIsValid(failure->params[number - 1].type);
}

Const *
given_const(const Failure *failure, int number)
{
	const FailureParam *param = &failure->params[number - 1];
	int16		len;
	bool		byval;
	Datum		value = (Datum) 0;

	get_typlenbyval(param->type, &len, &byval);
	if (!param->isnull && byval)
	{
		if (param->len != (int) sizeof(Datum))
			elog(ERROR, "parameter of %d bytes is no value", param->len);
		memcpy(&value, param->data, sizeof(Datum));
	}
	else if (!param->isnull)
	{
		char	   *copy = palloc0(param->len + 1);

		memcpy(copy, param->data, param->len);
		if ((len == -1 && (param->len < 1 || (int) VARSIZE_ANY(copy) != param->len)) ||
			(len > 0 && param->len != len))
			elog(ERROR, "parameter of %d bytes is no value", param->len);
		value = PointerGetDatum(copy);
	}
	return makeConst(param->type, -1, get_typcollation(param->type), len, value,
					 param->isnull, byval);
}

/* A value's text, in the current context. Dates and times in ISO form, which
 * means the same in every session. */
static char *
text_of(Datum value, Oid type)
{
	int			style = DateStyle;
	char	   *text = NULL;
	Oid			out;
	bool		varlena;

	getTypeOutputInfo(type, &out, &varlena);
	DateStyle = USE_ISO_DATES;
	PG_TRY();
	{
		text = OidOutputFunctionCall(out, value);
	}
	PG_FINALLY();
	{
		DateStyle = style;
	}
	PG_END_TRY();
	return text;
}

void
given_evaluate(Node *expr, MemoryContext cxt, char **text, bool *isnull)
{
	EState	   *estate = CreateExecutorState();
	ExprState  *state = ExecPrepareExpr((Expr *) copyObject(expr), estate);
	Datum		value = ExecEvalExprSwitchContext(state, GetPerTupleExprContext(estate), isnull);

	*text = NULL;
	if (!*isnull)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		*text = text_of(value, exprType(expr));
		MemoryContextSwitchTo(old);
	}
	FreeExecutorState(estate);
}

/* RFC 8259's numbers. */
static bool
is_json_number(const char *s)
{
	if (*s == '-')
		s++;
	if (*s == '0')
		s++;
	else if (*s >= '1' && *s <= '9')
		s += strspn(s, "0123456789");
	else
		return false;
	if (*s == '.')
	{
		if (!isdigit((unsigned char) s[1]))
			return false;
		s += 1 + strspn(s + 1, "0123456789");
	}
	if (*s == 'e' || *s == 'E')
	{
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!isdigit((unsigned char) *s))
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

static void
parse_json(void *arg)
{
	(void) DirectFunctionCall1(json_in, CStringGetDatum(*(char **) arg));
}

char *
given_json(const char *text, bool isnull, Oid type)
{
	StringInfoData buf;

	if (isnull || text == NULL)
		return pstrdup("null");
	switch (type)
	{
		case INT2OID:
		case INT4OID:
		case INT8OID:
		case NUMERICOID:
		case FLOAT4OID:
		case FLOAT8OID:
			if (is_json_number(text))
				return pstrdup(text);
			break;
		case BOOLOID:
			if (strcmp(text, "t") == 0 || strcmp(text, "f") == 0)
				return pstrdup(*text == 't' ? "true" : "false");
			break;
		case JSONOID:
		case JSONBOID:
			return spi_trial(parse_json, &text) == NULL ? pstrdup(text) : NULL;
		default:
			break;
	}
	initStringInfo(&buf);
	escape_json(&buf, text);
	return buf.data;
}

/* Text of one parameter, as spi_trial's argument. */
typedef struct ParamText
{
	const Failure *failure;
	int			number;
	MemoryContext cxt;
	char	   *text;
	bool		isnull;
} ParamText;

static void
param_text(void *arg)
{
	ParamText  *p = arg;

	given_evaluate((Node *) given_const(p->failure, p->number), p->cxt, &p->text, &p->isnull);
}

bool
given_param(const Failure *failure, int number, char **text, bool *isnull, Oid *type)
{
	ParamText	p = {failure, number, CurrentMemoryContext, NULL, false};

	if (!given_known(failure, number) || spi_trial(param_text, &p) != NULL)
		return false;
	*text = p.text;
	*isnull = p.isnull;
	*type = getBaseType(failure->params[number - 1].type);
	return true;
}

bool
given_literal(Node *value, const Failure *failure, char **text, bool *isnull, Oid *type)
{
	A_Const    *literal = (A_Const *) value;

	*isnull = false;
	*text = NULL;
	if (value == NULL)
		return false;
	if (IsA(value, TypeCast))
		return given_literal(((TypeCast *) value)->arg, failure, text, isnull, type);
	if (IsA(value, ParamRef))
		return given_param(failure, ((ParamRef *) value)->number, text, isnull, type);
	if (IsA(value, A_Expr) && ((A_Expr *) value)->kind == AEXPR_OP &&
		((A_Expr *) value)->lexpr == NULL &&
		strcmp(strVal(llast(((A_Expr *) value)->name)), "-") == 0)
	{
		if (!given_literal(((A_Expr *) value)->rexpr, failure, text, isnull, type) || *isnull)
			return false;
		*text = psprintf("-%s", *text);
		return true;
	}
	if (!IsA(value, A_Const))
		return false;
	*isnull = literal->isnull;
	*type = TEXTOID;
	if (literal->isnull)
		return true;
	switch (nodeTag(&literal->val))
	{
		case T_Integer:
			*type = INT4OID;
			*text = psprintf("%d", intVal(&literal->val));
			return true;
		case T_Float:
			*type = NUMERICOID;
			*text = pstrdup(literal->val.fval.fval);
			return true;
		case T_Boolean:
			*type = BOOLOID;
			*text = pstrdup(boolVal(&literal->val) ? "t" : "f");
			return true;
		case T_String:
			*text = pstrdup(strVal(&literal->val));
			return true;
		default:
			return false;
	}
}
