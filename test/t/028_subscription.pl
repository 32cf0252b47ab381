# 028_subscription.pl: a subscription that stalls goes on by itself. The
# subscriber's table gets what the publisher has: a new column with its exact
# type, a wider type where the error names the column, and nothing else; what
# needs a person waits for one, and the publisher's rows wait with it.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use SubscriptionTest;
use Test::More;

my ($pub, $sub) = start_pair();

sub type_of
{
	my ($table, $column) = @_;
	return sql($sub, "SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = '$table'::regclass AND attname = '$column'");
}

my $tables = q{
	CREATE TYPE mood AS ENUM ('sad');
	CREATE TABLE orders (id int PRIMARY KEY, customer varchar(10), note varchar(4));
	CREATE TABLE "Odd Name" (id int PRIMARY KEY, n smallint, m mood, a numeric(4, 2));
	CREATE TABLE unwatched (id int PRIMARY KEY)};
sql($pub, "$tables; CREATE PUBLICATION all_of_it FOR TABLE orders, \"Odd Name\"; CREATE PUBLICATION other FOR TABLE unwatched");
sql($sub, "CREATE EXTENSION selfheal; $tables;
	SELECT selfheal.watch('orders'); SELECT selfheal.watch('\"Odd Name\"')");
my $connect = $pub->connstr . ' dbname=postgres';
sql($sub, "CREATE SUBSCRIPTION sales CONNECTION '$connect' PUBLICATION all_of_it");
sql($sub, "CREATE SUBSCRIPTION other CONNECTION '$connect' PUBLICATION other");
$sub->wait_for_subscription_sync($pub, $_) for qw(sales other);

# new columns, of the publisher's own types; one is wide here as well, and stays
sql($pub, q{ALTER TABLE orders ADD amount numeric(12, 2), ADD "placed At" timestamptz(3), ALTER note TYPE varchar(40);
	INSERT INTO orders VALUES (1, 'a', 'n', 12.34, '2026-11-21 10:00:00+00')});
arrived('SELECT amount FROM orders', '12.34', 'a row with a new column has arrived');
is(type_of('orders', 'amount'), 'numeric(12,2)', 'its column is of the type that the publisher has');
is(type_of('orders', 'placed At'), 'timestamp(3) with time zone', 'and so is the other one');
is(type_of('orders', 'note'), 'character varying(4)', 'a column that no row was too long for stays as it is');
is(sql($sub, q{SELECT count(*) FROM selfheal.audit WHERE event = 'applied' AND playbook = 'publisher_column'}), '1',
	'one plan did it');
is(sql($sub, q{SELECT string_agg(class || ' ' || column_name || ' ' || state, ', ' ORDER BY column_name) FROM selfheal.incidents}),
	'unknown_key amount healed, unknown_key placed At healed', 'its incidents are closed');

# a type that is too narrow
sql($pub, q{ALTER TABLE orders ALTER customer TYPE varchar(30); INSERT INTO orders VALUES (2, 'longer than ten characters')});
arrived('SELECT customer FROM orders WHERE id = 2', 'longer than ten characters', 'a longer value has arrived');
is(type_of('orders', 'customer'), 'character varying(30)', 'its column is as wide as the publisher\'s');
sql($pub, q{ALTER TABLE "Odd Name" ALTER n TYPE bigint, ALTER a TYPE numeric(9, 2);
	INSERT INTO "Odd Name" VALUES (1, 3000000000, 'sad', 1)});
arrived('SELECT n FROM "Odd Name"', '3000000000', 'a bigger number has arrived');
is(type_of('"Odd Name"', 'a'), 'numeric(4,2)', 'the column beside it stays as it is, though its name is part of a word of the error');

# a label waits for a person, and so do the rows behind it
sql($pub, q{ALTER TYPE mood ADD VALUE 'glad'});
sql($pub, q{INSERT INTO "Odd Name" VALUES (2, 2, 'glad', 1); INSERT INTO orders VALUES (3, 'c')});
arrived('SELECT count(*) FROM selfheal.pending', '1', 'a new label waits for a person');
is(sql($sub, 'SELECT count(*) FROM orders WHERE id = 3'), '0', 'what came after it waits with it');
like(sql($sub, 'SELECT subscription, sqlstate, message FROM selfheal.stalled'), qr/^sales\|22P02\|.*glad/,
	'and the view says why');
sql($sub, 'SELECT selfheal.approve(plan_id) FROM selfheal.pending');
arrived('SELECT m FROM "Odd Name" WHERE id = 2', 'glad', 'approved, it has arrived');
arrived('SELECT count(*) FROM orders WHERE id = 3', '1', 'and what came after it');

# a table that nobody watches is nobody's business
sql($pub, 'ALTER TABLE unwatched ADD x int; INSERT INTO unwatched VALUES (1, 1)');
arrived(q{SELECT count(*) > 0 FROM selfheal.stalled WHERE subscription = 'other'}, 't', 'a stall of an unwatched table is seen');
is(sql($sub, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker is at rest');
is(sql($sub, q{SELECT count(*) FROM pg_attribute WHERE attrelid = 'unwatched'::regclass AND attname = 'x'}), '0',
	'and changes nothing');

# a type of the publisher's own is for a person
sql($pub, q{CREATE TYPE pair AS (a int, b int); ALTER TABLE orders ADD p pair; INSERT INTO orders VALUES (4, 'd', NULL, 1, NULL, '(1,2)')});
arrived(q{SELECT state FROM selfheal.incidents WHERE column_name = 'p'}, 'needs_human', 'a composite type needs a person');
like(sql($sub, q{SELECT reason FROM selfheal.incidents WHERE column_name = 'p'}), qr/pair on the publisher/, 'and says which');
sql($sub, 'CREATE TYPE pair AS (a int, b int); ALTER TABLE orders ADD p pair');
arrived('SELECT p FROM orders WHERE id = 4', '(1,2)', 'made by hand, the row has arrived');
is(sql($sub, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker is at rest again');
is(sql($sub, q{SELECT state FROM selfheal.incidents WHERE column_name = 'p'}), 'healed', 'and the incident is closed');

# a row that is there already, and a table that is not: told, and left to a person
sql($sub, 'INSERT INTO orders (id) VALUES (5)');
sql($pub, 'INSERT INTO orders (id) VALUES (5), (6)');
arrived(q{SELECT sqlstate || ' ' || hint FROM selfheal.stalled WHERE subscription = 'sales'},
	'23505 a row is there already: change it here, or ALTER SUBSCRIPTION ... SKIP, which leaves out the whole transaction',
	'a conflict is seen, and what can be done');
is(sql($sub, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker is at rest');
is(sql($sub, 'SELECT count(*) FROM orders WHERE id = 6'), '0', 'nothing of the transaction is left out');
sql($sub, 'DELETE FROM orders WHERE id = 5');
arrived('SELECT count(*) FROM orders WHERE id IN (5, 6)', '2', 'once a person has solved it, all of it arrives');
sql($sub, 'DROP TABLE unwatched');
sql($pub, 'INSERT INTO unwatched VALUES (2, 2)');
arrived(q{SELECT count(*) FROM selfheal.stalled WHERE subscription = 'other' AND sqlstate = '55000' AND message ~ 'unwatched' AND hint ~ 'REFRESH'},
	'1', 'a table that is missing is seen');
is(sql($sub, 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit is whole');
unlike(slurp_file($sub->logfile), qr/password|conninfo/, 'no connection string is in the log');

$sub->stop;
$pub->stop;
done_testing();
