# The conversation: roles, blocks, and that each tool call has its result.
package FakeClaude::Messages;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude::Error;
use FakeClaude::Json qw(is_string is_integer is_boolean is_object is_array);

our @EXPORT = qw(check_messages check_system check_mark blocks_of);

# Fields of each block beside its type, and who may say it.
my %BLOCKS = (
	text => { roles => 'user assistant system result', fields => [qw(text cache_control citations)], needs => ['text'] },
	image => { roles => 'user result', fields => [qw(source cache_control)], needs => ['source'] },
	document => {
		roles => 'user assistant result', needs => ['source'],
		fields => [qw(source title context citations cache_control)] },
	tool_result => {
		roles => 'user', needs => ['tool_use_id'],
		fields => [qw(tool_use_id content is_error cache_control)] },
	tool_use => {
		roles => 'assistant', needs => [qw(id name input)],
		fields => [qw(id name input caller cache_control)] },
	thinking => { roles => 'assistant', fields => [qw(thinking signature)], needs => [qw(thinking signature)] },
	redacted_thinking => { roles => 'assistant', fields => ['data'], needs => ['data'] },
	server_tool_use => {
		roles => 'assistant', needs => [qw(id name input)],
		fields => [qw(id name input caller cache_control)] },
);

# The content of a message or of a result as a list of blocks.
sub blocks_of
{
	my ($content) = @_;
	return is_array($content) ? @$content : is_string($content) ? ({ type => 'text', text => $content }) : ();
}

sub check_system
{
	my ($system) = @_;
	return if is_string($system);
	invalid('system: Input should be a valid string or list') unless is_array($system);
	check_block($system->[$_], "system.$_", 'system', {}) for 0 .. $#$system;
	return;
}

