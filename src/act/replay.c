/*
 * replay.c
 *	  Held rows back into their table, exactly once.
 *
 * A chunk is fetched in the table's turn (held.h) and taken apart in runs of
 * one role and one set of settings (loader.c). Each run is one subtransaction
 * in which the rows are stored and leave the quarantine, are discarded by the
 * table's contract, or are held again with their new reason: all of it, or, when the run as a whole is refused, none
 * of it and the reason alone. A row that only a restricted operation refused
 * keeps the reason it has: the refusal is said once, of the table.
 *
 * Row locks would cost as much as the delete does. So a run goes without; if
 * a person amended or discarded one of its rows meanwhile, which the delete
 * finds out, it is rolled back and done again under locks.
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

#include "access/xact.h"
#include "act/replay.h"
#include "act/reroute.h"
#include "base/spi.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "observe/discards.h"
#include "observe/held.h"
#include "observe/heldref.h"
#include "observe/heldwhy.h"
#include "observe/kept.h"
#include "observe/loader.h"
#include "observe/order.h"
#include "observe/watch.h"
#include "observe/witness.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* One run on its way through its subtransaction. */
typedef struct ReplayRun
{
	int64		plan;
	List	   *ordering_key;	/* of the table */
	ReplayWait *wait;			/* rows that wait for a parent, or NULL */
	const LoaderRun *loader;
	HeldRow    *rows;			/* the run's, within the chunk */
	HeldRow    *stored;			/* those that got in */
	HeldRow    *again;			/* room for n: held again */
	HeldRow    *given_up;		/* by contract; NULL: none */
	HeldRow    *excluded;		/* room for n: by the WHERE of their load */
	HeldRow    *gone;			/* room for n: of statements, need not be held
								 * any longer */
	int64		moved;			/* of the held again for a new reason */
	int64		left_out;		/* values, by contract */
	int64		rerouted;		/* of the stored */
	char	   *hash;			/* over the stored */
	char	   *restricted;		/* what a restricted operation refused first */
	Oid			relid;
	Oid			root;			/* through which the rerouted went */
	int			n;				/* rows; fewer than fetched when locking */
	int			nstored;
	int			nagain;
	int			ngiven_up;
	int			ngone;
	int			nexcluded;
	bool		as_caller;
	bool		first;			/* no other row is held before these */
	bool		locking;		/* lock the rows first */
	bool		changed;		/* a row was changed before it was deleted */
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
	if (loader->settings)
	{
		LoadSettings settings = *loader->settings;

		settings.search_path = pstrdup(GetConfigOption("search_path", false, false));
		load_apply_settings(&settings);
	}
}

/* The rows that are stored: the array itself when all are. */
static HeldRow *
stored_rows(HeldRow *rows, int n, int nstored)
{
	HeldRow    *stored;
	int			kept = 0;

	if (nstored == n)
		return rows;
	stored = palloc(sizeof(HeldRow) * Max(nstored, 1));
	for (int i = 0; i < n; i++)
		if (rows[i].row.stored)
			stored[kept++] = rows[i];
	return stored;
}

/*
 * Sort the run's rows into stored and held again; misfits go along. What a
 * restricted operation refused is neither: the row keeps its incident, which
 * then goes to a person with the refusal as its reason.
 */
static void
sort_rows(ReplayRun *run, const StoreRow *tried, bool by_contract)
{
	if (by_contract)
		run->given_up = palloc(sizeof(HeldRow) * run->n);
	for (int i = 0; i < run->n; i++)
	{
		HeldRow    *row = &run->rows[i];

		row->row.stored = tried[i].stored;
		if (tried[i].stored)
			run->nstored++;
		else if (tried[i].excluded)
			run->excluded[run->nexcluded++] = *row;
		else if (tried[i].discarded)
		{
			run->given_up[run->ngiven_up] = *row;
			run->given_up[run->ngiven_up++].row = tried[i];
		}
		else if (run->loader->settings && run->loader->settings->statement &&
				 witness_hopeless(&tried[i]))
			run->gone[run->ngone++] = *row;
		else if (!loader_restricted(tried[i].edata))
		{
			run->again[run->nagain] = *row;
			run->again[run->nagain++].row = tried[i];
			if (run->wait && run->wait->oldest_load == 0 &&
				tried[i].nmisfits > 0 && tried[i].misfits[0].class == FIT_FOREIGN_KEY)
				run->wait->oldest_load = row->load;
		}
		else if (run->restricted == NULL)
			run->restricted = pstrdup(tried[i].edata->message);
	}
	run->stored = stored_rows(run->rows, run->n, run->nstored);
}

