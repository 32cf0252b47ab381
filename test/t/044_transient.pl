# Failures that pass by themselves: tried again in pauses that double, charged
# to nobody, and not for ever. Who was quicker than us has helped.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('transient', conf => "autovacuum = off\nselfheal.max_attempts = 2\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

install($node, 'postgres');

# An ALTER of ours that fails with each of these once: more often than
# selfheal.max_attempts allows.
sql(q{CREATE SEQUENCE alters}, q{CREATE SCHEMA try},
	q{CREATE FUNCTION fail_alter() RETURNS event_trigger LANGUAGE plpgsql AS $$
	DECLARE
		codes constant text[] := ARRAY['57014', '25001', '55006', '42701'];
		n bigint;
	BEGIN
		IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c WHERE c.schema_name = 'try') THEN
			n := pg_catalog.nextval('public.alters');
			IF n <= 4 THEN
				RAISE EXCEPTION 'attempt %', n USING ERRCODE = codes[n];
			END IF;
		END IF;
	END $$},
	'CREATE TABLE try.t (id int, v varchar(3))', q{SELECT selfheal.watch('try.t')}, 'GRANT USAGE ON SEQUENCE alters TO PUBLIC',
	q{CREATE EVENT TRIGGER fail_alter ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION fail_alter()});
sql(q{INSERT INTO try.t_intake VALUES ('{"id": 1, "v": "longer"}')});
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM try.t'), 'the change is made all the same');
idle($node, 'postgres');
is(sql("SELECT string_agg(state || ' ' || attempts, ', ') FROM selfheal.incident WHERE relid = 'try.t'::regclass"),
	'healed 2', 'charged once for the race that was lost, and once for what went well');
is(sql("SELECT string_agg(sqlstate, ' ' ORDER BY id) FROM selfheal.audit WHERE event = 'apply_failed'"),
	'57014 25001 55006 42701', 'each failure is in the audit');
is(sql("SELECT count(*) FROM selfheal.incident WHERE passing_since IS NOT NULL"), '0', 'nothing of it is left');
sql('DROP EVENT TRIGGER fail_alter');

# Somebody is quicker for real: the same column, between the trial and the ALTER.
sql('CREATE TABLE race (id int)', q{SELECT selfheal.watch('race')}, q{SELECT selfheal.pause('race')},
	q{INSERT INTO race_intake VALUES ('{"id": 1, "k": 7}')}, 'ALTER TABLE race ADD k bigint', q{SELECT selfheal.resume('race')});
idle($node, 'postgres');
is(sql('SELECT * FROM race'), '1|7', 'the table fits, the row is stored');
is(sql("SELECT state FROM selfheal.incident WHERE relid = 'race'::regclass"), 'healed', 'which counts as success');

# A row that meets a lock, then a deadlock, then nothing: not before it was seen
# to wait.
sql('CREATE TABLE seen (n int)', 'GRANT SELECT ON seen TO PUBLIC', 'CREATE SEQUENCE tries', 'GRANT USAGE ON SEQUENCE tries TO PUBLIC', 'CREATE TABLE row_fails (id int, v varchar(3))',
	q{CREATE FUNCTION fail_row() RETURNS trigger LANGUAGE plpgsql AS $$
	DECLARE
		n bigint;
	BEGIN
		IF pg_catalog.current_setting('application_name') = 'selfheal worker' THEN
			n := pg_catalog.nextval('public.tries');
			IF n <= 3 OR NEW.id = 2 OR NOT EXISTS (SELECT FROM public.seen) THEN
				RAISE EXCEPTION 'try %', n USING ERRCODE = CASE n % 3 WHEN 1 THEN '55P03' WHEN 2 THEN '40P01' ELSE '40001' END;
			END IF;
		END IF;
		RETURN NEW;
	END $$},
	'CREATE TRIGGER fail_row BEFORE INSERT ON row_fails FOR EACH ROW EXECUTE FUNCTION fail_row()', q{SELECT selfheal.watch('row_fails')},
	q{INSERT INTO row_fails_intake VALUES ('{"id": 1, "v": "longer"}')});
idle($node, 'postgres');
# between two tries; a try may be under way
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM selfheal.incident WHERE relid = 'row_fails'::regclass AND class = 'retry'
		AND state = 'failed' AND attempts = 0 AND next_try IS NOT NULL AND passing_since IS NOT NULL}), 'it is tried again, and charged to nobody');
sql('INSERT INTO seen VALUES (1)');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM row_fails'), 'until it passes');
idle($node, 'postgres');
is(sql("SELECT string_agg(DISTINCT state, ' ') FROM selfheal.incident WHERE relid = 'row_fails'::regclass"), 'healed', 'healed');

# What does not pass ends with a person.
set_conf($node, 'selfheal.max_wait', "'1s'");
sql(q{INSERT INTO row_fails_intake VALUES ('{"id": 2, "v": "much, much longer than that before was"}')});
ok( $node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM selfheal.incident WHERE relid = 'row_fails'::regclass
		AND class = 'retry' AND state = 'needs_human' AND reason_kind = 'waited_too_long'}), 'but not for ever');
is(sql('SELECT id FROM row_fails'), '1', 'the row is held');

$node->stop;
done_testing();
