# 060_attack.pl: what was tried to break the healer, and once did.
#
# Code of a table's owner or of a loader that wants to run as the worker, which
# is a superuser; what such code leaves behind in the worker's session; settings
# of a database or role that a heal must not follow; and tables that change
# under it where no event trigger says so.

use strict;
use warnings;

use lib 'test/t';
use IPC::Run ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('attack');
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# Start the next worker with the settings as they are now.
sub fresh_worker
{
	sql(q{SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
		WHERE backend_type = 'selfheal worker'});
	return;
}

sub load
{
	my ($role, $table, @payloads) = @_;
	sql("SET SESSION AUTHORIZATION $role; SET client_min_messages = error;\n"
		  . "INSERT INTO ${table}_intake VALUES "
		  . join(', ', map { "(\$p\$$_\$p\$)" } @payloads));
	return;
}

sub rest
{
	return sql(q{SELECT selfheal.wait_idle('180s') -> 'idle'});
}

sub incident
{
	my ($table) = @_;
	return sql(qq{SELECT state || ' ' || coalesce(reason, '') FROM selfheal.incident
		WHERE relid = '$table'::regclass ORDER BY id DESC LIMIT 1});
}

# Who ran the functions of mallory since the log was last looked at?
my $log = 0;

sub ran
{
	my $text = slurp_file($node->logfile, $log);
	my %seen;

	$log += length($text);
	$seen{$_} = 1 for $text =~ /RAN (\w+ as \w+)/g;
	return join(', ', sort keys %seen);
}

my $long = 'longer than four';

# ---- whose code runs as whom ----

# An immutable function with constant arguments is run by whoever first looks
# at the expression: PostgreSQL folds it. RAISE LOG outlives a rollback.
sql(q{CREATE ROLE mallory LOGIN; CREATE SCHEMA mal AUTHORIZATION mallory;
	SET SESSION AUTHORIZATION mallory;
	CREATE FUNCTION mal.tell(how text) RETURNS int LANGUAGE plpgsql AS $$
	BEGIN
		RAISE LOG 'RAN % as %', how, current_user;
		BEGIN
			ALTER ROLE mallory SUPERUSER;
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		RETURN 0;
	END $$;
	CREATE FUNCTION mal.zero(how text) RETURNS int LANGUAGE plpgsql IMMUTABLE AS $$
	BEGIN
		PERFORM mal.tell(how);
		RETURN 0;
	END $$;
	CREATE DOMAIN mal.word AS text CHECK (length(value) >= mal.zero('domain'));
	CREATE TABLE mal.words (id int, v varchar(4), w mal.word);
	CREATE TABLE mal.parts (id int NOT NULL, v varchar(4), n int NOT NULL)
		PARTITION BY RANGE ((id + mal.zero('partition')));
	CREATE TABLE mal.parts_1 PARTITION OF mal.parts FOR VALUES FROM (0) TO (1000);
	RESET SESSION AUTHORIZATION;
	SELECT selfheal.watch(t) FROM unnest('{mal.words,mal.parts}'::regclass[]) t});
ran();
load('mallory', 'mal.words', qq({"id":1,"v":"$long","w":"x"}));
rest();
is(ran(), 'domain as mallory', "a domain's check is folded as the owner or the loader, not as the worker");
is(sql('SELECT v, w FROM mal.words'), "$long|x", 'and the row is stored');

is(sql(q{SELECT count(*) FROM selfheal.preview('mal.words', '{"id":2,"w":"y"}')}), '0',
	'preview() of a row that fits');
is(ran(), 'domain as mallory', "a superuser's preview() runs a domain's check as the owner");

load('mallory', 'mal.parts', '{"id":1,"n":null}');
rest();
sql(q{SELECT * FROM selfheal.vet('mal.parts', 'ALTER TABLE mal.parts ALTER n DROP NOT NULL')});
unlike(ran(), qr/as postgres/, 'nobody folds a partition key as the worker, or as who asks vet()');
is( sql(q{SELECT verdict, reason FROM selfheal.vet('mal.parts', 'ALTER TABLE mal.parts ALTER id DROP NOT NULL')}),
	'refuse|column "id" is part of the partition key of mal.parts',
	'a column that the key uses in an expression is still known as one of the key');

# ---- what such code leaves behind ----

sql(q{SET SESSION AUTHORIZATION mallory;
	CREATE TABLE mal.mess (id int, v varchar(4));
	CREATE FUNCTION mal.mess() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM set_config('application_name', 'mallory was here', false);
		PERFORM set_config('search_path', 'mal', false);
		PERFORM pg_advisory_lock(4711);
		RETURN NEW;
	END $$;
	CREATE TRIGGER mess BEFORE INSERT ON mal.mess FOR EACH ROW EXECUTE FUNCTION mal.mess();
	RESET SESSION AUTHORIZATION;
	SELECT selfheal.watch('mal.mess')});
