# 025_labels.pl: a worker that is killed after it added a label of an enum and
# before the rows are in: the label is there once, so are the rows.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('labels', conf => "autovacuum = off\n");
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

make_table($node, 'postgres', 'mood_of');
sql("CREATE TYPE mood AS ENUM ('sad'); ALTER TABLE mood_of ADD mood mood");
sql(q{INSERT INTO mood_of_intake SELECT format('{"id": %s, "mood": "glad"}', i) FROM generate_series(20, 30) i});
is(idle($node, 'postgres'), 't', 'the rows wait for an approval');
is(sql('SELECT sql FROM selfheal.pending'), "ALTER TYPE public.mood ADD VALUE IF NOT EXISTS 'glad'", 'of the label');

# the rows stop at the trigger; the label is committed by then
my $lock = hold($node, 'postgres');
sql('SELECT selfheal.approve(plan_id) FROM selfheal.pending');
ok(wait_until_held($node, 'postgres'), 'the replay has begun');
is(sql(q{SELECT count(*) FROM pg_enum WHERE enumlabel = 'glad'}), '1', 'the label is there');
is(sql('SELECT count(*) FROM mood_of'), '0', 'the rows are not');
crash($node, worker_pid($node, 'postgres'));
$lock->{run}->kill_kill;
ok($node->poll_query_until('postgres', 'SELECT 1', '1'), 'the server is back after the crash');

ok($node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'"),
	'the heal goes on');
is(idle($node, 'postgres'), 't', 'and ends');
is(sql(q{SELECT count(*), count(DISTINCT id), min(mood) FROM mood_of}), '11|11|glad', 'each row is stored once');
is(sql(q{SELECT count(*) FROM selfheal.audit WHERE event = 'applied' AND result = 'labels added'}), '1',
	'the label was added once');
is(sql(q{SELECT string_agg(DISTINCT state, ' ') FROM selfheal.plan}), 'applied', 'by one plan');

$node->stop;
done_testing();
