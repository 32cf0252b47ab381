# 050_concurrency.pl: many producers at once. Loads that overlap all the time do
# not keep the healer out, readers are never held up for long, producers get no
# error, and every row is stored exactly once.

use strict;
use warnings;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $loaders = 4;
my $rounds = 40;
my $more_rounds = 160;    # of which a slow machine may need some
my $lock_timeout = 0.5;

my $node = PostgreSQL::Test::Cluster->new('concurrency');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
selfheal.lock_timeout = 500ms
log_min_messages = log
CONF
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# psql with a script of its own, in the background.
my @errors;
my @outs;
my @running;

sub run_script
{
	my ($name, $script) = @_;
	my $file = $node->basedir . "/$name.sql";
	my $error = \$errors[@errors];
	my $out = \$outs[@outs];

	$$error = '';
	$$out = '';
	append_to_file($file, $script);
	push @running,
	  IPC::Run::start(
		[
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
			'-d', $node->connstr('postgres') . " application_name=$name", '-f', $file
		],
		'<', \undef, '>', $out, '2>', $error);
	return;
}

# Rounds that were made only because the machine is slow.
sub rounds_more { return scalar(() = join('', @outs) =~ /^more$/mg) }

# Does one of them still run?
sub going_on
{
	$_->pump_nb for grep { $_->pumpable } @running;
	return grep { $_->pumpable } @running;
}

# What a script asks before each round that only a slow machine needs: it ends
# when this many incidents of the table have been healed for a while. It tells
# each that it makes.
sub unless_healed
{
	my ($table, $incidents) = @_;
	return "SELECT count(*) >= $incidents AS done FROM selfheal.incident WHERE relid = '$table'::regclass AND closed_at < clock_timestamp() - interval '1 s' AND state = 'healed' \\gset\n"
	  . "\\if :done\n\\q\n\\endif\n\\echo more\n";
}

sub settle
{
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'")
	  && sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}) eq 'true';
}

sql(q{CREATE EXTENSION selfheal;
	CREATE TABLE flow (id bigint PRIMARY KEY, v varchar(4), direct boolean);
	CREATE TABLE side (id bigint PRIMARY KEY, v varchar(4));
	SELECT selfheal.watch('flow'), selfheal.watch('side')});

# Each loader is in a transaction nearly all the time, a third of a second each.
# What they do around their loads differs: read the table before, write to it
# directly, load two tables in one order or the other.
my $sent = 0;
my $side = 0;
for my $loader (1 .. $loaders)
{
	my $script = sprintf("SELECT pg_sleep(%f);\n", 0.09 * $loader);
	$script .= "SET client_min_messages = warning;\n";
	for my $round (1 .. $rounds)
	{
		my $id = $loader * 10000 + $round * 10;
		my @more;

		push @more, sprintf(', "v": "%s"', 'x' x 10) if $round == 5;
		push @more, ', "key": {"a": 1}' if $round == 15;
		push @more, sprintf(', "v": "%s"', 'x' x 40) if $round == 25;
		my $rows = join ', ', map { sprintf(q{('{"id": %d%s}')}, $id + $_, $_ == 1 && @more ? $more[0] : ', "v": "ok"') } (1 .. 5);
		my $other = sprintf(q{INSERT INTO side_intake VALUES ('{"id": %d, "v": "%s"}')}, $id, 'y' x $round);

		$script .= "BEGIN;\n";
		if ($loader == 1) { $script .= "SELECT count(*) AS n FROM flow \\gset\n" }
		if ($loader == 2 && $round % 5 == 0)
		{
			$script .= sprintf("INSERT INTO flow VALUES (%d, 'own', true);\n", $id);
			$sent++;
		}
		if ($loader == 3) { $script .= "$other;\n"; $side++ }
		$script .= "INSERT INTO flow_intake VALUES $rows;\n";
		if ($loader == 4) { $script .= "$other;\n"; $side++ }
		$sent += 5;
		$script .= "SELECT pg_sleep(0.3);\nCOMMIT;\n";
	}
	for my $round ($rounds + 1 .. $rounds + $more_rounds)
	{
		$script .= unless_healed('flow', 2) . sprintf(
			"BEGIN;\nINSERT INTO flow_intake VALUES ('{\"id\": %d, \"v\": \"ok\"}');\nSELECT pg_sleep(0.3);\nCOMMIT;\n", $loader * 10000 + $round * 10 + 2);
	}
	run_script("loader_$loader", $script);
}

