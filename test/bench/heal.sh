# shellcheck shell=bash
# heal.sh: how long until a row that did not fit is stored: one row, and a
# million of them. Times are those at which the server committed
# (track_commit_timestamp), so no client's clock is in them.

# ---- one row ----

HEALS=${HEALS:-40}

# Two sets of tables with rows in them: for us, and for the person who writes
# the ALTER and the INSERT himself. A new table each time, since a column can
# be widened only so often.
latency_tables() {
	sql >/dev/null <<-SQL
		SELECT format('CREATE TABLE %s (id bigint, v varchar(32)); INSERT INTO %s SELECT g, ''v'' || g FROM generate_series(1, 1000) g;',
			t, t)
		FROM generate_series(0, $HEALS) i, unnest(ARRAY['ours_' || i, 'theirs_' || i]) t \gexec
		SELECT selfheal.watch(('ours_' || i)::regclass) FROM generate_series(0, $HEALS) i;
		CHECKPOINT;
	SQL
}

# The script of table number i.
latency_script() {
	cat <<-SQL
		BEGIN;
		ALTER TABLE theirs_$1 ALTER COLUMN v TYPE varchar(64);
		INSERT INTO theirs_$1 VALUES (0, 'forty characters, and the column has 32.');
		COMMIT;
	SQL
}

bench_latency() {
	local i
	way latency.heal ours_1 1001 0 \
		"INSERT INTO ours_1_intake VALUES ('{\"id\": 0, \"v\": \"forty characters, and the column has 32.\"}');"
	way latency.script theirs_1 1001 0 "$(latency_script 1)"
	latency_tables
	for ((i = 0; i <= HEALS; i++)); do
		sql -c "INSERT INTO ours_${i}_intake VALUES ('{\"id\": 0, \"v\": \"forty characters, and the column has 32.\"}')" \
			2>/dev/null
		value "SELECT selfheal.wait_idle('20s')" >/dev/null
		latency_script "$i" >"$WORK/script.sql"
		chmod a+r "$WORK/script.sql"
		# The first one starts the worker and is not counted.
		if [ "$i" -eq 0 ]; then continue; fi
		as_user timeout -k 5 60 psql -X -q -h "$WORK/s" -U postgres -d "$DATABASE" -v ON_ERROR_STOP=1 -c '\timing on' \
			-f "$WORK/script.sql" | awk '/^Time:/ { ms += $2 } END { print ms / 1000 }' >>"$WORK/samples/latency.script"
		# The same again as a person sees it, with psql's start and end.
		sql -c "TRUNCATE theirs_$i" -c "ALTER TABLE theirs_$i ALTER v TYPE varchar(32)"
		# shellcheck disable=SC2016
		as_user bash -c 'echo "$EPOCHREALTIME"; timeout 60 psql -X -q -h "$1" -U postgres -d "$2" -f "$3"; echo "$EPOCHREALTIME"' \
			- "$WORK/s" "$DATABASE" "$WORK/script.sql" |
			awk '{ a[NR] = $1 } END { print a[2] - a[1] }' >>"$WORK/samples/latency.whole_script"
	done
	for ((i = 1; i <= HEALS; i++)); do
		printf "SELECT extract(epoch FROM pg_xact_commit_timestamp(t.xmin) - pg_xact_commit_timestamp(l.xmin)) FROM ours_%d t, selfheal.load l WHERE t.id = 0 AND l.table_name = 'ours_%d';\n" \
			"$i" "$i"
	done | sql -A -t -f - >"$WORK/samples/latency.heal"
	[ "$(wc -l <"$WORK/samples/latency.heal")" -eq "$HEALS" ] || die "not every heal stored its row"
	measure "one row: from the load's commit to stored, milliseconds (1,000 rows in the table, worker running)" \
		"$(awk '{ print $1 * 1000 }' "$WORK/samples/latency.heal" | spread)" '<=' 30 ' ms'
	measure "one row: against the same \`ALTER\` and \`INSERT\` in one psql script, its statements alone" \
		"$(ratio latency.heal latency.script)" '<=' 5 ' ×'
	{
		printf '\n| one row, %d times | milliseconds | command |\n|---|---|---|\n' "$HEALS"
		latency_line heal "commit to stored" heal
		latency_line script "the script's statements" script
		latency_line whole_script "the script with psql's start and end" script
	} >>"$WORK/details.md"
	sql -c "SELECT selfheal.unwatch_all()" >/dev/null
	sql -A -t -c "SELECT format('DROP TABLE ours_%s, theirs_%s;', i, i) FROM generate_series(0, $HEALS) i" | sql -f -
	sql -c "SELECT selfheal.watch(t, 'observe') FROM unnest('{narrow,wide,keyed,checked,child,audited}'::regclass[]) t" >/dev/null
}

