# What is handed to people: manuals, an installation, a release, a package.

UNITDIR ?= $(PREFIX)/lib/systemd/system
VERSION := $(shell sed -n 's/.*PH_VERSION "\(.*\)"/\1/p' node/version.h)
MACHINE := $(shell $(CC) -dumpmachine 2>/dev/null | cut -d- -f1)
SHARE    = $(DESTDIR)$(PREFIX)/share

.PHONY: man
man: $(BUILD)/man/posthouse.1 $(BUILD)/man/posthouse-wiring.5
$(BUILD)/man/posthouse.1: $(BUILD)/posthouse
	@mkdir -p $(@D)
	$(Q)$< man >$@
$(BUILD)/man/posthouse-wiring.5: $(BUILD)/posthouse
	@mkdir -p $(@D)
	$(Q)$< man wiring >$@

.PHONY: install
install: all man ## binary, library, manuals, completions, unit: $(DESTDIR)$(PREFIX)
	install -D -m 0755 $(BUILD)/posthouse \
		$(DESTDIR)$(PREFIX)/bin/posthouse
	install -D -m 0644 library/posthouse.h \
		$(DESTDIR)$(PREFIX)/include/posthouse.h
	install -D -m 0644 $(BUILD)/libposthouse.a \
		$(DESTDIR)$(PREFIX)/lib/libposthouse.a
	install -D -m 0644 $(BUILD)/man/posthouse.1 \
		$(SHARE)/man/man1/posthouse.1
	install -D -m 0644 $(BUILD)/man/posthouse-wiring.5 \
		$(SHARE)/man/man5/posthouse-wiring.5
	install -d $(SHARE)/bash-completion/completions \
		$(SHARE)/zsh/vendor-completions \
		$(SHARE)/fish/vendor_completions.d
	$(BUILD)/posthouse completion bash \
		>$(SHARE)/bash-completion/completions/posthouse
	$(BUILD)/posthouse completion zsh \
		>$(SHARE)/zsh/vendor-completions/_posthouse
	$(BUILD)/posthouse completion fish \
		>$(SHARE)/fish/vendor_completions.d/posthouse.fish
	install -d $(DESTDIR)$(UNITDIR)
	sed 's|/usr/bin/|$(PREFIX)/bin/|' debian/posthouse.service \
		>$(DESTDIR)$(UNITDIR)/posthouse.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/posthouse.service

# One file that needs only glibc, with what it is made of and how to check it.
RELEASE := $(BUILD)/release
PACKED  := posthouse-$(VERSION)-linux-$(MACHINE)
# Linked once more, by GNU ld, without what the archives bring for unwinding.
$(BUILD)/release.bin: $(BUILD)/posthouse debian/release.ld
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -fuse-ld=bfd -Wl,--no-eh-frame-hdr \
		-Wl,-T,debian/release.ld -s -o $@ $(LINKED) \
		$(BUILD)/libinternal.a $(LIBS)

.PHONY: release
release: deps ## one stripped binary, tarball, checksums and SBOM: build/release
	$(AGAIN) all man $(BUILD)/release.bin
	$(Q)debian/release.sh '$(BUILD)' '$(RELEASE)' '$(PACKED)' '$(VERSION)' \
		$(STATIC)

.PHONY: deb
deb: deps-deb ## Debian packages, checked by lintian: build/deb
	@debian/build.sh '$(BUILD)/deb'
.PHONY: deps-deb
deps-deb:
	@test/deps.sh build deb
