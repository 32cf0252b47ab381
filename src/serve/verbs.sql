-- What people do and ask by SQL.

CREATE FUNCTION selfheal.vet(relation regclass, ddl text,
	OUT verdict text, OUT reason text, OUT steps jsonb, OUT sql text, OUT forecast jsonb, OUT impact jsonb)
AS 'MODULE_PATHNAME', 'selfheal_vet' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.vet(regclass, text) IS
'may this statement run on this table? verdict auto, review or refuse, the reason, its steps, the SQL as it would run, what it would cost, and who downstream would feel it';
REVOKE ALL ON FUNCTION selfheal.vet(regclass, text) FROM PUBLIC;

CREATE FUNCTION selfheal.preview("table" regclass, payload text)
RETURNS TABLE (class text, column_name text, message text, playbook text, sql text, verdict text)
AS 'MODULE_PATHNAME', 'selfheal_preview' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.preview(regclass, text) IS
'what would this payload need? one row for each thing that does not fit; stores nothing';
REVOKE ALL ON FUNCTION selfheal.preview(regclass, text) FROM PUBLIC;

CREATE FUNCTION selfheal.explain(incident_id bigint) RETURNS text
AS 'MODULE_PATHNAME', 'selfheal_explain' LANGUAGE C STABLE;
COMMENT ON FUNCTION selfheal.explain(bigint) IS
'an incident as a story: what broke, what was found, decided and done';
REVOKE ALL ON FUNCTION selfheal.explain(bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.propose("table" regclass, ddl text, why text,
	OUT plan_id bigint, OUT verdict text, OUT reason text)
AS 'MODULE_PATHNAME', 'selfheal_propose' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.propose(regclass, text, text) IS
'propose a change of a watched table: vetted, then it waits for approve(); a refusal is recorded and returned';
REVOKE ALL ON FUNCTION selfheal.propose(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.propose_partition("table" regclass, value text, why text,
	OUT plan_id bigint, OUT verdict text, OUT reason text)
AS 'MODULE_PATHNAME', 'selfheal_propose_partition' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.propose_partition(regclass, text, text) IS
'propose the partition that a value of the key belongs to, as wide and named as the others, rows of it moved out of the default partition: vetted, then it waits for approve()';
REVOKE ALL ON FUNCTION selfheal.propose_partition(regclass, text, text) FROM PUBLIC;

CREATE FUNCTION selfheal.dry_run(plan_id bigint) RETURNS jsonb
AS 'MODULE_PATHNAME', 'selfheal_dry_run' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.dry_run(bigint) IS
'try a plan on a clone of its table with held and stored rows; everything is rolled back';
REVOKE ALL ON FUNCTION selfheal.dry_run(bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.approve(plan_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_approve' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.approve(bigint) IS
'let a pending plan run, as it is now; a table or a policy that changes before it runs voids the approval; under selfheal.four_eyes who has proposed it cannot';
REVOKE ALL ON FUNCTION selfheal.approve(bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.reject(plan_id bigint, why text) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_reject' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.reject(bigint, text) IS 'turn a pending plan down; its rows stay held';
REVOKE ALL ON FUNCTION selfheal.reject(bigint, text) FROM PUBLIC;

CREATE FUNCTION selfheal.retry(incident_id bigint) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_retry' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.retry(bigint) IS 'let the healer look at an incident again now';
REVOKE ALL ON FUNCTION selfheal.retry(bigint) FROM PUBLIC;

CREATE FUNCTION selfheal.pause("table" regclass) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_pause' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.pause(regclass) IS 'hold rows as before, but plan and change nothing until resume()';
REVOKE ALL ON FUNCTION selfheal.pause(regclass) FROM PUBLIC;

CREATE FUNCTION selfheal.resume("table" regclass) RETURNS void
AS 'MODULE_PATHNAME', 'selfheal_resume' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.resume(regclass) IS 'end a pause()';
REVOKE ALL ON FUNCTION selfheal.resume(regclass) FROM PUBLIC;
