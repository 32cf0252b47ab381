--
-- The audit: what is written, that it is append-only for everyone, and that
-- its hash chain tells an altered, missing, moved or hand-made row, a cut tail
-- and a chain written anew. Counts and hashes differ from run to run, so
-- they are compared and not printed.
--
SET client_min_messages = warning;
CREATE EXTENSION IF NOT EXISTS selfheal;
RESET client_min_messages;

CREATE TABLE public.audited (a int);
SELECT count(*) FROM selfheal.watch('public.audited');
SELECT count(*) FROM selfheal.pause('public.audited');
SELECT count(*) FROM selfheal.resume('public.audited');
BEGIN;
SELECT count(*) FROM selfheal.pause('public.audited');
ROLLBACK;
SELECT count(*) FROM selfheal.pause('public.audited');
SELECT count(*) FROM selfheal.resume('public.audited');
SELECT count(*) FROM selfheal.wait_idle('180s') \gset

-- who, what, where; what was rolled back was not done
SELECT event, schema_name, table_name, actor_role = current_user AS role,
	actor_client LIKE 'pg_regress/audit %' AS client,
	at <= clock_timestamp() AS at, lsn < pg_current_wal_insert_lsn() AS lsn
FROM selfheal.audit WHERE table_name = 'audited' ORDER BY id;

-- all of it is sealed, from 1 without a gap, each row on the one before
SELECT ok, sealed > 4 AS sealed, unsealed, length(head) AS head, bad_seq, reason
FROM selfheal.verify_audit();
SELECT bool_and(prev = prev_hash) AS linked, min(seq), max(seq) = count(*) AS dense
FROM (SELECT seq, prev_hash, lag(hash, 1, repeat('0', 64)) OVER (ORDER BY seq) AS prev
	FROM selfheal.audit WHERE seq IS NOT NULL) c;

SELECT sealed, head FROM selfheal.verify_audit() \gset
SELECT ok, reason FROM selfheal.verify_audit(:sealed, :'head');
SELECT ok, reason FROM selfheal.verify_audit(:sealed, upper(:'head'));
SELECT ok, reason FROM selfheal.verify_audit(1, (SELECT hash FROM selfheal.audit WHERE seq = 1));
SELECT ok, bad_seq = :sealed AS at_it, reason FROM selfheal.verify_audit(:sealed, repeat('0', 64));
SELECT ok, bad_seq = :sealed + 1 AS after_it, reason FROM selfheal.verify_audit(:sealed + 1, :'head');

-- a script outside PostgreSQL comes to the same head, whatever the exporter's settings
SET TimeZone = 'Asia/Kolkata';
SET DateStyle = 'German';
SET extra_float_digits = -15;
\getenv abs_builddir PG_ABS_BUILDDIR
\set export :abs_builddir '/results/audit.ndjson'
SELECT row_to_json(e) FROM selfheal.audit_export e ORDER BY seq \g (format=unaligned tuples_only=on) :export
RESET TimeZone;
RESET DateStyle;
RESET extra_float_digits;
\setenv AUDIT_SEQ :sealed
\setenv AUDIT_HEAD :head
\set said `perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl" "$AUDIT_SEQ" "$AUDIT_HEAD" < "$PG_ABS_BUILDDIR/results/audit.ndjson"`
SELECT :'said' = format('ok %s rows head %s', :sealed, :'head') AS same;
\set said `sed 2d "$PG_ABS_BUILDDIR/results/audit.ndjson" | perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl"`
\echo :said
\set said `sed '2s/"id":"/"id":"0/' "$PG_ABS_BUILDDIR/results/audit.ndjson" | perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl"`
\echo :said
\set said `sed 's/"seq":2,/"seq":X,/;s/"seq":3,/"seq":2,/;s/"seq":X,/"seq":3,/;2{h;d};3G' "$PG_ABS_BUILDDIR/results/audit.ndjson" | perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl"`
\echo :said
\set said `sed '$d' "$PG_ABS_BUILDDIR/results/audit.ndjson" | perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl" "$AUDIT_SEQ" "$AUDIT_HEAD"`
SELECT :'said' = format('bad seq %s: the tail was cut', :sealed) AS cut;
\set said `perl "$PG_ABS_SRCDIR/test/lib/verify_audit.pl" < /dev/null`
\echo :said

-- rows can be added, and nothing else; also for a superuser and a replica
SELECT rolsuper FROM pg_roles WHERE rolname = current_user;
UPDATE selfheal.audit SET result = 'fine';
\echo :LAST_ERROR_SQLSTATE
UPDATE selfheal.audit SET result = 'fine' WHERE false;
UPDATE selfheal.audit SET seq = 1, prev_hash = repeat('0', 64), hash = repeat('0', 64) WHERE seq IS NULL;
DELETE FROM selfheal.audit;
DELETE FROM selfheal.audit WHERE false;
TRUNCATE selfheal.audit;
INSERT INTO selfheal.audit (id, event, actor_role, actor_client, lsn)
	VALUES (1, 'paused', 'x', 'x', '0/0') ON CONFLICT (id) DO UPDATE SET result = 'fine';
