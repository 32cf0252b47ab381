/*
 * subtable.c
 *	  The step create_table for a table that a subscriber lacks.
 *
 * Types come as texts from another server. They are read as names and looked
 * up; nothing of them is run.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "catalog/catalog.h"
#include "catalog/heap.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/subtable.h"
#include "observe/publisher.h"
#include "read/unseen.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* ---- the step ---- */

/* Is this the first entry of a column? An enum's column has one a label. */
static bool
is_first(const List *columns, int at)
{
	return at == 0 || strcmp(((PublishedColumn *) list_nth(columns, at - 1))->name,
							 ((PublishedColumn *) list_nth(columns, at))->name) != 0;
}

/* The name of the key's column at this place, or NULL. */
static const char *
key_at(const List *columns, int place)
{
	const ListCell *lc;

	foreach(lc, columns)
	{
		if (((PublishedColumn *) lfirst(lc))->key == place)
			return ((PublishedColumn *) lfirst(lc))->name;
	}
	return NULL;
}

/* See the header. */
PlanStep *
subtable_step(const LackingTable *table)
{
	PlanStep   *step = plan_step(STEP_CREATE_TABLE, table->table, InvalidOid, -1);
	StringInfoData buf;
	StringInfoData notnull;
	const char *key;
	int			nkey = table->columns == NIL ? 0 : ((PublishedColumn *) linitial(table->columns))->nkey;
	int			place = 1;
	const ListCell *lc;

	initStringInfo(&buf);
	initStringInfo(&notnull);
	appendStringInfoString(&buf, "{\"schema\": ");
	escape_json(&buf, table->schema);
	appendStringInfoString(&buf, ", \"subscription\": ");
	escape_json(&buf, table->subscription);
	appendStringInfoString(&buf, ", \"columns\": [");
	foreach(lc, table->columns)
	{
		const PublishedColumn *column = lfirst(lc);

		if (!is_first(table->columns, foreach_current_index(lc)))
			continue;
		appendStringInfoString(&buf, foreach_current_index(lc) > 0 ? ", [" : "[");
		escape_json(&buf, column->name);
		appendStringInfoString(&buf, ", ");
		escape_json(&buf, column->type);
		appendStringInfoChar(&buf, ']');
		if (!column->notnull)
			continue;
		appendStringInfoString(&notnull, notnull.len > 0 ? ", " : "");
		escape_json(&notnull, column->name);
	}
	appendStringInfo(&buf, "], \"notnull\": [%s], \"key\": [", notnull.data);
	while (nkey > 0 && place <= nkey && key_at(table->columns, place) != NULL)
		place++;
	/* a part of a key is none */
	nkey = place > nkey ? nkey : 0;
	for (place = 1; place <= nkey; place++)
	{
		key = key_at(table->columns, place);

		appendStringInfoString(&buf, place > 1 ? ", " : "");
		escape_json(&buf, key);
	}
	appendStringInfo(&buf, "]%s}", table->columns != NIL &&
					 ((PublishedColumn *) linitial(table->columns))->full ? ", \"full\": true" : "");
	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	return step;
}

/* A text of the args, or NULL. */
static char *
text_arg(const PlanStep *step, const char *key)
{
	JsonbValue	v;

	if (step->args == NULL ||
		getKeyJsonValueFromContainer(&step->args->root, key, (int) strlen(key), &v) == NULL ||
		v.type != jbvString)
		return NULL;
	return pnstrdup(v.val.string.val, v.val.string.len);
}

/* All texts of an array of the args, those of arrays in it too. */
static List *
texts_arg(const PlanStep *step, const char *key)
{
	List	   *result = NIL;
	JsonbValue	v;
	JsonbIterator *it;
	JsonbIteratorToken token;

	if (step->args == NULL ||
		getKeyJsonValueFromContainer(&step->args->root, key, (int) strlen(key), &v) == NULL ||
		v.type != jbvBinary || !JsonContainerIsArray(v.val.binary.data))
		return NIL;
	it = JsonbIteratorInit(v.val.binary.data);
	while ((token = JsonbIteratorNext(&it, &v, false)) != WJB_DONE)
	{
		if (token == WJB_ELEM && v.type == jbvString)
			result = lappend(result, pnstrdup(v.val.string.val, v.val.string.len));
	}
	return result;
}

/* ---- its types ---- */

typedef struct TypeText
{
	const char *text;
	Oid			type;
	int32		typmod;
} TypeText;

static void
parse_type(void *arg)
{
	TypeText   *t = arg;

	lattice_parse(t->text, &t->type, &t->typmod);
}

/* One of the subscriber's own: schema.name, as the publisher has it. */
static Oid
own_type(const char *text)
{
	List	   *names;
	Oid			schema;

	if (!SplitIdentifierString(pstrdup(text), '.', &names) || list_length(names) != 2)
		return InvalidOid;
	schema = get_namespace_oid(linitial(names), true);
	return OidIsValid(schema) ?
		GetSysCacheOid2(TYPENAMENSP, Anum_pg_type_oid, CStringGetDatum(lsecond(names)),
						ObjectIdGetDatum(schema)) : InvalidOid;
}

