/*
 * watch.c
 *	  Which tables we look after, and their intake views.
 *
 * The view's text names its table (FROM ONLY t WHERE false), so a dump puts
 * the two in the right order and the catalog alone tells which table is meant.
 * Two more dependencies make DROP TABLE and DROP EXTENSION work without
 * CASCADE and take the view along: view -> table AUTO, view -> extension
 * AUTO_EXTENSION. A dump does not carry those; watch_relink puts them back.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/catalog.h"
#include "catalog/dependency.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_depend.h"
#include "catalog/pg_extension.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "observe/ordering.h"
#include "observe/registry.h"
#include "observe/remote.h"
#include "observe/restore.h"
#include "observe/watch.h"
#include "parser/parsetree.h"
#include "record/audit.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_watch);
PG_FUNCTION_INFO_V1(selfheal_unwatch);
PG_FUNCTION_INFO_V1(selfheal_unwatch_all);

/* Have we ever dealt with this table? */
static bool
known(Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	found = spi_exec("SELECT FROM selfheal.watched WHERE relid = $1"
					 " UNION ALL SELECT FROM selfheal.incident WHERE relid = $1 LIMIT 1",
					 &args) > 0;
	spi_close(&saved);
	return found;
}

/*
 * Is this a table that can be watched? One message per kind of wrong table.
 * Returns its name for further messages. A table that became a partition, or
 * no table, while we looked after it is let pass when known_will_do: what we
 * hold for it must be within a person's reach, and unwatch() too.
 */
static char *
check_kind(Oid relid, bool known_will_do)
{
	HeapTuple	tup;
	Form_pg_class form;
	char	   *name;

	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("table must not be null"),
				 errhint("Name a table, as in 'public.orders'.")));
	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	if (!HeapTupleIsValid(tup))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid),
				 errhint("It may have been dropped a moment ago.")));
	form = (Form_pg_class) GETSTRUCT(tup);
	/* the schema of temporary tables is a number that says nothing */
	name = form->relpersistence == RELPERSISTENCE_TEMP ?
		pstrdup(quote_identifier(NameStr(form->relname))) :
		quote_qualified_identifier(get_namespace_name(form->relnamespace),
								   NameStr(form->relname));

	if (IsCatalogRelationOid(relid) || IsToastNamespace(form->relnamespace) ||
		form->relnamespace == get_namespace_oid("information_schema", true) ||
		form->relnamespace == get_namespace_oid("selfheal", true) ||
		form->relnamespace == get_namespace_oid("selfheal_sandbox", true))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is a system table", name),
				 errhint("selfheal looks after tables of users only.")));
	if (form->relkind != RELKIND_RELATION &&
		form->relkind != RELKIND_PARTITIONED_TABLE &&
		form->relkind != RELKIND_FOREIGN_TABLE &&
		!(known_will_do && known(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is not a table", name),
				 errhint("Name an ordinary or a partitioned table; for an intake view, name the table behind it.")));
	if (form->relispartition && !(known_will_do && known(relid)))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is a partition", name),
				 errhint("Name the partitioned table it belongs to.")));
	if (form->relpersistence == RELPERSISTENCE_TEMP)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("%s is a temporary table", name),
				 errhint("No other session can see it, the healer's neither.")));
	ReleaseSysCache(tup);
	return name;
}

/* May the caller do this with the table, or with any of its columns? */
static bool
may(Oid relid, AclMode mode)
{
	return compat_class_ownercheck(relid, GetUserId()) ||
		pg_class_aclcheck(relid, GetUserId(), mode) == ACLCHECK_OK ||
		pg_attribute_aclcheck_all(relid, GetUserId(), mode, ACLMASK_ANY) == ACLCHECK_OK;
}

/* See the header. */
void
watch_check_table(Oid relid, WatchNeed need)
{
	char	   *name = check_kind(relid, true);

	if (need == WATCH_NEED_OWNER && !compat_class_ownercheck(relid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of table %s", name),
				 errhint("Ask a member of its owner's role.")));
	if (need == WATCH_NEED_READ && !may(relid, ACL_SELECT))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errhint("Its payloads are shown to roles that may read it: GRANT SELECT.")));
	if (need == WATCH_NEED_WRITE && !may(relid, ACL_INSERT))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for table %s", name),
				 errhint("Rows are stored as the role that brought them: GRANT INSERT.")));
}

/* See the header. */
void
watch_check_watched(Oid relid, Watch *out)
{
	if (!watch_get(relid, out))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table %s is not watched",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid))),
				 errhint("Run SELECT selfheal.watch('...') first.")));
}

