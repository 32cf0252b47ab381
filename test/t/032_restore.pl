# A database is restored: nothing is healed, diagnosed or stored in it before
# it is whole, in whatever pieces it comes, and it heals by itself afterwards.
use strict;
use warnings;

use File::Basename;
use IPC::Run;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('restore', conf => "wal_level = logical\nlog_min_messages = warning\nselfheal.parent_retry_interval = 0\nselfheal.max_wait = 0\nautovacuum = off\n");
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


# By psql, in one session: between any two steps somebody wakes the healer, and
# looks what it has done.
sub prodded
{
	my ($db, $file) = @_;
	my $seen = "$dir/seen_$db";
	my $conn = $node->connstr($db);
	my $prod = qq{\\! psql -X -A -t -d "$conn" -c "SELECT selfheal.wake()" -c "SELECT selfheal.wait_idle('30ms')" }
	  . qq{-c "SELECT 'done', (SELECT count(*) FROM selfheal.plan), (SELECT count(*) FROM selfheal.settled), }
	  . qq{(SELECT count(*) FROM selfheal.audit WHERE event = 'replayed')" >> "$seen" 2>&1\n};
	my $script = slurp_file("$dir/$file");
	my $steps = 0;

	# behind CREATE EXTENSION; a comment stands before each step
	$script =~ s/^(-- (?:Data for )?Name: .*Type: (?:TABLE DATA|CONSTRAINT|FK CONSTRAINT|INDEX|TRIGGER|POLICY|ROW SECURITY|PUBLICATION|PUBLICATION TABLE|ACL|SEQUENCE SET).*)$/$steps++; "$1\n$prod"/gem;
	$script =~ s/^\\(?:un)?restrict .*$//gm;
	append_to_file("$dir/prodded_$db", "$script$prod");
	cmp_ok($steps, '>', 50, "$db: in many steps");
	run_psql($db, "prodded_$db");
	my %seen = map { $_ => 1 } grep { /^done/ } split /\n/, slurp_file($seen);
	is(join(' ', sort keys %seen), 'done|0|0|0', "$db: nothing was done between them");
	return;
}

fresh('psql');
prodded('psql', 'p');
like_source('psql', 'psql');
fresh('inserts');
prodded('inserts', 'i');
like_source('inserts', 'statements');
fresh('apart');
run_psql('apart', 'schema');
prodded('apart', 'data');
like_source('apart', 'schema and rows apart');

# By pg_restore, alone or many at once: somebody wakes the healer all the time.
sub pestered
{
	my ($db, @args) = @_;
	my $loop = q{DO $$ BEGIN LOOP IF to_regclass('selfheal.watched') IS NOT NULL THEN PERFORM selfheal.wake(); END IF;
		COMMIT; PERFORM pg_sleep(0.005); END LOOP; END $$};

	fresh($db);
	my $pest = IPC::Run::start([ 'psql', '-X', '-q', '-c', $loop, $node->connstr($db) ], \undef, '>', \my $out, '2>', \my $err);
	restore($db, @args);
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = '$db' AND query LIKE 'DO %'");
	$pest->finish;
	like_source($db, "pg_restore @args[0 .. $#args - 1]");
	return;
}

pestered('serial', "$dir/c");
pestered('single', '-1', "$dir/c");
pestered('jobs', '-j', '4', "$dir/d");

# What does not become what it was rests, and says so; its loads go on.
fresh('less');
my ($list) = run_command([ 'pg_restore', '-l', "$dir/c" ]);
append_to_file("$dir/list", join("\n", grep { !/FK CONSTRAINT public child/ } split /\n/, $list) . "\n");
restore('less', '-L', "$dir/list", "$dir/c");
at('less', q{INSERT INTO child_intake VALUES ('{"id": 2}'), ('{"id": 3, "more": 1}')});
is(idle($node, 'less'), 't', 'idle');
is(at('less', 'SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM child'), '2', 'what fits is stored at once');
is(at('less', 'SELECT count(*) FROM selfheal.quarantine WHERE relid = $$child$$::regclass'), '2', 'the rest is held');
is(at('less', 'SELECT string_agg(relid::regclass::text, $$ $$) FROM selfheal.resting'), 'child', 'the table rests');
like(at('less', 'SELECT note FROM selfheal.status WHERE item = $$restored tables$$'), qr/public\.child.*selfheal\.restored\(\)/, 'the status says which, and what to do');
is($node->psql('less', q{SELECT selfheal.replay('child')}), 3, 'nobody stores its rows');
is(at('less', q{SET SESSION AUTHORIZATION loader; RESET SESSION AUTHORIZATION; SELECT selfheal.restored('child')}), '1', 'a person says that it is complete');
is(idle($node, 'less'), 't', 'idle');
is(at('less', 'SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM child'), '1 2 3', 'then they are stored');
is(at('less', q{SELECT breaks, role IS NOT NULL FROM selfheal.schema_version WHERE table_name = 'public.child' AND changes @> '[{"kind": "constraint_dropped"}]'}),
	'f|t', 'what it lacks is in the registry');
is(at('less', q{SELECT selfheal.restored('child')}), '0', 'once');

# A session that has restored and stays: it says itself that it has done.
fresh('stays');
my $stays = $node->background_psql('stays');
$stays->query_safe("\\i $dir/p");
ok($node->poll_query_until('stays', q{SELECT selfheal.wait_idle('1s') ->> 'why' ~ 'the session of process \d+ restores this database'}), 'who waits is told why');
like(at('stays', q{SELECT value || note FROM selfheal.status WHERE item = 'restore'}), qr/under way.*by the session/, 'so is who looks');
my ($rc, $out, $err) = $node->psql('stays', "\\set VERBOSITY sqlstate\nSELECT selfheal.restored()");
like($err, qr/55006/, 'another cannot say it');
$stays->query_safe('SELECT selfheal.restored()');
like_source('stays', 'a session that stays');

# A person's own change, right behind a restore, is in the registry.
fresh('changed');
run_psql('changed', 'p');
is(idle($node, 'changed'), 't', 'idle');
at('changed', 'ALTER TABLE zplain ADD COLUMN mine int');
is(at('changed', q{SELECT by, statement FROM selfheal.schema_version WHERE table_name = 'public.zplain' ORDER BY version DESC LIMIT 1}),
	'person|ALTER TABLE zplain ADD COLUMN mine int', 'the first change behind a restore is a version');

# Restored where the extension looks after other tables: these go on, and what
# was restored without its history rests.
fresh('other');
at('other', 'CREATE EXTENSION selfheal', 'CREATE SCHEMA mine', 'CREATE TABLE mine.keyed (id int, v varchar(4))', q{SELECT selfheal.watch('mine.keyed')},
	q{INSERT INTO mine.keyed_intake VALUES ('{"id": 1, "v": "longer"}')});
is(idle($node, 'other'), 't', 'idle');
append_to_file("$dir/public", join("\n", grep { !/ selfheal / || / TABLE DATA selfheal watched / } split /\n/, $list) . "\n");
restore('other', '-L', "$dir/public", "$dir/c");
at('other', q{INSERT INTO mine.keyed_intake VALUES ('{"id": 2, "v": "longer", "w": 1}')});
is(idle($node, 'other'), 't', 'idle');
is(at('other', 'SELECT count(*), count(w) FROM mine.keyed'), '2|1', 'the other tables heal');
is(at('other', 'SELECT count(*), count(*) FILTER (WHERE relid = $$keyed$$::regclass) FROM selfheal.resting'), '8|1', 'the restored ones rest');
is(at('other', 'SELECT count(*) FROM keyed'), '1', 'as they are');

# A restore that begins while the healer is at work waits for its transaction,
# and no other one begins before it has ended.
install($node, 'midway');
make_table($node, 'midway', 'busy');
my $stop = hold($node, 'midway');
load_long($node, 'midway', 'busy', 25, 25);
ok(wait_until_held($node, 'midway'), 'a heal is at work');
my $begins = $node->background_psql('midway');
$begins->query_until(qr/begins/, "\\echo begins\nCOPY selfheal.policy FROM stdin;\n\\.\n");
my $waits = q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 21318 AND mode = 'ShareLock' AND granted = };
ok($node->poll_query_until('midway', "$waits false"), 'who restores waits for it');
let_go($stop);
ok($node->poll_query_until('midway', "$waits true"), 'then he goes on');
at('midway', q{INSERT INTO busy_intake VALUES ('{"id": 1, "more": 1}')});
is(at('midway', q{SELECT selfheal.wait_idle('300ms') -> 'idle'}), 'false', 'and no heal');
is(at('midway', 'SELECT count(*) FROM busy WHERE id = 1'), '0', 'nothing is stored');
$begins->quit;
is(idle($node, 'midway'), 't', 'idle');
is(at('midway', 'SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM busy'), '1 25', 'when he has left both are');

$node->stop;
done_testing();
