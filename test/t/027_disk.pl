# 027_disk.pl: new files that would not fit on the disk beside the old ones
# are a reason to refuse. A table is made larger than what is free by files
# with holes: forecast looks at sizes, and nothing reads them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $segment = 1 << 30;
my $node = new_server('disk');
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

sql(q{CREATE TABLE big (id integer PRIMARY KEY, v varchar(8), w varchar(8));
	CREATE INDEX ON big (lower(v));
	INSERT INTO big SELECT i, i FROM generate_series(1, 1000) i;
	SELECT selfheal.watch('big')});
my $change = 'ALTER TABLE big ALTER id TYPE bigint';

is(sql("SELECT verdict FROM selfheal.vet('big', '$change')"), 'auto', 'a small rewrite may run');
my $free = sql("SELECT forecast ->> 'free_disk' FROM selfheal.vet('big', '$change')");
my ($kb) = (split ' ', (split /\n/, qx(df -Pk @{[ $node->data_dir ]}))[1])[3];
ok(abs($free - $kb * 1024) < 0.2 * $kb * 1024 + (1 << 28), "free is what df says ($free)");

# larger than what is free
my $file = $node->data_dir . '/' . sql(q{SELECT pg_relation_filepath('big')});
my $wanted = int($free / $segment) + 1;
SKIP:
{
	skip "more than 2 TB are free: too many files", 6 if $wanted > 2048;

	$node->stop;
	truncate($file, $segment) or die "could not extend $file: $!";
	for my $n (1 .. $wanted - 1)
	{
		open(my $new, '>', "$file.$n") or die "could not create $file.$n: $!";
		truncate($new, $segment) or die "could not extend $file.$n: $!";
		close($new);
	}
	$node->start;

	my $row = sql("SELECT verdict, reason ~ 'on disk', (forecast ->> 'disk_needed')::numeric > (forecast ->> 'free_disk')::numeric"
		  . " FROM selfheal.vet('big', '$change')");
	is($row, 'refuse|t|t', 'a rewrite that does not fit is refused, with both numbers');
	is(sql("SELECT verdict FROM selfheal.vet('big', 'ALTER TABLE big ADD a text')"),
		'auto', 'a change of the catalog needs no disk');
	is(sql("SELECT verdict, forecast -> 'disk_needed' < '1000000' FROM selfheal.vet('big', 'ALTER TABLE big ALTER v TYPE text')"),
		'review|t', 'an index needs what it needs itself');
	is(sql("SELECT plan_id IS NULL, verdict FROM selfheal.propose('big', '$change', 'a test')"),
		't|refuse', 'a proposal is refused as well');

	# the row waits for a person, who reads why
	sql(q{INSERT INTO big_intake VALUES ('{"id": 3000000000}')});
	sql(q{SELECT selfheal.wait_idle('180s')});
	is(sql(q{SELECT state, reason ~ 'on disk' FROM selfheal.incidents}),
		'needs_human|t', 'the worker does not try it');
	is(sql(q{SELECT count(*) FROM selfheal.quarantine WHERE state = 'held'}), 1, 'and its row is held');
}
$node->stop;
done_testing();
