/*
 * snapshot.c
 *	  A table's shape as JSON, and its hash.
 *
 * One query reads the catalog. It runs under the newest snapshot, not the
 * transaction's: under REPEATABLE READ that would not show what another
 * transaction has made of the table meanwhile, though our own ALTER rests on
 * it.
 */
#include "postgres.h"

#include "base/canon.h"
#include "base/compat.h"
#include "base/spi.h"
#include "observe/snapshot.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/jsonfuncs.h"

PG_FUNCTION_INFO_V1(selfheal_snapshot);

#define AS_TEXT2(x) #x
#define AS_TEXT(x) AS_TEXT2(x)

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
	"  WHERE o.oid " NOT_BUILT_IN "),"

/* Partitions of every level; what they inherit stands with the table. */
#define PARTITIONS_QUERY \
	" tree (oid, of) AS (" \
	"  SELECT h.inhrelid, h.inhparent FROM t JOIN pg_inherits h ON h.inhparent = t.oid WHERE t.relkind = 'p'" \
	"  UNION ALL SELECT h.inhrelid, h.inhparent FROM tree r JOIN pg_inherits h ON h.inhparent = r.oid)," \
	" parts AS MATERIALIZED (" \
	"  SELECT r.oid, r.of, c.relkind, c.relpartbound, quote_ident(n.nspname) || '.' || quote_ident(c.relname) AS name" \
	"  FROM tree r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace" \
	"  WHERE c.relispartition)," \
	" counted AS MATERIALIZED (SELECT count(*) AS n FROM parts)," \
	" own AS MATERIALIZED (" \
	"  SELECT k.conrelid, jsonb_agg(jsonb_build_object('name', k.conname, 'definition', pg_get_constraintdef(k.oid))" \
	"    ORDER BY k.conname COLLATE \"C\") AS list" \
	"  FROM parts p JOIN pg_constraint k ON k.conrelid = p.oid, counted" \
	"  WHERE counted.n <= " AS_TEXT(SNAPSHOT_PARTITIONS) " AND k.contype IN ('p', 'u', 'f', 'c', 'x')" \
	"   AND k.conislocal AND k.coninhcount = 0 AND k.conparentid = 0 GROUP BY 1)"

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

#define PARTITION_OBJECTS_QUERY \
	" (SELECT jsonb_agg(jsonb_build_object('name', p.name, 'bound', pg_get_expr(p.relpartbound, p.oid)," \
	"    'of', CASE WHEN p.of <> t.oid THEN u.name END," \
	"    'key', CASE p.relkind WHEN 'p' THEN pg_get_partkeydef(p.oid) END, 'constraints', own.list)" \
	"    ORDER BY p.name COLLATE \"C\")" \
	"   FROM parts p LEFT JOIN parts u ON u.oid = p.of LEFT JOIN own ON own.conrelid = p.oid" \
	"   WHERE counted.n <= " AS_TEXT(SNAPSHOT_PARTITIONS) ")"

#define SNAPSHOT_QUERY \
	"WITH RECURSIVE t AS (SELECT c.*, n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	"  WHERE c.oid = $1 AND c.relkind IN ('r', 'p', 'f'))," \
	TYPES_QUERY \
	PARTITIONS_QUERY \
	" SELECT jsonb_strip_nulls(jsonb_build_object('schema', t.nspname, 'table', t.relname," \
	"  'kind', CASE t.relkind WHEN 'p' THEN 'partitioned' WHEN 'f' THEN 'foreign' ELSE 'table' END," \
	"  'row_security', CASE WHEN NOT t.relrowsecurity THEN 'off' WHEN t.relforcerowsecurity THEN 'forced' ELSE 'on' END," \
	"  'columns', coalesce(" COLUMNS_QUERY ", '[]')," \
	"  'constraints'," CONSTRAINTS_QUERY "," \
	"  'triggers'," TRIGGERS_QUERY "," \
	"  'types'," TYPE_OBJECTS_QUERY "," \
	"  'partition_key', CASE t.relkind WHEN 'p' THEN pg_get_partkeydef(t.oid) END," \
	"  'partitions'," PARTITION_OBJECTS_QUERY "," \
	"  'partition_count', CASE t.relkind WHEN 'p' THEN counted.n END," \
	"  'partition_digest', CASE WHEN counted.n > " AS_TEXT(SNAPSHOT_PARTITIONS) " THEN (SELECT" \
	"    encode(sha256(convert_to(string_agg(p.name, E'\\n' ORDER BY p.name COLLATE \"C\"), 'UTF8')), 'hex') FROM parts p) END))" \
	" FROM t, counted"

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
	nest = canon_pin_settings();
	spi_args(&args);
	spi_arg_relid(&args, relid);
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
