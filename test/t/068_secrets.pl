# The key for the API: from a file that is private or from the environment, sent
# to nobody else, and found nowhere: no log, no table, no setting, no dump.
use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin, "$FindBin::RealBin/../lib";

use ClaudeTest;
use FakeClaude;
use JSON::PP;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $fake = FakeClaude->new(script => []);
my $key = $fake->key;
my $node = claude_server('secrets', $fake, conf => <<'CONF');
log_min_messages = debug5
log_statement = all
log_min_error_statement = debug5
log_min_duration_statement = 0
log_error_verbosity = verbose
debug_print_plan = off
CONF
my $file = $node->{key_file};
my $dir = PostgreSQL::Test::Utils::tempdir();
my @settings;

sub value { my ($sql) = @_; return $node->safe_psql('postgres', $sql) }

sub good
{
	my (%more) = @_;
	my $text = delete $more{text};
	my $step = { kind => 'parse_timestamp', column => 'at', type => '', labels => [], args => '{"formats": ["YYYY|DD|MM"]}' };
	return { tools => [ propose(steps => [$step], %more) ], defined $text ? (text => $text) : () };
}

# An incident that Claude is to be asked about; its state when all is done.
sub heals
{
	my ($table, $what) = @_;
	watch_table($node, $table, 'id int, at date');
	load($node, $table, '{"id": 1, "at": "2026|21|11"}');
	# a request that failed for a passing reason is made again after a pause
	$node->poll_query_until('postgres', "SELECT state = 'healed' FROM selfheal.incidents WHERE table_name = 'public.$table'");
	is(of_incident($node, $table, 'state'), 'healed', $what);
	return;
}

sub status { return value('SELECT concat_ws(\': \', value, note) FROM selfheal.status WHERE item = \'claude\'') }

# What the file has in it, and who may read it.
sub key_file
{
	my ($content, $mode) = @_;
	unlink $file;
	append_to_file($file, $content);
	chmod $mode // 0600, $file or die "could not chmod: $!";
	return;
}

# ---- a server that repeats the key in all it says ----

$fake->set_script([
	{ status => 529, error => { type => 'overloaded_error', message => "not now, $key" }, headers => [ 'request-id' => "req_$key" ], retry_after_ms => 50 },
	good(text => "your key is $key", explanation => "Bearer $key", intent => $key, options => [ { option => $key, taken => \1, why => $key } ]) ]);
heals('echoed', 'a server that repeats the key is of use all the same');
is($fake->count(status => 400), 0, 'none of which the API would refuse');

# ---- keys that are not used ----

# Status tells it at once, the incident too; nothing is sent.
sub is_refused
{
	my ($what, $why) = @_;
	like(status(), qr/^unavailable: .*$why/, "$what: so says the status");
	unlike(status(), qr/\Q$file\E/, "$what: without the path");
	return;
}

my @files = (
	[ 'a file that the group can read', sub { key_file("$key\n", 0640) }, qr/can be read by others/ ],
	[ 'a file that everybody can read', sub { key_file("$key\n", 0604) }, qr/can be read by others/ ],
	[ 'a link to such a file', sub { key_file("$key\n", 0644); rename $file, "$file.open"; symlink "$file.open", $file },
		qr/can be read by others/ ],
	[ 'a file that the server cannot read', sub { key_file("$key\n", 0200) }, qr/could not open/ ],
	[ 'a directory', sub { unlink $file; mkdir $file, 0700 }, qr/no ordinary file/ ],
	[ 'a fifo', sub { rmdir $file; POSIX::mkfifo($file, 0600) }, qr/no ordinary file/ ],
	[ 'no file', sub { unlink $file }, qr/could not open/ ],
	[ 'an empty file', sub { key_file('') }, qr/empty/ ],
	[ 'a file of blanks', sub { key_file(" \n\n") }, qr/empty/ ],
	[ 'a file that is too long', sub { key_file($key x 200) }, qr/too long/ ],
	[ 'lines within it', sub { key_file("$key\nanthropic-beta: x\n") }, qr/line ends/ ],
	[ 'a carriage return within it', sub { key_file("$key\r\nx: y") }, qr/line ends/ ],
	[ 'a byte 0 within it', sub { key_file("$key\0$key") }, qr/other than ASCII/ ],
	[ 'other than ASCII', sub { key_file("${key}\xc3\xa9") }, qr/other than ASCII/ ]);
for my $case (@files)
{
	my ($what, $make, $why) = @$case;
	SKIP:
	{
		skip 'the superuser reads it', 2 if $what =~ /cannot read/ && $> == 0;
		$make->();
		is_refused($what, $why);
	}
}
key_file("  $key\r\n\n");
like(status(), qr/^ready/, 'blanks and line ends around it are no part of a key');

# What is wrong with it reaches the incident, and is made good by a reload.
$fake->set_script([ good() ]);
my $asked = $fake->count;
key_file("$key\n", 0644);
watch_table($node, 'open', 'id int, at date');
load($node, 'open', '{"id": 1, "at": "2026|21|11"}');
settle($node);
is(of_incident($node, 'open', 'state'), 'needs_human', 'with a key that others can read a person is needed');
like(of_incident($node, 'open', 'reason'), qr/can be read by others/, 'and told why');
is($fake->count, $asked, 'nothing was sent');
chmod 0600, $file;
$node->reload;
$node->poll_query_until('postgres', 'SELECT state = \'healed\' FROM selfheal.incidents WHERE table_name = \'public.open\'');
is(of_incident($node, 'open', 'state'), 'healed', 'made good, it goes on after a reload');

# ---- in clear to nobody else ----

