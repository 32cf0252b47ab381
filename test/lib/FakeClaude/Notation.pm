# Guesses at notations of times and numbers from how values look, be they
# masked (letters as A and a, digits as 9) or not: formats in the order in
# which they should be tried.
package FakeClaude::Notation;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(time_formats number_notations);

my $MONTH = qr/^(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)/i;

# A value in runs: [kind, text], kind n (digits), w (letters), s (signs).
sub runs_of
{
	my ($value) = @_;
	my @runs;
	while ($value =~ /([0-9]+)|([A-Za-z]+)|([^0-9A-Za-z]+)/g)
	{
		push @runs, defined $1 ? [ n => $1 ] : defined $2 ? [ w => $2 ] : [ s => $3 ];
	}
	return @runs;
}

sub is_masked { my ($value) = @_; return $value !~ /[0-8B-Zb-z]/ }

sub is_month
{
	my ($word) = @_;
	return length $word >= 3 && ($word =~ $MONTH || $word =~ /^A?a+\z|^AAA\z/);
}

# One number of a date or time by its width.
sub part { my ($what, $digits) = @_; return length $digits == 1 ? "FM$what" : $what }

my %COMPACT = (
	8 => ['YYYYMMDD'], 10 => ['unix'], 12 => ['YYYYMMDDHH24MI'], 13 => ['unix_ms'], 14 => ['YYYYMMDDHH24MISS']);

# Formats that would read a value, the likeliest first.
sub time_formats
{
	my ($value) = @_;
	my @runs = runs_of($value);
	my @numbers = grep { $runs[$_][0] eq 'n' } 0 .. $#runs;
	return @{ $COMPACT{ length $value } || [] } if @runs == 1 && @numbers == 1;
	return map { written(\@runs, @$_) } orders_of(\@runs, @numbers);
}

