# shellcheck shell=bash
# claude.sh: what it costs on our side that Claude is asked. The fake of
# test/lib answers by a script, at once or half a second after the question;
# all times are read from rows (selfheal.agent_turn, track_commit_timestamp).
#
# A turn without network is the time from one reply's row to the next one's,
# less what the agent measured between the request's start and the reply's last
# byte (agent_turn.latency_ms). Of that, what lies between the row of a tool's
# call and the row of its result (the tool itself, and the commit of the call)
# is told apart. Left over are: the commit of the reply, finding out what is
# next, the commit of the result, budget and breaker, the request's row, its
# body built from all rows before it, its commit, the beginning of the POST,
# noticing the answer, its parse and row. latency_ms is in whole milliseconds
# of a clock that both ends are cut by, so that one turn is known to 1 ms.

CLAUDE_INCIDENTS=${CLAUDE_INCIDENTS:-12}
CLAUDE_MANY=${CLAUDE_MANY:-50}

# ---- the fake, and a server that asks it ----

# What the fake says, by table and by how often it has spoken:
#   turn_N   four looks by tools, a dry run, then a plan that heals
#   bare_N   ten calls of a tool that there is not, then that nothing is safe
#   half_N   a look, a dry run and that plan, each half a second after it is asked
#   many_N   a look and that plan; but of each ten tables one where it knows
#            nothing safe, and one where what it proposes is refused first
#   others   that nothing is safe
claude_script() {
	cat <<-'JSON' | awk -v plan='"ddl": "", "steps": [{"kind": "parse_timestamp", "column": "at", "type": "", "labels": [], "args": "{\\\"formats\\\": [\\\"YYYY|DD|MM\\\"]}"}]' \
		-v said='"intent": "dates are read as they are sent", "explanation": "the day comes before the month", "confidence": 0.95, "options": []' \
		'
		/BARE/ { for (i = 0; i < 10; i++) printf "  {\"when\": \"public\\\\.bare_\", \"turn\": %d, \"tools\": [[\"nothing\", {}]]},\n", i; next }
		{ gsub(/PLAN/, plan); gsub(/SAID/, said); print }'
		[ {"when": "public\\.turn_", "turn": 0, "tools": [["inspect_schema", {}]]},
		  {"when": "public\\.turn_", "turn": 1, "tools": [["sample_payloads", {}]]},
		  {"when": "public\\.turn_", "turn": 2, "tools": [["read_error_log", {}]]},
		  {"when": "public\\.turn_", "turn": 3, "tools": [["sample_payloads", {}]]},
		  {"when": "public\\.turn_", "turn": 4, "tools": [["execute_dry_run_migration", {PLAN}]]},
		  {"when": "public\\.turn_", "turn": 5, "tools": [["propose_plan", {PLAN, SAID}]]},
		BARE
		  {"when": "public\\.half_", "turn": 0, "delay": 0.5, "tools": [["sample_payloads", {}]]},
		  {"when": "public\\.half_", "turn": 1, "delay": 0.5, "tools": [["execute_dry_run_migration", {PLAN}]]},
		  {"when": "public\\.half_", "turn": 2, "delay": 0.5, "tools": [["propose_plan", {PLAN, SAID}]]},
		  {"when": "public\\.many_", "turn": 0, "tools": [["sample_payloads", {}]]},
		  {"when": "public\\.many_\\d*5\\b", "turn": 1, "tools": [["propose_plan", {"ddl": "DROP TABLE many_5", "steps": [], SAID}]]},
		  {"when": "public\\.many_\\d*[1-46-9]\\b", "turn": 1, "tools": [["propose_plan", {PLAN, SAID}]]},
		  {"when": ".", "tools": [["propose_plan", {"ddl": "", "steps": [], SAID}]]} ]
	JSON
}

