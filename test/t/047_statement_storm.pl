# 047_statement_storm.pl: a storm of failing statements, each with its own text
# and values, while nobody reads the ring: the sessions wait for nobody, every
# failure is counted, and when the worker comes back it is one incident in the
# memory that it had.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);
use WorkerTest;

use constant SESSIONS => 3;
use constant STATEMENTS => 4000;

my $node = new_server('statement_storm', conf => "selfheal.worker_linger = '600s'\nautovacuum = off\nfsync = off\nlog_min_messages = error\n");
install($node, 'postgres');

sub sql { return $node->safe_psql('postgres', $_[0]) }

# A process's own memory in kB, or undef.
sub memory_of
{
	my ($pid) = @_;
	open(my $status, '<', "/proc/$pid/status") or return;
	my ($kb) = map { /^RssAnon:\s+(\d+) kB/ ? $1 : () } <$status>;
	return $kb;
}

my $counts = sub { return sql('SELECT full_ring, repeated FROM selfheal.statements_seen()') };
my $shared = sub { return sql("SELECT sum(allocated_size) FROM pg_shmem_allocations WHERE name LIKE 'selfheal%'") };

# Four kinds of statement, all too long for the same column.
my $script = $node->basedir . '/storm.sql';
append_to_file($script, "PREPARE p AS INSERT INTO storm (id, name) VALUES (\$1, \$2);\n" . join '', map {
	my $name = sprintf '%s %d', 'x' x (20 + $_ % 200), $_;
	(   "INSERT INTO storm VALUES ($_, '$name');\n",
		"/* $_ */ insert into storm(name, id) values ('$name', $_);\n",
		"INSERT INTO storm (id, name) VALUES (-$_, '$name'), ($_, 'ok');\n",
		"EXECUTE p($_, '$name');\n")[ $_ % 4 ]
} 1 .. STATEMENTS);

# All sessions at once; what they waited for is asked meanwhile. Returns how
# many failures their clients had, and the seconds.
my %waits;
sub storm
{
	my $start = time;
	my @errors = map { $node->basedir . "/errors.$_" } 1 .. SESSIONS;
	my @running = map {
		IPC::Run::start([ 'psql', '-X', '-q', '-v', 'VERBOSITY=sqlstate', '-f', $script, '-d',
				$node->connstr('postgres') . ' application_name=storm' ], '<', \undef, '>', '/dev/null', '2>', $errors[$_])
	} 0 .. SESSIONS - 1;

	for my $sessions (1 .. 100000)
	{
		my ($left, $seen) = split /\|/, sql(q{SELECT count(*), coalesce(string_agg(wait_event_type || '/' || wait_event, ',')
				FILTER (WHERE wait_event_type IN ('Lock', 'Extension', 'Timeout') OR wait_event ILIKE 'selfheal%'), '')
			FROM pg_stat_activity WHERE application_name = 'storm'}), 2;
		$waits{$_}++ for split /,/, $seen;
		last if ($left == 0 && $sessions > 20) || time - $start > 120;
	}
	$_->finish for @running;
	return (scalar(map { slurp_file($_) =~ /ERROR:\s+22001/g } @errors), time - $start);
}

sql("CREATE TABLE storm (id int, name varchar(5)); SELECT selfheal.watch('storm'); SELECT selfheal.pause('storm')");
idle($node, 'postgres');
my $memory = $shared->();
my $worker = worker_pid($node, 'postgres');
my $launcher = sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'selfheal launcher'");

# ---- nobody is there to read ----

END { kill 'CONT', grep { defined } $launcher, $worker }
kill 'STOP', $worker, $launcher;
my ($failed, $seconds) = storm();
my ($full, $repeated) = split /\|/, $counts->();
is($failed, SESSIONS * STATEMENTS, 'each client has its errors though worker and launcher stand still');
note(sprintf '%d failures in %.1f s', $failed, $seconds);
cmp_ok($failed - $full - $repeated, '>', 50, 'some are in the ring,');
cmp_ok($failed - $full - $repeated, '<=', 256, 'as many as it has room for, and all others are counted');
kill 'CONT', $launcher, $worker;

# ---- they come back ----

idle($node, 'postgres');
is(sql("SELECT count(*) FROM selfheal.incident WHERE table_name = 'storm'"), 1, 'it is one incident');
my $before = memory_of($worker);
($failed, $seconds) = storm();
note(sprintf '%d failures in %.1f s', $failed, $seconds);
idle($node, 'postgres');
is(worker_pid($node, 'postgres'), $worker, 'the worker is the same');
is(sql("SELECT count(*) FROM selfheal.incident WHERE table_name = 'storm'"), 1, 'a second storm is the same incident');
is( sql("SELECT count(*) FROM selfheal.audit WHERE event = 'captured' AND table_name = 'storm' AND result = 'opened'"), 1, 'opened once');
# how many passes of the worker a storm lasts is the machine's affair
my ($told, $seen) = split /\|/, sql("SELECT (SELECT count(*) FROM selfheal.audit WHERE table_name = 'storm'), rows_seen FROM selfheal.incidents WHERE table_name = 'public.storm'");
note("told of $told times, $seen rows seen");
cmp_ok($told, '<=', 60 + $seen / 10, 'and told of some times, not for each');
my ($full2, $repeated2) = split /\|/, $counts->();
is(sql("SELECT rows_seen FROM selfheal.incidents WHERE table_name = 'public.storm'") + $full2 + $repeated2, 2 * SESSIONS * STATEMENTS,
	'every failure is in its count or in that of the ring');
cmp_ok(sql("SELECT count(*) FROM selfheal.error WHERE table_name = 'storm'"), '<=', 100, 'at most a hundred rows of selfheal.error');
is($shared->(), $memory, 'shared memory is what it was');
SKIP:
{
	skip 'no /proc here', 1 if !defined $before;
	cmp_ok(memory_of($worker) - $before, '<', 4 * 1024, 'and the worker\'s, within 4 MB');
}
is(join(', ', sort keys %waits), '', 'no session waited for a lock or for anybody');

$node->stop;
done_testing();
