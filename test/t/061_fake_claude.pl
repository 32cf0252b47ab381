# The fake of the Messages API itself: for each rule of the API a request that
# is taken and one that is refused, and each way of answering. No PostgreSQL.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use FakeClaude;
use HTTP::Tiny;
use IO::Compress::Gzip ();
use IO::Socket::INET;
use JSON::PP;
use Test::More;
use Time::HiRes qw(time);

my $json = JSON::PP->new->utf8->canonical;
my $fake = FakeClaude->new(script => [ { when => qr//, text => 'fine' } ], size_limit => 1_000_000);
my $http = HTTP::Tiny->new(timeout => $PostgreSQL::Test::Utils::timeout_default, agent => 'selfheal-test');
my ($T, $F) = (JSON::PP::true, JSON::PP::false);
my $FABLE = 'claude-fable-5-2';
my $NEW = 'claude-opus-5-5';
my $OLD = 'claude-haiku-4-5';
my $MIDDLE = 'claude-opus-4-6';

# ---- asking ----

# A request that is right; the fields in @_ are put in or, if undef, left out.
sub body
{
	my (%fields) = @_;
	my %body = (model => $NEW, max_tokens => 1000, messages => [ user('hello') ], %fields);
	delete @body{ grep { !defined $body{$_} } keys %body };
	return \%body;
}

sub user   { return { role => 'user', content => $_[0] } }
sub answer { return { role => 'assistant', content => $_[0] } }
sub text   { return { type => 'text', text => $_[0], @_[ 1 .. $#_ ] } }

sub tool
{
	my ($name, %fields) = @_;
	my %tool = (name => $name, description => 'looks at a table', input_schema => schema(), %fields);
	delete @tool{ grep { !defined $tool{$_} } keys %tool };
	return \%tool;
}

# An object of these properties, as strict tools have them.
sub schema
{
	my (%properties) = @_;
	return {
		type => 'object', properties => \%properties, additionalProperties => $F,
		required => [ sort keys %properties ] };
}

sub strict { return tool('t', strict => $T, input_schema => schema(@_)) }

# The answer: { status, headers, reply (decoded), content }. how: headers to
# change (undef: left out), raw, path, method, fake.
sub ask
{
	my ($body, %how) = @_;
	my $to = $how{fake} || $fake;
	my %headers = (
		'x-api-key' => $to->key, 'anthropic-version' => '2026-10-21',
		'content-type' => 'application/json', %{ $how{headers} || {} });
	delete @headers{ grep { !defined $headers{$_} } keys %headers };
	my $method = $how{method} || 'POST';
	my %request = (headers => \%headers);
	$request{content} = defined $how{raw} ? $how{raw} : $json->encode($body) if $method eq 'POST';
	my $answer = $http->request($method, $to->url . ($how{path} || '/v1/messages'), \%request);
	$answer->{reply} = eval { $json->decode($answer->{content}) };
	return $answer;
}

sub taken
{
	my ($name, $body, %how) = @_;
	my $answer = ask($body, %how);
	return is($answer->{status}, 200, "taken: $name") || diag($answer->{content});
}

sub refused
{
	my ($name, $message, $body, %how) = @_;
	my $answer = ask($body, %how);
	my $status = $how{status} || 400;
	my $said = $answer->{reply} ? $answer->{reply}{error}{message} : $answer->{content};
	local $Test::Builder::Level = $Test::Builder::Level + 1;
	my $ok = $answer->{status} == $status && defined $said && $said =~ $message;
	return ok($ok, "refused: $name") || diag("$answer->{status} $answer->{content}");
}

# ---- headers ----

taken('x-api-key', body());
taken('a bearer token', body(), headers => { 'x-api-key' => undef, authorization => 'Bearer ' . $fake->key });
refused('no key', qr/x-api-key header is required/, body(), status => 401, headers => { 'x-api-key' => undef });
refused('another key', qr/invalid x-api-key/, body(), status => 401, headers => { 'x-api-key' => 'sk-ant-other' });
refused('another token', qr/Invalid bearer token/, body(),
	status => 401, headers => { 'x-api-key' => undef, authorization => 'Bearer other' });
refused('a key without Bearer', qr/Invalid bearer/, body(),
	status => 401, headers => { 'x-api-key' => undef, authorization => $fake->key });
taken('the older version', body(), headers => { 'anthropic-version' => '2023-06-01' });
refused('no version', qr/anthropic-version: header is required/, body(), headers => { 'anthropic-version' => undef });
refused('an unknown version', qr/not a valid version/, body(), headers => { 'anthropic-version' => '2025-01-01' });
taken('a charset', body(), headers => { 'content-type' => 'application/json; charset=utf-8' });
refused("curl's default type", qr/application\/json/, body(), headers => { 'content-type' => 'application/x-www-form-urlencoded' });
refused('a beta nobody knows', qr/anthropic-beta/, body(), headers => { 'anthropic-beta' => 'new-2026-01-01' });
taken('a workspace', body(), headers => { 'anthropic-workspace-id' => 'wrkspc_1' });
refused('another path', qr/Not found/, body(), status => 404, path => '/v1/complete');
refused('another method', qr/Method Not Allowed/, body(), status => 405, method => 'GET');

# ---- the body as such ----

my $plain = $json->encode(body());
taken('spaces', undef, raw => " \n$plain\t\n");
(my $comma = $plain) =~ s/\}\z/,}/;
(my $twice = $plain) =~ s/^\{/{"max_tokens":1,/;
(my $surrogate = $plain) =~ s/hello/\\ud800/;
(my $pair = $plain) =~ s/hello/\\ud83d\\ude00/;
(my $tab = $plain) =~ s/hello/a\tb/;
(my $bytes = $plain) =~ s/hello/\xe9/;
taken('a pair of surrogates', undef, raw => $pair);
refused('a comma too many', qr/not valid JSON/, undef, raw => $comma);
refused('a key twice', qr/duplicate key/, undef, raw => $twice);
refused('half a pair', qr/no low surrogate/, undef, raw => $surrogate);
refused('a raw tab', qr/invalid character in string/, undef, raw => $tab);
refused('Latin-1', qr/invalid UTF-8/, undef, raw => $bytes);
refused('nothing', qr/not valid JSON/, undef, raw => '');
refused('a list', qr/valid dictionary/, undef, raw => '[]');
refused('half of it', qr/not valid JSON/, undef, raw => substr $plain, 0, 40);
my $packed;
IO::Compress::Gzip::gzip(\$plain => \$packed);
taken('gzip', undef, raw => $packed, headers => { 'content-encoding' => 'gzip' });
refused('gzip that is none', qr/decompressed/, undef, raw => $plain, headers => { 'content-encoding' => 'gzip' });
refused('another encoding', qr/not supported/, undef, raw => $plain, headers => { 'content-encoding' => 'br' });
taken('large', body(messages => [ user('x' x 900_000) ]));
refused('too large', qr/maximum size/, body(messages => [ user('x' x 1_000_001) ]), status => 413);
my $bomb = $json->encode(body(messages => [ user('x' x 1_000_001) ]));
IO::Compress::Gzip::gzip(\$bomb => \$packed);
refused('too large once unpacked', qr/maximum size/, undef, raw => $packed, status => 413, headers => { 'content-encoding' => 'gzip' });

# ---- fields ----

refused('an unknown field', qr/^max_turns: Extra inputs are not permitted$/, body(max_turns => 1));
refused("no $_", qr/^$_: Field required/, body($_ => undef)) for qw(model max_tokens messages);
for my $model (qw(claude-fable-5-2 claude-opus-5-5 claude-haiku-5-5 claude-sonnet-4-6 claude-haiku-4-5-20251001))
{
	taken("model $model", body(model => $model));
}
refused("model $_", qr/^model: \Q$_\E$/, body(model => $_), status => 404)
  for qw(claude-opus-4-1 claude-3-5-haiku-20241022 claude-mythos-5-2 anthropic.claude-opus-5-5 gpt);
refused('a model without a name', qr/at least 1 character/, body(model => ''));
refused('a model that is a number', qr/valid string/, body(model => 5));
taken('all the tokens there are', body(max_tokens => 128_000));
refused('more tokens', qr/128001 > 128000/, body(max_tokens => 128_001));
refused('more tokens of an older model', qr/64001 > 64000/, body(model => $OLD, max_tokens => 64_001));
refused('tokens as text', qr/valid integer/, body(max_tokens => '1000'));
refused('fewer than none', qr/greater than or equal to 0/, body(max_tokens => -1));
taken('metadata', body(metadata => { user_id => 'x' x 256 }));
refused('a long user', qr/at most 256/, body(metadata => { user_id => 'x' x 257 }));
refused('other metadata', qr/metadata.name: Extra/, body(metadata => { name => 'x' }));
taken('stop sequences', body(stop_sequences => ['END']));
refused('a blank stop sequence', qr/non-whitespace/, body(stop_sequences => [' ']));
refused('stream as text', qr/valid boolean/, body(stream => 'true'));
taken('a service tier', body(service_tier => 'auto', speed => 'standard'));
refused('another tier', qr/service_tier/, body(service_tier => 'priority'));
taken('diagnostics', body(diagnostics => { previous_message_id => 'msg_1' }));
refused('other diagnostics', qr/diagnostics.x: Extra/, body(diagnostics => { x => 1 }));
refused("$_ as text", qr/^$_: Input should be a valid dictionary/, body($_ => 'x')) for qw(metadata diagnostics output_config cache_control);
refused("$_ as a number", qr/^$_: Input should be a valid string/, body($_ => 5)) for qw(inference_geo container);
refused('a user that is a number', qr/metadata.user_id/, body(metadata => { user_id => 5 }));
refused('an earlier message that is a number', qr/previous_message_id/, body(diagnostics => { previous_message_id => 5 }));

my %older = (headers => { 'anthropic-version' => '2023-06-01' });
for my $field (qw(temperature top_p top_k))
{
	taken("$field with the older version and model", body(model => $MIDDLE, $field => 1), %older);
	refused("$field with the new version", qr/^$field: Extra inputs/, body(model => $MIDDLE, $field => 1));
	refused("$field with a new model", qr/$field.*not supported/, body($field => 1), %older);
}

refused('temperature as text', qr/valid number/, body(model => $MIDDLE, temperature => 'hot'), %older);
refused('temperature above 1', qr/range/, body(model => $MIDDLE, temperature => 1.1), %older);
refused('top_k with a fraction', qr/valid integer/, body(model => $MIDDLE, top_k => 1.5), %older);

# ---- thinking and effort ----

my @thinking = (
	[ $FABLE, { type => 'adaptive' }, 1 ], [ $FABLE, { type => 'disabled' }, 0 ],
	[ $FABLE, { type => 'enabled', budget_tokens => 1024 }, 0 ], [ $NEW, { type => 'adaptive', display => 'summarized' }, 1 ],
	[ $NEW, { type => 'adaptive', display => 'all' }, 0 ], [ $NEW, { type => 'disabled' }, 0 ],
	[ $NEW, { type => 'between_tools' }, 0 ], [ 'claude-sonnet-5-5', { type => 'between_tools' }, 1 ],
	[ 'claude-sonnet-5-5', { type => 'between_tools', display => 'omitted' }, 0 ], [ 'claude-sonnet-5-5', { type => 'disabled' }, 0 ],
	[ 'claude-opus-5', { type => 'disabled' }, 1 ], [ 'claude-opus-5', { type => 'enabled', budget_tokens => 1024 }, 0 ],
	[ $OLD, { type => 'enabled', budget_tokens => 1024 }, 1, 2000 ], [ $OLD, { type => 'enabled', budget_tokens => 1023 }, 0, 2000 ],
	[ $OLD, { type => 'enabled', budget_tokens => 2000 }, 0, 2000 ], [ $OLD, { type => 'enabled' }, 0, 2000 ],
	[ $OLD, { type => 'adaptive' }, 0 ], [ $MIDDLE, { type => 'adaptive' }, 1 ], [ $NEW, { type => 'auto' }, 0 ],
	[ $NEW, 'adaptive', 0 ]);
for my $case (@thinking)
{
	my ($model, $thinking, $fine, $max) = @$case;
	my $body = body(model => $model, thinking => $thinking, max_tokens => $max || 1000);
	my $name = "$model thinks " . JSON::PP->new->canonical->allow_nonref->encode($thinking);
	$fine ? taken($name, $body) : refused($name, qr/thinking/, $body);
}
taken("effort $_", body(output_config => { effort => $_ })) for qw(low medium high xhigh max);
refused('another effort', qr/effort/, body(output_config => { effort => 'huge' }));
refused('effort of a model without', qr/does not support the effort/, body(model => $OLD, output_config => { effort => 'low' }));
refused('other output_config', qr/output_config.x: Extra/, body(output_config => { x => 1 }));
taken('no thinking at high effort', body(model => 'claude-opus-5', thinking => { type => 'disabled' }, output_config => { effort => 'high' }));
refused('no thinking above it', qr/effort above/,
	body(model => 'claude-opus-5', thinking => { type => 'disabled' }, output_config => { effort => 'max' }));

# ---- system and messages ----

taken('system as text', body(system => 'You heal tables.'));
taken('system as blocks', body(system => [ text('You heal tables.') ]));
refused('an empty block', qr/^system: text content blocks must be non-empty/, body(system => [ text('') ]));
refused('an image in system', qr/only contain `text`/, body(system => [ { type => 'image', source => {} } ]));
refused('system as an object', qr/^system/, body(system => { text => 'x' }));
refused('no messages', qr/at least one message/, body(messages => []));
refused('a field of a message', qr/^messages.0.name: Extra/, body(messages => [ { role => 'user', content => 'x', name => 'y' } ]));
refused('a message without content', qr/^messages.0.content: Field required/, body(messages => [ { role => 'user' } ]));
refused('another role', qr/messages.0.role/, body(messages => [ { role => 'tool', content => 'x' } ]));
refused('nothing said', qr/non-empty content/, body(messages => [ user('') ]));
refused('blanks said', qr/non-whitespace/, body(messages => [ user([ text(" \n") ]) ]));
refused('content as a number', qr/messages.0.content/, body(messages => [ user(5) ]));
refused('only blanks said', qr/non-whitespace/, body(messages => [ user("\n") ]));
refused('a message that is none', qr/^messages.0: Input should be a valid dictionary/, body(messages => ['x']));
refused('a block that is none', qr/^messages.0.content.0: Input should be a valid dictionary/, body(messages => [ user(['x']) ]));
refused('an unknown block', qr/Input tag 'json'/, body(messages => [ user([ { type => 'json', json => {} } ]) ]));
refused('a field of a block', qr/^messages.0.content.0.text.title: Extra/, body(messages => [ user([ text('x', title => 'y') ]) ]));
taken('two of one role in a row', body(messages => [ user('a'), user('b') ]));
taken('a conversation', body(messages => [ user('a'), answer('b'), user('c') ]));
refused('the assistant first', qr/first message must use the "user" role/, body(messages => [ answer('b'), user('c') ]));
refused('prefill', qr/prefill/, body(messages => [ user('a'), answer('{') ]));
taken('prefill of an older model', body(model => $OLD, messages => [ user('a'), answer('{') ]));
refused('prefill that ends in a blank', qr/trailing whitespace/, body(model => $OLD, messages => [ user('a'), answer('{ ') ]));

my $told = { role => 'system', content => 'be brief' };
taken('system in the middle', body(messages => [ user('a'), $told, answer('b'), user('c') ]));
taken('system last', body(messages => [ user('a'), $told ]));
refused('system first', qr/first message/, body(messages => [ $told, user('a') ]));
refused('system after the assistant', qr/must follow a user message/, body(messages => [ user('a'), answer('b'), $told, user('c') ]));
refused('system before the user', qr/last or stand before an assistant/, body(messages => [ user('a'), $told, user('b') ]));
refused('system of a model without', qr/not supported/, body(model => 'claude-haiku-5-5', messages => [ user('a'), $told ]));
refused('more than text in system', qr/only contain `text`/,
	body(messages => [ user('a'), { role => 'system', content => [ { type => 'image', source => {} } ] } ]));

my $document = { type => 'document', source => { type => 'text', media_type => 'text/plain', data => 'x' } };
taken('a document of the user', body(messages => [ user([$document]) ]));
refused('a document of the assistant', qr/document/, body(messages => [ user('a'), answer([ text('x'), $document ]), user('b') ]));
taken('with the older version', body(messages => [ user('a'), answer([ text('x'), $document ]), user('b') ]), %older);
refused('a document without a source', qr/document.source/, body(messages => [ user([ { %$document, source => 'x' } ]) ]));
refused('citations that are none', qr/document.citations/, body(messages => [ user([ { %$document, citations => 'x' } ]) ]));
taken('no citations', body(messages => [ user([ text('x', citations => []) ]) ]));
refused('citations of the user', qr/citations/, body(messages => [ user([ text('x', citations => [ { type => 'x' } ]) ]) ]));
taken('with the older version', body(messages => [ user([ text('x', citations => [ { type => 'x' } ]) ]) ]), %older);

# ---- tools ----

sub tools { return body(tools => [@_]) }

taken('a tool', tools(tool('look')));
taken('all its fields', tools(tool('look', type => 'custom', strict => $T, cache_control => { type => 'ephemeral' },
	input_examples => [ {} ], defer_loading => $F, allowed_callers => ['direct'], eager_input_streaming => $T)));
refused("MCP's spelling", qr/^tools.0.custom.inputSchema: Extra/, tools(tool('look', inputSchema => {})));
refused('no schema', qr/input_schema: Field required/, tools(tool('look', input_schema => undef)));
taken('a long name', tools(tool('x' x 128)));
refused('a longer name', qr/custom.name: String should match/, tools(tool('x' x 129)));
refused('a name with a dot', qr/custom.name: String should match/, tools(tool('selfheal.look')));
refused('one name twice', qr/^tools: Tool names must be unique\.$/, tools(tool('look'), tool('look')));
refused('a tool of the server', qr/Input tag/, tools({ type => 'web_search_20250305', name => 'web_search' }));
refused('strict as text', qr/strict: Input should be a valid boolean/, tools(tool('look', strict => 'yes')));
refused('all tools put off', qr/defer_loading/, tools(tool('look', defer_loading => $T)));
refused('an example that does not fit', qr/input_examples.0/, tools(tool('look', input_examples => [ { x => 1 } ])));
refused('a schema of a list', qr/should be 'object'/, tools(tool('look', input_schema => { type => 'array' })));
refused("$_ on top", qr/does not support oneOf, allOf, or anyOf at the top level/,
	tools(tool('look', input_schema => { type => 'object', $_ => [ { type => 'object' } ] }))) for qw(oneOf anyOf allOf);
taken('a dotted key', tools(tool('look', input_schema => { type => 'object', properties => { 'a.b' => { type => 'string' } } })));
refused('a key with a blank', qr/Property keys should match/,
	tools(tool('look', input_schema => { type => 'object', properties => { 'a b' => { type => 'string' } } })));
refused('no JSON Schema', qr/JSON schema is invalid/,
	tools(tool('look', input_schema => { type => 'object', properties => { a => { type => 'text' } } })));
for my $wrong ({ type => [] }, { type => 'text' }, { type => [qw(string string)] }, 5, { maxLength => -1 }, { minimum => 'x' }, { enum => [] },
	{ required => 'a' }, { required => [qw(a a)] }, { pattern => '(' }, { title => 5 }, { anyOf => [] }, { properties => [] })
{
	refused('no JSON Schema: ' . JSON::PP->new->canonical->allow_nonref->encode($wrong), qr/JSON schema is invalid/,
		tools(tool('look', input_schema => { type => 'object', properties => { a => $wrong } })));
}
refused('callers as text', qr/allowed_callers: Input should be a valid list/, tools(tool('look', allowed_callers => 'direct')));
refused('callers that there are not', qr/code execution/, tools(tool('look', allowed_callers => ['code'])));
refused('examples as an object', qr/input_examples: Input should be a valid list/, tools(tool('look', input_examples => {})));
refused('a description as a number', qr/description: Input should be a valid string/, tools(tool('look', description => 5)));
taken('limits in a lax tool', tools(tool('look', input_schema => {
	type => 'object', properties => { a => { type => 'string', maxLength => 5 }, b => { oneOf => [ { type => 'null' } ] } } })));
refused('no tools, but results', qr/must define tools/, body(messages => [
	user('a'), answer([ { type => 'tool_use', id => 'u1', name => 'look', input => {} } ]),
	user([ { type => 'tool_result', tool_use_id => 'u1' } ]) ]));

# ---- strict tools ----

my $string = { type => 'string' };
my %good = (
	types => { map { $_ => { type => $_ } } qw(string integer number boolean null) },
	enum => { a => { enum => [ 'x', 1, $T, undef ] } },
	const => { a => { const => 'x' } },
	anyOf => { a => { anyOf => [ $string, { type => 'null' } ] } },
	allOf => { a => { allOf => [$string] } },
	'a list' => { a => { type => 'array', items => $string, minItems => 1 } },
	default => { a => { type => 'string', default => 'x', title => 'A', description => 'an a' } },
	format => { a => { type => 'string', format => 'date-time' } },
	pattern => { a => { type => 'string', pattern => '^[a-z]+$' } },
	'an object' => { a => schema(b => $string) },
	'two types' => { a => { type => [ 'string', 'null' ] } },
);
my %bad = (
	'an open object' => { a => { type => 'object', properties => {} } },
	'an object with more' => { a => { type => 'object', additionalProperties => $T } },
	(map { $_ => { a => { type => 'integer', $_ => 3 } } } qw(minimum maximum exclusiveMinimum multipleOf)),
	(map { $_ => { a => { type => 'string', $_ => 3 } } } qw(minLength maxLength)),
	(map { $_ => { a => { type => 'array', items => $string, $_ => 3 } } } qw(maxItems minContains minItems)),
	uniqueItems => { a => { type => 'array', items => $string, uniqueItems => $T } },
	oneOf => { a => { oneOf => [$string] } },
	not => { a => { not => $string } },
	if => { a => { type => 'string', if => { const => 'x' }, then => {}, else => {} } },
	patternProperties => { a => { %{ schema() }, patternProperties => { x => $string } } },
	'enum of objects' => { a => { enum => [ {} ] } },
	format => { a => { type => 'string', format => 'regex' } },
	lookahead => { a => { type => 'string', pattern => '(?=x)' } },
	'a word boundary' => { a => { type => 'string', pattern => '\\bx' } },
	'a back reference' => { a => { type => 'string', pattern => '(x)\\1' } },
	'an external reference' => { a => { '$ref' => 'https://example.org/s.json' } },
	'a reference to nothing' => { a => { '$ref' => '#/$defs/none' } },
	'a recursion' => { a => { '$ref' => '#' } },
	'anything' => { a => {} },
	'true' => { a => $T },
	'const of a list' => { a => { const => [] } },
);
taken("strict: $_", tools(strict(%{ $good{$_} }))) for sort keys %good;
refused("strict: $_", qr/^(tools.0.custom.input_schema|#)/, tools(strict(%{ $bad{$_} }))) for sort keys %bad;
my $defs = strict(a => { '$ref' => '#/$defs/one' });
$defs->{input_schema}{'$defs'} = { one => $string };
taken('strict: a reference', tools($defs));
my $both = strict(a => { allOf => [ { '$ref' => '#/$defs/one' } ] });
$both->{input_schema}{'$defs'} = { one => $string };
refused('strict: allOf with a reference', qr/allOf with/, tools($both));
my $open = strict();
delete $open->{input_schema}{additionalProperties};
refused('strict: an open top', qr/additionalProperties/, tools($open));
my $unknown = strict();
$unknown->{input_schema}{required} = ['x'];
refused('strict: a required key that is none', qr/'x' is not in properties/, tools($unknown));

sub named { my ($i, $tool) = @_; return { %$tool, name => "t$i" } }

sub optional { my ($n) = @_; my $tool = strict(map { ("p$_" => $string) } 1 .. $n); $tool->{input_schema}{required} = []; return $tool }
taken('20 strict tools', tools(map { named($_, strict()) } 1 .. 20));
refused('21 strict tools', qr/too complex/, tools(map { named($_, strict()) } 1 .. 21));
taken('21 lax tools', tools(map { tool("t$_") } 1 .. 21));
taken('24 optional properties', tools(named(1, optional(12)), named(2, optional(12))));
refused('25 optional properties', qr/too complex/, tools(named(1, optional(12)), named(2, optional(13))));
taken('16 properties of two types', tools(strict(map { ("p$_" => { type => [qw(string null)] }) } 1 .. 16)));
refused('17 properties of two types', qr/too complex/, tools(strict(map { ("p$_" => { type => [qw(string null)] }) } 1 .. 17)));

# ---- tool_choice and format ----

my @look = (tools => [ tool('look') ]);
taken('choice auto', body(@look, tool_choice => { type => 'auto', disable_parallel_tool_use => $T }));
taken('choice none', body(@look, tool_choice => { type => 'none' }));
for my $choice ({ type => 'any' }, { type => 'tool', name => 'look' })
{
	refused("$_ is forced to $choice->{type}", qr/not supported/, body(model => $_, @look, tool_choice => $choice))
	  for qw(claude-fable-5-2 claude-fable-5-1 claude-opus-5-5 claude-sonnet-5-5);
	taken("$_ is forced to $choice->{type}", body(model => $_, @look, tool_choice => $choice))
	  for qw(claude-haiku-5-5 claude-opus-5 claude-haiku-4-5);
}
refused('a choice without tools', qr/while providing tools/, body(tool_choice => { type => 'auto' }));
refused('a choice of no tool', qr/not found/, body(model => $OLD, @look, tool_choice => { type => 'tool', name => 'x' }));
refused('in parallel as text', qr/disable_parallel_tool_use: Input should be a valid boolean/,
	body(@look, tool_choice => { type => 'auto', disable_parallel_tool_use => 'no' }));
refused('another choice', qr/Input tag/, body(@look, tool_choice => { type => 'required' }));
refused('a choice as text', qr/valid dictionary/, body(@look, tool_choice => 'auto'));
refused('none, and not in parallel', qr/Extra inputs/, body(@look, tool_choice => { type => 'none', disable_parallel_tool_use => $T }));
refused('forced while it thinks', qr/forces tool use/, body(
	model => $OLD, @look, max_tokens => 2000, tool_choice => { type => 'any' }, thinking => { type => 'enabled', budget_tokens => 1024 }));

my $format = { type => 'json_schema', schema => schema(a => $string) };
taken('a format', body(output_config => { format => $format }));
refused('a format with a limit', qr/maxLength/,
	body(output_config => { format => { type => 'json_schema', schema => schema(a => { type => 'string', maxLength => 3 }) } }));
refused('a format without a schema', qr/schema: Field required/, body(output_config => { format => { type => 'json_schema' } }));
refused('another format', qr/output_config.format.type/, body(output_config => { format => { type => 'json', schema => {} } }));
refused('a format and citations', qr/Citations/, body(
	output_config => { format => $format }, messages => [ user([ { %$document, citations => { enabled => $T } } ]) ]));
refused('a format and prefill', qr/prefill/, body(model => $OLD, output_config => { format => $format }, messages => [ user('a'), answer('{') ]));

# ---- calls and their results ----

sub use_of    { my ($id, %f) = @_; return { type => 'tool_use', id => $id, name => 'look', input => {}, %f } }
sub result_of { my ($id, %f) = @_; return { type => 'tool_result', tool_use_id => $id, content => 'ok', %f } }
sub loop      { return body(@look, messages => [ user('a'), @_ ]) }

my $two = answer([ use_of('u1'), use_of('u2') ]);
taken('both results', loop($two, user([ result_of('u2'), result_of('u1') ])));
taken('results and then text', loop($two, user([ result_of('u1'), result_of('u2'), text('go on') ])));
taken('results as blocks', loop(answer([ use_of('u1') ]), user([ result_of('u1', content => [ text('ok') ]) ])));
taken('an empty result', loop(answer([ use_of('u1') ]), user([ result_of('u1', content => '') ])));
taken('a failed call', loop(answer([ use_of('u1') ]), user([ result_of('u1', is_error => $T) ])));
refused('a failed call without text', qr/cannot be empty if `is_error`/,
	loop(answer([ use_of('u1') ]), user([ result_of('u1', is_error => $T, content => '') ])));
refused('a failed call with a document', qr/must be type "text"/,
	loop(answer([ use_of('u1') ]), user([ result_of('u1', is_error => $T, content => [$document]) ])));
refused('one of two results', qr/ids were found without `tool_result` blocks immediately after: u2/, loop($two, user([ result_of('u1') ])));
refused('results in two messages', qr/immediately after: u2/, loop($two, user([ result_of('u1') ]), user([ result_of('u2') ])));
refused('no result', qr/immediately after/, loop(answer([ use_of('u1') ]), user('well')));
refused('text before results', qr/must come before/, loop(answer([ use_of('u1') ]), user([ text('see'), result_of('u1') ])));
refused('a result of nothing', qr/unexpected `tool_use_id`/, loop(answer('b'), user([ result_of('u9') ])));
refused('a result too many', qr/unexpected `tool_use_id`/, loop(answer([ use_of('u1') ]), user([ result_of('u1'), result_of('u3') ])));
refused('a result twice', qr/single result/, loop(answer([ use_of('u1') ]), user([ result_of('u1'), result_of('u1') ])));
refused('an id twice', qr/ids must be unique/,
	loop(answer([ use_of('u1') ]), user([ result_of('u1') ]), answer([ use_of('u1') ]), user([ result_of('u1') ])));
refused('a call of the user', qr/can only be in `assistant`/, loop(answer('b'), user([ use_of('u1') ])));
refused('a result of the assistant', qr/can only be in `user`/, loop(answer([ result_of('u1') ]), user('c')));
refused('a call at the end', qr/immediately after: u1/, body(model => $OLD, @look, messages => [ user('a'), answer([ use_of('u1') ]) ]));
refused('a caller as text', qr/caller: Input/, loop(answer([ use_of('u1', caller => 'direct') ]), user([ result_of('u1') ])));
refused("a result's bad id", qr/tool_use_id: String/, loop(answer([ use_of('u1') ]), user([ result_of('u 1') ])));
refused("a result's content as an object", qr/content: Input should be a valid string or list/, loop(answer([ use_of('u1') ]), user([ result_of('u1', content => {}) ])));
refused('thinking as a number', qr/thinking.thinking: Input should be a valid string/,
	loop(answer([ { type => 'thinking', thinking => 1, signature => 'x' }, text('x') ]), user('c')));
refused('input as text', qr/input: Input should be a valid dictionary/, loop(answer([ use_of('u1', input => '{}') ]), user([ result_of('u1') ])));
refused('a bad id', qr/tool_use.id/, loop(answer([ use_of('u 1') ]), user([ result_of('u 1') ])));
refused('is_error as text', qr/is_error/, loop(answer([ use_of('u1') ]), user([ result_of('u1', is_error => 'true') ])));

# ---- marks of the cache ----

my $mark = { type => 'ephemeral' };
my $hour = { type => 'ephemeral', ttl => '1h' };
sub marked { return map { text('x', cache_control => $_) } @_ }
taken('4 marks', body(system => [ marked($mark, $mark) ], messages => [ user([ marked($mark, $mark) ]) ]));
refused('5 marks', qr/maximum of 4 .* Found 5/, body(system => [ marked($mark, $mark) ], messages => [ user([ marked($mark, $mark, $mark) ]) ]));
refused('5 marks, one in a tool', qr/Found 5/,
	body(tools => [ tool('look', cache_control => $mark) ], messages => [ user([ marked($mark, $mark, $mark, $mark) ]) ]));
refused('5 marks, one on top', qr/Found 5/, body(cache_control => $mark, messages => [ user([ marked($mark, $mark, $mark, $mark) ]) ]));
taken('an hour, then 5 minutes', body(system => [ marked($hour) ], messages => [ user([ marked($mark) ]) ]));
refused('5 minutes, then an hour', qr/must not come after/, body(system => [ marked($mark) ], messages => [ user([ marked($hour) ]) ]));
refused('another ttl', qr/ttl/, body(system => [ marked({ type => 'ephemeral', ttl => '2h' }) ]));
refused('a field of a mark', qr/cache_control.x: Extra/, body(system => [ marked({ type => 'ephemeral', x => 1 }) ]));
refused('another kind of mark', qr/ephemeral/, body(system => [ marked({ type => 'persistent' }) ]));
refused('a mark on nothing', qr/empty text blocks/, body(system => [ text('', cache_control => $mark) ]));

# ---- count_tokens and models ----

my $counted = ask(body(max_tokens => undef, system => 'x'), path => '/v1/messages/count_tokens');
is($counted->{status}, 200, 'count_tokens');
cmp_ok($counted->{reply}{input_tokens}, '>', 0, 'says a number');
refused('count_tokens with max_tokens', qr/^max_tokens: Extra/, body(), path => '/v1/messages/count_tokens');
my $listed = ask(undef, path => '/v1/models', method => 'GET');
ok((grep { $_->{id} eq $NEW } @{ $listed->{reply}{data} }), 'models are listed');
is(ask(undef, path => "/v1/models/$NEW", method => 'GET')->{reply}{id}, $NEW, 'one model');
refused('one that is none', qr/model: x/, undef, path => '/v1/models/x', method => 'GET', status => 404);

my $roomy = FakeClaude->new(key => $fake->key, mode => 'think');
my $many = join ',', ('{"role":"user","content":"a"}') x 100_001;
refused('100,001 messages', qr/at most 100000/, undef, fake => $roomy, raw => qq({"model":"$NEW","max_tokens":9,"messages":[$many]}));
$roomy->stop;
is($fake->faults, '', 'the fake itself had no fault');
$fake->stop;

done_testing();