load('mallory', 'mal.mess', qq({"id":1,"v":"$long"}));
rest();
is(sql('SELECT v FROM mal.mess'), $long, 'a row whose trigger changes settings and takes a lock is stored');
is( sql(q{SELECT application_name FROM pg_stat_activity WHERE backend_type = 'selfheal worker'}),
	'selfheal worker', "what the trigger SET does not outlive it in the worker's session");
is(sql(q{SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 4711}),
	'0', 'nor does its advisory lock');

is(sql(q{SELECT rolsuper FROM pg_roles WHERE rolname = 'mallory'}), 'f', 'nobody rose');

# ---- settings that a heal must not follow ----

sql(q{CREATE TABLE parent (id int PRIMARY KEY); INSERT INTO parent VALUES (1);
	CREATE ROLE feed LOGIN});
my @settings = (
	'session_replication_role = replica', 'row_security = off',
	'array_nulls = off', 'exit_on_error = on', 'xmloption = document',
	'default_transaction_read_only = on',
	q{default_transaction_isolation = 'serializable'});
for my $setting (@settings)
{
	my ($name) = $setting =~ /^(\w+)/;

	# of the worker's role: the loader's own session is as ever
	sql("ALTER ROLE postgres IN DATABASE postgres SET $setting");
	fresh_worker();
	$node->safe_psql('postgres', qq{
		SET session_replication_role = origin; SET exit_on_error = off;
		SET default_transaction_read_only = off;
		CREATE TABLE t_$name (id int, v varchar(4), parent int REFERENCES parent,
			a text[], x xml);
		ALTER TABLE t_$name ENABLE ROW LEVEL SECURITY;
		CREATE POLICY p ON t_$name FOR INSERT TO feed WITH CHECK (id < 10);
		GRANT INSERT ON t_$name TO feed;
		SELECT selfheal.watch('t_$name');
		GRANT INSERT ON t_${name}_intake TO feed});
	my $row = qq("v":"$long","a":["NULL",null],"x":"a<b/>");
	$node->safe_psql('postgres', qq{
		SET client_min_messages = error;
		INSERT INTO t_${name}_intake VALUES ('{"id":1,"parent":1,$row}'),
			('{"id":2,"parent":2,$row}'), ('{"id":12,"parent":1,$row}')},
		extra_params => [ '-U', 'feed' ]);
	rest();
	is( $node->safe_psql('postgres',
			"SET array_nulls = on; SELECT id, v, parent, a, x FROM t_$name"),
		qq(1|$long|1|{"NULL",NULL}|a<b/>),
		"$setting: the row that fits is stored as its loader would have stored it");
	is( sql(qq{SELECT string_agg(payload::json ->> 'id' || ' ' || class, ', ' ORDER BY id)
			FROM selfheal.quarantined WHERE table_name = 'public.t_$name'}),
		'2 foreign_key, 12 permission', "$setting: the others are not");
	sql("SET default_transaction_read_only = off; ALTER ROLE postgres IN DATABASE postgres RESET $name");
}
fresh_worker();

# A loader's own array_nulls = off would make a word of a null.
sql(q{CREATE TABLE nulls (id int, a text[]); SELECT selfheal.watch('nulls');
	SET array_nulls = off; INSERT INTO nulls_intake VALUES ('{"id":1,"a":[null,"NULL"]}')});
is(sql('SELECT a FROM nulls'), '{NULL,"NULL"}', 'a null in an array is a null, also with array_nulls off');

# ---- tables that change ----

# A watched table becomes a partition: what is held for it stays in reach.
sql(q{CREATE TABLE piece (id int, v varchar(4)); SELECT selfheal.watch('piece')});
sql(q{SELECT selfheal.pause('piece')});
load('postgres', 'piece', qq({"id":1,"v":"$long"}), qq({"id":2,"v":"$long"}));
sql(q{CREATE TABLE whole (id int, v varchar(4)) PARTITION BY LIST (id);
	ALTER TABLE whole ATTACH PARTITION piece DEFAULT;
	SELECT selfheal.resume('piece')});
rest();
like(incident('piece'), qr/^needs_human public\.piece is a partition/,
	'a watched table that became a partition needs a person');
sql(q{SELECT selfheal.discard(min(id), 'enough') FROM selfheal.quarantine WHERE relid = 'piece'::regclass;
	ALTER TABLE whole ALTER v TYPE text});
rest();
sql(q{SELECT selfheal.replay('piece')});
is(sql(q{SELECT count(*) FROM piece}), '1', 'who can discard its rows and make room for them');
sql(q{SELECT selfheal.unwatch('piece')});
my ($ret, $out, $err) = $node->psql('postgres', q{SELECT selfheal.watch('piece')});
like($err, qr/public\.piece is a partition/, 'and unwatch it; to watch it again is refused');

