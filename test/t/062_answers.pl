# Answers of every form that the API, or a server that speaks like it, may give:
# what cannot be sent back is not, what this database cannot hold is no reason
# to lose the answer, and what a server does not take back is asked for again.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use FakeClaude::Json qw(raw_json to_json);
use JSON::PP qw(encode_json);
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('answers', $fake);
my $db = 'postgres';

sub value { my ($sql) = @_; return $node->safe_psql($db, $sql) }

my $plan = propose(steps => [ { kind => 'parse_timestamp', column => 'at', type => '', labels => [],
	args => encode_json({ formats => ['YYYY|DD|MM'] }) } ])->[1];
my $good = { tools => [ [ propose_plan => $plan ] ] };

sub text { my ($text) = @_; return { type => 'text', text => $text } }
sub call { my ($name, $input, $id) = @_; return { type => 'tool_use', id => $id // 'toolu_01Na', name => $name, input => $input // {} } }
sub look { return call('inspect_schema') }

# One column of the newest incident of a table.
sub incident_says
{
	my ($table, $what) = @_;
	return value("SELECT $what FROM selfheal.incidents WHERE table_name = 'public.$table' ORDER BY id DESC LIMIT 1");
}

# A table with a row that no playbook knows, and what comes of this script; the
# requests that were made.
sub asked
{
	my ($table, $script, $comment) = @_;
	my $before = $fake->count;

	$fake->set_script($script);
	value("CREATE TABLE $table (id int, at date); SELECT selfheal.watch('$table')");
	value("DO \$\$ BEGIN EXECUTE format('COMMENT ON TABLE $table IS %L', $comment); END \$\$") if $comment;
	value("INSERT INTO ${table}_intake VALUES ('{\"id\": 1, \"at\": \"2026|21|11\"}')");
	for my $try (1 .. 20)
	{
		value("SELECT selfheal.wait_idle('$PATIENCE')");
		last if incident_says($table, 'state') ne 'asking';
		$node->poll_query_until($db, "SELECT NOT EXISTS (SELECT FROM selfheal.conversation WHERE state <> 'ended' AND next_try > clock_timestamp())");
	}
	return ($fake->requests)[ $before .. $fake->count - 1 ];
}

sub statuses { return join ' ', map { $_->{status} // '-' } @_ }

# What the model was told of its own last call.
sub told
{
	my (@requests) = @_;
	return $requests[-1]{body}{messages}[-1]{content}[0]{content} // '';
}

# ---- texts of nothing, which the API gives and does not take ----
my %nothing = (
	empty => [ text(''), look() ], blank => [ text("\n\n"), look() ], two => [ text(' '), text('I look first'), look() ],
	unicode => [ text("\x{a0}\x{2003}\x{3000}"), look() ], escaped => [ text(raw_json('"\u00a0\u2028\n"')), look() ],
	talk => [ text(''), text('well') ]);
for my $table (sort keys %nothing)
{
	my @requests = asked($table, [ { content => $nothing{$table} }, $good ]);
	is(incident_says($table, 'state'), 'healed', "$table: an answer with a text of nothing is gone on from");
	is(statuses(@requests), '200 200', "$table: and the text is not sent back");
}
my @requests = asked('thought', [ { sign => 1, content => [ text("\n\n"), call('inspect_schema', {}, 'toolu_01Ta') ] }, $good ]);
is(statuses(@requests), '200 200', 'nor where a thought stands before it');
is(join(' ', map { $_->{type} } @{ $requests[1]{body}{messages}[1]{content} }), 'thinking tool_use', 'which is sent back');
@requests = asked('words', [ { content => [ text('  I look first  '), look() ] }, $good ]);
is($requests[1]{body}{messages}[1]{content}[0]{text}, '  I look first  ', 'a text of something goes back word for word');
@requests = asked('verbatim', [ { content => [ call('inspect_schema', raw_json('{"b" : 1.50,  "a":1e2, "c":"\u00e9\u0041"}')) ] }, $good ]);
like($requests[1]{raw}, qr/\{"b" ?: ?1\.50, *"a" ?: ?1e2, *"c" ?: ?"/, 'and so do arguments');

# ---- characters that no text of a database holds ----
@requests = asked('nul_text', [ { content => [ text(raw_json('"a\u0000b"')), look() ] }, $good ]);
is(statuses(@requests), '200 200', 'U+0000 in a text');
like($requests[1]{raw}, qr/a\\u0000b/, 'goes back as it came');
@requests = asked('nul_input', [ { content => [ call('inspect_schema', { table => raw_json('"a\u0000b"') }) ] }, $good ]);
like(told(@requests), qr/no text can hold \\u0000/, 'in arguments: the model is told of it');
is(incident_says('nul_input', 'state'), 'healed', 'and tries again');
# half a character: our fake has no such strings, so it is a body of its own
my $torn = to_json({ type => 'message', role => 'assistant', model => 'm', stop_reason => 'tool_use', usage => {},
	content => [ call('inspect_schema', { table => 'HERE' }) ] });
$torn =~ s/HERE/a\\ud800b/;
@requests = asked('torn', [ { body => $torn }, $good ]);
is(statuses(@requests), '200 200', 'half of a surrogate pair');
unlike($requests[1]{raw}, qr/ud800/i, 'does not go back');
is(incident_says('torn', 'state'), 'healed', 'and is asked for again');

# ---- what the server has said, and does not take back ----
my %not_taken = (
	other_name => call('functions.inspect_schema'), no_name => call(''), other_id => call('inspect_schema', {}, 'call:0|1'),
	other_block => { type => 'something_new', of => [1] });
for my $table (sort keys %not_taken)
{
	my $block = $not_taken{$table};
	my @content = $block->{type} eq 'tool_use' ? ($block) : ($block, look());
	@requests = asked($table, [ { content => \@content }, $good ]);
	is(statuses(@requests), '200 400 200', "$table: an answer that is not taken back");
	is(scalar @{ $requests[2]{body}{messages} }, 1, "$table: is left out");
	is(incident_says($table, 'state'), 'healed', "$table: and asked for again");
}
@requests = asked('stubborn', [ map { { content => [ call('functions.inspect_schema') ] } } 1 .. 20 ]);
is(statuses(@requests), '200 400 200 400 200 400', 'not for ever');
is(incident_says('stubborn', 'state'), 'needs_human', 'then a person is needed');
@requests = asked('earlier', [ { tools => [ [ sample_payloads => {} ] ] }, { content => [ call('functions.inspect_schema') ] }, $good ]);
is(statuses(@requests), '200 200 400 200', 'what was said before it');
is(join(' ', map { $_->{role} } @{ $requests[3]{body}{messages} }), 'user assistant user', 'stays');
is(value('SELECT count(*) FROM selfheal.claude_down'), 0, 'all that is nothing to be said of the server');
@requests = asked('first', [ map { { status => 400, error => { type => 'invalid_request_error', message => 'messages.0: no' } } } 1 .. 5 ]);
is(statuses(@requests), '400', 'a request that is refused before anything was said is not made again');

# ---- a prompt that is too long, in the words of this server and that ----
my %words = (
	exceeds => 'input length and `max_tokens` exceed context limit: 198981 + 21333 > 200000, decrease input length or `max_tokens` and try again',
	bedrock => 'Input is too long for requested model.', vllm => "This model's maximum context length is 8192 tokens.",
	llama => 'the request exceeds the available context size, try increasing it');
for my $table (sort keys %words)
{
	@requests = asked($table, [ { status => 400, error => { type => 'invalid_request_error', message => $words{$table} } }, $good ]);
	is(incident_says($table, 'state'), 'healed', "$table: what is too long is told shorter");
	is(value("SELECT string_agg(small::text || ' ' || outcome, ', ' ORDER BY id) FROM selfheal.conversation WHERE table_name = '$table'"),
		'false too_long, true proposed', "$table: by a conversation of its own");
}

# ---- fields that are not there, or new ----
my %fields = (
	no_tokens => { usage => undef }, null_tokens => { usage => { map { $_ => undef } qw(input_tokens output_tokens cache_read_input_tokens cache_creation) } },
	no_usage => { usage => raw_json('[]') },
	more => { brand_new => { a => [ 1, undef ] }, stop_details => { type => 'x' } });
sub understood
{
	my ($table, $fields) = @_;
	my %message = (type => 'message', role => 'assistant', model => 'm', stop_reason => 'tool_use', stop_sequence => undef,
		usage => { input_tokens => 1, output_tokens => 1 }, content => [ call('propose_plan', $plan) ], %$fields);
	asked($table, [ { body => to_json(\%message) } ]);
	return is(incident_says($table, 'state'), 'healed', "$table: is understood");
}
understood($_, $fields{$_}) for sort keys %fields;
for my $body ('', 'null', '[]', '"x"', '{}', '{"type":"message"}', '{"type":"message","role":"assistant","content":{}}',
	'{"type":"message","role":"user","content":[]}', '{"type":"message","role":"assistant","content":[1]}',
	'{"type":"message","role":"assistant","content":[{"text":"x"}]}', '{"type":"message","role":"assistant","content":[{"type":"tool_use"}]}',
	'{"type":"message","role":"assistant","content":[{"type":"tool_use","id":"a","name":"b","input":"c"}]}',
	'{"type":"message","role":"assistant","content":[{"type":"text","text":"x"}]} {}', '{"type":"message","role":"assistant","content":[]',
	'{"type":"message","role":"assistant","content":[],}', '{"type":"message","role":"assistant","content":[,]}',
	'{"type":"message","role":"assistant","content":' . '[' x 100_000, "\x{ff}",
	'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', "event: message_start\ndata: {}\n\n")
{
	my $table = 'body_' . ++$node->{bodies};
	@requests = asked($table, [ { body => $body }, $good ]);
	is(statuses(@requests) . ' ' . incident_says($table, 'state'), '200 200 healed', 'no message: ' . substr $body, 0, 60);
	is(value("SELECT string_agg(coalesce(fault, kind), ' ') FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation"
		. " WHERE table_name = '$table' AND kind = 'failure'") =~ /^the reply is not (a message|text in UTF-8)$/, 1, 'and no word of it is told');
}

# what it is said to have cost counts against the budgets, however much it is
understood('many_tokens', { usage => { input_tokens => raw_json('1e400'), output_tokens => raw_json('-5') } });
is(value('SELECT tokens FROM selfheal.conversation WHERE table_name = \'many_tokens\''), 1000000000, 'more tokens than there are');
@requests = asked('after', [$good]);
is(scalar @requests, 0, 'and nobody is asked any more');
like(incident_says('after', 'reason'), qr/max_cost_per_hour/, 'for that reason');

# ---- databases of other encodings ----
for my $case ([ LATIN1 => 'chr(233)' ], [ SQL_ASCII => "convert_from('\\xe9', 'SQL_ASCII')" ])
{
	my ($encoding, $letter) = @$case;
	$db = lc $encoding;
	$node->safe_psql('postgres', "CREATE DATABASE $db TEMPLATE template0 ENCODING '$encoding' LOCALE 'C'");
	value('CREATE EXTENSION selfheal');
	@requests = asked('letters', [ { text => "caf\x{e9} \x{2192} \x{1f600}", as_text => 1, tools => [ [ inspect_schema => {} ] ] }, $good ], $letter);
	is(statuses(@requests), '200 200', "$encoding: letters that it lacks");
	is(incident_says('letters', 'state'), 'healed', "$encoding: are no reason to lose an answer");
	is($requests[1]{body}{messages}[1]{content}[-2]{text}, "caf\x{e9} \x{2192} \x{1f600}", "$encoding: and go back as they came");
	like($requests[0]{raw}, $encoding eq 'LATIN1' ? qr/\xc3\xa9/ : qr/\\ufffd/, "$encoding: its own go out in UTF-8");
	@requests = asked('sure', [ { tools => [ [ propose_plan => { %$plan, explanation => "one \x{2192} the other" } ] ] }, $good ]);
	is(incident_says('sure', 'state'), 'healed', "$encoding: arguments");
	like(told(@requests), qr/its encoding is LATIN1, which lacks one of their characters/, 'with a letter that it lacks: the model is told of it')
	  if $encoding eq 'LATIN1';
}

is($fake->faults, '', 'the fake had no fault of its own');
$node->stop;
done_testing();
