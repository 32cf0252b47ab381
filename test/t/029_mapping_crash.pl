# A mapping and the rows that are stored by it: a crash leaves both or neither.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('mapping_crash', conf => "selfheal.replay_chunk = 10\nselfheal.worker_linger = '60s'\n");
install($node, 'postgres');
make_table($node, 'postgres', $_) for ('rest', 'first');
$node->safe_psql('postgres', "ALTER TABLE $_ ADD n int") for ('rest', 'first');

# Numbers that one mapping reads.
sub load_grouped
{
	my ($table, $first, $last) = @_;
	$node->safe_psql('postgres', <<"SQL");
INSERT INTO ${table}_intake
SELECT format('{"id": %s, "n": "1,234,%s"}', i, lpad(i::text, 3, '0')) FROM generate_series($first, $last) i
SQL
	return;
}

# Nothing is held, each row is stored once, by one mapping.
sub stored_once
{
	my ($table, $first, $last) = @_;
	my $count = $last - $first + 1;
	$node->poll_query_until('postgres', "SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'") or return 0;
	idle($node, 'postgres');
	return $node->safe_psql('postgres', <<"SQL") eq "$count|$count|0|1|$count";
SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE n <> 1234000 + id),
	(SELECT count(*) FROM selfheal.mapping WHERE relid = '$table'::regclass),
	(SELECT count(DISTINCT payload) FROM selfheal.originals WHERE table_name = 'public.$table')
FROM $table
SQL
}

# in the third chunk: the mapping is there, as are the rows of two
my $session = hold($node, 'postgres');
load_grouped('rest', 1, 30);
ok(wait_until_held($node, 'postgres'), 'a heal is in its third chunk');
is($node->safe_psql('postgres', 'SELECT count(*) FROM rest'), '20', 'two chunks are stored');
is($node->safe_psql('postgres', "SELECT count(*) FROM selfheal.mapping WHERE relid = 'rest'::regclass"), '1', 'by the mapping');
is(crash($node, worker_pid($node, 'postgres')), 1, 'SIGKILL');
$session->{run}->kill_kill;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
ok(stored_once('rest', 1, 30), 'each row is stored exactly once, by one mapping, and what was sent is kept');

# in the first chunk: neither is there
$session = hold($node, 'postgres');
load_grouped('first', 20, 29);
ok(wait_until_held($node, 'postgres'), 'a heal is in its first chunk');
is(crash($node, worker_pid($node, 'postgres')), 1, 'SIGKILL');
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
$session->{run}->kill_kill;
ok(stored_once('first', 20, 29), 'each row is stored exactly once, by one mapping');
is($node->safe_psql('postgres', "SELECT version FROM selfheal.mapping WHERE relid = 'first'::regclass"), '1', 'its first');
is($node->safe_psql('postgres', 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit verifies');

done_testing();
