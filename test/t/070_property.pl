# 070_property.pl: never changed in silence. Values of every built-in type that
# a column can have, of all type modifiers and of users' own types, are loaded;
# each is stored as it was sent, or held with its bytes and a reason of its own.
#
# SELFHEAL_SEED and SELFHEAL_PAIRS choose other values and more of them.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);
use ValueGen;
use ValueOracle;
use ValueText;
use WorkerTest;

my $seed = $ENV{SELFHEAL_SEED} // 20260101;
my $pairs = $ENV{SELFHEAL_PAIRS} // 12000;
my $began = time;
srand($seed);
note "seed $seed";

my $node = new_server('property', conf => "timezone = 'UTC'\nautovacuum = off\nfsync = off\n");
my $db = 'postgres';
install($node, $db);

sub sql { return $node->safe_psql($db, $_[0]) }
sub rows { return map { [ split /\|/, $_, -1 ] } split /\n/, sql($_[0]) }

# ---- the types ----

sql(<<'SQL');
CREATE SCHEMA p;
CREATE TYPE p.colour AS ENUM ('red', 'dark red', E'it''s "\\', 'été');
CREATE DOMAIN p.small AS integer CHECK (VALUE < 100);
CREATE DOMAIN p.code AS varchar(4);
CREATE DOMAIN p.price AS numeric(6, 2) NOT NULL;
CREATE DOMAIN p.list AS integer[] CHECK (cardinality(VALUE) < 4);
CREATE TYPE p.place AS (street text, zip varchar(5), at point, price numeric(4, 2), weight real);
CREATE TYPE p.person AS (name varchar(8), "Home" p.place, born date, seen timestamp(0), tags text[], notes jsonb, code p.code, n p.small);
CREATE TYPE p.one AS (a text);
CREATE TYPE p.priced AS (price p.price, places p.place[]);
CREATE DOMAIN p.home AS p.place CHECK ((VALUE).zip <> '');
CREATE TYPE p.frange AS RANGE (subtype = float8);
CREATE TYPE p.textrange AS RANGE (subtype = text, collation = "C");
CREATE TYPE p.timerange AS RANGE (subtype = time);
CREATE TYPE p.own;
CREATE FUNCTION p.own_in(cstring) RETURNS p.own AS 'textin' LANGUAGE internal IMMUTABLE STRICT;
CREATE FUNCTION p.own_out(p.own) RETURNS cstring AS 'textout' LANGUAGE internal IMMUTABLE STRICT;
CREATE TYPE p.own (INPUT = p.own_in, OUTPUT = p.own_out, LIKE = text);
CREATE TABLE p.old (a int, gone text, b varchar(3), c jsonb);
ALTER TABLE p.old DROP COLUMN gone;
-- what a type's input function says of a text, whatever its modifier
CREATE FUNCTION p.says(type text, val text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE pg_catalog.format('SELECT pg_catalog.format(''%%s'', %L::%s)', val, type) INTO result;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN 'ERROR ' || SQLERRM;
END $$;
SQL

my %types = map { $_->[0] => {
	oid => $_->[0], sql => $_->[1], name => $_->[2], type => $_->[3], elem => $_->[4], base => $_->[5], mod => $_->[6],
	rel => $_->[7], sub => $_->[8], delim => $_->[9], notnull => $_->[10] eq 't', checked => $_->[11] eq 't',
	own => $_->[12] eq 't' } } rows(q{
	SELECT t.oid, format('%I.%I', n.nspname, t.typname), t.typname, t.typtype,
		CASE WHEN t.typsubscript = 'array_subscript_handler'::regproc THEN t.typelem ELSE 0 END, t.typbasetype, t.typtypmod,
		t.typrelid, coalesce(r.rngsubtype, m.rngtypid, 0), coalesce(e.typdelim, ','), t.typnotnull,
		EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = t.oid AND c.contype = 'c'), n.nspname = 'p'
	FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace LEFT JOIN pg_range r ON r.rngtypid = t.oid
	LEFT JOIN pg_range m ON m.rngmultitypid = t.oid LEFT JOIN pg_type e ON e.oid = t.typelem
	WHERE n.nspname IN ('pg_catalog', 'p')});
my %attributes;
push @{ $attributes{ $_->[0] } }, [ @$_[ 1 .. 3 ] ] for rows(q{
	SELECT attrelid, attname, atttypid, atttypmod FROM pg_attribute
	WHERE attrelid IN (SELECT typrelid FROM pg_type WHERE typnamespace = 'p'::regnamespace) AND attnum > 0 AND NOT attisdropped
	ORDER BY attrelid, attnum});
my @labels = map { $_->[0] } rows(q{SELECT enumlabel FROM pg_enum WHERE enumtypid = 'p.colour'::regtype ORDER BY enumsortorder});

