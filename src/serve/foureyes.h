/*
 * foureyes.h
 *	  Who has proposed a plan, who decides about it, and whether he may.
 *
 * Both are kept by the role that they acted as and by the one that they had
 * logged in as, which neither SET ROLE nor a function that runs as somebody
 * else changes.
 */
#ifndef SELFHEAL_FOUREYES_H
#define SELFHEAL_FOUREYES_H

#include "postgres.h"

#include "decide/docket.h"

/* The name of the role that this session logged in as. */
extern char *foureyes_login(void);

/* Note who has proposed this plan; that of an earlier proposer stays. */
extern void foureyes_proposed(int64 plan);

/* Note who has approved or rejected this plan. */
extern void foureyes_decided(int64 plan);

/*
 * Under selfheal.four_eyes: 42501 when who calls has proposed the plan, by any
 * of his roles: the one that he logged in as, the session's and the current.
 * What selfheal has planned itself may be approved by anybody.
 */
extern void foureyes_check(const PlanRow *row);

#endif							/* SELFHEAL_FOUREYES_H */
