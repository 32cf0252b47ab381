-- What is about a table that is gone is for who sees all tables, by whichever
-- door he asks: the views, the functions for people, the tools, the resources,
-- the prompts and completion. For anybody else it is not there, or is refused.
\set VERBOSITY terse
SET client_min_messages = error;
\pset format unaligned
CREATE EXTENSION IF NOT EXISTS selfheal;
CREATE SCHEMA mcpgone;
SET search_path = mcpgone;
CREATE ROLE mcpgone_operator;
CREATE ROLE mcpgone_all;
CREATE ROLE mcpgone_later NOINHERIT;
SELECT selfheal.grant_to(r, 'admin') FROM unnest('{mcpgone_operator,mcpgone_all,mcpgone_later}'::text[]) r \g /dev/null
GRANT USAGE ON SCHEMA mcpgone TO mcpgone_operator, mcpgone_all, mcpgone_later;
GRANT pg_read_all_data TO mcpgone_all, mcpgone_later;

-- one that waits for approval, and one that was healed
CREATE TABLE went (id int NOT NULL, v varchar(3) NOT NULL);
SELECT selfheal.watch('went');
GRANT SELECT, INSERT ON went TO mcpgone_operator;
INSERT INTO went_intake VALUES ('{"id": 1, "v": "long enough"}'), ('{"id": 2, "v": null}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT max(i.id) FILTER (WHERE class = 'too_long') AS healed, max(i.id) FILTER (WHERE class = 'null_value') AS waits, max(i.plan) FILTER (WHERE class = 'too_long') AS ran, max(i.plan) FILTER (WHERE class = 'null_value') AS plan
FROM selfheal.incident i WHERE relid = 'went'::regclass \gset

CREATE FUNCTION mcp(method text, params jsonb) RETURNS jsonb LANGUAGE sql AS
$$ SELECT selfheal.mcp(jsonb_build_object('jsonrpc', '2.0', 'id', 1, 'method', method, 'params', params)) $$;
-- does a question have an answer? Errors are no
CREATE FUNCTION asked(sql text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE answer boolean;
BEGIN
	EXECUTE 'SELECT ' || sql INTO answer;
	RETURN answer;
EXCEPTION WHEN OTHERS THEN
	RETURN false;
END $$;
CREATE FUNCTION tells(tool text, arguments jsonb) RETURNS boolean LANGUAGE sql AS
$$ SELECT NOT (mcpgone.mcp('tools/call', jsonb_build_object('name', tool, 'arguments', arguments)) #>> '{result,isError}')::boolean $$;
CREATE FUNCTION doors(incident bigint, plan bigint, ran bigint) RETURNS TABLE (door text, answers boolean) LANGUAGE sql AS $$
	SELECT d, mcpgone.asked(q) FROM (VALUES
	('view incidents', format('EXISTS (SELECT FROM selfheal.incidents WHERE id = %s)', $1)),
	('view pending', format('EXISTS (SELECT FROM selfheal.pending WHERE plan_id = %s)', $2)),
	('explain', format('selfheal.explain(%s) LIKE ''Incident %%''', $1)),
	('tool about it', format('selfheal.tool(''read_error_log'', ''{}'', %s) @> ''{"is_error": false}''', $1)),
	('list_incidents', format('mcpgone.mcp(''tools/call'', ''{"name": "list_incidents", "arguments": {"limit": 50}}'') #> ''{result,structuredContent,incidents}'' @> ''[{"incident": %s}]''', $1)),
	('explain_incident', format('mcpgone.tells(''explain_incident'', ''{"incident": %s}'')', $1)),
	('read_error_log', format('mcpgone.tells(''read_error_log'', ''{"incident": %s}'')', $1)),
	('sample_payloads', format('mcpgone.tells(''sample_payloads'', ''{"incident": %s}'')', $1)),
	('get_audit_trail', format('mcpgone.tells(''get_audit_trail'', ''{"incident": %s}'')', $1)),
	('list_pending_plans', format('mcpgone.mcp(''tools/call'', ''{"name": "list_pending_plans", "arguments": {"plan": %s}}'') #> ''{result,structuredContent,plans}'' @> ''[{"plan": %1$s}]''', $2)),
	('resource', format('mcpgone.mcp(''resources/read'', ''{"uri": "selfheal://incident/%s"}'') ? ''result''', $1)),
	('migration', format('mcpgone.mcp(''resources/read'', ''{"uri": "selfheal://migration/%s"}'') ? ''result''', $3)),
	('diagnose_incident', format('mcpgone.mcp(''prompts/get'', ''{"name": "diagnose_incident", "arguments": {"incident": "%s"}}'') ? ''result''', $1)),
	('review_pending_plan', format('mcpgone.mcp(''prompts/get'', ''{"name": "review_pending_plan", "arguments": {"plan": "%s"}}'') ? ''result''', $2)),
	('completion', format('mcpgone.mcp(''completion/complete'', ''{"ref": {"type": "ref/resource", "uri": "selfheal://incident/{id}"}, "argument": {"name": "id", "value": "%s"}}'') #> ''{result,completion,values}'' @> ''["%1$s"]''', $1))) v(d, q) $$;
-- the healer takes a plan back whose table is gone: not before we have asked
CREATE FUNCTION waits(plan bigint) RETURNS void LANGUAGE sql AS $$ UPDATE selfheal.plan SET state = 'awaiting_approval' WHERE id = $1 $$;
-- by whom each door is answered
CREATE FUNCTION who(incident bigint, plan bigint, ran bigint) RETURNS TABLE (roles text, doors text) LANGUAGE plpgsql AS $$
BEGIN
	PERFORM mcpgone.waits(plan);
	CREATE TEMP TABLE seen (role text, door text, answers boolean);
	GRANT ALL ON seen TO PUBLIC;
	FOR roles IN SELECT r FROM unnest('{mcpgone_operator,mcpgone_all,mcpgone_later}'::text[]) r LOOP
		PERFORM set_config('role', roles, true);
		INSERT INTO pg_temp.seen SELECT roles, d.* FROM mcpgone.doors($1, $2, $3) d;
	END LOOP;
	PERFORM set_config('role', 'none', true);
	RETURN QUERY SELECT x.r, string_agg(x.door, ', ' ORDER BY x.door) FROM (SELECT coalesce(string_agg(role, ', ' ORDER BY role) FILTER (WHERE answers), 'nobody') AS r, s.door FROM pg_temp.seen s GROUP BY s.door) x GROUP BY 1;
	DROP TABLE pg_temp.seen;
END $$;
SELECT * FROM who(:waits, :plan, :ran);

DROP TABLE went;
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT state, why FROM selfheal.incident WHERE id = :waits;
SELECT * FROM who(:waits, :plan, :ran);
-- an event trigger that did not fire has left a number that is no table's
UPDATE selfheal.incident SET relid = 4000000000 WHERE id = :waits;
UPDATE selfheal.plan SET relid = 4000000000 WHERE id IN (:plan, :ran);
SELECT * FROM who(:waits, :plan, :ran);

-- and who decides: as if there were none, or refused. No word of the plan's state
-- to who may not see it
CREATE FUNCTION decides(role text, incident bigint, plan bigint) RETURNS TABLE (door text, says text) LANGUAGE plpgsql AS $$
DECLARE
	q text;
BEGIN
	PERFORM mcpgone.waits(plan);
	FOR door, q IN SELECT * FROM (VALUES
		('approve_plan', format('mcpgone.mcp(''tools/call'', ''{"name": "approve_plan", "arguments": {"plan": %s, "plan_hash": "x"}}'') #>> ''{result,content,0,text}''', plan)),
		('reject_plan', format('mcpgone.mcp(''tools/call'', ''{"name": "reject_plan", "arguments": {"plan": %s, "why": "x"}}'') #>> ''{result,content,0,text}''', plan)),
		('retry_incident', format('mcpgone.mcp(''tools/call'', ''{"name": "retry_incident", "arguments": {"incident": %s}}'') #>> ''{result,content,0,text}''', incident)),
		('approve', format('selfheal.approve(%s)::text', plan)), ('reject', format('selfheal.reject(%s, ''x'')::text', plan)), ('dry_run', format('selfheal.dry_run(%s)::text', plan)),
		('retry', format('selfheal.retry(%s)::text', incident)), ('dismiss', format('selfheal.dismiss(%s, ''not ours'')::text', incident)), ('discard', format('selfheal.discard(%s, ''not ours'', 5)::text', incident))) v
	LOOP
		PERFORM set_config('role', decides.role, true);
		BEGIN
			EXECUTE 'SELECT ' || q INTO says;
			RAISE EXCEPTION SQLSTATE 'Z0001' USING MESSAGE = coalesce(says, '');
		EXCEPTION WHEN SQLSTATE 'Z0001' THEN says := SQLERRM; WHEN OTHERS THEN says := SQLSTATE || ' ' || SQLERRM;
		END;
		says := left(regexp_replace(regexp_replace(says, '\m(incident"?:? ?|plan"?:? ?)\d+', '\1N', 'g'), '\s+', ' ', 'g'), 110);
		RETURN NEXT;
	END LOOP;
	PERFORM set_config('role', 'none', true);
END $$;
SELECT * FROM decides('mcpgone_operator', :waits, :plan);
SELECT * FROM decides('mcpgone_all', :waits, :plan);
UPDATE selfheal.incident SET relid = NULL WHERE id = :waits;
UPDATE selfheal.plan SET relid = NULL WHERE id IN (:plan, :ran);
SELECT * FROM decides('mcpgone_operator', :waits, :plan);
SELECT * FROM decides('mcpgone_all', :waits, :plan);

-- a table that is there: who does not inherit the right to read all has to take
-- the role first
CREATE TABLE stays (id int NOT NULL, v varchar(3) NOT NULL);
SELECT selfheal.watch('stays');
INSERT INTO stays_intake VALUES ('{"id": 1, "v": "long enough"}'), ('{"id": 2, "v": null}');
SELECT 1 AS done FROM selfheal.wait_idle('180s');
SELECT max(i.id) FILTER (WHERE class = 'null_value') AS waits, max(i.plan) FILTER (WHERE class = 'too_long') AS ran, max(i.plan) FILTER (WHERE class = 'null_value') AS plan
FROM selfheal.incident i WHERE relid = 'stays'::regclass \gset
SELECT * FROM who(:waits, :plan, :ran);

DELETE FROM selfheal.incident WHERE schema_name = 'mcpgone';
DELETE FROM selfheal.plan WHERE schema_name = 'mcpgone';
DELETE FROM selfheal.error WHERE schema_name = 'mcpgone';
SELECT selfheal.unwatch('stays') \g /dev/null
DROP SCHEMA mcpgone CASCADE;
DROP OWNED BY mcpgone_operator, mcpgone_all, mcpgone_later;
DROP ROLE mcpgone_operator, mcpgone_all, mcpgone_later;
