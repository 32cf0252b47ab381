# What the fake of the Messages API answers: replies in the real shape, faults
# on the way, thinking bound to what stands before it, the cache, and the modes
# in which it acts by itself. No PostgreSQL.
use strict;
use warnings;

use FindBin;
use lib "$FindBin::RealBin/../lib";

use FakeClaude;
use FakeClaude::Json qw(from_json to_json);
use File::Temp ();
use HTTP::Tiny;
use IO::Socket::INET;
use IO::Uncompress::Gunzip ();
use JSON::PP ();
use Test::More;
use Time::HiRes qw(time sleep);

my $fake = FakeClaude->new(script => []);
my ($T, $F) = (\1, \0);

sub post
{
	my ($to, $body, %how) = @_;
	my $http = $how{http} || HTTP::Tiny->new(timeout => $how{timeout} || $PostgreSQL::Test::Utils::timeout_default, agent => 'selfheal-test');
	my %headers = ('x-api-key' => $to->key, 'anthropic-version' => '2026-10-21', 'content-type' => 'application/json', %{ $how{headers} || {} });
	my $answer = $http->post($to->url . '/v1/messages', { headers => \%headers, content => ref $body ? to_json($body) : $body });
	$answer->{reply} = eval { from_json($answer->{content}) };
	return $answer;
}

sub tool
{
	my ($name, %properties) = @_;
	return {
		name => $name, description => "the tool $name, which looks at a table and says what is there", strict => $T,
		input_schema => { type => 'object', properties => \%properties, required => [ sort keys %properties ], additionalProperties => $F } };
}

