#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# ext4 on the base zeroes blocks on top of what was stored: there dax_zeroing
# must fail.  That it passes with the series is for the stages default and debug.

. "$(dirname "$0")/../tap.sh"

BASE=1 need_kernel zeroing
out=$build/log/zeroing.base
BASE=1 EXPECT_WARN=1 VM_TRUST_KERNEL=1 CMD='/dax/dax_zeroing -t 20 /mnt/ext4' \
	"$top/harness/vm.sh" | sed 's/^/# /' > "$out" || :
cat "$out"
grep -q '^# not ok ' "$out" && rc=0 || rc=1
result $rc 'base: ext4 zeroes what was stored' "$(grep -c '^# not ok ' "$out" || :) of $(grep -cE '^# (not )?ok ' "$out" || :) cases fail, as they must"
plan
exit $rc
