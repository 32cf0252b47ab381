/*
 * expected.c
 *	  What a table is expected to look like, and what breaks that.
 *
 * What is expected of some columns is laid over the actual shape, which has
 * all the rest as it is; snapshot_diff then tells what differs. So there is
 * one judge of what breaks, whoever expects it.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/canon.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "observe/capture.h"
#include "observe/expected.h"
#include "observe/registry.h"
#include "observe/standing.h"
#include "observe/watch.h"
#include "parser/parse_type.h"
#include "record/audit.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_expect_version);
PG_FUNCTION_INFO_V1(selfheal_expect_baseline);

/* What a baseline may have, at most: PostgreSQL's own limit of columns. */
#define MOST_COLUMNS 1600

/* ---- laying over ---- */

/*
 * $1: the actual shape, $2: {"columns": {}, "types": {}, "without": [], "strict"}. A column
 * that is expected without a member for NOT NULL is as it is there; one that is
 * given whole ("name") is taken whole. Where the baseline says nothing of a
 * column, it may be there, unless it must be sent or the baseline is strict.
 */
#define LAID_OVER \
	"SELECT $1 || jsonb_build_object('columns', (SELECT coalesce(jsonb_agg(o.c ORDER BY o.place, o.name), '[]') FROM (" \
	"  SELECT a.place, a.c ->> 'name' AS name, CASE WHEN e.value IS NULL THEN a.c WHEN e.value ? 'name' THEN e.value" \
	"   ELSE CASE WHEN e.value ? 'not_null' THEN a.c - 'not_null' ELSE a.c END || jsonb_build_object('type', e.value -> 'type')" \
	"    || CASE WHEN (e.value ->> 'not_null')::bool THEN '{\"not_null\": true}'::jsonb ELSE '{}' END END AS c" \
	"  FROM jsonb_array_elements($1 -> 'columns') WITH ORDINALITY a(c, place)" \
	"  LEFT JOIN jsonb_each($2 -> 'columns') e ON e.key = a.c ->> 'name'" \
	"  WHERE NOT coalesce($2 -> 'without' ? (a.c ->> 'name'), false) AND (e.key IS NOT NULL OR NOT $2 ? 'strict' OR NOT ($2 ->> 'strict')::bool" \
	"   AND NOT (coalesce((a.c ->> 'not_null')::bool, false) AND NOT a.c ?| ARRAY['default', 'identity', 'generated']))" \
	"  UNION ALL" \
	"  SELECT 1e9, e.key, jsonb_build_object('name', e.key) || CASE WHEN (e.value ->> 'not_null')::bool THEN e.value ELSE e.value - 'not_null' END" \
	"  FROM jsonb_each($2 -> 'columns') e" \
	"  WHERE NOT EXISTS (SELECT FROM jsonb_array_elements($1 -> 'columns') a WHERE a ->> 'name' = e.key)) o))" \
	" || CASE WHEN $2 ? 'types' THEN jsonb_build_object('types', coalesce($1 -> 'types', '{}') || ($2 -> 'types')) ELSE '{}' END"

/* In the current context. */
static Jsonb *
lay_over(const Jsonb *actual, const Jsonb *expected)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Jsonb	   *result;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_jsonb(&args, actual);
	spi_arg_jsonb(&args, expected);
	spi_exec(LAID_OVER, &args);
	result = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return result;
}

/* See the header. */
List *
expected_part_differences(const Jsonb *actual, const Jsonb *expected)
{
	return snapshot_diff(lay_over(actual, expected), actual, NULL);
}

/* The baseline of a table, or NULL; *version 0: in somebody's own words. */
static Jsonb *
baseline_of(Oid relid, int *version, TimestampTz *since)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;
	Jsonb	   *result = NULL;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (spi_exec("SELECT baseline, coalesce(version, 0)::int8, set_at FROM selfheal.expectation WHERE relid = $1", &args) > 0)
	{
		result = spi_get_jsonb(0, 1, cxt);
		*version = (int) spi_get_int8(0, 2, NULL);
		if (since)
			*since = spi_get_int8(0, 3, NULL);
	}
	spi_close(&saved);
	return result;
}

static bool
is_strict(const Jsonb *baseline)
{
	JsonbValue *v = getKeyJsonValueFromContainer((JsonbContainer *) &baseline->root, "strict", 6, NULL);

	return v != NULL && v->type == jbvBool && v->val.boolean;
}

