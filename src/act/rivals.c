/*
 * rivals.c
 *	  Stored rows outside the sample that held rows would meet.
 *
 * One look into each index of the real table for each row, never a scan of
 * it: the planner is not given the choice.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "act/rivals.h"
#include "base/guc.h"
#include "read/fills.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_coerce.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

struct Rivals
{
	Clone	   *clone;
	MemoryContext cxt;
	bool		known;
	/* as found last */
	List	   *tables;			/* Oid: that hold them */
	List	   *places;			/* StringInfo: of each, as an array of tid */
	int			n;
};

Rivals *
rivals_open(Clone *clone)
{
	Rivals	   *rivals;

	if ((*clone->gaps & COVERAGE_KEYS) == 0 || fills_nulls(clone->relid))
		return NULL;
	rivals = palloc0(sizeof(Rivals));
	rivals->clone = clone;
	rivals->cxt = CurrentMemoryContext;
	rivals->known = true;
	return rivals;
}

bool
rivals_known(const Rivals *rivals)
{
	return rivals->known && clone_has_keys(rivals->clone);
}

/* ---- the question ---- */

/*
 * The operator by which the index finds what refuses a new row; InvalidOid
 * when the index cannot be asked with the type that the clone's column has.
 */
static Oid
conflict_operator(Relation index, const Oid *exclusion, int i, Oid type)
{
	Oid			input = index->rd_opcintype[i];

	if (exclusion)
		return IsBinaryCoercible(type, input) ? exclusion[i] : InvalidOid;
	return get_opfamily_member(index->rd_opfamily[i], input,
							   IsBinaryCoercible(type, input) ? input : getBaseType(type),
							   BTEqualStrategyNumber);
}

/* An expression of the real table's index, for a table of this alias. */
static char *
expression_sql(const Clone *part, Node *expr, const char *alias)
{
	return deparse_expression(expr, deparse_context_for(alias, part->relid), true, false);
}

/*
 * SELECT the places of stored rows (t) that an index would not suffer beside
 * rows of the clone (c) that are new. NULL when that cannot be asked. The
 * LIMIT keeps the planner to one look into the index for each row.
 */
static char *
question_sql(const Clone *part, Relation index)
{
	List	   *exprs = RelationGetIndexExpressions(index);
	List	   *predicate = RelationGetIndexPredicate(index);
	Node	   *where = predicate ? (Node *) make_ands_explicit(predicate) : NULL;
	ListCell   *expr = list_head(exprs);
	Oid		   *exclusion = NULL;
	StringInfoData keys;
	StringInfoData match;
	Oid		   *procs;
	uint16	   *strats;

	if (index->rd_index->indnullsnotdistinct)
		return NULL;
	if (index->rd_index->indisexclusion)
		RelationGetExclusionInfo(index, &exclusion, &procs, &strats);
	initStringInfo(&keys);
	initStringInfo(&match);
	for (int i = 0; i < index->rd_index->indnkeyatts; i++)
	{
		AttrNumber	attnum = index->rd_index->indkey.values[i];
		const char *ours;
		const char *theirs;
		Oid			type;
		Oid			real;
		Oid			op;

		if (attnum != 0)
		{
			char	   *name = get_attname(part->relid, attnum, false);

			ours = psprintf("c.%s", quote_identifier(name));
			theirs = psprintf("t.%s", quote_identifier(name));
			type = get_atttype(part->oid, get_attnum(part->oid, name));
			real = get_atttype(part->relid, attnum);
		}
		else
		{
			ours = expression_sql(part, lfirst(expr), "c");
			theirs = expression_sql(part, lfirst(expr), "t");
			type = real = exprType(lfirst(expr));
			expr = lnext(exprs, expr);
		}
		op = conflict_operator(index, exclusion, i, type);
		if (!OidIsValid(op))
			return NULL;
		appendStringInfo(&keys, "%s%s AS k%d", i ? ", " : "", ours, i + 1);
		appendStringInfoString(&match, i ? " AND " : "");
		generate_operator_clause(&match, theirs, real, op, psprintf("c.k%d", i + 1), type);
	}
	if (where)
		appendStringInfo(&match, " AND (%s)", expression_sql(part, where, "t"));
	return psprintf("SELECT DISTINCT r.t, r.i::text FROM"
					" (SELECT %s FROM %s AS c WHERE pg_catalog.age(c.xmin) <= pg_catalog.age($1::text::xid)"
					" AND (%s) OFFSET 0) AS c,"
					" LATERAL (SELECT t.tableoid AS t, t.ctid AS i FROM %s AS t WHERE %s LIMIT 1) AS r",
					keys.data, clone_own_rows(part, part->name),
					where ? expression_sql(part, where, "c") : "true",
					clone_own_rows(part, part->table), match.data);
}

/* ---- asking ---- */

