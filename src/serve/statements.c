/*
 * statements.c
 *	  The door of plain statements.
 *
 * The client has had its error already. What is left to do is to find out
 * whether the table could have taken the row if it were wider, had one column
 * more, another partition: then the row is held as a witness (witness.h), the
 * table is healed like for any other row, and the client's retry succeeds.
 *
 *	  about no watched table            forgotten
 *	  by a role that may not write it   forgotten
 *	  the table would take it by now    forgotten: it was healed meanwhile
 *	  a broken rule, a bad value        noted (stated.h): the client's own affair
 *	  else                              an incident, with the row if it is known;
 *	                                    what it may have been, if it is not
 *
 * With watch(replay_statements => true) the row of an INSERT that was a
 * transaction of its own, and all of whose values are known, is no witness but
 * a row that is to be stored: once, as the role and under the settings of its
 * session, for selfheal.replay_window. That the client's own retry is not
 * stored beside it rests on a unique key, all of whose columns the row brings:
 * whoever comes second meets the other's row.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/failscope.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "base/trouble.h"
#include "common/hashfn.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "observe/load.h"
#include "observe/rowkey.h"
#include "observe/stated.h"
#include "observe/unsent.h"
#include "observe/watch.h"
#include "observe/witness.h"
#include "orient/locate.h"
#include "serve/breaker.h"
#include "serve/entitled.h"
#include "serve/statements.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/hsearch.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timeout.h"

/* Of one drain: failures, and milliseconds. What is left comes behind the
 * heals that these ask for. */
#define MAX_TAKEN 1000
#define MAX_MS 1000

/* For one failure. Its statement may name a table that somebody has locked. */
#define ONE_MS 5000
#define LOCK_TIMEOUT "100ms"

/* Candidates that are listed. */
#define MAX_CANDIDATES 20

PG_FUNCTION_INFO_V1(selfheal_statements_seen);

/* What became of the failures that look alike, in one drain. */
typedef struct Alike
{
	uint64		hash;			/* key */
	int64		error;			/* row of selfheal.error; 0: forgotten */
	int64		rows;			/* that came behind the first */
	TimestampTz at;				/* the last */
} Alike;

/* One failure at work. */
typedef struct Taking
{
	const Failure *failure;
	Located    *located;
	const Suspect *suspect;		/* the first on a watched table */
	Watch		watch;
	StoreRow	row;			/* if it is known, as it was looked at */
} Taking;

/* ---- the row ---- */

/* A value as JSON: as a number only where it is one and no text is wanted. */
static void
put_value(StringInfo buf, const Suspect *s)
{
	NumberShape number;

	if (s->need != NULL && strcmp(s->need, "text") != 0 &&
		fit_number(s->value, (int) strlen(s->value), &number) && !number.special)
		appendStringInfoString(buf, s->value);
	else
		escape_json(buf, s->value);
}

/*
 * What is known of the row: what could be read of it, and the suspects' values
 * where that has none. NULL: nothing.
 */
static char *
known_row(const Located *located, const Suspect *suspect)
{
	const Suspect *first = linitial(located->suspects);
	bool		read = located->payload != NULL && first->relid == suspect->relid;
	Datum		row = DirectFunctionCall1(jsonb_in, CStringGetDatum(read ? located->payload : "{}"));
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '{');
	foreach(lc, located->suspects)
	{
		const Suspect *s = lfirst(lc);
		JsonbValue	v;

		if (s->relid != suspect->relid || s->column == NULL || s->value == NULL)
			continue;
		if (getKeyJsonValueFromContainer(&DatumGetJsonbP(row)->root, s->column,
										 (int) strlen(s->column), &v) != NULL && v.type != jbvNull)
			continue;
		if (buf.len > 1)
			appendStringInfoString(&buf, ", ");
		escape_json(&buf, s->column);
		appendStringInfoString(&buf, ": ");
		put_value(&buf, s);
	}
	appendStringInfoChar(&buf, '}');
	if (buf.len == 2)
		return read ? located->payload : NULL;
	row = DirectFunctionCall2(jsonb_concat, row,
							  DirectFunctionCall1(jsonb_in, CStringGetDatum(buf.data)));
	return JsonbToCString(NULL, &DatumGetJsonbP(row)->root, VARSIZE(DatumGetPointer(row)));
}

