/*
 * hinting.c
 *	  How the team says what a key means: hint() and unhint().
 *
 * A hint that could never count is an error at once and not a surprise at
 * night: a type that no new column may have, a column that is not there, a
 * key that has a column of its own.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/heap.h"
#include "catalog/pg_attribute.h"
#include "decide/constant.h"
#include "decide/lattice.h"
#include "miscadmin.h"
#include "observe/hint.h"
#include "observe/mapping.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "serve/hinting.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(selfheal_hint);
PG_FUNCTION_INFO_V1(selfheal_unhint);

/* Longest key that something can be said of: it stands in an index. */
#define MAX_KEY 1024

/* Table and key, both checked. */
static char *
key_arg(FunctionCallInfo fcinfo, Oid *relid)
{
	Watch		watch;
	char	   *key;

	*relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	watch_check_table(*relid, WATCH_NEED_OWNER);
	watch_check_watched(*relid, &watch);
	if (PG_ARGISNULL(1))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key must not be null"),
				 errhint("Give a key as payloads have it, byte for byte.")));
	key = text_to_cstring(PG_GETARG_TEXT_PP(1));
	if (strlen(key) > MAX_KEY)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("the key is longer than %d bytes", MAX_KEY),
				 errhint("Rows with such keys are held; amend or discard them.")));
	return key;
}

/* A column by name, copied; NULL when the table lacks it. */
static Form_pg_attribute
find_column(Oid relid, const char *name)
{
	HeapTuple	tup = SearchSysCacheCopyAttName(relid, name);

	return HeapTupleIsValid(tup) ? (Form_pg_attribute) GETSTRUCT(tup) : NULL;
}

/* lattice_parse in a subtransaction. */
typedef struct TypeText
{
	const char *text;
	Oid			type;
	int32		typmod;
} TypeText;

static void
parse_type(void *arg)
{
	TypeText   *t = arg;

	lattice_parse(t->text, &t->type, &t->typmod);
}

/*
 * The type by its full name. A column of the key's name may be there already:
 * then the type is its own, or one that it may be widened to.
 */
static char *
check_type(Oid relid, const char *key, const char *text)
{
	TypeText	t = {text, InvalidOid, -1};
	ErrorData  *edata = spi_try(parse_type, &t);
	Form_pg_attribute att;
	char	   *why = NULL;

	if (edata != NULL)
		ereport(ERROR,
				(errcode(edata->sqlerrcode),
				 errmsg("%s", edata->message),
				 errhint("Give a built-in type as CREATE TABLE does: numeric(12,2), text, timestamptz.")));
	if (key[0] == '\0' || strlen(key) >= NAMEDATALEN ||
		SystemAttributeByName(key) != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("no column can have the name \"%s\"", key),
				 errhint("Use ignore => true or rename_to => a column.")));
	att = find_column(relid, key);
	if (att == NULL)
		why = lattice_refuses_new(t.type, t.typmod);
	else
		(void) lattice_widening(att->atttypid, att->atttypmod, t.type, t.typmod, &why);
	if (why != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("key \"%s\" cannot get type %s", key, lattice_name(t.type, t.typmod)),
				 errdetail("%s.", why),
				 att != NULL ?
				 errhint("The column is there already: ALTER TABLE changes its type; then the hint holds it there.") :
				 errhint("docs/SAFETY.md lists the types of new columns.")));
	return lattice_name(t.type, t.typmod);
}

/* A key that is to be left out, or to go elsewhere, has no column itself. */
static void
check_no_column(Oid relid, const char *key)
{
	if (strlen(key) < NAMEDATALEN && get_attnum(relid, key) > 0)
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" exists", key, get_rel_name(relid)),
				 errhint("A key always goes to the column of its name: drop or rename the column first.")));
}

/* A mapping says already where the key goes, and would come first. */
static void
check_no_mapping(Oid relid, const char *key)
{
	ListCell   *lc;

	foreach(lc, mapping_list(relid))
	{
		const Mapping *m = lfirst(lc);

		if ((m->kind == MAP_FIELD || m->kind == MAP_IGNORE_FIELD) && strcmp(m->field, key) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_DUPLICATE_OBJECT),
					 errmsg("a mapping says what becomes of key \"%s\"", key),
					 errhint("SELECT selfheal.remove_mapping(" INT64_FORMAT ") first.", m->id)));
	}
}

