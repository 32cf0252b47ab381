/*
 * landing.h
 *	  Rows of tables that do not exist, in a schema that a DBA named for them.
 *
 * land() takes payloads by the table's name. Where the landing schema has a
 * watched table of the name they are loaded into it, as by ingest(); where it
 * has none they are kept by name (selfheal.arrival), each with who sent it
 * under which settings, until somebody makes the table or approves the plan
 * that is made for them (serve/landed.h).
 */
#ifndef SELFHEAL_LANDING_H
#define SELFHEAL_LANDING_H

#include "postgres.h"

/* Names of the incidents' class and of the playbook. */
#define LANDING_CLASS "unknown_table"
#define LANDING_PLAYBOOK "create_table"

/* Names of tables that are waited for, at most. */
#define LANDING_NAMES 1000

/* The landing schema, InvalidOid when none is named or it is gone. Its name,
 * also of one that is gone, in the current context; NULL: none is named. */
extern Oid	landing_schema(char **name);

#endif							/* SELFHEAL_LANDING_H */
