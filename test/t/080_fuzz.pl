# Documents of every kind through SQL: right ones, odd ones and broken ones by
# a seed, into tables of several shapes. No crash; each line is stored, held
# or skipped, and only one of these; what is held is byte for byte what was
# sent; what is stored is what json takes from the line. Then the same again
# after the worker has healed what it could.
#
# FUZZ_DOCUMENTS (20000), FUZZ_SEED (always the same): test/fuzz/run.sh gives
# more, and another seed each time.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use FuzzDocuments;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $documents = $ENV{FUZZ_DOCUMENTS} || 20000;
my $seed = $ENV{FUZZ_SEED} || 20261122;
note("FUZZ_SEED=$seed FUZZ_DOCUMENTS=$documents");
srand($seed);

my $node = PostgreSQL::Test::Cluster->new('fuzz');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
timezone = 'UTC'
datestyle = 'ISO, MDY'
fsync = off
max_wal_size = 4GB
CONF
$node->start;

sub sql { return $node->safe_psql('postgres', $_[0]) }

my %shapes = shapes();
my @tables = sort keys %shapes;

# ---- tables ----

sub quoted { my $name = $_[0]; $name =~ s/"/""/g; return qq("$name") }

sub create_table
{
	my ($table) = @_;
	my @columns = @{ $shapes{$table}{columns} };
	my @defs;
	for (my $i = 0; $i < @columns; $i += 2) { push @defs, quoted($columns[$i]) . ' ' . $columns[ $i + 1 ] }
	my $rest = '';
	if ($table eq 'bound')
	{
		push @defs, 'PRIMARY KEY (k)', 'CHECK (length(name) > 0)', 'FOREIGN KEY (parent) REFERENCES parents',
		  'twice numeric GENERATED ALWAYS AS (k * 2) STORED', 'id bigint GENERATED ALWAYS AS IDENTITY';
	}
	$rest = 'PARTITION BY RANGE (d)' if $table eq 'parted';
	my $text = "CREATE TABLE $table (" . join(', ', @defs) . ") $rest;\n";
	$text .= "ALTER TABLE bound ALTER name SET NOT NULL, ALTER qty SET DEFAULT 7;\n" if $table eq 'bound';
	$text .= <<'SQL' if $table eq 'parted';
CREATE TABLE parted_2025 PARTITION OF parted FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE TABLE parted_2026 PARTITION OF parted FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY HASH (n);
CREATE TABLE parted_2026_0 PARTITION OF parted_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parted_2026_1 PARTITION OF parted_2026 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
SQL
	$text .= "SELECT selfheal.watch('$table', 'observe');";
	utf8::encode($text);
	sql($text);
	return;
}

sql(<<'SQL');
CREATE EXTENSION selfheal;
CREATE TYPE mood AS ENUM ('sad', 'ok', 'so happy');
CREATE DOMAIN positive AS int CHECK (VALUE > 0);
CREATE TYPE pair AS (a int, b text);
CREATE TABLE parents (id smallint PRIMARY KEY);
INSERT INTO parents SELECT generate_series(1, 20);
CREATE TABLE sent (tab text, load int, position bigint, n bigint, fate text, mark text, bytes bytea);
CREATE INDEX ON sent (tab);
CREATE FUNCTION try_json(b bytea) RETURNS json LANGUAGE plpgsql AS $$
BEGIN
	RETURN convert_from(b, 'UTF8')::json;
EXCEPTION WHEN OTHERS THEN
	RETURN NULL;
END $$;
SQL
create_table($_) foreach @tables;

# ---- lines, and their loads ----

# One load of some lines: by COPY from a file, or by INSERT.
my $load = 0;
my $n = 0;
my $dir = $node->basedir;

sub load_lines
{
	my ($table, $count, $way) = @_;
	my ($data, $sent) = ('', '');
	my $position = 0;
	$load++;
	while ($position < $count)
	{
		my ($bytes, $fate) = make_line($shapes{$table}, $table, ++$n);
		# no client can send these in a statement
		if ($way eq 'insert')
		{
			my $copy = $bytes;
			next if $bytes =~ /\0/ || !utf8::decode($copy) || $copy =~ /[\x{d800}-\x{dfff}]/ || $copy =~ /[\x{110000}-\x{7fffffff}]/;
		}
		$position++;
		my $mark = FuzzDocuments::mark($table, $n);
		$data .= $bytes . (rand() < 0.1 ? "\r\n" : "\n");
		$sent .= join("\t", $table, $load, $position, $n, $fate, $mark, '\\\\x' . unpack('H*', $bytes)) . "\n";
	}
	# the end of an empty line is all there is of it
	$data =~ s/\r?\n\z// if rand() < 0.5 && $data !~ /(\A|[\r\n])[ \t\r]*\r?\n\z/;
	append_to_file("$dir/sent.txt", $sent);
	append_to_file("$dir/$load.ndjson", $data);
	my $statement = $way eq 'copy'
	  ? "COPY ${table}_intake FROM '$dir/$load.ndjson' (FORMAT ndjson, ENCODING 'UTF8')"
	  : "INSERT INTO ${table}_intake SELECT convert_from(bytes, 'UTF8') FROM new_sent ORDER BY position";
	is( sql(qq{TRUNCATE new_sent;
			COPY new_sent FROM '$dir/sent.txt';
			INSERT INTO sent SELECT * FROM new_sent;
			$statement;
			SELECT stored + held + skipped, held - (SELECT count(*) FROM selfheal.quarantine q WHERE q.load = l.id),
				skipped - (SELECT count(*) FROM new_sent WHERE fate = 'skipped')
			FROM selfheal.load l ORDER BY id DESC LIMIT 1}),
		"$count|0|0", "$table: each of $count lines is stored, held or skipped ($way)");
	unlink "$dir/sent.txt", "$dir/$load.ndjson";
	return;
}

sql('CREATE TABLE new_sent (LIKE sent)');
foreach my $table (@tables)
{
	my $left = int($documents / @tables);
	foreach my $size (1, 2, 99, 100, 101, 997)
	{
		last if $left <= $size;
		load_lines($table, $size, $size == 101 ? 'insert' : 'copy');
		$left -= $size;
	}
	# what a heal could not have seen, in larger ones
	while ($left > 0)
	{
		my $size = $left < 10000 ? $left : 10000;
		load_lines($table, $size, 'copy');
		$left -= $size;
	}
}

# ---- what became of them ----

# The lines of a table with what became of them. Each load of ours is one of
# selfheal's, in order.
sub fates
{
	my ($table) = @_;
	return "CREATE TEMPORARY TABLE f AS
		SELECT s.*, q.id AS held_id, coalesce(q.payload_raw, convert_to(q.payload, 'UTF8')) AS held, e.class,
			CASE WHEN q.id IS NULL THEN try_json(s.bytes) END AS doc
		FROM sent s
		JOIN (SELECT id, row_number() OVER (ORDER BY id) AS load FROM selfheal.load) l USING (load)
		LEFT JOIN selfheal.quarantine q ON q.load = l.id AND q.position = s.position
		LEFT JOIN selfheal.error e ON e.id = q.error
		WHERE s.tab = '$table';
		ANALYZE f; ANALYZE $table;\n";
}

# An expression that is true when a stored column is what json takes from the
# line: text as text, numbers digit by digit, the rest by its type's input.
sub same_value
{
	my ($name, $type, $trimmed) = @_;
	my $column = 't.' . quoted($name);
	(my $literal = $name) =~ s/'/''/g;
	my $value = $trimmed ? "btrim(doc ->> '$literal', E' \\t\\n\\r\\v\\f')" : "(doc ->> '$literal')";
	my $raw = "(doc -> '$literal')";
	return "$value IS NOT DISTINCT FROM $column" if $type =~ /^(text|varchar.*)$/;
	return "rtrim($value, ' ') IS NOT DISTINCT FROM $column\::text" if $type =~ /^char/;
	return "$value\::numeric IS NOT DISTINCT FROM $column\::text::numeric" if $type =~ /^(int|bigint|smallint|numeric.*|double precision|real|positive)$/;
	return "$value\::timestamp IS NOT DISTINCT FROM $column" if $type eq 'timestamp(3)';
	return "(CASE WHEN json_typeof($raw) <> 'null' THEN $raw\::text END) IS NOT DISTINCT FROM $column\::text" if $type eq 'json';
	return "(CASE WHEN json_typeof($raw) <> 'null' THEN $raw\::jsonb END) IS NOT DISTINCT FROM $column" if $type eq 'jsonb';
	# 1e3 is an integer; of arrays in arrays, what stands between the quotes
	my $compare = $type eq 'int[]' ? 'numeric[]' : $type;
	return "CASE WHEN json_typeof($raw) IS DISTINCT FROM 'array' THEN $value\::$type IS NOT DISTINCT FROM $column
			WHEN array_ndims($column) = 1 THEN ARRAY(SELECT json_array_elements_text($raw))::$compare = $column\::$compare
			ELSE translate(to_jsonb($column)::text, '\"', '') = translate($raw\::jsonb::text, '\"', '') END" if $type =~ /\[\]$/;
	return "CASE json_typeof($raw) WHEN 'object' THEN json_populate_record(NULL::pair, $raw) ELSE $value\::pair END
			IS NOT DISTINCT FROM $column" if $type eq 'pair';
	return "$value\::$type IS NOT DISTINCT FROM $column";
}

# Queries that must find nothing, by what it would mean if they did.
sub checks
{
	my ($table) = @_;
	my @columns = @{ $shapes{$table}{columns} };
	my $lines = "f WHERE true";
	my $shown = "concat_ws('|', f.n, f.fate, f.class, left(encode(f.bytes, 'escape'), 300))";
	my $stored = "f JOIN $table t ON t.line = f.mark";
	my @same;
	# blanks that a heal reads over now
	my %trimmed = map { $_ => 1 } split /\n/,
	  sql("SELECT column_name FROM selfheal.mappings WHERE table_name = 'public.$table' AND kind = 'trim' AND state = 'active'");

	for (my $i = 0; $i < @columns; $i += 2)
	{
		my ($name, $type) = @columns[ $i, $i + 1 ];
		my $key = $name =~ s/'/''/gr;
		my $same = same_value($name, $type, $trimmed{$name});
		$same = "CASE WHEN doc -> 'qty' IS NULL THEN t.qty = 7 ELSE $same END" if $table eq 'bound' && $name eq 'qty';
		push @same, "CASE WHEN ($same) IS NOT TRUE THEN '$key' END";
	}
	return (
		'what is held is what was sent' => "SELECT $shown FROM $lines AND held <> bytes",
		'no line is stored twice' => "SELECT line FROM $table WHERE line IS NOT NULL GROUP BY line HAVING count(*) > 1",
		'an empty line is neither stored nor held' =>
		  "SELECT $shown FROM $lines AND fate = 'skipped' AND (held_id IS NOT NULL OR mark IN (SELECT line FROM $table))",
		'no line is stored and held' => "SELECT $shown FROM $lines AND held_id IS NOT NULL AND mark IN (SELECT line FROM $table)",
		'what is broken is held' => "SELECT $shown FROM $lines AND fate = 'held' AND held_id IS NULL",
		# a line that was made odd may have taken the key of a later one
		'what fits is stored' =>
		  "SELECT $shown FROM $lines AND fate = 'stored' AND class IS DISTINCT FROM 'unique'
			AND mark NOT IN (SELECT line FROM $table WHERE line IS NOT NULL)",
		'an odd line has the key of what is held for its key' => $table eq 'bound' ? "SELECT $shown FROM $lines AND fate = 'stored' AND class = 'unique'
			AND NOT EXISTS (SELECT FROM bound b JOIN f o ON o.mark = b.line
				WHERE b.k::text = try_json(f.bytes) ->> 'k' AND o.fate = 'any')"
		  : "SELECT $shown FROM $lines AND fate = 'stored' AND class = 'unique'",
		# A broken byte may lie in the mark: then the row is stored without it.
		'stored and held together are all lines' =>
		  "SELECT 'lost or doubled: ' || x FROM (SELECT (SELECT count(*) FROM $lines AND held_id IS NULL AND fate <> 'skipped')
			- (SELECT count(*) FROM $table) AS x) x WHERE x <> 0",
		'what is stored is JSON to PostgreSQL as well' => "SELECT $shown FROM $stored WHERE doc IS NULL",
		'what is stored is what json takes from the line' =>
		  "SELECT concat_ws('|', $shown, differs, t) FROM $stored, concat_ws(',', " . join(",\n", @same) . ") AS differs
			WHERE doc IS NOT NULL AND differs <> ''",
	);
}

