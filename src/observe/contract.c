/*
 * contract.c
 *	  What a table's owner lets payloads do to it: its contract.
 *
 * Each load asks, a single INSERT too. So a session keeps the terms of the
 * table that it asked for last. Whoever changes selfheal.contract, in whatever
 * way, fires a trigger that has every session forget them at its commit, as
 * PostgreSQL has them forget what they know of a table. They hear of it before
 * he knows that he has committed; but the worker, which is woken in the midst
 * of that commit, could come too early: it always reads.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/compat.h"
#include "base/shmem.h"
#include "base/spi.h"
#include "catalog/namespace.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "observe/contract.h"
#include "observe/watch.h"
#include "postmaster/bgworker.h"
#include "record/audit.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(selfheal_contract_changed);
PG_FUNCTION_INFO_V1(selfheal_set_contract);

/* Columns of selfheal.contract, in the order of contract.sql. */
#define CONTRACT_RELID 1
#define CONTRACT_KIND 2
#define CONTRACT_MODE 3

static const char *const words[] = {"evolve", "freeze", "discard_value", "discard_row"};

/* The kinds that there are, by place in Terms. */
static const char *const kinds[] = {"columns", "types"};
#define KINDS ((int) lengthof(kinds))

/* What is said of one table, or of all. */
typedef struct Terms
{
	bool		said[KINDS];
	FitTerm		term[KINDS];
} Terms;

/* The table that was asked for last; process memory. */
static struct
{
	bool		registered;		/* forget() is called */
	bool		forgotten;		/* it was, while this was read */
	bool		valid;
	Oid			relid;
	Oid			contract;		/* selfheal.contract */
	Terms		terms;
}			last;

const char *
contract_word(FitTerm term)
{
	return words[term];
}

/* The place of a name in a list, or -1. */
static int
place(const char *name, const char *const *names, int n)
{
	for (int i = 0; i < n; i++)
		if (strcmp(name, names[i]) == 0)
			return i;
	return -1;
}

/* ---- reading ---- */

/* What is said of one table (InvalidOid: of all); what was said already in
 * terms counts before it. */
static void
read_terms(Relation rel, Oid index, Oid relid, Terms *terms)
{
	ScanKeyData key;
	SysScanDesc scan;
	HeapTuple	tup;

	ScanKeyInit(&key, CONTRACT_RELID, BTEqualStrategyNumber, F_OIDEQ,
				ObjectIdGetDatum(relid));
	if (!OidIsValid(relid))
		key.sk_flags |= SK_ISNULL | SK_SEARCHNULL;
	/* a session may ignore such indexes; a null is found by an index alone */
	scan = systable_beginscan(rel, index, true, NULL, IgnoreSystemIndexes ? 0 : 1, &key);
	while (HeapTupleIsValid(tup = systable_getnext(scan)))
	{
		TupleDesc	desc = RelationGetDescr(rel);
		bool		isnull;
		bool		all;
		Oid			of = DatumGetObjectId(heap_getattr(tup, CONTRACT_RELID, desc, &all));
		char	   *kind = TextDatumGetCString(heap_getattr(tup, CONTRACT_KIND, desc, &isnull));
		char	   *word = TextDatumGetCString(heap_getattr(tup, CONTRACT_MODE, desc, &isnull));
		int			i = place(kind, kinds, KINDS);
		int			term = place(word, words, lengthof(words));

		if (all ? OidIsValid(relid) : of != relid)
			continue;
		if (i < 0 || term < 0)
			elog(ERROR, "unknown contract \"%s %s\"", kind, word);
		if (!terms->said[i])
			terms->term[i] = (FitTerm) term;
		terms->said[i] = true;
	}
	systable_endscan(scan);
}

