/*
 * fitting.h
 *	  One value of a failed statement against its column.
 *
 * As for a payload, but without the table's mappings and hints: those are for
 * what comes through an intake, and the statement's retry meets the column as
 * it is.
 */
#ifndef SELFHEAL_FITTING_H
#define SELFHEAL_FITTING_H

#include "postgres.h"

#include "read/fit.h"

/* What a value (as JSON) of this column, or new key, does not fit for; false:
 * it fits, or there is no such table. The misfit of the class that explains
 * the SQLSTATE comes first. Strings in the current context. */
extern bool fitting_value(Oid relid, const char *column, const char *json, int sqlstate,
						  Misfit *out);

/* Type of a table's column, InvalidOid: it has none of that name. */
extern Oid	fitting_type(Oid relid, const char *column, int32 *typmod);

/* The larger of two needs of one column, where both are of one kind. */
extern char *fitting_larger(char *a, char *b);

#endif							/* SELFHEAL_FITTING_H */
