# kill -9 at random moments amid loads by every door, heals and conversations:
# of a producer and his backend, the worker, the agent, the launcher, the
# checkpointer, the postmaster; and an immediate stop. What was acknowledged
# stands in its table exactly once, or is held, or was discarded by a rule;
# nothing that was taken back is there; the books agree with the tables, the
# record verifies, also against each head that the server log says; nothing is
# left behind, and healing goes on. What a commit without a flush may lose is
# lost here: the WAL writer sleeps.
#
#   SELFHEAL_KILLS_SEED=17      another order of victims, other moments
#   SELFHEAL_KILLS_SECONDS=1200 goes on for so long, with new tables now and then
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use IPC::Run ();
use List::Util qw(shuffle);
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WorkerTest;

my $seed = $ENV{SELFHEAL_KILLS_SEED} // 59;
my $seconds = $ENV{SELFHEAL_KILLS_SECONDS} // 0;
srand $seed;
diag("SELFHEAL_KILLS_SEED=$seed") if $seconds;
note("SELFHEAL_KILLS_SEED=$seed");

# a round each, in an order that the seed says
my @VICTIMS = ('producer', 'client backend', 'selfheal worker', 'postmaster', 'selfheal worker', 'selfheal agent', 'selfheal launcher', 'checkpointer', 'immediate stop');
my $STEPS = 60;    # of each door in each round; few come to pass
my $ROWS = 5;

my $fake = FakeClaude->new(mode => 'think', pace => 0.3, life => $seconds + 900);
my $node = claude_server('kills', $fake,
	conf => "wal_writer_delay = '10s'\nlog_min_messages = error\nmax_prepared_transactions = 50\nselfheal.worker_linger = '120s'\nselfheal.replay_chunk = 20\n");

sub value { return $node->safe_psql('postgres', $_[0]) }
sub ids { return split /\n/, value($_[0]) }

# ---- what is sent ----

# Every few steps something that does not fit: wider and bigger in each round,
# a new key.
sub text_of { my ($round, $step) = @_; return $step % 4 ? 'ok' : 'x' x (10 * 3**(1 + $round % 6)) }

sub payload
{
	my ($round, $step, $id, %more) = @_;
	my @fields = (qq("id": $id), sprintf('"v": "%s"', text_of($round, $step)), map { qq("$_": $more{$_}) } sort keys %more);
	push @fields, '"n": 7' . '0' x (3 * (1 + $round % 6)) if $step % 5 == 0;
	push @fields, qq("key_$round": $id) if $step % 7 == 0;
	return '{' . join(', ', @fields) . '}';
}

sub values_of
{
	my ($code, @ids) = @_;
	return join ', ', map { "('" . $code->($_) . "')" } @ids;
}

