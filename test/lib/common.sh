# shellcheck shell=bash
# common.sh: what every script here needs: speaking, a throwaway directory,
# running things as an ordinary user, time limits, and cleaning up.
#
# Sourced first by run, demo.sh, bench/run.sh, format.sh and lint.sh.

set -euo pipefail
LC_ALL=C
export LC_ALL
# Nothing of the caller's PostgreSQL settings may leak into a throwaway server.
unset PGHOST PGPORT PGUSER PGDATABASE PGDATA PGOPTIONS PGPASSWORD PGSERVICE \
	PGSSLMODE PGAPPNAME PGTZ PGCLIENTENCODING PGPASSFILE PGSERVICEFILE
unset MAKEFLAGS MFLAGS MAKELEVEL

# shellcheck disable=SC2034
TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
# shellcheck disable=SC2034
STARTED=$SECONDS
WORK=
CHILD=
# What we were given to speak on: a signal may arrive while a function's
# output goes to a log.
exec 3>&1 4>&2

if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	BOLD=$'\033[1m' DIM=$'\033[2m' GREEN=$'\033[32m' RED=$'\033[31m' YELLOW=$'\033[33m' PLAIN=$'\033[0m'
else
	# shellcheck disable=SC2034
	BOLD='' DIM='' GREEN='' RED='' YELLOW='' PLAIN=''
fi

# One line per step.
say() { printf '%s==%s %s\n' "$DIM" "$PLAIN" "$*"; }

die() {
	printf '%s\n' "$@" >&2
	exit 1
}

# The throwaway directory. Its path is short, since a socket's path may have
# 107 bytes; as root it belongs to the ordinary user that runs the server.
make_workdir() {
	local base=${TMPDIR:-/tmp}
	[ ${#base} -le 40 ] || base=/tmp
	WORK=$(mktemp -d "$base/selfheal.XXXXXX")
	mkdir "$WORK/s"
	if [ "$(id -u)" -eq 0 ]; then
		chown "$RUN_AS" "$WORK" "$WORK/s"
	fi
}

# The user that servers and tests run as: root may not run PostgreSQL.
choose_user() {
	local user
	if [ "$(id -u)" -ne 0 ]; then
		RUN_AS=$(id -un)
		return
	fi
	for user in "${SELFHEAL_TEST_USER:-postgres}" nobody; do
		if id "$user" >/dev/null 2>&1; then
			RUN_AS=$user
			return
		fi
	done
	die "a server cannot run as root, and there is neither a user \"postgres\" nor \"nobody\"." \
		"Run this as an ordinary user, or name one: SELFHEAL_TEST_USER=name make ..."
}

# Run a command as that user, in the throwaway directory, with a clean
# environment: HOME is there too, so that no ~/.psqlrc is read.
as_user() {
	user_command "$@"
	(cd "$WORK" && exec "${COMMAND[@]}")
}

user_command() {
	COMMAND=(env -i "PATH=$PG_BIN:/usr/local/bin:/usr/bin:/bin" "HOME=$WORK"
		"TMPDIR=$WORK/s" LC_ALL=C LANG=C TZ=UTC "TERM=${TERM:-dumb}" "$@")
	if [ "$(id -u)" -eq 0 ]; then
		COMMAND=(runuser -u "$RUN_AS" -- "${COMMAND[@]}")
	fi
}

# bounded SECONDS COMMAND...: in the background with a wait, so that a signal
# to this script is served at once and not when the command ends.
bounded() {
	local limit=$1 status=0
	shift
	timeout -k 10 "$limit" "$@" &
	CHILD=$!
	wait "$CHILD" || status=$?
	CHILD=
	if [ "$status" -eq 124 ] || [ "$status" -eq 137 ]; then
		echo "stopped: took longer than $limit s" >&2
	fi
	return "$status"
}

# as_user with a limit.
bounded_user() {
	local limit=$1 status=0
	shift
	user_command "$@"
	pushd "$WORK" >/dev/null
	bounded "$limit" "${COMMAND[@]}" || status=$?
	popd >/dev/null
	return "$status"
}

# Nothing stays: neither a child, nor a server, nor a file.
clean_up() {
	local status=$? pidfile pid
	trap - EXIT
	trap '' INT TERM HUP
	set +e
	exec >&3 2>&4
	if [ -n "$CHILD" ]; then
		kill -TERM "$CHILD" 2>/dev/null
		wait "$CHILD" 2>/dev/null
	fi
	if [ -n "$WORK" ] && [ -d "$WORK" ]; then
		while IFS= read -r pidfile; do
			[ -n "$pidfile" ] || continue
			as_user pg_ctl stop -s -m immediate -D "$(dirname "$pidfile")" >/dev/null 2>&1 && continue
			pid=$(head -n 1 "$pidfile" 2>/dev/null)
			[ -n "$pid" ] && kill -QUIT "$pid" 2>/dev/null
		done <<<"$(find "$WORK" -name postmaster.pid 2>/dev/null)"
		rm -rf "$WORK"
	fi
	if declare -F at_end >/dev/null; then
		at_end "$status" || status=$?
	fi
	exit "$status"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
