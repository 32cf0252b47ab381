/*
 * overflow.c
 *	  New keys of a table that is near PostgreSQL's limit of columns.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/guc.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_type.h"
#include "decide/columns.h"
#include "decide/mapsteps.h"
#include "decide/overflow.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

/* Names that are tried before nothing is proposed. */
#define NAMES_TRIED 100

/* Keys that an explanation names. */
#define KEYS_NAMED 3

/* See the header. The limit counts dropped columns as well. */
int
overflow_room(Oid relid)
{
	int			room = MaxHeapAttributeNumber;
	ListCell   *lc;

	foreach(lc, find_all_inheritors(relid, NoLock, NULL))
	{
		HeapTuple	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(lfirst_oid(lc)));

		if (!HeapTupleIsValid(tup))
			continue;
		room = Min(room, MaxHeapAttributeNumber - OVERFLOW_COLUMNS_KEPT -
				   ((Form_pg_class) GETSTRUCT(tup))->relnatts);
		ReleaseSysCache(tup);
	}
	return room;
}

/* See the header. */
bool
overflow_takes(const Remedy *r)
{
	ListCell   *lc;

	if (r->step != NULL && r->step->kind == STEP_OVERFLOW_TO_JSONB)
		return true;
	foreach(lc, r->also)
	{
		if (((const PlanStep *) lfirst(lc))->kind == STEP_OVERFLOW_TO_JSONB)
			return true;
	}
	return false;
}

/* Is it a key of the rows that are held? Its own column would take its value. */
static bool
is_new_key(const Diagnosis *d, const char *name)
{
	ListCell   *lc;

	foreach(lc, d->findings)
	{
		const Finding *f = lfirst(lc);

		if (f->class == FIT_UNKNOWN_KEY && f->column != NULL && strcmp(f->column, name) == 0)
			return true;
	}
	return false;
}

/* The name of the setting, from the second try on with a number behind it. */
static char *
name_of_try(int number)
{
	const char *name = guc_overflow_column;
	char	   *suffix = number > 1 ? psprintf("_%d", number) : pstrdup("");
	int			len = pg_mbcliplen(name, (int) strlen(name),
								   NAMEDATALEN - 1 - (int) strlen(suffix));

	return psprintf("%.*s%s", len, name, suffix);
}

/*
 * The column that takes the keys; *present: the table has it already, as a
 * column of type jsonb of just the name that the setting says. NULL: none can.
 */
static char *
find_column(const Diagnosis *d, bool *present)
{
	bool		room = overflow_room(d->relid) + OVERFLOW_COLUMNS_KEPT > 0;

	*present = false;
	for (int i = 1; i <= NAMES_TRIED; i++)
	{
		char	   *name = name_of_try(i);
		Form_pg_attribute att = columns_get(d->relid, name);

		if (att == NULL && room && !is_new_key(d, name))
			return name;
		if (att == NULL || i > 1 || att->attgenerated != '\0' ||
			getBaseType(att->atttypid) != JSONBOID)
			continue;
		*present = true;
		return name;
	}
	return NULL;
}

/* Something that was considered for all of the keys. */
static void
add_option(Remedy *r, bool taken, const char *what, const char *why)
{
	RemedyOption *o = palloc(sizeof(RemedyOption));

	o->option = pstrdup(what);
	o->taken = taken;
	o->why = pstrdup(why);
	r->options = lappend(r->options, o);
}

/* "3 new keys (a, b, c)", "17 new keys (a, b, c and 14 more)" */
static char *
words_of_keys(const List *remedies)
{
	StringInfoData buf;
	int			n = list_length(remedies);
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfo(&buf, "%d new key%s (", n, n == 1 ? "" : "s");
	foreach(lc, remedies)
	{
		if (foreach_current_index(lc) == KEYS_NAMED)
			break;
		appendStringInfo(&buf, "%s%s", foreach_current_index(lc) > 0 ? ", " : "",
						 quote_identifier(((const Remedy *) lfirst(lc))->finding->column));
	}
	if (n > KEYS_NAMED)
		appendStringInfo(&buf, " and %d more", n - KEYS_NAMED);
	appendStringInfoChar(&buf, ')');
	return buf.data;
}

