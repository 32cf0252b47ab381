/*
 * locate_sql.c
 *	  selfheal.locate(): what a failed statement was about, for people.
 *
 * In the caller's own session, name and search_path. Of tables that he may not
 * read he learns nothing.
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "orient/locate.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(selfheal_locate);

enum
{
	OUT_RELATION, OUT_CLASS, OUT_COLUMN, OUT_NEED, OUT_CONSTRAINT, OUT_VALUE, OUT_CERTAIN,
	OUT_PAYLOAD, OUT_WHOLE, OUT_OPAQUE, OUT_COLUMNS
};

/* One argument, or NULL. */
static char *
text_arg(FunctionCallInfo fcinfo, int arg)
{
	return PG_ARGISNULL(arg) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(arg));
}

static int
parse_sqlstate(const char *s)
{
	if (s == NULL || strlen(s) != 5 ||
		strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 s == NULL ? errmsg("error must have a sqlstate") : errmsg("\"%s\" is no SQLSTATE", s),
				 errhint("A SQLSTATE has five characters, each a digit or a capital letter, as {\"sqlstate\": \"22001\"}.")));
	return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
}

/* A member of the error as text; NULL: a null. */
static char *
member_text(const JsonbValue *v)
{
	switch (v->type)
	{
		case jbvNull:
			return NULL;
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		default:
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("a field of an error must be a text or a number"),
					 errhint("\\df+ selfheal.locate says which fields an error has.")));
	}
	return NULL;
}

/* Fields of the error, each as PostgreSQL names it. */
static void
take_error(Jsonb *error, Failure *failure)
{
	char	   *sqlstate = NULL;
	char	   *position = NULL;
	struct
	{
		const char *name;
		char	  **value;
	}			fields[] = {
		{"sqlstate", &sqlstate}, {"message", &failure->message}, {"detail", &failure->detail},
		{"context", &failure->context}, {"position", &position}, {"query", &failure->inner},
		{"schema", &failure->schema_name}, {"table", &failure->table_name},
		{"column", &failure->column_name}, {"datatype", &failure->datatype_name},
		{"constraint", &failure->constraint_name}
	};
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (!JB_ROOT_IS_OBJECT(error))
		parse_sqlstate(NULL);
	it = JsonbIteratorInit(&error->root);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	   *key;
		int			i = 0;

		if (token != WJB_KEY)
			continue;
		key = pnstrdup(v.val.string.val, v.val.string.len);
		(void) JsonbIteratorNext(&it, &v, true);
		while (i < (int) lengthof(fields) && strcmp(fields[i].name, key) != 0)
			i++;
		if (i == lengthof(fields))
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("an error has no field \"%s\"", key),
					 errhint("\\df+ selfheal.locate says which fields an error has.")));
		*fields[i].value = member_text(&v);
	}
	failure->sqlstate = parse_sqlstate(sqlstate);
	failure->position = position ? pg_strtoint32(position) : 0;
}

/* Parameters as texts, of whatever type the statement makes of them. */
static void
take_params(ArrayType *array, Failure *failure)
{
	Datum	   *values;
	bool	   *nulls;

	deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &failure->nparams);
	failure->params = palloc0(sizeof(FailureParam) * Max(failure->nparams, 1));
	for (int i = 0; i < failure->nparams; i++)
	{
		FailureParam *param = &failure->params[i];

		param->type = UNKNOWNOID;
		param->known = true;
		param->isnull = nulls[i];
		if (nulls[i])
			continue;
		param->data = TextDatumGetCString(values[i]);
		param->len = (int) strlen(param->data) + 1;
	}
}

/* May the caller read what the suspect is about? */
static bool
may_read(const Suspect *s)
{
	AttrNumber	attnum;

	if (!OidIsValid(s->relid))
		return true;
	if (pg_class_aclcheck(s->relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK)
		return true;
	if (s->column == NULL)
		return false;
	attnum = get_attnum(s->relid, s->column);
	return attnum > 0 &&
		pg_attribute_aclcheck(s->relid, attnum, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

Datum
selfheal_locate(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Failure		failure = {0};
	Located    *found;
	bool		hidden = false;
	ListCell   *lc;

	if (PG_ARGISNULL(1))
		parse_sqlstate(NULL);
	take_error(PG_GETARG_JSONB_P(1), &failure);
	failure.statement = text_arg(fcinfo, 0);
	if (!PG_ARGISNULL(2))
		take_params(PG_GETARG_ARRAYTYPE_P(2), &failure);
	failure.target = PG_ARGISNULL(3) ? InvalidOid : PG_GETARG_OID(3);
	failure.role = GetUserId();
	failure.session_role = GetSessionUserId();
	failure.escapes = strcmp(GetConfigOption("standard_conforming_strings", false, false), "off") == 0;

	InitMaterializedSRF(fcinfo, 0);
	found = locate(&failure);
	foreach(lc, found->suspects)
		hidden |= !may_read(lfirst(lc));
	foreach(lc, found->suspects)
	{
		Suspect    *s = lfirst(lc);
		Datum		values[OUT_COLUMNS] = {0};
		bool		nulls[OUT_COLUMNS] = {0};
		const char *texts[OUT_COLUMNS] = {0};

		if (!may_read(s))
			continue;
		values[OUT_RELATION] = ObjectIdGetDatum(s->relid);
		values[OUT_CERTAIN] = BoolGetDatum(found->certain && !hidden);
		values[OUT_WHOLE] = BoolGetDatum(found->whole && !hidden);
		nulls[OUT_RELATION] = !OidIsValid(s->relid);
		texts[OUT_CLASS] = fit_class_name(s->class);
		texts[OUT_COLUMN] = s->column;
		texts[OUT_NEED] = s->need;
		texts[OUT_CONSTRAINT] = s->constraint;
		texts[OUT_VALUE] = s->value;
		texts[OUT_PAYLOAD] = hidden ? NULL : found->payload;
		texts[OUT_OPAQUE] = found->opaque;
		for (int i = 0; i < OUT_COLUMNS; i++)
		{
			if (i == OUT_RELATION || i == OUT_CERTAIN || i == OUT_WHOLE)
				continue;
			nulls[i] = texts[i] == NULL;
			if (!nulls[i])
				values[i] = CStringGetTextDatum(texts[i]);
		}
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
