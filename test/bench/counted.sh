# shellcheck shell=bash
# counted.sh: instructions, counted by callgrind: they do not depend on the
# machine's mood. The JSON scanner alone (scanner.c), and whole loads in a
# backend without a server (postgres --single).

SCANNED=${SCANNED:-2500}

# The scanner alone, with the options that PostgreSQL was built with. Its hash
# function stands in PostgreSQL's library for programs.
build_scanner() {
	local flags library
	read -r -a flags <<<"$("$PG_CONFIG" --cflags)"
	library=$(find "$("$PG_CONFIG" --pkglibdir)" "$("$PG_CONFIG" --libdir)" -name libpgcommon.a 2>/dev/null | head -n 1)
	[ -n "$library" ] || return 1
	gcc "${flags[@]}" -std=gnu99 -w -D_GNU_SOURCE -I"$TOP/src" -I"$("$PG_CONFIG" --includedir-server)" \
		"$TOP/test/bench/scanner.c" "$TOP/test/fuzz/stubs.c" "$TOP"/src/read/json*.c "$library" \
		-o "$WORK/scanner" >"$WORK/scanner.log" 2>&1
}

# count_scan NAME QUERY: a line of the table for the rows of the query.
count_scan() {
	local counts instructions
	ndjson_file scan "$2"
	counts=$("$WORK/scanner" "$WORK/scan.ndjson") || die "the scanner did not read its rows"
	valgrind --tool=callgrind --toggle-collect=json_scan --callgrind-out-file="$WORK/callgrind" \
		"$WORK/scanner" "$WORK/scan.ndjson" >"$WORK/scanner.log" 2>&1 || die "$(tail -n 5 "$WORK/scanner.log")"
	instructions=$(awk '/^(summary|totals):/ { n = $2 } END { print n }' "$WORK/callgrind")
	awk -v what="$1" -v c="$counts" -v i="$instructions" 'BEGIN {
		split(c, n, " ")
		printf "| %s | %.0f | %.1f | %.0f | %.2f | %.1f |\n", what, n[2] / n[1], n[3] / n[1], i / n[1], i / n[2], i / n[3] }'
	rm -f "$WORK/scan.ndjson" "$WORK/callgrind"
}

count_scanner() {
	{
		printf '\n| the scanner alone, %d rows | bytes a row | fields | instructions a row | a byte | a field |\n|---|---|---|---|---|---|\n' \
			"$SCANNED"
		count_scan narrow "SELECT * FROM narrow_rows($SCANNED, 0)"
		count_scan wide "$(value "SELECT wide_query($SCANNED)")"
		count_scan "narrow, each text with an escape" \
			"SELECT id, customer || ' \"' AS customer, amount, E'\\\\' || note || E'\\n' AS note, at FROM narrow_rows($SCANNED, 0)"
	} >>"$WORK/details.md"
}

# ---- whole loads ----

# count_backend STATEMENTS [OPTION...]: instructions of a backend that runs
# them, each ended by a semicolon and an empty line.
count_backend() {
	printf '%s\n\n' "$1" >"$WORK/statements.sql"
	chmod a+r "$WORK/statements.sql"
	shift
	# shellcheck disable=SC2016
	as_user timeout -k 5 300 sh -c 'in=$1; shift; exec valgrind --tool=callgrind --callgrind-out-file=/dev/null "$@" <"$in"' \
		- "$WORK/statements.sql" "$PG_BIN/postgres" --single -D "$WORK/data" -j "$@" "$DATABASE" >"$WORK/counted.log" 2>&1 || return 1
	! grep -E 'ERROR|FATAL|PANIC' "$WORK/counted.log" >&2 || return 1
	sed -n 's/.*I *refs: *//p' "$WORK/counted.log" | tr -d ,
}

# count_load TEXT ROWS STATEMENT: a line of the table. What a backend takes
# for its start and end is not counted; the first line is what others are
# compared with.
count_load() {
	local n
	n=$(count_backend "$3") || die "could not count: $3" "$(tail -n 3 "$WORK/counted.log")"
	n=$(((n - COUNTED_START) / $2))
	[ -n "$COUNTED_FIRST" ] || COUNTED_FIRST=$n
	awk -v what="$1" -v n="$n" -v first="$COUNTED_FIRST" -v command="${3//"$WORK/"/}" \
		'BEGIN { gsub(/\\n/, " ", command); printf "| %s | %d | %.2f × | `%s` |\n", what, n, n / first, command }' >>"$WORK/details.md"
}

# Transactions of pgbench, with the library preloaded and without: what it
# costs those who never use it, by the instruction.
pgbench_statements() {
	local i
	for ((i = 1; i <= 200; i++)); do
		case $1 in
		select-only) printf 'SELECT abalance FROM pgbench_accounts WHERE aid = %d;\n\n' "$((i * 7919 % 100000 + 1))" ;;
		tpcb-like)
			printf '%s;\n\n' "BEGIN" \
				"UPDATE pgbench_accounts SET abalance = abalance + $i WHERE aid = $((i * 7919 % 100000 + 1))" \
				"SELECT abalance FROM pgbench_accounts WHERE aid = $((i * 7919 % 100000 + 1))" \
				"UPDATE pgbench_tellers SET tbalance = tbalance + $i WHERE tid = $((i % 10 + 1))" \
				"UPDATE pgbench_branches SET bbalance = bbalance + $i WHERE bid = 1" \
				"INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES ($((i % 10 + 1)), 1, $i, $i, CURRENT_TIMESTAMP)" \
				"END"
			;;
		esac
	done
}

