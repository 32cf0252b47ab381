/*
 * trouble.h
 *	  Errors that say something of the server, or that pass by themselves.
 *
 * Who raised an error matters as much as its SQLSTATE: a trigger that says
 * RAISE ... USING ERRCODE = '53100' has not filled a disk. Code in a
 * procedural language raises under a message domain of its own; what the
 * server meets while it runs such code has the server's.
 */
#ifndef SELFHEAL_TROUBLE_H
#define SELFHEAL_TROUBLE_H

#include "postgres.h"

/* Did somebody's code raise it, and not the server? An extension in C cannot
 * be told from the server. */
static inline bool
trouble_raised_by_code(const ErrorData *edata)
{
	return edata->domain != NULL && strncmp(edata->domain, "postgres", 8) != 0;
}

/* Was it another server that said so? Its SQLSTATE is about itself. */
static inline bool
trouble_elsewhere(const ErrorData *edata)
{
	return edata->funcname != NULL && strcmp(edata->funcname, "pgfdw_report_error") == 0;
}

/* SQLSTATEs that are about the server or the session, whoever raises them. */
static inline bool
trouble_by_sqlstate(int sqlerrcode)
{
	int			category = ERRCODE_TO_CATEGORY(sqlerrcode);

	return category == ERRCODE_INSUFFICIENT_RESOURCES ||
		category == ERRCODE_OPERATOR_INTERVENTION ||
		category == ERRCODE_INTERNAL_ERROR ||
		category == ERRCODE_SYSTEM_ERROR ||
		category == ERRCODE_CONNECTION_EXCEPTION;
}

/* No heal can go on: disk, memory or connections are used up, the disk fails,
 * or data is corrupt. */
static inline bool
trouble_stops(const ErrorData *edata)
{
	return !trouble_raised_by_code(edata) && !trouble_elsewhere(edata) &&
		(ERRCODE_TO_CATEGORY(edata->sqlerrcode) == ERRCODE_INSUFFICIENT_RESOURCES ||
		 edata->sqlerrcode == ERRCODE_DATA_CORRUPTED ||
		 edata->sqlerrcode == ERRCODE_INDEX_CORRUPTED ||
		 edata->sqlerrcode == ERRCODE_IO_ERROR);
}

/* Something that cannot happen has happened. It may be a race with somebody's
 * DDL, so the second one in a row counts. */
static inline bool
trouble_internal(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_INTERNAL_ERROR &&
		!trouble_raised_by_code(edata) && !trouble_elsewhere(edata);
}

/* It passes by itself: somebody else was at it, or at us. */
static inline bool
trouble_passes(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE ||
		sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED ||
		sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		sqlerrcode == ERRCODE_QUERY_CANCELED ||
		sqlerrcode == ERRCODE_OBJECT_IN_USE ||
		sqlerrcode == ERRCODE_ACTIVE_SQL_TRANSACTION;
}

/* What we were to make is there: somebody has made it meanwhile. */
static inline bool
trouble_was_first(int sqlerrcode)
{
	return sqlerrcode == ERRCODE_DUPLICATE_COLUMN ||
		sqlerrcode == ERRCODE_DUPLICATE_TABLE ||
		sqlerrcode == ERRCODE_DUPLICATE_OBJECT;
}

#endif							/* SELFHEAL_TROUBLE_H */