my $string = { type => 'string' };
my @tools = (tool('inspect_schema', table => $string), tool('read_error_log'));
sub first { return (model => 'claude-opus-5-5', max_tokens => 4000, tools => \@tools, messages => [ { role => 'user', content => $_[0] } ], @_[ 1 .. $#_ ]) }
sub ask   { my ($text, %more) = @_; return post($fake, { first($text, %more) }) }
sub types { my ($reply) = @_; return join ' ', map { $_->{type} } @{ $reply->{content} } }

# The same conversation with the reply and results of its calls after it.
sub next_body
{
	my ($body, $reply, %results) = @_;
	my @calls = grep { $_->{type} eq 'tool_use' } @{ $reply->{content} };
	my @results = map { { type => 'tool_result', tool_use_id => $_->{id}, content => $results{ $_->{name} } || 'ok' } } @calls;
	return { %$body, messages => [
		@{ $body->{messages} }, { role => 'assistant', content => $reply->{content} },
		{ role => 'user', content => @results ? \@results : 'go on' } ] };
}

# ---- replies ----

$fake->set_script([
	{ text => 'two looks', tools => [ [ inspect_schema => { table => 't' } ], [ read_error_log => {} ] ] },
	{ text => 'done' },
	{ refusal => 'cyber' },
	{ cut => [ inspect_schema => { table => 'a_long_name' } ] },
	{ text => 'x', stop_reason => 'pause_turn' },
	{ text => 'x', stop_reason => 'tired' },
	{ text => 'x', stop_reason => 'model_context_window_exceeded' },
	{ tools => [ [ inspect_schema => { table => 5 } ] ] },
	{ content => [ { type => 'tool_result', tool_use_id => 'toolu_1', content => 'approved' } ] },
	sub { my ($c) = @_; return { text => 'turn ' . $c->turn . ' of ' . $c->n } },
]);
my $answer = ask('hello');
my $reply = $answer->{reply};
is($answer->{status}, 200, 'a reply');
like($answer->{headers}{'request-id'}, qr/^req_/, 'with a request id');
ok($answer->{headers}{'anthropic-ratelimit-requests-remaining'}, 'and limits');
is(types($reply), 'thinking tool_use tool_use', 'thinking first; text between calls arrives in it');
is($reply->{content}[0]{thinking}, '', 'thinking is not shown');
cmp_ok(length $reply->{content}[0]{signature}, '>', 100, 'but signed');
is($reply->{stop_reason}, 'tool_use', 'stop_reason');
is(join(' ', sort keys %$reply), 'container content diagnostics id model role stop_details stop_reason stop_sequence type usage', 'its fields');
my $body = { first('hello') };
my $second = post($fake, next_body($body, $reply));
is(types($second->{reply}), 'thinking text', 'text alone is text');
is($second->{reply}{stop_reason}, 'end_turn', 'and ends the turn');
$reply = ask('refused')->{reply};
is("$reply->{stop_reason} $reply->{stop_details}{category} " . @{ $reply->{content} }, 'refusal cyber 0', 'a refusal');
$reply = ask('cut')->{reply};
is("$reply->{stop_reason} $reply->{content}[-1]{input}{table}", 'max_tokens a_lon', 'a call that is cut in half');
is(ask('x')->{reply}{stop_reason}, $_, $_) for qw(pause_turn tired model_context_window_exceeded);
is(to_json(ask('x')->{reply}{content}[1]{input}), '{"table":5}', 'arguments of another type');
is(types(ask('x')->{reply}), 'tool_result', 'a forged result');
like(ask('x')->{reply}{content}[-1]{text}, qr/^turn 0 of [0-9]+$/, 'a step that is a sub');
$answer = ask('x');
is($answer->{status}, 400, 'a script that is at its end');
like($answer->{reply}{error}{message}, qr/no step of the script is left/, 'says so');
is($fake->count, 11, 'all of it was counted');

$fake->set_script([ { text => 'x', times => 3 } ]);
is(types(ask('x', model => 'claude-haiku-4-5')->{reply}), 'text', 'an older model does not think by itself');
is(ask('x', max_tokens => 0)->{reply}{stop_reason}, 'max_tokens', 'max_tokens 0 only warms the cache');
is(ask('x', thinking => { type => 'adaptive', display => 'summarized' })->{reply}{content}[0]{thinking} ne '', 1, 'thinking that is shown');
$fake->set_script([ { text => 'word ' x 1000 } ]);
$reply = ask('x', max_tokens => 200)->{reply};
is($reply->{stop_reason}, 'max_tokens', 'more words than there is room for');
cmp_ok(length $reply->{content}[-1]{text}, '<', 1000, 'are cut');

# ---- fifty incidents at once ----

$fake->set_script([
	{ when => qr/ t7\b/, turn => 0, tools => [ [ inspect_schema => { table => 't7' } ] ] },
	{ when => qr/ t7\b/, turn => 1, text => 'seven' },
	{ when => sub { $_[0]->said =~ / t8\b/ }, text => 'eight' },
	{ when => qr/ t9\b/, times => 1, text => 'nine' } ], otherwise => 'think');
my $seven = { first('table t7') };
is(ask('table t8')->{reply}{content}[1]{text}, 'eight', 'a step by what was said');
$reply = post($fake, $seven)->{reply};
is(types($reply), 'thinking tool_use', 'by the turn');
is(post($fake, next_body($seven, $reply))->{reply}{content}[1]{text}, 'seven', 'and the next turn');
is(ask('table t8')->{reply}{content}[1]{text}, 'eight', 'as often as it is asked');
is(ask('table t9')->{reply}{content}[1]{text}, 'nine', 'once');
isnt(ask('table t9')->{reply}{stop_reason}, 'end_turn', 'and then as the mode will have it');

my @children;
my $start = time;
$fake->set_script([ { when => qr/./, text => 'late', delay => 1.5 } ]);
for my $i (1 .. 20)
{
	my $pid = fork;
	if (!$pid) { my $r = ask("number $i"); require POSIX; POSIX::_exit($r->{status} == 200 ? 0 : 1) }
	push @children, $pid;
}
my $bad = 0;
for my $pid (@children) { waitpid $pid, 0; $bad++ if $? }
is($bad, 0, 'twenty at a time are answered');
cmp_ok(time - $start, '<', 25, 'at the same time, not one after the other');

# ---- faults on the way ----

sub fault { my ($step, %how) = @_; $fake->set_script([$step]); return post($fake, { first('x') }, %how) }

for my $case ([ 400, 'invalid_request_error' ], [ 401, 'authentication_error' ], [ 402, 'billing_error' ], [ 403, 'permission_error' ],
	[ 429, 'rate_limit_error' ], [ 500, 'api_error' ], [ 503, 'api_error' ], [ 504, 'timeout_error' ], [ 529, 'overloaded_error' ])
{
	$answer = fault({ status => $case->[0] });
	is("$answer->{status} $answer->{reply}{error}{type}", "@$case", "status $case->[0]");
	is($answer->{reply}{request_id}, $answer->{headers}{'request-id'}, 'its request id stands in the body');
}
$answer = fault({ status => 429, retry_after => 7, should_retry => 'true' });
is("$answer->{headers}{'retry-after'} $answer->{headers}{'x-should-retry'}", '7 true', 'retry-after');
ok(!exists fault({ status => 429 })->{headers}{'retry-after'}, '429 without retry-after');
$answer = fault({ html => 1 });
is($answer->{status}, 502, "Cloudflare's page");
like($answer->{content}, qr/^<!DOCTYPE html>/, 'is HTML');
is(fault({ body => '{"type":' })->{content}, '{"type":', 'a body of half a thing');
is(fault({ reset => 1 })->{status}, 599, 'reset');
is(fault({ text => 'x', reset => 'half' })->{status}, 599, 'reset in the middle');
is(fault({ text => 'x', truncate => 1 })->{status}, 599, 'truncated');
is(fault({ garbage => "SSH-2.0-OpenSSH\r\n" })->{status}, 599, 'no HTTP');
$start = time;
is(fault({ hang => 30 }, timeout => 1)->{status}, 599, 'hang');
cmp_ok(time - $start, '<', 25, 'until the client has enough');
is(fault({ text => 'x', chunked => 1 })->{status}, 200, 'chunked');
$answer = fault({ text => 'x', gzip => 1 });
my $unpacked;
IO::Uncompress::Gunzip::gunzip(\$answer->{content} => \$unpacked);
is(from_json($unpacked)->{type}, 'message', 'gzip');
$start = time;
is(fault({ text => 'x', slow => 1 })->{status}, 200, 'slow');
cmp_ok(time - $start, '>', 0.8, 'as slow as was said');

# ---- streaming ----

$fake->set_script([ { text => 'done', thinking => 'hm', shown => 1 }, { tools => [ [ inspect_schema => { table => 't' } ] ] }, { text => 'x', late_error => 1 } ]);
$answer = ask('x', stream => $T);
like($answer->{headers}{'content-type'}, qr{^text/event-stream}, 'events');
is(join(' ', $answer->{content} =~ /^event: (\w+)/mg),
	'message_start content_block_start content_block_delta content_block_delta content_block_stop '
	  . 'content_block_start content_block_delta content_block_stop message_delta message_stop', 'in their order');
like(ask('x', stream => $T)->{content}, qr/"partial_json":"\{\\"table\\":\\"t\\"\}","type":"input_json_delta"/, 'arguments in pieces');
like(ask('x', stream => $T)->{content}, qr/^event: error$/m, 'an error after the 200');

# ---- thinking is bound to what stands before it ----

$fake->set_script([ sub { my ($c) = @_; $c->body->{system} = 'changed'; return { tools => [ [ inspect_schema => {} ] ] } }, { text => 'x' } ]);
$reply = ask('x')->{reply};
is(post($fake, next_body({ first('x') }, $reply))->{status}, 200, 'a script does not change what is signed');

$fake->set_script([ { when => qr/./, tools => [ [ inspect_schema => from_json('{"z":1,"table":"t","n":1.50}') ] ] } ]);
$body = { first('look', system => [ { type => 'text', text => 'You heal.', cache_control => { type => 'ephemeral' } } ]) };
$reply = post($fake, $body)->{reply};
my $good = next_body($body, $reply);
is(post($fake, $good)->{status}, 200, 'sent back word for word');

# Some change of the good conversation, and whether it is refused.
sub changed
{
	my ($name, $message, $change, %how) = @_;
	my $copy = from_json(to_json($good));
	$change->($copy, $copy->{messages}[1]{content});
	my $got = post($fake, $copy);
	return is($got->{status}, 200, "taken: $name") || diag($got->{content}) unless $message;
	is($got->{status}, 400, "refused: $name");
	return like($got->{reply}{error}{message}, $message, 'with its reason');
}

changed('marks of the cache elsewhere', undef, sub {
	delete $_[0]{system}[0]{cache_control};
	$_[0]{messages}[2]{content}[0]{cache_control} = { type => 'ephemeral' };
});
changed('fields without a value left out', undef, sub { $_[1][1] = { %{ $_[1][1] } }; delete $_[1][1]{caller} if !defined $_[1][1]{caller} });
changed('more tokens, less effort', undef, sub { $_[0]{max_tokens} = 100; $_[0]{output_config} = { effort => 'low' } });
changed('another system', qr/cannot be used after a change/, sub { $_[0]{system}[0]{text} = 'You heal' });
changed('a tool more', qr/cannot be used after/, sub { push @{ $_[0]{tools} }, tool('z') });
changed("a tool's description", qr/cannot be used after/, sub { $_[0]{tools}[0]{description} .= '.' });
changed('another packet', qr/cannot be used after/, sub { $_[0]{messages}[0]{content} = 'look!' });
changed('a message before', qr/cannot be used after/, sub { unshift @{ $_[0]{messages} }, { role => 'user', content => 'hello' } });
changed('other arguments', qr/cannot be used after/, sub { $_[1][1]{input}{table} = 'u' });
changed('arguments in another order', qr/cannot be used after/, sub { $_[1][1]{input} = { map { $_ => $_[1][1]{input}{$_} } qw(n table z) } });
changed('another thought', qr/Invalid `signature`/, sub { $_[1][0]{thinking} = 'hm' });
changed('another signature', qr/Invalid `signature`/, sub { $_[1][0]{signature} = 'abcd' });
changed('no signature', qr/signature: Field required/, sub { delete $_[1][0]{signature} });
changed('no thinking', qr/Expected `thinking`/, sub { shift @{ $_[1] } });
changed('thinking last', qr/final block .* cannot be `thinking`/, sub { push @{ $_[1] }, shift @{ $_[1] } });
changed('a call more', qr/without `tool_result`/, sub { push @{ $_[1] }, { type => 'tool_use', id => 'toolu_x', name => 'read_error_log', input => {} } });

my $third = next_body($good, post($fake, $good)->{reply});
is(post($fake, $third)->{status}, 200, 'a third turn');
my $edited = from_json(to_json($third));
$edited->{messages}[2]{content}[0]{content} = 'not ok';
is(post($fake, $edited)->{status}, 400, 'an earlier result that changed');
my $split = from_json(to_json($third));
splice @{ $split->{messages} }, 0, 1, { role => 'user', content => [ { type => 'text', text => 'look' } ] };
is(post($fake, $split)->{status}, 200, 'text as a block is the same text');
is(post($fake, { %$edited, model => 'claude-opus-5' })->{status}, 200, 'a model that is not bound takes it');
$fake->set_mode('think', new_account => 0);
is(post($fake, $edited)->{status}, 200, 'so does an older account');
is(post($fake, { %$edited, model => 'claude-fable-5-2' })->{status}, 400, 'but not on Fable 5.2');
$fake->set_mode('think', new_account => 1);

# ---- the cache ----

$fake->set_script([ { when => qr/./, tools => [ [ inspect_schema => { table => 't' } ] ] } ]);
$fake->forget;
my $long = 'You heal tables. ' x 200;
sub cached
{
	my ($text, $ttl, @more) = @_;
	my $mark = { type => 'ephemeral', $ttl ? (ttl => $ttl) : () };
	return { first([ { type => 'text', text => 'packet', cache_control => { type => 'ephemeral' } } ],
		system => [ { type => 'text', text => $text, cache_control => $mark } ], @more) };
}
my $one = post($fake, cached($long));
my $usage = $one->{reply}{usage};
is($usage->{cache_read_input_tokens}, '0', 'nothing is cached at first');
cmp_ok($usage->{cache_creation_input_tokens}, '>', 500, 'the prefix is put into the cache');
my $made = 0 + $usage->{cache_creation_input_tokens};
my $again = post($fake, cached($long))->{reply}{usage};
is("$again->{cache_read_input_tokens} $again->{cache_creation_input_tokens}", "$made 0", 'and read from it');
my $follow = next_body(cached($long), $one->{reply});
$follow->{messages}[0]{content} = [ { type => 'text', text => 'packet' } ];
$follow->{messages}[2]{content}[-1]{cache_control} = { type => 'ephemeral' };
my $turn = post($fake, $follow)->{reply}{usage};
is($turn->{cache_read_input_tokens}, "$made", 'the next turn reads what the first wrote, its mark moved');
cmp_ok($turn->{cache_creation_input_tokens}, '>', 0, 'and writes what is new');
my $other = post($fake, cached("$long."))->{reply}{usage};
is($other->{cache_read_input_tokens}, '0', 'another prefix');
my $shorter = post($fake, cached('short', undef, tools => undef))->{reply};
$shorter = post($fake, cached('short'))->{reply}{usage};
is("$shorter->{cache_creation_input_tokens} $shorter->{cache_read_input_tokens}", '0 0', 'too short for the cache');
my $hour = post($fake, cached("An hour. $long", '1h'))->{reply}{usage}{cache_creation};
cmp_ok($hour->{ephemeral_1h_input_tokens}, '>', 500, 'for an hour');
is($usage->{input_tokens} + $made, $again->{input_tokens} + $again->{cache_read_input_tokens}, 'the parts sum up to the same');

$fake->set_mode('think', context => 500);
$answer = post($fake, { first('word ' x 1000) });
is($answer->{status}, 400, 'more than the context');
like($answer->{reply}{error}{message}, qr/prompt is too long: [0-9]+ tokens > 500 maximum/, 'says how much');
$fake->set_script([ { text => 'word ' x 500 } ]);
is(ask('x')->{reply}{stop_reason}, 'model_context_window_exceeded', 'a reply that fills it');
$fake->set_mode('think', context => 0);

# ---- holding and writing down ----

$fake->forget;
$fake->hold(120);
my $pid = fork;
if (!$pid) { require POSIX; my $r = ask('held'); POSIX::_exit($r->{status} == 200 ? 0 : 1) }
ok($fake->wait_for_count(1), 'a request has come');
sleep 0.3;
is($fake->in_flight, 1, 'and has no answer while all are held');
$fake->release;
waitpid $pid, 0;
is($?, 0, 'until they are released');
my $last = $fake->last_request;
cmp_ok($last->{held}, '>', 0.2, 'for so long');
is($last->{headers}{'x-api-key'}, '<key>', 'the key is not written down');
is($last->{body}{messages}[0]{content}, 'held', 'the body is');
is($last->{status}, 200, 'and the answer');
open my $log, '<', $fake->log_file or die;
my $written = join '', <$log>;
close $log;
unlike($written, qr/\Q@{[ $fake->key ]}\E/, 'nowhere');
post($fake, { first('x') }, headers => { 'x-api-key' => 'sk-ant-wrong' });
is($fake->last_request->{headers}{'x-api-key'}, '<another>', 'nor is another key');
post($fake, { first('the key is ' . $fake->key, max_tokens => 30_000) });
my $advice = join "\n", @{ $fake->last_request->{advice} };
like($advice, qr/the key stands in the body/, 'advice: the key');
like($advice, qr/above 21333 without stream/, 'advice: too many tokens without streaming');
post($fake, { %{ cached($long) } });
is("@{ $fake->last_request->{advice} }", '', 'no advice on what is well done');
is(scalar $fake->requests(like => qr/heal tables/), 1, 'requests by what they say');
is(scalar $fake->requests(status => 401), 1, 'or by what came of them');

# ---- servers of other makers ----

my $local = FakeClaude->new(kind => 'ollama', script => [ { when => qr/./, text => 'hi' } ]);
my %bare = (model => 'qwen', max_tokens => 100, messages => [ { role => 'user', content => 'x' } ]);
is(post($local, \%bare, headers => { 'x-api-key' => 'none', 'anthropic-version' => '1' })->{status}, 200, 'ollama: no key, any model');
my $lax = tool('t');
delete $lax->{strict};
is(post($local, { %bare, tools => [$lax] })->{status}, 200, 'tools');
for my $more ({ tools => [ tool('t') ] }, { tools => [$lax], tool_choice => { type => 'auto' } }, { output_config => { effort => 'low' } },
	{ metadata => {} }, { cache_control => { type => 'ephemeral' } },
	{ system => [ { type => 'text', text => 'x', cache_control => { type => 'ephemeral' } } ] })
{
	is(post($local, { %bare, %$more })->{status}, 400, 'refused: ' . to_json($more));
}
my $http = HTTP::Tiny->new;
is($http->post($local->url . '/v1/messages/count_tokens', { content => to_json(\%bare) })->{status}, 404, 'no count_tokens');
$local->stop;
my $bedrock = FakeClaude->new(kind => 'bedrock', script => [ { when => qr/./, text => 'hi' } ]);
like($bedrock->url, qr{/anthropic\z}, 'bedrock: a base path');
my %theirs = (%bare, model => 'anthropic.claude-opus-5-5');
is(post($bedrock, \%theirs)->{status}, 200, 'its ids');
is($http->get('http://127.0.0.1:' . $bedrock->port . '/v1/models')->{status}, 404, 'nothing is there without it');
is(post($bedrock, { %theirs, model => 'claude-opus-5-5' })->{status}, 404, 'not ours');
is(post($bedrock, { %theirs, tools => [ tool('t') ] })->{status}, 400, 'no strict tools for the newest');
is(post($bedrock, { %theirs, model => 'anthropic.claude-haiku-5-5', tools => [ tool('t') ] })->{status}, 200, 'but for others');
is(post($bedrock, { %theirs, model => 'anthropic.claude-opus-4-6' })->{status}, 400, 'the new version for 4.7 and later');
$bedrock->stop;

# ---- the end ----

my $url = $fake->url;
my ($port) = $url =~ /:([0-9]+)/;
is($fake->faults, '', 'the fake itself had no fault');
$start = time;
$fake->set_script([ { hang => 60 } ]);
my $asked = $fake->count;
$pid = fork;
if (!$pid) { require POSIX; ask('hang', timeout => 60); POSIX::_exit(0) }
$fake->wait_for_count($asked + 1);
$fake->stop;
waitpid $pid, 0;
cmp_ok(time - $start, '<', 45, 'it ends while a request hangs');
sleep 0.2;
ok(!IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2), 'and nobody listens any more');

# by a command line
my $program = "$FindBin::RealBin/../lib/fake_claude.pl";
my $process = open my $out, '-|', $^X, $program, '--mode', 'think', '--key', 'abc', '--parent', $$ or die;
chomp(my ($at, $key) = (scalar <$out>, scalar <$out>));
like($at, qr{^http://127\.0\.0\.1:[0-9]+\z}, 'fake_claude.pl says where it is');
is($key, 'abc', 'and by which key');
is($http->post("$at/v1/messages", { headers => { 'x-api-key' => $key, 'anthropic-version' => '2026-10-21', 'content-type' => 'application/json' },
	content => to_json({ first('x') }) })->{status}, 200, 'and answers');
kill TERM => $process;
close $out;
is($?, 0, 'until it is told to end');
is(system("$^X $program --mode dream >/dev/null 2>&1") >> 8 != 0, 1, 'a mode that there is not');

# by a command line, with a script
my ($steps, $file) = File::Temp::tempfile(UNLINK => 1);
print $steps '[{"when": "^s.cret", "text": "whom", "delay": 0.5}, {"turn": 0, "text": "hello"}]';
close $steps;
$process = open $out, '-|', $^X, $program, '--script', $file, '--key', 'abc', '--parent', $$ or die;
chomp(($at, $key) = (scalar <$out>, scalar <$out>));
sub scripted
{
	my ($words) = @_;
	my $answer = $http->post("$at/v1/messages", { headers => { 'x-api-key' => $key, 'anthropic-version' => '2026-10-21', 'content-type' => 'application/json' },
		content => to_json({ first($words) }) });
	return join ' ', map { $_->{text} // () } @{ from_json($answer->{content})->{content} };
}
is(scripted('x'), 'hello', 'a script from a file answers');
$start = time;
is(scripted('secret'), 'whom', 'with a pattern');
cmp_ok(time - $start, '>=', 0.5, 'and with the delay of its step');
is(scripted('x'), 'hello', 'as often as it is asked');
kill TERM => $process;
close $out;
is(system("$^X $program --script $file --mode think >/dev/null 2>&1") >> 8 != 0, 1, 'a script and a mode are too much');
is(system("$^X $program --script $program >/dev/null 2>&1") >> 8 != 0, 1, 'a script that is none');

# a test that is killed leaves nothing behind
pipe my $read, my $write or die;
my $killed = fork;
if (!$killed)
{
	my $mine = FakeClaude->new;
	syswrite $write, $mine->port . ' ' . $mine->log_file . "\n";
	kill KILL => $$;
}
waitpid $killed, 0;
close $write;
($port, my $left) = split ' ', <$read>;
$left =~ s{/log$}{};
my $listens = 1;
for (1 .. 300)
{
	$listens = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $port, Timeout => 2);
	last if !$listens && !-d $left;
	sleep 0.1;
}
ok(!-d $left, 'and its files');
ok(!$listens, 'a test that is killed takes its fake along');

done_testing();