/* A held row that was to leave is not as it was read: do it again. */
static void
was_changed(ReplayRun *run)
{
	run->changed = true;
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("a held row was changed while it was replayed")));
}

/* Write down what the contract has taken away; the load is the last of the
 * run's rows. */
static void
record_discards(ReplayRun *run, Discards *discards, const StoreRow *tried)
{
	discards_count(discards, tried, NULL, run->n);
	if (run->ngiven_up > 0 && !discards_held(discards, run->given_up, run->ngiven_up))
		was_changed(run);
	discards_write(discards, run->rows[run->n - 1].load, "replay");
	run->left_out = discards_values(discards);
}

/* The rows keep the order of their keys, behind what is held and not theirs. */
static void
keep_order(const ReplayRun *run, Store *store)
{
	Order	   *order = order_begin(run->relid, run->ordering_key);
	int64	   *ids;
	OrderKey   *keys;

	if (order == NULL)
		return;
	ids = palloc(sizeof(int64) * Max(run->n, 1));
	keys = palloc(sizeof(OrderKey) * Max(run->n, 1));
	for (int i = 0; i < run->n; i++)
	{
		ids[i] = run->rows[i].id;
		keys[i] = run->rows[i].key;
	}
	order_line_up(order, ids, keys, run->n, run->first);
	store_in_order(store, order);
}

/*
 * The WHERE of the rows' load is asked of them now that they fit. It is the
 * loader's: in a DBA's own session, too, it runs as him.
 */
static void
keep_condition(const ReplayRun *run, Store *store)
{
	if (run->loader->settings == NULL || run->loader->settings->condition == NULL)
		return;
	loader_require(run->loader);
	store_where(store, run->loader->settings->condition,
				run->as_caller ? run->loader->role : InvalidOid);
}

/*
 * Body of the subtransaction of a run of witnesses: those that the table would
 * take leave, and those whose client must mend them himself; so do those whose
 * role is gone. A row that needs more of the table says so.
 */
static void
look_run(void *arg)
{
	ReplayRun  *run = arg;
	StoreRow   *tried = palloc(sizeof(StoreRow) * run->n);
	WitnessLook look = {.relid = run->relid,.said = run->relid};
	SpiUser		saved;

	run->nstored = run->nagain = run->ngiven_up = run->ngone = run->nexcluded = run->moved = run->left_out = run->rerouted = 0;
	run->restricted = NULL;
	if (run->locking)
		run->n = held_lock(run->rows, run->n);
	for (int i = 0; i < run->n; i++)
	{
		tried[i] = run->rows[i].row;
		tried[i].stored = true;
	}
	if (OidIsValid(run->loader->role))
	{
		if (run->as_caller)
			become_caller(&saved, run->loader);
		else
			loader_become(&saved, run->loader);
		(void) witness_look(&look, tried, run->n);
		spi_resume(&saved);
	}
	for (int i = 0; i < run->n; i++)
	{
		if (tried[i].stored || witness_hopeless(&tried[i]))
		{
			run->gone[run->ngone++] = run->rows[i];
			continue;
		}
		run->again[run->nagain] = run->rows[i];
		run->again[run->nagain++].row = tried[i];
	}
	if (!held_delete(run->gone, run->ngone))
		was_changed(run);
	if (run->nagain > 0)
		run->moved = heldwhy_renew(run->relid, run->again, run->nagain);
}

/*
 * Body of the run's subtransaction. The switch ends before our own tables
 * are written; store_close comes last, since the misfits live in the store.
 */
