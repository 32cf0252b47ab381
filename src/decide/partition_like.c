/*
 * partition_like.c
 *	  What a new partition takes over from its newest sibling, beside what
 *	  LIKE and ATTACH bring.
 *
 * Grants and policies are not taken over: who may read the sibling is no
 * reason why he may read another table. Row security is, since a table
 * without it would show more than its sibling does.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/reloptions.h"
#include "access/tableam.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "commands/defrem.h"
#include "commands/tablespace.h"
#include "decide/partition_like.h"
#include "decide/plan.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* The partition that was made last. */
static Oid
newest_of(Oid parent)
{
	Oid			newest = InvalidOid;
	Oid			last_resort = get_default_partition_oid(parent);
	ListCell   *lc;

	foreach(lc, find_inheritance_children(parent, NoLock))
		if (lfirst_oid(lc) != last_resort && get_rel_relkind(lfirst_oid(lc)) != '\0')
		newest = Max(newest, lfirst_oid(lc));
	return OidIsValid(newest) ? newest : last_resort;
}

/* fillfactor='70', toast.autovacuum_enabled='off' */
static void
append_options(StringInfo buf, HeapTuple tup, const char *prefix)
{
	bool		isnull;
	Datum		options = SysCacheGetAttr(RELOID, tup, Anum_pg_class_reloptions, &isnull);
	ListCell   *lc;

	if (isnull)
		return;
	foreach(lc, untransformRelOptions(options))
	{
		const DefElem *option = lfirst(lc);

		appendStringInfo(buf, "%s%s%s=%s", buf->len ? ", " : "", prefix,
						 quote_identifier(option->defname),
						 quote_literal_cstr(defGetString(unconstify(DefElem *, option))));
	}
}

/* USING, WITH, TABLESPACE */
static char *
storage_of(HeapTuple tup, Form_pg_class form)
{
	StringInfoData buf;
	StringInfoData options;
	HeapTuple	toast;

	initStringInfo(&buf);
	initStringInfo(&options);
	if (OidIsValid(form->relam) &&
		strcmp(get_am_name(form->relam), default_table_access_method) != 0)
		appendStringInfo(&buf, " USING %s", quote_identifier(get_am_name(form->relam)));
	append_options(&options, tup, "");
	if (OidIsValid(form->reltoastrelid))
	{
		toast = SearchSysCache1(RELOID, ObjectIdGetDatum(form->reltoastrelid));
		if (HeapTupleIsValid(toast))
		{
			append_options(&options, toast, "toast.");
			ReleaseSysCache(toast);
		}
	}
	if (options.len > 0)
		appendStringInfo(&buf, " WITH (%s)", options.data);
	if (form->reltablespace != GetDefaultTablespace(form->relpersistence, false))
		appendStringInfo(&buf, " TABLESPACE %s",
						 quote_identifier(get_tablespace_name(OidIsValid(form->reltablespace) ?
															  form->reltablespace : MyDatabaseTableSpace)));
	return buf.data;
}

/* What ALTER TABLE gives it afterwards, and what nothing does. */
static void
note_rights(PartitionLikeness *model, HeapTuple tup, Form_pg_class form)
{
	char	   *name = plan_relation_name(model->sibling);

	if (form->relrowsecurity)
	{
		model->after = lappend(model->after, "ENABLE ROW LEVEL SECURITY");
		model->lacks = lappend(model->lacks,
							   psprintf("row security is enabled as on %s, and its policies are not copied: who reads it by its own name sees nothing of it until a person makes some", name));
	}
	if (form->relforcerowsecurity)
		model->after = lappend(model->after, "FORCE ROW LEVEL SECURITY");
	if (!heap_attisnull(tup, Anum_pg_class_relacl, NULL))
		model->lacks = lappend(model->lacks,
							   psprintf("the privileges on %s are not granted on it: who reads it by its own name needs a GRANT; reading and writing through the parent needs none", name));
	if (form->relreplident == REPLICA_IDENTITY_FULL)
		model->after = lappend(model->after, "REPLICA IDENTITY FULL");
	else if (form->relreplident == REPLICA_IDENTITY_NOTHING)
		model->after = lappend(model->after, "REPLICA IDENTITY NOTHING");
	else if (form->relreplident == REPLICA_IDENTITY_INDEX)
		model->lacks = lappend(model->lacks,
							   psprintf("the replica identity of %s is an index of its own: this one's is its primary key until a person says which", name));
}

/* See the header. */
PartitionLikeness *
partition_like(Oid parent)
{
	PartitionLikeness *model = palloc0(sizeof(PartitionLikeness));
	HeapTuple	tup;
	Form_pg_class form;

	model->sibling = newest_of(parent);
	model->schema = get_rel_namespace(OidIsValid(model->sibling) ? model->sibling : parent);
	model->storage = "";
	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(model->sibling));
	if (!HeapTupleIsValid(tup))
		return model;
	form = (Form_pg_class) GETSTRUCT(tup);
	if (form->relkind == RELKIND_RELATION)
	{
		model->unlogged = form->relpersistence == RELPERSISTENCE_UNLOGGED;
		model->storage = storage_of(tup, form);
	}
	if (form->relkind == RELKIND_RELATION || form->relkind == RELKIND_PARTITIONED_TABLE)
		note_rights(model, tup, form);
	ReleaseSysCache(tup);
	return model;
}

Oid
partition_like_tablespace(Oid parent)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(newest_of(parent)));
	Oid			tablespace = InvalidOid;

	if (HeapTupleIsValid(tup))
	{
		tablespace = ((Form_pg_class) GETSTRUCT(tup))->reltablespace;
		ReleaseSysCache(tup);
	}
	return tablespace;
}
