/*
 * copyfrom.h
 *	  Files that are not JSON: each line's fields become a payload.
 *
 * selfheal.copy_from(table, path | program, options), and COPY <intake> FROM
 * with a column list or a header (FORMAT text, csv, binary): the fields of a
 * line are the values of columns, as COPY has them, and the payload that is
 * made of them goes the way of every payload. A field is the input text of its
 * column's type (JsonDoc.input). A line that does not fit is held with its own
 * bytes; one that cannot be taken apart is held as nothing else.
 *
 * Which column a field goes to is said by the column list; without one by the
 * header; without either by the order of the table's columns. A name that is
 * no column is a new key, as in JSON.
 */
#ifndef SELFHEAL_COPYFROM_H
#define SELFHEAL_COPYFROM_H

#include "postgres.h"

#include "nodes/parsenodes.h"
#include "tcop/cmdtag.h"

/*
 * COPY into this intake of this table, FORMAT text, csv or binary. False when
 * it is core's: without a column list (or with that of the intake, "payload")
 * and without a header each line is a payload, by COPY's rules. Under a header
 * that says "payload" and nothing else each line is one as well.
 */
extern bool copyfrom_statement(const CopyStmt *stmt, Oid viewid, Oid relid,
							   QueryCompletion *qc);

/* What COPY asks for before it reads a file (or runs a program): 42501. */
extern void copyfrom_check_source(bool program);

/* INSERT on an intake or on its column, as an INSERT would need: 42501. */
extern void copyfrom_check_view(Oid viewid);

#endif							/* SELFHEAL_COPYFROM_H */
