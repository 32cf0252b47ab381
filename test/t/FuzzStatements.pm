# Statements for the vetter, by a seed: right ones in every dress, hostile ones,
# and what becomes of both when tokens and characters are lost, doubled, swapped
# and put into each other. Made from a grammar and from the statements of the
# regression tests.
package FuzzStatements;

use strict;
use warnings;
use utf8;

use Exporter 'import';

our @EXPORT = qw(read_corpus statement);

sub pick { return $_[ int(rand(@_)) ] }
sub chance { return rand() < $_[0] }

# Tables that the statements are about: name as regclass reads it => ways to write it.
our %tables = (
	'fz.t' => [ 'fz.t', 'fz.t', 'fz.t', 'fz.t', 't', '"t"', 'fz."t"', '"fz"."t"', 'FZ.T', 'fz . t', 'U&"fz".t', 'fz.U&"\0074"', 'postgres.fz.t' ],
	'fz.parted' => [ 'fz.parted', 'parted', 'fz."parted"' ],
	'fz.parent' => [ 'fz.parent', 'parent', 'PARENT' ],
	'fz."Odd ""t"' => [ 'fz."Odd ""t"', '"Odd ""t"', 'fz.U&"Odd ""t"' ],
);
my @table_list = ('fz.t') x 12;
push @table_list, sort keys %tables;
my @other_tables = ('fz.other', 'public.t', 'fz."T"', 'fz."t "', 'pg_class', 'pg_catalog.pg_authid', 'selfheal.plan', 'selfheal.watched',
	'fz.v', 'fz.part', 'fz.kid', 'fz.nope', 'nope.t', 'template1.fz.t', 'a.b.c.d', '"fz.t"', 'pg_temp.t', 'information_schema.sql_features', 'fz.т');

my @columns = ('id', 'note', 'free', 'txt', 'small', 'big', 'amount', 'num', 'r', 'at', 'atz', 'clock', 'span', 'sorted', 'must', '"Must"', '"select"', '"été"', '"a""b"', '"x y"',
	'k', 'v', 'gen', 'ident', 'dom', 'fixed', 'doc', 'ctid', 'xmin', 'nope', '"NOTE"', 'U&"not\0065"', 'nоte', '"note "', '"........pg.dropped.3........"');
my @new_columns = ('a', 'b', 'c', 'a1', '_x', 'A', '"A"', '"a b"', '"a""b"', '"a;b"', '"DROP TABLE fz.t"', '"x int); DROP TABLE fz.t; --"', 'ä', 'größe', '"日本"', '"😀"', 'U&"\00e4"', 'U&"d!0061" UESCAPE \'!\'',
	'name', 'type', '"user"', '"table"', 'text', '""', '"' . ('n' x 63) . '"', 'm' x 63, 'm' x 64, '"' . ('ä' x 31) . '"', '"' . ('ä' x 32) . '"', "\"a\x{200b}b\"", "\"\x{202e}eton\"", "\"a\nb\"", 'select', '1a', '$a', 'a.b', 'note', 'txt');
my @types = ('int', 'integer', 'int4', '"int4"', 'pg_catalog.int4', 'bigint', 'smallint', 'boolean', 'numeric', 'numeric(9,2)', 'numeric(12,4)', 'decimal(30)', 'float8', 'double precision', 'text', 'pg_catalog.text', '"text"', 'varchar', 'varchar(5)',
	'varchar(33)', 'varchar(64)', 'character varying(99)', 'national character varying(9)', 'date', 'time', 'time(3)', 'timestamp', 'timestamp(5)', 'timestamp(6) without time zone', 'timestamptz', 'timestamptz(4)', 'timestamp(2) with time zone',
	'uuid', 'jsonb', 'inet', 'bytea', 'interval', 'interval(5)', 'interval day to second(3)', 'float(30)');
# columns with a type that has more room, in the first of the tables
my @wider = (['note', 'varchar(64)'], ['note', 'text'], ['"note"', 'varchar'], ['free', 'text'], ['small', 'int'], ['small', 'numeric(9,2)'], ['big', 'numeric'], ['amount', 'numeric(12,4)'], ['amount', 'numeric(9,2)'], ['r', 'float8'], ['at', 'timestamp'],
	['at', 'timestamp(5)'], ['atz', 'timestamptz'], ['clock', 'time(3)'], ['span', 'interval(5)'], ['sorted', 'varchar(20)'], ['sorted', 'text'], ['"select"', 'text'], ['"été"', 'varchar(9)'], ['"a""b"', 'pg_catalog.text'], ['id', 'bigint'], ['k', 'text'], ['v', 'varchar(9)']);
