/*
 * protocol.h
 *	  selfheal.mcp(): one message of the Model Context Protocol, and its answer.
 *
 * Two eras are spoken. Since 2026-07-28 each request says in params._meta which
 * revision it is of and stands alone. Before (2024-11-05 to 2025-11-25) a client
 * begins with initialize; what it said there is remembered by this session, and
 * a request without that _meta is answered by the revision agreed on, or by the
 * newest of the old ones where none was.
 *
 * Lines, cancelling and reconnecting are the bridge's (src/bridge). The SQL
 * function has no C callers.
 *
 * Source: modelcontextprotocol.io, specification 2026-07-28 (Versioning,
 * Discovery) and 2025-11-25 (Lifecycle).
 */
#ifndef SELFHEAL_MCP_PROTOCOL_H
#define SELFHEAL_MCP_PROTOCOL_H

#include "postgres.h"

#endif							/* SELFHEAL_MCP_PROTOCOL_H */
