/*
 * foureyes.c
 *	  Who has proposed a plan, who decides about it, and whether he may.
 */
#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "serve/foureyes.h"

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
foureyes_decided(int64 plan)
{
	sign_plan("UPDATE selfheal.plan SET decided_login = $2 WHERE id = $1 AND decided_by = $3", plan);
}

/*
 * See the header. A role that was taken counts as much as the one that logged
 * in: else a function of the proposer's, run as him, would approve in the name
 * of whoever calls it.
 */
void
foureyes_check(const PlanRow *row)
{
	Oid			roles[3];
	char	   *login = NULL;
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	if (!guc_four_eyes)
		return;
	roles[0] = GetAuthenticatedUserId();
	roles[1] = GetSessionUserId();
	roles[2] = GetUserId();
	spi_open(&saved);
	spi_args(&args);
	spi_arg_int8(&args, row->id);
	if (spi_exec("SELECT proposed_login FROM selfheal.plan WHERE id = $1", &args) > 0)
		login = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	if (login == NULL)
		return;					/* by selfheal itself */
	for (int i = 0; i < (int) lengthof(roles); i++)
	{
		char	   *role = GetUserNameFromId(roles[i], false);

		if (strcmp(role, login) == 0 || strcmp(role, row->proposed_by) == 0)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("plan " INT64_FORMAT " was proposed by role \"%s\", which cannot approve it",
							row->id, role),
					 errhint("selfheal.four_eyes is on: somebody else approves, under a role of his own.")));
	}
}
