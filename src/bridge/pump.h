/*
 * pump.h
 *	  The loop between the client and the database.
 */
#ifndef SELFHEAL_BRIDGE_PUMP_H
#define SELFHEAL_BRIDGE_PUMP_H

#include <stdbool.h>

/*
 * Runs until stdin ends, nobody reads stdout, or a signal comes. The session
 * gets these parameters.
 */
extern void pump_run(const char *const *keywords, const char *const *values, bool read_only);

#endif
