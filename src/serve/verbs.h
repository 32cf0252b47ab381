/*
 * verbs.h
 *	  What people do by SQL: propose, approve, reject, retry, pause, resume,
 *	  and what they ask: vet, preview, dry_run, explain. (replay, discard and
 *	  amend are byhand.h's.)
 *
 * Each checks the caller's own rights (EXECUTE came with grant_to, and the
 * table must be one he may read), does its work as the extension's owner, and
 * leaves an audit row. None takes a lock that a load or the healer waits for:
 * a session that stays open after approve() blocks nobody.
 *
 * The SQL functions have no C callers; what they share stands here.
 */
#ifndef SELFHEAL_VERBS_H
#define SELFHEAL_VERBS_H

#include "postgres.h"

#include "fmgr.h"
#include "orient/incident.h"

/* An argument that must be there; one message for all. */
extern void verbs_require_arg(FunctionCallInfo fcinfo, int n, const char *name,
							  const char *hint);

/* An argument as a string, NULL when it is null. */
extern char *verbs_text_arg(FunctionCallInfo fcinfo, int n);

/* The incident that argument 0 names, if the caller may act on it. */
extern Incident *verbs_incident_arg(FunctionCallInfo fcinfo);

/* Name of the caller's role. */
extern const char *verbs_caller(void);

/* The one row of a function that returns a row. */
extern Datum verbs_one_row(FunctionCallInfo fcinfo, Datum *values, bool *nulls);

#endif							/* SELFHEAL_VERBS_H */
