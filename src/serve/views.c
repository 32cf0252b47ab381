/*
 * views.c
 *	  Who sees what in the views for people: may_see().
 */
#include "postgres.h"

#include "base/compat.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "serve/telling.h"
#include "serve/views.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_may_see);
PG_FUNCTION_INFO_V1(selfheal_may_see_named);

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

/* may_see(schema_name, table_name): of the table that has these names now.
 * Raises nothing. */
Datum
selfheal_may_see_named(PG_FUNCTION_ARGS)
{
	Oid			nsp;
	Oid			relid;

	if (telling_sees_all())
		PG_RETURN_BOOL(true);
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		PG_RETURN_BOOL(false);
	nsp = get_namespace_oid(text_to_cstring(PG_GETARG_TEXT_PP(0)), true);
	relid = OidIsValid(nsp) ? get_relname_relid(text_to_cstring(PG_GETARG_TEXT_PP(1)), nsp) : InvalidOid;
	PG_RETURN_BOOL(OidIsValid(relid) && may_read(relid));
}
