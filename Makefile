# git-agent: GNU make, no recursion.
VERSION := 0.1.0

PREFIX   ?= /usr/local
BINDIR   ?= $(PREFIX)/bin
DATAROOT ?= $(PREFIX)/share
MANDIR   ?= $(DATAROOT)/man
DATADIR  ?= $(DATAROOT)/git-agent
DESTDIR  ?=

CC      ?= cc
CFLAGS  ?= -O2 -g
WARN    := -Wall -Wextra -Wpedantic -Wshadow -Wstrict-prototypes \
	   -Wmissing-prototypes -Wwrite-strings -Wpointer-arith \
	   -Wformat=2 -Wno-format-nonliteral
ifdef WERROR
WARN    += -Werror
endif
PKGS    := libgit2 libpcre2-8 jansson inih zlib
PKG_CONFIG ?= pkg-config

# Builds with other compilers or flags live beside each other:
# make B=build/clang CC=clang …; make SANITIZE=1 … is build/asan.
ifdef SANITIZE
B       ?= build/asan
HARDEN  := -fsanitize=address,undefined -fno-sanitize-recover=undefined \
	   -fno-omit-frame-pointer
endif
B       ?= build
BIN     := $(B)/bin
DEFS    := -D_GNU_SOURCE -DGIT_AGENT_VERSION='"$(VERSION)"' \
	   -DGIT_AGENT_DATADIR='"$(DATADIR)"'
# Asked only when something is compiled, so that `make demo` can install it.
PKG_CFLAGS  = $(shell $(PKG_CONFIG) --cflags $(PKGS))
# zlib last: each symbol of each library is looked for in the order given.
SHARED_LIBS = $(shell $(PKG_CONFIG) --libs $(filter-out zlib,$(PKGS))) -lc -lz
# libgit2 is linked in, without TLS and SSH (libcommon/store/libgit2.c), which
# saves two thirds of a command's time; STATIC=0 takes the shared library, and
# so does a system that has no archive of it, or another one.
STATIC  ?= 1
LIBGIT2  := $(filter-out -lpcre2-8 -lz,$(shell $(PKG_CONFIG) --static --libs \
	    libgit2 2>/dev/null))
LIBDIR   := $(shell $(PKG_CONFIG) --variable=libdir libgit2 2>/dev/null)
ARCHIVES := $(wildcard $(patsubst -l%,$(LIBDIR)/lib%.a,$(LIBGIT2)))
STATIC_LIBS = -Wl,-u,libgit2_start -Wl,-Bstatic $(LIBGIT2) -Wl,-Bdynamic \
	      $(filter-out -lgit2,$(SHARED_LIBS))
LIBS        = $(shell cat $(B)/libs 2>/dev/null)
ALL_CFLAGS  = -std=c11 $(WARN) -Ilibcommon $(DEFS) $(PKG_CFLAGS) \
	      $(CFLAGS) $(HARDEN)
LINK        = $(CC) $(CFLAGS) $(HARDEN) $(LDFLAGS) -o $@

