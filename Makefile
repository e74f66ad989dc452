# Makefile - settings on top, then the order of folders, then two commands a user needs:
#   make run    installs what is missing, builds, trains on share/cases, serves, prints the curl
#   make test   installs what is missing, builds, checks and tests everything
# Everything made goes into build/; nothing generated is in git.

CC       ?= cc
CFLAGS   ?= -O2 -g
PREFIX   ?= /usr/local
DESTDIR  ?=
DATA     ?= ../shared/data
LISTEN   ?= 127.0.0.1:8080

# Who may include whom: a folder includes only what is left of it; a room may include
# the whole road, never another room; only the door sees the rooms. tools/tidy.sh checks.
ROAD  = base text token vocab nn model answer
ROOMS = train serve doctor
DOOR  = cli

BUILD    ?= build
WARNINGS  = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wvla -Wundef -Wformat=2 -Wframe-larger-than=16384
HARDEN   ?= -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fPIE
EXTRA    ?=
ANALYZER ?=
RUNNER   ?=
VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# Floating point is the same on every machine: no contraction into fused operations.
ALL_CFLAGS = -std=gnu17 -D_GNU_SOURCE -Isrc -I$(BUILD)/gen -pthread -ffp-contract=off -fno-math-errno \
             $(WARNINGS) $(HARDEN) $(CFLAGS) $(EXTRA) $(ANALYZER)
ALL_LDFLAGS = -pthread -pie -Wl,-z,relro,-z,now -Wl,--export-dynamic-symbol=rand $(LDFLAGS)
# liblinear and libzip are opened where they are needed (base/library.h); tests call them.
LIBS      = -lmicrohttpd -ljansson -lcsv -lutf8proc -lxxhash -lseccomp -ldl -lm
TEST_LIBS = -lcmocka -llinear -lzip

