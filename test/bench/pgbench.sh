# shellcheck shell=bash
# pgbench.sh: does it cost anything to have the library preloaded (and the
# extension in the database) for those who never use it? Two servers with the
# same settings and data, many short runs in alternation, the median of the
# ratios of pairs. What a start happens to give a server (where its memory comes
# to lie) stays for as long as it runs: both are started anew after some pairs.

PAIRS=${PAIRS:-24}
PAIRS_A_START=${PAIRS_A_START:-3}
BURST=${BURST:-3}

# pgbench_server NAME PORT PRELOAD
pgbench_server() {
	local data=$WORK/$1
	bounded_user 120 "$PG_BIN/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C -N >"$WORK/initdb.log" 2>&1 ||
		die "initdb failed" "$(tail -n 5 "$WORK/initdb.log")"
	{
		cat "$WORK/stage.conf"
		echo "port = $2"
		echo "shared_preload_libraries = '$3'"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/s'"
		printf '%s\n' "${SETTINGS[@]}"
	} >"$WORK/pgbench.conf"
	as_user sh -c "cat '$WORK/pgbench.conf' >> '$data/postgresql.conf'"
	bounded_user 60 "$PG_BIN/pg_ctl" start -s -w -t 50 -D "$data" -l "$data/server.log" ||
		die "the server did not start" "$(tail -n 5 "$data/server.log")"
	as_user pgbench -h "$WORK/s" -p "$2" -U postgres -i -q -s 10 postgres >/dev/null 2>&1
	[ -z "$3" ] || as_user psql -X -q -h "$WORK/s" -p "$2" -U postgres -c "CREATE EXTENSION selfheal" postgres
}

# The accounts come by their index into memory: a sequential scan would leave
# the most of them out.
pgbench_restart() {
	local name
	for name in with without; do
		bounded_user 120 "$PG_BIN/pg_ctl" restart -s -w -t 100 -m fast -D "$WORK/$name" -l "$WORK/$name/server.log" ||
			die "the server did not start" "$(tail -n 5 "$WORK/$name/server.log")"
	done
	for name in 5441 5442; do
		as_user psql -X -q -h "$WORK/s" -p "$name" -U postgres -o /dev/null postgres \
			-c "SET enable_seqscan = off; SELECT sum(abalance) FROM pgbench_accounts WHERE aid > 0"
	done
}

# Transactions a second of one burst: pgbench_burst PORT SCRIPT
pgbench_burst() {
	as_user psql -X -q -h "$WORK/s" -p "$1" -U postgres -c CHECKPOINT postgres
	as_user timeout -k 5 120 pgbench -h "$WORK/s" -p "$1" -U postgres -n -c 2 -j 1 -T "$BURST" -b "$2" postgres 2>&1 |
		awk '/^tps = .*without initial/ { print $3 }'
}

bench_pgbench() {
	local script i order port tps
	as_user pg_ctl stop -s -w -m fast -D "$WORK/data"
	pgbench_server with 5441 selfheal
	pgbench_server without 5442 ''
	for script in tpcb-like select-only; do
		for ((i = 1; i <= PAIRS; i++)); do
			if ((i % PAIRS_A_START == 1 || PAIRS_A_START == 1)); then pgbench_restart; fi
			if ((i % 2)); then order=(5441 5442); else order=(5442 5441); fi
			for port in "${order[@]}"; do
				tps=$(pgbench_burst "$port" "$script")
				[ -n "$tps" ] || die "pgbench failed"
				printf '%s\n' "$tps" >>"$WORK/samples/pgbench.$script.$port"
			done
			if [ $((SECONDS - STARTED)) -gt $((ENOUGH + 480)) ]; then break; fi
			say "pgbench $script: $(tail -n 1 "$WORK/samples/pgbench.$script.5441") with," \
				"$(tail -n 1 "$WORK/samples/pgbench.$script.5442") without tps ($i of $PAIRS)"
		done
		measure "pgbench $script, library preloaded against not" \
			"$(ratio "pgbench.$script.5441" "pgbench.$script.5442")" '>=' 0.98 ' ×'
	done
	{
		printf '\n| pgbench, scale 10, 2 clients, bursts of %d s | transactions/s |\n|---|---|\n' "$BURST"
		for script in tpcb-like select-only; do
			spread <"$WORK/samples/pgbench.$script.5441" | awk -v s="$script" '{ printf "| %s, with | %.0f (%.0f to %.0f) |\n", s, $1, $2, $3 }'
			spread <"$WORK/samples/pgbench.$script.5442" | awk -v s="$script" '{ printf "| %s, without | %.0f (%.0f to %.0f) |\n", s, $1, $2, $3 }'
		done
		printf '\n    pgbench -n -c 2 -j 1 -T %s -b tpcb-like|select-only\n' "$BURST"
	} >>"$WORK/details.md"
}
