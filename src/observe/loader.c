/*
 * loader.c
 *	  Held rows in runs that belong together: same role, same settings, to be
 *	  stored or witnesses.
 *
 * A producer that sends one row per transaction leaves one load per row. So a
 * run does not end where the load does, but where role or settings change:
 * else a million such rows would be a million subtransactions.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "observe/loader.h"
#include "utils/acl.h"

struct Loader
{
	int			nrows;
	int64	   *load_of;		/* by row */
	bool	   *witness;		/* by row */
	int			next;			/* where the next run begins */
	int64	   *loads;			/* each once, in order */
	int			nloads;
	const LoadSettings **settings;	/* by load */
	int			last;			/* load that was asked for last */
};

static int
by_load(const void *a, const void *b)
{
	int64		x = *(const int64 *) a;
	int64		y = *(const int64 *) b;

	return x < y ? -1 : x > y ? 1 : 0;
}

/* See the header. */
Loader *
loader_open(const HeldRow *rows, int n)
{
	Loader	   *l = palloc0(sizeof(Loader));
	int			kept = 0;

	l->nrows = n;
	l->load_of = palloc(sizeof(int64) * Max(n, 1));
	l->witness = palloc(sizeof(bool) * Max(n, 1));
	l->loads = palloc(sizeof(int64) * Max(n, 1));
	for (int i = 0; i < n; i++)
	{
		l->witness[i] = rows[i].row.witness != WITNESS_NONE;
		l->load_of[i] = rows[i].load;
		if (kept == 0 || l->loads[kept - 1] != rows[i].load)
			l->loads[kept++] = rows[i].load;
	}
	qsort(l->loads, kept, sizeof(int64), by_load);
	for (int i = 0; i < kept; i++)
		if (l->nloads == 0 || l->loads[l->nloads - 1] != l->loads[i])
			l->loads[l->nloads++] = l->loads[i];
	l->settings = load_settings_of(l->loads, l->nloads);
	return l;
}

/* Settings of a load of the batch. Its rows mostly stand together, as ids
 * come from one sequence and a load writes its rows in order. */
static const LoadSettings *
settings_of(Loader *l, int64 load)
{
	if (l->loads[l->last] != load)
		l->last = (int64 *) bsearch(&load, l->loads, l->nloads,
									sizeof(int64), by_load) - l->loads;
	return l->settings[l->last];
}

/* Is a row only looked at, or stored no more since its statement failed long
 * ago? */
static bool
is_witness(const Loader *l, int row, const LoadSettings *settings)
{
	return l->witness[row] || (settings && settings->expired);
}

/* See the header. */
bool
loader_next(Loader *loader, LoaderRun *run)
{
	int			i = loader->next;

	if (i >= loader->nrows)
		return false;
	run->first = i;
	run->settings = settings_of(loader, loader->load_of[i]);
	run->role = run->settings ? get_role_oid(run->settings->role, true) : InvalidOid;
	run->witness = is_witness(loader, i, run->settings);
	while (++i < loader->nrows && settings_of(loader, loader->load_of[i]) == run->settings &&
		   is_witness(loader, i, run->settings) == run->witness)
		;
	run->n = i - run->first;
	loader->next = i;
	return true;
}

void
loader_require(const LoaderRun *run)
{
	if (run->settings == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("the load of these rows is not recorded any more"),
				 errhint("Who loaded them is unknown: run selfheal.replay() as a role that may store them.")));
	if (!OidIsValid(run->role))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("role \"%s\", which loaded these rows, does not exist",
						run->settings->role),
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
	load_apply_settings(run->settings);
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
