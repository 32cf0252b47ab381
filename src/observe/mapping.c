/*
 * mapping.c
 *	  What becomes of payloads on their way into a table: its mappings.
 *
 * They are asked for by each load, a single INSERT too, and read as a catalog
 * is: by a scan of an index, without planner or executor. Most tables have
 * none. So a session remembers of the table that it asked for last that there
 * were none, until somebody changes selfheal.mapping, in whatever way: a
 * trigger has every session forget it, as contract.c does and says more of.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "observe/mapping.h"
#include "observe/mapwords.h"
#include "postmaster/bgworker.h"
#include "read/nulchars.h"
#include "record/audit.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* Columns of selfheal.mapping by position, from 1. */
enum
{
	MAPPING_ID = 1,
	MAPPING_RELID,
	MAPPING_SCHEMA_NAME,
	MAPPING_TABLE_NAME,
	MAPPING_VERSION,
	MAPPING_KIND,
	MAPPING_FIELD,
	MAPPING_COLUMN_NAME,
	MAPPING_ARGS,
	MAPPING_STATE
};

PG_FUNCTION_INFO_V1(selfheal_mapping_changed);

/* The table that was asked for last, and has none; process memory. */
static struct
{
	bool		registered;		/* forget() is called */
	bool		forgotten;		/* it was, while this was read */
	bool		valid;
	Oid			relid;
	Oid			mapping;		/* selfheal.mapping */
}			none;

/* Active ones of one table at most: each load reads them all. */
#define MAX_MAPPINGS 1000

static const char *const kind_names[] = {
	"decode_text", "map_field", "ignore_field", "overflow_to_jsonb", "strip_nul", "trim",
	"null_if", "map_value", "parse_timestamp", "parse_number", "parse_point"
};

StaticAssertDecl(lengthof(kind_names) == MAPPING_KINDS, "every MappingKind has a name");

static const char *const rest_names[] = {"hold", "drop", "column"};

/* ---- words ---- */

const char *
mapping_kind_name(MappingKind kind)
{
	return kind_names[kind];
}

bool
mapping_kind_by_name(const char *name, MappingKind *kind)
{
	for (int i = 0; i < MAPPING_KINDS; i++)
		if (strcmp(kind_names[i], name) == 0)
		{
			*kind = (MappingKind) i;
			return true;
		}
	return false;
}

bool
mapping_transform(MappingKind kind, TransformKind *transform)
{
	return kind >= MAP_TRIM && transform_by_name(kind_names[kind], transform);
}

int
mapping_path(const Mapping *m, char *path[FIT_PATH_MAX], FitRest *rest)
{
	JsonbValue	list;
	JsonbValue	word;
	int			depth;

	if ((m->kind != MAP_FIELD && m->kind != MAP_IGNORE_FIELD) || m->args == NULL ||
		getKeyJsonValueFromContainer(&m->args->root, "path", 4, &list) == NULL ||
		list.type != jbvBinary || !JsonContainerIsArray(list.val.binary.data))
		return 0;
	depth = Min(JsonContainerSize(list.val.binary.data), FIT_PATH_MAX);
	for (int i = 0; i < depth; i++)
	{
		JsonbValue *key = getIthJsonbValueFromContainer(list.val.binary.data, i);

		if (key->type != jbvString)
			return 0;
		path[i] = pnstrdup(key->val.string.val, key->val.string.len);
	}
	if (rest == NULL)
		return depth;
	*rest = REST_HOLD;
	if (getKeyJsonValueFromContainer(&m->args->root, "rest", 4, &word) != NULL &&
		word.type == jbvString)
		for (int i = 0; i < (int) lengthof(rest_names); i++)
			if (word.val.string.len == (int) strlen(rest_names[i]) &&
				memcmp(word.val.string.val, rest_names[i], word.val.string.len) == 0)
				*rest = (FitRest) i;
	return depth;
}

char *
mapping_words(const Mapping *m)
{
	StringInfoData out;

	initStringInfo(&out);
	appendStringInfoString(&out, kind_names[m->kind]);
	if (m->field)
		appendStringInfo(&out, " of key \"%s\"", m->field);
	if (m->column)
		appendStringInfo(&out, " for column \"%s\"", m->column);
	if (m->args && JB_ROOT_COUNT(m->args) > 0)
		appendStringInfo(&out, ": %s", JsonbToCString(NULL, &m->args->root, VARSIZE(m->args)));
	return out.data;
}

/* ---- reading ---- */

