/*
 * partition_below.c
 *	  Partitions of a new partition, where its siblings are partitioned
 *	  themselves.
 *
 * Until the new partition is attached nobody else sees it, so that its own are
 * made in its place, by CREATE TABLE ... PARTITION OF.
 */
#include "postgres.h"

#include "base/canon.h"
#include "base/compat.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_tablespace.h"
#include "commands/tablespace.h"
#include "decide/partition.h"
#include "decide/partition_below.h"
#include "decide/partition_like.h"
#include "decide/partition_names.h"
#include "miscadmin.h"
#include "read/unseen.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

/* See the header. */
LevelNesting
partition_below_nesting(const PartitionLevel *level)
{
	int			nested = 0;
	int			plain = 0;
	ListCell   *lc;

	foreach(lc, level->children)
	{
		if (lfirst_oid(lc) == level->default_relid)
			continue;
		if (get_rel_relkind(lfirst_oid(lc)) == RELKIND_PARTITIONED_TABLE)
			nested++;
		else
			plain++;
	}
	return nested == 0 ? NESTED_NONE : plain == 0 ? NESTED_ALL : NESTED_SOME;
}

/* See the header. */
char *
partition_below_key(Oid relid)
{
	int			nest;
	char	   *key;

	if (get_rel_relkind(relid) != RELKIND_PARTITIONED_TABLE)
		return NULL;
	nest = canon_pin_settings();
	key = TextDatumGetCString(DirectFunctionCall1(pg_get_partkeydef, ObjectIdGetDatum(relid)));
	AtEOXact_GUC(false, nest);
	return key;
}

/* Modulus and remainder of a partition by hash. */
static bool
read_hash(Oid child, NewPartition *part)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, child);
	found = spi_exec("SELECT m[1]::int8, m[2]::int8 FROM pg_class c,"
					 " regexp_match(pg_get_expr(c.relpartbound, c.oid), '^FOR VALUES WITH \\(modulus (\\d+), remainder (\\d+)\\)$') m"
					 " WHERE c.oid = $1 AND m IS NOT NULL", &args) > 0;
	if (found)
	{
		part->modulus = (int) spi_get_int8(0, 1, NULL);
		part->remainder = (int) spi_get_int8(0, 2, NULL);
	}
	spi_close(&saved);
	return found;
}

/* Bounds of a partition by range; false: one without an end. */
static bool
read_range(const PartitionLevel *level, Oid child, NewPartition *part)
{
	for (int i = 0; i < level->nranges; i++)
	{
		const LevelRange *range = &level->ranges[i];

		if (range->relid != child)
			continue;
		if (range->from_min || range->to_max || !level->decided)
			return false;
		part->from = list_make1(partition_level_text(level, range->lower));
		part->to = list_make1(partition_level_text(level, range->upper));
		for (int k = 1; k < level->nkeys; k++)
		{
			part->from = lappend(part->from, NULL);
			part->to = lappend(part->to, NULL);
		}
		return true;
	}
	return false;
}

/* See the header. */
NewPartition *
partition_below_copy(const PartitionLevel *sibling, Oid child, char **reason)
{
	NewPartition *part = palloc0(sizeof(NewPartition));
	bool		good = true;

	part->name = get_rel_name(child);
	if (part->name == NULL || get_rel_relkind(child) != RELKIND_RELATION ||
		get_rel_persistence(child) == RELPERSISTENCE_TEMP)
	{
		plan_refuse(reason, "%s, of which a new one would be like, is no plain table: a person makes it",
					part->name ? plan_relation_name(child) : "a partition");
		return NULL;
	}
	if (child == sibling->default_relid)
		part->is_default = true;
	else if (sibling->strategy == PARTITION_STRATEGY_HASH)
		good = read_hash(child, part);
	else if (sibling->strategy == PARTITION_STRATEGY_RANGE)
		good = read_range(sibling, child, part);
	else
	{
		part->by_list = true;
		for (int i = 0; i < sibling->nvalues; i++)
			if (sibling->values[i].relid == child)
				part->values = lappend(part->values, sibling->values[i].isnull ? NULL :
									   partition_level_text(sibling, sibling->values[i].value));
		good = part->values != NIL;
	}
	if (good)
		return part;
	plan_refuse(reason, "%s has no two ends: a person makes a partition like it", plan_relation_name(child));
	return NULL;
}

/* See the header. */
char *
partition_below_name(const char *name, const char *sibling, const char *parent)
{
	size_t		len = strlen(sibling);

	if (strncmp(name, parent, strlen(parent)) == 0)
		return pstrdup(name);
	return strncmp(name, sibling, len) == 0 ? psprintf("%s%s", parent, name + len) :
		psprintf("%s_%s", parent, name);
}

/* ---- checking ---- */

/* See the header. */
bool
partition_below_current(const PartitionLevel *level, const NewPartition *spec, char **reason)
{
	char	   *key;

	if (!OidIsValid(spec->like))
		return true;
	key = partition_below_key(spec->like);
	if (key == NULL || spec->like == level->default_relid || !list_member_oid(level->children, spec->like))
		return plan_refuse(reason, "what the new partition is to be like is no partitioned partition of %s",
						   plan_relation_name(level->relid));
	if (strcmp(key, spec->by) != 0)
		return plan_refuse(reason, "%s is partitioned by %s, not by %s", plan_relation_name(spec->like),
						   key, spec->by);
	return true;
}

