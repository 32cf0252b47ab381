/*
 * inserts.c
 *	  INSERT into an intake: a load between the triggers of its view.
 *
 * An INSERT comes by two triggers of the view: one per row, which gathers, and
 * one after the statement, which ends the load. Statements nest and interleave:
 * a writable CTE fills two intakes in turn and fires both AFTER triggers at
 * its end; a trigger of the target may load into the same view while we flush;
 * after an error the AFTER trigger never fires. So the open loads are a list,
 * by view and nest level of subtransactions; a flush runs in subtransactions,
 * hence whatever it sets off stands at a deeper level. Memory hangs below the
 * transaction; the callbacks drop what an abort leaves behind, and at commit
 * nothing may be left.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/xact.h"
#include "base/compat.h"
#include "catalog/pg_class.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "observe/inserts.h"
#include "observe/intake.h"
#include "observe/watch.h"
#include "parser/parsetree.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

/* A load that an INSERT has opened and not ended yet. */
typedef struct OpenLoad
{
	Oid			viewid;
	int			level;
	Intake	   *intake;
	struct OpenLoad *next;
} OpenLoad;

static OpenLoad *open_loads = NULL; /* newest first; in TopTransactionContext */

static ExecutorStart_hook_type prev_executor_start = NULL;

PG_FUNCTION_INFO_V1(selfheal_intake_row);
PG_FUNCTION_INFO_V1(selfheal_intake_flush);

/* The table behind the view whose trigger is called; raises 42809 for every
 * other caller. */
static Oid
triggered_table(FunctionCallInfo fcinfo, bool row)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	Oid			relid = InvalidOid;

	if (CALLED_AS_TRIGGER(fcinfo) &&
		TRIGGER_FIRED_BY_INSERT(trigdata->tg_event) &&
		(row ? TRIGGER_FIRED_INSTEAD(trigdata->tg_event) &&
		 TRIGGER_FIRED_FOR_ROW(trigdata->tg_event)
		 : TRIGGER_FIRED_AFTER(trigdata->tg_event) &&
		 TRIGGER_FIRED_FOR_STATEMENT(trigdata->tg_event)))
		relid = watch_table_of_intake(RelationGetRelid(trigdata->tg_relation));
	if (!OidIsValid(relid))
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("this function serves the triggers of intake views only"),
				 errhint("Use selfheal.watch() to make an intake view.")));
	return relid;
}

/* The open load of a view at this nest level, or NULL. */
static OpenLoad *
find_open(Oid viewid)
{
	int			level = GetCurrentTransactionNestLevel();

	for (OpenLoad *o = open_loads; o; o = o->next)
		if (o->viewid == viewid && o->level == level)
			return o;
	return NULL;
}

/* Open a load for the statement that inserts into a view. */
static OpenLoad *
open_load(Oid viewid, Oid relid)
{
	MemoryContext old = MemoryContextSwitchTo(TopTransactionContext);
	Intake	   *in = intake_begin(relid, LOAD_INSERT);
	OpenLoad   *o = palloc(sizeof(OpenLoad));

	MemoryContextSwitchTo(old);
	o->viewid = viewid;
	o->level = GetCurrentTransactionNestLevel();
	o->intake = in;
	o->next = open_loads;
	open_loads = o;
	return o;
}

/*
 * INSTEAD OF INSERT FOR EACH ROW: gather one payload. Who calls is checked
 * when the load is opened; an open load of this view has passed the check.
 */
Datum
selfheal_intake_row(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	OpenLoad   *o = NULL;
	Datum		payload;
	bool		isnull;

	if (open_loads && CALLED_AS_TRIGGER(fcinfo) &&
		TRIGGER_FIRED_INSTEAD(trigdata->tg_event) &&
		TRIGGER_FIRED_BY_INSERT(trigdata->tg_event))
		o = find_open(RelationGetRelid(trigdata->tg_relation));
	if (o == NULL)
	{
		Oid			relid = triggered_table(fcinfo, true);

		o = open_load(RelationGetRelid(trigdata->tg_relation), relid);
	}

	payload = heap_getattr(trigdata->tg_trigtuple, 1,
						   RelationGetDescr(trigdata->tg_relation), &isnull);
	if (isnull)
		intake_row(o->intake, NULL, 0, false);
	else
	{
		text	   *t = DatumGetTextPP(payload);

		intake_row(o->intake, VARDATA_ANY(t), VARSIZE_ANY_EXHDR(t), false);
		if ((Pointer) t != DatumGetPointer(payload))
			pfree(t);
	}
	return PointerGetDatum(trigdata->tg_trigtuple);
}

