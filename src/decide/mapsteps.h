/*
 * mapsteps.h
 *	  Steps that change no table: what becomes of payloads (mapping.h).
 *
 * JSON: {"kind": "parse_timestamp", "column": key, "args": {what the mapping
 * takes, and "to": column}}. "to" is left out where the key is the column's own
 * name. decode_text is about no key: its "column" is "". overflow_to_jsonb is
 * about no key either: its "column" is the column that takes them, without "to".
 *
 * The arguments stand in their one spelling (mapping_check makes it): an
 * approval binds their text.
 */
#ifndef SELFHEAL_MAPSTEPS_H
#define SELFHEAL_MAPSTEPS_H

#include "postgres.h"

#include "decide/forms.h"
#include "observe/mapping.h"

/* A step of a mapping; args without "to", or NULL for none; column NULL or the
 * key itself: that of the key's own name. In the current context. */
extern PlanStep *mapsteps_make(MappingKind kind, const char *field, const char *column,
							   const Jsonb *args);

extern bool mapsteps_is(const PlanStep *step);

/* The mapping that a step would add, not checked, or those of all of a list's
 * steps (Mapping *), in their order. In the current context. */
extern Mapping *mapsteps_mapping(Oid relid, const PlanStep *step);
extern List *mapsteps_mappings(Oid relid, const List *steps);

/* For forms.c. */
extern bool mapsteps_check(const StepSite *site, const PlanStep *step, bool *true_already,
						   char **reason);
extern List *mapsteps_words(Oid relid, const PlanStep *step);
extern void mapsteps_undo(const HealPlan *plan, const PlanStep *step, StepUndo *undo);

/*
 * Why this is not proposed once more: a person has removed a mapping of this
 * kind and key, and nobody has said anything of the key since. NULL: nobody
 * has. In the current context.
 */
extern char *mapsteps_removed(Oid relid, const PlanStep *step);

#endif							/* SELFHEAL_MAPSTEPS_H */
