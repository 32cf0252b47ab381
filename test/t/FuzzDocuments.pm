# Lines for intakes by a seed: documents that fit, that are odd, and that are
# broken, each with what must become of it.
package FuzzDocuments;

use strict;
use warnings;

use Digest::MD5 qw(md5_hex);
use Encode ();
use Exporter 'import';

our @EXPORT = qw(shapes make_line);

sub pick { return $_[int(rand(@_))] }
sub chance { return rand() < $_[0] }

# ---- values that fit their column, as JSON ----

# Text as a JSON string, some of its characters escaped in any of the ways.
sub json_string
{
	my ($text) = @_;
	my %short = ("\b" => '\b', "\f" => '\f', "\n" => '\n', "\r" => '\r', "\t" => '\t',
		'"' => '\"', '\\' => '\\\\', '/' => '\/');
	my $out = '';
	foreach my $c (split //, $text)
	{
		my $code = ord $c;
		if (exists $short{$c} && ($code != 0x2f || chance(0.5))) { $out .= $short{$c} }
		elsif ($code < 0x20 || $code == 0x7f || chance(0.02))
		{
			if ($code > 0xffff)
			{
				$out .= sprintf('\u%04x\u%04X', 0xd800 + (($code - 0x10000) >> 10),
					0xdc00 + (($code - 0x10000) & 0x3ff));
			}
			else { $out .= sprintf(pick('\u%04x', '\u%04X'), $code) }
		}
		else { $out .= $c }
	}
	return qq("$out");
}

sub some_text
{
	my ($max) = @_;
	my @letters = ('a' .. 'z', ' ', ' ', "'", '"', '\\', '/', "\t", "\n", "\r", "\x01", "\x7f",
		"\x{e9}", "\x{20ac}", "\x{1f600}", "\x{5b57}", '{', '}', '[', ']', ',', ':');
	# a blank at the end counts for char(n) only beyond n
	return join('', map { pick(@letters) } 1 .. int(rand($max + 1)) - 1) . pick('x', "\x{e9}");
}

sub integer
{
	my ($bits) = @_;
	return pick(0, 1, -1, 7, -0) if chance(0.3);
	my $max = 2**($bits - 1) - 1;
	return sprintf('%.0f', int((rand(2) - 1) * ($bits > 50 ? 2**50 : $max)));
}

sub date_text { return sprintf('%04d-%02d-%02d', 1900 + rand(200), 1 + rand(12), 1 + rand(28)) }
sub time_text { return sprintf('%02d:%02d:%02d', rand(24), rand(60), rand(60)) }

my %right = (
	int => sub { integer(32) },
	bigint => sub { chance(0.1) ? pick('9223372036854775807', '-9223372036854775808') : integer(64) },
	smallint => sub { chance(0.1) ? pick(32767, -32768) : integer(16) },
	'numeric(12,4)' => sub { sprintf('%d.%04d', rand(1e8), rand(1e4)) },
	numeric => sub { chance(0.3) ? '1' . join('', map { int rand 10 } 1 .. rand(60)) . '.5' : integer(40) . pick('', '.0', '.250', 'e3', 'E-3') },
	'double precision' => sub { pick(0, 0.5, -1.25, '1e10', '1.5e-7', 12345.678) },
	real => sub { pick(0, 0.5, -1.25, '1e10', 1234.5) },
	text => sub { json_string(some_text(chance(0.05) ? 3000 : 20)) },
	'varchar(8)' => sub { json_string(some_text(8)) },
	'char(5)' => sub { json_string(some_text(5)) },
	boolean => sub { pick('true', 'false') },
	uuid => sub { my $h = md5_hex(rand()); $h =~ s/^(.{8})(.{4})(.{4})(.{4})/$1-$2-$3-$4-/; qq("$h") },
	date => sub { '"' . date_text() . '"' },
	'timestamp(3)' => sub { '"' . date_text() . pick(' ', 'T') . time_text() . pick('', '.5', '.123') . '"' },
	timestamptz => sub { '"' . date_text() . pick(' ', 'T') . time_text() . pick('', '.123456') . pick('Z', '+02', '-05:30') . '"' },
	interval => sub { pick('"1 day"', '"02:03:04"', '"P1Y2M"') },
	json => sub { any_value(2) },
	jsonb => sub { any_value(2) },
	'int[]' => sub { '[' . join(pick(',', ', '), map { chance(0.1) ? 'null' : integer(32) } 1 .. rand(6)) . ']' },
	'text[]' => sub { '[' . join(',', map { chance(0.1) ? 'null' : json_string(some_text(8)) } 1 .. rand(6)) . ']' },
	mood => sub { pick('"sad"', '"ok"', '"so happy"') },
	positive => sub { 1 + int(rand(1000)) },
	int4range => sub { my $n = int(rand(1000)); pick(qq{"[$n,2000)"}, qq{"($n,2000]"}, '"empty"') },
	pair => sub { my $n = integer(20); pick(qq{"($n,x)"}, qq{"($n,\\"a b\\")"}, '"(,)"') },
	bytea => sub { '"\\\\x' . join('', map { sprintf '%02x', rand 256 } 1 .. rand(9)) . '"' },
);

# ---- any value at all ----

sub any_value
{
	my ($depth) = @_;
	my @kinds = (qw(string string number number word), $depth > 0 ? qw(array object) : ());
	my $kind = pick(@kinds);
	if ($kind eq 'string') { return json_string(some_text(12)) }
	if ($kind eq 'number')
	{
		return pick(0, -1, 1.5, 34.5, '-0', '0.000', 99999999999, '1e3', '12345678901234567890.123456789',
			'123456789012345678901234567890', '0.1e-7', '3.4028236e38', integer(64));
	}
	if ($kind eq 'word') { return pick('true', 'false', 'null') }
	if ($kind eq 'array') { return '[' . join(',', map { any_value($depth - 1) } 1 .. rand(4)) . ']' }
	my $n = 0;
	return '{' . join(',', map { $n++; json_string("k$n") . ':' . any_value($depth - 1) } 1 .. rand(4)) . '}';
}

# A value for a column that it was not made for.
sub odd_value
{
	my $digits = join('', map { 1 + int rand 9 } 1 .. 40 + rand(1500));
	return pick(
		sub { any_value(3) },
		sub { $right{ pick(sort keys %right) }->() },
		sub { json_string('x' x pick(5, 6, 8, 9, 32, 200, 10001)) },
		sub { json_string(some_text(4) . ' ' x int(rand(12))) },
		sub { pick('"34.5"', '" 12 "', '"1_000"', '"0x1F"', '"NaN"', '"Infinity"', '"-"', '""', '" "', '"yes"', '"2026-02-30"',
				'"0000-00-00"', '"24:00:00"', '"2026-01-01T00:00:00.1234567Z"', '"{1,2}"', '"{1,{2}}"', '"[5,1]"', '"(1,2,3)"', '"null"') },
		sub { pick("1e400", '-1e-400', '1e131072', '1e16384', '1e999999999', '0.' . '0' x 400 . '1') },
		sub { $digits },
		sub { "0.$digits" },
		sub { my $n = pick(10, 900, 999, 1000); '[' x $n . ']' x $n },
		sub { '[[1,2],[3]]' },
		sub { '[[1,2],[3,4]]' },
		sub { '{"a":{"b":[1,2,{"c":null}]}}' },
		sub { pick('{"a":1,"a":1}', '{"a":1,"a":2}', '[{"x":{"b":"\u0041","b":"A"}}]', '{"a":1,"b":"x"}') },
		sub { 'null' },
	)->();
}

# ---- the tables ----

# Columns in order: name, type. "line" tells which line a stored row was.
sub shapes
{
	return (
		plain => {
			columns => [
				line => 'text', i => 'int', b => 'bigint', s => 'smallint', n => 'numeric(12,4)', nn => 'numeric',
				f => 'double precision', r => 'real', t => 'text', v => 'varchar(8)', c => 'char(5)', ok => 'boolean',
				u => 'uuid', d => 'date', ts => 'timestamp(3)', tz => 'timestamptz', j => 'json', jb => 'jsonb'
			],
		},
		named => {
			columns => [
				line => 'text', ia => 'int[]', ta => 'text[]', e => 'mood', p => 'positive', rg => 'int4range', 'a pair' => 'pair',
				'Mixed Case' => 'text', select => 'varchar(8)', "\x{44f}" => 'text', 'x"y' => 'int', bx => 'bytea', iv => 'interval'
			],
		},
		bound => {
			columns => [ line => 'text', k => 'bigint', name => 'varchar(8)', qty => 'positive', parent => 'smallint', at => 'timestamptz' ],
			# what every document needs, and what a key must be to be stored
			always => { k => sub { ++our $key }, name => $right{'varchar(8)'}, parent => sub { 1 + int(rand(20)) } },
		},
		parted => {
			columns => [ line => 'text', d => 'date', v => 'text', n => 'int' ],
			always => { d => sub { sprintf('"%04d-%02d-%02d"', pick(2025, 2026), 1 + rand(12), 1 + rand(28)) } },
		},
	);
}

# ---- lines ----

my %wrong = (
	# how, and what must become of it; nothing: as if it were not done
	cut => [ sub { substr($_[0], 0, int(rand(length($_[0]) - 1)) + 1) =~ s/\}?\s*\z//r . ' ' x int(rand(2)) . '{' }, 'held' ],
	utf8 => [ sub { my $d = $_[0]; substr($d, rand(length $d), 0) = pick("\xff", "\xc3\x28", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"); $d }, 'held' ],
	nul => [ sub { my $d = $_[0]; substr($d, rand(length $d), 0) = "\0"; $d }, 'held' ],
	nul_escape => [ sub { $_[0] =~ s/\{/{"zero":"a\\u0000b",/r }, 'held' ],
	surrogate => [ sub { my $s = pick('\ud800', '\udc00x', '\ud800\u0041'); $_[0] =~ s/\{/{"half":"$s",/r }, 'held' ],
	duplicate => [ sub { $_[0] =~ s/\{/{"twice":1,"twice":2,/r }, 'held' ],
	long_key => [ sub { my $k = 'k' x pick(64, 65, 200, 5000); $_[0] =~ s/\{/{"$k":1,/r }, 'held' ],
	deep => [ sub { my $n = pick(1001, 1002, 5000, 100000); $_[0] =~ s/\{/'{"deep":' . '[' x $n . ']' x $n . ','/er }, 'held' ],
	empty_key => [ sub { $_[0] =~ s/\{/{"":1,/r }, 'held' ],
	not_object => [ sub { pick("[$_[0]]", '"text"', '12', 'null', 'true', '[]', '""') }, 'held' ],
	garbage => [ sub { $_[0] . pick('x', '}', ',', '{}', "\x01", '"') }, 'held' ],
	# one byte more, less or other: who knows
	byte => [ sub { my $d = $_[0]; my $at = int(rand(length $d));
			substr($d, $at, pick(0, 1)) = pick('', '"', '\\', ',', ':', '{', '}', '[', ']', '0', 'e', ' ', chr(rand 128)); $d }, 'any' ],
	bytes => [ sub { join('', map { chr(rand 256) } 1 .. 1 + rand(60)) }, 'any' ],
	unknown_key => [ sub { my $k = json_string(pick('new', 'New', 'ne w', "\x{44f}\x{44f}", 'a"b', 'drop table', 'id', '$1', 'k' x 63));
			my $v = any_value(1); my $f = Encode::encode('UTF-8', "{$k:$v,"); $_[0] =~ s/\{/$f/r }, 'any' ],
	twice_the_same => [ sub { $_[0] =~ s/\{(\s*"line"\s*:\s*"[^"]*")/{$1,$1/r } ],
);

# What tells that a stored row was line n; no other line can have it by mistake.
sub mark
{
	my ($table, $n) = @_;
	return "$n." . substr(md5_hex("$table $n"), 0, 8);
}

# make_line(shape, name, n): the bytes of line n, without its end; and what
# must become of it: "stored", "held", "skipped", or "any".
sub make_line
{
	my ($shape, $table, $n) = @_;
	my @columns = @{ $shape->{columns} };
	my $always = $shape->{always} // {};
	my $fate = 'stored';
	my (@fields, @names);

	return (pick('', '', ' ', "\t ", "\r "), 'skipped') if chance(0.01);

	my $mark = mark($table, $n);
	for (my $i = 0; $i < @columns; $i += 2)
	{
		my ($name, $type) = @columns[ $i, $i + 1 ];
		push @names, $name;
		if ($name eq 'line') { push @fields, [ $name, qq("$mark") ] }
		elsif ($always->{$name}) { push @fields, [ $name, $always->{$name}->() ] }
		elsif (chance(0.8)) { push @fields, [ $name, chance(0.05) ? 'null' : $right{$type}->() ] }
	}
	if (chance(0.2))
	{
		my $victim = pick(@fields);
		if ($victim->[0] ne 'line')
		{
			$victim->[1] = odd_value();
			$fate = 'any';
		}
	}
	if (chance(0.3))
	{
		my ($line, @rest) = @fields;
		@fields = ($line, sort { $a->[1] cmp $b->[1] } @rest);
		@fields = reverse @fields if chance(0.5);
	}
	my $blank = chance(0.2) ? pick(' ', '  ', "\t") : '';
	my $doc = Encode::encode('UTF-8', "$blank\{$blank"
		  . join(",$blank", map { json_string($_->[0]) . "$blank:$blank$_->[1]" } @fields) . "$blank}$blank");

	if (chance(0.3))
	{
		my $how = pick(sort keys %wrong);
		my $broken = $wrong{$how}[0]->($doc);
		$broken =~ s/[\r\n]+/ /g;
		return ($broken, 'skipped') if $broken !~ /[^ \t]/;
		return ($broken, $wrong{$how}[1] // $fate);
	}
	return ($doc, $fate);
}

1;
