-- The bench's tables and what makes their rows. Which rows are bad is
-- scattered by a hash, the same at each run.

CREATE FUNCTION chosen(g bigint, permille int) RETURNS boolean
LANGUAGE sql IMMUTABLE
RETURN abs(hashint8extended(g, 7) % 1000) < permille;

CREATE FUNCTION narrow_rows(n bigint, bad int)
RETURNS TABLE (id bigint, customer text, amount numeric(12,2), note text, at timestamptz)
LANGUAGE sql AS $$
	SELECT g, CASE WHEN chosen(g, bad) THEN rpad('customer ' || g % 1000, 40, ' etc.') ELSE 'customer ' || g % 1000 END,
		((g % 100000) / 100.0)::numeric(12,2), 'note of order ' || g, '2026-01-01 00:00:00+00'::timestamptz + g * interval '1 second'
	FROM generate_series(1, n) g
$$;

-- A row is bad by its amount, or by its shop.
CREATE FUNCTION sold_rows(n bigint, bad_amount int, bad_shop int)
RETURNS TABLE (id bigint, customer text, amount numeric(12,2), note text, at timestamptz, shop bigint)
LANGUAGE sql AS $$
	SELECT id, customer, CASE WHEN chosen(id, bad_amount) THEN -1.00 ELSE amount END, note, at,
		CASE WHEN chosen(id, bad_shop) THEN -1 ELSE id % 1000 END
	FROM narrow_rows(n, 0)
$$;

CREATE TABLE narrow (id bigint, customer varchar(32), amount numeric(12,2), note text, at timestamptz);

-- As narrow, and rows of one id keep their order.
CREATE TABLE ordered (LIKE narrow);

-- As narrow, and more. Its rows come in the same notation or in another one.
CREATE TABLE mapped (LIKE narrow, city text, status text, qty integer, price double precision, paid boolean);
CREATE TABLE mapped_unkept (LIKE mapped);
CREATE TABLE mapped_kept (LIKE mapped);
CREATE FUNCTION mapped_rows(n bigint)
RETURNS TABLE (id bigint, customer text, amount numeric(12,2), note text, at timestamptz, city text, status text, qty integer,
	price double precision, paid boolean)
LANGUAGE sql AS $$
	SELECT id, customer, amount, note, at, 'city ' || id % 777, 'shipped', (id % 50)::int, (id % 1000) / 64.0::float8, id % 3 = 0
	FROM narrow_rows(n, 0)
$$;

CREATE TABLE shops (id bigint PRIMARY KEY);
INSERT INTO shops SELECT generate_series(0, 999);

CREATE TABLE keyed (LIKE narrow, PRIMARY KEY (id), shop bigint REFERENCES shops);
CREATE INDEX ON keyed (customer);
CREATE INDEX ON keyed (at);

CREATE TABLE checked (LIKE narrow, shop bigint, CHECK (amount >= 0));
CREATE TABLE child (LIKE narrow, shop bigint REFERENCES shops);
CREATE TABLE audited (LIKE narrow, shop bigint);
CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.amount < 0 THEN
		RAISE EXCEPTION 'negative amount';
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER audited AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audited();

-- Sixty columns, two of them nested objects.
CREATE TABLE wide (id bigint);
DO $$
DECLARE
	kinds text[] := ARRAY['bigint 10', 'integer 8', 'numeric(12,2) 8', 'double precision 4', 'varchar(32) 10',
		'text 8', 'timestamptz 4', 'date 2', 'boolean 3', 'jsonb 2'];
	kind text;
	n int := 0;
BEGIN
	FOREACH kind IN ARRAY kinds LOOP
		FOR i IN 1 .. substring(kind FROM '\d+$')::int LOOP
			EXECUTE format('ALTER TABLE wide ADD %I %s', left(kind, 1) || n, regexp_replace(kind, ' \d+$', ''));
			n := n + 1;
		END LOOP;
	END LOOP;
END $$;

