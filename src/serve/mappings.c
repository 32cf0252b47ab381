/*
 * mappings.c
 *	  How people say what becomes of payloads: add_mapping(), remove_mapping().
 *
 * Whoever adds a mapping is told at once what it does to the rows that are
 * held. One that does nothing for them is mostly a mistake, in the format or
 * in the key, and is refused unless he insists.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/sharing.h"
#include "observe/watch.h"
#include "orient/mapproof.h"
#include "serve/mappings.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(selfheal_add_mapping);
PG_FUNCTION_INFO_V1(selfheal_remove_mapping);

/* Held rows that a mapping is proven on while its author waits. */
#define PROOF_ROWS 100000

/* The worker looks again at what waits. */
static void
leave_word(Oid relid)
{
	SpiUser		saved;

	spi_open(&saved);
	hint_leave_word(relid);
	spi_close(&saved);
	if (shmem_state != NULL)
		shmem_wake_at_commit();
}

static char *
text_arg(FunctionCallInfo fcinfo, int i)
{
	return PG_ARGISNULL(i) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(i));
}

/* The kind by its name; raises 22023. */
static MappingKind
kind_arg(FunctionCallInfo fcinfo)
{
	char	   *name = text_arg(fcinfo, 1);
	MappingKind kind;

	if (name == NULL || !mapping_kind_by_name(name, &kind))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 name ? errmsg("unknown kind of mapping \"%s\"", name) : errmsg("kind must not be null"),
				 errhint("Kinds are map_field, ignore_field, strip_nul, trim, null_if, map_value, parse_timestamp, parse_number, parse_point, decode_text, overflow_to_jsonb.")));
	return kind;
}

/* What it does to the rows that are held; raises 22023 when that is nothing. */
static int64
prove(Oid relid, const List *present, const Mapping *m, bool force)
{
	MapProof   *proof = mapproof_held(relid, present, m, PROOF_ROWS);

	if (proof->about > 0 && proof->fits == 0 && !force)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("it would not make any held row fit: %s", mapping_words(m)),
				 errdetail("It is about " INT64_FORMAT " held rows; the first of them: %s.",
						   proof->about, proof->left ? proof->left : "left as it is"),
				 errdetail_log("It is about " INT64_FORMAT " held rows; the first of them: %s.",
							   proof->about, proof->left ? sharing_message(relid, proof->left) : "left as it is"),
				 errhint("Correct it, or add it with force => true.")));
	if (proof->about > 0)
		ereport(NOTICE,
				(errmsg("selfheal: of " INT64_FORMAT " held rows that it is about the mapping makes " INT64_FORMAT " fit, and leaves " INT64_FORMAT,
						proof->about, proof->fits, proof->about - proof->fits),
				 proof->left ? errdetail("The first that it leaves: %s.", proof->left) : 0,
				 proof->left ? errdetail_log("The first that it leaves: %s.",
											 sharing_message(relid, proof->left)) : 0,
				 proof->all ? 0 : errhint("More rows are held than were looked at.")));
	return proof->fits;
}

/*
 * add_mapping("table", kind, field, args, column_name, why, force): returns
 * its number. Errors: 22023, and those of a table argument.
 */
Datum
selfheal_add_mapping(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	bool		force = !PG_ARGISNULL(6) && PG_GETARG_BOOL(6);
	Mapping		m = {0};
	Watch		watch;
	List	   *present;
	char	   *reason;
	char	   *hint;
	int64		id;

	watch_check_table(relid, WATCH_NEED_OWNER);
	watch_check_watched(relid, &watch);
	m.kind = kind_arg(fcinfo);
	m.field = text_arg(fcinfo, 2);
	m.args = PG_ARGISNULL(3) ? NULL : PG_GETARG_JSONB_P_COPY(3);
	m.column = PG_ARGISNULL(4) ? NULL : pstrdup(NameStr(*PG_GETARG_NAME(4)));
	m.why = text_arg(fcinfo, 5);
	mapping_lock(relid);
	present = mapping_list(relid);
	if (!mapping_check(relid, present, &m, &reason, &hint))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("cannot add mapping %s: %s", mapping_kind_name(m.kind), reason),
				 hint ? errhint("%s", hint) : 0));
	m.proven_rows = prove(relid, present, &m, force);
	id = mapping_add(&m, 0, 0);
	leave_word(relid);
	PG_RETURN_INT64(id);
}

/* remove_mapping(id, why): 42704 when no active mapping has the number. */
Datum
selfheal_remove_mapping(PG_FUNCTION_ARGS)
{
	char	   *why = text_arg(fcinfo, 1);
	bool		active = false;
	Mapping    *m = PG_ARGISNULL(0) ? NULL : mapping_get(PG_GETARG_INT64(0), &active);

	if (m != NULL && active)
		watch_check_table(m->relid, WATCH_NEED_OWNER);
	if (m == NULL || !active || !mapping_remove(m->id, why))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 PG_ARGISNULL(0) ? errmsg("id must not be null") :
				 errmsg("there is no active mapping " INT64_FORMAT, PG_GETARG_INT64(0)),
				 errhint("Active mappings stand in the view selfheal.mappings.")));
	leave_word(m->relid);
	PG_RETURN_VOID();
}