my @nullable = ('must', '"Must"', '"x y"', 'note');
my @bad_types = ('real', 'char(3)', 'json', 'serial', 'bigserial', 'money', 'xml', 'name', '"char"', 'oid', 'regclass', 'int[]', 'text[][]', 'int ARRAY[3]', 'SETOF int', 'fz.evil', 'fz.text', 'fz.int4', 'fz.mood', 'fz.comp', 'fz.base(1,2,3)',
	'fz.base', 'fz.t', 'nope', 'varchar(0)', 'varchar(-1)', 'varchar(1, 2)', 'varchar(fz.bang())', 'varchar((SELECT 1))', 'numeric(0)', 'numeric(2,5)', 'numeric(5,-2)', 'numeric(1001)', 'varchar(99999999)', 'fz.t.note%TYPE', 'cstring', 'record', 'anyelement',
	'int4range', 'information_schema.sql_identifier', '_int4', 'float(0)', 'timestamp(9)', 'timestamp(-1)', 'bit(3)', 'point');
my @expressions = ('1', 'NULL', "'x'", 'fz.bang()', "fz.bang('x')", '(SELECT fz.bang())', "'x'::fz.evil", "CAST('x' AS fz.evil)", "fz.evil 'x'", "nextval('fz.canary')::text", 'now()', '$$;DROP TABLE fz.t$$', '$a$; $b$ $a$', "E'\\'; --'",
	"U&'\\0027'", "'it''s'", 'CURRENT_USER', "'a' OPERATOR(fz.##) 'b'", "'a' COLLATE fz.coll", 'note', "(note || 'x')", "pg_read_file('x')", 'ARRAY[fz.bang()]', "(SELECT 1 FROM fz.t; DROP TABLE fz.t)");
my @constraints = ('NOT NULL', 'NULL', 'NULL', 'CONSTRAINT c NULL', 'DEFAULT %s', 'DEFAULT (%s)', 'CHECK (%s IS NULL)', 'UNIQUE', 'PRIMARY KEY', 'REFERENCES fz.other', 'GENERATED ALWAYS AS IDENTITY', 'GENERATED ALWAYS AS (%s) STORED', 'COLLATE "C"',
	'COLLATE "default"', 'COLLATE pg_catalog."default"', 'COLLATE fz.coll', 'COLLATE fz."default"', 'COMPRESSION pglz', 'STORAGE plain', "OPTIONS (a 'b')", 'DEFERRABLE', 'INITIALLY DEFERRED', 'NOT ENFORCED', 'NO INHERIT');
my @subcommands = ('DROP COLUMN %c', 'DROP %c CASCADE', 'ALTER %c SET DEFAULT %s', 'ALTER %c DROP DEFAULT', 'ALTER %c SET NOT NULL', 'ALTER %c SET STATISTICS 5', 'ALTER %c SET (n_distinct = 5)', 'ALTER %c SET STORAGE PLAIN', 'ALTER %c DROP EXPRESSION',
	'ALTER %c ADD GENERATED ALWAYS AS IDENTITY', 'ALTER %c DROP IDENTITY', 'ALTER %c TYPE text USING %s', 'ADD CONSTRAINT c CHECK (%s IS NULL)', 'ADD UNIQUE (%c)', 'ADD PRIMARY KEY (%c)', 'ADD FOREIGN KEY (%c) REFERENCES fz.other', 'DROP CONSTRAINT c',
	'VALIDATE CONSTRAINT c', 'ALTER CONSTRAINT c DEFERRABLE', 'DISABLE TRIGGER ALL', 'ENABLE ALWAYS TRIGGER x', 'DISABLE RULE r', 'ENABLE ROW LEVEL SECURITY', 'NO FORCE ROW LEVEL SECURITY', 'OWNER TO CURRENT_USER', 'CLUSTER ON i', 'SET TABLESPACE x', 'SET UNLOGGED',
	'SET ACCESS METHOD heap', 'SET (fillfactor = 50)', 'RESET (fillfactor)', 'INHERIT fz.other', 'NO INHERIT fz.other', 'OF fz.comp', 'NOT OF', 'REPLICA IDENTITY FULL', 'ATTACH PARTITION fz.other DEFAULT', 'DETACH PARTITION fz.part CONCURRENTLY', 'SET WITHOUT OIDS',
	'RENAME %c TO x', 'RENAME TO x', 'SET SCHEMA public', "OPTIONS (a 'b')", 'ALTER %c SET EXPRESSION AS (%s)', 'ADD EXCLUDE (%c WITH =)');
