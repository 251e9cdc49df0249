# pg_vitals: the front door. `make help` lists what there is.
#
# Two kinds of targets: those of a newcomer and of CI (demo, check, …) are scripts and need nothing installed, since they
# install it; the others build and install into the server that PG_CONFIG names, with PGXS.
include sources.mk

.DEFAULT_GOAL := all
FRONT_DOOR := help packages demo demo-stop check bench lint format

ifneq ($(filter $(FRONT_DOOR),$(MAKECMDGOALS)),)
# ---- scripts; variables on the command line (SERVER=, SANITIZE=, …) reach them through the environment
.PHONY: $(MAKECMDGOALS)

help:
	@echo 'make demo           build, start a private server, three simulated SQL Servers and the REST API, show samples'
	@echo '                    SERVER=host:port LOGIN=name adds a SQL Server of yours (asks for the password)'
	@echo 'make demo-stop      end and remove the demo'
	@echo 'make check          build and run every test; SANITIZE=address,undefined or thread: under a sanitizer'
	@echo 'make lint           check sources, format and clang-tidy only'
	@echo 'make bench          measure what polling, storing and the REST API cost'
	@echo 'make format         format the C++ sources in place'
	@echo 'make packages       install the Debian packages that the targets above need'
	@echo 'make                build module, prober and SQL for the server of PG_CONFIG; V=1 shows the commands'
	@echo 'make install        install them there; make uninstall removes them'
	@echo 'make clean          remove what was built'

packages:
	@scripts/install_packages.sh build demo check

demo:
	@scripts/demo.sh start

demo-stop:
	@scripts/demo.sh stop

check:
	@scripts/check.sh

bench:
	@scripts/check.sh bench

lint:
	@scripts/check.sh lint

format:
	@find src test -name '*.cpp' -o -name '*.h' | grep -v /node_modules/ | xargs clang-format -i

# `make clean check`: the rest of the goals is for the other half.
$(filter-out $(FRONT_DOOR),$(MAKECMDGOALS)):
	@$(MAKE) --no-print-directory $@

else
# ---- PGXS
PG_CONFIG ?= pg_config
ifeq ($(shell command -v $(PG_CONFIG)),)
$(error no $(PG_CONFIG): install the development package of PostgreSQL's server (make packages), or name it: make PG_CONFIG=/path/to/pg_config)
endif

BUILD := .build/make
objects_of = $(patsubst %.cpp,$(BUILD)/%.o,$(1))

EXTENSION = pg_vitals
EXTVERSION := $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pg_vitals.control)
MODULE_big = pg_vitals
CORE_OBJS := $(call objects_of,$(CORE_SOURCES))
OBJS := $(CORE_OBJS) $(call objects_of,$(PG_SOURCES) $(EXTENSION_SOURCES))
# Upgrade scripts, and the install scripts of the versions that they start from.
DATA = $(UPGRADE_SCRIPTS)
DATA_built = sql/pg_vitals--$(EXTVERSION).sql

# A program and not a module, so PGXS, which makes one of both, does not build it. It runs beside the server and not in
# it: its directory is the server's own, out of PATH.
PROBER := $(BUILD)/vitals_prober
PROBER_OBJS := $(call objects_of,$(PROBER_SOURCES) $(PROBER_MAIN_SOURCES))

EXTRA_CLEAN = $(BUILD)

WARNINGS = -Wall -Wextra -Werror
# -isystem: the server's headers are not ours to keep free of warnings.
PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -DVITALS_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS = -std=c++20 $(WARNINGS) -fvisibility=hidden -MMD -MP
SHLIB_LINK = -lstdc++ -lsodium

PROBER_CPPFLAGS = -Isrc -DVITALS_VERSION='"$(EXTVERSION)"' -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2
PROBER_CXXFLAGS = -std=c++20 $(WARNINGS) -O2 -g -fPIE -fstack-protector-strong -fstack-clash-protection -MMD -MP
# -rdynamic and objects instead of an archive: the prober replaces functions of libc for the libraries it loads.
PROBER_LDFLAGS = -pie -rdynamic -Wl,-z,relro -Wl,-z,now -Wl,-z,noexecstack
PROBER_LIBS = -lfmt -lsybdb -lgnutls -lgssapi_krb5 -lkrb5 -lsodium -lseccomp -ljemalloc -lpthread

# No bitcode: nothing of this is called often enough for the JIT, and the step needs a clang of the server's version.
override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

ifneq ($(shell command -v ccache),)
CXX := ccache $(CXX)
endif

# One short line per file; V=1 shows the commands.
ifndef V
.SILENT:
say = @printf '  %-7s %s\n' '$(1)' '$(2)'
endif

# Everything is compiled again when the server's version or the flags change.
FLAGS_FILE := $(BUILD)/flags
$(FLAGS_FILE): FORCE
	mkdir -p $(@D)
	printf '%s\n' '$(VERSION) $(EXTVERSION) $(CXX) $(CXXFLAGS) $(PROBER_CXXFLAGS)' | cmp -s - $@ || \
	  printf '%s\n' '$(VERSION) $(EXTVERSION) $(CXX) $(CXXFLAGS) $(PROBER_CXXFLAGS)' > $@
FORCE:
.PHONY: FORCE

$(PROBER_OBJS): $(BUILD)/%.o: %.cpp $(FLAGS_FILE)
	$(call say,CXX,$<)
	mkdir -p $(@D)
	$(CXX) $(PROBER_CXXFLAGS) $(PROBER_CPPFLAGS) -c -o $@ $<

$(OBJS): $(BUILD)/%.o: %.cpp $(FLAGS_FILE)
	$(call say,CXX,$<)
	mkdir -p $(@D)
	$(CXX) $(CXXFLAGS) $(CPPFLAGS) -c -o $@ $<

-include $(OBJS:.o=.d) $(PROBER_OBJS:.o=.d)

$(PROBER): $(PROBER_OBJS) $(CORE_OBJS)
	$(call say,LINK,$@)
	$(CXX) $(PROBER_LDFLAGS) -o $@ $^ $(PROBER_LIBS)

# A line "@include FILE" of a part stands for the contents of sql/FILE.
sql/pg_vitals--$(EXTVERSION).sql: $(SQL_PARTS) $(wildcard sql/*.json) sources.mk
	$(call say,SQL,$@)
	awk '/^@include / { file = "sql/" $$2; while ((got = (getline line < file)) > 0) print line; if (got < 0) exit 1; next } { print }' \
	  $(SQL_PARTS) > $@.new
	mv $@.new $@

all: $(PROBER)

install: install-prober
install-prober: all
	$(MKDIR_P) '$(DESTDIR)$(pkglibdir)/pg_vitals'
	$(INSTALL) -m 755 $(PROBER) '$(DESTDIR)$(pkglibdir)/pg_vitals/vitals_prober'
	$(call say,INSTALL,$(DESTDIR)$(pkglibdir) and $(DESTDIR)$(datadir)/extension)

uninstall: uninstall-prober
uninstall-prober:
	rm -f '$(DESTDIR)$(pkglibdir)/pg_vitals/vitals_prober'
	rmdir '$(DESTDIR)$(pkglibdir)/pg_vitals' 2>/dev/null || true

.PHONY: install-prober uninstall-prober
endif
