/*
 * subtable.h
 *	  The step create_table for a table that a subscriber lacks.
 *
 * Args of the step, whose "column" is the table's bare name: {"schema": "public",
 * "subscription": "sales", "columns": [["id", "integer"], ...], "notnull":
 * ["id", ...], "key": ["id"], "full": true}. Types are built-in ones and their
 * arrays, or the subscriber's own of the same schema and name; the key is the
 * publisher's primary key, or what its replica identity is by; "full" (left out
 * when false): REPLICA IDENTITY FULL. Nothing else of the publisher's table is
 * taken over: defaults, checks and foreign keys are the subscriber's own.
 */
#ifndef SELFHEAL_SUBTABLE_H
#define SELFHEAL_SUBTABLE_H

#include "postgres.h"

#include "decide/plan.h"
#include "decide/replication.h"

/* The name of the playbook, by which its plans are known. */
#define SUBTABLE_PLAYBOOK "subscriber_table"

/* What a subscription's step says, taken apart. */
typedef struct SubTable
{
	char	   *schema;
	char	   *table;
	char	   *subscription;
} SubTable;

/* The step, as the publisher has the table. */
extern PlanStep *subtable_step(const LackingTable *table);

/* May such a table be made? Must be asked again right before. False with a
 * reason. *sql: its statements (char *), when it may. */
extern bool subtable_vet(const PlanStep *step, SubTable *out, List **sql, char **reason);

#endif							/* SELFHEAL_SUBTABLE_H */
