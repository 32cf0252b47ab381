/*
 * loader.h
 *	  Held rows in runs that belong together: same role, same settings.
 *
 * The dry run and the replay put rows in as whoever loaded them, under the
 * settings he had; both take a fetched chunk apart with loader_next and
 * switch with loader_become.
 */
#ifndef SELFHEAL_LOADER_H
#define SELFHEAL_LOADER_H

#include "postgres.h"

#include "base/spi.h"
#include "observe/held.h"
#include "observe/load.h"

/* rows[first .. first + n - 1] of a chunk. Zeroed before the first call. */
typedef struct LoaderRun
{
	int			first;
	int			n;
	bool		known;			/* the load's row is still there */
	LoadSettings settings;		/* good when known */
	Oid			role;			/* InvalidOid: dropped since */
} LoaderRun;

/* Step to the next run of the chunk; false at its end. Strings are allocated
 * in the current context. */
extern bool loader_next(const HeldRow *rows, int n, LoaderRun *run);

/* Raises 42704 when the run's load or role is gone: nobody can act as it. */
extern void loader_require(const LoaderRun *run);

/* Become the run's role, restricted and local, with its settings, until
 * spi_resume. */
extern void loader_become(SpiUser *saved, const LoaderRun *run);

/* Did a security-restricted operation refuse it, which the same statement in
 * the role's own session would have been allowed? */
extern bool loader_restricted(const ErrorData *edata);

#endif							/* SELFHEAL_LOADER_H */