# Meanwhile a reader, timed; and what the machine adds is seen by one of a table
# that nobody wants.
sql('CREATE TABLE free (id int)');
my $reader = $node->background_psql('postgres');
my %worst = (flow => 0, free => 0);
my $reads = 0;
my $started = time;
while (going_on() && time - $started < 300)
{
	for my $table (sort keys %worst)
	{
		my $start = time;
		$reader->query_safe("SELECT count(*) FROM $table");
		my $took = time - $start;
		$worst{$table} = $took if $took > $worst{$table};
	}
	$reads++;
}
$reader->quit;
$_->finish for @running;
my $end = time;
$sent += rounds_more();
note(sprintf('%d reads, the slowest took %.3f s, one of another table %.3f s; loads took %.1f s, %d rounds more', $reads, @worst{qw(flow free)}, $end - $started, rounds_more()));

is(join('', @errors), '', 'no producer was told of an error, a deadlock or a timeout');
is(scalar(grep { $_->result != 0 } @running), 0, 'each producer came to its end');
cmp_ok($reads, '>', 100, 'the reader was at it all the time');
cmp_ok($worst{flow}, '<', $lock_timeout + 1 + 2 * $worst{free}, 'no reader waited longer than lock_timeout (and a second for the machine)');

# Healed while the loads went on.
is( sql(q{SELECT count(*) FROM selfheal.incident WHERE relid = 'flow'::regclass
		AND state = 'healed' AND closed_at < (SELECT max(at) FROM selfheal.load WHERE relid = 'flow'::regclass)}) > 1,
	1, 'the table was healed, more than once, while loads went on');
ok(settle(), 'in the end nothing is held');
note(sql(q{SELECT string_agg(format('%s %s %s: %s rows, %s s', table_name, class, column_name, rows, round(seconds::numeric, 1)), E'\n' ORDER BY id)
	FROM selfheal.incident}));
is(sql(q{SELECT count(*) FROM selfheal.incident WHERE state <> 'healed'}), '0', 'every incident is healed');
cmp_ok(sql(q{SELECT max(seconds) FROM selfheal.incident}), '<', $end - $started, 'none of them took as long as the loads went on');

# Exactly once, unchanged.
is(sql('SELECT count(*), count(DISTINCT id) FROM flow'), "$sent|$sent", 'each row is stored once');
is(sql('SELECT count(*), count(DISTINCT id) FROM side'), "$side|$side", 'in both tables');
is( sql(q{SELECT count(*) FROM flow WHERE NOT coalesce(direct, false) AND NOT coalesce(v = CASE
			WHEN id % 10 <> 1 THEN 'ok'
			WHEN id / 10 % 1000 = 5 THEN repeat('x', 10)
			WHEN id / 10 % 1000 = 25 THEN repeat('x', 40)
			WHEN id / 10 % 1000 = 15 THEN NULL ELSE 'ok' END, id / 10 % 1000 = 15 AND id % 10 = 1 AND key = '{"a": 1}')}),
	'0', 'as it was sent');
is(sql(q{SELECT count(*) FROM side WHERE v <> repeat('y', (id / 10 % 1000)::int)}), '0', 'in both tables');
is( sql(q{SELECT sum(stored) + sum(held) FROM selfheal.load}),
	sql(q{SELECT (SELECT count(*) FROM flow WHERE direct IS NULL) + (SELECT count(*) FROM side)}),
	'what came in is what is stored');
is( sql(q{SELECT (SELECT sum(rows) FROM selfheal.replayed) = (SELECT sum(held) FROM selfheal.load)}),
	't', 'what was held was replayed, once');

# Producers that read the table before they load, each in one transaction: at
# the gate they would stand in the way of the healer for whom they wait.
sql(q{CREATE TABLE looked_at (id bigint PRIMARY KEY, v varchar(4));
	SELECT selfheal.watch('looked_at')});
