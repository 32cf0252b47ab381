# Calls of tools are sealed into the audit's chain soon, and not one by one: an
# agent that reads does not keep the healer at work.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use WorkerTest;

my $call = q{SELECT selfheal.mcp('{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "list_incidents", "arguments": {}}}') IS NULL};
my $unsealed = 'SELECT count(*) FROM selfheal.audit WHERE seq IS NULL';

# Heads that the log has.
sub heads
{
	my ($node) = @_;
	my $log = slurp_file($node->logfile);
	return scalar(() = $log =~ /selfheal: audit sealed up to/g);
}

for my $linger ('60s', '0')
{
	my $name = $linger ? 'a process that stays' : 'none that stays';
	my $node = new_server("seals$linger", conf => "autovacuum = off\nselfheal.worker_linger = '$linger'\n");

	install($node, 'postgres');
	idle($node, 'postgres');
	my $before = heads($node);
	my $start = time;
	$node->safe_psql('postgres', join(';', ($call) x 300));
	ok($node->poll_query_until('postgres', "SELECT ($unsealed) = 0"), "$name: they are sealed when nobody waits for it");
	my $seconds = int(time - $start) + 1;
	cmp_ok(heads($node) - $before, '<=', 2 * $seconds + 1, "$name: not one by one");
	$node->safe_psql('postgres', $call);
	idle($node, 'postgres');
	is($node->safe_psql('postgres', $unsealed), '0', "$name: who waits finds the last one sealed");
	is($node->safe_psql('postgres', 'SELECT ok FROM selfheal.verify_audit()'), 't', "$name: the chain holds");
}

done_testing();
