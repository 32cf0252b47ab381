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
#include "utils/numeric.h"
#include "utils/varlena.h"

static bool read_parts(const JsonbValue *array, NewPartition *spec, char **reason);

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

/* Bounds, as keys of an object that is open. */
static void
append_bound(StringInfo buf, const NewPartition *spec)
{
	if (spec->is_default)
		appendStringInfoString(buf, ", \"default\": true");
	else if (spec->modulus > 0)
		appendStringInfo(buf, ", \"modulus\": %d, \"remainder\": %d", spec->modulus, spec->remainder);
	else if (spec->by_list)
		append_texts(buf, "values", spec->values);
	else
	{
		append_texts(buf, "from", spec->from);
		append_texts(buf, "to", spec->to);
	}
}

PlanStep *
partition_step(const NewPartition *spec)
{
	PartitionLevel *level = partition_level(spec->parent);
	PlanStep   *step = plan_step(STEP_ATTACH_PARTITION, level ? level->column : "", InvalidOid, -1);
	StringInfoData buf;
	const ListCell *lc;

	initStringInfo(&buf);
	appendStringInfoString(&buf, "{\"parent\": ");
	escape_json(&buf, plan_relation_name(spec->parent));
	appendStringInfoString(&buf, ", \"schema\": ");
	escape_json(&buf, spec->schema);
	appendStringInfoString(&buf, ", \"name\": ");
	escape_json(&buf, spec->name);
	append_bound(&buf, spec);
	if (spec->move)
		appendStringInfoString(&buf, ", \"move\": true");
	if (OidIsValid(spec->like))
	{
		appendStringInfoString(&buf, ", \"like\": ");
		escape_json(&buf, plan_relation_name(spec->like));
		appendStringInfoString(&buf, ", \"by\": ");
		escape_json(&buf, spec->by);
		appendStringInfoString(&buf, ", \"parts\": [");
		foreach(lc, spec->parts)
		{
			const NewPartition *part = lfirst(lc);

			appendStringInfoString(&buf, foreach_current_index(lc) > 0 ? ", {\"name\": " : "{\"name\": ");
			escape_json(&buf, part->name);
			append_bound(&buf, part);
			appendStringInfoChar(&buf, '}');
		}
		appendStringInfoChar(&buf, ']');
	}
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

/* One object of args: a partition, or a part of one. Names of tables are left
 * as texts. An unknown key is refused: a step that says more than we
 * understand must not be taken for less. */
static bool
read_object(JsonbContainer *object, bool is_part, NewPartition *spec, char **parent, char **like,
			char **reason)
{
	JsonbIterator *it = JsonbIteratorInit(object);
	JsonbIteratorToken token;
	JsonbValue	v;
	const char *key = "";

	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		char	  **text = NULL;

		if (token == WJB_KEY)
			key = pnstrdup(v.val.string.val, v.val.string.len);
		if (token != WJB_VALUE)
			continue;
		if ((strcmp(key, "move") == 0 && !is_part && v.type == jbvBool) ||
			(strcmp(key, "default") == 0 && is_part && v.type == jbvBool && v.val.boolean))
		{
			*(is_part ? &spec->is_default : &spec->move) = v.val.boolean;
			continue;
		}
		if (is_part && v.type == jbvNumeric && (strcmp(key, "modulus") == 0 || strcmp(key, "remainder") == 0))
		{
			char	   *digits = numeric_normalize(v.val.numeric);

			if (strlen(digits) > 9 || strspn(digits, "0123456789") != strlen(digits))
				return plan_refuse(reason, "attach_partition: \"%s\" must be a small number", key);
			*(key[0] == 'm' ? &spec->modulus : &spec->remainder) = atoi(digits);
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
		if (!is_part && strcmp(key, "parts") == 0)
		{
			if (!read_parts(&v, spec, reason))
				return false;
			continue;
		}
		if (strcmp(key, "name") == 0)
			text = &spec->name;
		else if (!is_part && strcmp(key, "parent") == 0)
			text = parent;
		else if (!is_part && strcmp(key, "schema") == 0)
			text = &spec->schema;
		else if (!is_part && strcmp(key, "like") == 0)
			text = like;
		else if (!is_part && strcmp(key, "by") == 0)
			text = &spec->by;
		else
			return plan_refuse(reason, "attach_partition: \"%s\" is none of its args", key);
		if (v.type != jbvString)
			return plan_refuse(reason, "attach_partition: \"%s\" must be a text", key);
		*text = pnstrdup(v.val.string.val, v.val.string.len);
	}
	return true;
}

/* The parts of a partition. */
static bool
read_parts(const JsonbValue *array, NewPartition *spec, char **reason)
{
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	v;

	if (array->type != jbvBinary || !JsonContainerIsArray(array->val.binary.data))
		return plan_refuse(reason, "attach_partition: \"parts\" must be an array");
	it = JsonbIteratorInit(array->val.binary.data);
	(void) JsonbIteratorNext(&it, &v, false);
	while ((token = JsonbIteratorNext(&it, &v, true)) != WJB_DONE)
	{
		NewPartition *part = palloc0(sizeof(NewPartition));
		int			kinds;

		if (token != WJB_ELEM)
			continue;
		if (v.type != jbvBinary || !JsonContainerIsObject(v.val.binary.data))
			return plan_refuse(reason, "attach_partition: each of \"parts\" must be an object");
		if (!read_object(v.val.binary.data, true, part, NULL, NULL, reason))
			return false;
		kinds = (part->from != NIL && part->to != NIL) + (part->values != NIL) +
			(part->modulus > 0 && part->remainder >= 0 && part->remainder < part->modulus) + part->is_default;
		if (part->name == NULL || kinds != 1 || (part->from == NIL) != (part->to == NIL) ||
			(part->modulus == 0 && part->remainder != 0))
			return plan_refuse(reason, "attach_partition: a part has a name and one bound");
		spec->parts = lappend(spec->parts, part);
	}
	if (spec->parts == NIL)
		return plan_refuse(reason, "attach_partition: \"parts\" is empty");
	return true;
}

/* See the header. */
bool
partition_read(Oid relid, const PlanStep *step, NewPartition *spec, char **reason)
{
	char	   *parent = NULL;
	char	   *like = NULL;

	memset(spec, 0, sizeof(NewPartition));
	if (step->args == NULL)
		return plan_refuse(reason, "attach_partition needs args");
	if (!read_object(&step->args->root, false, spec, &parent, &like, reason))
		return false;
	if (parent == NULL || spec->schema == NULL || spec->name == NULL)
		return plan_refuse(reason, "attach_partition needs parent, schema and name");
	if (spec->by_list ? spec->from != NIL || spec->to != NIL : spec->from == NIL || spec->to == NIL)
		return plan_refuse(reason, "attach_partition needs from and to, or values alone");
	if ((like == NULL) != (spec->by == NULL) || (like == NULL) != (spec->parts == NIL))
		return plan_refuse(reason, "attach_partition needs like, by and parts, or none of them");
	spec->parent = find_parent(relid, parent);
	if (!OidIsValid(spec->parent))
		return plan_refuse(reason, "%s is no partitioned table at or below %s", parent,
						   plan_relation_name(relid));
	spec->like = like ? find_parent(spec->parent, like) : InvalidOid;
	if (like != NULL && !OidIsValid(spec->like))
		return plan_refuse(reason, "%s is no partitioned table below %s", like, parent);
	return true;
}
