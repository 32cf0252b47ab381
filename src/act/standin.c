/*
 * standin.c
 *	  Make the clone of a table: its structure, its members, its rows.
 *
 * The clone is made with LIKE, and what LIKE does not carry over faithfully
 * is put right: sequences (sequences.c), partitions and what inherits
 * (members.c), NOT VALID constraints (history.c). Triggers and rules do not
 * come along: where they may put a value in the place of a null, the clone
 * asks for none.
 */
#include "postgres.h"

#include "act/history.h"
#include "act/members.h"
#include "act/sequences.h"
#include "act/standin.h"
#include "read/fills.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "write/route.h"

/* See allow_nulls; of one table. */
static void
allow_nulls_in(const Clone *clone)
{
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;

	spi_args(&args);
	spi_arg_relid(&args, clone->oid);
	n = spi_exec("SELECT 'DROP CONSTRAINT ' || quote_ident(conname) FROM pg_constraint"
				 " WHERE conrelid = $1 AND contype = 'p'"
				 " UNION ALL SELECT 'ALTER ' || quote_ident(attname) || ' DROP NOT NULL' FROM pg_attribute"
				 " WHERE attrelid = $1 AND attnum > 0 AND NOT attisdropped AND attnotnull AND attidentity = ''"
				 " AND NOT EXISTS (SELECT FROM pg_inherits JOIN pg_attribute p ON p.attrelid = inhparent"
				 "   WHERE inhrelid = $1 AND p.attname = pg_attribute.attname AND p.attnotnull)",
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

/*
 * The table's own code may fill a column before NOT NULL is asked, and the
 * clone has none of it: a column that must have a value may be null there, a
 * primary key is none. An identity is filled on the clone as well, and a
 * partition, where it is none, must then have a value as its parent. What else
 * a partition has from its parent goes with the parent's.
 */
static void
allow_nulls(const Clone *clone)
{
	ListCell   *lc;

	if (!fills_nulls(clone->relid))
		return;
	allow_nulls_in(clone);
	foreach(lc, clone->relkind == RELKIND_PARTITIONED_TABLE ? clone->members : NIL)
		allow_nulls_in(lfirst(lc));
}

/* What the clone's structure covers. */
static void
note_covered(const Clone *clone)
{
	if (clone->relkind == RELKIND_PARTITIONED_TABLE && !clone->flat)
	{
		*clone->gaps &= ~COVERAGE_ROUTING;
		if (clone->partial)
			*clone->gaps |= COVERAGE_PARTITIONS;
	}
	if (clone->members != NIL && !clone->partial)
		*clone->gaps &= ~COVERAGE_CHILDREN;
	if (clone->whole && clone_has_keys(clone))
		*clone->gaps &= ~COVERAGE_KEYS;
}

/* See the header. */
void
standin_make(Clone *clone, bool altering)
{
	/*
	 * rows of another server are not fetched for a trial: no step of ours
	 * changes a foreign table
	 */
	bool		sample = !OidIsValid(route_foreign(clone->relid, true));

	/* a superuser needs no grant, and pg_namespace one update less */
	if (!superuser_arg(clone->owner))
		spi_exec(psprintf("GRANT USAGE, CREATE ON SCHEMA " CLONE_SCHEMA " TO %s",
						  quote_identifier(GetUserNameFromId(clone->owner, false))), NULL);
	members_choose(clone, altering);
	if (sample)
		history_sample(clone);
	clone_create(clone, "");
	members_make(clone);
	sequences_detach(clone);
	if (sample)
		history_load(clone);
	allow_nulls(clone);
	note_covered(clone);
}

/* Body of a subtransaction: all policies, or none. */
static void
copy_policies(void *arg)
{
	const Clone *clone = arg;
	SpiArgs		args;
	uint64		n;
	SpiRows		rows;

	spi_args(&args);
	spi_arg_relid(&args, clone->relid);
	spi_arg_text(&args, clone->name);
	n = spi_exec("SELECT format('CREATE POLICY %I ON %s AS %s FOR %s TO %s%s%s', polname, $2,"
				 " CASE WHEN polpermissive THEN 'PERMISSIVE' ELSE 'RESTRICTIVE' END,"
				 " CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE'"
				 "   WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,"
				 " CASE WHEN 0 = ANY (polroles) THEN 'PUBLIC' ELSE (SELECT string_agg(quote_ident(rolname), ', ')"
				 "   FROM pg_roles WHERE oid = ANY (polroles)) END,"
				 " ' USING (' || pg_get_expr(polqual, polrelid) || ')',"
				 " ' WITH CHECK (' || pg_get_expr(polwithcheck, polrelid) || ')')"
				 " FROM pg_policy WHERE polrelid = $1", &args);
	rows = spi_keep();
	for (uint64 i = 0; i < n; i++)
	{
		spi_use(&rows);
		clone_as_owner(clone, spi_get_text(i, 1, CurrentMemoryContext), NULL);
	}
	spi_args(&args);
	spi_arg_relid(&args, clone->relid);
	spi_exec("SELECT relforcerowsecurity FROM pg_class WHERE oid = $1", &args);
	clone_as_owner(clone,
				   psprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY%s", clone->name,
							spi_get_bool(0, 1, NULL) ? ", FORCE ROW LEVEL SECURITY" : ""), NULL);
}

/* See the header. */
void
standin_secure(Clone *clone)
{
	if ((*clone->gaps & COVERAGE_ROW_SECURITY) == 0)
		return;
	clone->secured = spi_try(copy_policies, clone) == NULL;
	if (clone->secured)
		*clone->gaps &= ~COVERAGE_ROW_SECURITY;
}
