# 046_failures.pl: what the error path of a session copies when a statement
# fails: everything that a look at it and a replay need, once, bounded, of
# those databases alone from which it is wanted, and nothing else.
#
# A module of the test (lib/failtest, made here) reads the ring from SQL. No
# worker runs: the setting that lets them is off but in the sessions that fail.

use strict;
use warnings;

use Cwd qw(abs_path);
use File::Basename qw(dirname);
use File::Copy qw(copy);
use IPC::Run ();
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use lib dirname(__FILE__);
use WorkerTest qw(crash);

# ---- the module ----

my $top = dirname(dirname(dirname(abs_path(__FILE__))));
my $built = PostgreSQL::Test::Utils::tempdir();

copy($_, $built) or die "$_: $!" for glob("$top/test/lib/failtest/*");
mkdir "$built/base" or die "$built/base: $!";
copy($_, "$built/base") or die "$_: $!" for glob("$top/src/base/{*.h,failures.c}");
{
	my ($out, $err);
	delete local @ENV{qw(MAKEFLAGS MFLAGS MAKELEVEL)};
	IPC::Run::run([ 'make', '-s', '-C', $built, 'PG_CONFIG=pg_config', 'with_llvm=no', 'CC=gcc' ],
		'>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  or die("could not build the test's module: $out$err");
}

my $node = PostgreSQL::Test::Cluster->new('failures');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
selfheal.enabled = off
selfheal.capture_rate = 1000000
CONF
$node->start;
my $libraries = $node->safe_psql('postgres', 'SHOW dynamic_library_path');
$node->safe_psql('postgres', "ALTER SYSTEM SET dynamic_library_path = '$libraries:$built'");
$node->reload;
$node->poll_query_until('postgres', "SELECT current_setting('dynamic_library_path') LIKE '%$built'");

my $face = slurp_file("$built/failtest.sql");

# Server settings for what follows; nothing is wanted after a restart.
sub restart_with
{
	my (%settings) = @_;
	$node->safe_psql('postgres',
		join(';', 'ALTER SYSTEM RESET selfheal.capture_slots', 'ALTER SYSTEM RESET selfheal.capture_bytes',
			map { "ALTER SYSTEM SET $_ = $settings{$_}" } sort keys %settings)) if %settings;
	$node->restart;
	return;
}

sub want
{
	my ($db) = @_;
	return $node->safe_psql($db // 'postgres', 'SELECT failtest.want(true)');
}

# What is in the ring, as hashes.
sub take
{
	my ($db) = @_;
	my $rows = $node->safe_psql($db // 'postgres', 'SELECT failtest.take()');
	return map { JSON::PP->new->utf8->decode($_) } split /\n/, $rows;
}

sub dropped
{
	my ($db) = @_;
	return $node->safe_psql($db // 'postgres', 'SELECT "full", repeated FROM failtest.dropped()');
}

# One session runs statements that fail, each sent by itself.
sub session
{
	my ($sql, $db) = @_;
	my ($out, $err);
	$node->psql($db // 'postgres', "SET selfheal.enabled = on;\n$sql",
		on_error_stop => 0, stdout => \$out, stderr => \$err);
	return $err;
}

sub fails
{
	my ($sql, $db) = @_;
	session($sql, $db);
	return take($db);
}

# The same, of statements that are sent in one message.
sub together
{
	my ($sql) = @_;
	local $ENV{PGOPTIONS} = '-c selfheal.enabled=on';
	$node->run_log([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', $sql ]);
	return take();
}

# SQLSTATE, target and parameters of each, as one line.
sub brief
{
	return join ' | ', map {
		join ' ', $_->{sqlstate}, $_->{target} // '-', map { $_ // 'NULL' } @{ $_->{params} }
	} @_;
}

$node->safe_psql('postgres', $face);
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE loader;
CREATE TYPE mood AS ENUM ('sad', 'ok');
CREATE DOMAIN short AS varchar(4);
CREATE TABLE t (id int PRIMARY KEY, name varchar(5), n int NOT NULL DEFAULT 1 CHECK (n > 0));
CREATE TABLE child (t int REFERENCES t, d int REFERENCES t DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE parted (k int, v varchar(3)) PARTITION BY LIST (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES IN (1);
CREATE VIEW seen AS SELECT id, name FROM t;
CREATE TABLE wide (a int, b text, c timestamptz, d interval, e uuid, f numeric, g jsonb, h mood, i short,
	j int[], k name, l float8, m bool, z varchar(2));
CREATE TABLE big (v text);
ALTER TABLE big ALTER v SET STORAGE EXTERNAL;
INSERT INTO big VALUES (repeat('x', 5000));
GRANT ALL ON t, child TO loader;
SQL

# ---- nothing is wanted yet ----

is(brief(fails("INSERT INTO t VALUES (1, 'toolong')")), '', 'nothing is copied that nobody wants');
want();

# ---- fields ----

my ($f) = fails(<<'SQL');
SET search_path = "Odd", public; SET TimeZone = 'Asia/Kolkata'; SET DateStyle = 'SQL, DMY';
SET IntervalStyle = 'iso_8601'; SET client_encoding = 'LATIN1'; SET bytea_output = 'escape';
SET xmloption = 'document'; SET application_name = 'the producer'; SET ROLE loader;
INSERT INTO public.t VALUES (1, 'ok', NULL);
SQL
is_deeply(
	{ map { $_ => $f->{$_} } qw(sqlstate message schema_name table_name column_name constraint_name datatype_name statement inner target) },
	{
		sqlstate => '23502', schema_name => 'public', table_name => 't', column_name => 'n',
		message => 'null value in column "n" of relation "t" violates not-null constraint',
		constraint_name => undef, datatype_name => undef, target => 't', inner => undef,
		statement => 'INSERT INTO public.t VALUES (1, \'ok\', NULL);'
	}, 'the fields of the error and the statement');
like($f->{detail}, qr/1, ok, null/, 'its detail');
is_deeply(
	{ map { $_ => $f->{$_} } qw(role outer_role session_role search_path timezone datestyle intervalstyle client_encoding bytea_output xmloption application) },
	{
		role => 'loader', outer_role => 'loader', session_role => 'postgres', search_path => '"Odd", public',
		timezone => 'Asia/Kolkata', datestyle => 'SQL, DMY', intervalstyle => 'iso_8601', client_encoding => 'LATIN1',
		bytea_output => 'escape', xmloption => 'document', application => 'the producer'
	}, 'roles and settings of the session');
is($f->{escapes}, 0, 'a backslash is none');
($f) = fails("SET standard_conforming_strings = off; SET escape_string_warning = off; INSERT INTO t VALUES (1, 'toolong')");
is($f->{escapes}, 1, 'where it is one');
is(join(' ', map { $_->{alone} } fails("INSERT INTO t VALUES (8, 'toolong');\nBEGIN;\nINSERT INTO t VALUES (9, 'toolong');\nROLLBACK")), '1 0', 'alone, and in a block');
session("SET DateStyle = $_; SELECT to_char(now(), 'YYYY')::varchar(4)::int / 0") for ("'Postgres, MDY'", "'German, YMD'", "'ISO, DMY'");
is(join('|', map { $_->{datestyle} } take()), 'Postgres, MDY|German, YMD|ISO, DMY', 'DateStyle as SHOW has it');

($f) = fails("INSERT INTO t VALUES (1, 'a', -1)");
is("$f->{constraint_name} $f->{target}", 't_n_check t', 'a constraint');
($f) = fails("SELECT 'toolong'::short || 'x', 'x'::mood");
is("$f->{sqlstate} $f->{position}", '22P02 33', 'the cursor position, in characters');
($f) = fails("SELECT 'äöü', 'x'::mood");
is($f->{position}, 15, 'also behind characters of several bytes');
($f) = fails("DO \$\$ BEGIN RAISE EXCEPTION 'm' USING ERRCODE = 'ABCDE', HINT = 'h', DETAIL = 'd', SCHEMA = 's', TABLE = 't', COLUMN = 'c', DATATYPE = 'y', CONSTRAINT = 'k'; END \$\$");
is(join(' ', @{$f}{qw(sqlstate message hint detail schema_name table_name column_name datatype_name constraint_name)}),
	'ABCDE m h d s t c y k', 'every field that somebody raises');
($f) = fails("SELECT 1; INSERT INTO t VALUES (2, 'good'); INSERT INTO t VALUES (3, 'toolong'); SELECT 2");
is($f->{statement}, q{INSERT INTO t VALUES (3, 'toolong');}, 'psql sends them one by one');
($f) = together("INSERT INTO t VALUES (4, 'good'); INSERT INTO t VALUES (3, 'toolong'); SELECT 2");
# (from 18 on a statement begins behind the space)
is(substr($f->{statement}, $f->{start}, $f->{length}) =~ s/^ //r, "INSERT INTO t VALUES (3, 'toolong')", 'which one of several that were sent together')
  or diag(explain($f));
is($f->{alone}, 0, 'which is not alone');
$node->safe_psql('postgres', 'DELETE FROM t');

# ---- what the statement writes ----

is(brief(fails("INSERT INTO t VALUES (1, 'toolong')")), '22001 t', 'a literal, which fails while it is planned');
is(brief(fails("INSERT INTO seen VALUES (1, 'toolong')")), '22001 t', 'through a view');
is(brief(fails("INSERT INTO parted VALUES (2, 'a')")), '23514 parted', 'no partition');
is(brief(fails("INSERT INTO parted SELECT 1, v FROM big")), '22001 parted', 'a partition: its root');
is(brief(fails("INSERT INTO t VALUES (1, 'a'); UPDATE t SET name = name || (SELECT v FROM big)")), '22001 t', 'UPDATE');
is(brief(fails("MERGE INTO t USING big ON true WHEN MATCHED THEN UPDATE SET name = v")), '22001 t', 'MERGE');
is(brief(fails("INSERT INTO child VALUES (7, NULL)")), '23503 child', 'a foreign key, at the end of the statement');
is(brief(fails("INSERT INTO child VALUES (NULL, 7)")), '23503 -', 'a deferred one: there is no statement at COMMIT');
is(brief(fails("WITH a AS (INSERT INTO parted VALUES (1, 'a') RETURNING k) INSERT INTO t SELECT k, 'toolong' FROM a")),
	'22001 -', 'with another one in its WITH it is not said');
is(brief(fails("WITH a AS (INSERT INTO t VALUES (1, 'toolong') RETURNING id) SELECT * FROM a")), '22001 -', 'nor below a SELECT');
is(brief(fails("INSERT INTO t (nope) VALUES (1)")), '42703 -', 'before it is planned nothing is known');
is(brief(fails("INSERT INTO t VALUES ('x')")), '22P02 -', 'nor of a literal that its type does not read');
is(brief(fails("SELECT 1 / (SELECT 0)")), '22012 -', 'a SELECT writes nothing');
($f) = fails("COPY t FROM stdin;\n1\ttoolong\t1\n\\.\n");
is("$f->{sqlstate} $f->{statement}", '22001 COPY t FROM stdin;', 'COPY');
like($f->{context}, qr/COPY t, line 1, column name: "toolong"/, 'its line');

# ---- parameters ----

is(brief(fails("PREPARE p AS INSERT INTO t VALUES (\$1, \$2, \$3);\nEXECUTE p(1, 'toolong', NULL)")),
	'22001 t 1 toolong NULL', 'of a prepared statement');
($f) = fails("PREPARE p AS INSERT INTO t VALUES (\$1, \$2);\nEXECUTE p(1, 'toolong')");
is("$f->{statement} / $f->{inner}", "EXECUTE p(1, 'toolong') / PREPARE p AS INSERT INTO t VALUES (\$1, \$2);", 'and its text');
my $values = q{7, 'text', '2026-01-02 03:04:05+00', '1 day 2 hours', '00000000-0000-0000-0000-00000000000a', 12.50,
	'{"a": [1]}', 'ok', 'dom', '{1,2}', 'name', 1.5, true};
($f) = fails("SET TimeZone = 'UTC'; PREPARE p AS INSERT INTO wide VALUES ("
	. join(', ', map { "\$$_" } 1 .. 14) . ");\nEXECUTE p($values, 'toolong')");
is_deeply($f->{params},
	[ '7', 'text', '2026-01-02 03:04:05+00', '1 day 02:00:00', '00000000-0000-0000-0000-00000000000a', '12.50',
		'{"a": [1]}', 'ok', 'dom', '{1,2}', 'name', '1.5', 't', 'toolong' ],
	'of every kind: by value, of fixed length, varlena, an enum, a domain, an array')
  or diag(explain($f));
is(brief(fails("PREPARE p(int, text, text) AS INSERT INTO t VALUES (\$1, \$2);\nEXECUTE p(1, 'toolong', repeat('x', 100000))")),
	'22001 t 1 toolong ?', 'one that is too long is not known');
is(brief(fails("CREATE FUNCTION store(text, text) RETURNS void LANGUAGE sql AS 'INSERT INTO t VALUES (1, \$2 || \$1)';\nSELECT store(v, 'a') FROM big")),
	'22001 t ? a', 'nor one that stands in a TOAST table');
session("PREPARE p(" . join(', ', ('int') x 1000) . ") AS INSERT INTO t VALUES (\$1, 'to' || \$2 || 'long');\nEXECUTE p("
	. join(', ', 1 .. 1000) . ")");
($f) = take();
cmp_ok(scalar @{ $f->{params} }, '>', 100, 'of very many the first ones');
is($f->{params}[99], '100', 'as they were');

# the protocol of drivers: Parse, Bind, Execute
my $script = "$built/insert.sql";
append_to_file($script, "INSERT INTO t VALUES (:id, :name);\n");

sub bound
{
	my ($mode, $id, $name) = @_;
	local $ENV{PGOPTIONS} = '-c selfheal.enabled=on';
	$node->run_log([ 'pgbench', '-n', '-t', '1', '-M', $mode, '-f', $script, '-D', "id=$id", '-D', "name=$name",
		'-h', $node->host, '-p', $node->port, '-U', 'postgres', 'postgres' ]);
	return take();
}
for my $mode (qw(extended prepared))
{
	my ($b) = bound($mode, 5, 'toolong');
	is("$b->{statement} " . brief($b), 'INSERT INTO t VALUES ($1, $2); 22001 t 5 toolong', "bound, $mode");
	is($b->{inner}, undef, 'and it is what the client sent');
}
is(brief(bound('extended', 'five', 'x')), '22P02 -', 'what fails in Bind is not known');

# ---- functions, DO blocks, triggers ----

$node->safe_psql('postgres', <<'SQL');
CREATE TABLE log_of_t (what varchar(3));
CREATE FUNCTION into_log() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO log_of_t VALUES (new.name); RETURN new; END $$;
CREATE FUNCTION definer() RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS
	$$ BEGIN INSERT INTO t VALUES (1, 'toolong'); END $$;
CREATE FUNCTION outer_f() RETURNS void LANGUAGE plpgsql AS $$ BEGIN PERFORM definer(); END $$;
CREATE PROCEDURE proc() LANGUAGE plpgsql AS $$ BEGIN COMMIT; INSERT INTO t VALUES (1, 'toolong'); END $$;
SQL
($f) = fails("DO \$\$ BEGIN INSERT INTO t VALUES (1, 'toolong'); END \$\$");
is("$f->{sqlstate} $f->{target} $f->{inner}", q{22001 t INSERT INTO t VALUES (1, 'toolong')}, 'in a DO block');
($f) = fails("DO \$\$ BEGIN INSERT INTO t VALUES (1, nope); END \$\$");
is("$f->{inner} $f->{inner_position} " . brief($f), 'INSERT INTO t VALUES (1, nope) 26 42703 -', 'that fails before it is planned');
($f) = fails("SET ROLE loader; SELECT outer_f()");
is("$f->{target} $f->{inner}", q{t INSERT INTO t VALUES (1, 'toolong')}, 'in a function of a function');
is("$f->{role} $f->{outer_role} $f->{search_path}", 'postgres loader public', 'of another role: both, and its settings');
like($f->{context}, qr/definer.*outer_f/s, 'and the way to it');
is(brief(fails('CALL proc()')), '22001 t', 'in a procedure, behind its COMMIT');
$node->safe_psql('postgres', 'CREATE TRIGGER into_log BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION into_log()');
($f) = fails("INSERT INTO t VALUES (1, 'abcd')");
is("$f->{target} $f->{inner}", 'log_of_t INSERT INTO log_of_t VALUES (new.name)', 'a trigger that writes elsewhere');
$node->safe_psql('postgres', q{CREATE OR REPLACE FUNCTION into_log() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN RAISE EXCEPTION 'no'; END $$});
($f) = fails("INSERT INTO t VALUES (1, 'abcd')");
is(brief($f) . ' ' . ($f->{inner} // 'none'), 'P0001 t none', 'one that refuses: the statement that set it off');
$node->safe_psql('postgres', 'DROP TRIGGER into_log ON t');

# ---- caught errors ----

my $bad = "INSERT INTO t VALUES (1, 'toolong')";
my $caught = "BEGIN $bad; EXCEPTION WHEN others THEN NULL; END;";
is(brief(fails("DO \$\$ BEGIN $caught END \$\$")), '', 'what a function has caught is not ours');
is(brief(fails("DO \$\$ DECLARE x varchar(3); BEGIN $caught x := 'abcdef'; END \$\$")), '22001 -',
	'and does not stick to a later error of the same kind');
is(brief(together("DO \$\$ BEGIN BEGIN INSERT INTO t SELECT v::int FROM big; EXCEPTION WHEN others THEN NULL; END; END \$\$; SELECT 'x'::mood")),
	'22P02 -', 'nor to one of a later statement of the same message');
is(brief(fails("DO \$\$ BEGIN $caught INSERT INTO parted VALUES (1, 'toolong'); END \$\$")), '22001 parted', 'a later one has its own');
is(brief(fails("DO \$\$ BEGIN BEGIN $bad; EXCEPTION WHEN unique_violation THEN NULL; END; END \$\$")), '22001 t', 'one that the handler does not take');
is(brief(fails("DO \$\$ BEGIN BEGIN $bad; EXCEPTION WHEN others THEN RAISE; END; END \$\$")), '22001 t', 'one that it raises again');
is(brief(fails("BEGIN; SAVEPOINT s; $bad; ROLLBACK TO s; SELECT 1 / (SELECT 0); ROLLBACK")), '22001 t | 22012 -',
	'a savepoint catches nothing: the client has had the error');
is(brief(fails("SET log_min_messages = fatal; $bad; RESET log_min_messages; DO \$\$ DECLARE x varchar(3); BEGIN x := 'abcdef'; END \$\$")),
	'22001 -', 'what the log does not see leaves nothing behind');

# ---- what is left out ----

is(brief(fails("BEGIN; $bad; SELECT 1; SELECT 2; ROLLBACK")), '22001 t', 'commands of an aborted transaction');
is(brief(fails("SET statement_timeout = '20ms'; INSERT INTO t SELECT 1 FROM pg_sleep(20)")), '', 'cancelled ones');
is(brief(fails("DO \$\$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '$_'; END \$\$")), '', "SQLSTATE $_")
  for qw(08006 25006 28000 40001 40P01 53100 55P03 57P04 58030 XX000 XX001);
is(brief(fails('SELECT pg_terminate_backend(pg_backend_pid())')), '', 'FATAL');
{
	local $ENV{PGOPTIONS} = '-c selfheal.enabled=on -c work_mem=much';
	$node->run_log([ 'psql', '-X', '-q', '-d', $node->connstr('postgres'), '-c', 'SELECT' ]);
}
is(brief(take()), '', 'FATAL, with a SQLSTATE that a statement may have');
is(brief(fails("SET selfheal.enabled = off; $bad")), '', 'the off switch');
is(brief(fails("DO \$\$ BEGIN RAISE NOTICE 'n'; RAISE WARNING 'w' USING ERRCODE = '22001'; END \$\$")), '', 'what is no error');

my $forced = $node->safe_psql('postgres', "SELECT name FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query')");
my $parallel = "SET $forced = on; SET parallel_setup_cost = 0; SET min_parallel_table_scan_size = 0; SET parallel_leader_participation = off";
$node->safe_psql('postgres', 'CREATE TABLE many AS SELECT g AS n FROM generate_series(0, 5000) g; ANALYZE many');
my @of_parallel = fails("$parallel; SELECT pg_backend_pid() AS pid \\gset\nSELECT sum(1 / (n - 2500)) FROM many;\n\\echo :pid");
is(brief(@of_parallel), '22012 -', 'an error of a parallel worker comes once');
like($of_parallel[0]{context} // '', qr/parallel worker/, 'and was one');

# ---- the brake of one session ----

my $before = dropped();
my @taken = fails(join "\n", ("$bad;") x 200);
my ($full, $repeated) = split /\|/, dropped();
cmp_ok(scalar @taken, '<', 100, 'the same again within a moment only counts');
is(scalar(@taken) + $repeated - (split /\|/, $before)[1], 200, 'every one of it');
my @others = fails(join "\n", map { "INSERT INTO t VALUES ($_, 'toolong');" } 1 .. 50);
is(scalar @others, 50, 'another value is another failure');
is(join(',', map { $_->{number} - $others[0]{number} } @others), join(',', 0 .. 49), 'in their order');
my @bound = fails("PREPARE p AS INSERT INTO t VALUES (\$1, \$2);\n" . join "\n", map { "EXECUTE p($_, 'toolong');" } 1 .. 5);
is(scalar @bound, 5, 'another execution as well');
$node->safe_psql('postgres', "CREATE TABLE words (w text); INSERT INTO words VALUES ('long')");
my $stored = 'SELECT store(w, $$to$$) FROM words';
# a machine may be so slow that the second is no longer within a moment
$before = dropped();
my @stored = fails("$stored;\n$stored;\nUPDATE words SET w = 'large';\n$stored");
is(scalar(@stored) + (split /\|/, dropped())[1] - (split /\|/, $before)[1], 3, 'all are counted,');
like(brief(@stored), qr/^22001 t long to( \| 22001 t long to)? \| 22001 t large to$/, 'and the same text with another parameter is another failure');

# ---- other databases ----

$node->safe_psql('postgres', 'CREATE DATABASE other');
$node->safe_psql('other', "$face; CREATE TABLE t (id int, name varchar(5))");
session($bad, 'other');
is(brief(take('other')) . brief(take()), '', 'nothing of a database from which nothing is wanted');
want('other');
session($bad, 'other');
is(brief(take()), '', 'nobody gets what is another database\'s');
is(brief(take('other')), '22001 t', 'it has its own');
session($bad, 'other');
session($bad);
$node->safe_psql('other', 'SELECT failtest.want(false)');
session($bad, 'other');
is(brief(take('other')), '', 'wanted no more: nothing is left, nothing is copied');
is(brief(take()), '22001 t', 'and others keep theirs');
want('other');
session($bad, 'other');
my $held = "SELECT failtest.forget(oid) FROM pg_database WHERE datname = 'other'";
$node->safe_psql('postgres', $held);
is(brief(take('other')), '', 'a database that is forgotten');

# ---- encodings and clipping ----

restart_with('selfheal.capture_bytes' => 4096, 'selfheal.capture_slots' => 8);
want();
for my $pad ('', 'x', 'xx')
{
	($f) = fails("INSERT INTO t VALUES (1, '$pad" . "\x{e2}\x{82}\x{ac}" x 3000 . "')");
	ok($f->{clipped} && $f->{statement} =~ /^INSERT INTO t VALUES \(1, '$pad\x{20ac}{900,}$/, 'a long statement is clipped at a character')
	  or diag(explain($f));
}
is($f->{target}, 't', 'with its target');
($f) = fails("DO \$\$ BEGIN INSERT INTO t VALUES (1, '" . "\x{c3}\x{a4}" x 3000 . "'); END \$\$");
ok($f->{clipped} && $f->{inner_clipped} && length($f->{inner}) > 300 && length($f->{statement}) > 300, 'both texts have their share')
  or diag(explain($f));
# (from 18 on the client is told of it, and takes 30,000 bytes)
my $long = "\x{c3}\x{a4}" x 14000;
($f) = fails("SET search_path = '$long'; DO \$\$ BEGIN RAISE EXCEPTION '%', repeat('ä', 9000) USING DETAIL = repeat('ö', 9000), HINT = repeat('ü', 9000),
	TABLE = repeat('ä', 99), COLUMN = repeat('ä', 99), CONSTRAINT = repeat('ä', 99), DATATYPE = repeat('ä', 99), SCHEMA = repeat('ä', 99); END \$\$");
ok($f->{message} =~ /^\x{e4}{100,}$/ && $f->{hint} =~ /^\x{fc}{50,}$/ && $f->{statement} =~ /^DO /, 'nor can anything else take all')
  or diag(explain($f));
is(length($f->{table_name}), 31, 'a name has a name\'s length');
$node->safe_psql('postgres', q{CREATE DATABASE japan ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0});
$node->safe_psql('japan', "$face; CREATE TABLE t (id int, name varchar(5))");
want('japan');
$ENV{PGCLIENTENCODING} = 'UTF8';
for my $pad ('', 'x', 'xx')
{
	($f) = fails("INSERT INTO t VALUES (1, '$pad" . "\x{e3}\x{81}\x{82}" x 3000 . "')", 'japan');
	ok($f->{clipped} && $f->{statement} =~ /^INSERT INTO t VALUES \(1, '$pad\x{3042}{900,}$/, 'in another encoding as well')
	  or diag(explain($f));
}

# ---- the ring is full ----

sub storm
{
	my ($n, $db) = @_;
	return session(join("\n", map { "INSERT INTO t VALUES ($_, 'toolong');" } 1 .. $n), $db);
}
is(dropped(), '0|0', 'nothing was dropped yet');
storm(50);
is(dropped(), '44|0', 'three quarters of the slots for one database, the rest is counted');
storm(50, 'japan');
is(dropped('japan'), '48|0', 'and there is room for another');
@taken = take();
is(scalar @taken, 6, 'what came first was kept');
is($taken[5]{statement}, "INSERT INTO t VALUES (6, 'toolong');", 'in its order');
storm(3);
is(scalar(@{ [ take() ] }), 3, 'and there is room again');
is(scalar(@{ [ take('japan') ] }), 2, 'the other one has its own');

# ---- a storm ----

restart_with('selfheal.capture_rate' => 1);
want();
my $size = sub {
	return $node->safe_psql('postgres', "SELECT allocated_size FROM pg_shmem_allocations WHERE name = 'selfheal failures'");
};
my $allocated = $size->();
my $storm = "$built/storm.sql";
append_to_file($storm, "SET selfheal.enabled = on;\n" . join '', map { $_ % 2 ? "$bad;\n" : "INSERT INTO t VALUES ($_, 'toolong$_');\n" } 1 .. 60000);
my $start = time;
my @sessions = map {
	my ($out, $err) = ('', '');
	IPC::Run::start([ 'psql', '-X', '-q', '-f', $storm, '-d', $node->connstr('postgres') ], '>', '/dev/null', '2>', '/dev/null')
} 1 .. 2;
$_->finish for @sessions;
my $seconds = time - $start + 1;
my @of_storm = take();
($full, $repeated) = split /\|/, dropped();
note("120000 failures in $seconds s: " . scalar(@of_storm) . " copied, $full too many, $repeated repeated");
cmp_ok(scalar @of_storm, '<=', 130 + $seconds, 'of a storm half the slots and the rate are copied and no more');
cmp_ok(scalar @of_storm, '>=', 100, 'and leaves enough to see what it is');
is(scalar(@of_storm) + $full + $repeated, 120000, 'every failure is counted');
is($size->(), $allocated, 'in the memory that was set aside');

# ---- a backend that is killed ----

$node->safe_psql('postgres', 'ALTER SYSTEM SET restart_after_crash = on; SELECT pg_reload_conf()');
storm(20);
my ($pid) = $node->safe_psql('postgres', "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'") =~ /(\d+)/;
crash($node, $pid);
$node->poll_query_until('postgres', 'SELECT true');
is(brief(take()), '', 'a crash empties the ring');
want();
is(brief(fails($bad)), '22001 t', 'which works again');

# ---- another library's hook, in both orders ----

for my $order ('selfheal, failtest', 'failtest, selfheal')
{
	$node->adjust_conf('postgresql.conf', 'shared_preload_libraries', "'$order'");
	restart_with();
	want();
	my $log = -s $node->logfile;
	my ($out, $err);
	$node->psql('postgres', "SET selfheal.enabled = on;\n$bad;\nSELECT nope;\nSELECT failtest.seen();",
		on_error_stop => 0, stdout => \$out);
	is($out, '2', "$order: the other hook sees each error once");
	is(brief(take()), '22001 t | 42703 -', 'and so do we');
	my @lines = slurp_file($node->logfile, $log) =~ /(failtest has seen an error)/g;
	is(scalar @lines, 2, 'what a hook logs inside itself does no harm');
}

$node->stop;
done_testing();
