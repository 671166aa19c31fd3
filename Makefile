# posthouse. `make help` tells the targets.

V      ?= 0
SAN    ?=
CC     ?= gcc
PREFIX ?= /usr/local
comma  := ,

BUILD := build$(if $(SAN),/san-$(subst $(comma),-,$(SAN)))$(if $(COVER),/cover)

CFLAGS   ?= -O2 -g
CPPFLAGS += -I. -D_GNU_SOURCE
WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
            -Wpointer-arith -Wwrite-strings -Wvla -Werror=implicit \
            -Wno-unused-parameter $(if $(CI),-Werror)
STD      := -std=gnu17 -fno-common -fno-strict-aliasing \
            -fstack-protector-strong -ffunction-sections -fdata-sections
ifneq ($(SAN),)
STD      += -fsanitize=$(SAN) -fno-omit-frame-pointer -fno-sanitize-recover=all
LDSAN    := -fsanitize=$(SAN)
else
CPPFLAGS += -D_FORTIFY_SOURCE=2
# Nothing unwinds in here; debuggers have their own tables.
STD      += -fno-asynchronous-unwind-tables
endif
ifneq ($(COVER),)
STD      += --coverage
LDSAN    += --coverage
endif

FOLDERS := kernel proto transport discovery probe beacon hostess \
           controlsurface executor placement servers store
