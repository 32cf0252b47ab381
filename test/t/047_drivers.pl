# 047_drivers.pl: what drivers send: Parse with types, Bind with values in text
# or binary, pipelines. Each statement fails as it would without us, its table
# heals, and the same messages succeed, whatever the server shows of parameters
# (log_parameter_max_length_on_error), which changes what CONTEXT says.
#
# A client of the tests (DriverTest.pm) sends the messages.

use strict;
use warnings;

use File::Basename;
use lib dirname(__FILE__);
use DriverTest;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('drivers');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', "shared_preload_libraries = 'selfheal'\n");
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

sub idle
{
	my ($name) = @_;
	is(sql(q{SELECT selfheal.wait_idle('180s') ->> 'idle'}), 'true', "$name: the worker comes to rest");
	return;
}

# The SQLSTATE of the first command that fails, '' when none does.
sub driver
{
	my ($script, $database) = @_;
	return join(' ', grep { !/^ok/ && $_ ne 'aborted' } drive($node, $database // 'postgres', $script));
}

sub incidents
{
	my ($table) = @_;
	return sql("SELECT string_agg(concat_ws(' ', i.class, i.column_name, i.state), ', ' ORDER BY i.class, i.column_name)
		FROM selfheal.incident i WHERE i.table_name = '$table'");
}

# What is known of the last failure's row.
sub row_of
{
	my ($table) = @_;
	return sql("SELECT coalesce(sample, 'none') FROM selfheal.error WHERE table_name = '$table' ORDER BY id DESC LIMIT 1");
}

sql('CREATE EXTENSION selfheal');
sql('CREATE DATABASE plain');
my $number = 0;

sub heals
{
	my ($name, %c) = @_;
	my $table = 'd' . ++$number;
	my ($setup, $script) = map { s/\@/$table/gr } @c{qw(setup script)};

	$node->safe_psql('plain', $setup);
	sql($setup);
	sql("SELECT selfheal.watch('$table'" . ($c{replay} ? ', replay_statements => true' : '') . ')');
	idle("$name, watched");
	is(driver($script, 'plain'), $c{sqlstate}, "$name: fails where nobody heals");
	is(driver($script), $c{sqlstate}, "$name: and here alike");
	idle($name);
	if ($c{approve})
	{
		sql("SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'public.$table'");
		idle("$name, approved");
	}
	is(incidents($table), "$c{incident} healed", "$name: the incident is healed");
	is(row_of($table), $c{row}, "$name: its row") if $c{row};
	my $stored = $c{replay} ? 1 : 0;
	is(sql("SELECT count(*) FROM $table"), ($c{before} // 0) + $stored,
		$stored ? "$name: its row is stored" : "$name: nothing was stored in the client's place");
	is(driver($script), $stored ? '23505' : '', $stored ? "$name: the retry meets it" : "$name: the same messages succeed");
	is(sql("SELECT count(*) FROM $table"), $c{rows} // 1, "$name: its rows are there once");
	idle("$name, after the retry");
	is(sql("SELECT count(*) FROM selfheal.quarantine WHERE relid = '$table'::regclass"), 0, "$name: nothing is held");
	return;
}

my $plain = 'CREATE TABLE @ (id int PRIMARY KEY, name varchar(5), n smallint, nick varchar(8))';
my $moods = q{CREATE TYPE @_mood AS ENUM ('sad', 'ok'); CREATE TABLE @ (id int PRIMARY KEY, m @_mood)};

for my $shown (0, 5, -1)
{
	sql("ALTER SYSTEM SET log_parameter_max_length_on_error = $shown");
	$node->reload;
	$node->poll_query_until('postgres', "SELECT setting = '$shown' FROM pg_settings WHERE name = 'log_parameter_max_length_on_error'");
	my $said = "parameters shown to $shown";

	heals(
		"$said, several of their own types",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, name, n) VALUES ($1, $2, $3) | 23:b:1 | 25:t:longer than five | 21:b:7',
		sqlstate => '22001',
		row => '{"id":1,"name":"longer than five","n":7}',
		incident => 'too_long name');
	heals(
		"$said, in binary",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, n) VALUES ($1, $2) | 20:b:1 | 20:b:40000',
		sqlstate => '22003',
		incident => 'out_of_range n');
	heals(
		"$said, refused by Bind",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, n) VALUES ($1, $2) | 0:t:1 | 0:t:40000',
		sqlstate => '22003',
		row => '{"n":"40000"}',
		incident => 'out_of_range n');
	heals(
		"$said, a label with quotes, refused by Bind",
		setup => $moods,
		script => q{params | INSERT INTO @ (id, m) VALUES ($1, $2) | 0:t:1 | 0:t:it's ok, isn't it},
		sqlstate => '22P02',
		approve => 1,
		row => q({"m":"it's ok, isn't it"}),
		incident => 'enum_label m');
	heals(
		"$said, a label in binary, refused by Bind",
		setup => $moods,
		script => 'params | INSERT INTO @ (id, m) VALUES ($1, $2) | 0:x:00000001 | 0:b:delighted',
		sqlstate => '22P02',
		approve => 1,
		incident => 'enum_label m');
	heals(
		"$said, a value that looks like what the server says",
		setup => $plain,
		script => q{params | INSERT INTO @ (id, name) VALUES ($1, $2) | 23:b:1 | 25:t:x\nunnamed portal parameter $1 = 'y'},
		sqlstate => '22001',
		incident => 'too_long name');
	heals(
		"$said, computed from a parameter",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, name) VALUES ($1, coalesce(upper($2), $3)) | 23:b:1 | 25:t:longer than five | ~',
		sqlstate => '22001',
		incident => 'too_long name');
	heals(
		"$said, prepared by name, generic plan",
		setup => "$plain; INSERT INTO @ VALUES (1)",
		script => 'simple | SET plan_cache_mode = force_generic_plan
			prepare | insert into nowhere | - | UPDATE @ SET nick = $1 WHERE id = $2
			execute | insert into nowhere | 0:t:short | 0:t:1
			execute | insert into nowhere | 0:t:longer than eight | 0:t:1',
		sqlstate => '22001',
		before => 1,
		incident => 'too_long nick');
	heals(
		"$said, two rows",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, name) VALUES ($1, $2), ($3, $4) | 23:b:1 | 25:t:a | 23:b:2 | 25:t:longer than five',
		sqlstate => '22001',
		rows => 2,
		row => '{"id":2,"name":"longer than five"}',
		incident => 'too_long name');
	heals(
		"$said, arrays that become rows",
		setup => $plain,
		script => 'params | INSERT INTO @ (id, name) SELECT * FROM unnest($1::int[], $2::text[]) | 0:t:{1,2} | 0:t:{a,longer}',
		sqlstate => '22001',
		rows => 2,
		incident => 'too_long name');
	heals(
		"$said, one of a pipeline",
		setup => $plain,
		script => 'pipeline
			params | INSERT INTO @ (id, name) VALUES ($1, $2) | 23:b:1 | 25:t:a
			params | INSERT INTO @ (id, name) VALUES ($1, $2) | 23:b:2 | 25:t:longer than five
			params | INSERT INTO @ (id, name) VALUES ($1, $2) | 23:b:3 | 25:t:c
			end',
		sqlstate => '22001',
		rows => 3,
		incident => 'too_long name');
	heals(
		"$said, replayed",
		replay => 1,
		setup => $plain,
		script => 'params | INSERT INTO @ (id, name, n) VALUES ($1, $2, $3) | 23:b:1 | 25:t:longer than five | ~',
		sqlstate => '22001',
		row => '{"id":1,"name":"longer than five","n":null}',
		incident => 'too_long name');
}

