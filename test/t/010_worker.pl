# The life of a worker in a running server: start, wake, linger, stop; what
# databases and extensions do to it. What restarts of the server do to it is
# in 011_worker_restart.pl.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('worker', conf => "selfheal.replay_chunk = 10\n");
my ($ret, $stdout, $stderr);

# The launcher is connected to no database, so it can block none.
is( $node->safe_psql('postgres',
		"SELECT count(*), count(datid) FROM pg_stat_activity WHERE backend_type = 'selfheal launcher'"),
	'1|0', 'one launcher, in no database');
is(workers($node), '0', 'no worker where the extension is not');

# Start.
install($node, 'postgres');
is(idle($node, 'postgres'), 't', 'CREATE EXTENSION wakes a worker, which comes to rest');
is(workers($node, 'postgres'), '1', 'it lingers');
is( $node->safe_psql('postgres',
		"SELECT usename = (SELECT rolname FROM pg_roles WHERE oid = 10), application_name
		 FROM pg_stat_activity WHERE backend_type = 'selfheal worker'"),
	't|selfheal worker', 'as the bootstrap user, with a name');

# Heal on wake.
make_table($node, 'postgres', 't');
my $pid = worker_pid($node, 'postgres');
load_long($node, 'postgres', 't', 1, 3);
is(idle($node, 'postgres'), 't', 'idle after a load');
ok(healed($node, 'postgres', 't', 1, 3), 'rows that did not fit are stored once');
is(worker_pid($node, 'postgres'), $pid, 'by the worker that was there');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'selfheal worker' AND backend_xmin IS NOT NULL"),
	'0', 'between transactions it holds no snapshot');
is( $node->safe_psql('postgres', "SELECT count(*) FROM pg_locks WHERE pid = $pid"),
	'0', 'and no lock');

# It ends after a while, and the next load starts one.
set_conf($node, 'selfheal.worker_linger', "'100ms'");
ok(no_worker($node, 'postgres'), 'without work the worker ends');
load_long($node, 'postgres', 't', 4, 6, 300);
is(idle($node, 'postgres'), 't', 'idle');
ok(healed($node, 'postgres', 't', 4, 6), 'a load starts one again');
ok(no_worker($node, 'postgres'), 'and it ends again');

# wake() goes out with the commit, and only with it.
$node->safe_psql('postgres', "BEGIN; SELECT selfheal.wake(); ROLLBACK;");
is(workers($node, 'postgres'), '0', 'a wake that is rolled back wakes nobody');
set_conf($node, 'selfheal.worker_linger', "'60s'");
$node->safe_psql('postgres', 'SELECT selfheal.wake()');
is(idle($node, 'postgres'), 't', 'idle after wake()');
is(workers($node, 'postgres'), '1', 'wake() starts a worker');
$pid = worker_pid($node, 'postgres');

# wait_idle's refusals.
my $vpsql = sub {
	my ($sql) = @_;
	($ret, $stdout, $stderr) =
	  $node->psql('postgres', $sql, extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	return $stderr;
};
like($vpsql->("BEGIN; SELECT selfheal.wait_idle('1s')"), qr/25001.*HINT/s, 'wait_idle in a transaction block');
like($vpsql->("SAVEPOINT a; SELECT selfheal.wait_idle('1s')"), qr/ERROR/, 'and after a savepoint');
like($vpsql->("DO 'BEGIN CREATE TABLE z (); PERFORM selfheal.wait_idle(); END'"),
	qr/25001/, 'and where the statement itself has written');
like($vpsql->("SELECT selfheal.wait_idle(NULL)"), qr/22023.*HINT/s, 'null timeout');
like($vpsql->("SELECT selfheal.wait_idle('-1s')"), qr/22023.*HINT/s, 'negative timeout');
is( $node->safe_psql('postgres', "SELECT selfheal.wait_idle('0') -> 'idle'"),
	'true', 'timeout 0 only looks');
is( $node->safe_psql('postgres',
		"SELECT array_agg(k ORDER BY k) FROM jsonb_object_keys(selfheal.wait_idle()) k"),
	'{asking,awaiting_approval,awaiting_parent,failed,held,idle,needs_human,waiting_lock}', 'what it tells');

# A heal in progress: wait_idle says so and does not lie.
make_table($node, 'postgres', 'u');
my $session = hold($node, 'postgres');
load_long($node, 'postgres', 'u', 1, 30);
ok(wait_until_held($node, 'postgres'), 'a heal is stopped half-way');
is( $node->safe_psql('postgres', "SELECT selfheal.wait_idle('50ms') ->> 'why'"),
	'the worker is still at work', 'wait_idle times out and tells why');

# Its interrupts work meanwhile: DROP TABLESPACE needs every process to answer.
my $dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE spc LOCATION '$dir'");
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'DROP TABLESPACE spc') }),
	'<', $AT_ONCE, 'DROP TABLESPACE does not hang on a busy worker');

