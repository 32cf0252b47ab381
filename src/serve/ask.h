/*
 * ask.h
 *	  What people ask by SQL: vet, preview, explain. Nothing is changed.
 *
 * The functions have no C callers.
 */
#ifndef SELFHEAL_ASK_H
#define SELFHEAL_ASK_H

#include "postgres.h"

#endif							/* SELFHEAL_ASK_H */
