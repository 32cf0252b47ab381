/*
 * ahead.h
 *	  Keeps an identity's sequence ahead of the keys that were sent.
 */
#ifndef SELFHEAL_AHEAD_H
#define SELFHEAL_AHEAD_H

#include "postgres.h"

/*
 * Rows with keys of their own were stored in the current transaction: if the
 * column is an identity whose sequence would come to one of its stored keys, it
 * is moved above the largest, and never back. Returns what was run, for the
 * record (current context), or NULL. Keeps whoever draws from the sequence
 * waiting until the transaction ends; 55P03 when that is not to be had within
 * selfheal.lock_timeout. A sequence that is moved stays moved after an abort:
 * numbers are left out then, and none comes twice.
 */
extern char *ahead_keep(Oid relid, const char *column);

#endif							/* SELFHEAL_AHEAD_H */
