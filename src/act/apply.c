/*
 * apply.c
 *	  Runs a vetted plan on the real table, under a lock budget.
 *
 * Two waits, each bounded. First the gate, which only loads pass: with the
 * gate shut no new load starts, the running ones end, and readers notice
 * nothing (selfheal.gate_timeout). Then ACCESS EXCLUSIVE on the table, behind
 * which readers do queue: selfheal.lock_timeout is the longest that they wait
 * for nothing. Whoever is in the way at the end of either is written down; to
 * miss a lock is no failure of the plan.
 *
 * deadlock_timeout is a quarter of lock_timeout at most, since an autovacuum that
 * holds the table is cancelled by the waiter's deadlock check and by nothing
 * else (proc.c): with the defaults the lock would time out before that. The
 * check is made again and again (giveway.h), so however long the two timeouts
 * are, it is no person who loses a deadlock against an apply.
 *
 * The ALTER runs as the table's owner in a restricted operation: index
 * expressions, defaults and casts are the owner's code, not ours. What
 * PostgreSQL would refuse it for is taken away before and made again after it
 * (dependents.c); views are locked before the table, from above, in the order
 * in which who reads them takes his locks.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "act/apply.h"
#include "act/dependents.h"
#include "base/giveway.h"
#include "base/guc.h"
#include "base/holders.h"
#include "base/spi.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "decide/convert.h"
#include "decide/numbering.h"
#include "decide/partition.h"
#include "decide/partition_locks.h"
#include "decide/render.h"
#include "miscadmin.h"
#include "observe/intake.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"
#include "utils/timestamp.h"

/* How far we came; read after an error to know what was in the way. */
typedef enum ApplyPhase
{
	PHASE_GATE,
	PHASE_TABLE,
	PHASE_CATALOG,				/* rows there about what is made again */
	PHASE_OTHER_SIDES,			/* of foreign keys */
	PHASE_ALTER
} ApplyPhase;

typedef struct ApplyState
{
	Oid			relid;
	Oid			owner;			/* of the table, read under the lock */
	const HealPlan *plan;
	const char *sql;			/* the ALTER TABLE; NULL: none */
	List	   *beside;			/* char *, statements after it */
	ApplyPhase	phase;
	TimestampTz since;			/* readers may have to wait for us */
	bool		gone;			/* the table was dropped while we waited */
	Rebuild    *outline;		/* what is made again, as far as can be told
								 * before the locks */
	Rebuild    *rebuild;		/* what is made again, read under the locks */
	char	   *made_again;		/* the record of it */
	char	   *hash_after;
	const char *doing;			/* with a dependent, for an error's message */
} ApplyState;

/* A setting in milliseconds, at the innermost level. */
static void
set_ms(const char *name, int ms)
{
	char		value[16];

	snprintf(value, sizeof(value), "%d", Max(ms, 1));
	spi_set_local(name, value);
}

/* Become the extension's owner and set the lock budget until spi_resume. */
static void
open_budget(SpiUser *saved, int lock_ms)
{
	spi_become(saved, spi_extension_owner(), SECURITY_LOCAL_USERID_CHANGE, true);
	set_ms("lock_timeout", lock_ms);
	set_ms("deadlock_timeout", giveway_first_look(guc_lock_timeout));
}

/* Once readers may have to wait for us, who looks after the server is told of
 * our waits as of others'. */
static void
log_waits(void)
{
	const char *log = GetConfigOptionResetString("log_lock_waits");

	spi_set_local("log_lock_waits", log ? log : "off");
}

/*
 * What is left of selfheal.lock_timeout. It is one budget for all that is
 * waited for with readers behind us, and not one for each lock.
 */
static int
budget_left(const ApplyState *st)
{
	long		spent = TimestampDifferenceMilliseconds(st->since, GetCurrentTimestamp());

	return guc_lock_timeout - (int) Min(spent, guc_lock_timeout);
}

