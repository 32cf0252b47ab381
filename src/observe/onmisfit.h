/*
 * onmisfit.h
 *	  What a COPY says of rows that do not fit: its options ON_ERROR,
 *	  REJECT_LIMIT and LOG_VERBOSITY, alike on every version of the server.
 *
 * A row that does not fit is never dropped: where COPY's ON_ERROR ignore skips
 * it, it is held, and that is what is done without a word as well. What else
 * COPY's words mean they mean here:
 *	  on_error stop		the first such row fails the load, with its own
 *						SQLSTATE; nothing of the load is stored or held
 *	  reject_limit n	more than n of them fail it, with 22P02 as COPY does
 *	  log_verbosity		default: one NOTICE for the load; verbose: one for
 *						each such row besides; silent: none
 * Rows that the table's contract discards did not fit either, and count.
 */
#ifndef SELFHEAL_ONMISFIT_H
#define SELFHEAL_ONMISFIT_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "observe/discards.h"
#include "observe/quarantine.h"
#include "observe/store.h"

/* All zero: none of the options was given. */
typedef struct OnMisfit
{
	enum
	{
		ON_MISFIT_UNSAID,
		ON_MISFIT_HOLD,			/* ignore */
		ON_MISFIT_STOP
	}			on_error;
	int64		limit;			/* 0: none */
	enum
	{
		TELL_UNSAID,
		TELL_DEFAULT,
		TELL_EACH,				/* verbose */
		TELL_NOTHING			/* silent */
	}			tell;
} OnMisfit;

/* Is the option one of them? Then it is taken. Raises 42601 when it was given
 * before, 22023 for a value that COPY would not take. */
extern bool onmisfit_option(OnMisfit *on, DefElem *opt);

/* Do they go together? Else 22023. */
extern void onmisfit_check(const OnMisfit *on);

/*
 * A batch was written, and some of its rows are not stored: fail, or tell of
 * each, if that is asked for. Before any of them is held.
 */
extern void onmisfit_see(const OnMisfit *on, Oid relid, const StoreRow *rows,
						 const int64 *positions, int n);

/* Fail past the limit; misfits: so many rows up to now. w and d have the
 * reasons; each may be NULL. */
extern void onmisfit_count(const OnMisfit *on, Oid relid, const QuarantineWriter *w,
						   const Discards *d, int64 misfits);

#endif							/* SELFHEAL_ONMISFIT_H */
