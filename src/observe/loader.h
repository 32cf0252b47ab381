/*
 * loader.h
 *	  Held rows in runs that belong together: same role, same settings, to be
 *	  stored or witnesses.
 *
 * Diagnosis, dry run and replay treat rows as whoever loaded them would,
 * under the settings he had: they take a fetched batch apart with loader_next
 * and switch with loader_become.
 */
#ifndef SELFHEAL_LOADER_H
#define SELFHEAL_LOADER_H

#include "postgres.h"

#include "base/spi.h"
#include "observe/held.h"
#include "observe/load.h"

/* A batch of rows with what is known of their loads. */
typedef struct Loader Loader;

/* rows[first .. first + n - 1] of the batch. */
typedef struct LoaderRun
{
	int			first;
	int			n;
	const LoadSettings *settings;	/* NULL: the loads are not recorded any
									 * more */
	Oid			role;			/* InvalidOid: dropped since, or not known */
	bool		witness;		/* none of the rows is to be stored */
} LoaderRun;

/* Look up the loads of these rows, all at once. In the current context, with
 * all that the runs point to. The ids of the rows' loads are read here only. */
extern Loader *loader_open(const HeldRow *rows, int n);

/* The next run of the batch; false at its end. */
extern bool loader_next(Loader *loader, LoaderRun *run);

/* Raises 42704 when the run's load or role is gone: nobody can act as it. */
extern void loader_require(const LoaderRun *run);

/* Become the run's role, restricted and local, with its settings, until
 * spi_resume. */
extern void loader_become(SpiUser *saved, const LoaderRun *run);

/* Did a security-restricted operation refuse it, which the same statement in
 * the role's own session would have been allowed? */
extern bool loader_restricted(const ErrorData *edata);

#endif							/* SELFHEAL_LOADER_H */