/* The type of a text, as SQL; NULL when there is none here. */
static char *
type_sql(const char *text)
{
	size_t		len = strlen(text);
	bool		array = len > 2 && strcmp(text + len - 2, "[]") == 0;
	TypeText	t = {array ? pnstrdup(text, len - 2) : text, InvalidOid, -1};
	ErrorData  *edata = spi_try(parse_type, &t);

	if (edata != NULL)
	{
		FreeErrorData(edata);
		t.type = own_type(t.text);
		t.typmod = -1;
	}
	if (array && OidIsValid(t.type))
		t.type = get_array_type(t.type);
	return OidIsValid(t.type) && get_typisdefined(t.type) && get_typtype(t.type) != TYPTYPE_PSEUDO ?
		plan_type_sql(t.type, t.typmod) : NULL;
}

/* ---- the table ---- */

/* Can a column, or a table, have this name? */
static bool
is_name(const char *name)
{
	return name != NULL && name[0] != '\0' && strlen(name) < NAMEDATALEN && !unseen_in(name);
}

static bool
has_text(const List *texts, const char *text)
{
	const ListCell *lc;

	foreach(lc, texts)
	{
		if (strcmp(lfirst(lc), text) == 0)
			return true;
	}
	return false;
}

/* ("id" integer NOT NULL, ..., PRIMARY KEY ("id")) */
static bool
body_sql(const PlanStep *step, StringInfo buf, char **reason)
{
	List	   *columns = texts_arg(step, "columns");
	List	   *notnull = texts_arg(step, "notnull");
	List	   *key = texts_arg(step, "key");
	List	   *names = NIL;
	ListCell   *lc;

	if (columns == NIL || list_length(columns) % 2 != 0 || list_length(columns) / 2 > MaxHeapAttributeNumber)
		return plan_refuse(reason, "a table has from 1 to %d columns", MaxHeapAttributeNumber);
	appendStringInfoString(buf, " (");
	for (int i = 0; i < list_length(columns); i += 2)
	{
		char	   *name = list_nth(columns, i);
		char	   *type = type_sql(list_nth(columns, i + 1));

		if (!is_name(name) || SystemAttributeByName(name) != NULL || has_text(names, name))
			return plan_refuse(reason, "no column can have the name \"%s\"", name);
		if (type == NULL)
			return plan_refuse(reason, "column \"%s\" is of type %s on the publisher, and there is no such type here: a person makes it, or the table",
							   name, (char *) list_nth(columns, i + 1));
		names = lappend(names, name);
		appendStringInfo(buf, "%s%s %s%s", i > 0 ? ", " : "", quote_identifier(name), type,
						 has_text(notnull, name) ? " NOT NULL" : "");
	}
	foreach(lc, key)
	{
		if (!has_text(names, lfirst(lc)))
			return plan_refuse(reason, "column \"%s\" of the key is not published", (char *) lfirst(lc));
		appendStringInfo(buf, "%s%s", lc == list_head(key) ? ", PRIMARY KEY (" : ", ", quote_identifier(lfirst(lc)));
	}
	appendStringInfoString(buf, key != NIL ? "))" : ")");
	return true;
}

/* See the header. */
bool
subtable_vet(const PlanStep *step, SubTable *out, List **sql, char **reason)
{
	Oid			nsp;
	char	   *name;
	JsonbValue	v;
	StringInfoData buf;

	*sql = NIL;
	out->schema = text_arg(step, "schema");
	out->subscription = text_arg(step, "subscription");
	out->table = pstrdup(step->column);
	if (!is_name(out->schema) || !is_name(out->table) || out->subscription == NULL)
		return plan_refuse(reason, "no table can have the name");
	nsp = get_namespace_oid(out->schema, true);
	name = quote_qualified_identifier(out->schema, out->table);
	if (!OidIsValid(nsp))
		return plan_refuse(reason, "there is no schema %s: a person makes it", quote_identifier(out->schema));
	if (!guc_schema_allowed(out->schema))
		return plan_refuse(reason, "schema %s is not in selfheal.allowed_schemas", quote_identifier(out->schema));
	if (IsCatalogNamespace(nsp) || IsToastNamespace(nsp) || strncmp(out->schema, "selfheal", 8) == 0)
		return plan_refuse(reason, "no table of ours goes into schema %s", quote_identifier(out->schema));
	if (OidIsValid(get_relname_relid(out->table, nsp)))
		return plan_refuse(reason, "%s is there already", name);
	initStringInfo(&buf);
	appendStringInfo(&buf, "CREATE TABLE %s", name);
	if (!body_sql(step, &buf, reason))
		return false;
	*sql = list_make1(buf.data);
	if (getKeyJsonValueFromContainer(&step->args->root, "full", 4, &v) != NULL && v.type == jbvBool && v.val.boolean)
		*sql = lappend(*sql, psprintf("ALTER TABLE %s REPLICA IDENTITY FULL", name));
	return true;
}
