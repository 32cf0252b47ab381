/*
 * selfheal.c
 *	  Load point of the library: calls the rooms' init functions.
 */
#include "postgres.h"

#include "base/awaited.h"
#include "base/compat.h"
#include "base/failing.h"
#include "base/failures.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/stalls.h"
#include "base/underway.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/dedupe.h"
#include "observe/dropped.h"
#include "observe/inserts.h"
#include "observe/load.h"
#include "observe/ndjson.h"
#include "serve/launcher.h"

SELFHEAL_MODULE_MAGIC;

PGDLLEXPORT void _PG_init(void);

/*
 * Settings always; hooks, shared memory and workers only in a server that
 * preloads us and is not being upgraded. Without preload the SQL functions
 * load, and those that need more say how to load it (shmem_require).
 */
void
_PG_init(void)
{
	guc_init();
	if (!process_shared_preload_libraries_in_progress || IsBinaryUpgrade)
		return;
	shmem_init();
	stalls_init();
	failures_init();
	failing_init();
	underway_init();
	awaited_init();
	load_init();
	dedupe_init();
	inserts_init();
	dropped_init();
	ndjson_init();
	launcher_init();
}
