# Installing, packages, tarballs.  DESTDIR and PREFIX as everywhere.
BINDIR := $(DESTDIR)$(PREFIX)/bin
MANDIR := $(DESTDIR)$(PREFIX)/share/man
UNITDIR ?= $(DESTDIR)$(PREFIX)/lib/systemd/system
SYSUSERSDIR := $(DESTDIR)$(PREFIX)/lib/sysusers.d
TMPFILESDIR := $(DESTDIR)$(PREFIX)/lib/tmpfiles.d
SHAREDIR := $(DESTDIR)$(PREFIX)/share/kiln
DOCDIR := $(DESTDIR)$(PREFIX)/share/doc/kiln
BASHDIR := $(DESTDIR)$(PREFIX)/share/bash-completion/completions
ZSHDIR := $(DESTDIR)$(PREFIX)/share/zsh/vendor-completions
VERSION := $(shell sed -n 's/^\#define KILN_VERSION "\(.*\)"/\1/p' lib/cli.h)
HOST_ARCH := $(shell dpkg --print-architecture 2>/dev/null)
UNITS := $(patsubst packaging/systemd/%,%,$(wildcard $(addprefix packaging/systemd/*.,service path target)))

# Programs without debug information; a build for a package leaves that to its
# own tools (STRIP=).
STRIP ?= -s
# A folder with bash/ and zsh/, made before, where the programs do not run.
COMPLETIONS ?=
complete = $(if $(COMPLETIONS),install -m 644 $(COMPLETIONS)/$(1)/* $(2),packaging/completion $(1) $(2) $(O))
.PHONY: install uninstall dist deb install-test systemd-test first-hour-test upgrade-test
install: all
	install -d $(BINDIR) $(MANDIR)/man1 $(MANDIR)/man5 $(MANDIR)/man8 $(UNITDIR) \
	    $(SYSUSERSDIR) $(TMPFILESDIR) $(SHAREDIR) $(DOCDIR) $(BASHDIR) $(ZSHDIR)
	install $(STRIP) -m 755 $(BIN) $(BINDIR)
	install -m 644 builder/kiln.1 $(MANDIR)/man1
	install -m 644 builder/kiln.yaml.5 builder/kiln-recipe.5 router-agent/kiln-agent.yaml.5 $(MANDIR)/man5
	install -m 644 builder/kiln-builder.8 builder/kiln-runner.8 tuf-repo/kiln-tuf.8 web/kiln-web.8 \
	    router-agent/kiln-agent.8 $(MANDIR)/man8
	echo '.so man8/kiln-agent.8' >$(MANDIR)/man8/kiln-agent-fetch.8
	for u in $(UNITS); do sed 's,/usr/bin/kiln,$(PREFIX)/bin/kiln,' packaging/systemd/$$u \
	    >$(UNITDIR)/$$u || exit 1; done
	for p in kiln kiln-agent; do \
	    install -m 644 packaging/systemd/$$p.sysusers $(SYSUSERSDIR)/$$p.conf && \
	    install -m 644 packaging/systemd/$$p.tmpfiles $(TMPFILESDIR)/$$p.conf || exit 1; done
	cp -R --no-preserve=ownership recipes packaging/monitoring $(SHAREDIR)/
	install -m 644 README.md ARCHITECTURE.md SECURITY.md CHANGES.md docs/*.md $(DOCDIR)
	$(call complete,bash,$(BASHDIR))
	$(call complete,zsh,$(ZSHDIR))

uninstall:
	rm -f $(addprefix $(BINDIR)/,$(PROGRAMS)) \
	    $(addprefix $(UNITDIR)/,$(UNITS)) $(MANDIR)/man1/kiln.1 \
	    $(addprefix $(MANDIR)/man5/,kiln.yaml.5 kiln-recipe.5 kiln-agent.yaml.5) \
	    $(addprefix $(MANDIR)/man8/,kiln-builder.8 kiln-runner.8 kiln-tuf.8 kiln-web.8 kiln-agent.8 kiln-agent-fetch.8) \
	    $(foreach d,$(SYSUSERSDIR) $(TMPFILESDIR),$(d)/kiln.conf $(d)/kiln-agent.conf) \
	    $(addprefix $(BASHDIR)/,$(PROGRAMS)) $(addprefix $(ZSHDIR)/_,$(PROGRAMS))
	rm -rf $(SHAREDIR) $(DOCDIR)

# The same bits for the same commit: tar's times are the commit's.
dist:
	@mkdir -p out
	git archive --format=tar --prefix=kiln-$(VERSION)/ HEAD | xz -9 -T 1 >out/kiln-$(VERSION).tar.xz
	@sha256sum out/kiln-$(VERSION).tar.xz

# The same for recipes/kiln-source, from which a farm builds kiln itself.
.PHONY: kiln-source
SOURCE_TAR := recipes/kiln-source/kiln.tar.xz
kiln-source: dist
	@cmp -s out/kiln-$(VERSION).tar.xz $(SOURCE_TAR) || cp out/kiln-$(VERSION).tar.xz $(SOURCE_TAR)

# Debian packages of the last commit, in out/deb.  Another ARCH is cross-built
# with the completions that the programs of this machine's packages make.
ARCH ?= $(HOST_ARCH)
deb:
	@tools/deps build deb $(if $(filter-out $(HOST_ARCH),$(ARCH)),arm64)
	@packaging/build-deb out/deb $(VERSION) $(HOST_ARCH)
	@$(if $(filter-out $(HOST_ARCH),$(ARCH)),packaging/build-deb out/deb $(VERSION) $(ARCH))

# Installed, used, upgraded, removed and purged in a fresh Debian root.
install-test:
	@tools/deps build deb test
	@$(SUDO) sh tests/e2e/install.sh $(O)

# The agents of former releases, from git's history, before the farm of now.
upgrade-test:
	@tools/deps build test
	@$(MAKE) --no-print-directory -s -j2 all
	@KILN_HISTORY=1 $(if $(SUDO),sudo -E) sh tests/e2e/upgrade.sh $(O)

# The packages' units under a running systemd, in a machine of their own.
systemd-test:
	@tools/deps build deb test systemd
	@$(SUDO) sh tests/e2e/systemd.sh $(O)

# docs/first-hour.md, line by line.
first-hour-test:
	@tools/deps build run test
	@$(MAKE) --no-print-directory -s -j2 all
	@$(SUDO) sh tests/e2e/first-hour.sh $(O)
