# drift() of foreign tables: what their servers have, asked as whoever asks, in
# bounded time; a server that cannot be asked is a row and no error.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $source = PostgreSQL::Test::Cluster->new('source');
$source->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$source->start;
$source->safe_psql('postgres', q{
	CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(64), qty int, note text);
	CREATE TABLE part_1 (id int, day date);
});

my $here = PostgreSQL::Test::Cluster->new('here');
$here->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$here->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\n");
$here->start;
my $at = sprintf(q{host '%s', port '%s', dbname 'postgres'}, $source->host, $source->port);
$here->safe_psql('postgres', qq{
	CREATE EXTENSION selfheal;
	CREATE EXTENSION postgres_fdw;
	CREATE SERVER shop FOREIGN DATA WRAPPER postgres_fdw OPTIONS ($at);
	CREATE USER MAPPING FOR CURRENT_USER SERVER shop;
	CREATE FOREIGN TABLE orders (id bigint NOT NULL, customer varchar(64), qty int, note text) SERVER shop OPTIONS (schema_name 'public');
	SELECT selfheal.watch('orders');
	CREATE TABLE parted (id int, day date) PARTITION BY RANGE (day);
	CREATE FOREIGN TABLE part_1 PARTITION OF parted FOR VALUES FROM ('2024-01-01') TO ('2025-01-01') SERVER shop OPTIONS (schema_name 'public');
	SELECT selfheal.watch('parted');
	CREATE TABLE plain (id int);
	SELECT selfheal.watch('plain');
});

sub drift
{
	my ($table, $role, $set) = @_;
	my $sql = ($set // '') . ($role ? "SET ROLE $role;" : '')
	  . "SELECT source, kind, name, expected, actual, breaks FROM selfheal.drift('$table') ORDER BY 1, 2, 3";
	return $here->safe_psql('postgres', $sql);
}

is(drift('orders'), '', 'a foreign table as its server has it');
is(drift('plain'),  '', 'a table that has no server');

$source->safe_psql('postgres', q{
	ALTER TABLE orders RENAME note TO remark;
	ALTER TABLE orders ALTER customer TYPE varchar(16), ALTER qty TYPE bigint, ALTER qty SET NOT NULL;
	ALTER TABLE orders ADD shipped date, ADD must int NOT NULL, ADD filled int NOT NULL DEFAULT 1,
		ADD counted int GENERATED ALWAYS AS IDENTITY;
});
is(drift('orders'), join("\n",
	'server|column_missing|note|text||t',
	'server|column_there|counted||integer|f',
	'server|column_there|filled||integer|f',
	'server|column_there|must||integer|t',
	'server|column_there|remark||text|f',
	'server|column_there|shipped||date|f',
	'server|not_null|qty||NOT NULL|t',
	'server|type|customer|character varying(64)|character varying(16)|t',
	'server|type|qty|integer|bigint|f'),
	'what differs there, and what of it breaks');
is($here->safe_psql('postgres', "SELECT count(*) FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace"),
	'0', 'nothing is left of the asking');

$source->safe_psql('postgres', 'ALTER TABLE part_1 ALTER id TYPE smallint');
is(drift('parted'), 'server|type|part_1.id|integer|smallint|t', 'a foreign partition');

# no right but the caller's
$here->safe_psql('postgres', q{
	CREATE ROLE mapped; CREATE ROLE stranger;
	SELECT selfheal.grant_to('mapped', 'viewer'), selfheal.grant_to('stranger', 'viewer');
	GRANT SELECT ON orders TO mapped, stranger;
	GRANT USAGE ON FOREIGN SERVER shop TO mapped;
	CREATE USER MAPPING FOR mapped SERVER shop OPTIONS (user 'teller', password_required 'false');
});
$source->safe_psql('postgres', 'CREATE ROLE teller LOGIN');
like(drift('orders', 'mapped'), qr/^server\|column_missing\|note/m, 'who has a mapping and a right on the server asks');
like(drift('orders', 'stranger'), qr/^server\|unreachable\|orders\|\|permission denied for foreign server shop\|$/,
	'who has none is told so, in a row');
my ($rc, $out, $err) = $here->psql('postgres', "SET ROLE stranger; SELECT * FROM selfheal.drift('parted')");
like($err, qr/permission denied for table/, 'nor is a table shown that he may not read');

# a server that is busy for ever, asked over the connection that is open
$here->safe_psql('postgres', "SELECT selfheal.expect('orders', '{\"columns\": {\"id\": \"bigint\", \"gone\": \"int\"}}')");
my $holder = $source->background_psql('postgres');
$holder->query_safe('BEGIN; LOCK TABLE pg_catalog.pg_attrdef IN ACCESS EXCLUSIVE MODE');
my $began = time;
$out = drift('orders', undef, "SET selfheal.publisher_timeout = '1s';");
cmp_ok(time - $began, '<', 20, 'a server that does not answer is not waited for');
is($out, "baseline|column_dropped|gone|integer||t\nserver|unreachable|orders||its server did not answer in time|",
	'it is a row, and the rest is told');
is($here->safe_psql('postgres', "SET selfheal.publisher_timeout = '1s'; SELECT count(*) FROM selfheal.drift('orders'); SELECT pg_sleep(0.1); SELECT 1"),
	"2\n\n1", 'the session goes on');
# a cancel by the user is one
($rc, $out, $err) = $here->psql('postgres', "SET statement_timeout = '500ms'; SELECT * FROM selfheal.drift('orders')");
like($err, qr/canceling statement due to statement timeout/, 'a time limit of the user\'s own is heeded');
$holder->query_safe('ROLLBACK');
$holder->quit;

# one that takes no connection
my $pid = $source->safe_psql('postgres', "SELECT pg_read_file('postmaster.pid')");
($pid) = $pid =~ /^(\d+)/;
kill 'STOP', $pid;
$began = time;
$out = drift('orders', undef, "SET selfheal.publisher_timeout = '1s';");
my $took = time - $began;
kill 'CONT', $pid;
cmp_ok($took, '<', 20, 'nor is one that takes no connection');
like($out, qr/^server\|unreachable\|orders\|\|/m, 'it is a row too');

$source->stop;
like(drift('orders'), qr/^baseline\|column_dropped\|gone\|integer\|\|t\nserver\|unreachable\|orders\|\|could not connect to server "shop"/,
	'a server that is down is a row');
is(drift('plain'), '', 'and nothing of other tables');

$here->stop;
done_testing();
