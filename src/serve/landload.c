/*
 * landload.c
 *	  Rows that waited for a table go into it, by the front door.
 */
#include "postgres.h"

#include "base/spi.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "observe/intake.h"
#include "observe/landing.h"
#include "serve/landload.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* Rows that are loaded in one go. */
#define BATCH_ROWS 10000

/* Rows of one name, as spi_try's argument. */
typedef struct Batch
{
	Oid			relid;
	const char *table;
	MemoryContext cxt;			/* of why */
	char	   *why;			/* what keeps rows waiting, or NULL */
	int64		loaded;
	bool		more;
} Batch;

/* May this role bring rows? */
static bool
may_insert(const Batch *b, const char *role, Oid *oid)
{
	*oid = get_role_oid(role, true);
	return OidIsValid(*oid) && pg_class_aclcheck(b->relid, *oid, ACL_INSERT) == ACLCHECK_OK;
}

/*
 * Load what waits, up to BATCH_ROWS, by the front door. Nothing deferred may be
 * pending when we commit: what is fired then would run as ourselves.
 */
static void
load_batch(void *arg)
{
	Batch	   *b = arg;
	MemoryContext cxt = CurrentMemoryContext;
	ConstraintsSetStmt *immediate = makeNode(ConstraintsSetStmt);
	List	   *payloads = NIL;
	int64	   *ids = palloc(sizeof(int64) * BATCH_ROWS);
	int			nids = 0;
	SpiUser		saved;
	SpiArgs		args;
	SpiRows		rows;
	uint64		n;
	uint64		i = 0;

	AfterTriggerSetState(immediate);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, b->table);
	spi_arg_int8(&args, BATCH_ROWS);
	n = spi_exec("SELECT id, payload, role, timezone, datestyle, intervalstyle, search_path FROM selfheal.arrival"
				 " WHERE table_name = $1 ORDER BY id LIMIT $2 FOR UPDATE SKIP LOCKED", &args);
	b->more = n == BATCH_ROWS;
	rows = spi_keep();
	while (i < n)
	{
		LoadSettings s = {0};
		Oid			role;
		Intake	   *in;
		SpiUser		loader;
		uint64		j;
		bool		may;

		spi_use(&rows);
		s.role = spi_get_text(i, 3, cxt);
		s.timezone = spi_get_text(i, 4, cxt);
		s.datestyle = spi_get_text(i, 5, cxt);
		s.intervalstyle = spi_get_text(i, 6, cxt);
		s.search_path = spi_get_text(i, 7, cxt);
		may = may_insert(b, s.role, &role);
		payloads = NIL;
		for (j = i; j < n; j++)
		{
			if (strcmp(s.role, spi_get_text(j, 3, CurrentMemoryContext)) != 0 ||
				strcmp(s.timezone, spi_get_text(j, 4, CurrentMemoryContext)) != 0 ||
				strcmp(s.datestyle, spi_get_text(j, 5, CurrentMemoryContext)) != 0 ||
				strcmp(s.intervalstyle, spi_get_text(j, 6, CurrentMemoryContext)) != 0 ||
				strcmp(s.search_path, spi_get_text(j, 7, CurrentMemoryContext)) != 0)
				break;
			if (may)
			{
				ids[nids++] = spi_get_int8(j, 1, NULL);
				payloads = lappend(payloads, spi_get_text(j, 2, cxt));
			}
		}
		i = j;
		if (!may)
		{
			b->why = MemoryContextStrdup(b->cxt,
										 psprintf("role %s may not insert into the table: GRANT INSERT, then selfheal.wake()",
												  quote_identifier(s.role)));
			continue;
		}
		spi_become(&loader, role, SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION, false);
		load_apply_settings(&s);
		in = intake_begin(b->relid, LOAD_INGEST);
		for (int k = 0; k < list_length(payloads); k++)
			intake_row(in, list_nth(payloads, k), strlen(list_nth(payloads, k)), false);
		intake_end(in, NULL);
		spi_resume(&loader);
	}
	spi_args(&args);
	spi_arg_text(&args, b->table);
	spi_arg_int8_array(&args, ids, nids);
	b->loaded = spi_exec("DELETE FROM selfheal.arrival WHERE table_name = $1 AND id = ANY ($2)", &args);
	if (b->loaded != nids)
		elog(ERROR, "arrivals vanished under their locks");
	spi_close(&saved);
}

/* See the header. */
LandLoad
landload_run(const char *table, Oid relid)
{
	Batch		batch = {.relid = relid,.table = table,.cxt = CurrentMemoryContext};
	ErrorData  *edata = spi_try(load_batch, &batch);
	LandLoad	result = {batch.why, batch.loaded, batch.more};

	if (edata != NULL)
	{
		result.why = psprintf("the rows could not be loaded: %s", edata->message);
		result.loaded = 0;
	}
	return result;
}
