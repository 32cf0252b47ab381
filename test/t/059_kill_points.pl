# kill -9 at chosen points: of a worker between any two steps of a heal, of the
# server then, while the audit is sealed, of CREATE EXTENSION, DROP EXTENSION
# and a restore half-way. Rows are stored once, what was said stays true, and
# nothing is left behind. What a commit without a flush may lose is lost here:
# the WAL writer sleeps.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run ();
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WorkerTest;

my $node = new_server('points',
	conf => "wal_writer_delay = '10s'\nselfheal.worker_linger = '120s'\nselfheal.replay_chunk = 10\nautovacuum = off\nlog_min_messages = error\n");
install($node, 'postgres');

sub value { my ($sql, $db) = @_; return $node->safe_psql($db // 'postgres', $sql) }

# ---- places at which a process stops ----

my @place = (
	[ 'before its incident is claimed', 'selfheal.incident', 'UPDATE', q(NEW.state = 'planning') ],
	[ 'before a plan is stored', 'selfheal.plan', 'INSERT', 'true' ],
	[ 'before its dry run is stored', 'selfheal.audit', 'INSERT', q(NEW.event = 'dry_run') ],
	[ 'between dry run and apply', 'selfheal.incident', 'UPDATE', q(NEW.state = 'applying' AND OLD.state = 'planning') ],
	[ 'between ALTER and the first rows', 'TABLE', 'INSERT', 'NEW.id = 1' ],
	[ 'before the ALTER is committed', 'selfheal.audit', 'INSERT', q(NEW.event = 'applied') ],
	[ 'between apply and replay', 'TABLE', 'INSERT', 'NEW.id = 11' ],
	[ 'in the middle of a replay', 'selfheal.audit', 'INSERT', q(NEW.event = 'replayed' AND NEW.rows_left = 10) ],
	[ 'before all is said to be done', 'selfheal.incident', 'UPDATE', q(NEW.state = 'healed') ],
	[ 'while the audit is sealed', 'selfheal.audit', 'UPDATE', 'NEW.seq IS NOT NULL' ]);

make_stop($node);
for my $n (0 .. $#place)
{
	my (undef, $table, $event, $when) = @{ $place[$n] };
	stop_at($node, $n, $table, $event, $when) if $table ne 'TABLE';
}

# ---- a heal ----

my %kind = (
	plain => 'id bigint, v varchar(4)',
	parted => 'id bigint, v text, day date) PARTITION BY RANGE (day');

sub heal_killed_at
{
	my ($n, $kind, $how) = @_;
	my $what = "$kind, $how $place[$n][0]";
	my $t = "${kind}_${n}_" . ($how =~ s/\W+/_/gr);

	value("CREATE TABLE $t ($kind{$kind})");
	value("CREATE TABLE ${t}_01 PARTITION OF $t FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')") if $kind eq 'parted';
	stop_at($node, $n, $t, @{ $place[$n] }[ 2, 3 ]) if $place[$n][1] eq 'TABLE';
	value("SELECT selfheal.watch('$t')");
	is(idle($node, 'postgres'), 't', 'idle');
	my $session = hold_at($node, $n);
	value("INSERT INTO ${t}_intake SELECT format('{\"id\": %s, \"v\": \"longer\"" . ($kind eq 'parted' ? ', "day": "2026-02-03"' : '')
		. "}', i) FROM generate_series(1, 30) i");
	ok(stopped($node), "$what: it has come there");
	if ($how eq 'kill -9') { crash($node, worker_pid($node, 'postgres')) }
	else { crash_all($node) }
	$session->{run}->kill_kill;
	ok($node->poll_query_until('postgres', 'SELECT true'), "$what: the server is back");
	ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM selfheal.quarantine WHERE relid = '$t'::regclass"), "$what: the rows are put in");
	is(idle($node, 'postgres'), 't', "$what: idle");
	is(value("SELECT count(*), count(DISTINCT id), min(v) FROM $t"), '30|30|longer', "$what: each row is stored once");
	is(value("SELECT string_agg(DISTINCT state, ' '), count(DISTINCT id) FROM selfheal.incident WHERE table_name = '$t'"), 'healed|1', "$what: one incident, healed");
	is(value("SELECT count(*) FROM selfheal.audit WHERE event = 'applied' AND table_name = '$t'"), '1', "$what: by one ALTER, says the record");
	is(value("SELECT sum(rows_replayed) FROM selfheal.audit WHERE event = 'replayed' AND table_name = '$t'"), '30', "$what: and 30 rows");
	is(value("SELECT count(*) FROM selfheal.plan WHERE relid = '$t'::regclass AND state NOT IN ('applied', 'superseded')"), '0', "$what: no plan is under way");
	is(value("SELECT count(*) FROM pg_inherits WHERE inhparent = '$t'::regclass"), $kind eq 'parted' ? 2 : 0, "$what: the partitions");
	is(value("SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relname LIKE '$t%'"), $kind eq 'parted' ? 2 : 1, "$what: and no other table");
	return;
}

heal_killed_at($_, $_ % 2 ? 'parted' : 'plain', 'kill -9') for 0 .. $#place;
heal_killed_at($_, $_ % 2 ? 'plain' : 'parted', 'all killed') for 3, 6, 9;

is(value('SELECT ok, unsealed FROM selfheal.verify_audit()'), 't|0', 'the record verifies');
heads_hold($node, 'killed in heals');
is(value("SELECT count(*) FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace"), '0', 'the sandbox is empty');
value("DROP TRIGGER stop_$_ ON $place[$_][1]") for grep { $place[$_][1] ne 'TABLE' } 0 .. $#place;

# ---- what was said ----

# A head is said when nothing can take it back. A row that was written before
# but committed while the audit was being sealed comes before the sealed one,
# if the seal is lost.
value(q(CREATE TABLE one (id int); CREATE TABLE other (id int); SELECT selfheal.watch('one'), selfheal.watch('other')));
is(idle($node, 'postgres'), 't', 'idle');
value('CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON selfheal.audit DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION stop_here(99)');
my $session = hold_at($node, 99);
my $person = $node->background_psql('postgres');
$person->query_safe(q(BEGIN; SELECT selfheal.pause('one')));
value(q(SELECT selfheal.pause('other')));
ok(stopped($node), 'the seal is about to commit');
my $before = value("SELECT count(*) FROM selfheal.audit WHERE seq IS NOT NULL");
$person->query_safe('COMMIT');
crash_all($node);
$_->{run}->kill_kill for $session, $person;
value('DROP TRIGGER late ON selfheal.audit; SELECT selfheal.wake()');
is(idle($node, 'postgres'), 't', 'idle');
cmp_ok(value('SELECT sealed FROM selfheal.verify_audit()'), '>=', $before + 2, 'both are sealed');
heads_hold($node, 'killed before a seal is committed');

# A plan that somebody has seen has its number for ever: who approves it
# approves what he has seen.
value(q(CREATE TABLE asks (id int); SELECT selfheal.watch('asks'), selfheal.set_policy('asks', step => 'add_column', verdict => 'review')));
is(idle($node, 'postgres'), 't', 'idle');
value('CHECKPOINT');
value(q(INSERT INTO asks_intake VALUES ('{"id": 1, "a": 1}')));
is(idle($node, 'postgres'), 't', 'idle');
my $seen = value('SELECT plan_id, sql FROM selfheal.pending');
like($seen, qr/ADD COLUMN a/, 'a plan waits for approval');
set_conf($node, 'selfheal.enabled', 'off');
crash_all($node);
is(value('SELECT plan_id, sql FROM selfheal.pending'), $seen, 'and is the same after a crash');
set_conf($node, 'selfheal.enabled');
value('SELECT selfheal.approve(plan_id) FROM selfheal.pending');
is(idle($node, 'postgres'), 't', 'idle');
is(value('SELECT id, a FROM asks'), '1|1', 'approved');

# ---- CREATE and DROP EXTENSION ----

sub install_and_heal
{
	my ($db, $what) = @_;
	value('CREATE EXTENSION selfheal; DROP TABLE IF EXISTS t; CREATE TABLE t (id int, v varchar(4)); SELECT selfheal.watch($$t$$)', $db);
	heals($db, $what // 'first');
	return;
}

# Wider each time, until it is text.
my $width = 10;
sub heals
{
	my ($db, $what) = @_;
	$width = $width > 1000 ? 10 : $width * 5;
	value("INSERT INTO t_intake SELECT format('{\"id\": %s, \"v\": \"%s\"}', $width, repeat('x', $width))", $db);
	is(idle($node, $db), 't', 'idle');
	is(value("SELECT count(*) FROM t WHERE id = $width AND length(v) = $width", $db), '1', "it heals: $what");
	return;
}

# Somebody else's lock on a catalog stops them half-way.
sub killed_at_lock
{
	my ($db, $catalog, $command) = @_;
	my $lock = $node->background_psql($db);
	$lock->query_safe("BEGIN; LOCK TABLE pg_catalog.$catalog IN EXCLUSIVE MODE");
	my $run = IPC::Run::start([ 'psql', '-XqAt', '-d', $node->connstr($db), '-c', $command ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
	my $waits = "FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '$db' AND backend_type = 'client backend'";
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $waits"), "$command waits for $catalog");
	crash($node, value("SELECT pid $waits"));
	$lock->{run}->kill_kill;
	eval { $run->finish };
	ok($node->poll_query_until('postgres', 'SELECT true'), "$command: the server is back");
	return;
}

value('CREATE DATABASE made');
for my $catalog (qw(pg_description pg_event_trigger))
{
	killed_at_lock('made', $catalog, 'CREATE EXTENSION selfheal');
	is(value("SELECT (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'selfheal%'), (SELECT count(*) FROM pg_extension WHERE extname = 'selfheal'),
		(SELECT count(*) FROM pg_event_trigger)", 'made'), '0|0|0', "killed at $catalog: nothing of it is there");
}
install_and_heal('made');
for my $catalog (qw(pg_description pg_event_trigger))
{
	killed_at_lock('made', $catalog, 'DROP EXTENSION selfheal');
	is(idle($node, 'made'), 't', 'idle');
	is(value('SELECT ok FROM selfheal.verify_audit()', 'made'), 't', "DROP EXTENSION killed at $catalog: it is whole");
	heals('made', "after $catalog");
}
value('DROP EXTENSION selfheal', 'made');
is(value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'selfheal%'", 'made'), '0', 'and can be dropped');
install_and_heal('made', 'again');

# ---- a restore ----

# Killed while the last table's rows come: ours are there, keys are not. Nothing
# is done before the rest has come.
value('CREATE DATABASE source');
value(<<"SQL", 'source');
CREATE EXTENSION selfheal;
CREATE FUNCTION slowly(i int) RETURNS boolean LANGUAGE plpgsql AS \$\$
BEGIN
	WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(42) LOOP PERFORM pg_catalog.pg_sleep(0.02); END LOOP;
	RETURN true;
END \$\$;
CREATE SCHEMA zz;
CREATE TABLE zz.last (id int CHECK (slowly(id)));
INSERT INTO zz.last VALUES (1);
CREATE TABLE t (id int PRIMARY KEY, v varchar(4));
SELECT selfheal.watch('t'), selfheal.set_policy(step => 'widen_type', verdict => 'review');
INSERT INTO t_intake VALUES ('{"id": 1, "v": "longer"}');
SELECT selfheal.wait_idle('60s');
SQL
is(idle($node, 'source'), 't', 'idle');
my $dump = $node->basedir . '/dump';
command_ok([ 'pg_dump', '-Fc', '-f', $dump, $node->connstr('source') ], 'a dump');
my ($all) = run_command([ 'pg_restore', '-l', $dump ]);
(my $rest = $all) =~ s/.*?(?=^\S+ \S+ \S+ TABLE DATA zz last)//ms;
append_to_file("$dump.rest", $rest);
like($rest, qr/SEQUENCE SET.* CONSTRAINT /s, 'its last rows, and what comes behind them');
for my $once ([], ['--single-transaction'])
{
	my $name = @$once ? 'a restore in one transaction' : 'a restore';
	value('DROP DATABASE IF EXISTS target');
	value('CREATE DATABASE target TEMPLATE template0');
	my $lock = $node->background_psql('target');
	$lock->query_safe('SELECT pg_advisory_lock(42)');
	my $run = IPC::Run::start([ 'pg_restore', '-e', @$once, '-d', $node->connstr('target'), $dump ], '<', \undef, '>', '/dev/null', '2>', '/dev/null');
	my $copies = "FROM pg_stat_activity WHERE datname = 'target' AND query LIKE 'COPY zz.last%'";
	ok($node->poll_query_until('postgres', "SELECT count(*) = 1 $copies AND wait_event = 'PgSleep'"), "$name is at its last rows");
	crash($node, value("SELECT pid $copies"));
	$lock->{run}->kill_kill;
	eval { $run->finish };
	ok($node->poll_query_until('postgres', 'SELECT true'), 'the server is back');
	if (@$once)
	{
		is(value("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'selfheal%'", 'target'), '0', 'nothing of it is there');
		command_ok([ 'pg_restore', '-e', @$once, '-d', $node->connstr('target'), $dump ], 'it is restored anew');
	}
	else
	{
		value('SELECT selfheal.wake()', 'target');
		is(idle($node, 'target'), 't', 'idle');
		is(value('SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM selfheal.quarantine), (SELECT count(*) FROM selfheal.resting), ok FROM selfheal.verify_audit()', 'target'),
			'0|1|1|t', 'what has come is left alone');
		command_ok([ 'pg_restore', '-e', '-L', "$dump.rest", '-d', $node->connstr('target'), $dump ], 'the rest comes');
	}
	is(idle($node, 'target'), 't', 'idle');
	value("SELECT selfheal.approve(plan_id) FROM selfheal.pending", 'target');
	is(idle($node, 'target'), 't', 'idle');
	is(value('SELECT count(*), max(v), (SELECT count(*) FROM selfheal.quarantine) FROM t', 'target'), '1|longer|0', "$name: it heals then");
	is(value('SELECT ok, unsealed FROM selfheal.verify_audit()', 'target'), 't|0', "$name: the record verifies");
}

unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11\b|signal 6\b|cache lookup failed|XX00\d/, 'nothing but our kills');
$node->stop;
done_testing();
