/*
 * migration.h
 *	  What an applied heal ran, as a file for a team's repository.
 *
 * One for each plan that was applied and ran something; the number is the
 * plan's, and the name of the file is made of when it was applied and of what
 * its table was called when it was planned, so that neither changes. The text:
 * a header of comments (what broke, why, the plan's hash, who approved or
 * which rule, what would undo it), and the statements as they ran, from the
 * audit, each ended by a semicolon. Where views and the like were taken away
 * and made again around the change, so does the file: from their definitions of
 * now, and it says where those are others than then.
 *
 * Nothing that somebody else wrote leaves its comment: a comment is one line,
 * and begins with words of ours.
 */
#ifndef SELFHEAL_MCP_MIGRATION_H
#define SELFHEAL_MCP_MIGRATION_H

#include "decide/subtable.h"
#include "mcp/facts.h"

/* The plans that are migrations, of "selfheal.plan p". */
#define MIGRATION_IS "p.state = 'applied' AND p.sql IS NOT NULL"

/* Their table: that of a subscription is known by its name alone. Of a plan
 * whose table is gone it is null. */
#define MIGRATION_TABLE \
	"coalesce(p.relid::oid, (SELECT c.oid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace" \
	" WHERE n.nspname = p.schema_name AND c.relname = p.table_name AND p.playbook = '" SUBTABLE_PLAYBOOK "'))"

/* Columns 1 to 4 of a query: what migration_name needs. */
#define MIGRATION_NAME_COLUMNS \
	"p.id, to_char(p.applied_at AT TIME ZONE 'UTC', 'YYYYMMDD\"T\"HH24MISS\"Z\"'), p.schema_name, p.table_name"

/* The name of the file, of a row that begins with those. */
extern char *migration_name(uint64 row);

/* The text; NULL: there is none, or it is not for this role. */
extern char *migration_text(McpReader *reader, int64 plan);

#endif							/* SELFHEAL_MCP_MIGRATION_H */
