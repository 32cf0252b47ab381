/*
 * facts.h
 *	  What a role may be told by MCP: whose rows, and how much of them.
 *
 * Our own SQL runs as the extension's owner, so the role that asks is noted
 * before, and each query has it as its first two parameters. A row is shown
 * to who may read its table (as selfheal.may_see); of its values as much as
 * tools tell (serve/telling.h).
 */
#ifndef SELFHEAL_MCP_FACTS_H
#define SELFHEAL_MCP_FACTS_H

#include "postgres.h"

#include "base/guc.h"
#include "base/spi.h"
#include "lib/stringinfo.h"
#include "serve/telling.h"

/* Who asks. */
typedef struct McpReader
{
	Oid			role;
	bool		all;			/* reads every table */
	MemoryContext cxt;
	List	   *tellings;		/* Telling *: found once each */
} McpReader;

/* Must be asked outside of spi_open, where the user is another one. */
extern McpReader *mcp_reader(void);

/* Parameters $1 and $2, and the condition on a regclass. */
extern void mcp_reader_args(const McpReader *reader, SpiArgs *args);
#define MCP_MAY_READ(relid) \
	"($2 OR coalesce(has_table_privilege($1::oid, " relid "::oid, 'SELECT'), false))"

extern bool mcp_may_read(const McpReader *reader, Oid relid);

/* What of a table he is told; it lives as long as the reader. */
extern Telling *mcp_telling(McpReader *reader, Oid relid);

/* The watched table of this name, or InvalidOid: there is none, or it is not
 * for him. */
extern Oid	mcp_watched_table(const McpReader *reader, const char *schema, const char *table);

/* A key or column, as far as it may be told; NULL stays NULL. It never waits
 * for a lock: names of the table itself are masked, too, where they look like
 * data, since to know them it would have to be opened. */
extern char *mcp_told_name(McpReader *reader, Oid relid, const char *name);

/* "key": a number, as it stands in a row of SPI's; nothing where it is null. */
extern void mcp_add_number(StringInfo buf, const char *key, uint64 row, int col);

/*
 * An incident as an object {"id", "uri", "table", "class", "column", "state",
 * "reason_kind", "reason", "rows", "rows_held", "attempts", "plan",
 * "first_seen", "last_seen", "closed", "seconds"}, of a row with these columns
 * first, of a query with "selfheal.incident i".
 */
#define MCP_INCIDENT_COLUMNS \
	"i.id, coalesce(i.relid::oid, 0), format('%I.%I', i.schema_name, i.table_name), i.class, i.column_name, i.state," \
	" i.reason_kind, i.reason, i.rows," \
	" (SELECT count(*) FROM selfheal.held h WHERE h.incident = i.id AND h.witness IS NULL)," \
	" i.attempts, i.plan, " SPI_UTC("i.first_seen") ", " SPI_UTC("i.last_seen") ", " SPI_UTC("i.closed_at") ", round(i.seconds::numeric, 3)"
extern void mcp_add_incident(StringInfo buf, McpReader *reader, uint64 row);

/*
 * A plan as an object {"id", "table", "state", "verdict", "policy", "reason",
 * "sql", "steps": [{"kind", "column", "type"}], "explanation", "proposed_by",
 * "why", "confidence", "decided_by", "made", "applied", "incidents", "plan_hash",
 * "rows_waiting", "migration"}, likewise, of "selfheal.plan p".
 */
#define MCP_PLAN_COLUMNS \
	"p.id, coalesce(p.relid::oid, 0), format('%I.%I', p.schema_name, p.table_name), p.state, p.verdict, p.policy, p.reason," \
	" p.sql, p.steps, p.explanation, p.proposed_by, p.why, p.confidence, p.decided_by, " SPI_UTC("p.at") ", " SPI_UTC("p.applied_at") "," \
	" to_jsonb(p.incidents)::text, p.hash," \
	" (SELECT count(*) FROM selfheal.held h WHERE h.incident = ANY (p.incidents) AND h.witness IS NULL)"
extern void mcp_add_plan(StringInfo buf, McpReader *reader, uint64 row);

#endif							/* SELFHEAL_MCP_FACTS_H */
