# Dump and restore with watched tables, held rows and audit: everything is
# there, the audit verifies, loads and heals go on.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('dump');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE before');
$node->safe_psql('postgres', 'CREATE ROLE loader');
my $db = 'before';

$node->safe_psql(
	$db, q{
	CREATE EXTENSION selfheal;
	CREATE SCHEMA "odd Name";
	CREATE TABLE "odd Name"."a Table" (id int PRIMARY KEY, v varchar(4), must text NOT NULL);
	CREATE TABLE plain (id serial, d date);
	GRANT USAGE ON SCHEMA "odd Name" TO loader;
	SELECT selfheal.watch('"odd Name"."a Table"', owner => 'a team');
	SELECT selfheal.watch('plain');
	CREATE SCHEMA landing;
	SELECT selfheal.set_landing('landing');
	SELECT selfheal.land('not there', ARRAY['{"id": 1}', 'x\\y']);
	SELECT selfheal.hint('"odd Name"."a Table"', 'Identity', rename_to => 'id');
	SELECT selfheal.hint('plain', 'not "this"', ignore => true);
	SELECT selfheal.hint('plain', 'sum', type => 'numeric(12,2)');
	SELECT selfheal.add_mapping('plain', 'parse_timestamp', 'd', '{"formats": ["DD.MM.YYYY"]}');
	SELECT selfheal.add_mapping('"odd Name"."a Table"', 'map_field', 'an Id', column_name => 'id');
	SELECT selfheal.remove_mapping(selfheal.add_mapping('plain', 'ignore_field', 'gone'));
	INSERT INTO plain_intake VALUES ('{"d": "31.12.2025"}');
	SELECT selfheal.set_policy('"odd Name"."a Table"', 'widen_type', 'rewrite', 'deny');
	SELECT selfheal.set_policy(cost => 'scan', verdict => 'review');
	SELECT selfheal.check('plain', 'no "old" dates', $$SELECT count(*) = 0 FROM plain WHERE d < '2000-01-01'$$);
	GRANT INSERT ON "odd Name"."a Table_intake" TO loader;
	GRANT INSERT ON "odd Name"."a Table" TO loader;
	INSERT INTO plain_intake VALUES ('{"d": "2026-02-31", "x": "a\"quote\" and \\\\ backslash"}'), ('{"d": "2026-01-01", "y": 1.5}');
});
$node->safe_psql(
	$db, q{
	SET ROLE loader;
	SET TimeZone = 'America/New_York';
	INSERT INTO "odd Name"."a Table_intake" VALUES ('{"id": 1, "v": "long value", "must": "x"}'), ('{"id": 2}');
});
my $named = q{
	SET selfheal.load_id = 'sent twice';
	INSERT INTO plain_intake VALUES ('{"id": 100}'), ('{"id": 101}');
	SELECT stored, already FROM selfheal.last_load();
};
is($node->safe_psql($db, $named), '2|0', 'a load with a name');

# rows that no index finds by their reason, of which one is discarded
$node->safe_psql(
	$db, q{
	CREATE TABLE storm (id int, v varchar(2));
	SELECT selfheal.watch('storm', 'observe');
	INSERT INTO storm_intake SELECT jsonb_build_object('id', i, 'v', 'long') FROM generate_series(1, 1500) i;
	SELECT selfheal.discard(max(id), 'a test') FROM selfheal.quarantine WHERE bulk;
});
# a contract, that of all tables, and a value that was left out
$node->safe_psql(
	$db, q{
	CREATE TABLE terms (id int);
	SELECT selfheal.watch('terms', 'observe');
	SELECT selfheal.set_contract('terms', columns => 'discard_value');
	INSERT INTO selfheal.contract (kind, mode, set_by) VALUES ('types', 'evolve', 'a person');
	INSERT INTO terms_intake VALUES ('{"id": 1, "x": 1}');
});
$node->safe_psql($db, q{SELECT selfheal.wait_idle('180s')});
is($node->safe_psql($db, 'SELECT bulk, count(*) FROM selfheal.quarantine GROUP BY 1 ORDER BY 1'),
	"f|2\nt|1500", 'rows are held');
