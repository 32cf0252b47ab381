# Trouble of the server stops the healer of the database, and says so; loads go
# on. A trigger that raises the same words does not.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('breaker', conf => "autovacuum = off\nselfheal.trial_interval = 0\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }
sub healer { return sql("SELECT value FROM selfheal.status WHERE item = 'healer'"); }

install($node, 'postgres');

# RAISE of such SQLSTATEs is the trigger's word: the row is held, all else goes on.
sql(q{CREATE TABLE raise (id int, v varchar(3), code text)},
	q{CREATE FUNCTION boom() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN IF NEW.code IS NOT NULL THEN RAISE EXCEPTION 'boom' USING ERRCODE = NEW.code; END IF; RETURN NEW; END $$},
	'CREATE TRIGGER boom BEFORE INSERT ON raise FOR EACH ROW EXECUTE FUNCTION boom()',
	q{SELECT selfheal.watch('raise')});
foreach my $code (qw(53100 53200 53300 XX000 XX001 XX002 58030 57014 57P01 08006))
{
	sql(qq{INSERT INTO raise_intake VALUES ('{"id": 1, "code": "$code"}'), ('{"id": 2, "v": "long $code", "code": "$code"}')});
}
sql(q{INSERT INTO raise_intake VALUES ('{"id": 3, "v": "longer"}')});
is(idle($node, 'postgres'), 't', 'idle');
is(healer(), 'not stopped', 'a trigger cannot stop the healer');
is(sql('SELECT id, v FROM raise'), '3|longer', 'which heals');
is(sql("SELECT string_agg(DISTINCT class, ' ') FROM selfheal.quarantined WHERE table_name = 'public.raise' AND payload LIKE '%\"id\": 1,%'"),
	'trigger', 'what it raises is its word');

# Used up: temporary files, the one resource that a test may take away.
sql('CREATE TABLE parent (id int PRIMARY KEY)', 'CREATE TABLE child (id int, p int REFERENCES parent, v varchar(3))',
	q{SELECT selfheal.watch('child')},
	q{INSERT INTO child_intake SELECT format('{"id": %s, "p": %s}', g, g) FROM generate_series(1, 20000) g});
is(idle($node, 'postgres'), 't', 'idle');
is(healer(), 'not stopped', 'not stopped');
my $pid = worker_pid($node, 'postgres');
sql("SELECT pg_terminate_backend($pid)") if $pid ne '';
ok(no_worker($node, 'postgres'), 'a worker reads its settings anew');
$node->append_conf('postgresql.conf', "temp_file_limit = 0\nwork_mem = 64kB\n");
$node->reload;
sql('INSERT INTO parent VALUES (1)');
idle($node, 'postgres');
is(healer(), 'stopped', 'the healer has stopped');
like(sql("SELECT note FROM selfheal.status WHERE item = 'healer'"),
	qr/since .*\(53400\); free disk, memory or connections; then SELECT selfheal\.resume\(\)/, 'since when, why, and what to do');
is(sql("SELECT sqlstate FROM selfheal.audit WHERE event = 'stopped'"), '53400', 'the audit has it');
like(sql("SELECT selfheal.wait_idle() ->> 'stopped'"), qr/temp/, 'and so has wait_idle');

# Loads hold rows, nothing is planned or put in, whatever comes or who asks.
sql(q{INSERT INTO child_intake VALUES ('{"id": -1, "v": "longer"}')}, q{INSERT INTO raise_intake VALUES ('{"id": 4, "v": "far longer than thirty-two characters can be"}')});
is(idle($node, 'postgres'), 't', 'idle');
is(sql('SELECT count(*) FROM raise'), '1', 'no other table is healed either');
is(sql("SELECT count(*) FROM selfheal.quarantine WHERE state = 'held' AND payload LIKE '%far longer%'"), '1', 'its row is held');
is(sql('SELECT count(*) FROM selfheal.audit WHERE sqlstate = \'53400\' AND event = \'stopped\''), '1', 'said once');
$node->restart;
is(idle($node, 'postgres'), 't', 'idle after a restart');
is(healer(), 'stopped', 'it outlives a restart');
is($node->psql('postgres', "CREATE ROLE op; SELECT selfheal.grant_to('op', 'operator'); SET ROLE op; SELECT selfheal.resume()"),
	3, 'an operator may not resume it');

# resume() while the trouble lasts: it stops again. Then it is over.
sql('SELECT selfheal.resume()');
idle($node, 'postgres');
is(healer(), 'stopped', 'stopped again');
$node->append_conf('postgresql.conf', "temp_file_limit = -1\nwork_mem = 4MB\n");
$node->reload;
sql('SELECT selfheal.resume()');
is(idle($node, 'postgres'), 't', 'idle');
is(healer(), 'not stopped', 'resumed');
is(sql('SELECT count(*) FROM raise WHERE id = 4'), '1', 'what waited is healed');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 2 FROM child'), 'all of it');
is(sql("SELECT string_agg(event, ' ' ORDER BY id) FROM selfheal.audit WHERE event IN ('stopped', 'resumed')"),
	'stopped resumed stopped resumed', 'the audit tells all');