my @statements = ('DROP TABLE fz.t', 'SELECT fz.bang()', 'DO $$BEGIN PERFORM fz.bang(); END$$', 'CALL fz.bang()', 'COPY fz.t TO PROGRAM \'id\'', 'TRUNCATE fz.t', 'GRANT ALL ON fz.t TO PUBLIC', 'BEGIN', 'COMMIT', 'ROLLBACK', 'SET search_path = public',
	'SET ROLE postgres', 'CREATE TABLE fz.x ()', 'CREATE INDEX ON fz.t (fz.bang(note))', 'DELETE FROM fz.t', 'INSERT INTO fz.canary_row VALUES (1)', 'ALTER TABLE fz.other ADD a int', 'ALTER TYPE fz.mood ADD VALUE \'x\'', 'EXPLAIN ANALYZE SELECT fz.bang()', 'VACUUM',
	'DROP EXTENSION selfheal CASCADE', 'ALTER VIEW fz.t ALTER note SET DEFAULT 1', 'ALTER FOREIGN TABLE fz.t ADD a int', 'COMMENT ON TABLE fz.t IS $$x$$');
my @enums = ('fz.feeling', 'fz.feeling', 'feeling', '"fz"."feeling"', 'FZ.FEELING', 'fz.mood', 'fz.comp', 'fz.evil', 'fz.t', 'pg_catalog.text', 'fz.nope');
my @labels = ("'new'", "'n %n'", "'n %n'", "'it''s'", "E'a\\\\b'", "E'\\''", "''", "'fine'", "'Fine'", "'ä 😀'", "\$\$; DROP\$\$", "U&'\\00fc'", "'" . ('x' x 63) . "'", "'" . ('x' x 64) . "'", 'fz.bang()', '"new"', "'; DROP TABLE fz.t; --'", "'a' BEFORE 'fine'", "'a' AFTER 'fine'");
my @soup = (';', ',', '(', ')', '.', '*', '--', "--\n", '/*', '*/', '$$', '$a$', "'", '"', 'U&"', "U&'", "E'", '\\', ':', '::', '$1', '@', '%', '+', '-', '=', '[', ']', "\n", "\r", "\t", "\f", "\x{a0}", "\x{200b}", "\x{202e}", "\x{feff}", '😀',
	'ALTER', 'TABLE', 'ADD', 'COLUMN', 'TYPE', 'SET', 'DATA', 'DROP', 'NOT', 'NULL', 'ONLY', 'IF', 'EXISTS', 'USING', 'COLLATE', 'DEFAULT', 'CASCADE', 'UESCAPE', 'PARTITION', 'GENERATED', 'IDENTITY', 'ALL', 'IN', 'SELECT', 'fz.bang()', 'ARRAY', 'SETOF', '63', '0', '-1', '1e5', '0x1', '1_0');

my @corpus;

# Strings of the regression tests: whole statements, and what may follow one.
# Returns how many; none where the directory is not.
sub read_corpus
{
	my ($dir) = @_;
	foreach my $file (sort glob "$dir/vet*.sql")
	{
		open my $fh, '<:encoding(UTF-8)', $file or next;
		my $text = do { local $/; <$fh> };
		close $fh;
		my %seen;
		foreach my $q ($text =~ /\$\$(.+?)\$\$|'((?:[^'\n]|'')+)'/gs)
		{
			next if !defined $q || length $q > 2000 || $seen{$q}++;
			$q =~ s/''/'/g;
			$q =~ s/\b(?:vt|vh|vs)\./fz./g;
			$q =~ s/\bvh\.bang/fz.bang/g;
			push @corpus, $q =~ /^\s*(?:ALTER|CREATE|DROP|SELECT|DO|SET|COPY|BEGIN|GRANT|;|\/\*|--)/i ? $q : "ALTER TABLE fz.t $q";
		}
	}
	return scalar @corpus;
}

# Between two tokens.
sub blank
{
	return ' ' if chance(0.9);
	return pick("\n", "\t", '  ', "\r\n", "\f", '/**/', '/* a */', '/* ; */', '/* /* in */ out */', "-- a\n", "-- ; DROP\n", " /* ' */ ", ' /* $$ */ ', " -- \"\n");
}

sub words
{
	my ($text) = @_;
	$text = lc $text if chance(0.2);
	return join '', map { $_ eq ' ' ? blank() : $_ } split /( )/, $text;
}

sub filled
{
	my ($text) = @_;
	$text =~ s/%c/pick(@columns)/ge;
	$text =~ s/%s/pick(@expressions)/ge;
	return $text;
}

