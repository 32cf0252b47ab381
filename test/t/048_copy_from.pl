# Files that are not JSON: where they come from, who may load them, what a
# failed or stopped load leaves behind, and how much memory a large one takes.
use strict;
use warnings;

use lib 'test/t', 't';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use IPC::Run;
use Time::HiRes qw(time);
use WorkerTest;

my $node = new_server('copy_from', conf => "autovacuum = off\nfsync = off\n");
my $db = 'postgres';
install($node, $db);

sub sql { return $node->safe_psql($db, $_[0]) }

# What psql says: its output and its errors.
sub script
{
	my ($script, @args) = @_;
	my ($out, $err);

	IPC::Run::run [ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr($db), @args ],
	  '<', \$script, '>', \$out, '2>', \$err;
	return ($out, $err);
}

# A file of bytes that the server can read.
sub spit
{
	my ($name, $bytes) = @_;
	my $path = $node->basedir . "/$name";

	open my $out, '>:raw', $path or die "could not write $path: $!";
	print $out $bytes;
	close $out;
	return $path;
}

sub counts
{
	my ($table) = @_;
	return sql("SELECT (SELECT count(*) FROM $table), count(*) FROM selfheal.quarantine WHERE relid = '$table'::regclass");
}

sql(<<'SQL');
CREATE TABLE t (id int, v varchar(6));
SELECT selfheal.watch('t', 'observe');
CREATE TABLE twin (LIKE t);
SQL

# ---- files, programs, the client ----

my $csv = spit('t.csv', join '', map { "$_,v$_\n" } 1 .. 2000);
my $bad = spit('bad.csv', "1,a\n2\n3,far too long\n4,\"b\nc\"\n5,\xff\n");

is(sql("SELECT * FROM selfheal.copy_from('t', '$csv', options => '{\"format\": \"csv\"}')"), '2000|0', 'a file');
sql("COPY twin FROM '$csv' (FORMAT csv)");
is(sql('SELECT count(*) FROM (TABLE t EXCEPT ALL TABLE twin) x'), 0, 'what COPY makes of it');
is(sql("SELECT * FROM selfheal.copy_from('t', program => 'gzip -c $csv | gunzip', options => '{\"format\": \"csv\"}')"),
	'2000|0', 'a program');
is(sql("SELECT * FROM selfheal.copy_from('t', '$bad', options => '{\"format\": \"csv\"}')"), '2|3', 'a file with bad lines');
is( sql("SELECT position, class, coalesce(payload, '-'), encode(line, 'escape') FROM selfheal.quarantined ORDER BY id"),
	"2|bad_line|-|2\n3|too_long|{\"id\":\"3\",\"v\":\"far too long\"}|3,far too long\n6|bad_line|-|5,\\377",
	'they are held with their bytes and where they stood');

sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
my ($out, $err) = script("\\copy t_intake (id, v) FROM '$bad' (FORMAT csv, ENCODING 'UTF8')\n");
is(counts('t'), '2|3', 'psql\'s \copy');
($out, $err) = script("COPY t_intake (id, v) FROM STDIN (FORMAT csv);\n7,x\n\\.\nSELECT 'next';\n");
like($out, qr/next/, 'the session goes on behind the end mark');
is(sql('SELECT count(*) FROM t WHERE id = 7 OR v LIKE \'%.%\''), 1, 'which is no row');
($out, $err) = script("\\copy t_intake FROM '$bad' CSV HEADER\n");
is(counts('t'), '3|7', 'a header that names other columns: all is held, nothing is lost');

# ---- binary ----

my $bin = spit('t.bin', '');
sql("TRUNCATE t; DELETE FROM selfheal.quarantine; COPY (SELECT i, 'v' || i FROM generate_series(1, 1000) i) TO '$bin' (FORMAT binary)");
is(sql("SELECT * FROM selfheal.copy_from('t', '$bin', options => '{\"format\": \"binary\"}')"), '1000|0', 'a binary file');
script("\\copy t_intake (id, v) FROM '$bin' (FORMAT binary)\n");
is(counts('t'), '2000|0', 'and from the client');

# tuples by hand: one that fits, one that its types refuse, one of three
# fields, one too long, one with a null
sub field { return defined $_[0] ? pack('N', length $_[0]) . $_[0] : pack('N', 0xffffffff) }
sub tuple { return pack('n', scalar @_) . join '', map { field($_) } @_ }
my $head = "PGCOPY\n\xff\r\n\0" . pack('NN', 0, 3) . 'ext';
my $odd = $head . tuple(pack('N', 1), 'a') . tuple('x', 'b') . tuple(pack('N', 3), 'c', 'd')
  . tuple(pack('N', 4), 'far too long') . tuple(undef, 'e') . tuple(pack('N', 6), "\xff");
