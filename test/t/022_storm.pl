# 022_storm.pl: many held rows at once: one incident, one plan, flat memory.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WorkerTest;

my $node = new_server('storm', conf => "selfheal.worker_linger = '60s'\nautovacuum = off\ntimezone = 'UTC'\n");
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# A process's own memory in kB (not the server's shared buffers), or undef.
sub memory_of
{
	my ($pid) = @_;
	open(my $status, '<', "/proc/$pid/status") or return;
	my ($kb) = map { /^RssAnon:\s+(\d+) kB/ ? $1 : () } <$status>;
	return $kb;
}

# Rows that are all too long in the same way; returns the most memory that the
# worker had while it healed them.
sub storm
{
	my ($table, $rows) = @_;

	sql("CREATE TABLE $table (id bigint, v varchar(8)); SELECT selfheal.watch('$table'); SELECT selfheal.pause('$table')");
	sql(qq{INSERT INTO ${table}_intake SELECT format('{"id": %s, "v": "%s"}', i, repeat('x', 100)) FROM generate_series(1, $rows) i});
	sql('SELECT selfheal.wake()');
	idle($node, 'postgres');
	my $pid = worker_pid($node, 'postgres');
	my $most = 0;
	my $start = time;
	sql("SELECT selfheal.resume('$table')");
	while (time - $start < 120)
	{
		for (1 .. 50)
		{
			my $now = memory_of($pid) // last;
			$most = $now if $now > $most;
			sleep(0.005);
		}
		last if sql("SELECT count(*) FROM $table") == $rows;
	}
	idle($node, 'postgres');
	note(sprintf('%d rows: %d kB at most, %.1f s', $rows, $most, time - $start));
	is( sql(qq{SELECT (SELECT count(*) || ' ' || count(DISTINCT id) FROM $table WHERE length(v) = 100),
			(SELECT count(*) FROM selfheal.quarantine WHERE relid = '$table'::regclass)}),
		"$rows $rows|0", "$rows identical failures: each row is stored once");
	is( sql(qq{SELECT (SELECT string_agg(concat_ws(' ', class, state, rows), ', ') FROM selfheal.incident WHERE relid = '$table'::regclass),
			(SELECT count(*) FROM selfheal.plan WHERE relid = '$table'::regclass),
			(SELECT sum(rows) || ' in ' || count(*) FILTER (WHERE rows > 0) FROM selfheal.replayed WHERE relid = '$table'::regclass) ~ '^$rows in '}),
		"too_long healed $rows|1|t", 'one incident, one plan');
	is( sql(qq{SELECT count(*) FROM selfheal.audit a WHERE table_name = '$table' AND event = 'replayed'
			AND rows_held IS DISTINCT FROM rows_replayed + rows_left}),
		'0', 'the trail adds up');
	is(worker_pid($node, 'postgres'), $pid, 'by one worker');
	return $most;
}

my $few = storm('few', 100000);
my $many = storm('many', 500000);
SKIP:
{
	skip 'no /proc here', 1 if $few == 0;
	cmp_ok($many, '<', $few + 16 * 1024,
		'five times the rows, 45 MB of payload more, take the same memory');
}

# Many rows that wait for an approval (of text in their column), and behind them
# one that can be healed by itself:
# the fetch passes over them in steps.
my $others = 230000;
sql(qq{CREATE TABLE behind (id bigint, v varchar(8), n integer); SELECT selfheal.watch('behind');
	SELECT selfheal.pause('behind');
	INSERT INTO behind_intake SELECT format('{"id": %s, "n": "a word"}', i) FROM generate_series(1, $others) i;
	INSERT INTO behind_intake VALUES ('{"id": 0, "v": "longer than eight"}');
	SELECT selfheal.resume('behind')});
idle($node, 'postgres');
is(sql('SELECT id, v FROM behind'), '0|longer than eight', "a row behind $others that wait for a person is stored");
is( sql(q{SELECT string_agg(concat_ws(' ', class, state, rows), ', ' ORDER BY class) FROM selfheal.incident WHERE relid = 'behind'::regclass}),
	"too_long healed 1, wrong_type awaiting_approval $others", 'and these wait');
is(sql(q{SELECT count(*) FROM selfheal.quarantine WHERE relid = 'behind'::regclass AND state = 'held'}), $others, 'all of them');

# One row per load, by roles and under settings that take turns.
sql(q{CREATE ROLE east; CREATE ROLE west;
	CREATE TABLE turns (id int, at timestamptz, by text DEFAULT current_user, v varchar(4));
	SELECT selfheal.watch('turns'); SELECT selfheal.pause('turns');
	GRANT INSERT ON turns, turns_intake TO east, west});
sql(join('', map {
	my ($role, $zone) = (([ 'east', 'Asia/Tokyo' ], [ 'west', 'America/New_York' ], [ 'east', 'UTC' ])[ $_ / 2 % 3 ])->@*;
	qq{SET ROLE $role; SET timezone = '$zone';
		INSERT INTO turns_intake VALUES ('{"id": $_, "at": "2026-01-01 12:00", "v": "longer"}');\n}
} 1 .. 60));
sql(q{SELECT selfheal.resume('turns')});
idle($node, 'postgres');
is( sql(q{SELECT count(*), count(DISTINCT id), count(*) FILTER (WHERE by = CASE id / 2 % 3 WHEN 1 THEN 'west' ELSE 'east' END
		AND at AT TIME ZONE CASE id / 2 % 3 WHEN 0 THEN 'Asia/Tokyo' WHEN 1 THEN 'America/New_York' ELSE 'UTC' END = '2026-01-01 12:00') FROM turns}),
	'60|60|60', 'each row of a load of its own is stored as its role, under its settings');
is( sql(q{SELECT count(*) FROM (SELECT id, lag(id) OVER (ORDER BY ctid) AS before FROM turns) t WHERE before > id}),
	'0', 'in the order in which they came');
is( sql(q{SELECT string_agg(role || ' ' || rows, ', ' ORDER BY id) FROM (SELECT * FROM selfheal.replayed WHERE relid = 'turns'::regclass ORDER BY id LIMIT 4) r}),
	'east 1, west 2, east 2, east 2', 'those that stand together go together');
is(sql('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit holds');

$node->stop;
done_testing();
