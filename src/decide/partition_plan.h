/*
 * partition_plan.h
 *	  Playbooks for rows that no partition takes, or not the one they were
 *	  sent to.
 */
#ifndef SELFHEAL_PARTITION_PLAN_H
#define SELFHEAL_PARTITION_PLAN_H

#include "postgres.h"

#include "decide/remedy.h"

/*
 * Row 14: a step for each partition that the held rows lack, learnt from its
 * siblings; or why a person is needed. Reads the held rows of the finding's
 * incidents.
 */
extern void partition_add(Remedy *r, const Evidence *e);

/*
 * Row 15: the table is a partition, and the rows belong to another: a replay
 * stores them through the root (reroute.h). Also for rows that no partition
 * of the root takes: then why a person is needed.
 */
extern void partition_reroute(Remedy *r, const Evidence *e);

/*
 * A plan with the one partition of the table itself that a value of its key
 * belongs to (text as the key's type reads it; NULL: null), however far from
 * the others, its rows moved out of the default partition. No step when there
 * is such a partition. NULL with a reason.
 */
extern HealPlan *partition_for(Oid relid, const char *value, char **reason);

#endif							/* SELFHEAL_PARTITION_PLAN_H */
