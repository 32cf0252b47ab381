# selfheal-mcp: lines in, lines out. What it does with messages, answers,
# settings and errors; what happens to connections is in 101_bridge_lost.pl,
# garbage in 102_bridge_fuzz.pl.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time usleep);

my $node = PostgreSQL::Test::Cluster->new('bridge');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', "CREATE DATABASE stub; CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C';"
	  . 'CREATE DATABASE bare');
make_stub($node, 'stub');
make_stub($node, 'latin');

my $connstr = $node->connstr('stub');
my ($bridge, $got, $status, $took, $out, $err);

# The error that one line gets, as "code id message".
sub error_of
{
	my ($line, $why) = @_;
	my $answer = $bridge->ask($line);
	return 'no answer' unless defined $answer;
	my $id = BridgeTest::json->encode($answer->{id});
	return defined $answer->{error} ? "$answer->{error}{code} $id" : "fine $id";
}

# What is in the database of a request that was sent, by its id.
sub times_seen
{
	my ($id) = @_;
	return $node->safe_psql('stub', "SELECT count(*) FROM selfheal.seen WHERE request->>'id' = '$id'");
}

# The program itself.
command_like([ bridge_program(), '--help' ], qr/Usage:.*--read-only/s, '--help');
command_like([ bridge_program(), '-?' ], qr/Usage:/, '-?');
command_like([ bridge_program(), '--version' ], qr/^selfheal-mcp \d+\.\d+/, '--version');
command_fails_like([ bridge_program(), '--no-such' ], qr/--help/, 'an option that there is not');
command_fails_like([ bridge_program(), 'a', 'b' ], qr/one argument too many: "b"/, 'one argument too many');
command_fails_like([ bridge_program(), 'no_such_word=1' ], qr/no_such_word/, 'a connection string that libpq refuses');

# All at once, as in a pipe: answers to all, in order, and an end.
IPC::Run::run([ bridge_program(), $connstr ], '<',
	\join("\n", request(1, 'initialize', { protocolVersion => '2025-11-25' }),
		'{"jsonrpc":"2.0","method":"notifications/initialized"}', '', "  \r", request(2, 'echo', { a => 1 }) . "\r",
		request('three', 'echo', {})), '>', \$out, '2>', \$err);
is($?, 0, 'the end of stdin is the end, without a fault');
is($out, <<'OUT', 'answers in order, one line each, the last line without a newline too');
{"id": 1, "result": {"protocolVersion": "2025-11-25"}, "jsonrpc": "2.0"}
{"id": 2, "result": {"a": 1}, "jsonrpc": "2.0"}
{"id": "three", "result": {}, "jsonrpc": "2.0"}
OUT
is($err, qq{selfheal-mcp: connected to database "stub" as "} . $node->safe_psql('stub', 'SELECT current_user') . qq{"\n},
	'stderr says where it is connected, and nothing of the messages');
IPC::Run::run([ bridge_program(), $connstr ], '<', \'', '>', \$out, '2>', \$err);
is("$? $out$err", '0 ', 'nothing said is nothing answered, and no connection');

$bridge = BridgeTest->new($connstr);

# Ids go back as they came.
for my $id ('1', '-1', '0', '12345678901234567890123', '"x"', '""', '"1"', '"\u00e9\"\\\\"', '"' . ('i' x 1000) . '"')
{
	$bridge->say(qq({"jsonrpc":"2.0","id":$id,"method":"echo"}), qq({"jsonrpc":"1.0","id":$id,"method":"echo"}));
	# what the bridge itself says waits for nobody
	my ($wrong, $fine) = ($bridge->line, $bridge->line);
	is(BridgeTest::json->decode($fine)->{id}, BridgeTest::json->decode($id), 'an answer has the id ' . substr($id, 0, 30));
	like($wrong, qr/"id":\Q$id\E,/, '... and an error of ours, in its spelling');
}

