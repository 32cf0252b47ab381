/*
 * deaths.h
 *	  Works that may take the server down are counted before they begin.
 *
 * A trigger, a check or an operator of people's may end the process, and the
 * server with it; or a row takes so much memory that the kernel does. After the
 * restart the same work is due again, and would do the same for ever. So what
 * runs people's code charges an attempt, and has it on disk (spi_flush), before
 * it begins, and takes the charge back when it ends in whichever other way.
 * Who finds selfheal.max_attempts charged leaves the work to a person:
 *
 *	  a heal                     by its incidents' claim (incident_claim)
 *	  an approved plan           by the plan
 *	  a look for parents         by its incidents
 *	  rows that wait for their table: its trial, their load	by their incident
 *	  a rehearsal of what was learnt	by the playbook
 *
 * A call of Claude's is counted by its turns (dialogue.c). A look into a failed
 * statement is not: who died of it has forgotten it.
 */
#ifndef SELFHEAL_DEATHS_H
#define SELFHEAL_DEATHS_H

#include "postgres.h"

typedef enum DeathsOf
{
	DEATHS_OF_INCIDENT,
	DEATHS_OF_PLAN,
	DEATHS_OF_LEARNT
} DeathsOf;

/*
 * Charge one before its work, in the current transaction: to be committed, and
 * flushed, before the work begins. False when its attempts are used up: it is
 * to be left to a person, whose word gives it one more.
 */
extern bool deaths_charge(DeathsOf what, int64 id);

/* It did not die: nothing is charged any more. */
extern void deaths_none(DeathsOf what, int64 id);

/* The sentence for what is given up: "its heal", or another work of it. */
extern char *deaths_reason(const char *work);

/* An incident is given up: audit, needs_human(deadly). */
extern void deaths_give_up(int64 incident, Oid relid, int64 plan, const char *work);

/* Heals of a table whose claims are used up. */
extern void deaths_of_heals(Oid relid);

#endif							/* SELFHEAL_DEATHS_H */
