/*
 * snapshot.c
 *	  A table's shape as JSON, and its hash.
 *
 * One query reads the catalog, but for the partitions. It runs under the newest snapshot, not the
 * transaction's: under REPEATABLE READ that would not show what another
 * transaction has made of the table meanwhile, though our own ALTER rests on
 * it.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/canon.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/indexing.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "observe/snapshot.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/json.h"
#include "utils/jsonfuncs.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_snapshot);

/* Where the types of people begin (access/transam.h, FirstNormalObjectId). */
#define NOT_BUILT_IN ">= 16384"

#define TYPES_QUERY \
	" types (oid) AS (" \
	"  SELECT a.atttypid FROM pg_attribute a WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped" \
	"   AND a.atttypid " NOT_BUILT_IN \
	"  UNION SELECT o.oid FROM types y JOIN pg_type p ON p.oid = y.oid, LATERAL (" \
	"   SELECT p.typbasetype AS oid UNION ALL SELECT p.typelem WHERE p.typlen = -1" \
	"   UNION ALL SELECT a.atttypid FROM pg_attribute a WHERE p.typtype = 'c' AND a.attrelid = p.typrelid" \
	"    AND a.attnum > 0 AND NOT a.attisdropped" \
	"   UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE p.typtype IN ('r', 'm') AND p.oid IN (r.rngtypid, r.rngmultitypid)) o" \
	"  WHERE o.oid " NOT_BUILT_IN ")"

#define COLUMNS_QUERY \
	" (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod)," \
	"    'not_null', a.attnotnull," \
	"    'collation', CASE WHEN a.attcollation <> y.typcollation THEN" \
	"     (SELECT quote_ident(n.nspname) || '.' || quote_ident(k.collname) FROM pg_collation k" \
	"      JOIN pg_namespace n ON n.oid = k.collnamespace WHERE k.oid = a.attcollation) END," \
	"    CASE WHEN a.attgenerated = '' THEN 'default' ELSE 'generated' END, pg_get_expr(d.adbin, d.adrelid)," \
	"    'virtual', CASE WHEN a.attgenerated = 'v' THEN true END," \
	"    'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END) ORDER BY a.attnum)" \
	"   FROM pg_attribute a JOIN pg_type y ON y.oid = a.atttypid" \
	"   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum" \
	"   WHERE a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped)"

/* Of a self-referencing key of a partitioned table there are more rows, made
 * of its own; and NOT NULL, which are rows since 18, stand with the column. */
#define CONSTRAINTS_QUERY \
	" (SELECT jsonb_agg(jsonb_build_object('name', q.name, 'kind', q.kind, 'definition', q.definition)" \
	"    ORDER BY q.name COLLATE \"C\")" \
	"   FROM (SELECT k.conname AS name, CASE k.contype WHEN 'p' THEN 'primary_key' WHEN 'u' THEN 'unique'" \
	"     WHEN 'f' THEN 'foreign_key' WHEN 'c' THEN 'check' ELSE 'exclusion' END AS kind," \
	"     pg_get_constraintdef(k.oid) AS definition" \
	"    FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype IN ('p', 'u', 'f', 'c', 'x')" \
	"     AND NOT EXISTS (SELECT FROM pg_constraint u WHERE u.oid = k.conparentid AND u.conrelid = t.oid)" \
	"    UNION ALL SELECT i.name, 'unique_index', CASE WHEN starts_with(i.def, i.head) THEN substr(i.def, length(i.head) + 1) ELSE i.def END" \
	"    FROM (SELECT c.relname AS name, pg_get_indexdef(x.indexrelid) AS def," \
	"      'CREATE UNIQUE INDEX ' || quote_ident(c.relname) || ' ON ' || CASE c.relkind WHEN 'I' THEN 'ONLY ' ELSE '' END" \
	"       || quote_ident(t.nspname) || '.' || quote_ident(t.relname) || ' ' AS head" \
	"     FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid WHERE x.indrelid = t.oid AND x.indisunique AND x.indislive" \
	"      AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.conindid = x.indexrelid)) i) q)"

#define TRIGGERS_QUERY \
	" (SELECT jsonb_agg(jsonb_build_object('name', g.tgname, 'calls', quote_ident(n.nspname) || '.' || quote_ident(f.proname)," \
	"    'enabled', CASE g.tgenabled WHEN 'O' THEN 'origin' WHEN 'D' THEN 'off' WHEN 'R' THEN 'replica' ELSE 'always' END)" \
	"    ORDER BY g.tgname COLLATE \"C\")" \
	"   FROM pg_trigger g JOIN pg_proc f ON f.oid = g.tgfoid JOIN pg_namespace n ON n.oid = f.pronamespace" \
	"   WHERE g.tgrelid = t.oid AND NOT g.tgisinternal)"

