/*
 * views.h
 *	  Who sees what in the views for people: may_see().
 *
 * A role sees what is about tables that it may read. pg_read_all_data sees all,
 * what is about tables that are gone too. The views ask for each row, so that
 * the answer costs a look into the caches of the catalog and no more.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_VIEWS_H
#define SELFHEAL_VIEWS_H

#include "postgres.h"

#endif							/* SELFHEAL_VIEWS_H */
