# shellcheck shell=bash
# misfits.sh: rows that do not fit, against a clean run of the same table; and
# the same rows through pgloader.

# ndjson_file NAME QUERY
ndjson_file() { sql -c "COPY (SELECT to_json(r) FROM ($2) r) TO '$WORK/$1.ndjson' $LINES"; }

# How many of the rows are bad, at so many in a thousand.
bad_rows() { value "SELECT count(*) FROM generate_series(1, $ROWS) g WHERE chosen(g, $1)"; }

# Too long: found while scanning.
bench_toolong() {
	local permille bad
	for permille in 0 10 100 1000; do
		bad=$(bad_rows "$permille")
		ndjson_file "long$permille" "SELECT * FROM narrow_rows($ROWS, $permille)"
		way "toolong.$permille" narrow $((ROWS - bad)) "$bad" \
			"COPY narrow_intake FROM '$WORK/long$permille.ndjson' (FORMAT ndjson);"
	done
	alternate 90 toolong.{0,10,100,1000}
	compared "1 % of rows too long, against clean" toolong.10 toolong.0 '<=' 1.1 ' ×'
	compared "10 % of rows too long, against clean" toolong.100 toolong.0 '<=' 1.3 ' ×'
	compared "100 % of rows too long, against clean" toolong.1000 toolong.0 '<=' 2.5 ' ×'
	detail "too long, in thousandths of the rows" "$ROWS" toolong.0 toolong.{0,10,100,1000}
	rm -f "$WORK"/long{0,100,1000}.ndjson
}

# An ordering_key: with nothing held it must cost nothing; where rows are held
# their keys are held too.
bench_ordered() {
	ndjson_file fits "SELECT * FROM narrow_rows($ROWS, 0)"
	ndjson_file long "SELECT * FROM narrow_rows($ROWS, 1000)"
	way ordered.without narrow "$ROWS" 0 "COPY narrow_intake FROM '$WORK/fits.ndjson' (FORMAT ndjson);"
	way ordered.set ordered "$ROWS" 0 "COPY ordered_intake FROM '$WORK/fits.ndjson' (FORMAT ndjson);"
	way ordered.held_without narrow 0 "$ROWS" "COPY narrow_intake FROM '$WORK/long.ndjson' (FORMAT ndjson);"
	way ordered.held_set ordered 0 "$ROWS" "COPY ordered_intake FROM '$WORK/long.ndjson' (FORMAT ndjson);"
	alternate 60 ordered.{without,set,held_without,held_set}
	compared "ordering_key set and nothing held, against without" ordered.set ordered.without '<=' 1.05 ' ×'
	detail "ordering_key, $ROWS rows" "$ROWS" ordered.without ordered.{without,set,held_without,held_set}
	rm -f "$WORK"/{fits,long}.ndjson
}

# Refused by PostgreSQL itself when the row is written.
bench_refused() {
	local bad t
	bad=$(bad_rows 10)
	ndjson_file sold "SELECT * FROM sold_rows($ROWS, 0, 0)"
	ndjson_file negative "SELECT * FROM sold_rows($ROWS, 10, 0)"
	ndjson_file orphans "SELECT * FROM sold_rows($ROWS, 0, 10)"
	for t in checked child audited; do
		way "$t.clean" "$t" "$ROWS" 0 "COPY ${t}_intake FROM '$WORK/sold.ndjson' (FORMAT ndjson);"
	done
	way checked.bad checked $((ROWS - bad)) "$bad" "COPY checked_intake FROM '$WORK/negative.ndjson' (FORMAT ndjson);"
	way child.bad child $((ROWS - bad)) "$bad" "COPY child_intake FROM '$WORK/orphans.ndjson' (FORMAT ndjson);"
	way audited.bad audited $((ROWS - bad)) "$bad" "COPY audited_intake FROM '$WORK/negative.ndjson' (FORMAT ndjson);"
	alternate 150 {checked,child,audited}.{clean,bad}
	compared "1 % of rows fail a check, against clean" checked.bad checked.clean '<=' 1.5 ' ×'
	compared "1 % of rows fail a foreign key, against clean" child.bad child.clean '<=' 1.5 ' ×'
	compared "1 % of rows fail in an AFTER trigger, against clean" audited.bad audited.clean '<=' 2 ' ×'
	for t in checked child audited; do
		detail "$t, $ROWS rows, 1 % bad" "$ROWS" "$t.clean" "$t".{clean,bad}
	done
	rm -f "$WORK"/{sold,negative,orphans}.ndjson
}

