# What happens to an incident and its table while Claude is asked about it, and
# when the conversation has ended: rows that come meanwhile, what playbooks know
# by then, people who have it in hand, a plan that fails on the table itself.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('asking', $fake);

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub until_true { my ($sql) = @_; return $node->poll_query_until('postgres', $sql) }

sub parse
{
	my ($format) = @_;
	return { kind => 'parse_timestamp', column => 'at', type => '', labels => [],
		args => encode_json({ formats => [$format] }) };
}

my $none = { tools => [ propose(explanation => 'the order is for the team to say') ] };

# A table in which a row waits for Claude's answer, which is held; what comes
# meanwhile; then the answer, and all that follows.
sub meanwhile
{
	my ($table, $columns, $script, $first, @then) = @_;
	my $before = $fake->count;

	$fake->set_script($script);
	$fake->hold(170);
	watch_table($node, $table, $columns);
	load($node, $table, @$first);
	ok($fake->wait_for_count($before + 1), "$table: Claude is asked");
	until_true("SELECT count(*) > 0 FROM selfheal.incident WHERE table_name = '$table' AND state = 'asking'");
	load($node, $table, $_) for @then;
	until_true("SELECT count(*) = 0 FROM selfheal.error WHERE incident IS NULL AND relid = '$table'::regclass");
	$fake->release;
	settle($node);
	return;
}

