# pg_vitals: the front door. `make demo` and `make check` do everything; `make && sudo make install` builds and installs
# into the server that PG_CONFIG names.
include sources.mk

EXTENSION = pg_vitals
EXTVERSION = $(shell sed -n "s/^default_version = '\(.*\)'/\1/p" pg_vitals.control)
MODULE_big = pg_vitals
OBJS = $(patsubst %.cpp,%.o,$(CORE_SOURCES) $(PG_SOURCES) $(EXTENSION_SOURCES))
DATA_built = sql/pg_vitals--$(EXTVERSION).sql
EXTRA_CLEAN = $(OBJS:.o=.d)

PG_CPPFLAGS = -Isrc -isystem $(shell $(PG_CONFIG) --includedir-server) -DVITALS_VERSION='"$(EXTVERSION)"'
PG_CXXFLAGS = -std=c++20 -Wall -Wextra -Werror -fvisibility=hidden -MMD -MP
SHLIB_LINK = -lstdc++ -lsodium

PG_CONFIG ?= pg_config
override with_llvm := no
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

-include $(OBJS:.o=.d)

sql/pg_vitals--$(EXTVERSION).sql: $(SQL_PARTS) sources.mk
	cat $(SQL_PARTS) > $@
