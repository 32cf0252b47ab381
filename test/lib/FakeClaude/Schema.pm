# Tools, and JSON Schema as the API takes it: what every tool must keep to, and
# the narrow subset of strict tools and structured outputs.
package FakeClaude::Schema;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Error;
use FakeClaude::Json qw(is_string is_number is_integer is_boolean is_object is_array keys_of to_json);

our @EXPORT = qw(check_tools check_strict_schema schema_cost check_schema_cost misfit);

my %TOOL_FIELDS = map { $_ => 1 } qw(type name description input_schema strict cache_control
  input_examples defer_loading allowed_callers eager_input_streaming);
my %TYPES = map { $_ => 1 } qw(object array string integer number boolean null);
my %FORMATS = map { $_ => 1 } qw(date-time time date duration email hostname uri ipv4 ipv6 uuid);

# What the subset knows, with the shape of each.
my %STRICT = map { $_ => 1 } qw(type enum const anyOf allOf $ref $defs definitions default required
  properties additionalProperties items format pattern minItems title description);

# Words of JSON Schema, with a check of their values; words that are no JSON
# Schema are annotations, as the standard has it.
my %COUNT = map { $_ => 1 } qw(minLength maxLength minItems maxItems minProperties maxProperties
  minContains maxContains);
my %NUMERIC = map { $_ => 1 } qw(minimum maximum exclusiveMinimum exclusiveMaximum multipleOf);
my %ONE_SCHEMA = map { $_ => 1 } qw(items additionalProperties not if then else contains
  propertyNames unevaluatedItems unevaluatedProperties);
my %MANY_SCHEMAS = map { $_ => 1 } qw(anyOf allOf oneOf prefixItems);
my %NAMED_SCHEMAS = map { $_ => 1 } qw(properties patternProperties $defs definitions dependentSchemas);

# ---- tools ----