LIB_SRC  := $(wildcard libcommon/*/*.c)
LIB_OBJ  := $(LIB_SRC:%.c=$(B)/%.o)
CMD_SRC  := $(wildcard cmd/*.c)
PROGS    := $(CMD_SRC:cmd/%.c=$(BIN)/%)
UNIT_SRC := $(wildcard tests/unit/test-*.c)
UNIT     := $(UNIT_SRC:tests/unit/%.c=$(B)/unit/%)

## all: the programs, in build/bin
all: $(PROGS)

# Changes when the flags do, and then everything is built again: the
# templates' folder is compiled in, and so is what was updated of libgit2.
$(B)/flags: FORCE
	@$(PKG_CONFIG) --print-errors --exists '$(PKGS)' || \
		{ echo "'.ci/deps build' installs or names them" >&2; exit 1; }
	@mkdir -p $(@D)
	@echo '$(CC) $(WARN) $(CFLAGS) $(HARDEN) $(VERSION) $(DATADIR)' \
		'$(LDFLAGS) $(STATIC)' \
		$(if $(ARCHIVES),"$$(cksum $(ARCHIVES))") >$@.new
	@cmp -s $@.new $@ && rm $@.new || mv $@.new $@

$(B)/%.o: %.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

$(B)/libcommon.a: $(LIB_OBJ)
	@rm -f $@
	$(AR) rcs $@ $^

# All of ours is tried with the archive, and started once.
$(B)/libs: $(B)/libcommon.a
	@if test '$(STATIC)' = 0; then \
		echo '$(SHARED_LIBS)'; \
	elif echo 'int libgit2_start(void); void libgit2_end(void);' \
	    'int main(void) { if (libgit2_start() < 0) return 1;' \
	    'libgit2_end(); return 0; }' | $(CC) $(CFLAGS) $(HARDEN) \
	    $(LDFLAGS) -o $@.try -x c - -x none -Wl,--whole-archive $< \
	    -Wl,--no-whole-archive $(STATIC_LIBS) 2>$@.log && \
	    { $@.try || { echo 'it does not start' >>$@.log; false; }; }; then \
		echo '$(STATIC_LIBS)'; \
	else \
		echo '$(SHARED_LIBS)'; \
		echo 'libgit2: the shared library is taken, which makes each' \
			'command slower; $@.log says why' >&2; \
	fi >$@.new
	@mv $@.new $@
	@rm -f $@.try

# The hook links libc alone: it is called after every tool call of an agent.
$(BIN)/git-agent-hook: $(B)/cmd/git-agent-hook.o
	@mkdir -p $(@D)
	$(LINK) $^

# And this one is called before each of the others.
$(BIN)/git-agent: $(B)/cmd/git-agent.o $(B)/libcommon.a
	@mkdir -p $(@D)
	$(LINK) $^

$(BIN)/%: $(B)/cmd/%.o $(B)/libcommon.a | $(B)/libs
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS)

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libcommon.a | $(B)/libs
	@mkdir -p $(@D)
	$(LINK) $^ $(LIBS)

$(B)/bench/time-runs: $(B)/tests/bench/time-runs.o
	@mkdir -p $(@D)
	$(LINK) $^

$(B)/bench/load-libgit2: $(B)/tests/bench/load-libgit2.o $(B)/libcommon.a | \
		$(B)/libs
	@mkdir -p $(@D)
	$(LINK) -Wl,--no-as-needed $^ $(LIBS)

# Processes are traced on Linux; elsewhere its test is skipped.
$(B)/fault/%: tests/fault/%.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -o $@ $<

FAULT := $(if $(filter Linux,$(shell uname -s)),$(B)/fault/inject)

-include $(LIB_OBJ:.o=.d) $(CMD_SRC:%.c=$(B)/%.d) $(UNIT_SRC:%.c=$(B)/%.d) \
	$(wildcard $(B)/tests/*/*.d)

# What demo, test and lint need is installed first; a second make then asks
# pkg-config about packages that are there.
AGAIN := +@$(MAKE) --no-print-directory

## demo: install what is missing, build, play a whole run (two minutes)
demo:
	@.ci/deps demo
	$(AGAIN) all
	@PATH="$(abspath $(BIN)):$$PATH" examples/stiff/demo.sh

## test: install what the tests need, run them; TESTS=tests/t01*.sh for some
test:
	@.ci/deps test
	$(AGAIN) check

units: $(UNIT)

