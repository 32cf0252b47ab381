/*
 * audit.c
 *	  The append-only record of every decision: writing, sealing, guarding.
 *
 * A hash chain written by whoever acts would make all of them wait for the
 * one who has not committed yet: a person idle after approve() would stop
 * every heal. So rows are written without chain fields, and the worker links
 * committed rows in a transaction of its own, under a lock that nobody else
 * takes. Until then a row is readable but not proven; that is a second or so.
 *
 * The guard refuses everything but INSERT, for superusers and replicas too.
 * It lets the sealing UPDATE of this file through by a flag of this process,
 * and even then only from null to a value, in the three columns of the chain.
 */
#include "postgres.h"

#include <netdb.h>
#include <sys/socket.h>

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/locks.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "common/ip.h"
#include "libpq/libpq-be.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "record/audit.h"
#include "record/chain.h"
#include "replication/message.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(selfheal_audit_guard);

/* Rows that one UPDATE seals; bounds what is in memory at once. */
#define SEAL_ROWS 500


/* True while the sealing UPDATE of this process runs; read by the guard. */
static bool sealing = false;

void
audit_entry(AuditEntry *entry, const char *event)
{
	memset(entry, 0, sizeof(*entry));
	entry->event = event;
	entry->relid = InvalidOid;
	entry->confidence = AUDIT_UNKNOWN;
	entry->rows_held = AUDIT_UNKNOWN;
	entry->rows_replayed = AUDIT_UNKNOWN;
	entry->rows_left = AUDIT_UNKNOWN;
	entry->estimate_before = AUDIT_UNKNOWN;
	entry->estimate_after = AUDIT_UNKNOWN;
	entry->ms_since_capture = AUDIT_UNKNOWN;
}

/*
 * Who is at the other end: application_name and the address as numbers, or
 * what kind of process this is when there is no other end. Names from a
 * reverse lookup are not used: whoever owns the address chooses them.
 */
