/*
 * registry.h
 *	  The schema registry: every shape that a watched table has had.
 *
 * selfheal.schema_snapshot has them, numbered 1, 2, 3 per table, and
 * selfheal.schema_version shows them with the command beside. Number 1 is the
 * table as it was when it was watched first. A change of the table that leaves
 * its shape (snapshot.h) what it was has no row.
 */
#ifndef SELFHEAL_REGISTRY_H
#define SELFHEAL_REGISTRY_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

/* What brought a shape about. */
typedef struct RegistryCause
{
	int64		command;		/* selfheal.ddl.id; 0: none that is known */
	const char *role;			/* NULL: not known */
	bool		healer;			/* it was ours, not a person's */
	int64		plan;			/* of a heal; 0: none */
	const Jsonb *renamed;		/* {"old column": "new"}, or NULL */
} RegistryCause;

/* What was kept. */
typedef struct RegistryEntry
{
	int			version;
	List	   *changes;		/* SnapshotChange, against the one before */
	bool		breaks;			/* one of them does */
} RegistryEntry;

/*
 * Keep the shape of a watched table if it is not the newest that is kept:
 * what was kept, in the current context, or NULL. A table that is being
 * restored (restore.h) has no new shape before it is whole. If another
 * transaction is at the same and stays at it for half a second, this is left
 * to the worker (unseen.h). Any other failure
 * is a WARNING.
 */
extern RegistryEntry *registry_keep(Oid relid, const RegistryCause *cause);

/* The table is gone: its last version has no shape. Before what is kept of it
 * loses the table. */
extern void registry_gone(Oid relid, const char *schema, const char *table, const RegistryCause *cause);

/* Another table has taken the watched name: what was kept of the one is the
 * other's history now. InvalidOid: nobody's. Inside spi_open. */
extern void registry_repoint(Oid from, Oid to);

/* A kept shape, or NULL; the newest one's number, 0 if there is none. In the
 * current context. */
extern Jsonb *registry_snapshot(Oid relid, int version);
extern int	registry_newest(Oid relid);

/*
 * The newest version before this one that others have seen: who makes a column
 * and renames it in one transaction, or an enum anew under its old name, has
 * broken nothing that anybody could have sent. Where this transaction made
 * them all, the first.
 */
extern int	registry_seen_before(Oid relid, int version);

/* {"old": "new"} of the columns that were renamed from one version to a later
 * one; NULL when none was. */
extern Jsonb *registry_renamed(Oid relid, int from, int to);

#endif							/* SELFHEAL_REGISTRY_H */