my %known = (
	int2 => { kind => 'int', bits => 16 }, int4 => { kind => 'int', bits => 32 }, int8 => { kind => 'int', bits => 64 },
	float4 => { kind => 'float', bits => 32 }, float8 => { kind => 'float', bits => 64 }, bool => { kind => 'bool' },
	text => { kind => 'text' }, refcursor => { kind => 'text' }, own => { kind => 'text' }, name => { kind => 'text', gen => 'name' },
	char => { kind => 'char' }, uuid => { kind => 'uuid' }, bytea => { kind => 'bytea' }, money => { kind => 'money' },
	json => { kind => 'json' }, jsonb => { kind => 'jsonb' }, date => { kind => 'date' }, tid => { kind => 'tid' },
	(map { $_ => { kind => 'digits', bits => 32 } } qw(oid xid cid)), xid8 => { kind => 'digits', bits => 64 },
	(map { $_ => { kind => 'geometry' } } qw(point lseg path box polygon circle line)),
	# no text ever becomes one of these
	(map { $_ => { kind => 'never' } } qw(gtsvector pg_node_tree pg_ndistinct pg_dependencies pg_mcv_list
		pg_brin_bloom_summary pg_brin_minmax_multi_summary)));

# a server may be built without xml
$known{xml} = { kind => 'never' } if sql("SELECT p.says('pg_catalog.xml', '<a/>')") =~ /^ERROR/;

# A type as generator and oracle want it.
sub type_node
{
	my ($oid, $mod) = @_;
	my $t = $types{$oid} // die "type $oid is not known";
	my %n = (type => $t->{sql}, name => $t->{name});
	if ($t->{type} eq 'd')
	{
		my $base = type_node($t->{base}, $t->{mod});
		return { %$base, notnull => $t->{notnull} || $base->{notnull}, checked => $t->{checked} };
	}
	if ($t->{elem})
	{
		$n{kind} = $t->{name} =~ /^(int2|oid)vector$/ ? 'vector' : 'array';
		@n{qw(part delimiter)} = (type_node($t->{elem}, $mod), $t->{delim});
	}
	elsif ($t->{type} eq 'r')
	{
		my $sub = type_node($t->{sub}, -1);
		@n{qw(kind part discrete)} = ('range', $sub, $sub->{kind} =~ /^(int|date)$/);
	}
	elsif ($t->{type} eq 'm') { @n{qw(kind part)} = ('multirange', type_node($t->{sub}, -1)) }
	elsif ($t->{type} eq 'c')
	{
		my @atts = @{ $attributes{ $t->{rel} } };
		@n{qw(kind names parts)} = ('record', [ map { $_->[0] } @atts ], [ map { type_node($_->[1], $_->[2]) } @atts ]);
		$n{needs} = grep { $_->{notnull} } @{ $n{parts} };
	}
	elsif ($t->{type} eq 'e') { @n{qw(kind labels)} = ('enum', \@labels) }
	elsif ($known{ $t->{name} }) { %n = (%n, %{ $known{ $t->{name} } }) }
	elsif ($t->{name} =~ /^(varchar|bpchar)$/)
	{
		@n{qw(kind gen)} = ($1 eq 'bpchar' ? 'bpchar' : 'text', $mod < 0 ? 'text' : 'limited');
		$n{n} = $mod - 4 if $mod >= 0;
	}
	elsif ($t->{name} eq 'numeric')
	{
		$n{kind} = 'numeric';
		@n{qw(p s)} = (($mod - 4) >> 16, ((($mod - 4) & 0x7ff) ^ 1024) - 1024) if $mod >= 0;
	}
	elsif ($t->{name} =~ /^(bit|varbit)$/)
	{
		@n{qw(kind varying)} = ('bits', $1 eq 'varbit');
		$n{n} = $mod if $mod >= 0;
	}
	elsif ($t->{name} eq 'interval')
	{
		@n{qw(kind fields)} = ('interval', $mod >= 0 && ($mod >> 16 & 0x7fff) != 0x7fff);
		$n{n} = $mod & 0xffff if $mod >= 0 && ($mod & 0xffff) != 0xffff;
	}
	elsif ($t->{name} =~ /^(time|timetz|timestamp|timestamptz)$/)
	{
		$n{kind} = $1;
		$n{n} = $mod if $mod >= 0;
	}
	else { $n{kind} = 'input' }
	$n{gen} //= $n{kind};
	return \%n;
}