/* One look at one index, as spi_try's argument. */
typedef struct Look
{
	Rivals	   *rivals;
	const Clone *part;
	Oid			index;
	TransactionId since;
} Look;

/* Note a stored row by its place. */
static void
note(Rivals *rivals, Oid table, const char *place)
{
	MemoryContext old = MemoryContextSwitchTo(rivals->cxt);
	StringInfo	places = NULL;

	for (int i = 0; i < list_length(rivals->tables); i++)
		if (list_nth_oid(rivals->tables, i) == table)
			places = list_nth(rivals->places, i);
	if (places == NULL)
	{
		places = makeStringInfo();
		rivals->tables = lappend_oid(rivals->tables, table);
		rivals->places = lappend(rivals->places, places);
	}
	appendStringInfo(places, "%s\"%s\"", places->len ? "," : "", place);
	rivals->n++;
	MemoryContextSwitchTo(old);
}

/*
 * Body of the subtransaction. All that looks at the index's expressions is done
 * as the table's owner: already the relcache folds what is constant in them.
 */
static void
look(void *arg)
{
	Look	   *l = arg;
	Relation	index;
	char	   *sql;
	SpiArgs		args;
	SpiUser		saved;

	spi_args(&args);
	spi_arg_text(&args, psprintf("%u", l->since));
	spi_become(&saved, l->part->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
			   SECURITY_NOFORCE_RLS, true);
	spi_set_local("enable_seqscan", "off");
	/* what is discouraged costs so much that compiling it would seem cheap */
	spi_set_local("jit", "off");
	index = index_open(l->index, AccessShareLock);
	sql = question_sql(l->part, index);
	index_close(index, NoLock);
	if (sql)
		spi_exec(sql, &args);
	else
		l->rivals->known = false;
	spi_resume(&saved);
	for (uint64 i = 0; sql && i < SPI_processed; i++)
		note(l->rivals, spi_get_oid(i, 1, NULL), spi_get_text(i, 2, CurrentMemoryContext));
}

/*
 * Ask all indexes of one table that refuse rows. Those that a partition has
 * from its parent are the parent's to ask.
 */
static void
look_through(Rivals *rivals, const Clone *part, TransactionId since)
{
	Relation	rel = table_open(part->relid, NoLock);
	List	   *indexes = RelationGetIndexList(rel);
	ListCell   *lc;

	table_close(rel, NoLock);
	foreach(lc, indexes)
	{
		Look		l = {rivals, part, lfirst_oid(lc), since};
		Relation	index;
		bool		asks;

		CHECK_FOR_INTERRUPTS();
		index = index_open(l.index, AccessShareLock);
		asks = (index->rd_index->indisunique || index->rd_index->indisexclusion) &&
			index->rd_index->indisvalid &&
			(part == rivals->clone || !index->rd_rel->relispartition);
		index_close(index, NoLock);
		if (asks && spi_try(look, &l) != NULL)
			rivals->known = false;
	}
}

bool
rivals_find(Rivals *rivals, TransactionId since)
{
	ListCell   *lc;

	rivals->tables = rivals->places = NIL;
	rivals->n = 0;
	look_through(rivals, rivals->clone, since);
	if (rivals->clone->relkind == RELKIND_PARTITIONED_TABLE)
		foreach(lc, rivals->clone->members)
			look_through(rivals, lfirst(lc), since);
	return rivals->n > 0;
}

/* ---- bringing ---- */

/*
 * Body of the subtransaction. A row may be there: a held row took its place,
 * or the sample had an older version. (Not where a key is deferrable: there
 * PostgreSQL cannot pass over it.)
 */
static void
bring(void *arg)
{
	Rivals	   *rivals = arg;
	Clone	   *clone = rivals->clone;
	SpiArgs		args;
	bool		deferrable;

	spi_args(&args);
	spi_arg_relid(&args, clone->oid);
	deferrable = spi_exec("SELECT FROM pg_index WHERE indrelid = $1 AND NOT indimmediate", &args) > 0;
	for (int i = 0; i < list_length(rivals->tables); i++)
	{
		Clone	   *part = clone_member(clone, list_nth_oid(rivals->tables, i));

		if (part == NULL)
			elog(ERROR, "a stored row stands in a table that has no clone");
		spi_args(&args);
		spi_arg_text(&args, psprintf("{%s}", ((StringInfo) list_nth(rivals->places, i))->data));
		clone_past_rls(clone,
					   psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM ONLY %s"
								" WHERE ctid = ANY ($1::text::tid[])%s",
								clone->name, clone->column_list, clone->column_list,
								part->table, deferrable ? "" : " ON CONFLICT DO NOTHING"), &args);
	}
}

void
rivals_bring(Rivals *rivals)
{
	if (spi_try(bring, rivals) != NULL)
		rivals->known = false;
}
