/*
 * launcher.h
 *	  Static background worker: starts a worker for each database that wants
 *	  one. Shared catalogs only, so that it never blocks DROP DATABASE.
 */
#ifndef SELFHEAL_LAUNCHER_H
#define SELFHEAL_LAUNCHER_H

#include "postgres.h"

/* From _PG_init: register the launcher; and vacate.c's hook, which keeps
 * workers away from DROP DATABASE and friends. */
extern void launcher_init(void);
extern PGDLLEXPORT void launcher_main(Datum arg);

#endif							/* SELFHEAL_LAUNCHER_H */
