#!/usr/bin/env bash
# run.sh: make bench. The intake against what people do without it, side by
# side in one run: same server, same settings, same rows, in alternation,
# median of RUNS. Writes the table to standard output and, when it was a full
# run, to test/bench/README.md.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/server.sh"

ROWS=${ROWS:-500000}
RUNS=${RUNS:-3}
NAMES=(intake stage trigger csv)

# Seconds of one command, as psql's \timing measures it, summed up.
timed() {
	sql -c '\timing on' -f - 2>/dev/null | awk '/^Time:/ { ms += $2 } END { printf "%.3f\n", ms / 1000 }'
}

# The exact commands.
command_of() {
	local lines="(FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"
	case $1 in
	intake) printf '%s\n' "COPY orders_intake FROM '$WORK/rows.ndjson' (FORMAT ndjson);" ;;
	stage)
		printf '%s\n' "COPY stage FROM '$WORK/rows.ndjson' $lines;" \
			"INSERT INTO orders SELECT r.* FROM stage, jsonb_populate_record(NULL::orders, stage.payload) r;"
		;;
	trigger) printf '%s\n' "COPY slow_intake FROM '$WORK/rows.ndjson' $lines;" ;;
	csv) printf '%s\n' "COPY orders FROM '$WORK/rows.csv' (FORMAT csv);" ;;
	esac
}

run_one() {
	sql -c "TRUNCATE orders, stage" -c "CHECKPOINT"
	command_of "$1" | SQL_LIMIT=600 timed
	local n
	n=$(value "SELECT count(*) FROM orders")
	[ "$n" = "$ROWS" ] || die "$1 stored $n of $ROWS rows"
}

median() { sort -n | awk '{ a[NR] = $1 } END { print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2 }'; }

main() {
	local i name best
	declare -A times median_of
	setup build
	make_workdir
	build
	[ "$(id -u)" -ne 0 ] || chown -R "$RUN_AS" "$WORK/stage"
	server_start bench "shared_buffers = '256MB'" "max_wal_size = '4GB'" "checkpoint_timeout = '30min'" "autovacuum = off"
	say "making $ROWS rows"
	sql >/dev/null <<-SQL
		CREATE EXTENSION selfheal;
		CREATE TABLE orders (id bigint, customer varchar(32), amount numeric(12,2), note text, at timestamptz);
		CREATE TABLE stage (payload jsonb);
		CREATE VIEW slow_intake AS SELECT NULL::text AS payload WHERE false;
		CREATE FUNCTION slow_intake() RETURNS trigger LANGUAGE plpgsql AS \$\$
		BEGIN
			INSERT INTO orders SELECT * FROM jsonb_populate_record(NULL::orders, NEW.payload::jsonb);
			RETURN NEW;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING '%', SQLERRM;
			RETURN NULL;
		END \$\$;
		CREATE TRIGGER slow_intake INSTEAD OF INSERT ON slow_intake FOR EACH ROW EXECUTE FUNCTION slow_intake();
		SELECT selfheal.watch('orders');
		INSERT INTO orders SELECT g, 'customer ' || g % 1000, (g % 100000) / 100.0, 'note of order ' || g,
			'2026-01-01 00:00:00+00'::timestamptz + g * interval '1 second' FROM generate_series(1, $ROWS) g;
		COPY orders TO '$WORK/rows.csv' (FORMAT csv);
		COPY (SELECT to_json(o) FROM orders o) TO '$WORK/rows.ndjson' (FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02');
	SQL
	for name in "${NAMES[@]}"; do times[$name]=''; done
	for ((i = 1; i <= RUNS; i++)); do
		for name in "${NAMES[@]}"; do
			best=$(run_one "$name")
			times[$name]+="$best"$'\n'
			say "run $i of $RUNS: $name $best s"
		done
	done
	for name in "${NAMES[@]}"; do median_of[$name]=$(printf '%s' "${times[$name]}" | median); done
	report
}

# One line of the table: name, median, rows a second, ratio to the intake.
row() {
	awk -v what="$1" -v s="${median_of[$2]}" -v base="${median_of[intake]}" -v n="$ROWS" -v target="$3" \
		'BEGIN { printf "| %s | %.2f s | %.0f k | %.2f × | %s |\n", what, s, n / s / 1000, s / base, target }'
}

report() {
	local table=$WORK/table.md
	{
		echo "| $ROWS rows, median of $RUNS | time | rows/s | time of it / of the intake | target |"
		echo "|---|---|---|---|---|"
		row "intake: \`COPY orders_intake ... (FORMAT ndjson)\`" intake ""
		row "\`COPY\` into a jsonb stage, then \`INSERT ... SELECT jsonb_populate_record\`" stage "≥ 2.5"
		row "plpgsql INSTEAD OF trigger with an EXCEPTION block" trigger "≥ 5"
		row "typed \`COPY\` of the same rows as CSV (the limit)" csv "≥ 0.5"
		echo
		echo "PostgreSQL $(value "SHOW server_version"), $(nproc) cores, shared_buffers 256 MB, fsync on. Commands:"
		echo
		for name in "${NAMES[@]}"; do
			command_of "$name" | sed -e "s|$WORK/||g" -e "s/^/    /"
			echo
		done
	} >"$table"
	cat "$table"
	if [ "$ROWS" -ge 500000 ] && [ "$RUNS" -ge 3 ] && [ -w "$TOP/test/bench" ]; then
		{
			cat <<-'TEXT'
				# Bench

				`make bench` (or `ROWS=100000 RUNS=1 make bench` for a quick look). Table: (bigint, varchar(32), numeric(12,2), text,
				timestamptz), every row fits. Each way is measured by psql's `\timing` on the server's own files, after TRUNCATE and
				CHECKPOINT, in alternation. The last full run:

			TEXT
			cat "$table"
		} | sed '$d' >"$TOP/test/bench/README.md"
		say "kept in test/bench/README.md"
	fi
}

main "$@"
