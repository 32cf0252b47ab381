/*
 * telling.h
 *	  What a tool tells of a table to the one who asks: whether he may ask, and
 *	  how far values are told.
 *
 * Whoever calls, what is told is bound by the table's share_values: what a tool
 * answers goes to a model. Full needs SELECT on the whole table besides.
 */
#ifndef SELFHEAL_TELLING_H
#define SELFHEAL_TELLING_H

#include "postgres.h"

#include "lib/stringinfo.h"
#include "read/mask.h"
#include "serve/tools.h"

typedef struct Telling
{
	Oid			relid;
	ShareValues share;
	MaskNames  *names;
} Telling;

/* Of a table to this role; of InvalidOid what is told of tables that are gone.
 * A list of rows about many tables keeps them in *cache (NIL at first; NULL:
 * none is kept). In the current context. */
extern Telling *telling_of(const ToolContext *ctx, Oid role, Oid relid, List **cache);

/* Add a member (toolpage.h), as far as it may be told: a message or somebody's
 * words, the name of a column or key, a statement. NULL adds nothing. A column
 * that was told is a name in what is told after it. */
extern void telling_text(StringInfo buf, const Telling *t, const char *key, const char *text, int max);
extern void telling_column(StringInfo buf, Telling *t, const char *key, const char *column);
extern void telling_sql(StringInfo buf, const Telling *t, const char *key, const char *sql, int max);

/* A table by its name as somebody wrote it, with quotes where it needs them;
 * *fault: there is none. No privilege is checked. */
extern Oid	telling_table(const char *name, ToolResult **fault);

/* "schema.table", quoted where it must be; NULL: it is gone. */
extern char *telling_name(Oid relid);

/* Does the current role see what is about all tables, those that are gone too
 * (as the views have it, selfheal.may_see)? */
extern bool telling_sees_all(void);

#endif							/* SELFHEAL_TELLING_H */
