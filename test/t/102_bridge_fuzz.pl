# selfheal-mcp and garbage: messages with bytes changed, cut, put in and put
# twice, and bytes alone. Each line gets at most one answer, each answer is
# JSON-RPC, and what comes afterwards works; and what is no JSON to the bridge is
# none to PostgreSQL, and the other way round. SEED gives other garbage.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use BridgeTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $seed = $ENV{SEED} // 20261122;
my $rounds = $ENV{ROUNDS} // 20;
srand($seed);
diag("SEED=$seed");

my $node = PostgreSQL::Test::Cluster->new('bridge_fuzz');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->start;
$node->safe_psql('postgres', 'CREATE DATABASE stub');
make_stub($node, 'stub');
my $connstr = $node->connstr('stub');

my @good = (
	request(1, 'echo', { a => [ 1, -2.5e3, JSON::PP::true, undef, { b => "x\"\\\n" } ] }),
	'{"jsonrpc":"2.0","method":"notifications/cancelled","params":{"requestId":"\u0041","reason":"no"}}',
	'{"jsonrpc":"2.0","id":"\ud83d\ude00\u00e9","method":"ping","params":{"_meta":{"progressToken":"t"}}}',
	"{\"jsonrpc\":\"2.0\",\"id\":7,\"method\":\"echo\",\"params\":{\"\xc3\xa9\":\"\xe2\x82\xac \xf0\x9f\x98\x80\"}}",
	'{"jsonrpc":"2.0","id":8,"method":"progress","params":{"_meta":{"progressToken":8},"tell":["{\"progress\":1}"]}}',
	'[' . request(1, 'echo') . ',' . request(2, 'ping') . ',{"jsonrpc":"2.0","method":"echo"}]',
	'{"jsonrpc":"2.0","id":9,"result":{"x":[[[[]]]]}}',
	request(10, 'initialize', { protocolVersion => '2025-03-26' }));
my @bits = ('"', '\\', '{', '}', '[', ']', ':', ',', '\u', '\u0000', '\ud800', "\0", "\xff", "\xc3", "\r", "\t", '1', 'e', '-', '"id":', '{"id":' x 70, 'null');

sub spoiled
{
	my $line = $good[ rand @good ];
	return join('', map { chr(rand 256) } 1 .. rand 300) =~ s/\n/ /gr if rand() < 0.1;
	for (0 .. rand 4)
	{
		my $at = int(rand length $line);
		my $what = rand 5;
		if ($what < 1) { substr($line, $at, 1) = chr(rand 256); }
		elsif ($what < 2) { substr($line, $at, 0) = $bits[ rand @bits ]; }
		elsif ($what < 3) { substr($line, $at, 1 + rand 5) = ''; }
		elsif ($what < 4) { $line = substr($line, 0, $at) . substr($line, rand length $line); }
		else { $line = substr($line, 0, $at); }
		$line = ' ' if $line eq '';
	}
	return $line =~ s/\n/ /gr;
}

# Which lines are no JSON, as PostgreSQL reads them.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION is_json(line bytea) RETURNS bool LANGUAGE plpgsql AS $$
BEGIN
	PERFORM convert_from(line, 'UTF8')::json;
	RETURN true;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END $$;
SQL
sub no_json
{
	my @lines = map { '(' . $_ . ", '\\x" . unpack('H*', $_[ $_ ]) . "'::bytea)" } 0 .. $#_;
	return split /\n/, $node->safe_psql('postgres',
		'SELECT n FROM (VALUES ' . join(', ', @lines) . ') AS l (n, line) WHERE NOT is_json(line) ORDER BY n');
}

# The same of the bridge, by its answers.
sub refused
{
	my ($out) = @_;
	return scalar(() = $out =~ /"error":\{"code":-32700,/g);
}

my ($answers, $wrong, $silent, $apart) = (0, 0, 0, 0);
for my $round (1 .. $rounds)
{
	my @lines = grep { !/^[ \t\r]*$/ } map { spoiled() } 1 .. 200;
	my $in = join("\n", @lines, request("end of $round", 'echo'), request("ping of $round", 'ping')) . "\n";
	my ($out, $err) = ('', '');

	IPC::Run::run([ bridge_program(), $connstr ], '<', \$in, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
	if ($? != 0)
	{
		fail("round $round ends with $?: $err");
		last;
	}
	my @said = split /\n/, $out;
	my $ended = 0;
	for my $line (@said)
	{
		# an id goes back as it came; half of a pair in it is more than perl reads;
		# behind a backslash that is one it is none
		my $answer = eval { BridgeTest::json->decode($line =~ s{(\\\\)|\\u[dD][89a-fA-F]..}{$1 // '?'}gre) };
		for my $one (ref $answer eq 'ARRAY' ? @$answer : $answer)
		{
			$answers++;
			my $sound = ref $one eq 'HASH' && ($one->{jsonrpc} // '') eq '2.0'
			  && (exists $one->{id} && (exists $one->{result} xor ref $one->{error} eq 'HASH' && $one->{error}{code} =~ /^-32\d{3}$/)
				|| ($one->{method} // '') eq 'notifications/progress');
			$wrong++, diag("no answer: $line") unless $sound;
			$ended++ if ref $one eq 'HASH' && ($one->{id} // '') =~ /^(end|ping) of $round$/;
		}
	}
	my @no_json = no_json(@lines);
	if (refused($out) != @no_json)
	{
		my %none = map { $_ => 1 } @no_json;
		for my $n (0 .. $#lines)
		{
			my ($one, $said) = ("$lines[$n]\n", '');
			IPC::Run::run([ bridge_program(), $connstr ], '<', \$one, '>', \$said, '2>', '/dev/null', IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
			diag(($none{$n} ? 'JSON to the bridge alone: ' : 'JSON to PostgreSQL alone: ') . $lines[$n])
			  if refused($said) != ($none{$n} // 0);
		}
		$apart++;
	}
	$silent++, diag("round $round: the last calls were not answered") if $ended != 2;
	$wrong++, diag('more answers than lines') if @said > 2 * @lines + 2;
	$wrong++, diag("stderr: $err") if $err =~ /Sanitizer|runtime error/;
}
is($wrong, 0, "all of $answers answers are JSON-RPC");
is($apart, 0, 'what is JSON is the same here and there');
is($silent, 0, 'what comes after garbage is answered');

# Whole lines of bytes, one of them without an end.
my $bytes = join('', map { chr(rand 256) } 1 .. 300_000);
my ($out, $err) = ('', '');
IPC::Run::run([ bridge_program(), $connstr ], '<', \$bytes, '>', \$out, '2>', \$err, IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default));
is($?, 0, 'bytes alone do not hurt it');
is(scalar(grep { !/^\{"jsonrpc":"2\.0","id":null,"error":\{"code":-32[67]00,/ } split /\n/, $out), 0, '... and are all answered alike');

$node->stop;
done_testing();