# It ends with this script, however that ends; $WORK is its home.
claude_begin() {
	local url key i
	claude_script >"$WORK/claude.json"
	: >"$WORK/claude.fake"
	TMPDIR=$WORK perl "$TOP/test/lib/fake_claude.pl" --script "$WORK/claude.json" --life 1200 --parent $$ \
		>"$WORK/claude.fake" 2>"$WORK/claude.err" &
	CHILD=$!
	for ((i = 0; i < 100; i++)); do
		[ "$(wc -l <"$WORK/claude.fake")" -lt 2 ] || break
		kill -0 "$CHILD" 2>/dev/null || return 1
		sleep 0.1
	done
	{ read -r url && read -r key; } <"$WORK/claude.fake" || return 1
	(umask 077 && printf '%s\n' "$key" >"$WORK/claude.key")
	[ "$(id -u)" -ne 0 ] || chown "$RUN_AS" "$WORK/claude.key"
	# Budgets are for people's money; here they are out of the way.
	sql >/dev/null <<-SQL
		ALTER SYSTEM SET selfheal.api_url = '$url';
		ALTER SYSTEM SET selfheal.api_key_file = '$WORK/claude.key';
		ALTER SYSTEM SET selfheal.max_calls_per_hour = 100000;
		ALTER SYSTEM SET selfheal.max_calls_per_day = 100000;
		ALTER SYSTEM SET selfheal.max_cost_per_hour = 100000;
		ALTER SYSTEM SET selfheal.max_cost_per_day = 100000;
	SQL
	claude_new_agent
	[ "$(value "SELECT value FROM selfheal.status WHERE item = 'claude'")" = ready ] || die "Claude's fake cannot be asked"
}

claude_end() {
	sql >/dev/null <<-SQL
		SELECT selfheal.wait_idle('60s');
		$(printf 'ALTER SYSTEM RESET selfheal.%s;\n' api_url api_key_file max_calls_per_{hour,day} max_cost_per_{hour,day})
	SQL
	claude_new_agent
	claude_stop
}

claude_stop() {
	kill -TERM "$CHILD" 2>/dev/null || true
	wait "$CHILD" || true
	CHILD=
	rm -f "$WORK"/claude.{json,fake,err,key}
}

# An agent that has seen another configuration goes: whoever comes next is new.
claude_new_agent() {
	local i
	value "SELECT pg_reload_conf()" >/dev/null
	for ((i = 0; i < 200; i++)); do
		[ -n "$(claude_agent)" ] || return 0
		sleep 0.1
	done
	die "the agent has not ended"
}

claude_agent() {
	value "SELECT pid FROM pg_stat_activity WHERE backend_type = 'selfheal agent' AND datname = current_database()"
}

# claude_tables NAME FIRST LAST: watched, of the columns that the script is about.
claude_tables() {
	sql >/dev/null <<-SQL
		SELECT format('CREATE TABLE $1_%1\$s (id int, at date); SELECT selfheal.watch(''$1_%1\$s'')', i)
		FROM generate_series($2, $3) i \gexec
	SQL
}

# claude_load NAME FIRST LAST: a row each that no playbook helps; all come at
# once, in one transaction.
claude_load() {
	value "SELECT string_agg(format('INSERT INTO $1_%s_intake VALUES (%L);', i, '{\"id\": 1, \"at\": \"2026|21|11\"}'), E'\n')
		FROM generate_series($2, $3) i" >"$WORK/claude.sql"
	{
		echo "BEGIN;"
		cat "$WORK/claude.sql"
		echo "COMMIT;"
	} | sql -f - 2>/dev/null
	rm -f "$WORK/claude.sql"
}

claude_settle() {
	[ "$(SQL_LIMIT=310 value "SELECT selfheal.wait_idle('300s') ->> 'idle'")" = true ] || die "Claude's incidents do not come to rest"
}

claude_drop() {
	value "SELECT format('SELECT selfheal.unwatch(%L); DROP TABLE %s;', t, t)
		FROM generate_series($2, $3) i, LATERAL (SELECT '$1_' || i AS t) n" | sql -f - >/dev/null
}

# ---- one turn ----

# Nanoseconds that a process was on a processor, where the kernel tells.
claude_cpu() { cut -d' ' -f1 "/proc/${1:-none}/schedstat" 2>/dev/null || true; }

