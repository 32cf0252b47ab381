# shellcheck shell=bash
# measure.sh: ways to do the same work, timed in alternation, and what the
# samples say.
#
# A way is a key such as narrow.intake: a command, the table it fills and how
# many rows must be in it afterwards. Its samples, in seconds, stand in
# $WORK/samples/<key>, one line a round; line n of two ways of one group was
# measured in the same round, so that ratios are taken line by line and what
# the machine was doing just then hits both.

# After so many seconds of the bench nothing is measured more than once, so
# that it ends within 25 minutes on a slow machine too.
ENOUGH=900

declare -A WAY_COMMAND WAY_TABLE WAY_STORED WAY_HELD

# way KEY TABLE STORED HELD COMMAND
way() {
	WAY_TABLE[$1]=$2
	WAY_STORED[$1]=$3
	WAY_HELD[$1]=$4
	WAY_COMMAND[$1]=$5
}

# Of the commands on stdin: their seconds, as psql's \timing measures each,
# summed up; and those that the backend was on a processor for, where the
# kernel tells (0 elsewhere).
timed() {
	{
		cat <<-'TEXT'
			SELECT pg_backend_pid() AS pid \gset
			\setenv PID :pid
			\! cat /proc/$PID/schedstat 2>/dev/null
			\timing on
		TEXT
		cat
		cat <<-'TEXT'
			\timing off
			\! cat /proc/$PID/schedstat 2>/dev/null
		TEXT
	} | SQL_LIMIT=600 sql -f - 2>/dev/null | awk '
		/^Time:/ { ms += $2; n++ }
		/^[0-9]+ [0-9]+ [0-9]+$/ { if (!from) from = $1; to = $1 }
		END { if (!n) exit 1; printf "%.4f %.4f\n", ms / 1000, (to - from) / 1e9 }'
}

# Everything as it was before a round: empty tables, nothing in the worker's
# hands, nothing left to write.
clear_table() {
	sql >/dev/null <<-SQL
		SELECT selfheal.wait_idle('60s');
		TRUNCATE $1, stage_jsonb, stage_text, archive, selfheal.quarantine, selfheal.error, selfheal.load, selfheal.kept;
		CHECKPOINT;
	SQL
}

# One sample of a way, on stdout: as timed() tells it.
sample() {
	local key=$1 seconds got
	clear_table "${WAY_TABLE[$key]}"
	if [[ ${WAY_COMMAND[$key]} == pgloader\ * ]]; then
		seconds=$(sample_pgloader "${WAY_COMMAND[$key]}")
	else
		seconds=$(timed <<<"${WAY_COMMAND[$key]}") || die "$key failed: ${WAY_COMMAND[$key]}"
	fi
	got=$(value "SELECT (SELECT count(*) FROM ${WAY_TABLE[$key]}), (SELECT count(*) FROM selfheal.quarantine)")
	[ "$got" = "${WAY_STORED[$key]}|${WAY_HELD[$key]}" ] ||
		die "$key: $got rows stored and held, not ${WAY_STORED[$key]}|${WAY_HELD[$key]}"
	printf '%s\n' "$seconds"
}

# alternate SECONDS KEY...: RUNS rounds, fewer when that many seconds are over.
# A way that takes twice its rival's time in the first round cannot be the
# better of the two: rivals are keys that differ in their last letter.
alternate() {
	local limit=$1 began=$SECONDS round key seconds order took lost=' '
	shift
	for ((round = 1; round <= RUNS; round++)); do
		took=$SECONDS
		# Each round begins with another way, so that none always follows the
		# same one.
		order=("${@:1 + (round - 1) % $#}" "${@:1:(round - 1) % $#}")
		for key in "${order[@]}"; do
			[[ $lost != *" $key "* ]] || continue
			seconds=$(sample "$key")
			printf '%s\n' "$seconds" >>"$WORK/samples/$key"
			say "$key: ${seconds% *} s ($round of $RUNS)"
		done
		[ "$round" -gt 1 ] || for key in "$@"; do
			if loses "$key" "$@"; then lost+="$key "; fi
		done
		took=$((SECONDS - took))
		if [ "$round" -lt "$RUNS" ] && { [ $((SECONDS - began + took)) -gt "$limit" ] || [ $((SECONDS - STARTED)) -gt "$ENOUGH" ]; }; then
			say "$round of $RUNS rounds: the rest would take too long"
			break
		fi
	done
}