/* See the header. What a strict baseline does not name must not be there. */
bool
expected_differences(Oid relid, const Jsonb *actual, List **differences, TimestampTz *since)
{
	int			version = 0;
	Jsonb	   *baseline = baseline_of(relid, &version, since);
	ListCell   *lc;

	*differences = NIL;
	if (baseline == NULL)
		return false;
	if (version > 0)
	{
		*differences = snapshot_diff(baseline, actual, registry_renamed(relid, version, registry_newest(relid)));
		return true;
	}
	*differences = expected_part_differences(actual, baseline);
	foreach(lc, *differences)
	{
		SnapshotChange *change = lfirst(lc);

		if (is_strict(baseline) && strcmp(change->kind, "column_added") == 0)
			change->breaks = true;
	}
	return true;
}

/* ---- changes ---- */

/* See the header. Constraints and partitions are rules, not shape: a row that
 * breaks one is held for that. A renamed table is followed. */
bool
expected_breaks(const SnapshotChange *change)
{
	static const char *const kinds[] = {
		"column_added", "column_dropped", "column_renamed", "type_narrowed", "type_changed",
		"not_null_added", "default_changed", "identity_changed", "generated_changed",
		"enum_label_renamed", "enum_label_dropped", "type_redefined", "domain_not_null_added"
	};

	for (int i = 0; i < (int) lengthof(kinds); i++)
		if (strcmp(change->kind, kinds[i]) == 0)
			return change->breaks;
	return false;
}

/* See the header. */
char *
expected_words(const SnapshotChange *c)
{
	static const struct
	{
		const char *kind;
		const char *words;		/* what happened to it */
	}			words[] = {
		{"column_dropped", "was dropped"},
		{"not_null_added", "was made NOT NULL"},
		{"default_changed", "has no default any more, and is NOT NULL"},
		{"identity_changed", "is an identity otherwise"},
		{"generated_changed", "is computed otherwise"},
		{"enum_label_dropped", "has a label less"},
		{"domain_not_null_added", "was made NOT NULL"},
	};
	bool		of_type = strncmp(c->kind, "enum", 4) == 0 || strncmp(c->kind, "domain", 6) == 0 ||
	strcmp(c->kind, "type_redefined") == 0;
	char	   *what = psprintf("%s %s", of_type ? "type" : "column", c->name);

	if (strcmp(c->kind, "column_renamed") == 0)
		return psprintf("%s was renamed to %s", what, c->now);
	if (strcmp(c->kind, "column_added") == 0)
		return psprintf("%s was added, %s", what, c->now && strstr(c->now, "NOT NULL") ?
						"and must be sent" : "where no other is expected");
	if (strcmp(c->kind, "type_narrowed") == 0)
		return psprintf("%s was narrowed from %s to %s", what, c->was, c->now);
	if (strcmp(c->kind, "type_changed") == 0)
		return psprintf("%s was made %s, and was %s", what, c->now, c->was);
	if (strcmp(c->kind, "type_redefined") == 0)
		return psprintf("%s is %s now, and was %s", what, c->now, c->was);
	if (strcmp(c->kind, "enum_label_renamed") == 0)
		return psprintf("%s has label %s renamed to %s", what, c->was, c->now);
	for (int i = 0; i < (int) lengthof(words); i++)
		if (strcmp(c->kind, words[i].kind) == 0)
			return psprintf("%s %s", what, words[i].words);
	return psprintf("%s: %s", what, c->kind);
}

/* A difference with the same kind and name in a list. */
static bool
is_among(const List *changes, const SnapshotChange *change)
{
	ListCell   *lc;

	foreach(lc, changes)
	{
		const SnapshotChange *other = lfirst(lc);

		if (strcmp(other->kind, change->kind) == 0 && strcmp(other->name, change->name) == 0)
			return true;
	}
	return false;
}

/* See the header. */
bool
expected_elsewhere(Oid relid, const char *name)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, name);
	found = spi_exec("SELECT FROM selfheal.hint h WHERE h.relid = $1 AND h.key = $2"
					 " AND (h.ignored OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = $1 AND a.attname = h.rename_to"
					 "  AND a.attnum > 0 AND NOT a.attisdropped)) LIMIT 1", &args) > 0;
	spi_close(&saved);
	return found;
}

/* Does no producer feel it? A column that the table computes is not sent, and an
 * attribute that a composite gets besides need not be. Inside spi_open. */
