# The server log is told of values no more than share_values says: what the
# healer fails by, a load that is rejected, and notices that are logged.
use strict;
use warnings;
use FindBin;
use lib $FindBin::RealBin;
use PostgreSQL::Test::Utils;
use Test::More;
use WorkerTest;

my $node = new_server('share_log', conf => "log_min_messages = 'notice'\nlog_statement = 'none'\n");
my $db = 'postgres';

sub sql { return $node->safe_psql($db, $_[0]) }

# What a piece of work leaves in the log.
sub logged
{
	my ($work) = @_;
	my $from = -s $node->logfile;
	$work->();
	return substr(slurp_file($node->logfile), $from);
}

sql('CREATE EXTENSION selfheal');

# the ALTER of the table itself fails, not that of its clone
sql(q{
	CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$
	BEGIN
		IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() c WHERE c.schema_name = 'public') THEN
			RAISE EXCEPTION 'column of Lovelace 4711 stays' USING DETAIL = 'she said "leave it"', HINT = 'Ask Ada.';
		END IF;
	END $$;
});
for my $share ('masked', 'none', 'full')
{
	sql("CREATE TABLE t_$share (id int, v varchar(4)); SELECT selfheal.watch('t_$share', share_values => '$share')");
	sql(q{CREATE EVENT TRIGGER refuse ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION refuse()});
	my $log = logged(sub {
		sql(qq{INSERT INTO t_${share}_intake VALUES ('{"id": 1, "v": "longer"}')});
		sql(q{SELECT selfheal.wait_idle('180s')});
	});
	sql('DROP EVENT TRIGGER refuse');
	like(sql("SELECT string_agg(result, ' ') FROM selfheal.audit WHERE event = 'apply_failed' AND table_name = 't_$share'"),
		qr/Lovelace 4711/, "$share: who may read the table sees the error");
	my $want = { masked => qr/ERROR: .*column of Aaaaaaaa 9999 stays/, none => qr/ERROR: .*column of \.\.\. \.\.\. stays/,
		full => qr/ERROR: .*column of Lovelace 4711 stays/ }->{$share};
	like($log, $want, "$share: so does the log");
	if ($share eq 'full')
	{
		like($log, qr/leave it/, 'full: with its detail');
	}
	else
	{
		unlike($log, qr/Lovelace|4711|leave it|Ada/, "$share: and no value");
	}
}

# what a producer is told stands in the log without the values
sql(q{CREATE TABLE p (id int PRIMARY KEY, d date); SELECT selfheal.watch('p')});
my $stderr = '';
my $log = logged(sub {
	$node->psql($db, q{INSERT INTO p_intake VALUES ('{"id": 1, "d": "Lovelace 4711"}')}, stderr => \$stderr);
	$node->psql($db, q{SELECT selfheal.watch('p', reject_limit => 0)}, stderr => \my $none);
	$node->psql($db, q{INSERT INTO p_intake VALUES ('{"id": 2, "d": "Lovelace 4711"}')}, stderr => \$stderr);
});
like($log, qr/rows? stored, 1 held/, 'the notice is logged');
like($log, qr/load into public.p is rejected/, 'and the rejection');
like($stderr, qr/Lovelace 4711/, 'he is told the value');
unlike($log, qr/Lovelace|4711/, 'the log is not');

# a COPY tells the line where it failed, and a statement may be all payload
$log = logged(sub {
	$node->psql($db, qq{COPY p_intake FROM STDIN (FORMAT csv, QUOTE '~', DELIMITER '|');\n}
		. join('', map { qq{{"id": $_, "d": "Lovelace 4711"}\n} } 1 .. 3) . "\\.\n", stderr => \$stderr);
	$node->psql($db, q{INSERT INTO p_intake SELECT '{"id": 1, "d": "Lovelace 4711"}' FROM generate_series(1, 100000)});
});
my @rejected = $log =~ /load into public.p is rejected/g;
is(scalar @rejected, 2, 'both loads are rejected');
unlike($log, qr/Lovelace|4711/, 'and neither is told');
sql(q{SELECT selfheal.watch('p', share_values => 'full')});
like(logged(sub { $node->psql($db, q{INSERT INTO p_intake VALUES ('{"id": 2, "d": "Lovelace 4711"}')}) }),
	qr/invalid input syntax.*Lovelace 4711.*STATEMENT: /s, 'full: with statement and value');

$node->stop;
done_testing();