# No messages.
my %faulty = (
	'null' => '-32600 null', '1' => '-32600 null', '"x"' => '-32600 null', 'true' => '-32600 null',
	'{}' => '-32600 null', '{"jsonrpc":"2.0"}' => '-32600 null', '[]' => '-32600 null',
	'[{"jsonrpc":"2.0","id":1,"method":"echo"}]' => '-32600 null',
	'{"jsonrpc":"2.0","id":1}' => '-32600 1', '{"id":1,"method":"echo"}' => '-32600 1',
	'{"jsonrpc":"1.0","id":"a","method":"echo"}' => '-32600 "a"', '{"jsonrpc":2.0,"id":1,"method":"echo"}' => '-32600 1',
	'{"jsonrpc":"2.0","id":1,"method":7}' => '-32600 1', '{"jsonrpc":"2.0","id":1,"method":null}' => '-32600 1',
	'{"jsonrpc":"2.0","id":null,"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":1.5,"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":1.0,"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":1e2,"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":{},"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":true,"method":"echo"}' => '-32600 null',
	'{"jsonrpc":"2.0","id":"' . ('i' x 1100) . '","method":"echo"}' => '-32600 null',
	'{' => '-32700 null', '}' => '-32700 null', ']' => '-32700 null', '[' => '-32700 null', 'x' => '-32700 null',
	'{"a":1,}' => '-32700 null', '[1,]' => '-32700 null', '{"a" 1}' => '-32700 null', '{a:1}' => '-32700 null',
	'{"a":1]' => '-32700 null', '[1}' => '-32700 null', '{} {}' => '-32700 null', '{}x' => '-32700 null',
	'"' => '-32700 null', '"\\' => '-32700 null', '"\\x"' => '-32700 null', '"\\u12"' => '-32700 null',
	"\"a\tb\"" => '-32700 null', "{\0}" => '-32700 null', "\"\0\"" => '-32700 null', "\x{ef}\x{bb}\x{bf}{}" => '-32700 null',
	'01' => '-32700 null', '-' => '-32700 null', '1.' => '-32700 null', '1e' => '-32700 null', '.5' => '-32700 null',
	'nul' => '-32700 null', 'True' => '-32700 null', 'NaN' => '-32700 null',
	"\"\xff\"" => '-32700 null', "\"\xc3\"" => '-32700 null', "\"\xc0\xaf\"" => '-32700 null',
	"\"\xed\xa0\x80\"" => '-32700 null', "\"\xf4\x90\x80\x80\"" => '-32700 null', "\"\xe0\x80\xaf\"" => '-32700 null',
	"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xe9\"}" => '-32700 null');

for my $line (sort keys %faulty)
{
	my $name = substr($line, 0, 60) =~ s/([^ -~])/sprintf('\\x%02x', ord($1))/ger;
	is(error_of($line), $faulty{$line}, "faulty: $name");
}

# What jsonb can not hold, with the id that was meant.
is(error_of('{"jsonrpc":"2.0","id":5,"method":"echo","params":{"a":"\u0000"}}'), '-32602 5', '\u0000 in a string');
is(error_of('{"jsonrpc":"2.0","id":"\u0000","method":"echo"}'), '-32602 "\u0000"', '\u0000 in the id');
is(error_of('{"jsonrpc":"2.0","id":5,"method":"echo","params":{"a":"\ud800"}}'), '-32602 5', 'half of a pair');
is(error_of('{"jsonrpc":"2.0","id":5,"method":"echo","params":{"a":"\udc00\ud800"}}'), '-32602 5', 'halves the wrong way round');
is(error_of('{"jsonrpc":"2.0","id":5,"method":"echo","params":{"a":"\ud83d\ude00 \\\\u0000"}}'), 'fine 5',
	'a whole pair, and a backslash before u0000');
is(error_of('{"jsonrpc":"2.0","id":5,"method":"echo","params":{"a":1e999999}}'), '-32602 5', 'a number beyond numeric');

# The last of two keys counts, as in jsonb, and a key may be spelled as it likes.
is(error_of('{"jsonrpc":"2.0","id":1,"method":"echo","id":2}'), 'fine 2', 'the id twice: the last one, here as in jsonb');
is(error_of('{"jsonrpc":"2.0","id":null,"\u0069d":3,"meth\u006fd":"ech\u006f"}'), 'fine 3', 'escapes in keys are read');
is(error_of('{"jsonrpc":"2.0","params":{"id":4,"method":"x","jsonrpc":"1"},"id":6,"method":"echo"}'), 'fine 6',
	'keys of the same name further in are others');

