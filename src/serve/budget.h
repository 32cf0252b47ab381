/*
 * budget.h
 *	  What asking Claude may cost: of one incident, and of a database in an hour
 *	  and in a day.
 */
#ifndef SELFHEAL_BUDGET_H
#define SELFHEAL_BUDGET_H

#include "postgres.h"

#include "serve/conversation.h"
#include "utils/timestamp.h"

/*
 * May this conversation make one more request? False with a reason for people;
 * *again is when to look again, 0: never, its own limits are reached. Requests that
 * are under way count as calls, not by what they will cost. In the current
 * transaction.
 */
extern bool budget_allows(const Conversation *c, char **reason, TimestampTz *again);

#endif							/* SELFHEAL_BUDGET_H */
