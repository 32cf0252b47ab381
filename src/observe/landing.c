/*
 * landing.c
 *	  Rows of tables that do not exist, in a schema that a DBA named for them.
 *
 * A table's name is data here: it is compared, stored and quoted, and never
 * parsed. What cannot be a table's name is refused at once, since nobody could
 * ever make that table; what a payload holds is looked at later.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "read/unseen.h"
#include "catalog/namespace.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "observe/intake.h"
#include "observe/landing.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "utils/acl.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_set_landing);
PG_FUNCTION_INFO_V1(selfheal_land);

/* See the header. */
Oid
landing_schema(char **name)
{
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;

	*name = NULL;
	spi_open(&saved);
	if (spi_exec("SELECT schema_name FROM selfheal.landing", NULL) > 0)
		*name = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return *name ? get_namespace_oid(*name, true) : InvalidOid;
}

/* Schemas that are nobody's to land in. */
static void
check_landing_schema(Oid oid, const char *schema)
{
	if (strncmp(schema, "pg_", 3) == 0 || strcmp(schema, "information_schema") == 0 ||
		strcmp(schema, "selfheal") == 0 || strcmp(schema, "selfheal_sandbox") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("schema %s is a system schema", quote_identifier(schema)),
				 errhint("Make one for what lands: CREATE SCHEMA landing.")));
	if (!OidIsValid(oid))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_SCHEMA),
				 errmsg("schema \"%s\" does not exist", schema),
				 errhint("Run CREATE SCHEMA first.")));
	if (!compat_namespace_ownercheck(oid, GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of schema %s", quote_identifier(schema)),
				 errhint("Tables that are made there belong to its owner: ask him.")));
}

/* set_landing(schema) */
Datum
selfheal_set_landing(PG_FUNCTION_ARGS)
{
	char	   *schema = PG_ARGISNULL(0) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(0));
	char	   *before;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	shmem_require();
	if (schema != NULL)
		check_landing_schema(get_namespace_oid(schema, true), schema);
	(void) landing_schema(&before);
	/* who takes it away from another's schema must have a say there as well */
	if (before != NULL && OidIsValid(get_namespace_oid(before, true)))
		check_landing_schema(get_namespace_oid(before, true), before);
	if (before == schema || (before && schema && strcmp(before, schema) == 0))
		PG_RETURN_VOID();
	audit_entry(&entry, "setting_changed");
	entry.result = schema ?
		psprintf("landing schema is %s, was %s", quote_identifier(schema), before ? quote_identifier(before) : "none") :
		psprintf("no landing schema, was %s", quote_identifier(before));
	audit_write(&entry);
	spi_args(&args);
	spi_arg_text(&args, schema);
	spi_arg_text(&args, GetUserNameFromId(GetUserId(), false));
	spi_open(&saved);
	spi_exec("DELETE FROM selfheal.landing", NULL);
	if (schema != NULL)
		spi_exec("INSERT INTO selfheal.landing (schema_name, set_by) VALUES ($1, $2)", &args);
	spi_close(&saved);
	shmem_wake_at_commit();
	PG_RETURN_VOID();
}

/* Could a table have this name? */
static void
check_name(const char *name)
{
	const char *why = NULL;

	if (name[0] == '\0')
		why = "it is empty";
	else if (strlen(name) >= NAMEDATALEN)
		why = "it is longer than 63 bytes and would be cut";
	else if (unseen_in(name))
		why = "it holds a character that is not seen, or that turns what is read";
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_NAME),
				 errmsg("no table can be made with this name: %s", why),
				 errhint("Give the bare name of a table of the landing schema.")));
}

/*
 * Keep the payloads by the table's name. All together are bounded as what is
 * held for one table is: names are the producer's choice.
 */
