# What the fake says: a message of the API's shape made of a step's words, its
# usage with the cache simulated by real prefixes, or an error's body.
package FakeClaude::Reply;

use strict;
use warnings;

use Digest::SHA qw(sha256_hex);
use Encode ();
use Exporter 'import';
use FakeClaude::Binding;
use FakeClaude::Error;
use FakeClaude::Json qw(from_json to_json canon raw_json is_string is_object is_array keys_of);
use FakeClaude::Messages qw(blocks_of);
use JSON::PP ();

our @EXPORT = qw(message_of error_body tokens_of count_input new_id events_of thinks_now);

my $LOOK_BACK = 20;

sub new_id
{
	my ($prefix) = @_;
	my @letters = ('a' .. 'z', 'A' .. 'Z', 0 .. 9);
	return $prefix . '_01' . join '', map { $letters[ rand @letters ] } 1 .. 22;
}

sub tokens_of { my ($text) = @_; return int(length(Encode::encode('UTF-8', $text)) / 3.6) + 1 }

# ---- usage ----

# The prompt in pieces, in the order in which it is rendered: [text, mark].
sub pieces_of
{
	my ($body) = @_;
	my $rest = canon([ $body->{thinking}, $body->{tool_choice} ]);
	my @pieces = map { [ canon($_), $_->{cache_control} ] } @{ $body->{tools} || [] }, blocks_of($body->{system});
	for my $message (@{ $body->{messages} })
	{
		for my $block (blocks_of($message->{content}))
		{
			my $mark = $block->{cache_control};
			if ($block->{type} eq 'tool_result')
			{
				($mark) = grep { defined } $mark, map { $_->{cache_control} } blocks_of($block->{content});
			}
			push @pieces, [ "$message->{role}:$rest:" . canon($block), $mark, tokens_of(canon($block)) ];
		}
	}
	$pieces[-1][1] = $body->{cache_control} if @pieces && $body->{cache_control} && !$pieces[-1][1];
	return @pieces;
}

sub count_input
{
	my ($body) = @_;
	my $sum = 3;
	$sum += defined $_->[2] ? $_->[2] : tokens_of($_->[0]) for pieces_of($body);
	return $sum;
}

# The input's part of usage; what is cached goes to files of dir, named by the
# hash of the prefix.
sub input_usage
{
	my ($body, $model, $dir, $now) = @_;
	my ($hash, $sum, $read, @at) = ($model->{name}, 3, 0);
	for my $piece (pieces_of($body))
	{
		$hash = sha256_hex($hash . Encode::encode('UTF-8', $piece->[0]));
		$sum += defined $piece->[2] ? $piece->[2] : tokens_of($piece->[0]);
		push @at, { hash => $hash, sum => $sum, mark => $piece->[1] };
	}
	my @marked = grep { $at[$_]{mark} && $at[$_]{sum} >= $model->{min} } 0 .. $#at;
	for my $i (@marked)
	{
		for my $j (reverse(($i < $LOOK_BACK ? 0 : $i - $LOOK_BACK + 1) .. $i))
		{
			next unless alive("$dir/$at[$j]{hash}", $now);
			$read = $at[$j]{sum} if $at[$j]{sum} > $read;
			last;
		}
	}
	my ($done, %made) = ($read, '5m' => 0, '1h' => 0);
	for my $i (@marked)
	{
		my $ttl = $at[$i]{mark}{ttl} || '5m';
		keep("$dir/$at[$i]{hash}", $now + ($ttl eq '1h' ? 3600 : 300));
		next if $at[$i]{sum} <= $done;
		$made{$ttl} += $at[$i]{sum} - $done;
		$done = $at[$i]{sum};
	}
	return {
		input_tokens => $sum - $done,
		cache_creation_input_tokens => $made{'5m'} + $made{'1h'},
		cache_read_input_tokens => $read,
		cache_creation => { ephemeral_5m_input_tokens => $made{'5m'}, ephemeral_1h_input_tokens => $made{'1h'} },
	};
}

sub alive
{
	my ($file, $now) = @_;
	open my $fh, '<', $file or return 0;
	my $until = <$fh>;
	close $fh;
	return defined $until && $until > $now;
}

