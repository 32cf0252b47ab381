#!/usr/bin/env bash
# demo.sh: make demo. Real GitHub payloads that drift, tables made for the
# first of them, and what happens. Every number is read from the database in
# this run. Exit status 0 only if each payload is stored exactly once with
# every value as it was sent, and the audit's chain holds.
#
# With CLAUDE=1 and ANTHROPIC_API_KEY set a last act asks the real API (that of
# ANTHROPIC_BASE_URL, if set) about rows that no playbook knows; what it answers
# is shown, and is no fault whatever it is.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/server.sh"

STORM=${STORM:-100000}
FAULTS=()

head1() { printf '\n%s%s%s\n' "$BOLD" "$*" "$PLAIN"; }
line() { printf '%s\n' "$*" | fold -s -w 92 | sed 's/^/   /; s/ *$//'; }
shown() { printf '   %s> %s%s\n' "$YELLOW" "$*" "$PLAIN"; }
fault() {
	FAULTS+=("$*")
	printf '   %s%s%s\n' "$RED" "$*" "$PLAIN"
}

# Rows of a query, aligned, indented.
rows() { sql -P border=0 -P footer=off -c "$1" | sed -e '2d' -e '/^$/d' -e 's/^/     /' -e 's/ *$//'; }

# A long ALTER TABLE with one step on each line.
statement() { printf '%s\n' "$1" | sed -e 's/, \(ADD\|ALTER\) /,\n    \1 /g' -e 's/^\(ALTER TABLE [^ ]*\) /\1\n    /' | sed 's/^/     /'; }

# settle: everything that can be done without a person is done.
settle() { value "SELECT selfheal.wait_idle('90s') ->> 'idle'"; }

# load TABLE COMMAND...: what the command prints into the table's intake; the
# load's id in LOAD, seconds in SECONDS_OF_COPY.
load() {
	local before table=$1
	shift
	before=$(value "SELECT coalesce(max(id), 0) FROM selfheal.load")
	PLAN_BEFORE=$(value "SELECT coalesce(max(id), 0) FROM selfheal.plan")
	"$@" >"$WORK/s/lines" &
	SECONDS_OF_COPY=$( { TIMEFORMAT=%2R; time sql_as feed -c "COPY ${table}_intake FROM STDIN (FORMAT ndjson)" \
		<"$WORK/s/lines" 2>"$WORK/notice" >&2; } 2>&1) ||
		{ cat "$WORK/notice" >&2; die "the load into ${table}_intake failed"; }
	LOAD=$(value "SELECT max(id) FROM selfheal.load WHERE id > $before")
}

# What a load brought, from its own row, and why rows were held.
report_load() {
	line "$(value "SELECT format('arrived %s   stored at once %s   held %s   (COPY took %s s)',
		to_char(stored + held, 'FM999,999,990'), to_char(stored, 'FM999,999,990'),
		to_char(held, 'FM999,999,990'), '$SECONDS_OF_COPY') FROM selfheal.load WHERE id = $LOAD")"
	rows "SELECT column_name AS \"held for\", class AS why, coalesce(need, '') AS needs, to_char(rows, 'FM999,999,990') AS rows
		FROM selfheal.error WHERE load = $LOAD AND door = 'intake' ORDER BY rows DESC, column_name"
}

# Plans made since the load: what ran by itself, what waits.
report_plans() {
	local id state verdict sql reason stored seconds waiting
	while IFS='|' read -r id state verdict stored seconds waiting reason; do
		[ -n "$id" ] || continue
		sql=$(value "SELECT coalesce(sql, '') FROM selfheal.plan WHERE id = $id")
		case $state in
		applied)
			if [ -n "$sql" ]; then
				line "${GREEN}plan $id${PLAIN}, verdict $verdict: $reason"
				statement "$sql"
				line "applied; rows stored: $stored; $seconds s after the first of them was held"
			else
				line "${GREEN}plan $id${PLAIN}: the table fits now; rows stored: $stored"
			fi
			;;
		awaiting_approval)
			WAITING=$id
			line "${YELLOW}plan $id waits for approval${PLAIN}: $reason"
			statement "$sql"
			line "rows held until a person says yes: $waiting"
			;;
		*) line "plan $id, $state: $reason" ;;
		esac
	done <<<"$(value "
		SELECT p.id, p.state, p.verdict,
			(SELECT coalesce(sum(r.rows), 0) FROM selfheal.replayed r WHERE r.plan = p.id),
			(SELECT round(max(i.seconds)::numeric, 2) FROM selfheal.incident i WHERE i.id = ANY (p.incidents)),
			(SELECT count(*) FROM selfheal.quarantine q JOIN selfheal.error e ON e.id = q.error
				WHERE q.state = 'held' AND e.incident = ANY (p.incidents)),
			coalesce(p.reason, '')
		FROM selfheal.plan p WHERE p.id > $PLAN_BEFORE ORDER BY p.id")"
}

