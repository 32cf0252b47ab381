/*
 * foureyes.c
 *	  Who has proposed a plan, who decides about it, and whether he may.
 */
#include "postgres.h"

#include "base/compat.h"
#include "base/guc.h"
#include "base/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "observe/watch.h"
#include "record/audit.h"
#include "serve/foureyes.h"
#include "utils/acl.h"

PG_FUNCTION_INFO_V1(selfheal_set_self_approval);

char *
foureyes_login(void)
{
	return GetUserNameFromId(GetAuthenticatedUserId(), false);
}

/* A column of a plan that says which role it was. */
static void
sign_plan(const char *sql, int64 plan)
{
	char	   *by = GetUserNameFromId(GetUserId(), false);
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, plan);
	spi_arg_text(&args, foureyes_login());
	spi_arg_text(&args, by);
	spi_exec(sql, &args);
	spi_close(&saved);
}

void
foureyes_proposed(int64 plan)
{
	sign_plan("UPDATE selfheal.plan SET proposed_login = $2"
			  " WHERE id = $1 AND proposed_login IS NULL AND proposed_by = $3", plan);
}

void
foureyes_proposed_by_agent(int64 plan, const char *client)
{
	SpiUser		saved;
	SpiArgs		args;

	foureyes_proposed(plan);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, plan);
	spi_arg_text(&args, client);
	spi_arg_text(&args, foureyes_login());
	spi_exec("UPDATE selfheal.plan SET agent = true, proposed_client = $2 WHERE id = $1 AND proposed_login = $3", &args);
	spi_close(&saved);
}

void
foureyes_decided(int64 plan)
{
	sign_plan("UPDATE selfheal.plan SET decided_login = $2 WHERE id = $1 AND decided_by = $3", plan);
}

/* Who has proposed it, and may he approve it? */
typedef struct Proposer
{
	char	   *login;			/* NULL: selfheal itself */
	bool		agent;			/* it was a program, in his name */
	bool		trusted;		/* the team lets it approve its own */
} Proposer;

/* What is said of the table, else of all; not by the proposer himself. */
static Proposer
proposer_of(const PlanRow *row)
{
	Proposer	result = {0};
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, row->id);
	if (spi_exec("SELECT p.proposed_login, p.agent, coalesce((SELECT s.allowed AND s.set_login <> p.proposed_login AND s.set_by <> p.proposed_login"
				 "   AND s.set_login <> p.proposed_by AND s.set_by <> p.proposed_by"
				 "  FROM selfheal.self_approval s WHERE s.relid = p.relid OR s.relid IS NULL ORDER BY s.relid IS NULL LIMIT 1), false)"
				 " FROM selfheal.plan p WHERE p.id = $1", &args) > 0)
	{
		result.login = spi_get_text(0, 1, cxt);
		result.agent = spi_get_bool(0, 2, NULL);
		result.trusted = spi_get_bool(0, 3, NULL);
	}
	spi_close(&saved);
	return result;
}

/*
 * See the header. A role that was taken counts as much as the one that logged
 * in: else a function of the proposer's, run as him, would approve in the name
 * of whoever calls it.
 */
char *
foureyes_proposer(const PlanRow *row, const char **why)
{
	Oid			roles[] = {GetAuthenticatedUserId(), GetSessionUserId(), GetUserId()};
	Proposer	proposer = proposer_of(row);

	if (proposer.login == NULL || (!guc_four_eyes && (!proposer.agent || proposer.trusted)))
		return NULL;
	*why = guc_four_eyes ? "selfheal.four_eyes is on: somebody else approves, under a role of his own." :
		"An agent proposed it: somebody else approves, under a role of his own, or lets agents do so by selfheal.set_self_approval().";
	for (int i = 0; i < (int) lengthof(roles); i++)
	{
		char	   *role = GetUserNameFromId(roles[i], false);

		if (strcmp(role, proposer.login) == 0 || strcmp(role, row->proposed_by) == 0)
			return role;
	}
	return NULL;
}

void
foureyes_check(const PlanRow *row)
{
	const char *why = NULL;
	char	   *role = foureyes_proposer(row, &why);

	if (role != NULL)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("plan " INT64_FORMAT " was proposed by role \"%s\", which cannot approve it",
						row->id, role),
				 errhint("%s", why)));
}

/* ---- what the team says ---- */

/* Of all tables it is said by whom the settings belong to. */
static void
check_may(Oid relid)
{
	Watch		watch;

	if (OidIsValid(relid))
	{
		watch_check_table(relid, WATCH_NEED_OWNER);
		watch_check_watched(relid, &watch);
	}
	else if (!has_privs_of_role(GetUserId(), spi_extension_owner()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of extension selfheal to let agents approve their own plans of all tables"),
				 errhint("Name a table of yours: SELECT selfheal.set_self_approval('public.orders', true).")));
}

static const char *
said(bool isnull, bool allowed)
{
	return isnull ? "not said" : allowed ? "allowed" : "not allowed";
}

/* set_self_approval(relation, allowed): errors 42501 and those of a table
 * argument. */
Datum
selfheal_set_self_approval(PG_FUNCTION_ARGS)
{
	Oid			relid = PG_ARGISNULL(0) ? InvalidOid : PG_GETARG_OID(0);
	bool		none = PG_ARGISNULL(1);
	bool		allowed = !none && PG_GETARG_BOOL(1);
	const char *by = GetUserNameFromId(GetUserId(), false);
	bool		was_none;
	bool		was = false;
	AuditEntry	entry;
	SpiUser		saved;
	SpiArgs		args;

	if (OidIsValid(relid))
		check_may(relid);
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	was_none = spi_exec("SELECT allowed FROM selfheal.self_approval WHERE relid IS NOT DISTINCT FROM $1 FOR UPDATE", &args) == 0;
	if (!was_none)
		was = spi_get_bool(0, 1, NULL);
	spi_close(&saved);
	/* what is said of all tables is no secret */
	if (none && was_none)
		PG_RETURN_VOID();
	if (!OidIsValid(relid))
		check_may(relid);
	spi_open(&saved);
	if (none)
		spi_exec("DELETE FROM selfheal.self_approval WHERE relid IS NOT DISTINCT FROM $1", &args);
	else
	{
		spi_arg_bool(&args, allowed);
		spi_arg_text(&args, by);
		spi_arg_text(&args, foureyes_login());
		spi_exec("INSERT INTO selfheal.self_approval (relid, allowed, set_by, set_login) VALUES ($1, $2, $3, $4)"
				 " ON CONFLICT (relid) DO UPDATE SET allowed = $2, set_by = $3, set_login = $4, set_at = clock_timestamp()", &args);
	}
	spi_close(&saved);
	audit_entry(&entry, "policy_changed");
	entry.relid = relid;
	entry.result = psprintf("approval by the agent that proposed, of %s: %s, was %s",
							OidIsValid(relid) ? plan_relation_name(relid) : "all tables",
							said(none, allowed), said(was_none, was));
	audit_write(&entry);
	PG_RETURN_VOID();
}
