/*
 * rowjson.h
 *	  The row that failed, as a JSON object.
 *
 * Private to locate.c and its rooms.
 */
#ifndef SELFHEAL_ROWJSON_H
#define SELFHEAL_ROWJSON_H

#include "postgres.h"

#include "orient/suspects.h"

/* Set payload, whole and opaque: the row of this statement by the names of
 * the first suspect's table. */
extern void rowjson_make(Located *out, const Scene *scene);

#endif							/* SELFHEAL_ROWJSON_H */