static bool
is_unfelt(const Jsonb *was, const Jsonb *now, const SnapshotChange *change)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_jsonb(&args, was);
	spi_arg_jsonb(&args, now);
	spi_arg_text(&args, change->name);
	spi_arg_text(&args, change->kind);
	spi_exec("SELECT CASE WHEN $4 = 'type_redefined' THEN coalesce($2 -> 'types' -> $3 -> 'attributes' @> ($1 -> 'types' -> $3 -> 'attributes'), false)"
			 " WHEN $4 IN ('column_dropped', 'column_renamed', 'type_narrowed', 'type_changed', 'not_null_added', 'generated_changed')"
			 " THEN EXISTS (SELECT FROM jsonb_array_elements($1 -> 'columns') c WHERE c ->> 'name' = $3 AND c ? 'generated')"
			 " ELSE false END", &args);
	return spi_get_bool(0, 1, NULL);
}

/* What was expected of the column or type that has changed. Inside spi_open;
 * in cxt. A column that must be sent was not there: nothing is. */
static Jsonb *
part_of(const Jsonb *was, const SnapshotChange *change, MemoryContext cxt)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_jsonb(&args, was);
	spi_arg_text(&args, change->name);
	spi_arg_bool(&args, strcmp(change->kind, "column_added") == 0);
	spi_exec("SELECT CASE WHEN $3 THEN jsonb_build_object('columns', '{}'::jsonb, 'without', jsonb_build_array($2)) WHEN $1 -> 'types' ? $2 AND NOT EXISTS (SELECT FROM jsonb_array_elements($1 -> 'columns') c WHERE c ->> 'name' = $2)"
			 " THEN jsonb_build_object('types', jsonb_build_object($2, $1 -> 'types' -> $2))"
			 " ELSE jsonb_build_object('columns', coalesce((SELECT jsonb_build_object($2, c)"
			 "  FROM jsonb_array_elements($1 -> 'columns') c WHERE c ->> 'name' = $2 LIMIT 1), '{}')) END", &args);
	return spi_get_jsonb(0, 1, cxt);
}

/* Write the error. Inside spi_open. */
static void
capture(Oid relid, const SnapshotChange *change, const char *source, const Jsonb *expected,
		const char *role, int64 command)
{
	CaptureRow	row;
	SpiArgs		args;
	Jsonb	   *context;

	spi_args(&args);
	spi_arg_text(&args, change->kind);
	spi_arg_text(&args, source);
	spi_arg_text(&args, change->was);
	spi_arg_text(&args, change->now);
	spi_arg_int8(&args, command);
	spi_arg_jsonb(&args, expected);
	spi_exec("SELECT jsonb_strip_nulls(jsonb_build_object('kind', $1, 'source', $2, 'was', $3, 'now', $4,"
			 " 'statement', (SELECT statement FROM selfheal.ddl WHERE id = $5)))"
			 " || jsonb_build_object('expected', $6)", &args);
	context = spi_get_jsonb(0, 1, CurrentMemoryContext);
	capture_row_init(&row);
	capture_set(&row, CAPTURE_ID, Int64GetDatum(capture_next_id()));
	capture_set_who(&row, relid);
	capture_set_text(&row, CAPTURE_DOOR, "ddl");
	capture_set_text(&row, CAPTURE_CLASS, EXPECTED_CLASS);
	capture_set_text(&row, CAPTURE_COLUMN_NAME, change->name);
	capture_set(&row, CAPTURE_ROWS, Int64GetDatum(0));
	capture_set_text(&row, CAPTURE_MESSAGE, expected_words(change));
	capture_set_text(&row, CAPTURE_ROLE, role);
	capture_set(&row, CAPTURE_CONTEXT, JsonbPGetDatum(context));
	capture_append(&row);
}

/* See the header. */
void
expected_changed(Oid relid, int version, const List *changes, const char *role, int64 command)
{
	int			from = registry_seen_before(relid, version);
	Jsonb	   *was = registry_snapshot(relid, from);
	Jsonb	   *now = registry_snapshot(relid, version);
	const List *own = changes;
	List	   *before;
	List	   *after;
	SpiUser		saved;
	ListCell   *lc;

	/* the first, or one that was left out: nobody knows what was sent */
	if (was == NULL || now == NULL)
		return;
	if (from != version - 1)
		changes = snapshot_diff(was, now, registry_renamed(relid, from, version));
	(void) expected_differences(relid, was, &before, NULL);
	(void) expected_differences(relid, now, &after, NULL);
	spi_open(&saved);
	standing_follow_types(relid, own);
	foreach(lc, changes)
	{
		const SnapshotChange *change = lfirst(lc);

		if (!expected_breaks(change) || is_unfelt(was, now, change) || standing_known(relid, change) ||
			expected_elsewhere(relid, change->name))
			continue;
		capture(relid, change, "producers", part_of(was, change, CurrentMemoryContext), role, command);
	}
	foreach(lc, after)
	{
		const SnapshotChange *change = lfirst(lc);

		if (!expected_breaks(change) || is_among(before, change) || standing_known(relid, change))
			continue;
		capture(relid, change, "baseline", part_of(was, change, CurrentMemoryContext), role, command);
	}
	standing_follow_columns(relid, own);
	/* what stood may not stand any more */
	if (standing_any(relid))
		shmem_wake_at_commit();
	spi_close(&saved);
}

