# 052_lock_wait.pl: a heal waits for its lock. Whoever holds the table, and
# for however long: other readers queue behind the heal for no longer than
# selfheal.lock_timeout, loads for no longer than the gate besides, and the
# heal comes through when the table is free. SELFHEAL_HOLD_SECONDS=60 measures
# it under a reader that holds the table for a minute.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{SELFHEAL_HOLD_SECONDS} // 6;
my $enough = 60;    # seconds for what takes four of them on an idle machine
my $lock_timeout = 0.5;
my $gate_timeout = 2;
my $machine = 1;    # what a busy machine may add, besides what it is seen to add

my $node = PostgreSQL::Test::Cluster->new('lock_wait');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'selfheal'
selfheal.lock_timeout = '${lock_timeout}s'
selfheal.gate_timeout = '${gate_timeout}s'
log_lock_waits = on
autovacuum = on
autovacuum_naptime = 1s
log_autovacuum_min_duration = 0
CONF
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# A transaction that has read from this table and stays open.
sub hold
{
	my ($table) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe('BEGIN');
	$session->query_safe("SELECT count(*) FROM $table");
	return $session;
}

# Each of the tables <name>_<n> that has kept the heal waiting for a while is
# let go, for four seconds, or until there were three of them. How many were?
my %holders;

sub let_go_one_by_one
{
	my ($name) = @_;
	my $watcher = $node->background_psql('postgres');
	my $start = time;
	my $n = 0;

	while (time - $start < 4 || ($n < 3 && time - $start < $enough))
	{
		my $wanted = $watcher->query_safe(qq{SELECT relation::regclass::text FROM pg_locks WHERE NOT granted
			AND locktype = 'relation' AND mode = 'AccessExclusiveLock' AND relation::regclass::text LIKE '$name\_%'});

		if ($wanted =~ /_(\d+)$/ && $holders{$1})
		{
			my $holder = delete $holders{$1};

			sleep 0.3;
			let_go($holder);
			$n++;
		}
		sleep 0.02;
	}
	$watcher->quit;
	return $n;
}

sub let_go
{
	my ($session) = @_;
	$session->query_safe('COMMIT');
	$session->quit;
	return;
}

# Sessions that run a script over and over, each run timed.
sub start_clients
{
	my ($name, $clients, $for, $script) = @_;
	my $file = $node->basedir . "/$name.sql";
	my $error = '';

	append_to_file($file, $script);
	my $run = IPC::Run::start(
		[
			'pgbench', '-n', '-c', $clients, '-T', $for, '-f', $file, '-l',
			'--log-prefix=' . $node->basedir . "/$name",
			'-h', $node->host, '-p', $node->port, 'postgres'
		],
		'<', \undef, '>', \my $out, '2>', \$error);
	return { name => $name, run => $run, error => \$error };
}

# How often they ran, the longest run in seconds; and that none failed.
sub end_clients
{
	my ($clients) = @_;
	my ($n, $longest) = (0, 0);

	$clients->{run}->finish;
	ok(!$clients->{run}->result, "no $clients->{name} was refused") or diag ${ $clients->{error} };
	for my $file (glob $node->basedir . "/$clients->{name}.*[0-9]")
	{
		for (split /\n/, slurp_file($file))
		{
			my $took = (split)[2] / 1e6;

			$longest = $took if $took > $longest;
			$n++;
		}
	}
	return ($n, $longest);
}

# A reader of a table that nobody wants: what he waits is the machine's. What it
# may add to what others wait, in seconds.
sub start_beside
{
	my ($name, $for) = @_;
	return start_clients("${name}_beside", 2, $for, "SELECT count(*) FROM beside;\n\\sleep 5 ms\n");
}

sub end_beside
{
	my ($clients) = @_;
	my (undef, $longest) = end_clients($clients);

	note(sprintf 'a reader beside them waits for %.3f s', $longest);
	return $machine + 2 * $longest;
}

