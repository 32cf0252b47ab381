/*
 * mapapply.c
 *	  Writes the mappings of a vetted plan.
 *
 * They are seen by loads from our commit on, together with the table that the
 * same plan has changed and with the first rows that are stored by them: a
 * crash leaves all of it or nothing.
 */
#include "postgres.h"

#include "access/xact.h"
#include "act/mapapply.h"
#include "base/holders.h"
#include "decide/mapsteps.h"
#include "decide/rebuild.h"
#include "decide/render.h"
#include "storage/lmgr.h"

/* A plan that only says how payloads are read has not been compared with its
 * table yet. */
static bool
is_for_table(const HealPlan *plan, const char *expected_hash, ApplyResult *result)
{
	if (plan_changes_table(plan))
		return true;
	if (!ConditionalLockRelationOid(plan->relid, AccessShareLock))
	{
		result->outcome = APPLY_NO_LOCK;
		result->blockers = holders_now(plan->relid, HOLDERS_TREE, NIL, NIL);
		return false;
	}
	if (plan_relation_name(plan->relid) == NULL ||
		strcmp(rebuild_schema_hash(plan), expected_hash) != 0)
	{
		result->outcome = APPLY_STALE;
		return false;
	}
	return true;
}

/* See the header. */
void
mapapply_add(const VettedPlan *plan, const char *expected_hash, const MapSource *source,
			 ApplyResult *result)
{
	const HealPlan *p = vetted_plan(plan);
	StringInfoData sql;
	const char *separator;
	ListCell   *lc;

	if (result->outcome != APPLY_DONE || !plan_has(p, STEP_IN_MAPPING) ||
		!is_for_table(p, expected_hash, result))
		return;
	initStringInfo(&sql);
	if (result->sql != NULL)
		appendStringInfoString(&sql, result->sql);
	foreach(lc, mapsteps_mappings(p->relid, p->steps))
	{
		Mapping    *m = lfirst(lc);
		char	   *reason;
		char	   *hint;

		if (!mapping_check(p->relid, mapping_list(p->relid), m, &reason, &hint))
		{
			result->outcome = APPLY_STALE;
			return;
		}
		m->proven_rows = source->proven;
		m->by = source->by;
		m->why = source->why;
		(void) mapping_add(m, source->incident, source->plan);
		CommandCounterIncrement();
	}
	/* behind the record of what was made again, which are comments */
	separator = sql.len == 0 ? "" : strchr(sql.data, '\n') != NULL ? "\n; " : "; ";
	foreach(lc, render_statements(p, STEP_IN_MAPPING))
	{
		appendStringInfo(&sql, "%s%s", separator, (char *) lfirst(lc));
		separator = "; ";
	}
	result->sql = sql.data;
}
