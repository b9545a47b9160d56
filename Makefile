# One word per habit; the real build is meson.build. Results are left in build/.

T ?= 60
PREFIX ?=
MESON_ARGS ?=

.PHONY: all test kat fault break san interop check lint format fuzz cover bench install clean help

all:
	@tools/setup.sh build $(MESON_ARGS)
	@ninja -C build

test:
	@tools/test.sh quick

kat fault interop break:
	@tools/test.sh $@

san:
	@tools/test.sh asan tsan

check:
	@./check

lint:
	@tools/lint.sh

format:
	@find src tests fuzz bench tools -name '*.[ch]' -print0 2>/dev/null | xargs -0 clang-format -i

fuzz:
	@tools/fuzz.sh $(T)

cover:
	@tools/cover.sh

bench: all
	@tools/bench.sh

install: all
	@test -z "$(PREFIX)" || meson configure build "-Dprefix=$(PREFIX)"
	@meson install -C build

clean:
	rm -rf build build-asan build-tsan build-clang build-lint build-cover build-fuzz build-break

help:
	@echo 'make           build everything into build/'
	@echo 'make test      unit, ABI and known-answer tests'
	@echo 'make san       the same under ASan + UBSan, then under TSan'
	@echo 'make fault     the n-th allocation, random read, write and sync fail'
	@echo 'make break     each self-test is made to fail, and that must be noticed'
	@echo 'make kat       known answers only'
	@echo 'make interop   other software uses the module'
	@echo 'make lint      format, layers, vocabularies, static analysis'
	@echo 'make format    clang-format (version 14) over every C file'
	@echo 'make fuzz T=60 each fuzz target for T seconds'
	@echo 'make cover     line and branch coverage, against the recorded floor'
	@echo 'make bench     operations per second'
	@echo 'make check     everything CI runs, in its order'
	@echo 'make install   DESTDIR= and PREFIX= are obeyed'
	@echo 'make clean     removes every build directory'
