/*
 * clone.c
 *	  A stand-in for a table in schema selfheal_sandbox, with a sample of its
 *	  rows.
 *
 * The clone is made with LIKE, and what LIKE does not carry over faithfully
 * is put right:
 *	  - a default that calls nextval() would use up the real sequence, which no
 *		rollback brings back; it gets a sandbox sequence that goes on from the
 *		same number, and so does the clone's identity column;
 *	  - triggers and rules do not come along: where they may put a value in the
 *		place of a null, the clone asks for none;
 *	  - LIKE makes a NOT VALID constraint valid, and old rows that break it
 *		would be blamed on the plan: it is put on after them, as it was.
 *
 * All code of the table (defaults, checks, index expressions, casts) runs as
 * the table's owner in a restricted operation.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/clone.h"
#include "base/fills.h"
#include "base/guc.h"
#include "catalog/namespace.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "observe/route.h"
#include "optimizer/plancat.h"
#include "rewrite/rewriteHandler.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* See the header; more_flags are SECURITY_* besides the two. */
static uint64
as_owner(const Clone *clone, int more_flags, const char *sql, SpiArgs *args)
{
	SpiUser		saved;
	uint64		n;

	spi_become(&saved, clone->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
			   more_flags, true);
	n = spi_exec(sql, args);
	spi_resume(&saved);
	return n;
}

uint64
clone_as_owner(const Clone *clone, const char *sql, SpiArgs *args)
{
	return as_owner(clone, 0, sql, args);
}

/*
 * Look at the table: owner, kind, columns. Takes the only lock on it, kept to
 * the end of the trial. Raises 42P01 when it is gone.
 */
Clone *
clone_describe(Oid relid)
{
	Clone	   *clone = palloc0(sizeof(Clone));
	Relation	rel = try_table_open(relid, AccessShareLock);
	StringInfoData list;

	if (rel == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_TABLE),
				 errmsg("table with OID %u does not exist", relid)));
	clone->relid = relid;
	clone->owner = rel->rd_rel->relowner;
	clone->relkind = rel->rd_rel->relkind;
	clone->table = quote_qualified_identifier(get_namespace_name(RelationGetNamespace(rel)),
											  RelationGetRelationName(rel));
	/* the table's own name: what fails on the clone reads like the table's */
	clone->relname = pstrdup(RelationGetRelationName(rel));
	clone->name = quote_qualified_identifier(CLONE_SCHEMA, clone->relname);
	clone->stage = psprintf(CLONE_SCHEMA ".rows_%u", relid);

	initStringInfo(&list);
	for (int i = 0; i < RelationGetNumberOfAttributes(rel); i++)
	{
		Form_pg_attribute att = TupleDescAttr(RelationGetDescr(rel), i);
		CloneColumn *col;

		if (att->attisdropped || att->attgenerated != '\0')
			continue;
		col = palloc(sizeof(CloneColumn));
		col->attnum = att->attnum;
		col->name = pstrdup(NameStr(att->attname));
		col->quoted = pstrdup(quote_identifier(col->name));
		col->type = att->atttypid;
		col->typmod = att->atttypmod;
		col->identity = att->attidentity != '\0';
		clone->columns = lappend(clone->columns, col);
		appendStringInfo(&list, "%s%s", list.len ? ", " : "", col->quoted);
	}
	clone->column_list = list.data;
	table_close(rel, NoLock);
	return clone;
}

