/*
 * sharing.c
 *	  What is told of a table's values.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "base/compat.h"
#include "fmgr.h"
#include "base/spi.h"
#include "base/trouble.h"
#include "catalog/pg_class.h"
#include "nodes/pg_list.h"
#include "observe/sharing.h"
#include "observe/watch.h"
#include "read/phrase.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/relcache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_shared);
PG_FUNCTION_INFO_V1(selfheal_shared_message);

/* See the header. */
ShareValues
sharing_of(Oid relid)
{
	Watch		watch;

	if (OidIsValid(relid) && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		return SHARE_NONE;
	if (!OidIsValid(relid) || !watch_get(relid, &watch) ||
		watch.share_values == SHARE_BY_SETTING)
		return (ShareValues) guc_share_values;
	return (ShareValues) watch.share_values;
}

/* A table by both its names. */
static void
add_table(MaskNames *names, Oid relid)
{
	mask_name(names, get_rel_name(relid));
	mask_name(names, get_namespace_name(get_rel_namespace(relid)));
}

/* See the header. */
MaskNames *
sharing_names(Oid relid)
{
	MaskNames  *names = mask_names(CurrentMemoryContext);
	Relation	rel = OidIsValid(relid) ? try_relation_open(relid, AccessShareLock) : NULL;
	TupleDesc	desc;
	ListCell   *lc;

	if (rel == NULL)
		return names;
	add_table(names, relid);
	desc = RelationGetDescr(rel);
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);

		if (att->attisdropped)
			continue;
		mask_name(names, NameStr(att->attname));
		mask_name(names, format_type_be(att->atttypid));
	}
	for (int i = 0; desc->constr && i < desc->constr->num_check; i++)
		mask_name(names, desc->constr->check[i].ccname);
	if (rel->rd_rel->relkind == RELKIND_RELATION || rel->rd_rel->relkind == RELKIND_PARTITIONED_TABLE)
	{
		foreach(lc, RelationGetIndexList(rel))
			mask_name(names, get_rel_name(lfirst_oid(lc)));
		foreach(lc, RelationGetFKeyList(rel))
		{
			ForeignKeyCacheInfo *key = lfirst(lc);

			mask_name(names, get_constraint_name(key->conoid));
			add_table(names, key->confrelid);
		}
	}
	relation_close(rel, AccessShareLock);
	return names;
}

/* See the header. check_enable_rls() would not do: while our own SQL runs, FORCE
 * ROW LEVEL SECURITY does not count for it. */
bool
sharing_keeps_rows(Oid relid, Oid role)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	bool		result = false;

	if (HeapTupleIsValid(tuple))
	{
		Form_pg_class table = (Form_pg_class) GETSTRUCT(tuple);

		result = table->relrowsecurity && !has_bypassrls_privilege(role) &&
			(table->relforcerowsecurity || !has_privs_of_role(role, table->relowner));
		ReleaseSysCache(tuple);
	}
	return result;
}

/* See the header. */
char *
sharing_message(Oid relid, const char *message)
{
	ShareValues share = sharing_of(relid);

	return phrase_mask(share, share == SHARE_FULL ? NULL : sharing_names(relid), message);
}

/* See the header. */
bool
sharing_hides(Oid relid)
{
	return sharing_of(relid) != SHARE_FULL;
}

/* Does it tell of the server, and not of rows? */
static bool
about_server(const ErrorData *edata)
{
	return !trouble_raised_by_code(edata) && !trouble_elsewhere(edata) &&
		trouble_by_sqlstate(edata->sqlerrcode);
}

/* Report it as it is: PostgreSQL reports what stands in its error stack. */
static void
emit(ErrorData *edata)
{
	MemoryContext cxt = CurrentMemoryContext;

	PG_TRY();
	{
		ReThrowError(edata);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		EmitErrorReport();
		FlushErrorState();
	}
	PG_END_TRY();
}

/* The table's word and names, in a transaction of their own. If that cannot be
 * had, nothing of values is told, and no name is known. */
static void
read_rules(Oid relid, ShareValues *share, MaskNames **names)
{
	MemoryContext cxt = CurrentMemoryContext;

	*share = SHARE_NONE;
	*names = NULL;
	PG_TRY();
	{
		ShareValues said;

		spi_xact_begin();
		MemoryContextSwitchTo(cxt);
		said = sharing_of(relid);
		*names = sharing_names(relid);
		spi_xact_commit(true);
		*share = said;
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		FlushErrorState();
		spi_xact_abort();
		*names = NULL;
	}
	PG_END_TRY();
	MemoryContextSwitchTo(cxt);
}

/* Report a copy without values. */
static void
report(const ErrorData *edata, ShareValues share, const MaskNames *names)
{
	ErrorData	masked = *edata;

	if (share != SHARE_FULL && !about_server(edata))
	{
		masked.message = phrase_mask(share, names, edata->message);
		masked.detail = phrase_mask(share, names, edata->detail);
		masked.detail_log = phrase_mask(share, names, edata->detail_log);
		masked.hint = phrase_mask(share, names, edata->hint);
		masked.context = phrase_mask(share, names, edata->context);
		masked.internalquery = NULL;
	}
	emit(&masked);
}

/* See the header. */
void
sharing_report(const ErrorData *edata, Oid relid)
{
	ShareValues share = SHARE_FULL;
	MaskNames  *names = NULL;

	if (!about_server(edata))
		read_rules(relid, &share, &names);
	report(edata, share, names);
}

/* See the header. */
void
sharing_emit(const ErrorData *edata)
{
	report(edata, (ShareValues) guc_share_values, NULL);
}

/* The table and what is asked for of both functions; false: the text is null. */
static bool
shared_args(FunctionCallInfo fcinfo, Oid *relid, ShareValues *share)
{
	int			said = SHARE_BY_SETTING;

	*relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	watch_check_table(*relid, WATCH_NEED_READ);
	if (!PG_ARGISNULL(2))
		said = options_share(text_to_cstring(PG_GETARG_TEXT_PP(2)));
	*share = said == SHARE_BY_SETTING ? sharing_of(*relid) : (ShareValues) said;
	return !PG_ARGISNULL(1);
}

/* shared("table", payload, share_values): errors as watch's, and 22023. */
Datum
selfheal_shared(PG_FUNCTION_ARGS)
{
	Oid			relid;
	ShareValues share;
	text	   *payload;
	MaskNames  *names;

	if (!shared_args(fcinfo, &relid, &share))
		PG_RETURN_NULL();
	payload = PG_GETARG_TEXT_PP(1);
	names = sharing_names(relid);
	mask_note_keys(names, VARDATA_ANY(payload), VARSIZE_ANY_EXHDR(payload));
	PG_RETURN_TEXT_P(cstring_to_text(mask_payload(share, names, VARDATA_ANY(payload),
												  VARSIZE_ANY_EXHDR(payload), SHARING_SHOWN)));
}

/* shared_message("table", message, share_values): the same. */
Datum
selfheal_shared_message(PG_FUNCTION_ARGS)
{
	Oid			relid;
	ShareValues share;

	if (!shared_args(fcinfo, &relid, &share))
		PG_RETURN_NULL();
	PG_RETURN_TEXT_P(cstring_to_text(phrase_mask(share, sharing_names(relid),
												 text_to_cstring(PG_GETARG_TEXT_PP(1)))));
}
