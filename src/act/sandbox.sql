-- act/sandbox.sql: where clones of tables live while a plan is tried.

CREATE SCHEMA selfheal_sandbox;

COMMENT ON SCHEMA selfheal_sandbox IS
	'selfheal: clones for dry runs; always empty, as every dry run is rolled back';

REVOKE ALL ON SCHEMA selfheal_sandbox FROM PUBLIC;