static char *
text_or_null(HeapTuple tup, int column, TupleDesc desc)
{
	bool		isnull;
	Datum		value = heap_getattr(tup, column, desc, &isnull);

	return isnull ? NULL : TextDatumGetCString(value);
}

/* A row as a value; false when it is not one that we know. */
static bool
read_mapping(HeapTuple tup, TupleDesc desc, Mapping *m, bool *active)
{
	bool		isnull;
	Datum		args;

	memset(m, 0, sizeof(Mapping));
	m->id = DatumGetInt64(heap_getattr(tup, MAPPING_ID, desc, &isnull));
	m->relid = DatumGetObjectId(heap_getattr(tup, MAPPING_RELID, desc, &isnull));
	m->version = DatumGetInt32(heap_getattr(tup, MAPPING_VERSION, desc, &isnull));
	m->field = text_or_null(tup, MAPPING_FIELD, desc);
	m->column = text_or_null(tup, MAPPING_COLUMN_NAME, desc);
	args = heap_getattr(tup, MAPPING_ARGS, desc, &isnull);
	m->args = DatumGetJsonbPCopy(args);
	*active = strcmp(text_or_null(tup, MAPPING_STATE, desc), "active") == 0;
	return mapping_kind_by_name(text_or_null(tup, MAPPING_KIND, desc), &m->kind);
}

/* In order of application; those of one kind by their age. */
static int
compare_mappings(const ListCell *a, const ListCell *b)
{
	const Mapping *x = lfirst(a);
	const Mapping *y = lfirst(b);

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	if (x->id == y->id)
		return 0;
	/* a candidate has no number yet */
	if (x->id == 0 || y->id == 0)
		return x->id == 0 ? 1 : -1;
	return x->id < y->id ? -1 : 1;
}

/* Rows of selfheal.mapping that an index finds by one key. */
static List *
read_mappings(const char *index, int column, RegProcedure equal, Datum value,
			  bool only_active, bool *active)
{
	Oid			nsp = get_namespace_oid("selfheal", true);
	Oid			table = OidIsValid(nsp) ? get_relname_relid("mapping", nsp) : InvalidOid;
	List	   *result = NIL;
	Relation	rel;
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	/* not there while the extension is made, dropped or of an older version */
	rel = OidIsValid(table) ? try_table_open(table, AccessShareLock) : NULL;
	if (rel == NULL)
		return NIL;
	ScanKeyInit(&key, column, BTEqualStrategyNumber, equal, value);
	scan = systable_beginscan(rel, get_relname_relid(index, nsp), true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Mapping    *m = palloc(sizeof(Mapping));

		if (read_mapping(tup, RelationGetDescr(rel), m, active) && (*active || !only_active))
			result = lappend(result, m);
	}
	systable_endscan(scan);
	table_close(rel, AccessShareLock);
	return result;
}

/* A relation has changed (InvalidOid: any may have). */
static void
forget(Datum arg, Oid relid)
{
	if (relid == none.mapping || !OidIsValid(relid))
	{
		none.valid = false;
		none.forgotten = true;
	}
}

/* AFTER any change FOR EACH STATEMENT, of selfheal.mapping. */
Datum
selfheal_mapping_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("mapping_changed() is a trigger function")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* See the header. A worker may be woken in the midst of a commit, before it
 * hears of what was committed: it always reads. */
List *
mapping_list(Oid relid)
{
	List	   *result;
	bool		active;
	Oid			nsp;

	AcceptInvalidationMessages();
	if (likely(none.valid && none.relid == relid) && MyBgworkerEntry == NULL)
		return NIL;
	if (!none.registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		none.registered = true;
	}
	none.valid = none.forgotten = false;
	nsp = get_namespace_oid("selfheal", true);
	none.mapping = OidIsValid(nsp) ? get_relname_relid("mapping", nsp) : InvalidOid;
	result = read_mappings("mapping_table", MAPPING_RELID, F_OIDEQ,
						   ObjectIdGetDatum(relid), true, &active);
	none.relid = relid;
	none.valid = result == NIL && OidIsValid(none.mapping) && !none.forgotten;
	list_sort(result, compare_mappings);
	return result;
}

Mapping *
mapping_get(int64 id, bool *active)
{
	List	   *found = read_mappings("mapping_pkey", MAPPING_ID, F_INT8EQ,
									  Int64GetDatum(id), false, active);

	return found == NIL ? NULL : linitial(found);
}

