# shellcheck shell=bash
# ddl.sh: what do the event triggers cost DDL? Two servers, one with the library
# and a thousand watched tables, one without, as pgbench.sh makes them; the same
# commands, each of its own transaction, in alternation. The first table is of
# commands on tables that nobody watches, the second of watched ones.

DDL_N=${DDL_N:-200}

# ddl_server PORT [WITH]: a thousand tables, and two that are changed; WITH:
# they are watched.
ddl_server() {
	as_user psql -X -q -h "$WORK/s" -p "$1" -U postgres postgres >/dev/null <<-SQL
		SET client_min_messages = warning;
		CREATE SCHEMA ddl;
		DO \$\$ BEGIN
			FOR i IN 1..1000 LOOP
				EXECUTE format('CREATE TABLE ddl.w%s (id bigint PRIMARY KEY, v text, at timestamptz)', i);
				IF '${2:-}' <> '' THEN PERFORM selfheal.watch(format('ddl.w%s', i)::regclass); END IF;
			END LOOP;
		END \$\$;
		CREATE TABLE ddl.p (id int, day int, v text) PARTITION BY RANGE (day);
		DO \$\$ BEGIN
			FOR i IN 1..1000 LOOP
				EXECUTE format('CREATE TABLE ddl.p%s PARTITION OF ddl.p FOR VALUES FROM (%s) TO (%s)', i, i, i + 1);
			END LOOP;
			IF '${2:-}' <> '' THEN PERFORM selfheal.watch('ddl.p'); END IF;
		END \$\$;
	SQL
	[ -z "${2:-}" ] || as_user psql -X -q -h "$WORK/s" -p "$1" -U postgres -c "SELECT selfheal.wait_idle('60s')" postgres >/dev/null
}

# ddl_sample PORT KEY N COMMAND: milliseconds of each command, by the clock and
# of the processor; # in it is its number.
ddl_sample() {
	local i
	{
		printf '%s\n' 'SELECT pg_backend_pid() AS pid \gset' '\setenv PID :pid' 'SET client_min_messages = warning;'
		# shellcheck disable=SC2016
		printf '%s\n' '\! cat /proc/$PID/schedstat 2>/dev/null; date +%s%N'
		for ((i = 1; i <= $3; i++)); do printf '%s;\n' "${4//#/$i}"; done
		# shellcheck disable=SC2016
		printf '%s\n' '\! cat /proc/$PID/schedstat 2>/dev/null; date +%s%N'
	} | as_user timeout -k 5 120 psql -X -q -At -v ON_ERROR_STOP=1 -h "$WORK/s" -p "$1" -U postgres postgres 2>"$WORK/ddl.log" |
		awk -v n="$3" 'NF == 3 { cpu[++k] = $1 } NF == 1 { at[++j] = $1 }
			END { if (j != 2) exit 1; printf "%.4f %.4f\n", (at[2] - at[1]) / 1e6 / n, (cpu[2] - cpu[1]) / 1e6 / n }' \
			>>"$WORK/samples/ddl.$2.$1" || die "$4 failed" "$(cat "$WORK/ddl.log")"
}

# ddl_line KEY COMMAND
ddl_line() {
	local with without
	with=$(cut -d' ' -f1 "$WORK/samples/ddl.$1.5441" | spread)
	without=$(cut -d' ' -f1 "$WORK/samples/ddl.$1.5442" | spread)
	awk -v c="$2" -v w="$with" -v o="$without" -v wc="$(cut -d' ' -f2 "$WORK/samples/ddl.$1.5441" | spread)" \
		-v oc="$(cut -d' ' -f2 "$WORK/samples/ddl.$1.5442" | spread)" 'BEGIN {
			split(w, a, " "); split(o, b, " "); split(wc, x, " "); split(oc, y, " ")
			printf "| `%s` | %.2f (%.2f to %.2f) | %.2f (%.2f to %.2f) | %.2f | %.2f |\n", c, a[1], a[2], a[3], b[1], b[2], b[3], x[1], y[1] }'
}

