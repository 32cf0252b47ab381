/*
 * fault.h
 *	  What the database says went wrong, as a JSON-RPC error.
 */
#ifndef SELFHEAL_BRIDGE_FAULT_H
#define SELFHEAL_BRIDGE_FAULT_H

#include "bridge/buffer.h"
#include "bridge/json.h"

#include "libpq-fe.h"

/*
 * The answer to the call with this id whose statement failed. What the role
 * lacks, or the database, comes with the statement that mends it. The server's
 * own words are passed on but where they may hold a value of a row.
 */
extern void fault_answer(Buffer *out, Span id, const PGresult *result);

#endif
