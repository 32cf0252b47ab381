# Rows that wait for their parent in a server that lives: how soon they are
# woken, two-phase commit, a killed server, what the hooks do not see, and the
# end of their patience.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

# Nothing but the wake may help in the first part.
my $node = new_server('waiting', conf => "selfheal.parent_retry_interval = 0\nselfheal.max_wait = 0\nautovacuum = off\n");
my $number = 0;

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

# A parent and a watched child with one row that waits for the parent's row 1.
sub family
{
	my $t = 't' . ++$number;
	sql("CREATE TABLE ${t}_parent (id int PRIMARY KEY)",
		"CREATE TABLE $t (id int, p int REFERENCES ${t}_parent)",
		"SELECT selfheal.watch('$t')",
		qq{INSERT INTO ${t}_intake VALUES ('{"id": 1, "p": 1}')});
	is(idle($node, 'postgres'), 't', "$t: idle");
	is(state($t), 'awaiting_parent', "$t: its row waits");
	return $t;
}

sub state
{
	my ($t) = @_;
	return sql("SELECT string_agg(state, ' ' ORDER BY id) FROM selfheal.incidents WHERE table_name = 'public.$t'");
}

sub stored
{
	my ($t) = @_;
	return sql("SELECT count(*) FROM $t");
}

install($node, 'postgres');

# The wake: a commit, then idle.
my $t = family();
sql("INSERT INTO ${t}_parent VALUES (1)");
idle($node, 'postgres');
is(stored($t), '1', 'the parent came, the row is stored, without any interval');
is(state($t), 'healed', 'healed');
is(sql("SELECT count(*) FROM selfheal.audit WHERE event = 'replayed' AND rows_replayed = 1"), '1', 'said once');

# Two-phase: PREPARE brings nothing; COMMIT PREPARED does, in another session;
# ROLLBACK PREPARED does not.
$t = family();
sql('BEGIN', "INSERT INTO ${t}_parent VALUES (1)", "PREPARE TRANSACTION 'a'");
idle($node, 'postgres');
is(stored($t), '0', 'prepared: not there yet');
sql("ROLLBACK PREPARED 'a'");
idle($node, 'postgres');
is(state($t), 'awaiting_parent', 'rolled back: it waits');
sql('BEGIN', "INSERT INTO ${t}_parent VALUES (1)", "PREPARE TRANSACTION 'b'");
sql("COMMIT PREPARED 'b'");
is(idle($node, 'postgres'), 't', 'idle after COMMIT PREPARED');
is(stored($t), '1', 'and the row is stored');

# The child's load is prepared, the parent comes, then the load is there.
sql("CREATE TABLE late_parent (id int PRIMARY KEY)", "CREATE TABLE late (id int, p int REFERENCES late_parent)",
	"SELECT selfheal.watch('late')");
sql('BEGIN', qq{INSERT INTO late_intake VALUES ('{"id": 1, "p": 1}')}, "PREPARE TRANSACTION 'c'");
sql('INSERT INTO late_parent VALUES (1)');
idle($node, 'postgres');
sql("COMMIT PREPARED 'c'");
idle($node, 'postgres');
is(stored('late'), '1', 'a load that was prepared before its parent came');

# A worker that was not there: the wake starts one, which knows nothing of the
# rows but what shared memory says.
$t = family();
set_conf($node, 'selfheal.worker_linger', "'0'");
ok(no_worker($node, 'postgres'), 'the worker is gone');
sql("INSERT INTO ${t}_parent VALUES (1)");
is(idle($node, 'postgres'), 't', 'idle');
is(stored($t), '1', 'stored by a new one');
set_conf($node, 'selfheal.worker_linger');

# A killed server forgets what is awaited; what came while nobody knew is seen.
$t = family();
my $u = family();
sql("INSERT INTO ${u}_parent VALUES (2)");
$node->stop('immediate');
$node->append_conf('postgresql.conf', "selfheal.enabled = off\n");
$node->start;
sql("INSERT INTO ${t}_parent VALUES (1)");
is(stored($t), '0', 'the healer is off, nobody is told');
$node->append_conf('postgresql.conf', "selfheal.enabled = on\n");
$node->reload;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM $t"), 'it looks when it is back');
is(state($u), 'awaiting_parent', 'the other row waits on');
sql("INSERT INTO ${u}_parent VALUES (1)");
idle($node, 'postgres');
is(stored($u), '1', 'and is told again');

# kill -9 of the worker amid a look: nothing is lost, nothing stored twice.
sql('CREATE TABLE kill_parent (id int PRIMARY KEY)', 'CREATE TABLE killed (id int, p int REFERENCES kill_parent)',
	"SELECT selfheal.watch('killed')",
	q{INSERT INTO killed_intake SELECT format('{"id": %s, "p": 1}', g) FROM generate_series(1, 3000) g});