# Deep.
my $deep = sub { my ($n) = @_; return '{"jsonrpc":"2.0","method":"echo","params":' . ('{"a":[' x $n) . (']}' x $n) . ',"id":8}' };
is(error_of($deep->(31)), 'fine 8', '63 levels');
is(error_of($deep->(32)), '-32600 8', '65 levels: too deep, with the id that stands behind it');
is(error_of($deep->(500_000)), '-32600 8', 'a million levels');
is(error_of('[' x 2_000_000), '-32700 null', 'two million levels without an end');
is(error_of('{"jsonrpc":"2.0","id":9,"method":"echo"}'), 'fine 9', 'still there');

# Long.
is(error_of(request(10, 'echo', { a => 'x' x 1_000_000 })), 'fine 10', 'a megabyte is taken, and given back');
is(error_of(request(11, 'echo', { a => 'x' x (4 * 1024 * 1024) })), '-32600 null', 'more than 4 MB is read away');
is(error_of(request(12, 'echo')), 'fine 12', 'and what comes after it is read');
is(error_of(request(13, 'big', { bytes => 1_000_000 })), 'fine 13', 'an answer of a megabyte');
$got = $bridge->ask(request(14, 'big', { bytes => 1_100_000 }));
is($got->{error}{code}, -32603, 'more is an error');
like($got->{error}{data}{hint}, qr/less/, '... that says what to do');

# Neither notifications nor responses are answered.
$bridge->say('{"jsonrpc":"2.0","method":"echo","params":{"note":1}}',
	'{"jsonrpc":"2.0","method":"fail","params":{"sqlstate":"XX000"}}',
	'{"jsonrpc":"2.0","method":"echo","params":["\u0000"]}',
	'{"jsonrpc":"2.0","id":7,"result":{}}', '{"jsonrpc":"2.0","id":7,"error":{"code":1,"message":"x"}}');
is(error_of(request(15, 'echo')), 'fine 15', 'nothing is said to notifications and responses');
is($node->safe_psql('stub', "SELECT count(*) FROM selfheal.seen WHERE request#>>'{params,note}' = '1'"),
	'1', 'a notification comes to the database');
is($bridge->ask(request(16, 'nothing'))->{error}{code}, -32603, 'a request without an answer gets one');
is($bridge->ask(request(17, 'no such'))->{error}{code}, -32601, 'errors of the database are handed on');

# ping.
$bridge->say(request(20, 'sleep', { seconds => 4 }), request(21, 'echo'), request('p', 'ping'));
is($bridge->line, '{"jsonrpc":"2.0","id":"p","result":{}}', 'ping is answered while a call runs');
is_deeply([ map { $bridge->message->{id} } 1 .. 2 ], [ 20, 21 ], 'calls in their order');
is( $bridge->ask('{"jsonrpc":"2.0","id":22,"method":"ping","params":{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}}')
	  ->{error}{code}, -32601, 'the revision without ping has none: that is said by the database');

# Progress.
sub progress
{
	my ($token, @tell) = @_;
	my @lines;

	$bridge->say('{"jsonrpc":"2.0","id":30,"method":"progress","params":{'
		  . (defined $token ? qq("_meta":{"progressToken":$token},) : '') . '"tell":' . BridgeTest::json->encode(\@tell) . '}}');
	while (defined(my $line = $bridge->line))
	{
		last if $line =~ /"result"/;
		push @lines, $line;
	}
	return join("\n", @lines);
}
is( progress('"t\u0041"', '{"progress":0,"total":3,"message":"begins \"so\""}', '{"progress":1}', '{"total":3,"progress":2.5}'),
	join("\n", map { qq({"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":"t\\u0041",$_}}) }
		  '"progress":0,"total":3,"message":"begins \"so\""', '"progress":1', '"progress":2.5,"total":3'),
	'progress, with the token as it came; other notices are not told');
like(progress('7', '{"progress":1}'), qr/"progressToken":7,/, 'a number is a token');
is(progress(undef, '{"progress":1}'), '', 'who does not ask is not told');
is(progress('null', '{"progress":1}') . progress('{}', '{"progress":1}') . progress('1.5', '{"progress":1}'), '',
	'what is no token is none');
