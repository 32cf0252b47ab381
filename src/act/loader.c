/*
 * loader.c
 *	  Held rows in runs that belong together: same role, same settings.
 *
 * A producer that sends one row per transaction leaves one load per row. So a
 * run does not end where the load does, but where role or settings change:
 * else a million such rows would be a million subtransactions.
 */
#include "postgres.h"

#include "act/loader.h"
#include "miscadmin.h"
#include "utils/acl.h"

/* Two loads whose rows mean the same thing, put in by the same role. */
static bool
same_settings(const LoadSettings *a, const LoadSettings *b)
{
	return strcmp(a->role, b->role) == 0 &&
		strcmp(a->timezone, b->timezone) == 0 &&
		strcmp(a->datestyle, b->datestyle) == 0 &&
		strcmp(a->intervalstyle, b->intervalstyle) == 0 &&
		strcmp(a->search_path, b->search_path) == 0;
}

/*
 * Next run; see the header. Rows of one load stand together, as ids come from
 * one sequence and a load writes its rows in order, so remembering the last
 * load's settings saves nearly every lookup.
 */
bool
loader_next(const HeldRow *rows, int n, LoaderRun *run)
{
	int			i = run->first + run->n;
	int64		load;

	if (i >= n)
		return false;
	run->first = i;
	load = rows[i].load;
	run->known = load_settings(load, &run->settings);
	run->role = run->known ?
		get_role_oid(run->settings.role, true) : InvalidOid;

	for (i++; i < n; i++)
	{
		LoadSettings next;

		if (rows[i].load == load)
			continue;
		if (!run->known || !load_settings(rows[i].load, &next) ||
			!same_settings(&run->settings, &next))
			break;
		load = rows[i].load;
	}
	run->n = i - run->first;
	return true;
}

void
loader_require(const LoaderRun *run)
{
	if (!run->known)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the load of these rows is not recorded any more"),
				 errhint("Who loaded them is unknown: run selfheal.replay() as a role that may store them.")));
	if (!OidIsValid(run->role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", which loaded these rows, does not exist",
						run->settings.role),
				 errhint("Run selfheal.replay() as a role that may store them.")));
}

/*
 * The load's search_path is his own choice and is in force only while we are
 * him: it names code that runs with no right but his.
 */
void
loader_become(SpiUser *saved, const LoaderRun *run)
{
	loader_require(run);
	spi_become(saved, run->role,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE,
			   false);
	load_apply_settings(&run->settings);
}

/*
 * PostgreSQL's messages for this share no SQLSTATE of their own (42501 is
 * also a missing privilege), and the text is translated: message_id is the
 * text before translation (elog.c).
 */
bool
loader_restricted(const ErrorData *edata)
{
	if (edata == NULL || edata->message_id == NULL)
		return false;
	if (edata->sqlerrcode != ERRCODE_INSUFFICIENT_PRIVILEGE &&
		edata->sqlerrcode != ERRCODE_FEATURE_NOT_SUPPORTED)
		return false;
	return strstr(edata->message_id, "within security-restricted operation") != NULL ||
		strstr(edata->message_id, "within security-definer function") != NULL;
}