# ---- pgloader ----

# The wall time of one run, its exit included: it has no other clock, and works
# in more than one process.
sample_pgloader() {
	local before after
	before=$EPOCHREALTIME
	# shellcheck disable=SC2086
	as_user timeout -k 5 600 $1 >"$WORK/pgloader.log" 2>&1 || die "pgloader failed" "$(tail -n 5 "$WORK/pgloader.log")"
	after=$EPOCHREALTIME
	awk -v a="$before" -v b="$after" 'BEGIN { printf "%.4f 0\n", b - a }'
}

pgloader_file() {
	cat >"$WORK/pgloader_$1.load" <<-TEXT
		LOAD CSV FROM '$WORK/$2.csv' (id, customer, amount, note, at)
		INTO postgresql://postgres@unix:$WORK/s:5432/$DATABASE?tablename=public.narrow (id, customer, amount, note, at)
		WITH fields optionally enclosed by '"', fields terminated by ',', batch rows = $3;
	TEXT
	chmod a+r "$WORK/pgloader_$1.load"
}

bench_pgloader() {
	local bad key rows=$ROWS target='≥ 20 × as fast' what='1 % too long: intake against pgloader with the same rows as CSV'
	if ! setup_wish pgloader; then
		unmeasured "$what" "$target" "there is no pgloader here"
		return
	fi
	pgloader_file a choice 25000
	pgloader_file b choice 1000
	# Which variant is the better one is found with a tenth of the rows: the
	# other takes minutes with all of them.
	ROWS=$((rows / 10))
	bad=$(bad_rows 10)
	sql -c "COPY (SELECT * FROM narrow_rows($ROWS, 10)) TO '$WORK/choice.csv' (FORMAT csv)"
	for key in a b; do
		way "pgloader.choice_$key" narrow $((ROWS - bad)) 0 "pgloader --quiet --root-dir $WORK/s/pgloader $WORK/pgloader_$key.load"
	done
	RUNS=1 alternate 60 pgloader.choice_{a,b}
	key=$(best pgloader.choice_a pgloader.choice_b)
	key=${key#*_}
	ROWS=$rows
	bad=$(bad_rows 10)
	sql -c "COPY (SELECT * FROM narrow_rows($ROWS, 10)) TO '$WORK/long10.csv' (FORMAT csv)"
	[ -e "$WORK/long10.ndjson" ] || ndjson_file long10 "SELECT * FROM narrow_rows($ROWS, 10)"
	sed -i 's/choice\.csv/long10.csv/' "$WORK/pgloader_$key.load"
	way pgloader.intake narrow $((ROWS - bad)) "$bad" "COPY narrow_intake FROM '$WORK/long10.ndjson' (FORMAT ndjson);"
	way "pgloader.pgloader_$key" narrow $((ROWS - bad)) 0 "pgloader --quiet --root-dir $WORK/s/pgloader $WORK/pgloader_$key.load"
	alternate 130 pgloader.intake "pgloader.pgloader_$key"
	compared "$what (${key#*.})" "pgloader.pgloader_$key" pgloader.intake '>=' 20 ' × as fast'
	detail "1 % too long, $ROWS rows (choice: $((ROWS / 10)))" "$ROWS" pgloader.intake pgloader.intake "pgloader.pgloader_$key"
	{
		printf '\npgloader %s, with a tenth of the rows: %s s in batches of 25,000, its default (a), %s s in batches of 1,000 (b). The better:\n\n' \
			"$(pgloader --version | sed -n 's/.*version "\(.*\)"/\1/p')" \
			"$(median pgloader.choice_a)" "$(median pgloader.choice_b)"
		sed -e "s|$WORK/||g" -e 's/^/    /' "$WORK/pgloader_$key.load"
	} >>"$WORK/details.md"
	rm -rf "$WORK/s/pgloader" "$WORK"/{long10,choice}.csv
}
