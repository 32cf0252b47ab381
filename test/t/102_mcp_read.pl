# Migrations of applied heals, as MCP clients read them: each runs on a copy of
# the old schema and gives the new one, definition by definition; what others
# have written stays in its comment; number and file name never change.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use Encode;
use IPC::Run;
use JSON::PP;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('mcp_read');
install($node, 'postgres');
install($node, 'copy');
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE ann;
SELECT selfheal.grant_to('ann', 'operator');
GRANT pg_read_all_data TO ann;
SQL

sub value { my ($sql, $db) = @_; return $node->safe_psql($db || 'postgres', $sql) }

# The result of a method, as a role that may read everything.
sub ask
{
	my ($method, %params) = @_;
	my $request = encode_json({ jsonrpc => '2.0', id => 1, method => $method, params => {%params} });
	my $answer = decode_json(value("SET ROLE ann; SELECT selfheal.mcp(convert_from('\\x" . unpack('H*', $request) . "', 'UTF8')::jsonb)"));
	return $answer->{result};
}

# Migrations whose title names this schema, oldest first.
sub migrations
{
	my ($schema) = @_;
	my @found;
	my $cursor;
	do
	{
		my $page = ask('resources/list', $cursor ? (cursor => $cursor) : ());
		push @found, grep { $_->{uri} =~ m{/migration/} && index($_->{title}, $schema) >= 0 } @{ $page->{resources} };
		$cursor = $page->{nextCursor};
	} while ($cursor);
	return reverse @found;
}

sub text_of
{
	my ($uri) = @_;
	my $read = ask('resources/read', uri => $uri);
	return ($read->{contents}[0]{text}, $read->{contents}[0]{mimeType});
}

