/*
 * sequences.c
 *	  A clone draws numbers from sequences of its own.
 *
 * A default that calls nextval() would use up the real sequence, which no
 * rollback brings back.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/sequences.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "rewrite/rewriteHandler.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"

/* What swap_nextval looks for, and puts in its place. */
typedef struct SequenceSwap
{
	bool		found;
	Oid			real;			/* InvalidOid where it is no constant */
	Oid			sandbox;		/* InvalidOid: only look */
} SequenceSwap;

/* Does the function take a sequence as its first argument? */
static bool
works_on_sequence(Oid func)
{
	return func == F_NEXTVAL || func == F_CURRVAL || func == F_SETVAL_REGCLASS_INT8 ||
		func == F_SETVAL_REGCLASS_INT8_BOOL;
}

/*
 * Mutator over a default expression: what works on a sequence works on the
 * sandbox sequence instead.
 */
static Node *
swap_nextval(Node *node, void *arg)
{
	SequenceSwap *swap = arg;

	if (node == NULL)
		return NULL;
	if (IsA(node, FuncExpr) && works_on_sequence(castNode(FuncExpr, node)->funcid))
	{
		FuncExpr   *call = (FuncExpr *) expression_tree_mutator(node, swap_nextval, arg);
		Node	   *seq = linitial(call->args);

		if (!swap->found && IsA(seq, Const) && !castNode(Const, seq)->constisnull)
			swap->real = DatumGetObjectId(castNode(Const, seq)->constvalue);
		swap->found = true;
		if (OidIsValid(swap->sandbox))
			linitial(call->args) = makeConst(REGCLASSOID, -1, InvalidOid, sizeof(Oid),
											 ObjectIdGetDatum(swap->sandbox),
											 false, true);
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

/* Note a sequence of the clone. */
static void
remember(Clone *clone, char *name, Oid real, bool identity)
{
	CloneSequence *seq = palloc(sizeof(CloneSequence));

	seq->name = name;
	seq->real = real;
	seq->identity = identity;
	clone->sequences = lappend(clone->sequences, seq);
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
	remember(clone, name, real, false);
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
	remember(clone, sequence, real, true);
}

/* See the header. build_column_default sees what an INSERT would see, a
 * domain's default included. */
void
sequences_detach(Clone *clone)
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
