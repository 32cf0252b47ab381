# 029_numbering.pl: whoever has drawn from a sequence holds it to the end of his
# transaction. A plan that is about the sequence waits for him by its budget and
# says so, loads of others go on, and it comes back when he is done.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('numbering', conf => "autovacuum = off\nselfheal.lock_timeout = '200ms'\nselfheal.sequence_watch = 0\n");
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# a session that has drawn a number and does not end
sub draw
{
	my ($sequence) = @_;
	my %session = (in => "BEGIN; SELECT 'drawn ' || nextval('$sequence');\n", out => '');

	$session{run} = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres') ],
		'<', \$session{in}, '>', \$session{out}, IPC::Run::timeout(180));
	$session{run}->pump until $session{out} =~ /drawn/;
	return \%session;
}

sub leave
{
	my ($session) = @_;
	$session->{in} .= "COMMIT;\n\\q\n";
	$session->{run}->finish;
	return;
}

my $waiting = q{SELECT count(*) = 1 FROM selfheal.incident WHERE relid = '%s'::regclass AND waiting @> '[{"mode": "RowExclusiveLock"}]'
	AND waiting -> 0 ->> 'query' LIKE '%%nextval%%'};

# a sequence that is used up
sql(q{CREATE TABLE ended (id serial, v text); SELECT setval('ended_id_seq', 2147483645)});
sql(q{ALTER TABLE ended ALTER id TYPE bigint; SELECT selfheal.watch('ended')});
my $holder = draw('ended_id_seq');
sql(q{INSERT INTO ended_intake SELECT format('{"v": "%s"}', i) FROM generate_series(1, 3) i});
ok($node->poll_query_until('postgres', sprintf($waiting, 'ended')), 'the plan waits, and says for whom');
is(sql(q{INSERT INTO ended_intake VALUES ('{"id": 5, "v": "goes on"}'); SELECT count(*) FROM ended WHERE id = 5}), '1', 'loads go on meanwhile');
leave($holder);
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'"), 'it comes back');
is(sql('SELECT min(id), max(id), count(*), count(DISTINCT id) FROM ended WHERE id > 5'), '2147483647|2147483649|3|3', 'and the rows have the numbers that follow');

# an identity that takes keys, and many rows: each chunk leaves the sequence
# ahead of what is stored
sql(q{CREATE TABLE keys (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text); SELECT selfheal.watch('keys')});
sql(q{ALTER SYSTEM SET selfheal.replay_chunk = 1000; SELECT pg_reload_conf()});
sql(q{INSERT INTO keys_intake SELECT format('{"id": %s, "v": "sent"}', i) FROM generate_series(1, 5000) i});
is(idle($node, 'postgres'), 't', 'the rows wait for an approval');
$holder = draw('keys_id_seq');
sql('SELECT selfheal.approve(plan_id) FROM selfheal.pending');
is(idle($node, 'postgres'), 't', 'which is given while somebody has drawn a number');
is(sql('SELECT count(*) FROM keys'), '0', 'no row is stored before the sequence can be moved');
leave($holder);
ok($node->poll_query_until('postgres', "SELECT count(*) = 0 FROM selfheal.quarantine WHERE state = 'held'"), 'then they are');
is(idle($node, 'postgres'), 't', 'and all is done');
is(sql(q{INSERT INTO keys (v) VALUES ('own') RETURNING id}), '5001', 'a generated key is none of theirs');
is(sql(q{SELECT bool_and(n = 1) FROM (SELECT count(*) AS n FROM selfheal.audit WHERE table_name = 'keys' AND sql_run LIKE '%setval%' GROUP BY sql_run) s}), 't', 'each move stands in the record once');

$node->stop;
done_testing();
