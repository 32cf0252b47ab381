/*
 * heldtrial.c
 *	  Held rows on the clone of their table.
 *
 * The held rows are put in as their loading role, which may do with the clone
 * what it may do with the table: under the load's search_path, which the
 * loader chose, code must not run as anybody else.
 *
 * A run of rows that is stored is not believed yet. Rows that miss a parent
 * are taken off again (parents.c). Where a row would meet a stored one that
 * the clone lacks (rivals.c), the run is rolled back and tried once more with
 * that row on the clone. Of a table with many partitions the rows' own are
 * made first (routing.c, members.c); a row whose partition has no room is
 * left out.
 */
#include "postgres.h"

#include "access/xact.h"
#include "act/heldtrial.h"
#include "act/members.h"
#include "act/parents.h"
#include "act/rivals.h"
#include "base/guc.h"
#include "base/progress.h"
#include "catalog/pg_class.h"
#include "decide/mapsteps.h"
#include "miscadmin.h"
#include "observe/held.h"
#include "observe/loader.h"
#include "observe/routing.h"
#include "observe/watch.h"
#include "observe/witness.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

typedef struct Trial
{
	Clone	   *clone;
	const HealPlan *plan;
	List	   *mappings;		/* Mapping * that the plan adds */
	MemoryContext cxt;			/* of first_miss */
	HeldTrial  *result;
	List	   *granted;		/* Oid of roles that may load the clone */
	Parents    *parents;		/* NULL: none to ask for */
	Rivals	   *rivals;			/* NULL: none to look for */
	bool		left_out;		/* some rows were */
} Trial;

/* A run of held rows on its way into the clone. */
typedef struct Run
{
	Trial	   *t;
	const LoaderRun *loader;
	const HeldRow *rows;		/* of the batch */
	Oid		   *leaf;			/* of each of the run; NULL: not asked for */
	StoreRow   *tried;			/* those that are not left out; witnesses that
								 * are known in part stand last */
	int			ntried;
	bool		again;			/* with the rivals on the clone */
	bool		met;			/* there are rivals */
	int64		stored;
	int64		strayed;		/* not stored, and not to blame */
	uint64		misses;			/* as the result's */
	char	   *miss;
} Run;

/* Note why a row was not stored, once. */
static void
note_miss(Trial *t, const char *why)
{
	if (why && t->result->first_miss == NULL)
		t->result->first_miss = MemoryContextStrdup(t->cxt, why);
}

/* ---- who loads ---- */

/* GRANT one privilege on the clone as the role has it on the table: on the
 * whole, or on columns. */
static void
mirror(const Trial *t, Oid role, const char *quoted, AclMode mode, const char *word)
{
	StringInfoData columns;
	ListCell   *lc;

	if (pg_class_aclcheck(t->plan->relid, role, mode) == ACLCHECK_OK)
	{
		spi_exec(psprintf("GRANT %s ON %s TO %s", word, t->clone->name, quoted), NULL);
		return;
	}
	initStringInfo(&columns);
	foreach(lc, t->clone->columns)
	{
		CloneColumn *col = lfirst(lc);

		if (pg_attribute_aclcheck(t->plan->relid, col->attnum, role, mode) == ACLCHECK_OK)
			appendStringInfo(&columns, "%s%s", columns.len ? ", " : "", col->quoted);
	}
	if (columns.len)
		spi_exec(psprintf("GRANT %s (%s) ON %s TO %s", word, columns.data,
						  t->clone->name, quoted), NULL);
}

/* The same for a sequence. One whose real one is not known is drawn from
 * freely; an identity's needs no right. */
static void
mirror_sequence(const CloneSequence *seq, Oid role, const char *quoted)
{
	static const struct
	{
		AclMode		mode;
		const char *word;
	}			rights[] = {{ACL_USAGE, "USAGE"}, {ACL_SELECT, "SELECT"}, {ACL_UPDATE, "UPDATE"}};

	for (int i = 0; i < (int) lengthof(rights) && !seq->identity; i++)
		if (!OidIsValid(seq->real) ||
			pg_class_aclcheck(seq->real, role, rights[i].mode) == ACLCHECK_OK)
			spi_exec(psprintf("GRANT %s ON SEQUENCE %s TO %s", rights[i].word, seq->name,
							  quoted), NULL);
}

/*
 * Let the run's role load the clone as it may load the table, and draw from
 * the sandbox's sequences as from the real ones. Raises 42501 when it may not
 * load the table. Who is admitted already is known by t->granted.
 */