# SIGTERM is prompt, and nothing is lost or doubled.
is( $node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 1000 * $AT_ONCE)"),
	't', 'a worker in the middle of a heal obeys SIGTERM');
let_go($session);
ok(healed($node, 'postgres', 'u', 1, 30), 'another one ends its work: each row once');
isnt(worker_pid($node, 'postgres'), $pid, 'it is another one');

# Two-phase commit: nothing of ours runs in the prepared transaction.
make_table($node, 'postgres', 'p');
is(idle($node, 'postgres'), 't', 'idle');
$node->safe_psql('postgres', <<'SQL');
BEGIN;
INSERT INTO p_intake SELECT json_build_object('id', 1, 'name', repeat('x', 40))::text;
PREPARE TRANSACTION 'load';
SQL
is(idle($node, 'postgres'), 't', 'nothing to do for what is only prepared');
is($node->safe_psql('postgres', 'SELECT count(*) FROM p'), '0', 'nothing stored');
set_conf($node, 'selfheal.worker_linger', "'0'");
$node->safe_psql('postgres', 'SELECT selfheal.wake()');
ok(no_worker($node, 'postgres'), 'no worker');
$node->safe_psql('postgres', "COMMIT PREPARED 'load'");
is(idle($node, 'postgres'), 't', 'idle after COMMIT PREPARED');
ok(healed($node, 'postgres', 'p', 1, 1), 'COMMIT PREPARED wakes');
set_conf($node, 'selfheal.worker_linger', "'600s'");

# Databases: a lingering worker, and one in the middle of a heal.
install($node, 'd1');
is(idle($node, 'd1'), 't', 'a second database has its own worker');
is(workers($node, 'd1'), '1', 'which lingers');
my $offset = -s $node->logfile;
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'DROP DATABASE d1') }),
	'<', $AT_ONCE, 'DROP DATABASE with a lingering worker');
unlike(substr(slurp_file($node->logfile), $offset), qr/FATAL/, 'which is asked, not killed');
install($node, 'd1');
make_table($node, 'd1', 't');
$session = hold($node, 'd1');
load_long($node, 'd1', 't', 1, 30);
ok(wait_until_held($node, 'd1'), 'a heal is stopped half-way');
$session->quit;
make_table($node, 'd1', 'u');
$node->safe_psql('d1', <<'SQL');
CREATE FUNCTION forever() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM pg_catalog.pg_sleep(600);
	RETURN NEW;
END $$;
CREATE TRIGGER forever BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION forever();
SQL
load_long($node, 'd1', 'u', 1, 1);
ok(wait_until_held($node, 'd1'), 'a heal that would take ten minutes');
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'ALTER DATABASE d1 RENAME TO d2') }),
	'<', $AT_ONCE, 'ALTER DATABASE RENAME in the middle of it');
ok(wait_until_held($node, 'd2'), 'the worker comes back under the new name');
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'CREATE DATABASE d3 TEMPLATE d2') }),
	'<', $AT_ONCE, 'CREATE DATABASE ... TEMPLATE in the middle of it');
