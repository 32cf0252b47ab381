# The head of the audit goes to the server log and, as a logical message, to
# the WAL at each seal; a chain that was written anew, or cut, is found against
# a head that was noted there.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('head');
$node->init(allows_streaming => 'logical');
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION selfheal; CREATE TABLE t (id int)');
$node->safe_psql('postgres', q{CREATE PUBLICATION p FOR TABLE t});
$node->safe_psql('postgres', q{SELECT pg_create_logical_replication_slot('s', 'pgoutput')});
$node->safe_psql('postgres', q{SELECT selfheal.watch('t')});
$node->safe_psql('postgres', q{INSERT INTO t_intake VALUES ('{"id": 1, "new": "key"}')});
$node->safe_psql('postgres', q{SELECT selfheal.wait_idle('180s')});

my ($sealed, $head) = split /\|/,
  $node->safe_psql('postgres', 'SELECT sealed, head FROM selfheal.verify_audit()');
cmp_ok($sealed, '>', 5, 'a heal is sealed');
like($head, qr/^[0-9a-f]{64}$/, 'its head is a sha256');

my $log = slurp_file($node->logfile);
my ($log_seq, $log_head) = $log =~ /.*audit sealed up to seq (\d+), head ([0-9a-f]{64})/s;
is("$log_seq $log_head", "$sealed $head", 'the server log says the same head');

# The seal is on disk before its head is said. pgoutput gives messages as bytes;
# no plugin of contrib is needed
my $messages = $node->safe_psql(
	'postgres', q{
	SELECT encode(data, 'escape') FROM pg_logical_slot_get_binary_changes('s', NULL, NULL,
		'proto_version', '1', 'publication_names', 'p', 'messages', 'true')});
like($messages, qr/selfheal\.audit.*\Q$head\E/s, 'and so does a logical message in the WAL');

is($node->safe_psql('postgres', "SELECT ok FROM selfheal.verify_audit($sealed, '$head')"),
	't', 'the chain holds against the noted head');

# a superuser writes the whole chain anew: consistent in itself, but not with
# what was noted
$node->safe_psql(
	'postgres', q{
	ALTER TABLE selfheal.audit DISABLE TRIGGER ALL;
	UPDATE selfheal.audit SET explanation = 'nothing happened here' WHERE event = 'planned';
	UPDATE selfheal.audit SET seq = NULL, prev_hash = NULL, hash = NULL;
	SELECT selfheal.wake();
});
$node->safe_psql('postgres', q{SELECT selfheal.wait_idle('180s')});
is($node->safe_psql('postgres', 'SELECT ok, sealed >= 6 FROM selfheal.verify_audit()'),
	't|t', 'a chain written anew is consistent in itself');
is( $node->safe_psql('postgres', "SELECT ok FROM selfheal.verify_audit($sealed, '$head')"),
	'f', 'but not against the noted head');

# a tail that was cut
my ($sealed2, $head2) = split /\|/,
  $node->safe_psql('postgres', 'SELECT sealed, head FROM selfheal.verify_audit()');
$node->safe_psql(
	'postgres', qq{
	ALTER TABLE selfheal.audit DISABLE TRIGGER ALL;
	DELETE FROM selfheal.audit WHERE seq = $sealed2;
});
is($node->safe_psql('postgres', 'SELECT ok FROM selfheal.verify_audit()'),
	't', 'a cut tail is not seen from the chain alone');
is( $node->safe_psql('postgres', "SELECT ok FROM selfheal.verify_audit($sealed2, '$head2')"),
	'f', 'but against the noted head');

$node->stop;
done_testing();