static void
replay_run(void *arg)
{
	ReplayRun  *run = arg;
	StoreRow   *tried = palloc(sizeof(StoreRow) * run->n);
	Store	   *store;
	Discards   *discards;
	Watch		watch;
	Reroute		reroute;
	SpiUser		saved;
	const char *role;

	run->nstored = run->nagain = run->ngiven_up = run->ngone = run->nexcluded = run->moved = run->left_out = run->rerouted = 0;
	run->restricted = NULL;
	if (run->locking)
		run->n = held_lock(run->rows, run->n);
	for (int i = 0; i < run->n; i++)
		tried[i] = run->rows[i].row;

	if (run->as_caller)
	{
		role = GetUserNameFromId(GetUserId(), false);
		become_caller(&saved, run->loader);
	}
	else
	{
		loader_become(&saved, run->loader);
		role = run->loader->settings->role;
	}
	store = store_open(run->relid, watch_replay_conflict(run->relid));
	keep_order(run, store);
	keep_condition(run, store);
	if (run->wait)
		store_ask_parents(store, run->wait->ask, &run->wait->orphans, run->wait->cxt);
	store_rows(store, tried, run->n);
	reroute_rows(&reroute, run->relid, tried, run->n);
	run->rerouted = reroute.stored;
	run->root = reroute.root;
	spi_resume(&saved);

	if (!run->as_caller && (AfterTriggerPendingOnRel(run->relid) ||
							(OidIsValid(run->root) && AfterTriggerPendingOnRel(run->root))))
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("a deferred trigger of table %s is pending after the replay",
						quote_identifier(get_rel_name(run->relid))),
				 errhint("It would run as the healer. Run selfheal.replay() in a session of your own.")));

	(void) watch_get(run->relid, &watch);
	if (store_has_mapped(store) || watch.keep_payload == KEEP_ALL)
		kept_replay(run->relid, watch.keep_payload, run->rows, tried, run->n);
	discards = store_discards(store);
	sort_rows(run, tried, discards != NULL);
	if (!held_delete(run->stored, run->nstored) || !held_delete(run->gone, run->ngone) ||
		(run->nexcluded > 0 && !held_exclude(run->relid, run->excluded, run->nexcluded)))
		was_changed(run);
	if (discards != NULL)
		record_discards(run, discards, tried);
	if (run->nstored > 0)
		run->hash = heldref_replayed(run->relid, run->stored, run->nstored,
									 run->plan, role);
	if (run->nagain > 0)
		run->moved = heldwhy_renew(run->relid, run->again, run->nagain);
	reroute_end(&reroute);
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

	run->nstored = run->ngiven_up = run->ngone = run->nexcluded = run->moved = run->left_out = run->rerouted = 0;
	run->restricted = loader_restricted(edata) ? pstrdup(edata->message) : NULL;
	if (run->restricted)
		return;

	misfit = palloc0(sizeof(Misfit));
	fit_from_error(edata, misfit);
	if (edata->sqlerrcode == ERRCODE_TRIGGERED_ACTION_EXCEPTION)
		misfit->class = FIT_TRIGGER;
	else if (edata->sqlerrcode == ERRCODE_UNDEFINED_OBJECT)
		misfit->class = FIT_PERMISSION; /* loader_require: no such role */

	run->nagain = run->n;
	for (int i = 0; i < run->nagain; i++)
	{
		run->again[i] = run->rows[i];
		run->again[i].row.nmisfits = 1;
		run->again[i].row.misfits = misfit;
		run->again[i].row.edata = unconstify(ErrorData *, edata);
	}
	run->moved = heldwhy_renew(run->relid, run->again, run->nagain);
}

static char *
table_name(Oid relid)
{
	return quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
									  get_rel_name(relid));
}

/* The sentence that sends an incident to a person. */
static char *
refusal(Oid relid, const char *message)
{
	char	   *table = table_name(relid);

	return psprintf("code of table %s needs what a replay in the background refuses: %s; "
					"SELECT selfheal.replay(%s) in a session of your own can store the rows",
					table, message, quote_literal_cstr(table));
}

/*
 * One run, whatever becomes of it. What says that this transaction's snapshot
 * is too old for the rows is no reason of theirs: the caller must begin again.
 */
static void
carry_run(ReplayRun *run)
{
	SpiBody		body = run->loader->witness ? look_run : replay_run;
	ErrorData  *edata;

	run->changed = run->locking = false;
	edata = spi_try(body, run);
	if (edata && run->changed && !IsolationUsesXactSnapshot())
	{
		run->locking = true;
		edata = spi_try(body, run);
	}
	if (edata && edata->sqlerrcode == ERRCODE_T_R_SERIALIZATION_FAILURE &&
		IsolationUsesXactSnapshot())
		ReThrowError(edata);
	/* those of a rolled-back attempt are not; nor what held_lock took out */
	for (int i = edata ? 0 : run->n; i < run->loader->n; i++)
		run->rows[i].row.stored = false;
	if (edata)
		hold_run(run, edata);
}

/*
 * Up to here no row of the table is held any more: the chunk before this one,
 * in this process, has left none. (A load that commits only now may bring one
 * with an earlier id; it came later.)
 */
