-- What was a failed statement about? For people, who have its error at hand.

CREATE FUNCTION selfheal.locate(statement text, sqlstate text, message text DEFAULT NULL,
	detail text DEFAULT NULL, context text DEFAULT NULL, "position" integer DEFAULT NULL,
	params text[] DEFAULT NULL, schema_name text DEFAULT NULL, table_name text DEFAULT NULL,
	column_name text DEFAULT NULL, datatype_name text DEFAULT NULL, constraint_name text DEFAULT NULL)
RETURNS TABLE (relation regclass, class text, "column" text, need text, "constraint" text, value text,
	certain boolean, payload text, whole boolean, opaque text)
AS 'MODULE_PATHNAME', 'selfheal_locate' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.locate(text, text, text, text, text, integer, text[], text, text, text, text, text) IS
'which table and column a failed statement of your own was about, and what it needs: give the text and the fields of its error (GET STACKED DIAGNOSTICS), and its parameters; one row for each thing that may be why; nothing is executed';
REVOKE ALL ON FUNCTION selfheal.locate(text, text, text, text, text, integer, text[], text, text, text, text, text) FROM PUBLIC;
