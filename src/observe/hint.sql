-- What the team has said about keys: before what is inferred from values.

CREATE TABLE selfheal.hint (
	relid regclass NOT NULL REFERENCES selfheal.watched (relid) ON UPDATE CASCADE ON DELETE CASCADE,
	key text NOT NULL,
	type text,
	ignored boolean NOT NULL DEFAULT false,
	rename_to text,
	hinted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	hinted_by text NOT NULL,
	default_value text,
	PRIMARY KEY (relid, key),
	CHECK (num_nonnulls(type, nullif(ignored, false), rename_to, default_value) = 1)
);
COMMENT ON TABLE selfheal.hint IS 'the team''s word about keys of watched tables; goes where its watch goes, and with it';
COMMENT ON COLUMN selfheal.hint.relid IS 'the watched table';
COMMENT ON COLUMN selfheal.hint.key IS 'top-level key of a payload, byte for byte';
COMMENT ON COLUMN selfheal.hint.type IS 'type that its column gets, and the widest that it becomes by itself';
COMMENT ON COLUMN selfheal.hint.ignored IS 'true: rows are stored without it';
COMMENT ON COLUMN selfheal.hint.rename_to IS 'column that takes its value';
COMMENT ON COLUMN selfheal.hint.default_value IS 'what rows get that lack it: a constant that the column''s default is set to, after approval';
COMMENT ON COLUMN selfheal.hint.hinted_at IS 'when it was said';
COMMENT ON COLUMN selfheal.hint.hinted_by IS 'role that said so';
SELECT pg_catalog.pg_extension_config_dump('selfheal.hint', '');
