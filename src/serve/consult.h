/*
 * consult.h
 *	  What the healer leaves to Claude, and what to a person.
 */
#ifndef SELFHEAL_CONSULT_H
#define SELFHEAL_CONSULT_H

#include "postgres.h"

#include "orient/incident.h"

/*
 * This incident needs a person, for this reason, unless Claude can be asked
 * first: it is open to that what no playbook knows, but not what policy, a
 * contract or a person has refused, nor what is a matter of keys and
 * privileges; and it was not asked about it already. What it has proposed then
 * and nobody has decided about goes on waiting. Moves the incident to asking,
 * awaiting_approval or needs_human. In the current transaction.
 */
extern void consult_or_human(const Incident *incident, const IncidentNote *note);

/*
 * A playbook's plan for these incidents of a table would wait for a person, and
 * what was sent looks as if a key had been renamed or restructured: Claude is
 * asked first, in one conversation, if it can be and was not. True when they
 * are asking now, or wait for what it has proposed of all of them. In the current transaction.
 */
extern bool consult_before_person(Oid relid, const int64 *ids, int n);

/* Conversations that are not ended have a process that sees to them: to be
 * called once when a healer begins, since nobody else finds them after a
 * restart. In the current transaction. */
extern void consult_go_on(void);

#endif							/* SELFHEAL_CONSULT_H */
