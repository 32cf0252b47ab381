# 024_published.pl: what is said of subscribers is what becomes of them. A new
# column of a published table waits for a person; with the subscriber changed
# first its rows arrive, without it the subscription stops until that is done;
# and what a column list leaves out stops nobody and waits for nobody.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $pub = PostgreSQL::Test::Cluster->new('publisher');
$pub->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$pub->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$pub->start;

# the subscriber is a server as it is: selfheal is asked there, and heals nothing
my $sub = PostgreSQL::Test::Cluster->new('subscriber');
$sub->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
$sub->append_conf('postgresql.conf', 'wal_retrieve_retry_interval = 100ms');
$sub->start;

sub sql
{
	my ($node, $text) = @_;
	return $node->safe_psql('postgres', $text);
}

sub idle
{
	my ($name) = @_;
	is(sql($pub, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', "$name: the worker is at rest");
	return;
}

# The plan that waits: its id, its policy and its lines about what is followed.
sub pending
{
	my ($table) = @_;
	return split /\|/, sql($pub, qq{
		SELECT plan_id, policy, array_to_string(ARRAY(SELECT i FROM unnest(impact) i WHERE i ~ '^(publication|slot)'), E'; ')
		FROM selfheal.pending WHERE table_name = 'public.$table'});
}

sub arrived
{
	my ($query, $rows, $name) = @_;
	ok($sub->poll_query_until('postgres', $query, $rows), $name);
	return;
}

my $tables = 'CREATE TABLE orders (id int PRIMARY KEY, customer varchar(16));
	CREATE TABLE listed (id int PRIMARY KEY, name varchar(4));';
sql($pub, "CREATE EXTENSION selfheal; $tables
	SELECT selfheal.watch('orders'); SELECT selfheal.watch('listed');
	CREATE PUBLICATION orders FOR TABLE orders;
	CREATE PUBLICATION listed FOR TABLE listed (id)");
sql($sub, "CREATE EXTENSION selfheal; $tables ALTER TABLE listed DROP name");
my $connect = $pub->connstr . ' dbname=postgres';
sql($sub, "CREATE SUBSCRIPTION orders CONNECTION '$connect' PUBLICATION orders;
	CREATE SUBSCRIPTION listed CONNECTION '$connect' PUBLICATION listed");
$sub->wait_for_subscription_sync($pub, $_) for qw(orders listed);

sql($pub, q{INSERT INTO orders_intake VALUES ('{"id": 1, "customer": "Ada"}')});
arrived('SELECT id, customer FROM orders', '1|Ada', 'a row that fits arrives');

# the subscriber is changed first
sql($pub, q{INSERT INTO orders_intake VALUES ('{"id": 2, "customer": "Bo", "coupon": "TEN"}')});
idle('a new key');
my ($plan, $policy, $lines) = pending('orders');
is($policy, 'published', 'a new key of a published table waits for a person');
is( $lines,
	'publication orders: a subscriber without coupon stops at the first change of the table after it'
	  . '; slot listed (pgoutput, in use): what it decodes has rows of another shape after the change'
	  . '; slot orders (pgoutput, in use): what it decodes has rows of another shape after the change',
	'and the plan says who would stop');
is(sql($pub, 'SELECT count(*) FROM orders'), '1', 'nothing is changed meanwhile');
sql($sub, 'ALTER TABLE orders ADD coupon text');
sql($pub, "SELECT selfheal.approve($plan)");
idle('approved');
arrived('SELECT id, customer, coupon FROM orders WHERE id = 2', '2|Bo|TEN', 'the subscriber was changed first: the row arrives');
is(sql($sub, 'SELECT sum(apply_error_count) FROM pg_stat_subscription_stats'), '0', 'and nothing failed');

# the forecast is true: the subscriber is not changed
sql($pub, q{INSERT INTO orders_intake VALUES ('{"id": 3, "customer": "Cy", "coupon": "X", "gift": "yes"}')});
idle('another key');
($plan) = pending('orders');
sql($pub, "SELECT selfheal.approve($plan)");
idle('approved too early');
is(sql($pub, 'SELECT gift FROM orders WHERE id = 3'), 'yes', 'the publisher has the row');
ok($sub->poll_query_until('postgres', 'SELECT sum(apply_error_count) > 0 FROM pg_stat_subscription_stats'),
	'the subscription has stopped');
is(sql($sub, 'SELECT count(*) FROM orders WHERE id = 3'), '0', 'the row has not arrived');
sql($sub, 'ALTER TABLE orders ADD gift text');
arrived('SELECT gift FROM orders WHERE id = 3', 'yes', 'it goes on once the column is there');

# a wider type: a value that does not fit there
sql($pub, qq{INSERT INTO orders_intake VALUES ('{"id": 4, "customer": "@{['d' x 20]}"}')});
idle('a wider value');
($plan, $policy, $lines) = pending('orders');
is($policy, 'published', 'a wider type waits');
like($lines, qr/a subscriber that keeps the old type of customer stops at the first value that does not fit there/, 'and says why');
my $errors = sql($sub, 'SELECT sum(apply_error_count) FROM pg_stat_subscription_stats');
sql($pub, "SELECT selfheal.approve($plan)");
idle('a wider value, approved');
sql($pub, q{INSERT INTO orders_intake VALUES ('{"id": 5, "customer": "short"}')});
ok( $sub->poll_query_until('postgres', "SELECT sum(apply_error_count) > $errors FROM pg_stat_subscription_stats"),
	'the subscription stops at the long value');
sql($sub, 'ALTER TABLE orders ALTER customer TYPE varchar(32)');
arrived("SELECT string_agg(id || ':' || length(customer), ' ' ORDER BY id) FROM orders WHERE id > 3", '4:20 5:5', 'and goes on once it fits');

# a column list leaves them out: no approval, and nobody stops
$errors = sql($sub, 'SELECT sum(apply_error_count) FROM pg_stat_subscription_stats');
sql($pub, q{INSERT INTO listed_intake VALUES ('{"id": 1, "name": "much longer"}'), ('{"id": 2, "extra": 7}')});
idle('a column list');
is(sql($pub, 'SELECT id, name, extra FROM listed ORDER BY id'), "1|much longer|\n2||7", 'what no subscriber sees heals by itself');
is( sql($pub, q{SELECT DISTINCT verdict, impact @> '[{"kind": "publication", "object": "listed", "level": "note"}]'
		FROM selfheal.plan WHERE table_name = 'listed' AND state = 'applied'}),
	'auto|t', 'and it is noted');
arrived('SELECT count(*), sum(id) FROM listed', '2|3', 'its rows arrive');
is(sql($sub, 'SELECT sum(apply_error_count) FROM pg_stat_subscription_stats'), $errors, 'and nothing failed');

# at the other end: the table that a subscription writes into
is( sql($sub, q{SELECT l ->> 'object', l ->> 'effect' FROM selfheal.vet('orders', 'ALTER TABLE orders ADD x int'),
		jsonb_array_elements(impact) l WHERE l ->> 'kind' = 'subscription'}),
	'orders|writes into this table; its publisher is not changed', 'a subscription into the table is noted');

# a slot of another plugin
sql($pub, q{SELECT pg_create_logical_replication_slot('watcher', 'test_decoding')});
is( sql($pub, q{SELECT string_agg(l ->> 'object', ', ') FROM selfheal.vet('listed', 'ALTER TABLE listed ADD x int'),
		jsonb_array_elements(impact) l WHERE l ->> 'kind' = 'slot'}),
	'listed (pgoutput, in use), orders (pgoutput, in use), watcher (test_decoding)', 'slots are named, in use or not');

# no relation of anybody is waited for: a REFRESH may hold its lock for an hour
sql($pub, 'CREATE MATERIALIZED VIEW seen AS SELECT id, customer FROM orders; CREATE VIEW upon AS SELECT customer FROM seen');
my $session = $pub->background_psql('postgres');
$session->query_safe('BEGIN; REFRESH MATERIALIZED VIEW seen');
is( sql($pub, q{SET lock_timeout = '1s';
		SELECT string_agg(concat_ws(' ', l ->> 'object', l ->> 'depth'), ', ')
		FROM selfheal.vet('orders', 'ALTER TABLE orders ALTER customer TYPE varchar(64)'), jsonb_array_elements(impact) l
		WHERE l ->> 'kind' LIKE '%view'}),
	'public.seen, public.upon 2', 'a view that is being filled is looked at all the same');
$session->query_safe('ROLLBACK');
$session->quit;

$sub->stop;
$pub->stop;
done_testing();