claude_turns() {
	local i n=$CLAUDE_INCIDENTS pid from to
	claude_tables turn 0 "$n"
	sql -c "CREATE TABLE stage_commit (n int)"
	for i in 1 2 3 4 5; do echo "INSERT INTO stage_commit VALUES ($i);"; done >"$WORK/claude.commits"
	for ((i = 0; i <= n; i++)); do
		pid=$(claude_agent)
		from=$(claude_cpu "$pid")
		claude_load turn "$i" "$i"
		claude_settle
		to=$(claude_cpu "$pid")
		# The first one starts the agent and is not counted.
		if [ "$i" -eq 0 ]; then continue; fi
		[ -z "$from" ] || [ -z "$to" ] || echo $((to - from)) >>"$WORK/samples/claude.cpu"
		# What disk and machine take just now for five commits, as a turn has.
		sql -c '\timing on' -f - <"$WORK/claude.commits" | awk '/^Time:/ { s += $2 } END { print s }' >>"$WORK/samples/claude.commits"
	done
	[ "$(value "SELECT count(*) FROM selfheal.incident WHERE table_name ~ '^turn_' AND state = 'healed'")" = $((n + 1)) ] ||
		die "not every incident was healed by what the fake proposes"
	[ "$(value "SELECT count(*) FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation
		WHERE v.table_name ~ '^turn_' AND (t.kind = 'failure' OR t.is_error)")" = 0 ] || die "a request or a tool of the fake's has failed"
	# Ours, the tools', the request's; and ours by its parts.
	sql -A -t -F ' ' >"$WORK/claude.turns" <<-SQL
		WITH turn AS (
			SELECT t.conversation, t.id, t.at, t.latency_ms, lag(t.at) OVER w AS began, lag(t.id) OVER w AS previous
			FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation
			WHERE t.kind = 'reply' AND v.table_name ~ '^turn_' AND v.table_name <> 'turn_0'
			WINDOW w AS (PARTITION BY t.conversation ORDER BY t.id)),
		step AS (
			SELECT r.*, s.called, s.done, s.asked
			FROM turn r CROSS JOIN LATERAL (
				SELECT max(at) FILTER (WHERE kind = 'tool_call') AS called, max(at) FILTER (WHERE kind = 'tool_result') AS done,
					max(at) FILTER (WHERE kind = 'request') AS asked
				FROM selfheal.agent_turn s WHERE s.conversation = r.conversation AND s.id > r.previous AND s.id < r.id) s
			WHERE r.previous IS NOT NULL)
		SELECT extract(epoch FROM (at - began) - (done - called)) * 1000 - latency_ms, extract(epoch FROM done - called) * 1000, latency_ms,
			extract(epoch FROM called - began) * 1000, extract(epoch FROM asked - done) * 1000, extract(epoch FROM at - asked) * 1000 - latency_ms
		FROM step
	SQL
	[ "$(wc -l <"$WORK/claude.turns")" -eq $((5 * n)) ] || die "not every turn has its rows"
	measure "Claude: our side of a turn without network, milliseconds ($((5 * n)) turns; the tool's run apart)" \
		"$(cut -d' ' -f1 "$WORK/claude.turns" | spread)" '<=' 5 ' ms'
	{
		printf '\n| Claude: a turn without network, %d of them | milliseconds |\n|---|---|\n' $((5 * n))
		claude_part 1 "our side"
		claude_part 4 "of it: from the reply's row to that of the call: commit, the next step"
		claude_part 5 "from the row of the tool's result to that of the request: commit, limits, the request"
		claude_part 6 "from the request's row to that of its reply, less the request: body, commit, POST; parse of the reply"
		claude_part 2 "beside it: from the row of the call to that of its result: commit, the tool"
		claude_part 3 "beside it: the request as the agent measured it (the fake answers at once)"
		spread <"$WORK/samples/claude.commits" | awk '{ printf "| for comparison: five one-row INSERTs by psql, each with its commit, between the incidents | %.1f (%.1f to %.1f) |\n", $1, $2, $3 }'
		[ ! -s "$WORK/samples/claude.cpu" ] || awk '{ print $1 / 6e6 }' "$WORK/samples/claude.cpu" | spread |
			awk '{ printf "| the agent on a processor, for each request of a whole incident, tools and dry runs included | %.1f (%.1f to %.1f) |\n", $1, $2, $3 }'
	} >>"$WORK/details.md"
	claude_drop turn 0 "$n"
	sql -c "DROP TABLE stage_commit"
	rm -f "$WORK"/claude.{turns,commits}
}