static void
admit_loader(const Trial *t, Oid role)
{
	const char *quoted;
	ListCell   *lc;

	if (superuser_arg(role) || list_member_oid(t->granted, role))
		return;
	if (pg_class_aclcheck(t->plan->relid, role, ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(t->plan->relid, role, ACL_INSERT, ACLMASK_ANY) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("role \"%s\", which loaded these rows, may not insert into table %s",
						GetUserNameFromId(role, false), t->clone->table)));
	quoted = quote_identifier(GetUserNameFromId(role, false));
	spi_exec(psprintf("GRANT USAGE ON SCHEMA " CLONE_SCHEMA " TO %s", quoted), NULL);
	mirror(t, role, quoted, ACL_INSERT, "INSERT");
	if (watch_replay_conflict(t->plan->relid) == ROW_CONFLICT_UPDATE || t->clone->secured)
	{
		/* what takes a row's place, and policies, may need more */
		mirror(t, role, quoted, ACL_SELECT, "SELECT");
		mirror(t, role, quoted, ACL_UPDATE, "UPDATE");
	}
	foreach(lc, t->clone->sequences)
		mirror_sequence(lfirst(lc), role, quoted);
}

/* ---- where to ---- */

static void
let_stand_in(void *arg, Shape *shape)
{
	const Run  *run = arg;

	clone_let_stand_in(run->t->clone, run->t->plan, shape);
}

static void
note_leaf(void *arg, int row, const Route *route)
{
	((Run *) arg)->leaf[row] = route->leaf;
}

/*
 * Body of a subtransaction: where do the run's rows belong? No step of ours
 * changes the type of a key's column, so that the clone's values are the
 * table's.
 */
static void
find_leaves(void *arg)
{
	Run		   *run = arg;
	RouteWalk	way = {
		.relid = run->t->clone->relid,.shaped = run->t->clone->oid,.said = run->t->clone->relid,
		.mappings = run->t->mappings,.prepare = let_stand_in,.note = note_leaf,.arg = run
	};
	SpiUser		saved;

	loader_require(run->loader);
	admit_loader(run->t, run->loader->role);
	loader_become(&saved, run->loader);
	routing_walk(&way, run->tried, run->ntried);
	spi_resume(&saved);
}

/* Make the partitions that the rows belong to; rows for which there is no room
 * are left out. */
static void
make_room(Run *run)
{
	Trial	   *t = run->t;
	int			kept = 0;

	run->leaf = palloc0(sizeof(Oid) * run->ntried);
	if (spi_try(find_leaves, run) != NULL)
		return;					/* it will fail as a whole */
	for (int i = 0; i < run->ntried; i++)
	{
		if (OidIsValid(run->leaf[i]) && clone_member(t->clone, run->leaf[i]) == NULL &&
			!members_add(t->clone, run->leaf[i], t->plan))
		{
			t->left_out = true;
			continue;
		}
		run->leaf[kept] = run->leaf[i];
		run->tried[kept++] = run->tried[i];
	}
	run->ntried = kept;
}

/* ---- the rows ---- */

/* What became of the rows: those given up, the first that was refused, and
 * those whose partition the table has and the clone, after all, has not. */
static void
look_back(Run *run)
{
	for (int i = 0; i < run->ntried; i++)
	{
		StoreRow   *row = &run->tried[i];

		/* what the contract gives up need not be held any longer either */
		run->stored += row->discarded;
		if (row->stored || row->discarded || row->nmisfits == 0)
			continue;
		if (run->loader->witness && witness_hopeless(row) == &row->misfits[0])
		{
			/* what else is wrong with it is its client's affair */
			run->stored++;
			continue;
		}
		if (row->misfits[0].class == FIT_PARTITION && run->leaf && OidIsValid(run->leaf[i]))
		{
			run->strayed++;
			continue;
		}
		run->misses |= UINT64CONST(1) << row->misfits[0].class;
		if (run->miss == NULL)
		{
			fit_words(&row->misfits[0]);
			run->miss = MemoryContextStrdup(run->t->cxt, row->misfits[0].message);
		}
	}
}

/*
 * How many of the run's rows are put in? Of witnesses those of which all is
 * known, if their role may: one that writes through a view, or updates, need
 * not have the right. The others are looked at.
 */
static int
put_in(const Run *run)
{
	Oid			relid = run->t->plan->relid;
	Oid			role = run->loader->role;
	int			n = 0;

	if (!run->loader->witness)
		return run->ntried;
	if (!superuser_arg(role) && pg_class_aclcheck(relid, role, ACL_INSERT) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, role, ACL_INSERT, ACLMASK_ANY) != ACLCHECK_OK)
		return 0;
	while (n < run->ntried && run->tried[n].witness != WITNESS_PART)
		n++;
	return n;
}

/* Look at the rows from this one on. */
static void
look_at(Run *run, int from)
{
	WitnessLook look = {
		.relid = run->t->clone->oid,.said = run->t->plan->relid,.mappings = run->t->mappings,
		.prepare = let_stand_in,.arg = run
	};

	run->stored += witness_look(&look, run->tried + from, run->ntried - from);
}

