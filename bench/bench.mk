# Benchmarks: ours and peers interleaved in one run (bench/harness.h).

BENCHOBJ := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard bench/*.c)))
ROUNDS   ?= 5

$(BUILD)/bench/bench: $(BENCHOBJ) $(BUILD)/libinternal.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(BENCHOBJ) $(BUILD)/libinternal.a \
		$(LIBS) -lzmq -lnng

.PHONY: bench bench-run
bench: deps-bench ## ours against raw sockets and peers; ROUNDS=5, ROWS="64 B"
	$(AGAIN) all $(BUILD)/bench/bench
	$(AGAIN) bench-run
bench-run:
	@$(BUILD)/bench/bench --rounds $(ROUNDS) \
		--json $(BUILD)/bench.jsonl $(if $(ROWS),"$(ROWS)")

.PHONY: bench-plot
bench-plot: ## draw doc/bench-size.svg from the last bench
	@awk -f bench/plot.awk $(BUILD)/bench.jsonl >$(BUILD)/bench-size.svg
	@mv $(BUILD)/bench-size.svg doc/bench-size.svg
