-- The append-only record of every decision, and its hash chain.

-- A domain and not a CHECK of the table: that one would be read anew from its
-- text at every event that is written.
CREATE DOMAIN selfheal.audit_event AS text CHECK (VALUE IN (
	'captured', 'diagnosed', 'planned', 'refused', 'vetted', 'dry_run',
	'approved', 'rejected', 'applied', 'apply_failed', 'replayed',
	'discarded', 'paused', 'resumed', 'policy_changed', 'setting_changed',
	'tool_called', 'proposed', 'amended', 'watched', 'unwatched',
	'retried', 'dismissed', 'mapping_added', 'mapping_removed', 'stopped',
	'asked', 'answered', 'playbook_offered', 'playbook_promoted', 'playbook_demoted'));
COMMENT ON DOMAIN selfheal.audit_event IS 'what an event of the audit may be';

-- Columns and their order are what docs/AUDIT.md says is hashed: a change of
-- either is a new version of the canonical text.
CREATE SEQUENCE selfheal.audit_id_seq;
CREATE TABLE selfheal.audit (
	id bigint PRIMARY KEY DEFAULT pg_catalog.nextval('selfheal.audit_id_seq'),
	at timestamptz NOT NULL DEFAULT pg_catalog.clock_timestamp() CHECK (pg_catalog.isfinite(at)),
	event selfheal.audit_event NOT NULL,
	incident bigint,
	plan bigint,
	schema_name text,
	table_name text,
	actor_role text NOT NULL,
	actor_client text NOT NULL,
	sqlstate text,
	error jsonb,
	payload_ref jsonb,
	packet jsonb,
	options jsonb,
	explanation text,
	confidence double precision,
	playbook text,
	tools jsonb,
	sql_run text,
	inverse text,
	verdict text,
	policy text,
	forecast jsonb,
	dry_run jsonb,
	approval jsonb,
	result text,
	rows_held bigint,
	rows_replayed bigint,
	rows_left bigint,
	estimate_before bigint,
	estimate_after bigint,
	schema_hash_before text,
	schema_hash_after text,
	lsn pg_lsn NOT NULL,
	ms_since_capture double precision,
	seq bigint UNIQUE,
	prev_hash text,
	hash text,
	CHECK (pg_catalog.num_nulls(seq, prev_hash, hash) IN (0, 3))
);
ALTER SEQUENCE selfheal.audit_id_seq OWNED BY selfheal.audit.id;
CREATE INDEX audit_unsealed ON selfheal.audit (id) WHERE seq IS NULL;
CREATE INDEX audit_incident ON selfheal.audit (incident) WHERE incident IS NOT NULL;
CREATE INDEX audit_applied ON selfheal.audit (plan) WHERE event = 'applied';
CREATE INDEX audit_plan ON selfheal.audit (plan) WHERE plan IS NOT NULL;
CREATE INDEX audit_table ON selfheal.audit (schema_name, table_name, id) WHERE table_name IS NOT NULL;
SELECT pg_catalog.pg_extension_config_dump('selfheal.audit', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.audit_id_seq', '');

COMMENT ON SEQUENCE selfheal.audit_id_seq IS 'ids of selfheal.audit; a transaction that was rolled back leaves a gap';
COMMENT ON TABLE selfheal.audit IS 'every decision and its outcome, append-only; sealed into a hash chain by the worker (docs/AUDIT.md)';
COMMENT ON COLUMN selfheal.audit.id IS 'order of writing; gaps are transactions that were rolled back';
COMMENT ON COLUMN selfheal.audit.at IS 'when the row was written';
COMMENT ON COLUMN selfheal.audit.event IS 'what happened, from a closed list';
COMMENT ON COLUMN selfheal.audit.incident IS 'incident it is about';
COMMENT ON COLUMN selfheal.audit.plan IS 'plan it is about';
COMMENT ON COLUMN selfheal.audit.schema_name IS 'schema of the table, as it was called then';
COMMENT ON COLUMN selfheal.audit.table_name IS 'table, as it was called then';
COMMENT ON COLUMN selfheal.audit.actor_role IS 'role that acted';
COMMENT ON COLUMN selfheal.audit.actor_client IS 'application_name and address of its client, or "selfheal worker"';
COMMENT ON COLUMN selfheal.audit.sqlstate IS 'SQLSTATE of the failure';
COMMENT ON COLUMN selfheal.audit.error IS 'all fields of the failure''s error';
COMMENT ON COLUMN selfheal.audit.payload_ref IS 'held rows it is about: ranges of quarantine ids, count, sha256';
COMMENT ON COLUMN selfheal.audit.packet IS 'what was known when the decision was made';
COMMENT ON COLUMN selfheal.audit.options IS 'options considered, each with the reason why it was taken or not';
COMMENT ON COLUMN selfheal.audit.explanation IS 'why, in words';
COMMENT ON COLUMN selfheal.audit.confidence IS 'from 0 to 1; null for playbooks, which do not guess';
COMMENT ON COLUMN selfheal.audit.playbook IS 'playbook that proposed the step';
COMMENT ON COLUMN selfheal.audit.tools IS 'tools that were called: [{"name", "arguments_sha256", "outcome", "ms"}]';
COMMENT ON COLUMN selfheal.audit.sql_run IS 'SQL of the plan as rendered from its steps; on applied: as it ran';
COMMENT ON COLUMN selfheal.audit.inverse IS 'SQL that would undo it';
COMMENT ON COLUMN selfheal.audit.verdict IS 'auto, review or refuse';
COMMENT ON COLUMN selfheal.audit.policy IS 'rule that gave the verdict';
COMMENT ON COLUMN selfheal.audit.forecast IS 'what the plan was expected to cost on this table; where it was planned or proposed also who would feel it (impact)';
COMMENT ON COLUMN selfheal.audit.dry_run IS 'result of the trial on a clone';
COMMENT ON COLUMN selfheal.audit.approval IS 'who decided, when, on which plan hash';
COMMENT ON COLUMN selfheal.audit.result IS 'outcome in words';
COMMENT ON COLUMN selfheal.audit.rows_held IS 'rows that were held';
COMMENT ON COLUMN selfheal.audit.rows_replayed IS 'rows that were stored by this event';
COMMENT ON COLUMN selfheal.audit.rows_left IS 'rows that are still held after it';
COMMENT ON COLUMN selfheal.audit.estimate_before IS 'the table''s row estimate before';
COMMENT ON COLUMN selfheal.audit.estimate_after IS 'the table''s row estimate after';
COMMENT ON COLUMN selfheal.audit.schema_hash_before IS 'sha256 of the table''s definition before, and of what was made again around the change';
COMMENT ON COLUMN selfheal.audit.schema_hash_after IS 'sha256 of the table''s definition after, and of what was made again around the change';
COMMENT ON COLUMN selfheal.audit.lsn IS 'WAL position at which the row was written';
COMMENT ON COLUMN selfheal.audit.ms_since_capture IS 'milliseconds since the failure was captured';
COMMENT ON COLUMN selfheal.audit.seq IS 'place in the chain, from 1 without gaps; null until sealed';
COMMENT ON COLUMN selfheal.audit.prev_hash IS 'hash of the row before; 64 zeros for the first';
COMMENT ON COLUMN selfheal.audit.hash IS 'sha256 in hex over seq, prev_hash and the canonical text of all columns before seq';
COMMENT ON INDEX selfheal.audit_unsealed IS 'what the worker still has to seal';
COMMENT ON INDEX selfheal.audit_incident IS 'the story of one incident';
COMMENT ON INDEX selfheal.audit_applied IS 'what a plan ran';
COMMENT ON INDEX selfheal.audit_plan IS 'the story of one plan';
COMMENT ON INDEX selfheal.audit_table IS 'what was done to one table';

CREATE FUNCTION selfheal.audit_guard()
RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_audit_guard' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.audit_guard() IS 'refuses UPDATE, DELETE and TRUNCATE of selfheal.audit, whoever asks';
REVOKE ALL ON FUNCTION selfheal.audit_guard() FROM PUBLIC;

-- The statement triggers refuse also what would touch no row.
CREATE TRIGGER audit_guard_row BEFORE UPDATE OR DELETE ON selfheal.audit
	FOR EACH ROW EXECUTE FUNCTION selfheal.audit_guard();
CREATE TRIGGER audit_guard_statement BEFORE UPDATE OR DELETE ON selfheal.audit
	FOR EACH STATEMENT EXECUTE FUNCTION selfheal.audit_guard();
CREATE TRIGGER audit_guard_truncate BEFORE TRUNCATE ON selfheal.audit
	FOR EACH STATEMENT EXECUTE FUNCTION selfheal.audit_guard();
ALTER TABLE selfheal.audit ENABLE ALWAYS TRIGGER audit_guard_row;
ALTER TABLE selfheal.audit ENABLE ALWAYS TRIGGER audit_guard_statement;
ALTER TABLE selfheal.audit ENABLE ALWAYS TRIGGER audit_guard_truncate;
COMMENT ON TRIGGER audit_guard_row ON selfheal.audit IS 'append-only; lets only the sealing through';
COMMENT ON TRIGGER audit_guard_statement ON selfheal.audit IS 'append-only, also for statements that touch no row';
COMMENT ON TRIGGER audit_guard_truncate ON selfheal.audit IS 'append-only';

CREATE FUNCTION selfheal.audit_double(value double precision)
RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_audit_double' LANGUAGE C IMMUTABLE STRICT PARALLEL SAFE;
COMMENT ON FUNCTION selfheal.audit_double(double precision) IS
'canonical text of a double: the shortest digits that read back as the same value, whatever extra_float_digits is';
REVOKE ALL ON FUNCTION selfheal.audit_double(double precision) FROM PUBLIC;

CREATE VIEW selfheal.audit_export AS
SELECT
	id::text AS id,
	pg_catalog.trunc(EXTRACT(epoch FROM at) * 1000000)::text AS at,
	event,
	incident::text AS incident,
	plan::text AS plan,
	schema_name,
	table_name,
	actor_role,
	actor_client,
	sqlstate,
	error::text AS error,
	payload_ref::text AS payload_ref,
	packet::text AS packet,
	options::text AS options,
	explanation,
	selfheal.audit_double(confidence) AS confidence,
	playbook,
	tools::text AS tools,
	sql_run,
	inverse,
	verdict,
	policy,
	forecast::text AS forecast,
	dry_run::text AS dry_run,
	approval::text AS approval,
	result,
	rows_held::text AS rows_held,
	rows_replayed::text AS rows_replayed,
	rows_left::text AS rows_left,
	estimate_before::text AS estimate_before,
	estimate_after::text AS estimate_after,
	schema_hash_before,
	schema_hash_after,
	lsn::text AS lsn,
	selfheal.audit_double(ms_since_capture) AS ms_since_capture,
	seq,
	prev_hash,
	hash
FROM selfheal.audit
WHERE seq IS NOT NULL;
COMMENT ON VIEW selfheal.audit_export IS
'sealed rows of selfheal.audit, each column in the canonical form that is hashed, under any session setting; order by seq (docs/AUDIT.md)';

CREATE FUNCTION selfheal.verify_audit(
	OUT ok boolean, OUT sealed bigint, OUT unsealed bigint,
	OUT head text, OUT bad_seq bigint, OUT reason text)
AS 'MODULE_PATHNAME', 'selfheal_verify_audit' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.verify_audit() IS
'compute the audit''s hash chain anew: finds the first altered, missing, moved or hand-made row; head is the hash of the last row in good order';
REVOKE ALL ON FUNCTION selfheal.verify_audit() FROM PUBLIC;

CREATE FUNCTION selfheal.verify_audit(
	seq bigint, head text,
	OUT ok boolean, OUT sealed bigint, OUT unsealed bigint,
	OUT head text, OUT bad_seq bigint, OUT reason text)
AS 'MODULE_PATHNAME', 'selfheal_verify_audit' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.verify_audit(bigint, text) IS
'the same, and the row with this seq must have this hash: finds also a tail that was cut and a chain that was written anew. Take both from the server log';
REVOKE ALL ON FUNCTION selfheal.verify_audit(bigint, text) FROM PUBLIC;
