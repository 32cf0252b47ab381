/*
 * reviewtools.h
 *	  Tools about plans that wait: list_pending_plans, approve_plan,
 *	  reject_plan.
 *
 * The list tells of tables that the current user may read (SELECT), as the view
 * selfheal.pending does. To approve or reject is selfheal.approve() and reject()
 * by the current user, who must have read the plan: approve_plan wants its hash.
 */
#ifndef SELFHEAL_REVIEWTOOLS_H
#define SELFHEAL_REVIEWTOOLS_H

#include "postgres.h"

#include "serve/tools.h"

extern const Tool list_pending_plans_tool;
extern const Tool approve_plan_tool;
extern const Tool reject_plan_tool;

#endif							/* SELFHEAL_REVIEWTOOLS_H */
