# selfheal: a PostgreSQL extension.
#
#   make && make install        build and install, as every PGXS extension
#   make installcheck           tests against a running server that has
#                               shared_preload_libraries = 'selfheal'
#   make demo | test | bench | fuzz
#                               each sets itself up, runs on a throwaway server
#                               and leaves nothing behind; nothing is installed
#   make format | format-check | lint
#
# Another PostgreSQL: make PG_CONFIG=/usr/lib/postgresql/17/bin/pg_config

TOP := $(dir $(firstword $(MAKEFILE_LIST)))

# The version stands in the control file and nowhere else.
EXTENSION = selfheal
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" $(TOP)selfheal.control)

MODULE_big = selfheal
BRIDGE_SOURCES := $(sort $(wildcard $(TOP)src/bridge/*.c))
SOURCES := $(filter-out $(BRIDGE_SOURCES),$(sort $(wildcard $(TOP)src/*/*.c) $(wildcard $(TOP)src/selfheal.c)))
HEADER_FILES := $(wildcard $(TOP)src/*/*.h)
OBJS = $(patsubst $(TOP)%.c,%.o,$(SOURCES))

# The bridge of MCP clients is a program of its own that needs libpq alone.
BRIDGE = src/bridge/selfheal-mcp
BRIDGE_OBJS = $(patsubst $(TOP)%.c,%.o,$(BRIDGE_SOURCES))
SCRIPTS_built = $(BRIDGE)

# The install script is made of the modules' .sql parts, ground floor first:
# a part uses only what stands above it in this list.
SQL_ORDER = \
	base/shmem read/transform \
	record/audit \
	observe/watch observe/restore observe/snapshot observe/sharing observe/runbook observe/hint observe/mapping observe/contract observe/discards observe/capture observe/quarantine observe/load observe/dedupe observe/kept observe/retention \
	observe/report observe/intake observe/copyfrom observe/landing observe/registry observe/expected observe/ddl_watch \
	orient/incident orient/drift orient/packet orient/diagnose orient/locate \
	decide/plan decide/learnt decide/policy decide/subcommands decide/classes decide/replication decide/vet \
	act/sandbox act/assertions act/replay \
	serve/conversation serve/worker serve/verbs serve/foureyes serve/byhand serve/hinting serve/checking serve/governance serve/tolerance serve/breaker serve/inorder serve/statements serve/views serve/claude serve/learning serve/mappings serve/landed serve/tools mcp/protocol serve/grants
SQL_PARTS := $(wildcard $(patsubst %,$(TOP)src/%.sql,$(SQL_ORDER)))
SQL_FORGOTTEN := $(filter-out $(SQL_PARTS),$(wildcard $(TOP)src/*/*.sql))
INSTALL_SQL = sql/$(EXTENSION)--$(EXTVERSION).sql
DATA_built = $(INSTALL_SQL)
DATA = $(patsubst $(TOP)%,%,$(wildcard $(TOP)sql/$(EXTENSION)--*--*.sql))

PGFILEDESC = "selfheal - keeps rows that do not fit and heals their table"
WERROR = -Werror
# Symbols are hidden but for the entry points. PostgreSQL 15 leaves its mark
# for those empty, so it is given here, the same for all versions.
PG_CPPFLAGS = -I$(TOP)src -DSELFHEAL_VERSION='"$(EXTVERSION)"' \
	-DPGDLLEXPORT='__attribute__((visibility("default")))'
PG_CFLAGS = -std=gnu99 -fvisibility=hidden -Wall -Wextra $(WERROR) \
	-Wno-unused-parameter -Wmissing-prototypes \
	-Wdeclaration-after-statement -Werror=vla \
	$(if $(findstring clang,$(CC)),-Wno-ignored-optimization-argument -Wno-ignored-attributes -Wno-unknown-warning-option)

# The publisher of a subscription is asked by libpq.
PG_CPPFLAGS += -I$(libpq_srcdir)
SHLIB_LINK_INTERNAL = $(libpq)