/* ---- saying what is expected ---- */

static void
bad_baseline(const char *what)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("invalid baseline: %s", what),
			 errhint("A baseline is {\"columns\": {\"id\": \"bigint\", \"name\": {\"type\": \"varchar(32)\", \"not_null\": true}}, \"strict\": false}.")));
}

static char *
key_of(const JsonbValue *key)
{
	return pnstrdup(key->val.string.val, key->val.string.len);
}

/* A type as snapshots write it; raises what the type's own name raises. */
static char *
canonical_type(const char *column, const JsonbValue *v)
{
	char	   *name;
	char	   *result;
	Oid			type;
	int32		typmod;
	int			nest;

	if (v->type != jbvString)
		bad_baseline(psprintf("the type of column \"%s\" must be a text", column));
	name = pnstrdup(v->val.string.val, v->val.string.len);
	compat_parse_type(name, &type, &typmod);
	if (get_typtype(type) == TYPTYPE_PSEUDO)
		bad_baseline(psprintf("no column can be of type %s", name));
	nest = canon_pin_settings();
	result = format_type_with_typemod(type, typmod);
	AtEOXact_GUC(true, nest);
	return result;
}

static void
push_text(JsonbParseState **state, JsonbIteratorToken token, const char *text)
{
	JsonbValue	v;

	v.type = jbvString;
	v.val.string.val = unconstify(char *, text);
	v.val.string.len = strlen(text);
	pushJsonbValue(state, token, &v);
}

/* One column, as it is stored. */
static void
take_column(JsonbParseState **state, const char *column, JsonbValue *v)
{
	char	   *type = NULL;
	JsonbValue	not_null = {.type = jbvNull};

	if (column[0] == '\0' || strlen(column) >= NAMEDATALEN)
		bad_baseline(psprintf("\"%s\" is no name of a column", column));
	if (v->type == jbvString)
		type = canonical_type(column, v);
	else if (v->type == jbvBinary && JsonContainerIsObject(v->val.binary.data))
	{
		JsonbIterator *it = JsonbIteratorInit(v->val.binary.data);
		JsonbIteratorToken token;
		JsonbValue	item;

		while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
		{
			char	   *key;

			if (token != WJB_KEY)
				continue;
			key = key_of(&item);
			(void) JsonbIteratorNext(&it, &item, true);
			if (strcmp(key, "type") == 0)
				type = canonical_type(column, &item);
			else if (strcmp(key, "not_null") == 0 && item.type == jbvBool)
				not_null = item;
			else if (strcmp(key, "not_null") == 0)
				bad_baseline(psprintf("not_null of column \"%s\" must be true or false", column));
			else
				bad_baseline(psprintf("column \"%s\" has an unknown member \"%s\"", column, key));
		}
	}
	else
		bad_baseline(psprintf("column \"%s\" must be a type, or an object with one", column));
	if (type == NULL)
		bad_baseline(psprintf("column \"%s\" has no type", column));
	push_text(state, WJB_KEY, column);
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	push_text(state, WJB_KEY, "type");
	push_text(state, WJB_VALUE, type);
	if (not_null.type == jbvBool)
	{
		push_text(state, WJB_KEY, "not_null");
		pushJsonbValue(state, WJB_VALUE, &not_null);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
}

/* All columns; the state is in the object. */
static void
take_columns(JsonbParseState **state, const JsonbValue *v)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	int			n = 0;

	if (v->type != jbvBinary || !JsonContainerIsObject(v->val.binary.data))
		bad_baseline("columns must be an object");
	push_text(state, WJB_KEY, "columns");
	pushJsonbValue(state, WJB_BEGIN_OBJECT, NULL);
	it = JsonbIteratorInit(v->val.binary.data);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		char	   *column;

		if (token != WJB_KEY)
			continue;
		column = key_of(&item);
		(void) JsonbIteratorNext(&it, &item, true);
		if (++n > MOST_COLUMNS)
			bad_baseline("it has more columns than a table can have");
		take_column(state, column, &item);
	}
	pushJsonbValue(state, WJB_END_OBJECT, NULL);
	if (n == 0)
		bad_baseline("it names no column");
}