loses() {
	local key=$1 other
	shift
	for other in "$@"; do
		if [ "$other" != "$key" ] && [ "${other%?}" = "${key%?}" ] && [[ $key == *.*_[ab] ]]; then
			paste "$WORK/samples/$key" "$WORK/samples/$other" | awk '{ exit !($1 > 2 * $3) }' && return 0
		fi
	done
	return 1
}

# Numbers on stdin: median, smallest, largest.
spread() {
	sort -g | awk '{ a[NR] = $1 }
		END { if (!NR) exit 1
			print NR % 2 ? a[(NR + 1) / 2] : (a[NR / 2] + a[NR / 2 + 1]) / 2, a[1], a[NR] }'
}

median() { spread <"$WORK/samples/$1" | cut -d' ' -f1; }
rounds() { wc -l <"$WORK/samples/$1"; }
measured() { [ -s "$WORK/samples/$1" ]; }

# compared TEXT KEY BASE OPERATOR TARGET UNIT: KEY / BASE as a measure.
compared() { measure "$1" "$(ratio "$2" "$3")" "$4" "$5" "$6" "$(ratio "$2" "$3" 2)"; }

# The better of two variants, by their medians; the one that was dropped after
# a round has only that.
best() {
	local a=$1 b=$2
	if awk -v a="$(median "$a")" -v b="$(median "$b")" 'BEGIN { exit !(a <= b) }'; then echo "$a"; else echo "$b"; fi
}

# ratio KEY BASE [2]: median, smallest and largest of KEY / BASE, round by
# round; 2: of the processor's time.
ratio() {
	paste -d ' ' <(cut -d' ' -f"${3:-1}" "$WORK/samples/$1") <(cut -d' ' -f"${3:-1}" "$WORK/samples/$2") |
		awk 'NF == 2 && $2 > 0 { print $1 / $2 }' | spread
}

# ---- what is reported ----

# measure TEXT "MEDIAN MIN MAX" OPERATOR TARGET UNIT ["MEDIAN MIN MAX"]: a line
# of the first table; a target that is missed is marked so that it is seen. The
# last is the same of the processor's time, for the reader: the target is for
# the clock's.
measure() {
	local met
	awk -v v="${2%% *}" -v op="$3" -v t="$4" 'BEGIN { exit !((op == ">=") ? v >= t : v <= t) }' &&
		met=yes || met='**no**'
	awk -v what="$1" -v three="$2" -v op="$3" -v t="$4" -v unit="$5" -v cpu="${6:-}" -v met="$met" 'BEGIN {
		split(three, v, " ")
		split(cpu, c, " ")
		f = (v[1] < 0.1) ? "%.3f" : (v[1] < 10) ? "%.2f" : "%.1f"
		printf "| %s | " f "%s (" f " to " f ") | %s | %s %s%s | %s |\n", what, v[1], unit, v[2], v[3],
			(c[1] > 0) ? sprintf("%.2f ×", c[1]) : "–", (op == ">=") ? "≥" : "≤", t, unit, met }' >>"$WORK/measures.md"
}

# unmeasured TEXT TARGET WHY
unmeasured() { printf '| %s | not measured: %s | – | %s | – |\n' "$1" "$3" "$2" >>"$WORK/measures.md"; }

# detail TITLE ROWS BASE KEY...: the ways with their times, and against BASE.
detail() {
	local title=$1 rows=$2 base=$3 key
	shift 3
	{
		printf '\n| %s | seconds | rows/s | time / time of %s | CPU / CPU | rounds | command |\n|---|---|---|---|---|---|---|\n' \
			"$title" "${base#*.}"
		for key in "$@"; do
			measured "$key" || continue
			awk -v key="${key#*.}" -v s="$(spread <"$WORK/samples/$key")" -v r="$(ratio "$key" "$base")" \
				-v cpu="$(ratio "$key" "$base" 2)" -v n="$(rounds "$key")" -v rows="$rows" 'BEGIN {
					split(s, t, " "); split(r, q, " "); split(cpu, c, " ")
					printf "| %s | %.2f (%.2f to %.2f) | %.0f k | %.2f × (%.2f to %.2f) | %s | %d |",
						key, t[1], t[2], t[3], rows / t[1] / 1000, q[1], q[2], q[3],
						(c[1] > 0) ? sprintf("%.2f × (%.2f to %.2f)", c[1], c[2], c[3]) : "–", n }'
			printf ' %s |\n' "$(command_of "$key")"
		done
	} >>"$WORK/details.md"
}

# The exact command of a way on one line of Markdown.
command_of() {
	local line=${WAY_COMMAND[$1]//"$WORK/"/}
	# shellcheck disable=SC2016
	printf '`%s`' "${line//$'\n'/ }"
}
