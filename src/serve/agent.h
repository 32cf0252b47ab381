/*
 * agent.h
 *	  One background process per database that talks with Claude, on demand.
 */
#ifndef SELFHEAL_AGENT_H
#define SELFHEAL_AGENT_H

#include "postgres.h"

/* Entry point; the argument is not used. */
extern PGDLLEXPORT void agent_main(Datum arg);

#endif							/* SELFHEAL_AGENT_H */
