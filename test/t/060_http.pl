# 060_http.pl: requests of a background process, whatever a server, the network
# and the name service do, and the policy of repeating them.
#
# selfheal has no face in SQL for this, so a module of the test (lib/httptest,
# made here) drives the room: rows of httptest.job are requests, a background
# worker makes all of a run at once, and rows are what became of them.

use strict;
use warnings;

use lib 'test/t';
use Cwd qw(abs_path);
use FakeHttp;
use File::Basename qw(dirname);
use File::Copy qw(copy);
use IO::Socket::INET;
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

delete $ENV{$_} for grep { /_proxy$/i } keys %ENV;

# ---- the module ----

my $top = dirname(dirname(dirname(abs_path(__FILE__))));
my $built = PostgreSQL::Test::Utils::tempdir();

copy($_, $built) or die "$_: $!" for glob("$top/test/lib/httptest/*");
mkdir "$built/base" or die "$built/base: $!";
copy($_, "$built/base") or die "$_: $!" for glob("$top/src/base/{*.h,http*.c,retry.c}");
for my $command (
	[ 'make', '-s', '-C', $built, 'PG_CONFIG=pg_config', 'with_llvm=no', 'CC=gcc' ],
	[ 'gcc', '-shared', '-fPIC', '-o', "$built/getaddrinfo.so", "$built/getaddrinfo.c", '-ldl' ])
{
	my ($out, $err);
	delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	IPC::Run::run($command, '>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  or die("could not build the test's module: $out$err");
}

# ---- the server and the servers ----

my $node = PostgreSQL::Test::Cluster->new('http');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "max_worker_processes = 20\n");

sub start_with
{
	my (%env) = @_;
	local @ENV{ keys %env } = values %env;
	local $ENV{LD_PRELOAD} = "$built/getaddrinfo.so";
	$node->start;
	return;
}

start_with();
my $libraries = $node->safe_psql('postgres', 'SHOW dynamic_library_path');
$node->safe_psql('postgres', "ALTER SYSTEM SET dynamic_library_path = '$libraries:$built'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('dynamic_library_path') LIKE '%$built'");
$node->safe_psql('postgres', slurp_file("$built/httptest.sql"));

my $fake = FakeHttp->new(log => "$built/requests");
my $elsewhere = FakeHttp->new(log => "$built/elsewhere");
append_to_file("$built/requests.redirect", $elsewhere->url('/stolen') . "\n");

# A port that nobody listens at, and one whose queue is full: not answered.
my $closed = do
{
	my $s = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
	$s->sockport;
};
my $full = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 1);
my @queued = map { IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $full->sockport, Blocking => 0) } 1 .. 5;

# ---- runs ----

my $run = 0;

