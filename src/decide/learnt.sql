-- decide/learnt: playbooks that are made of what Claude proposed, again and again

CREATE SEQUENCE selfheal.learnt_id_seq;
COMMENT ON SEQUENCE selfheal.learnt_id_seq IS 'numbers of learnt playbooks';
CREATE TABLE selfheal.learnt (
	id bigint PRIMARY KEY DEFAULT nextval('selfheal.learnt_id_seq'),
	signature text NOT NULL UNIQUE,
	sqlstate text,
	class text NOT NULL,
	subject text,
	catalog jsonb NOT NULL,
	steps jsonb NOT NULL CHECK (jsonb_typeof(steps) = 'array'),
	state text NOT NULL DEFAULT 'noticed' CHECK (state IN ('noticed', 'offered', 'promoted', 'demoted')),
	rehearsal jsonb,
	noticed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
	offered_at timestamptz,
	decided_at timestamptz,
	decided_by text,
	reason text,
	attempts integer NOT NULL DEFAULT 0
);
ALTER SEQUENCE selfheal.learnt_id_seq OWNED BY selfheal.learnt.id;
COMMENT ON TABLE selfheal.learnt IS 'what plans of Claude''s that were applied have in common: one row per signature (SQLSTATE, class, catalog pattern, shape of the change)';
COMMENT ON COLUMN selfheal.learnt.id IS 'number of the playbook, which plans and audit call learnt:<id>';
COMMENT ON COLUMN selfheal.learnt.signature IS 'sha256 over sqlstate, class, subject, catalog and steps';
COMMENT ON COLUMN selfheal.learnt.sqlstate IS 'SQLSTATE of the misfit';
COMMENT ON COLUMN selfheal.learnt.class IS 'class of the misfit';
COMMENT ON COLUMN selfheal.learnt.subject IS 'key that it is about, which is no column; null: any column of this pattern, or the row';
COMMENT ON COLUMN selfheal.learnt.catalog IS
	'what the table must be like: {"table": "table" | "partitioned" | "partition" | "foreign", "column": {"type", "nullable"} or null, "others": {name: the same}}: other columns that the steps name';
COMMENT ON COLUMN selfheal.learnt.steps IS 'steps as in selfheal.plan, with {"hole": "column"} where the name of the misfit''s column stands';
COMMENT ON COLUMN selfheal.learnt.state IS
	'noticed: not often enough yet; offered: promote() puts it to use; promoted: it is asked after the built-in playbooks; demoted: by demote(), by a rehearsal or dry run that failed';
COMMENT ON COLUMN selfheal.learnt.rehearsal IS
	'what it did to payloads of past incidents: {"kept": {"rows", "fit"}, "held": {"rows", "fit"}, "not_rehearsed": [{"plan" | "incident", "why"}], "failed": text or null}';
COMMENT ON COLUMN selfheal.learnt.noticed_at IS 'when the first plan of this signature was applied';
COMMENT ON COLUMN selfheal.learnt.offered_at IS 'when it was offered last';
COMMENT ON COLUMN selfheal.learnt.decided_at IS 'when it was promoted or demoted';
COMMENT ON COLUMN selfheal.learnt.decided_by IS 'role that did, or selfheal';
COMMENT ON COLUMN selfheal.learnt.reason IS 'why it was demoted';
COMMENT ON COLUMN selfheal.learnt.attempts IS 'rehearsals of which no end is known: charged before each, 0 again when it ends';

CREATE TABLE selfheal.lesson (
	plan bigint PRIMARY KEY,
	learnt bigint NOT NULL,
	incident bigint NOT NULL,
	column_name text,
	at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX lesson_learnt ON selfheal.lesson (learnt);
COMMENT ON TABLE selfheal.lesson IS 'plans of Claude''s that were applied: what a learnt playbook is made of';
COMMENT ON COLUMN selfheal.lesson.plan IS 'the plan';
COMMENT ON COLUMN selfheal.lesson.learnt IS 'the playbook whose signature it has';
COMMENT ON COLUMN selfheal.lesson.incident IS 'incident that it healed';
COMMENT ON COLUMN selfheal.lesson.column_name IS 'column or key that it was about; null: the row';
COMMENT ON COLUMN selfheal.lesson.at IS 'when it was applied';
COMMENT ON INDEX selfheal.lesson_learnt IS 'plans of one playbook';

SELECT pg_catalog.pg_extension_config_dump('selfheal.learnt', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.learnt_id_seq', '');
SELECT pg_catalog.pg_extension_config_dump('selfheal.lesson', '');
