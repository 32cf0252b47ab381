/*
 * casetools.h
 *	  Tools about incidents: list_incidents, retry_incident, report_failure.
 *
 * list_incidents tells of tables that the current user may read (SELECT), as
 * the view selfheal.incidents does. The other two are the SQL functions of
 * their names, called as the current user.
 */
#ifndef SELFHEAL_CASETOOLS_H
#define SELFHEAL_CASETOOLS_H

#include "postgres.h"

#include "serve/tools.h"

extern const Tool list_incidents_tool;
extern const Tool retry_incident_tool;
extern const Tool report_failure_tool;

/* What to do next with an incident in this state, in a sentence, for that role:
 * tools are named that it may call, and who else decides. plan 0: it has
 * none. */
extern const char *casetools_next(Oid role, const char *state, const char *reason_kind, int64 plan);

#endif							/* SELFHEAL_CASETOOLS_H */
