# 047_batches.pl: statements that are one transaction though no BEGIN says so:
# a batch of a driver, sent in a pipeline. One fails, and all are rolled back:
# its row is not stored alone, where the client's retry of the batch would meet
# it for ever.
#
# A client of the tests (DriverTest.pm) sends the messages.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use DriverTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('batches');
$node->init;
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\n");
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

sub idle
{
	my ($name) = @_;
	is(sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', "$name: the worker comes to rest");
	return;
}

sub driver
{
	my ($script) = @_;
	return join(' ', drive($node, 'postgres', $script));
}

sql('CREATE EXTENSION selfheal');

# A row of a batch: its number and its name.
sub row
{
	my ($table, $id, $name) = @_;
	return "params | INSERT INTO $table (id, name) VALUES (\$1, \$2) | 23:b:$id | 25:t:$name";
}

sub watched
{
	my ($table) = @_;
	sql("CREATE TABLE $table (id int PRIMARY KEY, name varchar(5)); SELECT selfheal.watch('$table', replay_statements => true)");
	idle("$table, watched");
	return;
}

# Behind others in its batch.
watched('batch');
my $batch = join("\n", 'pipeline', row('batch', 1, 'a'), row('batch', 2, 'longer than five'), row('batch', 3, 'c'), 'end');
is(driver($batch), 'ok 1 22001 aborted', 'a batch fails in its middle');
idle('batch');
is(sql('SELECT count(*) FROM batch'), '0', 'nothing of it is stored');
is(sql(q{SELECT state FROM selfheal.incident WHERE table_name = 'batch'}), 'healed', 'its table is healed');
is(driver($batch), 'ok 1 ok 1 ok 1', 'the client sends it again, and it succeeds');
is(sql('SELECT count(*) FROM batch'), '3', 'each row is there once');

# Each with a sync of its own is a transaction of its own.
watched('single');
my $single = join("\n", 'pipeline', row('single', 1, 'a'), 'sync', row('single', 2, 'longer than five'), 'sync', row('single', 3, 'c'), 'end');
is(driver($single), 'ok 1 22001 ok 1', 'one of three fails by itself');
idle('single');
is(sql('SELECT count(*) FROM single'), '3', 'and its row is stored for its client');
is(driver(row('single', 2, 'longer than five')), '23505', 'whose retry meets it');

done_testing();
