-- What a mapping of values would do, to try out. Both read nothing but their arguments.

CREATE FUNCTION selfheal.transform(kind text, args jsonb, value jsonb, type regtype DEFAULT 'text') RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_transform' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.transform(text, jsonb, jsonb, regtype) IS
'what trim, null_if, map_value, parse_timestamp, parse_number or parse_point would make of a value for a column of this type: {"outcome": "left"|"made"|"nulled"|"torn" (not certain: held), "text": what the type would read}; of decode_text, with the bytes as a string of hexadecimal digits: {"outcome", "text", "encoding"}';
REVOKE ALL ON FUNCTION selfheal.transform(text, jsonb, jsonb, regtype) FROM PUBLIC;

CREATE FUNCTION selfheal.transform_infer(kind text, samples jsonb, type regtype) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_transform_infer' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.transform_infer(text, jsonb, regtype) IS
'the arguments of a mapping that a list of values proves: {"args", "why_not"}; args is null where they prove none; both: one argument is null and must be said by somebody';
REVOKE ALL ON FUNCTION selfheal.transform_infer(text, jsonb, regtype) FROM PUBLIC;

CREATE FUNCTION selfheal.transform_args(kind text, args jsonb, type regtype DEFAULT 'text') RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_transform_args' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.transform_args(text, jsonb, regtype) IS
'the arguments of a mapping with everything that was not said spelled out, as they are stored; or the error that says what is wrong with them';
REVOKE ALL ON FUNCTION selfheal.transform_args(text, jsonb, regtype) FROM PUBLIC;
