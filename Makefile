# vnep - virtual endpoints for sleeping devices. Try: make demo, make check, make check-full, make doctor.
#
# PREFIX, DESTDIR, CC, CFLAGS, LDFLAGS and PKG_CONFIG are yours; our own flags live in VNEP_*.
# SAN=1 builds with ASan and UBSan into build/san; WERROR=1 makes warnings errors.
# WITH_DNS=0 leaves out libldns, and with it what vnep-map publish sends by itself.

PREFIX     ?= /usr/local
BINDIR     ?= $(PREFIX)/bin
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
MANDIR     ?= $(PREFIX)/share/man
COMPDIR    ?= $(PREFIX)/share/bash-completion/completions
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSUSERS   ?= $(PREFIX)/lib/sysusers.d
TMPFILES   ?= $(PREFIX)/lib/tmpfiles.d
DESTDIR    ?=
CC         ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
BUILD      ?= build$(if $(SAN),/san)
WITH_DNS   ?= 1

VERSION  := 0.1.0
TOOLS    := $(notdir $(wildcard cmd/*))
LIBS     := libmnl jansson lmdb libuv libpcap zlib libseccomp libcap-ng $(if $(filter 1,$(WITH_DNS)),ldns)

VNEP_CPPFLAGS := -D_GNU_SOURCE -DVNEP_VERSION='"$(VERSION)"' -Iinclude
VNEP_CFLAGS   := -std=c17 -fPIC -fstack-protector-strong -fno-strict-aliasing -Wall -Wextra -Wconversion \
	-Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 $(if $(WERROR),-Werror)
VNEP_SAN      := $(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
# The runtime in the program: as a library it has to be found, bound and searched for leaks at each start. clang does so by itself.
VNEP_SANLD    := $(if $(SAN),$(if $(findstring clang,$(CC)),,-static-libasan -static-libubsan))
VNEP_LDLIBS    = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lpthread -lm
# What one tool alone needs: the screen of vnep-edge top.
LDLIBS_edge    = $(shell $(PKG_CONFIG) --libs ncurses)

with_dns := lib/os/dns.c lib/os/dns-ask.c lib/os/dns-net.c lib/os/dns-wire.c
lib_src  := $(filter-out $(if $(filter 1,$(WITH_DNS)),lib/os/dns-none.c,$(with_dns)),$(sort $(wildcard lib/*/*.c)))
lib_obj  := $(lib_src:%.c=$(BUILD)/%.o)
libvnep  := $(BUILD)/libvnep.a
bins     := $(TOOLS:%=$(BUILD)/bin/vnep-%)
no_dns   := $(if $(filter 1,$(WITH_DNS)),,%-dnswire.c)
unit_src := $(filter-out $(no_dns),$(sort $(wildcard tests/unit/test-*.c)))
unit_bin := $(unit_src:tests/unit/%.c=$(BUILD)/tests/%)
tool_src := $(sort $(wildcard tests/tools/*.c))
tool_bin := $(tool_src:tests/tools/%.c=$(BUILD)/tests/%) $(BUILD)/tests/journal-crash $(BUILD)/tests/clock.so

# The crash test carries a journal of its own, with bugs that can be switched on.
crash_obj := $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard tests/crash/*.c))) \
	$(patsubst %.c,$(BUILD)/bugs/%.o,$(sort $(wildcard lib/os/journal*.c)))

pages    := $(sort $(wildcard man/*.[1-9]))

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

# What check, demo and deps need is installed before anything is compiled.
deps := $(if $(filter check check-full demo deps,$(MAKECMDGOALS)),deps)

all: $(bins)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check check-full demo bench-path bench-acl bench-edge bench-replay bench-mcast bench-dns bench-map bench-journal deps doctor lint install \
	uninstall clean fuzz format

$(BUILD)/%.o: %.c Makefile | $(deps)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(VNEP_CPPFLAGS) $(CPPFLAGS) $(VNEP_CFLAGS) $(VNEP_SAN) $(CFLAGS) -MMD -MP -c -o $@ $<

$(BUILD)/bugs/%.o: %.c Makefile | $(deps)
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) -DVNEP_BUGS $(VNEP_CPPFLAGS) $(CPPFLAGS) $(VNEP_CFLAGS) $(VNEP_SAN) $(CFLAGS) -MMD -MP -c -o $@ $<

# Another choice of WITH_DNS makes another library.
$(BUILD)/with-dns-$(WITH_DNS):
	$(Q)mkdir -p $(@D) && rm -f $(BUILD)/with-dns-* && touch $@

$(libvnep): $(lib_obj) $(BUILD)/with-dns-$(WITH_DNS)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $(filter %.o,$^)

define tool_rule
$(BUILD)/bin/vnep-$(1): $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/$(1)/*.c))) $(libvnep)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(VNEP_SAN) $$(VNEP_SANLD) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(VNEP_LDLIBS) $$(LDLIBS_$(1))
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(libvnep)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_SAN) $(VNEP_SANLD) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(VNEP_LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/tools/%.o $(libvnep)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_SAN) $(VNEP_SANLD) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(VNEP_LDLIBS)

$(BUILD)/tests/journal-crash: $(crash_obj) $(libvnep)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_SAN) $(VNEP_SANLD) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(VNEP_LDLIBS)

# Goes into programs that run, with whatever they were made: without a sanitizer of its own.
$(BUILD)/tests/%.so: tests/shim/%.c Makefile
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_CPPFLAGS) $(CPPFLAGS) $(VNEP_CFLAGS) $(CFLAGS) -fPIC -shared $(LDFLAGS) -o $@ $< -ldl

tests: $(unit_bin) $(tool_bin)

deps:
	$(Q).ci/deps

# T chooses test files by name: make check T=map
check: deps all tests
	$(Q)VNEP_BUILD=$(BUILD) tests/run $(T)

bench-journal: all tests
	$(Q)VNEP_BUILD=$(BUILD) tests/bench/journal.sh

demo: deps all
	$(Q)VNEP_BIN=$(CURDIR)/$(BUILD)/bin examples/demo.sh

# Rates, beside a yardstick of the same run.
bench-path: all $(tool_bin)
	$(Q)VNEP_BUILD=$(CURDIR)/$(BUILD) tests/bench/path

# What the daemon takes, and what it gives while it is busy.
bench-edge: all $(tool_bin)
	$(Q)VNEP_BUILD=$(CURDIR)/$(BUILD) tests/bench/edge

# Packets back on the wire, beside tcpreplay(1).
bench-replay: all $(tool_bin)
	$(Q)VNEP_BUILD=$(CURDIR)/$(BUILD) tests/bench/replay

# One instruction for many, beside sendmmsg(2) alone.
bench-mcast: all $(tool_bin)
	$(Q)VNEP_BUILD=$(CURDIR)/$(BUILD) tests/bench/mcast

# The whole map in the kernel, beside nft(8).
bench-acl: all $(tool_bin)
	$(Q)VNEP_BUILD=$(CURDIR)/$(BUILD) tests/bench/acl

# Every target of tests/fuzz for FUZZ_SECONDS, the readers of records for FUZZ_RECORDS, from its seeds; what is found
# stays in build/fuzz.
FUZZ_CC      ?= clang
FUZZ_SECONDS ?= 10
FUZZ_RECORDS ?= $(FUZZ_SECONDS)
VNEP_FUZZ    := -fsanitize=address,undefined -fno-sanitize-recover=undefined -O1 -g
fuzz_bin     := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(filter-out $(no_dns),$(sort $(wildcard tests/fuzz/fuzz-*.c))))

build/fuzz/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(FUZZ_CC) $(VNEP_CPPFLAGS) $(VNEP_CFLAGS) $(VNEP_FUZZ) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@ $<

build/fuzz/libvnep.a: $(lib_src:%.c=build/fuzz/obj/%.o)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

$(fuzz_bin): build/fuzz/%: build/fuzz/obj/tests/fuzz/%.o build/fuzz/libvnep.a
	$(call say,LD,$@)
	$(Q)$(FUZZ_CC) $(VNEP_FUZZ) -fsanitize=fuzzer -o $@ $^ $(VNEP_LDLIBS)

fuzz: $(fuzz_bin)
	$(Q)for f in $^; do \
		mkdir -p $$f.corpus; \
		case $$f in *-recjson|*-csv) s=$(FUZZ_RECORDS) ;; *) s=$(FUZZ_SECONDS) ;; esac; \
		$$f -max_total_time=$$s -artifact_prefix=$$f- $$f.corpus \
			tests/fuzz/corpus/$${f##*/fuzz-} >$$f.log 2>&1 || { tail -n 30 $$f.log; exit 1; }; \
		echo "$${f##*/}: $$(tail -n 1 $$f.log)"; \
	done

# The whole suite with what it shortens otherwise, crash states, power cuts, every bit of a journal, five minutes of
# fuzzing for each reader of records, and five for all others. A script that ends with 77 was left out, and says why.
check-full: deps all tests
	$(Q)VNEP_FULL=1 DEADLINE=1800 VNEP_BUILD=$(BUILD) tests/run $(T)
	$(Q)rc=0; for t in tests/full/*.sh; do VNEP_BUILD=$(BUILD) $$t || { [ $$? -eq 77 ] || rc=1; }; done; exit $$rc
	$(Q)$(MAKE) fuzz FUZZ_RECORDS=300 FUZZ_SECONDS=$$(( 300 / $(words $(fuzz_bin)) ))

# Figures beside their yardsticks, measured in the same run; never part of check.
bench-dns: all
	$(Q)VNEP_BIN=$(CURDIR)/$(BUILD)/bin tests/bench/bench-dns

bench-map: all tests
	$(Q)VNEP_BUILD=$(abspath $(BUILD)) tests/bench/map.sh

doctor:
	$(Q)CC=$(CC) .ci/doctor

lint:
	$(Q).ci/lint
	$(Q)VNEP_BUILD=$(BUILD) tests/run tree

# Headers keep the columns that people gave them.
format:
	$(Q)clang-format -i $(sort $(wildcard lib/*/*.c cmd/*/*.c tests/*/*.c))