# Run a file as a migration tool does.
sub run_file
{
	my ($text, @options) = @_;
	my $file = $node->basedir . '/migration.sql';
	open(my $fh, '>:raw', $file) or die $!;
	print $fh Encode::encode('UTF-8', $text);
	close $fh;
	my ($out, $err) = ('', '');
	my $ok = IPC::Run::run([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', @options, '-f', $file, '-d', $node->connstr('copy') ], '>', \$out, '2>', \$err);
	return $ok ? '' : $err;
}

# All definitions of a schema.
sub definitions
{
	my ($schema, $db) = @_;
	my ($out, $err) = ('', '');
	IPC::Run::run([ 'pg_dump', '--schema-only', '-n', $schema, '-d', $node->connstr($db) ], '>', \$out, '2>', \$err) or die $err;
	$out =~ s/^\\(un)?restrict .*\n//mg;
	return $out;
}

sub mappings
{
	my ($schema, $db) = @_;
	return value("SELECT coalesce(string_agg(concat_ws('|', table_name, kind, field, column_name, args), E'\\n' ORDER BY kind, field), 'none') FROM selfheal.mappings"
		  . " WHERE state = 'active' AND strpos(table_name, '$schema') = 1", $db);
}

# The same tables in both databases; in the copy nothing heals.
sub make
{
	my ($schema, $ddl, @tables) = @_;
	for my $db ('postgres', 'copy')
	{
		my $mode = $db eq 'copy' ? 'observe' : 'auto';
		value("CREATE SCHEMA $schema; SET search_path = $schema; $ddl; "
			  . join(' ', map { "SELECT selfheal.watch('$_', '$mode');" } @tables), $db);
	}
	return;
}

sub load
{
	my ($schema, $view, @payloads) = @_;
	value("SET search_path = $schema; SET client_min_messages = error; INSERT INTO $view VALUES " . join(', ', map { "(\$x\$$_\$x\$)" } @payloads));
	idle($node, 'postgres');
	return;
}

# A person approves all that waits, until nothing does.
sub approve_all
{
	for (1 .. 5)
	{
		my $n = value('SET ROLE ann; SELECT count(selfheal.approve(plan_id)) FROM selfheal.pending WHERE state = \'awaiting_approval\'');
		idle($node, 'postgres');
		last if $n eq '0';
	}
	return;
}

# Each of the schema's migrations, run on the copy, gives what is here.
sub same_by_migrations
{
	my ($schema, $n, $what, @options) = @_;
	my @files = migrations($schema);
	my @texts;
	is(scalar @files, $n, "$what: migrations") or diag(value('SELECT id, state, sql, reason FROM selfheal.plan ORDER BY id DESC LIMIT 5'));
	isnt(definitions($schema, 'postgres') . mappings($schema), definitions($schema, 'copy') . mappings($schema, 'copy'), "$what: the copy is the old one");
	for my $file (@files)
	{
		my ($text, $type) = text_of($file->{uri});
		my ($id) = $file->{uri} =~ m{^selfheal://migration/(\d+)$};
		push @texts, $text;
		is($type, 'application/sql', "$what: SQL");
		like($file->{name}, qr/^\d{8}T\d{6}Z_selfheal_${id}_[a-z0-9_]+\.sql$/, "$what: a file name");
		like($text, qr/^-- File: \Q$file->{name}\E$/m, "$what: which the text has");
		is(run_file($text, @options), '', "$what: it runs") or diag($text);
	}
	is(definitions($schema, 'copy'), definitions($schema, 'postgres'), "$what: the definitions are the same");
	is(mappings($schema, 'copy'), mappings($schema, 'postgres'), "$what: and what becomes of payloads");
	return @texts;
}

# ---- what heals by itself ----
make('plain', 'CREATE TABLE orders (id bigint PRIMARY KEY, customer varchar(8) NOT NULL, amount numeric(4,1), n smallint)', 'orders');
load('plain', 'orders_intake', '{"id": 1, "customer": "Grace Hopper", "amount": 12.345, "n": 100000}', '{"id": 2, "customer": "Ada", "coupon": "X"}');
load('plain', 'orders_intake', '{"id": 3, "customer": "Grace Brewster Murray Hopper, Rear Admiral"}');
my ($first) = same_by_migrations('plain', 2, 'drift', '-1');
like($first, qr/^-- Decided: by policy, rule small-rewrite$/m, 'a rule let it run');
like($first, qr/^-- Broke: incident \d+, too_long of customer, 1 row since [0-9TZ:-]+, SQLSTATE 22001: /m, 'what broke');
like($first, qr/^-- Plan hash: [0-9a-f]{64}$/m, 'the hash');
like($first, qr/^-- \| ALTER TABLE plain\.orders DROP COLUMN coupon/m, 'what would undo it');
unlike($first, qr/Grace|Hopper|12\.345/, 'and no value');

# ---- partitions ----
make('parts', q{CREATE TABLE days (id int, day date NOT NULL, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
	CREATE TABLE days_2026_01 PARTITION OF days FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
	CREATE TABLE days_2026_02 PARTITION OF days FOR VALUES FROM ('2026-02-01') TO ('2026-03-01'); CREATE INDEX ON days (day)}, 'days');
load('parts', 'days_intake', '{"id": 1, "day": "2026-06-30"}');
same_by_migrations('parts', 1, 'partition', '-1');

# ---- what a person approves ----
make('asked', q{CREATE TYPE mood AS ENUM ('sad', 'ok');
	CREATE TABLE people (id int PRIMARY KEY, m mood, state text CONSTRAINT states CHECK (state IN ('new', 'paid')), must text NOT NULL, k int);
	COMMENT ON CONSTRAINT states ON people IS 'what a state may be';
	CREATE TABLE keyed (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, v text)}, 'people', 'keyed');
load('asked', 'people_intake', (map { qq({"id": $_, "m": "glad", "must": "x"}) } 1 .. 3), (map { qq({"id": 1$_, "state": "back\\\\slash's", "must": "x"}) } 1 .. 3),
	(map { qq({"id": 2$_, "must": null}) } 1 .. 3));
load('asked', 'keyed_intake', '{"id": 4711, "v": "x"}');
approve_all();
my @asked = same_by_migrations('asked', 2, 'approved');
ok(@asked >= 2, 'several of them');
my $asked = join("\n", @asked);
like($asked, qr/^ALTER TYPE asked\.mood ADD VALUE IF NOT EXISTS 'glad'/m, 'a label');
like($asked, qr/^-- In a transaction of its own/m, 'which says that it must be alone');
like($asked, qr/DROP CONSTRAINT states.*slash/s, 'a longer list');
like($asked, qr/DROP NOT NULL/, 'nulls');
like($asked, qr/SET GENERATED BY DEFAULT/, 'keys that were sent');
unlike($asked, qr/4711|setval/, 'of which the sequence\'s own stand is no part');
like($asked, qr/^-- Decided: approved by ann at [0-9TZ:-]+ \(rule /m, 'who approved');

# ---- views are taken away and made again around it ----
make('views', q{CREATE TABLE t (id int, v varchar(5), at date); CREATE VIEW below AS SELECT v, upper(v) AS u FROM t;
	CREATE VIEW "a'bove
; -- it" AS SELECT u, v FROM below WHERE v <> 'x''y'; COMMENT ON VIEW below IS 'of t'; GRANT SELECT ON below TO PUBLIC}, 't');
value('SELECT selfheal.set_policy(\'views.t\', \'parse_timestamp\', NULL, \'review\')');
load('views', 't_intake', '{"id": 1, "v": "longer than that", "at": "31.12.2026"}', '{"id": 2, "v": "longer than that", "at": "28.11.2026"}');
approve_all();
value('CREATE VIEW views.later AS SELECT v FROM views.below');
value('DROP VIEW views.later');
my ($around) = same_by_migrations('views', 1, 'dependents', '-1');
like($around, qr/^DROP VIEW views\.below;.*^ALTER TABLE views\.t ALTER COLUMN v.*^; SELECT selfheal\.add_mapping\(.*^CREATE VIEW views\.below/ms, 'in their order, the mapping behind its record and not in it');

# ---- payload mappings: no DDL ----
make('maps', 'CREATE TABLE t (id int, at date, amount numeric(10,2))', 't');
load('maps', 't_intake', '{"id": 1, "at": "31.12.2026"}', '{"id": 2, "at": "28.11.2026"}', '{"id": 3, "amount": "1.234,56"}', '{"id": 4, "amount": "7.654.321,00"}');
approve_all();
my @maps = same_by_migrations('maps', 1, 'mapping', '-1');
like($maps[0], qr/^SELECT selfheal\.add_mapping\('maps\.t', /m, 'as the call that makes it again');

# ---- names and words of others ----
my $evil = qq{"o'r\\ders\n; DROP TABLE hostile.canary; --\r\n\\! touch x :'v' \$\$ */"};
make('hostile', qq{CREATE TABLE canary (); CREATE TABLE $evil (id int, "c'o\n-- +goose Down\nDROP TABLE hostile.canary; --" varchar(4))});
value("SELECT selfheal.watch(oid, 'auto') FROM pg_class WHERE relnamespace = 'hostile'::regnamespace AND relname LIKE 'o''r%' AND relkind = 'r'");
value("SELECT selfheal.watch(oid, 'observe') FROM pg_class WHERE relnamespace = 'hostile'::regnamespace AND relname LIKE 'o''r%' AND relkind = 'r'", 'copy');
value(qq{SELECT selfheal.propose(oid, format('ALTER TABLE %s ALTER %I TYPE varchar(40)', oid::regclass, (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = 2)),
	E'because\\n; DROP TABLE hostile.canary; --\\r\\n--rollback DROP TABLE hostile.canary') FROM pg_class c WHERE relnamespace = 'hostile'::regnamespace AND relname LIKE 'o''r%' AND relkind = 'r'});
value(q{SELECT selfheal.watch(oid, share_values => 'full') FROM pg_class c WHERE relnamespace = 'hostile'::regnamespace AND relname LIKE 'o''r%' AND relkind = 'r'});
approve_all();
my ($hostile) = same_by_migrations('hostile', 1, 'hostile', '-1');
my ($header) = $hostile =~ /\A(.*?)\n\n/s;
is((grep { !/^-- (A heal|File|Table|Applied|Decided|Proposed by|Plan hash|Why|Proposer's words|What would undo it|\|)/ } split(/[\r\n]/, $header)), 0,
	'every line of the header is a comment that begins with words of ours') or diag($header);
unlike($header, qr/^\s*--\s*(\+goose|rollback|changeset)/m, 'none is an order to a migration tool');
like($header, qr/because ; DROP TABLE/, 'the words are there, on their line');
is(value('SELECT count(*) FROM pg_class WHERE oid = \'hostile.canary\'::regclass', 'copy'), 1, 'the canary lives');

# ---- a table of its own, in a landing schema ----
for my $db ('postgres', 'copy') { value('CREATE SCHEMA land; GRANT USAGE, CREATE ON SCHEMA land TO ann; SELECT selfheal.set_landing(\'land\')', $db) }
value(q{SELECT selfheal.land('events', ARRAY['{"id": 1, "kind": "a"}', '{"id": 2, "kind": "b", "at": "2026-11-21T10:00:00Z"}'])});
idle($node, 'postgres');
approve_all();
my ($landed) = migrations('land.events');
my ($text) = text_of($landed->{uri});
is(run_file($text), '', 'a landed table: it runs');
is(value('SELECT selfheal.snapshot(\'land.events\') - \'triggers\'', 'copy'), value('SELECT selfheal.snapshot(\'land.events\') - \'triggers\''), 'and the table is the same');

# ---- what never changes ----
my @before = migrations('plain');
my ($text_before) = text_of($before[0]{uri});
value('ALTER TABLE plain.orders RENAME TO purchases; ALTER TABLE plain.purchases RENAME customer TO buyer');
my @after = grep { $_->{uri} eq $before[0]{uri} } migrations('plain');
is($after[0]{name}, $before[0]{name}, 'the file keeps its name when the table gets another one');
is((text_of($before[0]{uri}))[0], $text_before, 'and its text');
value('SELECT selfheal.unwatch(\'plain.purchases\')');
is((text_of($before[0]{uri}))[0], $text_before, 'also when nobody looks after the table any more');
$node->stop;

done_testing();
