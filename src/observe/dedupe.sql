-- What selfheal.load_id recognises lines by.

-- A row has the digests of up to 32 lines that follow each other, none beyond
-- a multiple of 32: short enough to stay in the row, and found by the numbers
-- that a batch has. load_id is compared byte by byte.
CREATE TABLE selfheal.load_line (
	relid regclass NOT NULL,
	load_id text COLLATE "C" NOT NULL,
	first bigint NOT NULL,
	load bigint NOT NULL,
	digests bytea NOT NULL,
	PRIMARY KEY (relid, load_id, first, load)
);
COMMENT ON TABLE selfheal.load_line IS
'lines that were loaded under a selfheal.load_id: a load of the same name does not take them again; kept as long as selfheal.load_retention says';
COMMENT ON COLUMN selfheal.load_line.relid IS 'the table they were loaded into';
COMMENT ON COLUMN selfheal.load_line.load_id IS 'selfheal.load_id of the load';
COMMENT ON COLUMN selfheal.load_line.first IS 'number of the first of them, from 1 at each SET of selfheal.load_id';
COMMENT ON COLUMN selfheal.load_line.load IS 'the load that brought them (selfheal.load)';
COMMENT ON COLUMN selfheal.load_line.digests IS
'sha256 of each line from the first on, 32 bytes each; zeros where a line was blank or known already';
SELECT pg_catalog.pg_extension_config_dump('selfheal.load_line', '');
