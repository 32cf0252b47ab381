#!/usr/bin/env bash
# lint.sh: make lint. Warnings are errors: gcc, clang, clang-tidy (the checks
# are in .clang-tidy), and shellcheck over the scripts.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/compile.sh"

FAULTS=0

# each NAME FILES... -- COMMAND...: the command for each file, two at a time.
each() {
	local name=$1 files=()
	shift
	while [ "$1" != -- ]; do
		files+=("$1")
		shift
	done
	shift
	say "$name"
	printf '%s\0' "${files[@]}" | xargs -0 -n 1 -P 2 "$@" || FAULTS=$((FAULTS + 1))
}

# tidy FLAGS... FILE: what it says in one piece, without its counts. With
# assertions, since they tell the analyser what the code relies on.
tidy() {
	local file=${!#} out status=0
	out=$(clang-tidy --quiet "$file" -- "${@:1:$#-1}" 2>/dev/null) || status=$?
	[ -z "$out" ] || printf '%s\n' "$out"
	return "$status"
}
export -f tidy

main() {
	local sources
	setup build lint
	compile_flags
	cd "$TOP"
	sources=(src/*.c src/*/*.c test/*/*.c test/lib/*/*.c)
	each gcc "${sources[@]}" -- gcc -fsyntax-only "${COMPILE_FLAGS[@]}"
	each clang "${sources[@]}" -- "$CLANG" -fsyntax-only "${COMPILE_FLAGS[@]}"
	each clang-tidy "${sources[@]}" -- bash -c 'tidy "$@"' tidy "${COMPILE_FLAGS[@]}" -DUSE_ASSERT_CHECKING
	each shellcheck .ci/run test/run test/lib/*.sh test/demo/*.sh test/bench/*.sh test/fuzz/*.sh \
		-- shellcheck -x -P SCRIPTDIR -P test/lib
	[ "$FAULTS" -eq 0 ] || die "faults in $FAULTS of 4 passes"
	say "clean"
}

main "$@"