/* One of our trigger functions, or InvalidOid when it is not installed. */
static Oid
trigger_function(const char *name)
{
	oidvector  *none = buildoidvector(NULL, 0);
	Oid			nsp = get_namespace_oid("selfheal", true);

	if (!OidIsValid(nsp))
		return InvalidOid;
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
						   CStringGetDatum(name),
						   PointerGetDatum(none), ObjectIdGetDatum(nsp));
}

/*
 * The table behind an intake view: the only relation of the view's query,
 * provided that both our triggers are on the view (rows that only one of them
 * saw would never be written).
 */
Oid
watch_table_of_intake(Oid viewid)
{
	Relation	view;
	Oid			table = InvalidOid;

	if (get_rel_relkind(viewid) != RELKIND_VIEW)
		return InvalidOid;
	/* dropped while we waited for the lock: PostgreSQL finds the words */
	view = try_table_open(viewid, AccessShareLock);
	if (view == NULL)
		return InvalidOid;
	if (view->trigdesc != NULL && view->trigdesc->trig_insert_instead_row)
	{
		Oid			row = trigger_function("intake_row");
		Oid			flush = trigger_function("intake_flush");
		bool		has_row = false;
		bool		has_flush = false;

		for (int i = 0; OidIsValid(row) && i < view->trigdesc->numtriggers; i++)
		{
			has_row |= view->trigdesc->triggers[i].tgfoid == row;
			has_flush |= view->trigdesc->triggers[i].tgfoid == flush;
		}
		if (has_row && has_flush)
		{
			Query	   *query = get_view_query(view);

			if (list_length(query->jointree->fromlist) == 1 &&
				IsA(linitial(query->jointree->fromlist), RangeTblRef))
			{
				RangeTblRef *ref = linitial(query->jointree->fromlist);

				table = rt_fetch(ref->rtindex, query->rtable)->relid;
			}
		}
	}
	table_close(view, NoLock);
	return table;
}

/* Add a dependency unless it is there: relink must be repeatable. */
static void
depend_once(Oid viewid, Oid refclass, Oid refobj, DependencyType type)
{
	Relation	rel = table_open(DependRelationId, RowExclusiveLock);
	ScanKeyData key[2];
	SysScanDesc scan;
	HeapTuple	tup;
	bool		found = false;

	ScanKeyInit(&key[0], Anum_pg_depend_classid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(RelationRelationId));
	ScanKeyInit(&key[1], Anum_pg_depend_objid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(viewid));
	scan = systable_beginscan(rel, DependDependerIndexId, true, NULL, 2, key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_depend dep = (Form_pg_depend) GETSTRUCT(tup);

		found |= dep->refclassid == refclass && dep->refobjid == refobj &&
			dep->deptype == (char) type;
	}
	systable_endscan(scan);
	table_close(rel, RowExclusiveLock);
	if (!found)
	{
		ObjectAddress view;
		ObjectAddress ref;

		ObjectAddressSet(view, RelationRelationId, viewid);
		ObjectAddressSet(ref, refclass, refobj);
		recordDependencyOn(&view, &ref, type);
	}
}

void
watch_unlink(Oid viewid, Oid relid)
{
	(void) deleteDependencyRecordsForSpecific(RelationRelationId, viewid,
											  DEPENDENCY_AUTO,
											  RelationRelationId, relid);
}

static void
link_view(Oid viewid, Oid relid)
{
	depend_once(viewid, RelationRelationId, relid, DEPENDENCY_AUTO);
	depend_once(viewid, ExtensionRelationId, spi_extension_oid(false),
				DEPENDENCY_AUTO_EXTENSION);
}

/*
 * Put the links of all intake views back where one is missing. Called by the
 * worker at each pass, in a transaction: the first one after a restore or
 * pg_upgrade finds them gone. A number in a dump that stood for a view which
 * was gone may be anything here.
 */
void
watch_relink(void)
{
	SpiUser		saved;
	uint64		n;

	spi_open(&saved);
	n = spi_exec("SELECT w.intake::oid, w.relid::oid FROM selfheal.watched w"
				 " JOIN pg_class v ON v.oid = w.intake JOIN pg_class t ON t.oid = w.relid"
				 " WHERE (SELECT count(*) FROM pg_depend d WHERE d.classid = 'pg_class'::regclass"
				 "  AND d.objid = w.intake AND d.deptype IN ('a', 'x')) < 2", NULL);
	for (uint64 i = 0; i < n; i++)
	{
		Oid			viewid = spi_get_oid(i, 1, NULL);
		Oid			relid = spi_get_oid(i, 2, NULL);

		if (watch_table_of_intake(viewid) == relid)
			link_view(viewid, relid);
	}
	spi_close(&saved);
}

