/*
 * dependents.c
 *	  Takes away what stands in the way of a change of type, and makes it again.
 *
 * Why as the owner: to parse a definition may run code. A constant of an array
 * of a domain is read by the domain's input function, which checks the domain's
 * constraints, and those may call anything. So no definition is parsed as
 * anybody but the one who made it, and never as us; an owner who may not create
 * in the schema any more is a refusal (rebuild.c). To fill a materialized view
 * runs its query as its owner, restricted, as REFRESH does.
 *
 * The rows of a materialized view are those of now, not those of its last
 * REFRESH: PostgreSQL knows no other way to fill one. They are computed under
 * the settings that a session of the server has, not under those that the
 * definitions are written with.
 */
#include "postgres.h"

#include "act/dependents.h"
#include "base/canon.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/guc.h"

/* Run the steps of one phase of one item. */
static void
run_steps(const List *steps, int phase)
{
	ListCell   *lc;

	foreach(lc, steps)
	{
		const RebuildStep *step = lfirst(lc);
		SpiUser		saved;

		if (step->phase != phase)
			continue;
		CHECK_FOR_INTERRUPTS();
		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "could not connect to SPI");
		spi_become(&saved, step->role,
				   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, true);
		spi_exec(step->sql, NULL);
		spi_resume(&saved);
		SPI_finish();
	}
}

/* Settings under which the definitions are read as they were written. */
static int
open_settings(void)
{
	int			nest = canon_pin_settings();

	spi_set_local("default_tablespace", "");
	spi_set_local("check_function_bodies", "off");
	spi_set_local("standard_conforming_strings", "on");
	return nest;
}

/* See the header. */
void
dependents_drop(const Rebuild *rebuild, const char **doing)
{
	int			nest;
	ListCell   *lc;

	if (rebuild->items == NIL)
		return;
	nest = open_settings();
	for (int phase = 1; phase <= 2; phase++)
		foreach(lc, rebuild->items)
	{
		const RebuildItem *item = lfirst(lc);

		*doing = psprintf("%s could not be taken away", item->name);
		run_steps(item->drop, phase);
	}
	AtEOXact_GUC(false, nest);
	*doing = NULL;
}

/* A name in a comment line, which would end at a newline. */
static char *
one_line(const char *text)
{
	char	   *copy = pstrdup(text);

	for (char *p = copy; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	return copy;
}

/* What was made again, for the record. */
static char *
record_of(const Rebuild *before, const Rebuild *after)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, before->items)
	{
		const RebuildItem *old = lfirst(lc);
		ListCell   *lc2;

		foreach(lc2, after->items)
		{
			const RebuildItem *new = lfirst(lc2);

			if (new->kind != old->kind || strcmp(new->name, old->name) != 0)
				continue;
			appendStringInfo(&buf, "\n-- made again: %s, sha256 %s", one_line(old->name), old->digest);
			if (strcmp(old->digest, new->digest) != 0)
				appendStringInfo(&buf, " -> %s: other casts", new->digest);
		}
	}
	foreach(lc, rebuild_retyped(before, after))
		appendStringInfo(&buf, "\n-- type: %s", one_line(lfirst(lc)));
	return buf.data;
}

/* See the header. Views stand in the list from above. */
char *
dependents_restore(const Rebuild *rebuild, const HealPlan *plan,
				   const char **doing, Rebuild **after)
{
	char	   *difference;
	int			nest;

	*after = NULL;
	if (rebuild->items == NIL)
		return "";
	nest = open_settings();
	for (int phase = PHASE_RELATIONS; phase <= PHASE_ROWS; phase++)
	{
		if (phase == PHASE_ROWS)
			AtEOXact_GUC(false, nest);
		for (int i = list_length(rebuild->items) - 1; i >= 0; i--)
		{
			const RebuildItem *item = list_nth(rebuild->items, i);

			*doing = psprintf("%s could not be made again", item->name);
			run_steps(item->make, phase);
		}
	}

	*doing = "what was made again could not be compared";
	*after = rebuild_find(plan);
	difference = rebuild_difference(rebuild, *after);
	*doing = NULL;
	if (difference != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("not made again exactly: %s", difference),
				 errhint("Nothing was changed. Change the column by hand, with all that depends on it.")));
	return record_of(rebuild, *after);
}

/* See the header. */
char *
dependents_name(const RebuildItem *item)
{
	return one_line(item->name);
}

/* The steps of one phase of one item, as text. */
static void
steps_text(const List *steps, int phase, StringInfo text)
{
	ListCell   *lc;

	foreach(lc, steps)
	{
		const RebuildStep *step = lfirst(lc);

		if (step->phase == phase)
			appendStringInfo(text, "%s;\n", step->sql);
	}
}

static bool
is_named(const RebuildItem *item, const List *names)
{
	const ListCell *lc;

	foreach(lc, names)
	{
		if (strcmp(lfirst(lc), dependents_name(item)) == 0)
			return true;
	}
	return names == NIL;
}

/* See the header. In the orders of dependents_drop and dependents_restore. */
void
dependents_text(const Rebuild *rebuild, const List *names, StringInfo take, StringInfo make)
{
	ListCell   *lc;

	for (int phase = 1; phase <= 2; phase++)
		foreach(lc, rebuild->items)
	{
		if (is_named(lfirst(lc), names))
			steps_text(((const RebuildItem *) lfirst(lc))->drop, phase, take);
	}
	for (int phase = PHASE_RELATIONS; phase <= PHASE_ROWS; phase++)
		for (int i = list_length(rebuild->items) - 1; i >= 0; i--)
		{
			const RebuildItem *item = list_nth(rebuild->items, i);

			if (is_named(item, names))
				steps_text(item->make, phase, make);
		}
}

/*
 * See the header. GRANT, and who replaces a function, write the object's row in
 * the catalog and take no lock on the object: a row that is locked here makes
 * them wait.
 */
void
dependents_hold(const Rebuild *rebuild)
{
	static const char *const rows[] = {
		"SELECT FROM pg_class WHERE oid = ANY ($1::oid[]) ORDER BY oid FOR UPDATE",
		"SELECT FROM pg_attribute WHERE attrelid = ANY ($1::oid[]) AND attnum > 0 ORDER BY attrelid, attnum FOR UPDATE",
		"SELECT FROM pg_statistic_ext WHERE stxrelid = ANY ($1::oid[]) ORDER BY oid FOR UPDATE",
		"SELECT FROM pg_proc WHERE oid = ANY ($2::oid[]) ORDER BY oid FOR UPDATE"
	};
	int64	   *relids = palloc(sizeof(int64) * Max(list_length(rebuild->relations), 1));
	int64	   *functions = palloc(sizeof(int64) * Max(list_length(rebuild->items), 1));
	int			nrelids = 0;
	int			nfunctions = 0;
	SpiUser		saved;
	SpiArgs		args;
	const ListCell *lc;

	if (rebuild->items == NIL)
		return;
	foreach(lc, rebuild->relations)
		relids[nrelids++] = lfirst_oid(lc);
	foreach(lc, rebuild->items)
	{
		const RebuildItem *item = lfirst(lc);

		if (item->kind == REBUILD_FUNCTION)
			functions[nfunctions++] = item->objid;
	}
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8_array(&args, relids, nrelids);
	spi_arg_int8_array(&args, functions, nfunctions);
	for (int i = 0; i < (int) lengthof(rows); i++)
		spi_exec(rows[i], &args);
	spi_close(&saved);
}