/* How many rows the table has, as the planner would guess it now. */
static double
guess_rows(const Clone *clone)
{
	List	   *rels = clone->relkind == RELKIND_PARTITIONED_TABLE ?
	find_all_inheritors(clone->relid, AccessShareLock, NULL) :
	list_make1_oid(clone->relid);
	double		total = 0;
	ListCell   *lc;

	foreach(lc, rels)
	{
		Relation	rel = try_table_open(lfirst_oid(lc), AccessShareLock);
		BlockNumber pages;
		double		tuples = 0;
		double		allvisible;

		if (rel == NULL)
			continue;
		if (rel->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
			estimate_rel_size(rel, NULL, &pages, &tuples, &allvisible);
		total += Max(tuples, 0);
		table_close(rel, NoLock);
	}
	return total;
}

/*
 * Take rows of the table into the stage: at least dry_run_history of them,
 * spread over its pages, or all when it has fewer. The sample aims at twice
 * the number; where it falls short (few rows per page, or dead ones) it is
 * taken again with eight times the share. The stage has no constraint and no
 * index: filling it runs none of the table's code, so that the owner may see
 * past FORCE ROW LEVEL SECURITY here.
 */
static void
sample_history(Clone *clone)
{
	int64		want = guc_dry_run_history;
	double		rows = guess_rows(clone);
	double		percent = rows > want * 4.0 ? want * 200.0 / rows : 100;
	const char *from = psprintf("%s%s", clone->relkind == RELKIND_PARTITIONED_TABLE ? "" : "ONLY ",
								clone->table);

	clone_as_owner(clone,
				   psprintf("CREATE TABLE %s AS SELECT %s FROM %s WITH NO DATA",
							clone->stage, clone->column_list, from), NULL);
	for (;;)
	{
		SpiArgs		args;
		bool		all = percent > 50;
		uint64		got;

		spi_args(&args);
		if (!all)
			spi_arg_float8(&args, percent);
		/* the limit is for a guess that was far too low */
		got = as_owner(clone, SECURITY_NOFORCE_RLS,
					   psprintf("INSERT INTO %s SELECT %s FROM %s %s LIMIT " INT64_FORMAT,
								clone->stage, clone->column_list, from,
								all ? "" : "TABLESAMPLE system ($1)",
								want * 10), &args);
		if (all || got >= (uint64) want)
			break;
		clone_as_owner(clone, psprintf("DELETE FROM %s", clone->stage), NULL);
		percent *= 8;
	}
}

/* What swap_nextval looks for, and puts in its place. */
typedef struct SequenceSwap
{
	bool		found;
	Oid			real;			/* InvalidOid where it is no constant */
	Oid			sandbox;		/* InvalidOid: only look */
} SequenceSwap;

/*
 * Mutator over a default expression: every nextval(x) draws from the sandbox
 * sequence instead.
 */
static Node *
swap_nextval(Node *node, void *arg)
{
	SequenceSwap *swap = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && castNode(FuncExpr, node)->funcid == F_NEXTVAL)
	{
		FuncExpr   *call = copyObject(castNode(FuncExpr, node));
		Node	   *seq = linitial(call->args);

		if (!swap->found && IsA(seq, Const) && !castNode(Const, seq)->constisnull)
			swap->real = DatumGetObjectId(castNode(Const, seq)->constvalue);
		swap->found = true;
		if (OidIsValid(swap->sandbox))
			call->args = list_make1(makeConst(REGCLASSOID, -1, InvalidOid,
											  sizeof(Oid),
											  ObjectIdGetDatum(swap->sandbox),
											  false, true));
		return (Node *) call;
	}
	return expression_tree_mutator(node, swap_nextval, arg);
}

/* Let a sandbox sequence go on where the real one stands. Reading moves
 * nothing; a sequence that was never drawn from starts as it would. */
static void
continue_sequence(const Clone *clone, const char *sequence, Oid real)
{
	SpiArgs		args;
	int64		last;
	bool		unused;

	spi_args(&args);
	spi_arg_relid(&args, real);
	spi_exec("SELECT pg_sequence_last_value($1)", &args);
	last = spi_get_int8(0, 1, &unused);
	if (unused)
		return;
	spi_args(&args);
	spi_arg_text(&args, sequence);
	spi_arg_int8(&args, last);
	clone_as_owner(clone, "SELECT setval($1::regclass, $2, true)", &args);
}

/* CREATE SEQUENCE with the real one's type, step and bounds. */
static char *
copy_sequence(Clone *clone, AttrNumber attnum, Oid real)
{
	char	   *name = psprintf(CLONE_SCHEMA ".seq_%u_%d", clone->relid, attnum);
	char	   *options = "";
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, real);
	if (spi_exec("SELECT format(' AS %s INCREMENT BY %s MINVALUE %s MAXVALUE %s START WITH %s%s',"
				 " format_type(seqtypid, NULL), seqincrement, seqmin, seqmax, seqstart,"
				 " CASE WHEN seqcycle THEN ' CYCLE' ELSE '' END)"
				 " FROM pg_sequence WHERE seqrelid = $1", &args) > 0)
		options = spi_get_text(0, 1, CurrentMemoryContext);
	clone_as_owner(clone, psprintf("CREATE SEQUENCE %s%s", name, options), NULL);
	if (options[0])
		continue_sequence(clone, name, real);
	clone->sequences = lappend(clone->sequences, name);
	return name;
}

/* The clone's own identity sequence goes on from the real one's number. */
static void
continue_identity(Clone *clone, const CloneColumn *col)
{
	SpiArgs		args;
	Oid			real;
	char	   *sequence;
	bool		none;

	spi_args(&args);
	spi_arg_text(&args, clone->table);
	spi_arg_text(&args, col->name);
	spi_arg_text(&args, clone->name);
	spi_exec("SELECT pg_get_serial_sequence($1, $2)::regclass::oid,"
			 " pg_get_serial_sequence($3, $2)", &args);
	real = spi_get_oid(0, 1, &none);
	sequence = spi_get_text(0, 2, CurrentMemoryContext);
	if (none || sequence == NULL)
		return;
	continue_sequence(clone, sequence, real);
	clone->sequences = lappend(clone->sequences, sequence);
}

