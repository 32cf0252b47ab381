#!/usr/bin/env bash
# run.sh: make bench. The intake and the healer against what people do without
# them, side by side in one run: same server, same settings, same rows, in
# alternation. Prints two parts, the measures with their targets and the
# numbers behind them; a full run is kept in README.md beside this file.
#
#   ROWS=500000 RUNS=5     rows of the narrow table; rounds of each way
#   ONLY="narrow storm"    some of the groups: counted narrow profile wide keyed
#                          toolong ordered mapped pgloader refused latency storm
#                          claude mcp pgbench failing ddl

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/server.sh"
. "$TOP/test/bench/measure.sh"
. "$TOP/test/bench/clean.sh"
. "$TOP/test/bench/misfits.sh"
. "$TOP/test/bench/mapped.sh"
. "$TOP/test/bench/heal.sh"
. "$TOP/test/bench/claude.sh"
. "$TOP/test/bench/profile.sh"
. "$TOP/test/bench/counted.sh"
. "$TOP/test/bench/pgbench.sh"
. "$TOP/test/bench/failing.sh"
. "$TOP/test/bench/ddl.sh"
. "$TOP/test/bench/mcp.sh"

ROWS=${ROWS:-500000}
RUNS=${RUNS:-5}
GROUPS_ALL="counted narrow profile wide keyed toolong ordered mapped pgloader refused latency storm claude mcp pgbench failing ddl"
ONLY=${ONLY:-$GROUPS_ALL}
SETTINGS=("shared_buffers = '256MB'" "max_wal_size = '4GB'" "checkpoint_timeout = '30min'" "autovacuum = off")

report() {
	cat <<-TEXT
		PostgreSQL $(head -n 1 "$WORK/version"), $(nproc) cores, ${SETTINGS[0]}, fsync on; median of $RUNS rounds
		(smallest to largest), $ROWS rows where nothing else is said. Ratios are taken round by round.

		| measure | result | CPU | target | met |
		|---|---|---|---|---|
	TEXT
	cat "$WORK/measures.md"
	echo
	echo "## The numbers behind them"
	cat "$WORK/details.md"
}

# What was measured is kept when it was all of it, in full.
keep() {
	if [ "$ROWS" -lt 500000 ] || [ "$RUNS" -lt 5 ] || [ "$ONLY" != "$GROUPS_ALL" ] || [ ! -w "$TOP/test/bench/README.md" ]; then
		return
	fi
	{
		sed '/^## The last full run$/q' "$TOP/test/bench/README.md"
		echo
		cat "$WORK/report.md"
	} >"$WORK/README.md"
	cat "$WORK/README.md" >"$TOP/test/bench/README.md"
	say "kept in test/bench/README.md"
}

main() {
	local group
	for group in $ONLY; do
		declare -F "bench_$group" >/dev/null || die "there is no group \"$group\" in the bench: $GROUPS_ALL"
	done
	setup build
	make_workdir
	build
	mkdir "$WORK/samples"
	: >"$WORK/measures.md"
	: >"$WORK/details.md"
	[ "$(id -u)" -ne 0 ] || chown -R "$RUN_AS" "$WORK/stage"
	server_start bench "${SETTINGS[@]}" "track_commit_timestamp = on"
	value "SHOW server_version" >"$WORK/version"
	sql -c "CREATE EXTENSION selfheal"
	sql -f - <"$TOP/test/bench/tables.sql" >/dev/null
	for group in $ONLY; do
		say "$group"
		"bench_$group"
	done
	report >"$WORK/report.md"
	say "took $((SECONDS - STARTED)) s"
	cat "$WORK/report.md"
	keep
}

main "$@"
exit