-- One expression per column that makes its value from the row's number g.
CREATE FUNCTION wide_query(n bigint) RETURNS text LANGUAGE sql AS $$
	SELECT 'SELECT ' || string_agg(CASE
			WHEN attnum = 1 THEN 'g'
			WHEN atttypid = 'bigint'::regtype THEN format('g * %s', 1000003 * attnum)
			WHEN atttypid = 'integer'::regtype THEN format('(g * %s %% 2000000)::int - 1000000', attnum)
			WHEN atttypid = 'numeric'::regtype THEN format('((g * %s %% 10000000) / 100.0)::numeric(12,2)', attnum)
			WHEN atttypid = 'float8'::regtype THEN format('(g %% 1000) * %s / 64.0::float8', attnum)
			WHEN atttypid = 'varchar'::regtype THEN format('%L || g %% 1000', 'label ' || attnum || ' ')
			WHEN atttypid = 'text'::regtype AND attnum % 4 = 0 THEN '''said "yes" to no. '' || g || '' \ and left'''
			WHEN atttypid = 'text'::regtype THEN format('%L || g', 'a sentence that is as long as sentences are, number ')
			WHEN atttypid = 'timestamptz'::regtype THEN format('''2026-01-01 00:00:00+00''::timestamptz + g * interval ''%s seconds''', attnum)
			WHEN atttypid = 'date'::regtype THEN '''2026-01-01''::date + (g % 365)::int'
			WHEN atttypid = 'boolean'::regtype THEN format('g %% %s = 0', attnum % 7 + 2)
			ELSE 'jsonb_build_object(''street'', ''Main Street '' || g, ''zip'', g % 100000, ''tags'', ARRAY[''a'', ''b'', ''c''],'
				' ''place'', jsonb_build_object(''lat'', g / 1000.0, ''lon'', -g / 3000.0, ''exact'', true))'
		END || ' AS ' || quote_ident(attname), ', ' ORDER BY attnum)
		|| ' FROM generate_series(1, ' || n || '::bigint) g'
	FROM pg_attribute WHERE attrelid = 'wide'::regclass AND attnum > 0
$$;

-- Where peers stage: unlogged, which is the fastest a stage can be.
CREATE UNLOGGED TABLE stage_jsonb (payload jsonb);
CREATE UNLOGGED TABLE stage_text (payload text);

-- Where they stage to keep what was sent.
CREATE TABLE archive (payload text);

-- The columns of a table as casts of payload p: what a person would write.
CREATE FUNCTION casts(tab regclass) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(CASE WHEN atttypid = 'jsonb'::regtype THEN format('p -> %L', attname)
			ELSE format('(p ->> %L)::%s', attname, format_type(atttypid, atttypmod)) END, ', ' ORDER BY attnum)
	FROM pg_attribute WHERE attrelid = tab AND attnum > 0
$$;

-- The same pipeline without us: a view whose trigger stores row by row and
-- notes what fails, in the two forms that people write.
CREATE TABLE failed (payload text, reason text);
CREATE FUNCTION make_peers(tab regclass) RETURNS void LANGUAGE plpgsql AS $make$
DECLARE
	form record;
BEGIN
	FOR form IN VALUES
		('record', format('INSERT INTO %s SELECT r.* FROM jsonb_populate_record(NULL::%s, p) r', tab, tab)),
		('casts', format('INSERT INTO %s VALUES (%s)', tab, casts(tab)))
	LOOP
		EXECUTE format('CREATE VIEW %I AS SELECT NULL::text AS payload WHERE false', tab || '_' || form.column1);
		EXECUTE format($sql$
			CREATE FUNCTION %1$I() RETURNS trigger LANGUAGE plpgsql AS $$
			DECLARE
				p jsonb := NEW.payload;
			BEGIN
				%2$s;
				RETURN NEW;
			EXCEPTION WHEN OTHERS THEN
				INSERT INTO failed VALUES (NEW.payload, SQLERRM);
				RETURN NULL;
			END $$;
			CREATE TRIGGER store INSTEAD OF INSERT ON %1$I FOR EACH ROW EXECUTE FUNCTION %1$I();
			$sql$, tab || '_' || form.column1, form.column2);
	END LOOP;
END $make$;
SELECT make_peers(t) FROM unnest('{narrow,wide,keyed}'::regclass[]) t;

-- Nothing is to be healed here but where healing is measured.
SELECT selfheal.watch(t, 'observe') FROM unnest('{narrow,wide,keyed,checked,child,audited}'::regclass[]) t;
SELECT selfheal.watch('ordered', 'observe', ordering_key => 'id');
SELECT selfheal.watch('mapped', 'observe');
SELECT selfheal.watch('mapped_unkept', 'observe', keep_payload => 'none');
SELECT selfheal.watch('mapped_kept', 'observe', keep_payload => 'transformed');
SELECT selfheal.add_mapping(t, 'parse_timestamp', 'at', '{"formats": ["DD.MM.YYYY HH24:MI:SS"], "zone": "Europe/Berlin"}'),
	selfheal.add_mapping(t, 'map_field', 'town', '{}', 'city')
FROM unnest('{mapped_unkept,mapped_kept}'::regclass[]) t;
