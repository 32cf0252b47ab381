# A request as scripts and the thinking mode see it: what was said, which tools
# are offered, what the last calls brought.
package FakeClaude::Conversation;

use strict;
use warnings;

use FakeClaude::Json qw(from_json to_json);
use FakeClaude::Messages qw(blocks_of);

sub new
{
	my ($class, %self) = @_;    # body, headers, n
	return bless \%self, $class;
}

sub headers { return $_[0]{headers} }
sub n       { return $_[0]{n} }

# A copy: what a script does to it changes nothing of what is signed.
sub body
{
	my ($self) = @_;
	$self->{copy} = from_json(to_json($self->{body})) unless $self->{copy};
	return $self->{copy};
}

sub messages { return @{ $_[0]->body->{messages} } }

# How often the model has spoken already: 0 at the first request.
sub turn
{
	my ($self) = @_;
	return scalar grep { $_->{role} eq 'assistant' } $self->messages;
}

sub text_of
{
	my ($block) = @_;
	return $block->{text} if $block->{type} eq 'text';
	return join "\n", map { text_of($_) } blocks_of($block->{content}) if $block->{type} eq 'tool_result';
	return '';
}

# All that was said to the model in messages, without system and tools.
sub said
{
	my ($self) = @_;
	return join "\n", map { text_of($_) } map { blocks_of($_->{content}) } grep { $_->{role} ne 'assistant' } $self->messages;
}

sub first_message
{
	my ($self) = @_;
	return join "\n", map { text_of($_) } blocks_of($self->body->{messages}[0]{content});
}

sub system_text
{
	my ($self) = @_;
	return join "\n", map { text_of($_) } blocks_of($self->body->{system});
}

sub tool_names { return map { $_->{name} } @{ $_[0]->body->{tools} || [] } }

sub tool
{
	my ($self, $name) = @_;
	my ($tool) = grep { $_->{name} eq $name } @{ $self->body->{tools} || [] };
	return $tool;
}

# All calls so far with what came of them: [{ name, input, content, is_error,
# turn }], in their order.
sub calls
{
	my ($self) = @_;
	my (@calls, %at);
	my $turn = -1;
	for my $message ($self->messages)
	{
		$turn++ if $message->{role} eq 'assistant';
		for my $block (blocks_of($message->{content}))
		{
			if ($block->{type} eq 'tool_use')
			{
				push @calls, { name => $block->{name}, input => $block->{input}, turn => $turn };
				$at{ $block->{id} } = $calls[-1];
			}
			elsif ($block->{type} eq 'tool_result' && $at{ $block->{tool_use_id} })
			{
				my $call = $at{ $block->{tool_use_id} };
				$call->{content} = text_of($block);
				$call->{is_error} = $block->{is_error} ? 1 : 0;
			}
		}
	}
	return @calls;
}

# What the newest message brought.
sub last_results
{
	my ($self) = @_;
	my $turn = $self->turn - 1;
	return grep { $_->{turn} == $turn } $self->calls;
}

1;
