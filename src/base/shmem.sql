-- The schema; made by CREATE EXTENSION (selfheal.control).
COMMENT ON SCHEMA selfheal IS
	'selfheal: rows that do not fit their table are kept, the table is healed, the rows are stored exactly once';