# A model is asked by libcurl, 7.85 or later.
CURL_CONFIG ?= curl-config
PG_CPPFLAGS += $(shell $(CURL_CONFIG) --cflags 2>/dev/null)
SHLIB_LINK += $(shell $(CURL_CONFIG) --libs 2>/dev/null)

REGRESS = $(sort $(filter-out $(EXTENSION)--%,$(basename $(notdir $(wildcard $(TOP)sql/*.sql)))))
REGRESS_OPTS = --inputdir=$(TOP) --no-locale --encoding=UTF8
ISOLATION = $(sort $(basename $(notdir $(wildcard $(TOP)test/isolation/specs/*.spec))))
ISOLATION_OPTS = --inputdir=$(TOP)test/isolation --load-extension=$(EXTENSION) --no-locale --encoding=UTF8
ifneq ($(wildcard $(TOP)test/t/*.pl),)
TAP_TESTS = 1
PROVE_TESTS = test/t/*.pl
endif

BUILT_FOR = src/.built-for
EXTRA_CLEAN = $(BUILT_FOR) $(BRIDGE) $(BRIDGE_OBJS) $(INSTALL_SQL) results output_iso regression.diffs regression.out

# Which PostgreSQL. Without one (a bare machine) the targets that set
# themselves up still work; the others say what is missing.
PG_CONFIG ?= pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs 2>/dev/null)
ifneq ($(and $(PGXS),$(wildcard $(PGXS))),)
include $(PGXS)

# PGXS looks for it below the directory that it was installed into.
uninstall: uninstall-bridge
uninstall-bridge:
	rm -f '$(DESTDIR)$(bindir)/$(notdir $(BRIDGE))'
.PHONY: uninstall-bridge
else
all install installcheck uninstall clean:
	@echo "PostgreSQL's build files were not found by '$(PG_CONFIG) --pgxs'." >&2
	@echo "Debian and Ubuntu: apt-get install postgresql-server-dev-15 libkrb5-dev libcurl4-openssl-dev" >&2
	@echo "elsewhere: make PG_CONFIG=/path/to/pg_config" >&2
	@exit 1
endif

# Any header may matter to any object; and objects made for another
# PostgreSQL, compiler or with other flags are made again.
$(OBJS) $(OBJS:.o=.bc) $(BRIDGE_OBJS): $(HEADER_FILES) $(TOP)selfheal.control $(BUILT_FOR)

$(BUILT_FOR): FORCE
	@mkdir -p $(sort $(dir $(OBJS) $(BRIDGE)))
	@echo '$(VERSION) $(CC) $(subst ','"'"',$(CFLAGS) $(CPPFLAGS))' > $@.new
	@if cmp -s $@.new $@; then rm $@.new; else mv $@.new $@; fi

$(BRIDGE): $(BRIDGE_OBJS)
	$(CC) $(CFLAGS) $^ $(LDFLAGS) $(LDFLAGS_EX) $(libpq) -o $@

$(INSTALL_SQL): $(SQL_PARTS) $(TOP)selfheal.control $(TOP)Makefile
	@if [ -n "$(SQL_FORGOTTEN)" ]; then \
		echo "not in SQL_ORDER of the Makefile: $(SQL_FORGOTTEN)" >&2; exit 1; fi
	@mkdir -p sql
	@{ printf '%s\n' '\echo Use "CREATE EXTENSION $(EXTENSION)" to load this file. \quit'; \
		for part in $(SQL_PARTS); do echo; cat "$$part" || exit 1; done; } > $@.new
	@mv $@.new $@

# Each of these looks for what it needs first and says what is missing.
# PG_CONFIG is handed on only when it was given.
ifneq ($(filter command line environment,$(origin PG_CONFIG)),)
GIVEN_PG_CONFIG = PG_CONFIG='$(PG_CONFIG)'
endif

demo:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/demo/demo.sh

test:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/run

bench:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/bench/run.sh

fuzz:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/fuzz/run.sh $(LIMIT)

format:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/lib/format.sh

format-check:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/lib/format.sh --check

lint:
	@$(GIVEN_PG_CONFIG) bash $(TOP)test/lib/lint.sh

FORCE:
.PHONY: FORCE demo test bench fuzz format format-check lint