/*
 * The other sides of foreign keys on columns that get another type, which
 * ALTER makes anew and locks ACCESS EXCLUSIVE for it: one after the other,
 * with a whole lock_timeout each, while nobody can read the table.
 */
static void
lock_other_sides(ApplyState *st, const List *locked)
{
	MemoryContext cxt = CurrentMemoryContext;
	int64	   *relids = palloc(sizeof(int64) * list_length(locked));
	List	   *sides = NIL;
	int			n = 0;
	ListCell   *lc;
	SpiUser		saved;

	st->phase = PHASE_OTHER_SIDES;
	foreach(lc, locked)
		relids[n++] = (int64) lfirst_oid(lc);
	spi_open(&saved);
	foreach(lc, st->plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		SpiArgs		args;
		uint64		found;

		if (!plan_changes_type(step))
			continue;
		spi_args(&args);
		spi_arg_int8_array(&args, relids, n);
		spi_arg_text(&args, step->column);
		found = spi_exec("SELECT unnest(ARRAY[conrelid, confrelid])::oid FROM pg_constraint"
						 " WHERE contype = 'f' AND (conrelid::int8 = ANY ($1) AND EXISTS (SELECT FROM pg_attribute"
						 "   WHERE attrelid = conrelid AND attnum = ANY (conkey) AND attname = $2)"
						 "  OR confrelid::int8 = ANY ($1) AND EXISTS (SELECT FROM pg_attribute"
						 "   WHERE attrelid = confrelid AND attnum = ANY (confkey) AND attname = $2))", &args);
		for (uint64 i = 0; i < found; i++)
		{
			Oid			side = spi_get_oid(i, 1, NULL);
			MemoryContext spi = MemoryContextSwitchTo(cxt);

			if (!list_member_oid(locked, side))
				sides = list_append_unique_oid(sides, side);
			MemoryContextSwitchTo(spi);
		}
	}
	spi_close(&saved);
	list_sort(sides, list_oid_cmp);
	foreach(lc, sides)
	{
		set_ms("lock_timeout", budget_left(st));
		LockRelationOid(lfirst_oid(lc), AccessExclusiveLock);
	}
}

/*
 * ACCESS EXCLUSIVE on what is made again, on the table and all that inherits
 * from it, since ALTER would take those one by one with a whole lock_timeout
 * each: readers of the first would then wait for the sum. The budget is for
 * all together.
 */
static void
lock_table(ApplyState *st)
{
	List	   *queue = lappend_oid(list_copy(st->outline->relations), st->relid);

	st->since = GetCurrentTimestamp();
	/* the queue grows while it is walked, so by index */
	for (int i = 0; i < list_length(queue); i++)
	{
		Oid			relid = list_nth_oid(queue, i);

		set_ms("lock_timeout", budget_left(st));
		LockRelationOid(relid, AccessExclusiveLock);
		if (!SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relid)))
		{
			/* a partition that went meanwhile is no longer ours to lock */
			UnlockRelationOid(relid, AccessExclusiveLock);
			st->gone |= relid == st->relid;
			continue;
		}
		if (!list_member_oid(st->outline->relations, relid))
			queue = list_concat_unique_oid(queue, find_inheritance_children(relid, NoLock));
	}
	if (st->gone)
		return;
	st->phase = PHASE_CATALOG;
	set_ms("lock_timeout", budget_left(st));
	dependents_hold(st->outline);
	lock_other_sides(st, queue);
}

/*
 * A plan that does not alter the table itself: nobody else may alter it
 * meanwhile, but loads and readers go on. What new partitions lock besides is
 * waited for within what is left of the budget.
 */
