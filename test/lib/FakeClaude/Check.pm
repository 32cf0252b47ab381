# Is a request one that the API would take? Headers, the body's fields, and by
# Schema, Messages and Binding all that is below them. Refusals are thrown
# (Error); what the API takes and its documentation advises against is listed.
package FakeClaude::Check;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Binding;
use FakeClaude::Error;
use FakeClaude::Json qw(from_json to_json is_string is_number is_integer is_boolean is_object is_array);
use FakeClaude::Messages;
use FakeClaude::Models;
use FakeClaude::Schema;
use IO::Uncompress::Gunzip ();

our @EXPORT = qw(check_headers check_body advice);

my @VERSIONS = qw(2026-10-21 2023-06-01);

my %FIELDS = map { $_ => 1 } qw(model max_tokens messages system tools tool_choice thinking output_config
  cache_control metadata stop_sequences stream service_tier speed inference_geo container diagnostics
  temperature top_p top_k);
my %COUNT_FIELDS = map { $_ => 1 } qw(model messages system tools tool_choice thinking);

# What Ollama and its like do not know.
my @NOT_LOCAL = qw(tool_choice metadata cache_control output_config);

# ---- headers ----

# server: key, kind, betas, no_agent. Returns the version that counts.
sub check_headers
{
	my ($method, $headers, $server) = @_;
	return '2023-06-01' if $server->{kind} eq 'ollama';
	check_key($headers, $server);
	my $version = $headers->{'anthropic-version'};
	invalid('anthropic-version: header is required') unless defined $version;
	invalid("anthropic-version: \"$version\" is not a valid version") unless grep { $_ eq $version } @VERSIONS;
	my %betas = map { $_ => 1 } @{ $server->{betas} || [] };
	for my $beta (grep { $_ ne '' } split /\s*,\s*/, defined $headers->{'anthropic-beta'} ? $headers->{'anthropic-beta'} : '')
	{
		invalid("Unexpected value(s) `$beta` for the `anthropic-beta` header.") unless $betas{$beta};
	}
	return $version if $method ne 'POST';
	my $type = defined $headers->{'content-type'} ? lc $headers->{'content-type'} : '';
	invalid("content-type: must be application/json, not \"$type\"") unless $type =~ m{^application/json\s*(?:;|\z)};
	return $version;
}

sub check_key
{
	my ($headers, $server) = @_;
	my $sent = $headers->{'x-api-key'};
	my $bearer = $headers->{authorization};
	refuse(401, 'authentication_error', 'x-api-key header is required') unless defined $sent || defined $bearer;
	refuse(401, 'authentication_error', 'invalid x-api-key') if defined $sent && $sent ne $server->{key};
	refuse(401, 'authentication_error', 'Invalid bearer token')
	  if defined $bearer && $bearer !~ /^Bearer \Q$server->{key}\E\z/;
	return;
}

# ---- body ----

sub unpacked
{
	my ($raw, $headers, $server) = @_;
	my $limit = $server->{size_limit};
	my $encoding = lc(defined $headers->{'content-encoding'} ? $headers->{'content-encoding'} : 'identity');
	if ($encoding eq 'gzip')
	{
		my $text = '';
		my $stream = IO::Uncompress::Gunzip->new(\$raw, Transparent => 0);
		my $ok = $stream ? 1 : 0;
		while ($ok && length $text <= $limit)
		{
			my $got = $stream->read($text, 1 << 20, length $text);
			$ok = 0 if $got < 0;
			last if $got <= 0;
		}
		invalid('The request body could not be decompressed', details => { error_code => 'request_body_encoding_invalid' }) unless $ok;
		$raw = $text;
	}
	elsif ($encoding ne 'identity')
	{
		invalid("Content-Encoding \"$encoding\" is not supported", details => { error_code => 'request_body_encoding_unsupported' });
	}
	refuse(413, 'request_too_large', 'Request exceeds the maximum size') if length $raw > $limit;
	return $raw;
}

