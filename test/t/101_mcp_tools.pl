# Tools of MCP where there is more than one session: a call that is cancelled,
# one that waits for the healer, what its commit waits for, a standby.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('tools', streaming => 1);
install($node, 'postgres');

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub until_true { my ($sql) = @_; return $node->poll_query_until('postgres', $sql) }

# The answer of a tool.
sub tool
{
	my ($name, $arguments, $server) = @_;
	my $json = encode_json($arguments // {});
	return decode_json(($server // $node)->safe_psql('postgres', "SELECT selfheal.tool('$name', \$j\$$json\$j\$)"));
}

# A call that goes on in another session: statements one by one.
sub begin
{
	my ($sql) = @_;
	my %call = (out => '', err => '');
	$call{run} = IPC::Run::start(
		[ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('postgres') . ' application_name=agent', map { ('-c', $_) } split(/;\s*/, $sql) ],
		'<', \undef, '>', \$call{out}, '2>', \$call{err}, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	return \%call;
}
sub at_work { my ($event) = @_; return until_true("SELECT count(*) = 1 FROM pg_stat_activity WHERE application_name = 'agent' AND state = 'active' AND wait_event $event") }
sub end { my ($call) = @_; IPC::Run::finish($call->{run}); return $call->{out} }
sub outcomes { return value("SELECT string_agg(c ->> 'name' || ' ' || a.result, ', ' ORDER BY a.id) FROM selfheal.audit a, jsonb_array_elements(a.tools) c WHERE a.event = 'tool_called' AND a.actor_client LIKE 'agent%'") }

value("CREATE TABLE t (id int, v varchar(3)); SELECT selfheal.watch('t'); SELECT selfheal.pause('t')");
value(q[INSERT INTO t_intake VALUES ('{"id": 1, "v": "too long"}')]);
until_true('SELECT count(*) = 1 FROM selfheal.incident');
my $incident = value('SELECT id FROM selfheal.incident') + 0;

# A query cancel undoes what the tool did; the call stands in the audit, and the statement has an answer.
my $waiting = "SELECT selfheal.tool('explain_incident', '{\"incident\": $incident, \"wait_seconds\": 30}')";
my $call = begin($waiting);
ok(at_work("= 'Extension'"), 'a tool waits for the healer');
my $seconds = seconds_of(sub {
	value("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'agent'");
	like(end($call), qr/"is_error": true/, 'cancelled: the call has an answer');
});
cmp_ok($seconds, '<', $AT_ONCE, 'at once');
is(outcomes(), 'explain_incident cancelled', 'and an event');
$call = begin("SET statement_timeout = '1s'; $waiting");
like(end($call), qr/it was cancelled, by somebody or by the role's statement_timeout/, 'statement_timeout is a cancel too');

# A tool that writes, and waits for somebody: nothing of it stays.
value("SELECT selfheal.watch('t', 'propose'); SELECT selfheal.propose('t', 'ALTER TABLE t ADD n int', 'a test')");
my ($plan, $hash) = split /\|/, value("SELECT id, hash FROM selfheal.plan WHERE proposed_by <> 'selfheal'");
my $holder = $node->background_psql('postgres');
$holder->query_safe("BEGIN; SELECT FROM selfheal.plan WHERE id = $plan FOR UPDATE");
$call = begin("SELECT selfheal.tool('reject_plan', '{\"plan\": $plan, \"why\": \"a test\"}')");
ok(at_work("= 'transactionid'"), 'a tool waits for a lock');
value("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'agent'");
like(end($call), qr/cancelled/, 'cancelled');
# Whoever is ended leaves no event.
$call = begin("SELECT selfheal.tool('reject_plan', '{\"plan\": $plan, \"why\": \"a test\"}')");
ok(at_work("= 'transactionid'"), 'it waits again');
value("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'agent'");
end($call);
like($call->{err}, qr/terminating connection/, 'what ends the session ends the call');
$holder->query_safe('ROLLBACK');
$holder->quit;
is(value("SELECT state FROM selfheal.plan WHERE id = $plan"), 'awaiting_approval', 'nothing of either stays');
is(outcomes(), 'explain_incident cancelled, explain_incident cancelled, reject_plan cancelled', 'the events so far');

# wait_seconds sees what the healer does meanwhile.
value("SELECT selfheal.watch('t', 'auto')");
$call = begin($waiting);
ok(at_work("= 'Extension'"), 'a tool waits for the healer');
value("SELECT selfheal.resume('t')");
my $answer = decode_json(end($call))->{structured};
is("$answer->{state} $answer->{rows_held}", 'healed 0', 'it is told that the incident is healed');
ok($answer->{resting}, 'and rests');

# A commit that has only events of reading tools in it does not wait for the disk, nor for what takes its part here: a
# standby that never comes. One write of anybody else in it, and it does.
set_conf($node, 'selfheal.enabled', "'off'");
until_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'selfheal worker'");
value('CREATE TABLE other (n int)');
set_conf($node, 'synchronous_standby_names', "'nobody'");
my $read = "SELECT selfheal.tool('list_incidents')";
$call = begin("$read; BEGIN; $read; $read; COMMIT");
is(scalar(() = end($call) =~ /"incidents"/g), 3, 'reading tools do not wait for their commit');
for my $sql ("BEGIN; INSERT INTO other VALUES (1); $read; COMMIT", "BEGIN; $read; INSERT INTO other VALUES (1); COMMIT",
	"BEGIN; $read; INSERT INTO other VALUES (1); $read; COMMIT", "SELECT selfheal.tool('retry_incident', '{\"incident\": 999999}')")
{
	$call = begin($sql);
	ok(at_work("= 'SyncRep'"), "this waits: $sql");
	value("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'agent'");
	end($call);
}
# The setting is the session's again afterwards.
$call = begin("$read; SHOW synchronous_commit");
like(end($call), qr/^on$/m, 'synchronous_commit is as it was');
set_conf($node, 'synchronous_standby_names', "''");

# A standby: reading tools answer, without an event; the others say why not.
$node->backup('copy');
my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($node, 'copy', has_streaming => 1);
$standby->start;
$node->wait_for_catchup($standby, 'replay', $node->lsn('insert'));
my $events = value("SELECT count(*) FROM selfheal.audit WHERE event = 'tool_called'");
is(tool('list_incidents', {}, $standby)->{structured}{incidents}[0]{state}, 'healed', 'a standby lists incidents');
is(tool($_->[0], $_->[1], $standby)->{is_error}, JSON::PP::false, "a standby answers $_->[0]")
  for ([ 'explain_incident', { incident => $incident } ], [ 'get_audit_trail', {} ], [ 'list_pending_plans', {} ], [ 'read_error_log', {} ],
	[ 'inspect_schema', { table => 't' } ], [ 'sample_payloads', { incident => $incident } ], [ 'verify_audit', {} ]);
like(tool('reject_plan', { plan => $plan + 0, why => 'a test' }, $standby)->{text}, qr/SQLSTATE 25006/, 'it rejects nothing');
like(tool('apply_safe_ddl', { table => 't', ddl => 'ALTER TABLE t ADD x int', why => 'a test' }, $standby)->{text}, qr/SQLSTATE/, 'nor applies anything');
my $log = slurp_file($standby->logfile);
like($log, qr/a tool was called and cannot be recorded in the audit: \[\{"name":"list_incidents","arguments_sha256":"[0-9a-f]{64}","outcome":"ok"/, 'its log has the call');
is(value("SELECT count(*) FROM selfheal.audit WHERE event = 'tool_called'"), $events, 'and the primary no event of it');
$standby->stop('fast');
$node->stop('fast');

done_testing();
