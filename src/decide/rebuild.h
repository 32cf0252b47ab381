/*
 * rebuild.h
 *	  What must be made again around a change of a column's type.
 *
 * PostgreSQL refuses to change the type of a column that a view, a rule, a
 * trigger, a policy, a publication's filter or a function with a parsed body
 * names. Each of those is taken away before the ALTER and made again after it,
 * in the same transaction; this room finds them all, upwards through views
 * over views, writes down how each is made and what it was like, and says when
 * one of them could not be made again exactly.
 *
 * Memory: results are in the current context.
 */
#ifndef SELFHEAL_REBUILD_H
#define SELFHEAL_REBUILD_H

#include "postgres.h"

#include "decide/plan.h"

/* The kinds, in the order in which they are taken away. */
typedef enum RebuildKind
{
	REBUILD_POLICY,				/* its expressions are replaced meanwhile */
	REBUILD_PUBLICATION,		/* a table's place in one */
	REBUILD_FUNCTION,			/* its body is replaced meanwhile */
	REBUILD_TRIGGER,
	REBUILD_RULE,				/* not the one that makes a view a view */
	REBUILD_VIEW				/* a materialized one as well */
} RebuildKind;
#define REBUILD_KINDS (REBUILD_VIEW + 1)

/* When a statement runs: all of a phase before any of the next. */
typedef enum RebuildPhase
{
	PHASE_RELATIONS = 1,		/* views, from below; their properties, grants */
	PHASE_FUNCTIONS,
	PHASE_REST,					/* rules, triggers, policies, publications */
	PHASE_INDEXES,				/* and statistics, of views without rows yet */
	PHASE_ROWS					/* of materialized views, from below */
} RebuildPhase;

/* A statement of ours, deparsed from the catalog. */
typedef struct RebuildStep
{
	int			phase;
	Oid			role;			/* runs it: an owner or a grantor */
	char	   *sql;
} RebuildStep;

typedef struct RebuildItem
{
	RebuildKind kind;
	Oid			objid;
	int			level;			/* of a view: above those it stands on */
	char	   *name;			/* kind and qualified name, for people */
	List	   *drop;			/* RebuildStep * */
	List	   *make;			/* RebuildStep * */
	List	   *lines;			/* char *: all that it is, by names; sorted */
	List	   *types;			/* char *: "view.column" and its type, two
								 * entries each */
	char	   *digest;			/* sha256 of name and lines */
} RebuildItem;

typedef struct Rebuild
{
	List	   *items;			/* RebuildItem *, in the order of taking away;
								 * views from above */
	List	   *relations;		/* Oid: what must be locked besides the table
								 * and those below it, in that order; indexes
								 * of materialized views among them */
	char	   *refusal;		/* NULL: all of it can be made again */
	List	   *refused;		/* char *: names of what cannot be */
	int64		bytes;			/* of materialized views, written anew */
} Rebuild;

/*
 * Find what the plan's steps are refused for. Where nothing depends on the
 * columns, or none is widened, that costs next to nothing. rebuild_outline finds and names, and takes no
 * lock; rebuild_find reads definitions as well, for which PostgreSQL takes and
 * keeps ACCESS SHARE on what they name.
 */
extern Rebuild *rebuild_outline(const HealPlan *plan);
extern Rebuild *rebuild_find(const HealPlan *plan);

/*
 * What a plan rests on: plan_schema_hash of its table and, where something is
 * made again, the digests and types of all of that. The first looks for them itself.
 */
extern char *rebuild_schema_hash(const HealPlan *plan);
extern char *rebuild_hash(const HealPlan *plan, const Rebuild *rebuild);

/*
 * Why what is there now is not what was there before; NULL when it is. Types
 * of views' columns may differ, and casts that follow from that in their
 * definitions; rebuild_retyped tells which: "view.column: old -> new".
 */
extern char *rebuild_difference(const Rebuild *before, const Rebuild *after);
extern List *rebuild_retyped(const Rebuild *before, const Rebuild *after);

#endif							/* SELFHEAL_REBUILD_H */
