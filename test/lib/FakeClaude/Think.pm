# The modes in which the fake acts by itself. think: it looks at the table and
# at payloads, tries what might heal the incident until a trial bears it out,
# and proposes that, or says that a person has to decide. It rests on what the
# request says and on nothing else: each turn is worked out from the
# conversation alone. obey: it does first what it is told by data.
package FakeClaude::Think;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Facts;
use FakeClaude::Json qw(to_json from_json is_object is_array is_string);
use FakeClaude::Obey;
use Encode ();
use FakeClaude::Remedy;

our @EXPORT = qw(think obey fill);

my $TURNS = 20;

# ---- arguments ----

# Other names that an argument may have.
my %NAMES = (
	table => [qw(table relation table_name)], incident => [qw(incident incident_id)],
	ddl => [qw(ddl sql statement migration)], steps => ['steps'], plan => ['plan'], intent => ['intent'],
	explanation => [qw(explanation rationale reason)], confidence => ['confidence'],
	options => [qw(options options_considered alternatives)]);

sub wanted_for
{
	my ($wanted, $name) = @_;
	return $wanted->{$name} if exists $wanted->{$name};
	for my $fact (keys %NAMES)
	{
		return $wanted->{$fact} if exists $wanted->{$fact} && grep { $_ eq $name } @{ $NAMES{$fact} };
	}
	return;
}

sub types_of
{
	my ($schema) = @_;
	return ref $schema->{type} ? @{ $schema->{type} } : ($schema->{type}) if defined $schema->{type};
	return map { types_of($_) } @{ $schema->{anyOf} || [] };
}

# A value in the form that a schema asks for.
sub shaped
{
	my ($value, $schema) = @_;
	my %type = map { $_ => 1 } grep { defined } types_of($schema);
	if (ref $value eq 'HASH' || ref $value eq 'ARRAY')
	{
		return to_text($value) if $type{string} && !$type{object} && !$type{array};
		return fill($schema, $value) if ref $value eq 'HASH' && $schema->{properties};
		return [ map { shaped($_, $schema->{items}) } @$value ] if ref $value eq 'ARRAY' && is_object($schema->{items});
		return $value;
	}
	return "$value" if defined $value && !ref $value && $type{string};
	return 0 + $value if defined $value && !ref $value && ($type{number} || $type{integer}) && $value =~ /^-?[0-9.]+\z/;
	return $value;
}

sub to_text { my ($value) = @_; return Encode::decode('UTF-8', to_json($value)) }

sub nothing
{
	my ($schema) = @_;
	my %type = map { $_ => 1 } grep { defined } types_of($schema);
	return undef if $type{null};
	return $schema->{enum}[0] if $schema->{enum};
	return $type{string} ? '' : $type{array} ? [] : $type{object} ? {} : $type{boolean} ? \0 : 0;
}

# Arguments by a tool's own schema: what is wanted where it has a name for it,
# and what it requires besides.
sub fill
{
	my ($schema, $wanted) = @_;
	my %required = map { $_ => 1 } @{ $schema->{required} || [] };
	my %input;
	for my $name (keys %{ $schema->{properties} || {} })
	{
		my $property = $schema->{properties}{$name};
		my $value = wanted_for($wanted, $name);
		if (defined $value) { $input{$name} = shaped($value, $property) }
		elsif ($required{$name}) { $input{$name} = nothing($property) }
	}
	return \%input;
}

sub call
{
	my ($conversation, $name, $wanted) = @_;
	return [ $name => fill($conversation->tool($name)->{input_schema}, $wanted) ];
}

# ---- thinking ----

sub has { my ($conversation, $name) = @_; return scalar grep { $_ eq $name } $conversation->tool_names }

# Did a trial or a proposal bear the plan out?
sub went_well
{
	my ($call) = @_;
	return 0 if $call->{is_error} || !defined $call->{content};
	for my $document (documents_in($call->{content}))
	{
		my $trial = is_object($document->{dry_run}) ? $document->{dry_run} : $document;
		return 0 if exists $trial->{ok} && !$trial->{ok};
		return 0 if defined $trial->{held_tried} && defined $trial->{held_stored} && $trial->{held_stored} < $trial->{held_tried};
	}
	return 1;
}

sub one_at_a_time
{
	my ($conversation) = @_;
	my $choice = $conversation->body->{tool_choice};
	return is_object($choice) && $choice->{disable_parallel_tool_use};
}

# Tool calls of a step, as many at once as the request allows.
sub acting
{
	my ($conversation, $text, @calls) = @_;
	@calls = @calls[ 0 .. 0 ] if one_at_a_time($conversation);
	return { text => $text, tools => \@calls };
}

