/*
 * assertions.c
 *	  Checks of the team, asked of a clone while a plan is tried.
 */
#include "postgres.h"

#include "act/assertions.h"
#include "base/spi.h"
#include "miscadmin.h"
#include "observe/hint.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Asked of one table at most: each of its dry runs asks them all. */
#define MAX_CHECKS 100

/* So many are told in a reason. */
#define MAX_TOLD 3

typedef struct Assertion
{
	char	   *name;
	AssertSql	question;
	AssertAnswer answers[ASSERTION_STAGES];
	bool		refuses;
	AssertionStage refused_at;
	char	   *message;		/* of an error */
} Assertion;

struct Assertions
{
	MemoryContext cxt;
	int			n;
	Assertion  *all;
};

static const char *const stage_keys[] = {"before", "after_step", "after_rows"};
static const char *const stage_words[] = {"before the step", "after the step", "after the rows"};

/* See the header. */
Assertions *
assertions_of(Oid relid)
{
	Assertions *checks = palloc0(sizeof(Assertions));
	MemoryContext cxt = CurrentMemoryContext;
	SpiUser		saved;
	SpiArgs		args;

	checks->cxt = cxt;
	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	checks->n = (int) spi_exec("SELECT name, sql, known_as, role, timezone, datestyle, intervalstyle, search_path"
							   " FROM selfheal.assertion WHERE relid = $1 ORDER BY name COLLATE \"C\"", &args);
	checks->all = MemoryContextAllocZero(cxt, sizeof(Assertion) * Max(checks->n, 1));
	for (int i = 0; i < checks->n; i++)
	{
		Assertion  *check = &checks->all[i];

		check->name = spi_get_text(i, 1, cxt);
		check->question.relid = relid;
		check->question.sql = spi_get_text(i, 2, cxt);
		check->question.known_as = spi_get_text(i, 3, cxt);
		check->question.as.role = spi_get_text(i, 4, cxt);
		check->question.as.timezone = spi_get_text(i, 5, cxt);
		check->question.as.datestyle = spi_get_text(i, 6, cxt);
		check->question.as.intervalstyle = spi_get_text(i, 7, cxt);
		check->question.as.search_path = spi_get_text(i, 8, cxt);
	}
	spi_close(&saved);
	return checks;
}

/* Is the plan refused for this answer? See the head of assertions.h. */
static bool
refuses(const Assertion *check, AssertionStage stage)
{
	AssertAnswer answer = check->answers[stage];

	return answer == ASSERT_ERROR ||
		(stage != ASSERTION_BEFORE && answer > check->answers[ASSERTION_BEFORE]);
}

/* See the header. The rows are read as the clone's owner, whose code stands in
 * it, and not as who asks. */
void
assertions_ask(Assertions *checks, const Clone *clone, AssertionStage stage)
{
	AssertRows *rows;
	SpiUser		saved;

	if (checks->n == 0)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "could not connect to SPI");
	spi_become(&saved, clone->owner,
			   SECURITY_RESTRICTED_OPERATION | SECURITY_LOCAL_USERID_CHANGE |
			   SECURITY_NOFORCE_RLS, true);
	rows = assertsql_rows(clone->name, true);
	spi_resume(&saved);
	for (int i = 0; i < checks->n; i++)
	{
		Assertion  *check = &checks->all[i];
		char	   *message = NULL;

		if (check->refuses)
			continue;
		CHECK_FOR_INTERRUPTS();
		check->answers[stage] = assertsql_ask(&check->question, rows, &message);
		if (message)
			check->message = MemoryContextStrdup(checks->cxt, message);
		check->refuses = refuses(check, stage);
		check->refused_at = stage;
	}
	tuplestore_end(rows->store);
	SPI_finish();
}

