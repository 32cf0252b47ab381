/*
 * snapshot_diff.c
 *	  What changed between two shapes of a table (snapshot.h).
 *
 * Shapes may be stored ones, of tables and types that are gone, or what a
 * person has written down: everything is read from the JSON alone, and what is
 * not there, or is not what it should be, counts as nothing.
 */
#include "postgres.h"

#include "observe/shape.h"
#include "observe/snapshot.h"
#include "read/rulechange.h"
#include "read/typechange.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"

/* Both shapes, and what was found so far. */
typedef struct Diff
{
	JsonbContainer *was;
	JsonbContainer *now;
	const Jsonb *renamed;
	char	   *table;			/* as it is named now */
	List	   *changes;
} Diff;

static void
add(Diff *diff, const char *kind, const char *name, const char *was, const char *now, bool breaks)
{
	SnapshotChange *change = palloc(sizeof(SnapshotChange));

	change->kind = kind;
	change->name = pstrdup(name);
	change->was = was && was[0] ? pstrdup(was) : NULL;
	change->now = now && now[0] ? pstrdup(now) : NULL;
	change->breaks = breaks;
	diff->changes = lappend(diff->changes, change);
}

/* A column in words. */
static char *
column_words(JsonbContainer *c)
{
	return psprintf("%s%s%s%s%s%s%s%s", shape_word(c, "type"), shape_flag(c, "not_null") ? " NOT NULL" : "",
					shape_string(c, "default") ? " DEFAULT " : "", shape_word(c, "default"),
					shape_string(c, "generated") ? " GENERATED " : "", shape_word(c, "generated"),
					shape_string(c, "identity") ? " GENERATED AS IDENTITY " : "", shape_word(c, "identity"));
}

/* Has the column a value when none is sent? */
static bool
fills_itself(JsonbContainer *c)
{
	return shape_string(c, "default") != NULL || shape_string(c, "generated") != NULL || shape_string(c, "identity") != NULL;
}

/* What this type of the shape is, when it is a domain that refuses anything or
 * is one of something; the type beneath all domains. */
static const char *
beneath(JsonbContainer *shape, const char *type, bool *refuses)
{
	JsonbContainer *types = shape_container(shape, "types");

	/* a domain of a domain of ...; no shape of ours goes round in a ring */
	for (int depth = 0; depth < 64; depth++)
	{
		JsonbContainer *t = shape_container(types, type);
		JsonbContainer *rules;

		if (strcmp(shape_word(t, "kind"), "domain") != 0 || shape_string(t, "base") == NULL)
			break;
		rules = shape_container(t, "constraints");
		*refuses |= shape_flag(t, "not_null") || (rules != NULL && JsonContainerSize(rules) > 0);
		type = shape_string(t, "base");
	}
	return type;
}

static bool
is_enum(JsonbContainer *shape, const char *type)
{
	return strcmp(shape_word(shape_container(shape_container(shape, "types"), type), "kind"), "enum") == 0;
}

/* Is one name for a type of people now another, the type being the same? */
static bool
type_renamed(const Diff *diff, const char *was, const char *now)
{
	char	   *a = pstrdup(was);
	char	   *b = pstrdup(now);
	size_t		la = strlen(a);
	size_t		lb = strlen(b);

	while (la > 2 && lb > 2 && strcmp(a + la - 2, "[]") == 0 && strcmp(b + lb - 2, "[]") == 0)
	{
		a[la -= 2] = '\0';
		b[lb -= 2] = '\0';
	}
	return shape_container(shape_container(diff->was, "types"), b) == NULL &&
		shape_same(shape_container(shape_container(diff->was, "types"), a), shape_container(shape_container(diff->now, "types"), b));
}

static void
diff_type(Diff *diff, const char *column, const char *was, const char *now)
{
	bool		refused = false;
	bool		refuses = false;
	const char *base_was = beneath(diff->was, was, &refused);
	const char *base_now = beneath(diff->now, now, &refuses);
	TypeChange	change;

	if (strcmp(was, now) == 0)
		return;
	if (type_renamed(diff, was, now))
	{
		add(diff, "type_renamed", column, was, now, false);
		return;
	}
	change = type_change(base_was, base_now);
	if (change == TYPE_OTHER && is_enum(diff->was, base_was) && !is_enum(diff->now, base_now) &&
		type_change("text", base_now) != TYPE_NARROWED && type_is_word(base_now))
		change = TYPE_WIDENED;
	else if (change == TYPE_OTHER && is_enum(diff->now, base_now) && type_is_word(base_was))
		change = TYPE_NARROWED;
	if (change == TYPE_SAME)
		change = TYPE_WIDENED;
	if (change == TYPE_WIDENED && refuses)
		change = TYPE_NARROWED;
	add(diff, change == TYPE_WIDENED ? "type_widened" : change == TYPE_NARROWED ? "type_narrowed" : "type_changed",
		column, was, now, change != TYPE_WIDENED);
}

