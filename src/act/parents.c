/*
 * parents.c
 *	  Foreign keys of a clone, which has none: held rows that miss a parent.
 *
 * The rows go from the clone to the parent's owner as a relation of the query
 * alone: he needs no right on the clone, nor the table's owner on the parent.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "act/parents.h"
#include "read/fills.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/queryenvironment.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"
#include "utils/typcache.h"

/* Name under which the rows stand in the FROM clause. */
#define ROWS "selfheal_keys"

/* One foreign key. */
typedef struct ForeignKey
{
	ForeignKeyCacheInfo *info;
	char	   *name;
	const Clone *child;			/* the root, or the member that alone has it */
	bool		full;			/* MATCH FULL */
	Oid			index;			/* of the parent */
	Oid			parent_owner;
	bool		parent_parted;
	bool		self;			/* rows of the table are its parents */
	char	   *compare;		/* parent p, rows k */
	char	   *compare_clone;	/* the same for parents q on the clone */
} ForeignKey;

struct Parents
{
	Clone	   *clone;
	int			members;		/* of the clone when the keys were read */
	List	   *keys;			/* ForeignKey * */
	bool		known;
};

/* ---- reading ---- */

/* Type of a column of the table's clone, which the plan may have changed. */
static Oid
type_on_clone(const Clone *clone, AttrNumber attnum)
{
	return get_atttype(clone->oid,
					   get_attnum(clone->oid, get_attname(clone->relid, attnum, false)));
}

/* Operator family and input type by which the parent's index compares. */
static void
family_of_index(Oid indexid, AttrNumber attnum, Oid *family, Oid *input)
{
	Relation	index = index_open(indexid, AccessShareLock);

	*family = *input = InvalidOid;
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
		if (index->rd_index->indkey.values[i] == attnum)
		{
			*family = index->rd_opfamily[i];
			*input = index->rd_opcintype[i];
		}
	index_close(index, NoLock);
}

/*
 * "parent = child" as the ALTER would find it anew: an operator of the index's
 * family for the two types, or the index's own where the child's value goes
 * over to its type by itself. InvalidOid: none.
 */
static Oid
find_equality(Oid family, Oid input, Oid child)
{
	Oid			op = get_opfamily_member(family, input, getBaseType(child),
										 BTEqualStrategyNumber);

	if (!OidIsValid(op) && can_coerce_type(1, &child, &input, COERCION_IMPLICIT))
		op = get_opfamily_member(family, input, input, BTEqualStrategyNumber);
	return op;
}

/*
 * One column of the key as "parent = child" twice: against the real parent,
 * and (of a table that references itself) against the clone. False when the
 * types cannot be compared: the ALTER itself would fail (vet.c sees to that).
 */
static bool
compare_column(const ForeignKey *key, int i, StringInfo real, StringInfo clone)
{
	const ForeignKeyCacheInfo *info = key->info;
	const char *column = quote_identifier(get_attname(info->confrelid, info->confkey[i], false));
	Oid			parent = get_atttype(info->confrelid, info->confkey[i]);
	Oid			parent_new = key->self ? type_on_clone(key->child, info->confkey[i]) : parent;
	Oid			child = type_on_clone(key->child, info->conkey[i]);
	Oid			op = info->conpfeqop[i];

	if (parent_new != parent ||
		child != get_atttype(info->conrelid, info->conkey[i]))
	{
		Oid			family;
		Oid			input;

		family_of_index(key->index, info->confkey[i], &family, &input);
		if (parent_new != parent)
		{
			TypeCacheEntry *type = lookup_type_cache(parent_new, TYPECACHE_BTREE_OPFAMILY);

			family = type->btree_opf;
			input = type->btree_opintype;
		}
		op = find_equality(family, input, child);
		if (!OidIsValid(op))
			return false;
	}
	appendStringInfoString(real, i ? " AND " : "");
	generate_operator_clause(real, psprintf("p.%s", column), parent, op,
							 psprintf("k.c%d", i + 1), child);
	if (key->self)
	{
		appendStringInfoString(clone, i ? " AND " : "");
		generate_operator_clause(clone, psprintf("q.%s", column), parent_new, op,
								 psprintf("k.c%d", i + 1), child);
	}
	return true;
}