sub quoted
{
	my ($value) = @_;
	return 'NULL' unless defined $value;
	return $value if ref $value eq '' && $value =~ /^pg_read_file\(/;
	return 'ARRAY[' . join(', ', map { quoted($_) } @$value) . ']::text[]' if ref $value;
	$value =~ s/'/''/g;
	return "'$value'";
}

# Jobs of a new run, as hashes; ids from 1 on unless given.
sub jobs
{
	my (@jobs) = @_;
	my $id = 0;
	my $sql = '';

	$run++;
	for my $job (@jobs)
	{
		my %row = (run => $run, id => ++$id, %$job);
		$row{url} = $fake->url(delete $row{path}) if exists $row{path};
		my @names = sort keys %row;
		$sql .= 'INSERT INTO httptest.job ('
		  . join(', ', @names) . ') VALUES (' . join(', ', map { quoted($row{$_}) } @names) . ");\n";
	}
	$node->safe_psql('postgres', $sql);
	return;
}

sub start_run
{
	my ($options) = @_;
	return $node->safe_psql('postgres', "SELECT httptest.start($run, '" . ($options // '') . "')");
}

# Start it, and come back when it sleeps on its requests.
sub start_and_wait
{
	my ($options) = @_;
	my $pid = start_run($options);
	$node->poll_query_until('postgres', "SELECT wait_event_type = 'Extension' FROM pg_stat_activity WHERE pid = $pid")
	  or die("run $run does not wait");
	return $pid;
}

sub over
{
	my ($phase) = @_;
	$node->poll_query_until('postgres', "SELECT count(*) = 1 FROM httptest.phase WHERE run = $run AND phase = $phase")
	  or die("phase $phase of run $run did not end");
	return;
}

sub run_jobs
{
	my ($options, @jobs) = @_;
	jobs(@jobs);
	start_run($options);
	over(2);
	return;
}

sub result
{
	my ($what, $id, $phase) = @_;
	$phase //= 1;
	return $node->safe_psql('postgres', "SELECT $what FROM httptest.result WHERE run = $run AND phase = $phase AND id = $id");
}

sub phase
{
	my ($what, $phase) = @_;
	$phase //= 1;
	return $node->safe_psql('postgres', "SELECT $what FROM httptest.phase WHERE run = $run AND phase = $phase");
}

# Many questions in one session: [ name, what is expected, SQL ].
sub check
{
	my (@checks) = @_;
	my @answers = split(/^-----\n/m, $node->safe_psql('postgres', join("\n\\echo -----\n", map { "$_->[2];" } @checks)), -1);

	for my $check (@checks)
	{
		chomp(my $answer = shift(@answers) // 'no answer');
		is($answer, $check->[1], $check->[0]);
	}
	return;
}

# ---- what servers do: all of it at once, in one process ----

# [ name, what is expected of the columns, job ]
my @cases = (
	[ 'a reply', 'fault, status, body, content_type', 'none|200|hello|text/plain', { path => '/ok' } ],
	[ 'no content', 'fault, status, body_len', 'none|204|0', { path => '/none' } ],
	[ 'a page of a gateway', 'fault, status, content_type, body_len', 'none|502|text/html; charset=utf-8|24', { path => '/html' } ],
	[ 'a reply with zero bytes', 'fault, body_len', 'none|5', { path => '/nul' } ],
	[ 'gzip', 'fault, body_len, received < body_len', 'none|180|t', { path => '/gzip' } ],
	[ 'chunks, and a trailer that says nothing', 'fault, body, retry_after', 'none|one two three|', { path => '/chunked' } ],
	[ 'a provisional answer before', 'fault, status, request_id, retry_after', 'none|200|late|', { path => '/continue' } ],
	[ 'headers that matter', 'status, retry_after, retry_after_ms, should_retry, content_type',
		'429|7|250|true|application/json', { path => '/limits' } ],
	[ 'a header of strange bytes', "length(request_id), left(request_id, 8)", '200|req_??zz', { path => '/limits' } ],
	[ 'a redirect', 'fault, status, body', 'none|302|elsewhere',
		{ path => '/redirect', header_names => ['x-api-key'], header_values => ['key-that-stays-here'] } ],
	[ 'a name that is looked up slowly', 'fault, body, latency_ms >= 2400', 'none|hello|t',
		{ url => "http://a.slow.test:$fake->{port}/ok" } ],
	[ 'no connection', 'fault, status', 'connect|0', { url => "http://127.0.0.1:$closed/" } ],
	[ 'a reset in the middle', 'fault, status, body_len', 'broken|200|0', { path => '/reset' } ],
	[ 'a reply shorter than announced', 'fault, status, body_len', 'broken|200|0', { path => '/short' } ],
	[ 'a chunk that is cut', 'fault', 'broken', { path => '/cutchunk' } ],
	[ 'a connection that ends without a reply', 'fault, status', 'broken|0', { path => '/close' } ],
	[ 'no HTTP', 'fault, body_len', 'malformed|0', { path => '/nonsense' } ],
	[ 'a status that is no number', 'fault, body_len', 'malformed|0', { path => '/badstatus' } ],
	[ 'gzip that is none', 'fault, body_len', 'malformed|0', { path => '/badgzip' } ],
	[ 'an endless reply', 'fault, body_len', 'too_large|0', { path => '/huge' } ],
	[ 'a reply that is announced too large', 'fault, received < 100000', 'too_large|t', { path => '/announced' } ],
	[ 'a bomb', 'fault, body_len, received < 100000', 'too_large|0|t', { path => '/bomb' } ],
	[ 'too many header lines', 'fault', 'too_large', { path => '/manyheads' } ],
	[ 'a header line without end', 'fault', 'too_large', { path => '/longhead' } ],
	[ 'a reply of exactly the limit', 'fault, body', 'none|hello', { path => '/ok', max_body => 5 } ],
	[ 'a reply of one byte more', 'fault, body', 'too_large|', { path => '/ok', max_body => 4 } ],
	[ 'chunks of one byte more', 'fault, body', 'too_large|', { path => '/chunked', max_body => 12 } ],
	[ 'a server that does not answer', 'fault, latency_ms BETWEEN 700 AND 18000', 'timeout|t', { path => '/hang', total_ms => 700 } ],
	[ 'a server that drips', 'fault, status, latency_ms BETWEEN 500 AND 18000', 'timeout|200|t',
		{ path => '/drip', stall_ms => 500, stall_bytes => 50 } ],
	[ 'a server that drips fast enough', 'fault, latency_ms >= 3000', 'timeout|t',
		{ path => '/drip', stall_ms => 1000, stall_bytes => 2, total_ms => 3000 } ],
	[ 'headers that do not end', 'fault, latency_ms BETWEEN 500 AND 18000', 'timeout|t', { path => '/halfhead', stall_ms => 500 } ],
	[ 'a server that answers late is not stalled', 'fault, body', 'none|later', { path => '/second', stall_ms => 300 } ],
	[ 'a connection that is not taken', "fault, why ~ 'connecting', latency_ms BETWEEN 600 AND 18000", 'timeout|t|t',
		{ url => 'http://127.0.0.1:' . $full->sockport . '/', connect_ms => 600 } ],
	[ 'a name that does not exist', 'fault', 'resolve', { url => 'http://a.none.test/' } ],
	[ 'a name service that is dead', "fault, why ~ 'looking', latency_ms BETWEEN 500 AND 18000", 'timeout|t|t',
		{ url => 'http://a.dead.test/', connect_ms => 500 } ],
	[ 'a URL without a scheme', 'fault', 'request', { url => "127.0.0.1:$fake->{port}/without" } ],
	[ 'another protocol', 'fault', 'request', { url => 'ftp://127.0.0.1/' } ],
	[ 'a file', 'fault', 'request', { url => 'file:///etc/passwd' } ],
	[ 'no host', 'fault', 'request', { url => 'http:///' } ],
	[ 'a password in the URL', 'fault', 'request', { url => "http://me:secret\@127.0.0.1:$fake->{port}/password" } ],
	[ 'a GET', 'body', "GET /echo HTTP/1.1\nAccept-Encoding: gzip, deflate\nAccept: */*\nHost: 127.0.0.1:$fake->{port}\n"
		  . "User-Agent: selfheal/test\nanthropic-version: 2026-10-21\nx-empty:\nbody 0",
		{ path => '/echo', header_names => [ 'x-empty', 'anthropic-version' ], header_values => [ '', '2026-10-21' ] } ],
	[ 'a POST of 2 MB is no form, and asks for no leave', "right(body, 12), body ~* '\ncontent-type|\nexpect', sent",
		'body 2000000|f|2000000', { path => '/echo', body => 'x' x 2_000_000 } ]);

{
	jobs(map { $_->[3] } @cases);
	my $began = time;
	start_run();
	over(2);
	is(phase('sqlstate'), '', 'a run with each of them ends without an error');
	# the dead name service alone would take 20 s, a server that hangs 30
	cmp_ok(phase('took_ms'), '<', 19000, '... all at a time');
	my $id = 0;
	check(
		map { $id++; [ $_->[0], $_->[2], "SELECT $_->[1] FROM httptest.result WHERE run = $run AND phase = 1 AND id = $id" ] }
		  @cases);
	is(scalar(() = $elsewhere->seen('')), 0, 'nobody followed the redirect');
	is(scalar(() = $fake->seen('without')) + scalar(() = $fake->seen('password')), 0, 'nothing was sent to a URL that is refused');
}

is(phase('slots'), 63, 'done transfers give their place back, but for the one whose name is still looked up');

# ---- a process's time ----

run_jobs('', map { { path => '/half' } } 1 .. 8);
is($node->safe_psql('postgres', "SELECT count(*) FROM httptest.result WHERE run = $run AND fault = 'none' AND body = 'late'"),
	8, 'eight requests of half a second');
note('ms: ' . phase('took_ms'));
# one after the other they would take as long as all of them are under way
cmp_ok(phase('took_ms'), '<', $node->safe_psql('postgres', "SELECT sum(latency_ms) / 2 FROM httptest.result WHERE run = $run"), '... are made together');

run_jobs('busy_latch', { path => '/half' });
is(result('fault', 1), 'none', 'a latch that is always set starves no transfer');
cmp_ok(phase('latches'), '>', 1, '... and is told');

run_jobs('wait=50', { path => '/half' });
cmp_ok(phase('timeouts'), '>=', 2, 'http_wait comes back when its time is over');
cmp_ok(phase('timeouts * 50 - took_ms'), '<=', 50, '... and not before');

run_jobs('', { path => '/ok' }, { phase => 2, path => '/ok?again' });
{
	my ($first) = map { /^(\d+)/ } ($fake->seen('GET /ok HTTP'))[-1];
	my ($again) = map { /^(\d+)/ } ($fake->seen('/ok?again'))[-1];
	is($again, $first, 'a connection is used again');
}

run_jobs('transaction', { path => '/ok' });
is(phase('sqlstate'), 'XX000', 'nobody waits in a transaction');

run_jobs('', map { { path => '/hang' } } 1 .. 65);
is(phase('sqlstate'), '54000', 'there is a limit of transfers');
is(phase('slots'), 64, '... and all are given back');

SKIP:
{
	skip 'needs /proc', 1 unless $^O eq 'linux';
	run_jobs('repeat=30', map { { path => $_ } } qw(/ok /gzip /huge /reset /close /chunked /nonsense /html));
	note('kB more: ' . phase('grown_kb'));
	cmp_ok(phase('grown_kb'), '<', 1400, 'a process that has made many requests is no larger');
}

# ---- cancel ----

for my $case (
	[ 'a server that does not answer', $fake->url('/hang'), 64 ],
	[ 'a dead name service', 'http://a.dead.test/', 63 ])
{
	my ($name, $url, $slots) = @$case;
	my @job = ({ url => $url, header_names => ['x-api-key'], header_values => ['@made'] }, { phase => 2, id => 1, path => '/ok' });

	run_jobs('statement_timeout=300', @job);
	is(phase('sqlstate'), '57014', "$name: a timeout cancels");
	note('cancelled at 300 ms, took, cleaned: ' . phase('took_ms, cleaned_ms'));
	cmp_ok(phase('took_ms'), '<', 15000, '... soon');
	cmp_ok(phase('cleaned_ms'), '<', 12000, '... without waiting for what was under way');
	is(phase('slots'), $slots, '... which is gone, or put aside');
	is(result('fault', 1, 2), 'none', '... and the process goes on');

	jobs(@job);
	my $pid = start_and_wait();
	is($node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)"), 't', "$name: cancelled by hand");
	over(2);
	is(phase('sqlstate'), '57014', '... is an error');
	cmp_ok(phase('took_ms'), '<', 15000, '... soon');
	SKIP:
	{
		skip 'needs /proc', 2 unless $^O eq 'linux' && $slots == 63;
		is(phase('traces'), 0, '... and the key is not in memory any more');
		is(phase('open_threads'), 0, '... and no signal can reach the thread that looks up');
	}

	jobs($job[0]);
	$pid = start_and_wait();
	my $began = time;
	is($node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)"), 't', "$name: terminated");
	my $took = time - $began;
	note(sprintf('terminated in %.2f s', $took));
	cmp_ok($took, '<', 15, '... at once');
}

# The lookup of what was put aside ends: it is cleaned away and asks nothing.
run_jobs('statement_timeout=300', { url => "http://a.slow.test:$fake->{port}/aside" }, { phase => 2, path => '/fourth' });
is(phase('slots'), 63, 'a transfer is put aside while its name is looked up');
is(phase('slots', 2), 64, '... and is cleaned away when that is over');
is(scalar(() = $fake->seen('/aside')), 0, '... without ever reaching the server');

# ---- the rest of the cluster ----

{
	my $space = PostgreSQL::Test::Utils::tempdir();
	$node->safe_psql('postgres', 'CREATE DATABASE other');
	$node->safe_psql('postgres', "CREATE TABLESPACE space LOCATION '$space'");
	jobs({ path => '/hang' }, { url => 'http://a.dead.test/' });
	my $pid = start_and_wait();
	my $began = time;
	$node->safe_psql('postgres', 'DROP DATABASE other');
	$node->safe_psql('postgres', 'DROP TABLESPACE space');
	cmp_ok(time - $began, '<', 15, 'nobody who drops a database or tablespace waits for a request');
	is($node->safe_psql('postgres', "SELECT backend_xmin IS NULL AND backend_xid IS NULL FROM pg_stat_activity WHERE pid = $pid"),
		't', 'no snapshot is held meanwhile');
	$node->safe_psql('postgres', "SELECT pg_terminate_backend($pid, 60000)");
}

# ---- keys ----

{
	my $key = join('', map { ('a' .. 'z', 0 .. 9)[ rand 36 ] } 1 .. 32);
	my @secret = (header_names => ['authorization'], header_values => ["pg_read_file('$built/key')"]);

	append_to_file("$built/key", "Bearer sk-$key");
	$node->safe_psql('postgres', 'ALTER SYSTEM SET log_min_messages = debug5');
	$node->reload;
	run_jobs('statement_timeout=4000',
		map { { @secret, %$_ } }
		  { path => '/echo' }, { path => '/hang' }, { path => '/reset' }, { path => '/nonsense' },
		{ url => "http://127.0.0.1:$closed/" }, { url => 'http://a.dead.test/' }, { phase => 2, path => '/echo', id => 1 });
	$node->safe_psql('postgres', 'ALTER SYSTEM RESET log_min_messages');
	$node->reload;
	is(scalar(() = $fake->seen("authorization: Bearer sk-$key")), 5, 'the key goes where it is to go');
	my $log = slurp_file($node->logfile);
	like($log, qr/DEBUG:  /, 'a log with everything in it');
	is(index($log, $key), -1, '... has no key in it');
	my $body = result('body || request_id', 1, 2);
	like($body, qr/authorization: \*{42}\n.*authorization: \*{42}$/s, 'a server that gives it back');
	is(index($body, $key), -1, '... does not get it into a table');

	append_to_file("$built/key", "\nX-Other: oh");
	run_jobs('', { path => '/ok', @secret });
	is(phase('sqlstate'), '22023', 'a header with a line end in it is refused');
	is(index(slurp_file($node->logfile), $key), -1, '... without telling what it is');
	is(scalar(() = $fake->seen('X-Other')), 0, '... and nothing is sent');
}

# ---- TLS ----

{
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=fake',
			'-addext', 'subjectAltName=IP:127.0.0.1', '-keyout', "$built/fake.key", '-out', "$built/fake.crt" ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(60)) or die("openssl: $err");
	my $tls = IPC::Run::start([ 'openssl', 's_server', '-accept', '127.0.0.1:0', '-www',
			'-cert', "$built/fake.crt", '-key', "$built/fake.key" ],
		'<', \undef, '>', \$out, '2>', \$err, IPC::Run::timeout(120));
	$tls->pump until $out =~ /ACCEPT 127\.0\.0\.1:(\d+)/;
	my $port = $1;

	run_jobs('',
		{ url => "https://127.0.0.1:$port/" },
		{ url => "https://127.0.0.1:$port/", ca_file => "$built/fake.crt" },
		{ url => "https://localhost:$port/", ca_file => "$built/fake.crt" },
		{ url => "https://127.0.0.1:$port/", ca_file => "$built/none.crt" },
		{ url => "https://127.0.0.1:$fake->{port}/", ca_file => "$built/fake.crt" });
	is(result('fault, status', 1), 'tls|0', 'a certificate that nobody vouches for is refused');
	is(result('fault, status', 2), 'none|200', '... and taken when it is in the file');
	is(result('fault, status', 3), 'tls|0', '... for its own name only');
	is(result('fault, status', 4), 'request|0', 'a file that is not there');
	is(result('fault, status', 5), 'connect|0', 'no TLS on the other side');
	$tls->kill_kill;
}

# ---- the policy ----

my $noon = 784111777000;    # Sun, 06 Nov 1994 08:49:37 GMT

my @policy;

sub expect
{
	my ($sql, $expected, $name) = @_;
	push @policy, [ $name, $expected, $sql ];
	return;
}

sub decide
{
	my ($fault, $status, %p) = @_;
	return 'SELECT verdict, wait_ms, asked, retries_then, bare_429_then FROM httptest.decide('
	  . join(', ', map { quoted($_) } $fault, $status, @p{qw(retry_after retry_after_ms should_retry)},
		$p{retries} // 0, $p{bare} // 0, $p{dice} // 0, $noon) . ')';
}

expect(decide('none', 200), 'success|0|f|0|0', 'a reply');
expect(decide('none', 200, should_retry => 'true'), 'success|0|f|0|0', 'a reply is a reply');
expect(decide('none', $_), 'refused|0|f|0|0', "$_ is not repeated") for 302, 400, 401, 402, 403, 404, 413, 422;
expect(decide('none', $_), 'again|500|f|1|0', "$_ is repeated") for 408, 409, 500, 502, 503, 504, 529;
expect(decide('none', 429), 'again|500|f|1|1', '429 is repeated, and counted');
expect(decide('none', 429, retry_after => '3', bare => 2), 'again|3000|t|1|0', '... not when it says how long');
expect(decide('none', 429, bare => 2), 'budget_spent|0|f|0|3', 'three of them in a row are a spent budget');
expect(decide('none', 503, bare => 2), 'again|500|f|1|0', '... and not with another in between');
expect(decide('none', $_, should_retry => 'true'), 'refused|0|f|0|0', "$_ is never repeated") for 400, 401, 403;
expect(decide('none', 404, should_retry => 'true'), 'again|500|f|1|0', 'a server that wants to be asked again');
expect(decide('none', 503, should_retry => 'False'), 'refused|0|f|0|0', 'a server that does not');
expect(decide('none', 503, should_retry => 'perhaps'), 'again|500|f|1|0', 'a server that does not know');
expect(decide('broken', 200, should_retry => 'false'), 'again|500|f|1|0', 'a reply that broke off says nothing');
expect(decide($_, 0), 'again|500|f|1|0', "fault $_ may pass") for qw(resolve connect timeout broken malformed other);
expect(decide($_, 0), 'refused|0|f|0|0', "fault $_ does not") for qw(request tls too_large);
expect(decide('none', 503, retries => 1), 'again|1000|f|2|0', 'the second wait is twice as long');
expect(decide('none', 503, retries => 1, dice => 0.999999), 'again|751|f|2|0', '... less a quarter, at most');
expect(decide('none', 503, retries => 2), 'used_up|0|f|2|0', 'the third repetition is none');
expect(decide('none', 429, retries => 2, retry_after => '1'), 'used_up|0|t|2|0', '... whatever the server says');
expect(decide('none', 503, retry_after => '2', retry_after_ms => '1500'), 'again|1500|t|1|0', 'milliseconds go before seconds');
expect(decide('none', 503, retry_after => '2', retry_after_ms => 'soon'), 'again|2000|t|1|0', '... if they are any');
expect(decide('none', 503, retry_after => 'soon'), 'again|500|f|1|0', 'no time at all');
expect(decide('none', 503, retry_after => '3600'), 'again|3600000|t|1|0', 'an hour is waited');
expect(decide('none', 503, retry_after => '3601'), 'too_long|3601000|t|0|0', 'a longer time is not');

sub after { my ($value) = @_; return 'SELECT httptest.after(' . quoted($value) . ", $noon)" }

expect(after('0'), '0', 'retry-after: now');
expect(after('1.5'), '1500', 'a fraction');
expect(after('0.0001'), '1', 'a small one');
expect(after('99999999999999999999999'), '315360000000', 'more than anybody means');
expect(after('Sun, 06 Nov 1994 08:49:40 GMT'), '3000', 'a date');
expect(after('Sunday, 06-Nov-94 08:49:40 GMT'), '3000', '... as in RFC 850');
expect(after('Sun Nov  6 08:49:40 1994'), '3000', '... as of asctime');
expect(after('Thu, 29 Feb 1996 00:00:00 GMT'), 825552000000 - $noon, '... of a leap year');
expect(after('Sat, 05 Nov 1994 08:49:40 GMT'), '0', '... that is over');
expect(after($_), '', "no time: $_") for '', ' ', '-1', '1e3', '0x10', '5 s', '1.5.5', 'tomorrow', 'Sun, 06 Nov 1994 08:49:40',
  'Sun, 06 Foo 1994 08:49:40 GMT', 'Sun, 41 Nov 1994 08:49:40 GMT', 'Sun, 06 Nov 1994 25:49:40 GMT', 'Sun, 06 Nov 1994 08:49:40 GMT+1';

sub breaker
{
	my (@events) = @_;
	return 'SELECT array_to_string(httptest.breaker(' . quoted(\@events) . q{), '; ')};
}

expect(breaker(map { "fail\@$_" } 1 .. 4), '1 0 0; 2 0 0; 3 0 0; 4 0 0', 'four failures open no breaker');
expect(breaker(qw(fail@1 fail@2 fail@3 fail@4 ok@5 fail@6 may@7)), '1 0 0; 2 0 0; 3 0 0; 4 0 0; 0 0 0; 1 0 0; yes',
	'... nor do five that are not in a row');
my @open = map { "fail\@$_" } 1 .. 5;
my $opened = '1 0 0; 2 0 0; 3 0 0; 4 0 0; 5 0 30005';
expect(breaker(@open, qw(may@6 may@30004 may@30005 may@30006)), "$opened; no, 29999; no, 1; yes; no, 30000",
	'the fifth does; then one may try, and one alone');
expect(breaker(@open, qw(fail@10)), "$opened; 6 0 30005", 'one that was under way does not keep it open longer');
expect(breaker(@open, qw(may@30005 ok@31000 may@31001)), "$opened; yes; 0 0 0; yes", 'it goes well: closed');
expect(breaker(@open, qw(may@30005 fail@31000 may@31001)), "$opened; yes; 6 1 91000; no, 59999", 'it does not: open, twice as long');
expect(breaker(@open, qw(may@30005 release may@30006)), "$opened; yes; 5 0 30005; yes", 'a trial that was not made');
expect(breaker(@open, qw(may@30005 may@930004 may@930005)), "$opened; yes; no, 1; yes", 'a trial that never ended is forgotten');
expect(breaker(@open, map { ("may\@${_}0000000", "fail\@${_}0000000") } 1 .. 6),
	"$opened; yes; 6 1 10060000; yes; 7 2 20120000; yes; 8 3 30240000; yes; 9 4 40480000; yes; 10 5 50900000; yes; 11 6 60900000",
	'... up to a quarter of an hour');
push @policy, [ "breaker: $_->[0] $_->[1]", $_->[2], "SELECT httptest.breaker_failure('$_->[0]', $_->[1])" ]
  for [ 'none', 200, 'f' ], [ 'none', 400, 'f' ], [ 'none', 401, 't' ], [ 'none', 403, 't' ], [ 'none', 404, 'f' ],
  [ 'none', 429, 't' ], [ 'none', 500, 't' ], [ 'none', 529, 't' ], [ 'connect', 0, 't' ], [ 'too_large', 200, 'f' ];

check(@policy);

# ---- a proxy of the environment ----

$node->stop;
start_with(http_proxy => "http://127.0.0.1:$fake->{port}", no_proxy => '127.0.0.1');
run_jobs('', { url => 'http://not.there.test/echo' }, { path => '/echo' });
like(result('body', 1), qr{^GET http://not\.there\.test/echo HTTP/1\.1}, 'a proxy of the environment is used');
like(result('body', 2), qr{^GET /echo HTTP/1\.1}, '... and not where no_proxy says so');

# ---- the end ----

{
	jobs({ path => '/hang' }, { url => 'http://127.0.0.1:' . $full->sockport . '/' });
	my $pid = start_and_wait();
	$node->stop('immediate');
	ok(!kill(0, $pid), 'an immediate shutdown ends it');
	start_with();
	jobs({ path => '/hang' }, { url => 'http://a.dead.test/' });
	$pid = start_and_wait('keep');
	my $began = time;
	$node->stop('fast');
	cmp_ok(time - $began, '<', 15, 'a fast shutdown does not wait for requests or names');
	start_with();
	jobs({ path => '/hang' }, { url => 'http://a.dead.test/' });
	$pid = start_and_wait();
	$node->kill9;
	$began = time;
	select(undef, undef, undef, 0.1) while kill(0, $pid) && time - $began < 20;
	cmp_ok(time - $began, '<', 15, 'it ends with the postmaster');
}
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'nothing crashed');

done_testing();
