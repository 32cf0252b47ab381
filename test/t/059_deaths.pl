# Work that takes the server down each time: a heal, a duplicate that is tried, a
# look for parents, an approved plan, a table that rows wait for and their load, a
# rehearsal.
# Each is counted on disk before it begins, and left to a person when its attempts
# are used up; its rows stay held, everything else goes on, and when the cause is
# gone a word of a person's is enough. What a commit without a flush may lose is
# lost here: the WAL writer sleeps.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $ATTEMPTS = 3;
my $node = new_server('deaths',
	conf => "wal_writer_delay = '10s'\nselfheal.worker_linger = '120s'\nselfheal.max_attempts = $ATTEMPTS\nselfheal.promote_after = 1\nautovacuum = off\nlog_min_messages = error\n");
install($node, 'postgres');
make_deadly($node);

sub value { return $node->safe_psql('postgres', $_[0]) }
sub incident { return value("SELECT state, reason_kind FROM selfheal.incident WHERE table_name = '$_[0]'") }
sub held { return value("SELECT count(*) FROM selfheal.quarantine WHERE relid = '$_[0]'::regclass") }
sub at_rest { return is(idle($node, 'postgres'), 't', 'idle') }
sub cure { value('SELECT set_deadly(false)'); return }

# What is done takes the server down as often as there are attempts, and not once
# more; then all is at rest, also after a restart.
sub comes_to_its_end
{
	my ($what, $sql, $done) = @_;
	my $before = deaths($node);

	value('SELECT set_deadly(true)');
	value($sql);
	ok($node->poll_query_until('postgres', $done), "$what: it is left to a person");
	at_rest();
	$node->restart;
	value('SELECT selfheal.wake()');
	at_rest();
	is(deaths($node) - $before, $ATTEMPTS, "$what: when its attempts are used up");
	return;
}

sub until_deadly { return "SELECT state || ' ' || reason_kind = 'needs_human deadly' FROM selfheal.incident WHERE table_name = '$_[0]'" }

# More of what it died at wakes nothing.
sub wakes_nothing
{
	my ($what, $sql) = @_;
	my $before = deaths($node);

	value($sql);
	at_rest();
	is(deaths($node), $before, "$what: more of it is not tried");
	return;
}

sub retry { value("SELECT selfheal.retry(id) FROM selfheal.incident WHERE table_name = '$_[0]' AND state = 'needs_human'"); return at_rest() }

# ---- a heal ----

value(q(CREATE TABLE deadly (id int, v varchar(4)); CREATE TRIGGER deadly BEFORE INSERT ON deadly FOR EACH ROW EXECUTE FUNCTION deadly(); SELECT selfheal.watch('deadly')));
comes_to_its_end('a heal', q(INSERT INTO deadly_intake VALUES ('{"id": 1, "v": "longer"}')), until_deadly('deadly'));
wakes_nothing('a heal', q(INSERT INTO deadly_intake VALUES ('{"id": 2, "v": "longer"}')));
is(held('deadly'), 2, 'its rows are held');
like(value(q(SELECT reason FROM selfheal.incidents WHERE table_name = 'public.deadly')), qr/its heal ended with the death of its process 3 times: see the server log; retry\(\) when/, 'and a person is told');
value(q(CREATE TABLE lively (id int, v varchar(4)); SELECT selfheal.watch('lively'); INSERT INTO lively_intake VALUES ('{"id": 1, "v": "longer"}')));
at_rest();
is(value('SELECT v FROM lively'), 'longer', 'other tables heal');
cure();
retry('deadly');
is(value('SELECT count(*) FROM deadly'), 2, 'and so does this one, when its cause is gone');

# ---- a duplicate ----

value(q(CREATE TABLE twice (id int PRIMARY KEY, v text); CREATE TRIGGER deadly BEFORE INSERT ON twice FOR EACH ROW EXECUTE FUNCTION deadly();
	SELECT selfheal.watch('twice'); INSERT INTO twice VALUES (1, 'a')));
comes_to_its_end('a duplicate', q(INSERT INTO twice_intake VALUES ('{"id": 1, "v": "a"}')), until_deadly('twice'));
wakes_nothing('a duplicate', q(INSERT INTO twice_intake VALUES ('{"id": 1, "v": "b"}')));
is(held('twice'), 2, 'its rows are held');
cure();
retry('twice');
is(held('twice'), 1, 'the equal row is there already, the other one differs');

# ---- a look for parents ----

value(q(CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE child (id int, parent int REFERENCES parent, CHECK (deadly(id))); SELECT selfheal.watch('child')));
value(q(INSERT INTO child_intake VALUES ('{"id": 1, "parent": 1}')));
at_rest();
is(incident('child'), 'awaiting_parent|', 'a child waits for its parent');
comes_to_its_end('a look', 'INSERT INTO parent VALUES (1)', until_deadly('child'));
wakes_nothing('a look', 'INSERT INTO parent VALUES (2)');
wakes_nothing('a look', q(INSERT INTO child_intake VALUES ('{"id": 3, "parent": 3}')));
is(held('child'), 2, 'its rows are held');
cure();
retry('child');
is(value('SELECT count(*) FROM child'), 1, 'the row whose parent is there is stored');
is(value(q(SELECT state, attempts FROM selfheal.incident WHERE table_name = 'child')), 'awaiting_parent|0', 'and nothing is charged to the other one');
value('INSERT INTO parent VALUES (3)');
at_rest();
is(value('SELECT count(*) FROM child'), 2, 'which comes later');

# ---- an approved plan ----

value(q(CREATE TABLE asks (id int, CHECK (deadly(id))); SELECT selfheal.watch('asks'), selfheal.set_policy('asks', step => 'add_column', verdict => 'review');
	INSERT INTO asks_intake VALUES ('{"id": 1, "a": 1}')));
at_rest();
my $plan = value('SELECT plan_id FROM selfheal.pending');
comes_to_its_end('an approved plan', "SELECT selfheal.approve($plan)", "SELECT state = 'failed' FROM selfheal.plan WHERE id = $plan");
like(value("SELECT reason FROM selfheal.plan WHERE id = $plan"), qr/death of its process 3 times: see the server log; approve another one/, 'the plan says why');
is(incident('asks'), 'needs_human|deadly', 'its incident needs a person');
like(value(q(SELECT reason FROM selfheal.incidents WHERE table_name = 'public.asks')), qr/its approved plan ended with/, 'who is told');
is(held('asks'), 1, 'its row is held');
cure();
retry('asks');
value('SELECT selfheal.approve(plan_id) FROM selfheal.pending');
at_rest();
is(value('SELECT id, a FROM asks'), '1|1', 'another plan is made, approved and runs');

# One that no row waits for: then an event trigger is what kills.
value(q(CREATE FUNCTION deadly_ddl() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM public.kill_worker(); END $$));
value('CREATE EVENT TRIGGER deadly ON ddl_command_end EXECUTE FUNCTION deadly_ddl()');
$plan = value(q(SELECT plan_id FROM selfheal.propose('lively', 'ALTER TABLE lively ADD COLUMN b int', 'why not')));
comes_to_its_end('a plan without rows', "SELECT selfheal.approve($plan)", "SELECT state = 'failed' FROM selfheal.plan WHERE id = $plan");
is(value("SELECT count(*) FROM selfheal.audit WHERE event = 'apply_failed' AND plan = $plan"), 1, 'the record says so');
cure();
value('DROP EVENT TRIGGER deadly');

# An approved plan that meets a lock is charged nothing.
$plan = value(q(SELECT plan_id FROM selfheal.propose('lively', 'ALTER TABLE lively ADD COLUMN c int', 'why not')));
my $lock = $node->background_psql('postgres');
$lock->query_safe('BEGIN; LOCK TABLE lively');
value("SELECT selfheal.approve($plan)");
ok($node->poll_query_until('postgres', "SELECT next_try IS NOT NULL AND attempts = 0 AND state = 'approved' FROM selfheal.plan WHERE id = $plan"), 'a lock is no death');
$lock->query_safe('COMMIT');
$lock->quit;
ok($node->poll_query_until('postgres', "SELECT state = 'applied' FROM selfheal.plan WHERE id = $plan"), 'applied');

# ---- rows whose table is there ----

value('CREATE SCHEMA landing');
value('CREATE EVENT TRIGGER deadly ON ddl_command_end EXECUTE FUNCTION deadly_ddl()');
comes_to_its_end('a trial of a table', q(SELECT selfheal.set_landing('landing'), selfheal.land('things', ARRAY['{"id": 1}', '{"id": 2}'])), until_deadly('things'));
cure();
value('DROP EVENT TRIGGER deadly');
retry('things');
is(incident('things'), 'awaiting_approval|', 'it is planned when the cause is gone');
comes_to_its_end('a load', q(BEGIN; CREATE TABLE landing.things (id int); CREATE TRIGGER deadly BEFORE INSERT ON landing.things FOR EACH ROW EXECUTE FUNCTION deadly();
	SELECT selfheal.watch('landing.things'); COMMIT), until_deadly('things'));
wakes_nothing('a load', q(SELECT selfheal.land('things', ARRAY['{"id": 3}'])));
is(value(q(SELECT rows FROM selfheal.arrivals WHERE table_name = 'things')), 2, 'its rows wait');
cure();
retry('things');
is(value('SELECT count(*) FROM landing.things'), 3, 'they are loaded');
is(value(q(SELECT state, attempts FROM selfheal.incident WHERE table_name = 'things')), 'healed|0', 'healed');

# ---- a rehearsal ----

value(q(CREATE TRIGGER deadly BEFORE UPDATE ON selfheal.learnt FOR EACH ROW WHEN (NEW.rehearsal IS NOT NULL) EXECUTE FUNCTION deadly()));
comes_to_its_end('a rehearsal', q(BEGIN;
	INSERT INTO selfheal.learnt (id, signature, class, catalog, steps) VALUES (7, 's', 'bad_value', '{}', '[]');
	INSERT INTO selfheal.lesson (plan, learnt, incident) VALUES (-7, 7, -7);
	COMMIT;
	SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE backend_type = 'selfheal worker';
	SELECT selfheal.wake()), "SELECT state = 'demoted' AND reason ~ 'its rehearsal ended with the death of its process 3 times' FROM selfheal.learnt WHERE id = 7");
cure();
value(q(UPDATE selfheal.learnt SET decided_at = '-infinity';
	SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity WHERE backend_type = 'selfheal worker';
	SELECT selfheal.wake()));
ok($node->poll_query_until('postgres', "SELECT state = 'offered' AND attempts = 0 FROM selfheal.learnt WHERE id = 7"), 'it is offered when the cause is gone');

is(value('SELECT ok FROM selfheal.verify_audit()'), 't', 'the record verifies');
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|signal 11\b|signal 6\b|cache lookup failed|XX00\d/, 'nothing but these deaths');
$node->stop;
done_testing();
