/*
 * writes.h
 *	  What a statement writes, as its text says: tables, columns, rows.
 *
 * Nothing here needs a catalog but the look-up of the tables' names, so it
 * works for statements that parse analysis refuses.
 */
#ifndef SELFHEAL_WRITES_H
#define SELFHEAL_WRITES_H

#include "postgres.h"

#include "nodes/nodes.h"
#include "nodes/parsenodes.h"

/* One table that a statement writes. Nodes are those of the raw tree. */
typedef struct Write
{
	CmdType		command;		/* CMD_INSERT, CMD_UPDATE, CMD_MERGE;
								 * CMD_UTILITY: COPY */
	RangeVar   *relation;
	Oid			relid;			/* of that name, or InvalidOid */
	List	  **columns;		/* ResTarget *, as given; of COPY a list of
								 * String; NIL: all in order */
	List	   *rows;			/* List * of its expressions in that order, or
								 * of the ResTarget that hold them: of a
								 * SELECT its output, of each leg */
	InsertStmt *insert;			/* where it is one */
	MergeWhenClause *action;	/* of MERGE: one Write each */
} Write;

/* One statement of a text. */
typedef struct Written
{
	Node	   *stmt;			/* what parse analysis takes, or COPY */
	bool		within;			/* it stands in another, which may only
								 * explain or prepare it */
	List	   *writes;			/* Write * */
	int			begin;			/* bytes of the text */
	int			end;
} Written;

/*
 * Statements of a text that write tables (Written *). Throws what the parser
 * throws, and the names are looked up as the current user, by the search_path
 * in force.
 */
extern List *writes_read(const char *text);

/* Where in the text (bytes) is this position (characters from 1)? -1: none. */
extern int	writes_offset(const char *text, int position);

/* The literal that stands there, or NULL. */
extern A_Const *writes_literal(Node *stmt, int offset);

/* The expression of a row's member. */
extern Node *writes_value(Node *member);

/* What is written there: the place of an expression in a row, or (row = -1) a
 * column that is named. False: neither, or behind a "*" that hides the place. */
typedef struct WritePlace
{
	Write	   *write;
	int			row;
	int			place;
} WritePlace;
extern bool writes_place(List *writes, int offset, WritePlace *out);

/* Put a null in place of an expression; take a column out with what every row
 * has for it (false: nothing would be left). Both change the tree. */
extern void writes_blank(const WritePlace *at);
extern bool writes_drop(const WritePlace *at);

/* Name of the write's column that an expression in this place is for, or
 * NULL: there are fewer columns. */
extern char *writes_column(const Write *write, int place);

#endif							/* SELFHEAL_WRITES_H */
