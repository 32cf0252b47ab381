package SubscriptionTest;

# A publisher and a subscriber with the library, and what is asked of both.

use strict;
use warnings;

use Exporter 'import';
use PostgreSQL::Test::Cluster;
use Test::More;

our @EXPORT = qw(start_pair sql arrived);

my $subscriber;

# The publisher, and the subscriber that arrived() asks.
sub start_pair
{
	my $publisher = PostgreSQL::Test::Cluster->new('publisher');
	$subscriber = PostgreSQL::Test::Cluster->new('subscriber');
	for my $node ($publisher, $subscriber)
	{
		$node->init(allows_streaming => 'logical', extra => [ '--encoding=UTF8', '--locale=C' ]);
	}
	$subscriber->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\nwal_retrieve_retry_interval = 100ms");
	$_->start for ($publisher, $subscriber);
	return ($publisher, $subscriber);
}

sub sql
{
	my ($node, $text) = @_;
	return $node->safe_psql('postgres', $text);
}

sub arrived
{
	my ($query, $expected, $name) = @_;
	ok($subscriber->poll_query_until('postgres', $query, $expected), $name)
	  or diag(sql($subscriber, 'SELECT * FROM selfheal.incidents; SELECT * FROM selfheal.stalled; SELECT * FROM selfheal.plan'));
	return;
}

1;
