# Is what a column has stored what the payload says? Judged from the payload's
# text and the stored value's text alone, by the meaning of the type.
#
# Where a type's text means only what its input function says, that is noted as
# a question: must_equal collects [type, text, stored text], to be asked of
# PostgreSQL.
package ValueOracle;

use strict;
use warnings;

use Exporter 'import';
use Math::BigInt;
use ValueText;

our @EXPORT = qw(same must_equal);

my @questions;

# The questions since the last call.
sub must_equal
{
	my @all = @questions;
	@questions = ();
	return @all;
}

sub ask
{
	my ($node, $text, $stored) = @_;
	push @questions, [ $node->{type}, $text, $stored ];
	return 1;
}

# The text of a scalar; of an object or array as it is written.
sub text_of
{
	my ($v) = @_;
	return $v->[0] =~ /[ao]/ ? $v->[2] : $v->[1];
}

sub is_scalar { return $_[0][0] =~ /[snb]/ }

sub same_number
{
	my ($node, $v, $stored) = @_;
	return 0 unless $v->[0] =~ /[sn]/;
	my $text = $v->[1];
	# notations that PostgreSQL knows from 16 on
	if ($v->[0] eq 's' && $text =~ /^\s*([-+]?)(0[xob]\w+|\d+(?:_\d+)+)\s*$/i)
	{
		my ($sign, $digits) = ($1, $2);
		$digits =~ s/_//g;
		my $n = $digits =~ /^0x/i ? Math::BigInt->from_hex($digits)
		  : $digits =~ /^0b/i ? Math::BigInt->from_bin($digits)
		  : $digits =~ s/^0o//i ? Math::BigInt->from_oct($digits) : Math::BigInt->new($digits);
		$text = "$sign$n";
	}
	return same_decimal($text, $stored);
}

sub same_bool
{
	my ($node, $v, $stored) = @_;
	return 0 unless is_scalar($v);
	my $word = lc $v->[1];
	$word =~ s/^\s+|\s+$//g;
	return 0 if $word eq '';
	return $stored eq 't' if 'true' =~ /^\Q$word\E/ || 'yes' =~ /^\Q$word\E/ || $word =~ /^(on|1)$/;
	return $stored eq 'f' if 'false' =~ /^\Q$word\E/ || 'no' =~ /^\Q$word\E/ || $word =~ /^(off?|0)$/;
	return 0;
}

sub same_text { return text_of($_[1]) eq $_[2] }

sub chars
{
	my ($bytes) = @_;
	utf8::decode($bytes);
	return length $bytes;
}

