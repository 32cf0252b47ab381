# selfheal-mcp and the official clients of MCP: TypeScript's of both generations
# (test/clients), and the inspector's command line. Each generation and mode has
# the same conversation with tables of its own.
#
# What they need was fetched before (test/lib/clients.sh); nothing is fetched
# here. Where it could not be, SELFHEAL_CLIENTS_WHY says why.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use Encode ();
use IPC::Open2;
use JSON::PP;
use McpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $clients = $ENV{SELFHEAL_CLIENTS} // '';
plan skip_all => 'the official clients of MCP: ' . ($ENV{SELFHEAL_CLIENTS_WHY} || 'they were not fetched (make test does)')
  unless $clients ne '' && -d "$clients/node_modules";
my $node_js = $ENV{SELFHEAL_NODE} || 'node';
# a driver is started elsewhere
my $program = bridge_program();
$ENV{SELFHEAL_MCP} = $program;

my $node = new_server('clients');
install($node, 'postgres');
my $connstr = $node->connstr('postgres');
my $json = JSON::PP->new->utf8->canonical;

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

mcp_roles($node);

# What a driver asks of us.
my %do = (
	sql => sub { return { out => value($_[0]{text}) } },
	until => sub { return { ok => $node->poll_query_until('postgres', $_[0]{text}) ? JSON::PP::true : JSON::PP::false } },
	restart => sub { $node->restart; return {} });

# One conversation; each of its assertions is one here.
sub conversation
{
	my ($kind) = @_;
	is(mcp_schema($node, $kind), 't', "$kind: tables, incidents and plans");
	my $pid = open2(my $from, my $to, $node_js, "$clients/conversation.mjs", $kind, $kind, $connstr);
	my $done = 0;
	local $SIG{PIPE} = 'IGNORE';
	local $SIG{ALRM} = sub { kill('KILL', $pid) };
	alarm($PostgreSQL::Test::Utils::timeout_default * 2);
	while (my $line = <$from>)
	{
		my $said = eval { $json->decode($line) };
		if (!$said) { fail("$kind: a line that is none of ours: $line") }
		elsif ($said->{do}) { syswrite($to, $json->encode($do{ $said->{do} }->($said)) . "\n") }
		elsif ($said->{done}) { $done = 1 }
		else
		{
			my $fine = ok($said->{ok}, Encode::encode_utf8($said->{name}));
			diag(Encode::encode_utf8($said->{detail})) if !$fine && defined $said->{detail};
		}
	}
	close($to);
	waitpid($pid, 0);
	alarm(0);
	is("$done $?", '1 0', "$kind: the conversation came to its end");
	return;
}

conversation('sdk1');
SKIP:
{
	skip "\@modelcontextprotocol/client 2.x: $ENV{SELFHEAL_CLIENTS_OLD}", 1 if $ENV{SELFHEAL_CLIENTS_OLD};
	conversation($_) for ('legacy', 'auto', 'modern');
}

# The inspector's command line. It looks for a package.json above where it stands.
sub inspector
{
	my ($method, @more) = @_;
	my ($out, $err);
	IPC::Run::run([ $node_js, "$clients/node_modules/\@modelcontextprotocol/inspector-cli/build/cli.js", '--cli', $program, "$connstr user=reader", '--method', $method, @more ],
		'<', \undef, '>', \$out, '2>', \$err, init => sub { chdir("$clients/node_modules") }, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	my $answer = eval { $json->decode($out) };
	diag("$method: $out$err") unless $answer;
	return $answer // {};
}
cmp_ok(scalar(@{ inspector('tools/list')->{tools} // [] }), '>', 5, 'inspector: tools/list');
my $called = inspector('tools/call', '--tool-name', 'list_incidents', '--tool-arg', 'limit=2', '--tool-arg', 'table=sdk1.orders');
is(join(' ', map { $_->{table} } @{ $called->{structuredContent}{incidents} // [] }), 'sdk1.orders sdk1.orders', 'inspector: tools/call');
is(inspector('tools/call', '--tool-name', 'inspect_schema', '--tool-arg', 'table=sdk1.secret')->{isError}, JSON::PP::true, 'inspector: tools/call of what is not his');
cmp_ok(scalar(@{ inspector('resources/list')->{resources} // [] }), '>', 2, 'inspector: resources/list');
is(scalar(@{ inspector('resources/templates/list')->{resourceTemplates} // [] }), 5, 'inspector: resources/templates/list');
like(inspector('resources/read', '--uri', 'selfheal://table/sdk1.orders')->{contents}[0]{text} // '', qr/"columns"/, 'inspector: resources/read');
is(scalar(@{ inspector('prompts/list')->{prompts} // [] }), 4, 'inspector: prompts/list');
like($json->encode(inspector('prompts/get', '--prompt-name', 'morning_triage', '--prompt-args', 'hours=24')), qr/sdk1\.orders/, 'inspector: prompts/get');

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal/, 'the server came through it');
$node->stop;
done_testing();