#define TYPE_OBJECTS_QUERY \
	" (SELECT jsonb_object_agg(format_type(p.oid, NULL), jsonb_build_object(" \
	"    'kind', CASE p.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' WHEN 'c' THEN 'composite' ELSE 'range' END," \
	"    'labels', CASE p.typtype WHEN 'e' THEN (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM pg_enum e WHERE e.enumtypid = p.oid) END," \
	"    'base', CASE p.typtype WHEN 'd' THEN format_type(p.typbasetype, p.typtypmod)" \
	"     WHEN 'r' THEN (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngtypid = p.oid)" \
	"     WHEN 'm' THEN (SELECT format_type(r.rngsubtype, NULL) FROM pg_range r WHERE r.rngmultitypid = p.oid) END," \
	"    'not_null', CASE p.typtype WHEN 'd' THEN p.typnotnull END," \
	"    'default', CASE p.typtype WHEN 'd' THEN pg_get_expr(p.typdefaultbin, 0) END," \
	"    'collation', CASE WHEN p.typtype = 'd' AND p.typcollation <> b.typcollation THEN" \
	"     (SELECT quote_ident(n.nspname) || '.' || quote_ident(k.collname) FROM pg_collation k" \
	"      JOIN pg_namespace n ON n.oid = k.collnamespace WHERE k.oid = p.typcollation) END," \
	"    'constraints', CASE p.typtype WHEN 'd' THEN (SELECT jsonb_agg(jsonb_build_object('name', k.conname," \
	"      'definition', pg_get_constraintdef(k.oid)) ORDER BY k.conname COLLATE \"C\")" \
	"     FROM pg_constraint k WHERE k.contypid = p.oid AND k.contype = 'c') END," \
	"    'attributes', CASE p.typtype WHEN 'c' THEN (SELECT jsonb_agg(jsonb_build_object('name', a.attname," \
	"      'type', format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)" \
	"     FROM pg_attribute a WHERE a.attrelid = p.typrelid AND a.attnum > 0 AND NOT a.attisdropped) END))" \
	"   FROM types y JOIN pg_type p ON p.oid = y.oid LEFT JOIN pg_type b ON b.oid = p.typbasetype" \
	"   WHERE p.typtype IN ('e', 'd', 'c', 'r', 'm'))"

#define SNAPSHOT_QUERY \
	"WITH RECURSIVE t AS (SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	"  WHERE c.oid = $1 AND c.relkind IN ('r', 'p', 'f'))," \
	TYPES_QUERY \
	" SELECT jsonb_strip_nulls(jsonb_build_object('schema', t.nspname, 'table', t.relname," \
	"  'kind', CASE t.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'table' END," \
	"  'row_security', CASE WHEN NOT t.relrowsecurity THEN 'off' WHEN t.relforcerowsecurity THEN 'forced' ELSE 'on' END," \
	"  'columns', coalesce(" COLUMNS_QUERY ", '[]')," \
	"  'constraints'," CONSTRAINTS_QUERY "," \
	"  'triggers'," TRIGGERS_QUERY "," \
	"  'types'," TYPE_OBJECTS_QUERY "," \
	"  'partition_key', CASE t.relkind WHEN 'p' THEN pg_get_partkeydef(t.oid) END," \
	"  'partitions', $2::jsonb, 'partition_count', $3::int8, 'partition_digest', $4))" \
	" FROM t"

static SPIPlanPtr snapshot_plan = NULL;

/* One past the end of a quoted word ('...' or "...") that begins at p. */
static const char *
skip_quoted(const char *p, const char *end)
{
	char		quote = *p++;

	while (p < end)
	{
		if (*p++ == quote)
		{
			if (p == end || *p != quote)
				return p;
			p++;
		}
	}
	return end;
}

/* Where the bracket that is open at p ends: at its closing one. NULL: nowhere. */
static const char *
closing(const char *p, const char *end)
{
	int			depth = 0;

	while (p < end)
	{
		if (*p == '\'' || *p == '"')
		{
			p = skip_quoted(p, end);
			continue;
		}
		if (*p == '(' || *p == '[')
			depth++;
		else if ((*p == ')' || *p == ']') && --depth == 0)
			return p;
		p++;
	}
	return NULL;
}

