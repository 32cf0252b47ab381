/*
 * effect.h
 *	  What a plan does to something else: one line, for people and for the
 *	  policy, and how it is collected, cut, told and stored.
 *
 * JSON: [{"kind": "view", "object": "public.v", "column": "amount",
 *         "effect": "its column amount becomes numeric(12,2)",
 *         "level": "note" | "review" | "refuse", "depth": 2}, ...]
 *
 * kind: view, materialized view, generated column, trigger, policy, rule,
 *   function, check, foreign key, index, statistics object, table column
 *   (of the table's row type), partitions, child tables, publication, replica
 *   identity, slot, subscription, prepared statements, sequence, default,
 *   readers; else PostgreSQL's own word for what depends on the column.
 * object: name, qualified and quoted as SQL has it; "and n more" for those
 *   beyond IMPACT_MAX_LINES of a kind.
 * column: of the table, quoted as SQL has it, the first five when the same is
 *   said of several; null: the table as a whole.
 * level: note changes no verdict, review makes the plan wait, refuse is what
 *   PostgreSQL would not do.
 * depth: of a view that stands on another one; else it is left out.
 */
#ifndef SELFHEAL_EFFECT_H
#define SELFHEAL_EFFECT_H

#include "postgres.h"

#include "decide/plan.h"

/* Lines of one kind and level, at most. */
#define IMPACT_MAX_LINES 50

typedef enum ImpactLevel
{
	IMPACT_NOTE,
	IMPACT_REVIEW,
	IMPACT_REFUSE
} ImpactLevel;

typedef struct ImpactLine
{
	const char *kind;
	char	   *object;
	char	   *column;			/* NULL: the table as a whole */
	StepKind	step;			/* the first that it is said of */
	char	   *effect;
	ImpactLevel level;
	int			depth;			/* of views; 0 for the rest */
} ImpactLine;

/*
 * Collect: add to *drafts (a list of what is private to effect.c) that the
 * object feels before + the step's column + after; after NULL: the text speaks
 * of no column. What is said in the same words of several columns is one line.
 * step NULL: the table as a whole. before and after must live on.
 */
extern void effect_add(List **drafts, const char *kind, const char *object,
					   const PlanStep *step, ImpactLevel level, int depth,
					   const char *before, const char *after);

/* The lines (ImpactLine *), gravest first and nearest first; without notes
 * only those that decide. Of one kind and level no more than
 * IMPACT_MAX_LINES, and one that says how many more there are. */
extern List *effect_lines(List *drafts, bool notes);

/* Names in one text: "a, b and 3 more"; quoted as SQL has it when quote. */
extern char *effect_some_of(const List *names, bool quote);

/* The documented JSON; NULL without lines. */
extern Jsonb *effect_json(const List *lines);

/* A forecast's JSON with the lines under "impact", as the audit keeps it. */
extern Jsonb *effect_join(const Jsonb *forecast, const Jsonb *impact);

/* One line as a person reads it: "view public.v (level 2): its column ...". */
extern char *effect_text(const ImpactLine *line);

#endif							/* SELFHEAL_EFFECT_H */
