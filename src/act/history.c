/*
 * history.c
 *	  Rows that stand in the table, for its clone.
 *
 * LIKE makes a NOT VALID constraint valid, and old rows that break it would
 * be blamed on the plan: it is put on after them, as it was.
 */
#include "postgres.h"

#include "access/table.h"
#include "act/history.h"
#include "base/guc.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "optimizer/plancat.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

/* How many rows these tables have, as the planner would guess it now. */
static double
guess_rows(List *relids)
{
	double		total = 0;
	ListCell   *lc;

	foreach(lc, relids)
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

/* The tables that hold the rows to take from. */
static List *
sources(const Clone *clone)
{
	List	   *relids = NIL;
	ListCell   *lc;

	if (clone->relkind != RELKIND_PARTITIONED_TABLE)
		return list_make1_oid(clone->relid);
	if (!clone->partial)
		return find_all_inheritors(clone->relid, AccessShareLock, NULL);
	foreach(lc, clone->members)
	{
		Clone	   *member = lfirst(lc);

		if (member->relkind != RELKIND_PARTITIONED_TABLE)
			relids = lappend_oid(relids, member->relid);
	}
	return relids;
}

/* SELECT the columns FROM the table, or from the partitions chosen; percent:
 * of their pages, as $1. */
static char *
select_sql(const Clone *clone, bool percent)
{
	const char *sample = percent ? " TABLESAMPLE system ($1)" : "";
	StringInfoData sql;
	ListCell   *lc;

	initStringInfo(&sql);
	if (clone->relkind != RELKIND_PARTITIONED_TABLE || !clone->partial)
	{
		appendStringInfo(&sql, "SELECT %s FROM %s%s", clone->column_list,
						 clone_own_rows(clone, clone->table), sample);
		return sql.data;
	}
	foreach(lc, clone->members)
	{
		Clone	   *member = lfirst(lc);

		if (member->relkind != RELKIND_PARTITIONED_TABLE)
			appendStringInfo(&sql, "%sSELECT %s FROM ONLY %s%s",
							 sql.len ? " UNION ALL " : "", clone->column_list,
							 member->table, sample);
	}
	return sql.len ? sql.data : NULL;
}

/*
 * Take rows into one stage. The sample aims at twice the number; where it
 * falls short (few rows per page, or dead ones) it is taken again with eight
 * times the share. The stage has no constraint and no index: filling it runs
 * none of the table's code, so that the owner may see past FORCE ROW LEVEL
 * SECURITY here. False when rows may be left.
 */
static bool
fill_stage(Clone *clone)
{
	int64		want = guc_dry_run_history;
	double		rows = guess_rows(sources(clone));
	double		percent = rows > want * 4.0 ? want * 200.0 / rows : 100;
	bool		all;
	uint64		got;

	clone_as_owner(clone,
				   psprintf("CREATE TABLE %s AS SELECT %s FROM %s WITH NO DATA",
							clone->stage, clone->column_list,
							clone_own_rows(clone, clone->table)), NULL);
	for (;;)
	{
		SpiArgs		args;
		char	   *sql;

		all = percent > 50;
		sql = select_sql(clone, !all);
		if (sql == NULL)
			return false;
		spi_args(&args);
		if (!all)
			spi_arg_float8(&args, percent);
		/* the limit is for a guess that was far too low */
		got = clone_past_rls(clone,
							 psprintf("INSERT INTO %s %s LIMIT " INT64_FORMAT,
									  clone->stage, sql, want * 10), &args);
		if (all || got >= (uint64) want)
			break;
		clone_as_owner(clone, psprintf("DELETE FROM %s", clone->stage), NULL);
		percent *= 8;
	}
	return all && got < (uint64) want * 10;
}

void
history_sample(Clone *clone)
{
	ListCell   *lc;

	clone->whole = clone->columns != NIL && fill_stage(clone) && !clone->partial;
	if (clone->relkind == RELKIND_PARTITIONED_TABLE)
		return;
	foreach(lc, clone->members)
	{
		Clone	   *member = lfirst(lc);

		if (member->columns != NIL)
			(void) fill_stage(member);
	}
}

/* A constraint that was NOT VALID, on its way off a clone and back. */
typedef struct Loose
{
	const Clone *clone;
	char	   *name;			/* quoted */
	char	   *definition;
} Loose;

/* Is the constraint on the clone (still, or again)? */
static bool
is_there(const Clone *clone, const char *quoted)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, clone->oid);
	spi_arg_text(&args, quoted);
	return spi_exec("SELECT FROM pg_constraint WHERE conrelid = $1 AND quote_ident(conname) = $2",
					&args) > 0;
}

/*
 * Take the NOT VALID constraints of all tables off their clones, parents
 * first. One that was inherited has gone with its parent's.
 */
static List *
take_off(Clone *clone)
{
	int64	   *relids = palloc(sizeof(int64) * (list_length(clone->members) + 1));
	List	   *taken = NIL;
	int			nrelids = 0;
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;
	ListCell   *lc;

	relids[nrelids++] = clone->relid;
	foreach(lc, clone->members)
		relids[nrelids++] = ((Clone *) lfirst(lc))->relid;
	spi_args(&args);
	spi_arg_int8_array(&args, relids, nrelids);
	n = spi_exec("SELECT conrelid, quote_ident(conname), pg_get_constraintdef(oid) FROM pg_constraint"
				 " WHERE conrelid = ANY ($1::oid[]) AND contype IN ('c', 'n') AND NOT convalidated"
				 " ORDER BY array_position($1, conrelid::int8)", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		Loose	   *loose = palloc(sizeof(Loose));

		spi_use(&rows);
		loose->clone = clone_member(clone, spi_get_oid(i, 1, NULL));
		loose->name = spi_get_text(i, 2, CurrentMemoryContext);
		loose->definition = spi_get_text(i, 3, CurrentMemoryContext);
		if (!is_there(loose->clone, loose->name))
			continue;
		clone_as_owner(loose->clone, psprintf("ALTER TABLE %s DROP CONSTRAINT %s",
											  loose->clone->name, loose->name), NULL);
		taken = lappend(taken, loose);
	}
	return taken;
}

/* And put them on again: what a parent has given its children is there. */
static void
put_on(List *taken)
{
	ListCell   *lc;

	foreach(lc, taken)
	{
		Loose	   *loose = lfirst(lc);

		if (!is_there(loose->clone, loose->name))
			clone_as_owner(loose->clone,
						   psprintf("ALTER TABLE %s ADD CONSTRAINT %s %s",
									loose->clone->name, loose->name,
									loose->definition), NULL);
	}
}

/* One stage into its table. */
static void
load_stage(Clone *clone)
{
	if (clone->columns != NIL)
		clone->history =
			clone_as_owner(clone,
						   psprintf("INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %s FROM %s",
									clone->name, clone->column_list,
									clone->column_list, clone->stage), NULL);
}

void
history_load(Clone *clone)
{
	List	   *taken = take_off(clone);
	ListCell   *lc;

	load_stage(clone);
	if (clone->relkind != RELKIND_PARTITIONED_TABLE)
		foreach(lc, clone->members)
			load_stage(lfirst(lc));
	put_on(taken);
}
