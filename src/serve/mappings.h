/*
 * mappings.h
 *	  How people say what becomes of payloads: add_mapping(), remove_mapping().
 *
 * Both want the table's owner, leave an audit row (mapping_added,
 * mapping_removed) and have the worker look again at everything of the table
 * that waits or had given up, as hint() does.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_MAPPINGS_H
#define SELFHEAL_MAPPINGS_H

#include "postgres.h"

#endif							/* SELFHEAL_MAPPINGS_H */
