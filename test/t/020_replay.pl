# 020_replay.pl: held rows back into their table, as whoever loaded them.
#
# Each test has tables and roles of its own. The owner and the loaders are
# ordinary roles; in each the column "v" is too narrow for the payload, so that
# a heal widens it and then replays the row into what the test is about.

use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $node = PostgreSQL::Test::Cluster->new('replay');
$node->init;
$node->append_conf('postgresql.conf', <<'CONF');
shared_preload_libraries = 'selfheal'
timezone = 'UTC'
CONF
$node->start;

sub sql
{
	my ($text) = @_;
	return $node->safe_psql('postgres', $text);
}

# Everything committed so far is dealt with.
sub idle
{
	return sql(q{SELECT selfheal.wait_idle('180s')});
}

# A payload by a role, each in a session of its own.
sub load
{
	my ($role, $table, $payload, $settings) = @_;
	$settings //= '';
	sql("SET SESSION AUTHORIZATION $role; $settings\n"
		  . "INSERT INTO ${table}_intake VALUES (\$p\$$payload\$p\$);");
	return;
}

# Table of the owner, watched, open to the loader.
sub table
{
	my ($table, $columns) = @_;
	sql(qq{SET SESSION AUTHORIZATION shop;
		CREATE TABLE $table ($columns);
		GRANT INSERT ON $table TO feed;
		RESET SESSION AUTHORIZATION;
		SELECT selfheal.watch('$table');
		GRANT INSERT ON ${table}_intake TO feed});
	return;
}

sub held
{
	my ($table) = @_;
	return sql(qq{SELECT count(*) FROM selfheal.quarantine
		WHERE relid = '$table'::regclass AND state = 'held'});
}

# State and reason of the table's incident that is still open.
sub incident
{
	my ($table, $column) = @_;
	return sql(qq{SELECT $column FROM selfheal.incident
		WHERE relid = '$table'::regclass AND state NOT IN ('healed', 'dismissed')});
}

my $long = 'longer than four';

sql(q{CREATE EXTENSION selfheal;
	CREATE ROLE shop LOGIN; CREATE ROLE feed LOGIN;
	CREATE SCHEMA shop AUTHORIZATION shop;
	GRANT USAGE ON SCHEMA shop TO feed});

# A time without a zone means the producer's, not the worker's.
table('shop.stamped', 'id int, at timestamptz, day date, span interval, v varchar(4)');
load('feed', 'shop.stamped',
	qq({"id":1,"at":"2026-01-01 00:00","day":"02/03/2026","v":"$long"}),
	"SET timezone = 'America/New_York'; SET datestyle = 'ISO, DMY';");
idle();
is( sql(q{SELECT at AT TIME ZONE 'UTC', day, v FROM shop.stamped}),
	"2026-01-01 05:00:00|2026-03-02|$long",
	'a replayed row means what it meant under the TimeZone and DateStyle of its load');
is(held('shop.stamped'), '0', 'it is not held any more');

# Row security binds the loading role in a replay as it does in a load.
table('shop.tenants', 'id int, tenant text, v varchar(4)');
sql(q{ALTER TABLE shop.tenants ENABLE ROW LEVEL SECURITY;
	CREATE POLICY mine ON shop.tenants FOR INSERT TO feed WITH CHECK (tenant = 'mine')});
load('feed', 'shop.tenants', qq({"id":1,"tenant":"mine","v":"$long"}));
load('feed', 'shop.tenants', qq({"id":2,"tenant":"theirs","v":"$long"}));
idle();
is(sql('SELECT id FROM shop.tenants'), '1',
	'row security lets the row in that the role may store, and no other');
is( sql(q{SELECT payload::jsonb ->> 'id', class FROM selfheal.quarantined
		WHERE table_name = 'shop.tenants'}),
	'2|permission', 'the other stays held and says why');

# A deferred foreign key: the miss costs the row, not the worker's commit.
sql(q{CREATE TABLE shop.parent (id int PRIMARY KEY);
	ALTER TABLE shop.parent OWNER TO shop;
	INSERT INTO shop.parent VALUES (1)});
table('shop.child', 'id int, v varchar(4),'
	  . ' parent int REFERENCES shop.parent DEFERRABLE INITIALLY DEFERRED');
load('feed', 'shop.child', qq({"id":1,"parent":1,"v":"$long"}));
load('feed', 'shop.child', qq({"id":2,"parent":2,"v":"$long"}));
idle();
is(sql('SELECT id FROM shop.child'), '1', 'a deferred foreign key lets the row with a parent in');
is( sql(q{SELECT payload::jsonb ->> 'id', class FROM selfheal.quarantined
		WHERE table_name = 'shop.child'}),
	'2|foreign_key', 'the row without a parent stays held and says why');