bench_ddl() {
	local command i order port
	# in the order in which they can be run; those of unwatched tables first
	local commands=(
		"create|CREATE TABLE ddl.u# (id bigint, v text)" "alter|ALTER TABLE ddl.u# ADD w int" "type|ALTER TABLE ddl.u# ALTER w TYPE bigint"
		"rename|ALTER TABLE ddl.u# RENAME v TO vv" "grant|GRANT SELECT ON ddl.u# TO pg_monitor" "comment|COMMENT ON TABLE ddl.u# IS 'x'"
		"index|CREATE UNIQUE INDEX u#_i ON ddl.u# (id)" "dropindex|DROP INDEX ddl.u#_i" "dropcolumn|ALTER TABLE ddl.u# DROP w"
		"view|CREATE VIEW ddl.v# AS SELECT 1 AS a" "dropview|DROP VIEW ddl.v#" "drop|DROP TABLE ddl.u#"
		"temp|CREATE TEMP TABLE t# (id int, v text); DROP TABLE t#"
		"commit|BEGIN; CREATE TEMP TABLE c (id int) ON COMMIT DROP; COMMIT")
	[ -d "$WORK/with" ] || {
		as_user pg_ctl stop -s -w -m fast -D "$WORK/data"
		pgbench_server with 5441 selfheal
		pgbench_server without 5442 ''
	}
	ddl_server 5441 with
	ddl_server 5442
	for ((i = 1; i <= RUNS; i++)); do
		if ((i % 2)); then order=(5441 5442); else order=(5442 5441); fi
		for port in "${order[@]}"; do
			for command in "${commands[@]}"; do
				ddl_sample "$port" "${command%%|*}" "$DDL_N" "${command#*|}"
			done
			ddl_sample "$port" cascade 1 "BEGIN; CREATE SCHEMA gone; DO \$\$ BEGIN FOR i IN 1..500 LOOP EXECUTE format('CREATE TABLE gone.t%s (id int PRIMARY KEY, v text DEFAULT 1)', i); END LOOP; END \$\$; DROP SCHEMA gone CASCADE; COMMIT"
			ddl_sample "$port" watched 50 "ALTER TABLE ddl.w# ADD c$i int"
			ddl_sample "$port" partitioned 2 "ALTER TABLE ddl.p ADD c${i}_# int"
		done
		say "DDL: round $i of $RUNS"
		if [ $((SECONDS - STARTED)) -gt $((ENOUGH + 480)) ]; then break; fi
	done
	measure "CREATE TABLE that nobody watches, 1,000 watched beside it, against not preloaded" \
		"$(ratio ddl.create.5441 ddl.create.5442)" '<=' 1.1 ' ×' "$(ratio ddl.create.5441 ddl.create.5442 2)"
	measure "DROP TABLE that nobody watches, 1,000 watched beside it, against not preloaded" \
		"$(ratio ddl.drop.5441 ddl.drop.5442)" '<=' 1.1 ' ×' "$(ratio ddl.drop.5441 ddl.drop.5442 2)"
	measure "CREATE TEMP TABLE and its DROP, against not preloaded" \
		"$(ratio ddl.temp.5441 ddl.temp.5442)" '<=' 1.1 ' ×' "$(ratio ddl.temp.5441 ddl.temp.5442 2)"
	{
		printf '\n| DDL, %d of each, 1,000 tables watched | ms, with | ms, not preloaded | CPU, with | CPU, without |\n|---|---|---|---|---|\n' "$DDL_N"
		for command in "${commands[@]}"; do
			ddl_line "${command%%|*}" "${command#*|}"
		done
		ddl_line cascade "500 CREATE TABLE and DROP SCHEMA ... CASCADE, in one transaction"
		ddl_line watched "ALTER TABLE ... ADD COLUMN, watched"
		ddl_line partitioned "ALTER TABLE ... ADD COLUMN, watched, 1,000 partitions"
	} >>"$WORK/details.md"
}
