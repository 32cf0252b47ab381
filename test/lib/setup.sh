# shellcheck shell=bash
# setup.sh: is everything there that a target needs?
#
# setup build|test|format|lint... looks for each need by what it does, not by
# a package's name. On a Debian-like system, as root or with sudo that asks
# nothing, what is missing is installed by name; elsewhere the list is printed
# and we end. Sets PG_CONFIG, PG_BIN, PG_MAJOR, PG_VERSION, PG_TOOLS, CLANG.
#
# setup_wish pgloader|valgrind|npm...: the same for what can be done without: it
# is looked for, installed where that is possible, and nothing ends without it.

MISSING=()
PACKAGES=()

# need WHAT PACKAGES COMMAND...: COMMAND says whether it is there.
need() {
	local what=$1 packages=$2
	shift 2
	"$@" >/dev/null 2>&1 && return
	MISSING+=("$what")
	# shellcheck disable=SC2206
	PACKAGES+=($packages)
}

has() { command -v "$1"; }

# A PostgreSQL that extensions can be built for and servers started from.
usable_pg() {
	local config=$1 pgxs
	command -v "$config" >/dev/null 2>&1 || return 1
	pgxs=$("$config" --pgxs 2>/dev/null) && [ -f "$pgxs" ] || return 1
	[ -f "$("$config" --includedir-server)/postgres.h" ] || return 1
	[ -x "$("$config" --bindir)/initdb" ] && [ -x "$("$config" --bindir)/postgres" ] || return 1
	[ -x "$("$config" --bindir)/psql" ] || return 1
	pg_major "$config" >/dev/null
}

# 15 to 18, or nothing.
pg_major() {
	local major
	major=$("$1" --version | sed 's/^[^0-9]*\([0-9]*\).*/\1/')
	[ "$major" -ge 15 ] && [ "$major" -le 18 ] && echo "$major"
}

# The one that was named, else the PATH's, else Debian's newest, else nothing.
find_pg() {
	local config
	if [ -n "${PG_CONFIG:-}" ]; then
		if usable_pg "$PG_CONFIG"; then
			echo "$PG_CONFIG"
			return 0
		fi
		return 1
	fi
	for config in pg_config /usr/lib/postgresql/{18,17,16,15}/bin/pg_config \
		/usr/pgsql-{18,17,16,15}/bin/pg_config; do
		if usable_pg "$config"; then
			echo "$config"
			return 0
		fi
	done
	return 1
}