# Waits of the worker for a table that were long enough to be logged: one an
# attempt.
sub attempts
{
	my ($table) = @_;
	my $relid = sql("SELECT '$table'::regclass::oid");

	return scalar(() = slurp_file($node->logfile) =~ /still waiting for AccessExclusiveLock on relation $relid /g);
}

sub state_of
{
	my ($table, $what) = @_;
	return sql("SELECT $what FROM selfheal.incident WHERE relid = '$table'::regclass");
}

sub healed
{
	my ($table) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) > 0 AND bool_and(state = 'healed') FROM selfheal.incident WHERE relid = '$table'::regclass");
}

#
# A reader holds the table.
#
sql(q{CREATE EXTENSION selfheal;
	CREATE TABLE beside (id int);
	CREATE TABLE flow (id bigint PRIMARY KEY, v varchar(4));
	INSERT INTO flow SELECT g, 'x' FROM generate_series(1, 100) g;
	CREATE SEQUENCE ids START 1000;
	SELECT selfheal.watch('flow')});
my $holder = hold('flow');
my $pid = $holder->query_safe('SELECT pg_backend_pid()');
my $start = time;
my $readers = start_clients('reader', 4, $seconds + 4, "SELECT count(*) FROM flow WHERE id < 100;\n\\sleep 5 ms\n");
my $beside = start_beside('reader', $seconds + 4);
my $loads = start_clients('load', 2, $seconds + 4, <<'SQL');
SELECT nextval('ids') AS id \gset
INSERT INTO flow_intake VALUES ('{"id": :id, "v": "ok"}');
\sleep 20 ms
SQL
sql(q{INSERT INTO flow_intake VALUES ('{"id": 999, "v": "longer than four"}')});
ok( $node->poll_query_until('postgres', q{SELECT bool_or(state = 'waiting_lock') FROM selfheal.incident WHERE relid = 'flow'::regclass}),
	'the heal waits for the lock');
is( state_of('flow', "jsonb_path_exists(waiting, '\$[*] ? (\@.pid == $pid && \@.mode == \"AccessShareLock\")')"),
	't', 'and says for whom');
sleep 0.1 while time - $start < $seconds;
sleep 0.1 while attempts('flow') < 2 && time - $start < $enough;
like(state_of('flow', 'state'), qr/^(waiting_lock|planning|applying)$/, 'for as long as the table is held');
my $attempts = attempts('flow');
let_go($holder);
my $free = time;
ok(healed('flow'), 'it heals when the table is free');
my $late = time - $free;
my ($reads, $read) = end_clients($readers);
my ($loaded, $load) = end_clients($loads);
my $adds = end_beside($beside);
note(sprintf
	  'held for %d s: %d attempts; %d reads, the longest %.3f s; %d loads, the longest %.3f s; healed %.1f s after',
	$seconds, $attempts, $reads, $read, $loaded, $load, $late);