# The doors: a table, and what one step says to psql. {refused}: what does not
# fit is refused; {held}: rows may be left that wait for a person; {counted}: all
# of its rows are in the books of its loads and replays.
my %door = (
	# taken back in part each time: id -1
	sent => {
		table => 'id bigint, v varchar(4), n smallint', counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return ('BEGIN', 'SAVEPOINT s', qq(INSERT INTO ${t}_intake VALUES ('{"id": -1, "v": "taken back"}')), 'ROLLBACK TO s',
				"INSERT INTO ${t}_intake VALUES " . values_of(sub { payload($round, $step, @_) }, @ids), 'COMMIT');
		} },
	lines => {
		table => 'id bigint, v varchar(4), n smallint', counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return join "\n", "COPY ${t}_intake FROM STDIN (FORMAT ndjson);", (map { payload($round, $step, $_) } @ids), '\\.';
		} },
	filed => {
		table => 'id bigint, v varchar(4)', counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			my $lines = join ' ', map { "$_," . text_of($round, $step) } @ids;
			return qq(SELECT FROM selfheal.copy_from('$t', program => 'printf "%s\\n" $lines', options => '{"format": "csv"}'));
		} },
	# in two phases: what was prepared is a promise
	prepared => {
		table => 'id bigint, v varchar(4), n smallint', counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return ('BEGIN', "INSERT INTO ${t}_intake VALUES " . values_of(sub { payload($round, $step, @_) }, @ids),
				"PREPARE TRANSACTION '$t $ids[0]'", "\\warn done $step", "COMMIT PREPARED '$t $ids[0]'");
		} },
	# sent again under its load_id when the server is back: all of it is there
	again => {
		table => 'id bigint, v varchar(4), n smallint', resent => 1, counted => 1,
		first => sub { my ($t, $round) = @_; return "SET selfheal.load_id = '$t/$round'" },
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return "INSERT INTO ${t}_intake VALUES " . values_of(sub { payload($round, $step, @_) }, @ids);
		} },
	# plain statements: refused when they do not fit, stored by the healer then
	said => {
		table => 'id bigint PRIMARY KEY, v varchar(4), n smallint', watch => 'replay_statements => true', rows => 1, refused => 1,
		step => sub {
			my ($t, $round, $step, $id) = @_;
			return "INSERT INTO $t VALUES ($id, '" . text_of($round, $step) . "', " . ($step % 5 ? 1 : '7' . '0' x (3 * (1 + $round % 6))) . ')';
		} },
	parted => {
		counted => 1, table => "id bigint, day date NOT NULL, v varchar(4), n smallint, PRIMARY KEY (id, day)) PARTITION BY RANGE (day",
		more => q(CREATE TABLE %t_2026_01 PARTITION OF %t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
			CREATE TABLE %t_2026_02 PARTITION OF %t FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')),
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return "INSERT INTO ${t}_intake VALUES "
			  . values_of(sub { payload($round, $step, $_[0], day => sprintf '"2026-%02d-%02d"', 1 + ($round + ($step % 3)) % 12, 1 + $_[0] % 28) }, @ids);
		} },
	# stored in the order in which they came, within a customer
	ordered => {
		table => 'pos bigserial, id bigint, customer int, v varchar(4)', watch => "ordering_key => 'customer'", counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return "INSERT INTO ${t}_intake VALUES "
			  . values_of(sub { sprintf '{"id": %d, "customer": %d, "v": "%s"}', $_[0], $_[0] % 3, text_of($round, $step) }, @ids);
		} },
	# their parents come a step later
	child => {
		table => 'id bigint UNIQUE, parent bigint REFERENCES %s.parent, v varchar(4)', counted => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			my $parent = $ids[0];
			(my $parents = $t) =~ s/\.child$/.parent/;
			return ("INSERT INTO ${t}_intake VALUES " . values_of(sub { sprintf '{"id": %d, "parent": %d, "v": "%s"}', $_[0], $parent, text_of($round, $step) }, @ids),
				"INSERT INTO $parents VALUES ($parent)");
		} },
	# numbers in another notation: what was sent is kept
	mapped => {
		table => 'id bigint, n int', counted => 1, kept => 1,
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return "INSERT INTO ${t}_intake VALUES "
			  . values_of(sub { sprintf '{"id": %d, "n": %s}', $_[0], $_[0] % 2 ? '"1,234,567"' : 7 }, @ids);
		} },
	# new labels, in a transaction before the rows'
	felt => {
		table => 'id bigint, mood %t_mood', counted => 1, before => "CREATE TYPE %t_mood AS ENUM ('ok')",
		after => "SELECT selfheal.set_policy('%t', step => 'add_enum_label', verdict => 'auto')",
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			my $mood = $step % 6 ? 'ok' : "mood_$round";
			return "INSERT INTO ${t}_intake VALUES " . values_of(sub { qq({"id": $_[0], "mood": "$mood"}) }, @ids);
		} },
	# its contract discards rows with keys that it does not know
	ruled => {
		table => 'id bigint, v varchar(4), n smallint', ruled => 1, after => "SELECT selfheal.set_contract('%t', columns => 'discard_row')",
		step => sub {
			my ($t, $round, $step, @ids) = @_;
			return "INSERT INTO ${t}_intake VALUES " . values_of(sub { payload($round, $step, @_) }, @ids);
		} },
	# what Claude is asked about, another column in each round
	odd => {
		table => 'id bigint, ' . join(', ', map { "at_$_ date" } 1 .. @VICTIMS), rows => 1, held => 1,
		step => sub {
			my ($t, $round, $step, $id) = @_;
			my $at = $step % 5 ? '2026-11-22' : (qw(2026|21|11 11.21..2026 21th-of-11))[ $round % 3 ];
			return qq(INSERT INTO ${t}_intake VALUES ('{"id": $id, "at_$round": "$at"}'));
		} });

