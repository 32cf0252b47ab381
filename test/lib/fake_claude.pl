#!/usr/bin/perl
# The fake of the Messages API for a command line: prints its URL and its key,
# one line each, and answers until it is told to end.
# Usage: fake_claude.pl [--mode think|obey] [--kind claude|bedrock|ollama]
#        [--port N] [--key KEY] [--pace SECONDS] [--life SECONDS] [--parent PID]
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use FakeClaude;
use Getopt::Long;
use Time::HiRes qw(time sleep);

my %options = (life => 3600);
GetOptions(\%options, 'mode=s', 'kind=s', 'port=i', 'key=s', 'pace=f', 'life=f', 'parent=i')
  && !@ARGV && ($options{mode} || 'think') =~ /^(think|obey)\z/ && ($options{kind} || 'claude') =~ /^(claude|bedrock|ollama)\z/
  or die "usage: $0 [--mode think|obey] [--kind claude|bedrock|ollama] [--port N] [--key KEY] [--pace S] [--life S] [--parent PID]\n";

my $ended;
$SIG{$_} = sub { $ended = 1 } for qw(TERM INT HUP);
my $fake = FakeClaude->new(%options);
$| = 1;
print $fake->url, "\n", $fake->key, "\n";
my $until = time + $options{life};
sleep 0.2 until $ended || time > $until || ($options{parent} && !kill 0, $options{parent});
$fake->stop;
