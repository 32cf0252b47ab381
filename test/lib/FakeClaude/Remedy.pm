# What might heal an incident, in the order in which it should be tried: each
# candidate is { steps, intent, explanation, confidence }; none of them: a
# person has to decide, and why.
package FakeClaude::Remedy;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Json qw(is_object is_array is_string is_number is_boolean keys_of);
use FakeClaude::Notation;

our @EXPORT = qw(candidates_for why_a_person);

sub step { my ($kind, $column, %more) = @_; return { kind => $kind, column => $column, type => '', labels => [], args => {}, %more } }

sub plan
{
	my ($intent, $confidence, @steps) = @_;
	return { intent => $intent, explanation => "$intent; the rows of the packet look like it.", confidence => $confidence, steps => \@steps };
}

sub type_of
{
	my ($facts, $name) = @_;
	my ($column) = grep { defined $name && $_->{name} eq $name } @{ $facts->{columns} };
	return $column ? lc $column->{type} : '';
}

sub is_time   { return $_[0] =~ /^(?:date|time)/ }
sub is_numeral { return $_[0] =~ /^(?:small|big)?int|^(?:numeric|decimal|real|double)/ }

# ---- names that mean the same ----

sub words_of
{
	my ($name) = @_;
	(my $split = $name) =~ s/([a-z0-9])([A-Z])/$1_$2/g;
	return map { lc } grep { $_ ne '' } split /[^A-Za-z0-9]+/, $split;
}

# From 0 to 1: how much two names have in common.
sub alike
{
	my ($one, $other) = @_;
	my @a = words_of($one);
	my @b = words_of($other);
	return 1 if join('', @a) eq join('', @b);
	my $same = 0;
	for my $word (@a)
	{
		my ($best) = sort { $b <=> $a } map { $word eq $_ ? 1 : index($_, $word) == 0 || index($word, $_) == 0 ? 0.7 : 0 } @b;
		$same += $best || 0;
	}
	my $most = @a > @b ? @a : @b;
	return $most ? $same / $most : 0;
}

# Parts of a value that are no objects: [path] each.
sub leaves_of
{
	my ($value, @path) = @_;
	return [@path] unless is_object($value) && keys %$value && @path < 8;
	return map { leaves_of($value->{$_}, @path, $_) } keys_of($value);
}

# The column that a path may mean, not one that the payloads have themselves.
sub column_for
{
	my ($facts, $taken, @path) = @_;
	my %there = map { $_ => 1 } map { keys %$_ } @{ $facts->{samples} };
	my ($best, $score) = (undef, 0.45);
	for my $column (grep { !$there{$_} && !$taken->{$_} } map { $_->{name} } @{ $facts->{columns} })
	{
		my ($likeness) = sort { $b <=> $a } alike(join('_', @path), $column), 0.95 * alike($path[-1], $column);
		($best, $score) = ($column, $likeness) if $likeness > $score;
	}
	return $best;
}

# ---- candidates by class ----

# Keys of the payloads that the table does not have.
sub strange_keys
{
	my ($facts) = @_;
	my %known = map { $_->{name} => 1 } @{ $facts->{columns} };
	my %seen;
	return grep { !$known{$_} && !$seen{$_}++ } map { keys_of($_) } @{ $facts->{samples} };
}

sub mapped_parts
{
	my ($facts, $key, $rest) = @_;
	my ($object) = grep { is_object($_) } @{ $facts->{values} }, map { $_->{$key} } @{ $facts->{samples} };
	return unless is_object($object);
	my (@steps, %taken);
	for my $path (leaves_of($object, $key))
	{
		my $column = column_for($facts, \%taken, @$path) or next;
		$taken{$column} = 1;
		push @steps, step(map_field => $key, args => { path => $path, rest => $rest, to => $column });
	}
	return @steps;
}

sub restructured
{
	my ($facts, $key) = @_;
	my @found;
	for my $rest (qw(hold drop))
	{
		my @steps = mapped_parts($facts, $key, $rest);
		push @found, plan("the parts of \"$key\" are columns of the table already", 0.85, @steps) if @steps;
	}
	my $column = @found ? undef : column_for($facts, {}, $key);
	push @found, plan("\"$key\" is another name of column \"$column\"", 0.9, step(map_field => $key, args => { to => $column }))
	  if defined $column;
	return @found;
}

sub learnt_type
{
	my (@values) = @_;
	@values = grep { defined } @values;
	return 'text' unless @values;
	return 'jsonb' if grep { is_object($_) || is_array($_) } @values;
	return 'boolean' unless grep { !is_boolean($_) } @values;
	return 'text' if grep { !is_number($_) } @values;
	return (grep { /[.eE]/ } @values) ? 'numeric' : 'bigint';
}