@running = ();
@errors = ();
@outs = ();
for my $loader (1 .. $loaders)
{
	my $script = sprintf("SELECT pg_sleep(%f);\nSET client_min_messages = warning;\n", 0.07 * $loader);

	for my $round (1 .. $rounds)
	{
		$script .= sprintf(
			q{BEGIN; SELECT max(id) FROM looked_at \\gset
				INSERT INTO looked_at_intake VALUES ('{"id": %d, "v": "%s"}');
				SELECT pg_sleep(0.3); COMMIT;} . "\n",
			$loader * 10000 + $round, $round == 5 ? 'longer' : 'ok');
	}
	for my $round ($rounds + 1 .. $rounds + $more_rounds)
	{
		$script .= unless_healed('looked_at', 1) . sprintf(
			q{BEGIN; SELECT max(id) FROM looked_at \\gset
				INSERT INTO looked_at_intake VALUES ('{"id": %d, "v": "ok"}');
				SELECT pg_sleep(0.3); COMMIT;} . "\n", $loader * 10000 + $round);
	}
	run_script("looking_$loader", $script);
}
$_->finish for @running;
my $looked = $loaders * $rounds + rounds_more();
is(join('', @errors), '', 'no producer that looks first was told of an error');
is( sql(q{SELECT count(*) > 0 AND bool_and(state = 'healed' AND closed_at < (SELECT max(at) FROM selfheal.load WHERE relid = 'looked_at'::regclass))
		FROM selfheal.incident WHERE relid = 'looked_at'::regclass}),
	't', 'the table that they look at was healed while they went on');
ok(settle(), 'in the end nothing is held');
is(sql('SELECT count(*), count(DISTINCT id) FROM looked_at'),
	"$looked|$looked", 'each row is stored once');

# A storm of small loads by many sessions, each with the same misfits.
sql(q{CREATE TABLE storm (id bigint PRIMARY KEY, v varchar(4));
	CREATE SEQUENCE storm_ids;
	SELECT selfheal.watch('storm')});
my $script = $node->basedir . '/storm.sql';
append_to_file($script, <<'SQL');
SET client_min_messages = warning;
INSERT INTO storm_intake SELECT format('{"id": %s, "v": "%s"%s}', id, repeat('x', (id % 9)::int), CASE WHEN id % 7 = 0 THEN ', "k": ' || id ELSE '' END)
FROM (SELECT nextval('storm_ids') AS id FROM generate_series(1, 10)) s;
SQL
my $storm = 8 * 100 * 10;
$node->command_ok(
	[
		'pgbench', '-n', '-c', '8', '-j', '2', '-t', '100', '-f', $script,
		'-d', 'postgres', '-h', $node->host, '-p', $node->port
	],
	'800 loads by 8 sessions end without an error');
ok(settle(), 'in the end nothing is held');
is(sql('SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE length(v) = id % 9 AND k IS NOT DISTINCT FROM CASE WHEN id % 7 = 0 THEN id END) FROM storm'),
	"$storm|$storm|$storm", 'each row is stored once, as it was sent');
is( sql(q{SELECT count(*) FROM selfheal.incident WHERE relid = 'storm'::regclass AND state <> 'healed'}),
	'0', 'every incident is healed');

# The same, with nobody to heal: one incident for each cause, all rows in it.
sql(q{CREATE TABLE still (id bigint, v varchar(4));
	SELECT selfheal.watch('still', 'observe')});
$script = $node->basedir . '/still.sql';
append_to_file($script, <<'SQL');
SET client_min_messages = warning;
INSERT INTO still_intake VALUES ('{"id": 1, "v": "longer"}'), ('{"id": 2, "k": 1}'), ('{"id": 3}'), ('{"id": 4, "v": "longer"}');
SQL
$node->command_ok(
	[
		'pgbench', '-n', '-c', '8', '-j', '2', '-t', '50', '-f', $script,
		'-d', 'postgres', '-h', $node->host, '-p', $node->port
	],
	'400 loads by 8 sessions of a table that is only observed');
is(sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker comes to rest');
is( sql(q{SELECT string_agg(format('%s %s %s %s', class, column_name, state, rows), ', ' ORDER BY class COLLATE "C")
		FROM selfheal.incident WHERE relid = 'still'::regclass}),
	'too_long v open 800, unknown_key k open 400', 'one incident for each cause, and every row counted');
is( sql(q{SELECT (SELECT count(*) FROM still), (SELECT count(*) FROM selfheal.quarantine WHERE relid = 'still'::regclass AND state = 'held'),
		(SELECT sum(stored) || '+' || sum(held) FROM selfheal.load WHERE relid = 'still'::regclass)}),
	'400|1200|400+1200', 'nothing is lost');
is(sql('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit holds');

$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:|terminated by signal/, 'no process was lost');
note("deadlocks in the log: " . (() = $log =~ /deadlock detected/g));
done_testing();