# What failed is no value of the row that is known: a row that would fit tells
# nothing of it.
heals(
	'made of the row in ON CONFLICT',
	setup => "$plain; INSERT INTO @ VALUES (1)",
	script => q{simple | INSERT INTO @ (id, name) VALUES (1, 'short') ON CONFLICT (id) DO UPDATE SET name = excluded.name || 'er'},
	sqlstate => '22001',
	before => 1,
	incident => 'too_long name');

# A value that is too long to be copied: its length is known, and how much is
# too much stays what it is.
heals(
	'far too long',
	setup => $plain,
	script => 'params | INSERT INTO @ (id, name) VALUES ($1, $2) | 23:b:1 | 25:t:' . 'x' x 9000,
	sqlstate => '22001',
	row => 'none',
	incident => 'too_long name');
sql(qq{CREATE TABLE most (id int PRIMARY KEY, name varchar(5)); SELECT selfheal.watch('most')});
idle('most, watched');
for (1, 2)
{
	is(driver('params | INSERT INTO most (id, name) VALUES ($1, $2) | 23:b:1 | 25:t:' . 'x' x 11000), '22001', "past selfheal.max_width: fails, $_");
	idle("past selfheal.max_width, $_");
}
is(sql(q{SELECT concat_ws(' ', state, reason ~ 'max_width') FROM selfheal.incidents WHERE table_name = 'public.most'}),
	'needs_human t', 'past selfheal.max_width: a person is asked');
is(sql(q{SELECT format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'most'::regclass AND attname = 'name'}),
	'character varying(5)', 'past selfheal.max_width: nothing is widened step by step');

$node->stop;
done_testing();
