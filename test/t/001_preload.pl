# Without shared_preload_libraries the extension can be created, and what needs
# more says how to load it; with it, everything is there after a restart.
use strict;
use warnings;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('preload');
$node->init;
$node->start;

$node->safe_psql('postgres', 'CREATE EXTENSION selfheal; CREATE TABLE t (id int)');
pass('CREATE EXTENSION works without preload');
is( $node->safe_psql(
		'postgres',
		q{SELECT value FROM selfheal.status WHERE item = 'library'}),
	'not preloaded',
	'status says so');

for my $call (
	"selfheal.watch('t')", 'selfheal.wake()',
	"selfheal.wait_idle('1s')", "selfheal.ingest('t', ARRAY['{}'])")
{
	my ($rc, $out, $err) = $node->psql('postgres', "SELECT $call",
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);
	isnt($rc, 0, "$call is refused");
	like($err, qr/ERROR:  55000/, "$call: errcode");
	like($err, qr/shared_preload_libraries/, "$call: hint");
}

# what needs no worker works
is( $node->safe_psql(
		'postgres',
		q{SELECT verdict FROM selfheal.vet('t', 'ALTER TABLE t ADD COLUMN x text')}),
	'auto',
	'vet works without preload');
is($node->safe_psql('postgres', 'SELECT ok FROM selfheal.verify_audit()'),
	't', 'verify_audit works without preload');

$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->restart;
$node->safe_psql('postgres', q{SELECT selfheal.watch('t')});
$node->safe_psql('postgres', q{INSERT INTO t_intake VALUES ('{"id": 1, "x": "new"}')});
$node->safe_psql('postgres', q{SELECT selfheal.wait_idle('180s')});
is($node->safe_psql('postgres', 'SELECT * FROM t'), '1|new',
	'after a restart with preload it heals');

# taken away again: the intake does not pretend
$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "''");
$node->restart;
my ($rc, $out, $err) =
  $node->psql('postgres', q{INSERT INTO t_intake VALUES ('{"id": 2}')});
isnt($rc, 0, 'an intake without preload refuses');
like($err, qr/shared_preload_libraries/, 'and says how to load it');
is($node->safe_psql('postgres', 'SELECT count(*) FROM t'),
	'1', 'nothing was stored or lost in silence');

$node->stop;
done_testing();
