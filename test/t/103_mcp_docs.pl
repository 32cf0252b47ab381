# What docs/MCP.md says of a role, a service file, a password file and of each
# client's configuration: taken from its text, and run.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $file = dirname(__FILE__) . '/../../docs/MCP.md';
plan skip_all => 'docs/MCP.md is not beside the tests' unless -e $file;
my $text = slurp_file($file);
# its examples: paragraphs that stand four spaces in
my @examples = map { s/^ {4}//mgr } $text =~ /^((?: {4}.*\n)+)/mg;

my ($role) = grep { /CREATE ROLE agent/ } @examples;
my ($service) = map { /^(\[warehouse\]\n(?:\w+=.*\n)+)/m ? $1 : () } @examples;
my ($password) = map { /^(db\.example:.*\n)/m ? $1 : () } @examples;
ok($role && $service && $password, 'a role, a service and a password file');

# The role of the text; what psql asks for is said here.
my $node = new_server('mcp_docs');
install($node, 'postgres');
$node->safe_psql('postgres', 'CREATE TABLE orders (id int PRIMARY KEY); CREATE TABLE other (id int PRIMARY KEY)');
$node->safe_psql('postgres', "SELECT selfheal.watch(t::regclass) FROM unnest(ARRAY['orders', 'other']) AS t");
$role =~ s/^\\password agent$/ALTER ROLE agent PASSWORD 'the password';/m or fail('the role has a password');
$node->safe_psql('postgres', $role);
my $hba = $node->data_dir . '/pg_hba.conf';
my $others = slurp_file($hba);
unlink $hba;
append_to_file($hba, "local all agent scram-sha-256\n$others");
$node->reload;

# Both files, where their reader looks for them: in his HOME.
my $home = PostgreSQL::Test::Utils::tempdir();
my %here = (host => $node->host, port => $node->port, dbname => 'postgres');
$service =~ s/^$_=.*$/$_=$here{$_}/m or fail("the service has no $_") for sort keys %here;
like($service, qr/^user=agent$/m, 'the service is the role\'s');
# a socket's directory stands in a password file as it is, or as localhost
$password =~ s/^db\.example:5432:warehouse:/*:$here{port}:postgres:/;
append_to_file("$home/.pg_service.conf", $service);
append_to_file("$home/.pgpass", $password);
chmod 0600, "$home/.pgpass";
delete local @ENV{qw(PGHOST PGPORT PGUSER PGDATABASE PGPASSFILE PGSERVICEFILE)};
local $ENV{HOME} = $home;

# Each way in which a client is told to start it: its arguments.
my @told;
my $json = JSON::PP->new->utf8;
for my $example (@examples)
{
	my $said = eval { $json->decode($example) } or next;
	my $servers = $said->{mcpServers} // $said->{servers} // next;
	push @told, [ $_->{command}, @{ $_->{args} } ] for values %$servers;
}
is(scalar(@told), 3, 'configurations in JSON: a repository\'s, a desktop\'s, VS Code\'s');
push @told, map { [ split ' ' ] } $text =~ /(?:mcp add selfheal(?: --)?) (selfheal-mcp [^\n"`]+)[\n`]/g;
push @told, map { $json->decode("[$_]") } $text =~ /"command": \[([^\]]+)\]/g;
is(scalar(@told), 7, '... and those that are given to a command, or are of another form');

for my $told (@told)
{
	my ($command, @args) = @$told;
	my $said = join ' ', @$told;
	like($command, qr{^(?:/.*/)?selfheal-mcp$}, "$said: the program");
	my $bridge = BridgeTest->new(@args);
	my $got = $bridge->ask(request(0, 'initialize', { protocolVersion => '2025-11-25', capabilities => {}, clientInfo => { name => 'docs', version => '1' } }));
	is($got->{result}{serverInfo}{name}, 'selfheal', '... starts, and connects') or diag($json->encode($got));
	$bridge->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
	$got = $bridge->ask(request(1, 'tools/list'))->{result}{tools};
	ok(@$got > 5 && !grep({ !$_->{annotations}{readOnlyHint} } @$got), '... with tools that read, and no others');
	$got = $bridge->ask(request(2, 'tools/call', { name => 'inspect_schema', arguments => { table => $_ } })) for ('other');
	ok($got->{result}{isError}, '... what is not his is not seen');
	$got = $bridge->ask(request(3, 'tools/call', { name => 'inspect_schema', arguments => { table => 'orders' } }));
	ok($got->{result}{structuredContent}, '... and what is, is');
	$bridge->finish;
}

# The line by hand: one request, and nothing before it.
my ($line) = map { /^printf '%s\\n' '(\{.*\})' \|$/m ? $1 : () } @examples;
my $bridge = BridgeTest->new('service=warehouse');
ok($bridge->ask($line)->{result}{structuredContent}, 'the line by hand');
$bridge->finish;

# A password file that others may read is none.
chmod 0644, "$home/.pgpass";
$bridge = BridgeTest->new('service=warehouse');
like($bridge->ask($line)->{error}{message}, qr/Put the password into/, 'a password file that others may read: the error says what is missing');
$bridge->finish;

$node->stop;
done_testing();
