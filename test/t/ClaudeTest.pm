# Helpers of the tests that talk with the fake Claude: a server that knows its
# address and key, tables, and what came of an incident.
package ClaudeTest;

use strict;
use warnings;

use Exporter 'import';
use FakeClaude;
use FindBin;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

our @EXPORT = qw(claude_server watch_table load settle incident of_incident propose);

# A running server whose agent asks this fake; more settings in conf.
sub claude_server
{
	my ($name, $fake, %params) = @_;
	my $file = PostgreSQL::Test::Utils::tempdir() . '/key';
	my $url = $fake->url;

	append_to_file($file, $fake->key . "\n");
	chmod 0600, $file or die "could not chmod: $!";
	my $conf = "selfheal.api_url = '$url'\nselfheal.api_key_file = '$file'\n"
	  . ($params{conf} // '');
	my $node = new_server($name, conf => $conf);
	install($node, 'postgres');
	$node->{key_file} = $file;
	return $node;
}

# A watched table of these columns.
sub watch_table
{
	my ($node, $table, $columns, $watch) = @_;
	$watch = defined $watch ? ", $watch" : '';
	$node->safe_psql('postgres', "CREATE TABLE $table ($columns); SELECT selfheal.watch('$table'$watch)");
	return;
}

# Payloads into its intake.
sub load
{
	my ($node, $table, @payloads) = @_;
	my $values = join ', ', map { my $p = $_; $p =~ s/'/''/g; "('$p')" } @payloads;
	$node->safe_psql('postgres', "INSERT INTO ${table}_intake VALUES $values");
	return;
}

# All that can be done without a person is done.
sub settle
{
	my ($node) = @_;
	my $told = $node->safe_psql('postgres', "SELECT selfheal.wait_idle('$PATIENCE')");
	like($told, qr/"idle": true/, 'all that can be done is done') or diag $told;
	return $told;
}

# One value of the newest incident of a table.
sub of_incident
{
	my ($node, $table, $what) = @_;
	return $node->safe_psql('postgres',
		"SELECT $what FROM selfheal.incidents i WHERE table_name = 'public.$table' ORDER BY id DESC LIMIT 1");
}

# Arguments of propose_plan.
sub propose
{
	my (%args) = @_;
	return [ propose_plan => {
		ddl => '', steps => [], intent => 'to store what was sent', explanation => 'it fits then',
		confidence => 0.95, options => [ { option => 'this', taken => \1, why => 'smallest' } ], %args } ];
}

1;