# The version whose packages complete what is there, or the newest on offer.
debian_pg_version() {
	local v
	case ${PG_CONFIG:-} in
	/usr/lib/postgresql/*/bin/pg_config)
		v=${PG_CONFIG#/usr/lib/postgresql/}
		echo "${v%%/*}"
		return
		;;
	esac
	for v in 18 17 16 15; do
		if [ -x "/usr/lib/postgresql/$v/bin/postgres" ]; then
			echo "$v"
			return
		fi
	done
	for v in 18 17 16 15; do
		if apt-cache show "postgresql-server-dev-$v" >/dev/null 2>&1; then
			echo "$v"
			return
		fi
	done
	echo 15
}

test_modules_there() {
	local tools
	tools=$(dirname "$("$(find_pg)" --pgxs)")/../..
	[ -x "$tools/src/test/regress/pg_regress" ] &&
		[ -x "$tools/src/test/isolation/pg_isolation_regress" ] &&
		[ -f "$tools/src/test/perl/PostgreSQL/Test/Cluster.pm" ]
}

gssapi_there() {
	local config
	config=$(find_pg) || return 1
	"$config" --configure | grep -e with-gssapi >/dev/null || return 0
	echo '#include <gssapi/gssapi.h>' | gcc -E -x c - >/dev/null
}

find_clang() {
	local c
	for c in clang clang-{21..13}; do
		if command -v "$c"; then return 0; fi
	done
	return 1
}

has_fuzzer() {
	local clang
	clang=$(find_clang) || return 1
	echo 'int LLVMFuzzerTestOneInput(const char *d, long n) { return d == 0 && n > 0; }' |
		"$clang" -fsanitize=fuzzer,address -x c - -o /dev/null
}

# Debian keeps them apart, in a package of the compiler's version.
fuzzer_package() {
	local clang
	if clang=$(find_clang); then
		echo "libclang-rt-$("$clang" -dumpversion | cut -d. -f1)-dev"
	else
		apt-cache depends clang 2>/dev/null | sed -n 's/.*Depends: clang-\([0-9]*\)$/libclang-rt-\1-dev/p'
	fi
}

look_for() {
	local kind pg
	MISSING=()
	PACKAGES=()
	if is_debian; then pg=$(debian_pg_version); else pg=NN; fi
	for kind in "$@"; do
		case $kind in
		build)
			need "a C compiler (gcc) with the C library's headers" "gcc libc6-dev" compiles
			need "make" "make" has make
			need "PostgreSQL 15 to 18 with its server headers (pg_config, initdb, psql)" \
				"postgresql-$pg postgresql-server-dev-$pg" find_pg
			need "Kerberos headers, which this PostgreSQL's headers include" "libkrb5-dev" gssapi_there
			need "libcurl 7.85 or later with its headers (curl-config)" "libcurl4-openssl-dev" curl_there
			# an ordinary user runs the server himself
			[ "$(id -u)" -ne 0 ] || need "the command runuser" "util-linux" has runuser
			;;
		test)
			need "clang" "clang" find_clang
			need "prove and Test::More (perl)" "perl" perl_tests
			need "the perl module IPC::Run" "libipc-run-perl" perl -MIPC::Run -e 1
			need "openssl (certificates of a test's server)" "openssl" has openssl
			need "pg_regress, pg_isolation_regress and PostgreSQL::Test::Cluster" \
				"postgresql-client-$pg postgresql-server-dev-$pg" test_modules_there
			;;
		fuzz)
			need "clang" "clang" find_clang
			need "clang's libFuzzer and sanitizers" "$(fuzzer_package)" has_fuzzer
			;;
		format)
			need "pg_bsd_indent" "pg-bsd-indent" has pg_bsd_indent
			need "perl" "perl" has perl
			;;
		pgloader) need "pgloader" "pgloader" has pgloader ;;
		valgrind) need "valgrind" "valgrind" has valgrind ;;
		npm)
			need "node" "nodejs" has node
			need "npm" "npm" has npm
			;;
		lint)
			need "clang" "clang" find_clang
			need "clang-tidy" "clang-tidy" has clang-tidy
			need "shellcheck" "shellcheck" has shellcheck
			;;
		esac
	done
}

# "checkfor" is silent about what it finds new enough.
curl_there() { [ -z "$(curl-config --checkfor 7.85 2>&1)" ]; }
compiles() { echo '#include <stdio.h>' | gcc -E -x c - >/dev/null; }
perl_tests() { command -v prove && perl -MTest::More -e 1; }
is_debian() { [ -f /etc/debian_version ] && command -v apt-get >/dev/null 2>&1; }

install_packages() {
	local sudo=() conf=/etc/postgresql-common/createcluster.conf wanted=() p
	if [ "$(id -u)" -ne 0 ]; then sudo=(sudo -n); fi
	for p in $(printf '%s\n' "${PACKAGES[@]}" | sort -u); do
		# What is installed stays at its version: an upgrade of a server
		# package would restart the servers of this machine.
		dpkg-query -W -f='${Status}\n' "$p" 2>/dev/null | grep ' installed$' >/dev/null || wanted+=("$p")
	done
	[ ${#wanted[@]} -gt 0 ] || return 0
	say "installing ${wanted[*]}"
	# A fresh server package would make and start a cluster on port 5432.
	# Where nobody has decided that yet, we decide against it.
	if [ ! -e "$conf" ] && [ ! -d /etc/postgresql ]; then
		say "so that no server is made on port 5432: create_main_cluster = false in $conf"
		"${sudo[@]}" mkdir -p "$(dirname "$conf")"
		echo "create_main_cluster = false" | "${sudo[@]}" tee "$conf" >/dev/null
	fi
	"${sudo[@]}" apt-get update -qq >/dev/null 2>&1 || true
	"${sudo[@]}" env DEBIAN_FRONTEND=noninteractive UCF_FORCE_CONFFOLD=1 \
		apt-get install -y -qq --no-install-recommends "${wanted[@]}" >"${TMPDIR:-/tmp}/selfheal-apt.$$" 2>&1 || {
		tail -n 15 "${TMPDIR:-/tmp}/selfheal-apt.$$" >&2
		rm -f "${TMPDIR:-/tmp}/selfheal-apt.$$"
		die "apt-get could not install: ${wanted[*]}"
	}
	rm -f "${TMPDIR:-/tmp}/selfheal-apt.$$"
}

can_install() {
	is_debian || return 1
	[ "$(id -u)" -eq 0 ] || { command -v sudo >/dev/null 2>&1 && sudo -n true >/dev/null 2>&1; }
}

setup() {
	look_for "$@"
	if [ ${#MISSING[@]} -gt 0 ]; then
		if can_install; then
			install_packages
			look_for "$@"
		fi
	fi
	if [ ${#MISSING[@]} -gt 0 ]; then
		{
			if [ -n "${PG_CONFIG:-}" ]; then echo "PG_CONFIG=$PG_CONFIG"; fi
			echo "missing:"
			printf '  %s\n' "${MISSING[@]}"
			if is_debian; then
				echo "as root: apt-get install $(printf '%s\n' "${PACKAGES[@]}" | sort -u | tr '\n' ' ')"
			fi
		} >&2
		exit 1
	fi
	if PG_CONFIG=$(find_pg); then
		PG_BIN=$("$PG_CONFIG" --bindir)
		PG_MAJOR=$(pg_major "$PG_CONFIG")
		PG_VERSION=$("$PG_CONFIG" --version | sed 's/^PostgreSQL //; s/ .*//')
		PG_TOOLS=$(cd "$(dirname "$("$PG_CONFIG" --pgxs)")/../.." && pwd)
	fi
	CLANG=$(find_clang) || CLANG=
	# shellcheck disable=SC2034
	: "${PG_BIN:=}" "${PG_MAJOR:=}" "${PG_VERSION:=}" "${PG_TOOLS:=}" "$CLANG"
	choose_user
}

# True when each of them is there in the end.
setup_wish() {
	look_for "$@"
	if [ ${#MISSING[@]} -gt 0 ] && can_install; then
		(install_packages) || true
		look_for "$@"
	fi
	[ ${#MISSING[@]} -eq 0 ]
}