# The checked body of POST /v1/messages, or of count_tokens. server: kind,
# size_limit, secret, new_account, version.
sub check_body
{
	my ($raw, $headers, $server, $counting) = @_;
	my $text = unpacked($raw, $headers, $server);
	my $body = eval { from_json($text) };
	if (my $error = $@)
	{
		die $error unless ref $error eq 'HASH';
		invalid("The request body is not valid JSON: $error->{fault}");
	}
	invalid('Input should be a valid dictionary') unless is_object($body);
	my %server = %$server;
	refuse_local($body, \%server) if $server{kind} eq 'ollama';
	for my $field (sort keys %$body)
	{
		invalid("$field: Extra inputs are not permitted")
		  unless $counting ? $COUNT_FIELDS{$field} : $FIELDS{$field};
	}
	my @needed = $counting ? qw(model messages) : qw(model max_tokens messages);
	invalid("$_: Field required") for grep { !exists $body->{$_} } @needed;
	my $model = check_model($body, \%server);
	check_max_tokens($body, $model) unless $counting;
	check_simple($body);
	check_sampling($body, $model, \%server);
	check_effort($body, $model);
	check_thinks($body, $model);
	check_system($body->{system}) if exists $body->{system};
	my %cost;
	$server{no_strict} = 1 if $server{kind} eq 'ollama';
	$server{no_strict_for_model} = 1 if $server{kind} eq 'bedrock' && !$model->{forced};
	check_tools($body->{tools}, \%cost, \%server) if exists $body->{tools};
	check_format($body, \%cost);
	check_schema_cost(\%cost);
	check_choice($body, $model);
	check_messages($body, $model, \%server);
	check_marks($body);
	my $bound = ($model->{bound} || '') eq 'always' || (($model->{bound} || '') eq 'new' && $server{new_account});
	check_thinking($server{secret}, $body, $bound);
	return ($body, $model);
}

sub refuse_local
{
	my ($body, $server) = @_;
	invalid("json: unknown field \"$_\"") for grep { exists $body->{$_} } @NOT_LOCAL;
	my @places = (
		is_array($body->{system}) ? @{ $body->{system} } : (),
		is_array($body->{tools}) ? @{ $body->{tools} } : (),
		map { is_object($_) && is_array($_->{content}) ? @{ $_->{content} } : () }
		  is_array($body->{messages}) ? @{ $body->{messages} } : ());
	for my $place (grep { is_object($_) } @places)
	{
		invalid('json: unknown field "cache_control"') if exists $place->{cache_control};
	}
	return;
}

sub check_model
{
	my ($body, $server) = @_;
	invalid('model: Input should be a valid string') unless is_string($body->{model});
	invalid('model: String should have at least 1 character') if $body->{model} eq '';
	my $model = model_of($body->{model}, $server->{kind})
	  or refuse(404, 'not_found_error', "model: $body->{model}");
	invalid("anthropic-version: $server->{version} is not supported for this model")
	  if $server->{kind} eq 'bedrock' && $server->{version} eq '2026-10-21' && !$model->{recent};
	$model->{context} = $server->{context} if $server->{context};
	return $model;
}

sub check_max_tokens
{
	my ($body, $model) = @_;
	my $max = $body->{max_tokens};
	invalid('max_tokens: Input should be a valid integer') unless is_integer($max);
	invalid('max_tokens: Input should be greater than or equal to 0') if $max < 0;
	invalid("max_tokens: $max > $model->{out}, which is the maximum allowed number of output tokens for $model->{name}")
	  if $max > $model->{out};
	return;
}

sub one_of
{
	my ($value, $at, @words) = @_;
	invalid("$at: Input should be " . join(', ', map { "'$_'" } @words))
	  unless is_string($value) && grep { $_ eq $value } @words;
	return;
}

sub only_fields
{
	my ($object, $at, @fields) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($object);
	for my $field (sort keys %$object)
	{
		invalid("$at.$field: Extra inputs are not permitted") unless grep { $_ eq $field } @fields;
	}
	return;
}

sub check_simple
{
	my ($body) = @_;
	invalid('stream: Input should be a valid boolean') if exists $body->{stream} && !is_boolean($body->{stream});
	one_of($body->{service_tier}, 'service_tier', qw(auto standard_only)) if defined $body->{service_tier};
	one_of($body->{speed}, 'speed', qw(standard fast)) if defined $body->{speed};
	for my $field (grep { defined $body->{$_} } qw(inference_geo container))
	{
		invalid("$field: Input should be a valid string") unless is_string($body->{$field});
	}
	check_mark($body->{cache_control}, 'cache_control') if defined $body->{cache_control};
	if (defined $body->{diagnostics})
	{
		only_fields($body->{diagnostics}, 'diagnostics', 'previous_message_id');
		my $id = $body->{diagnostics}{previous_message_id};
		invalid('diagnostics.previous_message_id: Input should be a valid string') if defined $id && !is_string($id);
	}
	if (defined $body->{metadata})
	{
		only_fields($body->{metadata}, 'metadata', 'user_id');
		my $user = $body->{metadata}{user_id};
		invalid('metadata.user_id: Input should be a valid string') if defined $user && !is_string($user);
		invalid('metadata.user_id: String should have at most 256 characters') if defined $user && length $user > 256;
	}
	if (defined(my $stops = $body->{stop_sequences}))
	{
		invalid('stop_sequences: Input should be a valid list') if !is_array($stops) || grep { !is_string($_) } @$stops;
		invalid('stop_sequences: each stop sequence must contain non-whitespace') if grep { !/\S/ } @$stops;
	}
	return;
}

