# 027_missing_table.pl: a table that a subscriber lacks. It is planned as the
# publisher has it, made after approval as the subscription's owner, and the
# incident ends when somebody has refreshed the publication: not before, since
# until then the subscription passes over the table's rows.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use SubscriptionTest;
use Test::More;

my ($pub, $sub) = start_pair();

sub idle
{
	return is(sql($sub, q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', 'the worker is at rest');
}

my $live = q{SELECT table_name || ' ' || state FROM selfheal.incident WHERE class = 'missing_table' AND state NOT IN ('healed', 'dismissed')};

sql($pub, q{CREATE TABLE here (id int PRIMARY KEY, v text); CREATE PUBLICATION p FOR ALL TABLES});
sql($sub, q{CREATE TABLE here (id int PRIMARY KEY, v text); CREATE TYPE mood AS ENUM ('sad', 'glad'); CREATE EXTENSION selfheal;
	CREATE ROLE nobody LOGIN; GRANT USAGE ON SCHEMA selfheal TO nobody; GRANT EXECUTE ON FUNCTION selfheal.approve(bigint) TO nobody});
sql($sub, sprintf(q{CREATE SUBSCRIPTION sales CONNECTION '%s dbname=postgres' PUBLICATION p}, $pub->connstr));
sql($pub, q{INSERT INTO here VALUES (1, 'a')});
arrived('SELECT count(*) FROM here', '1', 'replication works');

# a new table of the publisher's, with what a table may have
sql($pub, q{CREATE TYPE mood AS ENUM ('sad', 'glad');
	CREATE TABLE "New One" (b varchar(7) NOT NULL, "A" bigint, n numeric(6, 2) DEFAULT 3 CHECK (n > 0), t timestamptz(3), r real[], c char(3), j json,
		m mood, g int GENERATED ALWAYS AS (1) STORED, extra int, PRIMARY KEY ("A", b) INCLUDE (extra));
	INSERT INTO "New One" VALUES ('x', 1, 1.5, '2026-01-01 00:00Z', '{1.5}', 'abc', '{"k": 1}', 'glad')});
arrived(q{SELECT count(*) FROM selfheal.pending WHERE table_name LIKE '%New One%'}, '1', 'a plan waits for approval');
# (where json is a word of the grammar, it stands without its schema)
is(sql($sub, q{SELECT replace(sql, 'pg_catalog.json', 'json') FROM selfheal.pending}),
	'CREATE TABLE public."New One" (b character varying(7) NOT NULL, "A" bigint NOT NULL, n numeric(6,2), t timestamp(3) with time zone, '
	  . 'r real[], c character(3), j json, m public.mood, extra integer, PRIMARY KEY ("A", b))',
	'as the publisher has it');
like(sql($sub, q{SELECT explanation FROM selfheal.pending}), qr/ALTER SUBSCRIPTION sales REFRESH PUBLICATION/, 'and it says what a person must run');
is(sql($sub, q{SELECT verdict || ' ' || policy FROM selfheal.pending}), 'review step-review', 'by approval only');
is(sql($sub, $live), 'New One awaiting_approval', 'its incident waits');
idle();
is(sql($sub, q{SELECT count(*) FROM pg_class WHERE relname = 'New One'}), '0', 'nothing was made by itself');
is(sql($sub, q{SELECT count(*) FROM selfheal.incident WHERE class = 'missing_table'}), '1', 'one incident, however often it stalls');

# who is not as good as the subscription's owner does not decide
my $plan = sql($sub, q{SELECT plan_id FROM selfheal.pending});
my ($rc, $out, $err) = $sub->psql('postgres', "SET ROLE nobody; SELECT selfheal.approve($plan)");
like($err, qr/permission denied for subscription sales/, 'another role cannot approve it');
($rc, $out, $err) = $sub->psql('postgres', "SELECT selfheal.approve($plan)");
like($err, qr/run ALTER SUBSCRIPTION sales REFRESH PUBLICATION now/, 'who approves is told at once');
is(sql($sub, q{SELECT string_agg(format('%s %s', attname, format_type(atttypid, atttypmod)), ', ' ORDER BY attnum) FROM pg_attribute
	WHERE attrelid = '"New One"'::regclass AND attnum > 0}),
	'b character varying(7), A bigint, n numeric(6,2), t timestamp(3) with time zone, r real[], c character(3), j json, m mood, extra integer',
	'the table is there');
is(sql($sub, q{SELECT pg_get_indexdef(indexrelid) FROM pg_index WHERE indrelid = '"New One"'::regclass}) =~ /\("A", b\)/ ? 1 : 0, 1, 'with its key');
idle();
is(sql($sub, $live), 'New One needs_human', 'but the incident is not over');
like(sql($sub, q{SELECT reason FROM selfheal.incident WHERE class = 'missing_table'}), qr/until somebody runs ALTER SUBSCRIPTION sales REFRESH PUBLICATION/, 'and says why');
# the stall is over, and rows are passed over: nothing is lost when it is refreshed
sql($pub, q{INSERT INTO "New One" VALUES ('y', 2); INSERT INTO here VALUES (2, 'b')});
arrived('SELECT count(*) FROM here', '2', 'the subscription goes on');
is(sql($sub, 'SELECT count(*) FROM "New One"'), '0', 'and passes over rows of the table');
idle();
is(sql($sub, $live), 'New One needs_human', 'which is why the incident stays');
sql($sub, 'ALTER SUBSCRIPTION sales REFRESH PUBLICATION');
arrived('SELECT count(*) FROM "New One"', '2', 'refreshed, all rows are there');
arrived(q{SELECT state FROM selfheal.incident WHERE class = 'missing_table'}, 'healed', 'and the incident is over by itself');
is(sql($sub, q{SELECT state FROM selfheal.plan}), 'applied', 'its plan was applied');

# a type that is not here, and no key: a person's; made by hand, it ends as well
sql($pub, q{CREATE TYPE pair AS (a int, b int); CREATE TABLE paired (id int, p pair); ALTER TABLE paired REPLICA IDENTITY FULL; INSERT INTO paired VALUES (1, '(1,2)')});
arrived($live, 'paired needs_human', 'a type of the publisher alone needs a person');
like(sql($sub, q{SELECT reason FROM selfheal.incident WHERE table_name = 'paired'}), qr/column "p" is of type public\.pair on the publisher.*REFRESH PUBLICATION/s, 'who is told');
sql($sub, q{CREATE TYPE pair AS (a int, b int); CREATE TABLE paired (id int, p pair); SELECT selfheal.wake()});
idle();
is(sql($sub, $live), 'paired needs_human', 'it is still open');
like(sql($sub, q{SELECT reason FROM selfheal.incident WHERE table_name = 'paired'}), qr/passes over its rows until somebody runs ALTER SUBSCRIPTION \.\.\. REFRESH/, 'and says what is left to do');
sql($sub, 'ALTER SUBSCRIPTION sales REFRESH PUBLICATION');
arrived('SELECT p FROM paired', '(1,2)', 'the row has come');
arrived(q{SELECT state FROM selfheal.incident WHERE table_name = 'paired'}, 'healed', 'the incident is over');

# rejected; then the stall ends otherwise
sql($pub, q{CREATE TABLE full_one (v text); ALTER TABLE full_one REPLICA IDENTITY FULL; INSERT INTO full_one VALUES ('f')});
arrived(q{SELECT sql FROM selfheal.pending}, 'CREATE TABLE public.full_one (v pg_catalog.text); ALTER TABLE public.full_one REPLICA IDENTITY FULL', 'another table');
sql($sub, q{SELECT selfheal.reject(plan_id, 'not here') FROM selfheal.pending});
idle();
is(sql($sub, $live), 'full_one needs_human', 'a rejected one needs a person');
is(sql($sub, q{SELECT count(*) FROM selfheal.pending}), '0', 'and is not planned again');
sql($sub, 'DROP SUBSCRIPTION sales');
is(sql($sub, 'SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit is whole');
is(sql($sub, q{SELECT string_agg(event, ' ' ORDER BY id) FROM selfheal.audit WHERE table_name = 'New One'}), 'captured planned approved applied', 'with what was done');
unlike(slurp_file($sub->logfile), qr/password|conninfo/, 'no connection string is in the log');

$sub->stop;
$pub->stop;
done_testing();