sql('SELECT selfheal.resume()');
is(sql("SELECT count(*) FROM selfheal.audit WHERE event = 'resumed'"), '2', 'resume of what is not stopped says nothing');

# By itself, after a while: one heal is tried.
$node->append_conf('postgresql.conf', "temp_file_limit = 0\nwork_mem = 64kB\nselfheal.trial_interval = 1s\n");
$node->restart;
sql('INSERT INTO parent VALUES (2)');
ok($node->poll_query_until('postgres', "SELECT max(trials) > 0 FROM selfheal.stopped"), 'a trial fails');
$node->append_conf('postgresql.conf', "temp_file_limit = -1\nwork_mem = 4MB\n");
$node->reload;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM selfheal.stopped'), 'a trial ends the stop');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 3 FROM child'), 'and the row is stored');

# The same of a heal, which waits no longer than the trial for its next try: else
# the trial finds nothing to try, goes well, and each stop is the first.
sql('CREATE TABLE spill (id int, v varchar(3))',
	q{CREATE FUNCTION spills() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN PERFORM g FROM generate_series(1, 50000) g ORDER BY -g; RETURN NEW; END $$},
	'CREATE TRIGGER spills BEFORE INSERT ON spill FOR EACH ROW EXECUTE FUNCTION spills()',
	q{SELECT selfheal.watch('spill')});
$node->append_conf('postgresql.conf', "temp_file_limit = 0\nwork_mem = 64kB\n");
my $before = sql('SELECT max(id) FROM selfheal.audit');
$node->restart;
sql(q{INSERT INTO spill_intake VALUES ('{"id": 1, "v": "longer"}')});
ok($node->poll_query_until('postgres', "SELECT max(trials) > 1 FROM selfheal.stopped"), 'trials of a heal fail');
is(sql("SELECT count(*) FROM selfheal.audit WHERE id > $before AND event = 'stopped' AND result NOT LIKE 'the trial failed%'"),
	'1', 'which is one stop');
$node->append_conf('postgresql.conf', "temp_file_limit = -1\nwork_mem = 4MB\n");
$node->reload;
ok($node->poll_query_until('postgres', 'SELECT count(*) = 1 FROM spill'), 'and its row is stored as well');
ok($node->poll_query_until('postgres', 'SELECT count(*) = 0 FROM selfheal.stopped'), 'which ends the stop');

# Corruption does not mend itself: a page of a table that a heal reads.
sql('CREATE TABLE broken_parent (id int PRIMARY KEY, filler text)', "INSERT INTO broken_parent SELECT g, repeat('x', 500) FROM generate_series(1, 100) g",
	'CREATE TABLE broken (id int, p int REFERENCES broken_parent)',
	q{SELECT selfheal.watch('broken')}, q{INSERT INTO broken_intake VALUES ('{"id": 1, "p": 200}')}, 'CHECKPOINT');
is(idle($node, 'postgres'), 't', 'idle');
my $file = $node->data_dir . '/' . sql("SELECT pg_relation_filepath('broken_parent')");
$node->stop;
open(my $fh, '+<', $file) or die "could not open $file: $!";
binmode $fh;
seek($fh, 8192, 0);
print $fh "\xff" x 8192;
close($fh);
$node->start;
sql("SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'public.broken'");
idle($node, 'postgres');
is(healer(), 'not stopped', 'a page that nobody reads stops nobody');
sql(q{INSERT INTO broken_intake VALUES ('{"id": 2, "p": 201}')});
my ($ret, $out, $err) = $node->psql('postgres', q{SET enable_indexscan = off; SET enable_bitmapscan = off; SELECT count(filler) FROM broken_parent});
like($err, qr/invalid page/, 'the page is broken');
sql(q{ALTER DATABASE postgres SET enable_indexscan = off}, q{ALTER DATABASE postgres SET enable_bitmapscan = off}, q{ALTER DATABASE postgres SET enable_indexonlyscan = off});
$pid = worker_pid($node, 'postgres');
sql("SELECT pg_terminate_backend($pid)") if $pid ne '';
ok(no_worker($node, 'postgres'), 'the next worker reads the whole parent');
sql("SELECT selfheal.retry(id) FROM selfheal.incidents WHERE table_name = 'public.broken'");
idle($node, 'postgres');
is(healer(), 'stopped', 'corruption stops the healer');
is(sql('SELECT sqlstate, trial_at IS NULL FROM selfheal.stopped'), 'XX001|t', 'until a person says so');
like(sql("SELECT note FROM selfheal.status WHERE item = 'healer'"), qr/\(XX001\); look at the server log/, 'and what to do');
sql(q{INSERT INTO raise_intake VALUES ('{"id": 5, "v": "longest of all, and so much longer than all that has ever been seen in this table before, that no column of it takes it without being widened once more"}')});
idle($node, 'postgres');
is(sql('SELECT count(*) FROM raise WHERE id = 5'), '0', 'nothing else is healed');
sql('DROP TABLE broken, broken_parent', 'SELECT selfheal.resume()');
idle($node, 'postgres');
is(sql('SELECT count(*) FROM raise WHERE id = 5'), '1', 'until then');

$node->stop;
done_testing();
