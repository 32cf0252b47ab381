# 051_sessions.pl: what clients do to their sessions in the middle of a load:
# they cancel, are terminated, die; they send the same load prepared, through a
# pool, in two phases with a restart in between. What was not committed is
# neither stored nor held, keeps no lock, and the rest is there exactly once.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('sessions');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# Rows of a table, and rows held for it.
sub count_of
{
	my ($table) = @_;
	return sql("SELECT (SELECT count(*) FROM $table), count(*) FROM selfheal.quarantine
		WHERE relid = '$table'::regclass AND state = 'held'");
}

# Loads, reasons and rows that a table has left, committed or not.
sub traces
{
	my ($table) = @_;
	return sql("SELECT (SELECT count(*) FROM $table), (SELECT count(*) FROM selfheal.quarantine WHERE relid = '$table'::regclass),
		(SELECT count(*) FROM selfheal.load WHERE relid = '$table'::regclass), (SELECT count(*) FROM selfheal.error WHERE relid = '$table'::regclass)");
}

# Does nobody hold or wait for a lock on the table?
sub unlocked
{
	my ($table) = @_;
	return $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_locks l
		WHERE l.relation = '$table'::regclass OR (locktype = 'advisory' AND classid = '$table'::regclass)");
}

install($node, 'postgres');
sql(q{CREATE TABLE copied (id bigint PRIMARY KEY, v varchar(3)); SELECT selfheal.watch('copied', 'observe')});

# A COPY from STDIN that has sent some lines, enough for several flushes, half
# of them misfits, and does not end. Its psql and the backend's pid.
sub unfinished_copy
{
	my ($name, $before) = @_;
	my ($in, $out, $error) = ('', '', '');
	my $psql = IPC::Run::start(
		[ 'psql', '-X', '-q', '-d', $node->connstr('postgres') . " application_name=$name" ],
		'<', \$in, '>', \$out, '2>', \$error);

	$in = $before . "COPY copied_intake FROM STDIN (FORMAT ndjson);\n";
	for my $i (1 .. 70_000)
	{
		$in .= $i % 2 ? qq({"id": $i}\n) : qq({"id": $i, "v": "too long"}\n);
	}
	$psql->pump while length $in;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = '$name'");
	my $pid = sql("SELECT pid FROM pg_stat_activity WHERE application_name = '$name'");
	# it has taken more than one batch, and waits for its client
	ok( $node->poll_query_until('postgres', "SELECT wait_event = 'ClientRead' AND EXISTS (SELECT FROM pg_locks l
			WHERE l.pid = a.pid AND l.relation = 'copied'::regclass) FROM pg_stat_activity a WHERE pid = $pid"),
		"$name: the load is under way");
	return ($psql, $pid, \$in, \$error);
}

# Cancelled in the middle: the session goes on, in its transaction too.
my ($psql, $pid, $in, $error) = unfinished_copy('cancelled', <<'SQL');
BEGIN;
INSERT INTO copied_intake VALUES ('{"id": 100001}'), ('{"id": 100002, "v": "too long"}');
SAVEPOINT a;
SQL
is(traces('copied'), '0|0|0|0', 'nothing of an open load is seen');
sql("SELECT pg_cancel_backend($pid)");
$$in .= <<'SQL';
\.
ROLLBACK TO a;
INSERT INTO copied_intake VALUES ('{"id": 100003}'), ('{"id": 100004, "v": "too long"}');
COMMIT;
\q
SQL
$psql->finish;
like($$error, qr/canceling statement due to user request/, 'a COPY is cancelled');
is(traces('copied'), '2|2|2|2', 'what was before it and came after it is there');
is(sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM copied"), '100001 100003', 'and no more');
ok(unlocked('copied'), 'no lock is left');

# Terminated in the middle, and a client that dies.
($psql, $pid, $in, $error) = unfinished_copy('terminated', '');
sql("SELECT pg_terminate_backend($pid, 10000)");
$psql->kill_kill;
is(traces('copied'), '2|2|2|2', 'a terminated COPY leaves nothing');
ok(unlocked('copied'), 'no lock is left');
($psql, $pid, $in, $error) = unfinished_copy('dead', '');
$psql->kill_kill;
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid"),
	'the backend of a dead client ends');
is(traces('copied'), '2|2|2|2', 'its COPY leaves nothing');
ok(unlocked('copied'), 'no lock is left');

# A lock that is not to be had in time is the producer's error, not a row's.
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE copied IN ACCESS EXCLUSIVE MODE');
my ($rc, $stdout, $stderr) = $node->psql('postgres', q{SET lock_timeout = '50ms';
	\set VERBOSITY sqlstate
	INSERT INTO copied_intake VALUES ('{"id": 100005}'), ('{"id": 100006, "v": "too long"}')});
like($stderr, qr/55P03/, 'a load that may not wait for its table fails');
$holder->query_safe('COMMIT');
$holder->quit;
is(traces('copied'), '2|2|2|2', 'and leaves nothing');

# Simple, extended and prepared protocol, several clients at once: each row once.
sql(q{CREATE TABLE bench (client int, n bigint, v varchar(8), PRIMARY KEY (client, n));
	CREATE SEQUENCE bench_n;
	SELECT selfheal.watch('bench')});
my $script = $node->basedir . '/bench.sql';
append_to_file($script, <<'SQL');
SELECT nextval('bench_n') AS n \gset
\set long :n % 10
INSERT INTO bench_intake VALUES (json_build_object('client', :client_id::int, 'n', :n::bigint, 'v', repeat('x', 1 + :long::int * 3))::text);
SQL
my $loads = 0;
for my $mode (qw(simple extended prepared))
{
	$node->command_ok(
		[
			'pgbench', '-n', '-M', $mode, '-c', '3', '-t', '60', '-f', $script,
			'-d', $node->connstr('postgres')
		],
		"pgbench -M $mode");
	$loads += 3 * 60;
}
is(idle($node, 'postgres'), 't', 'idle');
is(sql('SELECT count(*), count(DISTINCT n), min(n), max(n), count(*) FILTER (WHERE length(v) <> 1 + n % 10 * 3) FROM bench'),
	"$loads|$loads|1|$loads|0", 'each row is stored once, as it was sent');
is(sql("SELECT count(*), sum(stored) + sum(held) FROM selfheal.load WHERE relid = 'bench'::regclass"),
	"$loads|$loads", 'each load has its row');

# A pool: one connection, other clients' roles and settings from load to load.
sql(q{CREATE ROLE ada; CREATE ROLE bob;
	CREATE TABLE pooled (id int, at timestamptz, who text DEFAULT current_user, v varchar(3));
	GRANT INSERT ON pooled TO ada, bob;
	SELECT selfheal.watch('pooled', 'observe');
	GRANT INSERT ON pooled_intake TO ada, bob});
my $pool = '';
for my $i (1 .. 40)
{
	my $role = $i % 2 ? 'ada' : 'bob';
	my $zone = $i % 3 ? 'Asia/Tokyo' : 'America/New_York';
	my $end = $i % 5 ? 'COMMIT' : 'ROLLBACK';
	my $v = $i % 4 ? 'abc' : 'long';

	$pool .= <<"SQL";
DISCARD ALL;
SET SESSION AUTHORIZATION $role;
SET TimeZone = '$zone';
BEGIN;
INSERT INTO pooled_intake VALUES ('{"id": $i, "at": "2026-07-01 00:00", "v": "$v"}');
$end;
SQL
}
sql($pool);
is(count_of('pooled'), '24|8', 'what was committed is stored or held');
sql(q{SELECT selfheal.watch('pooled', 'auto')});
sql('SELECT selfheal.wake()');
is(idle($node, 'postgres'), 't', 'idle');
is( sql(q{SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE id % 5 = 0),
		count(*) FILTER (WHERE who <> CASE WHEN id % 2 = 1 THEN 'ada' ELSE 'bob' END),
		count(*) FILTER (WHERE at <> '2026-07-01 00:00'::timestamp AT TIME ZONE CASE WHEN id % 3 > 0 THEN 'Asia/Tokyo' ELSE 'America/New_York' END)
		FROM pooled}),
	'32|32|0|0|0', 'each as its role, at its time, before the heal and after it');

# Two phases: prepared before a restart, committed after it by somebody else,
# who wakes the healer; rolled back; with several loads, and a table that another
# transaction has healed meanwhile.
sql(q{CREATE TABLE two (id int PRIMARY KEY, v varchar(3)); SELECT selfheal.watch('two')});
for my $i (1 .. 3)
{
	sql(qq{BEGIN;
		INSERT INTO two_intake VALUES ('{"id": ${i}1}'), ('{"id": ${i}2, "v": "long"}');
		SAVEPOINT a;
		INSERT INTO two_intake VALUES ('{"id": ${i}3, "k": 1}'), ('{"id": ${i}4}');
		ROLLBACK TO a;
		INSERT INTO two_intake VALUES ('{"id": ${i}5, "v": "long"}');
		PREPARE TRANSACTION 'two$i'});
}
is(idle($node, 'postgres'), 't', 'idle while they are prepared');
is(traces('two'), '0|0|0|0', 'nothing is seen of what is only prepared');
$node->restart;
is(idle($node, 'postgres'), 't', 'idle after a restart');
is(traces('two'), '0|0|0|0', 'nothing is seen of it after a restart');
sql("COMMIT PREPARED 'two1'");
sql("ROLLBACK PREPARED 'two2'");
# the table cannot be changed while a prepared transaction has written to it:
# readers and loads go on, and the heal comes after
ok( $node->poll_query_until('postgres', "SELECT state = 'waiting_lock' FROM selfheal.incident WHERE relid = 'two'::regclass"),
	'the heal waits for the last prepared transaction');
is(count_of('two'), '1|2', 'rows of the committed one are stored or held');
sql("COMMIT PREPARED 'two3'");
ok( $node->poll_query_until('postgres', "SELECT count(*) = 0 FROM selfheal.quarantine WHERE relid = 'two'::regclass"),
	'nobody but COMMIT PREPARED wakes the healer');
is(sql("SELECT string_agg(id || ' ' || coalesce(v, ''), ', ' ORDER BY id) FROM two"),
	'11 , 12 long, 15 long, 31 , 32 long, 35 long', 'each row of the two that were committed, once');

$node->stop;
done_testing();
