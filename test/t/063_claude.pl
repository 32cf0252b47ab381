# What no playbook knows is asked of Claude (a strict fake): its plan is vetted,
# tried, and applied or put before a person by policy. Each ending of a
# conversation.
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
my $node = claude_server('claude', $fake);

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

# One typed step.
sub step
{
	my ($kind, $column, %args) = @_;
	return { kind => $kind, column => $column, type => '', labels => [], args => encode_json({%args}) };
}

# The audit's events about the newest incident of a table.
sub story
{
	my ($table) = @_;
	my $id = of_incident($node, $table, 'id');
	return value("SELECT string_agg(event, ' ' ORDER BY id) FROM selfheal.audit WHERE incident = $id");
}

# ---- a notation of dates that no playbook accepts: learnt, applied ----
$fake->set_script([
	{ tools => [ [ sample_payloads => {} ] ] },
	{ tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] },
]);
watch_table($node, 'dates', 'id int, at date');
load($node, 'dates', '{"id": 1, "at": "2026|21|11"}', '{"id": 2, "at": "2026|22|11"}');
settle($node);
is(of_incident($node, 'dates', 'state'), 'healed', 'a notation is learnt');
is(value('SELECT string_agg(at::text, \' \' ORDER BY id) FROM dates'), '2026-11-21 2026-11-22', 'and read rightly');
is($fake->count, 2, 'in two requests');
is($fake->count(status => 400), 0, 'none of which the API would refuse');
is(story('dates'), 'captured diagnosed asked tool_called proposed dry_run approved tool_called answered dry_run mapping_added applied replayed',
	'all of it is in the audit');
is(value('SELECT count(DISTINCT tools ->> \'prompt\') FROM selfheal.audit WHERE tools IS NOT NULL'), 1, 'with the hash of the prompt');
is(value('SELECT confidence FROM selfheal.plan WHERE conversation IS NOT NULL'), '0.95', 'and how sure it was');

# ---- a key that was renamed and nested: map_field, for a person to approve ----
$fake->set_script([ { tools => [ propose(
	steps => [ step('map_field', 'client', path => [ 'client', 'contact', 'mail' ], rest => 'drop', to => 'customer_email') ],
	explanation => 'client.contact.mail is what customer_email was') ] } ]);
watch_table($node, 'renamed', 'id int, client text CHECK (length(client) < 8), customer_email text');
load($node, 'renamed', map { "{\"id\": $_, \"client\": {\"contact\": {\"mail\": \"a$_\@b.example\"}, \"since\": 2020}}" } 1 .. 3);
settle($node);
is(of_incident($node, 'renamed', 'state'), 'awaiting_approval', 'a mapping of a nested key waits for a person');
like(of_incident($node, 'renamed', 'sql'), qr/map_field/, 'and is a mapping');
value('SELECT selfheal.approve(' . of_incident($node, 'renamed', 'plan_id') . ')');
settle($node);
is(of_incident($node, 'renamed', 'state'), 'healed', 'approved, it heals');
is(value('SELECT string_agg(customer_email, \' \' ORDER BY id) FROM renamed'),
	'a1@b.example a2@b.example a3@b.example', 'and the parts are where they belong');

# ---- the same where a playbook has a plan that waits for a person: asked first ----
my $flatten = { tools => [ propose(
	steps => [ step('map_field', 'customer', path => [ 'customer', 'name' ], rest => 'drop', to => 'customer_name') ]) ] };
$fake->set_script([$flatten]);
watch_table($node, 'people', 'id int, customer_name text NOT NULL');
load($node, 'people', map { "{\"id\": $_, \"customer\": {\"name\": \"Ann $_\"}}" } 1 .. 3);
settle($node);
is(value('SELECT string_agg(class || \' \' || state, \', \' ORDER BY class) FROM selfheal.incidents WHERE table_name = \'public.people\''),
	'missing_key awaiting_approval, unknown_key awaiting_approval', 'a key that is gone beside a new one is asked about first');
like(value('SELECT sql FROM selfheal.pending WHERE table_name = \'public.people\''), qr/map_field/, 'and the mapping is what is put before a person');
value('SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = \'public.people\'');
settle($node);
is(value('SELECT string_agg(customer_name, \', \' ORDER BY id) FROM people'), 'Ann 1, Ann 2, Ann 3', 'approved, the rows are stored');