/* What counts for a table, and what it says itself (own may be NULL). */
static void
get_terms(Oid relid, Terms *out, Terms *own)
{
	Oid			nsp = get_namespace_oid("selfheal", true);
	Oid			table = OidIsValid(nsp) ? get_relname_relid("contract", nsp) : InvalidOid;
	Oid			index;
	Relation	rel;

	memset(out, 0, sizeof(Terms));
	if (own)
		memset(own, 0, sizeof(Terms));
	/* not there while the extension is made, dropped or of an older version */
	last.contract = table;
	rel = OidIsValid(table) ? try_table_open(table, AccessShareLock) : NULL;
	if (rel == NULL)
		return;
	index = get_relname_relid("contract_once", nsp);
	if (OidIsValid(relid))
		read_terms(rel, index, relid, out);
	if (own)
		*own = *out;
	if (!out->said[0] || !out->said[1])
		read_terms(rel, index, InvalidOid, out);
	if (own && !OidIsValid(relid))
		*own = *out;
	table_close(rel, AccessShareLock);
}

/* A relation has changed (InvalidOid: any may have). */
static void
forget(Datum arg, Oid relid)
{
	if (relid == last.contract || !OidIsValid(relid))
	{
		last.valid = false;
		last.forgotten = true;
	}
}

/* What counts for a table, from memory where that may be. */
static const Terms *
known_terms(Oid relid)
{
	AcceptInvalidationMessages();
	if (likely(last.valid && last.relid == relid) && MyBgworkerEntry == NULL)
		return &last.terms;
	last.valid = last.forgotten = false;
	if (!last.registered)
	{
		CacheRegisterRelcacheCallback(forget, (Datum) 0);
		last.registered = true;
	}
	get_terms(relid, &last.terms, NULL);
	last.relid = relid;
	last.valid = OidIsValid(last.contract) && !last.forgotten;
	return &last.terms;
}

/* See the header. */
void
contract_terms(Oid relid, FitTerm *columns, FitTerm *types)
{
	const Terms *terms = known_terms(relid);

	*columns = terms->term[0];
	*types = terms->term[1];
}

/* See the header. */
void
contract_apply(Oid relid, Shape *shape)
{
	contract_terms(relid, &shape->columns, &shape->types);
}

/* See the header. */
char *
contract_words(const Shape *shape)
{
	return psprintf("columns %s, types %s", words[shape->columns], words[shape->types]);
}

/* ---- setting ---- */

/* AFTER any change FOR EACH STATEMENT, of selfheal.contract. */
Datum
selfheal_contract_changed(PG_FUNCTION_ARGS)
{
	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("contract_changed() is a trigger function")));
	CacheInvalidateRelcache(((TriggerData *) fcinfo->context)->tg_relation);
	return PointerGetDatum(NULL);
}

/* A word by its place, lengthof(words) for "default", -1 when the argument is
 * null; raises 22023. */
static int
word_arg(FunctionCallInfo fcinfo, int arg, const char *kind)
{
	char	   *word;
	int			term;

	if (PG_ARGISNULL(arg))
		return -1;
	word = text_to_cstring(PG_GETARG_TEXT_PP(arg));
	term = strcmp(word, "default") == 0 ? (int) lengthof(words) :
		place(word, words, lengthof(words));
	if (term < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("unknown contract \"%s\" for %s", word, kind),
				 errhint("A contract says evolve, freeze, discard_value or discard_row; default takes it back.")));
	return term;
}

/* May the caller say it of this table, or of all? Raises what the checks of a
 * table argument raise, or 42501. */
static void
check_caller(Oid relid, bool all)
{
	Watch		watch;

	if (!all)
	{
		watch_check_table(relid, WATCH_NEED_OWNER);
		watch_check_watched(relid, &watch);
	}
	else if (!has_privs_of_role(GetUserId(), spi_extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of extension selfheal to change the contract of all tables"),
				 errhint("Name a table of yours: SELECT selfheal.set_contract('public.orders', ...).")));
}