/* A baseline that a person has written down, as it is stored; raises 22023. */
static Jsonb *
canonical_baseline(Jsonb *given)
{
	JsonbParseState *state = NULL;
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	item;
	JsonbValue	strict = {.type = jbvBool};
	bool		columns = false;

	if (!JB_ROOT_IS_OBJECT(given))
		bad_baseline("it is no object");
	pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
	it = JsonbIteratorInit(&given->root);
	while ((token = JsonbIteratorNext(&it, &item, true)) != WJB_DONE)
	{
		char	   *key;

		/* the root comes first, and whole objects are skipped below it */
		if (token != WJB_KEY)
			continue;
		key = key_of(&item);
		(void) JsonbIteratorNext(&it, &item, true);
		if (strcmp(key, "columns") == 0)
		{
			take_columns(&state, &item);
			columns = true;
		}
		else if (strcmp(key, "strict") == 0 && item.type == jbvBool)
			strict = item;
		else if (strcmp(key, "strict") == 0)
			bad_baseline("strict must be true or false");
		else
			bad_baseline(psprintf("it has an unknown member \"%s\"", key));
	}
	if (!columns)
		bad_baseline("it has no columns");
	push_text(&state, WJB_KEY, "strict");
	pushJsonbValue(&state, WJB_VALUE, &strict);
	return JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL));
}

/* The snapshot of a version; raises 42704. */
static Jsonb *
snapshot_of_version(Oid relid, int version)
{
	Jsonb	   *result = version > 0 ? registry_snapshot(relid, version) : NULL;

	if (result == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("table %s has no version %d",
						quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid)), version),
				 errhint("Its versions stand in the view selfheal.schema_version.")));
	return result;
}

/* Store what is expected (baseline NULL: nothing), and have the worker look
 * again at what has drifted. Returns what breaks it now. */
static Datum
store(Oid relid, Jsonb *baseline, int version)
{
	const char *by = GetUserNameFromId(GetUserId(), false);
	SpiUser		saved;
	SpiArgs		args;
	AuditEntry	entry;
	List	   *differences = NIL;
	ListCell   *lc;
	int64		breaking = 0;
	bool		changed;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (baseline == NULL)
		changed = spi_exec("DELETE FROM selfheal.expectation WHERE relid = $1", &args) > 0;
	else
	{
		if (version)
			spi_arg_int8(&args, version);
		else
			spi_arg_null(&args, INT8OID);
		spi_arg_jsonb(&args, baseline);
		spi_arg_text(&args, by);
		changed = spi_exec("INSERT INTO selfheal.expectation (relid, version, baseline, set_by) VALUES ($1, $2, $3, $4)"
						   " ON CONFLICT (relid) DO UPDATE SET version = $2, baseline = $3, set_by = $4, set_at = clock_timestamp()",
						   &args) > 0;
	}
	spi_close(&saved);
	if (changed)
	{
		audit_entry(&entry, "policy_changed");
		entry.relid = relid;
		entry.result = baseline == NULL ? "expected: nothing any more" :
			version ? psprintf("expected: version %d", version) :
			psprintf("expected: %s", JsonbToCString(NULL, &baseline->root, VARSIZE(baseline)));
		audit_write(&entry);
		shmem_wake_at_commit();
	}
	if (baseline != NULL)
		(void) expected_differences(relid, snapshot_of(relid), &differences, NULL);
	foreach(lc, differences)
		breaking += ((const SnapshotChange *) lfirst(lc))->breaks;
	return Int64GetDatum(breaking);
}

static Oid
table_arg(FunctionCallInfo fcinfo)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	Watch		watch;

	watch_check_table(relid, WATCH_NEED_OWNER);
	watch_check_watched(relid, &watch);
	return relid;
}

/* expect("table", version): errors 42704, and those of a table. */
Datum
selfheal_expect_version(PG_FUNCTION_ARGS)
{
	Oid			relid = table_arg(fcinfo);
	int			version = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT32(1);

	return store(relid, PG_ARGISNULL(1) ? NULL : snapshot_of_version(relid, version), version);
}

/* expect("table", baseline jsonb): errors 22023, those of type names, and those
 * of a table. */
Datum
selfheal_expect_baseline(PG_FUNCTION_ARGS)
{
	Oid			relid = table_arg(fcinfo);

	return store(relid, PG_ARGISNULL(1) ? NULL : canonical_baseline(PG_GETARG_JSONB_P(1)), 0);
}