/*
 * One foreign key of the child, or NULL when it is its root's, when nothing
 * checks it (disabled, or NOT ENFORCED: no trigger) or when we cannot compare
 * (periods; then *known is false).
 */
static ForeignKey *
read_key(const Clone *clone, const Clone *child, const ForeignKeyCacheInfo *info, bool *known)
{
	ForeignKey *key = palloc0(sizeof(ForeignKey));
	StringInfoData real;
	StringInfoData own;
	SpiArgs		args;

	spi_args(&args);
	spi_arg_int8(&args, info->conoid);
	if (spi_exec("SELECT conname, confmatchtype = 'f', conindid, p.relowner, p.relkind = 'p',"
				 " coalesce((to_jsonb(c) ->> 'conperiod')::boolean, false)"
				 " FROM pg_constraint c JOIN pg_class p ON p.oid = confrelid"
				 " WHERE c.oid = $1::oid AND conparentid = 0 AND EXISTS (SELECT FROM pg_trigger"
				 "   WHERE tgconstraint = c.oid AND tgrelid = c.conrelid"
				 "   AND tgtype & 4 <> 0 AND tgenabled IN ('O', 'A'))", &args) == 0)
		return NULL;
	if (spi_get_bool(0, 6, NULL))
	{
		*known = false;
		return NULL;
	}
	key->info = copyObject(unconstify(ForeignKeyCacheInfo *, info));
	key->name = spi_get_text(0, 1, CurrentMemoryContext);
	key->child = child;
	key->full = spi_get_bool(0, 2, NULL);
	key->index = spi_get_oid(0, 3, NULL);
	key->parent_owner = spi_get_oid(0, 4, NULL);
	key->parent_parted = spi_get_bool(0, 5, NULL);
	key->self = info->confrelid == clone->relid && child == clone;
	initStringInfo(&real);
	initStringInfo(&own);
	for (int i = 0; i < info->nkeys; i++)
		if (!compare_column(key, i, &real, &own))
		{
			*known = false;
			return NULL;
		}
	key->compare = real.data;
	key->compare_clone = own.data;
	return key;
}

/* The foreign keys of one table, those of its root aside. */
static void
read_keys(Parents *parents, const Clone *child)
{
	Relation	rel = table_open(child->relid, NoLock);
	List	   *infos = copyObject(RelationGetFKeyList(rel));
	ListCell   *lc;

	table_close(rel, NoLock);
	foreach(lc, infos)
	{
		ForeignKey *key = read_key(parents->clone, child, lfirst(lc), &parents->known);

		if (key)
			parents->keys = lappend(parents->keys, key);
	}
}

/* Read them all. Those of inheriting tables are not for rows of the root. */
static void
read_all(Parents *parents)
{
	Clone	   *clone = parents->clone;
	MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(parents));
	ListCell   *lc;

	parents->keys = NIL;
	parents->members = list_length(clone->members);
	read_keys(parents, clone);
	if (clone->relkind == RELKIND_PARTITIONED_TABLE)
		foreach(lc, clone->members)
			read_keys(parents, lfirst(lc));
	MemoryContextSwitchTo(old);
}

Parents *
parents_open(Clone *clone)
{
	Parents    *parents;

	if ((*clone->gaps & COVERAGE_FOREIGN_KEYS) == 0 || fills_nulls(clone->relid))
		return NULL;
	parents = palloc0(sizeof(Parents));
	parents->clone = clone;
	parents->known = !clone->flat;	/* partitions may have keys of their own */
	read_all(parents);
	return parents;
}

bool
parents_known(const Parents *parents)
{
	return parents->known;
}

/* ---- asking ---- */

/* Make the rows of the last query known to the next ones as a relation. */
static void
register_rows(void)
{
	EphemeralNamedRelation enr = palloc0(sizeof(EphemeralNamedRelationData));
	Tuplestorestate *store = tuplestore_begin_heap(false, false, work_mem);

	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(store, SPI_tuptable->vals[i]);
	enr->md.name = ROWS;
	enr->md.reliddesc = InvalidOid;
	enr->md.tupdesc = CreateTupleDescCopy(SPI_tuptable->tupdesc);
	enr->md.enrtype = ENR_NAMED_TUPLESTORE;
	enr->md.enrtuples = SPI_processed;
	enr->reldata = store;
	if (SPI_register_relation(enr) != SPI_OK_REL_REGISTER)
		elog(ERROR, "could not register the keys of held rows");
}

