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

/*
 * Is the extension there, and does it stay to the end of this transaction?
 * Takes AccessShareLock on it unless somebody is dropping it right now; then
 * the answer is false. To be asked at the start of each worker transaction
 * that touches our tables.
 */
extern bool worker_alive(void);

#endif							/* SELFHEAL_WORKER_H */
