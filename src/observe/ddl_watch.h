/*
 * ddl_watch.h
 *	  Follows DROP, RENAME and SET SCHEMA of watched tables (event triggers).
 *
 * A failing event trigger of ours never fails the user's DDL: it becomes a
 * WARNING.
 */
#ifndef SELFHEAL_DDL_WATCH_H
#define SELFHEAL_DDL_WATCH_H

#include "postgres.h"

/*
 * Forget watched tables that are gone though no event trigger said so: it had
 * failed, was disabled, or the session was a replica. Called by the worker, in
 * a transaction of its own choosing.
 */
extern void ddl_watch_catch_up(void);

#endif							/* SELFHEAL_DDL_WATCH_H */
