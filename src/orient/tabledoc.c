/*
 * tabledoc.c
 *	  A table as its catalog describes it.
 */
#include "postgres.h"

#include "base/spi.h"
#include "lib/stringinfo.h"
#include "orient/tabledoc.h"
#include "utils/builtins.h"

/* How much of it is told. */
#define COLUMNS "100"
#define PARTITIONS "12"
#define LABELS "50"
#define INDEXES "30"
#define WORDS "300"				/* characters of a comment, a default */
#define DEFINITION "400"		/* of a constraint, an index, a bound */

/* See the header. */
Jsonb *
tabledoc_read(Oid relid, const char *focus)
{
	static SPIPlanPtr plan = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	Jsonb	   *doc = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, focus);
	if (spi_exec_kept(&plan,
					  "SELECT jsonb_strip_nulls(jsonb_build_object("
					  "'table', format('%I.%I', n.nspname, c.relname),"
					  "'comment', left(obj_description(c.oid, 'pg_class'), 1000),"
					  "'kind', CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' ELSE 'other' END,"
					  "'estimated_rows', nullif(c.reltuples::bigint, -1), 'bytes', pg_total_relation_size(c.oid),"
					  "'columns', (SELECT jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),"
					  "   'not_null', CASE WHEN a.attnotnull THEN true END,"
					  "   'default', CASE WHEN a.attgenerated = '' THEN left(pg_get_expr(d.adbin, d.adrelid), " WORDS ") END,"
					  "   'generated', CASE WHEN a.attgenerated <> '' THEN left(pg_get_expr(d.adbin, d.adrelid), " WORDS ") END,"
					  "   'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END,"
					  "   'comment', left(col_description(c.oid, a.attnum), " WORDS "),"
					  "   'labels', (SELECT jsonb_agg(e.enumlabel ORDER BY e.enumsortorder) FROM"
					  "     (SELECT * FROM pg_enum e WHERE e.enumtypid = a.atttypid ORDER BY e.enumsortorder LIMIT " LABELS ") e)) ORDER BY a.attnum)"
					  "   FROM (SELECT *, row_number() OVER (ORDER BY b.attnum) AS place FROM pg_attribute b"
					  "     WHERE b.attrelid = c.oid AND b.attnum > 0 AND NOT b.attisdropped) a"
					  "   LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum"
					  "   WHERE a.place <= " COLUMNS " OR a.attname = $2),"
					  "'columns_in_all', (SELECT count(*) FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),"
					  "'constraints', (SELECT jsonb_agg(jsonb_build_object('name', k.conname, 'definition', left(pg_get_constraintdef(k.oid), " DEFINITION ")) ORDER BY k.conname)"
					  "   FROM (SELECT * FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x') ORDER BY k.conname LIMIT " INDEXES ") k),"
					  "'indexes', (SELECT jsonb_agg(left(pg_get_indexdef(x.indexrelid), " DEFINITION ") ORDER BY i.relname)"
					  "   FROM (SELECT * FROM pg_index x WHERE x.indrelid = c.oid ORDER BY x.indexrelid LIMIT " INDEXES ") x JOIN pg_class i ON i.oid = x.indexrelid"
					  "   WHERE NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = x.indexrelid AND k.conrelid = c.oid)),"
					  "'partition_by', CASE WHEN c.relkind = 'p' THEN pg_get_partkeydef(c.oid) END,"
					  "'partitions', (SELECT jsonb_agg(jsonb_build_object('name', p.name, 'bound', p.bound) ORDER BY p.name) FROM"
					  "   (SELECT format('%I', q.relname) AS name, left(pg_get_expr(q.relpartbound, q.oid), " DEFINITION ") AS bound"
					  "    FROM pg_inherits h JOIN pg_class q ON q.oid = h.inhrelid WHERE h.inhparent = c.oid AND c.relkind = 'p'"
					  "    ORDER BY q.relname DESC LIMIT " PARTITIONS ") p),"
					  "'partitions_in_all', CASE WHEN c.relkind = 'p' THEN (SELECT count(*) FROM pg_inherits h WHERE h.inhparent = c.oid) END,"
					  "'refers_to', (SELECT jsonb_agg(DISTINCT format('%I.%I', fn.nspname, f.relname)) FROM pg_constraint k JOIN pg_class f ON f.oid = k.confrelid"
					  "   JOIN pg_namespace fn ON fn.oid = f.relnamespace WHERE k.conrelid = c.oid AND k.contype = 'f'),"
					  "'mappings', (SELECT jsonb_agg(jsonb_build_object('id', m.id, 'kind', m.kind, 'key', left(m.field, 200), 'column', m.column_name,"
					  "   'args', CASE WHEN length(m.args::text) <= " DEFINITION " THEN m.args END) ORDER BY m.id)"
					  "   FROM (SELECT * FROM selfheal.mapping m WHERE m.relid = c.oid AND m.state = 'active' ORDER BY m.id DESC LIMIT 50) m)"
					  ")) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = $1", &args) > 0)
		doc = spi_get_jsonb(0, 1, cxt);
	spi_close(&saved);
	return doc;
}

