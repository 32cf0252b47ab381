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
sqlstate_arg(FunctionCallInfo fcinfo, int arg)
{
	char	   *s = text_arg(fcinfo, arg);

	if (s == NULL || strlen(s) != 5 ||
		strspn(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 5)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 s == NULL ? errmsg("sqlstate must not be null") : errmsg("\"%s\" is no SQLSTATE", s),
				 errhint("A SQLSTATE has five characters, each a digit or a capital letter, as 22001.")));
	return MAKE_SQLSTATE(s[0], s[1], s[2], s[3], s[4]);
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

	failure.sqlstate = sqlstate_arg(fcinfo, 1);
	failure.statement = text_arg(fcinfo, 0);
	failure.message = text_arg(fcinfo, 2);
	failure.detail = text_arg(fcinfo, 3);
	failure.context = text_arg(fcinfo, 4);
	failure.position = PG_ARGISNULL(5) ? 0 : PG_GETARG_INT32(5);
	if (!PG_ARGISNULL(6))
		take_params(PG_GETARG_ARRAYTYPE_P(6), &failure);
	failure.schema_name = text_arg(fcinfo, 7);
	failure.table_name = text_arg(fcinfo, 8);
	failure.column_name = text_arg(fcinfo, 9);
	failure.datatype_name = text_arg(fcinfo, 10);
	failure.constraint_name = text_arg(fcinfo, 11);
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
