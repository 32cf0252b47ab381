/*
 * replication.c
 *	  Subscriptions that stall since their table is not what is published.
 *
 * The error of an apply worker says in words, in the server's language, which
 * table and column it is about. They are not taken apart: what is published is
 * compared with what is here, and a type only counts as too narrow where the
 * error has the names of its table and column in it.
 */
#include "postgres.h"

#include <ctype.h>

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat.h"
#include "base/spi.h"
#include "base/stalls.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "decide/lattice.h"
#include "decide/replication.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "observe/capture.h"
#include "observe/publisher.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_stalled);

/* A subscription, as its stall is looked into. */
typedef struct Subscription
{
	Oid			subid;
	char	   *name;
	char	   *conninfo;		/* NULL: it is gone, or switched off */
	List	   *publications;	/* char * */
	bool		must_use_password;
} Subscription;

/* ---- looking into a stall ---- */

/* Read the subscription, in a transaction of its own. */
static Subscription *
read_subscription(Oid subid)
{
	MemoryContext cxt = CurrentMemoryContext;
	Subscription *sub = palloc0(sizeof(Subscription));
	SpiUser		saved;
	SpiArgs		args;
	uint64		n;

	sub->subid = subid;
	spi_xact_begin();
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, subid);
	n = spi_exec("SELECT s.subname, s.subconninfo, r.rolsuper, unnest(s.subpublications) FROM pg_subscription s"
				 " JOIN pg_roles r ON r.oid = s.subowner WHERE s.oid = $1 AND s.subenabled", &args);
	for (uint64 i = 0; i < n; i++)
	{
		MemoryContext old = MemoryContextSwitchTo(cxt);

		sub->name = spi_get_text(i, 1, cxt);
		sub->conninfo = spi_get_text(i, 2, cxt);
		sub->must_use_password = !spi_get_bool(i, 3, NULL);
		sub->publications = lappend(sub->publications, spi_get_text(i, 4, cxt));
		MemoryContextSwitchTo(old);
	}
	spi_close(&saved);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
	return sub;
}

/* Is this already captured, and nobody done with it? */
static bool
is_known(Oid relid, FitClass class, const char *column, const char *need)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		known;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, fit_class_name(class));
	spi_arg_text(&args, column);
	spi_arg_text(&args, need);
	known = spi_exec("SELECT FROM selfheal.error e LEFT JOIN selfheal.incident i ON i.id = e.incident"
					 " WHERE e.relid = $1 AND e.door = 'apply' AND e.class = $2 AND e.column_name = $3 AND e.need = $4"
					 " AND (i.id IS NULL OR i.state NOT IN ('healed', 'dismissed')) LIMIT 1", &args) > 0;
	spi_close(&saved);
	return known;
}

/* Write the failure of a subscription down, once. */
static void
capture(const Subscription *sub, const Stall *stall, Oid relid, FitClass class,
		const char *column, const char *need)
{
	Misfit		misfit = {0};
	ErrorData	edata = {0};
	CapturedError err = {0};

	if (is_known(relid, class, column, need))
		return;
	misfit.class = class;
	misfit.column = unconstify(char *, column);
	misfit.need = unconstify(char *, need);
	edata.sqlerrcode = stall->sqlstate;
	edata.message = pstrdup(stall->message);
	edata.detail = psprintf("subscription %s", quote_identifier(sub->name));
	edata.context = pstrdup(stall->context);
	err.relid = relid;
	err.door = "apply";
	err.misfit = &misfit;
	err.edata = &edata;
	err.rows = 1;
	capture_write(capture_next_id(), &err);
}

/* The type of this text, for spi_try. */
typedef struct TypeText
{
	const char *text;
	Oid			type;
	int32		typmod;
} TypeText;

static void
parse_type(void *arg)
{
	TypeText   *t = arg;

	lattice_parse(t->text, &t->type, &t->typmod);
}

/* A built-in type, or false: it is the other side's own, or newer than us. */
static bool
type_of_text(const char *text, Oid *type, int32 *typmod)
{
	TypeText	t = {text, InvalidOid, -1};
	ErrorData  *edata = spi_try(parse_type, &t);

	if (edata != NULL)
		FreeErrorData(edata);
	*type = t.type;
	*typmod = t.typmod;
	return edata == NULL;
}

/* What would a value be called that is too much for a column of this type? */
static FitClass
narrow_class(Oid type)
{
	switch (type)
	{
		case VARCHAROID:
		case BPCHAROID:
			return FIT_TOO_LONG;
		case INT2OID:
		case INT4OID:
		case INT8OID:
			return FIT_OUT_OF_RANGE;
		case NUMERICOID:
			return FIT_PRECISION;
		default:
			return FIT_INEXACT;
	}
}