List *
mapping_with(const List *present, const List *more)
{
	List	   *result = list_copy(present);
	ListCell   *lc;

	foreach(lc, more)
	{
		const Mapping *replaced = mapping_replaces(result, lfirst(lc));

		if (replaced)
			result = list_delete_ptr(result, unconstify(Mapping *, replaced));
		result = lappend(result, lfirst(lc));
	}
	list_sort(result, compare_mappings);
	return result;
}

/* ---- applying ---- */

/* transform_make, as spi_try's argument. */
typedef struct Making
{
	TransformKind kind;
	const Mapping *m;
	Shape	   *shape;
	int			col;
	Transform  *transform;
} Making;

static void
make_transform(void *arg)
{
	Making	   *making = arg;

	making->transform = transform_make(making->kind, making->m->args,
									   making->shape->cols[making->col].basetype,
									   making->shape->cxt);
}

/* The column's type may have changed since the mapping was checked: then its
 * values are read as they are sent, and no load fails for it. */
static void
apply_transform(const Mapping *m, Shape *shape, int col, int number)
{
	Making		making = {.m = m,.shape = shape,.col = col};

	if (!mapping_transform(m->kind, &making.kind))
		return;
	if (spi_try(make_transform, &making) == NULL &&
		(m->kind != MAP_VALUE ||
		 mapwords_allow(making.transform, shape->relid, shape->cols[col].attnum, shape->cols[col].basetype)))
		fit_map_value(shape, col, making.transform, number);
}

static void
apply_bytes(const Mapping *m, Shape *shape, int number)
{
	int			encodings[TRANSFORM_ENCODINGS_MAX];
	int			n = transform_encodings(m->args, encodings);

	fit_map_bytes(shape, encodings, n, number);
}

static void
apply_key(const Mapping *m, Shape *shape, int col, int number)
{
	char	   *path[FIT_PATH_MAX];
	FitRest		rest;
	int			depth = mapping_path(m, path, &rest);

	if (depth > 1)
		(void) fit_map_part(shape, path, depth, rest, col, number);
	else
		fit_map_key(shape, m->field, (int) strlen(m->field), col, number);
}

/* See the header. */
void
mapping_apply(const List *mappings, Shape *shape)
{
	ListCell   *lc;

	foreach(lc, mappings)
	{
		const Mapping *m = lfirst(lc);
		int			number = foreach_current_index(lc);
		int			col = m->column ? fit_column(shape, m->column, (int) strlen(m->column)) : -1;

		if (m->column && (col < 0 || shape->cols[col].computed))
			continue;
		switch (m->kind)
		{
			case MAP_DECODE_TEXT:
				apply_bytes(m, shape, number);
				break;
			case MAP_FIELD:
				apply_key(m, shape, col, number);
				break;
			case MAP_IGNORE_FIELD:
				apply_key(m, shape, FIT_NOWHERE, number);
				break;
			case MAP_OVERFLOW:
				fit_map_rest(shape, col, number);
				break;
			case MAP_STRIP_NUL:
				if (nulchars_takes(shape->cols[col].basetype))
					fit_map_nul(shape, col, number);
				break;
			case MAP_TRIM:
			case MAP_NULL_IF:
			case MAP_VALUE:
			case MAP_PARSE_TIMESTAMP:
			case MAP_PARSE_NUMBER:
			case MAP_PARSE_POINT:
				apply_transform(m, shape, col, number);
				break;
		}
	}
}

/* ---- adding and removing ---- */

static void
audit_mapping(const char *event, const Mapping *m, int64 incident, int64 plan,
			  const char *why)
{
	AuditEntry	entry;

	audit_entry(&entry, event);
	entry.relid = m->relid;
	entry.incident = incident;
	entry.plan = plan;
	entry.actor_role = m->by;
	entry.result = psprintf("mapping " INT64_FORMAT ", version %d: %s", m->id, m->version,
							mapping_words(m));
	entry.explanation = why;
	audit_write(&entry);
}

/* End a row. Inside spi_open. */
static bool
end_mapping(int64 id, const char *by, const char *why)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_int8(&args, id);
	spi_arg_text(&args, by);
	spi_arg_text(&args, why);
	return spi_exec("UPDATE selfheal.mapping SET state = 'removed', removed_by = $2,"
					" removed_at = clock_timestamp(), why_removed = $3"
					" WHERE id = $1 AND state = 'active'", &args) > 0;
}