# One file: load it, tell what happened, approve what waits.
chapter() {
	local table=$1 file=$2 heals
	WAITING=
	shown "COPY ${table}_intake FROM STDIN (FORMAT ndjson)    -- $(wc -l <"$TOP/test/data/$file") lines"
	load "$table" cat "$TOP/test/data/$file"
	report_load
	[ "$(settle)" = true ] || fault "the worker did not come to rest"
	report_plans
	if [ -n "$WAITING" ]; then
		shown "SELECT selfheal.approve($WAITING)"
		value "SELECT selfheal.approve($WAITING)" >/dev/null
		[ "$(settle)" = true ] || fault "the worker did not come to rest"
		heals=$(value "SELECT format('plan %s: %s; rows stored: %s; held now: %s', p.id, p.state,
				(SELECT coalesce(sum(rows), 0) FROM selfheal.replayed WHERE plan = p.id),
				(SELECT count(*) FROM selfheal.quarantine WHERE state = 'held'))
			FROM selfheal.plan p WHERE p.id = $WAITING")
		line "${GREEN}$heals${PLAIN}"
	fi
}

# The lines of a file over and over, numbered: another id and number each.
repeats() {
	awk -v n="$1" '
		{
			line = $0
			if (!match(line, /"id":[0-9]+,/)) exit 1
			a[NR] = substr(line, 1, RSTART + 4); line = substr(line, RSTART + RLENGTH - 1)
			if (!match(line, /"number":[0-9]+,/)) exit 1
			b[NR] = substr(line, 1, RSTART + 8); c[NR] = substr(line, RSTART + RLENGTH - 1)
		}
		END { for (i = 0; i < n; i++) { k = i % NR + 1; print a[k] (600000000 + i) b[k] (100000 + i) c[k] } }' "$2"
}

# compare TABLE FILE: every row against every line, in both directions.
compare() {
	local sent stored values missing extra
	IFS='|' read -r sent stored values missing extra <<<"$(value "
		WITH sent AS MATERIALIZED (
			SELECT proof.plain(payload, proof.times('$1')) AS o FROM proof.sent WHERE file = '$2'),
		stored AS MATERIALIZED (
			SELECT proof.plain(to_jsonb(t) - 'arrival', proof.times('$1')) AS o FROM $1 t WHERE number < 100000)
		SELECT (SELECT count(*) FROM sent), (SELECT count(*) FROM stored),
			(SELECT sum((SELECT count(*) FROM jsonb_each(payload))) FROM proof.sent WHERE file = '$2'),
			(SELECT count(*) FROM (SELECT o FROM sent EXCEPT ALL SELECT o FROM stored) x),
			(SELECT count(*) FROM (SELECT o FROM stored EXCEPT ALL SELECT o FROM sent) x)")"
	line "$(printf '%-14s %6s sent, %6s stored, %9s values compared, %s differ' "$1" "$sent" "$stored" "$values" "$((missing + extra))")"
	if [ "$sent" != "$stored" ] || [ "$sent" -eq 0 ] || [ "$((missing + extra))" -ne 0 ]; then
		fault "$1: $missing payloads of the file are not in the table as they were sent, $extra rows are not in the file"
	fi
}

# The storm's rows, each against the line it repeats with its own numbers.
compare_storm() {
	local stored distinct values different
	IFS='|' read -r stored distinct values different <<<"$(value "
		WITH line AS MATERIALIZED (
			SELECT row_number() OVER (ORDER BY line) AS k,
				proof.plain(payload, proof.times('issues')) AS o,
				(SELECT count(*) FROM jsonb_each(payload)) AS values
			FROM proof.sent WHERE file = 'issues'),
		lines AS (SELECT count(*) AS n FROM line)
		SELECT count(*), count(DISTINCT t.number), sum(line.values),
			count(*) FILTER (WHERE proof.plain(to_jsonb(t) - 'arrival', proof.times('issues')) IS DISTINCT FROM
				line.o || jsonb_build_object('id', 599900000 + t.number, 'number', t.number))
		FROM issues t, lines, line WHERE t.number >= 100000 AND line.k = (t.number - 100000) % lines.n + 1")"
	line "$(printf '%-14s %6s sent, %6s stored, %9s values compared, %s differ' "the storm" "$STORM" "$stored" "$values" "$different")"
	if [ "$stored" != "$STORM" ] || [ "$distinct" != "$STORM" ] || [ "$different" != 0 ]; then
		fault "the storm: $stored rows, $distinct numbers, $different rows with another value than was sent"
	fi
}

