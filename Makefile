# vnep - virtual endpoints for sleeping devices. Try: make demo, make check, make doctor.
#
# PREFIX, DESTDIR, CC, CFLAGS, LDFLAGS and PKG_CONFIG are yours; our own flags live in VNEP_*.
# SAN=1 builds with ASan and UBSan into build/san; WERROR=1 makes warnings errors.

PREFIX     ?= /usr/local
DESTDIR    ?=
CC         ?= cc
PKG_CONFIG ?= pkg-config
CFLAGS     ?= -O2 -g
BUILD      ?= build$(if $(SAN),/san)

VERSION  := 0.1.0
TOOLS    := $(notdir $(wildcard cmd/*))
LIBS     := libmnl jansson lmdb libuv libpcap zlib

VNEP_CPPFLAGS := -D_GNU_SOURCE -DVNEP_VERSION='"$(VERSION)"' -Iinclude
VNEP_CFLAGS   := -std=c17 -fPIC -fstack-protector-strong -fno-strict-aliasing -Wall -Wextra -Wconversion \
	-Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 $(if $(WERROR),-Werror)
VNEP_SAN      := $(if $(SAN),-fsanitize=address$(comma)undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer)
comma         := ,
VNEP_LDLIBS    = $(shell $(PKG_CONFIG) --libs $(LIBS)) -lpthread

lib_src  := $(sort $(wildcard lib/*/*.c))
lib_obj  := $(lib_src:%.c=$(BUILD)/%.o)
libvnep  := $(BUILD)/libvnep.a
bins     := $(TOOLS:%=$(BUILD)/bin/vnep-%)
unit_src := $(sort $(wildcard tests/unit/test-*.c))
unit_bin := $(unit_src:tests/unit/%.c=$(BUILD)/tests/%)
tool_src := $(sort $(wildcard tests/tools/*.c))
tool_bin := $(tool_src:tests/tools/%.c=$(BUILD)/tests/%)

Q := $(if $(V),,@)
say = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2);)

all: $(bins)

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all tests check demo deps doctor lint install clean fuzz format

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(call say,CC,$<)
	$(Q)$(CC) $(VNEP_CPPFLAGS) $(CPPFLAGS) $(VNEP_CFLAGS) $(VNEP_SAN) $(CFLAGS) -MMD -MP -c -o $@ $<

$(libvnep): $(lib_obj)
	$(call say,AR,$@)
	$(Q)rm -f $@ && $(AR) rcs $@ $^

define tool_rule
$(BUILD)/bin/vnep-$(1): $(patsubst %.c,$(BUILD)/%.o,$(sort $(wildcard cmd/$(1)/*.c))) $(libvnep)
	@mkdir -p $$(@D)
	$$(call say,LD,$$@)
	$(Q)$$(CC) $$(VNEP_SAN) $$(CFLAGS) $$(LDFLAGS) -o $$@ $$^ $$(VNEP_LDLIBS)
endef
$(foreach t,$(TOOLS),$(eval $(call tool_rule,$(t))))

$(BUILD)/tests/%: $(BUILD)/tests/unit/%.o $(libvnep)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_SAN) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(VNEP_LDLIBS)

$(BUILD)/tests/%: $(BUILD)/tests/tools/%.o $(libvnep)
	@mkdir -p $(@D)
	$(call say,LD,$@)
	$(Q)$(CC) $(VNEP_SAN) $(CFLAGS) $(LDFLAGS) -o $@ $^ $(VNEP_LDLIBS)

tests: $(unit_bin) $(tool_bin)

clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
