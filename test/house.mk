# The house: what one can ask of it.

JOBS         ?= $(shell nproc 2>/dev/null || echo 2)
FUZZ_SECONDS ?= 60
# A second make, because headers must be there before anything is compiled.
AGAIN        = +@$(MAKE) --no-print-directory \
               $(if $(filter -j%,$(MAKEFLAGS)),,-j$(JOBS))

SCRIPTS := $(sort $(wildcard test/mesh/*.sh test/netns/*.sh test/cli/*.sh \
           test/browser/*.sh))
FUZZERS := $(sort $(wildcard test/fuzz/fuzz_*.c))
REPLAYS := $(FUZZERS:%.c=$(BUILD)/%)

.PHONY: help
help: ## this list
	@echo 'posthouse:'
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' \
		test/house.mk bench/bench.mk debian/debian.mk \
		docker/docker.mk
	@echo 'with:'
	@echo '  SAN=address,undefined | SAN=thread   any target with sanitizers'
	@echo '  V=1                                  the commands themselves'
	@echo '  TESTS="test/unit/x_test.c ..."       test, soak: only these'
	@echo '  WIRING=FILE                          builds this wiring file in'
	@echo '  DESTDIR= PREFIX=/usr/local           where install puts things'

.PHONY: deps deps-lint deps-fuzz deps-bench
deps: ## names and installs the packages that are missing
	@test/deps.sh build
deps-lint:
	@test/deps.sh build lint
deps-fuzz:
	@test/deps.sh build fuzz
deps-bench: ## the same for what the benchmarks compare with
	@test/deps.sh build bench

.PHONY: demo
demo: deps ## three nodes, one pipeline across them; KEEP=1 leaves it running
	$(AGAIN) all
	@POSTHOUSE='$(CURDIR)/$(BUILD)/posthouse' KEEP='$(KEEP)' \
		examples/demo/run.sh

# `make test` and its long doses.
.PHONY: test soak test-run
test: deps ## every test; closes with N passed, N failed
	$(AGAIN) test-build
	$(AGAIN) test-run
soak: deps ## the same tests in long doses
	$(AGAIN) test-build
	@PH_DOSE=full $(MAKE) --no-print-directory test-run
test-build: all tests $(REPLAYS)
test-run:
	@test/run.sh $(BUILD) $(TESTBIN) $(REPLAYS) $(SCRIPTS)

$(BUILD)/test/fuzz/fuzz_%: $(BUILD)/test/fuzz/fuzz_%.o \
		$(BUILD)/test/fuzz/replay.o \
		$(BUILD)/libnode.a $(BUILD)/libinternal.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(BUILD)/test/fuzz/replay.o \
		$(BUILD)/libnode.a $(BUILD)/libinternal.a $(LIBS)

.PHONY: lint lint-run
lint: deps-lint ## layers, banned functions, lengths, format, symbols
	$(AGAIN) lint-run
lint-run: $(OBJECTS) $(NODEOBJ) $(LIBRARY)
	@test/lint/run.sh $(BUILD)

# libFuzzer wants clang: its own objects, in a build of their own.
FUZZB     := build/fuzz
FUZZFLAGS := -g -O1 -fno-omit-frame-pointer -fno-sanitize-recover=all \
             -fno-strict-aliasing
FUZZOBJ   := $(patsubst %.c,$(FUZZB)/%.o,$(SOURCES) \
             $(filter-out node/main.c,$(NODE)))
# Tests that change messages themselves, or race, in their long dose.
DOSED     := $(BUILD)/test/unit/handshake_attack_test \
             $(BUILD)/test/unit/kernel_ring_test $(BUILD)/test/suite/shm_test
FUZZBIN   := $(FUZZERS:test/fuzz/%.c=$(FUZZB)/%)

.PHONY: fuzz fuzz-run
fuzz: deps-fuzz ## every decoder under libFuzzer, FUZZ_SECONDS (60) each
	@test/fuzz/check.sh
	$(AGAIN) fuzz-run
	$(AGAIN) $(DOSED)
	@PH_DOSE=full test/run.sh $(BUILD) $(DOSED)
fuzz-run: $(FUZZBIN)
	@test/fuzz/run.sh $(FUZZ_SECONDS) $(FUZZBIN)
$(FUZZB)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CLANG,$<)
	$(Q)clang $(CPPFLAGS) -std=gnu17 $(FUZZFLAGS) \
		-fsanitize=fuzzer-no-link,address,undefined -MMD -MP -c -o $@ $<
$(FUZZB)/all.a: $(FUZZOBJ)
	$(Q)rm -f $@ && ar rcs $@ $^
$(FUZZB)/fuzz_%: $(FUZZB)/test/fuzz/fuzz_%.o $(FUZZB)/all.a
	$(call say,LINK,$@)
	$(Q)clang -fsanitize=fuzzer,address,undefined -o $@ $^ $(LIBS)
-include $(FUZZOBJ:.o=.d)

.PHONY: cover
cover: deps ## which lines the tests reach
	@find build/cover -name '*.gcda' -delete 2>/dev/null || true
	$(AGAIN) COVER=1 test-build
	$(AGAIN) COVER=1 test-run
	@test/cover.sh build/cover

.PHONY: clean
clean: ## everything that was built
	rm -rf build
