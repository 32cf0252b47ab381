/*
 * vacate.h
 *	  Databases that are dropped, renamed, moved or copied have no worker.
 */
#ifndef SELFHEAL_VACATE_H
#define SELFHEAL_VACATE_H

#include "postgres.h"

/* From launcher_init: the utility hook. */
extern void vacate_init(void);

#endif							/* SELFHEAL_VACATE_H */
