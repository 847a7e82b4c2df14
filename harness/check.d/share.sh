#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cases of dax_share, of files that share blocks, that fail on the base, each
# with a kernel of its own, as a WARNING is only seen once.  That all of them pass
# with the series is for the stages default and debug.

. "$(dirname "$0")/../tap.sh"

BASE=1 need_kernel share
failed=0
for case in freed held lost short again unwritten cancel; do
	out=$build/log/share.$case
	BASE=1 EXPECT_WARN=1 VM_TRUST_KERNEL=1 CMD="/dax/dax_share -d $case /mnt/xfs" \
		"$top/harness/vm.sh" > "$out" || :
	rc=1
	grep -q '^not ok 1 ' "$out" && rc=0 || failed=1
	result $rc "base: $(sed -n 's/^\(not \)\?ok 1 //p' "$out")" 'fails, as it must'
done
plan
exit $failed