sub unknown_key
{
	my ($facts, $key) = @_;
	return (restructured($facts, $key),
		plan("\"$key\" is a new fact about the row", 0.6, step(add_column => $key, type => learnt_type(@{ $facts->{values} }))));
}

sub missing_key
{
	my ($facts, $column) = @_;
	my @keys = strange_keys($facts);
	my ($near) = sort { alike($b, $column) <=> alike($a, $column) } @keys;
	my @found;
	for my $key (@keys)
	{
		push @found, restructured($facts, $key)
		  if grep { is_object($_->{$key}) } @{ $facts->{samples} };
	}
	push @found, plan("\"$near\" is another name of column \"$column\"", 0.85, step(map_field => $near, args => { to => $column }))
	  if defined $near && !@found && alike($near, $column) > 0.3;
	return @found;
}

sub misread
{
	my ($facts, $key) = @_;
	my $type = type_of($facts, $facts->{column});
	my ($value) = grep { is_string($_) && /[0-9]/ } @{ $facts->{values} };
	return unless defined $value;
	my %to = defined $facts->{column} && $facts->{column} ne $key ? (to => $facts->{column}) : ();
	return map { plan("\"$key\" is written as $_", 0.85, step(parse_timestamp => $key, args => { formats => [$_], %to })) } time_formats($value)
	  if is_time($type);
	return map { plan("\"$key\" is written with other signs", 0.85, step(parse_number => $key, args => { %$_, %to })) } number_notations($value)
	  if is_numeral($type);
	return;
}

sub too_long
{
	my ($facts, $column) = @_;
	my ($width) = type_of($facts, $column) =~ /\(([0-9]+)\)/;
	my @types = (defined $width ? ('varchar(' . 2 * $width . ')') : (), 'text');
	return map { plan("values of \"$column\" have become longer", 0.9, step(widen_type => $column, type => $_)) } @types;
}

sub out_of_range
{
	my ($facts, $column) = @_;
	my $type = type_of($facts, $column);
	my @types = $type eq 'smallint' ? qw(integer bigint) : $type eq 'integer' ? qw(bigint) : qw(numeric);
	return map { plan("values of \"$column\" have become larger", 0.9, step(widen_type => $column, type => $_)) } @types;
}

sub more_digits
{
	my ($facts, $column) = @_;
	my ($digits, $scale) = type_of($facts, $column) =~ /\(([0-9]+)(?:,\s*([0-9]+))?\)/;
	my @types = defined $digits ? map { 'numeric(' . ($digits + 2 * $_) . ',' . (($scale || 0) + $_) . ')' } 2, 6 : ();
	return map { plan("values of \"$column\" have more digits", 0.85, step(widen_type => $column, type => $_)) } @types, 'numeric';
}

sub new_label
{
	my ($facts, $column) = @_;
	my %seen;
	my @labels = grep { is_string($_) && length && !$seen{$_}++ } @{ $facts->{values} };
	return unless @labels;
	return plan("\"$column\" has new labels", 0.7, step(add_enum_label => $column, labels => \@labels));
}

my %BY_CLASS = (
	unknown_key => \&unknown_key, bad_key => \&unknown_key, key_too_long => \&unknown_key,
	missing_key => \&missing_key, null_value => \&missing_key, bad_value => \&misread, wrong_type => \&misread,
	inexact => \&misread, too_long => \&too_long, too_wide => \&too_long, out_of_range => \&out_of_range,
	precision => \&more_digits, scale => \&more_digits, fraction => \&more_digits, enum_label => \&new_label);

sub candidates_for
{
	my ($facts) = @_;
	my $rule = defined $facts->{class} ? $BY_CLASS{ $facts->{class} } : undef;
	my ($key) = grep { defined } @$facts{qw(key column)};
	return unless $rule && defined $key;
	return $rule->($facts, $key);
}

# Why there is no plan, and what was considered.
sub why_a_person
{
	my ($facts) = @_;
	my ($key) = grep { defined } @$facts{qw(key column)}, 'the row';
	my $class = defined $facts->{class} ? $facts->{class} : 'unknown';
	my @kinds = map { is_object($_) ? 'an object' : is_array($_) ? 'a list' : 'a plain value' } @{ $facts->{values} };
	my $came = @kinds ? " It came as $kinds[0]." : '';
	return {
		intent => "a person decides what \"$key\" means",
		explanation => "No change is safe for class $class of \"$key\".$came",
		confidence => 0.2, steps => [],
		options => [
			{ option => 'convert_type', taken => \0, why => 'rows that are stored would change their meaning' },
			{ option => 'ignore_field', taken => \0, why => 'what the producer sent would be lost' },
			{ option => 'ask a person', taken => \1, why => 'what the values mean is a question of business' } ] };
}

1;
