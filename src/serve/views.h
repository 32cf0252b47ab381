/*
 * views.h
 *	  Who sees what in the views for people: may_see(), told().
 *
 * A role sees what is about tables that it may read. pg_read_all_data sees all,
 * what is about tables that are gone too. The views ask for each row, so that
 * the answer costs a look into the caches of the catalog and no more.
 *
 * Whom row security of a table binds is told of values in its reasons and
 * statements as far as by the tools (telling.h), masked at most: whose row it is
 * that they quote nobody knows. Anybody else who may read the table is told all:
 * share_values does not bind the views. Of a table that is gone there is no row
 * security left.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_VIEWS_H
#define SELFHEAL_VIEWS_H

#include "postgres.h"

#endif							/* SELFHEAL_VIEWS_H */