# The same on a processor: what the agent takes for an incident of eleven
# requests, less that for one of one request (its packet and its end), of the
# ten in between, which call a tool that there is not. This does not depend on
# the disk, and less on what else the machine does; libcurl's work is in it.
claude_bare() {
	local i n=$CLAUDE_INCIDENTS pid from mid to
	local text="Claude: the same on a processor, of a turn that calls a tool that there is not, milliseconds ($n × 10 turns)"
	claude_tables bare 1 "$n"
	claude_tables one 0 "$n"
	claude_load one 0 0
	claude_settle
	for ((i = 1; i <= n; i++)); do
		pid=$(claude_agent)
		from=$(claude_cpu "$pid")
		claude_load one "$i" "$i"
		claude_settle
		mid=$(claude_cpu "$pid")
		claude_load bare "$i" "$i"
		claude_settle
		to=$(claude_cpu "$pid")
		[ -z "$from" ] || [ -z "$mid" ] || [ -z "$to" ] || echo $((to - mid - (mid - from))) >>"$WORK/samples/claude.bare"
	done
	[ "$(value "SELECT count(*) FROM selfheal.agent_turn t JOIN selfheal.conversation v ON v.id = t.conversation
		WHERE v.table_name ~ '^(bare|one)_[1-9]' AND t.kind = 'reply'")" = $((12 * n)) ] || die "not every turn without a tool has its rows"
	if [ -s "$WORK/samples/claude.bare" ]; then
		measure "$text" "$(awk '{ print $1 / 1e7 }' "$WORK/samples/claude.bare" | spread)" '<=' 5 ' ms'
	else
		unmeasured "$text" "≤ 5 ms" "there is no /proc/PID/schedstat, or the agent did not stay"
	fi
	claude_drop bare 1 "$n"
	claude_drop one 0 "$n"
}

# claude_part FIELD TEXT
claude_part() {
	cut -d' ' -f"$1" "$WORK/claude.turns" | spread | awk -v what="$2" '{ printf "| %s | %.1f (%.1f to %.1f) |\n", what, $1, $2, $3 }'
}

# ---- the packet ----

