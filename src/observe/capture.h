/*
 * capture.h
 *	  selfheal.error: the capture table, and its door for everyone else.
 *
 * Anyone who was granted INSERT may report a failure of his own; a trigger
 * fills role and time, holds the payload for replay and wakes the worker.
 */
#ifndef SELFHEAL_CAPTURE_H
#define SELFHEAL_CAPTURE_H

#include "postgres.h"

#include "base/fit.h"

/* Fields of one error row. NULL and 0 = unknown. */
typedef struct CapturedError
{
	Oid			relid;
	const char *door;			/* intake, replay, report */
	int64		load;
	const Misfit *misfit;
	const ErrorData *edata;		/* or NULL */
	int64		rows;
	int64		position;		/* of the first row in its load */
	const char *sample;			/* first payload, clipped to 1,000 bytes */
	int			sample_len;
} CapturedError;

/* Columns of selfheal.error, and bytes of a payload kept as sample. */
#define CAPTURE_COLUMNS 22
#define CAPTURE_SAMPLE 1000

extern int64 capture_next_id(void);

/* A payload clipped to a sample; bytes that are no text become hex. In the
 * current context. */
extern text *capture_sample(const char *bytes, int len);

/* Write one row with the id given, whatever the current user may do; role is
 * the current user. The trigger of reports is not run. */
extern void capture_write(int64 id, const CapturedError *err);

#endif							/* SELFHEAL_CAPTURE_H */
