# 040_approve_idle.pl: a person who decides and then goes to lunch with his
# transaction open blocks no other heal, no load and no sealing of the audit.
#
# Each round: a session does one verb inside BEGIN and stays there. Meanwhile
# another table heals, the same table heals what the verb is not about, loads
# of all kinds return, the audit is sealed to its end. Then it commits, and
# what was decided happens.

use strict;
use warnings;

use PostgreSQL::Test::BackgroundPsql;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

# A lock of ours that somebody holds is waited for so long, and no longer. No
# machine needs it for a load that waits for nobody.
my $gate_seconds = 20;

my $node = PostgreSQL::Test::Cluster->new('idle');
$node->init;
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'selfheal'
selfheal.gate_timeout = '${gate_seconds}s'
CONF
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# Everything committed so far is dealt with.
sub idle
{
	my ($name) = @_;
	is(sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', "$name: the worker comes to rest");
	return;
}

# A statement and how long it took.
sub timed
{
	my ($text) = @_;
	my $start = time;
	sql($text);
	return time - $start;
}

sql(q{CREATE EXTENSION selfheal;
	CREATE TABLE other (id int, v varchar(4));
	SELECT selfheal.watch('other')});

my $number = 0;

# A watched table with: a row that waits for approval (no "must"), a row that
# waits for its parent 1, and a row that is stored.
sub table
{
	my $t = 't' . ++$number;
	sql(qq{CREATE TABLE ${t}_parent (id int PRIMARY KEY);
		INSERT INTO ${t}_parent VALUES (0);
		CREATE TABLE $t (id int, v varchar(4), must text NOT NULL, parent int REFERENCES ${t}_parent);
		SELECT selfheal.watch('$t');
		INSERT INTO ${t}_intake VALUES ('{"id": 1}'), ('{"id": 2, "must": "x", "parent": 1}'), ('{"id": 3, "must": "x"}')});
	idle("$t is loaded");
	is(sql("SELECT string_agg(class || ' ' || state, ', ' ORDER BY class) FROM selfheal.incidents WHERE table_name = 'public.$t'"),
		'foreign_key awaiting_parent, missing_key awaiting_approval', "$t: one plan waits, one row waits for its parent");
	return $t;
}

sub plan_of
{
	my ($t) = @_;
	return sql("SELECT plan_id FROM selfheal.pending WHERE table_name = 'public.$t'");
}

sub incident
{
	my ($t, $class) = @_;
	return sql("SELECT id FROM selfheal.incidents WHERE table_name = 'public.$t' AND class = '$class'");
}

sub state
{
	my ($t, $class) = @_;
	return sql("SELECT state FROM selfheal.incidents WHERE table_name = 'public.$t' AND class = '$class' ORDER BY id DESC LIMIT 1");
}

sub row
{
	my ($t, $class) = @_;
	return sql("SELECT min(id) FROM selfheal.quarantined WHERE table_name = 'public.$t' AND class = '$class' AND state = 'held'");
}

sub ids
{
	my ($t) = @_;
	return sql("SELECT string_agg(id::text, ' ' ORDER BY id) FROM $t");
}

# What goes on while the session is idle: other table, same table, loads, seal.
# %how: alone: nothing comes for the same table; table: the session holds a
# lock on it as any reader or writer would; held: its rows are held.
my $key = 0;

sub other_heals
{
	my ($name) = @_;

	$key++;
	cmp_ok(timed(qq{INSERT INTO other_intake VALUES ('{"id": $key, "k$key": $key}')}),
		'<', $gate_seconds, "$name: another table's load returns");
	ok($node->poll_query_until('postgres',
			"SELECT EXISTS (SELECT FROM other o WHERE to_jsonb(o) ->> 'k$key' = '$key')"),
		"$name: another table heals");
	return;
}

sub life_goes_on
{
	my ($name, $t, %how) = @_;

	other_heals($name);
	idle("$name: another table");
	return if $how{alone};

	cmp_ok(timed(qq{INSERT INTO ${t}_intake VALUES ('{"id": 10, "must": "x"}')}),
		'<', $gate_seconds, "$name: a load that fits returns");
	cmp_ok(timed(qq{INSERT INTO ${t}_intake VALUES ('{"id": 11}'), ('{"id": 12, "must": "x", "parent": 1}')}),
		'<', $gate_seconds, "$name: a load of the same misfits returns");
	cmp_ok(timed(qq{INSERT INTO ${t}_intake VALUES ('{"id": 13, "must": "x", "v": "longer"}')}),
		'<', $gate_seconds, "$name: a load with a new misfit returns");
	idle("$name: the same table");
	is(sql("SELECT count(*) FROM $t WHERE v = 'longer' AND id = 13"), $how{table} ? '0' : '1',
		$how{table} ? "$name: the table itself is in use" : "$name: the same table heals")
		if !$how{held};

	my ($ok, $unsealed) = split /\|/, sql('SELECT ok, unsealed FROM selfheal.verify_audit()');
	is("$ok $unsealed", 't 0', "$name: the audit is sealed");
	return;
}

# One verb in a transaction that stays open, life, then its end.
sub linger
{
	my ($name, $t, $statement, $end, %how) = @_;
	my $session = $node->background_psql('postgres', timeout => 600);

	$session->query_safe("BEGIN; $statement");
	is( sql(q{SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'}),
		'1', "$name: the session is idle in its transaction");
	life_goes_on($name, $t, %how);
	$session->query_safe($end // 'COMMIT');
	$session->quit;
	idle("$name: after its end");
	return;
}

my $t = table();
linger('approve', $t, 'SELECT selfheal.approve(' . plan_of($t) . ')', 'COMMIT', alone => 1);
is(ids($t), '1 3', 'approve: the row is stored once it commits');
is(state($t, 'missing_key'), 'healed', 'approve: healed');
is(sql("SELECT count(*) FROM selfheal.pending WHERE table_name = 'public.$t'"), '0', 'approve: nothing pends');

# The table is healed meanwhile: it is not what was approved any more. The plan
# that pends then is for the table as it is.
$t = table();
my $before = plan_of($t);
linger('approve, too late', $t, "SELECT selfheal.approve($before)");
is(ids($t), '3 10 13', 'approve, too late: the approval was for another table');
is(sql("SELECT state FROM selfheal.plan WHERE id = $before"), 'superseded', 'approve, too late: it is void');
is(sql("SELECT count(*) FROM selfheal.audit WHERE plan = $before AND event = 'refused'"),
	'1', 'approve, too late: the audit says so');
sql('SELECT selfheal.approve(' . plan_of($t) . ')');
idle('approve, too late');
is(ids($t), '1 3 10 11 13', 'approve, too late: the new plan is good');
is(state($t, 'missing_key'), 'healed', 'approve, too late: healed');

# A plan that pends while its table heals is planned anew by itself.
$t = table();
sql(qq{INSERT INTO ${t}_intake VALUES ('{"id": 4, "must": "x", "v": "longer"}')});
idle('planned anew');
sql('SELECT selfheal.approve(' . plan_of($t) . ')');
idle('planned anew, approved');
is(ids($t), '1 3 4', 'planned anew: what pends can be approved');

$t = table();
linger('approve, rolled back', $t, 'SELECT selfheal.approve(' . plan_of($t) . ')', 'ROLLBACK');
is(ids($t), '3 10 13', 'approve, rolled back: nothing was done');
is(state($t, 'missing_key'), 'awaiting_approval', 'approve, rolled back: it still waits');
is(sql("SELECT count(*) FROM selfheal.audit WHERE table_name = '$t' AND event = 'approved'"),
	'0', 'approve, rolled back: and nobody approved');

$t = table();
linger('reject', $t, 'SELECT selfheal.reject(' . plan_of($t) . ", 'no')");
is(state($t, 'missing_key'), 'needs_human', 'reject: needs a person once it commits');
is(ids($t), '3 10 13', 'reject: nothing was done');

$t = table();
linger('retry', $t,
	"INSERT INTO ${t}_parent VALUES (1); SELECT selfheal.retry(" . incident($t, 'foreign_key') . ')');
is(ids($t), '2 3 10 12 13', 'retry: rows are stored once it commits');
is(state($t, 'foreign_key'), 'healed', 'retry: healed');

$t = table();
linger('pause', $t, "SELECT selfheal.pause('$t')");
sql(qq{INSERT INTO ${t}_intake VALUES ('{"id": 20, "must": "x", "new": 1}')});
idle('pause: paused');
is(ids($t), '3 10 13', 'pause: in force once it commits');
linger('resume', $t, "SELECT selfheal.resume('$t')", undef, held => 1);
is(ids($t), '3 10 10 13 13 20', 'resume: rows are stored once it commits');

$t = table();
linger('discard', $t, 'SELECT selfheal.discard(' . row($t, 'foreign_key') . ", 'no')");
is(sql("SELECT count(*) FROM selfheal.quarantined WHERE table_name = 'public.$t' AND state = 'discarded'"),
	'1', 'discard: discarded once it commits');

$t = table();
linger('discard an incident', $t,
	'SELECT selfheal.discard(' . incident($t, 'missing_key') . ", 'no', 100)");
is(sql("SELECT count(*) FROM selfheal.quarantined WHERE table_name = 'public.$t' AND state = 'discarded'"),
	'1', 'discard an incident: what was held when it ran');
isnt(state($t, 'missing_key'), 'dismissed', 'discard an incident: rows that came meanwhile are not lost sight of');
is(sql("SELECT count(*) FROM selfheal.error WHERE incident IS NULL"), '0', 'discard an incident: each failure has its incident');

$t = table();
linger('amend', $t, 'SELECT selfheal.amend(' . row($t, 'missing_key') . q{, '{"id": 1, "must": "y"}', 'asked')});
is(sql("SELECT must FROM $t WHERE id = 1"), 'y', 'amend: stored once it commits');

$t = table();
linger('propose', $t, "SELECT selfheal.propose('$t', 'ALTER TABLE $t ADD extra text', 'wanted')");
is(sql("SELECT count(*) FROM selfheal.pending WHERE table_name = 'public.$t' AND why = 'wanted'"),
	'1', 'propose: pends once it commits');

$t = table();
linger('dry_run', $t, 'SELECT selfheal.dry_run(' . plan_of($t) . ')');

$t = table();
linger('watch', $t, "SELECT selfheal.watch('$t', 'observe')");
is(sql("SELECT mode FROM selfheal.watched WHERE table_name = '$t'"), 'observe', 'watch: in force once it commits');

$t = table();
linger('preview and explain', $t,
	"SELECT count(*) FROM selfheal.preview('$t', '{}'); SELECT selfheal.explain(" . incident($t, 'missing_key') . ')');

# Rows that a person puts in himself are in the table: only its ALTER waits.
$t = table();
linger('replay', $t, "INSERT INTO ${t}_parent VALUES (1); SELECT selfheal.replay('$t')", undef, table => 1);
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM $t WHERE v = 'longer'"),
	'replay: the change that had to wait is made');
idle('replay: at the end');
is(ids($t), '2 3 10 12 13', 'replay: each row once');

# Two people: what one has approved meets an incident that another holds. The
# plan waits its turn and is not lost.
$t = table();
my $session = $node->background_psql('postgres', timeout => 600);
$session->query_safe('BEGIN; SELECT selfheal.retry(' . incident($t, 'missing_key') . ')');
sql('SELECT selfheal.approve(' . plan_of($t) . ')');
other_heals('retry against approve');
is(sql("SELECT state FROM selfheal.plan WHERE table_name = '$t'"), 'approved', 'retry against approve: the approval stands');
$session->query_safe('COMMIT');
$session->quit;
ok($node->poll_query_until('postgres', "SELECT count(*) = 1 FROM $t WHERE id = 1"),
	'retry against approve: the row is stored in the end');
idle('retry against approve');
is(state($t, 'missing_key'), 'healed', 'retry against approve: healed');
is(ids($t), '1 3', 'retry against approve: each row once');
is(sql("SELECT count(*) FROM selfheal.pending WHERE table_name = 'public.$t'"), '0', 'retry against approve: nothing pends');

# Nothing of the above ended in an error of the worker.
my $log = slurp_file($node->logfile);
unlike($log, qr/cannot go from|vanished|PANIC|FATAL/, 'no state was lost on the way');
is(sql('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit is good');

$node->stop;
done_testing();
