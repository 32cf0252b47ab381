/*
 * inserts.h
 *	  INSERT into an intake: a load between the triggers of its view.
 *
 * Open loads are a list by (view, nest level), below the transaction; an
 * aborted (sub)transaction drops its own, and none outlives a commit.
 */
#ifndef SELFHEAL_INSERTS_H
#define SELFHEAL_INSERTS_H

#include "postgres.h"

/* Raises 55000 under session_replication_role = replica, in which the triggers
 * of an intake would be passed over and the rows vanish. */
extern void inserts_refuse_replica(Oid viewid);

/* From _PG_init: (sub)transaction callbacks, executor-start hook. */
extern void inserts_init(void);

#endif							/* SELFHEAL_INSERTS_H */