is($node->safe_psql($db, 'SELECT count(*) FROM selfheal.pending'),
	2, 'two plans wait');

my @tables = qw(watched hint mapping kept assertion policy contract discard load load_line load_kept error quarantine replayed incident plan landing arrival audit);
my %counts = map { $_ => $node->safe_psql($db, "SELECT count(*) FROM selfheal.$_") } @tables;
my $head = $node->safe_psql($db, 'SELECT sealed, head FROM selfheal.verify_audit()');

my $file = $node->basedir . '/dump.sql';
$node->command_ok(
	[ 'pg_dump', '-f', $file, '-d', $node->connstr($db) ],
	'pg_dump');
$node->safe_psql('postgres', 'CREATE DATABASE after');
$node->command_ok(
	[
		'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1',
		'-f', $file, '-d', $node->connstr('after')
	],
	'restored without an error');
$db = 'after';

for my $table (@tables)
{
	# creation of the extension in the new database writes nothing
	is($node->safe_psql($db, "SELECT count(*) FROM selfheal.$table"),
		$counts{$table}, "selfheal.$table is complete");
}
is($node->safe_psql($db, 'SELECT sealed, head FROM selfheal.verify_audit()'),
	$head, 'the audit verifies with the same head');
is($node->safe_psql($db, 'SELECT ok FROM selfheal.verify_audit()'),
	't', 'verify_audit() is true');
is( $node->safe_psql(
		$db,
		q{SELECT relid::text, intake::text, owner FROM selfheal.watched WHERE owner IS NOT NULL}),
	q{"odd Name"."a Table"|"odd Name"."a Table_intake"|a team},
	'the watch stands on the restored table');

is($node->safe_psql($db, $named), '0|2', 'its lines are known after the restore');
# the team's word is kept with its table
is( $node->safe_psql($db, q{SELECT table_name, key, type, ignored, rename_to FROM selfheal.hints}),
	qq{"odd Name"."a Table"|Identity||f|id\npublic.plain|not "this"||t|\npublic.plain|sum|numeric(12,2)|f|},
	'hints stand on the restored tables');
$node->safe_psql($db, q{INSERT INTO plain_intake VALUES ('{"d": "2026-04-01", "not \"this\"": 1, "sum": 5}')});
$node->safe_psql($db, q{SELECT selfheal.wait_idle('180s')});
is($node->safe_psql($db, q{SELECT sum FROM plain WHERE d = '2026-04-01'}),
	'5.00', 'and count');
is( $node->safe_psql($db, q{SELECT id, table_name, kind, field, column_name, state FROM selfheal.mappings ORDER BY id}),
	qq{1|public.plain|parse_timestamp|d|d|active\n2|"odd Name"."a Table"|map_field|an Id|id|active\n3|public.plain|ignore_field|gone||removed},
	'mappings stand on the restored tables');
is($node->safe_psql($db, q{SELECT table_name, payload, mappings FROM selfheal.originals}),
	'public.plain|{"d": "31.12.2025"}|{1}', 'with what was sent');
$node->safe_psql($db, q{INSERT INTO plain_intake VALUES ('{"d": "30.12.2025"}')});
is($node->safe_psql($db, q{SELECT count(*) FROM plain WHERE d IN ('2025-12-30', '2025-12-31')}),
	'2', 'and count');
is($node->safe_psql($db, q{SELECT selfheal.add_mapping('plain', 'ignore_field', 'new')}),
	'4', 'the next one has the next number');
is( $node->safe_psql(
		$db, q{SELECT table_name, kind, mode, source FROM selfheal.contracts WHERE table_name = 'public.terms'}),
	"public.terms|columns|discard_value|table\npublic.terms|tables|freeze|built in\npublic.terms|types|evolve|default",
	'contracts stand on the restored tables');
