# 055_ids.pl: ids of held rows. Loads of any size that run at the same time
# take them in blocks: no id is given out twice, those of a load follow the
# order of its rows, and after a crash none comes again.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('ids');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
selfheal.enabled = off
CONF
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

sql(q{
	CREATE EXTENSION selfheal;
	CREATE TABLE one (id int, v varchar(2));
	CREATE TABLE two (id int, v varchar(2));
	SELECT selfheal.watch(t, 'observe') FROM unnest('{one,two}'::regclass[]) t;
});

# rows that are held, in loads of one to forty, some of them taken back
my $load = $node->basedir . '/load.sql';
append_to_file($load, <<'PGBENCH');
\set n random(1, 40)
\set back random(1, 4)
BEGIN;
INSERT INTO one_intake SELECT jsonb_build_object('id', i, 'v', 'too long') FROM generate_series(1, :n) i;
INSERT INTO two_intake VALUES ('{"id": 1, "v": "too long"}');
INSERT INTO two_intake SELECT jsonb_build_object('id', i, 'v', 'too long') FROM generate_series(1, 41 - :n) i;
\if :back = 1
ROLLBACK;
\else
COMMIT;
\endif
PGBENCH
$node->command_ok(
	[
		'pgbench', '-n', '-c', '6', '-j', '2', '-t', '100', '-f', $load,
		'-d', $node->connstr('postgres')
	],
	'loads at the same time get no error');

sub check_ids
{
	my ($when) = @_;

	is(sql('SELECT count(*) - count(DISTINCT id) FROM selfheal.quarantine'),
		0, "no id twice $when");
	is( sql(q{SELECT count(*) FROM (SELECT array_agg(id ORDER BY id) <> array_agg(id ORDER BY position) AS mixed
			FROM selfheal.quarantine GROUP BY load) l WHERE mixed}),
		0,
		"ids follow the order of each load $when");
	is( sql(q{SELECT (SELECT sum(held) FROM selfheal.load) - (SELECT count(*) FROM selfheal.quarantine)}),
		0,
		"every row is there $when");
	return;
}
cmp_ok(sql('SELECT count(*) FROM selfheal.quarantine'), '>', 10000, 'many rows are held');
check_ids('after loads at the same time');

$node->stop('immediate');
$node->start;
sql(q{INSERT INTO one_intake SELECT jsonb_build_object('id', i, 'v', 'too long') FROM generate_series(1, 500) i});
check_ids('after a crash');
is( sql(q{SELECT min(id) > (SELECT max(id) FROM selfheal.quarantine WHERE load < (SELECT max(load) FROM selfheal.quarantine))
		FROM selfheal.quarantine WHERE load = (SELECT max(load) FROM selfheal.quarantine)}),
	't',
	'and the next load is behind all others');

$node->stop;
done_testing();