ok(wait_until_held($node, 'd2'), 'and comes back');
$dir = PostgreSQL::Test::Utils::tempdir;
$node->safe_psql('postgres', "CREATE TABLESPACE spc LOCATION '$dir'");
cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'ALTER DATABASE d2 SET TABLESPACE spc') }),
	'<', $AT_ONCE, 'ALTER DATABASE SET TABLESPACE in the middle of it');
ok(wait_until_held($node, 'd2'), 'and comes back');

# A rename that is rolled back: back as well.
$node->safe_psql('postgres', 'BEGIN; ALTER DATABASE d2 RENAME TO d4; ROLLBACK');
ok(wait_until_held($node, 'd2'), 'after a rolled back rename too');

# Who may not drop a database may not stop its worker either.
$node->safe_psql('postgres', 'CREATE ROLE nobody LOGIN');
$pid = worker_pid($node, 'd2');
$node->psql('postgres', 'SET ROLE nobody; DROP DATABASE d2');
$node->psql('postgres', 'SET ROLE nobody; CREATE DATABASE d5 TEMPLATE d2');
is(worker_pid($node, 'd2'), $pid, 'a role without the right stops no worker');

cmp_ok(seconds_of(sub { $node->safe_psql('postgres', 'DROP DATABASE d2') }),
	'<', $AT_ONCE, 'DROP DATABASE in the middle of a heal');
$node->safe_psql('postgres', 'DROP DATABASE d3');
$node->safe_psql('postgres', 'DROP TABLESPACE spc');
is(workers($node), workers($node, 'postgres'), 'no worker is left behind');

# DROP and CREATE EXTENSION, committed and rolled back, again and again.
install($node, 'e');
is(idle($node, 'e'), 't', 'idle');
$node->safe_psql('e', 'DROP EXTENSION selfheal');
ok(no_worker($node, 'e'), 'DROP EXTENSION sends the lingering worker home');
$node->safe_psql('e', 'BEGIN; CREATE EXTENSION selfheal; ROLLBACK');
is(workers($node, 'e'), '0', 'CREATE EXTENSION rolled back: none');
for my $i (1 .. 3)
{
	$node->safe_psql('e', 'BEGIN; CREATE EXTENSION selfheal; COMMIT');
	is(idle($node, 'e'), 't', "created ($i)");
	is(workers($node, 'e'), '1', 'a worker at once');
	$node->safe_psql('e', 'BEGIN; DROP EXTENSION selfheal; ROLLBACK');
	$node->safe_psql('e', 'BEGIN; DROP EXTENSION selfheal; CREATE EXTENSION selfheal; COMMIT');
	make_table($node, 'e', "t$i");
	load_long($node, 'e', "t$i", 1, 2);
	is(idle($node, 'e'), 't', 'idle');
	ok(healed($node, 'e', "t$i", 1, 2), 'dropped and made in one transaction: heals');
	$node->safe_psql('e', 'DROP EXTENSION selfheal');
}
ok(no_worker($node, 'e'), 'none in the end');

# While somebody holds an uncommitted DROP EXTENSION the worker waits for no
# lock, and goes on when it is rolled back.
$node->safe_psql('e', 'CREATE EXTENSION selfheal');
is(idle($node, 'e'), 't', 'idle');
make_table($node, 'e', 'r');
$session = $node->background_psql('e');
$session->query_safe('BEGIN');
$session->query_safe('DROP EXTENSION selfheal');
$node->safe_psql('e', "SELECT 1");
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
		 WHERE NOT l.granted AND a.backend_type = 'selfheal worker'"),
	'0', 'no worker waits for the lock of DROP EXTENSION');
$session->query_safe('ROLLBACK');
$session->quit;
load_long($node, 'e', 'r', 1, 2);
is(idle($node, 'e'), 't', 'idle');
ok(healed($node, 'e', 'r', 1, 2), 'after the rollback it goes on');

