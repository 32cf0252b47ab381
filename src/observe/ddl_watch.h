/*
 * ddl_watch.h
 *	  Follows what is done to watched tables (event triggers).
 *
 * A command that changed one is kept in selfheal.ddl, the shape it left in the
 * registry (registry.h); names, views, mappings and keys follow the table.
 * A failing event trigger of ours never fails the user's DDL: it becomes a
 * WARNING. Only a rewrite by a heal whose plan did not announce it is refused.
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

/*
 * Look away, or look again. What a dry run does to a clone is rolled back and
 * changes no watched table: whoever says true says false on every way out.
 */
extern void ddl_watch_rest(bool rest);

#endif							/* SELFHEAL_DDL_WATCH_H */
