# Values for columns of every type, ordinary and hostile, the same ones for the
# same seed. Each is [JSON text, what must become of it]:
#	fits	must be stored
#	holds	must be held: the type could only change it
#	any		may be held, but if it is stored it is what was sent
package ValueGen;

use strict;
use warnings;

use Exporter 'import';
use ValueText;

our @EXPORT = qw(value_for quote_json);

sub pick { return $_[ int rand @_ ] }
sub chance { return rand() < $_[0] }
sub digits { my ($n) = @_; return join '', map { int rand 10 } 1 .. $n }
sub number { my ($n) = @_; return pick(1 .. 9) . digits($n - 1) }

# ---- JSON ----

# Bytes as a JSON string; some characters come as \u escapes.
sub quote_json
{
	my ($s) = @_;
	my %short = ("\b" => 'b', "\f" => 'f', "\n" => 'n', "\r" => 'r', "\t" => 't', '"' => '"', '\\' => '\\');
	utf8::decode($s);
	$s =~ s{([\x00-\x1f"\\])}{ exists $short{$1} && !chance(0.1) ? "\\$short{$1}" : sprintf '\\u%04x', ord $1 }ge;
	$s =~ s{([^\x00-\x7f])}{
		my $c = ord $1;
		!chance(0.3) ? $1 : $c < 0x10000 ? sprintf('\\u%04X', $c)
		: sprintf '\\u%04x\\u%04x', 0xD800 + (($c - 0x10000) >> 10), 0xDC00 + (($c - 0x10000) & 0x3ff) }ge;
	utf8::encode($s);
	return "\"$s\"";
}

my @pieces = (
	'a', 'Z', ' ', 'word', '0', '9', '-', '_', '.', ',', ';', ':', '\'', '"', '\\', '\\\\', '\\n', "\n", "\t",
	"\r", '{', '}', '(', ')', '[', ']', '<', '&', '%', '$1', '\\.', '\\N', 'NULL', "\x01", "\x1f", "\x7f",
	"\xc3\xa9", "e\xcc\x81", "\xe6\x97\xa5\xe6\x9c\xac", "\xf0\x9f\x98\x80",
	"\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x94\xac", "\xef\xbb\xbf", "\xe2\x80\xae", "\xf4\x8f\xbf\xbf");

# A text of so many characters at most.
sub text
{
	my ($max) = @_;
	my $s = '';
	my $n = int rand($max < 12 ? $max + 1 : 12);
	for (1 .. $n)
	{
		my $more = $s . pick(@pieces);
		my $decoded = $more;
		utf8::decode($decoded);
		last if length $decoded > $max;
		$s = $more;
	}
	return $s;
}

my @words = map { quote_json($_) } ('', ' ', 'NULL', 'null', 'x', 'not a value', '{}', '()', '\\', '"', '1 2', "\xf0\x9f\x98\x80", "'");

# What hardly any type takes.
sub hostile
{
	return [ pick(@words, 'true', 'false', '{}', '[]', '[[]]', '{"a":1}', '[1,2]', '[null]', '-0', '1e400', '1e-400',
		number(40), '0.' . digits(30), quote_json(text(20)), '"\\u0000"', '"\\ud800"', '"2024-13-45"'), 'any' ];
}

# ---- numbers ----

# A JSON number of at most so many digits before and behind the point.
sub decimal_text
{
	my ($int, $frac) = @_;
	my $s = $int > 0 && chance(0.9) ? number(1 + int rand $int) : '0';
	$s .= '.' . digits(1 + int rand $frac) if $frac > 0 && chance(0.8);
	return (chance(0.3) ? '-' : '') . $s;
}

sub gen_int
{
	my ($node) = @_;
	my $bits = $node->{bits};
	my ($min, $max) = $bits == 16 ? (-32768, 32767) : $bits == 32 ? (-2147483648, 2147483647)
	  : ('-9223372036854775808', '9223372036854775807');
	my $below = $bits == 16 ? 4 : $bits == 32 ? 9 : 18;
	my $n = pick('', '-') . number(1 + int rand $below);
	return pick(
		[ $min, 'fits' ], [ $max, 'fits' ], [ 0, 'fits' ], [ '-0', 'fits' ], [ $n, 'fits' ], [ $n, 'fits' ],
		[ "\"$n\"", 'fits' ], [ "$n.0", 'fits' ], [ "$n.000", 'fits' ], [ '1e3', 'fits' ], [ '12.5E1', 'fits' ],
		[ '1200e-2', 'fits' ], [ '" 12 "', 'fits' ], [ '"+7"', 'fits' ], [ '34.5', 'holds' ], [ "$n.5", 'holds' ],
		[ '1e-1', 'holds' ], [ '"34.5"', 'holds' ], [ '"12abc"', 'holds' ], [ '1' . digits($below + 2), 'holds' ],
		[ '32768', $bits == 16 ? 'holds' : 'fits' ], [ '9223372036854775808', 'holds' ],
		[ '-2147483649', $bits < 64 ? 'holds' : 'fits' ], [ '"1e3"', 'any' ], [ '"0x1F"', 'any' ],
		[ '"1_000"', 'any' ], [ 'true', 'holds' ], [ '"NaN"', 'holds' ], [ '9e99', 'holds' ], [ '""', 'holds' ]);
}

# Does this decimal fit numeric(p,s), to the digit?
sub fits_numeric
{
	my ($node, $s) = @_;
	return 1 unless defined $node->{p};
	my ($sign, $digits, $exp) = decimal($s) =~ /^(-?)(\d+)(?:e(-?\d+))?$/;
	return 1 if $digits eq '0';
	return $exp >= -$node->{s} && length($digits) + $exp <= $node->{p} - $node->{s};
}

sub gen_numeric
{
	my ($node) = @_;
	my ($int, $frac) = defined $node->{p} ? ($node->{p} - $node->{s}, $node->{s}) : (40, 40);
	my $n = chance(0.5) ? decimal_text($int > 0 ? $int : 0, $frac > 0 ? $frac : 0)
	  : pick(decimal_text($int > 0 ? $int + 1 : 1, ($frac > 0 ? $frac : 0) + 1), decimal_text(3, 3), '1.239', '-0', '0.000',
		'99.99', '99.995', number(3) . 'e' . pick(-3 .. 6), '1.5E+2', '0.00' . digits(3), number(6) . '00');
	return [ $n, fits_numeric($node, $n) ? 'fits' : 'holds' ] if chance(0.7);
	return [ "\"$n\"", fits_numeric($node, $n) ? 'fits' : 'holds' ] if chance(0.4);
	return pick([ '"NaN"', 'fits' ], [ '" nan "', 'fits' ], [ '"Infinity"', defined $node->{p} ? 'holds' : 'fits' ],
		[ '"-inf"', 'any' ], [ '"1,5"', 'holds' ], [ '"1.5 EUR"', 'holds' ], [ '1e131072', 'holds' ],
		[ '1e-16384', 'holds' ], [ '1e131071', defined $node->{p} ? 'holds' : 'fits' ], [ 'false', 'holds' ],
		[ '[1]', 'holds' ], [ '".5"', 'any' ], [ '"5."', 'any' ], [ '"0x1F"', 'any' ]);
}

sub gen_float
{
	my ($node) = @_;
	my $safe = $node->{bits} == 32 ? 6 : 15;
	my $n = decimal_text(1 + int rand($safe - 2), 1);
	my $few = number($safe) =~ s/^(\d)/$1./r . 'e' . pick(-20 .. 1);
	my $large = number($safe) . 'e' . pick(1 .. 20);
	return pick(
		[ $n, 'fits' ], [ $few, 'fits' ], [ $large, 'any' ], [ "\"$n\"", 'fits' ], [ '0.1', 'fits' ], [ '-0', 'fits' ], [ '"NaN"', 'fits' ],
		[ '"-Infinity"', 'fits' ], [ '0.' . number(20), 'holds' ], [ number($safe + 6), 'any' ], [ '16777217', 'any' ],
		[ '9007199254740993', 'holds' ], [ '1e39', $node->{bits} == 32 ? 'holds' : 'fits' ], [ '1e400', 'holds' ],
		[ '1e-400', 'holds' ], [ '1e-46', $node->{bits} == 32 ? 'holds' : 'fits' ], [ '1.4e-45', 'any' ], [ '5e-324', 'any' ],
		[ '9e9', 'any' ], [ '1.17549435e-38', 'any' ], [ '0.123456789', $node->{bits} == 32 ? 'holds' : 'fits' ],
		[ '"0x1p3"', 'holds' ], [ 'true', 'holds' ], [ '"1,5"', 'holds' ], [ '2.2250738585072014e-308', 'any' ],
		[ number($safe + 1), 'any' ], [ decimal_text(3, $safe), 'any' ]);
}

# ---- texts ----

sub gen_text { return chance(0.9) ? [ quote_json(text(200)), 'fits' ] : pick([ '12.50', 'fits' ], [ 'true', 'fits' ], [ '{"a": 1.0}', 'fits' ], [ '[1,  2]', 'fits' ], [ '"\\u0000"', 'holds' ], [ '"\\udc00"', 'holds' ]) }

sub gen_limited
{
	my ($node) = @_;
	my $n = $node->{n};
	my $long = 'x' x ($n + 1 + int rand 3);
	return chance(0.6) ? [ quote_json(text($n)), 'fits' ] : pick(
		[ quote_json('x' x $n), 'fits' ], [ quote_json("\xf0\x9f\x98\x80" x $n), 'fits' ], [ quote_json($long), 'holds' ],
		[ quote_json('x' x $n . ' '), 'holds' ], [ quote_json(' ' x ($n + 2)), 'holds' ],
		[ quote_json("\xc3\xa9" x ($n + 1)), 'holds' ], [ number($n + 1), 'holds' ],
		[ quote_json('x' . ' ' x ($n - 1)), 'fits' ]);
}

sub gen_name { return pick([ quote_json(text(10)), 'fits' ], [ quote_json('n' x 63), 'fits' ], [ quote_json('n' x 64), 'holds' ], [ quote_json("\xc3\xa9" x 32), 'holds' ]) }

sub gen_char { return pick([ '"a"', 'fits' ], [ '""', 'fits' ], [ '" "', 'fits' ], [ '7', 'fits' ], [ '"ab"', 'holds' ], [ "\"\xc3\xa9\"", 'holds' ], [ '"a "', 'holds' ]) }

sub gen_bytea
{
	my $hex = join '', map { sprintf '%02x', rand 256 } 1 .. int rand 20;
	return pick([ "\"\\\\x$hex\"", 'fits' ], [ quote_json("plain text"), 'fits' ], [ '"\\\\001\\\\\\\\"', 'fits' ], [ "\"\\\\x${hex}0\"", 'holds' ], [ '"\\\\9"', 'holds' ], [ '{"a":"\\\\101"}', 'holds' ]);
}

# ---- documents ----

sub document
{
	my ($depth) = @_;
	my $kind = $depth <= 0 ? int rand 4 : int rand 6;
	return $kind == 0 ? pick('null', 'true', 'false') : $kind == 1 ? decimal_text(6, 6)
	  : $kind == 2 ? pick('1e3', '1.50', '-0', '0.0', number(30), '1E-7', '123e+4') : $kind == 3 ? quote_json(text(8))
	  : $kind == 4 ? '[' . join(pick(',', ' , '), map { document($depth - 1) } 1 .. int rand 4) . ']'
	  : '{' . join(',', map { quote_json($_) . pick(':', ': ') . document($depth - 1) } keys_of(int rand 5)) . '}';
}

# Distinct keys.
sub keys_of
{
	my ($n) = @_;
	my %seen;
	return grep { !$seen{$_}++ } map { pick('a', 'b', 'key', '', text(6)) } 1 .. $n;
}

sub gen_json
{
	my ($node) = @_;
	my $many = '{' . join(',', map { "\"k$_\":$_" } 1 .. 10 + int rand 20);
	my $twice = pick("$many,\"k3\":0}", '{"a":1,"a":2}', '{"x":{"a":"1","a":1}}', '[{"k":[1]},{"k":1,"b":2,"k":3}]', '{"a":1,"\\u0061":2}', '{"a":{},"b":1,"a":[]}');
	return pick([ document(3), 'fits' ], [ document(4), 'fits' ], [ document(2), 'fits' ],
		[ '{"a":{"b":1,"b":1}}', 'fits' ], [ "$many,\"k5\":5}", 'fits' ], [ '{"a":"x","\\u0061":"\\u0078"}', 'fits' ],
		[ $twice, $node->{kind} eq 'json' ? 'fits' : 'holds' ],
		[ '{"n":1e400}', 'fits' ], [ '[1e999999]', $node->{kind} eq 'json' ? 'fits' : 'holds' ],
		[ '{"a":"\\u0000"}', 'holds' ], [ '["\\ud83d"]', 'holds' ]);
}

# ---- dates and times ----

sub date_text
{
	return sprintf '%04d-%02d-%02d', pick(1, 1582, 1970, 2000, 2024, 2038, 9999, 1900 + int rand 200), 1 + int rand 12, 1 + int rand 28;
}

sub clock { my ($frac) = @_; return sprintf('%02d:%02d:%02d', rand 24, rand 60, rand 60) . ($frac ? '.' . digits($frac - 1) . pick(1 .. 9) : '') }
sub zone { return pick('Z', '+00', '+01', '-08:00', '+0530', '+14:00', '-03:30') }

sub gen_date
{
	my $d = date_text();
	return pick([ "\"$d\"", 'fits' ], [ "\"$d\"", 'fits' ], [ "\"$d\"", 'fits' ], [ "\"${d}T00:00:00\"", 'fits' ],
		[ "\"$d 00:00:00.000000Z\"", 'fits' ], [ "\"$d 10:00\"", 'holds' ], [ "\"${d}T00:00:01Z\"", 'holds' ],
		[ "\"${d}T00:00:00+02:00\"", 'any' ], [ '"2023-02-29"', 'holds' ], [ '"2024-02-29"', 'fits' ], [ '"0044-03-15 BC"', 'fits' ],
		[ '"infinity"', 'fits' ], [ '"-infinity"', 'fits' ], [ '"January 8, 1999"', 'fits' ], [ '"20240131"', 'fits' ],
		[ '"20240131T101112"', 'holds' ], [ '"Jan 5 2024 10:00 PST"', 'holds' ], [ '"J2451187"', 'fits' ],
		[ '"2024-01-31 24:00:00"', 'holds' ], [ '20240131', 'holds' ], [ '"0000-01-01"', 'holds' ], [ '"2024-060"', 'any' ], [ '"5874898-01-01"', 'holds' ]);
}

sub gen_timestamp
{
	my ($node) = @_;
	my ($d, $tz) = (date_text(), $node->{kind} eq 'timestamptz');
	my $p = $node->{n} // 6;
	my $sep = pick('T', ' ');
	return pick((map { [ "\"$d$sep" . clock(int rand($p + 1)) . ($tz ? zone() : pick('', 'Z')) . '"', 'fits' ] } 1 .. 6),
		[ "\"$d$sep" . clock($p) . '000"', $p ? 'fits' : 'any' ], [ "\"$d$sep" . clock($p + 1) . 'Z"', 'holds' ],
		[ "\"$d$sep" . clock(9) . '"', 'holds' ], [ "\"$d\"", 'fits' ], [ "\"$d${sep}10:20\"", 'fits' ],
		[ "\"$d${sep}10:20:30+02\"", $tz ? 'fits' : 'holds' ], [ '"Jan 5 2024 10:00 PST"', $tz ? 'fits' : 'holds' ],
		[ '"Jan 5 2024 10:00 America/New_York"', $tz ? 'fits' : 'holds' ], [ '"Jan 5 2024 10:00"', 'fits' ],
		[ '"20240105T101112"', 'fits' ], [ '"20240105T101112.1234567"', 'holds' ], [ '"20240105T101112+05"', $tz ? 'fits' : 'holds' ],
		[ '"2016-12-31 23:59:60"', 'fits' ], [ '"2016-12-31 24:00:00"', 'fits' ], [ '"0044-03-15 10:00:00 BC"', 'fits' ],
		[ '"infinity"', 'fits' ], [ '"epoch"', 'fits' ], [ '"2023-02-29T10:00:00Z"', 'holds' ], [ '1704067200', 'holds' ],
		[ '"294277-01-01"', 'holds' ], [ "\"$d${sep}25:00\"", 'holds' ], [ "\"$d${sep}10:00:00 BC+02\"", 'any' ],
		[ '"12345-01-01 00:00:00.5"', $p ? 'fits' : 'holds' ]);
}

sub gen_time
{
	my ($node) = @_;
	my $tz = $node->{kind} eq 'timetz';
	my $p = $node->{n} // 6;
	return pick((map { [ '"' . clock(int rand($p + 1)) . ($tz ? zone() : '') . '"', 'fits' ] } 1 .. 6),
		[ '"' . clock($p + 1) . '"', 'holds' ], [ '"10:20"', 'fits' ], [ '"24:00:00"', 'fits' ], [ '"23:59:60"', 'fits' ],
		[ '"040506"', 'fits' ], [ '"04:05 PM"', 'fits' ], [ '"04:05:06+02"', $tz ? 'fits' : 'holds' ], [ '"04:05:06Z"', $tz ? 'fits' : 'holds' ],
		[ '"04:05 PST"', $tz ? 'fits' : 'holds' ], [ '"2024-01-01 04:05:06"', 'holds' ], [ '"2024-07-01 04:05 America/New_York"', 'holds' ],
		[ '"040506-08"', $tz ? 'any' : 'holds' ], [ '"25:00"', 'holds' ], [ '"10:60"', 'holds' ], [ '1020', 'holds' ], [ '"allballs"', 'fits' ]);
}

sub gen_interval
{
	my ($node) = @_;
	my $any = $node->{fields} ? 'any' : 'fits';
	my $p = $node->{n} // 6;
	my $sign = pick('', '-');
	return pick([ "\"$sign" . int(rand 50) . ' years ' . int(rand 12) . ' mons"', $any ], [ "\"$sign" . int(rand 400) . ' days"', $any ],
		[ '"' . $sign . clock(0) . '"', $any ], [ "\"3 days $sign" . clock($p) . '"', $any ], [ '"' . clock($p + 1) . '"', 'holds' ],
		[ '"1.5 years"', $any ], [ '"1.51 years"', 'holds' ], [ '"1.25 centuries"', $any ], [ '"0.123 decades"', 'holds' ], [ '"1.5 months"', $any ],
		[ '"0.5 days"', $any ], [ '"1.5 ms"', $p == 6 ? $any : 'holds' ], [ '"1.5 microseconds"', 'holds' ], [ '"0.1234567 seconds"', 'holds' ],
		[ '"P1Y2M3DT4H5M6S"', $any ], [ '"P1.51Y"', 'holds' ], [ '"PT0.5S"', $p ? $any : 'holds' ], [ '"1-2"', $any ], [ '"1 2:03:04"', $any ], [ '"1 week ago"', $any ],
		[ '"1 mon -30 days"', $any ], [ '"178956971 years"', 'holds' ], [ '5', 'holds' ], [ '"5"', 'any' ], [ '"one day"', 'holds' ], [ '"0.3333333 hours"', 'holds' ]);
}

# ---- the rest of the scalars ----

sub gen_bits
{
	my ($node) = @_;
	my $n = $node->{varying} ? int rand(($node->{n} // 20) + 1) : $node->{n} // 1;
	my $bits = join '', map { int rand 2 } 1 .. $n;
	return pick([ "\"$bits\"", 'fits' ], [ "\"$bits\"", 'fits' ], [ "\"b$bits\"", 'fits' ], [ '"x1F"', 'any' ], [ "\"${bits}2\"", 'holds' ],
		[ '"' . '1' x (($node->{n} // 20) + 1) . '"', defined $node->{n} ? 'holds' : 'fits' ]);
}

sub gen_bool { return pick((map { [ $_, 'fits' ] } 'true', 'false', '"t"', '"yes"', '"off"', '" TRUE "', '1', '0', '"n"'), (map { [ $_, 'holds' ] } '2', '"maybe"', '""', '[true]', '1.0')) }

sub gen_uuid
{
	my $hex = join '', map { sprintf '%x', rand 16 } 1 .. 32;
	my @parts = $hex =~ /^(.{8})(.{4})(.{4})(.{4})(.{12})$/;
	my $plain = join '-', @parts;
	return pick((map { [ "\"$_\"", 'fits' ] } $plain, $plain, uc $plain, $hex, "{$plain}"), (map { [ $_, 'holds' ] } "\"$plain-\"", "\"${hex}0\"", '"x"', '1', "\" $plain\""));
}

sub gen_enum { return pick((map { [ quote_json($_), 'fits' ] } @{ $_[0]{labels} }), [ '"absent"', 'holds' ], [ '""', 'holds' ], [ '1', 'holds' ], [ '"RED"', 'holds' ]) }

sub gen_money { return pick([ decimal_text(8, 2), 'fits' ], [ '"$1,234.56"', 'fits' ], [ '"-$5"', 'fits' ], [ '1.239', 'holds' ], [ '"1.005"', 'holds' ], [ '1e3', 'any' ], [ '92233720368547758.08', 'holds' ], [ '"abc"', 'holds' ], [ '1.500', 'fits' ], [ '"1.2,345"', 'holds' ]) }

sub gen_digits
{
	my ($node) = @_;
	my $max = $node->{bits} == 32 ? '4294967295' : '18446744073709551615';
	return pick([ number(1 + int rand 8), 'fits' ], [ '"' . number(3) . '"', 'fits' ], [ 0, 'fits' ], [ $max, 'fits' ], [ '-1', 'holds' ], [ '"abc"', 'holds' ],
		[ '"12abc"', 'holds' ], [ '"010"', 'any' ], [ '"0x1F"', 'holds' ], [ $max . '0', 'holds' ], [ '4294967296', $node->{bits} == 32 ? 'holds' : 'fits' ], [ '1.5', 'holds' ], [ '""', 'holds' ], [ '1e2', 'holds' ]);
}

sub gen_tid { return pick([ '"(0,1)"', 'fits' ], [ '"(4294967295,65535)"', 'fits' ], [ '"(-1,1)"', 'holds' ], [ '"x(1,2)y"', 'holds' ], [ '"(1,65536)"', 'holds' ], [ '"(1)"', 'holds' ], [ '"(01,2)"', 'any' ]) }

my %shapes = (
	point => '(%s,%s)', lseg => '[(%s,%s),(%s,%s)]', box => '(%s,%s),(%s,%s)', path => '[(%s,%s),(%s,%s),(1,2)]',
	polygon => '((%s,%s),(%s,%s),(3,4))', circle => '<(%s,%s),%s>', line => '{%s,%s,1}');

sub gen_geometry
{
	my ($node) = @_;
	my $shape = $shapes{ $node->{name} };
	my @n = map { 1 + int(rand 99) . pick('', '.5', '.25', 'e2') } 1 .. 4;
	my $fine = sprintf "$shape%s", @n[ 0 .. ($shape =~ s/%s/%s/g) - 1 ], '';
	$n[0] = '0.' . number(20);
	my $fuzzy = sprintf "$shape%s", @n[ 0 .. ($shape =~ s/%s/%s/g) - 1 ], '';
	return pick([ "\"$fine\"", 'fits' ], [ "\"$fine\"", 'fits' ], [ "\"$fuzzy\"", 'holds' ], [ '"(1,2"', 'holds' ], [ '{"x":1,"y":2}', 'holds' ], [ '1.5', 'any' ]);
}

my %inputs = (
	inet => [ '192.168.0.1', '10.1.2.3/24', '::1', '2001:db8::/32' ], cidr => [ '10.0.0.0/8', '10.1', '::/0' ],
	macaddr => ['08:00:2b:01:02:03'], macaddr8 => [ '08:00:2b:01:02:03:04:05', '08002b010203' ],
	tsvector => [ 'a b a', "'quoted word':1A,2 x" ], tsquery => [ 'a & !b', "'x y':*A" ], jsonpath => ['$.a[*] ? (@ > 1)'],
	xml => [ '<a b="c">d</a>', 'text &amp; more' ], pg_lsn => [ '16/B374D848', '0/0' ], pg_snapshot => ['10:20:10,14,15'],
	txid_snapshot => ['10:20:10,14,15'], regclass => [ 'pg_class', '1259', '-' ], regtype => [ 'int4', 'integer' ], regproc => ['pg_catalog.now'],
	regprocedure => ['now()'], regoper => ['||/'], regoperator => ['+(integer,integer)'], regconfig => ['english'],
	regdictionary => ['simple'], regnamespace => ['pg_catalog'], regrole => ['pg_monitor'], regcollation => ['"C"'],
	aclitem => ['pg_monitor=r/pg_monitor']);
my %refused = (
	inet => [ '300.1.1.1', '1.2.3.4/33' ], cidr => ['10.1.2.3/8'], macaddr => ['08:00:2b'], tsquery => [ 'a &&& b', '(a' ], jsonpath => ['$.'], xml => ['<a>'],
	pg_lsn => ['x'], regclass => [ 'nosuch', 'a.b.c.d', '"' ], regtype => [ 'nosuch', 'numeric(4,2)' ], regproc => ['nosuch', 'lower'], regrole => ['nobody here'],
	regoper => ['+'], regoperator => ['+'], regconfig => ['nosuch'], regprocedure => ['nosuch()'], aclitem => ['x'], regnamespace => ['nosuch']);

sub gen_input
{
	my ($node) = @_;
	my @fits = map { [ quote_json($_), 'fits' ] } @{ $inputs{ $node->{name} } // [] };
	my @holds = map { [ quote_json($_), 'holds' ] } @{ $refused{ $node->{name} } // [] };
	return @fits || @holds ? pick(@fits, @fits, @holds, hostile()) : pick(hostile(), [ quote_json(text(12)), 'any' ]);
}

# ---- made of parts ----

sub worst { return (grep { $_ eq 'holds' } @_) ? 'holds' : (grep { $_ eq 'any' } @_) ? 'any' : 'fits' }

# A part's text in a literal of a composite or a range: in quotes, or without
# where it needs none; quotes within are doubled or escaped.
sub in_literal
{
	my ($s) = @_;
	return $s if $s ne '' && $s !~ /[\[\](){},"\\]/ && chance(0.5);
	return '"' . $s =~ s/(["\\])/$1$1/gr . '"' if chance(0.3);
	return in_array($s, 1);
}

# The same in an array, where blanks around a text and some words need quotes.
sub in_array
{
	my ($s, $quote) = @_;
	return $s if !$quote && $s =~ /^[\w.:+-]+(?: [\w.:+-]+)*$/ && $s !~ /^null$/i && chance(0.5);
	$s =~ s/(["\\])/\\$1/g;
	return "\"$s\"";
}

sub part_text
{
	my ($json) = @_;
	return $json =~ /^"/ ? json_string($json) : $json;
}

# A value, no JSON null, of one of n parts: mostly all of them fit.
sub part_value
{
	my ($node, $n) = @_;
	my $wild = chance(0.4 / ($n // 2));
	for (1 .. 20)
	{
		my $v = value_for($node, !$wild);
		return $v if $v->[0] ne 'null' && ($wild || $v->[1] eq 'fits');
	}
	return hostile();
}

# The same for a literal. What is no text in JSON may be right as one, but what
# is wrong as a JSON string is wrong there too.
sub part_literal
{
	my ($node, $n) = @_;
	my $v = part_value($node, $n);
	# no text is behind these
	return part_literal($node, $n) if $v->[0] =~ /\\u0000|\\ud800"|\\udc00"|\\ud83d"/i;
	return [ part_text($v->[0]), $v->[1] eq 'holds' && $v->[0] !~ /^"/ ? 'any' : $v->[1] ];
}

sub gen_array
{
	my ($node) = @_;
	my $part = $node->{part};
	return pick([ '[]', 'fits' ], [ '"{}"', 'fits' ], [ '[[]]', 'holds' ], [ '[[1],[2,3]]', 'holds' ], [ '[null,[1]]', 'holds' ], [ '"{{NULL},{{NULL}},{NULL}}"', 'holds' ], [ '[[null],[[null]],[null]]', 'holds' ], [ '"{1,2"', 'holds' ], [ '{"a":1}', 'holds' ], [ '3', 'holds' ], [ '[[[[[[[1]]]]]]]', 'holds' ]) if chance(0.1);
	if (chance(0.25))
	{
		my @v = map { part_literal($part) } 1 .. 1 + int rand 3;
		my $expect = worst(map { $_->[1] } @v);
		my $text = '{' . join($node->{delimiter}, map { pick('', '', ' ') . in_array($_->[0]) . pick('', ' ') } @v) . '}';
		$text = '[0:' . $#v . ']=' . $text if chance(0.2);
		return [ quote_json($text), $expect eq 'fits' && $part->{kind} !~ /^(text|uuid|date)$/ ? 'any' : $expect ];
	}
	my @v = map { part_value($part) } 1 .. 1 + int rand 3;
	my $expect = worst(map { $_->[1] } @v);
	# arrays within arrays are dimensions, whatever the elements are
	$expect = 'any' if grep { $_->[0] =~ /^\[/ } @v;
	my @texts = map { $_->[0] } @v;
	push @texts, 'null' if chance(0.2) && !$part->{notnull};
	my $list = '[' . join(pick(',', ', '), @texts) . ']';
	return [ chance(0.2) ? "[$list,$list]" : $list, $expect ];
}

sub gen_vector
{
	my ($node) = @_;
	my @v = map { part_value($node->{part}) } 1 .. 1 + int rand 3;
	return [ '[' . join(',', map { $_->[0] } @v) . ']', (grep { $_->[0] !~ /^\d+$/ } @v) ? 'any' : worst(map { $_->[1] } @v) ] if chance(0.6);
	return pick([ '"1 2 3"', 'fits' ], [ '""', 'any' ], [ '"1 x"', 'holds' ], [ '"-1"', 'any' ], [ '[1,null]', 'holds' ], [ '"1 99999999999"', 'holds' ], [ '[[1]]', 'holds' ]);
}

sub gen_record
{
	my ($node) = @_;
	my @names = @{ $node->{names} };
	return pick([ '{}', $node->{needs} ? 'any' : 'fits' ], [ '{"no such attribute":1}', 'holds' ], [ "{\"$names[0]\":null,\"$names[0]\":null}", $node->{needs} ? 'any' : 'fits' ], [ "{\"$names[0]\":null,\"$names[0]\":1}", 'holds' ], [ "{\"$names[0]\":\"1\",\"$names[0]\":1}", 'holds' ], [ '[1,2]', 'holds' ], [ '"(1"', 'holds' ], [ '"x"', 'holds' ], [ 'true', 'holds' ]) if chance(0.1);
	if (chance(0.2))
	{
		my @v = map { part_literal($_, scalar @names) } @{ $node->{parts} };
		my $expect = worst(map { $_->[1] } @v);
		return [ quote_json('(' . join(',', map { in_literal($_->[0]) } @v) . ')'), $expect eq 'fits' ? 'any' : $expect ];
	}
	my (@pairs, @expect);
	for my $i (0 .. $#names)
	{
		my $v = part_value($node->{parts}[$i], scalar @names);
		push @expect, $v->[1];
		push @pairs, quote_json($names[$i]) . ":$v->[0]";
	}
	my $expect = worst(@expect);
	splice @pairs, int rand @pairs, 1 if chance(0.3) && @pairs > 1 && $expect eq 'fits' && !$node->{needs};
	push @pairs, '"no such attribute":0' and $expect = 'holds' if chance(0.05);
	return [ '{' . join(pick(',', ' , '), reverse @pairs) . '}', $expect ];
}

sub gen_range
{
	my ($node) = @_;
	my $part = $node->{part};
	return pick([ '"empty"', 'fits' ], [ '"(,)"', 'fits' ], [ '"[1"', 'holds' ], [ '[null,1]', 'holds' ], [ '[1]', 'holds' ], [ '{}', 'holds' ], [ '5', 'holds' ], [ '"[z,a)"', 'any' ]) if chance(0.15);
	if (chance(0.3))
	{
		my ($low, $high) = (part_value($part), part_value($part));
		return [ "[$low->[0],$high->[0]]", worst($low->[1], $high->[1]) eq 'holds' ? 'holds' : 'any' ];
	}
	if (chance(0.4))
	{
		my @v = (part_literal($part), part_literal($part));
		return [ quote_json(pick('[', '(') . join(',', map { in_literal($_->[0]) } @v) . pick(']', ')')), worst(map { $_->[1] } @v) eq 'holds' ? 'holds' : 'any' ];
	}
	# in order, so that it is stored
	my ($a, $b) = $part->{kind} =~ /^date|^timestamp/ ? ('"2024-01-01"', '"2024-02-01"') : $part->{kind} eq 'time' ? ('"01:00"', '"02:00"') : $part->{kind} =~ /text/ ? ('"a \\\\ b"', '"b\\"c"') : (int rand 100, 200 + int rand 100);
	return chance(0.5) ? [ "[$a,$b]", 'fits' ] : [ quote_json(pick('[', '(') . in_literal(part_text($a)) . ',' . pick(in_literal(part_text($b)), '') . pick(']', ')')), 'fits' ];
}

sub gen_multirange
{
	my ($node) = @_;
	my @v = map { part_literal($node->{part}) } 1 .. int rand 3;
	return pick([ '"{}"', 'fits' ], [ '{}', 'any' ], [ '[]', 'holds' ], [ '"{[1"', 'holds' ], [ '3', 'holds' ]) if chance(0.1);
	return [ quote_json('{' . join(pick(',', ', '), map { $_->[0] } @v) . '}'), worst(map { $_->[1] } @v) eq 'holds' ? 'holds' : 'any' ];
}

sub gen_never { my $v = hostile(); return [ $v->[0], 'holds' ] }

my %by_kind = (
	int => \&gen_int, numeric => \&gen_numeric, float => \&gen_float, bool => \&gen_bool, text => \&gen_text,
	limited => \&gen_limited, name => \&gen_name, char => \&gen_char, bytea => \&gen_bytea, json => \&gen_json,
	jsonb => \&gen_json, uuid => \&gen_uuid, enum => \&gen_enum, date => \&gen_date, timestamp => \&gen_timestamp,
	timestamptz => \&gen_timestamp, time => \&gen_time, timetz => \&gen_time, interval => \&gen_interval, bits => \&gen_bits,
	money => \&gen_money, digits => \&gen_digits, tid => \&gen_tid, geometry => \&gen_geometry, input => \&gen_input,
	never => \&gen_never, array => \&gen_array, vector => \&gen_vector, record => \&gen_record, range => \&gen_range,
	multirange => \&gen_multirange);

# A value for a column of this type: see the head of this file.
sub value_for
{
	my ($node, $tame) = @_;
	return [ 'null', $node->{notnull} ? 'any' : 'fits' ] if !$tame && chance(0.03);
	return hostile() if !$tame && chance(0.08);
	my $v = $by_kind{ $node->{gen} }->($node);
	# a domain's own rule is not known here
	return [ $v->[0], $node->{checked} && $v->[1] eq 'fits' ? 'any' : $v->[1] ];
}

1;