/*
 * Give the clone sequences of its own. build_column_default sees what an
 * INSERT would see, a domain's default included.
 */
static void
detach_sequences(Clone *clone)
{
	ListCell   *lc;

	foreach(lc, clone->columns)
	{
		CloneColumn *col = lfirst(lc);
		SequenceSwap swap = {0};
		Relation	rel;
		Node	   *expr;
		char	   *name;

		if (col->identity)
		{
			continue_identity(clone, col);
			continue;
		}
		rel = table_open(clone->relid, NoLock);
		expr = build_column_default(rel, col->attnum);
		table_close(rel, NoLock);
		if (expr == NULL)
			continue;
		swap_nextval(expr, &swap);
		if (!swap.found)
			continue;
		name = copy_sequence(clone, col->attnum, swap.real);
		swap.sandbox = get_relname_relid(name + strlen(CLONE_SCHEMA "."),
										 get_namespace_oid(CLONE_SCHEMA, false));
		expr = swap_nextval(expr, &swap);
		clone_as_owner(clone,
					   psprintf("ALTER TABLE %s ALTER COLUMN %s SET DEFAULT %s",
								clone->name, col->quoted,
								deparse_expression(expr, NIL, false, false)), NULL);
	}
}

/* Rows that are in the table are put into the clone, as the owner. */
static void
load_history(Clone *clone)
{
	SpiArgs		args;
	uint64		n;
	SpiRows		loose;

	spi_args(&args);
	spi_arg_relid(&args, clone->relid);
	n = spi_exec("SELECT quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
				 " WHERE conrelid = $1 AND contype IN ('c', 'n') AND NOT convalidated", &args);
	loose = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&loose);
		clone_as_owner(clone,
					   psprintf("ALTER TABLE %s DROP CONSTRAINT %s", clone->name,
								spi_get_text(i, 1, CurrentMemoryContext)), NULL);
	}

	clone->history =
		clone_as_owner(clone,
					   psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s",
								clone->name, clone->column_list,
								clone->column_list, clone->stage), NULL);

	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&loose);
		clone_as_owner(clone,
					   psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", clone->name,
								spi_get_text(i, 1, CurrentMemoryContext),
								spi_get_text(i, 2, CurrentMemoryContext)), NULL);
	}
}

/*
 * The table's own code may fill a column before NOT NULL is asked, and the
 * clone has none of it: a column that must have a value may be null there, a
 * primary key is none. An identity is filled on the clone as well.
 */
static void
allow_nulls(Clone *clone)
{
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;

	if (!fills_nulls(clone->relid))
		return;
	spi_args(&args);
	spi_arg_relid(&args, clone->oid);
	n = spi_exec("SELECT 'DROP CONSTRAINT ' || quote_ident(conname) FROM pg_constraint"
				 " WHERE conrelid = $1 AND contype = 'p'"
				 " UNION ALL SELECT 'ALTER ' || quote_ident(attname) || ' DROP NOT NULL' FROM pg_attribute"
				 " WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attnotnull AND attidentity = ''",
				 &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		clone_as_owner(clone,
					   psprintf("ALTER TABLE %s %s", clone->name,
								spi_get_text(i, 1, CurrentMemoryContext)), NULL);
	}
}

/* See the header: stage, clone, rows. */
void
clone_fill(Clone *clone)
{
	/*
	 * rows of another server are not fetched for a trial: no step of ours
	 * changes a foreign table
	 */
	bool		sample = clone->columns != NIL && !OidIsValid(route_foreign(clone->relid, true));

	/* a superuser needs no grant, and pg_namespace one update less */
	if (!superuser_arg(clone->owner))
		spi_exec(psprintf("GRANT USAGE, CREATE ON SCHEMA " CLONE_SCHEMA " TO %s",
						  quote_identifier(GetUserNameFromId(clone->owner, false))), NULL);
	if (sample)
		sample_history(clone);
	clone_as_owner(clone,
				   psprintf("CREATE TABLE %s (LIKE %s INCLUDING ALL EXCLUDING STATISTICS)",
							clone->name, clone->table), NULL);
	clone->oid = get_relname_relid(clone->relname,
								   get_namespace_oid(CLONE_SCHEMA, false));
	if (!OidIsValid(clone->oid))
		elog(ERROR, "clone of table %u was not made", clone->relid);
	detach_sequences(clone);
	if (sample)
		load_history(clone);
	allow_nulls(clone);
}