# Thirty columns with comments, and payloads that have them all: as in
# sql/packet.sql. There is no tokenizer here: a token is taken for four bytes of
# text, as English is; at three bytes, as for identifiers, it stands beside.
claude_packet() {
	local bytes share
	sql >/dev/null 2>&1 <<-'SQL'
		DO $$
		BEGIN
			EXECUTE 'CREATE TABLE packet (id bigint GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY, '
				|| (SELECT string_agg(format('column_number_%s %s', i, (ARRAY['text', 'integer', 'numeric(12,2) DEFAULT 0', 'timestamp with time zone', 'varchar(40) NOT NULL DEFAULT ''''', 'jsonb'])[1 + i % 6]), ', ') FROM generate_series(1, 29) i)
				|| ', CHECK (column_number_6 <> ''x''), UNIQUE (column_number_7))';
			FOR i IN 1..29 LOOP
				EXECUTE format('COMMENT ON COLUMN packet.column_number_%s IS %L', i, 'what column ' || i || ' means, in a sentence of its own');
			END LOOP;
		END $$;
		SELECT selfheal.watch('packet');
		SELECT selfheal.set_runbook('packet', repeat('The shop sends amounts in cents and dates as it likes. ', 20));
		INSERT INTO packet_intake
		SELECT jsonb_build_object('column_number_3', format('%s/%s on a day', i, i + 1), 'column_number_1', repeat('word ', i))
			|| (SELECT jsonb_object_agg('column_number_' || (6 * k), 'some text of this row ' || i) FROM generate_series(1, 4) k)
			|| (CASE i % 3 WHEN 0 THEN '{"extra": {"a": [1, 2, 3]}}' WHEN 1 THEN '{"column_number_4": "x"}' ELSE '{}' END)::jsonb
		FROM generate_series(1, 30) i;
	SQL
	claude_settle
	bytes=$(claude_packet_sent)
	[ -n "$bytes" ] || die "nothing was asked about the table of thirty columns"
	measure "Claude: the packet of a table of 30 columns as it was sent, tokens (4 bytes of text each; no tokenizer)" \
		"$(awk -v b="$bytes" 'BEGIN { t = int((b + 3) / 4); print t, t, t }')" '<=' 3000 ''
	{
		printf '\n| Claude: the packet of a table of 30 columns | bytes | tokens at 4 bytes | at 3 bytes |\n|---|---|---|---|\n'
		claude_bytes "as it was sent (share_values = masked, the default), its fences of 64 hex digits included" "$bytes"
		for share in none masked full; do
			sql -c "SELECT selfheal.watch('packet', share_values => '$share')" >/dev/null
			claude_bytes "told once more after the conversation, with a fence of 13 letters and share_values = $share" "$(value "
				SELECT max((SELECT sum(octet_length(b ->> 'text')) FROM jsonb_array_elements(selfheal.packet(i.id)) b))
				FROM selfheal.incident i WHERE i.table_name = 'packet'")"
		done
		claude_bytes "before it in each request, the same for all (prompt cache): system prompt and tools" "$(value "
			SELECT max(octet_length(system) + octet_length(tools::text)) FROM selfheal.conversation WHERE table_name = 'packet'")"
	} >>"$WORK/details.md"
	sql -c "SELECT selfheal.unwatch('packet')" -c "DROP TABLE packet" >/dev/null
}

# Bytes of the texts of the largest first message about it.
claude_packet_sent() {
	value "SELECT max((SELECT sum(octet_length(b ->> 'text')) FROM json_array_elements(t.body) b))
		FROM selfheal.conversation v CROSS JOIN LATERAL (
			SELECT body FROM selfheal.agent_turn WHERE conversation = v.id AND kind = 'request' ORDER BY id LIMIT 1) t
		WHERE v.table_name = 'packet'"
}

# claude_bytes TEXT BYTES
claude_bytes() { awk -v what="$1" -v b="$2" 'BEGIN { printf "| %s | %d | %d | %d |\n", what, b, (b + 3) / 4, (b + 2) / 3 }'; }

# ---- one incident ----

claude_half() {
	local i n=$((RUNS > 3 ? RUNS : 3))
	claude_tables half 0 "$n"
	for ((i = 0; i <= n; i++)); do
		claude_load half "$i" "$i"
		claude_settle
	done
	# The first one starts the agent and counts as well: so it is in life.
	claude_healed half >"$WORK/samples/claude.half"
	[ "$(wc -l <"$WORK/samples/claude.half")" -eq $((n + 1)) ] || die "not every incident of three turns was healed"
	measure "Claude: an incident of three turns of half a second each, from the load's commit to healed, seconds" \
		"$(spread <"$WORK/samples/claude.half")" '<=' 10 ' s'
	claude_drop half 0 "$n"
}

# Seconds from the commit of each load to the later one of those that stored
# its row and that closed its incident.
claude_healed() {
	value "SELECT format('SELECT extract(epoch FROM greatest(pg_xact_commit_timestamp(t.xmin), pg_xact_commit_timestamp(i.xmin))
			- pg_xact_commit_timestamp(l.xmin)) FROM %1\$s t, selfheal.load l, selfheal.incident i
			WHERE l.table_name = %1\$L AND i.table_name = %1\$L AND i.state = ''healed''
			AND (SELECT count(*) FROM selfheal.agent_turn a JOIN selfheal.conversation v ON v.id = a.conversation
				WHERE v.table_name = %1\$L AND a.kind = ''reply'') = 3;', table_name)
		FROM selfheal.load WHERE table_name ~ '^$1_\d+\$' ORDER BY id" | sql -A -t -f -
}

# ---- many at once ----

# The agent's anonymous memory in kB, from when it is there until it is told.
claude_watch() {
	local i pid=
	for ((i = 0; i < 200; i++)); do
		pid=$(claude_agent 2>/dev/null) || return 0
		[ -z "$pid" ] || break
		sleep 0.02
	done
	for ((i = 0; i < 30000; i++)); do
		[ -d "$WORK" ] && [ ! -e "$WORK/enough" ] || return 0
		awk '/^RssAnon:/ { print $2 }' "/proc/${pid:-none}/status" 2>/dev/null || return 0
		sleep 0.02
	done
}

# claude_at_once N: as many incidents with a new agent, its memory at its most
# to samples/claude.memory_N, and what came of them in $WORK/claude.came.
claude_at_once() {
	local n=$1 watcher
	claude_new_agent
	claude_tables many 1 "$n"
	rm -f "$WORK/enough"
	claude_watch >"$WORK/claude.memory" &
	watcher=$!
	claude_load many 1 "$n"
	claude_settle
	: >"$WORK/enough"
	wait "$watcher" || true
	[ ! -s "$WORK/claude.memory" ] || sort -n "$WORK/claude.memory" | tail -n 1 >>"$WORK/samples/claude.memory_$n"
	# healed, at a person, and seconds from the load's commit to the last end
	value "SELECT count(*) FILTER (WHERE i.state = 'healed'), count(*) FILTER (WHERE i.state = 'needs_human'),
			extract(epoch FROM max(pg_xact_commit_timestamp(i.xmin)) - (SELECT min(pg_xact_commit_timestamp(l.xmin))
				FROM selfheal.load l WHERE l.relid = ANY (array_agg(i.relid))))
		FROM selfheal.incident i JOIN pg_class c ON c.oid = i.relid WHERE c.relname ~ '^many_\d+\$'" >"$WORK/claude.came"
	claude_drop many 1 "$n"
	rm -f "$WORK/claude.memory"
}

claude_many() {
	local i n=$CLAUDE_MANY person rounds=$((RUNS > 5 ? 5 : RUNS)) came met=yes
	person=$((n / 10 + (n + 5) / 10))
	for ((i = 1; i <= rounds; i++)); do
		claude_at_once 10
		claude_at_once "$n"
		came=$(cut -d'|' -f1,2 "$WORK/claude.came")
		[ "$came" = "$((n - person))|$person" ] || met="**no**"
		echo "$came" >>"$WORK/samples/claude.came"
		cut -d'|' -f3 "$WORK/claude.came" >>"$WORK/samples/claude.many"
		say "$n incidents at once: ${came/|/ healed, } at a person, $(tail -n 1 "$WORK/samples/claude.many") s ($i of $rounds)"
	done
	printf '| %s | %s | – | %s | %s |\n' "Claude: $n incidents at once, answered at once" \
		"$(sort -u "$WORK/samples/claude.came" | awk -F'|' '{ printf "%s%s healed, %s at a person", sep, $1, $2; sep = "; " }'), in $(
			spread <"$WORK/samples/claude.many" | awk '{ printf "%.1f s (%.1f to %.1f)", $1, $2, $3 }')" \
		"$((n - person)) healed, $person at a person" "$met" >>"$WORK/measures.md"
	if [ -s "$WORK/samples/claude.memory_$n" ]; then
		measure "Claude: the agent's memory at $n incidents at once against 10, each at its most" \
			"$(ratio "claude.memory_$n" claude.memory_10)" '<=' 1.1 ' ×'
		{
			printf '\n| Claude: a new agent, its anonymous memory at its most | MB |\n|---|---|\n'
			for i in 10 "$n"; do
				awk '{ print $1 / 1024 }' "$WORK/samples/claude.memory_$i" | spread |
					awk -v n="$i" '{ printf "| %d incidents at once | %.1f (%.1f to %.1f) |\n", n, $1, $2, $3 }'
			done
		} >>"$WORK/details.md"
	else
		unmeasured "Claude: the agent's memory" "≤ 1.1 ×" "there is no /proc/PID/status"
	fi
	rm -f "$WORK/claude.came"
}

bench_claude() {
	if ! claude_begin; then
		unmeasured "Claude: what asking costs" "see claude.sh" "its fake does not run here ($(tail -n 1 "$WORK/claude.err" | tr '|' ' '))"
		claude_stop
		return
	fi
	claude_turns
	claude_bare
	claude_packet
	claude_half
	claude_many
	claude_end
}
