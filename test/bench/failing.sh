# shellcheck shell=bash
# failing.sh: what does it cost a statement to fail, where its table is watched
# and every failure may be copied? Two servers, one with the library and one
# without, as pgbench.sh makes them; INSERTs that fail, by a program that does
# nothing else (failing.c), two sessions at once, in alternation. The healer may
# not touch the table, so that they go on failing.

# failing_server PORT [WITH]
failing_server() {
	local on=(as_user psql -X -q -h "$WORK/s" -p "$1" -U postgres postgres)
	"${on[@]}" -c "CREATE TABLE failing (id bigint, name varchar(5), note text)"
	[ -n "${2:-}" ] || return 0
	"${on[@]}" -c "ALTER SYSTEM SET selfheal.allowed_schemas = 'none'" -c "SELECT pg_reload_conf()" >/dev/null
	"${on[@]}" -c "SELECT selfheal.watch('failing')" -c "SELECT selfheal.wait_idle('30s')" >/dev/null
	[ "$("${on[@]}" -At -c "SELECT wanted FROM selfheal.statements_seen()")" = t ] ||
		die "failures are not copied: there is nothing to measure"
}

# failing_burst PORT same|distinct: INSERTs a second of both sessions.
failing_burst() {
	local one two connect="host=$WORK/s port=$1 user=postgres dbname=postgres"
	as_user psql -X -q -h "$WORK/s" -p "$1" -U postgres -c CHECKPOINT postgres
	as_user timeout -k 5 60 "$WORK/failing" "$connect" "$BURST" "$2" >"$WORK/failing.two" &
	two=$!
	one=$(as_user timeout -k 5 60 "$WORK/failing" "$connect" "$BURST" "$2") || die "the INSERTs did not fail as they should"
	wait "$two" || die "the INSERTs did not fail as they should"
	awk -v one="$one" '{ print one + $1 }' "$WORK/failing.two"
}

bench_failing() {
	local mode i order port
	gcc -O2 -I"$("$PG_CONFIG" --includedir)" "$TOP/test/bench/failing.c" -o "$WORK/failing" \
		-L"$("$PG_CONFIG" --libdir)" -lpq >"$WORK/failing.log" 2>&1 || die "could not compile failing.c" "$(cat "$WORK/failing.log")"
	if [ ! -d "$WORK/with" ]; then
		as_user pg_ctl stop -s -w -m fast -D "$WORK/data"
		pgbench_server with 5441 selfheal
		pgbench_server without 5442 ''
	fi
	failing_server 5441 with
	failing_server 5442
	for mode in same distinct; do
		for ((i = 1; i <= PAIRS; i++)); do
			if ((i % 2)); then order=(5441 5442); else order=(5442 5441); fi
			for port in "${order[@]}"; do
				failing_burst "$port" "$mode" >>"$WORK/samples/failing.$mode.$port"
			done
			if [ $((SECONDS - STARTED)) -gt $((ENOUGH + 480)) ]; then break; fi
			say "failing INSERTs, $mode: $(tail -n 1 "$WORK/samples/failing.$mode.5441") with," \
				"$(tail -n 1 "$WORK/samples/failing.$mode.5442") without a second ($i of $PAIRS)"
		done
	done
	measure "failing INSERTs a second, the same again and again, watched against not preloaded" \
		"$(ratio failing.same.5441 failing.same.5442)" '>=' 0.95 ' ×'
	measure "failing INSERTs a second, each with its own values, watched against not preloaded" \
		"$(ratio failing.distinct.5441 failing.distinct.5442)" '>=' 0.95 ' ×'
	{
		printf '\n| failing INSERTs, 2 sessions, bursts of %d s | a second |\n|---|---|\n' "$BURST"
		for mode in same distinct; do
			spread <"$WORK/samples/failing.$mode.5441" | awk -v s="$mode" '{ printf "| %s, watched | %.0f (%.0f to %.0f) |\n", s, $1, $2, $3 }'
			spread <"$WORK/samples/failing.$mode.5442" | awk -v s="$mode" '{ printf "| %s, not preloaded | %.0f (%.0f to %.0f) |\n", s, $1, $2, $3 }'
		done
		printf '\nOf those of the watched table '
		as_user psql -X -q -At -h "$WORK/s" -p 5441 -U postgres postgres -c \
			"SELECT format('%s were dropped as too many and %s as repeated; incidents: %s.', full_ring, repeated, (SELECT count(*) FROM selfheal.incident)) FROM selfheal.statements_seen()"
	} >>"$WORK/details.md"
}
