/*
 * worker.h
 *	  One background worker per database, on demand; ends after a while idle.
 */
#ifndef SELFHEAL_WORKER_H
#define SELFHEAL_WORKER_H

#include "postgres.h"

/* What the launcher gives a worker on its way, in bgw_extra. */
typedef struct WorkerExtra
{
	Oid			dbid;
	Oid			roleid;			/* to connect as; InvalidOid = bootstrap user */
	uint32		generation;		/* of the slot: a late starter is told by it */
} WorkerExtra;

/* Entry point; the argument is not used. */
extern PGDLLEXPORT void worker_main(Datum arg);

#endif							/* SELFHEAL_WORKER_H */
