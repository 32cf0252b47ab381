/*
 * views.c
 *	  Who sees what in the views for people: may_see(), told().
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "observe/sharing.h"
#include "read/mask.h"
#include "serve/telling.h"
#include "serve/views.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/jsonfuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_may_see);
PG_FUNCTION_INFO_V1(selfheal_may_see_named);
PG_FUNCTION_INFO_V1(selfheal_named_table);
PG_FUNCTION_INFO_V1(selfheal_told_all);
PG_FUNCTION_INFO_V1(selfheal_told);
PG_FUNCTION_INFO_V1(selfheal_told_name);
PG_FUNCTION_INFO_V1(selfheal_told_sql);
PG_FUNCTION_INFO_V1(selfheal_told_json);

/* One that is gone is read by nobody. */
static bool
may_read(Oid relid)
{
	return SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) &&
		pg_class_aclcheck(relid, GetUserId(), ACL_SELECT) == ACLCHECK_OK;
}

/* may_see(relid): null is a table that is gone. Raises nothing. */
Datum
selfheal_may_see(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(telling_sees_all() || (!PG_ARGISNULL(0) && may_read(PG_GETARG_OID(0))));
}

/* The table that the first two arguments name now, or InvalidOid. */
static Oid
named_table(FunctionCallInfo fcinfo)
{
	Oid			nsp;

	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		return InvalidOid;
	nsp = get_namespace_oid(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
	return OidIsValid(nsp) ? get_relname_relid(text_to_cstring(PG_GETARG_TEXT_PP(1)), nsp) : InvalidOid;
}

/* may_see(schema_name, table_name): of the table that has these names now.
 * Raises nothing. */
Datum
selfheal_may_see_named(PG_FUNCTION_ARGS)
{
	Oid			relid;

	if (telling_sees_all())
		PG_RETURN_BOOL(true);
	relid = named_table(fcinfo);
	PG_RETURN_BOOL(OidIsValid(relid) && may_read(relid));
}

/* named_table(schema_name, table_name): null is none. Raises nothing. */
Datum
selfheal_named_table(PG_FUNCTION_ARGS)
{
	Oid			relid = named_table(fcinfo);

	if (!OidIsValid(relid))
		PG_RETURN_NULL();
	PG_RETURN_OID(relid);
}

/* ---- whom row security binds ---- */

/*
 * How the texts about a table are told to the role that is argument n, the
 * current one by default: NULL, as they are, unless row security keeps rows of
 * it from him, or he may read some of its columns alone. Kept for the tables of
 * one query.
 */
static Telling *
bound(FunctionCallInfo fcinfo, int n)
{
	Oid			role = PG_NARGS() > n && !PG_ARGISNULL(n) ? PG_GETARG_OID(n) : GetUserId();
	Oid			relid;
	MemoryContext old;
	Telling    *t;
	List	   *tellings;

	if (PG_ARGISNULL(0))
		return NULL;
	relid = PG_GETARG_OID(0);
	if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)) ||
		(pg_class_aclcheck(relid, role, ACL_SELECT) == ACLCHECK_OK && !sharing_keeps_rows(relid, role)))
		return NULL;
	old = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
	tellings = fcinfo->flinfo->fn_extra;
	t = telling_of(SHARE_MASKED, role, relid, &tellings);
	fcinfo->flinfo->fn_extra = tellings;
	MemoryContextSwitchTo(old);
	return t;
}

/* told_all(relid) */
Datum
selfheal_told_all(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(bound(fcinfo, 1) == NULL);
}

/* The second argument by one of the ways in which texts are told. */
static Datum
told(FunctionCallInfo fcinfo, char *(*tell) (Telling *t, const char *text))
{
	Telling    *t;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	t = bound(fcinfo, 2);
	if (t == NULL)
		return PG_GETARG_DATUM(1);
	PG_RETURN_TEXT_P(cstring_to_text(tell(t, text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}

static char *
tell_name(Telling *t, const char *name)
{
	return mask_key(t->share, telling_names(t), name);
}

/* told(relid, text, role) and the like: a text of null is null. */
Datum
selfheal_told(PG_FUNCTION_ARGS)
{
	return told(fcinfo, telling_message);
}

Datum
selfheal_told_name(PG_FUNCTION_ARGS)
{
	return told(fcinfo, tell_name);
}

Datum
selfheal_told_sql(PG_FUNCTION_ARGS)
{
	return told(fcinfo, telling_statement);
}

static text *
told_string(void *telling, char *value, int len)
{
	return cstring_to_text(telling_message(telling, pnstrdup(value, len)));
}

/* told_json(relid, json): each string in it; keys stay. */
Datum
selfheal_told_json(PG_FUNCTION_ARGS)
{
	Telling    *t;

	if (PG_ARGISNULL(1))
		PG_RETURN_NULL();
	t = bound(fcinfo, 2);
	if (t == NULL)
		return PG_GETARG_DATUM(1);
	PG_RETURN_JSONB_P(transform_jsonb_string_values(PG_GETARG_JSONB_P(1), t, told_string));
}
