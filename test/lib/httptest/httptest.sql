-- The face of the test module: requests are rows, a background worker makes
-- them, and what became of them are rows again.

CREATE SCHEMA httptest;

CREATE TABLE httptest.job (
	run int NOT NULL,
	phase int NOT NULL DEFAULT 1,		-- 2: after phase 1 is over, however
	id int NOT NULL,
	url text NOT NULL,
	body text,							-- not null: a POST
	header_names text[] NOT NULL DEFAULT '{}',
	header_values text[] NOT NULL DEFAULT '{}',	-- of x-api-key and authorization: secret
	ca_file text,
	connect_ms int NOT NULL DEFAULT 10000,
	total_ms int NOT NULL DEFAULT 20000,
	stall_ms int NOT NULL DEFAULT 0,
	stall_bytes int NOT NULL DEFAULT 1,
	max_headers int NOT NULL DEFAULT 65536,
	max_body int NOT NULL DEFAULT 1000000,
	PRIMARY KEY (run, phase, id)
);

CREATE TABLE httptest.result (
	run int NOT NULL,
	phase int NOT NULL,
	id int NOT NULL,
	fault text NOT NULL,
	why text NOT NULL,
	status int NOT NULL,
	body text,							-- where it is short
	body_len bigint NOT NULL,
	content_type text,
	request_id text,
	retry_after text,
	retry_after_ms text,
	should_retry text,
	latency_ms bigint NOT NULL,
	sent bigint NOT NULL,
	received bigint NOT NULL,
	PRIMARY KEY (run, phase, id)
);

-- A phase that is over.
CREATE TABLE httptest.phase (
	run int NOT NULL,
	phase int NOT NULL,
	pid int NOT NULL,
	sqlstate text,						-- of the ERROR that ended it
	took_ms bigint NOT NULL,			-- to its end or the ERROR
	cleaned_ms bigint NOT NULL,			-- http_end of what it had
	latches int NOT NULL,				-- times that http_wait answered so
	timeouts int NOT NULL,
	slots int NOT NULL,					-- free at its end
	traces int NOT NULL,				-- of a made secret in memory, at its end
	open_threads int NOT NULL,			-- others of the process that a signal may reach
	grown_kb bigint NOT NULL,			-- memory, in the later rounds of repeat
	PRIMARY KEY (run, phase)
);

-- Start a worker on the jobs of a run; it ends when they are done. options:
-- statement_timeout=N (ms, of phase 1), wait=N (ms, http_wait's argument),
-- busy_latch (the latch is always set), keep (the worker stays), transaction
-- (http_wait is called in one), repeat=N (all jobs N times over, without
-- results).
CREATE FUNCTION httptest.start(run int, options text DEFAULT '') RETURNS int
	STRICT LANGUAGE c AS 'httptest', 'httptest_start';

CREATE FUNCTION httptest.decide(fault text, status int, retry_after text, retry_after_ms text,
	should_retry text, retries int, bare_429 int, dice float8, now_ms bigint,
	OUT verdict text, OUT wait_ms bigint, OUT asked bool, OUT retries_then int, OUT bare_429_then int)
	LANGUAGE c AS 'httptest', 'httptest_decide';
CREATE FUNCTION httptest.after(value text, now_ms bigint) RETURNS bigint
	STRICT LANGUAGE c AS 'httptest', 'httptest_after';
-- may | ok | fail | release, each with @ and the time; what may answers, or
-- failures, reopened and open_until after the others.
CREATE FUNCTION httptest.breaker(events text[]) RETURNS text[]
	STRICT LANGUAGE c AS 'httptest', 'httptest_breaker';
CREATE FUNCTION httptest.breaker_failure(fault text, status int) RETURNS bool
	STRICT LANGUAGE c AS 'httptest', 'httptest_breaker_failure';
