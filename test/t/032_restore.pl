# A database is restored: nothing is healed, diagnosed or stored in it before
# it is whole, in whatever pieces it comes, and it heals by itself afterwards.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('restore', conf => "selfheal.parent_retry_interval = 0\nselfheal.max_wait = 0\nautovacuum = off\n");
my $dir = $node->basedir;

$node->safe_psql('postgres', 'CREATE ROLE loader');
install($node, 'source');

sub at { my $db = shift; return $node->safe_psql($db, join(';', @_)); }

# Tables with all that a dump brings behind their rows, one with nothing of the
# kind, and for each a row that waits for nothing but to be looked at.
at('source', <<'SQL');
	CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE child (id int, p int REFERENCES parent);
	CREATE TABLE keyed (id int PRIMARY KEY, v varchar(4));
	CREATE TABLE uniq (id int, v varchar(4));
	CREATE UNIQUE INDEX uniq_id ON uniq (id);
	CREATE TABLE checked (id int, v varchar(4));
	ALTER TABLE checked ADD CONSTRAINT small CHECK (id < 100) NOT VALID;
	CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
	CREATE TABLE guarded (id int, v varchar(4));
	CREATE TRIGGER no BEFORE INSERT ON guarded FOR EACH ROW WHEN (NEW.id > 99) EXECUTE FUNCTION no();
	CREATE TABLE secured (id int, v varchar(4));
	ALTER TABLE secured ENABLE ROW LEVEL SECURITY;
	CREATE POLICY a_some ON secured TO loader USING (true) WITH CHECK (true);
	CREATE POLICY b_less ON secured AS RESTRICTIVE TO loader WITH CHECK (id < 100);
	CREATE TABLE published (id int PRIMARY KEY, v varchar(4));
	CREATE PUBLICATION pub FOR TABLE published;
	CREATE TABLE zplain (id int, v varchar(4));
	SELECT selfheal.watch(t::regclass) FROM unnest('{child,keyed,uniq,checked,guarded,secured,published,zplain}'::text[]) t;
	GRANT INSERT ON ALL TABLES IN SCHEMA public TO loader;
	SELECT selfheal.wait_idle();
SQL
my @wide = qw(keyed uniq checked guarded secured published zplain);
at('source', "INSERT INTO $_ VALUES (1, 'old')") for @wide;
at('source', 'ALTER DATABASE source SET selfheal.enabled = on');

# held under a switch that is off, so that they are dumped as they came
set_conf($node, 'selfheal.enabled', 'off');
at('source', "SET ROLE loader; INSERT INTO $_\_intake VALUES ('{\"id\": 2, \"v\": \"longer\"}'), ('{\"id\": 200, \"v\": \"longer\"}')") for @wide;
at('source', q{SET ROLE loader; INSERT INTO child_intake VALUES ('{"id": 1, "p": 7}')});
is(at('source', 'SELECT count(*) FROM selfheal.quarantine'), 15, 'rows are held');
command_ok([ 'pg_dump', '-Fc', '-f', "$dir/c", $node->connstr('source') ], 'a dump');
command_ok([ 'pg_dump', '-Fd', '-f', "$dir/d", $node->connstr('source') ], 'one for many hands');
command_ok([ 'pg_dump', '-f', "$dir/p", $node->connstr('source') ], 'one for psql');
command_ok([ 'pg_dump', '--inserts', '-f', "$dir/i", $node->connstr('source') ], 'one of statements');
command_ok([ 'pg_dump', '-s', '-f', "$dir/schema", $node->connstr('source') ], 'one of the schema');
command_ok([ 'pg_dump', '-a', '--disable-triggers', '-f', "$dir/data", $node->connstr('source') ], 'and one of the rows');
set_conf($node, 'selfheal.enabled');
is(idle($node, 'source'), 't', 'idle');

my $healed = join("\n", map { "$_|text" } sort @wide);
my $state = q{SELECT string_agg(format('%s %s', relid::regclass, n), ' ' ORDER BY relid::regclass::text)
	FROM (SELECT 'keyed'::regclass AS relid, count(*) AS n FROM keyed UNION ALL SELECT 'uniq', count(*) FROM uniq
	UNION ALL SELECT 'checked', count(*) FROM checked UNION ALL SELECT 'guarded', count(*) FROM guarded
	UNION ALL SELECT 'secured', count(*) FROM secured UNION ALL SELECT 'published', count(*) FROM published
	UNION ALL SELECT 'zplain', count(*) FROM zplain UNION ALL SELECT 'child', count(*) FROM child) c};
my $source = at('source', $state);
like($source, qr/keyed 3/, 'the source heals');

# Everything that is in a database after its restore and heals.
sub like_source
{
	my ($db, $name) = @_;

	is(idle($node, $db), 't', "$name: idle");
	is(at($db, 'SELECT count(*) FROM selfheal.resting'), '0', "$name: nothing rests");
	is(at($db, $state), $source, "$name: what heals in the source heals here");
	is(at($db, q{SELECT string_agg(format('%s %s', table_name, state), ' ' ORDER BY 1) FROM (SELECT * FROM selfheal.incidents ORDER BY table_name, id) i}),
		at('source', q{SELECT string_agg(format('%s %s', table_name, state), ' ' ORDER BY 1) FROM (SELECT * FROM selfheal.incidents ORDER BY table_name, id) i}),
		"$name: in the same states");
	is(at($db, 'SELECT ok FROM selfheal.verify_audit()'), 't', "$name: the record verifies");
	return;
}

# Nothing was done: no rows, no incidents, no plans.
sub untouched
{
	my ($db, $name) = @_;

	at($db, 'SELECT selfheal.wake()');
	is(idle($node, $db), 't', "$name: idle");
	is(at($db, q{SELECT (SELECT count(*) FROM keyed) + (SELECT count(*) FROM zplain) + (SELECT count(*) FROM uniq) + (SELECT count(*) FROM child)
		+ (SELECT count(*) FROM checked) + (SELECT count(*) FROM guarded) + (SELECT count(*) FROM secured) + (SELECT count(*) FROM published)}),
		'7', "$name: nothing is stored");
	is(at($db, 'SELECT (SELECT count(*) FROM selfheal.plan), (SELECT count(*) FROM selfheal.quarantine), (SELECT count(*) FROM selfheal.resting)'),
		'0|15|8', "$name: nothing is planned, all rest");
	return;
}

sub fresh { my ($db) = @_; $node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0"); return $db; }
sub restore { my ($db, @args) = @_; command_ok([ 'pg_restore', '-e', '-d', $node->connstr($db), @args ], "$db: pg_restore @args[0 .. $#args - 1]"); return; }
sub run_psql { my ($db, $file) = @_; command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', "$dir/$file", $node->connstr($db) ], "$db: psql"); return; }

# in pieces, with the healer awake between them
fresh('pieces');
restore('pieces', '--section=pre-data', "$dir/c");
at('pieces', 'SELECT selfheal.wake()');
is(idle($node, 'pieces'), 't', 'idle');
restore('pieces', '--section=data', "$dir/c");
untouched('pieces', 'without keys');
is(at('pieces', 'SELECT value FROM selfheal.status WHERE item = $$restored tables$$'), '8', 'the status says so');
restore('pieces', '--section=post-data', "$dir/c");
like_source('pieces', 'in pieces');

$node->stop;
done_testing();
