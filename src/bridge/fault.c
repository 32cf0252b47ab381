/*
 * fault.c
 *	  What the database says went wrong, as a JSON-RPC error.
 */
#include "bridge/fault.h"

#include <string.h>

#include "bridge/message.h"
#include "bridge/session.h"

/* By SQLSTATE, or by its class where two characters stand. */
typedef struct Fault
{
	const char *sqlstate;
	int			code;
	const char *text;			/* NULL: the server's own words */
	const char *hint;
} Fault;

#define NOT_INSTALLED "selfheal is not installed in this database, or it is older than this program"
#define INSTALL "As its owner: CREATE EXTENSION selfheal; or ALTER EXTENSION selfheal UPDATE;"
#define NOT_HELD "the message holds something that this database can not: a character or a number"

static const Fault faults[] = {
	{"42883", RPC_INTERNAL_ERROR, NOT_INSTALLED, INSTALL},
	{"3F000", RPC_INTERNAL_ERROR, NOT_INSTALLED, INSTALL},
	{"22P02", RPC_INVALID_PARAMS, NOT_HELD, NULL},
	{"22P05", RPC_INVALID_PARAMS, NOT_HELD, NULL},
	{"22021", RPC_INVALID_PARAMS, NOT_HELD, NULL},
	{"22003", RPC_INVALID_PARAMS, NOT_HELD, NULL},
	{"54", RPC_INVALID_PARAMS, NULL, "Ask for less at once."},
	{"57014", RPC_INTERNAL_ERROR, NULL,
	"Somebody cancelled the call, or it took longer than the role's statement_timeout allows."},
	{"55P03", RPC_INTERNAL_ERROR, NULL, "Somebody else held a lock for too long: try again."},
	{"53", RPC_INTERNAL_ERROR, NULL, "The server is short of memory, disk or connections: try again later."},
	/* texts that may hold a value of a row, which the caller may not see */
	{"22", RPC_INTERNAL_ERROR, "the call failed in the database", "The server's log says more."},
	{"23", RPC_INTERNAL_ERROR, "the call failed in the database", "The server's log says more."},
	{"44", RPC_INTERNAL_ERROR, "the call failed in the database", "The server's log says more."},
	{"P0", RPC_INTERNAL_ERROR, "the call failed in the database", "The server's log says more."},
	{"", RPC_INTERNAL_ERROR, NULL, NULL}
};

/* What the role lacks it can be given. */
static void
missing_grant(Buffer *out, Span id, const char *said, const char *sqlstate)
{
	const char *user = session_user();
	Buffer		text,
				hint;

	buffer_init(&text);
	buffer_init(&hint);
	buffer_add(&text, said != NULL ? said : "permission denied");
	buffer_add(&text, " (the role is \"");
	buffer_add(&text, user);
	buffer_add(&text, "\")");
	buffer_add(&hint, "As a superuser or the extension's owner: SELECT selfheal.grant_to('");
	for (; *user != '\0'; user++)
	{
		if (*user == '\'')
			buffer_add(&hint, "'");
		buffer_append(&hint, user, 1);
	}
	buffer_add(&hint, "', 'viewer'); or the level that the call needs.");
	message_error(out, id, RPC_INTERNAL_ERROR, text.data, hint.data, sqlstate);
	buffer_free(&text);
	buffer_free(&hint);
}

void
fault_answer(Buffer *out, Span id, const PGresult *result)
{
	const char *sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *said = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const Fault *fault = faults;

	if (sqlstate == NULL)
		sqlstate = "";
	if (strcmp(sqlstate, "42501") == 0)
	{
		missing_grant(out, id, said, sqlstate);
		return;
	}
	while (strncmp(fault->sqlstate, sqlstate, strlen(fault->sqlstate)) != 0)
		fault++;
	if (fault->text != NULL || said == NULL)
		said = (fault->text != NULL) ? fault->text : "the call failed in the database";
	message_error(out, id, fault->code, said, fault->hint, sqlstate[0] != '\0' ? sqlstate : NULL);
}