/* See the header. */
void
mapping_lock(Oid relid)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec("SELECT FROM selfheal.watched WHERE relid = $1 FOR NO KEY UPDATE", &args);
	spi_close(&saved);
}

/* The next version of this table's mapping of a kind and key. Inside
 * spi_open. */
static int
next_version(const Mapping *m)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, m->relid);
	spi_exec("SELECT count(*) FROM selfheal.mapping WHERE relid = $1 AND state = 'active'", &args);
	if (spi_get_int8(0, 1, NULL) >= MAX_MAPPINGS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a table can have %d mappings at most", MAX_MAPPINGS),
				 errhint("Remove mappings that are not needed any more: SELECT selfheal.remove_mapping(...).")));
	spi_arg_text(&args, kind_names[m->kind]);
	spi_arg_text(&args, m->field);
	spi_exec("SELECT coalesce(max(version), 0)::bigint + 1 FROM selfheal.mapping"
			 " WHERE relid = $1 AND kind = $2 AND field IS NOT DISTINCT FROM $3", &args);
	return (int) spi_get_int8(0, 1, NULL);
}

/* See the header. */
int64
mapping_add(const Mapping *m, int64 incident, int64 plan)
{
	char	   *by = m->by ? m->by : GetUserNameFromId(GetUserId(), false);
	const Mapping *replaced;
	Mapping		added = *m;
	SpiUser		saved;
	SpiArgs		args;

	added.by = by;
	mapping_lock(m->relid);
	replaced = mapping_replaces(mapping_list(m->relid), m);
	spi_open(&saved);
	added.version = next_version(m);
	spi_exec("SELECT nextval('selfheal.mapping_id_seq')", NULL);
	added.id = spi_get_int8(0, 1, NULL);
	if (replaced)
		(void) end_mapping(replaced->id, by,
						   psprintf("mapping " INT64_FORMAT " takes its place", added.id));
	spi_args(&args);
	spi_arg_int8(&args, added.id);
	spi_arg_relid(&args, m->relid);
	spi_arg_text(&args, get_namespace_name(get_rel_namespace(m->relid)));
	spi_arg_text(&args, get_rel_name(m->relid));
	spi_arg_int8(&args, added.version);
	spi_arg_text(&args, kind_names[m->kind]);
	spi_arg_text(&args, m->field);
	spi_arg_text(&args, m->column);
	spi_arg_jsonb(&args, m->args);
	if (incident)
		spi_arg_int8(&args, incident);
	else
		spi_arg_null(&args, INT8OID);
	if (plan)
		spi_arg_int8(&args, plan);
	else
		spi_arg_null(&args, INT8OID);
	spi_arg_int8(&args, m->proven_rows);
	spi_arg_text(&args, by);
	spi_arg_text(&args, m->why);
	spi_exec("INSERT INTO selfheal.mapping (id, relid, schema_name, table_name, version, kind, field,"
			 " column_name, args, incident, plan, proven_rows, added_by, why)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, '{}'), $10, $11, $12, $13, $14)", &args);
	spi_close(&saved);
	audit_mapping("mapping_added", &added, incident, plan, m->why);
	return added.id;
}

/* See the header. */
bool
mapping_remove(int64 id, const char *why)
{
	bool		active;
	Mapping    *m = mapping_get(id, &active);
	SpiUser		saved;

	if (m == NULL || !active)
		return false;
	m->by = GetUserNameFromId(GetUserId(), false);
	spi_open(&saved);
	active = end_mapping(id, m->by, why);
	spi_close(&saved);
	if (active)
		audit_mapping("mapping_removed", m, 0, 0, why);
	return active;
}

/* See the header. */
void
mapping_follow_column(Oid relid, const char *from, const char *to)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, from);
	spi_arg_text(&args, to);
	spi_exec("UPDATE selfheal.mapping SET column_name = $3"
			 " WHERE relid = $1 AND column_name = $2 AND state = 'active'", &args);
}

/* See the header. */
void
mapping_follow_tables(const List *relids)
{
	static SPIPlanPtr plan = NULL;
	SpiArgs		args;

	spi_args(&args);
	spi_arg_oids(&args, relids);
	spi_exec_kept(&plan, "UPDATE selfheal.mapping m SET schema_name = w.schema_name, table_name = w.table_name"
				  " FROM selfheal.watched w WHERE w.relid = m.relid AND m.relid::oid = ANY ($1)"
				  " AND (m.schema_name, m.table_name) IS DISTINCT FROM (w.schema_name, w.table_name)", &args);
}