# A statement that no intake has seen: it fails as ever, and the same one
# succeeds a moment later.
statement_act() {
	local insert said try
	head1 "5. psql's own INSERT, which no intake has seen"
	sql -c "SET ROLE team" -c "CREATE TABLE customers (id int PRIMARY KEY, name varchar(10) NOT NULL, visits smallint)"
	sql -c "GRANT INSERT ON customers TO feed"
	shown "SELECT selfheal.watch('public.customers')    -- $(value "SELECT selfheal.watch('public.customers')")"
	[ "$(settle)" = true ] || fault "the worker did not come to rest"
	insert="INSERT INTO customers (id, name, visits, city) VALUES (1, 'Wilhelmina van der Meer', 40000, 'Antwerpen')"
	for try in 1 2 3 4; do
		shown "$insert"
		if said=$(sql_as feed -c "$insert" 2>&1); then
			line "${GREEN}it succeeds; rows in the table: $(value "SELECT count(*) FROM customers")${PLAIN}"
			break
		fi
		line "${RED}$(head -n 1 <<<"$said")${PLAIN}"
		[ "$(settle)" = true ] || fault "the worker did not come to rest"
		rows "SELECT column_name AS \"column\", class AS why, state, round(seconds::numeric, 2) AS seconds, rows_held + witnesses AS held
			FROM selfheal.incidents WHERE table_name = 'public.customers' ORDER BY id"
	done
	statement "$(value "SELECT string_agg(sql, E'\\n' ORDER BY id) FROM selfheal.plan WHERE table_name = 'customers' AND state = 'applied'")"
	[ "$try" -lt 4 ] || fault "the statement did not succeed"
	[ "$(value "SELECT count(*) FROM customers")" = 1 ] || fault "the row is not there once"
	[ "$(value "SELECT count(*) FROM selfheal.quarantine WHERE relid = 'customers'::regclass")" = 0 ] || fault "something of it is held"
}

# Settings of the server: whether Claude is asked, and with which key.
claude_settings() {
	if [ "${CLAUDE:-0}" != 1 ] || [ -z "${ANTHROPIC_API_KEY:-}" ]; then
		CLAUDE_SETTINGS=()
		return
	fi
	(umask 077 && printf '%s\n' "$ANTHROPIC_API_KEY" >"$WORK/key")
	[ "$(id -u)" -ne 0 ] || chown "$RUN_AS" "$WORK/key"
	CLAUDE_SETTINGS=("selfheal.api_key_file = '$WORK/key'"
		"selfheal.api_url = '${ANTHROPIC_BASE_URL:-https://api.anthropic.com}'")
}

