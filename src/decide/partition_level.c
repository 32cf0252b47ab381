/*
 * partition_level.c
 *	  A partitioned table and the bounds of its partitions, as values.
 */
#include "postgres.h"

#include "access/relation.h"
#include "access/transam.h"
#include "base/canon.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "decide/partition_level.h"
#include "decide/plan.h"
#include "miscadmin.h"
#include "partitioning/partbounds.h"
#include "partitioning/partdesc.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/partcache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* The parts of bounds, copied out of the relcache. */
static void
read_ranges(PartitionLevel *level, PartitionKey key, PartitionDesc desc)
{
	PartitionBoundInfo bounds = desc->boundinfo;

	level->ranges = palloc0(sizeof(LevelRange) * Max(bounds->ndatums, 1));
	level->decided = true;
	for (int i = 0; i < bounds->ndatums; i++)
		for (int k = 1; k < key->partnatts; k++)
			level->decided &= bounds->kind[i][k] == PARTITION_RANGE_DATUM_MINVALUE ||
				bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE;

	/* indexes[i] is the partition right below datums[i] */
	for (int i = 1; i < bounds->ndatums; i++)
	{
		LevelRange *range;

		if (bounds->indexes[i] < 0)
			continue;
		range = &level->ranges[level->nranges++];
		range->relid = desc->oids[bounds->indexes[i]];
		range->from_min = bounds->kind[i - 1][0] != PARTITION_RANGE_DATUM_VALUE;
		range->to_max = bounds->kind[i][0] != PARTITION_RANGE_DATUM_VALUE;
		if (!range->from_min)
			range->lower = datumCopy(bounds->datums[i - 1][0], key->parttypbyval[0],
									 key->parttyplen[0]);
		if (!range->to_max)
			range->upper = datumCopy(bounds->datums[i][0], key->parttypbyval[0],
									 key->parttyplen[0]);
	}
}

static void
read_values(PartitionLevel *level, PartitionKey key, PartitionDesc desc)
{
	PartitionBoundInfo bounds = desc->boundinfo;

	level->values = palloc0(sizeof(LevelValue) * (bounds->ndatums + 1));
	for (int i = 0; i < bounds->ndatums; i++)
	{
		LevelValue *value = &level->values[level->nvalues++];

		value->relid = desc->oids[bounds->indexes[i]];
		value->value = datumCopy(bounds->datums[i][0], key->parttypbyval[0],
								 key->parttyplen[0]);
	}
	if (bounds->null_index >= 0)
	{
		level->values[level->nvalues].relid = desc->oids[bounds->null_index];
		level->values[level->nvalues++].isnull = true;
	}
}

/* The first of the key's parts as SQL: a column, or an expression. */
static char *
first_part(Relation rel, PartitionKey key)
{
	if (key->partattrs[0] != 0)
		return pstrdup(quote_identifier(NameStr(TupleDescAttr(RelationGetDescr(rel),
															  key->partattrs[0] - 1)->attname)));
	return psprintf("(%s)",
					deparse_expression(linitial(key->partexprs),
									   deparse_context_for(RelationGetRelationName(rel),
														   RelationGetRelid(rel)),
									   false, false));
}