sub states
{
	my ($table) = @_;
	return value("SELECT string_agg(concat_ws(' ', class, column_name, state, rows_held), ', ' ORDER BY class, column_name)
		FROM selfheal.incidents WHERE table_name = 'public.$table'");
}

# The key is good again: so says a conversation that ends well.
sub reload_until_ready
{
	$fake->set_script([$none]);
	$node->reload;
	watch_table($node, 'probe', 'id int, at date');
	load($node, 'probe', '{"id": 1, "at": "2026|21|11"}');
	ok(until_true('SELECT count(*) = 0 FROM selfheal.claude_down') && until_true('SELECT state = \'ended\' FROM selfheal.conversation WHERE table_name = \'probe\''), 'Claude can be asked again');
	return;
}

sub asked { my ($table) = @_; return value("SELECT count(*) FROM selfheal.conversation WHERE table_name = '$table'") }

# ---- rows of the same class and column, of which a playbook knows more ----
# One number leaves open what its comma is; the next ones say it.
my @commas = map { "{\"id\": $_, \"amount\": \"$_.234,56\"}" } 2 .. 9;
my $comma = '{"id": 1, "amount": "1,234"}';
meanwhile('proven', 'id int, amount numeric(12,3)', [$none], [$comma], @commas);
is(value('SELECT count(*) || \' \' || sum(amount) FROM proven'), '9 45877.714', 'rows that came while Claude was asked are looked at when it has no plan');
is(asked('proven'), 1, 'and it is not asked again');

meanwhile('broken_off', 'id int, amount numeric(12,3)', [ { status => 418 } ], [$comma], @commas);
is(value('SELECT count(*) FROM broken_off'), 9, 'and when it could not be asked');
meanwhile('revoked', 'id int, amount numeric(12,3)', [ { status => 401 } ], [$comma], @commas);
is(value('SELECT count(*) FROM revoked'), 9, 'and when it is to be asked later');
reload_until_ready();
ok(until_true('SELECT outcome = \'superseded\' FROM selfheal.conversation WHERE table_name = \'revoked\''), 'which is not done then');

# ---- rows that it does not know either ----
meanwhile('no_more', 'id int, at date', [$none], ['{"id": 1, "at": "2026|21|11"}'], '{"id": 2, "at": "2026|22|11"}');
is(states('no_more'), 'bad_value at needs_human 2', 'rows that no playbook knows wait for a person with the others');
like(of_incident($node, 'no_more', 'reason'), qr/^Claude was asked: .*for the team to say/, 'who is told what Claude has said of the first');
is(asked('no_more'), 1, 'asked once');
load($node, 'no_more', '{"id": 3, "at": "2026|23|11"}');
settle($node);
like(of_incident($node, 'no_more', 'state || reason'), qr/^needs_humanClaude was asked: .*for the team to say/, 'so he is when more come after that');
is(asked('no_more'), 1, 'and nobody is asked again');
is(of_incident($node, 'no_more', 'attempts') < 5, 1, 'what was looked at for nothing is not charged') or diag of_incident($node, 'no_more', 'attempts');

# ---- other classes of the same table ----
meanwhile('other', 'id int, at date, name varchar(4)', [$none], ['{"id": 1, "at": "2026|21|11"}'],
	'{"id": 2, "name": "longer than four"}', '{"id": 3, "colour": "red"}');
is(states('other'), 'bad_value at needs_human 1, too_long name healed 0, unknown_key colour healed 0', 'other rows of the table need not wait');
is(asked('other'), 1, 'that the table was changed meanwhile is no reason to ask again');

# ---- a plan of Claude's that waits for a person keeps its place ----
my $flatten = propose(steps => [ { kind => 'map_field', column => 'customer', type => '', labels => [],
	args => encode_json({ path => [ 'customer', 'name' ], rest => 'drop', to => 'customer_name' }) } ]);
meanwhile('waits', 'id int, customer_name text NOT NULL', [ { tools => [$flatten] } ],
	[ map { "{\"id\": $_, \"customer\": {\"name\": \"Ann $_\"}}" } 1 .. 3 ], '{"id": 4, "customer": {"name": "Bo"}}');
sub waiting { return value('SELECT string_agg(sql, \';\') FROM selfheal.pending WHERE table_name = \'public.waits\'') }
like(waiting(), qr/^SELECT selfheal.add_mapping[^;]*$/, 'a mapping of Claude\'s waits for a person');
load($node, 'waits', '{"id": 5, "customer": {"name": "Cy"}}');
settle($node);
like(waiting(), qr/^SELECT selfheal.add_mapping[^;]*$/, 'alone, when more rows come after it');
is(states('waits'), 'missing_key customer_name awaiting_approval 0, unknown_key customer awaiting_approval 5', 'which wait for it too');
value('SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = \'public.waits\'');
settle($node);
is(value('SELECT string_agg(customer_name, \', \' ORDER BY id) FROM waits'), 'Ann 1, Ann 2, Ann 3, Bo, Cy', 'and approved it is for all of them');

# ---- a plan that went well on a clone, and fails on the table ----
value(<<'SQL');
CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public.frozen') THEN
		RAISE EXCEPTION 'the release freeze ends on Monday' USING ERRCODE = 'SF001';
	END IF;
END $$;
CREATE EVENT TRIGGER release_freeze ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse();
SQL
$fake->set_script([ { tools => [ propose(explanation => 'at is free text by now', ddl => 'ALTER TABLE frozen ADD COLUMN at_text text') ] },
	map { { tools => [ propose(ddl => 'ALTER TABLE frozen ALTER COLUMN at TYPE text', explanation => 'at is free text by now') ] } } 1 .. 3 ]);
watch_table($node, 'frozen', 'id int, at date');
load($node, 'frozen', '{"id": 1, "at": "the day after"}');
settle($node);
note(value('SELECT concat_ws(\' \', id, state, verdict, reason) FROM selfheal.plan WHERE table_name = \'frozen\''));
is(value('SELECT forecast ->> \'rewrite\' FROM selfheal.plan WHERE table_name = \'frozen\' AND state = \'awaiting_approval\''), 'true',
	'who approves a plan of Claude\'s sees what it costs');
value('SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = \'public.frozen\'');
settle($node);
my $n = $fake->count;
like(of_incident($node, 'frozen', 'concat_ws(\' \', state, reason_kind, reason)'),
	qr/^needs_human no_safe_plan plan \d+ of Claude's went well on a clone and failed on the table: the release freeze ends on Monday/,
	'a plan of Claude\'s that fails on the table is a person\'s, who is told why');
is(of_incident($node, 'frozen', 'claude ->> \'explanation\''), 'at is free text by now', 'and what Claude had found');
load($node, 'frozen', '{"id": 2, "at": "the day before"}');
settle($node);
like(of_incident($node, 'frozen', 'concat_ws(\' \', state, reason)'), qr/^needs_human .*the release freeze ends on Monday/, 'more rows do not hide it');
is($fake->count, $n, 'and nobody is asked meanwhile');
value('DROP EVENT TRIGGER release_freeze');
value('SELECT selfheal.retry(' . of_incident($node, 'frozen', 'id') . ')');
settle($node);
is(of_incident($node, 'frozen', 'state'), 'awaiting_approval', 'retried, Claude is asked anew');
like($fake->last_request->{raw}, qr/apply_failed/, 'and told of it');

# ---- a person has the incident in hand while Claude is looked for again ----
$fake->set_script([ { status => 401 } ]);
watch_table($node, 'in_hand', 'id int, at date');
load($node, 'in_hand', '{"id": 1, "at": "2026|21|11"}');
settle($node);
is(of_incident($node, 'in_hand', 'state || \' \' || (claude ->> \'state\')'), 'needs_human waiting', 'Claude is unavailable, and looked for later');
$fake->set_script([ { tools => [ propose(steps => [ parse('YYYY|DD|MM') ]) ] } ]);
my $person = $node->background_psql('postgres');
$person->query_safe('BEGIN; SELECT FROM selfheal.incident WHERE table_name = \'in_hand\' FOR UPDATE');
$node->reload;
ok(until_true('SELECT reason LIKE \'a person has%\' FROM selfheal.conversation WHERE table_name = \'in_hand\''), 'a reload makes it due, while a person has it in hand');
$person->query_safe('COMMIT');
$person->quit;
ok(until_true('SELECT state = \'healed\' FROM selfheal.incidents WHERE table_name = \'public.in_hand\''), 'it goes on when he is done');

# ---- what the server refuses of a request is a setting's fault ----
sub claude_is { return value('SELECT value || \' \' || coalesce(note, \'\') FROM selfheal.status WHERE item = \'claude\'') }

# Setting, its value, the error, the hint.
my %refused = (
	'selfheal.effort' => [ 'max', 'This model does not support the effort parameter.', qr/selfheal\.effort/ ],
	'selfheal.api_omit' => [ '\'\'', 'tools.0.custom.strict: Extra inputs are not permitted', qr/strict to selfheal\.api_omit/, 'strict' ],
	'selfheal.max_tokens' => [ 9000, 'max_tokens: 9000 > 4096, which is the maximum allowed number of output tokens', qr/selfheal\.max_tokens/ ],
	'selfheal.api_version' => [ '\'2020-01-01\'', 'anthropic-version: "2020-01-01" is not a valid version', qr/selfheal\.api_version/ ]);
for my $setting (sort keys %refused)
{
	my ($value, $message, $hint, $cure) = @{ $refused{$setting} };
	my $table = $setting =~ s/^.*\.//r;
	set_conf($node, $setting, $value);
	$fake->set_script([ { status => 400, error => { type => 'invalid_request_error', message => $message } } ]);
	watch_table($node, "by_$table", 'id int, at date, name varchar(4)');
	load($node, "by_$table", '{"id": 1, "at": "2026|21|11"}');
	settle($node);
	like(claude_is(), qr/^unavailable .*HTTP status 400 \(invalid_request_error\): .*$hint/, "$setting: unavailable, and why");
	is(of_incident($node, "by_$table", 'state || \' \' || (claude ->> \'state\')'), 'needs_human waiting', "$setting: the incident waits");
	unlike(of_incident($node, "by_$table", 'reason'), qr/parameter|maximum|valid version/, "$setting: no word of the reply is told");
	load($node, "by_$table", '{"id": 2, "name": "longer than four"}');
	settle($node);
	is(value("SELECT count(*) FROM by_$table"), 1, "$setting: playbooks go on");
	$fake->set_script([ { tools => [ propose(steps => [ parse('YYYY|DD|MM') ]) ] } ]);
	set_conf($node, $setting, $cure);
	ok(until_true("SELECT bool_and(state = 'healed') FROM selfheal.incidents WHERE table_name = 'public.by_$table'"), "$setting: mended and reloaded, it goes on by itself");
	is($fake->count(status => 400, like => qr/by_$table/), 1, "$setting: refused once");
	is(claude_is(), 'ready ', "$setting: and is ready");
	is(scalar(grep { $_->{strict} } @{ $fake->last_request(like => qr/by_api_omit/)->{body}{tools} }), 0, 'and the tools are offered as it takes them')
	  if $table eq 'api_omit';
	set_conf($node, $setting);
}

# a prompt that is too long is told shorter
$fake->set_script([ { status => 400, error => { type => 'invalid_request_error', message => 'prompt is too long: 210000 tokens > 200000 maximum' } },
	{ tools => [ propose(steps => [ parse('YYYY|DD|MM') ]) ] } ]);
watch_table($node, 'too_long', 'id int, at date');
load($node, 'too_long', '{"id": 1, "at": "2026|21|11"}');
settle($node);
is(value('SELECT string_agg(small::text || \' \' || outcome, \', \' ORDER BY id) FROM selfheal.conversation WHERE table_name = \'too_long\''),
	'false too_long, true proposed', 'a prompt that is too long is told shorter');

# a refusal that names nothing is that incident's, but not a whole day's
$fake->set_script([ map { { status => 400, error => { type => 'invalid_request_error', message => 'no' } } } 1 .. 20 ]);
for my $i (1 .. 7)
{
	watch_table($node, "refused_$i", 'id int, at date');
	load($node, "refused_$i", '{"id": 1, "at": "2026|21|11"}');
	settle($node);
}
is($fake->count(status => 400, like => qr/refused_/), 5, 'a server that refuses everything is let alone after some');
like(claude_is(), qr/^unavailable .*HTTP status 400 \(invalid_request_error\)/, 'and is unavailable');

$node->stop;
done_testing();