static void
diff_column(Diff *diff, JsonbContainer *was, JsonbContainer *now, const char *name)
{
	bool		null_was = !shape_flag(was, "not_null");
	bool		null_now = !shape_flag(now, "not_null");

	diff_type(diff, name, shape_word(was, "type"), shape_word(now, "type"));
	if (null_was != null_now)
		add(diff, null_was ? "not_null_added" : "not_null_removed", name, NULL, NULL, null_was);
	if (strcmp(shape_word(was, "default"), shape_word(now, "default")) != 0)
		add(diff, "default_changed", name, shape_string(was, "default"), shape_string(now, "default"),
			!fills_itself(now) && !null_now);
	if (strcmp(shape_word(was, "collation"), shape_word(now, "collation")) != 0)
		add(diff, "collation_changed", name, shape_string(was, "collation"), shape_string(now, "collation"), false);
	if (strcmp(shape_word(was, "identity"), shape_word(now, "identity")) != 0)
		add(diff, "identity_changed", name, shape_string(was, "identity"), shape_string(now, "identity"),
			strcmp(shape_word(now, "identity"), "always") == 0 || (!fills_itself(now) && !null_now));
	if (strcmp(shape_word(was, "generated"), shape_word(now, "generated")) != 0 || shape_flag(was, "virtual") != shape_flag(now, "virtual"))
		add(diff, "generated_changed", name, shape_string(was, "generated"), shape_string(now, "generated"),
			shape_string(now, "generated") != NULL);
}

/* What a column is called now, as far as the caller knows. */
static char *
name_now(const Diff *diff, const char *name)
{
	char	   *now = diff->renamed ? shape_string((JsonbContainer *) &diff->renamed->root, name) : NULL;

	return now ? now : pstrdup(name);
}

static ShapeItem *
find_item(List *list, const char *name)
{
	ListCell   *lc;

	foreach(lc, list)
	{
		ShapeItem  *item = lfirst(lc);

		if (!item->paired && strcmp(item->name, name) == 0)
			return item;
	}
	return NULL;
}

static void
diff_columns(Diff *diff)
{
	List	   *was = shape_items(diff->was, "columns");
	List	   *now = shape_items(diff->now, "columns");
	bool		reordered = false;
	int			last = -1;
	ListCell   *lc;

	foreach(lc, was)
	{
		const ShapeItem *old = lfirst(lc);
		char	   *name = name_now(diff, old->name);
		ShapeItem  *new = find_item(now, name);
		int			at = 0;
		ListCell   *place;

		if (new == NULL)
		{
			add(diff, "column_dropped", old->name, column_words(old->object), NULL, true);
			continue;
		}
		if (strcmp(old->name, new->name) != 0)
			add(diff, "column_renamed", old->name, old->name, new->name, true);
		diff_column(diff, old->object, new->object, new->name);
		new->paired = true;
		foreach(place, now)
		{
			if (lfirst(place) == new)
				at = foreach_current_index(place);
		}
		reordered |= at < last;
		last = at;
	}
	foreach(lc, now)
	{
		const ShapeItem *new = lfirst(lc);

		if (!new->paired)
			add(diff, "column_added", new->name, NULL, column_words(new->object),
				shape_flag(new->object, "not_null") && !fills_itself(new->object));
	}
	if (reordered)
		add(diff, "columns_reordered", diff->table, NULL, NULL, true);
}

/* How the changes of one kind of named things are called and judged. */
typedef struct Family
{
	const char *added;
	const char *dropped;
	const char *changed;
	const char *renamed;		/* NULL: a rename is a drop and a new one */
	bool		addition_breaks;
	bool		loss_breaks;
	char	   *(*words) (JsonbContainer *);
	bool		(*breaks) (const char *was, const char *now);
} Family;

static char *
constraint_words(JsonbContainer *c)
{
	return psprintf("%s%s", strcmp(shape_word(c, "kind"), "unique_index") == 0 ? "UNIQUE INDEX " : "", shape_word(c, "definition"));
}

