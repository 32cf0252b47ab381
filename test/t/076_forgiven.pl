# The healer misses a lock while somebody has the incident itself in hand: it
# cannot say so then, and the incident is charged for one attempt all the same.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

# Long enough for a person to take the incident while the healer waits.
my $node = new_server('forgiven', conf => "autovacuum = off\ndeadlock_timeout = '16s'\nselfheal.lock_timeout = '8s'\n");

sub sql { return $node->safe_psql('postgres', join(';', @_)); }

install($node, 'postgres');
sql(
	'CREATE TABLE t (id int, v varchar(3))',
	q{SELECT selfheal.watch('t'), selfheal.pause('t')},
	q{INSERT INTO t_intake VALUES ('{"id": 1, "v": "longer"}')});
idle($node, 'postgres');

my $holder = $node->background_psql('postgres');
$holder->query_safe($_) for 'BEGIN', 'LOCK TABLE t';
sql(q{SELECT selfheal.resume('t')});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM selfheal.incident WHERE state = 'planning' AND attempts = 1}),
	'it is claimed, and waits for the table');
my $person = $node->background_psql('postgres');
$person->query_safe($_) for 'BEGIN', 'SELECT id FROM selfheal.incident FOR UPDATE';
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM selfheal.audit WHERE event = 'apply_failed' AND sqlstate = '55P03'}),
	'the lock is missed');
is(sql(q{SELECT state || ' ' || attempts FROM selfheal.incident}), 'planning 1', 'which cannot be said of the incident');
$_->query_safe('COMMIT'), $_->quit for $holder, $person;
sql(q{SELECT selfheal.pause('t'), selfheal.resume('t')});
ok($node->poll_query_until('postgres', q{SELECT count(*) = 1 FROM t}), 'it is healed then');
idle($node, 'postgres');
is(sql(q{SELECT state || ' ' || attempts FROM selfheal.incident}), 'healed 1', 'by the first attempt that counts');

done_testing();
