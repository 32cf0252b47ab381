# What is expected of a table, and what is tolerated, goes with a dump; a restore
# is no change by a person, and the first change after it is.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('main');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\n");
$node->start;

sub sql
{
	my ($db, $text) = @_;
	return $node->safe_psql($db, $text);
}

sub idle
{
	my ($db, $name) = @_;
	is(sql($db, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', "$name: the worker is at rest");
	return;
}

sql('postgres', q{
	CREATE EXTENSION selfheal;
	CREATE TABLE orders (id serial PRIMARY KEY, customer varchar(32) NOT NULL, note text, qty int DEFAULT 1);
	CREATE TABLE parted (id int NOT NULL, day date) PARTITION BY RANGE (day);
	CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
	SELECT selfheal.watch('orders'), selfheal.watch('parted');
	SELECT selfheal.expect('orders', '{"columns": {"customer": "varchar(32)", "note": "text"}}');
	SELECT selfheal.expect('parted', 1);
	SELECT selfheal.set_tolerance('orders', new_columns_per_day => 3, held_percent => 12.5, structural_changes => false, past => 'pause');
	SELECT selfheal.set_tolerance('parted', held_percent => 50, past => 'propose')});
sql('postgres', 'ALTER TABLE orders DROP note');
idle('postgres', 'before');
my $paused = 'SELECT paused, restraint FROM selfheal.watched ORDER BY table_name';
is(sql('postgres', $paused), "t|pause\nf|", 'a dropped column is past the tolerance');

my $said = q{SELECT relid, version, baseline, set_by = current_user FROM selfheal.expectation ORDER BY relid::text;
	SELECT relid, new_columns_per_day, held_percent, structural_changes, past FROM selfheal.tolerance ORDER BY relid::text};
my $before = sql('postgres', $said);
my $file = PostgreSQL::Test::Utils::tempdir() . '/dump.sql';
command_ok([ 'pg_dump', '-h', $node->host, '-p', $node->port, '-f', $file, 'postgres' ], 'pg_dump');
sql('postgres', 'CREATE DATABASE again TEMPLATE template0');
command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-h', $node->host, '-p', $node->port, '-f', $file, 'again' ], 'restored');
# nobody wakes a worker for a restore by itself; it links the views again
sql('again', 'SELECT selfheal.wake()');
idle('again', 'after');
is(sql('again', $said), $before, 'what was said is there');
is(sql('again', $paused), "t|pause\nf|", 'and so is what it did');
is(sql('again', q{SELECT class, column_name, state FROM selfheal.incident WHERE state <> 'healed' ORDER BY id}),
	"drift|note|needs_human\ntolerance||needs_human", 'no restored table has drifted by being restored');
is(sql('again', q{SELECT source, kind, name, statement FROM selfheal.drift('orders')}),
	'baseline|column_dropped|note|ALTER TABLE orders DROP note', 'who has changed it is known');
is(sql('again', q{SELECT count(*) FROM selfheal.drift('parted')}), '0', 'a version is the same table after a restore');

sql('again', 'ALTER TABLE parted RENAME id TO number; ALTER TABLE orders ADD note text');
idle('again', 'changed');
is(sql('again', q{SELECT column_name, state FROM selfheal.incident WHERE class = 'drift' ORDER BY id}),
	"note|healed\nid|needs_human", 'the next change is seen');
is(sql('again', $paused), "f|\nf|", 'and what ends a pause');
is(sql('again', 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit is in order');

# DROP EXTENSION needs no CASCADE, and leaves nothing
sql('again', 'DROP EXTENSION selfheal');
is(sql('again', q{SELECT count(*) FROM pg_event_trigger}), '0', 'nothing is left');
sql('again', 'ALTER TABLE orders DROP note');

$node->stop;
done_testing();
