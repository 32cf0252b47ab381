-- What was a failed statement about? For people, who have its error at hand.

CREATE FUNCTION selfheal.locate(statement text, error jsonb, params text[] DEFAULT NULL, target regclass DEFAULT NULL)
RETURNS TABLE (relation regclass, class text, "column" text, need text, "constraint" text, value text,
	certain boolean, payload text, whole boolean, opaque text)
AS 'MODULE_PATHNAME', 'selfheal_locate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.locate(text, jsonb, text[], regclass) IS
'which table and column a failed statement was about, and what it needs; one row for each thing that may be why; nothing is executed. error has what PostgreSQL said of it: sqlstate, message, detail, context, position, query (psql''s QUERY: the statement within a function), schema, table, column, datatype, constraint; target is for a statement whose text does not say it (EXECUTE)';
REVOKE ALL ON FUNCTION selfheal.locate(text, jsonb, text[], regclass) FROM PUBLIC;
