/*
 * records.h
 *	  Records of a text or csv file, one line (of csv: with the lines that its
 *	  quoted fields go over) at a time.
 *
 * The rules are those of PostgreSQL's COPY, with one difference: what makes
 * COPY give up is the fault of one record, and the next one is read. Where a
 * quoted field does not end before the data does, or before the record is
 * larger than records_limit(), nobody knows what its lines are: each is told of
 * as a record with a fault, which names the line where the quote stands, and
 * none is read as a row. So are the parts of a line that is longer than
 * selfheal.max_line.
 *
 * "\." on a line of its own ends the data of a text file. In csv it is a line
 * like any other (as in PostgreSQL since 18), but as the last line of what a
 * client sends, where older ones of psql put it.
 */
#ifndef SELFHEAL_RECORDS_H
#define SELFHEAL_RECORDS_H

#include "postgres.h"

#include "observe/copyform.h"
#include "observe/lines.h"

typedef struct RecordField
{
	const char *val;			/* not NUL-terminated; in the server's
								 * encoding */
	int			len;
	bool		isnull;
	bool		isdefault;		/* the marker of a default */
} RecordField;

typedef struct Record
{
	int64		line;			/* number of its first line, from 1 */
	const char *raw;			/* its bytes, without the end of its line */
	size_t		rawlen;
	const char *fault;			/* why it has no fields, or NULL */
	int			sqlstate;		/* of the fault */
	RecordField *fields;
	int			nfields;
} Record;

typedef struct RecordReader RecordReader;

/* In the current memory context; raises 42883 for an encoding that the server
 * cannot convert. form must live as long. */
extern RecordReader *records_open(LineReader *lines, const CopyForm *form);

/* The next record; false at the end. Good until the next call, a fault as long
 * as the reader. */
extern bool records_next(RecordReader *r, Record *record);

/* So many bytes of a record are taken apart, at most: selfheal.max_payload, or
 * what can be made a payload of. */
extern size_t records_limit(void);
#define RECORDS_TOO_LARGE "it is larger than selfheal.max_payload"

/* Did a line "\." end the data while more of it was there? */
extern bool records_cut_off(const RecordReader *r);

#endif							/* SELFHEAL_RECORDS_H */