# One after the other they leave dead rows to each other: with, without,
# without, with is fair to both.
count_pgbench() {
	local script statements start n which with without
	printf '\n| pgbench, 200 transactions | instructions each, preloaded | not | ratio |\n|---|---|---|---|\n' >>"$WORK/details.md"
	start=$(count_backend "SELECT 1;" -c shared_preload_libraries=) || die "could not count: $(tail -n 3 "$WORK/counted.log")"
	for script in tpcb-like select-only; do
		statements=$(pgbench_statements "$script")
		with=0
		without=0
		for which in with without without with; do
			if [ "$which" = with ]; then
				n=$(count_backend "$statements") && with=$((with + n - COUNTED_START))
			else
				n=$(count_backend "$statements" -c shared_preload_libraries=) && without=$((without + n - start))
			fi || die "could not count: $(tail -n 3 "$WORK/counted.log")"
		done
		awk -v what="$script" -v w="$((with / 400))" -v o="$((without / 400))" \
			'BEGIN { printf "| %s | %d | %d | %.3f × |\n", what, w, o, w / o }' >>"$WORK/details.md"
	done
}

count_loads() {
	local t n permille
	n=$((4 * SCANNED))
	rows_files narrow "SELECT * FROM narrow_rows($n, 0)"
	rows_files keyed "SELECT * FROM sold_rows($n, 0, 0)"
	rows_files wide "$(value "SELECT wide_query($SCANNED)")"
	for permille in 10 100 1000; do ndjson_file "long$permille" "SELECT * FROM narrow_rows($n, $permille)"; done
	mapped_files "$n"
	clear_table "narrow, wide, keyed"
	as_user pgbench -h "$WORK/s" -U postgres -i -q -s 1 "$DATABASE" >/dev/null 2>&1
	as_user pg_ctl stop -s -w -m fast -D "$WORK/data"
	COUNTED_START=$(count_backend "SELECT 1;") || die "could not count: $(tail -n 3 "$WORK/counted.log")"
	printf '\n| whole loads, %d rows (wide: %d) | instructions a row | of the first | command |\n|---|---|---|---|\n' \
		"$n" "$SCANNED" >>"$WORK/details.md"
	for t in narrow wide keyed; do
		if [ "$t" = wide ]; then n=$SCANNED; else n=$((4 * SCANNED)); fi
		COUNTED_FIRST=
		count_load "$t, COPY of CSV" "$n" "TRUNCATE $t; COPY $t FROM '$WORK/$t.csv' (FORMAT csv);"
		count_load "$t, intake" "$n" "TRUNCATE $t; COPY ${t}_intake FROM '$WORK/$t.ndjson' (FORMAT ndjson);"
	done
	COUNTED_FIRST=
	count_load "narrow, intake, nothing too long" "$n" "TRUNCATE narrow; COPY narrow_intake FROM '$WORK/narrow.ndjson' (FORMAT ndjson);"
	for permille in 10 100 1000; do
		count_load "narrow, intake, $permille ‰ too long" "$n" "TRUNCATE narrow; COPY narrow_intake FROM '$WORK/long$permille.ndjson' (FORMAT ndjson);"
	done
	COUNTED_FIRST=
	count_load "without an ordering_key" "$n" "TRUNCATE narrow, selfheal.quarantine; COPY narrow_intake FROM '$WORK/narrow.ndjson' (FORMAT ndjson);"
	count_load "ordering_key set, nothing held" "$n" "TRUNCATE ordered, selfheal.quarantine; COPY ordered_intake FROM '$WORK/narrow.ndjson' (FORMAT ndjson);"
	count_load "ordering_key set, every row held" "$n" "TRUNCATE ordered, selfheal.quarantine; COPY ordered_intake FROM '$WORK/long1000.ndjson' (FORMAT ndjson);"
	COUNTED_FIRST=
	count_load "mapped, clean" "$n" "TRUNCATE mapped; COPY mapped_intake FROM '$WORK/mapped_clean.ndjson' (FORMAT ndjson);"
	count_load "every row by two mappings, not kept" "$n" "TRUNCATE mapped_unkept; COPY mapped_unkept_intake FROM '$WORK/mapped_sent.ndjson' (FORMAT ndjson);"
	count_load "every row by two mappings, kept" "$n" "TRUNCATE mapped_kept, selfheal.kept; COPY mapped_kept_intake FROM '$WORK/mapped_sent.ndjson' (FORMAT ndjson);"
	count_pgbench
	bounded_user 60 "$PG_BIN/pg_ctl" start -s -w -t 50 -D "$WORK/data" -l "$WORK/data/server.log"
	rm -f "$WORK"/{narrow,wide,keyed}.{ndjson,csv,txt} "$WORK"/{long*,mapped_*}.ndjson
}

bench_counted() {
	if ! setup_wish valgrind; then
		printf '\nInstructions: not counted, since valgrind is not here.\n' >>"$WORK/details.md"
		return
	fi
	if build_scanner; then count_scanner; fi
	count_loads
}