# latency_line SAMPLES TEXT COMMAND
latency_line() {
	awk -v what="$2" -v s="$(spread <"$WORK/samples/latency.$1")" -v command="$(command_of "latency.$3")" \
		'BEGIN { split(s, t, " "); printf "| %s | %.1f (%.1f to %.1f) | %s |\n", what, t[1] * 1000, t[2] * 1000, t[3] * 1000, command }'
}

# ---- a million identical failures ----

# Anonymous memory of a process, in kB, ten times a second until it is told.
watch_memory() {
	local pid=$1
	while [ ! -e "$WORK/enough" ] && [ -e "/proc/$pid/status" ]; do
		awk '/^RssAnon:/ { print $2 }' "/proc/$pid/status" 2>/dev/null || break
		sleep 0.1
	done
}

bench_storm() {
	local n=$((2 * ROWS)) i began=$SECONDS took pid counts load
	load="COPY storm_intake FROM '$WORK/storm.ndjson' (FORMAT ndjson);"
	ndjson_file storm "SELECT * FROM narrow_rows($n, 1000)"
	for ((i = 1; i <= RUNS; i++)); do
		took=$SECONDS
		sql >/dev/null <<-SQL
			CREATE TABLE storm (LIKE narrow);
			SELECT selfheal.watch('storm');
			TRUNCATE selfheal.quarantine, selfheal.error, selfheal.load;
			SELECT selfheal.wake();
			SELECT selfheal.wait_idle('20s');
			CHECKPOINT;
		SQL
		timed <<<"$load" | cut -d' ' -f1 >>"$WORK/samples/storm.held"
		pid=$(value "SELECT pid FROM selfheal.worker_state()")
		rm -f "$WORK/enough"
		watch_memory "${pid:-0}" >"$WORK/memory" &
		CHILD=$!
		SQL_LIMIT=600 value "SELECT selfheal.wait_idle('590s')" >/dev/null
		: >"$WORK/enough"
		wait "$CHILD" || true
		CHILD=
		counts=$(value "SELECT (SELECT count(*) FROM storm),
			(SELECT count(*) FROM selfheal.quarantine),
			(SELECT count(*) FROM selfheal.incident WHERE relid = 'storm'::regclass),
			(SELECT count(*) FROM selfheal.plan WHERE relid = 'storm'::regclass)")
		printf '%s\n' "$counts" >>"$WORK/samples/storm.counts"
		# Rows a second between the commit that brought the change with the
		# first rows and the one that brought the last; and the whole heal.
		value "WITH chunk AS (
				SELECT pg_xact_commit_timestamp(x) AS at, sum(n) AS n
				FROM (SELECT xmin AS x, count(*) AS n FROM storm GROUP BY xmin) s GROUP BY 1),
			first AS (SELECT min(at) AS at FROM chunk)
			SELECT coalesce(extract(epoch FROM max(c.at) - first.at) / nullif(sum(c.n) FILTER (WHERE c.at > first.at), 0), 0),
				extract(epoch FROM max(c.at) - (SELECT max(pg_xact_commit_timestamp(xmin)) FROM selfheal.load))
			FROM chunk c, first GROUP BY first.at" >"$WORK/replay"
		cut -d'|' -f1 "$WORK/replay" >>"$WORK/samples/storm.replay"
		cut -d'|' -f2 "$WORK/replay" >>"$WORK/samples/storm.heal"
		# The most of the second half of the time, as a part of the first's.
		awk '{ a[NR] = $1 } END { if (NR < 10) exit
			for (i = 1; i <= NR; i++) { half = i > NR / 2; if (a[i] > max[half]) max[half] = a[i] }
			print max[1] / max[0], max[0] / 1024, max[1] / 1024 }' "$WORK/memory" >>"$WORK/samples/storm.memory"
		# The same rows once more, now that they fit.
		sql -c "TRUNCATE storm" -c "CHECKPOINT"
		timed <<<"$load" | awk -v n="$n" '{ print $1 / n }' >>"$WORK/samples/storm.clean"
		sql -c "SELECT selfheal.unwatch('storm')" -c "DROP TABLE storm" >/dev/null
		sql -c "TRUNCATE selfheal.quarantine"
		say "storm: $n rows stored $(tail -n 1 "$WORK/samples/storm.heal") s after their load ($i of $RUNS)"
		took=$((SECONDS - took))
		if [ $((SECONDS - began + took)) -gt 130 ]; then break; fi
	done
	measure_storm "$n"
	rm -f "$WORK/storm.ndjson"
}

