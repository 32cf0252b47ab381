# 047_statements.pl: a plain statement fails, its client has its error; the
# table heals, and the same statement succeeds. Nothing of it is held, nothing
# is stored twice. What only the client can mend is noted and wakes nobody.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('statements');
$node->init(extra => [ '--encoding=UTF8', '--locale=C' ]);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
log_parameter_max_length_on_error = -1
CONF
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

# Run as a client would; returns its SQLSTATE, or '' when all went well.
sub client
{
	my ($text) = @_;
	my ($rc, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$text");
	return $err =~ /ERROR:\s+([0-9A-Z]{5})/ ? $1 : $rc == 0 ? '' : "psql $rc";
}

# The state of a table's incidents that came by this door.
sub incidents
{
	my ($table) = @_;
	return sql("SELECT string_agg(concat_ws(' ', i.class, i.column_name, i.state), ', ' ORDER BY i.class, i.column_name)
		FROM selfheal.incident i WHERE i.table_name = '$table'
		AND EXISTS (SELECT FROM selfheal.error e WHERE e.incident = i.id AND e.door = 'statement')");
}

sub held
{
	my ($table) = @_;
	return sql("SELECT count(*) FROM selfheal.quarantine WHERE relid = '$table'::regclass");
}

sql('CREATE EXTENSION selfheal');

# The statement fails with this SQLSTATE, the table heals, the statement
# succeeds, and count rows are in the table.
my $number = 0;

sub heals
{
	my ($name, %c) = @_;
	my $table = 'h' . ++$number;
	my $statement = $c{statement} =~ s/\@/$table/gr;

	sql($c{setup} =~ s/\@/$table/gr);
	sql("SELECT selfheal.watch('$table')");
	idle("$name, watched");
	is(client($statement), $c{sqlstate}, "$name: the client has its error");
	idle($name);
	if ($c{approve})
	{
		sql("SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'public.$table'");
		idle("$name, approved");
	}
	like(incidents($table), $c{incident}, "$name: the incident is healed");
	is(held($table), 0, "$name: nothing is held");
	is(sql("SELECT count(*) FROM $table"), $c{before} // 0, "$name: nothing was stored in the client's place");
	is(client($statement), '', "$name: the same statement succeeds");
	is(sql("SELECT count(*) FROM $table"), $c{rows} // 1, "$name: its rows are there once");
	is(sql("SELECT count(*) FROM selfheal.replayed WHERE table_name = '$table'"), 0, "$name: no row was replayed");
	idle("$name, after the retry");
	like(incidents($table), $c{incident}, "$name: that is all");
	return;
}

heals(
	'too long',
	setup => 'CREATE TABLE @ (id int PRIMARY KEY, name varchar(5))',
	statement => q{INSERT INTO @ VALUES (1, 'longer than five')},
	sqlstate => '22001',
	incident => qr/^too_long name healed$/);
heals(
	'two columns at once, and a column list',
	setup => 'CREATE TABLE @ (id int, a varchar(3), b text NOT NULL, c varchar(4))',
	statement => q{INSERT INTO @ (c, b, a, id) VALUES ('longer than four', 'b', 'longer than three', 1)},
	sqlstate => '22001',
	incident => qr/^too_long [ac] healed$/);
heals(
	'out of range',
	setup => 'CREATE TABLE @ (id int, n smallint)',
	statement => 'INSERT INTO @ VALUES (1, 40000)',
	sqlstate => '22003',
	incident => qr/^out_of_range n healed$/);
heals(
	'out of range, as a string',
	setup => 'CREATE TABLE @ (id int, n int)',
	statement => q{INSERT INTO @ VALUES (1, '3000000000')},
	sqlstate => '22003',
	incident => qr/^out_of_range n healed$/);
heals(
	'numeric precision',
	setup => 'CREATE TABLE @ (id int, n numeric(6,2))',
	statement => 'INSERT INTO @ VALUES (1, 123456.78)',
	sqlstate => '22003',
	incident => qr/^precision n healed$/);
heals(
	'a new column',
	setup => 'CREATE TABLE @ (id int)',
	statement => q{INSERT INTO @ (id, colour) VALUES (1, 'green')},
	sqlstate => '42703',
	incident => qr/^unknown_key colour healed$/);
heals(
	'a label of an enum',
	setup => q{CREATE TYPE @_mood AS ENUM ('sad', 'ok'); CREATE TABLE @ (id int, mood @_mood)},
	statement => q{INSERT INTO @ VALUES (1, 'delighted')},
	sqlstate => '22P02',
	approve => 1,
	incident => qr/^enum_label mood healed$/);
heals(
	'a missing partition',
	setup => q{CREATE TABLE @ (id int, at date) PARTITION BY RANGE (at);
		CREATE TABLE @_01 PARTITION OF @ FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
		CREATE TABLE @_02 PARTITION OF @ FOR VALUES FROM ('2026-02-01') TO ('2026-03-01')},
	statement => q{INSERT INTO @ VALUES (1, '2026-03-15')},
	sqlstate => '23514',
	incident => qr/^no_partition healed$/);
heals(
	'a partitioned table',
	setup => q{CREATE TABLE @ (id int, at date, name varchar(5)) PARTITION BY RANGE (at);
		CREATE TABLE @_01 PARTITION OF @ FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')},
	statement => q{INSERT INTO @ VALUES (1, '2026-01-15', 'longer than five')},
	sqlstate => '22001',
	incident => qr/^too_long name healed$/);
heals(
	'a partition by its name',
	setup => q{CREATE TABLE @ (id int, at date, name varchar(5)) PARTITION BY RANGE (at);
		CREATE TABLE @_01 PARTITION OF @ FOR VALUES FROM ('2026-01-01') TO ('2026-02-01')},
	statement => q{INSERT INTO @_01 VALUES (1, '2026-01-15', 'longer than five')},
	sqlstate => '22001',
	incident => qr/^too_long name healed$/);
heals(
	'a view',
	setup => q{CREATE TABLE @ (id int, name varchar(5)); CREATE VIEW @_v AS SELECT id AS number, name AS title FROM @},
	statement => q{INSERT INTO @_v (number, title) VALUES (1, 'longer than five')},
	sqlstate => '22001',
	incident => qr/^too_long name (healed|awaiting_approval)$/,
	approve => 1);
heals(
	'UPDATE',
	setup => q{CREATE TABLE @ (id int PRIMARY KEY, b text NOT NULL, name varchar(5)); INSERT INTO @ VALUES (1, 'b', 'short')},
	statement => q{UPDATE @ SET name = 'longer than five' WHERE id = 1},
	sqlstate => '22001',
	before => 1,
	incident => qr/^too_long name healed$/);
heals(
	'MERGE',
	setup => 'CREATE TABLE @ (id int PRIMARY KEY, name varchar(5))',
	statement => q{MERGE INTO @ t USING (VALUES (1)) AS s (id) ON t.id = s.id
		WHEN NOT MATCHED THEN INSERT VALUES (1, 'longer than five')},
	sqlstate => '22001',
	incident => qr/^too_long name healed$/);
heals(
	'ON CONFLICT',
	setup => q{CREATE TABLE @ (id int PRIMARY KEY, name varchar(5)); INSERT INTO @ VALUES (1, 'short')},
	statement => q{INSERT INTO @ VALUES (1, 'longer than five') ON CONFLICT (id) DO UPDATE SET name = excluded.name},
	sqlstate => '22001',
	before => 1,
	incident => qr/^too_long name healed$/);
heals(
	'COPY',
	setup => 'CREATE TABLE @ (id int, name varchar(5))',
	statement => "COPY @ FROM STDIN;\n1\tshort\n2\tlonger than five\n\\.\n",
	sqlstate => '22001',
	rows => 2,
	incident => qr/^too_long name healed$/);
heals(
	'a key for an identity',
	setup => 'CREATE TABLE @ (id int GENERATED ALWAYS AS IDENTITY, name text)',
	statement => q{INSERT INTO @ VALUES (7, 'seven')},
	sqlstate => '428C9',
	approve => 1,
	incident => qr/^generated id healed$/);
heals(
	'a sequence that is used up',
	setup => q{CREATE TABLE @ (id bigint PRIMARY KEY, name text); CREATE SEQUENCE @_s MAXVALUE 2 OWNED BY @.id;
		ALTER TABLE @ ALTER id SET DEFAULT nextval('@_s'); SELECT nextval('@_s'), nextval('@_s')},
	statement => q{INSERT INTO @ (name) VALUES ('one more')},
	sqlstate => '2200H',
	approve => 1,
	incident => qr/^sequence id healed$/);


# Parameters: pgbench, extended protocol. One fails in the planner, one at Bind.
sql(q{CREATE TABLE bound (id int, name varchar(5), n int); SELECT selfheal.watch('bound')});
idle('bound, watched');

sub bench
{
	my ($script, @defined) = @_;
	my $file = $node->basedir . '/script.sql';
	my ($out, $err);

	unlink $file;
	append_to_file($file, $script);
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	run_log([ 'pgbench', '-n', '-M', 'extended', '-t', '1', (map { ('-D', $_) } @defined), '-f', $file, 'postgres' ],
		'>', \$out, '2>', \$err);
	return $err =~ /ERROR:/ ? 'fails' : 'succeeds';
}
for my $case (
	[ 'a string', 'INSERT INTO bound (id, name) VALUES (1, :name);', 'name=longer_than_five', 'too_long name healed' ],
	[ 'an integer', 'INSERT INTO bound (id, n) VALUES (2, :n);', 'n=3000000000', 'out_of_range n healed, too_long name healed' ])
{
	my ($name, $script, $value, $incidents) = @$case;

	is(bench("$script\n", $value), 'fails', "parameter, $name: fails");
	idle("parameter, $name");
	is(incidents('bound'), $incidents, "parameter, $name: healed");
	is(bench("$script\n", $value), 'succeeds', "parameter, $name: succeeds");
}
is(held('bound'), 0, 'parameters: nothing is held');

# Written by a function, and by a trigger of another table.
sql(q{CREATE TABLE inner_one (id int, name varchar(5)); CREATE TABLE outer_one (id int, title text);
	CREATE FUNCTION write_it(v text) RETURNS void LANGUAGE plpgsql AS 'BEGIN INSERT INTO inner_one VALUES (1, v); END';
	CREATE FUNCTION copy_it() RETURNS trigger LANGUAGE plpgsql AS
		'BEGIN INSERT INTO inner_one (id, name) VALUES (new.id, new.title); RETURN new; END';
	CREATE TRIGGER copy_it AFTER INSERT ON outer_one FOR EACH ROW EXECUTE FUNCTION copy_it();
	SELECT selfheal.watch('inner_one'); SELECT selfheal.watch('outer_one')});
idle('inner_one, watched');
is(client(q{SELECT write_it('longer than five')}), '22001', 'a function that writes: fails');
idle('a function');
is(incidents('inner_one'), 'too_long name healed', 'a function: the table that it writes is healed');
is(client(q{SELECT write_it('longer than five')}), '', 'a function: succeeds');
is(client(q{INSERT INTO outer_one VALUES (2, repeat('x', 40))}), '22001', 'a trigger that writes elsewhere: fails');
idle('a trigger');
is(incidents('inner_one'), 'too_long name healed, too_long name healed', 'a trigger: the table that it writes is healed');
is(incidents('outer_one'), '', 'a trigger: the one that it is on needs nothing');
is(client(q{INSERT INTO outer_one VALUES (2, repeat('x', 40))}), '', 'a trigger: succeeds');
is(held('inner_one') + held('outer_one'), 0, 'a trigger: nothing is held');

# What only its client can mend: noted, counted, and nobody is woken.
sql(q{CREATE TABLE parent (id int PRIMARY KEY);
	CREATE TABLE own (id int PRIMARY KEY, q int CHECK (q > 0), f int REFERENCES parent, name varchar(5) NOT NULL, d date);
	SELECT selfheal.watch('own')});
idle('own, watched');
sql(q{INSERT INTO own VALUES (1, 1, NULL, 'a', NULL)});
is(client(q{INSERT INTO own VALUES (1, 1, NULL, 'a', NULL)}), '23505', 'a duplicate');
is(client(q{INSERT INTO own VALUES (1, 1, NULL, 'b', NULL)}), '23505', 'another');
is(client(q{INSERT INTO own VALUES (2, -1, NULL, 'a', NULL)}), '23514', 'a broken rule');
is(client(q{INSERT INTO own VALUES (2, 1, 7, 'a', NULL)}), '23503', 'a row without its parent');
is(client(q{INSERT INTO own VALUES (2, 1, NULL, NULL, NULL)}), '23502', 'a null');
is(client(q{INSERT INTO own VALUES (2, 'x', NULL, 'a', NULL)}), '22P02', 'a bad word');
is(client(q{INSERT INTO own VALUES (2, 1, NULL, 'a', '2026-02-31')}), '22008', 'an impossible date');
is(client(q{INSERT INTO own VALUES (2, '1', NULL, 'too long', 'nonsense')}), '22007', 'a bad word beside what is too long');
idle('own');
is(sql(q{SELECT count(*) FROM selfheal.incident WHERE table_name = 'own'}), 0, 'no incident of what is the client\'s own affair');
is(held('own'), 0, 'and no row is held');
is( sql(q{SELECT string_agg(concat_ws(' ', class, column_name, rows), ', ' ORDER BY class COLLATE "C", column_name)
		FROM selfheal.error WHERE table_name = 'own' AND noted}),
	'bad_value d 1, check 1, foreign_key 1, null_value name 1, unique 2, wrong_type d 1, wrong_type q 1',
	'but it is noted, once for each kind, with a count');

# Forgotten: no watched table.
sql('CREATE TABLE nobodys (id int, name varchar(5))');
is(client(q{INSERT INTO nobodys VALUES (1, 'longer than five')}), '22001', 'a table that is not watched');
idle('nobodys');
is(sql(q{SELECT count(*) FROM selfheal.error WHERE table_name = 'nobodys'}), 0, 'is no business of ours');

# A row that is not known.
sql(q{CREATE TABLE source (x text, n bigint); INSERT INTO source VALUES ('longer than five', 3000000000);
	CREATE TABLE opaque (id int, a varchar(5), b varchar(5), n int); SELECT selfheal.watch('opaque')});
idle('opaque, watched');
is(client(q{INSERT INTO opaque SELECT 1, NULL, NULL, n FROM source}), '22003', 'a value from a table');
idle('opaque');
is(client(q{INSERT INTO opaque SELECT 1, NULL, NULL, n FROM source}), '', 'statement and catalog decide: its column was widened');
is(client(q{INSERT INTO opaque SELECT 1, x, x, 1 FROM source}), '22001', 'a value from a table, for one of two columns');
idle('opaque, two columns');
like(
	sql(q{SELECT concat_ws(' ', state, reason_kind, reason) FROM selfheal.incidents WHERE table_name = 'public.opaque' AND class = 'too_long'}),
	qr/^needs_human no_payload .*column a.*column b/, 'what it may have been is listed');
sql('ALTER TABLE opaque ALTER a TYPE text, ALTER b TYPE text');
idle('opaque, changed by a person');
is(sql(q{SELECT state FROM selfheal.incidents WHERE table_name = 'public.opaque' AND class = 'too_long'}),
	'healed', 'a person\'s own change ends it');

# Roles: what a client may do decides nothing about the table; a role that may
# write to a view alone, or may only update.
sql(q{CREATE ROLE clerk LOGIN; CREATE TABLE ledger (id int PRIMARY KEY, must text NOT NULL, name varchar(5));
	INSERT INTO ledger VALUES (1, 'a', 'b'); GRANT SELECT, UPDATE (name) ON ledger TO clerk; SELECT selfheal.watch('ledger');
	CREATE TABLE behind (id int, must text NOT NULL, n smallint); CREATE VIEW behind_v AS SELECT id, must FROM behind;
	ALTER TABLE behind ADD name varchar(5); CREATE VIEW behind_w AS SELECT id, must, name FROM behind;
	GRANT SELECT, INSERT ON behind_w TO clerk; SELECT selfheal.watch('behind')});
idle('ledger, watched');
is(client(q{SET ROLE clerk; UPDATE ledger SET name = 'longer than five' WHERE id = 1}), '22001', 'UPDATE, by a role that may only do that');
idle('ledger, update');
is(incidents('ledger'), 'too_long name healed', 'the column is wide enough');
is(client(q{SET ROLE clerk; UPDATE ledger SET name = 'longer than five' WHERE id = 1}), '', 'and the update succeeds');
is(client(q{SET ROLE clerk; INSERT INTO behind_w VALUES (2, 'm', repeat('x', 3) || 'longer')}), '22001', 'INSERT through a view, of a value that is computed');
is(client(q{SET ROLE clerk; INSERT INTO behind_w VALUES (2, 'm', 'longer than five')}), '22001', 'INSERT through a view');
idle('ledger, view');
is(incidents('behind'), 'too_long name awaiting_approval', 'a view stands on the column: a person is asked');
sql(q{SELECT selfheal.approve(plan_id) FROM selfheal.pending WHERE table_name = 'public.behind'});
idle('behind, approved');
is(incidents('behind'), 'too_long name healed', 'the table behind the view is healed');
is(held('behind'), 0, 'nothing is held of the view\'s row');
is(client(q{SET ROLE clerk; INSERT INTO behind_w VALUES (2, 'm', 'longer than five')}), '', 'and the view takes it');

# Who may write nothing changes no table: what is wrong with his statement is
# found before his privileges are looked at.
sql(q{CREATE ROLE stranger LOGIN; CREATE TABLE guarded (id int, name varchar(5)); GRANT SELECT ON guarded TO stranger;
	CREATE TABLE his_own (id int); ALTER TABLE his_own OWNER TO stranger; SELECT selfheal.watch('guarded')});
idle('guarded, watched');
is(client(q{SET ROLE stranger; INSERT INTO guarded (id, intruder) VALUES (1, 1)}), '42703', 'a stranger names a new column');
is(client(q{SET ROLE stranger; INSERT INTO guarded VALUES (1, 'longer than five')}), '22001', 'a stranger sends what is too long');
is(client(q{SET ROLE stranger; WITH o AS (INSERT INTO his_own VALUES (1)) INSERT INTO guarded (id, intruder) VALUES (1, 1)}), '42703', 'beside a table of his own');
idle('guarded');
is(incidents('guarded'), '', 'a stranger opens no incident');
is(sql(q{SELECT count(*) FROM selfheal.error WHERE table_name = 'guarded'}), 0, 'and leaves nothing behind');

# Many witnesses of one cause: bounded, one incident.
sql(q{CREATE TABLE storm (id int PRIMARY KEY, name varchar(5)); SELECT selfheal.watch('storm'); SELECT selfheal.pause('storm')});
idle('storm, watched');
for (1 .. 3)
{
	my $all = join(";\n", map { "INSERT INTO storm VALUES ($_, 'longer than five $_')" } 1 .. 150);
	$node->psql('postgres', $all, on_error_stop => 0);
	idle("storm $_");
}
is(sql(q{SELECT count(*) FROM selfheal.incident WHERE table_name = 'storm'}), 1, 'a storm is one incident');
cmp_ok(sql(q{SELECT count(*) FROM selfheal.error WHERE table_name = 'storm'}), '<=', 100, 'with at most a hundred rows of selfheal.error');
cmp_ok(held('storm'), '<=', 100, 'and as many witnesses');
cmp_ok(held('storm'), '>', 50, 'many of them');
cmp_ok(sql(q{SELECT rows_seen FROM selfheal.incidents WHERE table_name = 'public.storm'}), '>', 100, 'the rest is counted');
is( sql(q{SELECT concat_ws(' ', rows_held, witnesses = (SELECT count(*) FROM selfheal.quarantined WHERE witness AND table_name = 'public.storm'))
		FROM selfheal.incidents WHERE table_name = 'public.storm'}),
	'0 t', 'none of them is a row that waits to be stored');
sql(q{SELECT selfheal.resume('storm')});
idle('storm, resumed');
is(incidents('storm'), 'too_long name healed', 'the storm is healed');
is(held('storm'), 0, 'and its witnesses are gone');
is(sql('SELECT count(*) FROM storm'), 0, 'not one was stored');

# Dismissed: its witnesses go.
sql(q{CREATE TABLE given_up (id int, name varchar(5)); SELECT selfheal.watch('given_up'); SELECT selfheal.pause('given_up')});
idle('given_up, watched');
is(client(q{INSERT INTO given_up VALUES (1, 'longer than five')}), '22001', 'one more failure');
idle('given_up');
is(held('given_up'), 1, 'a witness while it is paused');
sql(q{SELECT selfheal.dismiss(id, 'leave it') FROM selfheal.incidents WHERE table_name = 'public.given_up'});
idle('given_up, dismissed');
is(held('given_up'), 0, 'no witness of what was dismissed');

# ---- replay_statements ----

sub replayed
{
	my ($table) = @_;
	return sql("SELECT coalesce(sum(rows), 0) FROM selfheal.replayed WHERE table_name = '$table'");
}

sql('CREATE TABLE keyless (id int, name varchar(5))');
is(client(q{SELECT selfheal.watch('keyless', replay_statements => true)}), '55000', 'without a key nobody can tell a retry from a second row');
sql(q{CREATE TABLE again (id int PRIMARY KEY, at timestamptz, who text DEFAULT current_user, name varchar(5));
	GRANT SELECT, INSERT ON again TO clerk; SELECT selfheal.watch('again', replay_statements => true)});
idle('again, watched');
is(client(q{SET ROLE clerk; SET TimeZone = 'America/New_York'; SET DateStyle = 'ISO, DMY';
	INSERT INTO again (id, at, name) VALUES (1, '02/03/2026 12:00', 'longer than five')}), '22001', 'replay: the client has its error');
idle('again');
is(sql(q{SET TimeZone = 'UTC'; SELECT concat_ws('|', id, at, who, name) FROM again}), '1|2026-03-02 17:00:00+00|clerk|longer than five',
	'replay: the row is stored as its role and under its settings');
is(held('again'), 0, 'replay: nothing is held');
is(replayed('again'), 1, 'replay: once');
is(client(q{INSERT INTO again (id, at, name) VALUES (1, now(), 'longer than five')}), '23505', 'replay: a retry meets it');
idle('again, retried');
is(sql('SELECT count(*) FROM again'), 1, 'replay: it is there once');

sub held_for_replay
{
	return sql(q{SELECT count(*) FROM selfheal.quarantine WHERE relid = 'again'::regclass AND witness IS NULL});
}

# the client comes first
sql(q{SELECT selfheal.pause('again')});
my $far = 'x' x 60;
for (1, 2)
{
	is(client("INSERT INTO again VALUES (2, NULL, 'a', '$far')"), '22001', "replay: fails, $_");
	idle("again, fails $_");
}
is(held_for_replay(), 1, 'replay: the same statement again is the same row');
is(client("INSERT INTO again VALUES (3, NULL, 'a', '$far')"), '22001', 'replay: another fails');
idle('again, paused');
is(held_for_replay(), 2, 'replay: another row');
sql(q{ALTER TABLE again ALTER name TYPE text});
is(client("INSERT INTO again VALUES (2, NULL, 'a', '$far')"), '', 'replay: the client was quicker');
is(client("INSERT INTO again VALUES (3, NULL, 'a', 'shorter')"), '', 'replay: or has changed its mind');
sql(q{SELECT selfheal.resume('again')});
idle('again, resumed');
is(held('again'), 0, 'replay: nothing is held');
is(sql(q{SELECT string_agg(id || left(name, 7), ' ' ORDER BY id) FROM again}), '1longer  2xxxxxxx 3shorter', 'replay: each is there once, as its client said');
# narrowed by a person while it is watched it would be drift, and ask
sql(q{SELECT selfheal.unwatch('again'); ALTER TABLE again ALTER name TYPE varchar(60); SELECT selfheal.watch('again', replay_statements => true)});

# what is no row of its own, or has no key, is a witness
sql(q{CREATE TABLE numbered (id serial PRIMARY KEY, name varchar(5)); SELECT selfheal.watch('numbered', replay_statements => true);
	SELECT selfheal.pause('again')});
idle('numbered, watched');
is(client(q{INSERT INTO numbered (name) VALUES ('longer than five')}), '22001', 'replay: a row that brings no key');
is(client("BEGIN; INSERT INTO again VALUES (4, NULL, 'a', '${far}x'); COMMIT"), '22001', 'replay: in a transaction block');
is(client("INSERT INTO again VALUES (5, now(), 'a', '${far}x')"), '22001', 'replay: with a function');
is(client("INSERT INTO again VALUES (6, NULL, 'a', '${far}x'), (7, NULL, 'a', 'b')"), '22001', 'replay: two rows');
is(client("INSERT INTO again VALUES (1, NULL, 'a', '${far}x') ON CONFLICT (id) DO UPDATE SET name = excluded.name"), '22001', 'replay: ON CONFLICT');
is(client("COPY again FROM STDIN;\n8\t\\N\ta\t${far}x\n\\.\n"), '22001', 'replay: COPY');
is(client("UPDATE again SET id = 9, name = '${far}x' WHERE id = 1"), '22001', 'replay: UPDATE');
idle('again, witnesses');
is(held_for_replay(), 0, 'replay: none of these is stored');
sql(q{SELECT selfheal.resume('again')});
idle('again, the end');
is(sql(q{SELECT string_agg(id::text, ' ' ORDER BY id) FROM again}), '1 2 3', 'replay: nor is it afterwards');
is(sql(q{SELECT count(*) FROM numbered}), 0, 'replay: nor the row without its key');
is(held('again') + held('numbered'), 0, 'replay: nothing is held in the end');

# past the window it is only a witness
sql(q{SELECT selfheal.pause('again')});
is(client("INSERT INTO again VALUES (10, NULL, 'a', '" . 'x' x 200 . "')"), '22001', 'replay: one more');
idle('again, one more');
is(held_for_replay(), 1, 'replay: it is to be stored');
sql(q{ALTER SYSTEM SET selfheal.replay_window = 0});
$node->reload;
sql(q{SELECT selfheal.resume('again')});
idle('again, too late');
is(sql(q{SELECT count(*) FROM again WHERE id = 10}), 0, 'replay: not after selfheal.replay_window');
is(held('again'), 0, 'replay: it does not wait either');

# ---- status ----

my $note = q{SELECT concat_ws(': ', value, note) FROM selfheal.status WHERE item = 'statements'};
like(sql($note), qr/^seen/, 'status: the door is open');
unlike(sql($note), qr/log_/, 'status: no setting is in the way');
like(sql("SET log_min_messages = fatal; $note"), qr/log_min_messages/, 'status: errors that are not logged are not seen');
like(sql("SET log_parameter_max_length_on_error = 0; $note"), qr/log_parameter_max_length_on_error/, 'status: parameters that are hidden');

done_testing();
