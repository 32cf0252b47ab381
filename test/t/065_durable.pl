# Conversations with Claude outlast their process: killed at any point, they go
# on word for word, no result is sent twice, a plan is applied once. And nothing
# waits for a model: not a load, not a lock, not DROP DATABASE.
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
use Time::HiRes qw(time sleep);
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $node = claude_server('durable', $fake, conf => "selfheal.worker_linger = '2s'\n");

sub value { my ($sql, $db) = @_; return $node->safe_psql($db // 'postgres', $sql) }
sub until_true { my ($sql, $db) = @_; return $node->poll_query_until($db // 'postgres', $sql) }

my $AGENT = "backend_type = 'selfheal agent'";

sub agent_pid
{
	my ($db) = @_;
	return value("SELECT pid FROM pg_stat_activity WHERE $AGENT AND datname = '" . ($db // 'postgres') . "'");
}

sub step
{
	my ($kind, $column, %args) = @_;
	return { kind => $kind, column => $column, type => '', labels => [], args => encode_json({%args}) };
}

# What the model says the n-th time it speaks, however often it is asked.
my @talk = (
	{ turn => 0, tools => [ [ sample_payloads => {} ], [ inspect_schema => {} ] ] },
	{ turn => 1, tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['DD|MM|YYYY']) ]) ] },
	{ turn => 2, tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] });

# ---- places at which a process can be stopped ----

my %place = (
	1 => [ 'before a request is stored', 'selfheal.agent_turn', 'INSERT', q(NEW.kind = 'request') ],
	2 => [ 'before a reply is stored', 'selfheal.agent_turn', 'INSERT', q(NEW.kind = 'reply') ],
	3 => [ 'after a reply is stored', 'selfheal.agent_turn', 'INSERT', q(NEW.kind = 'tool_call') ],
	4 => [ 'between a call and its result', 'selfheal.agent_turn', 'INSERT', q(NEW.kind = 'tool_result') ],
	5 => [ 'before a plan is stored', 'selfheal.agent_turn', 'UPDATE', q(NEW.plan IS NOT NULL) ],
	6 => [ 'between a stored plan and the end of its dry run', 'selfheal.audit', 'INSERT', q(NEW.event = 'dry_run') ],
	7 => [ 'between approval and apply', 'selfheal.audit', 'INSERT', q(NEW.event = 'applied') ]);

make_stop($node);
stop_at($node, $_, @{ $place{$_} }[ 1, 2, 3 ]) for sort keys %place;

# Each request repeats the ones before it word for word, and has each result
# once; nothing that the API refuses.
sub is_verbatim
{
	my ($what) = @_;
	my $json = JSON::PP->new->canonical;
	my (@before, $bad);

	# where a mark of the cache stands is no part of what is said
	my $bare;
	$bare = sub {
		my ($v) = @_;
		return [ map { $bare->($_) } @$v ] if ref $v eq 'ARRAY';
		return { map { $_ => $bare->($v->{$_}) } grep { $_ ne 'cache_control' } keys %$v } if ref $v eq 'HASH';
		return $v;
	};
	for my $request ($fake->requests)
	{
		my $body = $bare->($request->{body});
		my @said = map { $json->encode($_) } $body->{system}, $body->{tools}, @{ $body->{messages} };
		my $results = join ' ', map { map { $_->{type} eq 'tool_result' ? $_->{tool_use_id} : () } @{ $_->{content} } }
		  grep { ref $_->{content} } @{ $body->{messages} };
		my %seen;
		$bad = "a result twice: $results" if grep { $seen{$_}++ } split / /, $results;
		$bad = 'shorter than the one before' if @said < @before;
		for my $i (0 .. $#before)
		{
			next if $i > $#said || $said[$i] eq $before[$i];
			$bad = "message $i: $before[$i]\nbecame $said[$i]";
		}
		@before = @said;
	}
	$bad = 'nothing was asked' unless @before;
	is($bad, undef, "$what: word for word, each result once");
	is($fake->count(status => 400), 0, "$what: nothing that the API refuses");
	return;
}

my $tables = 0;

# A table with one incident that is to be talked about, its talk stopped at a
# place; undef: while Claude thinks.
sub stopped_at
{
	my ($place) = @_;
	my $table = 'd' . ++$tables;
	my $session;

	$fake->forget;
	watch_table($node, $table, 'id int, at date');
	if (defined $place)
	{
		$session = hold_at($node, $place);
	}
	else
	{
		$fake->hold(170);
	}
	load($node, $table, map { "{\"id\": $_, \"at\": \"2026|2$_|11\"}" } 1 .. 3);
	ok(defined $place ? stopped($node) : $fake->wait_for_count(1), 'it has come there');
	return ($table, $session);
}

# What came of it.
sub is_whole
{
	my ($table, $what) = @_;
	$fake->release;
	until_true("SELECT state = 'healed' FROM selfheal.incidents WHERE table_name = 'public.$table'");
	is(of_incident($node, $table, 'state'), 'healed', "$what: healed");
	is(value("SELECT string_agg(id || '=' || at, ' ' ORDER BY id) FROM $table"),
		'1=2026-11-21 2=2026-11-22 3=2026-11-23', "$what: each row once");
	is(value("SELECT count(*) FILTER (WHERE p.state = 'applied') || ' of ' || count(*) FROM selfheal.plan p JOIN selfheal.conversation v ON v.id = p.conversation WHERE v.table_name = '$table'"),
		'1 of 2', "$what: a plan is stored once, and applied once");
	is(value("SELECT count(*) FROM selfheal.audit WHERE event = 'applied' AND table_name = '$table'"), 1, "$what: so says the audit");
	is(value("SELECT count(*) || ' ' || count(DISTINCT tool_use) FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation WHERE v.table_name = '$table' AND t.kind = 'tool_result'"),
		'4 4', "$what: each call has one result");
	is_verbatim($what);
	return;
}

# ---- killed ----

$fake->set_script([@talk]);
for my $place (undef, sort keys %place)
{
	my $name = defined $place ? $place{$place}[0] : 'while Claude thinks';
	for my $how ('pg_terminate_backend', 'kill -9')
	{
		my ($table, $session) = stopped_at($place);
		my $pid = '';

		# whoever stops there is awake for a moment between two naps
		for (1 .. 100)
		{
			last if $pid ne '';
			$pid = value('SELECT pid FROM pg_stat_activity WHERE ' . (defined $place ? $STOPPED : $AGENT));
		}
		if ($how eq 'kill -9')
		{
			crash($node, $pid);
			$session->{run}->kill_kill if $session;
			until_true('SELECT true');
		}
		else
		{
			value("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $pid OR $AGENT");
			until_true("SELECT count(*) = 0 FROM pg_stat_activity WHERE pid = $pid");
			$session->quit if $session;
		}
		is_whole($table, "$how $name");
	}
}

# ---- the server stops ----

for my $how ('immediate', 'fast')
{
	for my $place (undef, 4)
	{
		my ($table, $session) = stopped_at($place);
		my $name = "$how stop " . (defined $place ? $place{$place}[0] : 'while Claude thinks');
		cmp_ok(seconds_of(sub { $node->stop($how) }), '<', $AT_ONCE, "$name is prompt");
		$session->{run}->kill_kill if $session;
		$node->start;
		is_whole($table, $name);
	}
}

# ---- several conversations at a time; a request that is cancelled ----

for my $how ('kill -9', 'pg_terminate_backend', 'pg_cancel_backend')
{
	$fake->forget;
	$fake->set_script([ $talk[0], { turn => 1, tools => $talk[2]{tools} } ]);
	$fake->hold(170);
	my @names = map { 'm' . ++$tables } 1 .. 4;
	for my $table (@names)
	{
		watch_table($node, $table, 'id int, at date');
		load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	}
	ok($fake->wait_for_count(4), 'four are talked about');
	my $pid = agent_pid();
	if ($how eq 'kill -9') { crash($node, $pid); until_true('SELECT true') }
	else { value("SELECT $how($pid)") }
	ok($fake->wait_for_count(8), "$how: all four are asked about again");
	$fake->release;
	my $list = join ', ', map { "'public.$_'" } @names;
	ok(until_true("SELECT count(*) = 4 FROM selfheal.incidents WHERE state = 'healed' AND table_name IN ($list)"), "$how: all four heal");
	is(value(join ' UNION ALL ', map { "SELECT at FROM $_" } @names), join("\n", ('2026-11-21') x 4), "$how: each row once");
	is($fake->count(status => 400), 0, "$how: nothing that the API refuses");
}

# ---- a call that ends its process each time, or the server with it ----

value(<<'SQL');
CREATE TABLE how (kill boolean);
CREATE FUNCTION mine(d date) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = pg_backend_pid() AND backend_type = 'selfheal agent') THEN
		RETURN true;
	ELSIF EXISTS (SELECT FROM public.how WHERE kill) THEN
		COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';
	ELSE
		PERFORM pg_terminate_backend(pg_backend_pid());
	END IF;
	RETURN true;
END $$;
SQL
for my $how ('pg_terminate_backend', 'kill -9')
{
	my $table = $how eq 'kill -9' ? 'mined_all' : 'mined';

	$fake->forget;
	$fake->set_script([ { turn => 0, tools => [ propose(steps => [ step('parse_timestamp', 'at', formats => ['YYYY|DD|MM']) ]) ] },
		{ turn => 1, when => qr/it is not run again/, tools => [ propose(explanation => 'it cannot be tried') ] } ]);
	watch_table($node, $table, 'id int, at date CHECK (mine(at))');
	value('INSERT INTO how VALUES (true)') if $how eq 'kill -9';
	load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	until_true("SELECT state = 'needs_human' FROM selfheal.incident WHERE table_name = '$table'");
	is(of_incident($node, $table, 'state'), 'needs_human', "$how: a call that ends its process is given up");
	is(value("SELECT count(*) FROM selfheal.turns t JOIN selfheal.conversations v ON v.id = t.conversation WHERE v.table_name = 'public.$table' AND t.kind = 'tool_call' AND t.plan_id IS NOT NULL"),
		4, "$how: run three times, not a fourth");
	is(value("SELECT string_agg(p.state, ' ') FROM selfheal.plan p JOIN selfheal.conversation v ON v.id = p.conversation WHERE v.table_name = '$table'"),
		'failed', "$how: its plan has failed");
}

$node->stop;
done_testing();