# What only Claude can help with. Numbers are read from the database.
claude_act() {
	head1 "7. A notation of dates that no playbook knows, asked of Claude"
	if [ ${#CLAUDE_SETTINGS[@]} -eq 0 ]; then
		line "left out: ANTHROPIC_API_KEY is not set"
		return
	fi
	sql -c "ALTER SYSTEM SET selfheal.claude = on" -c "SELECT pg_reload_conf()" >/dev/null
	sql -c "CREATE TABLE readings (id int PRIMARY KEY, taken date, station text);
		COMMENT ON COLUMN readings.taken IS 'day of the reading; some stations send year|day|month'"
	shown "SELECT selfheal.watch('readings')    -- $(value "SELECT selfheal.watch('readings')")"
	sql -c "INSERT INTO readings_intake VALUES ('{\"id\": 1, \"taken\": \"2026|21|11\", \"station\": \"north\"}'),
		('{\"id\": 2, \"taken\": \"2026|28|11\", \"station\": \"north\"}')" 2>/dev/null
	SQL_LIMIT=400 value "SELECT selfheal.wait_idle('6 min')" >/dev/null
	rows "SELECT t.kind, t.tool, t.is_error AS error, t.stop_reason AS stop, t.fault, t.latency_ms AS ms, t.input_tokens + t.cache_read_tokens
			+ t.cache_write_tokens AS read, t.output_tokens AS written FROM selfheal.turns t ORDER BY t.id"
	line "$(value "SELECT format('%s, %s requests, %s tokens, %s dollars; confidence %s; it says: %s', coalesce(outcome, state), calls, tokens,
			dollars, coalesce(confidence::text, '-'), coalesce(explanation, reason, '-')) FROM selfheal.conversations")"
	line "$(value "SELECT format('incident: %s%s; %s', state, coalesce(' (' || reason || ')', ''), coalesce(sql, 'no plan'))
			FROM selfheal.incidents WHERE table_name = 'public.readings'")"
	rows "SELECT * FROM readings ORDER BY id"
}

main() {
	local incidents plans ok held arrived in_tables
	printf '%sselfheal: real payloads, tables made for the first of them%s\n' "$BOLD" "$PLAIN"
	setup build
	make_workdir
	mkfifo "$WORK/s/lines"
	build
	[ "$(id -u)" -ne 0 ] || chown -R "$RUN_AS" "$WORK/stage"
	claude_settings
	server_start demo "log_min_messages = error" "max_wal_size = '4GB'" "checkpoint_timeout = '30min'" "selfheal.claude = off" "${CLAUDE_SETTINGS[@]}"

	head1 "1. Two tables as a team wrote them, watched"
	sql -c "CREATE EXTENSION selfheal"
	sql -c "CREATE ROLE team; CREATE ROLE feed LOGIN; ALTER DATABASE demo OWNER TO team"
	{ echo "SET ROLE team;"; cat "$TOP/test/demo/tables.sql"; } | sql
	for t in issues pull_requests; do
		shown "SELECT selfheal.watch('public.$t')    -- $(value "SELECT selfheal.watch('public.$t')")"
		sql -c "GRANT INSERT ON $t, ${t}_intake TO feed"
	done
	for t in issues pull_requests; do
		line "$(value "SELECT format('%s: %s columns, among them %s', attrelid::regclass, count(*),
				string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
					FILTER (WHERE attname IN ('node_id', 'title', 'number', 'active_lock_reason', 'mergeable_state')))
			FROM pg_attribute WHERE attrelid = '$t'::regclass AND attnum > 0 GROUP BY attrelid" | sed 's/character varying/varchar/g')"
	done

	head1 "2. Issues as GitHub's webhooks sent them, and lines full of quotes and backslashes"
	chapter issues github_issues.ndjson

	head1 "3. Pull requests"
	chapter pull_requests github_pull_requests.ndjson

	head1 "4. A storm: $(value "SELECT to_char($STORM, 'FM999,999,990')") numbered repeats of the issues, every one of which drifts"
	incidents=$(value "SELECT count(*) FROM selfheal.incident")
	plans=$(value "SELECT count(*) FROM selfheal.plan WHERE sql IS NOT NULL")
	WAITING=
	SQL_LIMIT=300 load issues repeats "$STORM" "$TOP/test/data/github_issues.ndjson"
	report_load
	[ "$(settle)" = true ] || fault "the worker did not come to rest"
	report_plans
	incidents=$(($(value "SELECT count(*) FROM selfheal.incident") - incidents))
	plans=$(($(value "SELECT count(*) FROM selfheal.plan WHERE sql IS NOT NULL") - plans))
	line "incidents: $incidents, plans: $plans"
	if [ "$incidents" -ne 1 ] || [ "$plans" -ne 1 ]; then fault "one incident and one plan were expected"; fi

	statement_act

	head1 "6. Nothing lost, nothing changed, nothing twice"
	sql <"$TOP/test/demo/compare.sql"
	for t in issues pull_requests; do
		sql -c "COPY proof.sent (payload) FROM STDIN (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')" <"$TOP/test/data/github_$t.ndjson"
		sql -c "UPDATE proof.sent SET file = '$t' WHERE file = ''"
		compare "$t" "$t"
	done
	compare_storm
	IFS='|' read -r arrived in_tables held <<<"$(value "
		SELECT (SELECT sum(stored + held) FROM selfheal.load WHERE source <> 'statement'),
			(SELECT count(*) FROM issues) + (SELECT count(*) FROM pull_requests),
			(SELECT count(*) FROM selfheal.quarantine WHERE state = 'held')")"
	line "in $arrived = stored $in_tables + held $held"
	[ "$arrived" -eq $((in_tables + held)) ] || fault "in is not stored + held"
	IFS='|' read -r ok arrived in_tables held <<<"$(value "SELECT ok, sealed, unsealed, coalesce(reason, '') FROM selfheal.verify_audit()")"
	line "verify_audit(): $arrived rows sealed, $in_tables unsealed, $([ "$ok" = t ] && echo "the chain holds" || echo "BROKEN: $held")"
	[ "$ok" = t ] || fault "verify_audit() failed"

	[ "${CLAUDE:-0}" != 1 ] || claude_act

	if [ ${#FAULTS[@]} -gt 0 ]; then
		head1 "${RED}${#FAULTS[@]} faults${PLAIN}"
		exit 1
	fi
	head1 "${GREEN}done${PLAIN} in $((SECONDS - STARTED)) s; the server and its files are gone"
}

main "$@"
