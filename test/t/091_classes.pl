# 091_classes.pl: docs/CLASSES.md says what the code does: its table is the code's.

use strict;
use warnings;

use FindBin;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $page = "$FindBin::RealBin/../../docs/CLASSES.md";
plan skip_all => 'the documentation is not here' unless -f $page;

my $node = PostgreSQL::Test::Cluster->new('classes');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'");
$node->start;
$node->safe_psql('postgres', 'CREATE EXTENSION selfheal');

my (@written, @settings, @functions);
foreach my $line (split /\n/, slurp_file($page))
{
	my @cells = split /(?<!\\)\|/, $line;
	push @written, join('|', map { s/^ +| +$//gr } @cells[ 1 .. 4 ]) if @cells >= 6 && $cells[1] =~ /^ \d+ $/;
	push @settings, $line =~ /`(selfheal\.[a-z_]+)`/g;
	push @functions, $line =~ /`([a-z_]+)\(/g;
}
my @known = split /\n/, $node->safe_psql('postgres',
	'SELECT number, sqlstates, title, done FROM selfheal.classes() ORDER BY 1');
is(scalar @written, 42, 'the page has forty-two rows');
is_deeply(\@written, \@known, 'they are those of the code');

# what it tells a DBA to set or to type is there
my %there = map { $_ => 1 } split /\n/, $node->safe_psql('postgres',
	q{SELECT name FROM pg_settings WHERE name ~ '^selfheal'
	UNION SELECT 'selfheal.' || relname FROM pg_class WHERE relnamespace = 'selfheal'::regnamespace
	UNION SELECT proname FROM pg_proc WHERE pronamespace = 'selfheal'::regnamespace});
is(join(' ', grep { !$there{$_} } @settings), '', 'every setting and view that it names is there');
is(join(' ', grep { !$there{$_} } @functions), '', 'and every function');

$node->stop;
done_testing();
