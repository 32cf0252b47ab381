package FakeClaude::Think;
use strict; use warnings;
use Exporter 'import';
our @EXPORT = qw(think obey);
sub think { return { text => 'I leave this to a person.' } }
sub obey { return think(@_) }
1;
