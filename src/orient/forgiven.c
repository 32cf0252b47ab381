/*
 * forgiven.c
 *	  Claims that were nobody's fault and could not be taken back.
 */
#include "postgres.h"

#include "orient/forgiven.h"

/* As many as are kept: an older one makes room, and is charged once more. */
#define FORGIVEN 1000

/* Process memory: a new worker charges. */
static int64 ids[FORGIVEN];
static int	nids = 0;

/* See the header. */
void
forgiven_drop(int64 incident)
{
	for (int i = 0; i < nids; i++)
	{
		if (ids[i] != incident)
			continue;
		memmove(ids + i, ids + i + 1, sizeof(int64) * (nids - i - 1));
		nids--;
		return;
	}
}

/* See the header. */
void
forgiven_add(int64 incident)
{
	forgiven_drop(incident);
	if (nids == FORGIVEN)
		forgiven_drop(ids[0]);
	ids[nids++] = incident;
}

/* See the header. */
void
forgiven_arg(SpiArgs *args)
{
	spi_arg_int8_array(args, ids, nids);
}