static bool
has_label(Oid type, const char *label)
{
	/* a label of 64 bytes and more is none here */
	return strlen(label) < NAMEDATALEN &&
		SearchSysCacheExists2(ENUMTYPOIDNAME, ObjectIdGetDatum(type),
							  CStringGetDatum(label));
}

static bool
in_name(char c)
{
	return IS_HIGHBIT_SET(c) || isalnum((unsigned char) c) || c == '_' || c == '$';
}

/* Does this name stand in the text, and not as a part of another? (mentions.h
 * looks for names as SQL has them, and this is a sentence.) */
static bool
stands_in(const char *text, const char *name)
{
	size_t		len = strlen(name);

	for (const char *at = strstr(text, name); at != NULL; at = strstr(at + 1, name))
	{
		if ((at == text || !in_name(at[-1])) && !in_name(at[len]))
			return true;
	}
	return false;
}

/* "schema.table", as the messages of an apply worker have it. */
static bool
is_about(const char *text, const PublishedColumn *column)
{
	return stands_in(text, psprintf("%s.%s", column->schema, column->table));
}

/* Compare one published column with the table as it is here. */
static void
compare(const Subscription *sub, const Stall *stall, Oid relid, const PublishedColumn *column)
{
	bool		named = is_about(stall->context, column) && stands_in(stall->context, column->name);
	HeapTuple	tup = SearchSysCacheAttName(relid, column->name);
	Form_pg_attribute att;
	Oid			type;
	int32		typmod;
	char	   *why;

	if (!HeapTupleIsValid(tup))
	{
		capture(sub, stall, relid, FIT_UNKNOWN_KEY, column->name, column->type);
		return;
	}
	att = (Form_pg_attribute) GETSTRUCT(tup);
	if (column->label != NULL && get_typtype(att->atttypid) == TYPTYPE_ENUM)
	{
		if (named && !has_label(att->atttypid, column->label))
			capture(sub, stall, relid, FIT_ENUM_LABEL, column->name, column->label);
	}
	else if (named && type_of_text(column->type, &type, &typmod))
	{
		Widening	widening = lattice_widening(att->atttypid, att->atttypmod, type, typmod, &why);

		if (widening == WIDENING_CATALOG || widening == WIDENING_REWRITE)
			capture(sub, stall, relid, narrow_class(att->atttypid), column->name, column->type);
	}
	ReleaseSysCache(tup);
}

/* The columns of one table, of all that are published; in their order. */
static List *
columns_of(const List *columns, const PublishedColumn *one)
{
	List	   *result = NIL;
	const ListCell *lc;

	foreach(lc, columns)
	{
		const PublishedColumn *column = lfirst(lc);

		if (strcmp(column->schema, one->schema) == 0 && strcmp(column->table, one->table) == 0)
			result = lappend(result, unconstify(PublishedColumn *, column));
	}
	return result;
}

/* Compare all that is published with the watched tables among the targets. */
static void
compare_all(const Subscription *sub, const Stall *stall, const List *columns,
			void (*lacks) (const LackingTable *table))
{
	Oid			relid = InvalidOid;
	const PublishedColumn *last = NULL;
	ListCell   *lc;

	spi_xact_begin();
	foreach(lc, columns)
	{
		const PublishedColumn *column = lfirst(lc);

		if (last == NULL || strcmp(last->schema, column->schema) != 0 ||
			strcmp(last->table, column->table) != 0)
		{
			Oid			schema = get_namespace_oid(column->schema, true);
			Watch		watch;

			relid = OidIsValid(schema) ? get_relname_relid(column->table, schema) : InvalidOid;
			if (!OidIsValid(relid) && stall->sqlstate == ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE &&
				is_about(stall->message, column))
			{
				LackingTable lacking = {
					.subid = sub->subid,.subscription = sub->name,.message = stall->message,
					.schema = column->schema,.table = column->table,.columns = columns_of(columns, column)
				};

				lacks(&lacking);
			}
			if (OidIsValid(relid) &&
				!is_about(stall->message, column) && !is_about(stall->context, column))
				relid = InvalidOid;
			if (OidIsValid(relid) && !watch_get(relid, &watch))
				relid = InvalidOid;
		}
		last = column;
		if (OidIsValid(relid))
			compare(sub, stall, relid, column);
	}
	spi_xact_commit(true);
}

