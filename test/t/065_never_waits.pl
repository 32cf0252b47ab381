# Nothing waits for a model that does not answer: loads go on, no transaction,
# snapshot or lock stands open meanwhile, and what changes or drops
# a table, a database, a tablespace or the extension goes on at once.
# The answer is held for a minute.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use WorkerTest;

my $held = 60;
my $fake = FakeClaude->new(script => []);
my $node = claude_server('waits', $fake, conf => "selfheal.worker_linger = '2s'\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

sub value { my ($sql, $db) = @_; return $node->safe_psql($db // 'postgres', $sql) }
sub until_true { my ($sql, $db) = @_; return $node->poll_query_until($db // 'postgres', $sql) }

sub good
{
	my $step = { kind => 'parse_timestamp', column => 'at', type => '', labels => [], args => '{"formats": ["YYYY|DD|MM"]}' };
	return { tools => [ propose(steps => [$step]) ] };
}

# A statement that must not wait.
sub at_once
{
	my ($what, $sql, %more) = @_;
	my $seconds = seconds_of(sub { value($sql, $more{db}) });
	cmp_ok($seconds, '<', $more{limit} // 3, "$what does not wait");
	return;
}

# How often was Claude asked about a table?
sub asked_about
{
	my ($table) = @_;
	return scalar $fake->requests(like => qr/public\.$table\b/);
}

# Another table, in which one row waits for Claude's answer. Others may be asked
# about anew meanwhile, since their tables have changed.
sub ask_about
{
	my ($table, $db) = @_;
	my $before = asked_about($table);
	my $until = time + $PostgreSQL::Test::Utils::timeout_default;
	$db //= 'postgres';
	value("CREATE TABLE $table (id int, at date); SELECT selfheal.watch('$table')", $db);
	value("INSERT INTO ${table}_intake VALUES ('{\"id\": 0, \"at\": \"2026|21|11\"}')", $db);
	sleep 0.1 until asked_about($table) > $before || time > $until;
	cmp_ok(asked_about($table), '>', $before, "$table: Claude is asked");
	return;
}

sub agent_of
{
	my ($db) = @_;
	return value("SELECT pid FROM pg_stat_activity WHERE backend_type = 'selfheal agent' AND datname = '$db'");
}

# ---- loads go on at their rate ----

$fake->set_script([ map { good() } 1 .. 20 ]);
install($node, 'calm');
value('CREATE TABLE load (id int, at date); SELECT selfheal.watch(\'load\')', 'calm');
value('CREATE TABLE other (id int, at date); SELECT selfheal.watch(\'other\')');
$fake->hold($held + 60);
my $asked_at = time;
ask_about('load');
my $agent = agent_of('postgres');

# Loads of one table by one client for so long, each written down: started, to be
# finished.
sub loads
{
	my ($db, $table, $seconds) = @_;
	my $file = "$dir/$table.sql";
	my $log = "$dir/$db.$table.log";
	my $out = '';
	append_to_file($file, "INSERT INTO ${table}_intake VALUES ('{\"id\": 1, \"at\": \"2026-11-22\"}');\n") unless -e $file;
	my $run = IPC::Run::start([ 'pgbench', '-n', '-c', 1, '-T', $seconds, '-l', '--log-prefix', $log, '-f', $file,
		'-h', $node->host, '-p', $node->port, '-U', scalar getpwuid($>), $db ], '<', \undef, '>', \$out, '2>', \$out,
		IPC::Run::timeout($seconds + 30));
	return { run => $run, out => \$out, log => $log };
}

# The longest of them, in seconds: what a model kept waiting takes longer than
# all of them were to take.
sub longest
{
	my ($load) = @_;
	my $max = 0;
	for my $line (map { split /\n/, slurp_file($_) } glob "$load->{log}.*")
	{
		my $us = (split / /, $line)[2];
		$max = $us if $us > $max;
	}
	return $max / 1e6;
}

my $session = $node->background_psql('postgres');
my $lasts = $held - 3;
my (@looks, @waits);
my %load = (calm => loads('calm', 'load', $lasts), same => loads('postgres', 'load', $lasts),
	other => loads('postgres', 'other', $lasts));
my $until = time + $lasts;
while (time < $until)
{
	my ($look, $wait) = split /\|/, $session->query_safe(
		"SELECT (SELECT concat_ws(' ', state, xact_start IS NOT NULL, backend_xid, backend_xmin, (SELECT count(*) FROM pg_locks l WHERE l.pid = a.pid))
		 FROM pg_stat_activity a WHERE pid = $agent) || '|' ||
		 (SELECT count(*) FROM pg_stat_activity WHERE $agent = ANY (pg_blocking_pids(pid)))"), -1;
	push @looks, $look;
	push @waits, $wait;
	sleep 0.1;
}
$session->quit;
for my $name (sort keys %load)
{
	ok(eval { $load{$name}{run}->finish; 1 }, "$name: loads come to an end") or $load{$name}{run}->kill_kill;
	my $out = ${ $load{$name}{out} };
	like($out, qr/number of failed transactions: 0 /, "$name: none has failed") or diag $out;
	my ($loads) = $out =~ /^number of transactions actually processed: ([0-9]+)/m;
	cmp_ok($loads, '>', 10, "$name: loads go on while Claude thinks");
	my $longest = longest($load{$name});
	cmp_ok($longest, '>', 0, "$name: each of them was written down");
	cmp_ok($longest, '<', $lasts, "$name: none of them waits for the answer");
	note(sprintf '%s: %d loads, the longest %.3f s', $name, $loads, $longest);
}
is($fake->in_flight, 1, 'which has not come meanwhile');
is(scalar(grep { $_ ne 'idle f 0' } @looks), 0, 'the agent has no transaction, snapshot or lock') or diag "$looks[0] ... $looks[-1]";
is(scalar(grep { $_ ne '0' } @waits), 0, 'and nobody waits for it');
cmp_ok(scalar @looks, '>', 10, 'as was looked at often enough');

# ---- nor does what needs locks ----

at_once('VACUUM', 'VACUUM load');
at_once('ALTER TABLE', 'ALTER TABLE load ADD COLUMN note text');
at_once('LOCK TABLE', 'BEGIN; LOCK TABLE load IN ACCESS EXCLUSIVE MODE; COMMIT');
ask_about('dropped');
at_once('DROP TABLE', 'DROP TABLE dropped CASCADE');
value("CREATE TABLESPACE space LOCATION '" . ($dir =~ s/'/''/gr) . "/space'") if mkdir "$dir/space";
at_once('DROP TABLESPACE', 'DROP TABLESPACE space');

# ---- databases ----

install($node, 'one');
ask_about('t', 'one');
$agent = agent_of('one');
at_once('ALTER DATABASE RENAME', 'ALTER DATABASE one RENAME TO two', limit => 4);
isnt(agent_of('one') . agent_of('two'), $agent, 'its agent has left');
ok(until_true('SELECT count(*) = 2 FROM selfheal.turns WHERE kind = \'request\'', 'two'), 'and asks again under the new name');
at_once('DROP DATABASE', 'DROP DATABASE two', limit => 4);

# ---- the extension goes, and comes again with the same numbers ----

install($node, 'again');
ask_about('t', 'again');
$agent = agent_of('again');
at_once('DROP EXTENSION', 'BEGIN; DROP EXTENSION selfheal CASCADE; ROLLBACK', db => 'again');
at_once('DROP EXTENSION, and CREATE again,', 'BEGIN; DROP EXTENSION selfheal CASCADE; CREATE EXTENSION selfheal; COMMIT', db => 'again');
ask_about('u', 'again');
isnt(agent_of('again'), $agent, 'another process talks for it');
is(value('SELECT string_agg(id::text, \' \') FROM selfheal.conversations', 'again'), 1, 'its first conversation has the number of the old one');

sleep 0.1 while time < $asked_at + $held;
is($fake->count(status => 200), 0, "no answer for $held s");

# ---- the answers come ----

$fake->release;
for my $db ('postgres', 'again')
{
	like(value('SELECT selfheal.wait_idle(\'60 s\')', $db), qr/"idle": true/, "$db: all is done");
}
is(value('SELECT state FROM selfheal.incidents', 'again'), 'healed', 'an answer to what is gone is nobody\'s, the new one heals');
is(value('SELECT count(*) FROM selfheal.turns WHERE kind = \'reply\'', 'again'), 1, 'it has one answer');
is(of_incident($node, 'load', 'state'), 'healed', 'the held row is healed, in the table as it is now');
is(value('SELECT count(*) FROM load WHERE id = 0'), 1, 'once');
# the healer may have its incident in hand just now: it is looked at again
ok(until_true('SELECT outcome = \'superseded\' FROM selfheal.conversation WHERE table_name = \'dropped\''), 'the table that is gone needs no answer');
is($fake->count(status => 400), 0, 'nothing that the API refuses');

# ---- an answer that cannot be looked at yet costs no processor ----

sub cpu_of
{
	my ($pid) = @_;
	my @stat = split ' ', slurp_file("/proc/$pid/stat") =~ s/^.*\) //sr;
	return ($stat[11] + $stat[12]) / 100;
}

$fake->hold(60);
ask_about('locked');
$agent = agent_of('postgres');
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SELECT FROM selfheal.status; DROP EXTENSION selfheal CASCADE');
my $requests = $fake->count;
$fake->release;
ok($fake->wait_for_count($requests), 'the answer is sent');
SKIP:
{
	skip 'no /proc', 1 unless -e "/proc/$agent/stat";
	sleep 0.5;
	my $cpu = cpu_of($agent);
	sleep 2;
	cmp_ok(cpu_of($agent) - $cpu, '<', 0.4, 'while the extension is locked, the agent sleeps');
}
$session->query_safe('ROLLBACK');
$session->quit;
ok(until_true('SELECT state = \'healed\' FROM selfheal.incidents WHERE table_name = \'public.locked\''), 'and goes on afterwards');

# ---- what is due and in somebody's hand is not forgotten ----

$fake->set_script([ { status => 429, retry_after => 2 }, map { good() } 1 .. 20 ]);
ask_about('handed');
ok(until_true('SELECT next_try IS NOT NULL FROM selfheal.conversation WHERE table_name = \'handed\''), 'it is put off for two seconds');
$session = $node->background_psql('postgres');
$session->query_safe('BEGIN; SELECT FROM selfheal.conversation WHERE table_name = \'handed\' FOR UPDATE');
ok(until_true('SELECT next_try < clock_timestamp() - interval \'1 s\' FROM selfheal.conversation WHERE table_name = \'handed\''),
	'it is due, and somebody has it in hand');
$session->query_safe('ROLLBACK');
$session->quit;
ok(until_true('SELECT state = \'healed\' FROM selfheal.incidents WHERE table_name = \'public.handed\''), 'it goes on when that is over');

# ---- the server stops at once ----

$fake->hold(60);
ask_about('last');
cmp_ok(seconds_of(sub { $node->stop('fast') }), '<', 5, 'a fast stop does not wait');
unlike(slurp_file($node->logfile), qr/(PANIC|TRAP|terminated by signal)/, 'and nothing has crashed');

done_testing();