/* (element)::type of each element of a list, commas between. */
static void
append_elements(StringInfo out, const char *p, const char *end, const char *type, int type_len)
{
	const char *from = p;

	for (;; p++)
	{
		if (p == end || *p == ',')
		{
			appendStringInfo(out, "(%.*s)::%.*s", (int) (p - from), from, type_len, type);
			if (p == end)
				return;
			appendStringInfoString(out, ", ");
			while (p + 1 < end && p[1] == ' ')
				p++;
			from = p + 1;
		}
		else if (*p == '\'' || *p == '"')
			p = skip_quoted(p, end) - 1;
		else if (*p == '(' || *p == '[')
		{
			p = closing(p, end);
			if (p == NULL)
				p = end - 1;
		}
	}
}

/*
 * An array that is cast as a whole, as the server writes IN over a varchar:
 *	(ARRAY['a'::character varying])::text[]
 * is read by it as, and written ever after dump and restore,
 *	ARRAY[('a'::character varying)::text]
 * It is the same rule. All strings of a shape go through here (an action of
 * transform_jsonb_string_values).
 */
static text *
steady_text(void *state, char *value, int len)
{
	static const char head[] = "(ARRAY[";
	const char *p = value;
	const char *end = value + len;
	StringInfoData out;

	initStringInfo(&out);
	while (p < end)
	{
		const char *list;
		const char *shut;
		const char *type;
		const char *after;

		if (*p == '\'' || *p == '"')
		{
			after = skip_quoted(p, end);
			appendBinaryStringInfo(&out, p, after - p);
			p = after;
			continue;
		}
		if (end - p > (int) sizeof(head) && strncmp(p, head, sizeof(head) - 1) == 0 &&
			(shut = closing(p, end)) != NULL && shut[-1] == ']' &&
			end - shut > 3 && shut[1] == ':' && shut[2] == ':')
		{
			list = p + sizeof(head) - 1;
			type = shut + 3;
			for (after = type; after + 1 < end && strchr("(),;", *after) == NULL; after++)
			{
				if (*after == '"')
					after = skip_quoted(after, end) - 1;
				else if (after[0] == '[' && after[1] == ']')
					break;
			}
			if (after + 1 < end && after[0] == '[' && after[1] == ']')
			{
				appendStringInfoString(&out, "ARRAY[");
				append_elements(&out, list, shut - 1, type, after - type);
				appendStringInfoChar(&out, ']');
				p = after + 2;
				continue;
			}
		}
		appendStringInfoChar(&out, *p++);
	}
	return cstring_to_text_with_len(out.data, out.len);
}

/* A partition's name and what is told of it. */
typedef struct Partition
{
	Oid			oid;
	char	   *name;
} Partition;

static int
compare_names(const ListCell *a, const ListCell *b)
{
	return strcmp(((const Partition *) lfirst(a))->name, ((const Partition *) lfirst(b))->name);
}

/* NULL when the relation went meanwhile: nobody holds it for us. */
static char *
qualified_name(Oid relid)
{
	char	   *name = get_rel_name(relid);
	char	   *schema = name ? get_namespace_name(get_rel_namespace(relid)) : NULL;

	return schema ? quote_qualified_identifier(schema, name) : NULL;
}

/* Text that a function of the server's gives of an object; NULL when the
 * object went. */
static char *
text_of(PGFunction function, Datum first, bool and_relid, Oid relid)
{
	LOCAL_FCINFO(fcinfo, 2);
	Datum		result;

	InitFunctionCallInfoData(*fcinfo, NULL, and_relid ? 2 : 1, InvalidOid, NULL, NULL);
	fcinfo->args[0].value = first;
	fcinfo->args[0].isnull = false;
	fcinfo->args[1].value = ObjectIdGetDatum(relid);
	fcinfo->args[1].isnull = false;
	result = function(fcinfo);
	return fcinfo->isnull ? NULL : TextDatumGetCString(result);
}

static void
add_member(StringInfo out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	appendStringInfo(out, "%s\"%s\":", out->data[out->len - 1] == '{' ? "" : ",", name);
	escape_json(out, value);
}

/* The constraints that a partition has for itself. */
static void
add_own_constraints(StringInfo out, Relation conrel, Oid relid)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;
	bool		any = false;

	ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber,
				F_OIDEQ, ObjectIdGetDatum(relid));
	/* by the index: in the order of their names */
	scan = systable_beginscan(conrel, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		Form_pg_constraint form = (Form_pg_constraint) GETSTRUCT(tup);

		if (strchr("pufcx", form->contype) == NULL || !form->conislocal ||
			form->coninhcount > 0 || OidIsValid(form->conparentid))
			continue;
		appendStringInfoString(out, any ? ",{" : ",\"constraints\":[{");
		any = true;
		add_member(out, "name", NameStr(form->conname));
		add_member(out, "definition",
				   text_of(pg_get_constraintdef, ObjectIdGetDatum(form->oid), false, InvalidOid));
		appendStringInfoChar(out, '}');
	}
	systable_endscan(scan);
	if (any)
		appendStringInfoChar(out, ']');
}

