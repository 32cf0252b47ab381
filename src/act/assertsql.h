/*
 * assertsql.h
 *	  One yes-or-no question about a table's rows, in SQL of the team's own:
 *	  may it be asked, and what is the answer?
 *
 * The rows are handed in. Where the text names the table without a schema, it
 * means them, as a trigger means its transition table: nothing in the text is
 * changed, nothing is put into a search_path, and the role that asks needs no
 * right on the clone that the rows come from. What the text may be:
 *	  - one SELECT, without INTO, FOR UPDATE or a statement that writes in WITH;
 *	  - of one boolean column;
 *	  - that looks at the rows, and neither itself nor through a view at the
 *		table behind them (a function's body is not looked into);
 *	  - that calls no volatile function, and none that somebody else could turn
 *		against the role that asks.
 *
 * It is asked as that role, restricted, read-only, under the settings it was
 * written under, for selfheal.check_timeout at most, and rolled back.
 */
#ifndef SELFHEAL_ASSERTSQL_H
#define SELFHEAL_ASSERTSQL_H

#include "postgres.h"

#include "observe/load.h"
#include "utils/tuplestore.h"

typedef struct AssertSql
{
	Oid			relid;
	char	   *sql;
	char	   *known_as;		/* the table's name in the text */
	LoadSettings as;			/* who asks, and what the text means to him */
} AssertSql;

/* Rows that stand for a table. */
typedef struct AssertRows
{
	TupleDesc	desc;
	Tuplestorestate *store;		/* NULL: only their type is known */
	int64		n;
} AssertRows;

/* From good to bad. */
typedef enum AssertAnswer
{
	ASSERT_UNASKED,
	ASSERT_TRUE,
	ASSERT_NULL,
	ASSERT_FALSE,
	ASSERT_ERROR
} AssertAnswer;

/*
 * All rows of a relation (qualified and quoted), or with fill false only their
 * type, read as the current user. Within SPI, in the current context; the
 * caller ends the store.
 */
extern AssertRows *assertsql_rows(const char *relation, bool fill);

/*
 * May it be asked? Raises what is wrong with it: 22023, 42501, 57014, and what
 * PostgreSQL says when it is asked, as the current user, over no rows at all.
 * desc: of the table's rows.
 */
extern void assertsql_check(const AssertSql *question, TupleDesc desc);

/*
 * Ask it. ASSERT_ERROR comes with a message in the current context. A lock
 * that could not be had, a deadlock or a serialization failure is no answer:
 * it is thrown on, and so is what spi_try throws on.
 */
extern AssertAnswer assertsql_ask(const AssertSql *question, const AssertRows *rows,
								  char **message);

#endif							/* SELFHEAL_ASSERTSQL_H */
