# selfheal-mcp and what ends: connections, servers, clients, the program.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('lost');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE stub');
make_stub($node, 'stub');

my $connstr = $node->connstr('stub');
my $calling = "FROM pg_stat_activity WHERE query LIKE 'SELECT selfheal.mcp%' AND state = 'active'";
my ($bridge, $got, $status, $took, $from);

# A call is in the database.
sub runs { return $node->poll_query_until('postgres', "SELECT count(*) = 1 $calling"); }

# None is any more.
sub rests { return $node->poll_query_until('postgres', "SELECT count(*) = 0 $calling"); }

sub times_seen
{
	my ($id) = @_;
	return $node->safe_psql('stub', "SELECT count(*) FROM selfheal.seen WHERE request->>'id' = '$id'");
}

# A stopped server is started when something was done. Was that soon enough for
# who waits for it? A machine may be too slow; it is asked some times.
my $patience = 3;

sub starts_soon
{
	my ($do) = @_;

	for (1 .. 5)
	{
		$from = time();
		$do->();
		$node->start;
		return 1 if time() - $from < $patience - 0.5;
		$bridge->message;
		$node->stop;
	}
	$node->start;
	return 0;
}

# How often the server has said so since this place of its log.
sub said
{
	my ($pattern, $offset) = @_;
	return scalar(() = slurp_file($node->logfile, $offset) =~ /$pattern/g);
}

# The backend is terminated in a call.
$bridge = BridgeTest->new($connstr);
$bridge->ask(request('i', 'initialize', { protocolVersion => '2025-11-25', clientInfo => { name => 'tester' } }));
$bridge->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
$got = $bridge->ask(request(1, 'session'))->{result};
is($got->{'stub.client'} . $got->{'stub.ready'}, 'testeryes', 'a handshake');
my $pid = $got->{pid};
$bridge->say(request('t', 'sleep', { seconds => 100 }), request('after', 'session'));
ok(runs(), 'a call runs');
$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid)");
$got = $bridge->message;
is("$got->{id} $got->{error}{code}", 't -32603', 'its backend is terminated: an error');
like($got->{error}{message}, qr/not known whether it took effect/, '... that says what is not known');
like($got->{error}{message}, qr/terminating connection/, '... and why');
unlike($got->{error}{message} . $bridge->{err}, qr/CONTEXT|pg_sleep/, '... and not at which statement or row it was');
$got = $bridge->message;
is($got->{id}, 'after', 'the call behind it goes over a new connection');
isnt($got->{result}{pid}, $pid, '... of another backend');
is($got->{result}{'stub.client'} . $got->{result}{'stub.ready'}, 'testeryes', '... that was told the handshake');
is(times_seen('t'), '0', 'what was lost was not called again');
is(times_seen('i'), '2', 'the handshake was, and its answer swallowed');

# Terminated between calls: the next one does not notice.
for my $i (1 .. 5)
{
	$got = $bridge->ask(request("s$i", 'session'))->{result};
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($got->{pid}, 60000)");
	is($bridge->ask(request("n$i", 'session'))->{result}{'stub.client'}, 'tester', 'terminated between calls: the next one connects') if $i == 5;
}
$node->safe_psql('postgres', "ALTER DATABASE stub SET idle_session_timeout = '50ms'");
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'stub'");
is($bridge->ask(request('idle1', 'session'))->{id}, 'idle1', 'with idle_session_timeout: a call');
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM pg_stat_activity WHERE datname = 'stub'"), 'the session is ended by it');
is($bridge->ask(request('idle2', 'session'))->{id}, 'idle2', 'the next call connects');
$node->safe_psql('postgres', 'ALTER DATABASE stub RESET idle_session_timeout');

# A server that crashes and comes again. (restart() would stop it fast, whatever
# it is told.) What comes meanwhile waits for it.
$node->stop('immediate');
$node->start;
is($bridge->ask(request('r1', 'session'))->{id}, 'r1', 'after a crash of the server the next call connects');
$bridge->say(request('r2', 'sleep', { seconds => 100 }));
ok(runs(), 'a call runs');
$node->stop('fast');
is($bridge->message->{error}{code}, -32603, 'the server stops: the call that ran is an error');
SKIP:
{
	starts_soon(sub { $bridge->say(request('r3', 'session')); usleep(300_000) }) or skip 'a server starts too slowly here', 1;
	is($bridge->message->{result}{'stub.client'}, 'tester', 'a call that comes while the server starts waits for it');
}