sub check_sampling
{
	my ($body, $model, $server) = @_;
	for my $field (grep { exists $body->{$_} } qw(temperature top_p top_k))
	{
		invalid("$field: Extra inputs are not permitted") if $server->{version} eq '2026-10-21';
		invalid("`$field` is not supported for this model.") unless $model->{sampled};
		invalid("$field: Input should be a valid number") unless is_number($body->{$field});
		invalid("$field: range: 0..1") if $field ne 'top_k' && ($body->{$field} < 0 || $body->{$field} > 1);
		invalid("$field: Input should be a valid integer") if $field eq 'top_k' && !is_integer($body->{$field});
	}
	return;
}

sub check_effort
{
	my ($body, $model) = @_;
	return unless defined $body->{output_config};
	only_fields($body->{output_config}, 'output_config', qw(effort format));
	my $effort = $body->{output_config}{effort};
	return unless defined $effort;
	one_of($effort, 'output_config.effort', qw(low medium high xhigh max));
	invalid('This model does not support the effort parameter.') unless @{ $model->{effort} };
	invalid("output_config.effort: '$effort' is not supported for this model") unless grep { $_ eq $effort } @{ $model->{effort} };
	return;
}

sub check_thinks
{
	my ($body, $model) = @_;
	my $thinking = $body->{thinking};
	return unless exists $body->{thinking};
	invalid('thinking: Input should be a valid dictionary') unless is_object($thinking);
	my $type = is_string($thinking->{type}) ? $thinking->{type} : '';
	my %fields = (
		adaptive => ['display'], enabled => [qw(budget_tokens display)],
		disabled => [], between_tools => []);
	invalid("thinking: Input tag '$type' found using 'type' does not match any of the expected tags: 'adaptive', 'between_tools', 'disabled', 'enabled'")
	  unless $fields{$type};
	only_fields($thinking, "thinking.$type", 'type', @{ $fields{$type} });
	invalid("\"thinking.type.$type\" is not supported for this model.") unless grep { $_ eq $type } @{ $model->{thinks} };
	one_of($thinking->{display}, "thinking.$type.display", qw(summarized omitted)) if exists $thinking->{display};
	if ($type eq 'enabled')
	{
		my $budget = $thinking->{budget_tokens};
		invalid('thinking.enabled.budget_tokens: Field required') unless defined $budget;
		invalid('thinking.enabled.budget_tokens: Input should be a valid integer') unless is_integer($budget);
		invalid('thinking.enabled.budget_tokens: Input should be greater than or equal to 1024') if $budget < 1024;
		invalid('`max_tokens` must be greater than `thinking.budget_tokens`.')
		  if exists $body->{max_tokens} && $body->{max_tokens} <= $budget;
	}
	my $effort = is_object($body->{output_config}) ? $body->{output_config}{effort} : undef;
	invalid("\"thinking.type.$type\" cannot be used with effort above 'high'.")
	  if $type =~ /^(disabled|between_tools)$/ && defined $effort && $effort =~ /^(xhigh|max)$/;
	return;
}

sub check_format
{
	my ($body, $cost) = @_;
	return unless is_object($body->{output_config}) && defined $body->{output_config}{format};
	my $format = $body->{output_config}{format};
	only_fields($format, 'output_config.format', qw(type schema));
	one_of($format->{type}, 'output_config.format.type', 'json_schema');
	invalid('output_config.format.schema: Field required') unless exists $format->{schema};
	check_strict_schema($format->{schema}, 'output_config.format.schema');
	schema_cost($format->{schema}, $cost);
	my @blocks = map { is_object($_) && is_array($_->{content}) ? @{ $_->{content} } : () }
	  is_array($body->{messages}) ? @{ $body->{messages} } : ();
	invalid('Citations cannot be enabled together with output_config.format.')
	  if grep { is_object($_) && is_object($_->{citations}) && $_->{citations}{enabled} } @blocks;
	return;
}