/* SELECT place and key of the rows that are new and have a key to look for. */
static char *
new_rows_sql(const ForeignKey *key)
{
	const ForeignKeyCacheInfo *info = key->info;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfoString(&sql, "SELECT c.tableoid AS t, c.ctid AS i");
	for (int i = 0; i < info->nkeys; i++)
		appendStringInfo(&sql, ", c.%s AS c%d",
						 quote_identifier(get_attname(info->conrelid, info->conkey[i], false)),
						 i + 1);
	appendStringInfo(&sql, " FROM %s AS c WHERE pg_catalog.age(c.xmin) <= pg_catalog.age($1::text::xid) AND (",
					 clone_own_rows(key->child, key->child->name));
	/* a null in it satisfies the constraint; MATCH FULL wants all or none */
	for (int i = 0; i < info->nkeys; i++)
		appendStringInfo(&sql, "%sc.%s IS NOT NULL", i == 0 ? "" : key->full ? " OR " : " AND ",
						 quote_identifier(get_attname(info->conrelid, info->conkey[i], false)));
	appendStringInfoChar(&sql, ')');
	return sql.data;
}

/* SELECT those of them that have no parent. */
static char *
missing_sql(const ForeignKey *key)
{
	const ForeignKeyCacheInfo *info = key->info;
	StringInfoData sql;

	initStringInfo(&sql);
	appendStringInfo(&sql, "SELECT k.t, k.i FROM " ROWS " AS k WHERE NOT EXISTS (SELECT 1 FROM %s%s AS p WHERE %s)",
					 key->parent_parted ? "" : "ONLY ",
					 quote_qualified_identifier(get_namespace_name(get_rel_namespace(info->confrelid)),
												get_rel_name(info->confrelid)),
					 key->compare);
	if (key->self)
		appendStringInfo(&sql, " AND NOT EXISTS (SELECT 1 FROM %s AS q WHERE %s)",
						 clone_own_rows(key->child, key->child->name),
						 key->compare_clone);
	return sql.data;
}

/* One question, as spi_try's argument. */
typedef struct Question
{
	const Parents *parents;
	const ForeignKey *key;
	TransactionId since;
	int64		gone;
} Question;

/* Body of the subtransaction. A parent that held rows are themselves belongs
 * to the clone's owner: one role can ask both. */
static void
ask(void *arg)
{
	Question   *q = arg;
	const ForeignKey *key = q->key;
	SpiArgs		args;
	SpiUser		saved;

	spi_args(&args);
	spi_arg_text(&args, psprintf("%u", q->since));
	if (clone_past_rls(key->child, new_rows_sql(key), &args) == 0)
		return;
	register_rows();
	spi_become(&saved, key->parent_owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
			   SECURITY_NOFORCE_RLS, true);
	spi_exec(missing_sql(key), NULL);
	spi_resume(&saved);
	SPI_unregister_relation(ROWS);
	if (SPI_processed == 0)
		return;
	register_rows();
	q->gone = clone_past_rls(q->parents->clone,
							 psprintf("DELETE FROM %s AS c USING " ROWS " AS k"
									  " WHERE c.tableoid = k.t AND c.ctid = k.i",
									  clone_own_rows(q->parents->clone, q->parents->clone->name)),
							 NULL);
	SPI_unregister_relation(ROWS);
}

/* See the header. A row that goes may have been the parent of others. */
int64
parents_evict(Parents *parents, TransactionId since, char **why)
{
	int64		all = 0;
	bool		again;

	if (parents->members != list_length(parents->clone->members))
		read_all(parents);
	do
	{
		ListCell   *lc;

		again = false;
		foreach(lc, parents->keys)
		{
			Question	q = {parents, lfirst(lc), since, 0};

			CHECK_FOR_INTERRUPTS();
			if (spi_try(ask, &q) != NULL)
			{
				SPI_unregister_relation(ROWS);
				parents->known = false;
				continue;
			}
			all += q.gone;
			again |= q.gone > 0 && q.key->self;
			if (q.gone > 0 && *why == NULL)
				*why = psprintf("insert or update on table \"%s\" violates foreign key constraint \"%s\"",
								get_rel_name(q.key->info->conrelid), q.key->name);
		}
	} while (again);
	return all;
}