/*
 * AFTER INSERT FOR EACH STATEMENT: end the load. It leaves the list first, so
 * that what the flush sets off finds no load of ours. Without a row there is
 * none.
 */
Datum
selfheal_intake_flush(PG_FUNCTION_ARGS)
{
	TriggerData *trigdata = (TriggerData *) fcinfo->context;
	OpenLoad   *o;

	(void) triggered_table(fcinfo, false);
	o = find_open(RelationGetRelid(trigdata->tg_relation));
	if (o)
	{
		Intake	   *in = o->intake;

		for (OpenLoad **link = &open_loads; *link; link = &(*link)->next)
			if (*link == o)
			{
				*link = o->next;
				break;
			}
		pfree(o);
		intake_end(in, NULL);
	}
	return PointerGetDatum(NULL);
}

/* See the header. */
void
inserts_refuse_replica(Oid viewid)
{
	if (SessionReplicationRole != SESSION_REPLICATION_ROLE_REPLICA)
		return;
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("cannot load into \"%s\" while session_replication_role is replica",
					get_rel_name(viewid)),
			 errdetail("The triggers of the intake would not fire and the rows would be lost."),
			 errhint("SET session_replication_role = origin, or load into the table itself.")));
}

/*
 * Refuse to write to an intake as a replica. The plan's list of result
 * relations holds those of CTEs and of every other part of the statement.
 */
static void
executor_start(QueryDesc *desc, int eflags)
{
	if (unlikely(SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA) &&
		!(eflags & EXEC_FLAG_EXPLAIN_ONLY))
	{
		ListCell   *lc;

		foreach(lc, desc->plannedstmt->resultRelations)
		{
			RangeTblEntry *rte = rt_fetch(lfirst_int(lc), desc->plannedstmt->rtable);

			if (rte->rtekind == RTE_RELATION && rte->relkind == RELKIND_VIEW &&
				OidIsValid(watch_table_of_intake(rte->relid)))
				inserts_refuse_replica(rte->relid);
		}
	}
	if (prev_executor_start)
		prev_executor_start(desc, eflags);
	else
		standard_ExecutorStart(desc, eflags);
}

/*
 * A subtransaction ends: an aborted one takes its open loads along; those of
 * one that commits belong to its parent.
 */
static void
subxact_callback(SubXactEvent event, SubTransactionId mySubid,
				 SubTransactionId parentSubid, void *arg)
{
	int			level;

	if (open_loads == NULL)
		return;
	level = GetCurrentTransactionNestLevel();
	if (event == SUBXACT_EVENT_COMMIT_SUB)
	{
		for (OpenLoad *o = open_loads; o; o = o->next)
			if (o->level >= level)
				o->level = level - 1;
	}
	else if (event == SUBXACT_EVENT_ABORT_SUB)
	{
		while (open_loads && open_loads->level >= level)
		{
			OpenLoad   *o = open_loads;

			open_loads = o->next;
			intake_drop(o->intake);
			pfree(o);
		}
	}
}

/* The transaction ends: its memory goes, so must the list. */
static void
xact_callback(XactEvent event, void *arg)
{
	if (open_loads == NULL)
		return;
	if (event == XACT_EVENT_PRE_COMMIT || event == XACT_EVENT_PRE_PREPARE ||
		event == XACT_EVENT_PARALLEL_PRE_COMMIT)
		elog(ERROR, "rows of an intake were never flushed");
	if (event == XACT_EVENT_ABORT || event == XACT_EVENT_COMMIT ||
		event == XACT_EVENT_PREPARE)
		open_loads = NULL;
}

/* See the header. */
void
inserts_init(void)
{
	prev_executor_start = ExecutorStart_hook;
	ExecutorStart_hook = executor_start;
	RegisterXactCallback(xact_callback, NULL);
	RegisterSubXactCallback(subxact_callback, NULL);
}