static char *
trigger_words(JsonbContainer *t)
{
	return psprintf("%s calls %s", shape_word(t, "enabled"), shape_word(t, "calls"));
}

static char *
partition_words(JsonbContainer *p)
{
	StringInfoData out;
	ListCell   *lc;

	initStringInfo(&out);
	appendStringInfoString(&out, shape_word(p, "bound"));
	if (shape_string(p, "of") != NULL)
		appendStringInfo(&out, " OF %s", shape_word(p, "of"));
	if (shape_string(p, "key") != NULL)
		appendStringInfo(&out, " PARTITION BY %s", shape_word(p, "key"));
	foreach(lc, shape_items_sorted(p, "constraints"))
	{
		const ShapeItem *own = lfirst(lc);

		appendStringInfo(&out, " CONSTRAINT %s %s", quote_identifier(own->name), shape_word(own->object, "definition"));
	}
	return out.data;
}

static bool
never_breaks(const char *was, const char *now)
{
	return false;
}

static bool
always_breaks(const char *was, const char *now)
{
	return true;
}

static const Family constraints = {
	"constraint_added", "constraint_dropped", "constraint_changed", "constraint_renamed",
	true, false, constraint_words, rule_refuses_more
};
static const Family triggers = {
	"trigger_added", "trigger_dropped", "trigger_changed", NULL,
	false, false, trigger_words, never_breaks
};
static const Family partitions = {
	"partition_added", "partition_dropped", "partition_changed", "partition_renamed",
	false, true, partition_words, always_breaks
};

/* What is in one list alone: the same under another name is renamed. */
static void
diff_unpaired(Diff *diff, const Family *family, List *gone, List *come)
{
	ListCell   *lc;
	ListCell   *other;

	foreach(lc, gone)
	{
		const ShapeItem *old = lfirst(lc);
		char	   *words = family->words(old->object);
		ShapeItem  *again = NULL;

		foreach(other, family->renamed ? come : NIL)
		{
			ShapeItem  *new = lfirst(other);

			if (new->words == NULL)
				new->words = family->words(new->object);
			if (!new->paired && strcmp(words, new->words) == 0)
			{
				again = new;
				break;
			}
		}
		if (again != NULL)
		{
			again->paired = true;
			add(diff, family->renamed, old->name, old->name, again->name, false);
		}
		else
			add(diff, family->dropped, old->name, words, NULL, family->loss_breaks);
	}
	foreach(lc, come)
	{
		const ShapeItem *new = lfirst(lc);
		char	   *words = family->words(new->object);

		if (!new->paired)
			add(diff, family->added, new->name, NULL, words, family->addition_breaks && rule_is_enforced(words));
	}
}

/* Two lists side by side, in the order of their names: there may be a thousand
 * partitions. */
static void
diff_named(Diff *diff, const Family *family, const char *key)
{
	List	   *was = shape_items_sorted(diff->was, key);
	List	   *now = shape_items_sorted(diff->now, key);
	List	   *gone = NIL;
	List	   *come = NIL;
	int			i = 0;
	int			j = 0;

	while (i < list_length(was) || j < list_length(now))
	{
		ShapeItem  *old = i < list_length(was) ? list_nth(was, i) : NULL;
		ShapeItem  *new = j < list_length(now) ? list_nth(now, j) : NULL;
		int			order = old == NULL ? 1 : new == NULL ? -1 : strcmp(old->name, new->name);

		if (order < 0)
			gone = lappend(gone, old);
		else if (order > 0)
			come = lappend(come, new);
		else if (!shape_same(old->object, new->object))
		{
			char	   *a = family->words(old->object);
			char	   *b = family->words(new->object);

			if (strcmp(a, b) != 0)
				add(diff, family->changed, old->name, a, b, family->breaks(a, b));
		}
		i += order <= 0;
		j += order >= 0;
	}
	diff_unpaired(diff, family, gone, come);
}

