# Attacks on selfheal-mcp from outside of its lines: descriptors that are closed,
# a client that answers errors by errors, a server that begins to speak and then
# does not.
use strict;
use warnings;

use File::Basename;
use IO::Socket::UNIX;
use lib dirname(__FILE__);
use BridgeTest;
use POSIX qw(WNOHANG);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

my $node = PostgreSQL::Test::Cluster->new('attack');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE stub');
make_stub($node, 'stub');
my $connstr = $node->connstr('stub');

# Its exit status where these descriptors are closed, what it said on stderr,
# and the lines that it wrote, of a call that waits on stdin. What does not end is
# killed, and said so.
sub closed
{
	my @closed = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir();
	my $until = time() + 60;
	my $pid;

	append_to_file("$dir/in", request(1, 'echo') . "\n");
	$pid = fork() // die "fork: $!";
	if ($pid == 0)
	{
		open(STDIN, '<', "$dir/in");
		open(STDOUT, '>', "$dir/out");
		open(STDERR, '>', "$dir/err");
		POSIX::close($_) for @closed;
		exec({ bridge_program() } bridge_program(), $connstr) or POSIX::_exit(127);
	}
	sleep(0.05) while !waitpid($pid, WNOHANG) && time() < $until;
	my $status = $?;
	if (kill(0, $pid)) { kill('KILL', $pid); waitpid($pid, 0); return 'does not end'; }
	return join(' ', $status >> 8, scalar(() = slurp_file("$dir/out") =~ /^\{"/mg), slurp_file("$dir/err") =~ /stdout is closed/ ? 'said' : ());
}

is(closed(), '0 1', 'nothing is closed: a call, and the end');
is(closed(0), '0 0', 'no stdin: the end at once, for what is opened then is not taken for it');
is(closed(1), '1 0 said', 'no stdout: an error, and the connection is not taken for it');
is(closed(2), '0 1', 'no stderr: the log goes nowhere, least of all into the connection');
is(closed(0, 2), '0 0', 'neither of the two');
is(closed(0, 1, 2), '1 0', 'none at all');

# An error without an id is how a client says that it could not read a line of
# ours. Who answers it by another such error never stops.
my $bridge = BridgeTest->new($connstr);
$bridge->say(
	'{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"what?"}}',
	'{"jsonrpc":"2.0","error":{"code":-32700,"message":"what?"}}',
	'{"jsonrpc":"2.0","id":null,"result":{}}',
	'{"jsonrpc":"2.0","id":1.5,"error":{"code":-32700,"message":"what?","data":' . ('[' x 70) . (']' x 70) . '}}');
is($bridge->ask(request(1, 'echo'))->{id}, 1, 'errors and results without an id are answers: nothing is said to them');
is($bridge->ask('{"jsonrpc":"2.0","id":null,"error":{},"method":"echo"}')->{error}{code}, -32600, 'what has a method is none');
is($bridge->ask('{"id":null,"error":{}}')->{error}{code}, -32600, 'nor what is no JSON-RPC');
($bridge->finish)[0] == 0 or fail('it ends');

# A server of so many connections that says that it starts, and one that takes
# all further ones and says nothing.
sub starting
{
	my ($connections) = @_;
	my $dir = PostgreSQL::Test::Utils::tempdir_short();
	my $server = IO::Socket::UNIX->new(Local => "$dir/.s.PGSQL.5432", Listen => 100) or die "listen: $!";
	my $pid = fork() // die "fork: $!";

	return ($dir, $pid) if $pid;
	my @silent;
	for (my $n = 1; my $client = $server->accept; $n++)
	{
		if ($n > $connections) { push @silent, $client; append_to_file("$dir/silent", "$n\n"); next; }
		sysread($client, my $startup, 1000);
		my $text = "SFATAL\0VFATAL\0C57P03\0Mthe database system is starting up\0\0";
		syswrite($client, 'E' . pack('N', 4 + length $text) . $text);
	}
	POSIX::_exit(0);
}

sub stop { kill('KILL', $_[0]); waitpid($_[0], 0); return; }

my ($dir, $server) = starting(1);
$bridge = BridgeTest->new("host=$dir port=5432 dbname=x user=x");
my $from = time();
$bridge->say(request(1, 'echo'), request(2, 'ping'));
my %got = map { my $m = $bridge->message(60); $m ? ($m->{id} => $m) : () } 1, 2;
is($got{1}{error}{code}, -32603, 'a server that starts, and then says nothing to who asks whether it does: an error');
like($got{1}{error}{message}, qr/starting up/, '... that has the last word of it');
ok($got{2}{result}, '... and ping is answered');
cmp_ok(time() - $from, '<', 30, '... before long');
stop($server);
undef $bridge;

# Ten addresses of the same, so that libpq waits for long.
($dir, $server) = starting(10);
$bridge = BridgeTest->new('host=' . join(',', ($dir) x 10) . ' port=5432 dbname=x user=x');
$bridge->say(request(1, 'echo'));
sleep(0.05) while !-e "$dir/silent" && time() < $from + 120;
ok(-e "$dir/silent", 'libpq waits for an answer');
my ($status, $took) = $bridge->signal('TERM');
is($status, 0, 'a signal ends it while libpq waits');
cmp_ok($took, '<', 10, '... and not when libpq does not any more');
stop($server);

$node->stop;
done_testing();
