-- What a model may ask for.

CREATE FUNCTION selfheal.tool(name text, arguments jsonb DEFAULT NULL, incident bigint DEFAULT NULL) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_tool' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.tool(text, jsonb, bigint) IS
'call a tool as a model would, in your own name: {"is_error", "structured" or "text"}; tools() lists them';
REVOKE ALL ON FUNCTION selfheal.tool(text, jsonb, bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.tools() RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_tools' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.tools() IS 'the tools that there are: name, description and the JSON Schema of arguments and answers';
REVOKE ALL ON FUNCTION selfheal.tools() FROM PUBLIC;

CREATE FUNCTION selfheal.tool_arguments(schema jsonb, arguments jsonb) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_tool_arguments' LANGUAGE C IMMUTABLE PARALLEL SAFE;
COMMENT ON FUNCTION selfheal.tool_arguments(jsonb, jsonb) IS
'what a tool with this JSON Schema would get of these arguments: {"arguments"}, {"fault"}, or {"schema_fault"} where the schema is none that a strict tool may have';
REVOKE ALL ON FUNCTION selfheal.tool_arguments(jsonb, jsonb) FROM PUBLIC;

CREATE FUNCTION selfheal.agent_tool(name text, arguments jsonb, incident bigint) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_agent_tool' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.agent_tool(text, jsonb, bigint) IS
'call a tool as the agent does in its conversation about an incident: it may ask about that and its table alone';
REVOKE ALL ON FUNCTION selfheal.agent_tool(text, jsonb, bigint) FROM PUBLIC;