# A server that is not there.
$node->stop;
$from = time();
$bridge->say(map { request("d$_", 'session') } 1 .. 3);
$got = [ map { $bridge->message } 1 .. 3 ];
is(join(' ', map { "$_->{id}:$_->{error}{code}" } @$got), 'd1:-32603 d2:-32603 d3:-32603', 'no server: calls are errors');
like($got->[0]{error}{data}{hint}, qr/Is the server running/, '... with a hint');
cmp_ok(time() - $from, '<', 45, '... soon');
$node->start;
is($bridge->ask(request('d4', 'session'))->{id}, 'd4', 'and when it is there again the next call connects');
($status) = $bridge->finish;
is($status, 0, 'ends');

# It is started before the server.
$node->stop;
$bridge = BridgeTest->new($connstr);
$got = $bridge->ask(request(1, 'initialize', { protocolVersion => '2025-06-18' }));
is($got->{error}{code}, -32603, 'started before the server: even initialize is answered');
like($got->{error}{message}, qr/could not connect|connection to server/, '... with what libpq says');
is($bridge->ask(request('p', 'ping'))->{id}, 'p', 'ping is answered');
$node->start;
is($bridge->ask(request(2, 'initialize', { protocolVersion => '2025-06-18' }))->{result}{protocolVersion}, '2025-06-18', 'the next one connects');
$bridge->finish;

# A call that cannot be run under --read-only is not run without it.
$node->stop;
SKIP:
{
	starts_soon(sub { $bridge = BridgeTest->new('--read-only', $connstr); $bridge->say(request(1, 'session')) })
	  or skip 'a server starts too slowly here', 1;
	is($bridge->message->{result}{'selfheal.mcp_read_only'}, 'on', '--read-only, at the first connection');
}
for (1 .. 2)
{
	$node->stop('immediate');
	$node->start;
	is($bridge->ask(request(2, 'session'))->{result}{'selfheal.mcp_read_only'}, 'on', '... and at all others');
}
$bridge->finish;

# A password is never asked for.
$node->safe_psql('postgres', "CREATE ROLE with_password LOGIN PASSWORD 'secret word'");
$node->safe_psql('stub', 'GRANT USAGE ON SCHEMA selfheal TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA selfheal TO PUBLIC');
my $hba = slurp_file($node->data_dir . '/pg_hba.conf');
unlink $node->data_dir . '/pg_hba.conf';
$node->append_conf('pg_hba.conf', "local all with_password scram-sha-256\n$hba");
$node->reload;
sub password
{
	my ($env) = @_;
	local %ENV = (%ENV, %$env);
	my $b = BridgeTest->new("$connstr user=with_password");
	my $r = $b->ask(request(1, 'session'));
	$b->finish;
	unlike($b->{err} . BridgeTest::json->encode($r), qr/secret word/, 'no password is said');
	return $r;
}
my $offset = -s $node->logfile;
$got = password({ PGPASSFILE => '/dev/null' });
like($got->{error}{data}{hint}, qr/\.pgpass.*PGPASSWORD/, 'a password that is missing is an error with a hint');
like($got->{error}{message}, qr/password.*\. Put the password into .*PGPASSWORD/s, '... which its message says too: clients show nothing else');
like(password({ PGPASSWORD => 'wrong', PGPASSFILE => '/dev/null' })->{error}{message}, qr/password authentication failed/, 'a wrong one is told');
is(said(qr/password authentication failed/, $offset), 1, '... and is not tried again');
is(password({ PGPASSWORD => 'secret word' })->{result}{user}, 'with_password', 'PGPASSWORD');
my $dir = PostgreSQL::Test::Utils::tempdir();
append_to_file("$dir/pgpass", "*:*:*:*:secret word\n");
chmod 0600, "$dir/pgpass";
is(password({ PGPASSFILE => "$dir/pgpass" })->{result}{user}, 'with_password', 'a password file');

