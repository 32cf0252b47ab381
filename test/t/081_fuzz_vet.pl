# Statements of every kind through the vetter, by a seed. No crash and no error,
# a verdict of three. What is accepted has a plan of closed steps and SQL of the
# closed grammar on the table asked about, and this SQL vets to itself; where it
# is tried, it does what the statement does. Nothing of an attacker's has run,
# and the catalog is what it was.
#
# FUZZ_STATEMENTS (20000), FUZZ_SEED (always the same): test/fuzz/run.sh gives
# more, and another seed each time.
# FUZZ_TRIALS (100) of each 10,000 are tried.

use strict;
use warnings;

use FindBin;
use lib $FindBin::RealBin;

use FuzzStatements;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

my $statements = $ENV{FUZZ_STATEMENTS} || 20000;
my $trials = $ENV{FUZZ_TRIALS} || 100;
my $seed = $ENV{FUZZ_SEED} || 20261122;
note("FUZZ_SEED=$seed FUZZ_STATEMENTS=$statements");
srand($seed);
note(read_corpus("$FindBin::RealBin/../../sql") . ' statements of the regression tests to change');

my $node = PostgreSQL::Test::Cluster->new('fuzz_vet');
$node->init(extra => [ '--encoding=UTF8', '--no-locale' ]);
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
fsync = off
autovacuum = off
max_wal_size = 4GB
client_min_messages = error
log_min_messages = error
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION selfheal;
CREATE SCHEMA fz;
ALTER DATABASE postgres SET search_path = fz, public;
-- what an attacker's code would move, whatever becomes of its transaction
CREATE SEQUENCE fz.canary;
CREATE TABLE fz.canary_row (what text);
CREATE FUNCTION fz.bang(what text DEFAULT 'bang') RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM nextval('fz.canary'); RETURN what; END $$;
CREATE FUNCTION fz.bang(a text, b text) RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT fz.bang(a) $$;
CREATE FUNCTION fz.bang_is(what text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN PERFORM nextval('fz.canary'); RETURN true; END $$;
CREATE OPERATOR fz.## (LEFTARG = text, RIGHTARG = text, FUNCTION = fz.bang);
CREATE DOMAIN fz.evil AS pg_catalog.text CHECK (fz.bang_is(value));
CREATE DOMAIN fz.text AS pg_catalog.text CHECK (fz.bang_is(value));
CREATE DOMAIN fz.int4 AS pg_catalog.int4;
CREATE TYPE fz.mood AS ENUM ('ok');
CREATE TYPE fz.feeling AS ENUM ('fine', 'not so good');
CREATE TYPE fz.comp AS (a integer, b varchar);
CREATE COLLATION fz.coll FROM "C";
CREATE COLLATION fz."default" FROM "C";
CREATE TYPE fz.base;
CREATE FUNCTION fz.base_in(cstring, oid, integer) RETURNS fz.base LANGUAGE internal IMMUTABLE STRICT AS 'varcharin';
CREATE FUNCTION fz.base_out(fz.base) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT AS 'varcharout';
CREATE FUNCTION fz.base_typmod(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT AS 'numerictypmodin';
CREATE TYPE fz.base (INPUT = fz.base_in, OUTPUT = fz.base_out, TYPMOD_IN = fz.base_typmod, LIKE = varchar);
CREATE TABLE fz.t (
	id integer PRIMARY KEY, gone integer, gone2 integer, note varchar(32) NOT NULL DEFAULT fz.bang(), free varchar, txt pg_catalog.text CHECK (fz.bang_is(txt)), small smallint, big bigint, amount numeric(8,2), num numeric, r real,
	at timestamp(3), atz timestamptz(0), clock time(0), span interval(2), sorted varchar(10) COLLATE "C", must pg_catalog.text NOT NULL, "Must" integer NOT NULL, "select" varchar(5), "été" varchar(5), "a""b" varchar(5), "x y" integer NOT NULL,
	gen pg_catalog.text GENERATED ALWAYS AS (fz.bang('gen')) STORED, ident integer GENERATED ALWAYS AS IDENTITY, dom fz.evil, fixed char(4), doc json, k varchar(5), v varchar(5), feel fz.feeling);
ALTER TABLE fz.t DROP gone2;
CREATE INDEX ON fz.t (fz.bang(free)) WHERE fz.bang_is(free);
CREATE TABLE fz.other (id integer PRIMARY KEY, note varchar(8));
CREATE TABLE public.t (id integer, note varchar(8));
CREATE TABLE fz."T" (id integer);
CREATE TABLE fz."t " (id integer);
CREATE VIEW fz.v AS SELECT 1 AS id;
CREATE TABLE fz.parted (id integer, note varchar(8) NOT NULL, k varchar(8) NOT NULL, v varchar(8)) PARTITION BY LIST (fz.bang(k));
CREATE TABLE fz.part PARTITION OF fz.parted FOR VALUES IN ('a');
CREATE TABLE fz.parent (id integer NOT NULL, note varchar(8));
CREATE TABLE fz.kid (own integer) INHERITS (fz.parent);
CREATE TABLE fz."Odd ""t" (id smallint, note varchar(8) NOT NULL, "a""b" varchar(3));

CREATE TABLE fz.asked (n bigint, rel pg_catalog.text, q pg_catalog.text);
CREATE TABLE fz.answer (n bigint, rel regclass, q pg_catalog.text, verdict pg_catalog.text, reason pg_catalog.text, steps jsonb, sql pg_catalog.text);
CREATE TABLE fz.again (n bigint, verdict pg_catalog.text, steps jsonb, sql pg_catalog.text);

-- the closed grammar
CREATE FUNCTION fz.closed(rel regclass, sql pg_catalog.text) RETURNS boolean LANGUAGE plpgsql STABLE SET search_path = pg_catalog AS $$
DECLARE
	name constant text := '(?:[a-z_][a-z0-9_$]*|"(?:[^"]|"")+")';
	type constant text := '(?:boolean|smallint|integer|bigint|double precision|numeric(?:\(\d+,-?\d+\))?|character varying(?:\(\d+\))?|pg_catalog\.(?:date|text|jsonb|uuid|inet|bytea)'
		|| '|"?pg_catalog"?\."?(?:date|text|jsonb|uuid|inet|bytea)"?|(?:time|timestamp)(?:\(\d\))? (?:with|without) time zone|interval(?: [a-z ]+)?(?:\(\d\))?)';
	-- no quote goes unpaired, no backslash either
	lit constant text := $lit$(?:'(?:[^'\\]|'')*'| ?E'(?:[^'\\]|''|\\\\)*')$lit$;
	clause text;
BEGIN
	IF sql ~ ('^ALTER TYPE "?fz"?\."?feeling"? ADD VALUE IF NOT EXISTS ' || lit || '$') THEN
		RETURN rel = 'fz.t'::regclass;
	END IF;
	clause := '(?:ADD COLUMN ' || name || ' ' || type || '|ALTER COLUMN ' || name || ' (?:TYPE ' || type || '(?: COLLATE ' || name || '\.' || name || ')?'
		|| '|DROP NOT NULL|SET DEFAULT ' || lit || '|SET GENERATED BY DEFAULT))';
	RETURN sql ~ ('^ALTER TABLE ' || name || '\.' || name || ' ' || clause || '(?:, ' || clause || ')*$')
		AND EXISTS (SELECT FROM pg_class WHERE oid = rel AND (starts_with(sql, 'ALTER TABLE fz.' || quote_ident(relname) || ' ')
			OR starts_with(sql, 'ALTER TABLE "fz"."' || replace(relname, '"', '""') || '" ')));
END $$;
CREATE FUNCTION fz.closed(rel regclass, steps jsonb) RETURNS boolean LANGUAGE sql SET search_path = pg_catalog AS $$
	SELECT jsonb_typeof(steps) = 'object' AND steps - '{relation,steps}'::text[] = '{}' AND jsonb_typeof(steps -> 'steps') = 'array'
		AND to_regclass(steps ->> 'relation') = rel
		AND NOT EXISTS (SELECT FROM jsonb_array_elements(steps -> 'steps') s
			WHERE NOT CASE s ->> 'kind' WHEN 'drop_not_null' THEN s - 'kind' - 'column' = '{}' AND s ->> 'column' <> ''
				WHEN 'add_column' THEN s - '{kind,column,type}'::text[] = '{}' AND s ->> 'type' <> ''
				WHEN 'add_enum_label' THEN s - '{kind,labels}'::text[] = '{"column": "feel"}' AND jsonb_array_length(s -> 'labels') = 1 AND s #>> '{labels,0}' <> ''
				WHEN 'set_generated_by_default' THEN s - 'kind' - 'column' = '{}' AND s ->> 'column' <> ''
				WHEN 'set_default' THEN s - '{kind,column,args}'::text[] = '{}' AND (s -> 'args') - 'value' = '{}' AND jsonb_typeof(s #> '{args,value}') = 'string'
				WHEN 'widen_type' THEN s - '{kind,column,type}'::text[] = '{}' AND s ->> 'type' <> ''
				WHEN 'convert_type' THEN s - '{kind,column,type}'::text[] = '{}' AND replace(s ->> 'type', '"', '') IN ('text', 'pg_catalog.text') OR s ->> 'type' ~ '^character varying(\(\d+\))?$' ELSE false END)
$$;
-- what a statement may leave behind: columns of table and children, constraints, indexes, triggers, options
CREATE FUNCTION fz.shape(rel regclass) RETURNS pg_catalog.text LANGUAGE sql SET search_path = pg_catalog AS $$
	WITH tree AS (SELECT rel AS oid UNION SELECT inhrelid FROM pg_inherits WHERE inhparent = rel)
	SELECT string_agg(x, chr(10) ORDER BY x) FROM (
		SELECT concat_ws(' ', attrelid, attnum, attname, atttypid, atttypmod, attnotnull, atthasdef, attidentity, attgenerated, attstorage, attcompression, attstattarget,
			(SELECT string_agg(o::text, ',') FROM pg_options_to_table(attoptions) o WHERE o.option_name ~ '^n_distinct'),
			(SELECT string_agg(enumlabel, ',' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = atttypid)) FROM pg_attribute JOIN tree ON attrelid = oid WHERE attnum > 0 AND NOT attisdropped
		UNION ALL SELECT concat_ws(' ', c.oid, relname, relnamespace, relowner, relkind, relpersistence, relrowsecurity, relforcerowsecurity, relreplident, reltablespace, relam, reloptions, relacl, relispartition)
			FROM pg_class c JOIN tree USING (oid)
		UNION ALL SELECT concat_ws(' ', conrelid, conname, contype, convalidated, condeferrable) FROM pg_constraint JOIN tree ON conrelid = tree.oid
		UNION ALL SELECT concat_ws(' ', indrelid, indexrelid::regclass, indisunique, indisclustered) FROM pg_index JOIN tree ON indrelid = tree.oid
		UNION ALL SELECT concat_ws(' ', tgrelid, tgname, tgenabled) FROM pg_trigger JOIN tree ON tgrelid = tree.oid
		UNION ALL SELECT concat_ws(' ', inhrelid, inhparent) FROM pg_inherits WHERE rel IN (inhrelid, inhparent)) s (x)
$$;
CREATE FUNCTION fz.after(rel regclass, q pg_catalog.text) RETURNS pg_catalog.text LANGUAGE plpgsql AS $$
DECLARE
	result pg_catalog.text;
BEGIN
	EXECUTE q;
	result := fz.shape(rel);
	RAISE EXCEPTION USING ERRCODE = 'SH001';
EXCEPTION
	WHEN SQLSTATE 'SH001' THEN RETURN result;
	WHEN OTHERS THEN RETURN SQLSTATE;
END $$;
CREATE FUNCTION fz.digest() RETURNS pg_catalog.text LANGUAGE plpgsql SET search_path = pg_catalog AS $$
DECLARE
	c regclass;
	columns text;
	one text;
	result text := '';
BEGIN
	FOREACH c IN ARRAY '{pg_attribute,pg_attrdef,pg_constraint,pg_index,pg_trigger,pg_policy,pg_rewrite,pg_type,pg_enum,pg_proc,pg_operator,pg_cast,pg_collation,
		pg_namespace,pg_inherits,pg_depend,pg_authid,pg_extension,pg_db_role_setting,selfheal.plan,selfheal.watched,selfheal.incident}'::regclass[] LOOP
		SELECT string_agg(quote_ident(attname) || '::text', ', ') INTO columns FROM pg_attribute WHERE attrelid = c AND attnum > 0 AND NOT attisdropped;
		EXECUTE format('SELECT md5(coalesce(string_agg(x, chr(10) ORDER BY x), '''')) FROM (SELECT concat_ws(''|'', %s) FROM %s) t (x)', columns, c) INTO one;
		result := result || one;
	END LOOP;
	RETURN md5(result || (SELECT string_agg(concat(oid, relname, relowner, relacl, relkind, relnatts, relrowsecurity, reltablespace, relpersistence), ',' ORDER BY oid) FROM pg_class));
END $$;
SQL
my $before = $node->safe_psql('postgres', 'SELECT fz.digest()');

# Queries that must find nothing, by what it would mean if they did.
my $shown = 'concat_ws(chr(9), a.n, a.verdict, left(a.q, 500), left(a.reason, 200), left(a.sql, 500), a.steps)';
my @checks = (
	'each statement has an answer' => "SELECT 'missing: ' || n FROM fz.asked WHERE n NOT IN (SELECT n FROM fz.answer)",
	'the verdict is one of three' => "SELECT $shown FROM fz.answer a WHERE (verdict IN ('auto', 'review', 'refuse')) IS NOT TRUE",
	'a refusal has a reason and nothing to run' => "SELECT $shown FROM fz.answer a WHERE verdict = 'refuse' AND (reason IS NULL OR reason = '' OR sql IS NOT NULL AND NOT fz.closed(rel, sql))",
	'what is accepted has closed steps' => "SELECT $shown FROM fz.answer a WHERE (verdict <> 'refuse' OR steps IS NOT NULL) AND fz.closed(rel, steps) IS NOT TRUE",
	'no steps, no SQL' => "SELECT $shown FROM fz.answer a WHERE verdict <> 'refuse' AND (steps -> 'steps' = '[]') <> (sql IS NULL)",
	'what would run is of the closed grammar' => "SELECT $shown FROM fz.answer a WHERE sql IS NOT NULL AND fz.closed(rel, sql) IS NOT TRUE",
	'what would run vets to itself' => "SELECT concat_ws(chr(9), $shown, b.verdict, b.sql) FROM fz.answer a LEFT JOIN fz.again b USING (n)
		WHERE a.sql IS NOT NULL AND (b.n IS NULL OR (a.verdict, a.steps, a.sql) IS DISTINCT FROM (b.verdict, b.steps, b.sql))",
	# 42701: a column that is there already is a step that is true already, to us alone
	'what would run does what the statement does' => "SELECT concat_ws(chr(9), $shown, left(by_them, 5), left(by_us, 5)) FROM
		(SELECT *, fz.after(rel, q) AS by_them, fz.after(rel, sql) AS by_us FROM (SELECT * FROM fz.answer WHERE sql IS NOT NULL AND verdict <> 'refuse' ORDER BY hashint8(n) LIMIT $trials) x OFFSET 0) a
		WHERE by_them <> '42701' AND by_them <> by_us OR length(by_us) = 5",
);

# Under whatever settings a session may have.
my @settings = ('', '', '', 'SET standard_conforming_strings = off;', 'SET quote_all_identifiers = on;', 'SET search_path = public, fz, pg_catalog;', "SET search_path = '';", 'SET backslash_quote = on; SET standard_conforming_strings = off;', 'SET search_path = fz, pg_catalog;');

my %escaped = ("\\" => '\\\\', "\t" => '\\t', "\n" => '\\n', "\r" => '\\r');
my $dir = $node->basedir;
my ($n, $accepted, $vetting, $making) = (0, 0, 0, 0);
while ($n < $statements)
{
	my $batch = $statements - $n < 10000 ? $statements - $n : 10000;
	my $start = time;
	my $data = '';
	for (1 .. $batch)
	{
		my ($rel, $q) = statement();
		s/([\\\t\n\r])/$escaped{$1}/g foreach $rel, $q;
		$data .= ++$n . "\t$rel\t$q\n";
	}
	utf8::encode($data);
	append_to_file("$dir/asked.txt", $data);
	$making += time - $start;
	my $setting = $settings[ int(rand(@settings)) ];
	my $union = '';
	for (my $i = 0; $i < @checks; $i += 2)
	{
		$union .= ($i ? ' UNION ALL ' : '') . "(SELECT '$checks[$i]' || chr(9) || x FROM ($checks[ $i + 1 ] LIMIT 3) AS found (x))";
	}
	my ($out, $err);
	$start = time;
	my $rc = $node->psql('postgres', qq{TRUNCATE fz.asked, fz.answer, fz.again;
		COPY fz.asked FROM '$dir/asked.txt' (ENCODING 'UTF8');
		SET search_path = fz, public;
		$setting
		SELECT clock_timestamp() AS start, last_value AS canary FROM fz.canary \\gset
		INSERT INTO fz.answer SELECT a.n, a.rel::regclass, a.q, v.verdict, v.reason, v.steps, v.sql FROM fz.asked a, LATERAL selfheal.vet(a.rel::regclass, a.q) v;
		INSERT INTO fz.again SELECT a.n, v.verdict, v.steps, v.sql FROM fz.answer a, LATERAL selfheal.vet(a.rel, a.sql) v WHERE a.sql IS NOT NULL;
		SELECT 'took' || chr(9) || extract(epoch FROM clock_timestamp() - :'start');
		SELECT 'sung' || chr(9) || last_value - :canary FROM fz.canary;
		SELECT 'accepted' || chr(9) || count(*) FROM fz.answer WHERE sql IS NOT NULL;
		RESET ALL;
		ANALYZE fz.asked, fz.answer, fz.again;
		SELECT x FROM ($union) u (x);
		VACUUM pg_class, pg_attribute, pg_attrdef, pg_type, pg_depend, pg_index, pg_constraint, pg_enum}, stdout => \$out, stderr => \$err, on_error_stop => 1);
	unlink "$dir/asked.txt";
	if ($rc != 0)
	{
		fail("statements up to $n are answered without an error");
		diag("FUZZ_SEED=$seed FUZZ_STATEMENTS=$statements, settings \"$setting\": " . substr($err, 0, 2000));
		last;
	}
	my (%said, @found);
	foreach my $line (split /\n/, $out)
	{
		if ($line =~ /^(took|accepted|sung)\t([\d.]+)$/) { $said{$1} = $2 }
		else { push @found, $line }
	}
	$vetting += $said{took};
	$accepted += $said{accepted};
	push @found, 'code of an attacker has run' if $said{sung} != 0;
	is(join("\n", @found), '', "up to $n, settings \"$setting\"") or diag("FUZZ_SEED=$seed FUZZ_STATEMENTS=$statements");
}

cmp_ok($accepted, '>', $statements / 20, 'many are accepted') if $statements >= 1000;
note(sprintf '%d statements, %d accepted; %.0f vetted a second, made in %.0f s', $n, $accepted, ($n + $accepted) / ($vetting || 1), $making);

$node->safe_psql('postgres', 'TRUNCATE fz.asked, fz.answer, fz.again');
is($node->safe_psql('postgres', 'SELECT fz.digest()'), $before, 'the catalog is what it was');
is($node->safe_psql('postgres', 'SELECT count(*) FROM fz.canary_row'), '0', 'no attacker has written');
$node->stop;
unlike(slurp_file($node->logfile), qr/PANIC|TRAP|terminated by signal|server process .* exited/, 'no process has crashed');
done_testing();
