-- Files that are not JSON.

CREATE FUNCTION selfheal.copy_from("table" regclass, path text DEFAULT NULL, program text DEFAULT NULL,
	options jsonb DEFAULT NULL, OUT stored bigint, OUT held bigint)
RETURNS record
AS 'MODULE_PATHNAME', 'selfheal_copy_from' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.copy_from(regclass, text, text, jsonb) IS
'load a file of the server, or what a program on it writes, into a watched table: what fits is stored, what does not is held with its line; returns both counts. options: those of COPY by name, as {"format": "csv", "header": true, "null": "-"}, and "columns" (the names of the fields; else the header says them, else the order of the table''s columns), "where" (its WHERE) and "multiline" (false: no quoted field goes over the end of a line)';
REVOKE ALL ON FUNCTION selfheal.copy_from(regclass, text, text, jsonb) FROM PUBLIC;
