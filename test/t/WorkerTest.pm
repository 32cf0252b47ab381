# Helpers of the worker's tests: a server with selfheal, a table whose heal
# can be stopped half-way, and questions about the processes.
package WorkerTest;

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(
  new_server set_conf workers worker_pid no_worker install make_table load_long
  hold let_go wait_until_held idle healed seconds_of crash crash_all
  make_stop stop_at hold_at stopped make_deadly deaths heads_hold
  $AT_ONCE $PATIENCE $STOPPED
);

# Seconds that no machine is slow enough to need for what waits for nobody.
# What it must not wait for takes longer in each test that says so, or has no
# end at all.
our $AT_ONCE = 45;

# What comes is waited for so long, as an interval. Nobody waits longer than it
# takes.
our $PATIENCE = $PostgreSQL::Test::Utils::timeout_default . ' s';

# A running server that preloads selfheal; more settings in @_.
sub new_server
{
	my ($name, %params) = @_;
	my $node = PostgreSQL::Test::Cluster->new($name);

	# whatever the locale of who runs the tests
	$node->init(allows_streaming => $params{streaming} ? 1 : 0, extra => [ '--encoding=UTF8', '--locale=C' ]);
	$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
max_prepared_transactions = 5
restart_after_crash = on
log_min_messages = log
CONF
	$node->append_conf('postgresql.conf', $params{conf}) if defined $params{conf};
	$node->start;
	return $node;
}

# Change a setting of the running server; without a value, back to the file's.
sub set_conf
{
	my ($node, $name, $value) = @_;
	my $before = $node->safe_psql('postgres', 'SELECT pg_conf_load_time()');

	$node->safe_psql('postgres',
		defined $value ? "ALTER SYSTEM SET $name = $value" : "ALTER SYSTEM RESET $name");
	$node->reload;
	return $node->poll_query_until('postgres', "SELECT pg_conf_load_time() > '$before'");
}

sub workers
{
	my ($node, $db) = @_;
	my $where = defined $db ? "AND datname = '$db'" : '';
	return $node->safe_psql('postgres',
		"SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'selfheal worker' $where");
}

sub worker_pid
{
	my ($node, $db) = @_;
	return $node->safe_psql('postgres',
		"SELECT pid FROM pg_stat_activity WHERE backend_type = 'selfheal worker' AND datname = '$db'");
}

# Wait until a database has no worker.
sub no_worker
{
	my ($node, $db) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'selfheal worker' AND datname = '$db'");
}

sub install
{
	my ($node, $db) = @_;
	$node->safe_psql('postgres', "CREATE DATABASE $db") if $db ne 'postgres';
	$node->safe_psql($db, 'CREATE EXTENSION selfheal');
	return;
}

# A watched table; the heal of a row with id 25 stops at its trigger for as
# long as another session has the advisory lock 42 (see hold).
sub make_table
{
	my ($node, $db, $table) = @_;
	$node->safe_psql($db, <<"SQL");
CREATE TABLE $table (id bigint, name varchar(32));
CREATE FUNCTION ${table}_stop() RETURNS trigger LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(42) LOOP
		PERFORM pg_catalog.pg_sleep(0.02);
	END LOOP;
	RETURN NEW;
END \$\$;
CREATE TRIGGER stop BEFORE INSERT ON $table FOR EACH ROW
	WHEN (NEW.id = 25) EXECUTE FUNCTION ${table}_stop();
SELECT selfheal.watch('$table');
SQL
	return;
}

# Load rows whose name is $chars long: they do not fit varchar(32).
sub load_long
{
	my ($node, $db, $table, $first, $last, $chars) = @_;
	$chars = 40 unless defined $chars;
	$node->safe_psql($db, <<"SQL");
INSERT INTO ${table}_intake
SELECT json_build_object('id', i, 'name', repeat('x', $chars))::text
FROM generate_series($first, $last) i
SQL
	return;
}

# Take the lock that heals of id 25 stop at. Returns the session.
sub hold
{
	my ($node, $db) = @_;
	my $session = $node->background_psql($db);
	$session->query_safe('SELECT pg_advisory_lock(42)');
	return $session;
}

sub let_go
{
	my ($session) = @_;
	$session->query_safe('SELECT pg_advisory_unlock(42)');
	$session->quit;
	return;
}

# Wait until the worker has come to the trigger.
sub wait_until_held
{
	my ($node, $db) = @_;
	return $node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'selfheal worker'
		 AND datname = '$db' AND wait_event = 'PgSleep'");
}

# wait_idle's own word: t or f.
sub idle
{
	my ($node, $db, $timeout) = @_;
	$timeout = $PATIENCE unless defined $timeout;
	return $node->safe_psql($db, "SELECT selfheal.wait_idle('$timeout') -> 'idle' = 'true'");
}