static void
diff_labels(Diff *diff, const char *type, JsonbContainer *was, JsonbContainer *now)
{
	uint32		n = was ? JsonContainerSize(was) : 0;
	uint32		m = now ? JsonContainerSize(now) : 0;
	uint32		i;

	if (was == NULL || now == NULL || !JsonContainerIsArray(was) || !JsonContainerIsArray(now))
		return;
	for (i = 0; i < n; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(was, i);
		JsonbValue *w;
		char	   *label = v->type == jbvString ? pnstrdup(v->val.string.val, v->val.string.len) : NULL;

		if (label == NULL || findJsonbValueFromContainer(now, JB_FARRAY, v) != NULL)
			continue;
		w = n == m ? getIthJsonbValueFromContainer(now, i) : NULL;
		if (w != NULL && w->type == jbvString && findJsonbValueFromContainer(was, JB_FARRAY, w) == NULL)
			add(diff, "enum_label_renamed", type, label, pnstrdup(w->val.string.val, w->val.string.len), true);
		else
			add(diff, "enum_label_dropped", type, label, NULL, true);
	}
	for (i = 0; i < m; i++)
	{
		JsonbValue *v = getIthJsonbValueFromContainer(now, i);
		JsonbValue *w = n == m ? getIthJsonbValueFromContainer(was, i) : NULL;

		if (v->type != jbvString || findJsonbValueFromContainer(was, JB_FARRAY, v) != NULL)
			continue;
		if (w != NULL && w->type == jbvString && findJsonbValueFromContainer(now, JB_FARRAY, w) == NULL)
			continue;			/* renamed: said already */
		add(diff, "enum_label_added", type, NULL, pnstrdup(v->val.string.val, v->val.string.len), false);
	}
}

/* The rules of a domain have names of their own; what a reader wants to know
 * is the type. */
static void
diff_domain(Diff *diff, const char *type, JsonbContainer *was, JsonbContainer *now)
{
	List	   *old = shape_items_sorted(was, "constraints");
	List	   *new = shape_items_sorted(now, "constraints");
	ListCell   *lc;

	foreach(lc, old)
	{
		const ShapeItem *a = lfirst(lc);
		ShapeItem  *b = find_item(new, a->name);
		const char *rule = shape_word(a->object, "definition");

		if (b == NULL)
			add(diff, "domain_constraint_dropped", type, rule, NULL, false);
		else if (strcmp(rule, shape_word(b->object, "definition")) != 0)
			add(diff, "domain_constraint_changed", type, rule, shape_word(b->object, "definition"),
				rule_refuses_more(rule, shape_word(b->object, "definition")));
		if (b != NULL)
			b->paired = true;
	}
	foreach(lc, new)
	{
		const ShapeItem *b = lfirst(lc);

		if (!b->paired)
			add(diff, "domain_constraint_added", type, NULL, shape_word(b->object, "definition"), true);
	}
	if (shape_flag(was, "not_null") != shape_flag(now, "not_null"))
		add(diff, shape_flag(now, "not_null") ? "domain_not_null_added" : "domain_not_null_removed", type, NULL, NULL,
			shape_flag(now, "not_null"));
	if (strcmp(shape_word(was, "default"), shape_word(now, "default")) != 0)
		add(diff, "domain_default_changed", type, shape_string(was, "default"), shape_string(now, "default"), false);
}

/* A type in words: "domain over text", "(a integer, b text)". */
static char *
type_words(JsonbContainer *t)
{
	const char *base = shape_string(t, "base");
	StringInfoData out;
	ListCell   *lc;

	if (strcmp(shape_word(t, "kind"), "composite") != 0)
		return psprintf("%s%s%s", shape_word(t, "kind"),
						base == NULL ? "" : strcmp(shape_word(t, "kind"), "domain") == 0 ? " over " : " of ", base ? base : "");
	initStringInfo(&out);
	appendStringInfoChar(&out, '(');
	foreach(lc, shape_items(t, "attributes"))
	{
		const ShapeItem *attribute = lfirst(lc);

		appendStringInfo(&out, "%s%s %s", out.len > 1 ? ", " : "",
						 quote_identifier(attribute->name), shape_word(attribute->object, "type"));
	}
	appendStringInfoChar(&out, ')');
	return out.data;
}

