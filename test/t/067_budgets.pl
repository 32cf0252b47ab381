# What asking Claude may cost, and what happens when it cannot be asked: limits
# of an incident, an hour and a day, a server that is down or says no, other
# makers' servers, many incidents at once, the prompt cache, and people who are
# quicker than the answer.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time sleep);
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('budgets', $fake);

sub value { my ($sql, $db) = @_; return $node->safe_psql($db // 'postgres', $sql) }
sub until_true { my ($sql) = @_; return $node->poll_query_until('postgres', $sql) }

# A plan that heals what bad() brings.
my $good = { tools => [ propose(
	steps => [ { kind => 'parse_timestamp', column => 'at', type => '', labels => [], args => '{"formats": ["YYYY|DD|MM"]}' } ],
	explanation => 'the day comes before the month') ] };
my $look = { tools => [ [ sample_payloads => {} ] ] };

# A new table with a row that no playbook helps.
sub bad
{
	my ($table) = @_;
	watch_table($node, $table, 'id int, at date, name varchar(4)');
	load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	return;
}

# Table, script, and how its incident is in the end.
sub ends
{
	my ($table, $script, $state, $reason, $what) = @_;
	$fake->set_script($script);
	bad($table);
	settle($node);
	is(of_incident($node, $table, 'state'), $state, "$what: $state");
	like(of_incident($node, $table, 'coalesce(reason, \'\')'), $reason, "$what: why");
	return;
}

sub conversation
{
	my ($table, $what) = @_;
	return value("SELECT $what FROM selfheal.conversation WHERE table_name = '$table' ORDER BY id DESC LIMIT 1");
}

# Wait until an incident has come to this state by itself.
sub comes_to
{
	my ($table, $state, $what) = @_;
	ok(until_true("SELECT bool_and(state = '$state') FROM selfheal.incidents WHERE table_name = 'public.$table'"), $what)
	  or diag of_incident($node, $table, 'concat(state, \': \', reason)');
	return;
}

# ---- limits of one incident ----
set_conf($node, 'selfheal.max_turns', '2');
ends('turns', [ $look,
	{ text => 'perhaps the day comes second', tools => [ propose(ddl => 'DROP TABLE turns', explanation => 'nothing else comes to mind',
		options => [ { option => 'drop it', taken => \1, why => 'it is quick' } ]) ] }, $good ],
	'needs_human', qr/selfheal\.max_turns \(2 requests\).*used up/, 'turns');
is($fake->count, 2, 'no request is made after the last that is allowed');
is(of_incident($node, 'turns', 'reason_kind'), 'budget', 'the reason is the budget');
is(of_incident($node, 'turns', 'concat_ws(\' \', claude ->> \'outcome\', claude ->> \'explanation\', jsonb_array_length(claude -> \'options\'))'),
	'budget nothing else comes to mind 1', 'what was learnt so far is kept');
set_conf($node, 'selfheal.max_turns');
settle($node);
is(of_incident($node, 'turns', 'state'), 'needs_human', 'an incident that has gone round in circles waits for a person');
value('SELECT selfheal.retry(' . of_incident($node, 'turns', 'id') . ')');
settle($node);
is(of_incident($node, 'turns', 'state'), 'healed', 'who lets it begin anew');

set_conf($node, 'selfheal.max_incident_tokens', '1000');
ends('tokens', [ $look, $good ], 'needs_human', qr/selfheal\.max_incident_tokens \(1000\)/, 'tokens');
is(of_incident($node, 'tokens', 'reason_kind'), 'budget', 'of one incident');
is(conversation('tokens', 'calls'), 1, 'stop after the reply that has used them up');
set_conf($node, 'selfheal.max_incident_tokens');

# ---- limits of an hour and of a day ----
sub made { return value('SELECT count(*) FROM selfheal.agent_turn WHERE kind = \'request\'') }

my $slow = 0;
for my $limit (qw(hour day))
{
	my $start = time;
	set_conf($node, "selfheal.max_calls_per_$limit", made() + 1);
	ends("calls_$limit", [ $look, $good ], 'needs_human', qr/selfheal\.max_calls_per_$limit/, "calls per $limit");
	is(of_incident($node, "calls_$limit", 'reason_kind'), 'budget', "calls per $limit: the reason is the budget");
	is(conversation("calls_$limit", 'state || calls'), 'waiting1', 'it waits in the middle');
	is(value("SELECT next_try BETWEEN now() + '9 minutes' AND now() + '10 minutes' FROM selfheal.conversation WHERE state = 'waiting'"), 't',
		'and is looked at again in ten minutes at the latest');
	is($fake->count(status => 400), 0, 'nothing that the API would refuse');
	$slow = time - $start if time - $start > $slow;
	set_conf($node, "selfheal.max_calls_per_$limit");
	comes_to("calls_$limit", 'healed', 'raised and reloaded, it goes on by itself');
	is(conversation("calls_$limit", 'calls'), 2, 'where it was');
}

# by time: what was asked long ago does not count any more. The hour is over
# when this machine has looked three times at what it is to see before.
my $left = 3 + 3 * $slow;
note("seconds that are left of the hour: $left");
value("UPDATE selfheal.agent_turn SET at = clock_timestamp() - interval '1 hour' + interval '$left s' WHERE kind = 'request' OR cost > 0");
set_conf($node, 'selfheal.max_calls_per_hour', made());
ends('by_time', [$good], 'needs_human', qr/max_calls_per_hour/, 'by time');
comes_to('by_time', 'healed', 'the hour is over: it goes on by itself');
set_conf($node, 'selfheal.max_calls_per_hour');

# by a database's own setting, which processes see at their start
set_conf($node, 'selfheal.max_calls_per_day', '1');
ends('by_database', [$good], 'needs_human', qr/max_calls_per_day/, 'a database\'s own');
value('ALTER DATABASE postgres SET selfheal.max_calls_per_day = 500');
$node->reload;
comes_to('by_database', 'healed', 'raised for the database, it goes on by itself');
value('ALTER DATABASE postgres RESET selfheal.max_calls_per_day');
set_conf($node, 'selfheal.max_calls_per_day');

# money: a model that is not in the list counts as the dearest
value('UPDATE selfheal.agent_turn SET cost = 0');
set_conf($node, 'selfheal.prices', '\'cheap=1/2/1, claude-opus-5=3/7/0.5, other=2/9/0.25\'');
for my $limit (qw(hour day))
{
	value('UPDATE selfheal.agent_turn SET at = at - interval \'2 days\'');
	set_conf($node, "selfheal.max_cost_per_$limit", '0.0001');
	ends("cost_$limit", [ $look, $good ], 'needs_human', qr/max_cost_per_$limit/, "money per $limit");
	is(of_incident($node, "cost_$limit", 'reason_kind'), 'budget', "money per $limit: the reason is the budget");
	is(conversation("cost_$limit", 'calls'), 1, 'after what has used it up');
	is(value('SELECT count(*) FROM selfheal.agent_turn WHERE cost > 0 AND abs(cost - (input_tokens * 3 + output_tokens * 9'
			. ' + cache_read_tokens * 1 + cache_write_tokens * 3.75) / 1e6) > 1e-9'), 0, 'an unknown model costs what the dearest does');
	set_conf($node, "selfheal.max_cost_per_$limit");
	comes_to("cost_$limit", 'healed', 'raised and reloaded, it goes on by itself');
}
set_conf($node, 'selfheal.prices');

# ---- a server that says no ----
sub claude_is { return value('SELECT value FROM selfheal.status WHERE item = \'claude\'') }

my %no = (402 => 'billing_error', 403 => 'permission_error');
for my $status (sort keys %no)
{
	ends("no_$status", [ { status => $status } ], 'needs_human', qr/Claude is unavailable: HTTP status $status \($no{$status}\)/, "status $status");
	is(claude_is(), 'unavailable', "status $status: unavailable");
	is($fake->count(status => $status), 1, "status $status: asked once");
	load($node, "no_$status", '{"id": 2, "name": "longer than four"}');
	settle($node);
	is(value("SELECT count(*) FROM no_$status"), 1, 'playbooks go on');
	$fake->set_script([$good]);
	$node->reload;
	comes_to("no_$status", 'healed', 'after a reload it goes on by itself');
	is(claude_is(), 'ready', 'and the status is ready');
}

# a key that was changed
$fake->set_script([ $good, $good, $good ]);
my $key = slurp_file($node->{key_file});
sub write_key { my ($text) = @_; open my $fh, '>', $node->{key_file} or die; print $fh $text; close $fh; return }
write_key("sk-ant-old\n");
bad("old_key_$_") for 1 .. 3;
settle($node);
is(claude_is(), 'unavailable', 'an old key is a status');
write_key($key);
$node->reload;
comes_to("old_key_$_", 'healed', 'with the new key file, all go on by themselves') for 1 .. 3;

# a model that there is not
set_conf($node, 'selfheal.model', '\'claude-nobody-1\'');
ends('no_model', [ $look, $good ], 'needs_human', qr/HTTP status 404 \(not_found_error\)/, 'an unknown model');
is(claude_is(), 'unavailable', 'an unknown model is a status');
set_conf($node, 'selfheal.model');
comes_to('no_model', 'healed', 'with another model and a reload it goes on by itself');
is(conversation('no_model', 'model'), 'claude-opus-5-5', 'with that model');

# ---- a server that is down ----
set_conf($node, 'selfheal.api_retries', '2');
$fake->set_script([ map { { status => 500, times => 1000, turn => 0 } } 1 ]);
bad("down_$_") for 1 .. 3;
ok(until_true('SELECT value = \'unavailable\' FROM selfheal.status WHERE item = \'claude\''), 'a server that is down is a status');
like(value('SELECT note FROM selfheal.status WHERE item = \'claude\''), qr/500 \(api_error\); tried again at/, 'with its reason and when it is tried again');
ok(until_true('SELECT count(*) = 3 FROM selfheal.incidents WHERE table_name ~ \'down\' AND state = \'needs_human\' AND claude ->> \'state\' = \'waiting\''),
	'all wait, and a person sees it');
my $before = $fake->count;
my $now = value('SELECT clock_timestamp()');
$fake->set_script([ $good, $good, $good ]);
$fake->hold(170);
$node->reload;
ok($fake->wait_for_count($before + 1), 'one is tried');
ok(until_true("SELECT count(*) = 2 FROM selfheal.conversation WHERE table_name ~ 'down' AND state = 'waiting' AND paused_at > '$now'"), 'the others wait for it');
is($fake->count, $before + 1, 'one at a time');
$fake->release;
comes_to("down_$_", 'healed', 'it answers: all go on') for 1 .. 3;
is(claude_is(), 'ready', 'and the status is ready');
set_conf($node, 'selfheal.api_retries');

# ---- when to ask again ----
sub gaps
{
	my ($from) = @_;
	my @at = map { $_->{at} } (grep { $_->{method} eq 'POST' } $fake->requests)[ $from .. $fake->count - 1 ];
	return map { $at[ $_ + 1 ] - $at[$_] } 0 .. $#at - 1;
}
my $n = $fake->count;
$fake->set_script([ { status => 429, retry_after_ms => 1200 }, { status => 529, retry_after => 1 }, $good ]);
bad('after');
comes_to('after', 'healed', 'a limit that passes is retried');
my @gaps = gaps($n);
is(scalar @gaps, 2, 'twice');
ok($gaps[0] >= 1.19 && $gaps[0] < $AT_ONCE, "not before retry-after-ms ($gaps[0] s)");
ok($gaps[1] >= 0.99 && $gaps[1] < $AT_ONCE, "not before retry-after ($gaps[1] s)");

$n = $fake->count;
ends('do_not', [ { status => 503, should_retry => 'false' }, $good ], 'needs_human', qr/503/, 'x-should-retry: false');
is($fake->count, $n + 1, 'asked once');

$n = $fake->count;
$fake->set_script([ map { { status => 429 } } 1 .. 20 ]);
bad('storm');
comes_to('storm', 'needs_human', 'a storm of rate limits ends with a person');
like(of_incident($node, 'storm', 'reason'), qr/429 \(rate_limit_error\)/, 'who is told');
is($fake->count, $n + 3, 'after three times');
is(conversation('storm', 'outcome'), 'failed', 'and nobody goes on by himself');

# ---- people who are quicker than the answer ----
set_conf($node, 'selfheal.max_conversations', '20');
$n = $fake->count;
$fake->set_script([ map { {%$good} } 1 .. 20 ]);
$fake->hold(170);
my @quick = qw(dismissed discarded replayed retried unwatched dropped widened altered joined);
bad("quick_$_") for @quick;
ok($fake->wait_for_count($n + @quick), 'many are asked about at a time');
my %id = map { $_ => of_incident($node, "quick_$_", 'id') } @quick;
value("SELECT selfheal.dismiss($id{dismissed}, 'not now')");
value("SELECT selfheal.discard($id{discarded}, 'a test', 10)");
value('SELECT selfheal.replay(\'quick_replayed\')');
value("SELECT selfheal.retry($id{retried})");
value('SELECT selfheal.unwatch(\'quick_unwatched\')');
value('DROP TABLE quick_dropped');
value('ALTER TABLE quick_widened ALTER at TYPE text');
value('ALTER TABLE quick_altered ADD extra int');
load($node, 'quick_joined', '{"id": 2, "at": "2026|22|11"}');
is(value('SELECT selfheal.wait_idle(\'1s\') -> \'idle\''), 'false', 'what is asked is not idle');
$fake->release;
ok(until_true('SELECT NOT EXISTS (SELECT FROM selfheal.conversation WHERE state <> \'ended\')'), 'all end');
settle($node);
sub outcomes
{
	my ($table) = @_;
	return value("SELECT string_agg(outcome || calls, ' ' ORDER BY id) FROM selfheal.conversation WHERE table_name = 'quick_$table'");
}
is(outcomes($_), 'superseded1', "$_ meanwhile: it ends, and asks no more") for qw(dismissed discarded unwatched dropped widened);
is(outcomes($_), 'proposed1', "$_ meanwhile: its answer is taken") for qw(replayed retried joined);
is(outcomes('altered'), 'superseded1 proposed1', 'altered meanwhile: it is asked of the table as it is');
is(value("SELECT string_agg(state, ' ' ORDER BY id) FROM selfheal.incident WHERE id IN (" . join(', ', @id{qw(dismissed discarded widened altered joined)}) . ')'),
	'dismissed dismissed healed healed healed', 'and the incidents are what people have made of them');
is(value('SELECT count(*) FROM quick_joined'), 2, 'rows that came meanwhile are stored');
is(value('SELECT count(*) FROM quick_widened'), 1, 'and those that fit by now');
is(value("SELECT count(*) FROM selfheal.quarantined WHERE table_name ~ 'quick_(dismissed|unwatched)' AND state = 'held'"), 2, 'nothing is lost');
is(value('SELECT count(*) FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation WHERE v.table_name ~ \'quick\''
		. ' AND t.kind = \'reply\' AND t.cost > 0'), @quick + 1, 'every reply is paid for');
set_conf($node, 'selfheal.max_conversations');

# ---- rows that come while a plan waits, and a person who says no ----
my %unsure = (%{ $good->{tools}[0][1] }, confidence => 0.3);
$n = $fake->count;
ends('unsure', [ { tools => [ [ propose_plan => {%unsure} ] ] }, $look ], 'awaiting_approval', qr/confidence of 0\.30/, 'not sure enough');
my $plan = of_incident($node, 'unsure', 'plan_id');
load($node, 'unsure', '{"id": 2, "at": "2026|22|11"}');
settle($node);
is(of_incident($node, 'unsure', 'state || plan_id'), "awaiting_approval$plan", 'more rows: the same plan waits');
is($fake->count, $n + 1, 'nobody is asked again');
value("SELECT selfheal.reject($plan, 'the month comes second')");
load($node, 'unsure', '{"id": 3, "at": "2026|23|11"}');
settle($node);
is(of_incident($node, 'unsure', 'state || reason_kind'), 'needs_humanrefused', 'a no stays');
is($fake->count, $n + 1, 'and is not asked about again');
$fake->set_script([$good]);
value('SELECT selfheal.retry(' . of_incident($node, 'unsure', 'id') . ')');
settle($node);
is(of_incident($node, 'unsure', 'state'), 'healed', 'until a person asks for it');
is(value('SELECT count(*) FROM unsure'), 3, 'with all rows');

# ---- other makers' servers ----
sub elsewhere
{
	my ($table, $other, %settings) = @_;
	$settings{api_url} = '\'' . $other->url . '\'';
	$node->safe_psql('postgres', "ALTER SYSTEM SET selfheal.$_ = $settings{$_}") for sort keys %settings;
	$node->reload;
	bad($table);
	comes_to($table, 'healed', "$table: healed");
	is($other->count(status => 400), 0, "$table: nothing that it refuses");
	my $last = $other->last_request(like => qr/tools/);
	$node->safe_psql('postgres', "ALTER SYSTEM RESET selfheal.$_") for sort keys %settings;
	$node->safe_psql('postgres', 'ALTER SYSTEM SET selfheal.api_url = \'' . $fake->url . '\'');
	$node->reload;
	return $last;
}
my $ollama = FakeClaude->new(kind => 'ollama', script => [ $look, $good ]);
my $request = elsewhere('ollama', $ollama, api_auth => 'none', model => '\'qwen3-coder:30b\'', effort => 'high',
	api_omit => '\'strict, cache_control, output_config\'');
ok(!(grep { exists $request->{headers}{$_} } qw(x-api-key authorization)), 'ollama: no key is sent');
unlike($request->{raw}, qr/cache_control|"strict"|output_config/, 'ollama: without what it does not know');
$ollama->stop;

my $bedrock = FakeClaude->new(kind => 'bedrock', key => $fake->key, script => [ $look, $good ]);
$request = elsewhere('bedrock', $bedrock, api_auth => 'bearer', model => '\'anthropic.claude-opus-4-6\'', api_version => '\'2023-06-01\'',
	effort => 'max');
is($request->{path}, '/anthropic/v1/messages', 'bedrock: below its base path');
is("@{$request->{headers}}{qw(authorization anthropic-version)}", 'Bearer <key> 2023-06-01', 'bedrock: a bearer token and another version');
is($request->{body}{output_config}{effort}, 'max', 'bedrock: the effort');
is($request->{body}{tools}[0]{strict} && 1, 1, 'bedrock: strict, where the model takes it');
$bedrock->stop;

for my $effort (qw(low xhigh))
{
	set_conf($node, 'selfheal.effort', $effort);
	ends("effort_$effort", [$good], 'healed', qr/^$/, "effort $effort");
	is($fake->last_request->{body}{output_config}{effort}, $effort, "effort $effort: is sent");
}
set_conf($node, 'selfheal.effort', 'high');
set_conf($node, 'selfheal.model', '\'claude-haiku-4-5\'');
ends('no_effort', [$good], 'needs_human', qr/400 \(invalid_request_error\)/, 'an effort that the model does not know');
set_conf($node, 'selfheal.effort');
comes_to('no_effort', 'healed', 'left to the model, it goes on by itself');
ok(!exists $fake->last_request->{body}{output_config}, 'and is not sent');
set_conf($node, 'selfheal.model');

# off for one database
value('CREATE DATABASE quiet');
value('ALTER DATABASE quiet SET selfheal.claude = off');
value('CREATE EXTENSION selfheal; CREATE TABLE silent (at date); SELECT selfheal.watch(\'silent\')', 'quiet');
$n = $fake->count;
value('INSERT INTO silent_intake VALUES (\'{"at": "2026|21|11"}\')', 'quiet');
is(idle($node, 'quiet'), 't', 'off for a database: it comes to rest');
is(value('SELECT state || reason_kind FROM selfheal.incidents', 'quiet'), 'needs_humanno_playbook', 'its incidents wait for a person');
is(value('SELECT value FROM selfheal.status WHERE item = \'claude\'', 'quiet'), 'off', 'as the status says');
is($fake->count, $n, 'nobody is asked');

# ---- the prompt cache ----
sub stat_of { my ($item) = @_; return value("SELECT value FROM selfheal.stat WHERE item = '$item'") }
value('UPDATE selfheal.agent_turn SET at = at - interval \'2 days\'');
$fake->forget;
my ($read, $saved) = (stat_of('tokens read from the prompt cache'), stat_of('dollars saved by the prompt cache'));
for my $table (qw(cached_1 cached_2))
{
	ends($table, [ $look, { tools => [ [ inspect_schema => {} ] ] }, $good ], 'healed', qr/^$/, "three turns ($table)");
}
my @usage = map { $_->{reply}{usage} } $fake->requests;
is(scalar @usage, 6, 'six requests');
is($usage[0]{cache_read_input_tokens}, 0, 'the first writes the prefix');
ok($usage[$_]{cache_read_input_tokens} > $usage[ $_ - 1 ]{cache_read_input_tokens}, "turn $_ reads what was said before") for 1, 2, 4, 5;
ok($usage[3]{cache_read_input_tokens} > 1000, "the second incident reads system prompt and tools ($usage[3]{cache_read_input_tokens} tokens)");
my $sum = 0;
$sum += $_->{cache_read_input_tokens} for @usage;
is(stat_of('tokens read from the prompt cache') - $read, $sum, 'selfheal.stat has what was read');
cmp_ok(stat_of('dollars saved by the prompt cache') - $saved, '>', 0.001, 'and what that has saved');
is($fake->count(like => qr/./), scalar(grep { !@{ $_->{advice} } } $fake->requests), 'marks are where they should be');

# ---- fifty at once ----
value('UPDATE selfheal.agent_turn SET at = at - interval \'2 days\'');
set_conf($node, 'selfheal.max_calls_per_hour', '1000');
$fake->set_script([ { turn => 0, %$look }, { turn => 1, %$good } ]);
$fake->set_mode('script', pace => 0.1);
watch_table($node, "many_$_", 'id int, at date') for 1 .. 50;
$fake->forget;

sub agent { return value('SELECT pid FROM pg_stat_activity WHERE backend_type = \'selfheal agent\' AND datname = \'postgres\'') }
sub memory { my ($pid) = @_; return slurp_file("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m ? $1 : 0 }
sub load_many
{
	my ($first, $last) = @_;
	$node->safe_psql('postgres', join ' ', map { "INSERT INTO many_${_}_intake VALUES ('{\"id\": 1, \"at\": \"2026|21|11\"}');" } $first .. $last);
	settle($node);
	return agent();
}
my $began = time;
my $pid = load_many(1, 10);
my $ten = memory($pid);
is(load_many(11, 50), $pid, 'one process asks about all');
my $fifty = memory($pid);
note sprintf '50 incidents in %.1f s, memory after 10 and 50: %d and %d kB', time - $began, $ten, $fifty;
is(value('SELECT count(*) FROM selfheal.incidents WHERE table_name ~ \'many\' AND state = \'healed\''), 50, 'all are healed');
# what the server itself caches of forty more tables is no growth of ours
cmp_ok($fifty, '<', $ten + 40 * 50, "its memory is flat ($ten and $fifty kB)");
my @spans = sort { $a->[0] <=> $b->[0] } map { ([ $_->{at}, 1 ], [ $_->{at} + 0.1, -1 ]) } $fake->requests;
my ($going, $most) = (0, 0);
for my $event (@spans) { $going += $event->[1]; $most = $going if $going > $most }
is(scalar @spans, 200, 'in a hundred requests');
ok($most <= 4 && $most > 1, "at most selfheal.max_conversations at a time ($most)");

# from an answer to the next request of the same conversation, tools included
my (%heard, @turns);
for my $r ($fake->requests)
{
	my ($who) = $r->{raw} =~ /(many_\d+)/;
	push @turns, 1000 * ($r->{at} - $heard{$who}) if $heard{$who};
	$heard{$who} = $r->{at} + $r->{seconds};
}
@turns = sort { $a <=> $b } @turns;
note sprintf 'our side of a turn with four at a time: median %.1f ms', $turns[ @turns / 2 ];

is($fake->faults, '', 'the fake has no complaint');
$node->stop;
done_testing();