# Which runs are which: [{ run => part }, ...] in the orders that may be meant.
sub orders_of
{
	my ($runs, @numbers) = @_;
	my ($month) = grep { $runs->[$_][0] eq 'w' && is_month($runs->[$_][1]) && $runs->[$_][1] !~ /^[AaPp][AaMm]\z/ } 0 .. $#$runs;
	my %sign = map { $_ => ($_ < $#$runs && $runs->[ $_ + 1 ][0] eq 's' ? $runs->[ $_ + 1 ][1] : '') } @numbers;
	my @day = defined $month ? 2 : 3;
	my $count = $day[0];
	return if @numbers < $count && !(@numbers && length $runs->[ $numbers[0] ][1] == 8);
	if (length $runs->[ $numbers[0] ][1] == 8) { return [ { $numbers[0] => 'YYYYMMDD' }, [ @numbers[ 1 .. $#numbers ] ] ] }

	# the time may stand first
	my $first = ($sign{ $numbers[0] } =~ /:/) ? 1 : 0;
	my @date = $first ? @numbers[ @numbers - $count .. $#numbers ] : @numbers[ 0 .. $count - 1 ];
	my @time = $first ? @numbers[ 0 .. @numbers - $count - 1 ] : @numbers[ $count .. $#numbers ];
	my $year = sub { length $runs->[ $_[0] ][1] == 4 ? 'YYYY' : 'YY' };
	my @orders;
	if (defined $month)
	{
		my $word = length $runs->[$month][1] > 3 ? 'Month' : 'Mon';
		my ($d, $y) = length $runs->[ $date[0] ][1] == 4 ? reverse @date : @date;
		@orders = ({ $month => $word, $d => part('DD', $runs->[$d][1]), $y => $year->($y) });
	}
	else
	{
		my @way = length $runs->[ $date[0] ][1] == 4 ? ('YMD', 'YDM') : $sign{ $date[0] } =~ m{/} ? ('MDY', 'DMY') : ('DMY', 'MDY');
		for my $way (@way)
		{
			my %order;
			for my $i (0 .. 2)
			{
				my $letter = substr $way, $i, 1;
				$order{ $date[$i] } = $letter eq 'Y' ? $year->($date[$i]) : part($letter x 2, $runs->[ $date[$i] ][1]);
			}
			push @orders, \%order if possible(\%order, $runs);
		}
	}
	return map { [ $_, \@time ] } @orders;
}

# Not when a month would be above 12: only where digits are real.
sub possible
{
	my ($order, $runs) = @_;
	for my $run (keys %$order)
	{
		my $number = $runs->[$run][1];
		next if is_masked($number);
		return 0 if $order->{$run} =~ /MM$/ && $number > 12 || $order->{$run} =~ /DD$/ && $number > 31;
	}
	return 1;
}

sub written
{
	my ($runs, $order, $time) = @_;
	my %part = %$order;
	my ($half) = grep { $runs->[$_][0] eq 'w' && $runs->[$_][1] =~ /^(?:AM|PM|am|pm|AA|aa)\z/ } 0 .. $#$runs;
	my @clock = $half ? qw(HH12 MI SS) : qw(HH24 MI SS);
	my $zone = '';
	for my $i (0 .. $#$time)
	{
		my $run = $time->[$i];
		my $digits = $runs->[$run][1];
		my $sign = $run > 0 && $runs->[ $run - 1 ][0] eq 's' ? $runs->[ $run - 1 ][1] : '';
		if ($i > 0 && $sign =~ /^\s*[-+]\z/ && $i >= 2) { $zone = $run; last }
		if ($i == 0 && length $digits == 6) { $part{$run} = "$clock[0]MISS" }
		elsif ($i == 0 && length $digits == 4) { $part{$run} = "$clock[0]MI" }
		elsif ($i < 3) { $part{$run} = part($clock[$i], $digits) }
		elsif ($sign =~ /^[.,]\z/) { $part{$run} = length $digits == 3 ? 'MS' : length $digits == 6 ? 'US' : 'FF' }
	}
	my $format = '';
	for my $run (0 .. $#$runs)
	{
		my ($kind, $text) = @{ $runs->[$run] };
		if ($zone ne '' && $run >= $zone - 1)
		{
			(my $sign = $runs->[ $zone - 1 ][1]) =~ s/[-+]\z//;
			return "$format${sign}TZ";
		}
		if (defined $part{$run}) { $format .= $part{$run} }
		elsif ($kind eq 's') { $format .= $text }
		elsif (defined $half && $run == $half) { $format .= 'AM' }
		elsif ($kind eq 'w' && $run == $#$runs && $text =~ /^(?:Z|A|UTC|GMT)\z/ && @$time) { $format .= 'TZ' }
		elsif ($kind eq 'w' && $run == 0 && length $text >= 3) { $format .= length $text == 3 ? 'Dy' : 'Day' }
		elsif ($kind eq 'w' && $text =~ /^[TA]\z/) { $format .= 'T' }
		elsif ($kind eq 'w') { $format .= qq("$text") }
		else { return () }
	}
	return $format;
}

# Arguments of parse_number that would read a value: [{ decimal, group, strip }].
sub number_notations
{
	my ($value) = @_;
	my ($number) = $value =~ /([0-9][0-9.,' \x{a0}\x{202f}]*)/ or return;
	$number =~ s/[ \x{a0}\x{202f}]+\z//;
	my @strip = grep { $_ ne '' && $_ !~ /^[-+(]/ } map { s/^\s+|\s+\z//gr } split /\Q$number\E/, $value, 2;
	my ($group, $decimal) = ('', '.');
	my @signs = $number =~ /([^0-9])/g;
	my %kinds = map { $_ => 1 } @signs;
	my @ways;
	if (keys %kinds >= 2) { @ways = ([ $signs[0], $signs[-1] ]) }
	elsif (@signs >= 2)   { @ways = ([ $signs[0], $signs[0] eq '.' ? ',' : '.' ]) }
	elsif (@signs == 1 && $number =~ /[^0-9][0-9]{3}\z/)
	{
		my $sign = $signs[0];
		@ways = $sign eq ',' ? ([ '', ',' ], [ ',', '.' ]) : $sign eq '.' ? ([ '.', ',' ], [ '', '.' ]) : ([ $sign, '.' ]);
	}
	elsif (@signs == 1) { @ways = ([ '', $signs[0] ]) }
	else { @ways = ([ '', '.' ]) }
	return map {
		{
			decimal => $_->[1], ($_->[0] ne '' ? (group => $_->[0]) : ()), (@strip ? (strip => \@strip) : ()),
		}
	} @ways;
}

1;