char *
watch_intake_name(const char *table)
{
	int			room = NAMEDATALEN - 1 - (int) strlen("_intake");
	int			len = pg_mbcliplen(table, strlen(table), room);

	return psprintf("%.*s_intake", len, table);
}

/* A FOR ALL TABLES publication would carry our tables to subscribers that
 * lack them, and stop them: say so where people see it. */
static void
warn_all_tables(void)
{
	if (spi_exec("SELECT string_agg(quote_ident(pubname), ', ') FROM pg_publication"
				 " WHERE puballtables HAVING count(*) > 0", NULL) > 0)
		ereport(WARNING,
				(errmsg("publication %s is FOR ALL TABLES and publishes the tables of selfheal too",
						spi_get_text(0, 1, CurrentMemoryContext)),
				 errhint("Publish named tables or schemas instead: a subscriber that lacks these tables stops at their first row.")));
}

/* A table that will be watched but never changed. */
static void
warn_schema(const char *schema)
{
	if (!guc_schema_allowed(schema))
		ereport(WARNING,
				(errmsg("schema %s is not in selfheal.allowed_schemas", quote_identifier(schema)),
				 errdetail("Rows of the table that do not fit are held, and nothing is changed.")));
}

/* Create the view with its triggers; runs inside spi_open. */
static Oid
create_intake(Oid relid, const char *schema, const char *table, const char *intake)
{
	char	   *view = quote_qualified_identifier(schema, intake);
	char	   *base = quote_qualified_identifier(schema, table);
	Oid			owner;
	Oid			viewid;
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));

	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);

	if (OidIsValid(get_relname_relid(intake, get_namespace_oid(schema, false))))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_TABLE),
				 errmsg("relation %s already exists", view),
				 errhint("The intake view needs this name: rename what has it.")));

	spi_exec(psprintf("CREATE VIEW %s AS SELECT NULL::pg_catalog.text AS payload FROM ONLY %s WHERE false",
					  view, base), NULL);
	spi_exec(psprintf("CREATE TRIGGER selfheal_row INSTEAD OF INSERT ON %s"
					  " FOR EACH ROW EXECUTE FUNCTION selfheal.intake_row()", view), NULL);
	spi_exec(psprintf("CREATE TRIGGER selfheal_flush AFTER INSERT ON %s"
					  " FOR EACH STATEMENT EXECUTE FUNCTION selfheal.intake_flush()", view), NULL);
	spi_exec(psprintf("COMMENT ON VIEW %s IS %s", view,
					  quote_literal_cstr(psprintf("selfheal: load JSON objects for %s here, one payload a row", base))),
			 NULL);
	spi_exec(psprintf("ALTER VIEW %s OWNER TO %s", view,
					  quote_identifier(GetUserNameFromId(owner, false))), NULL);
	viewid = get_relname_relid(intake, get_namespace_oid(schema, false));
	link_view(viewid, relid);
	return viewid;
}

/* Audit row of watch and unwatch. */
static void
audit_watch(const char *event, Oid relid, const char *result)
{
	AuditEntry	entry;

	audit_entry(&entry, event);
	entry.relid = relid;
	entry.result = result;
	audit_write(&entry);
}

/* An argument as C string, or NULL. */
static char *
text_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/*
 * Put what was given into the options; what was not (null) stays. '' takes the
 * team away. Returns what has changed, in words, or NULL when nothing has.
 */