$node->safe_psql($db, q{INSERT INTO terms_intake VALUES ('{"id": 2, "x": 1}')});
is( $node->safe_psql($db, q{SELECT rows, column_name FROM selfheal.discarded WHERE table_name = 'public.terms'}),
	"1|x\n1|x", 'and count');
is( $node->safe_psql(
		$db, q{SELECT rows_seen, rows_held FROM selfheal.incidents WHERE table_name = 'public.storm'}),
	'1500|1499',
	'rows are found by their reason');
$node->safe_psql($db,
	q{SELECT selfheal.discard(min(id), 'a test') FROM selfheal.quarantined WHERE table_name = 'public.storm' AND state = 'held'});
is( $node->safe_psql(
		$db, q{SELECT state, count(*) FROM selfheal.quarantined WHERE table_name = 'public.storm' GROUP BY 1 ORDER BY 1}),
	"discarded|2\nheld|1498",
	'and by their number');

# and so are rules
is( $node->safe_psql(
		$db, q{SELECT step, cost, verdict, source FROM selfheal.policy_effective('"odd Name"."a Table"')
			WHERE source <> 'built-in' AND step = 'widen_type'}),
	"widen_type|scan|review|default\nwiden_type|rewrite|deny|table",
	'rules stand on the restored table');

# what must stay true of a table is kept with it, too
$node->safe_psql($db, q{INSERT INTO plain_intake VALUES ('{"d": "1999-04-01", "w": 1}')});
$node->safe_psql($db, q{SELECT selfheal.wait_idle('180s')});
is( $node->safe_psql($db, q{SELECT state, reason FROM selfheal.incidents WHERE table_name = 'public.plain' AND column_name = 'w'}),
	'needs_human|no safe plan: check "no "old" dates" is false after the rows', 'checks refuse plans after the restore');

# loads and heals go on
$node->safe_psql($db, q{INSERT INTO plain_intake VALUES ('{"d": "2026-03-01", "z": true}')});
$node->safe_psql($db, q{SELECT selfheal.wait_idle('180s')});
is($node->safe_psql($db, q{SELECT z FROM plain WHERE d = '2026-03-01'}),
	't', 'a new key heals after the restore');
$node->safe_psql($db, 'SELECT selfheal.approve(plan_id) FROM selfheal.pending');
$node->safe_psql($db, q{SELECT selfheal.wait_idle('180s')});
is( $node->safe_psql($db, q{SELECT state FROM selfheal.incident WHERE class = 'missing_key'}),
	'healed', 'a plan that waited over the restore can be approved');
is($node->safe_psql($db, q{SELECT count(*) FROM "odd Name"."a Table"}),
	2, 'its row is stored, as the role that loaded it');
is($node->safe_psql($db, 'SELECT ok FROM selfheal.verify_audit()'),
	't', 'verify_audit() is true with the new rows');
my ($dup) = $node->safe_psql($db,
	'SELECT count(*) - count(DISTINCT id) FROM selfheal.audit');
is($dup, 0, 'ids go on behind the restored ones');

# the links that a dump does not carry were put back: both drops work without
# CASCADE
$node->safe_psql($db, 'DROP TABLE plain');
is($node->safe_psql($db, q{SELECT to_regclass('plain_intake') IS NULL}),
	't', 'DROP TABLE takes the intake along');
$node->safe_psql($db, 'DROP EXTENSION selfheal');
is( $node->safe_psql($db, q{SELECT to_regclass('"odd Name"."a Table_intake"') IS NULL}),
	't', 'DROP EXTENSION takes the intakes along');
is($node->safe_psql($db, q{SELECT count(*) FROM "odd Name"."a Table"}),
	2, 'and leaves the tables alone');

$node->stop;
done_testing();
