#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The cases of dax_share, of files that share blocks, that fail on the base, each
# with a kernel of its own, as a WARNING is only seen once.  dax_share -l names them.
# That all of them pass with the series is for the stages default and debug.

. "$(dirname "$0")/../tap.sh"

BASE=1 need_kernel share
"$top/harness/guest.sh"
mapfile -t cases < <("$build/guest/dax_share" -l | sed -n 's/.*-d \([a-z]*\): .* (fails on the base)$/\1/p')
failed=0
for case in "${cases[@]}"; do
	out=$build/log/share.$case
	BASE=1 EXPECT_WARN=1 VM_TRUST_KERNEL=1 CMD="DAX_BASE=1 /dax/dax_share -d $case /mnt/xfs" \
		"$top/harness/vm.sh" > "$out" || :
	rc=1
	grep -q '^ok 1 .* # XFAIL ' "$out" && rc=0 || failed=1
	result $rc "base: $(sed -n 's/^\(not \)\?ok 1 //p' "$out")"
done
[ ${#cases[@]} -gt 0 ] || { failed=1; not_ok 'share' 'no case fails on the base'; }
plan
exit $failed
