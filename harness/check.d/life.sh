#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# What an operation takes away from a DAX file and what stays: see dax_life.c.
# On the base exactly what is listed here must fail, with the series nothing.

. "$(dirname "$0")/../tap.sh"

# Warnings of the kernel are among the failures.
broken='
ext4 xfs|fsync after punch of another page
ext4 xfs|fsync after truncate by a page
ext4 xfs|fsync after zero range of another page
     xfs|fsync after fallocate inside the file
ext4 xfs|fsync after unaligned punch
ext4 xfs|fsync after unaligned zero range
ext4 xfs|fsync after unaligned truncate
ext4 xfs|fsync after punch in a huge page
ext4 xfs|fsync after punch across huge pages
ext4 xfs|fsync after zero range in a huge page
ext4 xfs|fsync after truncate in a huge page
ext4 xfs|fsync after truncate at the start of a huge page
ext4 xfs|fsync after truncate upwards
     xfs|fsync after fallocate past the end
     xfs|fsync after clone of another page
ext4 xfs|fsync after truncate upwards, huge pages
     xfs|fsync after clone of a part of a huge page
     xfs|fsync after fallocate inside a huge page
ext4 xfs|faults after punch, 1024 pages mapped
ext4 xfs|faults after punch, 4096 pages mapped
ext4 xfs|faults after punch, 16384 pages mapped
ext4 xfs|faults after punch, 65536 pages mapped
ext4 xfs|punch while another page is pinned
ext4 xfs|truncate while another page is pinned
ext4 xfs|punch of a pinned page, touched again
ext4 xfs|punch of a pinned page, always touched
ext4 xfs|truncate of a pinned page, touched again
     xfs|clone killed while a page is pinned
     xfs|exchange killed while a page is pinned
ext4 xfs|write into a hole while it is mapped
ext4    |write into a mapped hole near a write
ext4    |write into a mapped hole near a store
     xfs|write to shared blocks while mapped
     xfs|write to shared blocks mapped huge
     xfs|write to shared blocks from their mapping
     xfs|write past the end of shared blocks, page pinned
     xfs|write to shared blocks, the buffer ends early
     xfs|write to shared blocks beside a store to the page
     xfs|write to shared blocks that are always read
     xfs|read of shared blocks that others write to
     xfs|write to shared blocks in use
     xfs|write to shared blocks in use, killed
     xfs|store to shared blocks in use
     xfs|store to shared blocks in use, killed
     xfs|write to shared blocks, a page in a pipe
     xfs|store to shared blocks, a page in a pipe
ext4 xfs|punch of a page in a pipe
ext4 xfs|truncate of a page in a pipe
ext4 xfs|unlink by who has a page in a pipe
ext4 xfs|punch of a page that nobody receives
ext4 xfs|page with a mark of userfaultfd
ext4 xfs|punched page with a mark of userfaultfd
ext4 xfs|first stores to holes beside writes
ext4 xfs|punch of pages under direct I/O
ext4    |move extents, the second on DAX
ext4    |swap with the boot loader
ext4    |swap with the boot loader while mapped
     xfs|exchange, the second on DAX
     xfs|exchange, the first on DAX
     xfs|swap of all extents, the second on DAX
     xfs|swap of all extents, the first on DAX
     xfs|swap of all extents while a page is pinned
ext4 xfs|huge page beside a private copy
     xfs|huge page of shared blocks beside a page of the clone
     xfs|huge pages mapped while they are cloned
     xfs|exchange with a file that is not on DAX, page pinned
ext4 xfs|cost of a punch by pages mapped
'

# judge KERNEL: the report on stdin against the list.  A row that was skipped
# has not shown that it can fail, nor that it passes.
judge() {
	awk -v kernel="$1" -v first=$tests -v broken="$broken" '
	function result(ok, text) {
		printf "%sok %d - %s: %s\n", ok ? "" : "not ", ++first, kernel, text
		bad += !ok
	}
	BEGIN {
		n = split(broken, line, "\n")
		for (i = 1; i <= n; i++) {
			split(line[i], w, "|")
			k = split(w[1], fs, " ")
			while (k) listed[fs[k--] ": " w[2]] = 1
		}
	}
	/^1\.\.[0-9]+$/ { plan = substr($0, 4) + 0; next }
	/^(not )?ok [0-9]+ / {
		ok = $1 == "ok"
		text = $0; sub(/^(not )?ok [0-9]+ /, "", text)
		name = text; sub(/ # .*/, "", name)
		reason = substr(text, length(name) + 4)
		seen++
		if (name in listed && reason ~ /^SKIP/)
			result(0, name " # not tested: " reason)
		else if (kernel != "base")
			result(ok, text)
		else if (name in listed)
			result(!ok, name " # " (ok ? "passes, which the base cannot: " : "fails, as it must: ") reason)
		else
			result(ok, text)
		next
	}
	{ print }
	END {
		# The last row is the one that may kill a base.
		if (kernel == "base" && seen == plan - 1)
			result(1, "the last row has killed the kernel")
		else if (!seen || seen != plan)
			result(0, "the report # " seen + 0 " results of " plan + 0)
		exit bad > 0
	}'
}

# kernel NAME [BASE]: what it does, and what that costs
failed=0
kernel() {
	local args icount cmd out rc judged
	for args in '' -i -c; do
		rc=0 icount='' cmd="/dax/run-life.sh $args" out=$build/log/life.$1$args
		case $args in
		-c) icount=1 ;;
		-i) cmd='umount /mnt/ext4 && mount -o dax=inode /dev/pmem0 /mnt/ext4 &&
			 umount /mnt/xfs && mount -o dax=inode /dev/pmem1 /mnt/xfs &&
			 /dax/dax_life -i /mnt/xfs /mnt/ext4' ;;
		esac
		BASE=${2:-} EXPECT_WARN=${2:-} ICOUNT=$icount VM_TRUST_KERNEL=1 \
			CMD=$cmd "$top/harness/vm.sh" > "$out" || rc=$?
		judged=0
		judge "$1" < "$out" || judged=1
		tests=$((tests + $(grep -cE '^(not )?ok ' "$out" || :)))
		[ $judged -eq 0 ] || failed=1
		if [ $rc -ne 0 ] && [ $judged -eq 0 ] && [ "$1" != base ]; then
			failed=1
			not_ok "$1: the VM" "exit status $rc"
		fi
	done
}

BASE=1 need_kernel life
need_kernel life
kernel base 1
kernel series
plan
exit $failed
