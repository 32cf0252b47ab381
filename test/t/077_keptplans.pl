# The healer plans its own statements once and keeps the plans, but not longer
# than they fit: a burst of rows may come before anybody analyzes a table.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('keptplans', conf => "autovacuum = off\nselfheal.worker_linger = '60s'\n");

if ($node->safe_psql('postgres', q{SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'}) eq '0')
{
	plan skip_all => 'pg_stat_statements, which counts plans, is not there';
}
$node->append_conf('postgresql.conf', <<CONF);
shared_preload_libraries = 'pg_stat_statements,selfheal'
pg_stat_statements.track = all
pg_stat_statements.track_planning = on
CONF
$node->restart;

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

# A heal of one row in a table of its own.
sub heal
{
	my ($name) = @_;

	sql(qq{INSERT INTO ${name}_intake VALUES ('{"id": 1, "v": "longer than three"}')});
	idle($node, 'postgres');
	return;
}

# Statements of the healer that came at least as often as asked for: how many,
# how often they were planned, and how often they ran.
sub counted
{
	my ($calls) = @_;

	return split /\|/,
	  sql(qq{SELECT count(*), coalesce(sum(plans), 0), coalesce(sum(calls), 0) FROM pg_stat_statements
		WHERE toplevel AND query LIKE '%selfheal.%' AND query ~ '^(WITH|UPDATE|DELETE|INSERT INTO selfheal)' AND calls >= $calls});
}

install($node, 'postgres');
sql('CREATE EXTENSION pg_stat_statements');
sql(map { ("CREATE TABLE t$_ (id int, v varchar(3))", "SELECT selfheal.watch('t$_')") } 1 .. 14);
heal("t$_") for 1 .. 7;
sql('SELECT pg_stat_statements_reset()');
heal("t$_") for 8 .. 13;
my ($statements, $plans, $calls) = counted(6);
cmp_ok($statements, '>', 8, "$statements statements came with each of six heals");
cmp_ok($plans, '<', $calls / 10, "and were planned hardly ever: $plans of $calls times");
is(sql(q{SELECT count(*) FROM selfheal.incident WHERE state = 'healed'}), '13', 'all was healed');

# errors of as many loads: their table is many times as large as it was
sql(q{SELECT selfheal.watch('t14', 'propose')});
idle($node, 'postgres');
my $before = sql(q{SELECT pg_relation_size('selfheal.error')});
sql(q{SELECT pg_stat_statements_reset()},
	q{DO $$ BEGIN FOR i IN 1..1000 LOOP INSERT INTO t14_intake VALUES ('{"id": 1, "v": "longer than three"}'); END LOOP; END $$});
idle($node, 'postgres');
cmp_ok(sql(q{SELECT pg_relation_size('selfheal.error')}), '>', 4 * $before, 'a burst of loads');
cmp_ok(sql(q{SELECT coalesce(sum(plans), 0) FROM pg_stat_statements WHERE query LIKE 'WITH fresh%selfheal.error%'}), '>', 0,
	'what looks for new ones was planned anew');

done_testing();