# One step, right or nearly so.
sub step
{
	my $wrong = shift;
	my $type = pick(chance($wrong) ? @bad_types : @types);
	my $kind = rand();
	if ($kind < 0.45)
	{
		my $new = chance(0.6) ? 'n' . int(rand(1000)) : pick(@new_columns);
		return words('ADD ' . pick('', 'COLUMN ', 'COLUMN IF NOT EXISTS ', 'IF NOT EXISTS ')) . $new . blank() . $type . (chance($wrong) || chance(0.05) ? ' ' . filled(pick(@constraints)) : '');
	}
	my $column = pick(@columns);
	if (chance(0.7))
	{
		($column, $type) = @{ pick(@wider) };
		$column = pick(@nullable) if $kind < 0.6;
	}
	return words('ALTER ' . pick('', 'COLUMN ')) . $column . blank() . words('DROP NOT NULL') if $kind < 0.6;
	return words('ALTER ' . pick('', 'COLUMN ')) . $column . blank() . words(pick('TYPE ', 'SET DATA TYPE ')) . $type
	  . (chance($wrong) || chance(0.03) ? ' ' . filled(pick('COLLATE "C"', 'COLLATE "default"', 'USING %s', 'COLLATE fz.coll', 'CASCADE')) : '');
}

sub alter
{
	my ($table, $wrong) = @_;
	my $name = chance($wrong / 3) ? pick(@other_tables) : pick(@{ $tables{$table} });
	my @steps = map { chance($wrong / 2) ? filled(pick(@subcommands)) : step($wrong) } 0 .. (chance(0.6) ? 0 : int(rand(5)));
	return words('ALTER TABLE ' . pick('', '', '', 'IF EXISTS ', 'ONLY ')) . $name . (chance(0.03) ? ' *' : '') . blank() . join(blank() . ',' . blank(), @steps) . (chance(0.1) ? pick(';', ' ;;', ' -- end', '; ' . pick(@statements)) : '');
}

# A label for a type of the table, or nearly so.
sub label
{
	my $label = pick(@labels);
	$label =~ s/%n/int(rand(1000))/ge;
	return words('ALTER TYPE ') . pick(@enums) . blank() . words(pick('ADD VALUE ', 'ADD VALUE ', 'ADD VALUE IF NOT EXISTS ', "RENAME VALUE 'fine' TO ")) . $label . (chance(0.05) ? '; ' . pick(@statements) : '');
}

sub tokens { return $_[0] =~ /("(?:[^"]|"")*"|'(?:[^']|'')*'|\w+|\s+|.)/gs }

sub mutated
{
	my ($q, $other) = @_;
	for (0 .. int(rand(3)))
	{
		my @t = tokens($q);
		my $at = int(rand(@t + 1));
		my $how = int(rand(11));
		if    ($how == 0) { splice @t, $at, 1 if $at < @t }
		elsif ($how == 1) { splice @t, $at, 0, $t[$at] if $at < @t }
		elsif ($how == 2) { splice @t, $at, 0, ' ', pick(@soup), ' ' }
		elsif ($how == 3) { splice @t, $at, 0, pick(@soup) }
		elsif ($how == 4) { my $to = int(rand(@t + 1)); @t[ $at, $to ] = @t[ $to, $at ] if $at < @t && $to < @t }
		elsif ($how == 5) { my @o = tokens($other); splice @t, $at, int(rand(4)), @o[ int(rand(@o)) .. $#o ] if @o }
		elsif ($how == 6) { $t[$at] = pick(@columns, @new_columns, @types, @bad_types, @other_tables) if $at < @t }
		elsif ($how == 7) { splice @t, $at, 0, ' ' . filled(pick(@subcommands, @constraints)) . ' ' }
		elsif ($how == 8) { splice @t, $at }
		elsif ($how == 9) { push @t, pick(';', '; ', ', '), pick(pick(@statements), filled(pick(@subcommands))) }
		$q = join '', @t;
		if ($how == 10 && length $q)
		{
			my $byte = int(rand(length $q));
			substr($q, $byte, int(rand(3)), chance(0.5) ? pick(@soup) : chr(pick(1 .. 126, 160 .. 255, 0x400 .. 0x40f, 0x2000 .. 0x206f)));
		}
	}
	return $q;
}

# A table and a statement that may be about it.
sub statement
{
	my $table = pick(@table_list);
	my $kind = rand();
	my $q;
	if    ($kind < 0.37) { $q = alter($table, 0.04) }
	elsif ($kind < 0.40) { $q = label(); $q = mutated($q, alter($table, 0.1)) if chance(0.2) }
	elsif ($kind < 0.60) { $q = alter($table, 0.4) }
	elsif ($kind < 0.75) { $q = mutated(alter($table, 0.1), alter($table, 0.3)) }
	elsif ($kind < 0.92) { $q = mutated(@corpus && chance(0.8) ? pick(@corpus) : alter($table, 0.3), @corpus ? pick(@corpus) : alter($table, 0.5)) }
	elsif ($kind < 0.95) { $q = pick(@statements) . (chance(0.3) ? '; ' . alter($table, 0) : '') }
	else { $q = join chance(0.7) ? ' ' : '', map { pick(@soup, @columns, @types) } 1 .. 2 + int(rand(20)) }
	$q =~ s/\0//g;
	return ($table, substr($q, 0, 20000));
}

1;