# A child that the owner of its parent may not change.
sql(q{CREATE TABLE mal.top (id int, v varchar(4)); ALTER TABLE mal.top OWNER TO mallory;
	CREATE TABLE mal.sub () INHERITS (mal.top);
	SELECT selfheal.watch('mal.top')});
load('postgres', 'mal.top', qq({"id":1,"v":"$long"}));
rest();
like(incident('mal.top'), qr/^needs_human mal\.sub belongs to another role/,
	"a child of another owner is a refusal with its name, not a failed attempt");

# DROPs that no event trigger sees.
sql(q{CREATE TABLE unseen (id int, v varchar(4)); CREATE TABLE gone (id int, v varchar(4));
	SELECT selfheal.watch('unseen'); SELECT selfheal.watch('gone');
	SET session_replication_role = replica;
	DROP VIEW unseen_intake; DROP TABLE gone});
is(sql(q{SELECT selfheal.watch('unseen')}), 'public.unseen_intake',
	'watch() makes a view anew that was dropped by a replica');
load('postgres', 'unseen', qq({"id":1,"v":"$long"}));
rest();
is(sql('SELECT v FROM unseen'), $long, 'and rows are healed through it');
is(sql(q{SELECT count(*) FROM selfheal.watched WHERE table_name = 'gone'}), '0',
	'the worker forgets a table that was dropped by a replica');

# Plans that will never run.
sql(q{CREATE TABLE planned (id int, v varchar(4)); SELECT selfheal.watch('planned');
	SELECT selfheal.propose('planned', 'ALTER TABLE planned ADD a int', 'why not');
	SELECT selfheal.pause('planned');
	SELECT selfheal.approve(max(id)) FROM selfheal.plan});
sql('DROP TABLE planned');
rest();
is(sql(q{SELECT state, reason FROM selfheal.plan ORDER BY id DESC LIMIT 1}),
	'superseded|the table is gone', 'an approved plan of a dropped table is taken back');
sql(q{UPDATE selfheal.plan SET state = 'planned' WHERE id = (SELECT max(id) FROM selfheal.plan);
	SELECT selfheal.wake()});
rest();
is(sql(q{SELECT state, reason FROM selfheal.plan ORDER BY id DESC LIMIT 1}),
	'superseded|the worker ended before it ran', 'and so is what a worker that died had planned');

# A load that waits for a table which is then dropped.
sql(q{CREATE TABLE race (id int); SELECT selfheal.watch('race')});
my $dropper = $node->background_psql('postgres');
$dropper->query_safe('BEGIN');
$dropper->query_safe('DROP TABLE race');
my ($race_out, $race_err) = ('', '');
my $loader = IPC::Run::start(
	[ 'psql', '-XAt', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-c',
		q{COPY race_intake FROM PROGRAM 'echo "{}"' (FORMAT ndjson)} ],
	'>', \$race_out, '2>', \$race_err);
ok( $node->poll_query_until('postgres',
		q{SELECT count(*) = 1 FROM pg_stat_activity WHERE query LIKE 'COPY race%' AND wait_event_type = 'Lock'}),
	'a load waits for a DROP TABLE');
$dropper->query_safe('COMMIT');
$dropper->quit;
$loader->finish;
like($race_err, qr/42P01/, 'and is told that the table is gone, not of an internal error');

# Who holds a table is told to whoever may ask for a forecast; what he runs,
# to whom pg_stat_activity would show it.
sql(q{CREATE ROLE looker LOGIN; CREATE TABLE held_by (id int, v varchar(4)); SELECT selfheal.watch('held_by');
	SELECT selfheal.grant_to('looker', 'viewer'); GRANT SELECT ON held_by TO looker});
my $holder = $node->background_psql('postgres');
$holder->query_safe('BEGIN');
$holder->query_safe(q{SELECT 'a secret' FROM held_by});
my $ask = q{SELECT forecast -> 'conflicting' #>> '{0, query}' FROM selfheal.vet('held_by', 'ALTER TABLE held_by ALTER v TYPE varchar(8)')};
like(sql($ask), qr/a secret/, 'a superuser sees the statement of who holds the table');
is(sql("SET SESSION AUTHORIZATION looker; $ask"), '', 'a viewer sees that somebody does');
is(sql("GRANT pg_read_all_stats TO looker; SET SESSION AUTHORIZATION looker; $ask") =~ /a secret/ ? 1 : 0,
	1, 'and the statement as one who may see those of others');
$holder->quit;

is(sql(q{SELECT ok FROM selfheal.verify_audit()}), 't', 'the audit verifies');
unlike(slurp_file($node->logfile), qr/signal 11|PANIC|TRAP:/, 'no process died');

$node->stop;
done_testing();
