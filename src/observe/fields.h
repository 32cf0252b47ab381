/*
 * fields.h
 *	  The fields of one record of a text or csv file.
 *
 * Private to records.c. The rules are those of PostgreSQL's COPY.
 */
#ifndef SELFHEAL_FIELDS_H
#define SELFHEAL_FIELDS_H

#include "postgres.h"

#include "observe/records.h"

typedef struct FieldSplitter FieldSplitter;

/* In the current memory context. */
extern FieldSplitter *fields_open(const CopyForm *form);

/*
 * Take a record apart; text is in the server's encoding, without the end of
 * its line. stray: a character that may stand in a line only where it is
 * quoted or escaped; '\0': there is none of them in it. Returns what is wrong,
 * with its SQLSTATE, or NULL. Fields are good until the next call.
 */
extern const char *fields_split(FieldSplitter *f, const char *text, size_t len, char stray,
								RecordField **fields, int *nfields, int *sqlstate);

#endif							/* SELFHEAL_FIELDS_H */
