# A statement that failed names a table that is gone when the worker looks:
# made, failed in and dropped within a moment, as tests and migrations do all
# day. It is passed over without a word, and what failed behind it is not.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('gone', conf => "selfheal.worker_linger = '60s'\nlog_min_messages = warning\n");
install($node, 'postgres');
$node->safe_psql('postgres', q{CREATE TABLE stays (id int PRIMARY KEY, v varchar(4)); SELECT selfheal.watch('stays')});
idle($node, 'postgres');
my $pid = worker_pid($node, 'postgres');
like($pid, qr/^\d+$/, 'a worker');

# It does not look before all of this is over.
is(kill('STOP', $pid), 1, 'it stands still');
my $sqlstate = sub { my ($sql) = @_; my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$sql"); $err =~ s/^.*ERROR:\s*//s; return $err };
$node->safe_psql('postgres', 'CREATE TABLE gone (id int, v varchar(4)); CREATE FUNCTION gone() RETURNS void LANGUAGE plpgsql AS $$ BEGIN INSERT INTO gone SELECT 1, repeat(\'x\', 10); END $$');
is($sqlstate->("INSERT INTO gone SELECT 1, repeat('x', 10);"), '22001', 'a statement fails');
is($sqlstate->('SELECT gone();'), '22001', 'one in a function');
$node->safe_psql('postgres', 'DROP FUNCTION gone(); DROP TABLE gone');
is($sqlstate->("INSERT INTO stays VALUES (1, 'too long');"), '22001', 'one that is about a watched table');
is(kill('CONT', $pid), 1, 'it goes on');
is(idle($node, 'postgres'), 't', 'idle');
is(worker_pid($node, 'postgres'), $pid, 'the same worker');

is($node->safe_psql('postgres', "SELECT class, state FROM selfheal.incidents"), 'too_long|healed', 'the one table is healed');
is($sqlstate->("INSERT INTO stays VALUES (1, 'too long');"), '', 'its client may send it again');
unlike(slurp_file($node->logfile), qr/could not look into a statement/, 'nothing is said of the other');
$node->stop;
done_testing();
