# The postmaster dies while the worker is at work: it ends with the transaction
# that it is in, though it never waits, and does not heal on for as long as there
# is something to heal. Until it is gone no server can be started.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);
use WorkerTest;

my $tables = 30;
my $node = new_server('orphan');
install($node, 'postgres');

# Each row costs a moment that is spent without waiting.
$node->safe_psql('postgres', <<'SQL');
CREATE FUNCTION toil() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE until timestamptz := pg_catalog.clock_timestamp() + interval '0.3 s';
BEGIN
	WHILE pg_catalog.clock_timestamp() < until LOOP END LOOP;
	RETURN NEW;
END $$;
SQL
set_conf($node, 'selfheal.enabled', 'off');
$node->safe_psql('postgres', join ';', map {
		("CREATE TABLE t$_ (id int, v varchar(4))", "CREATE TRIGGER toil BEFORE INSERT ON t$_ FOR EACH ROW EXECUTE FUNCTION toil()",
			"SELECT selfheal.watch('t$_')", qq{INSERT INTO t${_}_intake VALUES ('{"id": $_, "v": "too long"}')})
	} 1 .. $tables);
set_conf($node, 'selfheal.enabled', 'on');

# Some tables are healed, most are not.
my $healed = "SELECT count(*) FROM selfheal.incident WHERE state = 'healed'";
ok($node->poll_query_until('postgres', "SELECT ($healed) >= 2"), 'the worker is at it');
my $pid = worker_pid($node, 'postgres');
my $before = $node->safe_psql('postgres', $healed);
cmp_ok($before, '<', $tables / 2, 'and has much to do');
$node->kill9;
my $from = time;
sleep 0.05 while kill(0, $pid) && time - $from < 180;
ok(!kill(0, $pid), 'it ends');
note(sprintf('after %.1f s', time - $from));

# What it has done since is in the tables.
$node->append_conf('postgresql.conf', 'selfheal.enabled = off');
unlink $node->data_dir . '/postgresql.auto.conf';
my $started = 0;
for (1 .. 600) { $started = $node->start(fail_ok => 1) and last; sleep 0.1; }
ok($started, 'a server is started');
cmp_ok($node->safe_psql('postgres', $healed), '<=', $before + 4, 'without healing all of them first');
is($node->safe_psql('postgres', 'SHOW selfheal.enabled'), 'off', 'nor has the new one');
set_conf($node, 'selfheal.enabled', 'on');
is(idle($node, 'postgres', '120s'), 't', 'it goes on');
is($node->safe_psql('postgres', "SELECT count(*) FROM selfheal.quarantine WHERE state = 'held'"), '0', 'until nothing is held');
$node->stop;
done_testing();