is(() = progress('1', map { qq({"progress":$_}) } 1, 1, 0, -5, 2, 1.5, 3) =~ /"progress":\d/g, 3, 'it only rises');
is(progress('1', 'x', '', '[]', '{"progress":"1"}', '{"progress":1', '{}', '"progress"', '{"progress":1,"message":"' . ('x' x 9000) . '"}'),
	'', 'what is no progress is not told');

# Errors of the server.
sub failed
{
	my ($state) = @_;
	my $error = $bridge->ask(request(40, 'fail', { sqlstate => $state }))->{error};
	return ($error->{code}, $error->{data}{sqlstate}, $error->{message});
}
is_deeply([ failed('XX000') ], [ -32603, 'XX000', 'said by the server: 4711' ], 'an error in the server\'s words');
is_deeply([ failed('23505') ], [ -32603, '23505', 'the call failed in the database. The server\'s log says more.' ], 'but for those that may hold values');
is_deeply([ failed('P0001') ], [ -32603, 'P0001', 'the call failed in the database. The server\'s log says more.' ], '... or were raised by anybody');
is((failed('22P02'))[0], -32602, 'a value that is none');
is((failed('54001'))[0], -32602, 'too much');
is((failed('40P01'))[0], -32603, 'a deadlock');
is($bridge->ask(request(41, 'fail at commit'))->{error}{data}{sqlstate}, '23503', 'an error that comes with the commit');
is($node->safe_psql('stub', 'SELECT count(*) FROM selfheal.one'), '0', '... and nothing is there');
is(error_of(request(42, 'echo')), 'fine 42', 'still there');
($status) = $bridge->finish;
is($status, 0, 'ends');

# Cancel.
$bridge = BridgeTest->new($connstr);
my $from = time();
$bridge->say(request('c1', 'sleep', { seconds => 100 }), request('c2', 'echo'), request('c3', 'echo'), request(3, 'echo'));
ok($node->poll_query_until('stub', "SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'SELECT selfheal.mcp%' AND state = 'active'"),
	'a call runs');
$bridge->say('{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c2"}}',
	'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"3"}}',
	'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"none"}}',
	'{"jsonrpc":"2.0","method":"notifications/cancelled"}',
	'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"c\u0031","reason":"enough"}}');
