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

# Rows that the last run did not have keep their picture.
PLOTS := size connections fanout

.PHONY: bench-plot
bench-plot: ## draw doc/bench-*.svg from the last bench
	@for what in $(PLOTS); do \
		awk -v what=$$what -f bench/plot.awk $(BUILD)/bench.jsonl \
			>$(BUILD)/bench-$$what.svg && \
		mv $(BUILD)/bench-$$what.svg doc/bench-$$what.svg; \
	done
