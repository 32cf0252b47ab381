/*
 * inspect.h
 *	  Tools that only look: inspect_schema, read_error_log, sample_payloads.
 *
 * Each is about the incident of its context, or about what its arguments name.
 * The current user must be allowed to read the table (42501); the agent, which
 * runs as the worker, may ask about its incident's table alone, and inspect
 * the tables that its foreign keys refer to.
 */
#ifndef SELFHEAL_INSPECT_H
#define SELFHEAL_INSPECT_H

#include "postgres.h"

#include "orient/incident.h"
#include "serve/tools.h"

extern const Tool inspect_schema_tool;
extern const Tool read_error_log_tool;
extern const Tool sample_payloads_tool;

/* An incident that the current user may ask about; raises 42704 or 42501. */
extern void inspect_check_incident(int64 id);

/* The same for a tool, with the incident; NULL: there is none, and *fault says
 * so. */
extern Incident *inspect_incident(int64 id, ToolResult **fault);

#endif							/* SELFHEAL_INSPECT_H */