set_conf($node, 'selfheal.replay_chunk', '100');
idle($node, 'postgres');
sql(q{CREATE FUNCTION stop_here() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	WHILE NOT pg_catalog.pg_try_advisory_xact_lock_shared(42) LOOP
		PERFORM pg_catalog.pg_sleep(0.02);
	END LOOP;
	RETURN NULL;
END $$}, 'CREATE TRIGGER stop AFTER INSERT ON killed FOR EACH ROW WHEN (NEW.id = 1550) EXECUTE FUNCTION stop_here()');
my $holder = hold($node, 'postgres');
sql('INSERT INTO kill_parent VALUES (1)');
ok(wait_until_held($node, 'postgres'), 'the look is half-way');
crash($node, worker_pid($node, 'postgres'));
ok($node->poll_query_until('postgres', 'SELECT true'), 'the server recovers');
eval { $holder->quit };
ok($node->poll_query_until('postgres', 'SELECT count(*) = 3000 FROM killed'), 'all rows are stored');
idle($node, 'postgres');
is(sql('SELECT count(DISTINCT id), (SELECT count(*) FROM selfheal.quarantine WHERE relid = \'killed\'::regclass) FROM killed'),
	'3000|0', 'each once, none is held');

# Rows that come with a partition, or into one that is younger than the wait.
sql('CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)', 'CREATE TABLE of_parts (id int, p int REFERENCES parts)',
	"SELECT selfheal.watch('of_parts')", q{INSERT INTO of_parts_intake VALUES ('{"id": 1, "p": 1}'), ('{"id": 2, "p": 11}')});
idle($node, 'postgres');
sql('CREATE TABLE part1 (id int PRIMARY KEY)', 'INSERT INTO part1 VALUES (1)',
	'ALTER TABLE parts ATTACH PARTITION part1 FOR VALUES FROM (0) TO (10)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM of_parts'), 'ATTACH is seen');
sql('CREATE TABLE part2 PARTITION OF parts FOR VALUES FROM (10) TO (20)');
idle($node, 'postgres');
sql('INSERT INTO part2 VALUES (11)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM of_parts'), 'and a row in a partition that is made later');

# What the hooks do not see comes at the interval: rows that an ALTER rewrites.
sql('CREATE TABLE moved (id int PRIMARY KEY)', 'CREATE TABLE of_moved (id int, p int REFERENCES moved)', 'INSERT INTO moved VALUES (0)',
	"SELECT selfheal.watch('of_moved')", q{INSERT INTO of_moved_intake VALUES ('{"id": 1, "p": 1}')});
idle($node, 'postgres');
sql('ALTER TABLE moved ALTER id TYPE int USING id + 1');
idle($node, 'postgres');
is(stored('of_moved'), '0', 'a rewrite tells nobody');
set_conf($node, 'selfheal.parent_retry_interval', "'1s'");
sql("SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'public.of_moved'");
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM of_moved'), 'a look finds it');
sql(q{INSERT INTO of_moved_intake VALUES ('{"id": 2, "p": 11}')});
idle($node, 'postgres');
sql('INSERT INTO moved VALUES (20)');
idle($node, 'postgres');
sql('ALTER TABLE moved ALTER id TYPE int USING CASE id WHEN 20 THEN 11 ELSE id END');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM of_moved'), 'and so does the interval alone');

# Patience ends: a person is told; a parent that comes after all is welcome,
# and so is a younger row.
set_conf($node, 'selfheal.max_wait', "'1s'");
$t = family_in_a_hurry();
ok( $node->poll_query_until('postgres',
		"SELECT state = 'needs_human' AND reason_kind = 'waited_too_long' FROM selfheal.incidents WHERE table_name = 'public.$t'"),
	'after selfheal.max_wait a person is told');
like(sql("SELECT reason FROM selfheal.incidents WHERE table_name = 'public.$t'"),
	qr/^1 row waits for 1 row of public.${t}_parent, the oldest for longer/, 'and why');
is(sql("SELECT waits_for FROM selfheal.quarantined WHERE table_name = 'public.$t'"), 'awaiting_person', 'the row says it too');
sql("INSERT INTO ${t}_parent VALUES (1)");
idle($node, 'postgres');
is(stored($t), '1', 'the parent came after all');
is(state($t), 'healed', 'healed');

# Nobody waits any more: the set is empty, and a write is not looked at.
is(sql('SELECT count(*) FROM selfheal.awaited'), '0', 'nothing is awaited');
$node->stop;
done_testing();

# The same as family, whose row may have lost its patience already.
sub family_in_a_hurry
{
	my $f = 't' . ++$number;
	sql("CREATE TABLE ${f}_parent (id int PRIMARY KEY)",
		"CREATE TABLE $f (id int, p int REFERENCES ${f}_parent)",
		"SELECT selfheal.watch('$f')",
		qq{INSERT INTO ${f}_intake VALUES ('{"id": 1, "p": 1}')});
	return $f;
}
