# The schema registry where a session cannot show it: dump and restore, DROP
# EXTENSION, event triggers of ours that fail or do not fire, two sessions.
use strict;
use warnings;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('registry');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE before');
my $versions = q{SELECT table_name, version, by, statement, hash, changes, breaks, snapshot FROM selfheal.schema_version ORDER BY 1, 2};

$node->safe_psql(
	'before', q{
	CREATE EXTENSION selfheal;
	CREATE SCHEMA "odd Name";
	CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE DOMAIN sku AS varchar(10) CHECK (VALUE IN ('a1', 'b''2', 'c,3'));
	CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN new; END';
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE "odd Name"."a Table" (gone int, id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, s serial,
		v varchar(9) DEFAULT 'it''s' CHECK (v IN ('x', 'y', 'it''s (ARRAY[]', '"z"')), m mood[] DEFAULT '{sad}', k sku,
		n numeric(6,2) CHECK (n IN (1, 2.5)), p int REFERENCES parent DEFERRABLE, at timestamptz DEFAULT '2026-01-01 00:00+00',
		g int GENERATED ALWAYS AS (1 + 1) STORED, c text COLLATE "C", CHECK (v <> 'q' OR n > 0) NOT VALID);
	ALTER TABLE "odd Name"."a Table" DROP gone;
	CREATE UNIQUE INDEX ON "odd Name"."a Table" (lower(v)) WHERE v IN ('x', 'y');
	CREATE TRIGGER look BEFORE INSERT ON "odd Name"."a Table" FOR EACH ROW EXECUTE FUNCTION nothing();
	ALTER TABLE "odd Name"."a Table" DISABLE TRIGGER look, ENABLE ROW LEVEL SECURITY;
	CREATE TABLE parts (day date, id int) PARTITION BY RANGE (day);
	CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM ('2026-01-01') TO ('2026-02-01') PARTITION BY LIST (id);
	CREATE TABLE parts_11 PARTITION OF parts_1 FOR VALUES IN (1, 2);
	CREATE TABLE dropped (id int);
	SELECT selfheal.watch('"odd Name"."a Table"'), selfheal.watch('parts'), selfheal.watch('dropped');
	ALTER TABLE "odd Name"."a Table" RENAME s TO "Number";
	ALTER TABLE parts_11 ADD CONSTRAINT few CHECK (id IN (1, 2));
	DROP TABLE dropped;
});
my $kept = $node->safe_psql('before', $versions);
is($node->safe_psql('before', q{SELECT count(*) FROM selfheal.schema_version}), '6', 'the versions before the dump');

# dump and restore: the same rows, and the tables are what their newest says
my $dump = $node->basedir . '/registry.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('before') ], 'dump');
$node->safe_psql('postgres', 'CREATE DATABASE after');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('after'), '-f', $dump ], 'restore');
is($node->safe_psql('after', $versions), $kept, 'the registry came back, and nothing with it');
$node->safe_psql('after', q{SELECT selfheal.wake(); SELECT 1 FROM selfheal.wait_idle('180s')}) for 1 .. 2;
is($node->safe_psql('after', $versions), $kept, 'and the worker finds nothing that changed');
is( $node->safe_psql('after', q{SELECT bool_and(selfheal.snapshot(relid) = snapshot) FROM selfheal.schema_version v
	WHERE relid IS NOT NULL AND version = (SELECT max(version) FROM selfheal.schema_version w WHERE w.relid = v.relid)}),
	't', 'shapes read the same after a restore');
$node->safe_psql('after', 'ALTER TABLE parts ADD more text');
is($node->safe_psql('after', q{SELECT version, by, statement, changes->0->>'kind' FROM selfheal.schema_version WHERE table_name = 'public.parts' ORDER BY 1 DESC LIMIT 1}),
	'3|person|ALTER TABLE parts ADD more text|column_added', 'it goes on counting');

# a session that fires no triggers: the worker sees it when it is started
$node->safe_psql('before', q{SET session_replication_role = replica; ALTER TABLE parts ADD unseen text;});
is($node->safe_psql('before', q{SELECT max(version) FROM selfheal.schema_version WHERE table_name = 'public.parts'}), '2', 'a replica session is not seen');
$node->restart;
$node->safe_psql('before', q{SELECT selfheal.wake(); SELECT 1 FROM selfheal.wait_idle('180s')});
is($node->safe_psql('before', q{SELECT version, by, role, statement, changes FROM selfheal.schema_version WHERE table_name = 'public.parts' ORDER BY 1 DESC LIMIT 1}),
	'3||||[{"now": "text", "kind": "column_added", "name": "unseen", "breaks": false}]', 'the worker keeps it, and says that nobody saw it');

