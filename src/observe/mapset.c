/*
 * mapset.c
 *	  By which mappings a row came: mostly the same as the row before.
 */
#include "postgres.h"

#include "observe/mapset.h"
#include "utils/memutils.h"

/* Sets that are told apart; of more, the newest. */
#define MAX_SETS 64

/* Are these the mappings with these numbers? */
static bool
is_set(const StoreMapped *set, const List *mappings, const int *used, int n)
{
	bool		same = set->n == n;

	for (int i = 0; i < n && same; i++)
	{
		const Mapping *m = list_nth(mappings, used[i]);

		same = set->ids[i] == m->id && set->versions[i] == m->version;
	}
	return same;
}

static const StoreMapped *
make_set(MemoryContext cxt, const List *mappings, const int *used, int n)
{
	StoreMapped *set = MemoryContextAlloc(cxt, sizeof(StoreMapped));

	set->n = n;
	set->ids = MemoryContextAlloc(cxt, sizeof(int64) * n);
	set->versions = MemoryContextAlloc(cxt, sizeof(int) * n);
	for (int i = 0; i < n; i++)
	{
		const Mapping *m = list_nth(mappings, used[i]);

		set->ids[i] = m->id;
		set->versions[i] = m->version;
	}
	return set;
}

/* See the header. The one that was found last stands first. */
const StoreMapped *
mapset_find(MapSets *sets, MemoryContext cxt, const List *mappings, const int *used, int n)
{
	const StoreMapped *found = NULL;
	int			at = 0;

	if (n == sets->nlast && sets->n > 0 && memcmp(used, sets->last, sizeof(int) * n) == 0)
		return sets->sets[0];
	while (at < sets->n && !is_set(sets->sets[at], mappings, used, n))
		at++;
	if (at < sets->n)
		found = sets->sets[at];
	else
	{
		found = make_set(cxt, mappings, used, n);
		if (sets->sets == NULL)
			sets->sets = MemoryContextAlloc(cxt, sizeof(StoreMapped *) * MAX_SETS);
		if (sets->n < MAX_SETS)
			sets->n++;
		at = sets->n - 1;
	}
	for (; at > 0; at--)
		sets->sets[at] = sets->sets[at - 1];
	sets->sets[0] = found;
	sets->nlast = n <= MAPSET_LAST ? n : -1;
	if (n <= MAPSET_LAST)
		memcpy(sets->last, used, sizeof(int) * n);
	return found;
}