measure_storm() {
	local n=$1 met='**no**' counts
	counts=$(sort -u "$WORK/samples/storm.counts")
	[ "$counts" != "$n|0|1|1" ] || met=yes
	printf '| %s | %s | – | %s | %s |\n' "$n identical failures" \
		"$(awk -F'|' '{ printf "%s%s stored, %s held, %s incident, %s plan", sep, $1, $2, $3, $4; sep = "; " }' <<<"$counts")" \
		"all stored, 1 incident, 1 plan" "$met" >>"$WORK/measures.md"
	measure "their replay's rate against the intake's of the same rows" "$(ratio storm.clean storm.replay)" '>=' 0.8 ' ×'
	if [ -s "$WORK/samples/storm.memory" ]; then
		measure "the worker's memory in the second half of the heal against the first, each at its most" \
			"$(awk '{ print $1 }' "$WORK/samples/storm.memory" | spread)" '<=' 1.1 ' ×'
	else
		unmeasured "the worker's memory" "≤ 1.1 ×" "there is no /proc/PID/status, or the heal was too short"
	fi
	{
		printf '\n| %d identical failures | median (from, to) |\n|---|---|\n' "$n"
		spread <"$WORK/samples/storm.held" | awk '{ printf "| the load that held them, seconds | %.2f (%.2f to %.2f) |\n", $1, $2, $3 }'
		spread <"$WORK/samples/storm.heal" | awk '{ printf "| from its commit until all are stored, seconds | %.2f (%.2f to %.2f) |\n", $1, $2, $3 }'
		awk '{ print 1e-3 / $1 }' "$WORK/samples/storm.replay" | spread |
			awk '{ printf "| replay, thousand rows/s | %.0f (%.0f to %.0f) |\n", $1, $2, $3 }'
		awk '{ print 1e-3 / $1 }' "$WORK/samples/storm.clean" | spread |
			awk '{ printf "| intake of the same rows when they fit, thousand rows/s | %.0f (%.0f to %.0f) |\n", $1, $2, $3 }'
		[ ! -s "$WORK/samples/storm.memory" ] || awk '{ print $3 }' "$WORK/samples/storm.memory" | spread |
			awk '{ printf "| the worker at its most, MB of anonymous memory | %.1f (%.1f to %.1f) |\n", $1, $2, $3 }'
	} >>"$WORK/details.md"
}
