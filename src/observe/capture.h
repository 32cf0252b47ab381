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

#include "read/fit.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

/* Fields of one error row. NULL and 0 = unknown. */
typedef struct CapturedError
{
	Oid			relid;
	const char *door;			/* intake, replay, report, apply, watch, ddl,
								 * statement */
	int64		load;
	const Misfit *misfit;
	const ErrorData *edata;		/* or NULL */
	int64		rows;
	int64		position;		/* of the first row in its load */
	const char *sample;			/* first payload, clipped to 1,000 bytes */
	int			sample_len;
	int64		first_bulk;		/* ids of rows that were held in bulk */
	int64		last_bulk;

	/* of another session: NULL and 0 are the current user's, and now */
	const char *role;
	const char *application;
	TimestampTz at;
	Jsonb	   *context;		/* in the place of the error's further fields */
	bool		noted;			/* it opens no incident */
} CapturedError;

/* Columns of selfheal.error by position, from 0. */
typedef enum CaptureColumn
{
	CAPTURE_ID,
	CAPTURE_AT,
	CAPTURE_RELID,
	CAPTURE_SCHEMA_NAME,
	CAPTURE_TABLE_NAME,
	CAPTURE_DOOR,
	CAPTURE_LOAD,
	CAPTURE_CLASS,
	CAPTURE_COLUMN_NAME,
	CAPTURE_NEED,
	CAPTURE_ROWS,
	CAPTURE_POSITION,
	CAPTURE_SAMPLE,
	CAPTURE_SQLSTATE,
	CAPTURE_MESSAGE,
	CAPTURE_DETAIL,
	CAPTURE_HINT,
	CAPTURE_CONTEXT,
	CAPTURE_PAYLOAD,
	CAPTURE_ROLE,
	CAPTURE_APPLICATION,
	CAPTURE_INCIDENT,
	CAPTURE_FIRST_BULK,
	CAPTURE_LAST_BULK,
	CAPTURE_TRIED,
	CAPTURE_NOTED,
	CAPTURE_COLUMNS				/* how many there are */
} CaptureColumn;

/* Bytes of a payload that are kept as sample. */
#define CAPTURE_SAMPLE_BYTES 1000

/* One row of the table while it is put together. */
typedef struct CaptureRow
{
	Datum		values[CAPTURE_COLUMNS];
	bool		nulls[CAPTURE_COLUMNS];
} CaptureRow;

extern int64 capture_next_id(void);

/* A payload clipped to a sample; bytes that are no text become hex. In the
 * current context. */
extern text *capture_sample(const char *bytes, int len);

/* Put a row together: all null, then field by field (NULL text = null). */
extern void capture_row_init(CaptureRow *row);
extern void capture_set(CaptureRow *row, CaptureColumn column, Datum value);
extern void capture_set_text(CaptureRow *row, CaptureColumn column, const char *value);

/* Table, its names, current user, application and time of the row. */
extern void capture_set_who(CaptureRow *row, Oid relid);

/* Append a row as it is. */
extern void capture_append(const CaptureRow *row);

/* Write one row with the id given, whatever the current user may do; role is
 * the current user. The trigger of reports is not run. */
extern void capture_write(int64 id, const CapturedError *err);

#endif							/* SELFHEAL_CAPTURE_H */
