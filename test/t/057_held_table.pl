# A person holds a table for long, or what it needs: whatever the healer would
# read of it is left until he is done. The heals of other tables go on, nobody is
# asked, nothing is charged, nothing is said in the log.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WorkerTest;

# Nothing of this waits for as long as a gate may stay shut.
my $gate = 60;
my $node = new_server('held_table', conf => "autovacuum = off\nselfheal.gate_timeout = '${gate}s'\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

sub state_of
{
	my ($table, $what) = @_;

	return sql("SELECT string_agg($what, ', ' ORDER BY id) FROM selfheal.incident WHERE relid = '$table'::regclass");
}

# A row of another table.
sub load_other
{
	my ($id, $chars) = @_;

	sql("INSERT INTO other_intake SELECT json_build_object('id', $id, 'v', repeat('x', $chars))::text");
	return;
}

# It comes, and is healed while this is going on.
my $rows = 0;

sub others_go_on
{
	my ($while) = @_;
	my $start = time;

	$rows++;
	load_other($rows, 3 + $rows);
	ok($node->poll_query_until('postgres', "SELECT count(*) = $rows FROM other"), "$while: the heals of other tables go on");
	cmp_ok(time - $start, '<', $gate / 2, "$while: and are not late");
	return;
}

# Somebody's open transaction.
sub person
{
	my (@statements) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe($_) for 'BEGIN', @statements;
	return $session;
}

sub done
{
	my ($session, $how) = @_;

	$session->query_safe($how // 'COMMIT');
	$session->quit;
	return;
}

install($node, 'postgres');
sql(
	'CREATE TABLE other (id int, v varchar(3))',
	'CREATE TABLE parent (id int PRIMARY KEY)',
	'INSERT INTO parent VALUES (1)',
	'CREATE TABLE child (id int UNIQUE, v varchar(3), parent int REFERENCES parent)',
	'INSERT INTO child VALUES (7)',
	q{SELECT selfheal.watch('other'), selfheal.watch('child'), selfheal.pause('child')},
	q{INSERT INTO child_intake VALUES ('{"id": 1, "v": "longer", "parent": 1}'), ('{"id": 2, "parent": 2}'), ('{"id": 7, "v": "x"}')});
others_go_on('nobody holds anything');

#
# The table itself: rows of three kinds, which go three ways.
#
my $person = person('LOCK TABLE child');
my $pid = $person->query_safe('SELECT pg_backend_pid()');
sql(q{SELECT selfheal.resume('child')});
others_go_on('a table is held');
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) = 3 AND bool_and(state = 'waiting_lock') FROM selfheal.incident WHERE relid = 'child'::regclass}),
	'its own wait');
# between two tries; one may be under way
ok( $node->poll_query_until('postgres', qq{SELECT count(*) = 3 AND bool_and(state = 'waiting_lock' AND attempts = 0 AND reason LIKE 'somebody holds the table: %'
		AND jsonb_path_exists(waiting, '\$[*] ? (\@.pid == $pid && \@.mode == "AccessExclusiveLock")')) FROM selfheal.incident WHERE relid = 'child'::regclass}),
	'nothing is charged, and they say for whom, in words too');
is( sql(q{SELECT r ->> 'idle', r ->> 'waiting_lock' FROM selfheal.wait_idle('180s') r}),
	'true|3', 'the worker is idle meanwhile');
done($person);
ok( $node->poll_query_until('postgres', q{SELECT bool_and(state <> 'waiting_lock') FROM selfheal.incident WHERE relid = 'child'::regclass}),
	'then they are healed, wait for a parent, or for a person');
idle($node, 'postgres');
is( state_of('child', "class || ' ' || state || ' ' || attempts"),
	'too_long healed 1, foreign_key awaiting_parent 0, unique needs_human 0', 'as if nobody had held it');

#
# What its rows wait for.
#
$person = person('LOCK TABLE parent');
sql(q{SELECT selfheal.retry(id) FROM selfheal.incident WHERE class = 'foreign_key'});
others_go_on('a parent is held');
ok( $node->poll_query_until('postgres', q{SELECT bool_or(reason LIKE 'somebody holds %') FROM selfheal.incident WHERE class = 'foreign_key'}),
	'who looks for parents waits');
is( sql(q{SELECT string_agg(class || ' ' || state, ', ') FROM selfheal.incident WHERE relid = 'child'::regclass AND state NOT IN ('healed', 'needs_human')}),
	'foreign_key awaiting_parent', 'as what they are');
$person->query_safe('INSERT INTO parent VALUES (2)');
done($person);
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM child WHERE parent = 2'), 'until the parent is there');

#
# A sequence whose end is looked for before anything else.
#
sql('CREATE TABLE numbered (id int GENERATED ALWAYS AS IDENTITY, v varchar(3))', q{SELECT selfheal.watch('numbered')});
$person = person('ALTER SEQUENCE numbered_id_seq INCREMENT 2');
others_go_on('a sequence is held');
done($person);

#
# A table whose change is somebody's to answer: it is compared between any two
# rounds with what is expected of it.
#
sql(
	'CREATE TABLE changed (id int, v varchar(3))',
	q{SELECT selfheal.watch('changed')},
	q{INSERT INTO changed_intake VALUES ('{"id": 1, "v": "abc"}')},
	'ALTER TABLE changed DROP COLUMN v');
ok( $node->poll_query_until('postgres', q{SELECT count(*) > 0 FROM selfheal.incident WHERE relid = 'changed'::regclass AND class = 'drift' AND state = 'needs_human'}),
	'a change is reported');
$person = person('LOCK TABLE changed');
others_go_on('a table that has drifted is held');
others_go_on('and go on');
$person->query_safe('ALTER TABLE changed ADD v varchar(3)');
done($person);
ok( $node->poll_query_until('postgres', q{SELECT bool_and(state = 'healed') FROM selfheal.incident WHERE relid = 'changed'::regclass AND class = 'drift'}),
	'what was changed back is seen');

#
# Our own table.
#
$person = person('LOCK TABLE selfheal.incident IN SHARE MODE');
load_other(100, 50);
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks JOIN pg_stat_activity USING (pid)
		WHERE backend_type = 'selfheal worker' AND relation = 'selfheal.incident'::regclass AND NOT granted}),
	'the healer meets it');
# nor while it rests before it tries again: the row has no incident yet that
# could say for whom it waits
my $until = time + 4;
my %idle;
$idle{ sql(q{SELECT selfheal.wait_idle('50ms') ->> 'idle'}) }++ while time < $until || !$idle{false};
is(join(' ', keys %idle), 'false', 'and is not idle, however often it has tried');
done($person);
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM other WHERE id = 100'), 'and goes on behind it');

is(sql(q{SELECT count(*) FROM selfheal.stopped}), '0', 'the healer has never stopped');
is(workers($node, 'postgres'), '1', 'nor has the worker ended');
unlike(slurp_file($node->logfile), qr/lock timeout|deadlock|gives up/, 'nothing is said in the log');

$node->stop;
done_testing();
