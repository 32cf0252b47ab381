-- decide/plan: plans, what was decided about them, and what waits for approval

CREATE SEQUENCE selfheal.plan_id_seq;
COMMENT ON SEQUENCE selfheal.plan_id_seq IS
	'Numbers of plans.';

CREATE TABLE selfheal.plan (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.plan_id_seq'),
	relid regclass,
	schema_name text,
	table_name text,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	incidents bigint[] NOT NULL DEFAULT '{}',
	steps jsonb NOT NULL,
	sql text,
	inverse text,
	state text NOT NULL CHECK (state IN ('planned', 'awaiting_approval', 'approved', 'applied',
										 'rejected', 'refused', 'failed', 'superseded')),
	verdict text NOT NULL CHECK (verdict IN ('auto', 'review', 'refuse')),
	reason text,
	policy text,
	hash text NOT NULL,
	schema_hash text NOT NULL,
	options jsonb,
	explanation text,
	playbook text,
	forecast jsonb,
	impact jsonb,
	dry_run jsonb,
	proposed_by text NOT NULL,
	why text,
	decided_by text,
	decided_at timestamptz,
	applied_at timestamptz,
	next_try timestamptz,
	proposed_login text,
	decided_login text,
	conversation bigint,
	confidence double precision,
	agent boolean NOT NULL DEFAULT false,
	proposed_client text,
	attempts integer NOT NULL DEFAULT 0
);
ALTER SEQUENCE selfheal.plan_id_seq OWNED BY selfheal.plan.id;
-- without a list of what is not in it yet, which every look would read
CREATE INDEX plan_incidents ON selfheal.plan USING gin (incidents) WITH (fastupdate = off);
CREATE INDEX plan_waiting ON selfheal.plan (relid)
	WHERE state IN ('awaiting_approval', 'approved');

COMMENT ON TABLE selfheal.plan IS
	'Changes of tables that were planned or proposed: one row, one ALTER TABLE. What runs is rendered from steps; sql is for people.';
COMMENT ON COLUMN selfheal.plan.id IS 'number of the plan';
COMMENT ON COLUMN selfheal.plan.at IS 'when it was made';
COMMENT ON COLUMN selfheal.plan.schema_name IS 'schema of the table then';
COMMENT ON COLUMN selfheal.plan.table_name IS 'name of the table then';
COMMENT ON COLUMN selfheal.plan.explanation IS 'why these steps, for people';
COMMENT ON COLUMN selfheal.plan.decided_at IS 'when it was approved or rejected';
COMMENT ON COLUMN selfheal.plan.applied_at IS 'when it ran';
COMMENT ON COLUMN selfheal.plan.relid IS 'The table. It may be gone: schema_name and table_name stay.';
COMMENT ON COLUMN selfheal.plan.incidents IS 'Incidents whose rows fit once the plan is applied.';
COMMENT ON COLUMN selfheal.plan.steps IS
	'The plan itself: {"relation", "steps": [{"kind": "add_column" | ..., "column", "type" | "labels" | "args", "evidence"}]}; evidence: an added column''s type was taught by so few values.';
COMMENT ON COLUMN selfheal.plan.sql IS 'The statement as it would run or has run; null when the table fits already and rows are only put in.';
COMMENT ON COLUMN selfheal.plan.inverse IS 'What would undo it, for a person to read first: comments say what would be lost.';
COMMENT ON COLUMN selfheal.plan.state IS
	'planned -> applied, failed, refused, superseded; planned -> awaiting_approval -> approved -> applied, or rejected.';
COMMENT ON COLUMN selfheal.plan.verdict IS 'auto: runs by itself. review: waits for approve(). refuse: never runs.';
COMMENT ON COLUMN selfheal.plan.reason IS 'Why that verdict, or why the plan ended as it did.';
COMMENT ON COLUMN selfheal.plan.policy IS 'Name of the rule that gave the verdict; docs/SAFETY.md lists them.';
COMMENT ON COLUMN selfheal.plan.hash IS 'sha256 over steps, schema hash and the policy that counts for the table: what an approval binds.';
COMMENT ON COLUMN selfheal.plan.schema_hash IS 'sha256 over the table''s definition when it was planned, and over what is made again around the change; another definition, another plan.';
COMMENT ON COLUMN selfheal.plan.options IS 'What was considered: [{"option", "taken", "why"}].';
COMMENT ON COLUMN selfheal.plan.playbook IS 'Playbooks that gave the steps; null for a proposal.';
COMMENT ON COLUMN selfheal.plan.forecast IS 'Cost on this table: lock, rewrite, scan, indexes, dependents and what is made again around the change, publications that carry it, foreign keys, bytes.';
COMMENT ON COLUMN selfheal.plan.impact IS
	'Who downstream feels it: [{"kind", "object", "column", "effect", "level": "note" | "review" | "refuse", "depth"}]; null when nobody does.';
COMMENT ON COLUMN selfheal.plan.dry_run IS 'Result of the trial on a clone.';
COMMENT ON COLUMN selfheal.plan.proposed_by IS 'selfheal, or the role that called propose().';
COMMENT ON COLUMN selfheal.plan.why IS 'The proposer''s words.';
COMMENT ON COLUMN selfheal.plan.decided_by IS 'Role that approved or rejected.';
COMMENT ON COLUMN selfheal.plan.proposed_login IS 'Role that the proposer had logged in as; null when selfheal planned it.';
COMMENT ON COLUMN selfheal.plan.agent IS 'Did an agent propose it over MCP? Then the login that proposed it approves it only where set_self_approval() says so.';
COMMENT ON COLUMN selfheal.plan.proposed_client IS 'The program with which it was proposed over MCP.';
COMMENT ON COLUMN selfheal.plan.decided_login IS 'Role that whoever decided had logged in as.';
COMMENT ON COLUMN selfheal.plan.conversation IS 'Conversation with Claude that it came of.';
COMMENT ON COLUMN selfheal.plan.confidence IS 'How sure Claude said it was, from 0 to 1; below selfheal.auto_confidence its plan waits for approval.';
COMMENT ON COLUMN selfheal.plan.attempts IS 'Runs of an approved plan of which no end is known: charged before each, 0 again when it ends.';
COMMENT ON COLUMN selfheal.plan.next_try IS 'An approved plan that missed its lock is not tried before this time.';
CREATE INDEX plan_applied ON selfheal.plan (relid, applied_at)
	WHERE state = 'applied';
COMMENT ON INDEX selfheal.plan_incidents IS 'Plans of an incident.';
COMMENT ON INDEX selfheal.plan_applied IS 'What was done to a table lately.';
CREATE INDEX plan_migrations ON selfheal.plan (applied_at DESC, id DESC)
	WHERE state = 'applied' AND sql IS NOT NULL;
COMMENT ON INDEX selfheal.plan_migrations IS 'What was done to all tables, newest first.';
COMMENT ON INDEX selfheal.plan_waiting IS 'Plans that wait for a person or for the worker.';

SELECT pg_catalog.pg_extension_config_dump('selfheal.plan', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.plan_id_seq', '');
