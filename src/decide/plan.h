/*
 * plan.h
 *	  A plan: typed steps on one table. SQL is what we render from it.
 *
 * Whoever proposes gives SQL or JSON; both become a HealPlan, and what runs is
 * deparsed from its steps: a string from outside is never executed.
 *
 * JSON: {"relation": "schema.table", "steps": [
 *   {"kind": "add_column",    "column": "x", "type": "text", "evidence": 3},
 *   {"kind": "widen_type",    "column": "x", "type": "character varying(64)"},
 *   {"kind": "convert_type",  "column": "x", "type": "text"},
 *   {"kind": "drop_not_null", "column": "x"},
 *   {"kind": "add_enum_label", "column": "x", "labels": ["a", "b"]}]}
 * "evidence" is there while so few values taught the type (taught.h).
 * What else a kind of step carries stands under "args", an object whose keys
 * are documented where the kind is made (forms.h names its room). "column" is
 * what the step is about: a column, or the key of a payload.
 */
#ifndef SELFHEAL_PLAN_H
#define SELFHEAL_PLAN_H

#include "postgres.h"

#include "nodes/pg_list.h"
#include "utils/jsonb.h"

typedef enum StepKind
{
	STEP_ADD_COLUMN,
	STEP_WIDEN_TYPE,
	STEP_DROP_NOT_NULL,
	STEP_ADD_ENUM_LABEL,		/* of the column's type, at the end */
	STEP_SET_DEFAULT,
	STEP_SET_GENERATED_BY_DEFAULT,
	STEP_CONVERT_TYPE,			/* to another family, by a built-in cast */
	STEP_EXTEND_CHECK_LIST,		/* more literals in an IN list */
	STEP_ATTACH_PARTITION,
	STEP_EXTEND_SEQUENCE,
	STEP_CREATE_TABLE,			/* in a landing schema */
	STEP_MAP_FIELD,				/* the first of the payload mappings */
	STEP_IGNORE_FIELD,
	STEP_STRIP_NUL,
	STEP_TRIM,
	STEP_NULL_IF,
	STEP_MAP_VALUE,
	STEP_PARSE_TIMESTAMP,
	STEP_PARSE_NUMBER,
	STEP_PARSE_POINT,
	STEP_DECODE_TEXT,
	STEP_OVERFLOW_TO_JSONB
} StepKind;

#define PLAN_STEP_KINDS (STEP_OVERFLOW_TO_JSONB + 1)

/* Where a step is made. */
typedef enum StepPlace
{
	STEP_IN_ALTER,				/* a clause of the plan's one ALTER TABLE */
	STEP_BEFORE,				/* statements of its own, committed before */
	STEP_BESIDE,				/* statements of its own, after the ALTER
								 * TABLE and in its transaction */
	STEP_IN_MAPPING				/* no DDL: what becomes of payloads */
} StepPlace;

typedef struct PlanStep
{
	StepKind	kind;
	char	   *column;
	Oid			type;			/* add_column, widen_type, convert_type */
	int32		typmod;
	List	   *labels;			/* add_enum_label: char * */
	Jsonb	   *args;			/* of kinds that have some, or NULL */
	int64		evidence;		/* add_column: so few values taught the type
								 * (taught.h); 0: enough, or not values */
} PlanStep;

typedef struct HealPlan
{
	Oid			relid;
	List	   *steps;			/* PlanStep *; NIL = the table fits, replay */
} HealPlan;

extern PlanStep *plan_step(StepKind kind, const char *column, Oid type, int32 typmod);
extern PlanStep *plan_step_copy(const PlanStep *step);
extern const char *plan_step_name(StepKind kind);
extern StepPlace plan_step_place(StepKind kind);

/* Does a column get another type by it? Then what stands on the column is in the
 * way of it, whatever the types are. */
extern bool plan_changes_type(const PlanStep *step);

/* Does the plan have a step that is made there? */
extern bool plan_has(const HealPlan *plan, StepPlace place);

/* Does any step do more than say how payloads are read? */
extern bool plan_changes_table(const HealPlan *plan);

/* "schema.table" with both names quoted where they need it; NULL when the
 * relation is gone. */
extern char *plan_relation_name(Oid relid);

/* A type or collation as SQL that means the same under every search_path. */
extern char *plan_type_sql(Oid type, int32 typmod);
extern char *plan_collation_sql(Oid collation);

extern Jsonb *plan_to_jsonb(const HealPlan *plan);

/*
 * Read what plan_to_jsonb gave and we stored: a table that was renamed since
 * is still the one that relid says. Raises 22023 with the path of what is
 * wrong. Does not vet.
 */
extern HealPlan *plan_from_stored(Oid relid, const Jsonb *json);

/* Set a reason (current context) and say no: the one way to refuse. */
extern bool plan_refuse(char **reason, const char *fmt,...)
			pg_attribute_printf(2, 3);

/* sha256 (hex) over a canonical text of the table's columns, constraints,
 * indexes, triggers and publications: changes when anything does that a plan
 * rests on. */
extern char *plan_schema_hash(Oid relid);

/* sha256 (hex) over steps, schema hash and all of the policy they are judged
 * by (rules_state): what an approval binds. How many values taught a type is
 * no part of it: more of the same change nothing that is done. */
extern char *plan_hash(const HealPlan *plan, const char *schema_hash, const char *policy);

#endif							/* SELFHEAL_PLAN_H */
