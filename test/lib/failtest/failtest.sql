-- The face of the test module: what the ring of failed statements holds.

CREATE SCHEMA failtest;

-- Are failures of this database wanted?
CREATE FUNCTION failtest.want(wanted bool) RETURNS void
	STRICT LANGUAGE c AS 'failtest', 'failtest_want';

-- Take all that is there, oldest first.
CREATE FUNCTION failtest.take() RETURNS SETOF jsonb
	STRICT LANGUAGE c AS 'failtest', 'failtest_take';

CREATE FUNCTION failtest.dropped(OUT "full" bigint, OUT repeated bigint)
	STRICT LANGUAGE c AS 'failtest', 'failtest_dropped';

CREATE FUNCTION failtest.forget(dbid oid) RETURNS void
	STRICT LANGUAGE c AS 'failtest', 'failtest_forget';

-- How many errors the module's own log hook has seen in this session.
CREATE FUNCTION failtest.seen() RETURNS bigint
	STRICT LANGUAGE c AS 'failtest', 'failtest_seen';
