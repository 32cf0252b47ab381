/*
 * worker.h
 *	  One background worker per database, on demand; ends after a while idle.
 */
#ifndef SELFHEAL_WORKER_H
#define SELFHEAL_WORKER_H

#include "postgres.h"

/* Entry point; the argument is not used. */
extern PGDLLEXPORT void worker_main(Datum arg);

#endif							/* SELFHEAL_WORKER_H */