/* What may be another spelling loses that question with its own column: the
 * person who approves is told. */
static char *
words_of_suspects(const List *remedies)
{
	StringInfoData buf;
	int			named = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	foreach(lc, remedies)
	{
		const Remedy *r = lfirst(lc);

		if (r->alike != NULL && named++ < KEYS_NAMED)
			appendStringInfo(&buf, " The key %s may be another spelling of %s: hint() says where it goes.",
							 quote_identifier(r->finding->column), quote_identifier(r->alike));
	}
	return buf.data;
}

/* The remedy that brings the column, for all of them. */
static void
fill_first(Remedy *r, const List *all, const char *column, bool present)
{
	PlanStep   *map = mapsteps_make(MAP_OVERFLOW, NULL, column, NULL);

	r->also = NIL;
	r->options = NIL;
	if (present)
		r->step = map;
	else
	{
		r->step = plan_step(STEP_ADD_COLUMN, column, JSONBOID, -1);
		r->also = list_make1(map);
	}
	r->explanation = psprintf("A column for each of %s would bring the table within %d of PostgreSQL's limit of "
							  "%d columns, dropped ones counted: they go into %s column %s of type jsonb, and so "
							  "does from then on every key that is no column.%s",
							  words_of_keys(all), OVERFLOW_COLUMNS_KEPT, MaxHeapAttributeNumber,
							  present ? "the" : "one new", quote_identifier(column),
							  words_of_suspects(all));
	add_option(r, true, psprintf("%s: one column of type jsonb for all of them", column),
			   "every value is kept, and no new key takes a column any more");
	add_option(r, false, "a column for each key",
			   psprintf("the last %d columns are for a person to give: propose()", OVERFLOW_COLUMNS_KEPT));
	add_option(r, false, "a table of their own",
			   "which keys belong there, and to which row, is for a person to say");
	add_option(r, false, "drop columns",
			   "their values would be lost, and a dropped column counts as before: only a table that "
			   "is made anew has room again, which is for a person");
	add_option(r, false, "leave the keys out",
			   "their values would be lost: hint(ignore => true) says so of a key");
}

/* See the header. */
void
overflow_share(const Diagnosis *d, List *remedies)
{
	List	   *beyond = NIL;
	Remedy	   *first;
	char	   *column;
	bool		present;
	int			room = -1;
	bool		counted = false;
	ListCell   *lc;

	foreach(lc, remedies)
	{
		Remedy	   *r = lfirst(lc);

		if (!remedy_adds_column(r))
			continue;
		if (!counted)
			room = overflow_room(d->relid);
		counted = true;
		if (room-- <= 0 && r->hint == NULL && r->finding->column != NULL &&
			(r->finding->class == FIT_UNKNOWN_KEY || r->finding->class == FIT_KEY_TOO_LONG))
			beyond = lappend(beyond, r);
	}
	column = beyond != NIL ? find_column(d, &present) : NULL;
	if (column == NULL)
		return;
	first = linitial(beyond);
	fill_first(first, beyond, column, present);
	foreach(lc, beyond)
	{
		Remedy	   *r = lfirst(lc);

		r->playbook = plan_step_name(STEP_OVERFLOW_TO_JSONB);
		r->settled_by = first->step;
		r->alike = NULL;
		if (r == first)
			continue;
		r->step = NULL;
		r->also = NIL;
		r->options = NIL;
		r->replay_only = true;
		r->explanation = psprintf("%s the new key %s, for whose column there is no room: it goes into column %s "
								  "of type jsonb, with the key %s.",
								  remedy_rows_bring(r->finding), quote_identifier(r->finding->column),
								  quote_identifier(column), quote_identifier(first->finding->column));
	}
}