static struct
{
	Oid			relid;
	int64		upto;
}			emptied = {InvalidOid, 0};

/*
 * One chunk; see the header. Working memory is a context of its own that is
 * gone at the end; the result stands in the caller's.
 */
static ReplayResult *
chunk(Oid relid, const int64 *incidents, int nincidents, int64 after,
	  int limit, int64 plan, bool as_caller, bool untried, ReplayWait *wait)
{
	ReplayResult *result = palloc0(sizeof(ReplayResult));
	MemoryContext caller = CurrentMemoryContext;
	MemoryContext cxt;
	HeldBatch	batch;
	Loader	   *loader;
	LoaderRun	loader_run;
	ReplayRun	run = {0};
	Watch		watch;
	int			runs = 0;

	PreventCommandIfReadOnly("a replay");
	result->last_id = after;
	if (!held_turn(relid))
	{
		result->busy = -1;
		return result;
	}
	cxt = AllocSetContextCreate(caller, "selfheal replay chunk",
								ALLOCSET_DEFAULT_SIZES);
	MemoryContextSwitchTo(cxt);
	if (!as_caller)
		constraints_immediate();
	if (untried)
		held_fetch_untried(relid, incidents[0], after, limit, &batch);
	else
		held_fetch(relid, incidents, nincidents, after, limit, true, &batch);
	result->last_id = batch.last;
	result->more = batch.more;
	result->busy = batch.busy;

	run.relid = relid;
	run.plan = plan;
	run.as_caller = as_caller;
	(void) watch_get(relid, &watch);
	run.ordering_key = watch.ordering_key;
	run.first = (after == 0 || (emptied.relid == relid && emptied.upto == after)) &&
		batch.others == 0 && batch.busy == 0;
	run.wait = wait;
	run.loader = &loader_run;
	run.again = palloc(sizeof(HeldRow) * Max(batch.n, 1));
	run.gone = palloc(sizeof(HeldRow) * Max(batch.n, 1));
	run.excluded = palloc(sizeof(HeldRow) * Max(batch.n, 1));
	loader = loader_open(batch.rows, batch.n);
	while (loader_next(loader, &loader_run))
	{
		CHECK_FOR_INTERRUPTS();
		run.rows = batch.rows + loader_run.first;
		run.n = loader_run.n;
		carry_run(&run);
		runs++;
		result->replayed += run.nstored;
		result->discarded += run.ngiven_up;
		result->left_out += run.left_out;
		result->rerouted += run.rerouted;
		if (run.rerouted > 0 && result->root == NULL)
			result->root = MemoryContextStrdup(caller, table_name(run.root));
		result->released += run.ngone + run.nexcluded;
		result->excluded += run.nexcluded;
		result->left += run.n - run.nstored - run.ngiven_up - run.ngone - run.nexcluded;
		result->moved += run.moved;
		result->busy += loader_run.n - run.n;
		run.first &= run.nstored + run.ngiven_up + run.ngone + run.nexcluded == loader_run.n;
		if (run.restricted && result->refusal == NULL)
			result->refusal = MemoryContextStrdup(caller,
												  refusal(relid, run.restricted));
	}
	held_turn_end(relid);
	emptied.relid = run.first ? relid : InvalidOid;
	emptied.upto = batch.last;

	if (result->replayed > 0)
	{
		HeldRow    *stored = stored_rows(batch.rows, batch.n, (int) result->replayed);

		MemoryContextSwitchTo(caller);
		result->payload_ref = heldref_json(stored, (int) result->replayed,
										   runs == 1 ? run.hash : NULL);
	}
	MemoryContextSwitchTo(caller);
	MemoryContextDelete(cxt);
	return result;
}

ReplayResult *
replay_chunk(Oid relid, const int64 *incidents, int nincidents, int64 after,
			 int limit, int64 plan, bool as_caller)
{
	return chunk(relid, incidents, nincidents, after, limit, plan, as_caller, false, NULL);
}

ReplayResult *
replay_waiting(Oid relid, const int64 *incidents, int nincidents, int64 after,
			   int limit, ReplayWait *wait)
{
	return chunk(relid, incidents, nincidents, after, limit, 0, false, false, wait);
}

ReplayResult *
replay_untried(Oid relid, int64 incident, int64 after, int limit)
{
	return chunk(relid, &incident, 1, after, limit, 0, false, true, NULL);
}