# Is nothing held any more, and each of these ids stored exactly once? Heals
# that failed once come again by themselves.
sub healed
{
	my ($node, $db, $table, $first, $last) = @_;
	my $count = $last - $first + 1;
	$node->poll_query_until($db,
		"SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'") or return 0;
	idle($node, $db);
	return $node->safe_psql($db,
		"SELECT count(*) = $count AND count(DISTINCT id) = $count
		 FROM $table WHERE id BETWEEN $first AND $last AND length(name) > 32") eq 't';
}

# kill -9 of a process of the server. Comes back when the server has been
# through it: for a moment it does not know yet, and still answers.
sub crash
{
	my ($node, $pid) = @_;
	my $offset = -s $node->logfile;
	my $killed = kill('KILL', $pid);

	$node->wait_for_log(qr/database system is ready to accept connections/, $offset);
	return $killed;
}

# All of the server at once: as if the machine had lost power.
sub crash_all
{
	my ($node) = @_;
	my @pids = ($node->{_pid}, split /\n/, $node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity'));

	$node->kill9;
	is(scalar(grep { !until_dead($_) } @pids), 0, 'all processes end');
	$node->start;
	return 1;
}

sub until_dead
{
	my ($pid) = @_;
	for (1 .. 3000) { kill(0, $pid) or return 1; sleep 0.02; }
	return 0;
}

# ---- places at which a process stops ----

# The trigger function stop_here(place): it waits for as long as a session has
# that place in hand (hold_at).
sub make_stop
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', <<'SQL');
CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(42, TG_ARGV[0]::int) LOOP
		PERFORM pg_catalog.pg_sleep(0.02);
	END LOOP;
	RETURN NEW;
END $$;
SQL
	return;
}

# A place: before what of which table, and of which rows.
sub stop_at
{
	my ($node, $n, $table, $event, $when) = @_;
	$node->safe_psql('postgres',
		"CREATE TRIGGER stop_$n BEFORE $event ON $table FOR EACH ROW WHEN ($when) EXECUTE FUNCTION stop_here($n)");
	return;
}

# Whoever comes there stops. Returns the session.
sub hold_at
{
	my ($node, $n) = @_;
	my $session = $node->background_psql('postgres');
	$session->query_safe("SELECT pg_advisory_lock(42, $n)");
	return $session;
}

# Who has come to one.
our $STOPPED = "backend_type LIKE 'selfheal %' AND wait_event = 'PgSleep'";

sub stopped
{
	my ($node) = @_;
	return $node->poll_query_until('postgres', "SELECT count(*) > 0 FROM pg_stat_activity WHERE $STOPPED");
}

# ---- what takes the server down ----

# The functions deadly() for triggers and deadly(anyelement) for checks: as long
# as somebody has said set_deadly(true), a worker that runs them is killed, and
# the server with it; nobody else is.
sub make_deadly
{
	my ($node, $db) = @_;
	$node->safe_psql($db // 'postgres', <<'SQL');
CREATE TABLE public.deadly_now (yes boolean);
CREATE FUNCTION set_deadly(yes boolean) RETURNS void LANGUAGE sql AS 'DELETE FROM public.deadly_now; INSERT INTO public.deadly_now VALUES (yes)';
CREATE FUNCTION kill_worker() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF EXISTS (SELECT FROM public.deadly_now WHERE yes) AND EXISTS (SELECT FROM pg_catalog.pg_stat_activity WHERE pid = pg_catalog.pg_backend_pid() AND backend_type = 'selfheal worker') THEN
		COPY (SELECT 1) TO PROGRAM 'kill -9 $PPID';
	END IF;
END $$;
CREATE FUNCTION deadly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.kill_worker();
	RETURN NEW;
END $$;
CREATE FUNCTION deadly(anyelement) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	PERFORM public.kill_worker();
	RETURN true;
END $$;
SQL
	return;
}

# How often was a process killed until now?
sub deaths
{
	my ($node) = @_;
	return scalar(() = slurp_file($node->logfile) =~ /was terminated by signal 9/g);
}

# ---- the record ----

# Each head that the log says is that of its row for ever.
sub heads_hold
{
	my ($node, $what) = @_;
	my %said;
	for (slurp_file($node->logfile) =~ /(audit sealed up to seq \d+, head [0-9a-f]{64})/g)
	{
		my ($seq, $head) = /seq (\d+), head (\w+)/;
		$said{"$seq $head"} = 1;
	}
	my %is = map { $_ => 1 } split /\n/,
	  $node->safe_psql('postgres', q{SELECT seq || ' ' || hash FROM selfheal.audit WHERE seq IS NOT NULL});
	cmp_ok(scalar keys %said, '>', 0, "$what: the log says heads of the record");
	is_deeply([ grep { !$is{$_} } sort keys %said ], [], "$what: and the record holds against each of them");
	return;
}

# How long does this take?
sub seconds_of
{
	my ($code) = @_;
	my $start = time;
	$code->();
	return time - $start;
}

1;
