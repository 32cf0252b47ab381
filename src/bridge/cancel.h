/*
 * cancel.h
 *	  Stop what a connection runs, without waiting for it.
 */
#ifndef SELFHEAL_BRIDGE_CANCEL_H
#define SELFHEAL_BRIDGE_CANCEL_H

#include "libpq-fe.h"

/*
 * Ask the server, over a second connection, to cancel what this one runs. A
 * child does it, since asking may block where the network does; it lives for
 * ten seconds at most and survives us. Returns a descriptor that comes to its
 * end when the request was served or given up, or -1. Until then nothing else
 * may be run on the connection: the request would hit it.
 */
extern int	cancel_start(PGconn *conn);

#endif
