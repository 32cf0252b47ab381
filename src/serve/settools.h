/*
 * settools.h
 *	  Tools with which a team says what is to be: set_policy, add_mapping.
 *
 * They are the SQL functions of their names, called as the current user.
 */
#ifndef SELFHEAL_SETTOOLS_H
#define SELFHEAL_SETTOOLS_H

#include "postgres.h"

#include "serve/tools.h"

extern const Tool set_policy_tool;
extern const Tool add_mapping_tool;

#endif							/* SELFHEAL_SETTOOLS_H */