spit('odd.bin', $odd . "\xff\xff");
sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
is(sql("SELECT * FROM selfheal.copy_from('t', '" . $node->basedir . "/odd.bin', options => '{\"format\": \"binary\"}')"),
	'2|4', 'tuples that do not fit are held');
is( sql("SELECT position, class, sqlstate, encode(line, 'hex') FROM selfheal.quarantined ORDER BY id"),
	join("\n",
		'2|bad_line|22P03|' . unpack('H*', tuple('x', 'b')), '3|bad_line|22P04|' . unpack('H*', tuple(pack('N', 3), 'c', 'd')),
		'4|too_long|22001|' . unpack('H*', tuple(pack('N', 4), 'far too long')),
		'6|bad_line|22021|' . unpack('H*', tuple(pack('N', 6), "\xff"))),
	'byte for byte');
# ---- binary data that is broken: what was read before is kept, the rest held ----

sub broken
{
	my ($bytes, $settings) = @_;
	my $path = spit('broken.bin', $bytes);

	sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
	($out, $err) = script(($settings // '') . "SELECT * FROM selfheal.copy_from('t', '$path', options => '{\"format\": \"binary\"}');\n");
	return $out . sql(<<'SQL');
SELECT '|' || coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM t
UNION ALL (SELECT format(' %s %s %s %s', position, class, sqlstate, count(*)) || ' ' || encode(string_agg(line, '' ORDER BY id), 'hex')
	FROM selfheal.quarantined GROUP BY position, class, sqlstate ORDER BY position, min(id))
SQL
}
my ($one, $two, $three) = map { tuple(pack('N', $_), "v$_") } 1 .. 3;
my $hex = sub { return unpack 'H*', $_[0] };
is(broken("$head$one$two"), "2|0\n|1,2", 'without an end mark it is whole, as for COPY');
like($err, qr/NOTICE.*no end mark/, 'and that is said');
is(sql("TRUNCATE twin; COPY twin FROM '" . $node->basedir . "/broken.bin' (FORMAT binary); SELECT count(*) FROM twin"), '2', 'COPY takes it');
foreach my $case (
	[ 'cut off in a field', substr($two, 0, -1) ], [ 'cut off in a length', substr($two, 0, 4) ], [ 'cut off in a number', "\0" ],
	[ 'with a negative length', pack('nN', 2, 0x80000000) . $two . "\xff\xff" ], [ 'with a negative number', "\xff\xfe$two" ],
	[ 'with a length that leads nowhere', pack('nN', 2, 0x7fffffff) . $two ])
{
	my ($what, $rest) = @$case;

	is(broken("$head$one$rest"), "1|1\n|1\n 2 bad_line 22P04 1 " . $hex->($rest), "$what: the tuple before is stored, the rest held");
}
is(broken("$head$one\xff\xff$two"), "1|1\n|1\n 2 bad_line 22P04 1 " . $hex->($two), 'what stands behind the end mark is held');
is(broken("$head$one" . tuple('x', 'b') . substr($two, 0, -1)),
	"1|2\n|1\n 2 bad_line 22P03 1 " . $hex->(tuple('x', 'b')) . "\n 3 bad_line 22P04 1 " . $hex->(substr($two, 0, -1)),
	'behind a tuple that is held for itself');
# the rest of a large file comes in parts, and the whole file once more is known by its load's name
my $rest = pack('nN', 2, 0x80000000) . 'x' x 20_000_000;
my $path = spit('broken.bin', "$head$one$rest");
sql("TRUNCATE t; DELETE FROM selfheal.quarantine; SET selfheal.load_id = 'broken'; SELECT selfheal.copy_from('t', '$path', options => '{\"format\": \"binary\"}')");
is(sql("SELECT count(*), sum(octet_length(line)), sha256(string_agg(line, '' ORDER BY id)) = sha256('\\x" . $hex->(substr $rest, 0, 6) . "' || convert_to(repeat('x', 20000000), 'UTF8')) FROM selfheal.quarantined WHERE position = 2"),
	'3|20000006|t', 'in parts, which together are the rest');
$path = spit('broken.bin', "$head$one$two$three\xff\xff");
is(sql("SET selfheal.load_id = 'broken'; SELECT * FROM selfheal.copy_from('t', '$path', options => '{\"format\": \"binary\"}'); SELECT already FROM selfheal.last_load()"),
	"2|0\n1", 'of the file as it should be only the rest is taken');
# a tuple that is too long is held in parts, those behind it are stored
my $long = tuple(pack('N', 2), 'y' x 9_000_000);
is(broken("$head$one$long$three\xff\xff", "SET selfheal.max_line = '100kB';\n"),
	"2|2\n|1,3\n 2 bad_line 54000 2 " . $hex->($long), 'a tuple longer than selfheal.max_line');
is(broken("$head$long", "SET selfheal.max_line = '100kB';\n"), "0|2\n|\n 1 bad_line 54000 2 " . $hex->($long), 'alone');
is(broken($head . substr($long, 0, 1_000_000), "SET selfheal.max_line = '100kB';\n"),
	"0|1\n|\n 1 bad_line 22P04 1 " . $hex->(substr $long, 0, 1_000_000),
	'and one that is cut off');
is(broken("$head$one\xff\xff", "SET selfheal.max_payload = '1kB';\n"), "1|0\n|1", 'a file that is whole');
foreach my $case ([ 'of another kind', "1,a\n2,b\n" ], [ 'with flags', "PGCOPY\n\xff\r\n\0" . pack('NN', 0x10000, 0) . "\xff\xff" ],
	[ 'cut off in its header', substr($head, 0, 15) ], [ 'that is empty', '' ])
{
	my ($what, $bytes) = @$case;

	sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
	$path = spit('broken.bin', $bytes);
	($out, $err) = script("SELECT selfheal.copy_from('t', '$path', options => '{\"format\": \"binary\"}');\n");
	like($err, qr/22P04/, "a file $what fails");
	is(counts('t'), '0|0', 'and leaves nothing');
}

# ---- who may ----

sql(<<'SQL');
CREATE ROLE producer LOGIN;
CREATE ROLE reader LOGIN IN ROLE pg_read_server_files;
CREATE ROLE runner LOGIN IN ROLE pg_execute_server_program;
CREATE ROLE stranger LOGIN IN ROLE pg_read_server_files;
CREATE ROLE partly LOGIN IN ROLE pg_read_server_files;
SELECT selfheal.grant_to(r, 'producer') FROM unnest(ARRAY['producer', 'reader', 'runner', 'stranger', 'partly']) r;
GRANT INSERT ON t, t_intake TO producer, reader, runner;
GRANT INSERT (id) ON t TO partly;
GRANT INSERT ON t_intake TO partly;
TRUNCATE t;
DELETE FROM selfheal.quarantine;
SQL
my %tries = (
	file => "SELECT selfheal.copy_from('t', '$csv', options => '{\"format\": \"csv\"}');",
	program => "SELECT selfheal.copy_from('t', program => 'cat $csv', options => '{\"format\": \"csv\"}');",
	'COPY of a file' => "COPY t_intake (id, v) FROM '$csv' (FORMAT csv);",
	'COPY of a program' => "COPY t_intake (id, v) FROM PROGRAM 'cat $csv' (FORMAT csv);",
	'\copy' => "\\copy t_intake (id, v) FROM '$csv' (FORMAT csv)");
my %may = (
	producer => { '\copy' => 1 },
	reader => { '\copy' => 1, file => 1, 'COPY of a file' => 1 },
	runner => { '\copy' => 1, program => 1, 'COPY of a program' => 1 },
	stranger => {});
foreach my $role (sort keys %may)
{
	foreach my $try (sort keys %tries)
	{
		sql('TRUNCATE t');
		($out, $err) = script("$tries{$try}\n", '-U', $role);
		is(sql('SELECT count(*) FROM t'), $may{$role}{$try} ? 2000 : 0, "$role: $try");
		like($err, qr/42501/, "$role: $try is refused") if !$may{$role}{$try};
	}
}
# a path that is not there says no more to whoever may not read files
($out, $err) = script("SELECT selfheal.copy_from('t', '/nonexistent');\n", '-U', 'producer');
like($err, qr/42501/, 'the privilege comes before the file');
# privileges of single columns are those of an INSERT
sql('TRUNCATE t');
my $ids = spit('ids.csv', "1\n2\n");
script("COPY t_intake (id) FROM '$ids' (FORMAT csv);\n", '-U', 'partly');
script("COPY t_intake (id, v) FROM '$csv' (FORMAT csv);\n", '-U', 'partly');
is(sql('SELECT count(*), count(v) FROM t'), '2|0', 'a column without the privilege is not written');
is(sql("SELECT DISTINCT class FROM selfheal.quarantined"), 'permission', 'its rows are held');

# receive and input functions, defaults and triggers run as the loading role
sql(<<'SQL');
CREATE FUNCTION who() RETURNS text LANGUAGE sql AS 'SELECT current_user::text';
CREATE TABLE asrole (id int, who text DEFAULT who());
SELECT selfheal.watch('asrole', 'observe');
GRANT INSERT ON asrole, asrole_intake TO producer;
SQL
script("COPY asrole_intake (id) FROM STDIN (FORMAT csv);\n1\n\\.\n", '-U', 'producer');
is(sql('SELECT who FROM asrole'), 'producer', 'a default runs as who loads');

# ---- what stops a load leaves nothing ----

sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
my $endless = "SELECT selfheal.copy_from('t', program => 'yes 1,a', options => '{\"format\": \"csv\"}')";
my $start = time;
($out, $err) = script("SET statement_timeout = '1s';\n$endless;\nSELECT 'next';\n");
like($err, qr/57014/, 'a load can be cancelled');
like($out, qr/next/, 'and the session goes on');
cmp_ok(time - $start, '<', 60, 'soon');
is(counts('t'), '0|0', 'nothing is stored');
($out, $err) = script("SET statement_timeout = '200ms';\n\\copy t_intake (id, v) FROM PROGRAM 'yes 1,a | head -n 2000000' (FORMAT csv)\nSELECT 'next';\n");
like($err, qr/57014/, 'a load from the client too');
like($out, qr/next/, 'and the two still understand each other');
is(counts('t'), '0|0', 'nothing is stored of it');

foreach my $how ('SIGTERM', 'SIGKILL')
{
	my $said = '';
	my $h = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr($db), '-c', $endless ], '<', \undef, '>', \$said, '2>', \$said);

	ok($node->poll_query_until($db, "SELECT count(*) = 1 FROM pg_stat_progress_copy WHERE relid = 't'::regclass AND tuples_processed > 100000"),
		"pg_stat_progress_copy shows a load ($how)");
	is(sql("SELECT command || ' ' || type FROM pg_stat_progress_copy WHERE relid = 't'::regclass"), 'COPY FROM PROGRAM', 'and what it is');
	my $pid = sql("SELECT pid FROM pg_stat_progress_copy WHERE relid = 't'::regclass");
	$how eq 'SIGKILL' ? crash($node, $pid) : kill('TERM', $pid);
	$h->finish;
	$node->poll_query_until($db, 'SELECT true');
	is(counts('t'), '0|0', "$how: nothing is stored");
}
is(sql("SELECT * FROM selfheal.copy_from('t', '$csv', options => '{\"format\": \"csv\"}')"), '2000|0', 'the next load goes through');

