# kiln: one Makefile, one out/<variant>/.  `make help` lists the targets.
V ?= dev
O := out/$(V)
CC ?= cc
PKG_CONFIG ?= pkg-config
PREFIX ?= /usr/local
WERROR ?= -Werror
PKGS := jansson libsodium libseccomp yaml-0.1 libzstd
PKGS_FARM := sqlite3 libarchive libsolv libsolvext libcurl libmicrohttpd gnutls libgit2 p11-kit-1

WARN = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
       -Wconversion -Wno-sign-conversion -Wformat=2 -Wvla -Wwrite-strings \
       -Wpointer-arith -Wimplicit-fallthrough -Wundef
# Nothing here unwinds its stack; debuggers have .debug_frame for that.
HARDEN_dev = -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE \
    -fno-asynchronous-unwind-tables -fno-unwind-tables
HARDEN_asan = -fPIE
HARDEN = $(HARDEN_$(V))
CFLAGS ?= -O2 -g
CFLAGS_asan = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined \
              -fno-omit-frame-pointer -DKILN_ASAN
# A function that the sanitizer stands before (crypt_r) needs its library.
LDFLAGS_asan = -fsanitize=address,undefined -Wl,--no-as-needed
HARDEN_fuzz = -fPIE
CFLAGS_fuzz = $(CFLAGS_asan) -fsanitize=fuzzer-no-link
LDFLAGS_fuzz = $(LDFLAGS_asan)
# The router's flash is small: addresses to relocate are packed (DT_RELR; this
# binutils does so for x86 alone), and what nobody calls is not linked.
LDFLAGS_dev := $(if $(filter x86_64,$(shell uname -m)),-z pack-relative-relocs)
ALL_CFLAGS = -std=c17 -D_GNU_SOURCE -I. $(WARN) $(WERROR) $(HARDEN) -MMD -MP \
             -ffunction-sections -fdata-sections \
             $(INCLUDES) $(CFLAGS) $(CFLAGS_$(V))
PIE = $(or $(PIE_$(V)),-pie)
ALL_LDFLAGS = $(PIE) -Wl,-z,relro,-z,now -Wl,--as-needed -Wl,--gc-sections \
    $(LDFLAGS) $(LDFLAGS_$(V))
# Asked once, and not before the packages are there: `run` and `test` call
# tools/deps first and then make again.
pkg = $(eval $(1) := $(shell $(PKG_CONFIG) $(2)))$($(1))
LIBS = $(call pkg,LIBS,--libs $(PKGS))
LIBS_FARM = $(if $(PKGS_FARM),$(call pkg,LIBS_FARM,--libs $(PKGS_FARM)))
INCLUDES = $(call pkg,INCLUDES,--cflags $(PKGS) $(PKGS_FARM))

# V=arm64: the router's programs alone, against a root of Debian's arm64
# packages that tools/arm64-root unpacks; nothing of the farm.
ARM := aarch64-linux-gnu
ifeq ($(V),arm64)
ARM_ROOT := $(CURDIR)/out/arm64/root
override CC := $(ARM)-gcc --sysroot=$(ARM_ROOT)
AR := $(ARM)-ar
export PKG_CONFIG_SYSROOT_DIR := $(ARM_ROOT)
export PKG_CONFIG_LIBDIR := $(ARM_ROOT)/usr/lib/$(ARM)/pkgconfig
HARDEN_arm64 := $(HARDEN_dev)
endif
# V=router: the same, static, for any Linux of the compiler's architecture
# (recipes/agent).
HARDEN_router := $(HARDEN_dev)
PIE_router := -static-pie
ifneq ($(filter arm64 router,$(V)),)
PKGS_FARM :=
LIB_NOT := $(wildcard lib/db*.c)
endif

