#!/usr/bin/env bash
# format.sh: make format, make format-check. PostgreSQL's layout of C, by its
# own indenter with its own options, and whitespace at line ends everywhere.
#
# The indenter must know which words are types. The list is made of the
# typedefs that the preprocessed sources see and that our sources use.

# shellcheck source-path=SCRIPTDIR
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
. "$TOP/test/lib/setup.sh"
. "$TOP/test/lib/compile.sh"

OPTIONS=(-bad -bap -bbb -bc -bl -cli1 -cp33 -cdb -nce -d0 -di12 -nfc1 -i4
	-l79 -lp -lpl -nip -npro -sac -tpg -ts4)

typedefs() {
	local file
	for file in "$TOP"/src/*.c "$TOP"/src/*/*.[ch] "$TOP"/test/{fuzz,bench,lib/*}/*.[ch]; do
		[ -e "$file" ] || continue
		gcc -E -P -x c "${COMPILE_FLAGS[@]}" "$file" || die "could not preprocess $file"
	done | perl -0777 -ne '
		s/__attribute__\s*(\((?:[^()]++|(?1))*\))//g;
		s/__extension__//g;
		while (/\btypedef\b/g)
		{
			# The declaration up to its semicolon, bodies and all.
			next unless /\G((?:[^{};]++|(\{(?:[^{}]++|(?2))*\}))*);/gc;
			my $decl = $1;
			$decl =~ s/(\{(?:[^{}]++|(?1))*\})/ /g;
			if ($decl =~ /\(\s*\*\s*(\w+)\s*(?:\[[^\]]*\])?\)\s*\(/) { print "$1\n" }
			elsif ($decl =~ /(\w+)\s*\(/)                            { print "$1\n" }
			else { print "$1\n" while $decl =~ /(\w+)\s*(?:\[[^\]]*\]\s*)*(?:,|$)/g }
		}' | sort -u >"$WORK/seen"
	cat "$TOP"/src/*.[ch] "$TOP"/src/*/*.[ch] "$TOP"/test/*/*.[ch] "$TOP"/test/lib/*/*.[ch] | grep -o -E '[A-Za-z_][A-Za-z0-9_]*' | sort -u >"$WORK/used"
	# Plain words are types in some header and names of variables elsewhere.
	comm -12 "$WORK/seen" "$WORK/used" | grep -v -x -E '[a-z]+' || true
	printf '%s\n' bool bytea regproc
}

# One file on stdin, indented, on stdout.
indent() {
	# A function's return type stands alone on its line: it is no declaration
	# whose star is to be lined up. "text" is one of the plain words above.
	(cd "$WORK" && pg_bsd_indent "${OPTIONS[@]}" -U"$WORK/typedefs" |
		sed -E -e 's/[ \t]*$//' -e 's/^([A-Za-z_][A-Za-z0-9_ ]*[A-Za-z0-9_])[ \t]+(\*+)$/\1 \2/' \
			-e 's/([(, ])text \* ([a-z_])/\1text *\2/g')
}

main() {
	local check=${1:-} file changed=0
	setup build format
	compile_flags
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/selfheal.XXXXXX")
	typedefs >"$WORK/typedefs"
	for file in "$TOP"/src/*.[ch] "$TOP"/src/*/*.[ch] "$TOP"/test/{fuzz,bench,lib/*}/*.[ch]; do
		[ -e "$file" ] || continue
		indent <"$file" >"$WORK/new" 2>"$WORK/err" || die "pg_bsd_indent: ${file#"$TOP"/}" "$(cat "$WORK/err")"
		if [ -s "$WORK/err" ]; then
			sed "s|^|${file#"$TOP"/}: |" "$WORK/err" >&2
			changed=1
		fi
		cmp -s "$file" "$WORK/new" && continue
		changed=1
		if [ "$check" = --check ]; then
			diff -u --label "${file#"$TOP"/}" --label "${file#"$TOP"/} (formatted)" "$file" "$WORK/new" || true
		else
			cat "$WORK/new" >"$file"
			say "formatted ${file#"$TOP"/}"
		fi
	done
	if [ "$check" = --check ]; then
		[ "$changed" -eq 0 ] || die "not formatted: run make format"
	fi
	say "the layout is PostgreSQL's"
}

main "$@"
