#!/usr/bin/env bash
# run.sh [COUNT | SECONDSs]: make fuzz. A million documents (or COUNT, or for
# so many seconds) through the JSON scanner under sanitizers, a fiftieth of that
# as lists of values through the transforms' readers, a tenth through SQL, and
# as many statements through the vetter. What breaks the scanner or a reader is
# kept: its path is the last line.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/../lib/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/server.sh"
. "$TOP/test/lib/compile.sh"

# Where a document that broke something is left for a person.
ARTIFACTS=${TMPDIR:-/tmp}/selfheal-fuzz

# build_target NAME SOURCES...: libFuzzer's target and the rooms that it tries.
build_target() {
	local name=$1
	shift
	# -Wmissing-prototypes has nothing to say of a test's entry points.
	"$CLANG" -g -O1 -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=all -DUSE_ASSERT_CHECKING \
		"${COMPILE_FLAGS[@]}" -I"$TOP/test/fuzz" "$TOP"/test/fuzz/{stubs,documents}.c "$@" -lm -o "$WORK/$name"
}

build_targets() {
	say "building the scanner and the transforms' readers with address and undefined behaviour sanitizers"
	compile_flags
	build_target scanner_fuzz "$TOP"/test/fuzz/{reference,scanner_fuzz}.c "$TOP"/src/read/json*.c
	build_target transform_fuzz "$TOP"/test/fuzz/transform_{stubs,fuzz}.c \
		"$TOP"/src/read/{blanks,coordinate,number,numerals,pointproof,points,shown,timeformat,timeproof,timestamps,zones}.c
}

# fuzz NAME WHAT LIMIT
fuzz() {
	local name=$1 what=$2 limit=$3 status=0
	mkdir "$WORK/$name.corpus"
	mkdir -p "$ARTIFACTS"
	say "$what: $limit${SEED:+, seed $SEED}"
	case $limit in
	*s) limit=-max_total_time=${limit%s} ;;
	*) limit=-runs=$limit ;;
	esac
	bounded 7200 "$WORK/$name" "$limit" -max_len=8192 -timeout=10 -print_final_stats=1 -seed="${SEED:-0}" \
		-artifact_prefix="$ARTIFACTS/" "$WORK/$name.corpus" >"$WORK/$name.log" 2>&1 || status=$?
	if [ "$status" -ne 0 ]; then
		grep -v -E '^#[0-9]+' "$WORK/$name.log" | tail -n 60 >&2
		die "the $what broke a promise; what broke it is in $ARTIFACTS"
	fi
	rmdir "$ARTIFACTS" 2>/dev/null || true
	awk '/^Done/ { print "   " $0 } /^#.*DONE/ { print "    coverage " $4 }' "$WORK/$name.log"
}

# through_sql FILE WHAT COUNT NAME=COUNT: one of test/t, with more of it.
through_sql() {
	local file=$1 what=$2 status=0 log=$WORK/${1%.pl}.log
	say "$what: $3"
	if [ ! -d "$WORK/tree" ]; then
		stage_conf "$WORK/tap.conf"
		mkdir -p "$WORK/tree/test"
		cp -r "$TOP/sql" "$WORK/tree/"
		cp -r "$TOP/test/t" "$WORK/tree/test/"
		[ "$(id -u)" -ne 0 ] || chown -R "$RUN_AS" "$WORK/tree" "$WORK/stage"
		as_user mkdir "$WORK/tmp_check" "$WORK/tmp_check/log"
	fi
	bounded_user 7200 env TESTDIR="$WORK" TESTDATADIR="$WORK/tmp_check" TESTLOGDIR="$WORK/tmp_check/log" \
		PG_REGRESS="$PG_TOOLS/src/test/regress/pg_regress" TEMP_CONFIG="$WORK/tap.conf" \
		"$4" "FUZZ_SEED=${SEED:-$(date +%s)}" \
		prove -v -I "$PG_TOOLS/src/test/perl" "$WORK/tree/test/t/$file" >"$log" 2>&1 || status=$?
	grep -E '^# (FUZZ_SEED|[0-9]+ statements, )' "$log" | sort -u | sed 's/^#/   /'
	if [ "$status" -ne 0 ]; then
		grep -E '^(not ok|#)' "$log" | cut -c1-2000 | head -n 60 >&2
		die "see above; FUZZ_SEED and ${4%%=*} make the same again"
	fi
	printf '    %s checks passed\n' "$(grep -c '^ok ' "$log")"
}

main() {
	local limit=${1:-${LIMIT:-1000000}} readers sql vet
	[[ $limit =~ ^[0-9]+s?$ ]] || die "how many documents, or for how many seconds? run.sh 1000000, run.sh 60s"
	setup build test fuzz
	make_workdir
	build
	build_targets
	# a document through SQL costs what ten through the scanner do, a list of
	# values what fifty do
	case $limit in
	*s) readers=$limit sql=$((${limit%s} * 200)) vet=$((${limit%s} * 4000)) ;;
	*) readers=$((limit / 50)) sql=$((limit / 10)) vet=$limit ;;
	esac
	fuzz scanner_fuzz scanner "$limit"
	fuzz transform_fuzz "transforms' readers" "$readers"
	sql=$((sql < 2000 ? 2000 : sql))
	vet=$((vet < 2000 ? 2000 : vet))
	through_sql 080_fuzz.pl "documents through SQL" "$sql" "FUZZ_DOCUMENTS=$sql"
	through_sql 081_fuzz_vet.pl "statements through the vetter" "$vet" "FUZZ_STATEMENTS=$vet"
	say "nothing found, $((SECONDS - STARTED)) s"
}

main "$@"
