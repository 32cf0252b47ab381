# What a conversation says about an incident: table, columns, class, column or
# key, payloads. This is the one place that knows how the packet and the tools'
# answers look: parts between lines with a marker, <MARKER label> to </MARKER>,
# of which "incident" has "name: value" lines, "documentation" the table, and
# "data" a payload each. Without such parts it goes by names of keys wherever
# they stand in JSON that stands anywhere in the text, and by such lines.
package FakeClaude::Facts;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Json qw(from_json is_object is_array is_string is_number keys_of);
use Encode ();

our @EXPORT = qw(facts_of documents_in json_after);

# Under which names a fact may stand.
my %NAMES = (
	table => [qw(table table_name relation)], class => [qw(class misfit failure_class)],
	column => [ 'column or key', qw(column column_name) ], key => [qw(key field payload_key)],
	incident => [qw(incident incident_id)], sqlstate => ['sqlstate'], message => ['message']);
my %SAMPLES = map { $_ => 1 } qw(payloads samples sample_payloads examples held rows_held sampled);

# The JSON value that begins at an offset, or nothing: [value, its end].
sub json_after
{
	my ($text, $from) = @_;
	my ($depth, $in_string, $i) = (0, 0, $from);
	pos($text) = $from;
	while ($text =~ /\G[^"\\{}\[\]]*(?:(\\.)|(["{}\[\]]))/gcs)
	{
		my $sign = $2;
		next unless defined $sign;
		if ($sign eq '"') { $in_string = !$in_string; next }
		next if $in_string;
		$depth += $sign =~ /[{\[]/ ? 1 : -1;
		return if $depth < 0;
		next if $depth > 0;
		my $end = pos $text;
		my $value = eval { [ from_json(Encode::encode('UTF-8', substr $text, $from, $end - $from)) ] };
		return $value ? [ $value->[0], $end ] : ();
	}
	return;
}

# All JSON objects and arrays that stand in a text. What only looks like the
# beginning of one is passed over, but not without end.
sub documents_in
{
	my ($text) = @_;
	my ($at, $failed, @found) = (0, 0);
	while ($at < length $text && $failed < 100)
	{
		pos($text) = $at;
		last unless $text =~ /(?=\{\s*["}]|\[\s*["{\[\]0-9tfn-])/g;
		my $from = pos $text;
		my $found = json_after($text, $from);
		push @found, $found->[0] if $found;
		$failed++ unless $found;
		$at = $found ? $found->[1] : $from + 1;
	}
	return @found;
}

# Every object below a value, outermost first; JSON within strings too.
sub objects_below
{
	my ($value, $depth) = @_;
	return if $depth > 12;
	return ($value, map { objects_below($value->{$_}, $depth + 1) } keys_of($value)) if is_object($value);
	return map { objects_below($_, $depth + 1) } @$value if is_array($value);
	return map { objects_below($_, $depth + 1) } documents_in($value) if is_string($value) && $value =~ /^\s*[{\[]/;
	return;
}

sub table_name
{
	my ($value) = @_;
	return $value if is_string($value);
	return unless is_object($value);
	my ($name) = grep { is_string($_) } @$value{qw(name table table_name)};
	return unless defined $name;
	return defined $value->{schema} && $name !~ /\./ ? "$value->{schema}.$name" : $name;
}

sub word
{
	my ($value) = @_;
	return is_string($value) ? $value : is_number($value) ? "$value" : undef;
}

sub take_columns
{
	my ($facts, $list) = @_;
	my @columns = grep { is_object($_) && is_string($_->{name}) && is_string($_->{type}) } @$list;
	$facts->{columns} = [@columns] if @columns && @columns >= @{ $facts->{columns} };
	return;
}

# A payload as it was shown: an object, or text with one.
sub take_samples
{
	my ($facts, $list) = @_;
	for my $one (@$list)
	{
		my $shown = is_object($one) && (exists $one->{payload} || exists $one->{value})
		  ? (exists $one->{payload} ? $one->{payload} : $one->{value}) : $one;
		take_shown($facts, $shown, is_object($one) && exists $one->{value});
	}
	return;
}

# JSON that was shown as text: of one key, or a whole payload.
sub take_shown
{
	my ($facts, $shown, $of_key) = @_;
	my $value = is_string($shown) ? eval { from_json(Encode::encode('UTF-8', $shown)) } : $shown;
	$value = $shown unless defined $value;
	if (is_object($value) && !$of_key) { push @{ $facts->{samples} }, $value }
	elsif (defined $value) { push @{ $facts->{values} }, $value }
	return;
}

# The parts of a packet; false when it has none.
sub parts_of
{
	my ($facts, $text) = @_;
	my $found = 0;
	for my $section (split /^(?=Data: )/m, $text)
	{
		my $of_key = $section =~ /^Data: held values/;
		while ($section =~ /^<(\S{8,64}) ([^>\n]+)>\n(.*?)\n<\/\1>/msg)
		{
			my ($label, $inside) = ($2, $3);
			$found = 1;
			if ($label =~ /^data/) { take_shown($facts, $inside, $of_key) }
			elsif ($label ne 'runbook') { lines_of($facts, $inside) }
		}
	}
	return $found;
}

# { table, class, column, key, incident, sqlstate, message, columns => [{ name,
# type, not_null, comment }], samples => [payload], values => [of the key] }
sub facts_of
{
	my ($conversation) = @_;
	my %facts = (columns => [], samples => [], values => []);
	my @texts = ($conversation->first_message, map { defined $_->{content} ? $_->{content} : () } $conversation->calls);
	shift @texts if parts_of(\%facts, $texts[0]);
	for my $text (@texts)
	{
		for my $object (map { objects_below($_, 0) } documents_in($text))
		{
			for my $fact (grep { !defined $facts{$_} } keys %NAMES)
			{
				my ($value) = grep { defined } map { $fact eq 'table' ? table_name($object->{$_}) : word($object->{$_}) }
				  grep { exists $object->{$_} } @{ $NAMES{$fact} };
				$facts{$fact} = $value if defined $value;
			}
			take_columns(\%facts, $object->{columns}) if is_array($object->{columns});
			take_samples(\%facts, $object->{$_}) for grep { is_array($object->{$_}) && $SAMPLES{$_} } keys %$object;
		}
		lines_of(\%facts, $text);
	}
	delete $facts{column} if defined $facts{column} && $facts{column} eq 'the row as a whole';
	$facts{key} = $facts{column} unless defined $facts{key};
	values_of_key(\%facts);
	return \%facts;
}

# "class: too_long", "table public.t, ...", "- name: type not null -- comment".
sub lines_of
{
	my ($facts, $text) = @_;
	for my $fact (grep { !defined $facts->{$_} } keys %NAMES)
	{
		for my $name (@{ $NAMES{$fact} })
		{
			last if defined $facts->{$fact};
			$facts->{$fact} = $1 if $text =~ /^[-*\s]*\Q$name\E\s*[:=]\s*"?([^"\n]*[^"\n\s.,;])/m;
		}
	}
	$facts->{table} = $1 if !defined $facts->{table} && $text =~ /^(?:partitioned )?table\s+((?:"[^"]+"|\w+)(?:\.(?:"[^"]+"|\w+))?)/mi;
	my @columns;
	while ($text =~ /^-\s+("[^"]+"|[^\s:"]+):\s+([a-z][a-z0-9_ ]*?(?:\([0-9, ]+\))?(?:\[\])?)(\s+not null)?(?=\s+(?:default|generated|identity|labels|--)|\s*$)/mg)
	{
		my ($name, $type, $not_null) = ($1, $2, $3);
		push @columns, { name => $name, type => $type, not_null => $not_null ? JSON::PP::true() : JSON::PP::false() };
	}
	take_columns($facts, \@columns) if @columns;
	return;
}

sub values_of_key
{
	my ($facts) = @_;
	return unless defined $facts->{key};
	for my $sample (grep { exists $_->{ $facts->{key} } } @{ $facts->{samples} })
	{
		push @{ $facts->{values} }, $sample->{ $facts->{key} };
	}
	return;
}

1;
