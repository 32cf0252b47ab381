# Where the healer and a person wait for each other it is the healer that gives
# way: at whatever stage it is, whoever closed the circle, and for however long
# the healer had waited before. The person's statement goes on, and the table is
# healed when he is done.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep);
use WorkerTest;

# Who waits looks for a deadlock after so many seconds. By then the healer has
# given way, with all that a busy machine adds to its own looks, or the person is
# its victim.
my $look = 4;

# what a person may have to wait for the healer, in ms
my $soon = 1000 * $look;

my $node = new_server('gives_way', conf => "autovacuum = off\ndeadlock_timeout = '${look}s'\nselfheal.gate_timeout = '60s'\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

# A person with an open transaction.
sub person
{
	my (@statements) = @_;
	my $session = $node->background_psql('postgres');

	$session->query_safe($_) for 'BEGIN', @statements;
	return $session;
}

# He is done, and the table is healed.
sub healed_after
{
	my ($session, $table) = @_;

	$session->query_safe('COMMIT');
	$session->quit;
	ok( $node->poll_query_until('postgres',
			"SELECT count(*) > 0 AND bool_and(state = 'healed') FROM selfheal.incident WHERE relid = '$table'::regclass"),
		"$table is healed when he is done");
	return;
}

# What a person asked for, he got, and soon.
sub got_soon
{
	my ($answer, $what) = @_;

	like($answer, qr/^got after \d+ ms$/, "$what: he is not the one who gives way");
	cmp_ok(($answer =~ /(\d+)/)[0], '<', $soon, "$what: $answer");
	return;
}

# A misfit of a paused table, which heals when somebody resumes it.
sub hold_back
{
	my ($table, $payload) = @_;

	return ("SELECT selfheal.pause('$table')", "INSERT INTO ${table}_intake VALUES ('$payload')");
}

install($node, 'postgres');

# Ask for something, and say how it went.
sql(q{CREATE FUNCTION ask(what text) RETURNS text LANGUAGE plpgsql AS $$
	DECLARE
		start constant timestamptz := clock_timestamp();
	BEGIN
		EXECUTE what;
		RETURN format('got after %s ms', floor(1000 * extract(epoch FROM clock_timestamp() - start)));
	EXCEPTION WHEN OTHERS THEN
		RETURN SQLSTATE;
	END $$});

# Until the worker waits for one table and has another one. For so long, if it
# does so in time; else, that is, as soon as it waits again.
sql(qq{CREATE FUNCTION await_worker(has regclass, wants regclass, since interval) RETURNS text LANGUAGE plpgsql AS \$\$
	DECLARE
		start constant timestamptz := clock_timestamp();
	BEGIN
		LOOP
			IF clock_timestamp() - start > 1.5 * interval '$look s' THEN
				since := '0 s';
			END IF;
			IF EXISTS (SELECT FROM pg_locks w JOIN pg_stat_activity a USING (pid) JOIN pg_locks h USING (pid)
				WHERE a.backend_type = 'selfheal worker' AND w.relation = wants AND NOT w.granted
				AND w.waitstart <= clock_timestamp() - since AND h.relation = has AND h.granted) THEN
				RETURN since::text;
			END IF;
			IF clock_timestamp() - start > '180 s' THEN
				RETURN 'never';
			END IF;
			PERFORM pg_sleep(0.002);
		END LOOP;
	END \$\$});

#
# The person closes the circle, when the healer has waited for longer than
# deadlock_timeout if it does such a thing.
#
my $long = 1.2 * $look . ' s';

sub person_closes
{
	my ($stage, $table, $other) = @_;
	my $person = person("LOCK TABLE $other");

	sql("SELECT selfheal.resume('$table')");
	is($person->query_safe("SELECT await_worker('$table', '$other', '$long')"),
		'00:00:00', "$stage: the healer waits, and not for long");
	got_soon($person->query_safe("SELECT ask('LOCK TABLE $table')"), $stage);
	healed_after($person, $table);
	return;
}

sql(
	'CREATE TABLE root (id int, v varchar(3)) PARTITION BY LIST (id)',
	'CREATE TABLE leaf PARTITION OF root FOR VALUES IN (1)',
	q{SELECT selfheal.watch('root')}, hold_back('root', '{"id": 1, "v": "longer"}'));
person_closes('planning', 'root', 'leaf');

sql(
	'CREATE TABLE parent (id int PRIMARY KEY)', 'INSERT INTO parent VALUES (1)',
	'CREATE TABLE child (id int, v varchar(3), parent int REFERENCES parent)',
	q{SELECT selfheal.watch('child')}, hold_back('child', '{"id": 1, "v": "longer", "parent": 1}'));
person_closes('dry run', 'child', 'parent');

#
# In the replay, which stops at a trigger behind the ALTER until the person has
# what the rows' foreign key needs.
#
make_table($node, 'postgres', 'late');
sql('ALTER TABLE late ADD parent int REFERENCES parent', hold_back('late', '{"id": 25, "name": "' . 'x' x 40 . '", "parent": 1}'));
my $stop = hold($node, 'postgres');
sql(q{SELECT selfheal.resume('late')});
ok(wait_until_held($node, 'postgres'), 'the replay has begun');
my $person = person('LOCK TABLE parent');
let_go($stop);
is($person->query_safe("SELECT await_worker('late', 'parent', '$long')"), '00:00:00', 'replay: the healer waits, and not for long');
got_soon($person->query_safe("SELECT ask('LOCK TABLE late')"), 'replay');
healed_after($person, 'late');

#
# The healer closes the circle, when the person has waited for a while: his look
# for a deadlock is the next to come.
#
make_table($node, 'postgres', 'later');
sql('ALTER TABLE later ADD parent int REFERENCES parent', hold_back('later', '{"id": 25, "name": "' . 'x' x 40 . '", "parent": 1}'));
$stop = hold($node, 'postgres');
sql(q{SELECT selfheal.resume('later')});
ok(wait_until_held($node, 'postgres'), 'the replay has begun');
$person = person('LOCK TABLE parent');
$person->query_until(qr/asks/, "\\echo asks\nSELECT ask('LOCK TABLE later');\n");
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM pg_locks WHERE relation = 'later'::regclass AND NOT granted}),
	'the person waits');