static void
add_partition(StringInfo out, Relation conrel, const Partition *part, Oid root)
{
	HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(part->oid));
	bool		isnull;
	Datum		bound;
	Oid			parent;

	if (!HeapTupleIsValid(tup))
		return;
	appendStringInfoString(out, out->len > 1 ? ",{" : "{");
	add_member(out, "name", part->name);
	bound = SysCacheGetAttr(RELOID, tup, Anum_pg_class_relpartbound, &isnull);
	if (!isnull)
		add_member(out, "bound", text_of(pg_get_expr, bound, true, part->oid));
	parent = get_partition_parent(part->oid, true);
	if (parent != root)
		add_member(out, "of", qualified_name(parent));
	if (((Form_pg_class) GETSTRUCT(tup))->relkind == RELKIND_PARTITIONED_TABLE)
		add_member(out, "key", text_of(pg_get_partkeydef, ObjectIdGetDatum(part->oid), false, InvalidOid));
	ReleaseSysCache(tup);
	add_own_constraints(out, conrel, part->oid);
	appendStringInfoChar(out, '}');
}

/*
 * The partitions of every level, as arguments 2 to 4 of the query. By the
 * caches, one after the other: what a thousand of them cost then hangs on no
 * plan.
 */
static void
add_partitions(SpiArgs *args, Oid relid)
{
	List	   *parts = NIL;
	ListCell   *lc;
	StringInfoData out;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		Partition  *part = palloc(sizeof(Partition));

		part->oid = lfirst_oid(lc);
		part->name = part->oid == relid ? NULL : qualified_name(part->oid);
		if (part->name != NULL)
			parts = lappend(parts, part);
	}
	list_sort(parts, compare_names);

	initStringInfo(&out);
	if (list_length(parts) <= SNAPSHOT_PARTITIONS)
	{
		Relation	conrel = table_open(ConstraintRelationId, AccessShareLock);

		appendStringInfoChar(&out, '[');
		foreach(lc, parts)
			add_partition(&out, conrel, lfirst(lc), relid);
		appendStringInfoChar(&out, ']');
		table_close(conrel, AccessShareLock);
		spi_arg_text(args, out.data);
		spi_arg_int8(args, list_length(parts));
		spi_arg_text(args, NULL);
		return;
	}
	foreach(lc, parts)
		appendStringInfo(&out, "%s\n", ((const Partition *) lfirst(lc))->name);
	spi_arg_text(args, NULL);
	spi_arg_int8(args, list_length(parts));
	spi_arg_text(args, canon_sha256(out.data));
}

/* See the header. */
Jsonb *
snapshot_of(Oid relid)
{
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *found = NULL;
	SpiUser		saved;
	SpiArgs		args;
	int			nest;

	spi_open(&saved);
	spi_set_local("jit", "off");	/* compiling takes longer than the query */
	nest = canon_pin_settings();
	spi_args(&args);
	spi_arg_relid(&args, relid);
	if (get_rel_relkind(relid) == RELKIND_PARTITIONED_TABLE)
		add_partitions(&args, relid);
	else
	{
		spi_arg_text(&args, NULL);
		spi_arg_null(&args, INT8OID);
		spi_arg_text(&args, NULL);
	}
	if (spi_read_newest(&snapshot_plan, SNAPSHOT_QUERY, &args) > 0)
		found = spi_get_jsonb(0, 1, CurrentMemoryContext);
	AtEOXact_GUC(false, nest);
	if (found != NULL)
	{
		MemoryContext spi = MemoryContextSwitchTo(cxt);

		found = transform_jsonb_string_values(found, NULL, steady_text);
		MemoryContextSwitchTo(spi);
	}
	spi_close(&saved);
	return found;
}

/* See the header. */
char *
snapshot_hash(const Jsonb *snapshot)
{
	return canon_sha256(psprintf("selfheal shape 1\n%s\n",
								 JsonbToCString(NULL, (JsonbContainer *) &snapshot->root,
												VARSIZE(snapshot))));
}

Datum
selfheal_snapshot(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);

	watch_check_table(relid, WATCH_NEED_READ);
	PG_RETURN_JSONB_P(snapshot_of(relid));
}
