# Workers and the server: restart, crash in the middle of a heal, no free
# worker slot, more databases than slots, a role of their own, standby.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('restart', streaming => 1,
	conf => "selfheal.replay_chunk = 10\nselfheal.worker_linger = '60s'\n");

install($node, 'postgres');
install($node, 'd1');
make_table($node, 'postgres', 't');
make_table($node, 'd1', 't');

# kill -9 in the middle of a heal: two chunks of ten are committed, the third
# is not; PostgreSQL restarts, the worker is started again by itself.
my $session = hold($node, 'postgres');
load_long($node, 'postgres', 't', 1, 30);
ok(wait_until_held($node, 'postgres'), 'a heal is in its third chunk');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'), '20', 'two chunks are stored');
is( $node->safe_psql('postgres', "SELECT count(*) FROM selfheal.quarantine WHERE state = 'held'"),
	'10', 'the third is still held');
my $pid = worker_pid($node, 'postgres');
is(crash($node, $pid), 1, 'SIGKILL');
$session->{run}->kill_kill;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
ok(healed($node, 'postgres', 't', 1, 30), 'each row is stored exactly once');
is( $node->safe_psql('postgres',
		"SELECT character_maximum_length FROM information_schema.columns WHERE table_name = 't' AND column_name = 'name'"),
	'64', 'the table was healed');
is($node->safe_psql('postgres', 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit verifies');

# kill -9 before the first chunk commits: the ALTER is undone with it.
$node->safe_psql('postgres', 'TRUNCATE t');
$session = hold($node, 'postgres');
load_long($node, 'postgres', 't', 25, 34, 100);
ok(wait_until_held($node, 'postgres'), 'a heal is in its first chunk');
is(crash($node, worker_pid($node, 'postgres')), 1, 'SIGKILL');
$session->{run}->kill_kill;
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
ok(healed($node, 'postgres', 't', 25, 34), 'each row is stored exactly once');

# What was held over a restart is healed after it without a wake, in every
# database, and a database without the extension has no worker.
$node->safe_psql('postgres', 'CREATE DATABASE plain');
set_conf($node, 'selfheal.enabled', "'off'");
load_long($node, 'postgres', 't', 101, 103, 300);
load_long($node, 'd1', 't', 101, 103);
$node->safe_psql('postgres', 'ALTER SYSTEM RESET selfheal.enabled');
cmp_ok(seconds_of(sub { $node->restart }), '<', $AT_ONCE, 'restart');
ok(healed($node, 'postgres', 't', 101, 103), 'healed after the restart');
ok(healed($node, 'd1', 't', 101, 103), 'in the other database too');
is(workers($node, 'plain'), '0', 'no worker where the extension is not');

# A stop in the middle of a heal is prompt.
$node->safe_psql('d1', 'TRUNCATE t');
$session = hold($node, 'd1');
load_long($node, 'd1', 't', 25, 25, 300);
ok(wait_until_held($node, 'd1'), 'a heal is stopped half-way');
cmp_ok(seconds_of(sub { $node->stop('fast') }), '<', $AT_ONCE, 'a fast stop does not wait for it');
$session->{run}->kill_kill;
$node->start;
ok(healed($node, 'd1', 't', 25, 25), 'and it is done after the start');

# No free worker slot: said once, tried again, done when there is one.
$node->safe_psql('postgres',
	'ALTER SYSTEM SET max_worker_processes = 1');
$node->safe_psql('postgres',
	'ALTER SYSTEM SET max_logical_replication_workers = 0');
$node->restart;
load_long($node, 'postgres', 't', 201, 202, 600);
ok( $node->poll_query_until('postgres', "SELECT selfheal.wait_idle('2500ms') ->> 'why'",
		'no worker slot is free: raise max_worker_processes'), 'wait_idle tells why');
my $log = slurp_file($node->logfile);
my @said = $log =~ /no worker slot is free\n/g;
is(scalar(@said), 1, 'said once in the log');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$node->restart;
ok(healed($node, 'postgres', 't', 201, 202), 'done with a slot');

# One slot of our own, three databases: lingering workers make room.
$node->safe_psql('postgres', 'ALTER SYSTEM SET selfheal.max_databases = 1');
$node->restart;
load_long($node, 'd1', 't', 301, 302, 600);
ok(healed($node, 'd1', 't', 301, 302), 'one database');
load_long($node, 'postgres', 't', 301, 302, 1200);
ok(healed($node, 'postgres', 't', 301, 302), 'and the other, through the same slot');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');

# A role of their own.
$node->safe_psql('postgres', 'CREATE ROLE healer SUPERUSER LOGIN');
$node->safe_psql('postgres', "ALTER SYSTEM SET selfheal.worker_role = 'healer'");
$node->restart;
$node->safe_psql('postgres', 'SELECT selfheal.wake()');
is(idle($node, 'postgres'), 't', 'idle');
is( $node->safe_psql('postgres',
		"SELECT usename FROM pg_stat_activity WHERE backend_type = 'selfheal worker' AND datname = 'postgres'"),
	'healer', 'workers connect as selfheal.worker_role');
$node->safe_psql('postgres', "ALTER SYSTEM SET selfheal.worker_role = 'nobody'");
$node->restart;
$node->safe_psql('postgres', 'SELECT selfheal.wake()');
ok($node->poll_query_until('postgres', "SELECT selfheal.wait_idle('2500ms') ->> 'why' ~ 'see the server log'"),
	'a role that does not exist');
like(slurp_file($node->logfile), qr/role "nobody" does not exist/, 'is named in the log');
$node->safe_psql('postgres', 'ALTER SYSTEM RESET ALL');
$node->restart;

# A standby holds still, and takes over when it is promoted.
set_conf($node, 'selfheal.enabled', "'off'");
load_long($node, 'd1', 't', 401, 402, 2000);
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->append_conf('postgresql.auto.conf', 'selfheal.enabled = on');
$standby->start;
is( $standby->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'selfheal%'"),
	'0', 'no launcher and no worker on a standby');
for my $call ('wake()', "wait_idle('1s')")
{
	my ($ret, $stdout, $stderr) = $standby->psql('postgres', "SELECT selfheal.$call",
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/55000.*HINT/s, "$call is refused there");
}
$standby->promote;
ok(healed($standby, 'd1', 't', 401, 402), 'after promotion it heals');
$standby->stop('fast');
$node->stop('fast');

# Without preload: what is there, what is not, and what to do about it.
$node->append_conf('postgresql.conf', "shared_preload_libraries = ''\n");
$node->append_conf('postgresql.auto.conf', "shared_preload_libraries = ''\n");
$node->start;
$node->safe_psql('plain', 'CREATE EXTENSION selfheal');
for my $call ('wake()', "wait_idle('1s')")
{
	my ($ret, $stdout, $stderr) = $node->psql('plain', "SELECT selfheal.$call",
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	like($stderr, qr/55000.*HINT:.*shared_preload_libraries/s, "$call without preload says how to load");
}
$node->stop('fast');

done_testing();