$fake->set_script([ { tools => [ propose(explanation => 'I cannot tell') ] } ]);
watch_table($node, 'folk', 'id int, customer_name text NOT NULL');
load($node, 'folk', '{"id": 1, "customer": {"name": "Ann"}}');
settle($node);
like(value('SELECT sql FROM selfheal.pending WHERE table_name = \'public.folk\''), qr/DROP NOT NULL/, 'where Claude knows none, the playbook\'s plan is');

# ---- a row with two misfits stands under the first: the other is asked about all the same ----
$fake->set_script([ { tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']),
	{ kind => 'add_column', column => 'colour', type => 'text', labels => [], args => '{}' } ]) ] } ]);
watch_table($node, 'twofold', 'id int, at date');
load($node, 'twofold', '{"id": 1, "colour": "red", "at": "2026|21|11"}');
settle($node);
is(value('SELECT at || \' \' || colour FROM twofold'), '2026-11-21 red', 'a row with a key and a notation that are new is stored');
is(value('SELECT string_agg(DISTINCT state, \' \') FROM selfheal.incidents WHERE table_name = \'public.twofold\''), 'healed', 'and both its incidents are healed');

# ---- a column that turned from number to object: no plan is safe ----
$fake->set_script([ { tools => [ [ inspect_schema => {} ] ] }, { tools => [ propose(
	confidence => 0.3, explanation => 'amount is an object now: which part is the amount is for the business to say',
	options => [ { option => 'convert to jsonb', taken => \0, why => 'sums would stop' },
		{ option => 'map amount.net', taken => \0, why => 'net or gross is not known' } ]) ] } ]);
watch_table($node, 'object', 'id int, amount numeric(10,2)');
load($node, 'object', '{"id": 1, "amount": {"net": 10, "gross": 12}}');
settle($node);
is(of_incident($node, 'object', 'state'), 'needs_human', 'what only a person knows needs one');
is(of_incident($node, 'object', 'jsonb_array_length(claude -> \'options\')'), 2, 'with the options that were considered');
like(of_incident($node, 'object', 'reason'), qr/for the business to say/, 'and the reason');

# ---- a plan that fails its dry run and is mended in the second try ----
$fake->set_script([
	{ tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['DD|MM|YYYY']) ]) ] },
	{ tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] },
]);
watch_table($node, 'mended', 'id int, at date');
load($node, 'mended', '{"id": 1, "at": "2026|21|11"}');
settle($node);
is(of_incident($node, 'mended', 'state'), 'healed', 'a plan that failed is mended');
like(story('mended'), qr/proposed dry_run .*proposed dry_run/, 'both dry runs are in the audit');

# ---- a hostile plan ----
$fake->set_script([
	{ tools => [ propose(ddl => 'ALTER TABLE hostile DROP COLUMN note') ] },
	{ tools => [ propose(ddl => 'DROP TABLE hostile') ] },
	{ tools => [ propose(explanation => 'nothing else comes to mind') ] },
]);
watch_table($node, 'hostile', 'id int, at date, note text');
load($node, 'hostile', '{"id": 1, "at": "the day after"}');
settle($node);
is(of_incident($node, 'hostile', 'state'), 'needs_human', 'a hostile plan is refused');
like(value('SELECT string_agg(result || options::text, \';\' ORDER BY id) FROM selfheal.audit WHERE event = \'refused\' AND table_name = \'hostile\''),
	qr/DROP COLUMN note.*DROP TABLE hostile/s, 'with its reason and its text in the audit');
is(value('SELECT count(*) FROM pg_attribute WHERE attrelid = \'hostile\'::regclass AND attnum > 0 AND NOT attisdropped'), 3, 'and nothing came of it');

# ---- refusal, cut answers, rate limits, faults on the way ----
sub ends
{
	my ($table, $script, $state, $reason, $what, %more) = @_;
	my $before = $fake->count;
	$fake->set_script($script);
	watch_table($node, $table, 'id int, at date');
	load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	for my $try (1 .. 20)
	{
		settle($node);
		last if of_incident($node, $table, 'state') ne 'asking';
		$node->poll_query_until('postgres',
			"SELECT NOT EXISTS (SELECT FROM selfheal.conversation WHERE state <> 'ended' AND next_try > clock_timestamp())");
	}
	is(of_incident($node, $table, 'state'), $state, "$what: $state");
	like(of_incident($node, $table, 'coalesce(reason, \'\')'), $reason, "$what: why");
	is($fake->count(status => 400), 0, "$what: no request that the API would refuse");
	return;
}

