# 026_dependents.pl: 30 views and all else that depends on a column, as pg_dump
# writes them before and after it got a wider type; a subscriber's stream goes
# on through the publication's row filter and column list that were made again.
use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('dependents', conf => "wal_level = logical\n");
install($node, 'postgres');

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# What pg_dump writes, statement by statement: an order that depends on oids
# is not looked at, nor are empty lines and what is new in each dump.
sub dump_of
{
	my ($name) = @_;
	my $file = $node->basedir . "/$name.sql";

	command_ok([ 'pg_dump', '-s', '-N', 'selfheal', '-N', 'selfheal_sandbox', '-f', $file, '-d', $node->connstr('postgres') ],
		"pg_dump $name");
	my $text = slurp_file($file);
	$text =~ s/^\\(un)?restrict .*$//mg;
	return sort map { s/^\s+|\s+$//gr } split(/\n\n+/, $text);
}

$node->psql('postgres', slurp_file(dirname(__FILE__) . '/../lib/dependents.sql'), on_error_stop => 1, on_error_die => 1);
# a materialized view and an index elsewhere
sql($_)
  foreach ("SET allow_in_place_tablespaces = on; CREATE TABLESPACE away LOCATION ''",
	'GRANT CREATE ON TABLESPACE away TO dep_own, dep_bo',
	'ALTER MATERIALIZED VIEW dep.v18 SET TABLESPACE away',
	'ALTER INDEX dep.v08_expr SET TABLESPACE away');
my $away = q{SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY c.relname) FROM pg_class c
	JOIN pg_tablespace t ON t.oid = c.reltablespace WHERE t.spcname = 'away' AND c.relkind IN ('m', 'i')
	AND c.relnamespace = 'dep'::regnamespace};
is(sql($away), 'dep.v08_expr dep.v18', 'in another tablespace');
sql(q{SELECT selfheal.watch('dep.sale')});
sql(q{SELECT pg_create_logical_replication_slot('s', 'pgoutput')});
sql(q{INSERT INTO dep.sale_intake VALUES
	('{"id": 3, "code": "a-code-that-is-long", "amount": 12345678.90, "qty": 5000000000}'), ('{"id": 4, "code": "private", "qty": 5000000000}')});
is(idle($node, 'postgres'), 't', 'the rows wait for an approval');

my @before = dump_of('before');
sql('SELECT selfheal.approve(plan_id) FROM selfheal.pending');
is(idle($node, 'postgres'), 't', 'approved');
is(sql('SELECT string_agg(id::text, $$ $$ ORDER BY id) FROM dep.sale'), '1 2 3 4', 'the rows are in');
my @after = dump_of('after');
is(sql($away), 'dep.v08_expr dep.v18', 'in another tablespace still');

my %was = map { $_ => 1 } @before;
my %is = map { $_ => 1 } @after;
# v06 depends on the primary key: pg_dump first makes it of nulls of its types
my $table = qr/^(CREATE TABLE dep\.sale \(|CREATE VIEW dep\.v1[17] AS|CREATE VIEW dep\.v06 AS\s+SELECT\s+NULL::)/;
is(scalar(@after), scalar(@before), 'as many statements');
cmp_ok(scalar(grep { /^(CREATE (MATERIALIZED )?VIEW|GRANT|COMMENT|CREATE (RULE|TRIGGER|POLICY|INDEX|STATISTICS))/ } @after),
	'>', 80, 'views, privileges, comments and all else are among them');
is_deeply([ grep { !$was{$_} && $_ !~ $table } @after ], [], 'nothing is new but the types of the table and casts in two views');
is_deeply([ grep { !$is{$_} && $_ !~ $table } @before ], [], 'nothing is lost');

sql(q{INSERT INTO dep.sale VALUES (5, 'another-long-code', 1, 1), (6, 'private', 1, 1)});
my $stream = sql(q{SELECT string_agg(encode(data, 'escape'), E'\n') FROM pg_logical_slot_get_binary_changes('s', NULL, NULL,
	'proto_version', '1', 'publication_names', 'dep_pub')});
like($stream, qr/a-code-that-is-long.*another-long-code/s, 'the stream has the rows that were held, and later ones');
unlike($stream, qr/private/, 'the row filter holds');
unlike($stream, qr/12345678\.90/, 'the column list holds');

$node->stop;
done_testing();
