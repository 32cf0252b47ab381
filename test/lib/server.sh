# shellcheck shell=bash
# server.sh: build, stage and start: a throwaway server with selfheal in it.
#
# Nothing is installed into the system. `make install DESTDIR=...` stages the
# files and the server is told where they are: extension_destdir (Debian, 15
# to 17) or extension_control_path (18 and later). Other builds before 18
# have no such setting and need `make install` first.

# Build in the tree when it is ours to write to, else in a copy of it; one
# build at a time, since demo, test and bench may run at once.
build() {
	local tree=$TOP log=$WORK/build.log
	say "building for PostgreSQL $PG_VERSION (gcc)"
	if [ ! -w "$TOP" ] || [ ! -w "$TOP/src" ]; then
		tree=$WORK/build
		mkdir -p "$tree"
		cp -r "$TOP"/{Makefile,selfheal.control,src,sql,test} "$tree/"
	fi
	exec 9<"$TOP/Makefile"
	flock 9
	if ! bounded 600 make -s -C "$tree" -j2 with_llvm=no CC=gcc PG_CONFIG="$PG_CONFIG" all >"$log" 2>&1 ||
		! bounded 60 make -s -C "$tree" with_llvm=no CC=gcc PG_CONFIG="$PG_CONFIG" \
			DESTDIR="$WORK/stage" install >>"$log" 2>&1; then
		tail -n 40 "$log" >&2
		echo "the build failed" >&2
		return 1
	fi
	flock -u 9
	exec 9<&-
}

# Settings by which a server finds the staged files, into the file given.
stage_conf() {
	local libdir sharedir
	libdir=$("$PG_CONFIG" --pkglibdir)
	sharedir=$("$PG_CONFIG" --sharedir)
	{
		if as_user "$PG_BIN/postgres" --describe-config | grep '^extension_destdir' >/dev/null; then
			echo "extension_destdir = '$WORK/stage'"
			echo "dynamic_library_path = '$WORK/stage$libdir:\$libdir'"
		elif [ "$PG_MAJOR" -ge 18 ]; then
			echo "extension_control_path = '$WORK/stage$sharedir:\$system'"
			echo "dynamic_library_path = '$WORK/stage$libdir:\$libdir'"
		elif [ ! -f "$sharedir/extension/selfheal.control" ]; then
			die "this PostgreSQL $PG_VERSION can load an extension from its own directories only" \
				"(it has neither extension_destdir nor extension_control_path): run make install first."
		fi
	} >"$1"
}

# server_start DATABASE [SETTING...]: a new cluster with a database in it.
server_start() {
	local database=$1 data=$WORK/data setting
	shift
	say "starting a throwaway server in $WORK (no TCP, user $RUN_AS)"
	bounded_user 120 "$PG_BIN/initdb" -D "$data" -A trust -U postgres -E UTF8 --locale=C -N \
		>"$WORK/initdb.log" 2>&1 || { tail -n 20 "$WORK/initdb.log" >&2; die "initdb failed"; }
	stage_conf "$WORK/stage.conf"
	{
		cat "$WORK/stage.conf"
		echo "shared_preload_libraries = 'selfheal'"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/s'"
		echo "timezone = 'UTC'"
		echo "log_min_messages = log"
		for setting in "$@"; do echo "$setting"; done
	} >"$WORK/server.conf"
	as_user sh -c "cat '$WORK/server.conf' >> '$data/postgresql.conf'"
	bounded_user 60 "$PG_BIN/pg_ctl" start -s -w -t 50 -D "$data" -l "$data/server.log" || {
		tail -n 20 "$data/server.log" >&2
		die "the server did not start"
	}
	as_user "$PG_BIN/createdb" -h "$WORK/s" -U postgres "$database"
	DATABASE=$database
}

# psql as a role, with the options every use here wants; SQL from arguments
# or stdin. Limited in time, so that nothing waits for ever.
sql_as() {
	local role=$1
	shift
	as_user timeout -k 5 "${SQL_LIMIT:-120}" psql -X -q -v ON_ERROR_STOP=1 \
		-h "$WORK/s" -U "$role" -d "$DATABASE" "$@"
}
sql() { sql_as postgres "$@"; }

# One value, or rows with | between the fields.
value() { sql -A -t -c "$1"; }