# Every type that a column can have, with its array; modifiers; users' types.
my @declared = (
	map({ $_->[0] } rows(q{
		SELECT format('%I.%I', 'pg_catalog', t.typname) FROM pg_type t LEFT JOIN pg_type e ON e.oid = t.typelem
		WHERE t.typnamespace = 'pg_catalog'::regnamespace AND t.typtype IN ('b', 'r', 'm')
			AND (t.typcategory <> 'A' OR e.typtype IN ('b', 'r', 'm')) ORDER BY t.typname})),
	'varchar(1)', 'varchar(5)', 'varchar(300)', 'char(1)', 'char(5)', 'varchar(3)[]', 'char(3)[]',
	'numeric(4,2)', 'numeric(5,0)', 'numeric(10,-2)', 'numeric(3,5)', 'numeric(1000,500)', 'numeric(4,2)[]',
	'bit(1)', 'bit(8)', 'varbit(5)', 'bit(4)[]', 'time(0)', 'time(3)', 'timetz(2)', 'timestamp(0)', 'timestamp(3)',
	'timestamptz(1)', 'timestamptz(6)', 'timestamp(0)[]', 'timestamptz(2)[]', 'interval(0)', 'interval(3)', 'interval year',
	'interval year to month', 'interval day to second(2)', 'interval hour', 'interval second(1)', 'interval(0)[]',
	(map { ("p.$_", "p.$_\[]") } qw(colour small code price list place person one priced home frange textrange
		timerange own old)), 'p.fmultirange', 'p.textmultirange');