/* The column that is to take a key's value. */
static void
check_target(Oid relid, const char *column)
{
	Form_pg_attribute att = strlen(column) < NAMEDATALEN ? find_column(relid, column) : NULL;

	if (att == NULL || att->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", column, get_rel_name(relid)),
				 errhint("rename_to names a column of the table, in its exact spelling.")));
	if (att->attgenerated != '\0' || att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of table \"%s\" is computed by the database", column, get_rel_name(relid)),
				 errhint("Name a column that loads may fill.")));
}

/* What rows get that lack the key: a constant of the column's type. */
static void
check_default(Oid relid, const char *column, const char *value)
{
	Form_pg_attribute att = strlen(column) < NAMEDATALEN ? find_column(relid, column) : NULL;
	char	   *why = NULL;

	if (att == NULL || att->attnum <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("column \"%s\" of table \"%s\" does not exist", column, get_rel_name(relid)),
				 errhint("A default is of a column of the table, in its exact spelling.")));
	if (att->attgenerated != '\0' || att->attidentity != '\0')
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("column \"%s\" of table \"%s\" is computed by the database", column, get_rel_name(relid)),
				 errhint("Name a column that loads fill.")));
	if (!constant_fits(att, value, &why))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("\"%s\" cannot be the default of column \"%s\"", value, column),
				 errdetail("%s.", why),
				 errhint("Give a constant as the column stores it; dates and times as ISO 8601 has them.")));
}

/* What was said is a change of policy for this table. */
static void
record(Oid relid, char *what)
{
	AuditEntry	entry;

	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.result = what;
	audit_write(&entry);
	if (shmem_state != NULL)
		shmem_wake_at_commit();
}

/*
 * hint("table", key, type | ignore | rename_to | default_value): what the team says of a key;
 * replaces what was said of it before. Errors: 22023, 42701, 42710, 42703, 42704,
 * 42601, and those of a table argument.
 */
Datum
selfheal_hint(PG_FUNCTION_ARGS)
{
	Hint		hint = {0};
	Oid			relid;
	char	   *what;

	hint.key = key_arg(fcinfo, &relid);
	check_no_mapping(relid, hint.key);
	hint.type = PG_ARGISNULL(2) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(2));
	hint.ignored = !PG_ARGISNULL(3) && PG_GETARG_BOOL(3);
	hint.rename_to = PG_ARGISNULL(4) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(4));
	hint.default_value = PG_ARGISNULL(5) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(5));
	if ((hint.type != NULL) + hint.ignored + (hint.rename_to != NULL) + (hint.default_value != NULL) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a hint says one thing of a key: type, ignore, rename_to or default_value"),
				 errhint("For example: SELECT selfheal.hint('orders', 'Amount', type => 'numeric(12,2)').")));

	if (hint.type != NULL)
	{
		hint.type = check_type(relid, hint.key, hint.type);
		what = psprintf("hint: key \"%s\" is of type %s", hint.key, hint.type);
	}
	else if (hint.default_value != NULL)
	{
		check_default(relid, hint.key, hint.default_value);
		what = psprintf("hint: rows without key \"%s\" get \"%s\"", hint.key, hint.default_value);
	}
	else if (hint.ignored)
	{
		check_no_column(relid, hint.key);
		what = psprintf("hint: key \"%s\" is left out", hint.key);
	}
	else
	{
		check_no_column(relid, hint.key);
		check_target(relid, hint.rename_to);
		what = psprintf("hint: key \"%s\" goes to column \"%s\"", hint.key, hint.rename_to);
	}
	hint_set(relid, &hint, GetUserNameFromId(GetUserId(), false));
	record(relid, what);
	PG_RETURN_VOID();
}

/* unhint("table", key): 42704 when nothing was said of the key. */
Datum
selfheal_unhint(PG_FUNCTION_ARGS)
{
	Oid			relid;
	char	   *key = key_arg(fcinfo, &relid);

	if (!hint_unset(relid, key))
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_OBJECT),
				 errmsg("there is no hint about key \"%s\" of table \"%s\"", key, get_rel_name(relid)),
				 errhint("Hints stand in the view selfheal.hints.")));
	record(relid, psprintf("hint about key \"%s\" is taken back", key));
	PG_RETURN_VOID();
}