/* ---- as text ---- */

/* A member as text, or NULL. */
static char *
text_of(JsonbContainer *object, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	if (v == NULL)
		return NULL;
	switch (v->type)
	{
		case jbvString:
			return pnstrdup(v->val.string.val, v->val.string.len);
		case jbvNumeric:
			return DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(v->val.numeric)));
		case jbvBool:
			return v->val.boolean ? "true" : "false";
		case jbvBinary:
			return JsonbToCString(NULL, v->val.binary.data, v->val.binary.len);
		default:
			return NULL;
	}
}

/* An array's elements, each its own container (or NULL where it is a string,
 * then *text). */
static JsonbContainer *
list_of(JsonbContainer *object, const char *key)
{
	JsonbValue *v = getKeyJsonValueFromContainer(object, key, strlen(key), NULL);

	return v && v->type == jbvBinary && JsonContainerIsArray(v->val.binary.data) ? v->val.binary.data : NULL;
}

/* " word value", where there is a value; on one line. */
static void
add(StringInfo buf, const char *word, char *value)
{
	if (value == NULL)
		return;
	for (char *p = value; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	appendStringInfo(buf, "%s%s", word, value);
}

static void
add_column(StringInfo buf, JsonbContainer *column)
{
	add(buf, "\n- ", text_of(column, "name"));
	add(buf, ": ", text_of(column, "type"));
	if (text_of(column, "not_null"))
		appendStringInfoString(buf, " not null");
	add(buf, " default ", text_of(column, "default"));
	add(buf, " generated ", text_of(column, "generated"));
	add(buf, " identity ", text_of(column, "identity"));
	add(buf, " labels ", text_of(column, "labels"));
	add(buf, " -- ", text_of(column, "comment"));
}

/* See the header. */
char *
tabledoc_text(Jsonb *doc)
{
	JsonbContainer *root = &doc->root;
	StringInfoData buf;
	JsonbContainer *list;

	initStringInfo(&buf);
	add(&buf, "", text_of(root, "kind"));
	add(&buf, " ", text_of(root, "table"));
	add(&buf, ", estimated rows ", text_of(root, "estimated_rows"));
	add(&buf, ", bytes ", text_of(root, "bytes"));
	add(&buf, "\ncomment: ", text_of(root, "comment"));
	add(&buf, "\npartition by: ", text_of(root, "partition_by"));
	add(&buf, "\ncolumns in all: ", text_of(root, "columns_in_all"));
	if ((list = list_of(root, "columns")) != NULL)
		for (uint32 i = 0; i < JsonContainerSize(list); i++)
			add_column(&buf, getIthJsonbValueFromContainer(list, i)->val.binary.data);
	if ((list = list_of(root, "constraints")) != NULL)
		for (uint32 i = 0; i < JsonContainerSize(list); i++)
		{
			JsonbContainer *one = getIthJsonbValueFromContainer(list, i)->val.binary.data;

			add(&buf, "\nconstraint ", text_of(one, "name"));
			add(&buf, ": ", text_of(one, "definition"));
		}
	if ((list = list_of(root, "indexes")) != NULL)
		for (uint32 i = 0; i < JsonContainerSize(list); i++)
		{
			JsonbValue *one = getIthJsonbValueFromContainer(list, i);

			add(&buf, "\nindex: ", pnstrdup(one->val.string.val, one->val.string.len));
		}
	add(&buf, "\npartitions in all: ", text_of(root, "partitions_in_all"));
	if ((list = list_of(root, "partitions")) != NULL)
		for (uint32 i = 0; i < JsonContainerSize(list); i++)
		{
			JsonbContainer *one = getIthJsonbValueFromContainer(list, i)->val.binary.data;

			add(&buf, "\npartition ", text_of(one, "name"));
			add(&buf, " ", text_of(one, "bound"));
		}
	return buf.data;
}