# A trigger that makes a temporary table, which no restricted operation may.
table('shop.scratch', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE FUNCTION shop.scratch() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		CREATE TEMPORARY TABLE IF NOT EXISTS scratch_work (id int);
		RETURN NEW;
	END $$;
	CREATE TRIGGER scratch BEFORE INSERT ON shop.scratch
		FOR EACH ROW EXECUTE FUNCTION shop.scratch()});
load('feed', 'shop.scratch', qq({"id":1,"v":"$long"}));
idle();
is(incident('shop.scratch', 'state'), 'needs_human',
	'a trigger that makes a temporary table sends its incident to a person');
like(incident('shop.scratch', 'reason'),
	qr/temporary table within security-restricted operation.*selfheal\.replay\('shop\.scratch'\)/,
	'with that reason, and the way out');
is(held('shop.scratch'), '1', 'its row is still held');
is(sql(q{SELECT * FROM selfheal.replay('shop.scratch')}), '1|0',
	"selfheal.replay() in a session of one's own stores it");
is(sql('SELECT v FROM shop.scratch'), $long, 'once');
idle();

# A trigger that wants to be the worker.
table('shop.climber', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE FUNCTION shop.climb() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		RESET ROLE;
		ALTER ROLE shop SUPERUSER;
		RETURN NEW;
	END $$;
	CREATE TRIGGER climb BEFORE INSERT ON shop.climber
		FOR EACH ROW EXECUTE FUNCTION shop.climb()});
load('feed', 'shop.climber', qq({"id":1,"v":"$long"}));
idle();
is(incident('shop.climber', 'state'), 'needs_human', 'RESET ROLE in a trigger is refused');
like(incident('shop.climber', 'reason'), qr/"role"/, 'and the incident says so');

# The same by way of SET SESSION AUTHORIZATION, with the error swallowed.
table('shop.sneak', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE TABLE shop.seen (what text);
	GRANT INSERT ON shop.seen TO feed;
	CREATE FUNCTION shop.sneak() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			RESET SESSION AUTHORIZATION;
			EXECUTE 'ALTER ROLE shop SUPERUSER';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		INSERT INTO shop.seen VALUES (TG_NAME || ' ' || current_user);
		RETURN NULL;
	END $$;
	CREATE TRIGGER sneak AFTER INSERT ON shop.sneak
		FOR EACH ROW EXECUTE FUNCTION shop.sneak()});
load('feed', 'shop.sneak', qq({"id":1,"v":"$long"}));
idle();
is(sql('SELECT v FROM shop.sneak'), $long, 'a row whose trigger swallows the refusal is stored');
is(sql('SELECT what FROM shop.seen'), 'sneak feed', 'its trigger ran as the loading role');

# The owner's deferred trigger would run at the worker's COMMIT, as superuser.
table('shop.later', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE FUNCTION shop.later() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		BEGIN
			EXECUTE 'ALTER ROLE shop SUPERUSER';
		EXCEPTION WHEN OTHERS THEN
			NULL;
		END;
		INSERT INTO shop.seen VALUES (TG_NAME || ' ' || current_user);
		RETURN NULL;
	END $$;
	CREATE CONSTRAINT TRIGGER later AFTER INSERT ON shop.later
		DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION shop.later()});
load('feed', 'shop.later', qq({"id":1,"v":"$long"}));
idle();
is(sql('SELECT v FROM shop.later'), $long, 'a row with a deferred trigger is stored');
is(sql(q{SELECT what FROM shop.seen WHERE what LIKE 'later %'}),
	'later feed', 'the deferred trigger ran as the loading role');

# The same, and a trigger before it takes our IMMEDIATE back.
table('shop.again', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE FUNCTION shop.defer() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		SET CONSTRAINTS ALL DEFERRED;
		RETURN NEW;
	END $$;
	CREATE TRIGGER defer BEFORE INSERT ON shop.again
		FOR EACH ROW EXECUTE FUNCTION shop.defer();
	CREATE CONSTRAINT TRIGGER again AFTER INSERT ON shop.again
		DEFERRABLE INITIALLY DEFERRED
		FOR EACH ROW EXECUTE FUNCTION shop.later()});
load('feed', 'shop.again', qq({"id":1,"v":"$long"}));
idle();
is(sql(q{SELECT count(*) FROM shop.seen WHERE what LIKE 'again %'}),
	'0', 'a trigger that defers again does not get its deferred trigger run');
is(held('shop.again'), '1', 'its row is held');
is(incident('shop.again', 'state'), 'needs_human', 'and waits for a person');

