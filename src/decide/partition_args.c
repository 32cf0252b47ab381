/*
 * partition_args.c
 *	  What a step attach_partition says, as JSON and read again.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/partition.h"
#include "catalog/pg_class.h"
#include "decide/partition_args.h"
#include "decide/partition_level.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/varlena.h"

/* , "key": ["a", null] */
static void
append_texts(StringInfo buf, const char *key, const List *texts)
{
	const ListCell *lc;

	appendStringInfo(buf, ", \"%s\": [", key);
	foreach(lc, texts)
	{
		if (foreach_current_index(lc) > 0)
			appendStringInfoString(buf, ", ");
		if (lfirst(lc) == NULL)
			appendStringInfoString(buf, "null");
		else
			escape_json(buf, lfirst(lc));
	}
	appendStringInfoChar(buf, ']');
}

PlanStep *
partition_step(const NewPartition *spec)
{
	PartitionLevel *level = partition_level(spec->parent);
	PlanStep   *step = plan_step(STEP_ATTACH_PARTITION, level ? level->column : "", InvalidOid, -1);
	StringInfoData buf;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"parent\": ");
	escape_json(&buf, plan_relation_name(spec->parent));
	appendStringInfoString(&buf, ", \"schema\": ");
	escape_json(&buf, spec->schema);
	appendStringInfoString(&buf, ", \"name\": ");
	escape_json(&buf, spec->name);
	if (spec->by_list)
		append_texts(&buf, "values", spec->values);
	else
	{
		append_texts(&buf, "from", spec->from);
		append_texts(&buf, "to", spec->to);
	}
	if (spec->move)
		appendStringInfoString(&buf, ", \"move\": true");
	appendStringInfoChar(&buf, '}');
	step->args = DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	return step;
}

/* The texts and nulls of an array. */
static bool
read_texts(const JsonbValue *array, const char *key, List **texts, char **reason)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data))
		return plan_refuse(reason, "attach_partition: \"%s\" must be an array", key);
	it = JsonbIteratorInit(array->val.binary.data);
	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		if (token != WJB_ELEM)
			continue;
		if (v.type == jbvString)
			*texts = lappend(*texts, pnstrdup(v.val.string.val, v.val.string.len));
		else if (v.type == jbvNull)
			*texts = lappend(*texts, NULL);
		else
			return plan_refuse(reason, "attach_partition: a bound in \"%s\" must be a text or null", key);
	}
	if (*texts == NIL)
		return plan_refuse(reason, "attach_partition: \"%s\" is empty", key);
	return true;
}

/* The partitioned table with this name ("schema.table", as we write it) at or
 * below relid. */
static Oid
find_parent(Oid relid, const char *name)
{
	List	   *names;
	Oid			schema;
	Oid			found;
	char	   *here;

	if (!SplitIdentifierString(pstrdup(name), '.', &names) || list_length(names) != 2)
		return InvalidOid;
	schema = get_namespace_oid(linitial(names), true);
	found = OidIsValid(schema) ? get_relname_relid(lsecond(names), schema) : InvalidOid;
	if (!OidIsValid(found) || get_rel_relkind(found) != RELKIND_PARTITIONED_TABLE)
		return InvalidOid;
	here = plan_relation_name(found);
	if (here == NULL || strcmp(here, name) != 0)
		return InvalidOid;
	if (found != relid && (!get_rel_relispartition(found) ||
						   !list_member_oid(get_partition_ancestors(found), relid)))
		return InvalidOid;
	return found;
}

/* See the header. An unknown key is refused: a step that says more than we
 * understand must not be taken for less. */
bool
partition_read(Oid relid, const PlanStep *step, NewPartition *spec, char **reason)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";
	char	   *parent = NULL;

	memset(spec, 0, sizeof(NewPartition));
	if (step->args == NULL)
		return plan_refuse(reason, "attach_partition needs args");
	it = JsonbIteratorInit(&step->args->root);
	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	  **text = NULL;

		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if (strcmp(key, "move") == 0 && v.type == jbvBool)
		{
			spec->move = v.val.boolean;
			continue;
		}
		if (strcmp(key, "from") == 0 || strcmp(key, "to") == 0 || strcmp(key, "values") == 0)
		{
			spec->by_list |= key[0] == 'v';
			if (!read_texts(&v, key, key[0] == 'f' ? &spec->from :
							key[0] == 't' ? &spec->to : &spec->values, reason))
				return false;
			continue;
		}
		if (strcmp(key, "parent") == 0)
			text = &parent;
		else if (strcmp(key, "schema") == 0)
			text = &spec->schema;
		else if (strcmp(key, "name") == 0)
			text = &spec->name;
		else
			return plan_refuse(reason, "attach_partition: \"%s\" is none of its args", key);
		if (v.type != jbvString)
			return plan_refuse(reason, "attach_partition: \"%s\" must be a text", key);
		*text = pnstrdup(v.val.string.val, v.val.string.len);
	}
	if (parent == NULL || spec->schema == NULL || spec->name == NULL)
		return plan_refuse(reason, "attach_partition needs parent, schema and name");
	if (spec->by_list ? spec->from != NIL || spec->to != NIL : spec->from == NIL || spec->to == NIL)
		return plan_refuse(reason, "attach_partition needs from and to, or values alone");
	spec->parent = find_parent(relid, parent);
	if (!OidIsValid(spec->parent))
		return plan_refuse(reason, "%s is no partitioned table at or below %s", parent,
						   plan_relation_name(relid));
	return true;
}