static void
lock_beside(ApplyState *st, const List *locks)
{
	const ListCell *lc;

	if (st->sql == NULL)
	{
		st->since = GetCurrentTimestamp();
		set_ms("lock_timeout", guc_lock_timeout);
		LockRelationOid(st->relid, ShareUpdateExclusiveLock);
		st->gone = !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(st->relid));
	}

	/* one budget for all, where each ATTACH would have a whole one for each */
	foreach(lc, st->gone ? NIL : locks)
	{
		const PartitionLock *lock = lfirst(lc);

		st->phase = PHASE_OTHER_SIDES;
		set_ms("lock_timeout", budget_left(st));
		LockRelationOid(lock->relid, lock->mode);
	}
}

/*
 * Would loads of the table wait for one of these locks? A key that refers to
 * the table itself, a default partition.
 */
static bool
stops_loads(Oid relid, const List *locks)
{
	List	   *tree = locks != NIL ? find_all_inheritors(relid, NoLock, NULL) : NIL;
	const ListCell *lc;

	foreach(lc, locks)
	{
		const PartitionLock *lock = lfirst(lc);

		if (lock->mode > ShareUpdateExclusiveLock && list_member_oid(tree, lock->relid))
			return true;
	}
	return false;
}

/* Body of the first subtransaction: gate, then table. */
static void
take_locks(void *arg)
{
	ApplyState *st = arg;
	List	   *locks;
	SpiUser		saved;
	HeapTuple	tup;

	st->phase = PHASE_GATE;
	open_budget(&saved, guc_gate_timeout);
	locks = partition_locks(st->plan);
	if (st->sql != NULL || stops_loads(st->relid, locks))
		intake_gate(st->relid, true);
	st->phase = PHASE_TABLE;
	log_waits();
	st->outline = rebuild_outline(st->plan);
	if (st->sql != NULL)
		lock_table(st);
	lock_beside(st, locks);
	spi_resume(&saved);

	if (st->gone)
		return;
	tup = SearchSysCache1(RELOID, ObjectIdGetDatum(st->relid));
	if (!HeapTupleIsValid(tup))
		elog(ERROR, "cache lookup failed for relation %u", st->relid);
	st->owner = ((Form_pg_class) GETSTRUCT(tup))->relowner;
	ReleaseSysCache(tup);
}

/*
 * Body of the second: the one ALTER, what must be made again around it, and
 * what is done beside it.
 * What is left of the budget stays in force, for what either may lock besides.
 */
static void
run_alter(void *arg)
{
	ApplyState *st = arg;
	SpiUser		budget;
	SpiUser		owner;
	Rebuild    *after;
	ListCell   *lc;

	st->phase = PHASE_ALTER;
	open_budget(&budget, budget_left(st));
	log_waits();
	dependents_drop(st->rebuild, &st->doing);
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	spi_become(&owner, st->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE,
			   true);
	convert_pin(st->plan);
	if (st->sql != NULL)
		spi_exec(st->sql, NULL);
	foreach(lc, st->beside)
		spi_exec(lfirst(lc), NULL);
	spi_resume(&owner);
	SPI_finish();
	st->made_again = dependents_restore(st->rebuild, st->plan, &st->doing, &after);
	st->hash_after = rebuild_hash(st->plan, after ? after : st->rebuild);
	spi_resume(&budget);
}

/* Did somebody else's lock stop us? */
static bool
is_lock_error(const ErrorData *edata)
{
	return edata->sqlerrcode == ERRCODE_LOCK_NOT_AVAILABLE ||
		edata->sqlerrcode == ERRCODE_T_R_DEADLOCK_DETECTED;
}

/* What the plan's steps lock beside the table: the sequences that they are
 * about, which whoever has drawn from holds to the end of his transaction. */
static List *
also_locked(const ApplyState *st)
{
	List	   *result = st->outline ? list_copy(st->outline->relations) : NIL;
	ListCell   *lc;

	foreach(lc, st->plan->steps)
	{
		const PlanStep *step = lfirst(lc);
		ColumnSequence seq;

		if ((step->kind == STEP_EXTEND_SEQUENCE || step->kind == STEP_SET_GENERATED_BY_DEFAULT) &&
			numbering_sequence(st->relid, step->column, &seq))
			result = list_append_unique_oid(result, seq.oid);
	}
	return result;
}