/* Is the bound of a hash partition one that the sibling has? */
static bool
has_hash(const PartitionLevel *sibling, const NewPartition *part)
{
	ListCell   *lc;

	foreach(lc, sibling->children)
	{
		NewPartition other = {0};

		if (read_hash(lfirst_oid(lc), &other) && other.modulus == part->modulus &&
			other.remainder == part->remainder)
			return true;
	}
	return false;
}

/* The bound of one part, by the sibling's key. */
static bool
check_bound(const PartitionLevel *sibling, const NewPartition *part, char **reason)
{
	char	   *name = plan_relation_name(sibling->relid);

	if (part->is_default)
		return OidIsValid(sibling->default_relid) ||
			plan_refuse(reason, "%s has no default partition", name);
	if (part->modulus > 0)
		return has_hash(sibling, part) ||
			plan_refuse(reason, "%s has no partition with modulus %d and remainder %d", name,
						part->modulus, part->remainder);
	if ((sibling->strategy == PARTITION_STRATEGY_HASH) ||
		(sibling->strategy == PARTITION_STRATEGY_LIST) != part->by_list)
		return plan_refuse(reason, "%s is partitioned otherwise", name);
	return partition_check_bounds(sibling, part, reason);
}

/* See the header. */
bool
partition_below_check(const PartitionLevel *level, const NewPartition *spec, Oid owner, char **reason)
{
	PartitionLevel *sibling;
	List	   *names = list_make1(spec->name);
	Oid			schema = get_namespace_oid(spec->schema, true);
	Oid			tablespace;
	ListCell   *lc;
	ListCell   *lc2;

	if (!partition_below_current(level, spec, reason))
		return false;
	sibling = partition_level(spec->like);
	tablespace = partition_like_tablespace(spec->like);
	if (sibling == NULL || sibling->foreign_code)
		return plan_refuse(reason, "the key of %s is not of PostgreSQL's own types and operators",
						   plan_relation_name(spec->like));
	if (list_length(spec->parts) > PARTITIONS_BELOW)
		return plan_refuse(reason, "%s would have more than %d partitions of its own", quote_identifier(spec->name),
						   PARTITIONS_BELOW);
	foreach(lc, sibling->children)
	{
		if (get_rel_relkind(lfirst_oid(lc)) != RELKIND_RELATION ||
			get_rel_persistence(lfirst_oid(lc)) == RELPERSISTENCE_TEMP)
			return plan_refuse(reason, "%s is no plain table: a person makes a partition that has one like it",
							   plan_relation_name(lfirst_oid(lc)));
	}
	if (sibling->strategy == PARTITION_STRATEGY_HASH &&
		list_length(spec->parts) != list_length(sibling->children))
		return plan_refuse(reason, "%s has %d partitions by hash, and a new one like it needs all of them",
						   plan_relation_name(spec->like), list_length(sibling->children));
	foreach(lc, spec->parts)
	{
		const NewPartition *part = lfirst(lc);

		if (part->name[0] == '\0' || strlen(part->name) >= NAMEDATALEN || unseen_in(part->name))
			return plan_refuse(reason, "the name \"%s\" is too long or too short, or holds a character that is not seen",
							   part->name);
		foreach(lc2, names)
		{
			if (strcmp(lfirst(lc2), part->name) == 0)
				return plan_refuse(reason, "%s is made twice", quote_identifier(part->name));
		}
		names = lappend(names, part->name);
		if (partition_names_taken(part->name, schema))
			return plan_refuse(reason, "%s exists already", quote_qualified_identifier(spec->schema, part->name));
		if (!check_bound(sibling, part, reason))
			return false;
	}
	if (OidIsValid(tablespace) &&
		compat_tablespace_aclcheck(tablespace, owner, ACL_CREATE) != ACLCHECK_OK)
		return plan_refuse(reason, "the table's owner may not create tables there: GRANT CREATE ON TABLESPACE %s TO %s",
						   quote_identifier(get_tablespace_name(tablespace)),
						   quote_identifier(GetUserNameFromId(owner, false)));
	return true;
}

/* ---- rendering ---- */

/* See the header. */
List *
partition_below_statements(const NewPartition *spec, const char *schema, const char *table)
{
	const PartitionLikeness *model = partition_like(spec->like);
	List	   *result = NIL;
	ListCell   *lc;

	foreach(lc, spec->parts)
	{
		const NewPartition *part = lfirst(lc);

		result = lappend(result,
						 psprintf("CREATE %sTABLE %s PARTITION OF %s %s%s", model->unlogged ? "UNLOGGED " : "",
								  quote_qualified_identifier(schema, part->name), table,
								  partition_bound_sql(part), model->storage));
	}
	return result;
}

/* See the header. */
List *
partition_below_after(const NewPartition *spec, const char *schema)
{
	const PartitionLikeness *model = partition_like(spec->like);
	List	   *result = NIL;
	ListCell   *lc;
	ListCell   *lc2;

	foreach(lc, spec->parts)
	{
		foreach(lc2, model->after)
			result = lappend(result,
							 psprintf("ALTER TABLE %s %s",
									  quote_qualified_identifier(schema, ((const NewPartition *) lfirst(lc))->name),
									  (char *) lfirst(lc2)));
	}
	return result;
}