/* See the header. */
PartitionLevel *
partition_level(Oid relid)
{
	Relation	rel = try_relation_open(relid, AccessShareLock);
	PartitionLevel *level;
	PartitionKey key;
	PartitionDesc desc;
	SpiUser		saved;
	int			nest;

	if (rel == NULL)
		return NULL;
	if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
	{
		relation_close(rel, AccessShareLock);
		return NULL;
	}
	spi_become(&saved, rel->rd_rel->relowner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
	nest = canon_pin_settings();
	key = RelationGetPartitionKey(rel);
	desc = RelationGetPartitionDesc(rel, false);
	level = palloc0(sizeof(PartitionLevel));
	level->relid = relid;
	level->strategy = key->strategy;
	level->nkeys = key->partnatts;
	level->column = key->partattrs[0] == 0 ? "" :
		pstrdup(NameStr(TupleDescAttr(RelationGetDescr(rel), key->partattrs[0] - 1)->attname));
	level->expression = first_part(rel, key);
	level->type = key->parttypid[0];
	level->typmod = key->parttypmod[0];
	level->collation = key->partcollation[0];
	fmgr_info_copy(&level->compare, &key->partsupfunc[0], CurrentMemoryContext);
	level->foreign_code = key->partsupfunc[0].fn_oid >= FirstNormalObjectId ||
		(level->type >= FirstNormalObjectId && get_typtype(level->type) != TYPTYPE_ENUM);
	for (int i = 0; i < desc->nparts; i++)
		level->children = lappend_oid(level->children, desc->oids[i]);
	level->decided = true;
	if (desc->nparts > 0 && desc->boundinfo->default_index >= 0)
		level->default_relid = desc->oids[desc->boundinfo->default_index];
	if (desc->nparts > 0 && level->strategy == PARTITION_STRATEGY_RANGE)
		read_ranges(level, key, desc);
	else if (desc->nparts > 0 && level->strategy == PARTITION_STRATEGY_LIST)
		read_values(level, key, desc);
	AtEOXact_GUC(false, nest);
	spi_resume(&saved);
	relation_close(rel, AccessShareLock);
	return level;
}

int
partition_level_compare(const PartitionLevel *level, Datum a, Datum b)
{
	return DatumGetInt32(FunctionCall2Coll(&unconstify(PartitionLevel *, level)->compare,
										   level->collation, a, b));
}

char *
partition_level_text(const PartitionLevel *level, Datum value)
{
	int			nest = canon_pin_settings();
	bool		varlena;
	Oid			output;
	char	   *text;

	getTypeOutputInfo(level->type, &output, &varlena);
	text = OidOutputFunctionCall(output, value);
	AtEOXact_GUC(false, nest);
	return text;
}

/* One text on its way through an input function. */
typedef struct Reading
{
	const PartitionLevel *level;
	const char *text;
	bool		pinned;			/* else under the session's settings */
	MemoryContext cxt;
	Datum		value;
} Reading;

/* Body of a subtransaction: input functions throw. */
static void
read_text(void *arg)
{
	Reading    *r = arg;
	MemoryContext old = MemoryContextSwitchTo(r->cxt);
	int			nest = r->pinned ? canon_pin_settings() : NewGUCNestLevel();
	Oid			input;
	Oid			ioparam;

	getTypeInputInfo(r->level->type, &input, &ioparam);
	r->value = OidInputFunctionCall(input, unconstify(char *, r->text), ioparam,
									r->level->typmod);
	AtEOXact_GUC(false, nest);
	MemoryContextSwitchTo(old);
}

/* See the header. Only a text that the type prints itself is taken, so that
 * what is read, stored, hashed and run is one and the same. */
bool
partition_level_read(const PartitionLevel *level, const char *text, Datum *value, char **reason)
{
	Reading		r = {.level = level,.text = text,.pinned = true,.cxt = CurrentMemoryContext};
	ErrorData  *edata = spi_try(read_text, &r);
	char	   *printed;

	if (edata != NULL)
		return plan_refuse(reason, "the bound \"%s\": %s", text, edata->message);
	printed = partition_level_text(level, r.value);
	if (strcmp(printed, text) != 0)
		return plan_refuse(reason, "the bound \"%s\" is to be written \"%s\"", text, printed);
	*value = r.value;
	return true;
}

/* See the header. */
bool
partition_level_input(const PartitionLevel *level, const char *text, Datum *value, char **reason)
{
	Reading		r = {.level = level,.text = text,.cxt = CurrentMemoryContext};
	ErrorData  *edata = spi_try(read_text, &r);

	if (edata != NULL)
		return plan_refuse(reason, "%s", edata->message);
	*value = r.value;
	return true;
}

/* See the header. */
bool
partition_level_has(const PartitionLevel *level, bool isnull, Datum value)
{
	for (int i = 0; i < level->nvalues; i++)
		if (level->values[i].isnull == isnull &&
			(isnull || partition_level_compare(level, level->values[i].value, value) == 0))
			return true;
	for (int i = 0; i < level->nranges && !isnull; i++)
	{
		const LevelRange *range = &level->ranges[i];

		if ((range->from_min || partition_level_compare(level, range->lower, value) <= 0) &&
			(range->to_max || partition_level_compare(level, range->upper, value) > 0))
			return true;
	}
	return false;
}