cmp_ok($attempts, '>', 1, 'it was tried more than once');
cmp_ok($reads, '>', 100 * $seconds / 6, 'readers went on all the time');
cmp_ok($read, '<', $lock_timeout + $adds, 'no reader waited longer than lock_timeout');
cmp_ok($loaded, '>', 10 * $seconds / 6, 'and so did loads');
cmp_ok($load, '<', $gate_timeout + $lock_timeout + $adds, 'no load waited longer than gate and lock');
is(sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker comes to rest');
is(sql('SELECT count(*), count(DISTINCT id) FROM flow WHERE id > 999'), "$loaded|$loaded", 'each load is stored once');
is(sql('SELECT v FROM flow WHERE id = 999'), 'longer than four', 'and the row that waited');

#
# Readers hold partitions, one lets go when the heal has waited for a while, the
# next has it wait again: the budget is for all of them together.
#
my $parts = 8;
sql(q{CREATE TABLE tree (id int, v varchar(4)) PARTITION BY LIST (id)});
sql("CREATE TABLE tree_$_ PARTITION OF tree FOR VALUES IN ($_)") for 1 .. $parts;
sql(q{SELECT selfheal.watch('tree')});
%holders = map { $_ => hold("tree_$_") } 1 .. $parts;
$readers = start_clients('tree_reader', 4, 6, "SELECT count(*) FROM tree;\n\\sleep 5 ms\n");
sql(q{INSERT INTO tree_intake VALUES ('{"id": 1, "v": "longer"}')});
$beside = start_beside('tree', 6);
my $waited = let_go_one_by_one('tree');
($reads, $read) = end_clients($readers);
$adds = end_beside($beside);
note(sprintf '%d partitions held the heal up, one after the other; %d reads, the longest %.3f s', $waited, $reads, $read);
cmp_ok($waited, '>', 2, 'partitions held the heal up, one after the other');
cmp_ok($read, '<', $lock_timeout + $adds, 'no reader of the tree waited longer than one lock_timeout');
let_go($_) for values %holders;
ok(healed('tree'), 'it heals when all are free');

#
# The same, of a table and the other sides of its foreign keys, which are
# locked with it when their column is widened.
#
sql(join ';', (map { "CREATE TABLE side_$_ (k varchar(4) PRIMARY KEY)" } 1 .. $parts),
	'CREATE TABLE side_0 (id int, k varchar(4) ' . join(' ', map { "REFERENCES side_$_" } 1 .. $parts) . ')',
	q{SELECT selfheal.watch('side_0')});
%holders = map { $_ => hold("side_$_") } 0 .. $parts;
$readers = start_clients('side_reader', 4, 6, "SELECT count(*) FROM side_0;\n\\sleep 5 ms\n");
sql(q{SELECT selfheal.approve(plan_id) FROM selfheal.propose('side_0', 'ALTER TABLE side_0 ALTER k TYPE varchar(64)', 'a test')});
$beside = start_beside('side', 6);
$waited = let_go_one_by_one('side');
($reads, $read) = end_clients($readers);
$adds = end_beside($beside);
note(sprintf '%d tables held the heal up, one after the other; %d reads, the longest %.3f s', $waited, $reads, $read);
cmp_ok($waited, '>', 2, 'tables held the heal up, one after the other');
cmp_ok($read, '<', $lock_timeout + $adds, 'no reader of the table waited longer than one lock_timeout');
let_go($_) for values %holders;
ok( $node->poll_query_until('postgres', q{SELECT state = 'applied' FROM selfheal.plan WHERE relid = 'side_0'::regclass}),
	'it is changed when all are free');

#
# An autovacuum holds the table: it makes room at once.
#
sql(q{CREATE TABLE dusty (id int, v varchar(4)) WITH (autovacuum_vacuum_threshold = 1, autovacuum_vacuum_scale_factor = 0,
		autovacuum_vacuum_cost_delay = 100, autovacuum_vacuum_cost_limit = 1);
	INSERT INTO dusty SELECT g, 'x' FROM generate_series(1, 100000) g;
	SELECT selfheal.watch('dusty');
	DELETE FROM dusty WHERE id % 2 = 0});
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
			WHERE a.backend_type = 'autovacuum worker' AND l.relation = 'dusty'::regclass AND l.mode = 'ShareUpdateExclusiveLock'}),
	'an autovacuum is at work on the table');
my $offset = -s $node->logfile;
$start = time;
sql(q{INSERT INTO dusty_intake VALUES ('{"id": 200001, "v": "longer"}')});
ok(healed('dusty'), 'the heal comes through');
is(state_of('dusty', 'state, attempts'), 'healed|1', 'it does not wait for it');
note(sprintf 'healed %.2f s after the row came', time - $start);
like(slurp_file($node->logfile, $offset), qr/canceling autovacuum task/, 'it was cancelled');

$node->stop;
done_testing();