src = $(sort $(filter %.c,$(1)) $(foreach d,$(filter-out %.c,$(1)),$(wildcard $(d)/*.c)))
obj = $(patsubst %.c,$(O)/%.o,$(1))

LIB_SRC := $(filter-out $(LIB_NOT),$(call src,lib))
# Where main() lives: <folder>/main.c, and kiln's own in builder/cli/main.c.
BUILDER_PARTS := $(call src,builder builder/inputs builder/plan builder/bake builder/exec builder/judge \
    builder/keep builder/doubt)
BUILDER_LIB := $(filter-out builder/main.c,$(BUILDER_PARTS))
CLI_SRC := $(call src,builder/cli)
RUNNER_SRC := $(call src,builder/runner)
TUF_SRC := $(call src,tuf-repo)
WEB_SRC := $(call src,web web/pages web/api)
FETCH_SRC := router-agent/fetch_main.c router-agent/fetch_tls.c
AGENT_SRC := $(filter-out $(FETCH_SRC),\
    $(call src,router-agent router-agent/trust router-agent/machine router-agent/change router-agent/owner))
PROGRAMS := kiln kiln-builder kiln-runner kiln-tuf kiln-web kiln-agent kiln-agent-fetch
BIN := $(addprefix $(O)/,$(PROGRAMS))

TOOLS := $(patsubst %.c,$(O)/%,tests/support/memfind.c tests/support/publish.c tests/support/idle.c \
    tests/support/dnsload.c tests/support/dhcpload.c tests/support/tokenkey.c tests/support/roots.c \
    tests/support/peaks.c tests/support/walls.c)
# Unikernels, and what starts them: x86-64 alone.
ifeq ($(shell uname -m),x86_64)
TOOLS += $(addprefix $(O)/tests/support/solo5/,spt_tender echo wrong state)
endif
FLEET := $(addprefix $(O)/tests/fleet/,fleet kiln-tuf kiln-web)
FAULT_TOOLS := $(patsubst %,$(O)/tests/fault/%,cut record replay)
UNIT_SRC := $(wildcard tests/unit/test_*.c)
UNIT_BIN := $(patsubst tests/unit/%.c,$(O)/tests/%,$(UNIT_SRC))

.DEFAULT_GOAL := all
.PHONY: all run test fleet-test farm-test reproduce-test recipe-test fault-test slurm-test defects mutants check asan lint bench clean deps deps-test help unit tools lint-quick
all: $(BIN)

$(O)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<

$(O)/%/farm.o: ALL_CFLAGS += -DKILN_PREFIX='"$(PREFIX)"'
$(O)/libkiln.a: $(call obj,$(LIB_SRC))
	@rm -f $@
	$(AR) rcsD $@ $^

# A router's flash is small, and the agent mostly waits: it is compiled for size,
# and links a libkiln of its own that is too.
LIB_AGENT := $(O)/libkiln.a
ifneq ($(filter dev arm64 router,$(V)),)
LIB_AGENT := $(O)/libkiln-small.a
$(O)/router-agent/%.o $(O)/small/%.o: ALL_CFLAGS += -Os
$(O)/small/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -c -o $@ $<
$(O)/libkiln-small.a: $(patsubst %.c,$(O)/small/%.o,$(filter-out lib/db%,$(LIB_SRC)))
	@rm -f $@
	$(AR) rcsD $@ $^
endif

# An .incbin is a dependency that -MMD does not see.
$(O)/builder/bake/policy.o: builder/policy/assemble.sh
$(O)/builder/cli/recipe_new.o: builder/cli/skeleton.txt
$(O)/web/asset.o: $(wildcard web/static/*)

LINK = $(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^)
$(O)/kiln-builder: $(call obj,$(BUILDER_PARTS)) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
$(O)/kiln: $(call obj,$(CLI_SRC) $(BUILDER_LIB)) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
# Of the builder only what a node needs: members of an archive, on demand.
$(O)/libbuilder.a: $(call obj,$(BUILDER_LIB))
	@rm -f $@
	$(AR) rcsD $@ $^
$(O)/kiln-runner: $(call obj,$(RUNNER_SRC)) $(O)/libbuilder.a $(O)/libkiln.a
	$(LINK) $(LIBS) $(shell $(PKG_CONFIG) --libs libarchive libcurl)
$(O)/kiln-tuf: $(call obj,$(TUF_SRC)) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
$(O)/kiln-web: $(call obj,$(WEB_SRC)) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
# The resident agent links no libcurl: fetching is an executable of its own.
$(O)/kiln-agent: $(call obj,$(AGENT_SRC)) $(LIB_AGENT)
	$(LINK) $(LIBS)
$(O)/kiln-agent-fetch: $(call obj,$(FETCH_SRC)) $(LIB_AGENT)
	$(LINK) $(LIBS) $(shell $(PKG_CONFIG) --libs libcurl openssl)

# A unit test links libkiln and the rooms (or files of them) that it names in a
# first-line comment:
#   /* rooms: builder/inputs builder/plan */
# and the libraries that only it needs in another: /* libs: -lresolv */
rooms = $(shell sed -n -e '1{:a' -e '/\*\//!{N;s/\n \*//;ba' -e '}' -e 's,^/\* rooms: \(.*\) \*/,\1,p' -e '}' $(1))
no_main = $(filter-out %/main.c %_main.c,$(1))
.SECONDEXPANSION:
$(O)/tests/%: $(O)/tests/unit/%.o $(O)/libkiln.a \
    $$(call obj,$$(call no_main,$$(call src,$$(call rooms,tests/unit/$$*.c))))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -o $@ $(filter %.o,$^) $(O)/libkiln.a \
	    $(shell sed -n 's,^/\* wrap: \(.*\) \*/,\1,p' tests/unit/$*.c | sed 's/[^ ]*/-Wl,--wrap=&/g') \
	    $(LIBS) $(LIBS_FARM) $(shell $(PKG_CONFIG) --libs cmocka) \
	    $(shell sed -n 's,^/\* libs: \(.*\) \*/,\1,p' tests/unit/$*.c)

# The router's programs for arm64, and their tests: what needs no system call
# that qemu-user lacks (openat2) under it, all in a machine of their own.
.PHONY: arm64 arm64-test
ARM_PLAIN := $(patsubst %,test_%,agent_conf agent_dns agent_few_keys agent_image agent_import agent_probation \
    agent_probe agent_reply agent_rules agent_serves agent_turn buf canon cli configure_dnsmasq \
    configure_mqtt configure_unbound cosign dsse err guest_init json num sig tuf_check \
    tuf_check_listed tuf_find tuf_json tuf_keys tuf_read tuf_read_roles)
ARM_UNIT := $(ARM_PLAIN) $(patsubst %,test_%,agent_clock agent_forms agent_keyset agent_traffic \
    agent_lease agent_machine agent_port agent_state conf delta drop fdio hash landlock \
    refresh refresh_steps spawn store tree fuzz_conf fuzz_cosign fuzz_delta fuzz_dns \
    fuzz_import fuzz_json fuzz_reply fuzz_rules fuzz_set fuzz_tuf_read)
arm64:
	@tools/deps build arm64
	@tools/arm64-root out/arm64/root
	@$(MAKE) --no-print-directory -s -j2 V=arm64 \
	    $(addprefix out/arm64/,kiln-agent kiln-agent-fetch)
arm64-test: arm64
	@$(MAKE) --no-print-directory -s -j2 all tools
	@$(MAKE) --no-print-directory -s -j2 V=arm64 $(addprefix out/arm64/tests/,$(ARM_UNIT))
	@echo "== under qemu-aarch64"
	@UNIT_RUNNER="qemu-aarch64 -L out/arm64/root" tests/support/run-units \
	    $(addprefix out/arm64/tests/,$(ARM_PLAIN))
	@echo "== in a machine"
	@tests/arm64/machine out/arm64/root $(addprefix out/arm64/tests/,$(ARM_UNIT))
	@echo "== a service"
	@$(SUDO) sh tests/arm64/service.sh $(O)

# --- what a newcomer types ---------------------------------------------------
SUDO = $(if $(filter 0,$(shell id -u)),,sudo)
run:
	@tools/deps build run
	@$(MAKE) --no-print-directory -s -j2 all
	@$(SUDO) $(O)/kiln up --demo $(ARGS)

test:
	@tools/deps build run test lint
	@$(MAKE) --no-print-directory -s -j2 all tools
	@tests/support/run-all $(O)

# Every recipe baked, booted and asked: minutes.  ONLY="mqtt firewall": these.
farm-test:
	@tools/deps build run test farm
	@$(MAKE) --no-print-directory -s -j2 all tools
	@$(SUDO) env ARCH=$(ARCH) sh tests/services/run.sh $(O) $(ONLY)

# Every starter reproduced, from a farm and from its bundle: minutes.
reproduce-test:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all tools
	@$(SUDO) sh tests/support/starters.sh $(O)

# What recipes/README.md teaches, block by block: minutes.
recipe-test:
	@tools/deps build run test farm
	@$(MAKE) --no-print-directory -s -j2 all tools
	@$(SUDO) sh tests/e2e/recipe-page.sh $(O)

# Three weeks of 100,000 routers, 200 of them over HTTP: at most 15 minutes.
fleet-test:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all tools
	@tests/fleet/run $(O) $${KILN_ROUTERS:-100000} 200 1

# Every point of every sweep; `make test` takes some by chance.
fault-test:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all tools
	@for t in tests/fault/[a-z]*.sh tests/e2e/self.sh tests/e2e/state.sh tests/e2e/solo5.sh; do case $$t in */lib.sh | */own.sh | */router.sh) ;; \
	    *) echo "== $$t"; KILN_FAULTS=full $(if $(SUDO),sudo -E) sh $$t $(O) || exit 1 ;; \
	    esac; done

# Builds on a real Slurm with all that goes wrong there: two minutes.
slurm-test:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all tools
	@KILN_SLURM=full $(if $(SUDO),sudo -E) sh tests/e2e/slurm.sh $(O)

# Syncs, renames and checks taken away one by one: each must be missed.
mutants:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all
	@tests/mutants/run $(O)

# Every classic defect, its cause and its mended twin; `make test` takes some.
defects:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all tools
	@$(SUDO) sh tests/defects/run $(O)

check: unit
tools: $(TOOLS) $(FAULT_TOOLS) $(FLEET)

deps:
	tools/deps build run test lint

help:
	@sed -n 's/^#: //p' Makefile
#: make run        install what is missing, build, and show the whole pipe
#: make test       everything; what CI runs
#: make farm-test  every service baked, booted and asked by a real client; ONLY=NAME: that one; ARCH=arm64: of arm64
#: make reproduce-test  every starter image built again by a doubter
#: make fleet-test three weeks of 100,000 routers, by the agent's own code: minutes
#: make fault-test killed at every call, power lost at every point, by KILN_JOBS workers: hours
#: make slurm-test  builds on a real Slurm, and every fault of one
#: make mutants    one sync, rename or check taken away: a test misses it
#: make defects    small builds with one defect each: verdict and cause of all
#: make check      the quick part: unit tests
#: make arm64      the router's programs, cross-compiled; arm64-test: their tests
#: make asan       unit tests under address and undefined-behaviour sanitizers
#: make valgrind   unit tests under memcheck; ONLY="buf json": these
#: make lint       clang-format, clang-tidy, cppcheck, mandoc
#: make fuzz       libFuzzer on each parser of foreign bytes, FUZZ_SECONDS each
#: make bench      beside the peers, into out/bench.tsv; BENCH_ONLY=tuf: one section
#: make install    DESTDIR= PREFIX=/usr/local; make uninstall
#: make install-test    the packages in a fresh Debian root
#: make systemd-test    the packages' units under a running systemd, in a machine
#: make first-hour-test docs/first-hour.md, line by line
#: make recipe-test recipes/README.md, block by block
#: make upgrade-test    agents of former releases, from git's history, before this farm
#: make deb        Debian packages of the last commit, into out/deb; ARCH=arm64: cross-built
#: make dist       a tarball of the last commit, the same bits each time
#: make kiln-source  the same, for the recipes of kiln's own programs
#: make clean      remove out/

include packaging/rules.mk

asan:
	@$(MAKE) --no-print-directory -s -j2 V=asan all tools
	@$(MAKE) --no-print-directory V=asan unit

# What a test's own process reads that was never written, or loses; ONLY="buf
# json": these.  Children that it forks are other tests' matter.
MEMCHECK := $(O)/tests/support/memcheck.so
VALGRIND = env LD_PRELOAD=$(CURDIR)/$(MEMCHECK) valgrind -q --error-exitcode=99 \
    --child-silent-after-fork=yes --leak-check=full --show-leak-kinds=definite \
    --errors-for-leak-kinds=definite
.PHONY: valgrind
$(MEMCHECK): tests/support/memcheck.c
	@mkdir -p $(@D)
	$(CC) -O2 -shared -fPIC -D_GNU_SOURCE -Wall -Wextra -o $@ $<
valgrind:
	@tools/deps build run test valgrind
	@$(MAKE) --no-print-directory -s -j2 all tools $(MEMCHECK) $(UNIT_BIN)
	@UNIT_TIMEOUT=900 UNIT_RUNNER="$(VALGRIND)" tests/support/run-units \
	    $(if $(ONLY),$(patsubst %,$(O)/tests/test_%,$(ONLY)),$(UNIT_BIN))

# Small tools of the tests' own: tests/support/NAME.c with a main().
$(O)/tests/support/%: tests/support/%.c
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE -I. -Wall -Wextra -o $@ $<
$(O)/tests/support/peaks $(O)/tests/support/walls: tests/support/proctree.h
$(O)/tests/support/solo5/spt_tender: tests/support/solo5/spt_tender.c tests/support/solo5/spt_abi.h
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE -I. -Wall -Wextra -fPIE -pie -o $@ $< -lseccomp
# Where and how Solo5's linker scripts put one; it stands on nothing.
$(O)/tests/support/solo5/%: tests/support/solo5/echo.c tests/support/solo5/spt_abi.h
	@mkdir -p $(@D)
	$(CC) -O2 -I. -Wall -Wextra -ffreestanding -fno-stack-protector -fcf-protection=none \
	    -fno-asynchronous-unwind-tables -fno-tree-loop-distribute-patterns -fno-pie \
	    -D$(shell echo $* | tr a-z A-Z) -static -no-pie -nostdlib -Wl,--build-id=none \
	    -Wl,-Ttext-segment=0x100000 -Wl,-z,separate-code,-z,noexecstack -o $@ $<
# Faults: tests/fault/NAME.c with trace.c.
$(O)/tests/fault/cut $(O)/tests/fault/record: $(O)/tests/fault/%: \
    $(O)/tests/fault/%.o $(O)/tests/fault/trace.o $(O)/libkiln.a
	$(LINK) $(LIBS)
$(O)/tests/fault/replay: $(call obj,tests/fault/replay.c tests/fault/recording.c) $(O)/libkiln.a
	$(LINK) $(LIBS)
$(O)/tests/support/publish: $(call obj,tests/support/publish.c builder/schema.c) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
$(O)/tests/support/roots: $(call obj,tests/support/roots.c tests/support/tuf/tufmake.c) $(O)/libkiln.a
	$(LINK) $(LIBS)
$(O)/tests/support/tokenkey: $(call obj,tests/support/tokenkey.c)
	$(LINK) $(LIBS_FARM)

# A fleet under a clock of its own, and the farm's programs under the same one:
# tests/fleet/clock.c stands for lib's time_now in all of them.
FLEET_WRAP := -Wl,--wrap=time_now
$(O)/tests/fleet/fleet: $(call obj,$(wildcard tests/fleet/*.c) \
    $(filter-out router-agent/main.c,$(AGENT_SRC)) web/routers.c web/schema.c) $(O)/libkiln.a
	$(LINK) $(FLEET_WRAP) -Wl,--wrap=fetcher_get $(LIBS) $(LIBS_FARM) -lm
$(O)/tests/fleet/kiln-tuf: $(call obj,$(TUF_SRC) tests/fleet/clock.c) $(O)/libkiln.a
	$(LINK) $(FLEET_WRAP) $(LIBS) $(LIBS_FARM)
$(O)/tests/fleet/kiln-web: $(call obj,$(WEB_SRC) tests/fleet/clock.c) $(O)/libkiln.a
	$(LINK) $(FLEET_WRAP) $(LIBS) $(LIBS_FARM)

# Beside the peers; the table is out/bench.tsv.
BENCH := $(O)/tests/bench/pair $(O)/tests/bench/bench_env \
    $(O)/tests/bench/bench_touched $(O)/tests/bench/bench_build \
    $(O)/tests/bench/forms $(O)/tests/bench/history $(O)/tests/bench/bench_delta \
    $(O)/tests/support/peaks
$(O)/tests/bench/pair: tests/bench/pair.c
	@mkdir -p $(@D)
	$(CC) -O2 -D_GNU_SOURCE -Wall -Wextra -o $@ $<
$(O)/tests/bench/bench_env $(O)/tests/bench/bench_touched $(O)/tests/bench/bench_build: %: %.o \
    $(call obj,$(BUILDER_LIB)) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
$(O)/tests/bench/bench_delta: %: %.o $(O)/libkiln.a
	$(LINK) $(LIBS)
$(O)/tests/bench/forms: $(O)/tests/bench/forms.o \
    $(call obj,$(filter-out %/main.c,$(TUF_SRC))) $(O)/libkiln.a
	$(LINK) $(LIBS) $(LIBS_FARM)
HISTORY := $(wildcard tests/bench/history*.c)
$(O)/tests/bench/history: $(call obj,$(HISTORY) $(BUILDER_LIB) web/routers.c web/schema.c) \
    $(O)/libkiln.a
	$(LINK) -Wl,--wrap=time_now $(LIBS) $(LIBS_FARM)
bench:
	@tools/deps build run test bench
	@$(MAKE) --no-print-directory -s -j2 all tools $(BENCH)
	@$(SUDO) tests/bench/run $(O) $(BENCH_ONLY)

# libFuzzer over every tests/fuzz/fuzz_NAME.c, each for FUZZ_SECONDS; it links
# what a unit test would.  `make check` replays the corpora without it.
.PHONY: fuzz fuzz-build
FUZZ := $(patsubst tests/fuzz/fuzz_%.c,$(O)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
$(O)/fuzz/%: $(O)/tests/fuzz/fuzz_%.o $(O)/libkiln.a \
    $$(call obj,$$(call no_main,$$(call src,$$(call rooms,tests/fuzz/fuzz_$$*.c))))
	@mkdir -p $(@D)
	$(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer -o $@ $(filter %.o,$^) $(O)/libkiln.a \
	    $(LIBS) $(LIBS_FARM) $(shell $(PKG_CONFIG) --libs cmocka)
fuzz-build: $(FUZZ)
fuzz:
	@tools/deps build run test fuzz
	@$(MAKE) --no-print-directory -s -j2 V=fuzz CC=clang WERROR= fuzz-build
	@tests/fuzz/run out/fuzz

unit: $(UNIT_BIN)
	tests/support/run-units $(UNIT_BIN)

# Formatting, shell and manuals: seconds, so part of `make test`.
C_FILES = $(shell git ls-files '*.c' '*.h')
lint-quick:
	tests/support/lint-tree
# cppcheck does not know the loops that are macros, nor a processor of its own.
LOOPS = -D__x86_64__=1 -D'json_array_foreach(a,i,v)=for(;;)' -D'json_object_foreach(a,k,v)=for(;;)' \
    -D'FOR_PROVIDES(a,b,c)=for(;;)'
PROGRAM_C = $(shell git ls-files lib builder tuf-repo web router-agent | grep '\.c$$')
lint: lint-quick
	cppcheck -q --error-exitcode=1 --std=c11 -I. $(LOOPS) --inline-suppr \
	    --suppress=missingIncludeSystem --suppress=varFuncNullUB \
	    --suppress=uninitvar --suppress=funcArgOrderDifferent \
	    --enable=warning,portability $(PROGRAM_C)
	echo $(PROGRAM_C) | xargs -P2 -n8 sh -c 'clang-tidy --quiet "$$@" -- \
	    -std=c17 -D_GNU_SOURCE -I. -DKILN_PREFIX=\"$(PREFIX)\" $(INCLUDES) 2>/dev/null' sh

clean:
	rm -rf out

-include $(shell find $(O) -name '*.d' -type f 2>/dev/null)
