/*
 * ddltools.h
 *	  Tools of MCP that change a table: execute_dry_run_migration and
 *	  apply_safe_ddl.
 *
 * What is asked for is vetted as anybody's proposal is, and tried on a clone
 * with the held rows of the table; a string from outside is never run. The
 * healer applies it, when the call's transaction has committed, if policy lets
 * it run by itself: not under selfheal.four_eyes, and not by a rule that the
 * asking role has set itself. Else it waits for a person (foureyes.h).
 */
#ifndef SELFHEAL_DDLTOOLS_H
#define SELFHEAL_DDLTOOLS_H

#include "postgres.h"

#include "serve/tools.h"

extern const Tool execute_dry_run_tool;
extern const Tool apply_safe_ddl_tool;

#endif							/* SELFHEAL_DDLTOOLS_H */