/* Types that are in both; of one that came or went the columns tell. */
static void
diff_types(Diff *diff)
{
	JsonbContainer *types = shape_container(diff->was, "types");
	JsonbIterator *it;
	JsonbIteratorToken token;
	JsonbValue	key;

	if (types == NULL || !JsonContainerIsObject(types))
		return;
	it = JsonbIteratorInit(types);
	while ((token = JsonbIteratorNext(&it, &key, true)) != WJB_DONE)
	{
		char	   *type;
		JsonbContainer *was;
		JsonbContainer *now;
		const char *kind;

		if (token != WJB_KEY)
			continue;
		type = pnstrdup(key.val.string.val, key.val.string.len);
		was = shape_container(types, type);
		now = shape_container(shape_container(diff->now, "types"), type);
		if (was == NULL || now == NULL || shape_same(was, now))
			continue;
		kind = shape_word(now, "kind");
		if (strcmp(shape_word(was, "kind"), kind) != 0 || strcmp(shape_word(was, "base"), shape_word(now, "base")) != 0 ||
			strcmp(kind, "composite") == 0)
			add(diff, "type_redefined", type, type_words(was), type_words(now), true);
		else if (strcmp(kind, "enum") == 0)
			diff_labels(diff, type, shape_container(was, "labels"), shape_container(now, "labels"));
		else if (strcmp(kind, "domain") == 0)
			diff_domain(diff, type, was, now);
	}
}

static char *
qualified(JsonbContainer *shape)
{
	return quote_qualified_identifier(shape_string(shape, "schema"), shape_word(shape, "table"));
}

static void
diff_table(Diff *diff)
{
	char	   *was = qualified(diff->was);
	const char *rls_was = shape_word(diff->was, "row_security");
	const char *rls_now = shape_word(diff->now, "row_security");

	if (strcmp(was, diff->table) != 0)
		add(diff, "table_renamed", was, was, diff->table, true);
	if (strcmp(shape_word(diff->was, "kind"), shape_word(diff->now, "kind")) != 0)
		add(diff, "kind_changed", diff->table, shape_string(diff->was, "kind"), shape_string(diff->now, "kind"), true);
	if (strcmp(rls_was, rls_now) != 0)
		add(diff, "row_security_changed", diff->table, rls_was, rls_now,
			strcmp(rls_now, "forced") == 0 || (strcmp(rls_now, "on") == 0 && strcmp(rls_was, "forced") != 0));
}

static void
diff_partitions(Diff *diff)
{
	int64		was = shape_count(diff->was, "partition_count");
	int64		now = shape_count(diff->now, "partition_count");

	if (strcmp(shape_word(diff->was, "partition_key"), shape_word(diff->now, "partition_key")) != 0)
		add(diff, "partition_key_changed", diff->table, shape_string(diff->was, "partition_key"),
			shape_string(diff->now, "partition_key"), true);
	if (shape_string(diff->was, "partition_digest") == NULL && shape_string(diff->now, "partition_digest") == NULL)
		diff_named(diff, &partitions, "partitions");
	else if (strcmp(shape_word(diff->was, "partition_digest"), shape_word(diff->now, "partition_digest")) != 0)
		add(diff, "partitions_changed", diff->table, psprintf(INT64_FORMAT, was), psprintf(INT64_FORMAT, now), now < was);
}

/* See the header. */
List *
snapshot_diff(const Jsonb *was, const Jsonb *now, const Jsonb *renamed)
{
	Diff		diff = {NULL, NULL, renamed, NULL, NIL};

	diff.was = (JsonbContainer *) &was->root;
	if (now == NULL)
	{
		add(&diff, "table_dropped", qualified(diff.was), qualified(diff.was), NULL, true);
		return diff.changes;
	}
	diff.now = (JsonbContainer *) &now->root;
	diff.table = qualified(diff.now);
	diff_table(&diff);
	diff_columns(&diff);
	diff_named(&diff, &constraints, "constraints");
	diff_types(&diff);
	diff_named(&diff, &triggers, "triggers");
	diff_partitions(&diff);
	return diff.changes;
}

/* See the header. */
Jsonb *
snapshot_changes(const List *changes)
{
	StringInfoData out;
	const ListCell *lc;

	initStringInfo(&out);
	appendStringInfoChar(&out, '[');
	foreach(lc, changes)
	{
		const SnapshotChange *change = lfirst(lc);

		appendStringInfo(&out, "%s{\"kind\":\"%s\",\"name\":", out.len > 1 ? "," : "", change->kind);
		escape_json(&out, change->name);
		if (change->was)
		{
			appendStringInfoString(&out, ",\"was\":");
			escape_json(&out, change->was);
		}
		if (change->now)
		{
			appendStringInfoString(&out, ",\"now\":");
			escape_json(&out, change->now);
		}
		appendStringInfo(&out, ",\"breaks\":%s}", change->breaks ? "true" : "false");
	}
	appendStringInfoChar(&out, ']');
	return DatumGetJsonbP(DirectFunctionCall1(jsonb_in, CStringGetDatum(out.data)));
}