SOURCES := $(sort $(wildcard $(addsuffix /*.c,$(FOLDERS))))
NODE    := $(sort $(wildcard node/*.c))
OBJECTS := $(SOURCES:%.c=$(BUILD)/%.o)
NODEOBJ := $(NODE:%.c=$(BUILD)/%.o) $(BUILD)/web/files.o
LIBRARY := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard library/*.c)))
KERNEL  := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard kernel/*.c)))

# Static archives where Debian has them: the binary needs only glibc.
# LINK=dynamic is for packages of a distribution: libwebsockets alone is static
# there. --wrap: what it reads passes transport/http_wire.c first, and only calls
# that are linked here can be led there.
STATIC  := -lfyaml -ljansson -lsqlite3 -lmsgpackc -lsodium -lwebsockets -lssl -lcrypto \
           -lcap -lz
ARCHIVES = -Wl,-Bstatic $(1) -Wl,-Bdynamic
LIBS    := $(if $(filter dynamic,$(LINK)),$(subst -lwebsockets,$(call \
           ARCHIVES,-lwebsockets),$(STATIC)),$(call ARCHIVES,$(STATIC))) \
           -Wl,--wrap=lws_ssl_capable_read -lm -lpthread -ldl
LDFLAGS += -Wl,--gc-sections $(LDSAN)

Q := $(if $(filter 1,$(V)),,@)
say = $(if $(filter 1,$(V)),,@printf '  %-5s %s\n' $(1) $(2))

# These install no packages: who lacks some hears of it before a compiler's
# hundredth line does.
NEEDED := openssl/ssl.h sodium.h msgpack.h libfyaml.h jansson.h sqlite3.h \
          uthash.h sys/capability.h seccomp.h libwebsockets.h
ifneq ($(filter all install man tests,$(or $(MAKECMDGOALS),all)),)
ifeq ($(filter deps,$(MAKECMDGOALS)),)
LACKING := $(shell for header in $(NEEDED); do \
	printf '\043if !__has_include(<%s>)\n %s\n\043endif\n' $$header $$header; \
	done | $(CC) $(CPPFLAGS) -E -P - 2>/dev/null || echo a compiler)
ifneq ($(strip $(LACKING)),)
$(error missing: $(strip $(LACKING)). `make deps` installs what is needed (as \
	root, or by sudo), and names it where there is no apt)
endif
endif
endif

.PHONY: all
all: $(BUILD)/posthouse $(BUILD)/libposthouse.a

# WIRING=FILE: this wiring file is built in (node/builtin.h). It is linted, tested
# and compiled by a posthouse without one, and nothing is built when it fails.
WIRING  ?=
PLAIN   := $(BUILD)/wiring/posthouse
BUILTIN := $(if $(WIRING),$(BUILD)/wiring/builtin.o,$(BUILD)/node/builtin.o)
LINKED  := $(filter-out $(BUILD)/node/builtin.o,$(NODEOBJ)) $(BUILTIN)

$(BUILD)/posthouse: $(BUILD)/libinternal.a $(LINKED) $(BUILD)/wiring/which
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(LINKED) $(BUILD)/libinternal.a $(LIBS)

# Relinked when another one, or none, is asked for.
$(BUILD)/wiring/which: FORCE
	@mkdir -p $(@D)
	@[ "$$(cat $@ 2>/dev/null)" = '=$(WIRING)' ] || echo '=$(WIRING)' >$@

ifneq ($(WIRING),)
$(PLAIN): $(BUILD)/libinternal.a $(NODEOBJ)
	@mkdir -p $(@D)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $(NODEOBJ) $(BUILD)/libinternal.a $(LIBS)

# Always: its variables, and what its tests run, are not make's to know.
$(BUILD)/wiring/builtin.c: $(WIRING) $(PLAIN) FORCE
	$(call say,WIRE,$<)
	$(Q)$(PLAIN) lint $< && $(PLAIN) test $< && \
		$(PLAIN) compile $< -o $@.new || \
		{ rm -f $(BUILD)/posthouse $@.new; exit 1; }
	$(Q)cmp -s $@ $@.new && rm -f $@.new || mv $@.new $@

$(BUILD)/wiring/builtin.o: $(BUILD)/wiring/builtin.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(STD) $(CFLAGS) $(WARN) -c -o $@ $<
endif

.PHONY: FORCE
FORCE: ;

$(BUILD)/libinternal.a: $(OBJECTS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsP $@ $^

# The public client library: one object that needs only libc, of which nothing
# is seen but what library/posthouse.h declares.
PUBLIC := ph_attach ph_leave ph_send ph_flush ph_finish ph_cut ph_receive \
          ph_accept ph_descriptor ph_monitor ph_monitor_wait \
          ph_monitor_descriptor ph_monitor_drop
$(BUILD)/libposthouse.a: $(LIBRARY) $(BUILD)/libinternal.a
	$(call say,AR,$@)
	$(Q)$(CC) -r -nostdlib -Wl,--gc-sections $(PUBLIC:%=-Wl,-u,%) \
		-o $(BUILD)/library/whole.o $(LIBRARY) \
		$(BUILD)/libinternal.a -Wl,-Bstatic -lmsgpackc
	$(Q)objcopy $(PUBLIC:%=-G %) $(BUILD)/library/whole.o
	$(Q)rm -f $@ && ar rcs $@ $(BUILD)/library/whole.o

$(BUILD)/libkernel.a: $(KERNEL)
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsP $@ $^

$(BUILD)/libnode.a: $(filter-out $(BUILD)/node/main.o,$(NODEOBJ))
	$(call say,AR,$@)
	$(Q)rm -f $@ && ar rcsP $@ $^

# What no message passes through is made small rather than fast.
COLD := controlsurface/% hostess/% discovery/% probe/% beacon/% store/% \
        node/cli% node/options% node/web% node/monitor% node/bell%
$(filter-out %/full_policy.o,$(filter $(COLD:%=$(BUILD)/%.o),\
	$(OBJECTS) $(NODEOBJ))): SMALL := \
	$(if $(SAN)$(COVER),,-Os -Wno-format-truncation)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(STD) $(CFLAGS) $(SMALL) $(WARN) -MMD -MP -c -o $@ $<

# The page, as a table in C.
PAGE := $(sort $(wildcard web/*.html web/*.js web/*.css web/*.svg web/*.png))
$(BUILD)/web/files.c: web/embed.sh $(PAGE)
	@mkdir -p $(@D)
	$(call say,EMBED,$@)
	$(Q)web/embed.sh $@ $(PAGE)

$(BUILD)/web/files.o: $(BUILD)/web/files.c
	$(call say,CC,$<)
	$(Q)$(CC) $(CPPFLAGS) $(STD) $(CFLAGS) $(WARN) -MMD -MP -c -o $@ $<

-include $(OBJECTS:.o=.d) $(NODEOBJ:.o=.d) $(LIBRARY:.o=.d)
-include $(wildcard $(BUILD)/test/*.d $(BUILD)/test/*/*.d $(BUILD)/bench/*.d)

include test/test.mk
include bench/bench.mk
include test/house.mk
include debian/debian.mk
include docker/docker.mk