/*
 * Who holds what we wanted: at the gate the loads that hold it; at the table
 * whoever holds any lock on it, its partitions, what must be made again or the
 * catalog's rows about that, or, when those are ours, the other side of its
 * foreign keys.
 */
static Jsonb *
collect_blockers(const ApplyState *st)
{
	List	   *objects = NIL;
	ListCell   *lc;

	if (st->phase == PHASE_GATE)
		return holders_now(st->relid, HOLDERS_GATE, NIL, NIL);
	foreach(lc, st->outline ? st->outline->items : NIL)
		objects = lappend_oid(objects, ((const RebuildItem *) lfirst(lc))->objid);
	return holders_now(st->relid,
					   st->phase >= PHASE_OTHER_SIDES ? HOLDERS_TREE_AND_KEYS :
					   st->phase == PHASE_CATALOG ? HOLDERS_TREE_AND_CATALOG : HOLDERS_TREE,
					   also_locked(st), objects);
}

/* What is run, each statement but the last ended, in the current context. */
static char *
statements_text(const ApplyState *st)
{
	StringInfoData buf;
	ListCell   *lc;

	initStringInfo(&buf);
	if (st->sql != NULL)
		appendStringInfoString(&buf, st->sql);
	foreach(lc, st->beside)
		appendStringInfo(&buf, "%s%s", buf.len > 0 ? "; " : "", (char *) lfirst(lc));
	return buf.data;
}

/* Finish with what one of the subtransactions threw. */
static ApplyResult *
stopped(ApplyResult *result, const ApplyState *st, ErrorData *edata)
{
	result->edata = edata;
	if (is_lock_error(edata))
	{
		result->outcome = APPLY_NO_LOCK;
		result->blockers = collect_blockers(st);
	}
	else if (edata->sqlerrcode == ERRCODE_DUPLICATE_TABLE && st->beside != NIL)
		result->outcome = APPLY_STALE;	/* somebody has the name by now */
	else
	{
		result->outcome = APPLY_FAILED;
		if (st->doing != NULL)
			edata->message = psprintf("%s: %s", st->doing, edata->message);
	}
	return result;
}

/* See the header. What fails for another reason than the two (shutdown,
 * cancel, a server in trouble) is thrown on. */
ApplyResult *
apply_plan(const VettedPlan *plan, const char *expected_hash)
{
	const HealPlan *p = vetted_plan(plan);
	ApplyResult *result = palloc0(sizeof(ApplyResult));
	ApplyState	st = {0};
	ErrorData  *edata;

	result->outcome = APPLY_DONE;
	if (!plan_has(p, STEP_IN_ALTER) && !plan_has(p, STEP_BESIDE))
		return result;

	st.relid = p->relid;
	st.plan = p;
	st.sql = render_alter(p, p->relid);
	edata = spi_try_locked(take_locks, &st);
	if (edata)
		return stopped(result, &st, edata);

	if (!st.gone)
		st.rebuild = rebuild_find(p);
	if (st.gone || strcmp(rebuild_hash(p, st.rebuild), expected_hash) != 0 ||
		!partition_current(p))
	{
		result->outcome = APPLY_STALE;
		return result;
	}

	/* again: a name may have changed before the lock was there */
	if (st.sql != NULL)
		st.sql = render_alter(p, p->relid);
	st.beside = render_statements(p, STEP_BESIDE);
	result->sql = statements_text(&st);
	edata = spi_try_locked(run_alter, &st);
	if (edata)
		return stopped(result, &st, edata);
	if (st.made_again[0] != '\0')
		result->sql = psprintf("%s%s", result->sql, st.made_again);
	result->schema_hash = st.hash_after;
	return result;
}