install: all
	install -d $(DESTDIR)$(BINDIR) $(DESTDIR)$(MANDIR)/man1 $(DESTDIR)$(MANDIR)/man5 \
		$(DESTDIR)$(MANDIR)/man7 $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(COMPDIR) \
		$(DESTDIR)$(INCLUDEDIR)/vnep $(DESTDIR)$(LIBDIR) $(DESTDIR)$(UNITDIR) $(DESTDIR)$(SYSUSERS) $(DESTDIR)$(TMPFILES)
	install -m 0755 $(bins) $(DESTDIR)$(BINDIR)
	install -m 0644 include/vnep/*.h $(DESTDIR)$(INCLUDEDIR)/vnep
	install -m 0644 $(libvnep) $(DESTDIR)$(LIBDIR)
	set -e; for p in $(pages); do install -m 0644 $$p $(DESTDIR)$(MANDIR)/man$${p##*.}; done
	set -e; for t in $(TOOLS); do \
		install -m 0644 completions/vnep $(DESTDIR)$(COMPDIR)/vnep-$$t; done

	sed 's|@BINDIR@|$(BINDIR)|' cmd/edge/vnep-edge.service.in >$(DESTDIR)$(UNITDIR)/vnep-edge.service
	chmod 0644 $(DESTDIR)$(UNITDIR)/vnep-edge.service
	install -m 0644 cmd/edge/vnep.sysusers $(DESTDIR)$(SYSUSERS)/vnep.conf
	install -m 0644 cmd/edge/vnep.tmpfiles $(DESTDIR)$(TMPFILES)/vnep.conf

uninstall:
	rm -f $(DESTDIR)$(UNITDIR)/vnep-edge.service $(DESTDIR)$(SYSUSERS)/vnep.conf $(DESTDIR)$(TMPFILES)/vnep.conf
	rm -f $(TOOLS:%=$(DESTDIR)$(BINDIR)/vnep-%) $(TOOLS:%=$(DESTDIR)$(COMPDIR)/vnep-%)
	rm -f $(foreach p,$(pages),$(DESTDIR)$(MANDIR)/man$(subst .,,$(suffix $(p)))/$(notdir $(p)))
	rm -f $(DESTDIR)$(LIBDIR)/libvnep.a
	rm -rf $(DESTDIR)$(INCLUDEDIR)/vnep

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
