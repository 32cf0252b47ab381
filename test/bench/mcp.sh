# shellcheck shell=bash
# mcp.sh: does a reading tool take longer to answer than the SQL that a person
# would write for the same? On 1,000 watched tables and 10,000 incidents, by a
# role that may read and no more. Both are sent by pgbench over one connection,
# in alternation; a tool's answer is whole, as selfheal-mcp gets it.

MCP_TABLES=${MCP_TABLES:-1000}
MCP_INCIDENTS=${MCP_INCIDENTS:-10000}
MCP_CALLS=${MCP_CALLS:-25}

# Tables with an incident each, by real loads; then the past: as many closed
# incidents, errors and audit rows as it takes, copied from those.
mcp_fill() {
	SQL_LIMIT=600 sql -f - >/dev/null <<-SQL
		SET client_min_messages = warning;
		CREATE ROLE mcp_reader LOGIN;
		GRANT pg_read_all_data TO mcp_reader;
		SELECT selfheal.grant_to('mcp_reader', 'viewer');
		DO \$\$ BEGIN
			FOR i IN 1..$MCP_TABLES LOOP
				EXECUTE format('CREATE TABLE mcp_%s (id int PRIMARY KEY, name varchar(16) NOT NULL, qty smallint, note text, at timestamptz)', i);
				PERFORM selfheal.watch(format('mcp_%s', i)::regclass, 'propose');
				EXECUTE format('INSERT INTO mcp_%s_intake VALUES (%L)', i, '{"id": 1, "name": "a name of more than sixteen"}');
				COMMIT;
			END LOOP;
		END \$\$;
		SELECT selfheal.wait_idle('300s');
		INSERT INTO selfheal.incident (relid, schema_name, table_name, class, column_name, state, rows, first_seen, last_seen, seconds, closed_at)
			SELECT relid, schema_name, table_name, class, column_name, 'healed', 1 + n % 100, first_seen - n * interval '1 hour', last_seen - n * interval '1 hour', 1, now()
			FROM selfheal.incident, generate_series(1, $MCP_INCIDENTS / $MCP_TABLES - 1) n WHERE table_name LIKE 'mcp\_%' ORDER BY n, relid;
		INSERT INTO selfheal.error (id, relid, incident, load, door, class, column_name, need, message, rows, sqlstate, at)
			SELECT nextval('selfheal.error_id_seq'), e.relid, i.id, e.load, e.door, e.class, e.column_name, e.need, e.message, i.rows, e.sqlstate, i.first_seen
			FROM selfheal.incident i JOIN LATERAL (SELECT * FROM selfheal.error e WHERE e.relid = i.relid ORDER BY e.id LIMIT 1) e ON true WHERE i.state = 'healed';
		INSERT INTO selfheal.audit (event, incident, schema_name, table_name, actor_role, actor_client, result, lsn, at)
			SELECT e, i.id, i.schema_name, i.table_name, 'selfheal', 'selfheal worker', 'ok', pg_current_wal_lsn(), i.first_seen
			FROM selfheal.incident i, unnest('{captured,diagnosed,planned,dry_run,applied,replayed}'::text[]) e WHERE i.state = 'healed';
		SELECT selfheal.wake();
		SELECT selfheal.wait_idle('300s');
		ANALYZE;
	SQL
}

# Milliseconds of one call of the statement in a file, by the mean of many.
mcp_sample() {
	as_user timeout -k 5 120 pgbench -h "$WORK/s" -U mcp_reader -n -t "$MCP_CALLS" -f "$1" "$DATABASE" 2>"$WORK/pgbench.err" |
		awk '/^latency average/ { print $4 / 1000, 0 }'
}

# mcp_way NAME ARGUMENTS SQL: a tool and what is compared with it.
mcp_way() {
	printf "SELECT selfheal.mcp('{\"jsonrpc\": \"2.0\", \"id\": 1, \"method\": \"tools/call\", \"params\": {\"name\": \"%s\", \"arguments\": %s}}');\n" "$1" "$2" >"$WORK/mcp.$1.tool"
	printf '%s;\n' "$3" >"$WORK/mcp.$1.sql"
	WAY_COMMAND[mcp.$1.sql]=$3
	WAY_COMMAND[mcp.$1.tool]="tools/call $1 $2"
	MCP_WAYS+=("$1")
}

bench_mcp() {
	local way kind round sample one=$((MCP_TABLES / 2))
	MCP_WAYS=()
	mcp_fill
	mcp_way list_incidents '{}' 'SELECT * FROM selfheal.incidents ORDER BY id DESC LIMIT 20'
	mcp_way explain_incident "{\"incident\": $one}" "SELECT i.*, selfheal.explain(i.id) FROM selfheal.incidents i WHERE id = $one"
	mcp_way list_pending_plans '{}' 'SELECT * FROM selfheal.pending ORDER BY plan_id LIMIT 20'
	mcp_way read_error_log "{\"table\": \"public.mcp_$one\"}" "SELECT * FROM selfheal.quarantined WHERE table_name = 'public.mcp_$one' ORDER BY id DESC LIMIT 10"
	mcp_way inspect_schema "{\"table\": \"public.mcp_$one\"}" "SELECT selfheal.snapshot('mcp_$one')"
	mcp_way get_audit_trail "{\"incident\": $one}" "SELECT * FROM selfheal.history WHERE incident = $one ORDER BY id DESC LIMIT 20"
	for way in "${MCP_WAYS[@]}"; do
		for ((round = 0; round <= RUNS; round++)); do
			for kind in tool sql; do
				sample=$(mcp_sample "$WORK/mcp.$way.$kind") || true
				[ -n "$sample" ] || die "pgbench failed" "$(cat "$WORK/pgbench.err")"
				[ "$round" -eq 0 ] || printf '%s\n' "$sample" >>"$WORK/samples/mcp.$way.$kind"
			done
		done
		say "$way: $(median "mcp.$way.tool") s by the tool, $(median "mcp.$way.sql") s by SQL"
		measure "$way by MCP against the SQL for it" "$(ratio "mcp.$way.tool" "mcp.$way.sql")" '<=' 2 ' ×'
	done
	{
		printf '\n| reading tools, %d watched tables, %d incidents | tool, ms | SQL, ms | SQL |\n|---|---|---|---|\n' "$MCP_TABLES" "$MCP_INCIDENTS"
		for way in "${MCP_WAYS[@]}"; do
			printf '| %s | %s | %s | %s |\n' "$way" "$(mcp_ms "mcp.$way.tool")" "$(mcp_ms "mcp.$way.sql")" "$(command_of "mcp.$way.sql")"
		done
	} >>"$WORK/details.md"
}

mcp_ms() { spread <"$WORK/samples/$1" | awk '{ printf "%.2f (%.2f to %.2f)", $1 * 1000, $2 * 1000, $3 * 1000 }'; }
