/*
 * runbook.h
 *	  The team's own words about a watched table (selfheal.runbook): what its
 *	  payloads mean, what may be changed, whom to ask.
 *
 * For people, and for a model as documentation. Goes where its watch goes, and
 * with it.
 */
#ifndef SELFHEAL_RUNBOOK_H
#define SELFHEAL_RUNBOOK_H

#include "postgres.h"

/* Longest text, in bytes: it is sent with each question about the table. */
#define RUNBOOK_BYTES 8192

/* The text, in the current context, or NULL. */
extern char *runbook_get(Oid relid);

#endif							/* SELFHEAL_RUNBOOK_H */