/* See the header. */
char *
assertions_refusal(const Assertions *checks)
{
	StringInfoData why;
	int			n = 0;

	initStringInfo(&why);
	for (int i = 0; i < checks->n; i++)
	{
		const Assertion *check = &checks->all[i];
		AssertAnswer answer = check->answers[check->refused_at];

		if (!check->refuses || n++ >= MAX_TOLD)
			continue;
		appendStringInfo(&why, "%scheck \"%s\" ", n > 1 ? "; " : "", check->name);
		if (answer == ASSERT_ERROR)
			appendStringInfo(&why, "failed %s: %s", stage_words[check->refused_at], check->message);
		else
			appendStringInfo(&why, "is %s %s", answer == ASSERT_NULL ? "null" : "false",
							 stage_words[check->refused_at]);
	}
	if (n > MAX_TOLD)
		appendStringInfo(&why, "; and %d more", n - MAX_TOLD);
	return n > 0 ? why.data : NULL;
}

/* See the header. */
char *
assertions_json(const Assertions *checks)
{
	static const char *const answers[] = {"", "true", "\"null\"", "false", "\"error\""};
	StringInfoData json;

	initStringInfo(&json);
	appendStringInfoChar(&json, '[');
	for (int i = 0; i < checks->n; i++)
	{
		const Assertion *check = &checks->all[i];

		appendStringInfo(&json, "%s{\"name\": ", i ? ", " : "");
		escape_json(&json, check->name);
		appendStringInfoString(&json, ", \"role\": ");
		escape_json(&json, check->question.as.role);
		for (int stage = 0; stage < ASSERTION_STAGES; stage++)
			if (check->answers[stage] != ASSERT_UNASKED)
				appendStringInfo(&json, ", \"%s\": %s", stage_keys[stage],
								 answers[check->answers[stage]]);
		appendStringInfo(&json, ", \"refuses\": %s, \"message\": ", check->refuses ? "true" : "false");
		if (check->message)
			escape_json(&json, check->message);
		else
			appendStringInfoString(&json, "null");
		appendStringInfoChar(&json, '}');
	}
	appendStringInfoChar(&json, ']');
	return json.data;
}

/* See the header. */
void
assertion_set(const char *name, const AssertSql *question)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, question->relid);
	spi_arg_text(&args, name);
	spi_arg_text(&args, question->sql);
	spi_arg_text(&args, question->known_as);
	spi_arg_text(&args, question->as.role);
	spi_arg_text(&args, question->as.timezone);
	spi_arg_text(&args, question->as.datestyle);
	spi_arg_text(&args, question->as.intervalstyle);
	spi_arg_text(&args, question->as.search_path);
	spi_exec("INSERT INTO selfheal.assertion"
			 " (relid, name, sql, known_as, role, timezone, datestyle, intervalstyle, search_path)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (relid, name) DO UPDATE"
			 " SET sql = $3, known_as = $4, role = $5, timezone = $6, datestyle = $7,"
			 "  intervalstyle = $8, search_path = $9, asked_at = clock_timestamp()", &args);
	spi_args(&args);
	spi_arg_relid(&args, question->relid);
	spi_exec("SELECT count(*) FROM selfheal.assertion WHERE relid = $1", &args);
	if (spi_get_int8(0, 1, NULL) > MAX_CHECKS)
		ereport(ERROR,
				(errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
				 errmsg("a table can have %d checks at most", MAX_CHECKS),
				 errhint("Join some with AND, or take back what is not needed: SELECT selfheal.uncheck(...).")));
	hint_leave_word(question->relid);
	spi_close(&saved);
}

/* See the header. */
void
assertion_unset(Oid relid, const char *name)
{
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, name);
	spi_exec("DELETE FROM selfheal.assertion WHERE relid = $1 AND name = $2", &args);
	hint_leave_word(relid);
	spi_close(&saved);
}

/* See the header. */
char *
assertion_role(Oid relid, const char *name)
{
	MemoryContext cxt = CurrentMemoryContext;
	char	   *role = NULL;
	SpiUser		saved;
	SpiArgs		args;

	spi_open(&saved);
	spi_args(&args);
	spi_arg_relid(&args, relid);
	spi_arg_text(&args, name);
	if (spi_exec("SELECT role FROM selfheal.assertion WHERE relid = $1 AND name = $2", &args) > 0)
		role = spi_get_text(0, 1, cxt);
	spi_close(&saved);
	return role;
}