MERGE INTO selfheal.audit a USING (VALUES (1)) v (id) ON a.id = v.id WHEN MATCHED THEN DELETE;
SET session_replication_role = replica;
UPDATE selfheal.audit SET result = 'fine';
UPDATE selfheal.audit SET result = 'fine' WHERE false;
DELETE FROM selfheal.audit;
DELETE FROM selfheal.audit WHERE false;
TRUNCATE selfheal.audit;
RESET session_replication_role;
SELECT selfheal.audit_guard();
SELECT ok, sealed = :sealed AS all_there FROM selfheal.verify_audit();

-- the event is of a closed list, and a row has all of its links or none
\set VERBOSITY terse
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn) VALUES ('nonsense', 'x', 'x', '0/0');
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn, seq) VALUES ('paused', 'x', 'x', '0/0', 0);
\set VERBOSITY default

-- whoever takes the triggers away is found out
BEGIN;
ALTER TABLE selfheal.audit DISABLE TRIGGER ALL;
SAVEPOINT s;
-- altered: a word, a time, a null
UPDATE selfheal.audit SET result = 'fine' WHERE seq = :sealed - 2;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
UPDATE selfheal.audit SET at = at + interval '1 microsecond' WHERE seq = :sealed - 2;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
UPDATE selfheal.audit SET table_name = NULL WHERE seq = :sealed - 2;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
-- the head that is said is of the last row in good order
SELECT v.head = a.hash AS head FROM selfheal.verify_audit() v, selfheal.audit a WHERE a.seq = v.bad_seq - 1;
ROLLBACK TO s;
UPDATE selfheal.audit SET hash = repeat('0', 64) WHERE seq = :sealed - 2;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
-- missing
DELETE FROM selfheal.audit WHERE seq = :sealed - 2;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
DELETE FROM selfheal.audit WHERE seq = 1;
SELECT ok, bad_seq, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
-- missing, and the numbers closed up
DELETE FROM selfheal.audit WHERE seq = :sealed - 1;
UPDATE selfheal.audit SET seq = seq - 1 WHERE seq = :sealed;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
-- moved
UPDATE selfheal.audit SET seq = -seq WHERE seq IN (:sealed - 2, :sealed - 1);
UPDATE selfheal.audit SET seq = 2 * :sealed - 3 + seq WHERE seq < 0;
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
-- put in by hand
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn, seq, prev_hash, hash)
	VALUES ('approved', 'x', 'x', '0/0', :sealed + 1, :'head', repeat('0', 64));
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn, seq, prev_hash, hash)
	VALUES ('approved', 'x', 'x', '0/0', 0, repeat('0', 64), repeat('0', 64));
SELECT ok, bad_seq, reason FROM selfheal.verify_audit();
ROLLBACK TO s;
-- a cut tail is a good chain by itself: only a head that was kept tells
DELETE FROM selfheal.audit WHERE seq > :sealed - 2;
SELECT ok, :sealed - sealed AS gone, reason FROM selfheal.verify_audit();
SELECT ok, :sealed - bad_seq AS before_last, reason FROM selfheal.verify_audit(:sealed, :'head');
ROLLBACK TO s;
DELETE FROM selfheal.audit;
SELECT ok, sealed, bad_seq, reason FROM selfheal.verify_audit(:sealed, :'head');
ROLLBACK;
SELECT ok, sealed = :sealed AS all_there FROM selfheal.verify_audit();

-- bad input
SELECT selfheal.verify_audit(NULL, :'head');
\echo :LAST_ERROR_SQLSTATE
SELECT selfheal.verify_audit(1, NULL);
\echo :LAST_ERROR_SQLSTATE
SELECT selfheal.verify_audit(0, :'head');
\echo :LAST_ERROR_SQLSTATE
SELECT selfheal.verify_audit(-1, :'head');
SELECT selfheal.verify_audit(1, '');
\echo :LAST_ERROR_SQLSTATE
SELECT selfheal.verify_audit(1, repeat('g', 64));
SELECT selfheal.verify_audit(1, repeat('0', 65));

-- nobody is let in without a grant
CREATE ROLE regress_audit_stranger;
SET ROLE regress_audit_stranger;
SELECT selfheal.verify_audit();
SELECT * FROM selfheal.audit;
INSERT INTO selfheal.audit (event, actor_role, actor_client, lsn) VALUES ('approved', 'x', 'x', '0/0');
RESET ROLE;
DROP ROLE regress_audit_stranger;

SELECT count(*) FROM selfheal.unwatch('public.audited');
DROP TABLE public.audited;
SELECT count(*) FROM selfheal.wait_idle('180s') \gset
SELECT event FROM selfheal.audit WHERE table_name = 'audited' ORDER BY id DESC LIMIT 1;
SELECT ok, unsealed FROM selfheal.verify_audit();
