/*
 * shape.c
 *	  Reading a table's shape (shape.h).
 */
#include "postgres.h"

#include "observe/shape.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"

/* A member of an object; NULL when there is none. */
static JsonbValue *
member(JsonbContainer *object, const char *key)
{
	if (object == NULL || !JsonContainerIsObject(object))
		return NULL;
	return getKeyJsonValueFromContainer(object, key, strlen(key), NULL);
}

/* See the header. */
JsonbContainer *
shape_container(JsonbContainer *object, const char *key)
{
	JsonbValue *v = member(object, key);

	return v != NULL && v->type == jbvBinary ? v->val.binary.data : NULL;
}

/* See the header. */
char *
shape_string(JsonbContainer *object, const char *key)
{
	JsonbValue *v = member(object, key);

	return v != NULL && v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;
}

/* See the header. */
const char *
shape_word(JsonbContainer *object, const char *key)
{
	const char *s = shape_string(object, key);

	return s ? s : "";
}

/* See the header. */
bool
shape_flag(JsonbContainer *object, const char *key)
{
	JsonbValue *v = member(object, key);

	return v != NULL && v->type == jbvBool && v->val.boolean;
}

/* See the header. */
int64
shape_count(JsonbContainer *object, const char *key)
{
	JsonbValue *v = member(object, key);

	if (v == NULL || v->type != jbvNumeric)
		return 0;
	return DatumGetInt64(DirectFunctionCall1(numeric_int8, NumericGetDatum(v->val.numeric)));
}

/* See the header. */
List *
shape_items(JsonbContainer *shape, const char *key)
{
	JsonbContainer *list = shape_container(shape, key);
	List	   *result = NIL;

	for (uint32 i = 0; list != NULL && JsonContainerIsArray(list) && i < JsonContainerSize(list); i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(list, i);
		ShapeItem  *item;

		if (v == NULL || v->type != jbvBinary || shape_string(v->val.binary.data, "name") == NULL)
			continue;
		item = palloc0(sizeof(ShapeItem));
		item->object = v->val.binary.data;
		item->name = shape_string(item->object, "name");
		result = lappend(result, item);
	}
	return result;
}

static int
compare_items(const ListCell *a, const ListCell *b)
{
	return strcmp(((const ShapeItem *) lfirst(a))->name, ((const ShapeItem *) lfirst(b))->name);
}

/* See the header. */
List *
shape_items_sorted(JsonbContainer *shape, const char *key)
{
	List	   *list = shape_items(shape, key);

	list_sort(list, compare_items);
	return list;
}

/* See the header. */
bool
shape_same(JsonbContainer *a, JsonbContainer *b)
{
	return a != NULL && b != NULL && compareJsonbContainers(a, b) == 0;
}
