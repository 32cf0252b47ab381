/*
 * binary.h
 *	  Tuples of a binary COPY file, as records of texts.
 *
 * Each field is read by its type's receive function and written as text, so
 * that what does not fit its column heals like any other value: lengths and
 * ranges of the column are not asked here. A tuple with a field that its
 * function refuses, or with another number of fields, has a fault.
 *
 * A file that is cut off, or in which lengths lead nowhere, raises 22P04:
 * nobody knows where its next tuple begins.
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

#endif							/* SELFHEAL_BINARY_H */
