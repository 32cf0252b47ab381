/*
 * audittools.h
 *	  Tools about the record: get_audit_trail, verify_audit.
 *
 * The trail tells what the view selfheal.history tells, of tables that the
 * current user may read (SELECT) and of what is about no table, with the links
 * of the hash chain; values by each table's share_values.
 */
#ifndef SELFHEAL_AUDITTOOLS_H
#define SELFHEAL_AUDITTOOLS_H

#include "postgres.h"

#include "serve/tools.h"

extern const Tool get_audit_trail_tool;
extern const Tool verify_audit_tool;

#endif							/* SELFHEAL_AUDITTOOLS_H */
