# selfheal-mcp and the selfheal.mcp() of the extension: both eras, a role of the
# lowest level, --read-only, the audit's name for the client.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('bridge_server');
install($node, 'postgres');
$node->safe_psql('postgres', "CREATE ROLE analyst LOGIN; CREATE ROLE stranger LOGIN; SELECT selfheal.grant_to('analyst', 'viewer')");

my $connstr = $node->connstr('postgres');
my ($bridge, $got);

# A request of the revision without handshake.
sub modern
{
	my ($id, $method, %params) = @_;
	return request($id, $method,
		{ %params, _meta => { 'io.modelcontextprotocol/protocolVersion' => '2026-07-28', 'io.modelcontextprotocol/clientCapabilities' => {},
				'io.modelcontextprotocol/clientInfo' => { name => 'raw lines', version => '1' } } });
}

# The names of the tools, and whether all of them only read.
sub tools
{
	my ($answer) = @_;
	my @tools = @{ $answer->{result}{tools} // [] };
	return (scalar(@tools), scalar(grep { !$_->{annotations}{readOnlyHint} } @tools));
}

$bridge = BridgeTest->new($connstr);
$got = $bridge->ask(request(1, 'initialize',
		{ protocolVersion => '2025-11-25', capabilities => {}, clientInfo => { name => 'old lines', version => '1' } }));
is($got->{result}{protocolVersion}, '2025-11-25', 'initialize');
$bridge->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
my ($all, $writing) = tools($bridge->ask(request(2, 'tools/list')));
cmp_ok($writing, '>', 0, "tools/list: $all tools, $writing of them write");
$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()");
$got = $bridge->ask(request(3, 'tools/call', { name => 'list_incidents', arguments => {} }));
ok(ref $got->{result}{structuredContent} eq 'HASH', 'tools/call, over a second connection');
is( $node->safe_psql('postgres', "SELECT count(*) FROM selfheal.audit AS a WHERE a::text LIKE '%old lines%' AND a::text LIKE '%list_incidents%'"),
	'1', 'the audit names the client, whom the new connection was told');
is($bridge->ask(request(4, 'no/such'))->{error}{code}, -32601, 'an unknown method');
is($bridge->ask(request(5, 'tools/list', { cursor => 'x' }))->{error}{code}, -32602, 'a bad cursor');
$bridge->finish;

$bridge = BridgeTest->new("$connstr user=analyst");
is_deeply($bridge->ask(modern(1, 'server/discover'))->{result}{supportedVersions}, ['2026-07-28'], 'server/discover');
is($bridge->ask(modern(2, 'ping'))->{error}{code}, -32601, 'no ping in that revision');
my ($some) = tools($bridge->ask(modern(3, 'tools/list')));
cmp_ok($some, '<', $all, "a viewer is offered fewer tools ($some)");
cmp_ok($some, '>', 0, '... but some');
$bridge->finish;

$bridge = BridgeTest->new('--read-only', $connstr);
my ($reading, $still) = tools($bridge->ask(modern(1, 'tools/list')));
is("$reading $still", ($all - $writing) . ' 0', '--read-only offers what reads');
$bridge->finish;

$bridge = BridgeTest->new("$connstr user=stranger");
$got = $bridge->ask(modern(1, 'tools/list'))->{error};
like($_, qr/grant_to\('stranger', 'viewer'\)/, 'a role without a level is told what it lacks') for ($got->{data}{hint}, $got->{message});
$bridge->finish;

$node->stop;
done_testing();
