# pg_upgrade of a cluster with watched tables, held rows and an open incident:
# no worker runs during it, the event triggers are the extension's own, what
# waited heals, and the registry goes on. A table that was being restored rests
# in the new cluster, too.
use strict;
use warnings;

use File::Basename;
use File::Find;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $old = new_server('old');
install($old, 'postgres');

sub at { my $node = shift; return $node->safe_psql('postgres', join(';', @_)); }

at($old, <<'SQL');
	CREATE SCHEMA "odd Name";
	CREATE TABLE "odd Name"."a Table" (id int PRIMARY KEY, v varchar(4), must text NOT NULL);
	CREATE TABLE plain (id int, v varchar(4));
	CREATE TABLE half (id int, v varchar(4));
	SELECT selfheal.watch('"odd Name"."a Table"');
	SELECT selfheal.watch('plain');
	SELECT selfheal.watch('half');
	ALTER TABLE plain ADD COLUMN mine int;
	INSERT INTO "odd Name"."a Table_intake" VALUES ('{"id": 1}');
SQL
is(idle($old, 'postgres'), 't', 'idle');
is(at($old, 'SELECT state FROM selfheal.incidents'), 'awaiting_approval', 'an incident is open');

# held under a switch that is off: nobody has looked at them
set_conf($old, 'selfheal.enabled', 'off');
at($old, q{INSERT INTO plain_intake VALUES ('{"id": 1, "v": "longer"}')}, q{INSERT INTO half_intake VALUES ('{"id": 1, "v": "longer"}')},
	'DELETE FROM selfheal.settled WHERE relid = $$half$$::regclass', 'DELETE FROM selfheal.schema_snapshot WHERE relid = $$half$$::regclass');
# on again from the next start on: that of pg_upgrade
at($old, 'ALTER SYSTEM RESET selfheal.enabled');
my $oids = at($old, 'SELECT relid::oid, intake::oid FROM selfheal.watched ORDER BY 1');
my $triggers = 'SELECT tgrelid::regclass, tgname, tgenabled, tgfoid::regproc FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2';
my $before = at($old, $triggers);
$old->stop;

my $new = PostgreSQL::Test::Cluster->new('new');
$new->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$new->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\nlog_min_messages = log\n");
my $bin = $new->config_data('--bindir');
chdir($new->basedir) or die "could not enter: $!";
command_ok([ 'pg_upgrade', '--no-sync', '--retain', '-d', $old->data_dir, '-D', $new->data_dir, '-b', $bin, '-B', $bin,
		'-s', $new->host, '-p', $old->port, '-P', $new->port ], 'pg_upgrade');

# what the servers said while it ran
my @logs;
find(sub { push @logs, $File::Find::name if /^pg_upgrade_server.*\.log$/ }, $new->data_dir);
cmp_ok(scalar(@logs), '>', 0, 'it has left its logs');
my $said = join('', map { slurp_file($_) } @logs);
like($said, qr/database system is ready/, 'of its servers among them');
unlike($said, qr/background worker "selfheal|selfheal: audit sealed/, 'no process of ours ran');

# before a worker has looked at anything
$new->append_conf('postgresql.conf', "selfheal.enabled = off\n");
$new->start;
is(at($new, 'SELECT relid::oid, intake::oid FROM selfheal.watched ORDER BY 1'), $oids, 'the tables are the same');
is(at($new, q{SELECT string_agg(relid::regclass::text, ' ') FROM selfheal.resting}), 'half', 'what was settled is; what was not is not');
is( at($new, q{SELECT e.evtname, e.evtevent, e.evtenabled, p.proname FROM pg_event_trigger e JOIN pg_proc p ON p.oid = e.evtfoid
		WHERE EXISTS (SELECT FROM pg_depend d JOIN pg_extension x ON x.oid = d.refobjid WHERE x.extname = 'selfheal'
			AND d.classid = 'pg_event_trigger'::regclass AND d.objid = e.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e') ORDER BY 1}),
	"selfheal_ddl_drop|sql_drop|O|ddl_drop\nselfheal_ddl_end|ddl_command_end|O|ddl_end\nselfheal_table_rewrite|table_rewrite|O|table_rewrite",
	'the event triggers are members of the extension');
is(at($new, 'SELECT count(*) FROM pg_event_trigger'), '3', 'and no others');
is(at($new, $triggers), $before, 'triggers on tables and views are what they were');

# and then
is(set_conf($new, 'selfheal.enabled', 'on'), '1', 'on');
at($new, 'SELECT selfheal.wake()');
is(idle($new, 'postgres'), 't', 'idle');
is(at($new, 'SELECT v FROM plain'), 'longer', 'a row that waited is stored');
is(at($new, 'SELECT count(*) FROM half'), '0', 'that of a half restored table is not');
at($new, 'SELECT selfheal.approve(plan_id) FROM selfheal.pending');
at($new, 'SELECT selfheal.restored()');
is(idle($new, 'postgres'), 't', 'idle');
is(at($new, 'SELECT count(*) FROM "odd Name"."a Table"'), '1', 'a plan that waited can be approved');
is(at($new, 'SELECT count(*) FROM half'), '1', 'and so is it, once somebody has said so');
at($new, 'ALTER TABLE plain ADD COLUMN more int');
is(at($new, q{SELECT string_agg(format('%s %s', version, coalesce(by, '-')), ', ' ORDER BY version) FROM selfheal.schema_version WHERE table_name = 'public.plain'}),
	'1 person, 2 person, 3 healer, 4 person', 'the registry goes on');
is(at($new, 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the record verifies');
at($new, 'DROP TABLE plain');
is(at($new, q{SELECT to_regclass('plain_intake') IS NULL}), 't', 'DROP TABLE takes the intake along');
at($new, 'DROP EXTENSION selfheal');
is(at($new, q{SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_trigger t WHERE NOT tgisinternal)}), '0|0', 'DROP EXTENSION leaves no trigger');
$new->stop;
done_testing();