# All messages. server: version (that of the header), kind.
sub check_messages
{
	my ($body, $model, $server) = @_;
	my $messages = $body->{messages};
	invalid('messages: Input should be a valid list') unless is_array($messages);
	invalid('messages: at least one message is required') unless @$messages;
	invalid('messages: List should have at most 100000 items') if @$messages > 100_000;
	for my $i (0 .. $#$messages)
	{
		check_message($messages->[$i], "messages.$i", $server, $i == $#$messages);
	}
	check_roles($messages, $model);
	check_last($messages, $model, $body);
	check_pairs($messages);
	invalid('Requests which include `tool_use` or `tool_result` blocks must define tools')
	  if !$body->{tools} && grep { $_->{type} =~ /^tool_/ } map { blocks_of($_->{content}) } @$messages;
	return;
}

sub check_message
{
	my ($message, $at, $server, $last) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($message);
	for my $field (sort keys %$message)
	{
		invalid("$at.$field: Extra inputs are not permitted") unless $field =~ /^(role|content)$/;
	}
	invalid("$at.$_: Field required") for grep { !exists $message->{$_} } qw(role content);
	my ($role, $content) = @$message{qw(role content)};
	invalid("$at.role: Input should be 'user', 'assistant' or 'system'")
	  unless is_string($role) && $role =~ /^(user|assistant|system)\z/;
	invalid("$at.content: Input should be a valid string or list") unless is_string($content) || is_array($content);
	if (is_array($content) ? !@$content : $content eq '')
	{
		invalid("$at: all messages must have non-empty content except for the optional final assistant message")
		  unless $last && $role eq 'assistant';
	}
	invalid('messages: text content blocks must contain non-whitespace text')
	  if is_string($content) && $content =~ /^\s+\z/;
	return unless is_array($content);
	check_block($content->[$_], "$at.content.$_", $role, $server) for 0 .. $#$content;
	check_order($content, $at);
	return;
}

sub check_block
{
	my ($block, $at, $role, $server) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($block);
	invalid("$at.type: Field required") unless exists $block->{type};
	my $type = is_string($block->{type}) ? $block->{type} : '';
	my $rule = $BLOCKS{$type}
	  or invalid("$at: Input tag '$type' found using 'type' does not match any of the expected tags");
	if ($rule->{roles} !~ /\b$role\b/)
	{
		my ($only) = $rule->{roles} =~ /^(\w+)/;
		invalid("$at: system messages may only contain `text` blocks") if $role eq 'system';
		invalid("$at: `$type` blocks can only be in `$only` messages");
	}
	my %known = map { $_ => 1 } 'type', @{ $rule->{fields} };
	for my $field (sort keys %$block)
	{
		invalid("$at.$type.$field: Extra inputs are not permitted") unless $known{$field};
	}
	invalid("$at.$type.$_: Field required") for grep { !exists $block->{$_} } @{ $rule->{needs} };
	check_mark($block->{cache_control}, "$at.$type.cache_control") if defined $block->{cache_control};
	if ($type eq 'text')           { check_text($block, $at, $role, $server) }
	elsif ($type eq 'tool_use')    { check_use($block, "$at.tool_use") }
	elsif ($type eq 'tool_result') { check_result($block, "$at.tool_result", $server) }
	elsif ($type eq 'document')    { check_document($block, $at, $role, $server) }
	elsif ($type eq 'thinking' || $type eq 'redacted_thinking')
	{
		for my $field (@{ $rule->{needs} })
		{
			invalid("$at.$type.$field: Input should be a valid string") unless is_string($block->{$field});
		}
	}
	return;
}

sub check_mark
{
	my ($mark, $at) = @_;
	invalid("$at: Input should be a valid dictionary") unless is_object($mark);
	invalid("$at.type: Input should be 'ephemeral'") unless is_string($mark->{type}) && $mark->{type} eq 'ephemeral';
	invalid("$at.ttl: Input should be '5m' or '1h'")
	  if exists $mark->{ttl} && !(is_string($mark->{ttl}) && $mark->{ttl} =~ /^(5m|1h)\z/);
	for my $field (sort keys %$mark)
	{
		invalid("$at.$field: Extra inputs are not permitted") unless $field =~ /^(type|ttl)$/;
	}
	return;
}

sub check_text
{
	my ($block, $at, $role, $server) = @_;
	invalid("$at.text.text: Input should be a valid string") unless is_string($block->{text});
	invalid("$at.text.cache_control: cache_control cannot be set for empty text blocks")
	  if $block->{text} eq '' && $block->{cache_control};
	(my $where = $at) =~ s/\..*//;
	invalid("$where: text content blocks must be non-empty") if $block->{text} eq '';
	invalid("$where: text content blocks must contain non-whitespace text") if $block->{text} !~ /\S/;
	my $citations = $block->{citations};
	return unless defined $citations;
	invalid("$at.text.citations: Input should be a valid list") unless is_array($citations);
	invalid("$at.text.citations: citations are not permitted on text blocks of user messages")
	  if @$citations && $role ne 'assistant' && ($server->{version} || '') ge '2026-10-21';
	return;
}

sub check_document
{
	my ($block, $at, $role, $server) = @_;
	invalid("$at: `document` blocks can not be in `assistant` messages")
	  if $role eq 'assistant' && ($server->{version} || '') ge '2026-10-21';
	invalid("$at.document.source: Input should be a valid dictionary") unless is_object($block->{source});
	invalid("$at.document.citations: Input should be a valid dictionary")
	  if defined $block->{citations} && !is_object($block->{citations});
	return;
}

sub check_use
{
	my ($block, $at) = @_;
	invalid("$at.id: String should match pattern '^[a-zA-Z0-9_-]+\$'")
	  unless is_string($block->{id}) && $block->{id} =~ /^[a-zA-Z0-9_-]+\z/;
	invalid("$at.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}\$'")
	  unless is_string($block->{name}) && $block->{name} =~ /^[a-zA-Z0-9_-]{1,128}\z/;
	invalid("$at.input: Input should be a valid dictionary") unless is_object($block->{input});
	invalid("$at.caller: Input should be a valid dictionary")
	  if defined $block->{caller} && !is_object($block->{caller});
	return;
}

sub check_result
{
	my ($block, $at, $server) = @_;
	invalid("$at.tool_use_id: String should match pattern '^[a-zA-Z0-9_-]+\$'")
	  unless is_string($block->{tool_use_id}) && $block->{tool_use_id} =~ /^[a-zA-Z0-9_-]+\z/;
	invalid("$at.is_error: Input should be a valid boolean")
	  if defined $block->{is_error} && !is_boolean($block->{is_error});
	my $content = $block->{content};
	invalid("$at.content: Input should be a valid string or list")
	  if defined $content && !is_string($content) && !is_array($content);
	if (is_array($content))
	{
		check_block($content->[$_], "$at.content.$_", 'result', $server) for 0 .. $#$content;
	}
	return unless $block->{is_error};
	my @blocks = blocks_of($content);
	invalid("$at: all content must be type \"text\" if `is_error` is true") if grep { $_->{type} ne 'text' } @blocks;
	invalid("$at: content cannot be empty if `is_error` is true") unless grep { $_->{text} =~ /\S/ } @blocks;
	return;
}

# Results stand before everything else of their message; thinking is not last.
sub check_order
{
	my ($content, $at) = @_;
	my $other;
	for my $j (0 .. $#$content)
	{
		if ($content->[$j]{type} ne 'tool_result') { $other = 1 }
		elsif ($other)
		{
			invalid("$at.content.$j: `tool_result` blocks must come before all other blocks of their message");
		}
	}
	invalid("$at: The final block in an assistant message cannot be `thinking`.")
	  if @$content && $content->[-1]{type} =~ /thinking$/;
	return;
}

sub check_roles
{
	my ($messages, $model) = @_;
	invalid('messages: first message must use the "user" role') if $messages->[0]{role} ne 'user';
	for my $i (grep { $messages->[$_]{role} eq 'system' } 0 .. $#$messages)
	{
		invalid("messages.$i.role: role 'system' is not supported for this model") unless $model->{told};
		invalid("messages.$i: a system message must follow a user message") if $messages->[ $i - 1 ]{role} ne 'user';
		invalid("messages.$i: a system message must be last or stand before an assistant message")
		  if $i < $#$messages && $messages->[ $i + 1 ]{role} ne 'assistant';
	}
	return;
}

# Whether the conversation may end as it does.
sub check_last
{
	my ($messages, $model, $body) = @_;
	my $last = $messages->[-1];
	return if $last->{role} ne 'assistant';
	my @blocks = blocks_of($last->{content});

	# a turn that paused in a tool of the server's own is sent back as it is
	return if @blocks && $blocks[-1]{type} eq 'server_tool_use';
	invalid('This model does not support assistant message prefill. The conversation must end with a user message.')
	  unless $model->{prefill};
	invalid('messages: final assistant content cannot end with trailing whitespace')
	  if @blocks && $blocks[-1]{type} eq 'text' && $blocks[-1]{text} =~ /\s\z/;
	invalid('assistant message prefill is not compatible with output_config.format')
	  if is_object($body->{output_config}) && $body->{output_config}{format};
	return;
}

sub ids_of
{
	my ($message, $type, $field) = @_;
	return map { $_->{$field} } grep { $_->{type} eq $type } blocks_of($message->{content});
}

# Each tool_use has its result in the very next message, and no result is
# without a tool_use.
sub check_pairs
{
	my ($messages) = @_;
	my (%ever, @asked);
	for my $i (0 .. $#$messages)
	{
		my $message = $messages->[$i];
		my @given = ids_of($message, 'tool_result', 'tool_use_id');
		my %asked = map { $_ => 1 } @asked;
		my %given;
		$given{$_}++ for @given;
		my @open = grep { !$given{$_} } @asked;
		invalid("messages." . ($i - 1) . ": `tool_use` ids were found without `tool_result` blocks immediately after: "
			  . join(', ', @open) . '. Each `tool_use` block must have a corresponding `tool_result` block in the next message.')
		  if @open;
		if (my @strange = grep { !$asked{$_} } @given)
		{
			invalid("messages.$i.content: unexpected `tool_use_id` found in `tool_result` blocks: $strange[0]. "
				  . 'Each `tool_result` block must have a corresponding `tool_use` block in the previous message.');
		}
		my ($twice) = grep { $given{$_} > 1 } @given;
		invalid("messages.$i.content: each tool_use must have a single result. Found multiple `tool_result` blocks with id: $twice")
		  if defined $twice;
		@asked = ids_of($message, 'tool_use', 'id');
		for my $id (@asked)
		{
			invalid('messages: `tool_use` ids must be unique') if $ever{$id}++;
		}
	}
	invalid('messages.' . $#$messages . ': `tool_use` ids were found without `tool_result` blocks immediately after: '
		  . join(', ', @asked) . '. Each `tool_use` block must have a corresponding `tool_result` block in the next message.')
	  if @asked;
	return;
}

1;
