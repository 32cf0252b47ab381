/*
 * foureyes.h
 *	  Who has proposed a plan, who decides about it, and whether he may.
 *
 * A plan that somebody has proposed himself he may approve, unless
 * selfheal.four_eyes is on, or a program did it in his name: then a person has
 * not seen it yet. A team that trusts its agent says so, set_self_approval();
 * it takes the table's owner (for all tables, the extension's), leaves an audit
 * row (policy_changed), and never counts for plans of the login that said it: an
 * agent that has the right does not give it to itself. No tool of MCP does.
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

/* Note that an agent has proposed this plan, over MCP, in the caller's name;
 * client: the program. That of an earlier proposer stays. */
extern void foureyes_proposed_by_agent(int64 plan, const char *client);

/* Note who has approved or rejected this plan. */
extern void foureyes_decided(int64 plan);

/*
 * Under selfheal.four_eyes, and of an agent's plan where set_self_approval()
 * does not allow it: the role by which whoever calls has proposed the plan, and
 * so cannot approve it: the one that he logged in as, the session's or the
 * current one. NULL: he can. What selfheal has planned itself may be approved by
 * anybody. *why: what to do, in a sentence.
 */
extern char *foureyes_proposer(const PlanRow *row, const char **why);

/* The same as an error, 42501. */
extern void foureyes_check(const PlanRow *row);

#endif							/* SELFHEAL_FOUREYES_H */