static char *
take_options(FunctionCallInfo fcinfo, Watch *watch)
{
	char	   *mode = text_arg(fcinfo, 1);
	char	   *team = text_arg(fcinfo, 2);
	char	   *conflict = text_arg(fcinfo, 3);
	char	   *limit = text_arg(fcinfo, 4);
	char	   *keep = text_arg(fcinfo, 5);
	char	   *share = text_arg(fcinfo, 7);
	Watch		before = *watch;
	char	   *old_limit;
	char	   *new_limit;
	StringInfoData changes;

	if (mode)
		watch->mode = options_mode(mode);
	if (team)
		watch->owner = team[0] == '\0' ? NULL : team;
	if (conflict)
		watch->on_conflict = options_conflict(conflict);
	if (limit)
		watch->reject_limit = options_reject_limit(limit);
	if (keep)
		watch->keep_payload = options_keep(keep);
	if (share)
		watch->share_values = options_share(share);
	if (conflict)
		options_check_conflict(watch->relid, watch->on_conflict);
	if (!PG_ARGISNULL(8))
		watch->replay_statements = PG_GETARG_BOOL(8);
	if (watch->replay_statements && !before.replay_statements)
		options_check_replay(watch->relid);

	initStringInfo(&changes);
	if (watch->mode != before.mode)
		appendStringInfo(&changes, "mode %s, was %s; ",
						 options_mode_name(watch->mode), options_mode_name(before.mode));
	if (strcmp(watch->owner ? watch->owner : "", before.owner ? before.owner : "") != 0)
		appendStringInfo(&changes, "owner \"%s\", was \"%s\"; ",
						 watch->owner ? watch->owner : "", before.owner ? before.owner : "");
	if (watch->on_conflict != before.on_conflict)
		appendStringInfo(&changes, "on_conflict %s, was %s; ",
						 options_conflict_name(watch->on_conflict),
						 options_conflict_name(before.on_conflict));
	old_limit = options_reject_text(&before.reject_limit);
	new_limit = options_reject_text(&watch->reject_limit);
	if (strcmp(new_limit ? new_limit : "none", old_limit ? old_limit : "none") != 0)
		appendStringInfo(&changes, "reject_limit %s, was %s; ",
						 new_limit ? new_limit : "none", old_limit ? old_limit : "none");
	if (watch->keep_payload != before.keep_payload)
		appendStringInfo(&changes, "keep_payload %s, was %s; ",
						 options_keep_name(watch->keep_payload),
						 options_keep_name(before.keep_payload));
	if (watch->share_values != before.share_values)
		appendStringInfo(&changes, "share_values %s, was %s; ",
						 options_share_name(watch->share_values),
						 options_share_name(before.share_values));
	if (watch->replay_statements != before.replay_statements)
		appendStringInfo(&changes, "replay_statements %s; ", watch->replay_statements ? "on" : "off");
	if (changes.len == 0)
		return NULL;
	changes.data[changes.len - 2] = '\0';
	return changes.data;
}

/* The options as arguments $1 to $4 and $6 to $8, the table as $5. */
static void
option_args(SpiArgs *args, const Watch *watch)
{
	spi_args(args);
	spi_arg_text(args, options_mode_name(watch->mode));
	spi_arg_text(args, watch->owner);
	spi_arg_text(args, options_conflict_name(watch->on_conflict));
	spi_arg_text(args, options_reject_text(&watch->reject_limit));
	spi_arg_relid(args, watch->relid);
	spi_arg_text(args, options_keep_name(watch->keep_payload));
	spi_arg_text(args, watch->share_values == SHARE_BY_SETTING ? NULL :
				 options_share_name(watch->share_values));
	spi_arg_bool(args, watch->replay_statements);
}

/*
 * watch("table", mode, owner, on_conflict, reject_limit, keep_payload,
 * ordering_key, share_values, replay_statements): creates the intake view, or changes the options of a table that is watched already, those that
 * are given. Returns the view's qualified name. Needs ownership of the table.
 * Errors: 22023, 42P01, 42809, 42501, 42P07, 55000 (not preloaded, "update"
 * without a primary key), and ordering_set's.
 */