/* Is the row to be stored, and not only a witness? */
static bool
is_for_replay(const Taking *t)
{
	const Failure *f = t->failure;

	return t->watch.replay_statements && guc_replay_window > 0 && t->located->whole &&
		f->alone && f->inner == NULL && f->role == f->outer_role &&
		list_length(t->located->targets) == 1 &&
		linitial_oid(t->located->targets) == t->suspect->relid &&
		rowkey_brought(t->suspect->relid, t->row.bytes) &&
		!unsent_asks_session(t->suspect->relid, t->row.bytes);
}

/* Find the row. False: nothing of it is known. */
static bool
find_row(Taking *t)
{
	const Suspect *first = linitial(t->located->suspects);

	if (t->suspect->class == FIT_SEQUENCE)
		return false;			/* no value shows it */
	t->row.bytes = known_row(t->located, t->suspect);
	if (t->row.bytes == NULL)
		return false;
	t->row.len = strlen(t->row.bytes);
	t->row.witness = t->located->whole && t->located->payload && first->relid == t->suspect->relid ?
		WITNESS_WHOLE : WITNESS_PART;
	return true;
}

/*
 * Does what is known of the row show what the suspect is about? A value that
 * came from a table does not, nor one that the statement or a trigger made of
 * what the row has in this column.
 */
static bool
shows(const Taking *t)
{
	Datum		row = DirectFunctionCall1(jsonb_in, CStringGetDatum(t->row.bytes));
	JsonbValue	v;

	if (t->suspect->column == NULL)
		return t->row.witness == WITNESS_WHOLE;
	if (t->suspect->value == NULL)
		return false;
	return getKeyJsonValueFromContainer(&DatumGetJsonbP(row)->root, t->suspect->column,
										(int) strlen(t->suspect->column), &v) != NULL &&
		v.type != jbvNull;
}

/* Look at the row as its session would: with its role and settings. */
static bool
look_at_row(Taking *t)
{
	const Failure *f = t->failure;
	LoadSettings settings = {
		.timezone = f->timezone,.datestyle = f->datestyle,.intervalstyle = f->intervalstyle,
		.search_path = f->search_path,.client_encoding = f->client_encoding,
		.bytea_output = f->bytea_output,.xmloption = f->xmloption
	};
	WitnessLook look = {.relid = t->suspect->relid,.said = t->suspect->relid};
	SpiUser		saved;
	bool		taken;

	spi_become(&saved, f->role, SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE, false);
	load_apply_settings(&settings);
	taken = witness_look(&look, &t->row, 1) > 0;
	spi_resume(&saved);
	return taken;
}

/* ---- what is written ---- */

/* [{"class", "table", "column", "need"}] of what it may have been. */
static char *
candidates(const Located *located)
{
	StringInfoData buf;
	int			n = 0;
	ListCell   *lc;

	initStringInfo(&buf);
	appendStringInfoChar(&buf, '[');
	foreach(lc, located->suspects)
	{
		const Suspect *s = lfirst(lc);
		char	   *table = get_rel_name(s->relid);

		if (table == NULL || n++ == MAX_CANDIDATES)
			continue;
		appendStringInfo(&buf, "%s{\"class\": \"%s\", \"table\": ", buf.len > 1 ? ", " : "",
						 fit_class_name(s->class));
		escape_json(&buf, quote_qualified_identifier(get_namespace_name(get_rel_namespace(s->relid)), table));
		if (s->column)
		{
			appendStringInfoString(&buf, ", \"column\": ");
			escape_json(&buf, s->column);
		}
		if (s->need)
		{
			appendStringInfoString(&buf, ", \"need\": ");
			escape_json(&buf, s->need);
		}
		appendStringInfoChar(&buf, '}');
	}
	appendStringInfoChar(&buf, ']');
	return buf.data;
}

/*
 * A failure that is about a watched table. Returns the row of selfheal.error
 * that has it, or 0: the table would take it by now.
 */
static int64
write_down(Taking *t)
{
	const Located *located = t->located;
	const Suspect *s = t->suspect;
	Misfit		misfit = {.class = s->class,.column = s->column,.need = s->need};
	Stated		stated = {.failure = t->failure,.relid = s->relid,.misfit = &misfit};
	const Misfit *own = NULL;

	stated.constraint = s->constraint;
	stated.opaque = located->opaque;
	stated.noted = !witness_curable(s->class);
	if (!stated.noted && find_row(t) && (!look_at_row(t) || shows(t)))
	{
		if (t->row.stored)
			return 0;
		/* our own words for it, as the diagnosis will have them */
		own = witness_hopeless(&t->row);
		stated.noted = own != NULL;
		if (own == NULL)
			own = &t->row.misfits[0];
		misfit = *own;
		stated.payload = t->row.bytes;
		stated.witness = t->row.witness;
		if (!stated.noted && t->row.witness == WITNESS_WHOLE && is_for_replay(t))
			stated.witness = WITNESS_NONE;
	}
	else if (!stated.noted && !located->certain)
	{
		misfit.column = NULL;
		misfit.need = NULL;
		stated.candidates = candidates(located);
	}
	if (stated.noted)
		stated.payload = NULL;
	return stated_write(&stated);
}

static int64
take_up(const Failure *f)
{
	Taking		t = {.failure = f,.located = locate(f)};
	ListCell   *lc;

	if (!entitled_to_all(f, t.located))
		return 0;

	foreach(lc, t.located->suspects)
	{
		Suspect    *s = lfirst(lc);

		if (t.suspect == NULL && get_rel_name(s->relid) && watch_get(s->relid, &t.watch) &&
			entitled_to(f, t.located, s->relid))
			t.suspect = s;
	}
	return t.suspect ? write_down(&t) : 0;
}

/* ---- the drain ---- */

static uint64
mix(uint64 hash, const char *bytes, int len)
{
	return hash_combine64(hash, bytes ?
						  DatumGetUInt64(hash_any_extended((const unsigned char *) bytes, len, 0)) : 1);
}

static uint64
mix_text(uint64 hash, const char *text)
{
	return mix(hash, text, text ? (int) strlen(text) : 0);
}

/* What makes two failures the same. */
static uint64
hash_of(const Failure *f)
{
	uint64		hash = hash_combine64(f->role, f->sqlstate);

	hash = mix_text(hash, f->statement);
	hash = mix_text(hash, f->inner);
	hash = mix_text(hash, f->message);
	hash = mix_text(hash, f->context);
	hash = mix_text(hash, f->search_path);
	hash = hash_combine64(hash, f->target);
	for (int i = 0; i < f->nparams; i++)
		hash = mix(hash, f->params[i].data, f->params[i].data ? f->params[i].len : 0);
	return hash;
}

/*
 * One failure, fenced. What it throws is said once in a process, since it may
 * come again and again: a lock that could not be had, a statement that is not
 * understood. *stop: the server is in trouble, and the healer has stopped.
 */
static int64
fenced(const Failure *f, bool *stop)
{
	static int	last_sqlstate = 0;
	MemoryContext cxt = CurrentMemoryContext;
	volatile int64 error = 0;
	ErrorData  *volatile edata = NULL;

	enable_timeout_after(STATEMENT_TIMEOUT, ONE_MS);
	PG_TRY();
	{
		SpiUser		saved;

		spi_xact_begin();
		MemoryContextSwitchTo(cxt);
		spi_become(&saved, GetUserId(), 0, false);
		spi_set_local("lock_timeout", LOCK_TIMEOUT);
		error = take_up(f);
		spi_resume(&saved);
		spi_xact_commit(true);
	}
	PG_CATCH();
	{
		MemoryContextSwitchTo(cxt);
		edata = CopyErrorData();
		FlushErrorState();
		spi_xact_abort();
		error = 0;
	}
	PG_END_TRY();
	disable_timeout(STATEMENT_TIMEOUT, false);
	MemoryContextSwitchTo(cxt);
	if (edata && trouble_stops(edata) &&
		breaker_trips(edata, InvalidOid))
		*stop = true;
	else if (edata && edata->sqlerrcode != last_sqlstate)
	{
		last_sqlstate = edata->sqlerrcode;
		ereport(LOG,
				(errmsg("could not look into a statement that failed: %s", edata->message),
				 errdetail("It is passed over; so is what fails to be looked into for the same reason.")));
	}
	return error;
}

/* Those that came behind the first of their kind. */
static void
count_alike(HTAB *seen)
{
	MemoryContext cxt = CurrentMemoryContext;
	HASH_SEQ_STATUS scan;
	Alike	   *alike;

	spi_xact_begin();
	hash_seq_init(&scan, seen);
	while ((alike = hash_seq_search(&scan)) != NULL)
		if (alike->error != 0 && alike->rows > 0)
			stated_count(alike->error, alike->rows, alike->at);
	spi_xact_commit(true);
	MemoryContextSwitchTo(cxt);
}

/* See the header. */
void
statements_want(void)
{
	SpiUser		saved;
	bool		wanted;

	spi_xact_begin();
	spi_open(&saved);
	wanted = spi_exec("SELECT FROM selfheal.watched LIMIT 1", NULL) > 0;
	spi_close(&saved);
	spi_xact_commit(true);
	failures_want(wanted);
}

/* See the header. */
bool
statements_drain(void)
{
	MemoryContext outer = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(outer, "selfheal statements", ALLOCSET_DEFAULT_SIZES);
	MemoryContext one = AllocSetContextCreate(cxt, "selfheal statement", ALLOCSET_DEFAULT_SIZES);
	TimestampTz until = TimestampTzPlusMilliseconds(GetCurrentTimestamp(), MAX_MS);
	HASHCTL		ctl = {.keysize = sizeof(uint64),.entrysize = sizeof(Alike),.hcxt = cxt};
	HTAB	   *seen = NULL;
	bool		again = false;
	bool		more = true;
	bool		stop = false;

	for (int i = 0; !stop && more && i < MAX_TAKEN && GetCurrentTimestamp() < until; i++)
	{
		Failure    *f;
		Alike	   *alike;
		uint64		hash;
		bool		found;

		CHECK_FOR_INTERRUPTS();
		MemoryContextReset(one);
		MemoryContextSwitchTo(one);
		f = failures_take();
		more = f != NULL;
		if (!more)
			break;
		if (seen == NULL)
			seen = hash_create("selfheal failures alike", 64, &ctl, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
		hash = hash_of(f);
		alike = hash_search(seen, &hash, HASH_ENTER, &found);
		if (!found)
		{
			alike->rows = 0;
			alike->error = fenced(f, &stop);
		}
		else
			alike->rows++;
		alike->at = f->at;
		again |= found && alike->error != 0;
	}
	MemoryContextSwitchTo(outer);
	if (again)
		count_alike(seen);
	MemoryContextDelete(cxt);
	return more && !stop;
}

/* statements_seen(): see statements.sql. */
Datum
selfheal_statements_seen(PG_FUNCTION_ARGS)
{
	uint64		full;
	uint64		repeated;
	Datum		values[4];
	bool		nulls[4] = {false};
	TupleDesc	desc;

	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "statements_seen must return a record");
	failures_dropped(&full, &repeated);
	values[0] = BoolGetDatum(shmem_state != NULL);
	values[1] = BoolGetDatum(failscope_wanted());
	values[2] = Int64GetDatum((int64) full);
	values[3] = Int64GetDatum((int64) repeated);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}
