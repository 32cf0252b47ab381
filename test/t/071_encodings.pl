# Every server encoding that behaves in its own way (UTF8, LATIN1, SQL_ASCII)
# and every client encoding: a load stores what the producer meant, or holds
# the bytes that he sent.
use strict;
use warnings;

use lib 'test/t', 't';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('encodings');
my %db = (utf8 => 'UTF8', latin1 => 'LATIN1', sqlascii => 'SQL_ASCII');

foreach my $name (sort keys %db)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $name ENCODING '$db{$name}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql($name, <<'SQL');
CREATE EXTENSION selfheal;
CREATE TABLE t (enc text, door text, v text);
SELECT selfheal.watch('t', 'observe');
SQL
}

# A file of bytes.
sub spit
{
	my ($file, $bytes) = @_;
	my $path = $node->basedir . "/$file";

	open my $out, '>:raw', $path or die "could not write $path: $!";
	print $out $bytes;
	close $out;
	return $path;
}

# What psql reads as the client's encoding says. A hash of ok and text.
sub script
{
	my ($database, $encoding, $bytes) = @_;
	my $path = spit('script.sql', $bytes);
	my ($out, $err) = ('', '');
	local $ENV{PGCLIENTENCODING} = $encoding;
	my $ok = IPC::Run::run(
		[ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-f', $path ],
		'>', \$out, '2>', \$err);

	return ($ok, $err);
}

# The client encodings that this server knows, and for each the letters among
# these that it has: Latin, Greek, Cyrillic, Hebrew, Arabic, Thai, Chinese,
# Japanese, Korean, signs. Some have a backslash for a second byte in SJIS,
# BIG5, GBK or JOHAB.
$node->safe_psql('utf8', <<'SQL');
CREATE FUNCTION has(letter text, enc name) RETURNS bytea LANGUAGE plpgsql AS $$
BEGIN
	-- a few are known one way only
	IF convert_from(convert_to(letter || '1', enc), enc) = letter || '1' THEN
		RETURN convert_to(letter, enc);
	END IF;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END $$;
CREATE TABLE sample AS
SELECT enc, string_agg(letter, '' ORDER BY n) AS letters,
	convert_to(string_agg(letter, '' ORDER BY n), enc) AS bytes
FROM (SELECT DISTINCT pg_encoding_to_char(conforencoding) AS enc FROM pg_conversion
	WHERE condefault AND conforencoding <> pg_char_to_encoding('SQL_ASCII')) e,
	unnest(string_to_array('a é ß ø ł ő ж я Ω λ ש ع ไ 日 表 本 ソ 能 功 許 蓋 한 국 € “ ½ ş ķ', ' ')) WITH ORDINALITY AS l(letter, n)
WHERE has(letter, enc) IS NOT NULL
GROUP BY enc;
SQL
my @samples = map { [ split /\|/ ] } split /\n/,
  $node->safe_psql('utf8', "SELECT enc, encode(bytes, 'hex'), encode(convert_to(letters, 'UTF8'), 'hex') FROM sample ORDER BY 1");

cmp_ok(scalar @samples, '>=', 35, 'client encodings were found');
my $slash = grep { $_->[1] =~ /^(?:..)*[89a-f].5c/ } @samples;
cmp_ok($slash, '>=', 3, 'some have a backslash within a letter');

foreach my $sample (@samples)
{
	my ($enc, $hex, $utf8) = @$sample;
	my $bytes = pack('H*', $hex);
	my $line = sub { qq({"enc": "$enc", "door": "$_[0]", "v": "$bytes \\u00e9\\" \\\\n"}) };
	my $file = spit("$enc.ndjson", $line->('option') . "\n");
	my ($ok, $err) = script('utf8', $enc, <<"SQL");
COPY t_intake FROM '$file' (FORMAT ndjson, ENCODING '$enc');
COPY t_intake FROM STDIN (FORMAT ndjson);
${\ $line->('copy')}
\\.
INSERT INTO t_intake VALUES ('${\ $line->('insert')}');
SQL

	is($err, '', "$enc: loads without an error or a held row") or next;
	is( $node->safe_psql('utf8',
			"SELECT string_agg(door, ' ' ORDER BY door) FROM t WHERE enc = '$enc'"
			  . " AND v = convert_from('\\x$utf8', 'UTF8') || E' \\u00e9\" \\\\n'"),
		'copy insert option',
		"$enc: each letter is what it was, by all doors");
}

# A server of LATIN1: what it cannot express is held, byte for byte.
my $utf8 = spit('utf8.ndjson', join("\n",
	'{"enc": "u", "v": "caf' . "\xc3\xa9" . '"}',
	'{"enc": "u", "v": "caf\u00e9 \u00fc"}',
	'{"enc": "u", "v": "' . "\xe6\x97\xa5" . '"}',
	'{"enc": "u", "v": "\u65e5"}',
	'{"enc": "u", "v": "\ud83d\ude00"}',
	'{"enc": "u", "v": "' . "\xff" . '"}') . "\n");
my $latin1 = spit('latin1.ndjson', '{"enc": "l", "v": "caf' . "\xe9" . '"}' . "\n");

$node->safe_psql('latin1', <<"SQL");
COPY t_intake FROM '$utf8' (FORMAT ndjson, ENCODING 'UTF8');
COPY t_intake FROM '$latin1' (FORMAT ndjson, ENCODING 'LATIN1');
SQL
is($node->safe_psql('latin1', "SELECT enc, encode(convert_to(v, 'LATIN1'), 'hex') FROM t ORDER BY 1 DESC, 2"),
	"u|636166e9\nu|636166e920fc\nl|636166e9", 'LATIN1 stores what it can express');
is($node->safe_psql('latin1', <<'SQL'), "bad_encoding|t\nbad_value|\nbad_value|\nbad_encoding|t", 'and holds the rest');
SELECT e.class, encode(q.payload_raw, 'hex') IN (encode('{"enc": "u", "v": "'::bytea || '\xe697a5'::bytea || '"}'::bytea, 'hex'), encode('{"enc": "u", "v": "'::bytea || '\xff'::bytea || '"}'::bytea, 'hex'))
FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error ORDER BY q.position
SQL
my ($ok, $err) = script('latin1', 'EUC_JP', "COPY t_intake FROM '$utf8' (FORMAT ndjson);\n");
ok(!$ok, 'an encoding without a way to the server\'s is refused');
is($node->safe_psql('latin1', "SELECT count(*) FROM selfheal.load"), '2', 'before anything is loaded');

# A server of SQL_ASCII keeps the client's bytes, if they can stand there.
foreach my $case (
	[ 'UTF8',      "caf\xc3\xa9",    1 ], [ 'UTF8', "\xff", 0 ],
	[ 'LATIN1',    "caf\xe9",        1 ], [ 'EUC_JP', "\xc9\xbd", 1 ],
	[ 'SQL_ASCII', "\xff\xe9\x95\"", 0 ], [ 'SQL_ASCII', "\xff\xe9", 1 ],
	[ 'SJIS',      "\x95\x5c",       0 ], [ 'SJIS', 'plain', 1 ],
	[ 'BIG5',      "\xa5\x5cn",      0 ])
{
	my ($enc, $v, $stored) = @$case;
	my $line = qq({"enc": "$enc", "v": "$v"});
	my $path = spit('sqlascii.ndjson', "$line\n");
	my $hex = unpack('H*', $line);
	my $vhex = unpack('H*', $v);

	$node->safe_psql('sqlascii', "TRUNCATE t; DELETE FROM selfheal.quarantine;"
		  . " COPY t_intake FROM '$path' (FORMAT ndjson, ENCODING '$enc')");
	is( $node->safe_psql('sqlascii', $stored
			? "SELECT count(*) FROM t WHERE v::bytea = '\\x$vhex'"
			: "SELECT count(*) FROM selfheal.quarantine WHERE coalesce(payload_raw, convert_to(payload, 'SQL_ASCII')) = '\\x$hex'"),
		'1', "SQL_ASCII, client $enc, $vhex: " . ($stored ? 'stored' : 'held'));
}
is($node->safe_psql('sqlascii', 'SELECT count(*) FROM t'), '0', 'the last was not stored as well');

# A \u escape has a meaning that SQL_ASCII cannot express beyond ASCII.
my $escape = spit('escape.ndjson', '{"enc": "e", "v": "\u0041"}' . "\n" . '{"enc": "e", "v": "\u00e9"}' . "\n");
$node->safe_psql('sqlascii', "DELETE FROM selfheal.quarantine; COPY t_intake FROM '$escape' (FORMAT ndjson)");
is($node->safe_psql('sqlascii', "SELECT string_agg(v, ',') FROM t"), 'A', 'ASCII escapes are stored');
is($node->safe_psql('sqlascii', 'SELECT count(*) FROM selfheal.quarantine'), '1', 'others are held');

$node->stop;
done_testing();
