# The whole conversation of MCP in raw lines, in each revision that is spoken:
# what the official clients do (103_mcp_clients.pl), seen without one, so that
# codes and members are those of the wire.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use Encode ();
use JSON::PP;
use McpTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('lines');
install($node, 'postgres');
mcp_roles($node);
my $connstr = $node->connstr('postgres');
my ($bridge, $version, $modern, $id, @progress);
my %schema;    # of the tools' answers

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
# Calls that run, and among them such as wait (for the healer, or for a lock).
sub running
{
	my ($n, $type) = @_;
	my $waits = $type ? " AND wait_event_type = '$type'" : '';
	return $node->poll_query_until('postgres', "SELECT count(*) = $n FROM pg_stat_activity WHERE state = 'active' AND query LIKE 'SELECT selfheal.mcp%'$waits");
}

sub meta { my (%more) = @_; return { 'io.modelcontextprotocol/protocolVersion' => $version, 'io.modelcontextprotocol/clientCapabilities' => {}, %more } }

sub line
{
	my ($method, $params, %meta) = @_;
	my %params = %{ $params // {} };
	$params{_meta} = $modern ? meta(%meta) : \%meta if $modern || %meta;
	return request(++$id, $method, \%params);
}

# Ask, and take the answer that has this id; what comes before is progress.
sub ask
{
	my ($method, $params, %meta) = @_;
	@progress = ();
	$bridge->say(line($method, $params, %meta));
	while (my $m = $bridge->message)
	{
		if (!exists $m->{id} && ($m->{method} // '') eq 'notifications/progress') { push @progress, $m->{params}; next }
		return $m if ($m->{jsonrpc} // '') eq '2.0' && ($m->{id} // '') eq $id && (exists $m->{result} xor exists $m->{error});
		fail("$version: an answer to something else: " . BridgeTest::json->encode($m));
		return {};
	}
	return {};
}
sub code { return ask(@_)->{error}{code} // 'none' }

# A result, with what its revision wants of each.
sub result
{
	my ($method, $params) = @_;
	my $r = ask($method, $params)->{result} // {};
	my $listed = $method =~ m{/(list|read|discover)$};
	is(join(' ', map { exists $r->{$_} ? $_ : () } qw(resultType ttlMs cacheScope)),
		$modern ? $listed ? 'resultType ttlMs cacheScope' : 'resultType' : '', "$version: $method: what its revision wants");
	return $r;
}

# A tool that answers as its schema says.
sub told
{
	my ($name, $arguments) = @_;
	my $r = result('tools/call', { name => $name, arguments => $arguments // {} });
	my $s = $r->{structuredContent};
	is(join(', ', $s && !$r->{isError} ? misfits($schema{$name}, $s) : 'an error: ' . BridgeTest::json->encode($r)), '', "$version: $name: as its schema says");
	is_deeply($r->{content}, [ { type => 'text', text => $r->{content}[0]{text} } ], "$version: $name: one text");
	is_deeply(decode_json(Encode::encode_utf8($r->{content}[0]{text})), $s, "$version: $name: which says the same");
	return $s // {};
}

sub refused
{
	my ($name, $arguments, $pattern, $why) = @_;
	my $r = ask('tools/call', { name => $name, arguments => $arguments })->{result};
	like(($r->{isError} ? 'error ' : '') . ($r->{content}[0]{text} // ''), qr/^error .*$pattern/s, "$version: $name: $why");
	return;
}

sub conversation
{
	my ($s) = ('v' . $version =~ tr/-//dr);
	is(mcp_schema($node, $s), 't', "$version: tables, incidents and plans");
	$bridge = BridgeTest->new("$connstr user=agent");
	$id = 0;

	if ($modern)
	{
		my $r = result('server/discover');
		is_deeply($r->{supportedVersions}, ['2026-07-28'], "$version: server/discover");
		is($r->{_meta}{'io.modelcontextprotocol/serverInfo'}{name}, 'selfheal', "$version: who it is");
		is(code('ping'), -32601, "$version: no ping");
		is($bridge->ask(request('m', 'tools/list', { _meta => { 'io.modelcontextprotocol/protocolVersion' => $version } }))->{error}{code}, -32602, "$version: half a _meta");
		my $e = $bridge->ask(request('n', 'tools/list', { _meta => { %{ meta() }, 'io.modelcontextprotocol/protocolVersion' => '2099-01-01' } }))->{error};
		is("$e->{code} $e->{data}{requested} @{ $e->{data}{supported} }", '-32022 2099-01-01 2026-07-28', "$version: a revision that is not there");
	}
	else
	{
		my $r = result('initialize', { protocolVersion => $version, capabilities => {}, clientInfo => { name => 'lines', version => '1' } });
		is("$r->{protocolVersion} $r->{serverInfo}{name}", "$version selfheal", "$version: initialize");
		$bridge->say('{"jsonrpc":"2.0","method":"notifications/initialized"}');
		is_deeply(result('ping'), {}, "$version: ping");
	}

	# Tools
	my $tools = result('tools/list')->{tools};
	%schema = map { $_->{name} => $_->{outputSchema} } @$tools;
	is(scalar(keys %schema), 15, "$version: tools of an operator");
	is(join(', ', misfits($schema{verify_audit}, { ok => 1, sealed => 'x', more => 1 })),
		'.unsealed is missing, .more is one too many, .ok is integer, .sealed is string', "$version: a schema is read");
	my %incident = map { $_->{class} => $_ } @{ told('list_incidents', { table => "$s.orders" })->{incidents} };
	my ($day, $long) = map { $_->{incident} } @incident{qw(bad_value too_long)};
	told('inspect_schema', { table => "$s.orders" });
	told('read_error_log', { incident => $day });
	told('sample_payloads', { incident => $day });
	told('explain_incident', { incident => $day });
	told('get_audit_trail', { table => "$s.orders" });
	told('verify_audit');
	my $change = "ALTER TABLE $s.orders ALTER COLUMN code TYPE varchar(64)";
	my $answer = ask('tools/call', { name => 'execute_dry_run_migration', arguments => { table => "$s.orders", ddl => $change } }, progressToken => "t$id");
	is($answer->{result}{structuredContent}{dry_run}{held_stored}, 1, "$version: a dry run");
	cmp_ok(scalar(@progress), '>=', 2, "$version: its progress");
	is(scalar(grep { $progress[$_]{progressToken} ne $progress[0]{progressToken} || ($_ > 0 && $progress[$_]{progress} <= $progress[ $_ - 1 ]{progress}) } 0 .. $#progress), 0, "$version: rises");
	told('execute_dry_run_migration', { table => "$s.orders", ddl => $change });
	is(scalar(@progress), 0, "$version: without a token, none");
	my $mine = told('apply_safe_ddl', { table => "$s.orders", ddl => $change, why => 'a test' });
	refused('approve_plan', { plan => $mine->{plan}, plan_hash => $mine->{plan_hash} }, qr/./, 'his own plan');
	is(told('reject_plan', { plan => $mine->{plan}, why => 'a test' })->{state}, 'rejected', "$version: taken back");
	my ($plan) = grep { $_->{plan} == $incident{too_long}{plan} } @{ told('list_pending_plans', { table => "$s.orders" })->{plans} };
	refused('approve_plan', { plan => $plan->{plan}, plan_hash => 'x' }, qr/hash/, 'another hash');
	told('approve_plan', { plan => $plan->{plan}, plan_hash => $plan->{plan_hash} });
	is(told('explain_incident', { incident => $long, wait_seconds => 30 })->{state}, 'healed', "$version: approved and healed");
	told('retry_incident', { incident => $day });
	is(told('explain_incident', { incident => $day, wait_seconds => 30 })->{state}, 'needs_human', "$version: retried in vain");
	# a mapping wakes the worker, and may have healed it before we ask
	told('add_mapping', { table => "$s.orders", kind => 'parse_timestamp', field => 'day', column => 'day', args => '{"formats": ["DD|MM|YYYY"]}' });
	is(idle($node, 'postgres'), 't', "$version: idle");
	is(told('explain_incident', { incident => $day, wait_seconds => 30 })->{state}, 'healed', "$version: mapped and healed");
	told('report_failure', { table => "$s.orders", message => 'x', sqlstate => '22001' });
	refused($_, { nonsense => 1 }, qr/./, 'an argument that it has not') for sort keys %schema;
	is(code('tools/call', { name => 'drop_table' }), -32602, "$version: a tool that is not there");
	is(code('tools/call', {}), -32602, "$version: no tool");
	is(code('tools/list', { cursor => 'x' }), -32602, "$version: a bad cursor");
	is(code('no/such'), -32601, "$version: a method that is not there");
	is($bridge->ask('{"jsonrpc":"2.0","id":1,')->{error}{code}, -32700, "$version: no JSON");

	# Resources
	my (%seen, $pages, $cursor);
	do
	{
		my $r = result('resources/list', defined $cursor ? { cursor => $cursor } : {});
		$seen{ $_->{uri} }++ for @{ $r->{resources} };
		$cursor = $r->{nextCursor};
		$pages++;
	} while (defined $cursor && $pages < 100);
	cmp_ok($pages, '>=', 2, "$version: pages of resources");
	is(scalar(grep { $_ != 1 } values %seen), 0, "$version: each once");
	is(scalar(@{ result('resources/templates/list')->{resourceTemplates} }), 5, "$version: templates");
	for my $uri ('selfheal://errors', "selfheal://errors/$s.orders", "selfheal://table/$s.orders", "selfheal://table/$s.orders/history", "selfheal://incident/$day", "selfheal://migration/$plan->{plan}")
	{
		my $c = result('resources/read', { uri => $uri })->{contents};
		ok(@$c == 1 && $c->[0]{uri} eq $uri && length $c->[0]{text}, "$version: read " . $uri =~ s/\d+$/N/r);
	}
	is(code('resources/read', { uri => $_ }), $modern ? -32602 : -32002, "$version: there is no $_") for ('selfheal://incident/999999999', "selfheal://table/$s.nothing", 'file:///etc/passwd');

	# Prompts and completion
	is(scalar(@{ result('prompts/list')->{prompts} }), 4, "$version: prompts");
	my $p = result('prompts/get', { name => 'diagnose_incident', arguments => { incident => "$day" } });
	like(BridgeTest::json->encode($p->{messages}), qr/\Q$s\E/, "$version: a prompt, with its facts");
	is(code('prompts/get', { name => 'diagnose_incident', arguments => {} }), -32602, "$version: without its argument");
	is_deeply(result('completion/complete', { ref => { type => 'ref/resource', uri => 'selfheal://table/{table}' }, argument => { name => 'table', value => "$s.or" } })->{completion}{values},
		["$s.orders"], "$version: completion");

	# A call that waits is cancelled: no answer, and the next one has its own.
	my $paused = value("SELECT id FROM selfheal.incident WHERE relid = '$s.paused'::regclass") + 0;
	$bridge->say(line('tools/call', { name => 'explain_incident', arguments => { incident => $paused, wait_seconds => 30 } }));
	ok(running(1, 'Extension'), "$version: a call waits");
	my $seconds = seconds_of(sub {
		$bridge->say(qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":$id}}));
		ok(running(0), "$version: it is cancelled");
		is(scalar(@{ result('tools/list')->{tools} }), 15, "$version: the next call has its answer, the cancelled one none");
	});
	cmp_ok($seconds, '<', 20, "$version: at once");
	# an audit row of its own, though nothing is said
	is(value("SELECT a.result FROM selfheal.audit a WHERE a.event = 'tool_called' ORDER BY a.id DESC LIMIT 1"), 'cancelled', "$version: the audit knows");
	# nor is a call forgotten whose tool is done when it is met
	my $calls = value("SELECT count(*) FROM selfheal.audit WHERE event = 'tool_called'");
	my $holder = $node->background_psql('postgres', on_error_stop => 1);
	$holder->query_safe('BEGIN; LOCK TABLE selfheal.audit');
	$bridge->say(line('tools/call', { name => 'list_pending_plans', arguments => {} }));
	ok(running(1, 'Lock'), "$version: a call waits to be recorded");
	my $lock = "FROM pg_locks WHERE relation = 'selfheal.audit'::regclass AND pid IN (SELECT pid FROM pg_stat_activity WHERE query LIKE 'SELECT selfheal.mcp%')";
	my $since = value("SELECT waitstart $lock AND NOT granted");
	$bridge->say(qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":$id}}));
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $lock AND waitstart > '$since'"), "$version: cancelled, it waits to record that");
	$holder->query_safe('ROLLBACK');
	$holder->quit;
	ok(running(0), "$version: it ends");
	is(value("SELECT count(*) - $calls || ' ' || (array_agg(result ORDER BY id DESC))[1] FROM selfheal.audit WHERE event = 'tool_called'"), '1 cancelled', "$version: as the audit says");
	is(scalar(@{ result('tools/list')->{tools} }), 15, "$version: the next call has its answer");
	my ($status) = $bridge->finish;
	is($status, 0, "$version: ends");
	return;
}

for (qw(2024-11-05 2025-03-26 2025-06-18 2025-11-25 2026-07-28))
{
	$version = $_;
	$modern = $version ge '2026';
	conversation();
}

$node->stop;
done_testing();
