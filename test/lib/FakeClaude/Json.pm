# JSON as the fake needs it: strict, and without losing what a check must see:
# whether a value is a string or a number, how a number was spelled, and in
# which order an object's keys stood.
#
# Objects become plain hashes (their order is kept aside), arrays arrays, true
# and false JSON::PP's, null undef, strings plain scalars, numbers objects that
# act as their text.
package FakeClaude::Json;

use strict;
use warnings;

use B ();
use Encode ();
use Exporter 'import';
use Hash::Util::FieldHash ();
use JSON::PP ();
use Scalar::Util qw(blessed);

our @EXPORT_OK = qw(from_json to_json canon plain raw_json is_string is_number is_integer is_boolean is_object is_array keys_of);

Hash::Util::FieldHash::fieldhash(my %order);

my $DEEPEST = 250;

package FakeClaude::Json::Number;
use overload '""' => sub { ${ $_[0] } }, '0+' => sub { 0 + ${ $_[0] } }, fallback => 1;
sub TO_JSON { return 0 + ${ $_[0] } }

package FakeClaude::Json::Raw;

package FakeClaude::Json;

# This text stands in the output as it is, whatever it is.
sub raw_json { my ($text) = @_; return bless \$text, 'FakeClaude::Json::Raw' }

sub is_number  { return (blessed $_[0] || '') eq 'FakeClaude::Json::Number' }
sub is_integer { return is_number($_[0]) && ${ $_[0] } =~ /^-?[0-9]+$/ }
sub is_boolean { return (blessed $_[0] || '') eq 'JSON::PP::Boolean' }
sub is_object  { return ref $_[0] eq 'HASH' }
sub is_array   { return ref $_[0] eq 'ARRAY' }
sub is_string  { return defined $_[0] && !ref $_[0] }

# The keys of an object in the order they came in; new ones after them.
sub keys_of
{
	my ($object) = @_;
	my @came = grep { exists $object->{$_} } @{ $order{$object} || [] };
	my %came = map { $_ => 1 } @came;
	return (@came, grep { !$came{$_} } sort keys %$object);
}

# ---- reading ----

sub fault
{
	my ($what, $at) = @_;
	die { fault => "$what: char $at" };
}

# The value of a whole document given as bytes; dies with { fault => text }.
sub from_json
{
	my ($bytes) = @_;
	my $copy = $bytes;
	my $text = eval { Encode::decode('UTF-8', $copy, Encode::FB_CROAK) };
	fault('invalid UTF-8', 0) unless defined $text;
	pos($text) = 0;
	my $value = value_at(\$text, 0);
	$text =~ /\G[ \t\r\n]*/gc;
	fault('trailing characters', pos $text) if pos($text) < length $text;
	return $value;
}

sub value_at
{
	my ($text, $depth) = @_;
	fault('recursion limit exceeded', pos $$text) if $depth > $DEEPEST;
	$$text =~ /\G[ \t\r\n]*/gc;
	return string_at($text) if $$text =~ /\G"/gc;
	return object_at($text, $depth) if $$text =~ /\G\{/gc;
	return array_at($text, $depth) if $$text =~ /\G\[/gc;
	if ($$text =~ /\G(-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?)/gc)
	{
		my $number = $1;
		return bless \$number, 'FakeClaude::Json::Number';
	}
	return JSON::PP::true if $$text =~ /\Gtrue/gc;
	return JSON::PP::false if $$text =~ /\Gfalse/gc;
	return undef if $$text =~ /\Gnull/gc;
	return fault('expected value', pos $$text);
}

sub object_at
{
	my ($text, $depth) = @_;
	my (%object, @keys);
	until ($$text =~ /\G[ \t\r\n]*\}/gc)
	{
		fault('expected `,` or `}`', pos $$text) if @keys && $$text !~ /\G[ \t\r\n]*,/gc;
		$$text =~ /\G[ \t\r\n]*"/gc or fault('key must be a string', pos $$text);
		my $key = string_at($text);
		fault("duplicate key `$key`", pos $$text) if exists $object{$key};
		$$text =~ /\G[ \t\r\n]*:/gc or fault('expected `:`', pos $$text);
		$object{$key} = value_at($text, $depth + 1);
		push @keys, $key;
	}
	my $object = \%object;
	$order{$object} = \@keys;
	return $object;
}

sub array_at
{
	my ($text, $depth) = @_;
	my @array;
	until ($$text =~ /\G[ \t\r\n]*\]/gc)
	{
		fault('expected `,` or `]`', pos $$text) if @array && $$text !~ /\G[ \t\r\n]*,/gc;
		push @array, value_at($text, $depth + 1);
	}
	return \@array;
}

