# Every test/unit/X_test.c and test/suite/X_test.c is a cmocka program.
# test/unit/kernel_*_test.c link the kernel alone: no server, no library.

TESTS   := $(sort $(wildcard test/unit/*_test.c test/suite/*_test.c \
           test/mesh/*_test.c))
TESTBIN := $(TESTS:%.c=$(BUILD)/%)
HELPERS := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard test/*.c)))

$(BUILD)/test/unit/kernel_%_test: $(BUILD)/test/unit/kernel_%_test.o \
		$(BUILD)/libkernel.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lcmocka -lpthread

$(BUILD)/test/%_test: $(BUILD)/test/%_test.o $(HELPERS) \
		$(BUILD)/libnode.a $(BUILD)/libinternal.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(HELPERS) $(BUILD)/libnode.a \
		$(BUILD)/libinternal.a $(LIBS) -lcmocka

# The web thread is the test's own.
$(BUILD)/test/unit/web_news_test: override LDFLAGS += \
	-Wl,--wrap=ph_http_post,--wrap=web_watch_heard

# Every test/netns/X.c is a tool of the scripts there.
TOOLS := $(patsubst %.c,$(BUILD)/%,$(sort $(wildcard test/netns/*.c)))
$(BUILD)/test/netns/%: $(BUILD)/test/netns/%.o $(BUILD)/libnode.a \
		$(BUILD)/libinternal.a
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

.PHONY: tests
tests: $(TESTBIN) $(TOOLS)

.SECONDARY:
