/*
 * replay.c
 *	  Held rows back into their table, exactly once.
 *
 * A chunk is fetched under row locks and taken apart in runs of one role and
 * one set of settings (loader.c). Each run is one subtransaction in which the
 * rows are stored, leave the quarantine, or are held again with their new
 * reason: all of it, or, when the run as a whole is refused, none of it and
 * the reason alone. A row that only a restricted operation refused keeps the
 * reason it has: the refusal is said once, of the table.
 *
 * Whose code runs, and as whom, is the point of this room. A table's triggers
 * belong to its owner and run as whoever stores a row: so the worker, a
 * superuser, stores none itself. It becomes the loading role for the run.
 * What is left is code that would run later, at our COMMIT, when we are the
 * superuser again: deferred triggers. Three things close that way:
 *	  1. all constraints are set IMMEDIATE for the transaction, before the
 *		 switch, so that the table's deferred constraints work at all;
 *	  2. a restricted operation refuses to leave an event deferred (42501,
 *		 trigger.c), which covers triggers that defer again;
 *	  3. after each run nothing may be pending on the table, else its
 *		 subtransaction is rolled back.
 */
#include "postgres.h"

#include "act/loader.h"
#include "act/replay.h"
#include "base/guc.h"
#include "base/spi.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/held.h"
#include "observe/watch.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* One run on its way through its subtransaction. */
typedef struct ReplayRun
{
	Oid			relid;
	int64		plan;
	bool		as_caller;
	const LoaderRun *loader;
	HeldRow    *rows;			/* the run's, within the chunk */
	HeldRow    *stored;			/* room for n: those that got in */
	HeldRow    *again;			/* room for n: held again, for a new reason */
	int			nstored;
	int			nagain;
	char	   *restricted;		/* what a restricted operation refused first */
} ReplayRun;

/*
 * SET CONSTRAINTS ALL IMMEDIATE for what follows in this transaction. Runs
 * before any switch of user: events that are pending already are fired here,
 * as whoever queued them.
 */
static void
constraints_immediate(void)
{
	ConstraintsSetStmt *stmt = makeNode(ConstraintsSetStmt);

	stmt->constraints = NIL;
	stmt->deferred = false;
	AfterTriggerSetState(stmt);
}

/*
 * The caller stays who he is and takes over what gives the rows' text its
 * meaning. Not the load's search_path: it is the loader's choice, and would
 * let him name the functions that run as the caller.
 */
static void
become_caller(SpiUser *saved, const LoaderRun *loader)
{
	spi_become(saved, GetUserId(), 0, false);
	if (loader->known)
	{
		LoadSettings settings = loader->settings;

		settings.search_path = pstrdup(GetConfigOption("search_path", false, false));
		load_apply_settings(&settings);
	}
}

/*
 * Sort the run's rows into stored and held again; misfits go along. What a
 * restricted operation refused is neither: the row keeps its incident, which
 * then goes to a person with the refusal as its reason.
 */
static void
sort_rows(ReplayRun *run, const StoreRow *tried)
{
	run->nstored = run->nagain = 0;
	run->restricted = NULL;
	for (int i = 0; i < run->loader->n; i++)
	{
		HeldRow		row = run->rows[i];

		row.row = tried[i];
		if (tried[i].stored)
			run->stored[run->nstored++] = row;
		else if (!loader_restricted(tried[i].edata))
			run->again[run->nagain++] = row;
		else if (run->restricted == NULL)
			run->restricted = pstrdup(tried[i].edata->message);
	}
}

/*
 * Body of the run's subtransaction. The switch ends before our own tables
 * are written; store_close comes last, since the misfits live in the store.
 */
static void
replay_run(void *arg)
{
	ReplayRun  *run = arg;
	int			n = run->loader->n;
	StoreRow   *tried = palloc(sizeof(StoreRow) * n);
	Store	   *store;
	SpiUser		saved;
	const char *role;

	for (int i = 0; i < n; i++)
		tried[i] = run->rows[i].row;

	if (run->as_caller)
	{
		role = GetUserNameFromId(GetUserId(), false);
		become_caller(&saved, run->loader);
	}
	else
	{
		loader_become(&saved, run->loader);
		role = run->loader->settings.role;
	}
	store = store_open(run->relid, watch_replay_conflict(run->relid));
	store_rows(store, tried, n);
	spi_resume(&saved);

	if (!run->as_caller && AfterTriggerPendingOnRel(run->relid))
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("a deferred trigger of table %s is pending after the replay",
						quote_identifier(get_rel_name(run->relid))),
				 errhint("It would run as the healer. Run selfheal.replay() in a session of your own.")));

	sort_rows(run, tried);
	if (run->nstored > 0)
		held_replayed(run->relid, run->stored, run->nstored, run->plan, role);
	if (run->nagain > 0)
		(void) held_rehold(run->relid, run->again, run->nagain);
	store_close(store);
}

/*
 * The run was refused as a whole (its role may not insert any more, or is
 * gone; a trigger stayed pending): every row stays held with that reason.
 * No subtransaction of its own: what fails here is our own tables.
 */
static void
hold_run(ReplayRun *run, const ErrorData *edata)
{
	Misfit	   *misfit;

	run->nstored = 0;
	run->restricted = loader_restricted(edata) ? pstrdup(edata->message) : NULL;
	if (run->restricted)
		return;

	misfit = palloc0(sizeof(Misfit));
	fit_from_error(edata, misfit);
	if (edata->sqlerrcode == ERRCODE_TRIGGERED_ACTION_EXCEPTION)
		misfit->class = FIT_TRIGGER;
	else if (edata->sqlerrcode == ERRCODE_UNDEFINED_OBJECT)
		misfit->class = FIT_PERMISSION; /* loader_require: no such role */

	run->nagain = run->loader->n;
	for (int i = 0; i < run->nagain; i++)
	{
		run->again[i] = run->rows[i];
		run->again[i].row.stored = false;
		run->again[i].row.nmisfits = 1;
		run->again[i].row.misfits = misfit;
		run->again[i].row.edata = unconstify(ErrorData *, edata);
	}
	(void) held_rehold(run->relid, run->again, run->nagain);
}

/* The sentence that sends an incident to a person. */
static char *
refusal(Oid relid, const char *message)
{
	char	   *table = quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
												   get_rel_name(relid));

	return psprintf("code of table %s needs what a replay in the background refuses: %s; "
					"SELECT selfheal.replay(%s) in a session of your own can store the rows",
					table, message, quote_literal_cstr(table));
}

/*
 * Are there held rows after this id? The size of a chunk does not tell: it may
 * have been cut at its limit in bytes, and be full with the last row. This
 * does not look at incidents: one chunk that turns out to be empty costs less
 * than the join.
 */
static bool
rows_after(Oid relid, int64 id)
{
	SpiUser		saved;
	SpiArgs		args;
	bool		found;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_int8(&args, id);
	spi_exec("SELECT EXISTS (SELECT FROM selfheal.quarantine"
			 " WHERE relid = $1 AND state = 'held' AND id > $2)", &args);
	found = spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	return found;
}

/*
 * One chunk; see the header. Working memory is a context of its own that is
 * gone at the end; the result stands in the caller's.
 */
ReplayResult *
replay_chunk(Oid relid, const int64 *incidents, int nincidents, int64 after,
			 int64 plan, bool as_caller)
{
	ReplayResult *result = palloc0(sizeof(ReplayResult));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext cxt = AllocSetContextCreate(caller, "selfheal replay chunk",
											  ALLOCSET_DEFAULT_SIZES);
	HeldRow    *rows;
	HeldRow    *stored;
	LoaderRun	loader = {0};
	ReplayRun	run = {0};
	int			n;

	MemoryContextSwitchTo(cxt);
	result->last_id = after;
	if (!as_caller)
		constraints_immediate();
	rows = held_fetch(relid, incidents, nincidents, after,
					  guc_replay_chunk, true, &n);
	stored = palloc(sizeof(HeldRow) * Max(n, 1));

	run.relid = relid;
	run.plan = plan;
	run.as_caller = as_caller;
	run.loader = &loader;
	run.again = palloc(sizeof(HeldRow) * Max(n, 1));
	while (loader_next(rows, n, &loader))
	{
		ErrorData  *edata;

		CHECK_FOR_INTERRUPTS();
		run.rows = rows + loader.first;
		run.stored = stored + result->replayed;
		edata = spi_try(replay_run, &run);
		if (edata)
			hold_run(&run, edata);
		result->replayed += run.nstored;
		result->left += loader.n - run.nstored;
		if (run.restricted && result->refusal == NULL)
			result->refusal = MemoryContextStrdup(caller,
												  refusal(relid, run.restricted));
	}

	if (n > 0)
	{
		result->last_id = rows[n - 1].id;
		result->more = rows_after(relid, result->last_id);
	}
	MemoryContextSwitchTo(caller);
	if (result->replayed > 0)
		result->payload_ref = held_ref(stored, (int) result->replayed);
	MemoryContextDelete(cxt);
	return result;
}
