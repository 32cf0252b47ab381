# A parent that logical replication brings, or that comes after a restore: its
# children are woken by the commit, not by the interval.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('applied', streaming => 1,
	conf => "wal_level = logical\nselfheal.parent_retry_interval = 0\nselfheal.max_wait = 0\nautovacuum = off\n");
$node->safe_psql('postgres', 'CREATE DATABASE source');
install($node, 'postgres');

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

sub stored { return sql('SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM child'); }

my $tables = 'CREATE TABLE parent (id int PRIMARY KEY); CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id);'
  . 'CREATE TABLE part1 PARTITION OF parts FOR VALUES FROM (0) TO (100); CREATE TABLE other (id int PRIMARY KEY)';
$node->safe_psql('source', "$tables; INSERT INTO parent VALUES (1); CREATE PUBLICATION p FOR TABLE parent, parts, other WITH (publish_via_partition_root = true);"
	  . "SELECT pg_create_logical_replication_slot('s', 'pgoutput')");
sql($tables, 'CREATE TABLE child (id int, p int REFERENCES parent, q int REFERENCES parts)', "SELECT selfheal.watch('child')",
	q{INSERT INTO child_intake VALUES ('{"id": 1, "p": 1}'), ('{"id": 2, "p": 2}'), ('{"id": 3, "q": 3}'), ('{"id": 4, "p": 4}')});
is(idle($node, 'postgres'), 't', 'idle');
is(sql('SELECT state FROM selfheal.incidents'), 'awaiting_parent', 'all of them wait');

# what the copy at the beginning brings
my $conn = $node->connstr('source') =~ s/'/''/gr;
sql("CREATE SUBSCRIPTION s CONNECTION '$conn' PUBLICATION p WITH (create_slot = false, slot_name = 's')");
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM child'), 'the first copy tells');

# what is applied: into a table, and into a partition through its root
$node->safe_psql('source', 'INSERT INTO parent VALUES (2)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM child'), 'an applied row tells');
$node->safe_psql('source', 'INSERT INTO parts VALUES (3)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 3 FROM child'), 'and one of a partition');
is(stored(), '1 2 3', 'those whose parents came');

# what is applied to a table that nobody waits for is no reason to look
$node->safe_psql('source', 'INSERT INTO other SELECT generate_series(1, 100)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 100 FROM other'), 'another table is applied');
idle($node, 'postgres');
is(sql('SELECT state FROM selfheal.incidents'), 'awaiting_parent', 'the last one waits on');

# an update of the key
$node->safe_psql('source', 'INSERT INTO parent VALUES (40); UPDATE parent SET id = 4 WHERE id = 40');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 4 FROM child'), 'an update tells');
sql('DROP SUBSCRIPTION s');

# Rows that wait are dumped, and restored into a database whose worker knows of
# none; their order goes along.
sub restored { return $node->safe_psql('restored', join(';', @_)); }

$node->safe_psql('postgres', 'CREATE DATABASE restored');
sql('CREATE TABLE late (n serial, k int, step int, p int REFERENCES parent)', "SELECT selfheal.watch('late', ordering_key => 'k')",
	q{INSERT INTO late_intake VALUES ('{"k": 1, "step": 1, "p": 50}'), ('{"k": 1, "step": 2}')});
idle($node, 'postgres');
my $dump = $node->basedir . '/dump.sql';
$node->command_ok([ 'pg_dump', '-f', $dump, $node->connstr('postgres') ], 'dump');
my ($said, $wrong) = run_command([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-f', $dump, $node->connstr('restored') ]);
unlike($wrong, qr/ERROR/, 'restore');
restored('SELECT selfheal.wake()');
is(idle($node, 'restored'), 't', 'idle');
restored(q{INSERT INTO late_intake VALUES ('{"k": 1, "step": 3}')});
idle($node, 'restored');
is(restored('SELECT count(*) FROM late'), '0', 'they wait there, too');
restored('INSERT INTO parent VALUES (50)');
ok($node->poll_query_until('restored', 'SELECT count(*) = 3 FROM late'), 'their parent came');
is(restored('SELECT string_agg(step::text, $$ $$ ORDER BY n) FROM late'), '1 2 3', 'and they in order');
is(stored(), '1 2 3 4', 'nothing came where they were dumped');
is(sql('SELECT count(*) FROM late'), '0', 'nor there');
$node->stop;
done_testing();
