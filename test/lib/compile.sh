# shellcheck shell=bash
# compile.sh: the compiler's options for checks outside make, in one place.

# Flags with which every source must be free of warnings, on gcc and clang:
# sets COMPILE_FLAGS.
compile_flags() {
	local version
	version=$(sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" "$TOP/selfheal.control")
	# The server's headers carry gcc's format attribute, which clang ignores.
	# shellcheck disable=SC2034
	COMPILE_FLAGS=(-std=gnu99 -fvisibility=hidden -Wall -Wextra -Werror -Wno-unused-parameter
		-Wno-ignored-attributes -Wdeclaration-after-statement -Werror=vla -Wmissing-prototypes
		-D_GNU_SOURCE "-DSELFHEAL_VERSION=\"$version\""
		'-DPGDLLEXPORT=__attribute__((visibility("default")))'
		"-I$TOP/src" "-I$("$PG_CONFIG" --includedir)" "-I$("$PG_CONFIG" --includedir-server)")
	# Nothing where its headers are the system's.
	# shellcheck disable=SC2207
	COMPILE_FLAGS+=($(curl-config --cflags))
}
