# Settings that are wrong, and settings that are changed while Claude is asked:
# what is a setting's fault ends no incident, and a change counts from the next
# request on.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('configured', $fake, conf => "selfheal.api_retries = 1\n");
my $dir = PostgreSQL::Test::Utils::tempdir();

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }
sub until_true { my ($sql) = @_; return $node->poll_query_until('postgres', $sql) }

my $good = { tools => [ propose(steps => [ { kind => 'parse_timestamp', column => 'at', type => '', labels => [],
	args => encode_json({ formats => ['YYYY|DD|MM'] }) } ]) ] };
my $look = { tools => [ [ sample_payloads => {} ] ] };

sub bad
{
	my ($table) = @_;
	watch_table($node, $table, 'id int, at date');
	load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	return;
}

sub comes_to
{
	my ($table, $state, $what) = @_;
	ok(until_true("SELECT bool_and(state = '$state') FROM selfheal.incidents WHERE table_name = 'public.$table'"), $what)
	  or diag of_incident($node, $table, 'concat(state, \': \', reason)');
	return;
}

# ---- addresses that are none of a Messages API ----

my ($out, $err) = ('', '');
IPC::Run::run([ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=fake',
		'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$dir/fake.key", '-out', "$dir/fake.crt" ],
	'>', \$out, '2>', \$err, IPC::Run::timeout(60)) or die("openssl: $err");
my $tls = IPC::Run::start([ 'openssl', 's_server', '-accept', '127.0.0.1:0', '-www', '-cert', "$dir/fake.crt", '-key', "$dir/fake.key" ],
	'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(170));
$tls->pump until $out =~ /ACCEPT 127\.0\.0\.1:(\d+)/;
my $untrusted = "https://127.0.0.1:$1";

# Address, what it answers, and what is said of it.
my @wrong = (
	[ 'http://127.0.0.1:1', undef, qr/^could not connect/ ],
	[ $untrusted, undef, qr/: see selfheal\.api_url and selfheal\.api_ca_file/ ],
	[ $fake->url . '/v1', undef, qr/^HTTP status 404 .*: see selfheal\.model and the path of selfheal\.api_url/ ],
	[ $fake->url, { status => 301, headers => [ location => 'https://elsewhere.example/' ] }, qr/^HTTP status 301.*: it says to ask elsewhere.*selfheal\.api_url/ ],
	[ $fake->url, { status => 405, html => 1 }, qr/^HTTP status 405: what answers is no Messages API: see selfheal\.api_url/ ],
	[ $fake->url, { status => 400, html => 1 }, qr/^HTTP status 400: what answers is no Messages API: see selfheal\.api_url/ ]);
for my $n (1 .. @wrong)
{
	my ($url, $answer, $words) = @{ $wrong[ $n - 1 ] };
	my $what = $answer ? $answer->{status} : $n == 1 ? 'nobody there' : $n == 2 ? 'an unknown certificate' : 'a path too much';

	$fake->set_script([ ($answer) x 2, $good ]) if $answer;
	$fake->set_script([$good]) unless $answer;
	set_conf($node, 'selfheal.api_url', "'$url'");
	bad("wrong_$n");
	comes_to("wrong_$n", 'needs_human', "$what: a person sees it");
	is(of_incident($node, "wrong_$n", 'claude ->> \'state\''), 'waiting', "$what: it waits");
	is(value('SELECT value FROM selfheal.status WHERE item = \'claude\''), 'unavailable', "$what: unavailable");
	like(value('SELECT reason FROM selfheal.claude_down'), $words, "$what: and why");
	$fake->set_script([$good]);
	set_conf($node, 'selfheal.api_url');
	comes_to("wrong_$n", 'healed', "$what: mended and reloaded, it goes on by itself");
}
$tls->kill_kill;

# ---- switched off for the database in the middle of a conversation ----

my $before = $fake->count;
$fake->set_script([ ($look) x 9, $good ]);
$fake->hold(170);
bad('off');
ok($fake->wait_for_count($before + 1), 'Claude is asked');
value('ALTER DATABASE postgres SET selfheal.claude = off');
my $loaded = value('SELECT pg_conf_load_time()');
$node->reload;
ok(until_true("SELECT pg_conf_load_time() > '$loaded'"), 'and all are told to read the settings anew');
sleep 0.5;
$fake->release;
comes_to('off', 'needs_human', 'switched off for the database and reloaded, the conversation waits');
is($fake->count, $before + 1, 'and no request was made after that');
is(value('SELECT reason FROM selfheal.conversation WHERE table_name = \'off\''), 'Claude is unavailable: selfheal.claude is off', 'as it says')
  or diag value('SELECT reason FROM selfheal.conversation WHERE table_name = \'off\'');
value('ALTER DATABASE postgres RESET selfheal.claude');
$fake->set_script([$good]);
$node->reload;
comes_to('off', 'healed', 'switched on again, it goes on where it was');
is(value('SELECT string_agg(outcome, \' \') FROM selfheal.conversation WHERE table_name = \'off\''), 'proposed', 'the same conversation');

# ---- less may be told, in the middle of a conversation ----

# How many requests about a table, after its first ones, have this in them.
sub told_after
{
	my ($table, $first, $text) = @_;
	my @requests = grep { $_->{raw} =~ /public\.$table\b/ } $fake->requests;
	splice @requests, 0, $first;
	return scalar(grep { $_->{raw} =~ $text } @requests) . ' of ' . @requests;
}

my $masked = qr/9999\|99\|99/;
$before = $fake->count;
$fake->set_script([ $look, $good, $good ]);
$fake->hold(170);
bad('told');
ok($fake->wait_for_count($before + 1), 'Claude is asked');
like($fake->last_request->{raw}, $masked, 'and told masked values');
value('SELECT selfheal.watch(\'told\', share_values => \'none\')');
$fake->release;
comes_to('told', 'healed', 'when no value may be told any more, the conversation is begun anew');
is(told_after(told => 1, $masked), '0 of 1', 'and what was told is not told again');
is(value('SELECT string_agg(concat_ws(\' \', outcome, coalesce(share_values, \'none\')), \', \' ORDER BY id) FROM selfheal.conversation WHERE table_name = \'told\''),
	'superseded masked, proposed none', 'as it says');

# more in between, by a tool, is what counts
$before = $fake->count;
$fake->set_script([ { turn => 0, tools => [ [ sample_payloads => {} ] ] }, { turn => 1, delay => 3, %$look }, $good, $good ]);
$fake->hold(170);
bad('more');
ok($fake->wait_for_count($before + 1), 'Claude is asked');
value('SELECT selfheal.watch(\'more\', share_values => \'full\')');
$fake->release;
ok($fake->wait_for_count($before + 2), 'and told more by a tool');
$fake->hold(170);
like($fake->last_request->{raw}, qr/2026\|21\|11/, 'as its owner lets it');
value('SELECT selfheal.watch(\'more\', share_values => \'masked\')');
$fake->set_script([ $good, $good ]);
$fake->release;
comes_to('more', 'healed', 'when he takes it back, it is begun anew');
is(told_after(more => 2, qr/2026\|21\|11/), '0 of 1', 'and what was told is not told again');

$node->stop;
done_testing();
