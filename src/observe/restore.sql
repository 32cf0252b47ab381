-- Which watches are at home in this database, and which came by a restore.

-- Not in a dump, on purpose: that it is missing tells a watch that was restored
-- from one that was made here. Files that are copied (CREATE DATABASE, a base
-- backup, pg_upgrade) bring it along.
CREATE TABLE selfheal.settled (
	relid regclass PRIMARY KEY REFERENCES selfheal.watched ON UPDATE CASCADE ON DELETE CASCADE,
	at timestamptz NOT NULL DEFAULT clock_timestamp(),
	role text
);
COMMENT ON TABLE selfheal.settled IS 'watched tables that are no half restored ones: watched in this database, or whole again after a restore; in no dump';
COMMENT ON COLUMN selfheal.settled.relid IS 'the table';
COMMENT ON COLUMN selfheal.settled.at IS 'since when';
COMMENT ON COLUMN selfheal.settled.role IS 'who said so, by watch() or restored(); null: the healer saw that it is whole';

CREATE VIEW selfheal.tended AS
SELECT w.* FROM selfheal.watched w WHERE EXISTS (SELECT FROM selfheal.settled s WHERE s.relid = w.relid);
COMMENT ON VIEW selfheal.tended IS 'watched tables that the healer may touch: all but those that are being restored';

CREATE VIEW selfheal.resting AS
SELECT w.* FROM selfheal.watched w WHERE NOT EXISTS (SELECT FROM selfheal.settled s WHERE s.relid = w.relid);
COMMENT ON VIEW selfheal.resting IS 'watched tables that a restore has brought and that are not whole yet';

CREATE FUNCTION selfheal.watched_loaded() RETURNS trigger
AS 'MODULE_PATHNAME', 'selfheal_watched_loaded' LANGUAGE C;
COMMENT ON FUNCTION selfheal.watched_loaded() IS 'a session that loads selfheal.watched itself is restoring this database';
REVOKE ALL ON FUNCTION selfheal.watched_loaded() FROM PUBLIC;

CREATE TRIGGER watched_loaded BEFORE INSERT ON selfheal.watched
	FOR EACH STATEMENT EXECUTE FUNCTION selfheal.watched_loaded();
ALTER TABLE selfheal.watched ENABLE ALWAYS TRIGGER watched_loaded;
COMMENT ON TRIGGER watched_loaded ON selfheal.watched IS 'selfheal: sees a restore';

CREATE FUNCTION selfheal.restored("table" regclass DEFAULT NULL) RETURNS bigint
AS 'MODULE_PATHNAME', 'selfheal_restored' LANGUAGE C VOLATILE;
COMMENT ON FUNCTION selfheal.restored(regclass) IS
'the restore is complete, and the table (null: each that the caller owns) is as it is meant to be: the healer goes on with it; returns how many tables rested';
REVOKE ALL ON FUNCTION selfheal.restored(regclass) FROM PUBLIC;
