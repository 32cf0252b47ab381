/*
 * verbs.h
 *	  What people do by SQL: propose, approve, reject, retry, replay, discard,
 *	  amend, pause, resume, and what they ask: vet, preview, dry_run, explain.
 *
 * Each checks the caller's own rights (EXECUTE came with grant_to, and the
 * table must be one he may read), does its work as the extension's owner, and
 * leaves an audit row. None takes a lock that a load or the healer waits for:
 * a session that stays open after approve() blocks nobody.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_VERBS_H
#define SELFHEAL_VERBS_H

#include "postgres.h"

#endif							/* SELFHEAL_VERBS_H */
