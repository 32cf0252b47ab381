#!/usr/bin/perl
# Verify an export of selfheal.audit without PostgreSQL; docs/AUDIT.md says how
# to make one. Usage: verify_audit.pl [seq head] < export
# The optional pair is a head from the server log: it finds a cut tail too.
use strict;
use warnings;
use Digest::SHA qw(sha256_hex);
use JSON::PP;

my @columns = qw(id at event incident plan schema_name table_name actor_role
  actor_client sqlstate error payload_ref packet options explanation confidence
  playbook tools sql_run inverse verdict policy forecast dry_run approval result
  rows_held rows_replayed rows_left estimate_before estimate_after
  schema_hash_before schema_hash_after lsn ms_since_capture);
my ($seq, $head) = (0, '0' x 64);
my ($known_seq, $known_head) = (@ARGV, 0, '');
my $json = JSON::PP->new;    # no ->utf8: strings stay the bytes that were read

sub bad { print "bad seq $_[0]: $_[1]\n"; exit 1 }

binmode STDIN;
while (my $line = <STDIN>)
{
	my $row = eval { $json->decode($line) } or bad($seq + 1, 'not a JSON object');
	my $text = join '', map { my $v = $row->{$_};
		defined $v ? "$_\t" . length($v) . "\t$v\n" : "$_\t-\n" } @columns;

	$seq++;
	bad($seq, 'row is missing') if $row->{seq} != $seq;
	bad($seq, 'prev_hash is not the hash of the row before') if $row->{prev_hash} ne $head;
	$head = sha256_hex("selfheal audit 1\n$seq\n$head\n$text");
	bad($seq, 'content does not match its hash') if $row->{hash} ne $head;
	bad($seq, 'not the head that was given') if $seq == $known_seq && $head ne lc $known_head;
}
bad(1, 'no rows in the export') if $seq == 0;
bad($seq + 1, 'the tail was cut') if $seq < $known_seq;
print "ok $seq rows head $head\n";
