# shellcheck shell=bash
# profile.sh: where the intake's time goes: samples of one load of the narrow
# rows, by our rooms and by PostgreSQL's functions. Needs perf and the right
# to use it; the bench goes on without.

# Which room a function belongs to, by the objects it was built from.
rooms() {
	local tree=$1 object room
	for object in "$tree"/src/*/*.o; do
		room=${object#"$tree/src/"}
		nm --defined-only "$object" | awk -v room="${room%.o}" '$2 ~ /[tT]/ { print $3, room }'
	done
}

bench_profile() {
	local tree=$TOP pid perf
	[ -d "$WORK/build" ] && tree=$WORK/build
	if ! perf record -q -N -e cpu-clock -o "$WORK/perf.data" -- true >/dev/null 2>&1 || ! has nm >/dev/null; then
		printf '\nProfile: none, since perf is not here or may not be used.\n' >>"$WORK/details.md"
		return
	fi
	[ -e "$WORK/narrow.ndjson" ] || rows_files narrow "SELECT * FROM narrow_rows($ROWS, 0)"
	clear_table narrow
	mkfifo "$WORK/go"
	chmod a+r "$WORK/go"
	sql -A -t -c 'SELECT pg_backend_pid()' -c "\\! cat $WORK/go >/dev/null" \
		-c "COPY narrow_intake FROM '$WORK/narrow.ndjson' (FORMAT ndjson)" >"$WORK/pid" &
	CHILD=$!
	until [ -s "$WORK/pid" ]; do sleep 0.05; done
	pid=$(head -n 1 "$WORK/pid")
	perf record -q -N -e cpu-clock -F 4000 -p "$pid" -o "$WORK/perf.data" >/dev/null 2>&1 &
	perf=$!
	sleep 0.5
	echo go >"$WORK/go"
	wait "$CHILD" || die "the profiled load failed"
	CHILD=
	wait "$perf" || true
	rooms "$tree" >"$WORK/rooms"
	perf report -i "$WORK/perf.data" --stdio --no-children --sort dso,symbol -F overhead,dso,symbol 2>/dev/null |
		awk '/%/ { print $1 + 0, $2, $4 }' | sort -rn >"$WORK/symbols"
	{
		printf '\nProfile of one intake of the narrow rows (perf, cpu-clock):\n\n| part | share |\n|---|---|\n'
		awk 'NR == FNR { room[$1] = $2; next }
			{
				# gcc names what it has cloned scan_value.part.0
				base = $3; sub(/\..*/, "", base)
				if ($2 ~ /^selfheal/) part = (base in room) ? "src/" room[base] ".c" : "selfheal, other"
				else if ($2 ~ /kernel/) part = "the kernel"
				else if ($2 ~ /^postgres/) part = "PostgreSQL"
				else part = $2
				sum[part] += $1
			}
			END { for (p in sum) printf "%.1f\t%s\n", sum[p], p }' "$WORK/rooms" "$WORK/symbols" |
			sort -rn | awk -F'\t' '$1 >= 0.5 { printf "| %s | %s %% |\n", $2, $1 }'
		printf '\n| PostgreSQL'"'"'s functions | share |\n|---|---|\n'
		awk '$2 ~ /^postgres/ && $3 !~ /^0x/ && n++ < 15 { printf "| %s | %.1f %% |\n", $3, $1 }
			$2 ~ /^postgres/ && $3 ~ /^0x/ { nameless += $1 }
			END { printf "| static ones, whose names this build does not keep | %.1f %% |\n", nameless }' "$WORK/symbols"
	} >>"$WORK/details.md"
	rm -f "$WORK/perf.data" "$WORK/go"
}