# All tools of a request; what they cost together goes to the cost hash.
sub check_tools
{
	my ($tools, $cost, $server) = @_;
	my (%seen, $deferred);
	invalid('tools: Input should be a valid list') unless is_array($tools);
	for my $i (0 .. $#$tools)
	{
		my ($tool, $at) = ($tools->[$i], "tools.$i.custom");
		check_tool($tool, $at);
		invalid('tools: Tool names must be unique.') if $seen{ $tool->{name} }++;
		$deferred++ if $tool->{defer_loading};
		next unless exists $tool->{strict};
		invalid("$at.strict: Extra inputs are not permitted") if $server->{no_strict};
		next unless $tool->{strict};
		invalid("$at.strict: strict tools are not supported for this model") if $server->{no_strict_for_model};
		check_strict_schema($tool->{input_schema}, "$at.input_schema");
		$cost->{tools}++;
		schema_cost($tool->{input_schema}, $cost);
	}
	invalid('tools: At least one tool must have defer_loading=false.') if @$tools && ($deferred || 0) == @$tools;
	return;
}

sub check_tool
{
	my ($tool, $at) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($tool);
	(my $plain = $at) =~ s/\.custom$//;
	if (exists $tool->{type} && !(is_string($tool->{type}) && $tool->{type} eq 'custom'))
	{
		invalid("$plain: Input tag " . (is_string($tool->{type}) ? "'$tool->{type}'" : 'null')
			  . " found using 'type' does not match any of the expected tags");
	}
	for my $field (sort keys %$tool)
	{
		invalid("$at.$field: Extra inputs are not permitted") unless $TOOL_FIELDS{$field};
	}
	invalid("$at.$_: Field required") for grep { !exists $tool->{$_} } qw(name input_schema);
	invalid("$at.name: Input should be a valid string") unless is_string($tool->{name});
	invalid("$at.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}\$'")
	  unless $tool->{name} =~ /^[a-zA-Z0-9_-]{1,128}\z/;
	invalid("$at.description: Input should be a valid string")
	  if exists $tool->{description} && !is_string($tool->{description});
	for my $flag (grep { exists $tool->{$_} } qw(strict defer_loading eager_input_streaming))
	{
		invalid("$at.$flag: Input should be a valid boolean") unless is_boolean($tool->{$flag});
	}
	if (exists $tool->{allowed_callers})
	{
		my $callers = $tool->{allowed_callers};
		invalid("$at.allowed_callers: Input should be a valid list")
		  if !is_array($callers) || !@$callers || grep { !is_string($_) } @$callers;
		invalid("$at.allowed_callers: only 'direct' is possible without code execution")
		  if grep { $_ ne 'direct' } @$callers;
	}
	check_input_schema($tool->{input_schema}, "$at.input_schema");
	check_examples($tool, $at) if exists $tool->{input_examples};
	return;
}

sub check_examples
{
	my ($tool, $at) = @_;
	my $examples = $tool->{input_examples};
	invalid("$at.input_examples: Input should be a valid list") unless is_array($examples);
	for my $i (0 .. $#$examples)
	{
		my $why = is_object($examples->[$i]) ? misfit($examples->[$i], $tool->{input_schema}) : 'no object';
		invalid("$at.input_examples.$i: Input does not match input_schema: $why") if defined $why;
	}
	return;
}

sub check_input_schema
{
	my ($schema, $at) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($schema);
	invalid("$at.type: Field required") unless exists $schema->{type};
	invalid("$at.type: Input should be 'object'") unless is_string($schema->{type}) && $schema->{type} eq 'object';
	invalid("$at: input_schema does not support oneOf, allOf, or anyOf at the top level")
	  if grep { exists $schema->{$_} } qw(oneOf allOf anyOf);
	check_schema($schema, $at);
	return;
}

# ---- any JSON Schema ----

sub no_schema
{
	my ($at, $why) = @_;
	return invalid("$at: JSON schema is invalid. It must match JSON Schema draft 2020-12 "
		  . "(https://json-schema.org/draft/2020-12): $why");
}

sub check_type
{
	my ($type, $at) = @_;
	my @types = is_array($type) ? @$type : ($type);
	my %seen;
	no_schema($at, '`type` is empty') unless @types;
	for my $one (@types)
	{
		no_schema($at, 'unknown `type`') unless is_string($one) && $TYPES{$one};
		no_schema($at, "`type` names $one twice") if $seen{$one}++;
	}
	return;
}

sub check_schema
{
	my ($schema, $at) = @_;
	return if is_boolean($schema);
	no_schema($at, 'a schema is an object or a boolean') unless is_object($schema);
	for my $word (sort keys %$schema)
	{
		my $value = $schema->{$word};
		if ($word eq 'type') { check_type($value, $at) }
		elsif ($COUNT{$word})
		{
			no_schema($at, "`$word` is a count") unless is_integer($value) && $value >= 0;
		}
		elsif ($NUMERIC{$word}) { no_schema($at, "`$word` is a number") unless is_number($value) }
		elsif ($word eq 'enum') { no_schema($at, '`enum` is a list with values') unless is_array($value) && @$value }
		elsif ($word eq 'required')
		{
			no_schema($at, '`required` is a list of names')
			  if !is_array($value) || grep { !is_string($_) } @$value;
			my %seen;
			no_schema($at, '`required` has a name twice') if grep { $seen{$_}++ } @$value;
		}
		elsif ($word eq 'pattern')
		{
			no_schema($at, '`pattern` is a regular expression') unless is_string($value) && compiles($value);
		}
		elsif ($word =~ /^(title|description|format|\$ref|\$schema|\$id|\$comment|\$anchor)$/)
		{
			no_schema($at, "`$word` is a string") unless is_string($value);
		}
		elsif ($ONE_SCHEMA{$word}) { check_schema($value, "$at.$word") }
		elsif ($MANY_SCHEMAS{$word})
		{
			no_schema($at, "`$word` is a list of schemas") unless is_array($value) && @$value;
			check_schema($value->[$_], "$at.$word.$_") for 0 .. $#$value;
		}
		elsif ($NAMED_SCHEMAS{$word})
		{
			no_schema($at, "`$word` is an object of schemas") unless is_object($value);
			for my $name (sort keys %$value)
			{
				invalid("$at.properties: Property keys should match pattern '^[a-zA-Z0-9_.-]{1,64}\$'")
				  if $word eq 'properties' && $name !~ /^[a-zA-Z0-9_.-]{1,64}\z/;
				check_schema($value->{$name}, "$at.$word.$name");
			}
		}
	}
	return;
}

sub compiles { my ($pattern) = @_; return eval { no warnings; qr/$pattern/; 1 } }

# ---- the subset ----

# A schema of strict decoding; root is that of its references.
sub check_strict_schema
{
	my ($schema, $at, $root, $inside) = @_;
	$root = $schema unless defined $root;
	invalid("$at: a schema must be an object") unless is_object($schema);
	for my $word (sort keys %$schema)
	{
		invalid("$at: For '" . type_word($schema) . "' type, property '$word' is not supported") unless $STRICT{$word};
	}
	check_type($schema->{type}, $at) if exists $schema->{type};
	invalid("$at: a schema must have one of type, enum, const, anyOf, allOf, \$ref")
	  unless grep { exists $schema->{$_} } qw(type enum const anyOf allOf $ref);
	check_strict_object($schema, $at) if grep { $_ eq 'object' } types_of($schema);
	check_strict_words($schema, $at);
	return check_strict_below($schema, $at, $root, $inside || {});
}

sub types_of
{
	my ($schema) = @_;
	return unless exists $schema->{type};
	return is_array($schema->{type}) ? @{ $schema->{type} } : ($schema->{type});
}

sub type_word
{
	my ($schema) = @_;
	my @types = grep { is_string($_) } types_of($schema);
	return @types ? $types[0] : 'any';
}

sub check_strict_object
{
	my ($schema, $at) = @_;
	my $more = $schema->{additionalProperties};
	invalid("$at: For 'object' type, 'additionalProperties' must be explicitly set to false")
	  unless is_boolean($more) && !$more;
	my $properties = exists $schema->{properties} ? $schema->{properties} : {};
	for my $name (@{ $schema->{required} || [] })
	{
		invalid("$at.required: '$name' is not in properties") unless exists $properties->{$name};
	}
	return;
}

sub check_strict_words
{
	my ($schema, $at) = @_;
	if (exists $schema->{enum})
	{
		invalid("$at.enum: Enum values must be strings, numbers, booleans, or nulls")
		  if !is_array($schema->{enum}) || !@{ $schema->{enum} }
		  || grep { is_object($_) || is_array($_) } @{ $schema->{enum} };
	}
	invalid("$at.const: a scalar is needed")
	  if exists $schema->{const} && (is_object($schema->{const}) || is_array($schema->{const}));
	invalid("$at: For 'string' type, format " . (is_string($schema->{format}) ? "'$schema->{format}'" : '') . ' is not supported')
	  if exists $schema->{format} && !(is_string($schema->{format}) && $FORMATS{ $schema->{format} });
	invalid("$at: For 'array' type, 'minItems' values other than 0 or 1 are not supported")
	  if exists $schema->{minItems} && !(is_integer($schema->{minItems}) && $schema->{minItems} =~ /^[01]\z/);
	invalid("$at: allOf with \$ref is not supported")
	  if exists $schema->{allOf} && grep { is_object($_) && exists $_->{'$ref'} } $schema, @{ $schema->{allOf} };
	check_pattern($schema->{pattern}, $at) if exists $schema->{pattern};
	return;
}

sub check_pattern
{
	my ($pattern, $at) = @_;
	invalid("$at.pattern: not a regular expression") unless is_string($pattern) && compiles($pattern);
	invalid("$at.pattern: lookaround is not supported") if $pattern =~ /\(\?(?:<?[=!])/;
	(my $bare = $pattern) =~ s/\\\\//g;
	invalid("$at.pattern: word boundaries are not supported") if $bare =~ /\\[bB]/;
	invalid("$at.pattern: backreferences are not supported") if $bare =~ /\\(?:[1-9]|k<)/;
	return;
}

sub check_strict_below
{
	my ($schema, $at, $root, $inside) = @_;
	check_strict_schema($schema->{properties}{$_}, "$at.properties.$_", $root, $inside)
	  for sort keys %{ $schema->{properties} || {} };
	check_strict_schema($schema->{items}, "$at.items", $root, $inside) if exists $schema->{items};
	for my $word (grep { exists $schema->{$_} } qw(anyOf allOf))
	{
		check_strict_schema($schema->{$word}[$_], "$at.$word.$_", $root, $inside) for 0 .. $#{ $schema->{$word} };
	}
	if (defined(my $ref = $schema->{'$ref'}))
	{
		invalid("$at: external \$ref is not supported") unless is_string($ref) && $ref =~ /^#/;
		invalid("$at: recursive schemas are not supported") if $inside->{$ref};
		my $target = target_of($root, $ref);
		invalid("$at: \$ref '$ref' leads nowhere") unless defined $target;
		check_strict_schema($target, $ref, $root, { %$inside, $ref => 1 });
	}
	# what no reference has led to must be right too
	for my $word (grep { exists $schema->{$_} } qw($defs definitions))
	{
		for my $name (sort keys %{ $schema->{$word} })
		{
			check_strict_schema($schema->{$word}{$name}, "$at.$word.$name", $root, { %$inside, "#/$word/$name" => 1 })
			  unless $inside->{"#/$word/$name"};
		}
	}
	return;
}

sub target_of
{
	my ($root, $ref) = @_;
	my $target = $root;
	return $root if $ref eq '#';
	return unless $ref =~ m{^#/};
	for my $part (split m{/}, substr $ref, 2)
	{
		$part =~ s/~1/\//g;
		$part =~ s/~0/~/g;
		return unless is_object($target) && exists $target->{$part};
		$target = $target->{$part};
	}
	return $target;
}

# Add what a strict schema costs the compiler.
sub schema_cost
{
	my ($schema, $cost) = @_;
	return unless is_object($schema);
	my %required = map { $_ => 1 } @{ $schema->{required} || [] };
	for my $name (keys %{ $schema->{properties} || {} })
	{
		my $property = $schema->{properties}{$name};
		$cost->{optional}++ unless $required{$name};
		$cost->{union}++ if is_object($property) && (exists $property->{anyOf} || is_array($property->{type}));
		schema_cost($property, $cost);
	}
	schema_cost($schema->{items}, $cost);
	schema_cost($_, $cost) for map { @{ $schema->{$_} || [] } } qw(anyOf allOf);
	schema_cost($_, $cost) for map { values %{ $schema->{$_} || {} } } qw($defs definitions);
	return;
}

sub check_schema_cost
{
	my ($cost) = @_;
	my %most = (tools => 20, optional => 24, union => 16);
	my %word = (tools => 'strict tools', optional => 'optional properties', union => 'properties with union types');
	for my $what (sort keys %most)
	{
		invalid("Schema is too complex for compilation: $cost->{$what} $word{$what}, at most $most{$what}")
		  if ($cost->{$what} || 0) > $most{$what};
	}
	return;
}

# ---- does a value fit a schema ----

# Why a value does not fit, or undef. Knows what the subset knows and the
# simple limits; for our own checks of replies and examples.
sub misfit
{
	my ($value, $schema, $root, $at) = @_;
	$root = $schema unless defined $root;
	$at = '' unless defined $at;
	return if is_boolean($schema) || !is_object($schema);
	if (defined $schema->{'$ref'})
	{
		my $target = target_of($root, $schema->{'$ref'});
		return misfit($value, $target, $root, $at);
	}
	my @types = types_of($schema);
	return "$at: not of type @types" if @types && !grep { fits_type($value, $_) } @types;
	return "$at: not one of enum" if $schema->{enum} && !grep { to_json($_) eq to_json($value) } @{ $schema->{enum} };
	return "$at: not the const" if exists $schema->{const} && to_json($schema->{const}) ne to_json($value);
	if ($schema->{anyOf})
	{
		return "$at: none of anyOf" unless grep { !defined misfit($value, $_, $root, $at) } @{ $schema->{anyOf} };
	}
	for my $each (@{ $schema->{allOf} || [] })
	{
		my $why = misfit($value, $each, $root, $at);
		return $why if defined $why;
	}
	return misfit_below($value, $schema, $root, $at);
}

sub misfit_below
{
	my ($value, $schema, $root, $at) = @_;
	if (is_object($value))
	{
		my $properties = $schema->{properties} || {};
		for my $name (@{ $schema->{required} || [] })
		{
			return "$at: '$name' is missing" unless exists $value->{$name};
		}
		for my $name (sort keys %$value)
		{
			my $below = exists $properties->{$name} ? $properties->{$name} : $schema->{additionalProperties};
			return "$at: '$name' is too much" if is_boolean($below) && !$below;
			my $why = misfit($value->{$name}, $below, $root, "$at.$name");
			return $why if defined $why;
		}
	}
	elsif (is_array($value))
	{
		for my $i (0 .. $#$value)
		{
			my $why = misfit($value->[$i], $schema->{items}, $root, "$at.$i");
			return $why if defined $why;
		}
	}
	return;
}

sub fits_type
{
	my ($value, $type) = @_;
	return !defined $value if $type eq 'null';
	return is_object($value) if $type eq 'object';
	return is_array($value) if $type eq 'array';
	return is_boolean($value) if $type eq 'boolean';
	return is_number($value) if $type eq 'number';
	return is_integer($value) || (is_number($value) && $value == int $value) if $type eq 'integer';
	return is_string($value);
}

1;
