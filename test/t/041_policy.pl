# What is said while a heal waits for its lock counts: the ALTER that has run
# is undone before it is committed, and the table is planned for again.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('policy', conf => "selfheal.lock_timeout = '300s'\n");
my $db = 'postgres';

sub sql { return $node->safe_psql($db, $_[0]) }

# Until a heal waits for this table behind the reader.
sub waits
{
	my ($table) = @_;
	return $node->poll_query_until($db,
		"SELECT count(*) > 0 FROM pg_locks WHERE relation = '$table'::regclass AND NOT granted AND mode = 'AccessExclusiveLock'");
}

sql('CREATE EXTENSION selfheal');

# by itself
sql(q{CREATE TABLE alone (id int, v varchar(4)); SELECT selfheal.watch('alone')});
my $reader = $node->background_psql($db);
$reader->query_safe('BEGIN; SELECT count(*) FROM alone');
sql(q{INSERT INTO alone_intake VALUES ('{"id": 1, "v": "longer"}')});
ok(waits('alone'), 'the heal waits for the reader');
sql(q{SELECT selfheal.set_policy('alone', 'widen_type', verdict => 'deny')});
$reader->query_safe('COMMIT');
sql(q{SELECT selfheal.wait_idle('180s')});
is(sql(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'alone'::regclass AND attname = 'v'}),
	'character varying(4)', 'the table is what it was');
is(sql(q{SELECT state, policy, reason FROM selfheal.plan WHERE table_name = 'alone'}),
	'superseded|metadata-only|the policy of the table changed after the plan was made', 'the plan is void');
like(sql(q{SELECT state, reason FROM selfheal.incidents WHERE table_name = 'public.alone'}),
	qr/^needs_human\|denied by policy of public.alone: widen_type, any cost: deny/, 'and its rows wait for a person');
is( sql(q{SELECT string_agg(event, ' ' ORDER BY id) FROM selfheal.audit
		WHERE table_name = 'alone' AND event IN ('planned', 'applied', 'refused', 'policy_changed')}),
	'planned policy_changed refused', 'the record has all of it');

# a label, which is committed before the rest: never, once it is denied
sql(q{CREATE TYPE mood AS ENUM ('calm'); CREATE TABLE felt (id int, m mood); SELECT selfheal.watch('felt');
	SELECT selfheal.set_policy('felt', 'add_enum_label', verdict => 'auto')});
$reader->query_safe(q{BEGIN; ALTER TYPE mood ADD VALUE 'undone'});
sql(q{INSERT INTO felt_intake VALUES ('{"id": 1, "m": "grumpy"}')});
ok($node->poll_query_until($db, q{SELECT count(*) > 0 FROM pg_locks WHERE locktype = 'object'
	AND classid = 'pg_type'::regclass AND objid = 'mood'::regtype AND NOT granted}),
	'the heal waits for the type');
sql(q{SELECT selfheal.set_policy('felt', 'add_enum_label', verdict => 'deny')});
$reader->query_safe('ROLLBACK');
sql(q{SELECT selfheal.wait_idle('180s')});
is(sql('SELECT enum_range(NULL::mood)'), '{calm}', 'the enum is what it was');
like(sql(q{SELECT state, reason FROM selfheal.incidents WHERE table_name = 'public.felt'}),
	qr/^needs_human\|denied by policy of public.felt: add_enum_label, any cost: deny/, 'and the row waits for a person');

# approved
sql(q{CREATE TABLE asked (id int, v varchar(4)); SELECT selfheal.watch('asked', 'propose');
	INSERT INTO asked_intake VALUES ('{"id": 1, "v": "longer"}');
	SELECT selfheal.wait_idle('180s')});
$reader->query_safe('BEGIN; SELECT count(*) FROM asked');
sql(q{SELECT selfheal.approve(plan_id) FROM selfheal.pending});
ok(waits('asked'), 'the approved plan waits for the reader');
sql(q{SELECT selfheal.set_policy('asked', verdict => 'review')});
$reader->query_safe('COMMIT');
sql(q{SELECT selfheal.wait_idle('180s')});
is(sql(q{SELECT state FROM selfheal.plan WHERE table_name = 'asked' ORDER BY id}),
	"superseded\nawaiting_approval", 'the approval is void, and it is asked again');
is(sql('SELECT count(*) FROM asked'), 0, 'nothing was stored');
sql(q{SELECT selfheal.approve(plan_id) FROM selfheal.pending; SELECT selfheal.wait_idle('180s')});
is(sql('SELECT v FROM asked'), 'longer', 'what is approved under the policy runs');

# a person who has said something and not committed yet blocks nobody
sql(q{CREATE TABLE open (id int, v varchar(4)); SELECT selfheal.watch('open')});
$reader->query_safe(q{BEGIN; SELECT selfheal.set_policy('open', verdict => 'deny'), selfheal.set_policy(verdict => 'deny')});
sql(q{SET statement_timeout = '240s'; INSERT INTO open_intake VALUES ('{"id": 1, "v": "longer"}');
	SELECT selfheal.wait_idle('180s')});
is(sql('SELECT v FROM open'), 'longer', 'a heal does not wait for an open set_policy()');
$reader->query_safe('COMMIT');
sql(q{INSERT INTO open_intake VALUES ('{"id": 2, "more": 1}'); SELECT selfheal.wait_idle('180s')});
is(sql(q{SELECT string_agg(state, ' ' ORDER BY id) FROM selfheal.incidents WHERE table_name = 'public.open'}),
	'healed needs_human', 'from its commit on it counts');
sql('SELECT selfheal.drop_policy()');

# the worker takes a setting that the file gets
ok(set_conf($node, 'selfheal.allowed_schemas', q{'"A b", other'}), 'other schemas are allowed');
sql(q{CREATE TABLE outside (id int); SELECT selfheal.watch('outside');
	INSERT INTO outside_intake VALUES ('{"id": 1, "x": 1}');
	SELECT selfheal.wait_idle('180s')});
is( sql(q{SELECT state, reason FROM selfheal.incidents WHERE table_name = 'public.outside'}),
	'needs_human|schema "public" is not in selfheal.allowed_schemas: rows of its tables are held, and no table is changed',
	'the table is left alone');
ok(set_conf($node, 'selfheal.allowed_schemas', q{'"A b", public'}), 'its schema is allowed');
sql(q{SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'public.outside';
	SELECT selfheal.wait_idle('180s')});
is(sql('SELECT id, x FROM outside'), '1|1', 'and healed');

$reader->quit;
$node->stop;
done_testing();