/* Body of a run's subtransaction: the same steps as a replay's. */
static void
try_run(void *arg)
{
	Run		   *run = arg;
	Trial	   *t = run->t;
	TransactionId since = GetCurrentTransactionId();
	Store	   *store;
	SpiUser		saved;
	int			n;

	run->strayed = 0;
	run->misses = 0;
	run->miss = NULL;
	run->stored = 0;
	loader_require(run->loader);
	n = put_in(run);
	if (n == 0)
	{
		loader_become(&saved, run->loader);
		look_at(run, 0);
		spi_resume(&saved);
		look_back(run);
		return;
	}
	admit_loader(t, run->loader->role);
	loader_become(&saved, run->loader);
	store = store_open(t->clone->oid, watch_replay_conflict(t->plan->relid));
	store_stands_for(store, t->plan->relid);
	if (t->mappings != NIL)
		store_try_mappings(store, t->mappings);
	clone_let_stand_in(t->clone, t->plan, store_shape(store));
	run->stored = store_rows(store, run->tried, n);
	if (n < run->ntried)
		look_at(run, n);
	spi_resume(&saved);

	if (t->rivals && !run->again && run->stored > 0)
	{
		run->met = rivals_find(t->rivals, since);
		if (run->met)
			ereport(ERROR,
					(errcode(ERRCODE_UNIQUE_VIOLATION),
					 errmsg("held rows meet stored rows that the clone lacks")));
	}
	look_back(run);
	if (t->parents && run->stored > 0)
	{
		int64		evicted = parents_evict(t->parents, since, &run->miss);

		if (!run->loader->witness)
			run->stored -= evicted;
		if (evicted > 0 && !run->loader->witness)
			run->misses |= UINT64CONST(1) << FIT_FOREIGN_KEY;
	}
	store_close(store);
}

/* One run, whatever becomes of it. */
static void
carry_run(Run *run)
{
	Trial	   *t = run->t;
	ErrorData  *edata;
	int			kept = 0;

	run->ntried = run->loader->n;
	run->tried = palloc(sizeof(StoreRow) * run->ntried);
	for (int i = 0; i < run->loader->n; i++)
		if (run->rows[run->loader->first + i].row.witness != WITNESS_PART)
			run->tried[kept++] = run->rows[run->loader->first + i].row;
	for (int i = 0; i < run->loader->n; i++)
		if (run->rows[run->loader->first + i].row.witness == WITNESS_PART)
			run->tried[kept++] = run->rows[run->loader->first + i].row;
	if (t->clone->partial && t->clone->relkind == RELKIND_PARTITIONED_TABLE)
		make_room(run);

	edata = spi_try(try_run, run);
	if (edata && run->met)
	{
		rivals_bring(t->rivals);
		run->again = true;
		edata = spi_try(try_run, run);
	}
	if (edata)
	{
		Misfit		misfit = {0};

		fit_from_error(edata, &misfit);
		t->result->misses |= UINT64CONST(1) << misfit.class;
		note_miss(t, edata->message);
		t->result->tried += run->ntried;
		return;
	}
	note_miss(t, run->miss);
	t->result->misses |= run->misses;
	t->result->tried += run->ntried - run->strayed;
	t->result->stored += run->stored;
	t->left_out |= run->strayed > 0;
	if (!list_member_oid(t->granted, run->loader->role))
	{
		MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(t->clone));

		t->granted = lappend_oid(t->granted, run->loader->role);
		MemoryContextSwitchTo(old);
	}
}

/* See the header. */
void
heldtrial_run(Clone *clone, const HealPlan *plan, const int64 *incidents,
			  int nincidents, MemoryContext cxt, HeldTrial *result)
{
	Trial		t = {.clone = clone,.plan = plan,.cxt = cxt,.result = result};
	MemoryContext own = CurrentMemoryContext;
	MemoryContext chunk = AllocSetContextCreate(own, "selfheal dry run chunk",
												ALLOCSET_DEFAULT_SIZES);
	HeldBatch	batch = {.more = true};
	int64		fetched = 0;

	t.mappings = mapsteps_mappings(plan->relid, plan->steps);
	t.parents = parents_open(clone);
	t.rivals = rivals_open(clone);
	while (batch.more && fetched < guc_dry_run_rows)
	{
		LoaderRun	loader_run = {0};
		Loader	   *loader;

		MemoryContextReset(chunk);
		MemoryContextSwitchTo(chunk);
		held_fetch(plan->relid, incidents, nincidents, batch.last,
				   (int) (guc_dry_run_rows - fetched), false, &batch);
		loader = loader_open(batch.rows, batch.n);
		while (loader_next(loader, &loader_run))
		{
			Run			run = {.t = &t,.loader = &loader_run,.rows = batch.rows};

			CHECK_FOR_INTERRUPTS();
			carry_run(&run);
		}
		fetched += batch.n;
		progress_count("trying held rows", fetched, 0);
	}
	MemoryContextSwitchTo(own);
	MemoryContextDelete(chunk);

	if (t.parents && parents_known(t.parents))
		*clone->gaps &= ~COVERAGE_FOREIGN_KEYS;
	if (t.rivals && rivals_known(t.rivals))
		*clone->gaps &= ~COVERAGE_KEYS;
	if (t.left_out || batch.more)
		*clone->gaps |= COVERAGE_HELD;
}
