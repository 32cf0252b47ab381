# What each model takes and refuses. A model that is not here is unknown.
package FakeClaude::Models;

use strict;
use warnings;

use Exporter 'import';

our @EXPORT = qw(model_of model_names);

my @ALL = qw(low medium high xhigh max);
my $M = 1_000_000;

# out, context: tokens. thinks: the types of `thinking` that are taken.
# silent: thinks without being told. effort: what is taken, empty: nothing.
# forced: tool_choice any and tool. min: the shortest prefix that is cached.
# bound: thinking blocks hang on all that stands before them. prefill: the
# last message may be the assistant's. told: takes messages of role system.
# sampled: temperature and its kin under the older version header. recent:
# 4.7 and later. inside: text between tool calls arrives in thinking blocks.
my %NEWEST = (
	out => 128_000, context => $M, silent => 1, effort => \@ALL, forced => 0, min => 512,
	told => 1, recent => 1, thinks => ['adaptive']);
my %LATER = (%NEWEST, forced => 1, thinks => [qw(adaptive disabled)]);
my %EARLIER = (
	out => 64_000, context => 200_000, silent => 0, effort => [], forced => 1, min => 4096,
	prefill => 1, sampled => 1, told => 0, thinks => [qw(enabled disabled)]);

my %MODELS = (
	'claude-fable-5-2' => { %NEWEST, bound => 'always' },
	'claude-fable-5-1' => { %NEWEST, bound => 'new' },
	'claude-fable-5' => { %NEWEST, forced => 1 },
	'claude-opus-5-5' => { %NEWEST, bound => 'new', inside => 1 },
	'claude-sonnet-5-5' => { %NEWEST, bound => 'new', inside => 1, thinks => [qw(adaptive between_tools)] },
	'claude-haiku-5-5' => { %LATER, bound => 'new', told => 0 },
	'claude-opus-5' => {%LATER},
	'claude-sonnet-5' => { %LATER, told => 0, min => 1024 },
	'claude-opus-4-8' => { %LATER, silent => 0, min => 1024 },
	'claude-opus-4-7' => { %LATER, silent => 0, min => 1024, told => 0 },
	'claude-opus-4-6' => {
		%LATER, silent => 0, min => 4096, told => 0, recent => 0, sampled => 1,
		effort => [qw(low medium high max)], thinks => [qw(adaptive enabled disabled)] },
	'claude-sonnet-4-6' => {
		%LATER, silent => 0, min => 1024, told => 0, recent => 0, sampled => 1, out => 64_000,
		effort => [qw(low medium high max)], thinks => [qw(adaptive enabled disabled)] },
	'claude-haiku-4-5' => {%EARLIER},
	'claude-opus-4-5' => { %EARLIER, effort => [qw(low medium high)] },
	'claude-sonnet-4-5' => { %EARLIER, min => 1024 },
);
$MODELS{'claude-haiku-4-5-20251001'} = $MODELS{'claude-haiku-4-5'};
$MODELS{'claude-opus-4-5-20251101'} = $MODELS{'claude-opus-4-5'};
$MODELS{'claude-sonnet-4-5-20250929'} = $MODELS{'claude-sonnet-4-5'};

# A server of another maker: whatever it is called, it has no limits of ours.
my %ANY = (%LATER, silent => 0, thinks => [qw(adaptive enabled disabled)], prefill => 1, sampled => 1, told => 0);

sub model_names { return sort keys %MODELS }

# What a model takes, or nothing; kind is that of the server.
sub model_of
{
	my ($name, $kind) = @_;
	return { %ANY, name => $name } if $kind eq 'ollama' && $name =~ /\S/;
	my $known = $name;
	if ($kind eq 'bedrock') { $known =~ s/^anthropic\.// or return }
	return unless $MODELS{$known};
	return { %{ $MODELS{$known} }, name => $name };
}

1;
