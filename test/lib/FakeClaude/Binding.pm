# Thinking blocks hang on what stands before them: each carries a signature
# over system, tools, all earlier messages and the reply it came with. Only
# marks of the cache may change later.
package FakeClaude::Binding;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256_hex);
use Encode ();
use Exporter 'import';
use FakeClaude::Error;
use FakeClaude::Json qw(canon is_array is_string);
use FakeClaude::Messages qw(blocks_of);
use MIME::Base64 qw(encode_base64 decode_base64);

our @EXPORT = qw(merged_messages sign_reply check_thinking head_of tool_id);

# What is rendered before the messages.
sub head_of
{
	my ($body) = @_;
	my @system = blocks_of($body->{system});
	return canon($body->{tools} || []) . "\n" . canon(\@system);
}

# Messages as the model sees them: those of one role in a row are one, each
# content is a list. [{ role, blocks => [[block, where], ...] }]
sub merged_messages
{
	my ($messages) = @_;
	my @merged;
	for my $i (0 .. $#$messages)
	{
		my ($role, $content) = @{ $messages->[$i] }{qw(role content)};
		my @blocks = blocks_of($content);
		push @merged, { role => $role, blocks => [] } unless @merged && $merged[-1]{role} eq $role;
		push @{ $merged[-1]{blocks} }, map { [ $blocks[$_], "messages.$i.content.$_" ] } 0 .. $#blocks;
	}
	return @merged;
}

sub block_text
{
	my ($block) = @_;
	return canon({ %$block, content => [ blocks_of($block->{content}) ] }) if $block->{type} eq 'tool_result';
	return canon($block);
}

# The signature itself does not count in what it is over.
sub bare
{
	my ($block) = @_;
	my %bare = %$block;
	delete @bare{qw(signature data)};
	return block_text(\%bare);
}

sub mac { my ($secret, @parts) = @_; return hmac_sha256_hex(Encode::encode('UTF-8', join "\n", @parts), $secret) }

sub signature_of
{
	my ($secret, $before, @blocks) = @_;
	my $own = mac($secret, 'own', bare($blocks[0]));
	my $all = mac($secret, 'all', $before, map { bare($_) } @blocks);
	return encode_base64("FC1:" . @blocks . ":$own:$all:" . 'x' x 40, '');
}

# What stands before block k of the last of these messages.
sub before
{
	my ($head, $earlier, $role, $blocks) = @_;
	return join "\n", $head, $earlier, "<$role>", map { block_text($_) } @$blocks;
}

sub message_text
{
	my ($message) = @_;
	return join "\n", "<$message->{role}>", map { block_text($_->[0]) } @{ $message->{blocks} };
}

# A text of nothing: the API gives it now and then, and does not take it back,
# so it is no part of what is signed.
sub is_blank
{
	my ($block) = @_;
	return $block->{type} eq 'text' && is_string($block->{text}) && $block->{text} !~ /\S/;
}

# Put signatures into the thinking blocks of a reply to this request.
sub sign_reply
{
	my ($secret, $body, $all) = @_;
	my $content = [ grep { !is_blank($_) } @$all ];
	my @merged = merged_messages($body->{messages});
	my @open;
	@open = map { $_->[0] } @{ (pop @merged)->{blocks} } if @merged && $merged[-1]{role} eq 'assistant';
	my $earlier = join "\n", map { message_text($_) } @merged;
	for my $k (0 .. $#$content)
	{
		my $block = $content->[$k];
		next unless $block->{type} =~ /thinking$/;
		my $signature = signature_of($secret, before(head_of($body), $earlier, 'assistant', [ @open, @$content[ 0 .. $k - 1 ] ]),
			@$content[ $k .. $#$content ]);
		$block->{ $block->{type} eq 'thinking' ? 'signature' : 'data' } = $signature;
	}
	return;
}

# An id of a tool call; it tells whether the call came after thinking.
sub tool_id
{
	my ($thought) = @_;
	my @letters = ('a' .. 'z', 'A' .. 'Z', 0 .. 9);
	return 'toolu_01' . ($thought ? 'T' : 'N') . join '', map { $letters[ rand @letters ] } 1 .. 21;
}

# Are all thinking blocks as they were given, and where they were given?
sub check_thinking
{
	my ($secret, $body, $bound) = @_;
	my $earlier = '';
	my @done;
	for my $message (merged_messages($body->{messages}))
	{
		my @blocks = map { $_->[0] } @{ $message->{blocks} };
		my $thought;
		for my $k (0 .. $#blocks)
		{
			my ($block, $at) = @{ $message->{blocks}[$k] };
			if ($block->{type} =~ /thinking$/)
			{
				$thought = 1;
				check_signature($secret, $at, $bound, before(head_of($body), $earlier, 'assistant', [ @blocks[ 0 .. $k - 1 ] ]),
					@blocks[ $k .. $#blocks ]);
			}
			elsif ($block->{type} eq 'tool_use' && $block->{id} =~ /^toolu_01T/ && !$thought)
			{
				invalid("$at.type: Expected `thinking` or `redacted_thinking`, but found `tool_use`. "
					  . 'Thinking blocks must be sent back with the tool use that followed them.');
			}
		}
		push @done, message_text($message);
		$earlier = join "\n", @done;
	}
	return;
}

sub check_signature
{
	my ($secret, $at, $bound, $before, @blocks) = @_;
	my $type = $blocks[0]{type};
	my $given = $type eq 'thinking' ? $blocks[0]{signature} : $blocks[0]{data};
	my ($count, $own, $all) = (decode_base64($given) || '') =~ /^FC1:([0-9]+):([0-9a-f]{64}):([0-9a-f]{64}):/;
	invalid("$at: Invalid `signature` in `$type` block")
	  unless defined $count && encode_base64(decode_base64($given), '') eq $given
	  && $own eq mac($secret, 'own', bare($blocks[0]));
	return unless $bound;
	my $last = $count <= @blocks ? $count - 1 : $#blocks;
	invalid("$at: `thinking` or `redacted_thinking` blocks cannot be used after a change of what stood before them or came with them: "
		  . '`system`, `tools` and all earlier messages must be as they were when the block was made.',
		details => { error_code => 'thinking_prefix_mismatch' })
	  unless $all eq mac($secret, 'all', $before, map { bare($_) } @blocks[ 0 .. $last ]);
	return;
}

1;