# by name: what was cancelled, or waited for a lock in vain, is sent again and stored once
sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
my $named = "SET selfheal.load_id = 'sent again';\nSELECT * FROM selfheal.copy_from('t', program => \$\$seq 1 1500 | sed 's/\$/,abc/;s/7,abc\$/7,far too long/'";
my $csv_lines = "\$\$, options => '{\"format\": \"csv\"}');\n";
my $locked = $node->background_psql($db);
$locked->query_safe('BEGIN; LOCK TABLE t');
($out, $err) = script("SET lock_timeout = '50ms';\n$named$csv_lines");
like($err, qr/55P03/, 'a load whose table is locked ends by lock_timeout');
$locked->query_safe('COMMIT');
$locked->quit;
($out, $err) = script("BEGIN;\nSAVEPOINT s;\nSET LOCAL statement_timeout = '500ms';\n$named; sleep 60$csv_lines"
	  . "ROLLBACK TO s;\nSET LOCAL statement_timeout = 0;\n$named$csv_lines" . "COMMIT;\n");
like($err, qr/57014/, 'one is cancelled behind its last line');
is($out, "1350|150\n", 'and sent again in the same transaction');
($out, $err) = script("$named$csv_lines" . 'SELECT already FROM selfheal.last_load()');
is($out, "0|0\n1500\n", 'and once more');
is(counts('t'), '1350|150', 'nothing is lost, nothing doubled');

# ---- memory ----

SKIP:
{
	skip 'no /proc here', 2 if !-r '/proc/self/status';
	my $peak = q{SELECT (regexp_match(pg_read_file('/proc/self/status'), 'VmHWM:\s+(\d+)'))[1];};

	# every tenth line is torn, every tenth too long
	my $lines = q{seq 1 1500000 | sed -e 's/.*5$/&/;t' -e 's/$/,abc/;s/7,abc$/7,far too long/'};
	sql('TRUNCATE t; DELETE FROM selfheal.quarantine');
	($out, $err) = script("$peak\nSELECT * FROM selfheal.copy_from('t', '$csv', options => '{\"format\": \"csv\"}');\n$peak\n"
		  . "SELECT * FROM selfheal.copy_from('t', program => \$\$$lines\$\$, options => '{\"format\": \"csv\"}');\n$peak\n");
	my ($none, undef, $small, $large, $end) = split /\n/, $out;
	is($large, '1200000|300000', 'a large file');
	# shared buffers, once touched, count as well: 128 MB
	cmp_ok($end - $small, '<', 200 * 1024, "takes no more memory than a small one ($none, $small, $end kB)");
}

$node->stop;
done_testing();