sub options_of
{
	my ($chosen, @all) = @_;
	return [ map {
		{
			option => join(', ', map { "$_->{kind} of $_->{column}" } @{ $_->{steps} }),
			taken => $_ == $chosen ? \1 : \0,
			why => $_ == $chosen ? 'its trial stored the rows' : 'its trial failed, or it was not needed' }
	} @all ];
}

# The step of this turn. %more: ways in which obey bends it (confidence).
sub think
{
	my ($conversation, %more) = @_;
	my @calls = $conversation->calls;
	return { text => 'I stop here: this leads nowhere.' } if $conversation->turn >= $TURNS;
	my %called = map { $_->{name} => 1 } @calls;
	my @look = grep { has($conversation, $_) && !$called{$_} } qw(inspect_schema sample_payloads);
	return acting($conversation, 'I look at the table and at what is held.', map { call($conversation, $_, {}) } @look) if @look;

	my $facts = facts_of($conversation);
	my @candidates = candidates_for($facts);
	my @tried = grep { $_->{name} eq 'execute_dry_run_migration' } @calls;
	my @proposed = grep { $_->{name} eq 'propose_plan' } @calls;
	return { text => 'The plan is proposed.' } if @proposed && went_well($proposed[-1]);
	return { text => 'I cannot do anything here: no tool takes a plan.' } unless has($conversation, 'propose_plan');
	return try_next($conversation, \@candidates, \@tried, \@proposed, $facts, %more);
}

# A plan as a call carries it, to know it again.
sub plan_in
{
	my ($input) = @_;
	return to_json(from_json(to_json([ map { $input->{$_} } grep { defined $input->{$_} } qw(steps plan) ])));
}

# The first candidate that nothing has failed with yet is tried, then proposed.
sub try_next
{
	my ($conversation, $candidates, $tried, $proposed, $facts, %more) = @_;
	my $dry = has($conversation, 'execute_dry_run_migration');
	my (%failed, %borne_out);
	$failed{ plan_in($_->{input}) } = 1 for grep { !went_well($_) } @$tried, @$proposed;
	$borne_out{ plan_in($_->{input}) } = 1 for grep { went_well($_) } @$tried;
	for my $plan (@$candidates)
	{
		my %chosen = (%$plan, options => options_of($plan, @$candidates));
		my $proposal = call($conversation, 'propose_plan', arguments($facts, \%chosen, %more));
		my $key = plan_in($proposal->[1]);
		next if $failed{$key};
		return acting($conversation, 'The trial went well.', $proposal) if !$dry || $borne_out{$key};
		return acting($conversation, 'I try this first.', call($conversation, 'execute_dry_run_migration', arguments($facts, $plan)));
	}
	my $why = why_a_person($facts);
	$why->{options} = [ @{ options_of($why, @$candidates) }, @{ $why->{options} } ];
	my $last = call($conversation, 'propose_plan', arguments($facts, $why, %more));
	return { text => 'My proposals were refused; a person has to decide.' }
	  if grep { to_json($_->{input}) eq to_json(from_json(to_json($last->[1]))) } @$proposed;
	return acting($conversation, 'I find no safe change.', $last);
}

sub arguments
{
	my ($facts, $plan, %more) = @_;
	my %wanted = (ddl => '', plan => { steps => $plan->{steps} }, %$plan, %more);
	$wanted{table} = $facts->{table} if defined $facts->{table};
	return \%wanted;
}

# ---- obeying ----

# Does an earlier turn of the model's hold these words?
sub said_already
{
	my ($conversation, $sign) = @_;
	return scalar grep { $_->{role} eq 'assistant' && index(to_json($_->{content}), $sign) >= 0 } $conversation->messages;
}

# What stands behind SELFHEAL-INJECT: in data is done first, once each; then
# the fake thinks, with what it was told to say of itself.
sub obey
{
	my ($conversation, $goals) = @_;
	my $facts = facts_of($conversation);
	my @orders = orders_in($conversation, $facts, $goals || {});
	my %done;
	$done{"$_->{name} " . to_json($_->{input})}++ for $conversation->calls;
	my @calls;
	my %more;
	for my $order (@orders)
	{
		%more = (%more, %{ $order->{say} }) if $order->{say};
		for my $one (@{ $order->{calls} || [] })
		{
			my $tool = $conversation->tool($one->{name});
			my $input = $one->{as_is} || !$tool ? $one->{input} : fill($tool->{input_schema}, $one->{input});
			my $written = "$one->{name} " . to_json(from_json(to_json($input)));
			push @calls, [ $one->{name} => $input ] if $order->{loop} || !$done{$written}++;
		}
	}
	my ($extra) = grep { $_->{step} && !said_already($conversation, $_->{sign}) } @orders;
	return { thinking => 'I was told to.', shown => 1, text => 'As I was told.', tools => \@calls } if @calls;
	return { %{ $extra->{step} } } if $extra;
	return think($conversation, %more);
}

1;
