#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# All that runs in the guest on any kernel, as one KTAP report.
#
#	run-tests.sh [seconds of dax_race per file system [seed]]

. "$(dirname "$0")/dirs.sh"
. ./ktap.sh
seconds=${1:-20} seed=${2:-}
# What KUnit found at boot, if it ran
kunit() {
	for f in /sys/kernel/debug/kunit/range_lock*/results; do
		[ -r "$f" ] || continue
		suite=${f%/results}
		suite=${suite##*/}
		sed 's/^/    /' "$f"
		bad=$(grep -c '^ *not ok ' "$f")
		good=$(grep -c '^ *ok ' "$f")
		if [ "$bad" = 0 ] && [ "$good" -gt 0 ]; then
			result 0 "kunit $suite # $good lines ok"
		else
			result 1 "kunit $suite # $bad failed, $good ok"
		fi
	done
}

set -- $dirs
suites=0
for f in /sys/kernel/debug/kunit/range_lock*/results; do
	[ ! -r "$f" ] || suites=$((suites + 1))
done
echo "KTAP version 1"
echo "1..$((6 * $# + suites))"
for dir; do
	fs=${dir##*/}
	subtest "$fs functional" ./dax_func "$dir"
	# shellcheck disable=SC2086
	subtest "$fs race" ./dax_race -t "$seconds" ${seed:+-s "$seed"} "$dir"
	# shellcheck disable=SC2086
	subtest "$fs zeroing" ./dax_zeroing -t "$seconds" ${seed:+-s "$seed"} "$dir"
	subtest "$fs shared blocks, cases" ./dax_share -L 90 -d all "$dir"
	# shellcheck disable=SC2086
	subtest "$fs shared blocks" ./dax_share -L 90 -t "$seconds" ${seed:+-s "$seed"} "$dir"
	# Last: bad blocks stay bad.
	# shellcheck disable=SC2086
	subtest "$fs memory failure" ./dax_poison ${seed:+-s "$seed"} "$dir"
done
kunit
totals
