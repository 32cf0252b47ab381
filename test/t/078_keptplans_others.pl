# Plans are kept of the healer's own statements alone: what it runs under the
# names of others is read anew each time.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('keptothers', conf => "autovacuum = off\nselfheal.worker_linger = '60s'\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

sub load
{
	my ($table, @payloads) = @_;

	sql(map { "INSERT INTO ${table}_intake VALUES ('$_')" } @payloads);
	idle($node, 'postgres');
	return;
}

# What the trial of the newest plan did not cover.
sub not_covered
{
	return sql(q{SELECT dry_run ->> 'not_covered' FROM selfheal.plan ORDER BY id DESC LIMIT 1});
}

install($node, 'postgres');
sql(
	'CREATE TABLE parent (id bigint PRIMARY KEY)',
	'INSERT INTO parent VALUES (1), (3000000000)',
	'CREATE TABLE child (pid int REFERENCES parent, a varchar(3), b varchar(3), c varchar(3))',
	q{SELECT NULL FROM selfheal.watch('child')});
load('child', '{"pid": 1, "a": "longer"}');
my $pid = worker_pid($node, 'postgres');
load('child', '{"pid": 1, "b": "longer"}');
load('child', '{"pid": 1, "c": "longer"}');
is(sql('SELECT count(*) FROM child'), '3', 'three heals of a table with a foreign key');

# the same question about the parents, of keys that have another type now
load('child', '{"pid": 3000000000}', '{"pid": 4000000000}');
is(not_covered(), '[]', 'the foreign key was tried when its column became another type');
is(sql(q{SELECT dry_run ->> 'held_stored' FROM selfheal.plan ORDER BY id DESC LIMIT 1}), '1',
	'and the row without a parent found');
is(worker_pid($node, 'postgres'), $pid, 'all by the same process');

done_testing();