sub keep
{
	my ($file, $until) = @_;
	open my $fh, '>', "$file.$$" or return;
	print $fh "$until\n";
	close $fh;
	rename "$file.$$", $file;
	return;
}

# ---- a message ----

# Does a reply to this begin with a thinking block?
sub thinks_now
{
	my ($body, $model) = @_;
	return $model->{silent} unless is_object($body->{thinking});
	return $body->{thinking}{type} ne 'disabled';
}

# One call of a step: [name => {...}] or { name, input, id }.
sub use_block
{
	my ($call, $thought) = @_;
	my ($name, $input, $id) = ref $call eq 'ARRAY' ? @$call : @$call{qw(name input id)};
	return {
		type => 'tool_use', id => defined $id ? $id : tool_id($thought), name => $name,
		input => defined $input ? $input : {}, caller => { type => 'direct' } };
}

sub text_block { my ($text) = @_; return { type => 'text', text => $text, citations => undef } }

# A call whose arguments end in the middle, as max_tokens leaves it.
sub half
{
	my ($input) = @_;
	return {} unless is_object($input);
	my @keys = keys_of($input) or return {};
	my %half = map { $_ => $input->{$_} } @keys[ 0 .. $#keys / 2 ];
	my ($last) = $keys[ $#keys / 2 ];
	$half{$last} = substr $half{$last}, 0, length($half{$last}) / 2
	  if defined $last && is_string($half{$last});
	delete $half{$last} if defined $last && @keys == 1 && !is_string($half{$last});
	return \%half;
}

sub content_of
{
	my ($step, $body, $model) = @_;
	return @{ $step->{content} } if $step->{content} && !$step->{sign};
	return () if exists $step->{refusal} && !defined $step->{text};
	my $thinks = exists $step->{thinking} ? defined $step->{thinking} && $step->{thinking} ne '0' : thinks_now($body, $model);
	my @calls = @{ $step->{tools} || [] };
	my $shown = is_object($body->{thinking}) && ($body->{thinking}{display} || '') eq 'summarized';
	my $thought = defined $step->{thinking} && $step->{thinking} ne '1' ? $step->{thinking} : 'Let me look at what the packet says.';
	my $text = $step->{text};
	if ($thinks && defined $text && @calls && $model->{inside} && !$step->{as_text})
	{
		$thought .= "\n\n$text";
		undef $text;
	}
	my @content;
	push @content, { type => 'thinking', thinking => $shown || $step->{shown} ? $thought : '', signature => '' } if $thinks;
	push @content, { type => 'redacted_thinking', data => '' } if $step->{redacted};
	push @content, @{ $step->{content} } if $step->{content};
	push @content, text_block($text) if defined $text && $text ne '';
	push @content, map { use_block($_, $thinks) } @calls;
	if ($step->{cut})
	{
		my $block = use_block($step->{cut}, $thinks);
		$block->{input} = half($block->{input});
		push @content, $block;
	}
	return @content;
}

sub stop_of
{
	my ($step, $max, @content) = @_;
	return $step->{stop_reason} if defined $step->{stop_reason};
	return 'refusal' if exists $step->{refusal};
	return 'max_tokens' if $step->{cut} || $max eq '0';
	return 'tool_use' if grep { is_object($_) && ($_->{type} || '') eq 'tool_use' } @content;
	return 'end_turn';
}

# The message that a step gives in answer to a checked request. server: secret,
# dir of the cache, kind.
sub message_of
{
	my ($step, $body, $model, $server, $now) = @_;
	my $usage = input_usage($body, $model, "$server->{dir}/cache", $now);
	my $input = $usage->{input_tokens} + $usage->{cache_creation_input_tokens} + $usage->{cache_read_input_tokens};
	invalid("prompt is too long: $input tokens > $model->{context} maximum") if $input > $model->{context};
	my @content = $body->{max_tokens} eq '0' ? () : content_of($step, $body, $model);

	# what was sent is what is signed, with its keys as they went out
	my $plain = from_json(to_json(\@content));
	sign_reply($server->{secret}, $body, $plain) if !grep { !is_object($_) || !is_string($_->{type}) } @$plain;
	my $output = 0;
	$output += tokens_of(canon($_)) for @$plain;
	my $stop = stop_of($step, $body->{max_tokens}, @content);
	if ($output > $body->{max_tokens} && !defined $step->{stop_reason} && !exists $step->{refusal})
	{
		($plain, $stop, $output) = (shortened($plain, 0 + "$body->{max_tokens}"), 'max_tokens', 0 + "$body->{max_tokens}");
		sign_reply($server->{secret}, $body, $plain);
	}
	$stop = 'model_context_window_exceeded' if $input + $output > $model->{context} && !defined $step->{stop_reason};
	$usage->{output_tokens} = $output;
	my $thought = 0;
	$thought += tokens_of(canon($_)) for grep { is_object($_) && ($_->{type} || '') =~ /thinking$/ } @$plain;
	@$usage{qw(output_tokens_details service_tier speed server_tool_use inference_geo)} =
	  ({ thinking_tokens => $thought }, 'standard', 'standard', undef, undef);
	$usage = { %$usage, %{ $step->{usage} } } if $step->{usage};
	my $refused = exists $step->{refusal}
	  ? {
		type => 'refusal', category => $step->{refusal},
		explanation => 'This request was declined.' }
	  : undef;
	return {
		id => new_id('msg'), type => 'message', role => 'assistant', model => $model->{name},
		content => $plain, stop_reason => $stop, stop_sequence => undef, stop_details => $refused,
		container => undef, diagnostics => undef, usage => $usage, %{ $step->{fields} || {} } };
}

# What is left of a reply that grew past max_tokens: a trailing call loses its
# end, a text too.
sub shortened
{
	my ($content, $max) = @_;
	my ($sum, @kept) = (0);
	for my $block (@$content)
	{
		my $tokens = tokens_of(canon($block));
		if ($sum + $tokens <= $max) { push @kept, $block; $sum += $tokens; next }
		my %cut = %$block;
		$cut{text} = substr $cut{text}, 0, ($max - $sum) * 3 if $block->{type} eq 'text';
		$cut{input} = half($cut{input}) if $block->{type} eq 'tool_use';
		push @kept, \%cut unless $block->{type} eq 'text' && $cut{text} eq '';
		last;
	}
	return \@kept;
}

sub error_body
{
	my ($error, $request_id) = @_;
	my %error = (type => $error->{type}, message => $error->{message});
	$error{details} = $error->{details} if $error->{details};
	return to_json({ type => 'error', error => \%error, request_id => $request_id });
}

# ---- streaming ----

# A message as server-sent events.
sub events_of
{
	my ($message) = @_;
	my %start = (%$message, content => [], stop_reason => undef, stop_details => undef);
	my @events = ([ message_start => { message => \%start } ]);
	for my $i (0 .. $#{ $message->{content} })
	{
		my $block = $message->{content}[$i];
		my ($empty, @deltas) = deltas_of($block);
		push @events, [ content_block_start => { index => $i, content_block => $empty } ];
		push @events, map { [ content_block_delta => { index => $i, delta => $_ } ] } @deltas;
		push @events, [ content_block_stop => { index => $i } ];
	}
	push @events,
	  [ message_delta => {
			delta => { map { $_ => $message->{$_} } qw(stop_reason stop_sequence stop_details container) },
			usage => { output_tokens => $message->{usage}{output_tokens} } } ],
	  [ message_stop => {} ];
	return map { "event: $_->[0]\ndata: " . to_json({ type => $_->[0], %{ $_->[1] } }) . "\n\n" } @events;
}

sub deltas_of
{
	my ($block) = @_;
	my %empty = %$block;
	if ($block->{type} eq 'text')
	{
		$empty{text} = '';
		return (\%empty, map { { type => 'text_delta', text => $_ } } $block->{text} =~ /(.{1,40})/gs);
	}
	if ($block->{type} eq 'thinking')
	{
		@empty{qw(thinking signature)} = ('', '');
		return (\%empty,
			(map { { type => 'thinking_delta', thinking => $_ } } $block->{thinking} =~ /(.{1,40})/gs),
			{ type => 'signature_delta', signature => $block->{signature} });
	}
	if ($block->{type} eq 'tool_use')
	{
		$empty{input} = {};
		my $text = Encode::decode('UTF-8', to_json($block->{input}));
		return (\%empty, map { { type => 'input_json_delta', partial_json => $_ } } $text =~ /(.{1,40})/gs);
	}
	return (\%empty);
}

1;
