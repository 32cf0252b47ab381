/*
 * reroute.c
 *	  Rows that were sent to one partition and belong to another.
 */
#include "postgres.h"

#include "act/reroute.h"
#include "catalog/partition.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "utils/acl.h"
#include "utils/lsyscache.h"

/* Did the bounds of the partition refuse it? */
static bool
is_stray(const StoreRow *row)
{
	return !row->stored && !row->discarded && row->nmisfits > 0 &&
		row->misfits[0].class == FIT_PARTITION;
}

/* See the header. What the team has said of the partition's keys counts on
 * the way through the root. */
void
reroute_rows(Reroute *r, Oid relid, StoreRow *rows, int n)
{
	StoreRow   *strays;
	int		   *which;
	int			nstrays = 0;
	Oid			root;

	memset(r, 0, sizeof(Reroute));
	if (!get_rel_relispartition(relid))
		return;
	strays = palloc(sizeof(StoreRow) * Max(n, 1));
	which = palloc(sizeof(int) * Max(n, 1));
	for (int i = 0; i < n; i++)
		if (is_stray(&rows[i]))
		{
			memset(&strays[nstrays], 0, sizeof(StoreRow));
			strays[nstrays].bytes = rows[i].bytes;
			strays[nstrays].len = rows[i].len;
			which[nstrays++] = i;
		}
	if (nstrays == 0)
		return;
	/* one that is being detached may have none left */
	root = llast_oid(get_partition_ancestors(relid));
	if (pg_class_aclcheck(root, GetUserId(), ACL_INSERT) != ACLCHECK_OK)
		return;
	r->root = root;
	r->store = store_open(root, watch_replay_conflict(relid));
	store_stands_for(r->store, relid);
	store_rows(r->store, strays, nstrays);
	for (int i = 0; i < nstrays; i++)
	{
		if (!strays[i].stored && strays[i].nmisfits == 0)
			continue;
		rows[which[i]] = strays[i];
		r->stored += strays[i].stored;
	}
}

void
reroute_end(Reroute *r)
{
	if (r->store != NULL)
		store_close(r->store);
	r->store = NULL;
}
