#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# All that runs in the guest on any kernel, as one KTAP report.
#
#	run-tests.sh [seconds of dax_race per file system [seed]]

. "$(dirname "$0")/dirs.sh"
seconds=${1:-20} seed=${2:-}
tmp=$(mktemp) || exit 1
trap 'rm -f "$tmp"' EXIT
passed=0 failed=0 n=0

# One line of ours, about a test that printed its own as a subtest
result() {
	n=$((n + 1))
	if [ "$1" = 0 ]; then
		passed=$((passed + 1)); echo "ok $n $2"
	else
		failed=$((failed + 1)); echo "not ok $n $2"
	fi
}

# subtest NAME COMMAND...: its output indented, its lines counted
subtest() {
	name=$1; shift
	{ "$@"; echo "exit $?"; } > "$tmp" 2>&1
	rc=$(sed -n 's/^exit //p' "$tmp" | tail -n 1)
	sed -e '/^exit [0-9]*$/d' -e 's/^TAP version.*/KTAP version 1/' -e 's/^/    /' "$tmp"
	plan=$(sed -n 's/^ *1\.\.\([0-9]*\).*/\1/p' "$tmp" | head -n 1)
	ran=$(grep -c '^\(not \)\?ok ' "$tmp")
	bad=$(grep -c '^not ok ' "$tmp")
	skipped=$(grep -c '^ok .* # SKIP' "$tmp")
	if [ "$rc" != 0 ]; then
		result 1 "$name # exit status $rc, $bad of $ran failed"
	elif [ -z "$plan" ] || [ "$ran" != "$plan" ]; then
		result 1 "$name # $ran results of ${plan:-an unknown number}"
	else
		result "$bad" "$name # $((ran - skipped - bad)) passed, $skipped skipped"
	fi
}

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
echo "# totals: pass:$passed fail:$failed"
[ "$failed" = 0 ]
