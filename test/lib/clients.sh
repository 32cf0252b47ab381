# shellcheck shell=bash
# clients.sh: the official clients of MCP, for test/t/103_mcp_clients.pl.
#
# clients_fetch puts test/clients with its packages, at the versions and hashes
# of its package-lock.json, into the throwaway directory; no package's script
# runs. It sets CLIENTS_ENV, the environment by which the test finds them or
# says why it is skipped. Nothing ends where they cannot be had: a machine
# without npm, or without a network, runs all the other tests.

CLIENTS_ENV=()

# A mute registry must not eat the run's time.
CLIENTS_PATIENCE=${CLIENTS_PATIENCE:-120}

clients_fetch() {
	local dir=$WORK/clients node why=
	if ! setup_wish npm; then
		why="node or npm is not there"
	elif ! mkdir "$dir" || ! cp -r "$TOP"/test/clients/. "$dir"; then
		why="there is no room for them"
	elif ! npm_ci "$dir"; then
		why="npm could not fetch them: $(npm_word "$dir")"
	fi
	node=$(command -v node || true)
	if [ -z "$why" ]; then clients_node || why="this node cannot be run by $RUN_AS"; fi
	if [ -n "$why" ]; then
		CLIENTS_ENV=("SELFHEAL_CLIENTS_WHY=$why")
		say "left out: the official clients of MCP ($why)"
		return
	fi
	[ "$(id -u)" -ne 0 ] || chown -R "$RUN_AS" "$dir"
	CLIENTS_ENV+=("SELFHEAL_CLIENTS=$dir" "SELFHEAL_NODE=$node")
}

# The packages of a directory's package-lock.json, into its node_modules.
npm_ci() {
	local cache=() status=0
	if [ ! -w "${HOME:-/nowhere}" ]; then cache=("--cache=$WORK/npm"); fi
	pushd "$1" >/dev/null || return 1
	bounded "$CLIENTS_PATIENCE" npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier --prefer-offline \
		--fetch-timeout=20000 --fetch-retries=1 --loglevel=error "${cache[@]}" >"$1.log" 2>&1 || status=$?
	popd >/dev/null || return 1
	return "$status"
}

# What it said of its failure.
npm_word() { grep -E -m 2 '^(stopped:|npm (error|ERR!))' "$1.log" | tr '\n' ' ' | cut -c 1-200; }

# The second generation wants a newer node than some systems have (Debian 12:
# 18): then one from the registry is used, and where that is not to be had
# the first generation alone is tried.
clients_node() {
	local own major
	major=$("$node" -p 'process.versions.node.split(".")[0]' 2>/dev/null) || return 1
	if [ "$major" -lt 20 ]; then
		if npm_ci "$dir/node"; then
			for own in "$dir"/node/node_modules/node-linux-*/bin/node; do
				if "$own" --version >/dev/null 2>&1; then
					node=$own
					return 0
				fi
			done
		fi
		CLIENTS_ENV=("SELFHEAL_CLIENTS_OLD=they need node 20 or later, this is $major")
	fi
	as_user "$node" --version >/dev/null 2>&1
}