static int64
keep(const char *name, const Datum *payloads, const bool *nulls, int n)
{
	const char *role = GetUserNameFromId(GetUserId(), false);
	const char *path = GetConfigOption("search_path", false, false);
	int64		limit = guc_quarantine_max > 0 ? (int64) guc_quarantine_max * 1024 : PG_INT64_MAX;
	int64		size = 0;
	int64		kept = 0;
	char	   *texts = pstrdup(path);
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_text(&args, name);
	spi_arg_text(&args, LANDING_CLASS);
	spi_arg_int8(&args, limit);
	spi_exec("SELECT CASE WHEN pg_total_relation_size('selfheal.arrival') > $3"
			 "  THEN (SELECT coalesce(sum(octet_length(payload)), 0)::int8 FROM selfheal.arrival) ELSE 0 END,"
			 " EXISTS (SELECT FROM selfheal.arrival WHERE table_name = $1)"
			 " OR (SELECT count(*) FROM selfheal.incident WHERE class = $2 AND state NOT IN ('healed', 'dismissed')) < "
			 CppAsString2(LANDING_NAMES), &args);
	size = spi_get_int8(0, 1, NULL);
	if (!spi_get_bool(0, 2, NULL) || size > limit)
		ereport(ERROR,
				(errcode(ERRCODE_CONFIGURATION_LIMIT_EXCEEDED),
				 errmsg("no more rows are kept for tables that do not exist"),
				 errdetail(size > limit ? "They are selfheal.quarantine_max." : "There are %d names already.",
						   LANDING_NAMES),
				 errhint("See selfheal.arrivals: approve what is to be made, discard_arrivals() what is not.")));
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (nulls[i])
			continue;
		spi_args(&args);
		spi_arg_text(&args, name);
		spi_arg_textn(&args, VARDATA_ANY(DatumGetTextPP(payloads[i])),
					  VARSIZE_ANY_EXHDR(DatumGetTextPP(payloads[i])));
		spi_arg_text(&args, role);
		spi_arg_text(&args, texts);
		spi_exec("INSERT INTO selfheal.arrival (table_name, payload, role, search_path) VALUES ($1, $2, $3, $4)", &args);
		kept++;
	}
	spi_close(&saved);
	shmem_wake_at_commit();
	return kept;
}

/* land(table_name, payloads) */
Datum
selfheal_land(PG_FUNCTION_ARGS)
{
	char	   *schema;
	char	   *name;
	Oid			nsp;
	Oid			relid;
	Watch		watch;
	Datum	   *payloads;
	bool	   *nulls;
	int			n;
	LoadCounts	counts = {0};
	TupleDesc	desc;
	Datum		values[2];
	bool		no_nulls[2] = {false, false};

	shmem_require();
	if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("%s must not be null", PG_ARGISNULL(0) ? "table_name" : "payloads"),
				 errhint("Give the bare name of a table, and an array of JSON objects as text.")));
	if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
		elog(ERROR, "land must return a record");
	name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	check_name(name);
	nsp = landing_schema(&schema);
	if (!OidIsValid(nsp))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg(schema ? "landing schema \"%s\" does not exist" : "no landing schema is named", schema),
				 errhint("An admin names one: SELECT selfheal.set_landing('landing').")));
	if (compat_namespace_aclcheck(nsp, GetUserId(), ACL_USAGE) != ACLCHECK_OK)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("permission denied for schema %s", quote_identifier(schema)),
				 errhint("Rows land as the role that brings them: GRANT USAGE ON SCHEMA.")));

	relid = get_relname_relid(name, nsp);
	if (OidIsValid(relid))
	{
		watch_check_table(relid, WATCH_NEED_WRITE);
		watch_check_watched(relid, &watch);
		intake_array(relid, PG_GETARG_ARRAYTYPE_P(1), &counts);
	}
	else
	{
		PreventCommandIfReadOnly("land()");
		deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT,
						  &payloads, &nulls, &n);
		counts.held = keep(name, payloads, nulls, n);
		if (counts.held > 0)
			ereport(NOTICE,
					(errmsg("selfheal: " INT64_FORMAT " rows held for %s, which does not exist",
							counts.held, quote_qualified_identifier(schema, name)),
					 errhint("A plan that makes it waits for approval: see selfheal.pending.")));
	}
	values[0] = Int64GetDatum(counts.stored);
	values[1] = Int64GetDatum(counts.held);
	PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, no_nulls)));
}
