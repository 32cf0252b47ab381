/*
 * telling.h
 *	  What is told of a table to the one who asks, by a tool or a resource:
 *	  whether he may ask, and how far values are told.
 *
 * Whoever calls, what is told is bound by the table's share_values: what is
 * answered goes to a model. Full needs SELECT on the whole table besides. Of a
 * table that is gone no value is told.
 */
#ifndef SELFHEAL_TELLING_H
#define SELFHEAL_TELLING_H

#include "postgres.h"

#include "base/spi.h"
#include "lib/stringinfo.h"
#include "read/mask.h"
#include "serve/tools.h"

typedef struct Telling
{
	Oid			relid;
	ShareValues share;
	MaskNames  *names;			/* telling_names; NULL: nobody has asked yet */
	MemoryContext cxt;
} Telling;

/* Of a table to this role, at most so much; InvalidOid: one that is gone. A
 * list of rows about many tables keeps them in *cache (NIL at first; NULL: none
 * is kept). In the current context. The table is not opened. */
extern Telling *telling_of(ShareValues most, Oid role, Oid relid, List **cache);

/* The same of what is about no table: what people and settings say. */
extern Telling *telling_general(ShareValues most);

/* Names that are told as they are: the table's and ours. Opens the table, when
 * it is asked for the first time. */
extern MaskNames *telling_names(Telling *t);

/* As far as it may be told: a message or somebody's words, a statement
 * (phrase.h). NULL stays NULL. */
extern char *telling_message(Telling *t, const char *text);
extern char *telling_statement(Telling *t, const char *sql);

/* Add a member (toolpage.h) of that, or the name of a column or key. NULL adds
 * nothing. A column that was told is a name in what is told after it. */
extern void telling_text(StringInfo buf, Telling *t, const char *key, const char *text, int max);
extern void telling_column(StringInfo buf, Telling *t, const char *key, const char *column);
extern void telling_sql(StringInfo buf, Telling *t, const char *key, const char *sql, int max);

/* A page of rows about tables: what its arguments say (toolpage.h), and who
 * asks. */
typedef struct TellingPage
{
	const char *tool;			/* whose cursor it is */
	const ToolContext *ctx;
	Oid			caller;
	bool		all;			/* telling_sees_all */
	int			limit;			/* entries; read one row more */
	int64		cursor;			/* ids below; 0: from the newest */
} TellingPage;

/* To be asked outside of spi_open, where the user is another one. False: *fault
 * is the answer. */
extern bool telling_page_asked(TellingPage *page, const ToolContext *ctx, Jsonb *args, const char *tool, ToolResult **fault);

/*
 * The n rows of the last statement as entries of the list that buf has begun by
 * '[', and the end of the answer. Column 1 is the id, column 2 the table (null:
 * it is gone). add writes the object of one row, which stands in SPI_tuptable;
 * arg is its own. Does spi_close.
 */
extern ToolResult *telling_page(const TellingPage *page, StringInfo buf, uint64 n, const SpiUser *saved,
								void (*add) (StringInfo entry, uint64 row, Telling *t, void *arg), void *arg);

/* A table by its name as somebody wrote it, with quotes where it needs them, or
 * by its intake's; *fault: there is none. No privilege is checked. */
extern Oid	telling_table(const char *name, ToolResult **fault);

/* "schema.table", quoted where it must be; NULL: it is gone. */
extern char *telling_name(Oid relid);

/* Does the current role see what is about all tables, those that are gone too
 * (as the views have it, selfheal.may_see)? */
extern bool telling_sees_all(void);

/* Is there no such table any more? What is about it is for those alone. */
extern bool telling_is_gone(Oid relid);

/* Raises 42501 for anybody else; what: "incident", "plan", which stands before
 * the id. */
extern void telling_check_gone(const char *what, int64 id);

#endif							/* SELFHEAL_TELLING_H */