# event triggers of ours that fail never fail the command
$node->safe_psql('before', 'CREATE TABLE plain (id int); ALTER TABLE selfheal.schema_snapshot RENAME COLUMN hash TO hush');
my ($rc, $out, $err) = $node->psql('before', q{ALTER TABLE parts ADD broken text; CREATE TABLE other (id int); CREATE INDEX ON parts (id); DROP TABLE other, plain});
is($rc, 0, 'a broken registry does not fail DDL');
like($err, qr/WARNING:  (?:42703: )?selfheal could not keep the shape of a table/, 'it warns');
is($node->safe_psql('before', q{SELECT count(*) FROM selfheal.ddl WHERE statement ~ 'broken'}), '1', 'and what follows the command besides still does');
$node->safe_psql('before', 'ALTER TABLE selfheal.schema_snapshot RENAME COLUMN hush TO hash');
$node->safe_psql('before', 'ALTER TABLE selfheal.ddl RENAME COLUMN answered TO answer');
($rc, $out, $err) = $node->psql('before', q{ALTER TABLE parts ADD broken2 text});
is($rc, 0, 'nor does a broken log of commands');
like($err, qr/WARNING:  (?:42703: )?selfheal could not follow this change/, 'it warns');
is($node->safe_psql('before', q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'parts'::regclass AND attname ~ '^broken'}), '2', 'the columns are there');
$node->safe_psql('before', 'ALTER TABLE selfheal.ddl RENAME COLUMN answer TO answered');
$node->safe_psql('before', 'ALTER TABLE parts ADD whole text');
is($node->safe_psql('before', q{SELECT version, statement, jsonb_array_length(changes) FROM selfheal.schema_version WHERE table_name = 'public.parts' ORDER BY 1 DESC LIMIT 1}),
	'4|ALTER TABLE parts ADD whole text|3', 'the next command brings what was missed');

# two transactions that change one table's type: neither waits for the other
my $first = $node->background_psql('before', on_error_stop => 0);
$first->query_safe(q{BEGIN; ALTER TYPE mood ADD VALUE 'glad';});
my $begun = time;
$node->safe_psql('before', q{ALTER DOMAIN sku ADD CONSTRAINT long CHECK (length(VALUE) < 20)});
cmp_ok(time - $begun, '<', 10, 'DDL does not wait for a transaction that changes another type of the table');
$first->query_safe('COMMIT');
$first->quit;
$node->safe_psql('before', q{ALTER TABLE "odd Name"."a Table" ADD last text});
is($node->safe_psql('before', q{SELECT string_agg(k, ' ' ORDER BY k) FROM (SELECT DISTINCT c->>'kind' AS k FROM selfheal.schema_version, jsonb_array_elements(changes) c
	WHERE table_name = '"odd Name"."a Table"' AND version > 2) x}), 'column_added domain_constraint_added enum_label_added', 'and nothing is lost');

# under REPEATABLE READ a shape is what the table is, not what it was at BEGIN
$first = $node->background_psql('before', on_error_stop => 0);
$first->query_safe(q{BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM pg_class;});
$node->safe_psql('before', 'ALTER TABLE parts ADD by_other int');
$first->query_safe('ALTER TABLE parts ADD by_me int; COMMIT;');
$first->quit;
is($node->safe_psql('before', q{SELECT bool_or(c->>'kind' = 'column_dropped'), string_agg(c->>'name', ' ' ORDER BY version) FROM selfheal.schema_version, jsonb_array_elements(changes) c
	WHERE table_name = 'public.parts' AND c->>'name' ~ '^by_'}), 'f|by_other by_me', 'REPEATABLE READ');

# a command with CONCURRENTLY is one change, its own, whenever the healer looks
$node->safe_psql('before', q{CREATE TABLE steps (id int); SELECT selfheal.watch('steps')});
my $looks = "$PostgreSQL::Test::Utils::tmp_check/looks.sql";
append_to_file($looks, 'SELECT selfheal.wake();');
my $looker = IPC::Run::start([ 'pgbench', '-n', '-c', 1, '-T', 120, '-f', $looks, '-h', $node->host, '-p', $node->port, 'before' ],
	'<', \undef, '>', \my $told, '2>&1', IPC::Run::timeout(180));
$node->safe_psql('before', join '', map { ("CREATE UNIQUE INDEX CONCURRENTLY steps_$_ ON steps (id);\n", "DROP INDEX CONCURRENTLY steps_$_;\n") } 1 .. 300);
$looker->kill_kill;
is($node->safe_psql('before', q{SELECT count(*), count(*) FILTER (WHERE statement IS NULL) FROM selfheal.schema_version WHERE table_name = 'public.steps' AND version > 1}),
	'600|0', 'each step by step, and none without its statement');

# nothing of ours stays behind
$node->safe_psql('before', 'DROP EXTENSION selfheal');
is($node->safe_psql('before', q{SELECT count(*) FROM pg_event_trigger}), '0', 'no event trigger outlives the extension');
$node->safe_psql('before', 'ALTER TABLE parts ADD after_us text; DROP TABLE parts');
$node->stop;
done_testing();