# The end of stdin.
$bridge = BridgeTest->new($connstr);
$bridge->say(request(1, 'sleep', { seconds => 1 }), request(2, 'echo'));
($status, $took) = $bridge->finish;
is("$status @{[ map { BridgeTest::json->decode($_)->{id} } @{ $bridge->{lines} } ]}", '0 1 2', 'at the end of stdin what is short runs to its end');
$bridge = BridgeTest->new($connstr);
$bridge->say(request(1, 'sleep', { seconds => 100 }), request(2, 'echo'));
ok(runs(), 'a call runs');
($status, $took) = $bridge->finish;
is("$status @{ $bridge->{lines} }", '0 ', 'what is long does not');
cmp_ok($took, '>', 4, '... though it gets its time');
cmp_ok($took, '<', 45, '... which is bounded');
ok(rests(), '... and it is cancelled');
$node->stop;
$bridge = BridgeTest->new($connstr);
$bridge->say(request(1, 'echo'));
($status, $took) = $bridge->finish;
is("$status " . BridgeTest::json->decode($bridge->{lines}[0])->{id}, '0 1', 'the end of stdin while no server is there');
$node->start;

# Signals.
for my $name (qw(TERM INT HUP))
{
	$bridge = BridgeTest->new($connstr);
	$bridge->ask(request(0, 'echo'));
	($status, $took) = $bridge->signal($name);
	is($status, 0, "SIG$name ends it");
	cmp_ok($took, '<', 45, '... at once');
	$bridge = BridgeTest->new($connstr);
	$bridge->say(request(1, 'sleep', { seconds => 100 }));
	ok(runs(), 'a call runs');
	($status, $took) = $bridge->signal($name);
	is($status, 0, "SIG$name ends it in a call");
	cmp_ok($took, '<', 45, '... at once');
	ok(rests(), '... which is cancelled');
}

# A client that does not read: nothing is lost, nothing grows, cancelling works.
$bridge = BridgeTest->new($connstr);
$bridge->{deaf} = 1;
$bridge->say(map { request($_, 'big', { bytes => 500_000 }) } 1 .. 40);
my ($ran, $before) = (0, -1);
while ($ran != $before)
{
	$before = $ran || -1;
	usleep(500_000);
	$ran = $node->safe_psql('stub', "SELECT count(*) FROM selfheal.seen WHERE request->>'method' = 'big'");
}
cmp_ok($ran, '<', 30, "a client that does not read: $ran of 40 calls were begun");
SKIP:
{
	my $proc = '/proc/' . $bridge->pid . '/status';
	skip 'no /proc', 1 unless -e $proc;
	my ($kb) = slurp_file($proc) =~ /VmHWM:\s+(\d+)/;
	cmp_ok($kb, '<', $ENV{SANITIZED} ? 600_000 : 60_000, "... and its memory is bounded: $kb kB");
}
$bridge->say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":40}}');
$bridge->{deaf} = 0;
$got = [];
for (1 .. 39)
{
	my $message = $bridge->message // last;
	push @$got, $message->{id} if length $message->{result}{text} == 500_000;
}
is("@$got", join(' ', 1 .. 39), '... until it does, and gets all');
($status) = $bridge->finish;
is($status, 0, 'ends');
is(times_seen(40), '0', '... but for the one that it cancelled');

# A client that goes away, with its stdin left open.
for my $call (request(1, 'sleep', { seconds => 100 }), request(2, 'echo'))
{
	$bridge = BridgeTest->new($connstr);
	$bridge->say($call);
	$call =~ /sleep/ ? ok(runs(), 'a call runs') : ok($bridge->message, 'no call runs');
	$from = time();
	$bridge->hang_up;
	($status, $took) = $bridge->wait_end($from);
	is($status, 0, 'nobody reads any more: the end');
	cmp_ok($took, '<', 45, '... at once');
	ok(rests(), '... and what ran is cancelled');
}

# One that does not read stderr.
{
	my ($r, $w);
	pipe($r, $w);
	syswrite($w, 'x' x 65536);
	my ($in, $out) = (join('', map { request($_, 'echo') . "\n" } 1 .. 3), '');
	IPC::Run::run([ bridge_program(), $connstr ], '<', \$in, '>', \$out, '2>', $w, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	is(scalar(() = $out =~ /\n/g), 3, 'a stderr that is full stops nothing');
}

$node->stop;
done_testing();