TESTS ?= $(UNIT) $(sort $(wildcard tests/t*.sh examples/*/test.sh))
LIMIT := $(if $(shell command -v timeout),timeout -k 9 900,env)
# What failed is shown once more at the end, where one looks for it.
FAILED := $(abspath $(B))/failed.log
check: all units $(FAULT)
	@rm -f $(FAILED)
	STRESS=$(STRESS) B=$(abspath $(B)) TEST_FAILURES=$(FAILED) \
		prove -j2 --timer -e '$(LIMIT)' $(TESTS) || \
		{ cat $(FAILED) 2>/dev/null; exit 1; }

## stress: faults at every write; 8,000 records at once (an hour)
stress:
	@.ci/deps test
	$(AGAIN) check STRESS=1 LIMIT="timeout -k 9 7200" \
		TESTS="tests/t0710-faults.sh tests/t0711-more-faults.sh \
		tests/t0730-concurrency.sh"

## lint: manual pages, headers, layers, sizes, scripts, two compilers
lint:
	@.ci/deps lint
	$(AGAIN) all
	@B=$(abspath $(B)) .ci/lint

## bench: measured ratios beside the limits; BENCH_RECORDS=1000000 for more
bench: all $(B)/bench/time-runs $(B)/bench/load-libgit2
	@B=$(abspath $(B)) tests/bench/bench.sh

## fuzz: each parser of foreign text for FUZZ_SECONDS (15); needs clang
FUZZ_SRC := $(wildcard tests/fuzz/fuzz-*.c)
FUZZ_SECONDS ?= 15
fuzz:
	$(AGAIN) run-fuzz B=build/fuzz CC=clang \
		HARDEN='-fsanitize=fuzzer-no-link,address,undefined'

$(B)/fuzz/%: $(B)/tests/fuzz/%.o $(B)/libcommon.a | $(B)/libs
	@mkdir -p $(@D)
	$(LINK) $^ -fsanitize=fuzzer $(LIBS)

# New inputs go to build/; a crash leaves its input there and fails.  So does a
# target that does not start, or ends in another error: its log is shown.
run-fuzz: $(FUZZ_SRC:tests/fuzz/%.c=$(B)/fuzz/%)
	@for f in $(FUZZ_SRC:tests/fuzz/fuzz-%.c=%); do \
		mkdir -p $(B)/corpus/$$f || exit 1; \
		status=0; \
		$(B)/fuzz/fuzz-$$f -max_total_time=$(FUZZ_SECONDS) \
			-max_len=65536 -rss_limit_mb=4096 -verbosity=0 \
			-print_final_stats=1 -artifact_prefix=$(B)/crash-$$f- \
			$(B)/corpus/$$f tests/fuzz/corpus/$$f \
			2>$(B)/$$f.log >/dev/null || status=$$?; \
		grep -E 'executed_units|ERROR|SUMMARY' $(B)/$$f.log; \
		if ls $(B)/crash-$$f-* 2>/dev/null; then exit 1; fi; \
		if [ $$status != 0 ]; then \
			tail -n 20 $(B)/$$f.log; \
			echo "fuzz-$$f ended with status $$status"; \
			exit 1; \
		fi; \
	done

MAN    := $(wildcard man/*.[157])
BASHC  := $(DATAROOT)/bash-completion/completions
ZSHC   := $(DATAROOT)/zsh/site-functions
FISHC  := $(DATAROOT)/fish/vendor_completions.d
FISHD  := $(DATAROOT)/fish/vendor_conf.d
# bash and fish look for a file of the command's own name: links to the one.
LINKS  := $(filter-out git-agent git-agent-hook,$(notdir $(PROGS)))
SHARED := $(shell find share -type f 2>/dev/null)
INSTALLED = $(PROGS:$(BIN)/%=$(BINDIR)/%) \
	$(foreach m,$(MAN),$(MANDIR)/man$(subst .,,$(suffix $m))/$(notdir $m)) \
	$(addprefix $(BASHC)/,git-agent $(LINKS)) \
	$(patsubst completions/zsh/%,$(ZSHC)/%,$(wildcard completions/zsh/_*)) \
	$(addprefix $(FISHC)/,$(addsuffix .fish,git-agent $(LINKS))) \
	$(FISHD)/git-agent.fish \
	$(SHARED:share/%=$(DATADIR)/%)

## install: honours PREFIX, BINDIR, DATAROOT, MANDIR and DESTDIR
install: all
	install -d $(sort $(addprefix $(DESTDIR),$(dir $(INSTALLED))))
	install -m 755 $(PROGS) $(DESTDIR)$(BINDIR)
	for m in $(MAN); do \
		install -m 644 $$m $(DESTDIR)$(MANDIR)/man$${m##*.} || exit 1; \
	done
	install -m 644 completions/bash/git-agent $(DESTDIR)$(BASHC)
	install -m 644 completions/zsh/_* $(DESTDIR)$(ZSHC)
	install -m 644 completions/fish/git-agent.fish $(DESTDIR)$(FISHC)
	install -m 644 completions/fish/conf.d/* $(DESTDIR)$(FISHD)
	for l in $(LINKS); do \
		ln -sf git-agent $(DESTDIR)$(BASHC)/$$l && \
		ln -sf git-agent.fish $(DESTDIR)$(FISHC)/$$l.fish || exit 1; \
	done
	for f in $(SHARED:share/%=%); do \
		cp share/$$f $(DESTDIR)$(DATADIR)/$$f || exit 1; \
	done

## uninstall: remove what install put in place
uninstall:
	rm -f $(addprefix $(DESTDIR),$(INSTALLED))
	-test ! -d $(DESTDIR)$(DATADIR) || \
		find $(DESTDIR)$(DATADIR) -depth -type d -exec rmdir {} +

## dist: a tarball of the last commit
dist:
	@mkdir -p build
	git archive --prefix=git-agent-$(VERSION)/ HEAD | gzip -9n \
		>build/git-agent-$(VERSION).tar.gz

## clean: remove build/
clean:
	rm -rf build

## help: this list
help:
	@sed -n 's/^## /make /p' Makefile

FORCE:
.PHONY: all demo test check stress units lint bench fuzz \
	run-fuzz install uninstall dist clean help FORCE
.SECONDARY:
