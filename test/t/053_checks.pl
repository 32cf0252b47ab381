# 053_checks.pl: checks of the team as the worker asks them: a time limit of
# their own, a cancel that is not theirs, a table they have to wait for.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

use FindBin;
use lib $FindBin::RealBin;
use WorkerTest;

my $node = new_server('checks', conf => "selfheal.check_timeout = 2s\nselfheal.gate_timeout = 300ms\n");

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

sub idle_now
{
	return sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'});
}

# The incident of a table that was opened last.
sub incident
{
	my ($table, $what) = @_;
	return sql("SELECT $what FROM selfheal.incident WHERE relid = '$table'::regclass ORDER BY id DESC LIMIT 1");
}

# A check that sleeps for as long as the table "slow" says, rows or none.
sql(q{CREATE EXTENSION selfheal;
	CREATE TABLE slow (seconds float);
	CREATE FUNCTION sleeps() RETURNS boolean LANGUAGE plpgsql STABLE AS $$
	BEGIN
		PERFORM pg_sleep(seconds) FROM slow;
		RETURN true;
	END $$;
	CREATE TABLE lookup (v text);
	CREATE TABLE watched (id int, v varchar(4));
	INSERT INTO watched VALUES (1, 'a');
	SELECT selfheal.watch('watched');
	SELECT selfheal.check('watched', 'quick', 'SELECT bool_and(sleeps()) FROM watched');
	SELECT selfheal.check('watched', 'second', 'SELECT count(*) > 0 FROM watched')});

sql('INSERT INTO slow VALUES (100)');
my $took = seconds_of(
	sub {
		sql(q{INSERT INTO watched_intake VALUES ('{"id": 2, "v": "longer"}')});
		is(idle_now(), 'true', 'the worker comes to rest');
	});
is(incident('watched', 'state, reason'),
	'needs_human|no safe plan: check "quick" failed before the step: it took longer than selfheal.check_timeout (2000 ms)',
	'a check that takes too long refuses the plan');
cmp_ok($took, '<', $AT_ONCE, 'and does not take longer than its limit');
is( sql(q{SELECT result, dry_run -> 'checks' -> 1 -> 'after_rows' FROM selfheal.audit WHERE event = 'refused' AND policy = 'check'}),
	'check "quick" failed before the step: it took longer than selfheal.check_timeout (2000 ms)|true',
	'the record tells its name; the next check was asked all the same');

# A cancel from outside is no answer: the heal is tried again.
set_conf($node, 'selfheal.check_timeout', "'600s'");
sql(q{UPDATE slow SET seconds = 300});
sql(sprintf 'SELECT selfheal.retry(%d)', incident('watched', 'id'));
my $asleep = q{SELECT count(*) = 1 FROM pg_stat_activity WHERE backend_type = 'selfheal worker' AND wait_event = 'PgSleep'};
ok($node->poll_query_until('postgres', $asleep), 'the worker asks a slow check');
sql(q{UPDATE slow SET seconds = 0});
sql(q{SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE backend_type = 'selfheal worker'});
ok( $node->poll_query_until('postgres', q{SELECT state = 'healed' FROM selfheal.incident WHERE relid = 'watched'::regclass}),
	'a cancelled heal is tried again and succeeds');
is(sql(q{SELECT count(*) FROM selfheal.audit WHERE event = 'refused'}), '1', 'no plan was refused for it');
is(sql(q{SELECT sqlstate FROM selfheal.audit WHERE event = 'apply_failed'}), '57014', 'the cancel stands in the record');

# So is a worker that is ended in the middle of one.
sql(q{UPDATE slow SET seconds = 300});
sql(q{INSERT INTO watched_intake VALUES ('{"id": 3, "x": 1}')});
ok($node->poll_query_until('postgres', $asleep), 'the worker asks a slow check');
sql(q{UPDATE slow SET seconds = 0});
sql(q{SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'selfheal worker'});
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'}),
	'the next worker goes on');
idle_now();
is(sql('SELECT x FROM watched WHERE id = 3'), '1', 'the row is stored');

# A table that a check reads is held: that says nothing of the plan.
sql(q{SELECT selfheal.check('watched', 'lookup', 'SELECT (SELECT count(*) FROM lookup) = 0 AND count(*) > 0 FROM watched')});
idle_now();
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN');
$holder->query_safe('LOCK TABLE lookup');
sql(q{INSERT INTO watched_intake VALUES ('{"id": 4, "y": 1}')});
ok( $node->poll_query_until('postgres', q{SELECT bool_or(state = 'waiting_lock') FROM selfheal.incident WHERE relid = 'watched'::regclass}),
	'while a table that a check reads is held the heal waits');
$holder->query_safe('COMMIT');
$holder->quit;
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'}),
	'and goes on when it is free');
is(incident('watched', 'state, attempts <= 2'), 'healed|t', 'it was no attempt');

# check() in a transaction that stays open: neither loads nor heals wait for it.
my $person = $node->background_psql('postgres');
$person->query_safe('BEGIN');
$person->query_safe(q{SELECT selfheal.check('watched', 'later', 'SELECT count(*) = 0 FROM watched')});
sql(q{INSERT INTO watched_intake VALUES ('{"id": 5, "z": 1}')});
is(idle_now(), 'true', 'the worker comes to rest while a check() is not committed');
is(sql('SELECT z FROM watched WHERE id = 5'), '1', 'the heal did not wait for it');
$person->query_safe('ROLLBACK');
$person->quit;

is(sql('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit holds');
$node->stop;
my $log = slurp_file($node->logfile);
unlike($log, qr/PANIC|TRAP:|terminated by signal/, 'no process was lost');
done_testing();
