/*
 * binary.h
 *	  Tuples of a binary COPY file, as records of texts.
 *
 * Each field is read by its type's receive function and written as text, so
 * that what does not fit its column heals like any other value: lengths and
 * ranges of the column are not asked here. A tuple with a field that its
 * function refuses, or with another number of fields, has a fault.
 *
 * Where the data is cut off, or its lengths lead nowhere, nobody knows where the
 * next tuple begins: the tuples before that are given out, and all that follows
 * as records with a fault, in parts of some MB which together are the rest of
 * the data. So are the parts of a tuple that is longer than selfheal.max_line,
 * and the tuples behind it. Data that does not begin as it must raises 22P04.
 */
#ifndef SELFHEAL_BINARY_H
#define SELFHEAL_BINARY_H

#include "postgres.h"

#include "observe/records.h"

typedef struct BinaryReader BinaryReader;

/* In the current memory context: reads the file's header. The types of the
 * fields must live as long. */
extern BinaryReader *binary_open(LineReader *lines, const Oid *types, int ntypes);

/* The next tuple, whose number is record->line; false at the end. Good until
 * the next call. Runs subtransactions. */
extern bool binary_next(BinaryReader *r, Record *record);

/* Did the data end behind a tuple, without its end mark? COPY takes that. */
extern bool binary_cut_off(const BinaryReader *r);

#endif							/* SELFHEAL_BINARY_H */
