/*
 * ddl_watch.h
 *	  Follows DROP, RENAME and SET SCHEMA of watched tables (event triggers).
 *
 * A failing event trigger of ours never fails the user's DDL: it becomes a
 * WARNING. The functions have no C callers.
 */
#ifndef SELFHEAL_DDL_WATCH_H
#define SELFHEAL_DDL_WATCH_H

#include "postgres.h"

#endif							/* SELFHEAL_DDL_WATCH_H */