/* Say it, or (default) take it back. Inside spi_open. */
static void
store_word(Oid relid, int kind, int term, const char *by)
{
	SpiArgs		args;

	spi_args(&args);
	if (OidIsValid(relid))
		spi_arg_relid(&args, relid);
	else
		spi_arg_null(&args, REGCLASSOID);
	spi_arg_text(&args, kinds[kind]);
	if (term == lengthof(words))
	{
		spi_exec("DELETE FROM selfheal.contract WHERE relid IS NOT DISTINCT FROM $1 AND kind = $2", &args);
		return;
	}
	spi_arg_text(&args, words[term]);
	spi_arg_text(&args, by);
	spi_exec("INSERT INTO selfheal.contract (relid, kind, mode, set_by) VALUES ($1, $2, $3, $4)"
			 " ON CONFLICT ON CONSTRAINT contract_once DO UPDATE"
			 " SET mode = $3, set_by = $4, set_at = clock_timestamp()", &args);
}

/* What is held may not have to wait any more: the worker finds the word, as
 * that of a hint. Inside spi_open. */
static void
leave_word(Oid relid)
{
	SpiArgs		args;

	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_exec(OidIsValid(relid)
			 ? "UPDATE selfheal.watched SET rethink = true WHERE relid = $1"
			 : "UPDATE selfheal.watched SET rethink = true", OidIsValid(relid) ? &args : NULL);
}

/* "columns freeze, was evolve; ...", of the kinds that were given. */
static char *
changes(const int *given, const Terms *own, const Terms *before)
{
	StringInfoData out;

	initStringInfo(&out);
	for (int i = 0; i < KINDS; i++)
	{
		bool		back = given[i] == lengthof(words);

		if (given[i] < 0 || (back ? !own->said[i] : own->said[i] && (int) own->term[i] == given[i]))
			continue;
		appendStringInfo(&out, "%s%s %s, was %s", out.len ? "; " : "", kinds[i],
						 back ? "default" : words[given[i]], words[before->term[i]]);
	}
	return out.len ? out.data : NULL;
}

/*
 * set_contract(relation, columns, types, tables): says it, and returns what
 * counts now. Errors: 22023, 0A000 for tables that are not frozen, 42501,
 * 42704, and those of a table argument.
 */
Datum
selfheal_set_contract(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	char	   *by = GetUserNameFromId(GetUserId(), false);
	int			given[KINDS];
	int			tables;
	Terms		own;
	Terms		before;
	Terms		now;
	char	   *what;

	for (int i = 0; i < KINDS; i++)
	{
		given[i] = word_arg(fcinfo, i + 1, kinds[i]);
		/* there is nothing behind the word for all that it could take back */
		if (!OidIsValid(relid) && given[i] == TERM_EVOLVE)
			given[i] = lengthof(words);
	}
	/* nothing makes a table for a payload: no other word would be true */
	tables = word_arg(fcinfo, KINDS + 1, "tables");
	if (tables >= 0 && tables != TERM_FREEZE && tables != lengthof(words))
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("no contract can say that tables %s", words[tables]),
				 errdetail("Nothing makes a table for payloads: tables are always frozen."),
				 errhint("Make the table yourself, and watch it.")));
	if (given[0] < 0 && given[1] < 0 && tables < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("a contract says something of columns or of types"),
				 errhint("For example: SELECT selfheal.set_contract('orders', columns => 'freeze').")));
	check_caller(relid, PG_ARGISNULL(0));

	get_terms(relid, &before, &own);
	what = changes(given, &own, &before);
	if (what)
	{
		SpiUser		saved;
		AuditEntry	entry;

		spi_open(&saved);
		for (int i = 0; i < KINDS; i++)
			if (given[i] >= 0)
				store_word(relid, i, given[i], by);
		leave_word(relid);
		spi_close(&saved);
		audit_entry(&entry, "policy_changed");
		entry.relid = relid;
		entry.result = psprintf("contract%s: %s", OidIsValid(relid) ? "" : " of all tables", what);
		audit_write(&entry);
	}
	get_terms(relid, &now, NULL);
	PG_RETURN_TEXT_P(cstring_to_text(psprintf("%s: columns %s, types %s",
											  OidIsValid(relid) ?
											  quote_qualified_identifier(get_namespace_name(get_rel_namespace(relid)),
																		 get_rel_name(relid)) :
											  "tables that say nothing themselves",
											  words[now.term[0]], words[now.term[1]])));
}