# DROP EXTENSION in the middle of a heal gets its turn between two
# transactions of the worker, and is not the victim of a deadlock with it. The
# whole heal would take two minutes, ten rows of it a third of a second.
$node->safe_psql('e', 'DROP TABLE r CASCADE');
for my $i (1 .. 3)
{
	$node->safe_psql('e', <<"SQL");
CREATE TABLE slow$i (id bigint, name varchar(32));
CREATE FUNCTION slow$i() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	PERFORM pg_catalog.pg_sleep(0.03);
	RETURN NEW;
END \$\$;
CREATE TRIGGER slow BEFORE INSERT ON slow$i FOR EACH ROW EXECUTE FUNCTION slow$i();
SELECT selfheal.watch('slow$i');
SQL
	load_long($node, 'e', "slow$i", 1, 4000);
	ok(wait_until_held($node, 'e'), "a heal is under way ($i)");
	($ret, $stdout, $stderr) = (0, '', '');
	cmp_ok(seconds_of(sub { ($ret, $stdout, $stderr) = $node->psql('e', 'DROP EXTENSION selfheal') }),
		'<', $AT_ONCE, 'DROP EXTENSION waits for one transaction at most');
	is($ret, 0, 'and succeeds') or diag $stderr;
	ok(no_worker($node, 'e'), 'the worker is gone');
	is( $node->safe_psql('e', "SELECT count(*) = count(DISTINCT id) AND count(*) < 4000 FROM slow$i"),
		't', 'what it had stored is stored once');
	$node->safe_psql('e', 'CREATE EXTENSION selfheal');
}

# Off means off, on means on, and what came meanwhile is done.
make_table($node, 'postgres', 'o');
set_conf($node, 'selfheal.enabled', "'off'");
ok(no_worker($node, 'postgres'), 'off: the worker leaves');
load_long($node, 'postgres', 'o', 1, 2);
is( $node->safe_psql('postgres', "SELECT selfheal.wait_idle('100ms') ->> 'why'"),
	'selfheal.enabled is off', 'wait_idle says so');
is($node->safe_psql('postgres', 'SELECT count(*) FROM o'), '0', 'off: rows are held');
is( $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'selfheal launcher'"),
	'1', 'off: the launcher sleeps and stays');
set_conf($node, 'selfheal.enabled');
is(idle($node, 'postgres'), 't', 'on: idle');
ok(healed($node, 'postgres', 'o', 1, 2), 'on: what was held is healed without another wake');

# Memory of a worker that heals again and again does not grow.
SKIP:
{
	skip 'needs /proc', 1 unless -r "/proc/$$/status";
	make_table($node, 'postgres', 'm');
	my $rounds = sub {
		for (1 .. $_[0])
		{
			# the same table each time: the catalog cache is not to grow
			$node->safe_psql('postgres',
				'TRUNCATE m; ALTER TABLE m ALTER name TYPE varchar(32)');
			load_long($node, 'postgres', 'm', 1, 20);
			idle($node, 'postgres');
		}
		return slurp_file('/proc/' . worker_pid($node, 'postgres') . '/status') =~
		  /^RssAnon:\s+(\d+) kB/m ? $1 : 0;
	};
	my $before = $rounds->(15);
	my $after = $rounds->(45);
	note "anonymous memory after 15 heals: $before kB, after 60: $after kB";
	cmp_ok($after - $before, '<', 1500, 'memory is flat');
}

# The launcher comes back, and the workers do not notice.
$pid = worker_pid($node, 'postgres');
$node->safe_psql('postgres',
	"SELECT pg_terminate_backend(pid, 1000 * $AT_ONCE) FROM pg_stat_activity WHERE backend_type = 'selfheal launcher'");
ok( $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'selfheal launcher'"),
	'the launcher is restarted');
is(worker_pid($node, 'postgres'), $pid, 'its workers live on');

# Only changes of state are in the log.
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP|terminated by signal/, 'nobody crashed');

$node->stop('fast');
done_testing();
