-- The Model Context Protocol.

CREATE FUNCTION selfheal.mcp(request jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_mcp' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.mcp(jsonb) IS
'answer one message of the Model Context Protocol (JSON-RPC 2.0) in your own name; null where none is due. selfheal-mcp speaks it for you over stdio';
REVOKE ALL ON FUNCTION selfheal.mcp(jsonb) FROM PUBLIC;
