-- The proof: what stands in the tables against what stands in the files.
-- The files come in here by core's own COPY (one column, no quoting at all),
-- not by anything of selfheal's.

CREATE SCHEMA proof;
CREATE TABLE proof.sent (file text NOT NULL DEFAULT '', line bigint GENERATED ALWAYS AS IDENTITY, payload jsonb NOT NULL);

-- A payload or a row as one object that can be compared: without nulls at the
-- top (no key, a null and no column mean the same), points in time in one
-- notation where the table has a point in time.
CREATE FUNCTION proof.plain(object jsonb, times text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE AS $$
	SELECT jsonb_object_agg(key, CASE WHEN key = ANY (times)
			THEN to_jsonb(extract(epoch FROM (value #>> '{}')::timestamptz)) ELSE value END)
		FILTER (WHERE value <> 'null')
	FROM jsonb_each(object)
$$;

-- Points in time of a table.
CREATE FUNCTION proof.times(relation regclass) RETURNS text[]
LANGUAGE sql STABLE AS $$
	SELECT array_agg(attname::text) FROM pg_attribute
	WHERE attrelid = relation AND atttypid = 'timestamptz'::regtype AND NOT attisdropped
$$;