# char(n): all characters as they were sent, then blanks up to n.
sub same_padded
{
	my ($node, $v, $stored) = @_;
	my $text = text_of($v);
	my $pad = ($node->{n} // 0) - chars($text);
	return 0 if defined $node->{n} && $pad < 0;
	return $stored eq $text . ' ' x ($pad > 0 ? $pad : 0);
}

# "char": one byte; from 16 on a high one is printed as an octal escape.
sub same_char
{
	my ($node, $v, $stored) = @_;
	my $text = text_of($v);
	return 1 if $stored eq $text;
	return length $text == 1 && $stored eq sprintf '\\%03o', ord $text;
}

sub same_bytes
{
	my ($node, $v, $stored) = @_;
	return 0 unless is_scalar($v);
	my $text = $v->[1];
	if ($text =~ s/^\\x//) { $text =~ s/\s//g; return $stored eq '\\x' . lc $text }
	$text =~ s/\\(?:(\\)|([0-3][0-7]{2}))/defined $1 ? '\\' : chr oct $2/ge;
	return $stored eq '\\x' . unpack 'H*', $text;
}

# By structure: numbers by their digits, an object's pairs by key. One key twice
# is right only with equal values.
sub same_document
{
	my ($a, $b) = @_;
	return 0 if $a->[0] ne $b->[0];
	return 1 if $a->[0] eq 'z';
	return same_decimal($a->[1], $b->[1]) if $a->[0] eq 'n';
	return $a->[1] eq $b->[1] if $a->[0] =~ /[sb]/;
	if ($a->[0] eq 'a')
	{
		return 0 if @{ $a->[1] } != @{ $b->[1] };
		same_document($a->[1][$_], $b->[1][$_]) || return 0 for 0 .. $#{ $a->[1] };
		return 1;
	}
	my %stored = map { $_->[0] => $_->[1] } @{ $b->[1] };
	my %sent;
	for my $pair (@{ $a->[1] })
	{
		my ($key, $value) = @$pair;
		return 0 unless exists $stored{$key} && same_document($value, $stored{$key});
		$sent{$key} = 1;
	}
	return keys %sent == keys %stored;
}

sub same_jsonb
{
	my ($node, $v, $stored) = @_;
	return same_document($v->[3] ? json_read($v->[1]) : $v, json_read($stored));
}

# A json column keeps the document byte for byte.
sub same_json { return ($_[1][3] ? $_[1][1] : $_[1][2]) eq $_[2] }

sub same_uuid
{
	my ($node, $v, $stored) = @_;
	my @plain = map { my $s = lc; $s =~ s/[-{}]//g; $s } text_of($v), $stored;
	return $plain[0] eq $plain[1];
}

sub same_instant
{
	my ($node, $v, $stored) = @_;
	return 0 unless $v->[0] eq 's';
	my ($sent, $got) = map { instant($_) } $v->[1], $stored;
	return ask($node, $v->[1], $stored) unless $sent && $got;
	return $sent->{word} eq $got->{word} if $sent->{word} ne '' || $got->{word} ne '';
	return 0 if $node->{kind} eq 'date' && ($sent->{seconds} % 86400 || $sent->{fraction} ne '');
	# a wall clock has no zone; UTC is the one that changes nothing
	return 0 if $node->{kind} ne 'timestamptz' && $sent->{zone};
	return 0 if defined $node->{n} && length $sent->{fraction} > $node->{n};
	return $sent->{fraction} eq $got->{fraction} &&
	  $sent->{seconds} - ($sent->{zone} // 0) == $got->{seconds} - ($got->{zone} // 0);
}

# The session's time zone is UTC.
sub same_time
{
	my ($node, $v, $stored) = @_;
	return 0 unless $v->[0] eq 's';
	my ($sent, $got) = map { time_of_day($_) } $v->[1], $stored;
	return ask($node, $v->[1], $stored) unless $sent && $got;
	return 0 if $node->{kind} eq 'time' && defined $sent->{zone};
	return $sent->{fraction} eq $got->{fraction} && $sent->{seconds} == $got->{seconds} &&
	  ($sent->{zone} // 0) == ($got->{zone} // 0);
}

sub same_interval
{
	my ($node, $v, $stored) = @_;
	return 0 unless $v->[0] eq 's';
	my $sent = interval_total($v->[1]);
	return 0 if defined $sent && $sent != interval_total($stored);
	return ask($node, $v->[1], $stored);
}

sub same_bits
{
	my ($node, $v, $stored) = @_;
	return 0 unless is_scalar($v);
	my $text = $v->[1];
	if ($text =~ s/^x//i) { $text = join '', map { sprintf '%04b', hex } split //, $text }
	else { $text =~ s/^b//i }
	return $text eq $stored;
}

sub same_money
{
	my ($node, $v, $stored) = @_;
	return 0 unless $v->[0] =~ /[sn]/;
	return ask($node, $v->[1], $stored) unless defined decimal($v->[1]);
	$stored =~ s/[\$,]//g;
	return same_decimal($v->[1], $stored);
}

# A number that names an object or a transaction: its digits and nothing else.
sub same_digits
{
	my ($node, $v, $stored) = @_;
	return $v->[0] =~ /[sn]/ && $v->[1] =~ /^\s*\+?\d+\s*$/ && same_decimal($v->[1], $stored);
}

sub same_tid
{
	my ($node, $v, $stored) = @_;
	(my $text = text_of($v)) =~ s/^\s+|\s+$//g;
	return $text eq $stored;
}

# Geometry: every number is there, as it was. A box sorts its corners, and a
# line through two points has other numbers.
sub same_geometry
{
	my ($node, $v, $stored) = @_;
	my $text = text_of($v);
	my @lists = map { [ map { decimal($_) } /[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?/g ] } $text, $stored;
	@lists = map { [ sort @$_ ] } @lists if $node->{name} eq 'box';
	return 0 if ($node->{name} ne 'line' || $text =~ /\{/) && "@{$lists[0]}" ne "@{$lists[1]}";
	return ask($node, $text, $stored);
}

sub same_input { return ask($_[0], text_of($_[1]), $_[2]) }

sub never { return 0 }

# ---- made of parts ----

sub same_part
{
	my ($node, $v, $stored) = @_;
	return !defined $v || $v->[0] eq 'z' if !defined $stored;
	return defined $v && $v->[0] ne 'z' && same($node, $v, $stored);
}

# A part of a literal: a text, which for a json type is a document.
sub part { return defined $_[0] ? [ 's', $_[0], undef, 1 ] : undef }

# An array of either source as nested lists of references to values, undef for
# a null.
sub from_json
{
	return [ map { $_->[0] eq 'a' ? from_json($_) : $_->[0] eq 'z' ? undef : \$_ } @{ $_[0][1] } ];
}

sub from_literal
{
	return [ map { ref $_ eq 'ARRAY' ? from_literal($_) : defined $_ ? \part($$_) : undef } @{ $_[0] } ];
}

sub same_lists
{
	my ($node, $sent, $stored) = @_;
	return 0 if @$sent != @$stored;
	for my $i (0 .. $#$sent)
	{
		my ($a, $b) = ($sent->[$i], $stored->[$i]);
		return 0 if (ref $a eq 'ARRAY') != (ref $b eq 'ARRAY');
		return 0 unless ref $a eq 'ARRAY' ? same_lists($node, $a, $b)
		  : same_part($node, $a ? $$a : undef, $b ? $$b : undef);
	}
	return 1;
}

sub same_array
{
	my ($node, $v, $stored) = @_;
	my ($got, $bounds) = array_read($stored, $node->{delimiter});
	return 0 unless $got;
	return $bounds eq '' && same_lists($node->{part}, from_json($v), $got) if $v->[0] eq 'a';
	return 0 unless $v->[0] eq 's';
	my ($sent, $sent_bounds) = array_read($v->[1], $node->{delimiter});
	return 0 unless $sent;
	$sent_bounds =~ s/\s//g;
	$sent_bounds = '' if $sent_bounds =~ /^(?:\[1:\d+\])+$/;
	# {{},{}} is an empty array
	return ask($node, $v->[1], $stored) if "@$got" eq '';
	return $bounds eq $sent_bounds && same_lists($node->{part}, from_literal($sent), $got);
}

sub same_vector
{
	my ($node, $v, $stored) = @_;
	my @sent = $v->[0] eq 'a' ? @{ $v->[1] } : map { part($_) } split ' ', text_of($v);
	my @got = split ' ', $stored;
	return 0 if @sent != @got || $v->[0] !~ /[as]/;
	same($node->{part}, $sent[$_], $got[$_]) || return 0 for 0 .. $#got;
	return 1;
}

sub same_record
{
	my ($node, $v, $stored) = @_;
	my $got = record_read($stored);
	my @sent;
	if ($v->[0] eq 'o')
	{
		for my $pair (@{ $v->[1] })
		{
			my ($i) = grep { $node->{names}[$_] eq $pair->[0] } 0 .. $#{ $node->{names} };
			return 0 if !defined $i && $pair->[1][0] ne 'z';
			next unless defined $i;
			return 0 if $sent[$i] && !same_document($sent[$i], $pair->[1]);
			$sent[$i] = $pair->[1];
		}
	}
	elsif ($v->[0] eq 's') { @sent = map { part($_) } @{ record_read($v->[1]) // return 0 } }
	else { return 0 }
	return 0 if @sent > @$got;
	same_part($node->{parts}[$_], $sent[$_], $got->[$_]) || return 0 for 0 .. $#$got;
	return 1;
}

# A bound of a discrete range as the first value in it, or the first behind it:
# a word that is the same for the same bound. undef: another notation.
sub step
{
	my ($node, $text, $behind) = @_;
	return 'none' unless defined $text;
	my $n = $text;
	if ($node->{part}{kind} eq 'date')
	{
		my $at = instant($text) or return undef;
		return "$at->{word} $behind" if $at->{word} ne '';
		return 'no date' if $at->{seconds} % 86400 || $at->{fraction} ne '';
		$n = $at->{seconds} / 86400;
	}
	return Math::BigInt->new($n)->badd($behind ? 1 : 0)->bstr;
}

# Two ranges as range_read gives them, the sent one with values for bounds.
sub same_bounds
{
	my ($node, $sent, $got) = @_;
	return $got->{empty} ? 1 : 0 if $sent->{empty};
	return undef if $got->{empty};
	if ($node->{discrete})
	{
		my @ends = map { (step($node, $_->{low}, $_->{low_in} ? 0 : 1), step($node, $_->{high}, $_->{high_in} ? 1 : 0)) } $sent, $got;
		return undef if grep { !defined } @ends;
		return $ends[0] eq $ends[2] && $ends[1] eq $ends[3] ? 1 : 0;
	}
	for my $bound (qw(low high))
	{
		return 0 unless same_part($node->{part}, part($sent->{$bound}), $got->{$bound});
		return 0 if ($sent->{"${bound}_in"} ? 1 : 0) != ($got->{"${bound}_in"} ? 1 : 0);
	}
	return 1;
}

sub same_range
{
	my ($node, $v, $stored) = @_;
	my $got = range_read($stored);
	my ($sent, $text);
	if ($v->[0] eq 'a')
	{
		return 0 if @{ $v->[1] } != 2 || grep { !is_scalar($_) } @{ $v->[1] };
		my @bounds = map { $_->[1] } @{ $v->[1] };
		$sent = { low => $bounds[0], high => $bounds[1], low_in => 1, high_in => 1 };
		$text = '[' . join(',', map { my $s = $_; $s =~ s/(["\\])/\\$1/g; "\"$s\"" } @bounds) . ']';
	}
	elsif ($v->[0] eq 's') { $sent = range_read($text = $v->[1]) // return 0 }
	else { return 0 }
	my $same = same_bounds($node, $sent, $got);
	# whether it is empty is the type's to say
	return $same // ask($node, $text, $stored);
}

sub same_multirange
{
	my ($node, $v, $stored) = @_;
	my $sent = multirange_read(text_of($v)) // return 0;
	my $got = multirange_read($stored);
	# joined and sorted ones only PostgreSQL can compare
	if (@$sent == @$got)
	{
		my $asked = @questions;
		my @same = map { same_bounds($node->{part}, $sent->[$_], $got->[$_]) } 0 .. $#$got;
		return 1 unless @questions > $asked || grep { !$_ } @same;
		splice @questions, $asked;
	}
	return ask($node, text_of($v), $stored);
}

my %by_kind = (
	int => \&same_number, numeric => \&same_number, float => \&same_number,
	bool => \&same_bool, text => \&same_text, enum => \&same_text, bpchar => \&same_padded, char => \&same_char,
	bytea => \&same_bytes, json => \&same_json, jsonb => \&same_jsonb, uuid => \&same_uuid,
	date => \&same_instant, timestamp => \&same_instant, timestamptz => \&same_instant,
	time => \&same_time, timetz => \&same_time, interval => \&same_interval,
	bits => \&same_bits, money => \&same_money, digits => \&same_digits, tid => \&same_tid,
	geometry => \&same_geometry, input => \&same_input, never => \&never,
	array => \&same_array, vector => \&same_vector, record => \&same_record,
	range => \&same_range, multirange => \&same_multirange);

# Is the stored text (not null) of a column of this type what a value says?
sub same
{
	my ($node, $v, $stored) = @_;
	return $by_kind{ $node->{kind} }->($node, $v, $stored);
}

1;
