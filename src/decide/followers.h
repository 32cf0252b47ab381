/*
 * followers.h
 *	  What those feel of a plan who follow the table by logical replication.
 *
 * Private to impact.c: some of its sources of lines. A publication's line asks
 * for a person's yes, unless the team has said that subscribers follow by
 * themselves; then it is a note.
 */
#ifndef SELFHEAL_FOLLOWERS_H
#define SELFHEAL_FOLLOWERS_H

#include "postgres.h"

#include "decide/effect.h"
#include "decide/forecast.h"
#include "decide/subscribers.h"

/* What the sources of lines look at and add to. */
typedef struct Survey
{
	const HealPlan *plan;
	const Forecast *cost;
	List	   *tree;			/* oids: the table and all below it */
	List	   *drafts;
	List	   *slots;			/* char *, where logical decoding is on */
	List	   *rules;			/* PolicyRule *, where it is published */
} Survey;

/* Add a line about something that is not a level of views. */
static inline void
survey_add(Survey *s, const char *kind, const char *object, const PlanStep *step,
		   ImpactLevel level, const char *before, const char *after)
{
	effect_add(&s->drafts, kind, object, step, level, 0, before, after);
}

/* What a new partition is to those who follow its siblings; with notes also
 * what it lacks of them. */
extern void followers_of_partition(Survey *s, const PlanStep *step, bool notes);

/* What a subscriber meets; published: PublishedBy *, for the step's column. */
extern void followers_of_column(Survey *s, const PlanStep *step, const List *published);

/* What identifies a row to those who follow the table. */
extern void followers_identity(Survey *s, const PlanStep *step, RowIdentity identity);

#endif							/* SELFHEAL_FOLLOWERS_H */
