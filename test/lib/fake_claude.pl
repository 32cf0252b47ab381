#!/usr/bin/perl
# The fake of the Messages API for a command line: prints its URL and its key,
# one line each, and answers until it is told to end.
# Usage: fake_claude.pl [--mode think|obey | --script FILE] [--kind claude|bedrock|ollama]
#        [--port N] [--key KEY] [--pace SECONDS] [--life SECONDS] [--parent PID]
# FILE: a JSON array of steps, as FakeClaude.pm has them; `when` is a pattern.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use FakeClaude;
use Getopt::Long;
use JSON::PP ();
use Time::HiRes qw(time sleep);

my %options = (life => 3600);
GetOptions(\%options, 'mode=s', 'script=s', 'kind=s', 'port=i', 'key=s', 'pace=f', 'life=f', 'parent=i')
  && !@ARGV && ($options{mode} || 'think') =~ /^(think|obey)\z/ && ($options{kind} || 'claude') =~ /^(claude|bedrock|ollama)\z/
  && !($options{mode} && $options{script})
  or die "usage: $0 [--mode think|obey | --script FILE] [--kind claude|bedrock|ollama] [--port N] [--key KEY] [--pace S] [--life S] [--parent PID]\n";

if (defined(my $file = $options{script}))
{
	open my $fh, '<', $file or die "could not read $file: $!\n";
	local $/;
	my $steps = eval { JSON::PP->new->utf8->decode(scalar <$fh>) };
	close $fh;
	die "$file is no JSON array of steps\n" if ref $steps ne 'ARRAY' || grep { ref $_ ne 'HASH' } @$steps;
	$options{script} = $steps;
}

my $ended;
$SIG{$_} = sub { $ended = 1 } for qw(TERM INT HUP);
my $fake = FakeClaude->new(%options);
$| = 1;
print $fake->url, "\n", $fake->key, "\n";
my $until = time + $options{life};
sleep 0.2 until $ended || time > $until || ($options{parent} && !kill 0, $options{parent});
$fake->stop;
