# A client that speaks as drivers do: lib/bindtest, which is made when it is
# needed first.
package DriverTest;

use strict;
use warnings;

use Cwd qw(abs_path);
use Exporter 'import';
use File::Basename qw(dirname);
use IPC::Run ();
use PostgreSQL::Test::Utils;

our @EXPORT = qw(drive);

my $client;

sub make_client
{
	my $top = dirname(dirname(dirname(abs_path(__FILE__))));
	my %dir = map { chomp(my $d = `pg_config --$_`); $_ => $d } qw(includedir libdir);
	my ($out, $err);

	$client = PostgreSQL::Test::Utils::tempdir() . '/bindtest';
	IPC::Run::run([ 'gcc', '-std=c99', '-Wall', "-I$dir{includedir}", '-o', $client, "$top/test/lib/bindtest/bindtest.c",
			"-L$dir{libdir}", "-Wl,-rpath,$dir{libdir}", '-lpq' ], '>', \$out, '2>', \$err, IPC::Run::timeout(120))
	  or die("could not build the test's client: $out$err");
	return;
}

# What the server says to each command of a script, in order: "ok" with its rows,
# an SQLSTATE, or "aborted". A script is as bindtest has it, but with " | " for a
# tab.
sub drive
{
	my ($node, $database, $script) = @_;
	my ($out, $err) = ('', '');
	my $in = join('', map { s/ \| /\t/gr . "\n" } split(/\n\s*/, $script));

	make_client() unless defined $client;
	IPC::Run::run([ $client, $node->connstr($database) ], '<', \$in, '>', \$out, '2>', \$err,
		IPC::Run::timeout($PostgreSQL::Test::Utils::timeout_default)) or die("bindtest: $err");
	return split(/\n/, $out);
}

1;
