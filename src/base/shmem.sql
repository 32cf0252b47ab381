-- The schema of everything of ours; a member of the extension.
CREATE SCHEMA selfheal;
COMMENT ON SCHEMA selfheal IS
	'selfheal: rows that do not fit their table are kept, the table is healed, the rows are stored exactly once';
