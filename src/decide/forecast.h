/*
 * forecast.h
 *	  What would this plan cost on this very table? From its catalog, and,
 *	  once it was tried on a clone, from what was seen there.
 *
 * JSON: {"lock": "ACCESS EXCLUSIVE" or null, "rewrite": bool, "scan": bool,
 *        "indexes": [names rebuilt], "index_bytes": {name: n},
 *        "dependents": ["view public.v", ...],
 *        "rebuilt": [all that is made again around the change],
 *        "cannot_rebuild": why it is refused, or null,
 *        "publications": [that carry it], "foreign_keys": ["fk on public.child", ...],
 *        "also_locks": ["public.child", ...], "bytes": n,
 *        "bytes_read": n, "bytes_written": n,
 *        "estimated_rows": n or null, "statistics_lost": [columns],
 *        "estimated_ms": n or null,
 *        "rate": {"source": "catalog" | "server" | "clone" | "none",
 *                 "pages_per_s": n or null, "age_s": n or null},
 *        "conflicting": [{"pid","query","age_s","mode","application"}],
 *        "free_disk": n or null, "disk_needed": n,
 *        "traced": {"rewrite", "scan", "indexes": [names], "ms": n} or null,
 *        "agreed": bool or null,
 *        "steps": [{"kind","column","lock","rewrite","scan","indexes",
 *                   "bytes_read","bytes_written","estimated_ms","why"}]}
 *
 * bytes is what policy weighs: heap (with TOAST, for a rewrite) that is
 * rewritten, read or indexed anew, and materialized views that are filled
 * again, which estimated_ms leaves out. bytes_read counts the heap once more for
 * each index that is built; bytes_written is heap, TOAST and indexes.
 * estimated_ms is for an idle server with the table in memory. Its source:
 * "catalog" a change of the catalog alone, taken for a millisecond; "server"
 * rates measured on this server (rates.h), so long ago; "clone" the same,
 * made good by the time that the ALTER took on the clone; "none" nothing
 * could be measured. What indexes are named "... (made on the clone)" were
 * made there by something that is not in the plan.
 * traced is what was seen on the clone, told in names of the table; agreed,
 * whether that is what the catalog says. The rest of the object is the sum of
 * both. Steps are what the catalog says of each alone.
 * Rests on the measured table of ALTER TABLE's costs (see docs/SAFETY.md).
 */
#ifndef SELFHEAL_FORECAST_H
#define SELFHEAL_FORECAST_H

#include "postgres.h"

#include "decide/extent.h"
#include "decide/vet.h"

/* What an ALTER TABLE was seen to do on a clone of the table. */
typedef struct Traced
{
	bool		rewrite;		/* a heap has new files, or other rows */
	bool		scan;			/* a heap that stayed was read, and not to
								 * build an index */
	List	   *built;			/* char *, extent_index_key of those built
								 * anew */
	List	   *kept;			/* of those that were not */
	List	   *made;			/* names of indexes that were not there */
	int			tables;			/* how many the clone consisted of */
	double		rows;			/* in all of them */
	double		ms;				/* the ALTER took */
} Traced;

/* What one step costs; the sum over the tree. */
typedef struct ForecastStep
{
	const PlanStep *step;
	bool		rewrite;
	bool		scan;
	List	   *indexes;		/* char *, rebuilt */
	const char *why;
	RatesWork	work;
	int64		bytes_read;
	int64		bytes_written;
} ForecastStep;

/* What the whole plan costs on one table of the tree. */
typedef struct ForecastMember
{
	Oid			relid;
	bool		rewrite;
	bool		scan;
	List	   *indexes;		/* char *, rebuilt */
	Extent	   *extent;			/* NULL where nothing but the catalog changes */
} ForecastMember;

typedef struct Forecast
{
	bool		rewrite;
	bool		scan;
	bool		drops_not_null;
	bool		reads_otherwise;	/* stored values print with more digits */
	bool		published;		/* by any publication */
	bool		disk_short;		/* new files would not fit with a margin */
	bool		checks_keys;	/* scan is (also) a foreign key's check */
	bool		agreed;			/* what was seen is what the catalog says */
	Oid			relid;
	List	   *indexes;		/* char *, rebuilt */
	List	   *dependents;		/* char *, would be refused by PostgreSQL */
	List	   *rebuilt;		/* char *, taken away and made again around it */
	char	   *cannot_rebuild; /* why that cannot be done exactly, or NULL */
	List	   *refused;		/* char *, names of what cannot be made again */
	List	   *publications;	/* char *, that carry what is changed */
	List	   *foreign_keys;	/* char *, made anew, and checked again when
								 * the heap is rewritten */
	List	   *also_locks;		/* char *, other tables that are locked */
	int64		bytes;			/* of what is rewritten or scanned */
	List	   *impact;			/* ImpactLine * (effect.h) that decide: no
								 * notes */
	int64		disk_free;		/* where it is tightest; -1: not known */
	int64		disk_needed;	/* there, for all new files */
	Jsonb	   *json;			/* NULL until forecast_tell */

	/* what the sums above come from */
	List	   *steps;			/* ForecastStep * */
	List	   *members;		/* ForecastMember * */
	List	   *rebuilt_relations;	/* Oid, locked for it */
	int64		rebuilt_bytes;	/* of materialized views */
	double		estimated_rows; /* negative: not known */
	RatesWork	work;
	int64		bytes_read;
	int64		bytes_written;
	const Traced *seen;			/* NULL: not tried */
	List	   *seen_indexes;	/* char *, what was built on the clone, in the
								 * table's names */
} Forecast;

/* By the catalog and file sizes; result in the current context. */
extern Forecast *forecast_plan(const VettedPlan *plan);

/* The same without the JSON, for many in a row: nobody is asked who holds the
 * table, and nothing is estimated. */
extern Forecast *forecast_cost(const VettedPlan *plan);

/*
 * Add what was seen on a clone; policy is to be asked again afterwards. What
 * the catalog says stays where the clone did less. Leaves the JSON to
 * forecast_tell.
 */
extern void forecast_correct(Forecast *f, const Traced *seen);

/* Render f->json as of now. */
extern void forecast_tell(Forecast *f);

/*
 * Why this forecast is graver than the one that was approved (its JSON), or
 * NULL: a rewrite, a scan or an index that did not stand there.
 */
extern char *forecast_beyond(const Forecast *f, const Jsonb *approved);

/* For the module's own files: sums over steps and members; a text added to a
 * list that does not have it; is it there. */
extern void forecast_sum(Forecast *f);
extern void forecast_add_once(List **list, const char *text);
extern bool forecast_has(const List *list, const char *text);

#endif							/* SELFHEAL_FORECAST_H */