# ---- tables of one generation ----

my $schema;
my (%tried, %acked);    # of it: door => { id => 1 }
my $sandbox = "SELECT coalesce(n.nspacl::text, '') || ' ' || (SELECT count(*) FROM pg_class c WHERE c.relnamespace = n.oid)"
  . " || ' ' || (SELECT count(*) FROM pg_proc p WHERE p.pronamespace = n.oid) || ' ' || (SELECT count(*) FROM pg_type t WHERE t.typnamespace = n.oid)"
  . " FROM pg_namespace n WHERE nspname = 'selfheal_sandbox'";
my $sandbox_was = value($sandbox);

sub new_tables
{
	$schema = 'g' . ($_[0] // 1);
	%tried = %acked = ();
	my $sql = "CREATE SCHEMA $schema; CREATE TABLE $schema.parent (id bigint PRIMARY KEY);";
	for my $name (sort keys %door)
	{
		my $d = $door{$name};
		my @sql = ($d->{before} // (), "CREATE TABLE %t ($d->{table})", $d->{more} // (),
			"SELECT selfheal.watch('%t'" . (defined $d->{watch} ? ", $d->{watch}" : '') . ')', $d->{after} // ());
		$sql .= "$_;" =~ s/%t/$schema.$name/gr =~ s/%s/$schema/gr for @sql;
	}
	value($sql);
	return;
}

# ---- producers ----

sub ids_of
{
	my ($name, $round, $step) = @_;
	return map { $round * 10000 + $step * 10 + $_ } 1 .. ($door{$name}{rows} // $ROWS);
}

# A psql that says its steps one by one, and a word after each that was
# acknowledged (on stderr, which psql does not keep back).
sub start_producer
{
	my ($name, $round, $steps) = @_;
	my $d = $door{$name};
	my $t = "$schema.$name";
	my $script = "SET client_min_messages = error;\n\\set VERBOSITY sqlstate\n";
	$script .= $d->{first}->($t, $round) . ";\n" if $d->{first};
	for my $step (1 .. $steps)
	{
		my @ids = ids_of($name, $round, $step);
		$tried{$name}{$_} = 1 for @ids;
		$script .= /^\\/ || /\\\.\z/ ? "$_\n" : "$_;\n" for $d->{step}->($t, $round, $step, @ids);
		$script .= $d->{refused} ? "\\if :ERROR\n\\else\n\\warn done $step\n\\endif\n" : "\\warn done $step\n";
	}
	my $file = $node->basedir . "/$schema.$name";
	unlink "$file.err";
	open my $fh, '>', "$file.sql" or die "could not write $file.sql: $!";
	print $fh $script;
	close $fh;
	return {
		name => $name, round => $round, err => "$file.err",
		handle => IPC::Run::start([
				'psql', '-XqAt', '-v', 'ON_ERROR_STOP=' . ($d->{refused} ? 0 : 1), '-f', "$file.sql",
				'-d', $node->connstr('postgres') . ' application_name=producer'
			], '<', \undef, '>', '/dev/null', '2>', "$file.err", IPC::Run::timeout(180)) };
}

# Somebody who looks in: replays by hand, changes a table himself, asks for the
# record. What he meets is his affair.
sub start_person
{
	my ($round) = @_;
	my $file = $node->basedir . '/person.sql';
	open my $fh, '>', $file or die "could not write $file: $!";
	for my $step (1 .. 20)
	{
		my $t = "$schema." . (shuffle qw(sent lines filed parted again felt))[0];
		print $fh "SELECT selfheal.replay('$t');\nALTER TABLE $schema.lines ADD IF NOT EXISTS own_$round int;\n"
		  . "SELECT ok FROM selfheal.verify_audit();\nSELECT pg_sleep(0.05);\n";
	}
	close $fh;
	return IPC::Run::start([ 'psql', '-XqAt', '-f', $file, '-d', $node->connstr('postgres') . ' application_name=producer' ],
		'<', \undef, '>', '/dev/null', '2>', '/dev/null', IPC::Run::timeout(180));
}

sub said { my ($run) = @_; return -e $run->{err} ? slurp_file($run->{err}) : '' }
sub steps_done { my @done = said($_[0]) =~ /^done (\d+)$/mg; return @done }

# It has ended, by itself or with the server. What it says of an error of ours
# is a fault.
sub end_producer
{
	my ($run) = @_;
	eval { $run->{handle}->finish; 1 } or die "$run->{name} does not end: $@";
	$acked{ $run->{name} }{$_} = 1 for map { ids_of($run->{name}, $run->{round}, $_) } steps_done($run);
	my $lost = qr/57P0[123]|08\d\d\d/;
	my $allowed = $door{ $run->{name} }{refused} ? qr/$lost|22001|22003|23505/ : $lost;
	unlike(said($run), qr/(?:ERROR|FATAL|PANIC):\s+(?!$allowed)[0-9A-Z]{5}\b/, "round $run->{round}: $run->{name} met no error of ours");
	return (said($run) =~ s/^done \d+\n//gmr) eq '';
}

# ---- victims ----

sub alive
{
	my ($pid) = @_;
	return 0 unless kill 0, $pid;
	open my $stat, '<', "/proc/$pid/stat" or return -d '/proc/self' ? 0 : 1;
	my $line = <$stat> // '';
	return $line !~ /\) [ZX] /;    # a zombie that nobody reaps holds nothing
}

sub processes { return ids('SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()') }

# None of them is left, and then a server can be started.
sub all_gone
{
	my ($what, @pids) = @_;
	my $until = time + 60;
	sleep 0.02 while time < $until && grep { alive($_) } @pids;
	is_deeply([ grep { alive($_) } @pids ], [], "$what: no process outlives the postmaster");
	return;
}

sub kill_one
{
	my ($round, $kind) = @_;
	my $what = "round $round: $kind";

	if ($kind eq 'postmaster' || $kind eq 'immediate stop')
	{
		my @pids = processes();
		my $postmaster = $node->{_pid};
		if ($kind eq 'postmaster') { $node->kill9 }
		else { $node->stop('immediate') }
		all_gone($what, @pids);
		sleep 0.02 while kill 0, $postmaster;    # not even a zombie
		$node->start;
		return 1;
	}
	my $who = "backend_type = '$kind'" . ($kind eq 'client backend' ? " AND application_name = 'producer'" : '');
	my $until = time + 3;
	my @pids;
	until (@pids || time > $until)
	{
		@pids = ids("SELECT pid FROM pg_stat_activity WHERE $who ORDER BY state = 'active' DESC");
		sleep 0.05 unless @pids;
	}
	if (!@pids)
	{
		note("$what: there is none");
		return 0;
	}
	my $offset = -s $node->logfile;
	kill 'KILL', $pids[ rand(@pids > 3 ? 3 : @pids) ];
	$until = time + 20;
	sleep 0.02 until time > $until || substr(slurp_file($node->logfile), $offset) =~ /was terminated by signal 9/;
	if (time > $until)
	{
		note("$what: it had ended by itself");
		return 0;
	}
	ok($node->wait_for_log(qr/database system is ready to accept connections/, $offset), "$what: SIGKILL");
	return 1;
}

# Half of the producers, which their backends notice.
sub kill_producers
{
	my (@runs) = @_;
	$_->{handle}->signal('KILL') for @runs[ 0 .. @runs / 2 ];
	return 1;
}

# ---- what must be so ----

# What the loads and replays of a table say that they brought.
sub check_books
{
	my ($what, $name, $stored, $held) = @_;
	my ($first, $later) = split /\|/, value("SELECT coalesce(sum(stored), 0), coalesce(sum(held), 0) FROM selfheal.load WHERE relid = '$schema.$name'::regclass");
	my ($replayed, $ids, $alike) = split /\|/, value("SELECT coalesce(sum(rows), 0), coalesce(sum(n), 0), count(*) - count(DISTINCT sha256) FROM selfheal.replayed,
		LATERAL (SELECT sum(upper(r) - lower(r)) AS n FROM unnest(ids) r) u WHERE relid = '$schema.$name'::regclass");
	is($first + $replayed, $stored, "$what: $name: loads and replays have stored what is there");
	is($replayed + $held, $later, "$what: $name: what was held is stored or held");
	is("$ids $alike", "$replayed 0", "$what: $name: no held row was stored in two replays");
	return;
}

sub check
{
	my ($what) = @_;

	# what was prepared is a promise
	value("COMMIT PREPARED '$_'") for ids('SELECT gid FROM pg_prepared_xacts');
	value("INSERT INTO $schema.parent SELECT unnest('{" . join(',', sort keys %{ $tried{child} }) . "}'::bigint[]) ON CONFLICT DO NOTHING");
	is(idle($node, 'postgres'), 't', "$what: all is done");

	# an incident at whose heals the server was killed too often is for a person
	my @spent = ids("SELECT id FROM selfheal.incident WHERE state IN ('needs_human', 'failed') AND relid IS NOT NULL");
	note("$what: asked for again: @spent") if @spent;
	value("SELECT selfheal.retry($_)") for @spent;
	is(idle($node, 'postgres'), 't', "$what: and after a word of a person too") if @spent;

	for my $name (sort keys %door)
	{
		my $t = "$schema.$name";
		my @stored = ids("SELECT id FROM $t");
		my $who = q~substring(coalesce(payload, convert_from(line, 'UTF8')) FROM '^(?:[{]"id": )?"?([-0-9]+)')~;
		my @held = ids("SELECT $who FROM selfheal.quarantine WHERE relid = '$t'::regclass AND state = 'held' AND witness IS NULL");
		my @discarded = ids("SELECT $who FROM selfheal.quarantined WHERE table_name = '$t' AND state = 'discarded'");
		my %there;
		$there{$_}++ for @stored, @held, @discarded;
		note(sprintf '%s: %s: %d tried, %d acknowledged, %d stored, %d held, %d discarded', $what, $name,
			map { scalar @$_ } [ keys %{ $tried{$name} } ], [ keys %{ $acked{$name} } ], \@stored, \@held, \@discarded);
		cmp_ok(scalar keys %{ $acked{$name} }, '>', 0, "$what: $name: rows were acknowledged");
		is_deeply([ grep { !$there{$_} } sort keys %{ $acked{$name} } ], [], "$what: $name: none of them is lost");
		is_deeply([ grep { $there{$_} > 1 } sort keys %there ], [], "$what: $name: none is there twice");
		is_deeply([ grep { !$tried{$name}{$_} } sort keys %there ], [], "$what: $name: and nothing else is there");
		is(scalar @held, 0, "$what: $name: none is held") unless $door{$name}{held};
		cmp_ok(scalar @discarded, '>', 0, "$what: $name: the rule was followed") if $door{$name}{ruled} && @stored > 100;
		check_books($what, $name, scalar @stored, scalar @held) if $door{$name}{counted};
		is(value("SELECT count(*), count(DISTINCT payload) FROM selfheal.originals WHERE table_name = '$t'"),
			join('|', (scalar grep { $_ % 2 } @stored) x 2), "$what: $name: what was sent is kept, once") if $door{$name}{kept};
	}
	is(value("SELECT count(*) FROM (SELECT id < lag(id) OVER (PARTITION BY customer ORDER BY pos) AS wrong FROM $schema.ordered) o WHERE wrong"),
		'0', "$what: what has an order is in it");

	is(value('SELECT ok, unsealed FROM selfheal.verify_audit()'), 't|0', "$what: the record verifies");
	heads_hold($node, $what);
	is(value("SELECT string_agg(i.id || ' ' || i.state, ', ') FROM selfheal.incident i
		WHERE state NOT IN ('healed', 'dismissed', 'needs_human', 'awaiting_approval')"), '', "$what: no incident is under way");
	is(value("SELECT string_agg(format('%s %s %s', table_name, class, reason), E'\\n') FROM selfheal.incidents
		WHERE state NOT IN ('healed', 'dismissed') AND table_name LIKE '$schema.%' AND table_name <> '$schema.odd'"), '', "$what: no incident of drift is left");
	is(value("SELECT count(*) FROM selfheal.plan WHERE state IN ('planned', 'approved')"), '0', "$what: no plan is under way");
	is(value($sandbox), $sandbox_was, "$what: the sandbox is as it was");
	is(value('SELECT count(*) FROM pg_index WHERE NOT (indisvalid AND indisready AND indislive)'), '0', "$what: all indexes are valid");
	is(value("SELECT count(*) FROM pg_constraint WHERE NOT convalidated AND conrelid::regclass::text LIKE '$schema.%'"), '0', "$what: all constraints");
	is(value("SELECT count(*) FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid WHERE tgenabled = 'D'"), '0', "$what: no trigger is off");
	is(value("SELECT string_agg(relname, ' ') FROM pg_class WHERE relnamespace = '$schema'::regnamespace AND relkind = 'r' AND NOT relispartition
		AND relname NOT IN ('parent', " . join(', ', map { "'$_'" } keys %door) . ')'), '', "$what: no table is left over");
	is(value("SELECT count(*) FROM pg_locks WHERE locktype IN ('advisory', 'userlock')"), '0', "$what: no lock is left");
	return;
}

# ---- a generation of rounds ----

sub run_round
{
	my ($round, $kind) = @_;
	my @runs = map { start_producer($_, $round, $STEPS) } shuffle sort keys %door;
	my $person = start_person($round);

	# in the midst of it, whenever that is
	my $until = time + 30;
	sleep 0.02 until time > $until || 3 < grep { steps_done($_) > 1 } @runs;
	sleep rand 0.5;
	my $killed = $kind eq 'producer' ? kill_producers(@runs) : kill_one($round, $kind);
	end_producer($_) for @runs;
	eval { $person->finish; 1 } or die "a person's session does not end: $@";
	ok($node->poll_query_until('postgres', 'SELECT true'), "round $round: the server is back");
	for my $name (grep { $door{$_}{resent} } sort keys %door)
	{
		ok(end_producer(start_producer($name, $round, $STEPS)), "round $round: $name is sent again");
	}
	return $killed;
}

my $from = time;
my $generation = 0;
my $killed = 0;
do
{
	new_tables(++$generation);
	my $round = 0;
	$killed += run_round(++$round, $_) for shuffle @VICTIMS;
	check("generation $generation");
	value("SET client_min_messages = error; DROP SCHEMA $schema CASCADE") if $seconds;
	BAIL_OUT("kills, seed $seed") if $seconds && !Test::More->builder->is_passing;
} while (time - $from < $seconds);
cmp_ok($killed, '>=', $generation * (@VICTIMS - 2), 'rounds had their victims');

# And on it goes.
value(q(CREATE TABLE last (id bigint, v varchar(4)); SELECT selfheal.watch('last');
	INSERT INTO last_intake VALUES ('{"id": 1, "v": "longer than four", "afterwards": true}')));
is(idle($node, 'postgres'), 't', 'idle');
is(value('SELECT v, afterwards FROM last'), 'longer than four|t', 'a new table is healed');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11\b|signal 6\b|cache lookup failed|XX00\d|invalid page|could not look into/, 'nothing but our kills');
is($fake->count(status => 400), 0, 'nothing that the API refuses was asked');
my @pids = processes();
$node->stop;
all_gone('a stop', @pids);
$fake->stop;
note(sprintf '%d kills in %.0f s', $killed, time - $from);
done_testing();
