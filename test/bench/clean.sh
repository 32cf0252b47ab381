# shellcheck shell=bash
# clean.sh: rows that all fit: the intake against what people do without it.
#
# The peers, each in two variants of which the better one counts:
#   stage    COPY into a stage, then INSERT ... SELECT: (a) a jsonb stage and
#            jsonb_populate_record, (b) a text stage and a cast on the way
#   trigger  a view with a plpgsql INSTEAD OF trigger and an EXCEPTION block:
#            (a) jsonb_populate_record, (b) a cast per column
#   limit    typed COPY of the same rows, which knows no JSON at all: (a) CSV,
#            (b) COPY's text format

LINES="(FORMAT csv, QUOTE E'\\x01', DELIMITER E'\\x02')"

# clean_group TABLE SECONDS: rows of it are in $WORK/TABLE.{ndjson,csv,txt}
clean_group() {
	local t=$1 seconds=$2 n=$3 f=$WORK/$1 limit
	way "$t.intake" "$t" "$n" 0 "COPY ${t}_intake FROM '$f.ndjson' (FORMAT ndjson);"
	way "$t.stage_a" "$t" "$n" 0 "COPY stage_jsonb FROM '$f.ndjson' $LINES;
INSERT INTO $t SELECT r.* FROM stage_jsonb, jsonb_populate_record(NULL::$t, payload) r;"
	way "$t.stage_b" "$t" "$n" 0 "COPY stage_text FROM '$f.ndjson' $LINES;
INSERT INTO $t SELECT r.* FROM stage_text, jsonb_populate_record(NULL::$t, payload::jsonb) r;"
	way "$t.trigger_a" "$t" "$n" 0 "COPY ${t}_record FROM '$f.ndjson' $LINES;"
	way "$t.trigger_b" "$t" "$n" 0 "COPY ${t}_casts FROM '$f.ndjson' $LINES;"
	way "$t.limit_a" "$t" "$n" 0 "COPY $t FROM '$f.csv' (FORMAT csv);"
	way "$t.limit_b" "$t" "$n" 0 "COPY $t FROM '$f.txt';"
	alternate "$seconds" "$t".{intake,stage_a,stage_b,trigger_a,trigger_b,limit_a,limit_b}

	limit=$(best "$t.limit_a" "$t.limit_b")
	compare "$t" stage "stage and \`INSERT ... SELECT\`" 2.5
	compare "$t" trigger "a plpgsql trigger with EXCEPTION" 5
	compared "$t: intake against typed \`COPY\`, the limit (${limit#*.})" "$t.intake" "$limit" '<=' 2 ' × its time'
	detail "$t, $n rows" "$n" "$t.intake" "$t".{intake,stage_a,stage_b,trigger_a,trigger_b,limit_a,limit_b}
}

# compare TABLE PEER TEXT TARGET: with what the limit itself would reach, since
# what a table's indexes and checks cost, no intake can save.
compare() {
	local key
	key=$(best "$1.$2_a" "$1.$2_b")
	compared "$1: intake against $3 (${key#*.}; the limit itself is $(ratio "$key" "$limit" |
		awk '{ printf "%.1f", $1 }') × as fast)" "$key" "$1.intake" '>=' "$4" ' × as fast'
}

# rows_files NAME QUERY: the same rows as NDJSON, CSV and COPY's text format.
rows_files() {
	sql <<-SQL
		COPY (SELECT to_json(r) FROM ($2) r) TO '$WORK/$1.ndjson' $LINES;
		COPY ($2) TO '$WORK/$1.csv' (FORMAT csv);
		COPY ($2) TO '$WORK/$1.txt';
	SQL
}

bench_narrow() {
	rows_files narrow "SELECT * FROM narrow_rows($ROWS, 0)"
	clean_group narrow 150 "$ROWS"
}

# A fifth of the rows: each has twelve times the columns.
bench_wide() {
	rows_files wide "$(value "SELECT wide_query($((ROWS / 5)))")"
	clean_group wide 220 $((ROWS / 5))
	rm -f "$WORK"/wide.*
}

bench_keyed() {
	rows_files keyed "SELECT * FROM sold_rows($ROWS, 0, 0)"
	clean_group keyed 200 "$ROWS"
	rm -f "$WORK"/keyed.*
}
