# What transforms make of values in databases of other encodings than UTF8: a
# sign that is known by its UTF-8 bytes is never taken from other bytes, and
# bytes are decoded into what the database can hold.
use strict;
use warnings;

use lib 'test/t', 't';
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('transforms');
my %db = (latin1 => 'LATIN1', sqlascii => 'SQL_ASCII', eucjp => 'EUC_JP');

foreach my $name (sort keys %db)
{
	$node->safe_psql('postgres',
		"CREATE DATABASE $name ENCODING '$db{$name}' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0");
	$node->safe_psql($name, 'CREATE EXTENSION selfheal');
}

# One value of one query, its bytes beyond ASCII as octal digits.
sub shown
{
	my ($name, $query) = @_;
	return $node->safe_psql($name, "SELECT encode(convert_to(($query), getdatabaseencoding()), 'escape')");
}

sub transform
{
	my ($kind, $args, $bytes, $type) = @_;
	my $hex = unpack('H*', $bytes);
	return "SELECT coalesce(r ->> 'text', r ->> 'outcome') FROM selfheal.transform('$kind', '$args',
		to_jsonb(convert_from('\\x$hex', getdatabaseencoding())), '$type') r";
}

sub decode
{
	my ($encoding, $hex) = @_;
	return "SELECT coalesce(r ->> 'text', r ->> 'outcome') FROM selfheal.transform('decode_text', '{\"encodings\": [\"$encoding\"]}', '\"$hex\"', 'text') r";
}

my @cases = (
	# what is written in ASCII is read everywhere
	[ 'latin1', transform('trim', '{}', ' a ', 'text'), 'a', 'blanks' ],
	[ 'eucjp', transform('trim', '{}', ' a ', 'text'), 'a', 'blanks' ],
	[ 'latin1', transform('parse_number', '{"decimal": ",", "group": "."}', '1.234,5', 'numeric'), '1234.5', 'a number' ],
	[ 'sqlascii', transform('parse_number', '{"decimal": ",", "group": "."}', '1.234,5', 'numeric'), '1234.5', 'a number' ],
	[ 'eucjp', transform('parse_timestamp', '{"formats": "DD.MM.YYYY"}', '31.12.2024', 'date'), '2024-12-31', 'a date' ],
	# the last byte of a character is no blank, and half of UTF-8 is no sign
	[ 'latin1', transform('trim', '{}', "\xa0a\xa0", 'text'), 'left', 'a no-break space of LATIN1 is left' ],
	[ 'latin1', transform('trim', '{}', "\xc2\xa0a", 'text'), 'left', 'the bytes of a no-break space in UTF-8 are two letters' ],
	[ 'eucjp', transform('trim', '{}', "\xa1\xa1a", 'text'), 'left', 'an ideographic space is left' ],
	[ 'latin1', transform('parse_number', '{}', "\xe2\x88\x925", 'numeric'), 'left', 'the bytes of a minus in UTF-8 are three letters' ],
	# decoding into what the database is
	[ 'latin1', decode('UTF8', '4dc3bc'), 'M\374', 'UTF8 into LATIN1' ],
	[ 'latin1', decode('UTF8', 'e282ac'), 'left', 'LATIN1 has no euro' ],
	[ 'latin1', decode('WIN1252', '80'), 'left', 'nor from windows' ],
	[ 'latin1', decode('LATIN1', '4d85'), 'left', 'a control character of LATIN1' ],
	[ 'latin1', decode('LATIN1', '4dfc'), 'M\374', 'LATIN1 itself' ],
	[ 'eucjp', decode('SJIS', '93fa967b'), '\306\374\313\334', 'SJIS into EUC_JP' ],
	[ 'eucjp', decode('LATIN1', '4dfc'), 'left', 'there is no way from LATIN1 to EUC_JP' ],
	[ 'sqlascii', decode('WIN1252', '4dfc'), 'left', 'bytes of no encoding are nothing to convert to' ],
	[ 'sqlascii', decode('UTF8', '4dc3bc'), 'left', 'not from UTF8 either' ],
);
foreach my $case (@cases)
{
	my ($name, $query, $expected, $what) = @$case;
	is(shown($name, $query), $expected, "$name: $what");
}

my (undef, undef, $err) = $node->psql('latin1',
	q{SELECT selfheal.transform_args('parse_number', jsonb_build_object('group', convert_from('\xa0', 'LATIN1')), 'numeric')});
like($err, qr/unknown "group" sign/, 'latin1: a sign that only UTF8 has is refused');

done_testing();