my $i = 0;
my @columns = map { { name => 'c' . ++$i, declared => $_ } } @declared;
# A domain that is NOT NULL would refuse all rows that have no value for it.
my %of_domain = map { $_ => 1 } 'p.price';
sql('CREATE TABLE p.t (id int PRIMARY KEY, ' . join(', ', map { "$_->{name} $_->{declared}" . ($of_domain{ $_->{declared} } ? ' DEFAULT 0' : '') } @columns) . ');
	-- rows of a table with a rule are written by SQL
	CREATE TABLE p.u (LIKE p.t INCLUDING DEFAULTS);
	CREATE RULE also AS ON INSERT TO p.u DO ALSO NOTHING;
	SELECT selfheal.watch(\'p.t\', \'observe\'), selfheal.watch(\'p.u\', \'observe\')');
for (rows(q{SELECT attname, atttypid, atttypmod, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'p.t'::regclass AND attnum > 1}))
{
	my ($name, $oid, $mod, $shown) = @$_;
	$columns[ substr($name, 1) - 1 ]{node} = type_node($oid, $mod);
	$columns[ substr($name, 1) - 1 ]{shown} = $shown;
}

# ---- the load ----

my @sent;
for my $n (0 .. $pairs - 1)
{
	my $column = $columns[ $n % @columns ];
	my ($json, $expect) = @{ value_for($column->{node}) };
	push @sent, { column => $column, json => $json, expect => $expect };
}
for my $n (reverse 1 .. $#sent)
{
	my $other = int rand($n + 1);
	@sent[ $n, $other ] = @sent[ $other, $n ];
}
my $file = $node->basedir . '/pairs.ndjson';
my @lines = map { "{\"id\":$_,\"$sent[$_]{column}{name}\":$sent[$_]{json}}" } 0 .. $#sent;
open my $out, '>:raw', $file or die $!;
print $out map { "$_\n" } @lines;
close $out;
my $start = time;
sql("COPY p.t_intake FROM '$file' (FORMAT ndjson)");
sql("COPY p.u_intake FROM '$file' (FORMAT ndjson)");
note sprintf '%d pairs of %d types loaded in %.1f s', scalar @sent, scalar @columns, time - $start;

# ---- what became of it ----

is(sql('SELECT count(*) FROM p.t FULL JOIN p.u USING (id) WHERE t::text IS DISTINCT FROM u::text'), 0,
	'an INSERT of SQL stores the same rows');
my $script = join '', map { "SELECT id, encode(convert_to(format('%s', $_->{name}), 'UTF8'), 'hex') FROM p.t WHERE $_->{name} IS DISTINCT FROM NULL" . ($of_domain{ $_->{declared} } ? " AND $_->{name} <> 0" : '') . ";\n" } @columns;
# the row of nulls is distinct from null
my %stored = map { $_->[0] => 1 } rows('SELECT id FROM p.t');
my %text;
for (split /\n/, sql($script))
{
	my ($id, $hex) = split /\|/;
	ok(0, "line $id fills one column") if exists $text{$id};
	$text{$id} = pack 'H*', $hex;
}
my %held = map { $_->[0] - 1 => [ pack('H*', $_->[1]), @$_[ 2 .. 4 ] ] } rows(q{
	SELECT q.position, encode(coalesce(convert_to(q.payload, 'UTF8'), q.payload_raw), 'hex'), e.class, e.column_name, e.sqlstate
	FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error WHERE q.relid = 'p.t'::regclass});

my (@lost, @bytes, @changed, @refused, @taken, @reason);
my %good_reason = map { $_ => 1 } qw(too_long out_of_range precision scale fraction inexact enum_label wrong_type
  bad_value duplicate_key check nul_char surrogate null_value);
my %count;
my @questions;
for my $n (0 .. $#sent)
{
	my ($column, $json, $expect) = @{ $sent[$n] }{qw(column json expect)};
	my $what = substr "$column->{shown}: $json", 0, 300;
	my $count = $count{ $column->{shown} } //= { stored => 0, held => 0 };
	if ($held{$n})
	{
		my ($payload, $class, $col, $state) = @{ $held{$n} };
		$count->{held}++;
		push @lost, $what if $stored{$n};
		push @bytes, $what if $payload ne $lines[$n];
		push @refused, "$what ($class $state)" if $expect eq 'fits';
		push @reason, "$what ($class $state $col)" if !$good_reason{$class} || $col ne $column->{name};
		next;
	}
	push @lost, $what unless $stored{$n};
	$count->{stored}++;
	push @taken, "$what (stored: " . ($text{$n} // 'null') . ')' if $expect eq 'holds';
	my $same = !defined $text{$n} ? $json eq 'null' || $of_domain{ $column->{declared} }
	  : $json ne 'null' && same($column->{node}, json_read($json), $text{$n});
	push @changed, "$what (stored: " . ($text{$n} // 'null') . ')' unless $same;
	push @questions, map { [ @$_, $what ] } must_equal();
	# read back by its own input function it is the same again
	push @questions, [ $column->{node}{type}, $text{$n}, $text{$n}, $what ] if defined $text{$n};
}

my $values = join ",\n", map { my $q = $questions[$_]; "($_, convert_from('\\x" . unpack('H*', $q->[0]) . "', 'UTF8'), convert_from('\\x" . unpack('H*', $q->[1]) . "', 'UTF8'), convert_from('\\x" . unpack('H*', $q->[2]) . "', 'UTF8'))" } 0 .. $#questions;
for (rows("SELECT n, encode(convert_to(said, 'UTF8'), 'hex')
	FROM (SELECT n, p.says(type, sent) AS said, stored FROM (VALUES $values) q(n, type, sent, stored) OFFSET 0) q WHERE said <> stored"))
{
	my ($type, $sent, $got, $what) = @{ $questions[ $_->[0] ] };
	push @changed, "$what ($type '$sent' is " . pack('H*', $_->[1]) . ", stored: $got)";
}

# Many columns in one row: what was stored alone is stored so as well.
my %alone;
push @{ $alone{ $sent[$_]{column}{name} } }, $_ for grep { defined $text{$_} } 0 .. $#sent;
my $depth = 20;
my $wide = $node->basedir . '/wide.ndjson';
open $out, '>:raw', $wide or die $!;
for my $row (0 .. $depth - 1)
{
	print $out join(',', "{\"id\":$row", map { "\"$sent[$_]{column}{name}\":$sent[$_]{json}" } grep { defined } map { $alone{ $_->{name} }[$row] } @columns), "}\n";
}
close $out;
sql('TRUNCATE p.u');
sql("COPY p.u_intake FROM '$wide' (FORMAT ndjson)");
is(sql('SELECT count(*) FROM p.u'), $depth, 'many values that fit are one row that fits');
is(sql(join "\nUNION ALL ", map { my $row = $_; map { my $n = $alone{ $_->{name} }[$row]; defined $n ? "SELECT '$_->{name} of $n' FROM p.t, p.u WHERE t.id = $n AND u.id = $row AND t.$_->{name}::text <> u.$_->{name}::text" : () } @columns } 0 .. $depth - 1),
	'', 'each of them as when it was alone');

sub none
{
	my ($list, $name) = @_;
	ok(!@$list, $name) or diag join "\n", scalar(@$list) . ' of them:', @$list[ 0 .. ($#$list < 40 ? $#$list : 40) ];
	return;
}
cmp_ok(scalar @sent, '>=', 10000, 'pairs are enough') unless $ENV{SELFHEAL_PAIRS};
none(\@lost, 'each line is stored or held, not both');
none(\@changed, 'what is stored is what was sent');
none(\@taken, 'what a type could only change is held');
none(\@refused, 'what fits is stored');
none(\@bytes, 'held bytes are those that were sent');
none(\@reason, 'each held line has its value\'s reason and column');
my @one_sided = grep { !$count{$_}{held} || !$count{$_}{stored} } sort keys %count;
note 'only stored or only held: ' . join ', ', @one_sided;
note sprintf '%-40s %6s %6s', 'type', 'stored', 'held';
note sprintf '%-40s %6d %6d', $_, @{ $count{$_} }{qw(stored held)} for sort keys %count;
note sprintf '%.1f s', time - $began;

done_testing();