my $good = { tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] };
ends('refusals', [ map { { refusal => 'cyber' } } 1 .. 10 ], 'needs_human', qr/refused to answer/, 'refusal');
ends('refused_once', [ { refusal => 'cyber' }, $good ], 'healed', qr/^$/, 'a refusal that was one of a kind');
ends('cut_always', [ map { { cut => [ propose_plan => { ddl => 'ALTER TABLE cut_always DROP' } ] } } 1 .. 10 ],
	'needs_human', qr/cut off/, 'cut answers');
ends('cut_once', [ { cut => [ propose_plan => { ddl => 'ALTER TABLE cut_once ADD COLUMN nonsense int' } ] }, $good ],
	'healed', qr/^$/, 'a call that was cut in half');
is(value('SELECT count(*) FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation'
		. ' WHERE v.table_name = \'cut_once\' AND t.kind = \'tool_call\''), 1, 'which is never run');
ends('unknown_stop', [ map { { text => 'well', stop_reason => 'tired' } } 1 .. 10 ], 'needs_human', qr/not known here/, 'unknown stop reason');
ends('talks', [ map { { text => 'I would rather talk' } } 1 .. 10 ], 'needs_human', qr/rather talk/, 'text without a call');
ends('windows', [ map { { text => '', stop_reason => 'model_context_window_exceeded' } } 1 .. 10 ], 'needs_human',
	qr/does not fit the model's window/, 'window exceeded');
is(value('SELECT string_agg(small::text || outcome, \' \' ORDER BY id) FROM selfheal.conversation WHERE table_name = \'windows\''),
	'falsetoo_long truetoo_long', 'tried once more with less');
ends('limited', [ { status => 429, retry_after_ms => 50 }, { status => 529 }, $good ], 'healed', qr/^$/, 'passing faults');

# ---- a person has an incident in hand: nobody waits for him but that one ----
$fake->set_script([ map { $good } 1 .. 2 ]);
$fake->hold(170);
my $before = $fake->count;
watch_table($node, 'in_hand', 'id int, at date');
load($node, 'in_hand', '{"id": 1, "at": "2026|21|11"}');
$fake->wait_for_count($before + 1);
my $person = $node->background_psql('postgres');
$person->query_safe("BEGIN; SELECT FROM selfheal.incident WHERE table_name = 'in_hand' FOR UPDATE");
$fake->release;
watch_table($node, 'beside', 'id int, at date');
load($node, 'beside', '{"id": 1, "at": "2026|21|11"}');
ok($node->poll_query_until('postgres', "SELECT state = 'healed' FROM selfheal.incidents WHERE table_name = 'public.beside'"),
	'another incident does not wait for a person who has one in hand');
is(of_incident($node, 'in_hand', 'state'), 'asking', 'that one does');
$person->query_safe('COMMIT');
$person->quit;
ok($node->poll_query_until('postgres', "SELECT state = 'healed' FROM selfheal.incidents WHERE table_name = 'public.in_hand'"),
	'and goes on when he is done');

# ---- a key that is revoked: unavailable, playbooks go on ----
$fake->set_script([ map { { status => 401, error => { type => 'authentication_error', message => 'invalid x-api-key' } } } 1 .. 10 ]);
watch_table($node, 'revoked', 'id int, at date, name varchar(4)');
load($node, 'revoked', '{"id": 1, "at": "2026|21|11"}', '{"id": 2, "name": "longer than four"}');
settle($node);
is(value('SELECT value FROM selfheal.status WHERE item = \'claude\''), 'unavailable', 'a revoked key is a status');
like(value('SELECT note FROM selfheal.status WHERE item = \'claude\''), qr/401 \(authentication_error\)/, 'with its reason');
is(value('SELECT string_agg(class || \' \' || state, \', \' ORDER BY class) FROM selfheal.incidents WHERE table_name = \'public.revoked\''),
	'bad_value needs_human, too_long healed', 'and playbooks go on');
$fake->set_script([$good]);
$node->reload;
$node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM selfheal.claude_down');
settle($node);
is(value('SELECT string_agg(class || \' \' || state, \', \' ORDER BY class) FROM selfheal.incidents WHERE table_name = \'public.revoked\''),
	'bad_value healed, too_long healed', 'after a reload it goes on by itself');
is(value('SELECT value FROM selfheal.status WHERE item = \'claude\''), 'ready', 'and the status is ready');

$node->stop;
done_testing();