# Code that a loader names through his search_path runs as nobody else.
table('shop.paths', 'id int, v varchar(4)');
sql(q{SET SESSION AUTHORIZATION shop;
	CREATE FUNCTION shop.note() RETURNS void LANGUAGE sql AS 'SELECT';
	CREATE FUNCTION shop.call_note() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM note();
		RETURN NEW;
	END $$;
	CREATE TRIGGER paths BEFORE INSERT ON shop.paths
		FOR EACH ROW EXECUTE FUNCTION shop.call_note();
	CREATE FUNCTION shop.checked(text) RETURNS boolean LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM note();
		RETURN true;
	END $$;
	ALTER TABLE shop.paths ADD CHECK (shop.checked(v));
	RESET SESSION AUTHORIZATION;
	CREATE SCHEMA trojan AUTHORIZATION feed;
	GRANT USAGE ON SCHEMA trojan TO shop;
	SET SESSION AUTHORIZATION feed;
	CREATE TABLE trojan.ran (who text);
	GRANT INSERT ON trojan.ran TO PUBLIC;
	CREATE FUNCTION trojan.note() RETURNS void LANGUAGE plpgsql AS $$
	BEGIN
		INSERT INTO trojan.ran VALUES (current_user);
	END $$});
load('feed', 'shop.paths', qq({"id":1,"v":"$long"}), 'SET search_path = trojan, shop;');
idle();
is(sql('SELECT v FROM shop.paths'), $long, 'a row is replayed under the search_path of its load');
is(sql('SELECT DISTINCT who FROM trojan.ran'), 'feed', 'what that path names runs as the loader');
sql(q{SELECT selfheal.pause('shop.paths')});
load('feed', 'shop.paths', qq({"id":2,"v":"$long and longer than it was before by far"}),
	'SET search_path = trojan, shop;');
sql(q{SET search_path = shop;
	ALTER TABLE shop.paths ALTER v TYPE text;
	TRUNCATE trojan.ran;
	SELECT * FROM selfheal.replay('shop.paths')});
is(sql('SELECT count(*) FROM shop.paths'), '2', "a DBA's replay() stores a row of that load");
is(sql('SELECT count(*) FROM trojan.ran'), '0', 'under his own search_path');
sql(q{SELECT selfheal.resume('shop.paths')});

# A role that may not insert any more; another that is gone.
table('shop.lost', 'id int, v varchar(4)');
sql(q{CREATE ROLE former LOGIN; CREATE ROLE gone LOGIN;
	GRANT USAGE ON SCHEMA shop TO former, gone;
	GRANT INSERT ON shop.lost, shop.lost_intake TO former, gone;
	SELECT selfheal.pause('shop.lost')});
load('former', 'shop.lost', qq({"id":1,"v":"$long"}));
load('gone', 'shop.lost', qq({"id":2,"v":"$long"}));
load('feed', 'shop.lost', qq({"id":3,"v":"$long"}));
sql(q{REVOKE INSERT ON shop.lost FROM former;
	DROP OWNED BY gone; DROP ROLE gone;
	SELECT selfheal.resume('shop.lost')});
idle();
is(sql('SELECT id FROM shop.lost'), '3', 'rows of roles that may not insert any more are not stored');
is( sql(q{SELECT payload::jsonb ->> 'id', class FROM selfheal.quarantined
		WHERE table_name = 'shop.lost' ORDER BY 1}),
	"1|permission\n2|permission", 'they stay held and say why');
like( sql(q{SELECT string_agg(message, ' ' ORDER BY id) FROM selfheal.quarantined
		WHERE table_name = 'shop.lost'}),
	qr/permission denied for table lost.*role "gone".*does not exist/,
	'in words that tell what is missing');

# Chunks: each row once, whatever the chunk's size.
table('shop.many', 'id int PRIMARY KEY, v varchar(4)');
sql(q{ALTER SYSTEM SET selfheal.replay_chunk = 7; SELECT pg_reload_conf()});
sql(qq{SET SESSION AUTHORIZATION feed;
	INSERT INTO shop.many_intake SELECT jsonb_build_object('id', g, 'v', '$long')
		FROM generate_series(1, 40) g});
idle();
is(sql('SELECT count(*), count(DISTINCT id), min(v) FROM shop.many'),
	"40|40|$long", 'forty rows in chunks of seven are stored once each');
is( sql(q{SELECT sum(rows), sum(upper(r) - lower(r))
		FROM selfheal.replayed, unnest(ids) r WHERE relid = 'shop.many'::regclass}),
	'40|40', 'and are recorded once each');
sql(q{ALTER SYSTEM RESET selfheal.replay_chunk; SELECT pg_reload_conf()});

# Whatever ran above, nobody rose, and nothing is left behind.
is(sql(q{SELECT string_agg(rolname, ' ') FROM pg_roles WHERE rolsuper}),
	sql('SELECT current_user'), 'no role became a superuser');
is( sql(q{SELECT count(*) FROM pg_class WHERE relnamespace = 'selfheal_sandbox'::regnamespace}),
	'0', 'the sandbox is empty');
is( sql(q{SELECT count(*) FROM pg_namespace, aclexplode(nspacl) a
		WHERE nspname = 'selfheal_sandbox' AND a.grantee <> nspowner}),
	'0', 'and nobody has a right on it');
is(sql(q{SELECT ok FROM selfheal.verify_audit()}), 't', 'the audit verifies');

$node->stop;
done_testing();