/* See the header. */
void
replication_collect(void (*lacks) (const LackingTable *table))
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(outer, "selfheal replication", ALLOCSET_DEFAULT_SIZES);
	Stall	   *stalls = MemoryContextAlloc(cxt, sizeof(Stall) * STALLS_MAX);
	int			n = stalls_read(stalls, true);

	MemoryContextSwitchTo(cxt);
	for (int i = 0; i < n; i++)
	{
		Subscription *sub = read_subscription(stalls[i].subid);
		char	   *error = NULL;
		List	   *columns;

		if (sub->conninfo == NULL)
		{
			stalls_forget(sub->subid);
			continue;
		}
		columns = publisher_columns(sub->conninfo, sub->publications, sub->must_use_password, &error);
		if (error != NULL)
			ereport(LOG,
					(errmsg("could not ask the publisher of subscription \"%s\": %s",
							sub->name, error),
					 errhint("It is asked again when the subscription fails again.")));
		compare_all(sub, &stalls[i], columns, lacks);
	}
	MemoryContextSwitchTo(outer);
	MemoryContextDelete(cxt);
}

/* ---- playbooks ---- */

/* What the publisher has, if an apply worker has met it. */
static const Refused *
from_publisher(const Finding *f)
{
	const Refused *refused = f->refused != NIL ? llast(f->refused) : NULL;

	return refused != NULL && refused->need != NULL ? refused : NULL;
}

/* The publisher's type, or false with an explanation. */
static bool
publisher_type(Remedy *r, Oid *type, int32 *typmod)
{
	const Refused *refused = from_publisher(r->finding);

	if (refused == NULL)
		return false;
	if (type_of_text(refused->need, type, typmod))
		return true;
	r->explanation = psprintf("Column %s is of type %s on the publisher, which is no built-in type: a "
							  "person makes the column, and %s goes on.",
							  quote_identifier(r->finding->column), refused->need, refused->detail);
	return false;
}

/* See the header. */
void
replication_add(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	const Refused *refused = from_publisher(f);
	Oid			type;
	int32		typmod;

	if (refused != NULL && f->target != NULL)
	{
		r->replay_only = true;
		r->explanation = psprintf("The column %s is there by now.", quote_identifier(f->column));
		return;
	}
	if (!publisher_type(r, &type, &typmod))
		return;
	r->step = plan_step(STEP_ADD_COLUMN, f->column, type, typmod);
	r->explanation = psprintf("%s stalls since the table lacks the column %s, which is of type %s on "
							  "the publisher.", refused->detail, quote_identifier(f->column), refused->need);
	r->explanation[0] = pg_toupper((unsigned char) r->explanation[0]);
	remedy_option(r, true, psprintf("new column of type %s", refused->need),
				  "the publisher's own type");
	remedy_option(r, false, "leave the column out of the publication",
				  "what it publishes is the publisher's to say");
	remedy_option(r, false, "ALTER SUBSCRIPTION ... SKIP", "a whole transaction would be lost");
}

/* See the header. */
void
replication_widen(Remedy *r, const Evidence *e)
{
	const Finding *f = r->finding;
	const Refused *refused = from_publisher(f);
	Oid			type;
	int32		typmod;
	char	   *why;

	if (f->class == FIT_ENUM_LABEL || f->target == NULL ||
		!publisher_type(r, &type, &typmod))
		return;
	if (lattice_widening(f->target->type, f->target->typmod, type, typmod, &why) <= WIDENING_SAME)
	{
		r->replay_only = true;
		r->explanation = psprintf("The column %s holds what the publisher sends by now.",
								  quote_identifier(f->column));
		return;
	}
	r->step = plan_step(STEP_WIDEN_TYPE, f->column, type, typmod);
	r->explanation = psprintf("%s stalls since column %s, %s, is %s on the publisher.",
							  refused->detail, quote_identifier(f->column),
							  lattice_name(f->target->type, f->target->typmod), refused->need);
	r->explanation[0] = pg_toupper((unsigned char) r->explanation[0]);
	remedy_option(r, true, lattice_name(type, typmod), "the publisher's own type");
	remedy_option(r, false, "wider than the publisher's", "nothing that it sends needs it");
}

/* ---- for people ---- */

/* stalled(): what the error path has seen. */
Datum
selfheal_stalled(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *rsinfo = (ReturnSetInfo *) fcinfo->resultinfo;
	Stall	   *stalls = palloc(sizeof(Stall) * STALLS_MAX);
	int			n = stalls_read(stalls, false);

	InitMaterializedSRF(fcinfo, 0);
	for (int i = 0; i < n; i++)
	{
		Datum		values[7];
		bool		nulls[7] = {false};

		values[0] = ObjectIdGetDatum(stalls[i].subid);
		values[1] = CStringGetTextDatum(unpack_sql_state(stalls[i].sqlstate));
		values[2] = CStringGetTextDatum(stalls[i].message);
		values[3] = CStringGetTextDatum(stalls[i].context);
		values[4] = Int64GetDatum(stalls[i].times);
		values[5] = TimestampTzGetDatum(stalls[i].since);
		values[6] = TimestampTzGetDatum(stalls[i].last);
		tuplestore_putvalues(rsinfo->setResult, rsinfo->setDesc, values, nulls);
	}
	return (Datum) 0;
}