sleep 0.3 * $look;
let_go($stop);
my $answer = $person->query_safe("\\echo");
got_soon($answer =~ s/\s+$//r, 'the healer closes the circle');
healed_after($person, 'later');

#
# At the gate, where it waits for the end of loads for longer than a person
# waits before he looks for a deadlock.
#
sql('CREATE TABLE loaded (id int, v varchar(3))', q{SELECT selfheal.watch('loaded')}, hold_back('loaded', '{"id": 1, "v": "longer"}'));
$person = person(q{INSERT INTO loaded_intake VALUES ('{"id": 2, "v": "ok"}')});
sql(q{SELECT selfheal.resume('loaded')});
ok( $node->poll_query_until('postgres', qq{SELECT count(*) > 0 FROM pg_locks w JOIN pg_stat_activity a USING (pid)
		WHERE a.backend_type = 'selfheal worker' AND NOT w.granted AND w.locktype IN ('advisory', 'userlock')
		AND w.waitstart < clock_timestamp() - interval '$long'}),
	'the healer waits at the gate');
got_soon($person->query_safe(q{SELECT ask('UPDATE selfheal.incident SET why = why WHERE relid = ''loaded''::regclass')}), 'gate');
healed_after($person, 'loaded');

is(sql('SELECT deadlocks > 0 FROM pg_stat_database WHERE datname = current_database()'), 't', 'there were deadlocks');
is( sql(q{SELECT string_agg(DISTINCT table_name || ' ' || attempts, ', ') FROM selfheal.incident WHERE attempts <> 1}),
	'', 'and none of it was charged to anybody');
unlike(slurp_file($node->logfile), qr/deadlock detected|gives up/, 'nor said in the log');

$node->stop;
done_testing();