sub check_table
{
	my ($table, $when) = @_;
	my @checks = checks($table);
	my (%found, @queries);

	for (my $i = 0; $i < @checks; $i += 2)
	{
		push @queries, "(SELECT '$checks[$i]' || chr(9) || x FROM ($checks[ $i + 1 ] LIMIT 3) AS found (x))";
	}
	my $query = fates($table) . join("\nUNION ALL\n", @queries);
	utf8::encode($query);
	foreach my $line (split /\n/, sql($query))
	{
		if ($line =~ /^([^\t]+)\t(.*)/) { push @{ $found{$1} }, $2 }
	}
	for (my $i = 0; $i < @checks; $i += 2)
	{
		is(join("\n", @{ $found{ $checks[$i] } // [] }), '', "$table, $when: $checks[$i]") or diag("FUZZ_SEED=$seed FUZZ_DOCUMENTS=$documents");
	}
	return;
}

check_table($_, 'as loaded') foreach @tables;

sql("SELECT selfheal.watch('$_', 'auto')") foreach @tables;
sql("SELECT selfheal.wake()");
like(sql("SELECT selfheal.wait_idle('120s')"), qr/"idle": true/, 'the worker has dealt with all of it');
cmp_ok(sql("SELECT count(*) FROM selfheal.incident WHERE state = 'healed'"), '>', 0, 'and has healed some');
check_table($_, 'healed') foreach @tables;

# ---- nobody has died ----

is(sql('SELECT ok FROM selfheal.verify_audit()'), 't', 'the audit verifies');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|server process .* exited/, 'no process has crashed');
done_testing();