is_deeply([ map { $bridge->message->{id} } 1 .. 2 ], [ 'c3', 3 ], 'what was cancelled is not answered, all else is; "3" is not 3');
cmp_ok(time() - $from, '<', 90, 'the running call was stopped');
is(times_seen('c2'), '0', 'the waiting one never ran');
is(times_seen('c1'), '0', 'the running one left nothing');
for my $i (1 .. 50)
{
	# the cancel meets a call at any moment of its life, its end above all
	$bridge->say(request("r$i", 'sleep', { seconds => 0.01 }));
	$bridge->turn(0), usleep(1000 + rand 14_000);
	$bridge->say(qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"r$i"}}),
		request("s$i", 'sleep', { seconds => 0.03 }));
	usleep(30_000);
}
my %ends;
for (1 .. 100)
{
	my $message = $bridge->message // last;
	$ends{ $message->{id} } = $message->{error} ? 'error' : 'fine';
	last if $message->{id} eq 's50';
}
is(scalar(grep { ($ends{"s$_"} // '') eq 'fine' } 1 .. 50), 50, 'a cancel never hits the call behind it');
is(scalar(grep { ($ends{"r$_"} // '') eq 'error' } 1 .. 50), 0, 'and what it hit says nothing');
$bridge->finish;

# Somebody else stops a call: that is told.
$bridge = BridgeTest->new("$connstr options='-c statement_timeout=300'");
$got = $bridge->ask(request(1, 'sleep', { seconds => 100 }));
is($got->{error}{data}{sqlstate}, '57014', 'a call that is stopped by a timeout is an error');
like($got->{error}{data}{hint}, qr/statement_timeout/, '... that names it');
$bridge->finish;

# The session: settings, names, roles.
$node->safe_psql('stub', 'CREATE ROLE nobody_special LOGIN; CREATE ROLE "o\'Hara" LOGIN;'
	  . 'GRANT USAGE ON SCHEMA selfheal TO nobody_special; GRANT ALL ON ALL TABLES IN SCHEMA selfheal TO nobody_special;');
sub session
{
	my ($env, @args) = @_;
	local %ENV = (%ENV, %$env);
	delete $ENV{PGAPPNAME} unless $env->{PGAPPNAME};
	my $b = BridgeTest->new(@args);
	my $r = $b->ask(request(1, 'session'))->{result};
	$b->finish;
	return $r;
}
$got = session({ PGCLIENTENCODING => 'LATIN1' }, $connstr);
is($got->{client_encoding}, 'UTF8', 'UTF-8, whatever the environment says');
is($got->{application_name}, 'selfheal-mcp', 'it gives its name');
ok(!$got->{'selfheal.mcp_read_only'}, 'reading and writing');
$got = session({ PGOPTIONS => '-c work_mem=1234kB', PGAPPNAME => 'mine' }, '--read-only', "$connstr client_encoding=LATIN1");
is($got->{'selfheal.mcp_read_only'}, 'on', '--read-only is set');
is($got->{work_mem}, '1234kB', 'and PGOPTIONS as well');
is($got->{client_encoding}, 'UTF8', 'UTF-8, whatever the connection string says');
is($got->{application_name}, 'mine', 'a name of the user\'s own');
$got = session({}, '--read-only', "$connstr options='-c stub.own=x -c selfheal.mcp_read_only=off' application_name=ours");
is("$got->{'stub.own'} $got->{'selfheal.mcp_read_only'} $got->{application_name}", 'x on ours', 'and options of the connection string');
$bridge = BridgeTest->new('--read-only', $connstr);
is($bridge->ask(request(1, 'writable'))->{result}{'selfheal.mcp_read_only'}, 'off', 'something in a call takes it back');
is($bridge->ask(request(2, 'session'))->{result}{'selfheal.mcp_read_only'}, 'on', '... for that call alone');
$bridge->finish;
$got = session({ PGDATABASE => '' }, '-h', $node->host, '-p', $node->port, '-U', 'nobody_special', '-d', 'stub');
is($got->{user}, 'nobody_special', '-h -p -U -d');
$got = session({ PGHOST => $node->host, PGPORT => $node->port, PGDATABASE => 'stub' });
ok($got->{pid}, 'all from the environment');
$got = session({ PGHOST => $node->host, PGPORT => $node->port }, 'stub');
ok($got->{pid}, 'the name of a database alone');
$got = session({}, 'postgresql:///stub?host=' . $node->host . '&port=' . $node->port);
ok($got->{pid}, 'a URI');
my $services = PostgreSQL::Test::Utils::tempdir();
append_to_file("$services/service.conf",
	"[here]\nhost=" . $node->host . "\nport=" . $node->port . "\ndbname=stub\noptions=-c stub.own=service\n");
for my $how ([ { PGSERVICE => 'here' } ], [ {}, 'service=here' ])
{
	my ($env, @args) = @$how;
	$got = session({ PGSERVICEFILE => "$services/service.conf", %$env }, '--read-only', @args);
	is("$got->{'stub.own'} $got->{'selfheal.mcp_read_only'}", 'service on', 'a service, with its options: ' . (@args ? 'named' : 'PGSERVICE'));
}

# A database of another encoding.
$bridge = BridgeTest->new($node->connstr('latin'));
is($bridge->ask(qq({"jsonrpc":"2.0","id":1,"method":"echo","params":{"a":"\xc3\xa9"}}))->{result}{a}, "\x{e9}", 'a database in LATIN1');
is(error_of(qq({"jsonrpc":"2.0","id":2,"method":"echo","params":{"a":"\xe2\x82\xac"}})), '-32602 2', '... which has no euro');
$bridge->finish;

# What is not there, or not allowed.
sub refused
{
	my @args = @_;
	my $b = BridgeTest->new(@args);
	my $r = $b->ask(request('r', 'echo'));
	($status) = $b->finish;
	return { code => $r->{error}{code}, message => $r->{error}{message}, hint => $r->{error}{data}{hint} // '', id => $r->{id}, status => $status };
}
$got = refused($node->connstr('bare'));
is("$got->{code} $got->{id} $got->{status}", '-32603 r 0', 'a database without selfheal');
like($got->{hint}, qr/CREATE EXTENSION selfheal/, '... and how it gets it');
$node->safe_psql('bare', 'CREATE SCHEMA selfheal');
like(refused($node->connstr('bare'))->{hint}, qr/ALTER EXTENSION selfheal UPDATE/, 'one that is too old');
$got = refused("$connstr user=o\\'Hara");
like($got->{hint}, qr/\Qselfheal.grant_to('o''Hara', 'viewer')\E/, 'a role without a grant, and what it lacks');
$node->safe_psql('stub', 'REVOKE ALL ON FUNCTION selfheal.mcp(jsonb) FROM PUBLIC');
like(refused("$connstr user=nobody_special")->{message}, qr/permission denied for function mcp \(the role is "nobody_special"\)/, 'or without the function');
my $offset = -s $node->logfile;
$got = refused($node->connstr('no_such_database'));
like($got->{message}, qr/database "no_such_database" does not exist/, 'a database that is not there');
$got = refused("$connstr user=no_such_role");
like($got->{message}, qr/role "no_such_role" does not exist/, 'a role that is not there');
# each once, and once more to ask whether the server takes anybody
is(scalar(() = slurp_file($node->logfile, $offset) =~ /FATAL: .*does not exist/g), 4, 'what a server refuses is not tried again and again');

# A queue that is too long.
$bridge = BridgeTest->new($connstr);
$bridge->say(request('first', 'sleep', { seconds => 5 }), map { request($_, 'echo') } 1 .. 2100);
my ($fine, $full) = (0, 0);
for (1 .. 2101)
{
	my $message = $bridge->message // last;
	$message->{error} ? $full++ : $fine++;
	is($message->{error}{message}, 'too many calls are waiting. Wait for the answers to earlier calls.', 'beyond what waits a call is refused') if $message->{error} && $full == 1;
}
ok($fine >= 2048 && $full > 0 && $fine + $full == 2101, "every one is answered ($fine ran, $full were refused)");
$bridge->finish;

# A thousand at once, in order.
$bridge = BridgeTest->new($connstr);
$bridge->say(map { request($_, 'echo', { n => $_ }) } 1 .. 1000);
is(scalar(grep { my $m = $bridge->message; $m && $m->{id} == $_ && $m->{result}{n} == $_ } 1 .. 1000), 1000, 'a thousand calls at once, in order');
($status) = $bridge->finish;
is($status, 0, 'ends');

# Batches, in the one revision that has them.
$bridge = BridgeTest->new($connstr);
$bridge->ask(request(0, 'initialize', { protocolVersion => '2025-03-26' }));
$got = $bridge->ask('[' . join(',', request(1, 'echo', { a => 1 }), '{"jsonrpc":"2.0","method":"echo"}', '1', request(2, 'ping'),
		request(3, 'initialize'), '{"jsonrpc":"2.0","id":4,"method":"echo","params":["\u0000"]}', request(5, 'no such')) . ']');
is(join(' ', map { ($_->{id} // 'null') . ':' . ($_->{error}{code} // 'fine') } sort { ($a->{id} // 0) <=> ($b->{id} // 0) } @$got),
	'null:-32600 1:fine 2:fine 3:-32600 4:-32602 5:-32601', 'a batch: its answers are one array');
$bridge->say('[{"jsonrpc":"2.0","method":"echo"},{"jsonrpc":"2.0","id":1,"result":{}}]');
is(error_of(request(6, 'echo')), 'fine 6', 'a batch of notifications has no answer');
$bridge->say('[' . join(',', request('b1', 'sleep', { seconds => 100 }), request('b2', 'echo'), request('b3', 'echo')) . ']',
	map { qq({"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"$_"}}) } 'b1', 'b3');
is(BridgeTest::json->encode([ map { $_->{id} } @{ $bridge->message } ]), '["b2"]', 'calls of a batch are cancelled one by one');
is(error_of('[]'), '-32600 null', 'an empty batch');
is(error_of('[' . join(',', (1) x 101) . ']'), '-32600 null', 'a batch that is too long');
$bridge->ask(request(7, 'initialize', { protocolVersion => '2025-06-18' }));
is(error_of('[' . request(8, 'echo') . ']'), '-32600 null', 'no batches in the others');
$bridge->finish;

$node->stop;
done_testing();