my $port = $fake->port;
for my $url ('http://api.anthropic.com', 'http://127.0.0.1.example.com', "http://localhost.example.com:$port", 'http://[::2]', 'http://127.0.0.10')
{
	set_conf($node, 'selfheal.api_url', "'$url'");
	is_refused($url, qr/not sent in clear to another machine/);
}
watch_table($node, 'clear', 'id int, at date');
load($node, 'clear', '{"id": 1, "at": "2026|21|11"}');
settle($node);
like(of_incident($node, 'clear', 'reason'), qr/not sent in clear to another machine/, 'nor is it: the incident needs a person');
is(value('SELECT count(*) FROM selfheal.turns t JOIN selfheal.conversations v ON v.id = t.conversation WHERE v.table_name = \'public.clear\' AND status IS NOT NULL'),
	0, 'and nobody has answered');
for my $url ('https://api.example.invalid', 'http://LOCALHOST', "http://localhost:$port/path", 'http://127.0.0.1', "http://[::1]:$port")
{
	set_conf($node, 'selfheal.api_url', "'$url'");
	like(status(), qr/^(ready|unavailable: since .*)/, "$url may have it");
}
$fake->set_script([ good() ]);
set_conf($node, 'selfheal.api_url');
$node->poll_query_until('postgres', 'SELECT state = \'healed\' FROM selfheal.incidents WHERE table_name = \'public.clear\'');
is(of_incident($node, 'clear', 'state'), 'healed', 'with a right address it goes on');
set_conf($node, 'selfheal.api_auth', '\'none\'');
set_conf($node, 'selfheal.api_url', '\'http://gateway.example\'');
like(status(), qr/^ready/, 'without a key any address will do');
set_conf($node, 'selfheal.api_url');

# ---- the other header, and the environment; past a proxy that cannot be ----

$fake->set_script([ good(), good() ]);
set_conf($node, 'selfheal.api_auth', '\'bearer\'');
heals('bearer', 'a key as bearer');
set_conf($node, 'selfheal.api_auth');
unlink $file;
set_conf($node, 'selfheal.api_key_file', '\'\'');
like(status(), qr/^no key/, 'no file, and nothing in the environment');
{
	# from debug3 on PostgreSQL itself writes its environment into the log when
	# it starts, before any library is loaded
	set_conf($node, 'log_min_messages', 'debug2');
	local $ENV{ANTHROPIC_API_KEY} = $key;
	local $ENV{http_proxy} = 'http://127.0.0.1:1';
	local $ENV{all_proxy} = 'http://127.0.0.1:1';
	$node->restart;
	set_conf($node, 'log_min_messages');
}
like(status(), qr/^ready/, 'a key in the environment');
heals('environment', 'is used, and no proxy sees it');
is($fake->count(status => 401), 0, 'each time it was the right one');

# ---- looked for everywhere ----

# Errors that tell much, in the sessions that could know of it.
for my $sql ('SELECT 1 / 0 FROM selfheal.status', 'SHOW selfheal.api_key', 'SELECT selfheal.tool(\'inspect_schema\', \'{}\', -1)')
{
	$node->psql('postgres', $sql);
}
my @found = split /\n/, value(<<"SQL");
CREATE FUNCTION has_key(rel regclass) RETURNS boolean LANGUAGE plpgsql AS \$\$
DECLARE found boolean;
BEGIN
	EXECUTE format('SELECT EXISTS (SELECT FROM %s r WHERE strpos(r::text, %L || %L) > 0)', rel, '@{[ substr $key, 0, 20 ]}', '@{[ substr $key, 20 ]}') INTO found;
	RETURN found;
EXCEPTION WHEN object_not_in_prerequisite_state OR feature_not_supported OR insufficient_privilege THEN
	RETURN false;
END \$\$;
SELECT c.oid::regclass FROM pg_class c WHERE c.relkind IN ('r', 'v', 'm', 'p') AND has_key(c.oid)
SQL
is("@found", '', 'in no table and no view');
cmp_ok(value('SELECT count(*) FROM pg_class WHERE relnamespace = \'selfheal\'::regnamespace AND relkind IN (\'r\', \'v\')'), '>', 40, 'of which there are many');
cmp_ok(value("SELECT count(*) FROM selfheal.agent_turn WHERE body::text LIKE '%Bearer *******%'"), '>', 1, 'where it was said there are asterisks');
unlike($node->safe_psql('postgres', 'SHOW ALL'), qr/\Q$key\E/, 'in no setting');
$node->command_ok([ 'pg_dumpall', '--file', "$dir/all.sql", '--no-sync' ], 'a dump of it all');
unlike(slurp_file("$dir/all.sql"), qr/\Q$key\E/, 'has no key');
like(slurp_file("$dir/all.sql"), qr/agent_turn/, 'but the conversations');
unlike(`ps axww 2>/dev/null`, qr/\Q$key\E/, 'no process has it in its title');

$node->stop;

# Part of a file: tables, WAL, statistics, whatever the server writes.
sub files_with
{
	my ($what, @dirs) = @_;
	my @with;
	while (defined(my $at = shift @dirs))
	{
		if (-d $at && !-l $at)
		{
			opendir my $fh, $at or next;
			push @dirs, map { "$at/$_" } grep { !/^\.\.?\z/ } readdir $fh;
			closedir $fh;
		}
		elsif (-f $at)
		{
			push @with, $at if index(slurp_file($at), $what) >= 0;
		}
	}
	return join ' ', @with;
}
my $log = slurp_file($node->logfile);
like($log, qr/DEBUG: .*CommitTransaction/, 'the log is as chatty as can be');
is(files_with($key, $node->data_dir, $node->logfile), '', 'the server has written it nowhere');
isnt(files_with('parse_timestamp', $node->data_dir), '', 'as would be found');

done_testing();