sub check_choice
{
	my ($body, $model) = @_;
	return unless exists $body->{tool_choice};
	my $choice = $body->{tool_choice};
	invalid('tool_choice: Input should be a valid dictionary') unless is_object($choice);
	my $type = is_string($choice->{type}) ? $choice->{type} : '';
	invalid("tool_choice: Input tag '$type' found using 'type' does not match any of the expected tags: 'auto', 'any', 'tool', 'none'")
	  unless $type =~ /^(auto|any|tool|none)\z/;
	my @fields = ('type');
	push @fields, 'disable_parallel_tool_use' if $type ne 'none';
	push @fields, 'name' if $type eq 'tool';
	only_fields($choice, "tool_choice.$type", @fields);
	invalid('tool_choice may only be specified while providing tools.') unless is_array($body->{tools}) && @{ $body->{tools} };
	invalid("tool_choice.$type.disable_parallel_tool_use: Input should be a valid boolean")
	  if exists $choice->{disable_parallel_tool_use} && !is_boolean($choice->{disable_parallel_tool_use});
	if ($type eq 'tool')
	{
		invalid('tool_choice.tool.name: Input should be a valid string') unless is_string($choice->{name});
		invalid("Tool '$choice->{name}' not found in provided tools") unless grep { $_->{name} eq $choice->{name} } @{ $body->{tools} };
	}
	return unless $type =~ /^(any|tool)$/;
	invalid("tool_choice: type '$type' is not supported for this model. Use 'auto'.") unless $model->{forced};
	invalid('Thinking may not be enabled when tool_choice forces tool use.')
	  if is_object($body->{thinking}) && $body->{thinking}{type} eq 'enabled';
	return;
}

# ---- marks of the cache ----

# All marks in the order in which they are rendered.
sub marks_of
{
	my ($body) = @_;
	my @places = (@{ $body->{tools} || [] }, blocks_of($body->{system}));
	for my $block (map { blocks_of($_->{content}) } @{ $body->{messages} })
	{
		push @places, blocks_of($block->{content}) if $block->{type} eq 'tool_result';
		push @places, $block;
	}
	my @marks = map { $_->{cache_control} } grep { defined $_->{cache_control} } @places;
	push @marks, $body->{cache_control} if defined $body->{cache_control};
	return @marks;
}

sub check_marks
{
	my ($body) = @_;
	my @marks = marks_of($body);
	if (is_array($body->{tools}))
	{
		for my $i (grep { defined $body->{tools}[$_]{cache_control} } 0 .. $#{ $body->{tools} })
		{
			check_mark($body->{tools}[$i]{cache_control}, "tools.$i.custom.cache_control");
		}
	}
	invalid('A maximum of 4 blocks with cache_control may be provided. Found ' . @marks . '.') if @marks > 4;
	my $short;
	for my $mark (@marks)
	{
		my $hour = defined $mark->{ttl} && $mark->{ttl} eq '1h';
		invalid("a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block. "
			  . 'Note that blocks are processed in the following order: `tools`, `system`, `messages`.')
		  if $hour && $short;
		$short ||= !$hour;
	}
	return;
}

# ---- advice ----

# What is taken and yet not well done: a list of lines.
sub advice
{
	my ($body, $headers, $raw, $server) = @_;
	my @advice;
	push @advice, 'no User-Agent' unless defined $headers->{'user-agent'} && $headers->{'user-agent'} =~ /\S/;
	push @advice, 'the key stands in the body' if length $server->{key} && index($raw, $server->{key}) >= 0;
	push @advice, 'max_tokens above 21333 without stream' if !$body->{stream} && ($body->{max_tokens} || 0) > 21_333;
	my @tools = @{ $body->{tools} || [] };
	for my $tool (@tools)
	{
		push @advice, "tool $tool->{name}: no detailed description" if length(defined $tool->{description} ? $tool->{description} : '') < 40;
		push @advice, "tool $tool->{name}: not strict" if !$tool->{strict} && $server->{kind} eq 'claude';
	}
	my @names = map { $_->{name} } @tools;
	push @advice, 'tools are not sorted by name' if "@names" ne join ' ', sort @names;
	return @advice if $server->{kind} eq 'ollama';
	my @system = blocks_of($body->{system});
	push @advice, 'no cache mark on the last system block' if @system && !$system[-1]{cache_control};
	my @last = blocks_of($body->{messages}[-1]{content});
	push @advice, 'no cache mark on the newest block' unless $body->{cache_control} || (@last && $last[-1]{cache_control});
	push @advice, 'a time stands in the system prompt' if grep { $_->{text} =~ /\b[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}/ } @system;
	return @advice;
}

1;