Datum
selfheal_watch(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	char	   *caller = GetUserNameFromId(GetUserId(), false);
	MemoryContext cxt = CurrentMemoryContext;
	char	   *schema;
	char	   *table;
	char	   *result;
	char	   *changes;
	RegistryCause cause = {0};
	bool		again;
	Watch		watch;
	SpiUser		saved;
	SpiArgs		args;

	shmem_require();
	watch_check_table(relid, WATCH_NEED_OWNER);
	schema = get_namespace_name(get_rel_namespace(relid));
	table = get_rel_name(relid);

	/* a view that was dropped where no event trigger fires is made anew */
	again = watch_get(relid, &watch);
	if (again && get_rel_relkind(watch.intake) == RELKIND_VIEW)
	{
		watch.mode = watch.said_mode;
		changes = take_options(fcinfo, &watch);
		if (changes)
		{
			spi_open(&saved);
			option_args(&args, &watch);
			/* what waits under one mode may not have to wait under another */
			spi_exec("UPDATE selfheal.watched SET mode = $1, owner = $2, on_conflict = $3, reject_limit = $4, keep_payload = $6, share_values = $7, replay_statements = $8,"
					 " rethink = rethink OR mode <> $1 WHERE relid = $5", &args);
			spi_close(&saved);
			audit_watch("policy_changed", relid, changes);
		}
		(void) restore_said(relid);
		result = quote_qualified_identifier(schema, get_rel_name(watch.intake));
	}
	else
	{
		char	   *intake = watch_intake_name(table);
		Oid			viewid;

		(void) take_options(fcinfo, &watch);
		(void) check_kind(relid, false);
		remote_check(relid);
		/* the view is made by us, but beside his table and at his wish */
		if (compat_namespace_aclcheck(get_rel_namespace(relid), GetUserId(), ACL_CREATE) != ACLCHECK_OK)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("permission denied for schema %s", quote_identifier(schema)),
					 errhint("The intake view stands beside the table: GRANT CREATE ON SCHEMA, or let somebody watch the table who may create there.")));

		spi_open(&saved);
		viewid = create_intake(relid, schema, table, intake);
		option_args(&args, &watch);
		spi_arg_text(&args, schema);
		spi_arg_text(&args, table);
		spi_arg_relid(&args, viewid);
		spi_arg_text(&args, caller);
		spi_exec("INSERT INTO selfheal.watched (mode, owner, on_conflict, reject_limit, relid,"
				 " keep_payload, share_values, replay_statements, schema_name, table_name, intake, watched_by)"
				 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)"
				 " ON CONFLICT (relid) DO UPDATE SET mode = $1, owner = $2, on_conflict = $3,"
				 " reject_limit = $4, keep_payload = $6, share_values = $7, replay_statements = $8, intake = $11", &args);
		if (!again)
			restore_settle(relid, caller);
		/* from here on what fails in plain statements is wanted */
		shmem_wake_at_commit();
		warn_all_tables();
		warn_schema(schema);
		result = MemoryContextStrdup(cxt, quote_qualified_identifier(schema, intake));
		spi_close(&saved);
		(void) restore_said(relid);
		audit_watch("watched", relid, options_mode_name(watch.mode));
		cause.role = caller;
		(void) registry_keep(relid, &cause);
	}
	if (!PG_ARGISNULL(6))
		ordering_set(relid, text_arg(fcinfo, 6), watch.ordering_key);
	PG_RETURN_TEXT_P(cstring_to_text(result));
}

/* Forget one table: its view goes, its held rows stay. */
static void
forget(Oid relid, Oid viewid)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	/* first: the record of them has the table's name from the watch */
	spi_exec("DELETE FROM selfheal.policy WHERE relid = $1", &args);
	spi_exec("DELETE FROM selfheal.watched WHERE relid = $1", &args);
	if (OidIsValid(viewid) && get_rel_relkind(viewid) == RELKIND_VIEW)
		spi_exec(psprintf("DROP VIEW %s",
						  quote_qualified_identifier(get_namespace_name(get_rel_namespace(viewid)),
													 get_rel_name(viewid))), NULL);
	spi_close(&saved);
	audit_watch("unwatched", relid, NULL);
}

/* unwatch("table"): needs ownership. Errors as watch, 42704 if not watched. */
Datum
selfheal_unwatch(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;

	watch_check_table(relid, WATCH_NEED_OWNER);
	watch_check_watched(relid, &watch);
	forget(relid, watch.intake);
	PG_RETURN_VOID();
}

/* unwatch_all(): every table that the caller owns; returns how many. */
Datum
selfheal_unwatch_all(PG_FUNCTION_ARGS)
{
	SpiUser		saved;
	Oid			caller = GetUserId();
	uint64		n;
	int64		done = 0;
	Oid		   *tables;
	Oid		   *views;
	MemoryContext cxt = CurrentMemoryContext;

	spi_open(&saved);
	n = spi_exec("SELECT relid::oid, intake::oid FROM selfheal.watched", NULL);
	tables = MemoryContextAlloc(cxt, sizeof(Oid) * (n + 1));
	views = MemoryContextAlloc(cxt, sizeof(Oid) * (n + 1));
	for (uint64 i = 0; i < n; i++)
	{
		tables[i] = spi_get_oid(i, 1, NULL);
		views[i] = spi_get_oid(i, 2, NULL);
	}
	spi_close(&saved);

	for (uint64 i = 0; i < n; i++)
	{
		if (get_rel_relkind(tables[i]) == '\0' ||
			!compat_class_ownercheck(tables[i], caller))
			continue;
		forget(tables[i], views[i]);
		done++;
	}
	PG_RETURN_INT64(done);
}