static char *
client_name(void)
{
	const char *app = application_name ? application_name : "";
	const char *gap = app[0] ? " " : "";
	char		host[NI_MAXHOST] = "";
	char		port[NI_MAXSERV] = "";

	if (MyBgworkerEntry != NULL)
		return strcmp(MyBgworkerEntry->bgw_library_name, "selfheal") == 0 ?
			pstrdup("selfheal worker") : pstrdup(MyBgworkerEntry->bgw_type);
	if (MyProcPort == NULL)
		return pstrdup("[single user]");
	if (MyProcPort->raddr.addr.ss_family == AF_UNIX)
		return psprintf("%s%s[local]", app, gap);
	if (pg_getnameinfo_all(&MyProcPort->raddr.addr, MyProcPort->raddr.salen,
						   host, sizeof(host), port, sizeof(port),
						   NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return psprintf("%s%s[unknown]", app, gap);
	return strchr(host, ':') ? psprintf("%s%s[%s]:%s", app, gap, host, port) :
		psprintf("%s%s%s:%s", app, gap, host, port);
}

/* A count, null when unknown. */
static void
arg_count(SpiArgs *args, int64 value)
{
	if (value < 0)
		spi_arg_null(args, INT8OID);
	else
		spi_arg_int8(args, value);
}

/* An id, null when there is none. */
static void
arg_id(SpiArgs *args, int64 id)
{
	arg_count(args, id == 0 ? AUDIT_UNKNOWN : id);
}

static void
arg_measure(SpiArgs *args, double value)
{
	if (value < 0)
		spi_arg_null(args, FLOAT8OID);
	else
		spi_arg_float8(args, value);
}

/* Parameters of the INSERT below, in its order. */
static void
entry_args(SpiArgs *args, const AuditEntry *e, const char *schema,
		   const char *table, const char *role, const char *client)
{
	spi_args(args);
	spi_arg_text(args, e->event);
	arg_id(args, e->incident);
	arg_id(args, e->plan);
	spi_arg_text(args, schema);
	spi_arg_text(args, table);
	spi_arg_text(args, role);
	spi_arg_text(args, client);
	spi_arg_text(args, e->sqlstate);
	spi_arg_jsonb(args, e->error);
	spi_arg_jsonb(args, e->payload_ref);
	spi_arg_jsonb(args, e->packet);
	spi_arg_jsonb(args, e->options);
	spi_arg_text(args, e->explanation);
	arg_measure(args, e->confidence);
	spi_arg_text(args, e->playbook);
	spi_arg_jsonb(args, e->tools);
	spi_arg_text(args, e->sql_run);
	spi_arg_text(args, e->inverse);
	spi_arg_text(args, e->verdict);
	spi_arg_text(args, e->policy);
	spi_arg_jsonb(args, e->forecast);
	spi_arg_jsonb(args, e->dry_run);
	spi_arg_jsonb(args, e->approval);
	spi_arg_text(args, e->result);
	arg_count(args, e->rows_held);
	arg_count(args, e->rows_replayed);
	arg_count(args, e->rows_left);
	arg_count(args, e->estimate_before);
	arg_count(args, e->estimate_after);
	spi_arg_text(args, e->schema_hash_before);
	spi_arg_text(args, e->schema_hash_after);
	arg_measure(args, e->ms_since_capture);
}

/*
 * See the header. The actor is the role that the caller acts as, read before
 * we become the extension's owner; the owner's right is what the INSERT
 * needs. Raises what the INSERT raises: 23514 for an event that the table
 * does not know, 25006 in a read-only transaction.
 */
int64
audit_write(const AuditEntry *entry)
{
	const char *role = entry->actor_role;
	const char *client = entry->actor_client;
	const char *schema = entry->schema_name;
	const char *table = entry->table_name;
	static SPIPlanPtr insert = NULL;
	SpiUser		saved;
	SpiArgs		args;
	int64		id;

	Assert(entry->event != NULL);
	if (role == NULL)
		role = GetUserNameFromId(GetUserId(), false);
	if (client == NULL)
		client = client_name();
	if (OidIsValid(entry->relid) && table == NULL)
		table = get_rel_name(entry->relid);
	if (OidIsValid(entry->relid) && schema == NULL)
		schema = get_namespace_name(get_rel_namespace(entry->relid));

	spi_open(&saved);
	entry_args(&args, entry, schema, table, role, client);
	if (spi_exec_kept(&insert, "INSERT INTO selfheal.audit (event, incident, plan,"
					  " schema_name, table_name, actor_role, actor_client, sqlstate,"
					  " error, payload_ref, packet, options, explanation, confidence,"
					  " playbook, tools, sql_run, inverse, verdict, policy, forecast,"
					  " dry_run, approval, result, rows_held, rows_replayed, rows_left,"
					  " estimate_before, estimate_after, schema_hash_before,"
					  " schema_hash_after, lsn, ms_since_capture)"
					  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13,"
					  " $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25, $26,"
					  " $27, $28, $29, $30, $31, pg_current_wal_insert_lsn(), $32)"
					  " RETURNING id", &args) != 1)
		elog(ERROR, "audit row was not stored");
	id = spi_get_int8(0, 1, NULL);
	spi_close(&saved);

	if (entry->no_hurry)
		shmem_wake_later_at_commit();
	else
		shmem_wake_at_commit();
	return id;
}

/* Wait for the right to seal; kept to the end of the transaction. */
static void
lock_chain(void)
{
	LOCKTAG		tag = locks_tag(LOCKS_CHAIN, InvalidOid, 0);

	(void) LockAcquire(&tag, ExclusiveLock, false, false);
}

/* The last sealed row: its seq, and its hash into head (CHAIN_ORIGIN and 0
 * for an empty chain). */
static int64
read_head(char *head)
{
	strlcpy(head, CHAIN_ORIGIN, CHAIN_HEX + 1);
	if (spi_exec("SELECT seq, hash FROM selfheal.audit WHERE seq IS NOT NULL"
				 " ORDER BY seq DESC LIMIT 1", NULL) == 0)
		return 0;
	strlcpy(head, spi_get_text(0, 2, CurrentMemoryContext), CHAIN_HEX + 1);
	return spi_get_int8(0, 1, NULL);
}

/*
 * Fill the chain fields of n rows; links holds n + 1 hashes, the first being
 * the head before them. The flag that the guard reads is down again on every
 * way out.
 */
static void
store_links(const int64 *ids, char (*links)[CHAIN_HEX + 1], int n, int64 seq)
{
	SpiArgs		args;
	Datum		texts[SEAL_ROWS + 1];
	uint64		stored = 0;

	for (int i = 0; i <= n; i++)
		texts[i] = CStringGetTextDatum(links[i]);
	spi_args(&args);
	spi_arg_int8(&args, seq);
	spi_arg_int8_array(&args, ids, n);
	for (int shift = 0; shift <= 1; shift++)
	{
		args.types[args.n] = TEXTARRAYOID;
		args.values[args.n] =
			PointerGetDatum(construct_array(texts + shift, n, TEXTOID, -1,
											false, TYPALIGN_INT));
		args.nulls[args.n] = ' ';
		args.n++;
	}

	PG_TRY();
	{
		sealing = true;
		stored = spi_exec("UPDATE selfheal.audit a"
						  " SET seq = $1 + s.n, prev_hash = s.prev, hash = s.hash"
						  " FROM unnest($2, $3, $4) WITH ORDINALITY AS s (id, prev, hash, n)"
						  " WHERE a.id = s.id", &args);
	}
	PG_FINALLY();
	{
		sealing = false;
	}
	PG_END_TRY();
	if (stored != (uint64) n)
		elog(ERROR, "sealed " UINT64_FORMAT " of %d audit rows", stored, n);
}

/*
 * Seal up to limit rows with an id above *after; moves *after, *seq and head
 * on. Returns how many.
 */
static int
seal_some(Chain *chain, int limit, int64 *after, int64 *seq, char *head)
{
	int64		ids[SEAL_ROWS];
	char		links[SEAL_ROWS + 1][CHAIN_HEX + 1];
	SPITupleTable *rows;
	SpiArgs		args;
	int			n;

	spi_args(&args);
	spi_arg_int8(&args, *after);
	spi_arg_int8(&args, limit);
	n = (int) spi_exec("SELECT " CHAIN_COLUMNS " FROM selfheal.audit"
					   " WHERE seq IS NULL AND id > $1 ORDER BY id LIMIT $2",
					   &args);
	rows = SPI_tuptable;
	strlcpy(links[0], head, sizeof(links[0]));
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		ids[i] = spi_get_int8(i, 1, NULL);
		chain_hash(chain, rows->vals[i], rows->tupdesc, *seq + i + 1,
				   links[i], links[i + 1]);
	}
	SPI_freetuptable(rows);
	if (n == 0)
		return 0;

	store_links(ids, links, n, *seq);
	*after = ids[n - 1];
	*seq += n;
	strlcpy(head, links[n], CHAIN_HEX + 1);
	return n;
}

/* The head goes into the WAL with the seal's own transaction: who decodes it
 * sees it when that has committed. */
static void
log_head(const AuditHead *head)
{
	char	   *json = psprintf("{\"seq\": " INT64_FORMAT ", \"head\": \"%s\"}",
								head->seq, head->hash);

	(void) compat_log_message("selfheal.audit", json, strlen(json));
}

/*
 * See the header. Whoever noted a head holds the record against it for ever, so
 * no crash may take it back: a row that was written before the sealed ones but
 * committed behind them would come before them in the next seal.
 */
void
audit_say(const AuditHead *head)
{
	spi_flush();
	ereport(LOG_SERVER_ONLY,
			(errmsg("selfheal: audit sealed up to seq " INT64_FORMAT ", head %s",
					head->seq, head->hash),
			 errhidestmt(true), errhidecontext(true)));
}

/*
 * See the header. Must run READ COMMITTED, as the worker's transactions do:
 * the last head is read after the lock was got. Rows come in order of id
 * among those that are committed; one that commits later gets a later seq.
 */
int64
audit_seal(int64 max, AuditHead *head)
{
	SpiUser		saved;
	Chain	   *chain;
	MemoryContext batch;
	MemoryContext old;
	int64		after = 0;
	int64		done = 0;

	lock_chain();
	spi_open(&saved);
	head->seq = read_head(head->hash);
	chain = chain_begin();
	batch = AllocSetContextCreate(CurrentMemoryContext, "selfheal audit seal",
								  ALLOCSET_DEFAULT_SIZES);
	old = MemoryContextSwitchTo(batch);
	while (done < max)
	{
		int			limit = (int) Min(max - done, SEAL_ROWS);
		int			n = seal_some(chain, limit, &after, &head->seq, head->hash);

		MemoryContextReset(batch);
		done += n;
		if (n < limit)
			break;
	}
	MemoryContextSwitchTo(old);
	MemoryContextDelete(batch);
	chain_end(chain);
	if (done > 0)
		log_head(head);
	spi_close(&saved);
	return done;
}

static bool
is_link(Form_pg_attribute att)
{
	return strcmp(NameStr(att->attname), "seq") == 0 ||
		strcmp(NameStr(att->attname), "prev_hash") == 0 ||
		strcmp(NameStr(att->attname), "hash") == 0;
}

/*
 * Does the new row only fill the chain's columns of the old one? Values are
 * compared as they are stored: an UPDATE that leaves a column alone carries
 * even its TOAST pointer over.
 */
static bool
only_links_filled(HeapTuple old, HeapTuple new, TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, i);
		bool		oldnull;
		bool		newnull;
		Datum		was;
		Datum		is;

		if (att->attisdropped)
			continue;
		was = heap_getattr(old, i + 1, desc, &oldnull);
		is = heap_getattr(new, i + 1, desc, &newnull);
		if (is_link(att))
		{
			if (!oldnull || newnull)
				return false;
		}
		else if (oldnull != newnull ||
				 (!oldnull && !datumIsEqual(was, is, att->attbyval, att->attlen)))
			return false;
	}
	return true;
}

/*
 * Trigger of selfheal.audit before UPDATE, DELETE and TRUNCATE, for the
 * statement and for each row. 55000 and not 42501: there is no privilege that
 * would help, and a message that speaks of one would have people GRANT it.
 */
Datum
selfheal_audit_guard(PG_FUNCTION_ARGS)
{
	TriggerData *data = (TriggerData *) fcinfo->context;
	const char *verb;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("audit_guard() is a trigger function")));

	if (sealing && TRIGGER_FIRED_BY_UPDATE(data->tg_event))
	{
		if (TRIGGER_FIRED_FOR_STATEMENT(data->tg_event))
			return PointerGetDatum(NULL);
		if (only_links_filled(data->tg_trigtuple, data->tg_newtuple,
							  RelationGetDescr(data->tg_relation)))
			return PointerGetDatum(data->tg_newtuple);
	}

	verb = TRIGGER_FIRED_BY_UPDATE(data->tg_event) ? "update" :
		TRIGGER_FIRED_BY_DELETE(data->tg_event) ? "delete from" : "truncate";
	ereport(ERROR,
			(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
			 errmsg("could not %s selfheal.audit: it is append-only", verb),
			 errhint("Rows can only be added, by whatever role; see docs/AUDIT.md.")));
}