SOURCES  := $(wildcard $(foreach f,$(ROAD) $(ROOMS) $(DOOR),src/$(f)/*.c))
OBJECTS  := $(SOURCES:src/%.c=$(BUILD)/obj/%.o)
ARCHIVE   = $(BUILD)/air-classifier.a
PROGRAM   = $(BUILD)/air-classifier
TESTS    := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/*/*_test.c))
FUZZERS  := $(patsubst tests/%.c,$(BUILD)/tests/%,$(wildcard tests/fuzz/*_fuzz.c))

.PHONY: all run test san tsan arm tidy analyze format bench soak deps install clean fuzz ui browser conform
all: $(PROGRAM)

deps: $(BUILD)/deps.stamp
$(BUILD)/deps.stamp: tools/deps.sh tools/libraries.sh
	@mkdir -p $(BUILD)
	@sh tools/deps.sh
	@touch $@

$(OBJECTS) $(BUILD)/obj/main.o: | deps

# Tables: readable rows under src/*/tables, made into C once.
TABLES   := $(wildcard src/text/tables/*.tsv src/token/tables/*.tsv)
$(BUILD)/gen/tables.stamp: tools/tables.py $(TABLES) | deps
	@mkdir -p $(@D)
	python3 tools/tables.py src $(@D)
	@touch $@
$(BUILD)/obj/text/chars.o $(BUILD)/obj/text/unescape.o $(BUILD)/obj/token/tables.o: $(BUILD)/gen/tables.stamp

# The pages under /apidocs/: ours, and those of Swagger UI, fetched once where npm is there.
UI = build/ui
$(UI)/stamp: tools/ui.sh | deps
	@sh tools/ui.sh $(UI)
	@touch $@
ui:
	@rm -f $(UI)/stamp
	@$(MAKE) --no-print-directory $(UI)/stamp
$(BUILD)/gen/assets_gen.h: tools/assets.py $(UI)/stamp $(wildcard src/serve/apidocs/*) | deps
	@mkdir -p $(@D)
	python3 tools/assets.py src/serve/apidocs $(UI) $(@D)
$(BUILD)/obj/serve/assets.o: $(BUILD)/gen/assets_gen.h

# gcc 12's analyser takes the lanes of vectors for uninitialised.
$(BUILD)/obj/nn/%.o: override ANALYZER =

# Except here, where a fused operation is the point.
$(BUILD)/obj/nn/tile.o: ALL_CFLAGS += -ffp-contract=fast

$(BUILD)/obj/%.o: src/%.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

# The version is compiled into one object, made anew when it changes.
$(BUILD)/version: FORCE
	@mkdir -p $(BUILD); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
$(BUILD)/obj/cli/version.o: ALL_CFLAGS += -DVERSION='"$(VERSION)"'
$(BUILD)/obj/cli/version.o: $(BUILD)/version
.PHONY: FORCE

$(ARCHIVE): $(OBJECTS)
	@rm -f $@
	ar rcs $@ $^

$(PROGRAM): $(BUILD)/obj/main.o $(ARCHIVE)
	$(CC) $(ALL_LDFLAGS) $(CFLAGS) $(EXTRA) -o $@ $^ $(LIBS)

$(BUILD)/tests/%: tests/%.c $(ARCHIVE) tests/help.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -DDCHECK -Itests -MMD -MP $(ALL_LDFLAGS) -o $@ $< $(ARCHIVE) $(TEST_LIBS) $(LIBS)

# A fuzz target replays its corpus in the tests; `make fuzz` grows it.
$(BUILD)/tests/fuzz/%_fuzz: tests/fuzz/%_fuzz.c tests/fuzz/driver.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -Wno-missing-prototypes -DDCHECK $(ALL_LDFLAGS) -o $@ $< tests/fuzz/driver.c $(ARCHIVE) $(LIBS)

FUZZ_SECONDS ?= 60
fuzz: $(BUILD)/gen/tables.stamp $(BUILD)/gen/assets_gen.h
	@sh tools/fuzz.sh '$(FUZZ_SECONDS)' '$(LIBS)' $(SOURCES)

run: all
	@sh tools/run.sh $(PROGRAM) $(BUILD) $(LISTEN)

test: tidy $(PROGRAM) $(TESTS) $(FUZZERS)
	@RUNNER='$(RUNNER)' sh tests/run.sh $(BUILD) $(sort $(TESTS)) $(sort $(FUZZERS))

# The same tests, again, with the address and undefined behaviour sanitizers.
san:
	$(MAKE) BUILD=build/san HARDEN= TIDY=no \
	    EXTRA='-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer' \
	    CFLAGS='-O1 -g' test

tsan:
	TSAN_OPTIONS=report_thread_leaks=0 \
	$(MAKE) BUILD=build/tsan HARDEN= TIDY=no EXTRA='-fsanitize=thread' CFLAGS='-O1 -g' test

# For arm64, linked with Debian's libraries of it, in qemu-user, which keeps no limits and filters: tests of those are passed over.
ARM = build/arm
$(ARM)/sysroot/stamp: tools/sysroot.sh tools/libraries.sh | deps
	@sh tools/sysroot.sh arm64 $(ARM)/sysroot
arm: $(ARM)/sysroot/stamp
	$(MAKE) BUILD=$(ARM) TIDY=no CC='aarch64-linux-gnu-gcc --sysroot=$(ARM)/sysroot' \
	    RUNNER='qemu-aarch64 -L $(CURDIR)/$(ARM)/sysroot' test

ifeq ($(TIDY),no)
tidy:
else
tidy: $(PROGRAM)
	@sh tools/tidy.sh '$(ROAD)' '$(ROOMS)' '$(DOOR)' $(OBJECTS)
endif

# Both compilers without a warning, gcc's analyser, clang-tidy.
analyze: deps
	$(MAKE) BUILD=build/clang CC=clang-14 HARDEN=-fPIE EXTRA=-Werror all
	$(MAKE) BUILD=build/gcc EXTRA=-Werror ANALYZER=-fanalyzer all
	echo $(SOURCES) | xargs -n 8 -P "$$(nproc)" sh -c \
	    'clang-tidy-14 --quiet "$$@" -- -std=gnu17 -D_GNU_SOURCE -Isrc -Ibuild/gcc/gen 2>/dev/null' tidy

format:
	find src tests -name '*.[ch]' -exec clang-format-14 -i {} +

# Programs that only the benchmarks use; products is measured beside oneDNN where that is installed.
$(BUILD)/bench/products: LIBS += $(if $(wildcard /usr/include/dnnl.h),-ldnnl -lgomp)
$(BUILD)/bench/%: bench/%.c $(ARCHIVE)
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) $(ALL_LDFLAGS) -o $@ $< $(ARCHIVE) $(LIBS)

bench: all $(BUILD)/bench/lstm
	@DATA='$(DATA)' bash bench/bench.sh

# /apidocs/ in Debian's chromium, directly and behind a path prefix.
browser: all
	PROGRAM=$(abspath $(PROGRAM)) python3 tests/browser/apidocs_test.py

# The descriptions against their validators, and the service against the descriptions.
CONFORM = build/conform
$(CONFORM)/stamp: tests/conform/requirements.txt
	python3 -m venv $(CONFORM)
	$(CONFORM)/bin/pip install -q -r $<
	@touch $@
conform: all $(CONFORM)/stamp
	PROGRAM=$(abspath $(PROGRAM)) $(CONFORM)/bin/python3 tests/conform/conform.py

# Long proofs (tests/soak/soak.py): ROWS names some of them, SHARE is a part of their length.
SHARE ?= 1
soak: all $(addprefix $(BUILD)/bench/,echo http_rate)
	@rm -rf $(BUILD)/soak/tmp; mkdir -p $(BUILD)/soak/tmp
	@PROGRAM='$(abspath $(PROGRAM))' TEST_TMP='$(abspath $(BUILD)/soak/tmp)' PYTHONDONTWRITEBYTECODE=1 \
	    python3 tests/soak/soak.py --share $(SHARE) --record docs/BENCH.md $(ROWS)

install: all
	install -D -m 755 $(PROGRAM) $(DESTDIR)$(PREFIX)/bin/air-classifier
	mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/air-classifier/cases
	$(PROGRAM) help --man > $(DESTDIR)$(PREFIX)/share/man/man1/air-classifier.1
	install -D -m 644 share/air-classifier.service $(DESTDIR)$(PREFIX)/lib/systemd/system/air-classifier.service
	install -m 644 share/cases/*.csv $(DESTDIR)$(PREFIX)/share/air-classifier/cases/

clean:
	rm -rf build

-include $(OBJECTS:.o=.d) $(BUILD)/obj/main.d $(TESTS:=.d) $(FUZZERS:=.d)
