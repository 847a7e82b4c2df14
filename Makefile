# SPDX-License-Identifier: GPL-2.0
# The front door.  `make help` lists the targets; the work is done by the
# scripts in harness/, which take their parameters from the environment.

CONFIG ?= default
export CONFIG BASE KNOBS PART SMP ICOUNT KUNIT CMD TIMEOUT APPEND EXPECT_WARN
export LINUX TRY CLANG AUTHOR V FORCE STAGES XFSTESTS FS ARGS
# make's own idea of a compiler ("cc") is not a choice that somebody made.
ifneq ($(origin CC),default)
export CC
endif

# The kernel's make is none of this one's sub-makes.
unexport MAKEFLAGS MFLAGS MAKELEVEL MAKEOVERRIDES

.DEFAULT_GOAL := help

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo '  kernel, vm  CONFIG=default|debug  BASE=1 (without the series)  KNOBS=1 (locks can be switched off)'
	@echo '              PART=name (the parts up to this one)'
	@echo "  vm          SMP=n  ICOUNT=1  KUNIT=1  TIMEOUT=seconds  APPEND='...'  CMD='...' (none: a shell)"
	@echo '              EXPECT_WARN=1 (a warning of the kernel does not fail it)'
	@echo '  series      PART=name (only this one)  V=2 (what has changed since V=1 is told)'
	@echo '  export      FORCE=1 (overwrite what was edited here since make tree)'
	@echo '  compilers   CC=  CLANG= (for make check)'
	@echo '  base        LINUX=tree or tarball of the base, instead of a download'

run: ## boot the patched kernel and show the DAX scenario on ext4 and xfs
	@harness/run.sh

check: ## all tests, ends in "N passed, N failed" (STAGES='userspace size' for some)
	@harness/check.sh

check-long: ## the tests that are too slow for check
	@harness/check.sh long

deps: ## install what is missing (where the distribution is known)
	@harness/deps.sh install

tree: ## patches and files -> build/linux, one commit a patch
	@harness/tree.sh

export: ## build/linux -> patches and files
	@harness/series.py export

rebase: ## move the series to another base (LINUX=<git tree or tarball>; TRY=1 only tells)
	@harness/rebase.sh

kernel: ## build build/kernel/CONFIG[-base|-knobs|-PART]/arch/x86/boot/bzImage
	@harness/kernel.sh

vm: ## boot it and run CMD in it, or a shell
	@harness/vm.sh

series: ## mail-ready build/series/PART/vN-*.patch (AUTHOR='Name <mail>')
	@harness/series.py mail

report: ## pictures of what check has counted -> Documentation/report
	@p=python3; $$p -c 'import matplotlib' 2>/dev/null || p=/usr/bin/python3; $$p harness/report.py

xfstests: ## fstests on DAX in the VM (XFSTESTS=dir FS=ext4|xfs ARGS='-g dax')
	@harness/xfstests.sh

clean: ## remove kernels, logs and the guest (build/linux, your work, stays)
	@harness/clean.sh

.PHONY: help run check check-long deps tree export rebase kernel vm series report xfstests clean
