#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an operation takes away from a DAX file and what stays: see run-life.sh.
# Its tests know which of them must fail on the base (FAILS_ON_BASE), and judge
# themselves by it; with the series nothing may fail.

. "$(dirname "$0")/../tap.sh"

# The last one of all, which may kill the base
killer=inode.move_extents_the_second_on_DAX

# killed LOG: what a kernel, whose log says that it died, has not come to report as
# the last test has killed it
killed() {
	grep -qE 'Kernel panic|Oops|BUG:' "$1" || { cat; return; }
	awk -v killer=$killer '
	{ print }
	/^1\.\.[0-9]+$/		{ plan = substr($0, 4) + 0 }
	/^ +1\.\.[0-9]+$/	{ tests = left = substr($1, 4) + 0 }
	/^ +# Subtest: /	{ name = $0; sub(/.*# Subtest: /, "", name) }
	/^ +(not )?ok /		{ left--; lost += $1 == "not" }
	/^(not )?ok [0-9]+ /	{ seen++ }
	$2 == "RUN"		{ running = $3 }
	END {
		if (running == killer && seen == plan - 1 && left == 1 && !lost) {
			print "    ok", tests, killer, "# XFAIL has killed the kernel, as it must"
			print "ok", plan, name
		}
	}'
}

# kernel NAME [BASE]: what it does, and what that costs
failed=0
kernel() {
	local args icount cmd out rc
	for args in '' -i -c; do
		rc=0 icount='' out=$build/log/life.$1$args
		cmd="DAX_BASE=${2:-} /dax/run-life.sh $args"
		[ "$args" != -i ] || cmd="umount /mnt/ext4 /mnt/xfs &&
			mount -o dax=inode /dev/pmem0 /mnt/ext4 && mount -o dax=inode /dev/pmem1 /mnt/xfs &&
			DAX_DIRS='/mnt/xfs /mnt/ext4' $cmd"
		[ "$args" != -c ] || icount=1
		BASE=${2:-} EXPECT_WARN=${2:-} ICOUNT=$icount VM_TRUST_KERNEL=1 CMD=$cmd \
			VM_LOG=$out.console "$top/harness/vm.sh" > "$out.raw" 2> "$out.err" || rc=$?
		if [ "$1" = base ]; then
			killed "$out.console" < "$out.raw" > "$out"
			# A base that was killed has no exit status of its own.
			cmp -s "$out.raw" "$out" || rc=0
		else
			cp "$out.raw" "$out"
		fi
		nested "life $1${args:+ $args}" < "$out"
		verdict "life $1${args:+ $args}" $rc "$out" "$out.err" || failed=1
	done
}

BASE=1 need_kernel life
need_kernel life
plan 6
kernel base 1
kernel series
exit $failed