my %ESCAPES = (b => "\b", f => "\f", n => "\n", r => "\r", t => "\t", '"' => '"', '\\' => '\\', '/' => '/');

# After the opening quote.
sub string_at
{
	my ($text) = @_;
	my $string = '';
	for (;;)
	{
		if ($$text =~ /\G([^"\\\x00-\x1f]+)/gc) { $string .= $1 }
		elsif ($$text =~ /\G"/gc)               { return $string }
		elsif ($$text =~ /\G\\u([0-9a-fA-F]{4})/gc)
		{
			my $unit = hex $1;
			fault('no high surrogate in string', pos $$text) if $unit >= 0xDC00 && $unit <= 0xDFFF;
			if ($unit >= 0xD800 && $unit <= 0xDBFF)
			{
				$$text =~ /\G\\u([dD][c-fC-F][0-9a-fA-F]{2})/gc
				  or fault('no low surrogate in string', pos $$text);
				$unit = 0x10000 + (($unit - 0xD800) << 10) + (hex($1) - 0xDC00);
			}
			$string .= chr $unit;
		}
		elsif ($$text =~ m{\G\\(["\\/bfnrt])}gc) { $string .= $ESCAPES{$1} }
		else { fault(pos($$text) < length $$text ? 'invalid character in string' : 'EOF in string', pos $$text) }
	}
}

# The same with perl's own numbers.
sub plain
{
	my ($value) = @_;
	return 0 + $$value if is_number($value);
	return [ map { plain($_) } @$value ] if is_array($value);
	return $value unless is_object($value);
	return { map { $_ => plain($value->{$_}) } keys %$value };
}

# ---- writing ----

my %QUOTED = ("\n" => '\n', "\r" => '\r', "\t" => '\t', '"' => '\"', '\\' => '\\\\');

sub quoted
{
	my ($string) = @_;
	$string =~ s/(["\\\x00-\x1f])/$QUOTED{$1} || sprintf '\u%04x', ord $1/ge;
	return qq("$string");
}

sub scalar_text
{
	my ($value) = @_;
	return 'null' unless defined $value;
	if (my $class = blessed $value)
	{
		return $$value if $class eq 'FakeClaude::Json::Number' || $class eq 'FakeClaude::Json::Raw';
		return $value ? 'true' : 'false' if $class eq 'JSON::PP::Boolean';
		die "no JSON: $class";
	}
	return $$value ? 'true' : 'false' if ref $value eq 'SCALAR';
	my $flags = B::svref_2object(\$value)->FLAGS;
	return "$value" if $flags & (B::SVp_IOK | B::SVp_NOK) && !($flags & B::SVp_POK);
	return quoted($value);
}

sub text_of
{
	my ($value) = @_;
	return '{' . join(',', map { quoted($_) . ':' . text_of($value->{$_}) } keys_of($value)) . '}'
	  if is_object($value);
	return '[' . join(',', map { text_of($_) } @$value) . ']' if is_array($value);
	return scalar_text($value);
}

# A value as bytes: keys in the order they came in, or by name.
sub to_json
{
	my ($value) = @_;
	return Encode::encode('UTF-8', text_of($value));
}

# What is free JSON of the client's or the model's own: it stands in the prompt
# as it was written, so that the order of its keys counts.
my %VERBATIM = map { $_ => 1 } qw(input input_schema input_examples schema);

# A value for comparing prefixes, as text: without marks of the cache and
# without absent fields, keys by name, but for what is verbatim.
sub canon
{
	my ($value, $verbatim) = @_;
	return '[' . join(',', map { canon($_, $verbatim) } @$value) . ']' if is_array($value);
	return scalar_text($value) unless is_object($value);
	return text_of($value) if $verbatim;
	return '{'
	  . join(',', map { quoted($_) . ':' . canon($value->{$_}, $VERBATIM{$_}) }
		  grep { $_ ne 'cache_control' && defined $value->{$_} } sort keys %$value) . '}';
}

1;
