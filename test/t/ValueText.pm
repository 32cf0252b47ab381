# Readers of texts, for a test that must not ask the code under test what a
# text means: JSON with every digit, exact decimals, PostgreSQL's literals of
# arrays, composites and ranges, dates, intervals.
package ValueText;

use strict;
use warnings;

use Exporter 'import';
use Math::BigInt;
use Math::BigRat;

our @EXPORT = qw(
  decimal same_decimal
  json_read json_string
  array_read record_read range_read multirange_read
  instant time_of_day interval_total
);

# ---- exact decimals ----

# A number as sign, digits that count and the power of ten of the last of them;
# a word as itself; undef for what is neither. The text may be of any size.
sub decimal
{
	my ($s) = @_;
	$s =~ s/^\s+|\s+$//g;
	return 'nan' if $s =~ /^nan$/i;
	return lc("$1inf") if $s =~ /^([-]?)(?:\+)?inf(?:inity)?$/i;
	$s =~ /^([-+]?)(\d*)(?:\.(\d*))?(?:[eE]([-+]?\d+))?$/ or return;
	my ($sign, $int, $frac, $exp) = ($1, $2, $3 // '', $4 // 0);
	my $digits = $int . $frac;
	return if $digits eq '';
	$exp -= length $frac;
	$digits =~ s/^0+//;
	$exp += length $1 if $digits =~ s/(0+)$//;
	return '0' if $digits eq '';
	return ($sign eq '-' ? '-' : '') . "${digits}e" . ($exp + 0);
}

sub same_decimal
{
	my ($a, $b) = map { decimal($_) } @_;
	return defined $a && defined $b && $a eq $b;
}

# ---- JSON ----

sub utf8_bytes
{
	my ($code) = @_;
	my $c = chr $code;
	utf8::encode($c);
	return $c;
}

# The bytes that a JSON string (with its quotes) stands for.
sub json_string
{
	my ($s) = @_;
	my %plain = (b => "\b", f => "\f", n => "\n", r => "\r", t => "\t");
	$s = substr($s, 1, -1);
	$s =~ s{\\(?:u([dD][89abAB]..)\\u(....)|u(....)|(.))}{
		defined $1 ? utf8_bytes(0x10000 + ((hex($1) - 0xD800) << 10) + hex($2) - 0xDC00)
		: defined $3 ? utf8_bytes(hex $3)
		: $plain{$4} // $4}gesx;
	return $s;
}

# One value, as [kind, what, the text as written]. Kinds: s(tring), n(umber),
# b(oolean), z (null), a(rray of values), o(bject: pairs of key and value).
# The text is known to be JSON; pos($$text) is where the value begins.
sub read_value
{
	my ($text) = @_;
	$$text =~ /\G\s+/gc;
	my $start = pos($$text) // 0;
	my @value;
	if ($$text =~ /\G("(?:[^"\\]++|\\.)*+")/gcs) { @value = ('s', json_string($1)) }
	elsif ($$text =~ /\G(-?\d[-+.\deE]*)/gc) { @value = ('n', $1) }
	elsif ($$text =~ /\G(true|false)/gc) { @value = ('b', $1) }
	elsif ($$text =~ /\Gnull/gc) { @value = ('z', undef) }
	elsif ($$text =~ /\G\[/gc)
	{
		@value = ('a', []);
		until ($$text =~ /\G\s*\]/gc)
		{
			$$text =~ /\G\s*,/gc;
			push @{ $value[1] }, read_value($text);
		}
	}
	elsif ($$text =~ /\G\{/gc)
	{
		@value = ('o', []);
		until ($$text =~ /\G\s*\}/gc)
		{
			$$text =~ /\G\s*,/gc;
			my $key = read_value($text);
			$$text =~ /\G\s*:/gc;
			push @{ $value[1] }, [ $key->[1], read_value($text) ];
		}
	}
	else { die "no JSON at " . substr($$text, $start, 40) }
	return [ @value, substr($$text, $start, pos($$text) - $start) ];
}

sub json_read
{
	my ($text) = @_;
	return read_value(\$text);
}

# ---- PostgreSQL's literals ----

# A field or bound up to a byte of the class $stop outside quotes: (text, was
# quoted).
sub read_part
{
	my ($text, $stop) = @_;
	my ($out, $quoted) = ('', 0);
	while (1)
	{
		if ($$text =~ /\G\\(.)/gcs) { $out .= $1; $quoted = 1 }
		elsif ($$text =~ /\G"/gc)
		{
			$quoted = 1;
			while (1)
			{
				if ($$text =~ /\G([^"\\]+)/gc) { $out .= $1 }
				elsif ($$text =~ /\G\\(.)/gcs) { $out .= $1 }
				elsif ($$text =~ /\G""/gc) { $out .= '"' }
				elsif ($$text =~ /\G"/gc) { last }
				else { return }
			}
		}
		elsif ($$text =~ /\G([^$stop"\\]+)/gc) { $out .= $1 }
		else { last }
	}
	return ($out, $quoted);
}

# {1,{2}}: nested lists of texts, undef for NULL; undef if it is no such text.
# The bounds in front, if any, are the second result.
sub array_read
{
	my ($text, $delimiter) = @_;
	my ($bounds) = $text =~ /\G\s*((?:\[[^\]]*\])+)\s*=/gc ? $1 : '';
	$text =~ /\G\s*\{/gc or return;
	my @stack = ([]);
	while (@stack)
	{
		$text =~ /\G\s+/gc;
		if ($text =~ /\G\{/gc) { push @stack, [] }
		elsif ($text =~ /\G\}/gc)
		{
			my $done = pop @stack;
			return ($text =~ /\G\s*$/gc ? ($done, $bounds) : ()) unless @stack;
			push @{ $stack[-1] }, $done;
		}
		elsif ($text =~ /\G\Q$delimiter\E/gc) { next }
		else
		{
			my $quoted = $text =~ /\G"((?:[^"\\]++|\\.)*+)"/gcs;
			my $part = $1;
			($part) = $text =~ /\G([^{}"\Q$delimiter\E]+)/gc unless $quoted;
			return unless defined $part;
			if ($quoted) { $part =~ s/\\(.)/$1/gs }
			else { $part =~ s/\s+$// }
			push @{ $stack[-1] }, !$quoted && uc $part eq 'NULL' ? undef : \"$part";
		}
	}
	return;
}

# (a,"b",): the fields, undef for a null.
sub record_read
{
	my ($text) = @_;
	my @fields;
	$text =~ /\G\s*\(/gc or return;
	while (1)
	{
		my ($part, $quoted) = read_part(\$text, ',)');
		return unless defined $part;
		push @fields, $part eq '' && !$quoted ? undef : $part;
		next if $text =~ /\G,/gc;
		return $text =~ /\G\)\s*$/gc ? \@fields : undef;
	}
}

# [a,b): { empty } or { low, high, low_in, high_in }.
sub range_read
{
	my ($text) = @_;
	return { empty => 1 } if $text =~ /^\s*empty\s*$/i;
	$text =~ /\G\s*([\[\(])/gc or return;
	my %r = (low_in => $1 eq '[');
	for my $bound (qw(low high))
	{
		my ($part, $quoted) = read_part(\$text, ',)\]');
		return unless defined $part;
		$r{$bound} = $part eq '' && !$quoted ? undef : $part;
		last if $bound eq 'high';
		$text =~ /\G,/gc or return;
	}
	$text =~ /\G([\]\)])\s*$/gc or return;
	$r{high_in} = $1 eq ']';
	$r{low_in} = 0 unless defined $r{low};
	$r{high_in} = 0 unless defined $r{high};
	return \%r;
}

sub multirange_read
{
	my ($text) = @_;
	my @ranges;
	$text =~ /^\s*\{(.*)\}\s*$/s or return;
	$text = $1;
	while ($text =~ /\G\s*(empty|[\[\(](?:[^"\\\]\)]++|\\.|"(?:[^"\\]++|\\.)*+")*+[\]\)])\s*(?:,|$)/gcsi)
	{
		my $range = range_read($1) or return;
		push @ranges, $range;
	}
	return ($text =~ /\G\s*$/gc) ? \@ranges : undef;
}

# ---- dates and times ----

# Days since 1970-01-01 in the Gregorian calendar; year 0 is 1 BC.
sub days
{
	my ($y, $m, $d) = @_;
	$y-- if $m <= 2;
	my $era = ($y >= 0 ? $y : $y - 399) / 400;
	$era = int $era;
	my $yoe = $y - $era * 400;
	my $doy = int((153 * ($m + ($m > 2 ? -3 : 9)) + 2) / 5) + $d - 1;
	my $doe = $yoe * 365 + int($yoe / 4) - int($yoe / 100) + $doy;
	return $era * 146097 + $doe - 719468;
}

sub zone_seconds
{
	my ($zone) = @_;
	return 0 if $zone =~ /^z$/i;
	$zone =~ /^([-+])(\d\d)(?::?(\d\d)(?::?(\d\d))?)?$/ or return;
	return ($1 eq '-' ? -1 : 1) * ($2 * 3600 + ($3 // 0) * 60 + ($4 // 0));
}

# An ISO date or timestamp: { seconds (of the wall clock, since 1970), fraction
# (digits that count), zone (seconds east, undef: none), has_time }, or a word.
# undef for any other notation.
sub instant
{
	my ($s) = @_;
	return { word => lc $1 } if $s =~ /^\s*(-?infinity)\s*$/i;
	$s =~ /^(\d{4,6})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(z|[-+]\d\d(?::?\d\d){0,2})?)?(\ BC)?$/xi
	  or return;
	my ($y, $m, $d, $h, $min, $sec, $frac, $zone, $bc) = ($1, $2, $3, $4, $5, $6, $7, $8, $9);
	my $fraction = $frac // '';
	$fraction =~ s/0+$//;
	return {
		word => '',
		seconds => days($bc ? 1 - $y : $y, $m, $d) * 86400 + ($h // 0) * 3600 +
		  ($min // 0) * 60 + ($sec // 0),
		fraction => $fraction,
		zone => defined $zone ? zone_seconds($zone) : undef,
		has_time => defined $h };
}

# A time of day: seconds, digits of the fraction that count, zone.
sub time_of_day
{
	my ($s) = @_;
	$s =~ /^(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?\s*(z|[-+]\d\d(?::?\d\d){0,2})?$/i or return;
	my ($h, $m, $sec, $frac, $zone) = ($1, $2, $3 // 0, $4 // '', $5);
	$frac =~ s/0+$//;
	return {
		seconds => $h * 3600 + $m * 60 + $sec,
		fraction => $frac,
		zone => defined $zone ? zone_seconds($zone) : undef };
}

my %micros = (
	microsecond => 1, millisecond => 1000, second => 1e6, minute => 60e6, hour => 3600e6,
	day => 86400e6, week => 7 * 86400e6, mon => 30 * 86400e6, month => 30 * 86400e6,
	year => 360 * 86400e6, decade => 3600 * 86400e6, century => 36000 * 86400e6);

# An interval of numbers and units ("1.5 years -3 days 04:05:06.7"): exact
# microseconds, a month as 30 days and a year as 12 months. undef for any other
# notation.
sub interval_total
{
	my ($s) = @_;
	my $total = Math::BigRat->new(0);
	$s =~ s/^\s+|\s+$//g;
	return if $s eq '';
	while ($s ne '')
	{
		if ($s =~ s/^([-+]?)(\d+):(\d\d)(?::(\d\d(?:\.\d+)?))?(?:\s+|$)//)
		{
			my $t = Math::BigRat->new($2) * 3600 + $3 * 60 + Math::BigRat->new($4 // 0);
			$total += $t * 1000000 * ($1 eq '-' ? -1 : 1);
		}
		elsif ($s =~ s/^([-+]?\d+(?:\.\d+)?)\s*([a-z]+?)s?(?:\s+|$)// &&
			exists $micros{ $2 eq 'centurie' ? 'century' : $2 })
		{
			my $unit = $micros{ $2 eq 'centurie' ? 'century' : $2 };
			$total += Math::BigRat->new($1) * Math::BigRat->new(sprintf '%.0f', $unit);
		}
		else { return }
	}
	return $total;
}

1;
