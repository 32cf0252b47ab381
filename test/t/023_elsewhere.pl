# 023_elsewhere.pl: held rows of a foreign table, and a crash between their
# chunks: what the other side has committed is not held here again.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

# what does not wait for the disk is not written to it by somebody else
my $node = new_server('elsewhere',
	conf => "selfheal.replay_chunk = 5\nwal_writer_delay = '10s'\nautovacuum = off\n");

plan skip_all => 'postgres_fdw is not available'
  if $node->safe_psql('postgres',
	"SELECT count(*) FROM pg_available_extensions WHERE name = 'postgres_fdw'") == 0;

install($node, 'postgres');
install($node, 'away');

# the other side is a database of the same server; its table stops at id 25
make_table($node, 'away', 'mine');
my ($host, $port) = ($node->host, $node->port);
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION postgres_fdw;
CREATE SERVER away FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '$host', port '$port', dbname 'away');
CREATE USER MAPPING FOR CURRENT_USER SERVER away;
CREATE FOREIGN TABLE mine (id bigint, name varchar(32)) SERVER away;
SELECT selfheal.watch('mine');
SQL
load_long($node, 'postgres', 'mine', 1, 40);
is(idle($node, 'postgres'), 't', 'the rows are held');

my $lock = hold($node, 'away');
$node->safe_psql('away', 'ALTER TABLE mine ALTER name TYPE text');
$node->safe_psql('postgres', 'ALTER FOREIGN TABLE mine ALTER name TYPE text');
ok($node->poll_query_until('postgres',
		"SELECT count(*) = 1 FROM pg_stat_activity WHERE datname = 'away' AND wait_event = 'PgSleep'"),
	'the replay is in its fifth chunk');
is($node->safe_psql('away', 'SELECT count(*) FROM mine'), '20', 'four are committed there');
$node->stop('immediate');
$lock->{run}->kill_kill;
$node->start;

ok($node->poll_query_until('postgres',
		"SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'"),
	'the heal goes on after the crash');
is(idle($node, 'postgres'), 't', 'and ends');
is($node->safe_psql('away', 'SELECT count(*), count(DISTINCT id) FROM mine'), '40|40',
	'each row is stored there once');
is($node->safe_psql('postgres', "SELECT sum(rows) FROM selfheal.replayed"), '40',
	'and is said to be');

$node->stop;
done_testing();
